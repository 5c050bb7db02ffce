"""One checker for every run: what must never be, promise by promise, read off the recorded history.

Each promise is a function over the lines; it says what it found in sentences. It knows neither the
bot's code nor the simulator's, so that it cannot be wrong together with either.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.simulation.history import (
    Answered,
    Gone,
    Heard,
    History,
    Log,
    LogMoved,
    Passed,
    Round,
    Said,
    Sent,
    Told,
    Wrote,
)
from tests.simulation.known import OPEN, SEALED, SLACK, Key, Known, Write, is_clean
from tests.simulation.policies import ACCOUNTS, OPEN_HOURS, allowed

WORDS = {"corrections": "request corrections"}
"""What the API calls otherwise than the log does."""
SENDING_BACK = ("dispute", "request corrections", "corrections")
PAYING = ("approve", "finalize")
EXCUSES = ("the cap is reached", "on probation")
"""What may keep back a fallback by the policy's own words."""
WAITING = ("manually_confirmed", "in_review")
"""The statuses of what waits for us."""
HIDDEN = ("list",)
"""The kinds of alarm that say that a list does not hold what it counts."""
TOLD_BEFORE = 86400.0
"""Seconds before for which it was told once and is not told again."""
BURST = 20
STAGES = {24: 6, 6: 1, 1: 0}
"""Hours before the deadline at which somebody is told, each with the next."""


class Violation(NamedTuple):
    """What must not be."""

    promise: str
    sentence: str


def check(history: History) -> list[Violation]:
    """Everything that must not be; empty when all is well."""
    known = Known(history)
    return [
        Violation(name, sentence)
        for name, promise in PROMISES.items()
        for sentence in promise(known)
    ]


# Money ---------------------------------------------------------------------------------------


def every_effect_has_an_earlier_intent(known: Known) -> Iterator[str]:
    """P1: nothing leaves, and nothing is changed, without a committed intent that says the same."""
    for write in known.writes:
        intent = known.intent_before(write.place, write.sent.key)
        if intent is None:
            yield f"{write.sent} left without an intent"
        elif (intent.task, intent.action) != (write.sent.task, _word(write.sent.action)):
            yield f"{write.sent} is not what was intended: {intent}"
    for place, effect in known.effects:
        if effect.by != "client":
            continue
        intent = known.intent_before(place, effect.key)
        if intent is None:
            yield f"{effect} has no intent"
        elif (intent.task, intent.action) != (effect.task, _word(effect.action)):
            yield f"{effect} is not what was intended: {intent}"


def _word(action: str | None) -> str | None:
    return WORDS.get(action or "", action)


def at_most_once_a_round(known: Known) -> Iterator[str]:
    """P2: one intent that is not void per round, one request per intent, one effect per round."""
    claims: dict[Key, str] = {}
    rounds: dict[str, Key] = {}
    for _, word in known.words:
        if word.verb == "intend" and word.id is not None:
            key = (word.task, word.epoch)
            if key in claims:
                yield f"{key} was intended again while {claims[key]} stood: {word}"
            claims[key] = word.id
            rounds[word.id] = key
        elif word.verb == "mark" and word.state in ("void", "refused"):
            claims.pop(rounds.get(word.id or "", (None, None)), None)
    for name, intents in known.intents().items():
        places = [place for place, _ in intents]
        sends = Counter(bisect_right(places, write.place) for write in known.writes_of(name))
        yield from (f"{name} was sent {n} times on one intent" for n in sends.values() if n > 1)
    counts = Counter((e.task, e.epoch) for _, e in known.effects if e.by == "client")
    yield from (f"{key} got {count} effects" for key, count in counts.items() if count > 1)


def each_try_has_a_key_of_its_own(known: Known) -> Iterator[str]:
    """P2: no idempotency key is sent twice, for a server may replay what it once failed to do."""
    counts = Counter(write.sent.key for write in known.writes)
    yield from (f"{key} was sent {count} times" for key, count in counts.items() if count > 1)


