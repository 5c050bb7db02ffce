"""A history in the order and by the names that the promises ask for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from tests.simulation.history import (
    Acted,
    Born,
    Effect,
    Gone,
    Heard,
    History,
    LogMoved,
    Passed,
    PauseFile,
    Round,
    Scene,
    Sent,
    Skewed,
    Wrote,
)

SLACK = 2.0
"""Seconds by which a client's idea of the API's clock may be off."""
OPEN = frozenset({"intent", "unknown"})
DONE = frozenset({"performed", "settled"})
LATEST = 1800.0
"""What ended so many seconds before the end of a run must be known to the log."""
BACKOFF = 900.0
"""Seconds for which a task that could not be read is left alone at most."""
LINGERS = 3600.0
"""Seconds for which a wrong hour may be believed after the last answer that told it."""
ANSWERS = 5
"""Later answers after which it is believed no longer, however long the first of them is in coming."""
WINDOW = 72 * 3600.0
"""Seconds after which silence ends the round of an account, whose deadline the API does not say."""
DOUBT = 3600.0
"""By so much the bot may take the beginning of such a round for later than it was."""
SEALED = "sealed: "
"""How the log begins to say that a rule holds what it decided for a while before it is sent."""
EVIDENCE = ("verifications", "profile")
"""What is read of a task, and of an account, to judge it."""
Key = tuple[str | None, str | None]


class Write(NamedTuple):
    """A write that left, its place in the history, and what its process heard of it."""

    place: int
    sent: Sent
    heard: Heard | None

    @property
    def unclear(self) -> bool:
        """Whether it may or may not have been done, for all that its sender knows."""
        heard = self.heard
        if heard is None:
            return True
        if heard.status is None:
            return heard.error not in ("ConnectError", "ConnectTimeout")
        return not heard.clear

    @property
    def refused(self) -> bool:
        """Whether it was certainly not done."""
        return not self.unclear and (self.heard is None or (self.heard.status or 599) >= 400)


class Sight(NamedTuple):
    """A round was shown: when that was asked and told, by which process, and in which status."""

    asked: float
    place: int
    who: int
    epoch: str | None
    status: str | None = None


class Known:
    """The lines of one history, indexed."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.scene = next(line for line in history if isinstance(line, Scene))
        self.sent = list(history.of(Sent))
        self.words = list(history.of(Wrote))
        self.effects = list(history.of(Effect))
        self.passes = list(history.of(Passed))
        self.rounds = [round_ for _, round_ in history.of(Round)]
        self.end = max(line.at for line in history)
        self._skews = [skew for _, skew in history.of(Skewed)]
        self._index_skews()
        self._index_calls()
        self._index_words()
        self._index_rounds()
        self._index_passes()

    def off(self, at: float) -> float:
        """By how many seconds the bot may take the API's clock for another than it is."""
        return max((off for start, end, off in self._wrong if start <= at <= end), default=0.0)

    def _index_skews(self) -> None:
        """From when until when each wrong hour of the API may be believed, and how wrong it is."""
        heard: dict[int, list[float]] = defaultdict(list)
        for _, reply in self.history.of(Heard):
            if reply.clear:
                heard[reply.who].append(reply.at)
        gone = {leaving.who: leaving.at for _, leaving in self.history.of(Gone)}
        self._wrong = []
        for skew in self._skews:
            if skew.machine:
                continue
            end = skew.end + LINGERS
            for who, times in heard.items():
                after = bisect_right(times, skew.end)
                if bisect_left(times, skew.start) < after:
                    right = times[after : after + ANSWERS]
                    known = right[-1] if len(right) == ANSWERS else gone.get(who, self.end)
                    end = max(end, known)
            self._wrong.append((skew.start, end, abs(skew.skew)))

    def off_by(self, word: Wrote, at: float) -> float:
        """By how many seconds too early the bot may take a round's deadline to be, at a moment.

        Where the API does not state one, it is counted from the first sight, by the clock of then.
        """
        key = (word.task, word.epoch)
        seen = self.seen.get(key) if key in self._estimated else None
        return self.off(at) + (0.0 if seen is None else self.off(seen))

    def left_behind(self, intent: Wrote, until: float) -> float:
        """By how many seconds whoever takes over may count a quarantine too long.

        After a restart the clock that says less counts, this machine's or the API's, as each was when
        the intent was written and as it is by then.
        """
        skews = (
            abs(skew.skew)
            for skew in self._skews
            if skew.machine and skew.start <= until and intent.at <= skew.end
        )
        return self.off(intent.at) + self.off(until) + sum(skews)

    # Calls --------------------------------------------------------------------------------

    def _index_calls(self) -> None:
        heard = {(reply.who, reply.call): (place, reply) for place, reply in self.history.of(Heard)}
        self.writes: list[Write] = []
        self._of_task: dict[str, list[Sight]] = defaultdict(list)
        self._evidence: dict[str, list[Sight]] = defaultdict(list)
        self._failed: dict[str, list[float]] = defaultdict(list)
        self._by_key: dict[str, list[Write]] = defaultdict(list)
        for place, sent in self.sent:
            at, answer = heard.get((sent.who, sent.call), (0, None))
            if sent.method != "GET":
                write = Write(place, sent, answer)
                self.writes.append(write)
                self._by_key[_name(sent.key)].append(write)
            elif answer is not None and answer.clear:
                for row in answer.shows:
                    self._of_task[row.task].append(
                        Sight(sent.at, at, sent.who, row.epoch, row.status)
                    )
                if sent.path in EVIDENCE and sent.task:
                    self._evidence[sent.task].append(Sight(sent.at, at, sent.who, None))
            # What is refused leaves its task alone for a while, as what gets no answer does.
            refused = answer is not None and (answer.status or 0) >= 400
            if sent.task and (answer is None or not answer.clear or refused):
                self._failed[sent.task].append(sent.at)

    def writes_of(self, key: str) -> list[Write]:
        """Every request of one decision, whatever the try."""
        return self._by_key.get(key, [])

    def last_sight(self, write: Write, epoch: str | None) -> float | None:
        """When its process last asked for what showed it the round, before a write."""
        found = [
            sight.asked
            for sight in self._of_task[write.sent.task or ""]
            if (sight.who, sight.epoch) == (write.sent.who, epoch) and sight.place < write.place
        ]
        return max(found, default=None)

    def last_status(self, write: Write) -> str | None:
        """The status in which its process last saw the thing, before a write."""
        found = [
            sight
            for sight in self._of_task[write.sent.task or ""]
            if sight.who == write.sent.who and sight.place < write.place
        ]
        return max(found, key=lambda sight: sight.place).status if found else None

    def end_of_earlier_rounds(self, write: Write, epoch: str | None) -> float | None:
        """When the last of the other rounds that the log had seen before a write had ended.

        A round that came and went while nothing could be read is none of them.
        """
        ends = (
            self._ended[key]
            for key, at in self.seen.items()
            if key[0] == write.sent.task
            and key[1] != epoch
            and at < write.sent.at
            and key in self._ended
        )
        return max(ends, default=None)

    def last_evidence(self, write: Write) -> float | None:
        """When its process last asked for the evidence, before a write."""
        found = [
            sight.asked
            for sight in self._evidence[write.sent.task or ""]
            if sight.who == write.sent.who and sight.place < write.place
        ]
        return max(found, default=None)

    def readings(self, key: Key, since: float, write: Write) -> int:
        """How often a round was read, by anybody, from a moment on and before a write."""
        return sum(
            sight.epoch == key[1] and sight.asked >= since and sight.place < write.place
            for sight in self._of_task[key[0] or ""]
        )

    # Words --------------------------------------------------------------------------------

    def _index_words(self) -> None:
        self._intents: dict[str, list[tuple[int, Wrote]]] = defaultdict(list)
        self._of_round: dict[Key, list[Wrote]] = defaultdict(list)
        self.cancelled: dict[Key, int] = {}
        """At which place of the history a person first cancelled what lay sealed, by its round."""
        self._void: set[tuple[str, int]] = set()
        self.seen: dict[Key, float] = {}
        self.endings: dict[Key, str | None] = {}
        round_of: dict[str | None, Wrote] = {}
        for place, word in self.words:
            key = (word.task, word.epoch)
            match word.verb:
                case "sight":
                    self.seen.setdefault(key, word.at)
                    self.endings.pop(key, None)
                case "end":
                    self.endings.setdefault(key, word.by)
                case "record" | "intend":
                    round_of[word.id] = word
                    self._of_round[key].append(word)
                    if word.verb == "intend":
                        self._intents[word.id or ""].append((place, word))
                case "note" if word.topic == "seal":
                    self.cancelled.setdefault(key, place)
                case "mark" if word.id in round_of:
                    intent = round_of[word.id]
                    self._of_round[intent.task, intent.epoch].append(word)
                    if word.state in ("void", "overtaken", "refused"):
                        self._void.add((word.id or "", len(self._intents[word.id or ""])))
        self._stops = self._stops_in_order()

    def intent_before(self, place: int, key: str | None) -> Wrote | None:
        """The intent that this key names, if it stood before a place of the history."""
        intents = self._intents.get(_name(key), ())
        found = [word for at, word in intents if at < place]
        return found[_try(key) - 1] if len(found) >= _try(key) else None

    def intents(self) -> dict[str, list[tuple[int, Wrote]]]:
        """Every intent, by its name."""
        return self._intents

    def was_sent(self, place: int, intent: Wrote) -> bool:
        """Whether a request left on the intent that stands at a place, before the next of its name."""
        places = [at for at, _ in self._intents[intent.id or ""]]
        number = places.index(place) + 1
        return any(bisect_right(places, w.place) == number for w in self.writes_of(intent.id or ""))

    def sealed_since(self, intent: Wrote) -> float | None:
        """Since when its very wish had lain sealed without a break; None where it had not.

        What its rule tried before, and came to nothing, has had its seal: minus infinity. What people
        do beside it changes nothing.
        """
        tries: dict[str | None, Wrote] = {}
        since: float | None = None
        for word in self._of_round[intent.task, intent.epoch]:
            if word is intent:
                break
            if word.verb == "intend":
                tries[word.id] = word
            about = tries.get(word.id, word) if word.verb == "mark" else word
            if about.decided_by is not None:
                continue
            if (about.rule, about.action) != (intent.rule, intent.action):
                since = None
            elif word.verb == "mark":
                since = -inf if word.state in ("void", "refused") else None
            elif word.verb == "record":
                sealed = (word.held_by or "").startswith(SEALED)
                since = (word.at if since is None else since) if sealed else None
        return since

    def was_void(self, intent: Wrote) -> bool:
        """Whether an intent came to nothing of ours: not done, refused, or somebody else was first."""
        times = [word for _, word in self._intents[intent.id or ""]]
        return (intent.id or "", times.index(intent) + 1) in self._void

    def last_word(self, key: Key, before: float) -> Wrote | None:
        """The newest word on a round before a moment."""
        found = [word for word in self._of_round.get(key, ()) if word.at < before]
        return found[-1] if found else None

    def was_unclear(self, key: Key) -> bool:
        """Whether the log has no clear answer to a write of ours on this round.

        None came, or its process died before it wrote that down, and nobody can know what it heard.
        """
        words = self._of_round.get(key, ())
        names = {word.id or "" for word in words if word.verb == "intend"}
        marks = [(word.id, word.who, word.at) for word in words if word.verb == "mark"]
        return any(
            len(self._by_key[name]) < len(self._intents[name])
            or any(
                write.unclear
                or not any(
                    (name, write.sent.who) == (id, who) and at >= write.sent.at
                    for id, who, at in marks
                )
                for write in self._by_key[name]
            )
            for name in names
        )

    # Stops --------------------------------------------------------------------------------

    def _stops_in_order(self) -> tuple[list[int], list[tuple[frozenset[str], frozenset[str]]]]:
        """Which pauses and breakers stand, from which place of the history on."""
        pauses, breakers = set[str](), set[str]()
        places, states = [-1], [(frozenset[str](), frozenset[str]())]
        for place, line in enumerate(self.history):
            if isinstance(line, PauseFile):
                pauses = pauses - {"file"} if line.word is None else pauses | {"file"}
            elif isinstance(line, Wrote) and line.topic in ("pause", "breaker"):
                value, subject = line.value or {}, line.subject or ""
                chosen = pauses if line.topic == "pause" else breakers
                stands = value.get("on" if line.topic == "pause" else "open") is not False
                (chosen.add if stands else chosen.discard)(subject)
            else:
                continue
            places.append(place)
            states.append((frozenset(pauses), frozenset(breakers)))
        return places, states

    def stops_at(self, place: int) -> tuple[frozenset[str], frozenset[str]]:
        """The words that are paused, and the policies whose breaker is open."""
        places, states = self._stops
        return states[bisect_right(places, place) - 1]

    def stopped_between(self, first: int, last: int) -> bool:
        """Whether anything stood stopped at any time between two places."""
        places, states = self._stops
        low, high = bisect_right(places, first) - 1, bisect_right(places, last)
        return any(any(state) for state in states[low:high])

    # Rounds -------------------------------------------------------------------------------

    def _index_rounds(self) -> None:
        self._deadlines: dict[Key, float] = {(o.task, o.epoch): o.deadline for o in self.rounds}
        self._estimated = {(o.task, o.epoch) for o in self.rounds if o.estimated}
        self._accounts = {round_.task: round_.account for round_ in self.rounds if round_.account}
        self._ended: dict[Key, float] = {
            (effect.task, effect.epoch): effect.at for _, effect in self.effects
        }

    def deadline(self, word: Wrote) -> float | None:
        """From when on silence pays the round of a word."""
        return self._deadlines.get((word.task, word.epoch))

    def stated(self, word: Wrote) -> float | None:
        """The deadline that the API says of the round of a word."""
        key = (word.task, word.epoch)
        return None if key in self._estimated else self._deadlines.get(key)

    def expected(self, round_: Round) -> float:
        """The deadline as the bot can know it: where the API does not say it, from its first sight."""
        seen = self.seen.get((round_.task, round_.epoch))
        return seen + WINDOW if round_.estimated and seen is not None else round_.deadline

    def is_in_doubt(self, round_: Round) -> bool:
        """Whether the bot cannot know if its end was silence's or somebody else's."""
        doubt = DOUBT + self.off(self.ended_at(round_)) + SLACK
        seen = self.seen.get((round_.task, round_.epoch), round_.began)
        if not round_.estimated:
            return False
        if round_.by == "silence":
            return seen - round_.began > DOUBT - SLACK - self.off(seen)
        return self.ended_at(round_) >= self.expected(round_) - doubt

    def silent(self) -> list[Round]:
        """The rounds that silence paid."""
        return [round_ for round_ in self.rounds if round_.by == "silence"]

    def ended_at(self, round_: Round) -> float:
        """When a round ended, or will."""
        return self._ended.get((round_.task, round_.epoch), round_.deadline)

    def has_ended_long_ago(self, round_: Round) -> bool:
        """Whether a round ended so long before the end of the run that the log must know."""
        return self.ended_at(round_) < self.end - LATEST

    # Passes -------------------------------------------------------------------------------

    def _index_passes(self) -> None:
        self._ends = [pass_.at for _, pass_ in self.passes]
        self._cut_at = {end.at for _, end in self.history.of(Gone) if end.how == "stop"}
        self.clean = [pass_ for _, pass_ in self.passes if is_clean(pass_)]
        self._clean_began = [pass_.began for pass_ in self.clean]
        self.quiet = [
            pass_
            for _, pass_ in self.passes
            if is_clean(replace(pass_, faults=pass_.faults - pass_.lists))
        ]
        self._quiet_began = [pass_.began for pass_ in self.quiet]
        self._place = {id(pass_): place for place, pass_ in self.passes}
        for _, pass_ in self.passes:
            for name in pass_.spoiled:
                self._failed[name] += (pass_.began, pass_.at)

    def pass_after(self, at: float) -> Passed | None:
        """The first pass that began at that moment or later by the API's clock, whatever came of it.

        One that a stop cut short is none: the process after it takes over what it left.
        """
        later = (pass_ for _, pass_ in self.passes[bisect_left(self._ends, at) :])
        return next(
            (
                pass_
                for pass_ in later
                if pass_.began >= at + self.off(pass_.began) and pass_.at not in self._cut_at
            ),
            None,
        )

    def clean_after(self, at: float) -> list[Passed]:
        """The clean passes from a moment on."""
        return self.clean[bisect_left(self._clean_began, at) :]

    def quiet_after(self, at: float) -> list[Passed]:
        """The passes from a moment on that met nothing worse than lists which contradict themselves."""
        return self.quiet[bisect_left(self._quiet_began, at) :]

    def calm_until(self, place: int, key: Key, due: float) -> float | None:
        """By when what was foreseen at a place must have come: two clean passes after it was due.

        The bot knows that by the API's clock alone. None where somebody stepped in before, or something
        happened that changes what is foreseen.
        """
        last = self._place_of_pass(place)
        if last is None or not is_clean(last) or key[0] in last.spoiled:
            return None  # what it rests on may have been read wrong
        caps, clean = bool(self.scene.caps), 0
        for line in self.history[place + 1 :]:
            match line:
                case Acted(deed=deed) if deed != "refuse":
                    return None
                case Born(kind="person") | PauseFile() | LogMoved():
                    return None
                case Wrote(topic="pause" | "breaker"):
                    return None
                case Wrote(verb="sight") if caps:
                    return None
                case Wrote(verb="mark", state=state) if caps and state not in DONE:
                    return None  # what was to take room then takes it later, or keeps it in vain
                case Wrote(verb="intend", task=str(task)) if self._is_of_its_account(task, key[0]):
                    return (
                        None  # rules go by what its account has had decided, and that is more now
                    )
                case Effect(by=by, task=task) if by != "client" and task == key[0]:
                    return None
                case Passed(braked=True) if caps:
                    return None  # nothing takes its room then, and by the next pass a rule may have some
                case Passed(began=began) if key[0] in line.spoiled or self._came_to_nothing(
                    key, last.at, began
                ):
                    return None
                case Passed() if line.began >= due + self.off(line.began) and is_clean(line):
                    clean += 1
                    if clean == 2:
                        return line.at
        return None

    def _is_of_its_account(self, other: str, task: str) -> bool:
        account = self._accounts.get(task)
        return other != task and account is not None and self._accounts.get(other) == account

    def _came_to_nothing(self, key: Key, since: float, at: float) -> bool:
        """Whether what was sent for a round last is not known to be done, or one since was not."""
        words = [word for word in self._of_round.get(key, ()) if word.at < at]
        last = {word.state for word in words[-1:]}
        failed = last | {word.state for word in words if word.at >= since}
        return not (last.isdisjoint(OPEN) and failed.isdisjoint(("void", "refused")))

    def _place_of_pass(self, place: int) -> Passed | None:
        """The pass that ended last before a place."""
        before = [pass_ for at, pass_ in self.passes if at < place]
        return before[-1] if before else None

    def ending(self, key: Key, until: float) -> str | None:
        """How a round ended by a moment, in the words of the screens; None where it did not."""
        for place, effect in self.effects:
            if (effect.task, effect.epoch) == key and effect.at <= until:
                if effect.by != "client":
                    return effect.by
                intent = self.intent_before(place, effect.key)
                if effect.action not in ("approve", "finalize"):
                    return "sent back"
                return "fallback" if intent is not None and intent.rule == "deadline" else "rule"
        silent = any((round_.task, round_.epoch) == key for round_ in self.silent())
        return "silence" if silent and self._deadlines[key] <= until else None

    def free_passes(self, key: Key, begin: float, end: float) -> Iterator[Passed]:
        """The passes between two moments in which nothing but its policy kept the bot from deciding."""
        failed = self._failed.get(key[0] or "", ())
        for pass_ in self.clean_after(begin):
            if pass_.at >= end:
                break
            place = self._place[id(pass_)]
            if any(pass_.began - BACKOFF < at < pass_.at for at in failed):
                continue
            if self.stopped_between(self._start_of(pass_, place), place):
                continue
            last, newest = self.last_word(key, pass_.began), self.last_word(key, pass_.at)
            if last is not None and last.state in OPEN:
                continue
            if newest is not None and newest.state in OPEN and newest.who != pass_.who:
                continue  # a person was first
            yield pass_

    def _start_of(self, pass_: Passed, place: int) -> int:
        """About where in the history a pass began."""
        while place > 0 and self.history[place].at >= pass_.began:
            place -= 1
        return place


def _name(key: str | None) -> str:
    """The decision that an idempotency key belongs to."""
    return (key or "").partition("-")[0]


def _try(key: str | None) -> int:
    """Which of its tries an idempotency key names."""
    number = (key or "").partition("-")[2]
    return int(number) if number.isdecimal() else 1


def is_clean(pass_: Passed) -> bool:
    """Whether a pass met no fault, and nothing kept it from its end or from sending."""
    return not (pass_.stopped or pass_.error or pass_.braked or pass_.faults)