def what_waits_can_be_answered(known: Known) -> Iterator[str]:
    """P2: a person is not told to be too late for what waits, unless an answer is on its way."""
    for _, answer in known.history.of(Answered):
        last = known.last_word((answer.task, answer.epoch), answer.at + 0.001)
        if answer.late and answer.waits and not (last is not None and last.state in OPEN):
            yield f"{answer.task} was called decided at {answer.at:.0f}, and waits: {last}"


def nothing_is_sent_again_in_quarantine(known: Known) -> Iterator[str]:
    """P3: what may have been done is sent again only after the quarantine, and after two readings."""
    before: dict[Key, Write] = {}
    for write in known.writes:
        intent = known.intent_before(write.place, write.sent.key)
        if intent is None:
            continue
        key = (intent.task, intent.epoch)
        last = before.get(key)
        before[key] = write
        if last is None or last.refused:
            continue
        over = last.sent.at + known.scene.quarantine - SLACK
        if not last.unclear:
            yield f"{write.sent} was sent although {last.sent} had got its answer"
        elif write.sent.at < over:
            yield f"{write.sent} was sent {write.sent.at - last.sent.at:.0f} s after {last.sent}"
        elif known.readings(key, over, write) < 2:
            yield f"{write.sent} was sent again without two readings since {last.sent}"


def what_is_unclear_is_settled(known: Known) -> Iterator[str]:
    """P3: nothing is left open at the end; nothing stays open through a whole clean pass once due."""
    for _, log in known.history.of(Log):
        yield from (f"{left} is left open" for left in log.open)
    opened: dict[str, Wrote] = {}
    words = iter(known.words)
    word = next(words, None)
    for place, pass_ in known.passes:
        while word is not None and word[0] < place:
            _follow(opened, word[1])
            word = next(words, None)
        if not is_clean(pass_):
            continue
        for intent in opened.values():
            due = intent.at + known.scene.quarantine + known.left_behind(intent, pass_.began)
            deadline = known.deadline(intent)
            if intent.task in pass_.spoiled:
                continue
            if pass_.began > due + 300 and (deadline is None or due < deadline):
                yield f"{intent} is still open after the pass of {pass_.began:.0f}"


def _follow(opened: dict[str, Wrote], word: Wrote) -> None:
    if word.verb == "intend" and word.id:
        opened[word.id] = word
    elif word.verb == "mark" and word.state not in OPEN:
        opened.pop(word.id or "", None)


def writes_rest_on_fresh_sights(known: Known) -> Iterator[str]:
    """P4: the task, in that very round, and its evidence were read at most a minute before."""
    fresh = known.scene.freshness
    for write in known.writes:
        intent = known.intent_before(write.place, write.sent.key)
        if intent is None:
            continue
        seen = known.last_sight(write, intent.epoch)
        if seen is None or write.sent.at - seen > fresh:
            yield f"{write.sent}: its round was last seen at {seen}"
        if intent.evidence and intent.decided_by is None:
            read = known.last_evidence(write)
            if intent.rule == "deadline" and _lost_its_account(known, write):
                continue  # there was nothing to read it of
            if read is None or write.sent.at - read > fresh:
                yield f"{write.sent}: its evidence was read at {read}"


def _lost_its_account(known: Known, write: Write) -> bool:
    """Whether an odd answer of its pass may have left out of which account it is."""
    if write.sent.action not in ("finalize", "corrections"):
        return False
    passes = (pass_ for _, pass_ in known.passes if pass_.began <= write.sent.at <= pass_.at)
    return any(write.sent.task in pass_.spoiled for pass_ in passes)


def nothing_lands_in_another_round_unsaid(known: Known) -> Iterator[str]:
    """P4: an effect falls on the round that was decided, or somebody is told."""
    told = {
        alarm.task
        for _, alarm in known.history.of(Told)
        if alarm.kind in ("stale-effect", "breaker")
    }
    for place, effect in known.effects:
        intent = known.intent_before(place, effect.key)
        if effect.by != "client" or intent is None or intent.epoch == effect.epoch:
            continue
        if effect.task not in told:
            yield f"{effect} landed in another round than {intent}, and nobody was told"


def no_round_is_taken_for_another(known: Known) -> Iterator[str]:
    """P6: nobody is told of an effect in another round where there was none."""
    strayed = {
        effect.task
        for place, effect in known.effects
        if effect.by == "client"
        and (intent := known.intent_before(place, effect.key)) is not None
        and intent.epoch != effect.epoch
    }
    for _, alarm in known.history.of(Told):
        if alarm.kind == "stale-effect" and alarm.task not in strayed:
            yield f"{alarm.task}: told of an effect in another round, and there was none"


def caps_hold(known: Known) -> Iterator[str]:
    """P5: no hour and no day holds more intents, or more money, than the policy says."""
    caps = known.scene.caps
    if not caps:
        return
    by_policy: dict[str | None, list[Wrote]] = defaultdict(list)
    for _, word in known.words:
        if word.verb == "intend" and word.decided_by is None and not known.was_void(word):
            by_policy[word.policy].append(word)
    for policy, words in by_policy.items():
        for action, actions in (("approve", PAYING), ("dispute", SENDING_BACK)):
            times = sorted(_decided(word) for word in words if word.action in actions)
            most = caps.get(action, len(times))
            for first, last in zip(times, times[most:], strict=False):
                if last - first < 3600 - 10:
                    yield f"{policy}: more than {most} of {action} from {first:.0f} to {last:.0f}"
        yield from _own_caps_hold(policy, words, caps)
        paid = sorted((_decided(word), word.amount or 0) for word in words if word.action in PAYING)
        start, total = 0, 0
        for at, amount in paid:
            total += amount
            while paid[start][0] <= at - 86400 + 10:
                total -= paid[start][1]
                start += 1
            if total > caps.get("micros", total):
                yield f"{policy}: {total / 1e6:.2f} USD within the day before {at:.0f}"


def _own_caps_hold(
    policy: str | None, words: Sequence[Wrote], caps: dict[str, int]
) -> Iterator[str]:
    """Those of single rules, which the deadline has none of, and the hours of what is sent back."""
    for rule in caps.keys() & {word.rule for word in words}:
        assert rule is not None
        times = sorted(_decided(word) for word in words if word.rule == rule)
        for first, last in zip(times, times[caps[rule] :], strict=False):
            same_day = first // 86400 == last // 86400
            if last - first < 86400 - 10 and (same_day or caps[rule] > 1):
                yield f"{policy}: more than {caps[rule]} by {rule!r} from {first:.0f} to {last:.0f}"
    for word in words:
        hour = _decided(word) % 86400 / 3600
        back = word.action in SENDING_BACK and word.rule != "deadline" and policy != ACCOUNTS
        if (
            "something else stands there" in caps
            and back
            and not OPEN_HOURS[0] <= hour < OPEN_HOURS[1]
        ):
            yield f"{policy}: {word.task} was sent back at {hour:.1f} h, outside the policy's hours"


def _decided(word: Wrote) -> float:
    assert word.decided_at is not None
    return word.decided_at.timestamp()


def stops_stop(known: Known) -> Iterator[str]:
    """P6, P7: nothing leaves while a pause or the policy's breaker stands; a breaker stops no person."""
    for write in known.writes:
        intent = known.intent_before(write.place, write.sent.key)
        if intent is None:
            continue
        pauses, breakers = known.stops_at(write.place)
        for word in pauses:
            if word in ("all", "file") or write.sent.action in _STOPPED.get(word, ()):
                yield f"{write.sent} left while {word} was paused"
        if intent.decided_by is None and {intent.policy, "all"} & breakers:
            yield f"{write.sent} left while the breaker of {intent.policy} was open"


_STOPPED = {"approve": PAYING, "dispute": SENDING_BACK}


def what_is_held_lies_its_while(known: Known) -> Iterator[str]:
    """P30: what a rule holds is sent once its while has passed, or when the deadline is to decide."""
    for _, word in known.words:
        if not (word.verb in ("record", "intend") and word.rule in known.scene.holds):
            continue
        deadline = known.stated(word)
        if word.decided_by is not None or deadline is None:
            continue
        due = deadline - known.scene.decide_by
        if word.verb == "record":
            sealed = (word.held_by or "").startswith(SEALED) and word.until is not None
            if sealed and word.until.timestamp() > due + SLACK:
                yield f"{word} is sealed across {due:.0f}, when the deadline decides"
            continue
        since, off = known.sealed_since(word), known.off(word.at)
        if word.at >= due - SLACK - off:
            continue
        if since is None:
            yield f"{word} was to be sent without having lain sealed"
            continue
        hold = known.scene.holds[word.rule or ""]
        if word.at - since < hold - SLACK - off - known.off(since):
            yield f"{word} was to be sent {word.at - since:.0f} s after it was sealed, not {hold:.0f}"


def what_a_person_cancelled_is_not_sent(known: Known) -> Iterator[str]:
    """P30: no rule decides the round any more from that word on; people and the deadline may."""
    for intents in known.intents().values():
        for place, intent in intents:
            if intent.decided_by is not None or intent.rule == "deadline":
                continue
            word = known.cancelled.get((intent.task, intent.epoch))
            if word is not None and word < place and known.was_sent(place, intent):
                yield f"{intent} was sent although a person had cancelled it"


def nothing_is_done_by_default(known: Known) -> Iterator[str]:
    """P9: what the policy decided is what its rule says of what is true of the task in this round."""
    sent_back: Counter[str | None] = Counter()
    effects = iter(known.effects)
    effect = next(effects, None)
    for write in known.writes:
        while effect is not None and effect[0] < write.place:
            if effect[1].by == "client" and effect[1].action == "dispute":
                sent_back[effect[1].task] += 1
            effect = next(effects, None)
        intent, truth = known.intent_before(write.place, write.sent.key), write.sent.truth
        if intent is None or intent.decided_by is not None or truth is None:
            continue
        if known.last_status(write) not in (*WAITING, None):
            yield f"{write.sent} was sent although it was last seen {known.last_status(write)}"
        if intent.rule != "deadline" and _is_of_an_earlier_round(known, write, intent):
            yield f"{write.sent} by {intent.rule!r} rests on the evidence of an earlier round"
            continue
        deadline = known.deadline(intent)
        if deadline is None or not allowed(
            intent.rule or "",
            write.sent.action or "",
            truth,
            sent_back=sent_back[intent.task],
            left=deadline - write.sent.at - 2 * SLACK - known.off_by(intent, write.sent.at),
            decide_by=known.scene.decide_by,
        ):
            yield f"{write.sent} by {intent.rule!r} is wrong: {truth}"


def _is_of_an_earlier_round(known: Known, write: Write, intent: Wrote) -> bool:
    """Whether the newest check was made before a round ended that the log had seen."""
    checked_at = write.sent.truth and write.sent.truth.checked_at
    ended = known.end_of_earlier_rounds(write, intent.epoch)
    return checked_at is not None and ended is not None and checked_at <= ended


# Deadlines -----------------------------------------------------------------------------------


def nothing_is_paid_by_silence_that_could_be_decided(known: Known) -> Iterator[str]:
    """P10: no clean pass near the deadline left undecided what the policy's fallback decides."""
    for round_ in known.silent():
        key = (round_.task, round_.epoch)
        off = known.off(round_.deadline)
        begin = known.expected(round_) - known.scene.decide_by + SLACK + off
        for missed in known.free_passes(key, begin, round_.deadline - SLACK - off):
            if missed.began < begin + known.off(missed.began):
                continue  # by the hour that the API told just then it was not due yet
            last = known.last_word(key, missed.at + SLACK)
            if last is not None and (last.held_by or "").startswith(EXCUSES):
                continue
            could = (
                f"{key} was paid by silence; the pass of {missed.began:.0f} could have decided it"
            )
            if last is None:
                yield f"{could}: the log has no word on it"
            elif round_.policy in known.scene.pays or last.action == "wait":
                yield f"{could}: {last}"
            break


PATIENCE = 590.0
"""Seconds for which what a broken pass left may be taken to have its turn soon."""


def silence_is_announced(known: Known) -> Iterator[str]:
    """P10: before silence pays somebody is told, at 24, 6 and 1 hours, by the first pass after each."""
    told: dict[tuple[Key, int], float] = {}
    nameless: dict[tuple[str | None, int], list[float]] = defaultdict(list)
    for _, line in known.history.of(Told):
        if line.kind == "undecided" and line.hours is not None:
            told.setdefault(((line.task, line.epoch), line.hours), line.at)
            if line.epoch is None:
                nameless[line.task, line.hours].append(line.at)
    for round_ in known.silent():
        key = (round_.task, round_.epoch)
        seen = known.seen.get(key)
        for hours, nearer in STAGES.items():
            due = known.expected(round_) - hours * 3600
            after = known.pass_after(
                max(due, seen if seen is not None else round_.deadline) + SLACK
            )
            broke_off = after.at if after is not None else 0.0
            while after is not None and hours > 1 and (after.stopped or after.error):
                # What it left waits for its turn, and with hours left that is no alarm for a while.
                if after.began > broke_off + PATIENCE:
                    break
                after = known.pass_after(after.at + 0.001)
            if after is None:
                continue
            last = min(known.ended_at(round_), due + (hours - nearer) * 3600)
            off = max(known.off(due), known.off(after.began))
            if after.at >= last - off:
                continue
            at = told.get((key, hours))
            # Where the API does not say the round just then, its task is named all the same.
            named = any(
                due - 3600 - off <= at <= after.at + SLACK for at in nameless[round_.task, hours]
            )
            if not named and (at is None or at > after.at + SLACK):
                yield f"{key}: {hours} h before silence paid nobody was told by {after.at:.0f}: {at}"
    heard_of = {alarm.task for _, alarm in known.history.of(Told) if alarm.kind == "silence"}
    for round_ in known.silent():
        if (
            (round_.task, round_.epoch) in known.seen
            and round_.task not in heard_of
            and known.has_ended_long_ago(round_)
            and not _may_be_silence(
                known, round_, {known.endings.get((round_.task, round_.epoch)), "silence"}
            )
        ):
            yield f"{round_.task} was paid by silence, and nobody was told"


def what_waits_is_seen(known: Known) -> Iterator[str]:
    """P12: what waited through two whole lists is in the log."""
    for round_ in known.rounds:
        key, end = (round_.task, round_.epoch), known.ended_at(round_)
        passes = [p for p in known.clean_after(round_.began + 1)[:2] if p.at < end]
        if any(round_.task in p.spoiled for p in passes):
            continue
        if len(passes) == 2 and known.seen.get(key, end) > passes[1].at:
            yield f"{round_} waited through the passes of {[round(p.began) for p in passes]} unseen"


def a_list_that_hides_rows_is_told(known: Known) -> Iterator[str]:
    """P12: what waited through two lists that contradict their own count is in the log, or told."""
    told = [alarm.at for _, alarm in known.history.of(Told) if alarm.kind in HIDDEN]
    for round_ in known.rounds:
        key, end = (round_.task, round_.epoch), known.ended_at(round_)
        seen = known.seen.get(key, end)
        passes = [p for p in known.quiet_after(round_.began + 1)[:2] if p.at < min(end, seen)]
        if len(passes) < 2 or not any(p.lists for p in passes):
            continue
        if any(round_.task in p.spoiled for p in passes):
            continue
        if not any(passes[0].began - TOLD_BEFORE <= at <= passes[1].at + SLACK for at in told):
            yield f"{round_} waited through {[round(p.began) for p in passes]} unseen and untold"


# One thing and the others --------------------------------------------------------------------


def one_odd_thing_hurts_only_itself(known: Known) -> Iterator[str]:
    """P15: a pass that met nothing but absurd values comes to its end."""
    for _, pass_ in known.passes:
        if pass_.spoiled and pass_.error and not pass_.faults:
            yield f"the pass of {pass_.began:.0f} failed for {pass_.spoiled}: {pass_.error}"


# What the screens say -------------------------------------------------------------------------


def screens_are_true(known: Known) -> Iterator[str]:
    """P10: what a screen said an hour before an end is what happened, where nobody stepped in."""
    rounds = {(round_.task, round_.epoch): round_ for round_ in known.rounds}
    for place, word in known.history.of(Said):
        key = (word.task, word.epoch)
        one = rounds.get(key)
        if one is None or (one.estimated and known.off(word.at)):
            continue
        due = word.due if word.due is not None and word.end in SENT_ENDS else one.deadline
        until = known.calm_until(place, key, due)
        if until is None or (due < one.deadline <= until):
            continue
        if one.estimated and one.deadline < due <= known.expected(one):
            continue  # it was out of sight when it began, and its deadline is an estimate
        really = known.ending(key, until)
        if word.end in KNOWN_ENDS and really not in KNOWN_ENDS[word.end]:
            yield f"{word.screen} said {word}, and by {until:.0f} it was {really or 'nothing'}"


SENT_ENDS = ("rule", "fallback", "sent back")
KNOWN_ENDS = {
    "rule": ("rule",),
    "fallback": ("fallback",),
    "sent back": ("sent back",),
    "silence": ("silence",),
    "left": ("silence",),
    "acted on": ("rule", "fallback", "sent back"),
}
"""What may really become of what a screen says will end so."""


# The log's place -----------------------------------------------------------------------------


def nothing_is_sent_without_the_log(known: Known) -> Iterator[str]:
    """P17: from the moment on at which the log's files are others, or none, nothing leaves."""
    moves = [(place, move.away) for place, move in known.history.of(LogMoved)]
    for write in known.writes:
        last = [away for place, away in moves if place < write.place]
        if last and last[-1]:
            yield f"{write.sent} left while the log was not in its place"


# Pace and clocks -----------------------------------------------------------------------------


def retry_after_is_heeded(known: Known) -> Iterator[str]:
    """P13: after a 429 its process sends nothing before the wait is over."""
    closed: dict[int, float] = {}
    for line in known.history:
        if isinstance(line, Sent):
            if line.at < closed.get(line.who, 0.0) - 0.001:
                yield f"{line} left before {closed[line.who]:.1f}, which a 429 had asked for"
        elif isinstance(line, Heard) and line.status == 429 and line.retry_after is not None:
            closed[line.who] = max(closed.get(line.who, 0.0), line.at + line.retry_after)


def the_rate_is_kept(known: Known) -> Iterator[str]:
    """P13: no process sends more than the limit and the burst within 60 s."""
    times: dict[int, list[float]] = defaultdict(list)
    for _, sent in known.sent:
        times[sent.who].append(sent.at)
    for who, sent in times.items():
        for first, last in zip(sent, sent[known.scene.limit + BURST :], strict=False):
            if last - first < 60:
                yield f"{who} sent more than {known.scene.limit + BURST} within 60 s at {first:.0f}"


def deadlines_are_not_crossed(known: Known) -> Iterator[str]:
    """P14: nothing leaves at or after the deadline of its round."""
    for write in known.writes:
        intent = known.intent_before(write.place, write.sent.key)
        deadline = None if intent is None else known.stated(intent)
        if deadline is not None and write.sent.at >= deadline + SLACK + known.off(write.sent.at):
            yield f"{write.sent} left {write.sent.at - deadline:.0f} s after the deadline"


def polls_come_in_time(known: Known) -> Iterator[str]:
    """P14: while a process lives, the next pass begins in time, whatever the clocks say."""
    every = known.scene.every
    before: Passed | None = None
    for _, pass_ in known.passes:
        if before is not None and before.who == pass_.who:
            gap = pass_.began - max(before.began, before.at - every)
            if gap > 1.5 * every:
                yield f"{gap:.0f} s lie between the passes of {before.began} and {pass_.began}"
        before = pass_


# The log -------------------------------------------------------------------------------------


def the_log_is_whole(known: Known) -> Iterator[str]:
    """P19: chain, projections and checkpoints."""
    for _, log in known.history.of(Log):
        yield from log.problems


def endings_are_true(known: Known) -> Iterator[str]:
    """P20: every round that we saw and that ended is attributed to whoever ended it."""
    for round_ in known.rounds:
        key = (round_.task, round_.epoch)
        if round_.by is None or key not in known.seen:
            continue
        found, really = (
            known.endings.get(key),
            {"client": "ours", "stranger": "other"}.get(round_.by, round_.by),
        )
        if found == really or (found is None and not known.has_ended_long_ago(round_)):
            continue
        # Where we and somebody else did the same at the same time, nobody can tell who was first.
        if {found, really} == {"ours", "other"} and known.was_unclear(key):
            continue
        if _may_be_silence(known, round_, {found, really}):
            continue
        # Nor whether it was the sweep, which comes a little after the deadline, or somebody before it.
        if (found, really) == ("silence", "other") and known.ended_at(round_) >= round_.deadline:
            continue
        yield f"{key} was ended by {round_.by}, the log says {found}"


def _may_be_silence(known: Known, round_: Round, names: set[str | None]) -> bool:
    """Whether nobody can tell silence from the other name: the API does not say when silence comes."""
    if names == {"ours", "silence"}:
        return round_.estimated and known.was_unclear((round_.task, round_.epoch))
    return names == {"other", "silence"} and known.is_in_doubt(round_)


def replay_agrees(known: Known) -> Iterator[str]:
    """P31: judged again, every decision comes out the same."""
    for _, log in known.history.of(Log):
        yield from log.disagree


def the_bot_ends_only_when_told(known: Known) -> Iterator[str]:
    """Nothing that the network, the API or people do ends the process."""
    for _, end in known.history.of(Gone):
        if end.how == "fatal":
            yield f"the process ended by itself: {end}"


PROMISES: dict[str, Callable[[Known], Iterator[str]]] = {
    "P1 write-ahead": every_effect_has_an_earlier_intent,
    "P2 once per round": at_most_once_a_round,
    "P2 own key": each_try_has_a_key_of_its_own,
    "P2 answerable": what_waits_can_be_answered,
    "P3 quarantine": nothing_is_sent_again_in_quarantine,
    "P3 settled": what_is_unclear_is_settled,
    "P4 fresh": writes_rest_on_fresh_sights,
    "P4 stale effects": nothing_lands_in_another_round_unsaid,
    "P4 no false stop": no_round_is_taken_for_another,
    "P5 caps": caps_hold,
    "P6 P7 stops": stops_stop,
    "P9 default": nothing_is_done_by_default,
    "P10 silence": nothing_is_paid_by_silence_that_could_be_decided,
    "P10 alarms": silence_is_announced,
    "P10 screens": screens_are_true,
    "P12 seen": what_waits_is_seen,
    "P12 counted": a_list_that_hides_rows_is_told,
    "P13 retry after": retry_after_is_heeded,
    "P13 rate": the_rate_is_kept,
    "P14 deadlines": deadlines_are_not_crossed,
    "P14 polls": polls_come_in_time,
    "P15 alone": one_odd_thing_hurts_only_itself,
    "P16 alive": the_bot_ends_only_when_told,
    "P17 place": nothing_is_sent_without_the_log,
    "P19 log": the_log_is_whole,
    "P20 attributed": endings_are_true,
    "P30 held": what_is_held_lies_its_while,
    "P30 cancelled": what_a_person_cancelled_is_not_sent,
    "P31 replay": replay_agrees,
}
"""Every promise that a history can break, by its number."""
