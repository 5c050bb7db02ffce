"""Gather: how things stand and which rounds are open, read for `ahead.py`; from the log alone, or beside a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from reviewbot.core.checks import tries_on
from reviewbot.core.pipeline import deadline_of
from reviewbot.core.questions import Round, open_rounds
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import ACTIONS_OF, OPEN, Mode
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.round_state import unsendable
from reviewbot.foresight.ahead import futures
from reviewbot.foresight.future import Future, Key, RoundAhead, Standing
from reviewbot.foresight.room import House, Spent, Stop
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, NO_FLEET, Facts, as_told
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.policy.testing.compare import covers
from reviewbot.ports.ledger import Ledger, Logged, LogNote
from reviewbot.safety.ladder import Steps, steps_of
from reviewbot.safety.limits import looks_at_the_checker
from reviewbot.safety.pauses import Hold, holds_on
from reviewbot.safety.probation import trial_on
from reviewbot.safety.seal import cancelled as cancelled_by
from reviewbot.safety.seal import cancelled_rounds, subject

if TYPE_CHECKING:
    from reviewbot.core.context import BotContext
    from reviewbot.core.pipeline import Undecided
    from reviewbot.policy.engine.judge import Judge


DAY = timedelta(hours=25)
"""The longest window of a cap: the day on which the clocks go back."""
LATELY = timedelta(minutes=2)
REHEARSES = Hold(sentence="the bot only rehearses: it runs without --live", by="rehearsal")
REQUESTS_A_DECISION = 2
"""The timeline and the write."""


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the bot on a log, beside the log itself.

    `hold` says that it does not run or sends nothing; `revisions` are the policies it runs, none
    where that is not known. `passed_at` is when it last made a pass, `file` is the text of the file
    PAUSE, `brake` what stops every write.
    """

    hold: Hold | None = None
    revisions: tuple[str, ...] = ()
    every: float = 60.0
    requests_per_minute: float | None = None
    quarantine: timedelta = timedelta(minutes=15)
    passed_at: datetime | None = None
    file: str | None = None
    brake: str | None = None

    def passed_lately(self, ledger: Ledger, now: datetime) -> bool:
        """Whether the log shows the queue as it is: a pass, or a first one under way, not long ago."""
        moments = [seen.first_seen_at for review in ACTIONS_OF for seen in ledger.unended(review)]
        newest = max([*moments, *filter(None, [self.passed_at])], default=None)
        return newest is not None and now - newest <= max(2 * timedelta(seconds=self.every), LATELY)


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of everything that is open, as of a moment."""

    at: datetime
    standing: Standing
    futures: dict[Key, Future]

    def of(self, review: str, task_id: str) -> Future | None:
        """What becomes of one thing's open round; None where it has none."""
        return self.futures.get((review, task_id))


def outlook_of(
    ledger: Ledger,
    now: datetime,
    bot: Bot,
    *,
    judges: Sequence[Judge] | None = None,
    holds: Iterable[Hold] = (),
) -> Outlook:
    """What becomes of every round that the log knows as open, by what it knows of it.

    `judges` are the running policies where the caller has them, `holds` what is to hold as well.
    Raises `LedgerError`.
    """
    revisions = Revisions(ledger)
    if judges is None:
        judges = [judge for name in bot.revisions if (judge := revisions.judge(name)) is not None]
    rounds = tuple(_rounds(ledger, now, tuple(judges), revisions.judge))
    standing = standing_of(ledger, now, bot, rounds, holds=holds)
    return Outlook(at=now, standing=standing, futures=futures(rounds, standing))


class Foreseen:
    """What a running bot says becomes of every open round: worked out by its log, once, when asked."""

    def __init__(self, app: BotContext) -> None:
        self._app = app
        self._found: Outlook | None = None

    def __call__(self) -> Outlook:
        """All of it. Raises `LedgerError`."""
        if self._found is None:
            app = self._app
            bot = Bot(
                hold=None if app.mode is Mode.LIVE else REHEARSES,
                every=app.limits.every,
                quarantine=app.limits.quarantine,
                file=app.guard.paused_by_file(),
                brake=app.guard.braked(),
            )
            judges = [judge for bench in app.benches for judge in bench.judges]
            self._found = outlook_of(app.ledger, app.clock.now(), bot, judges=judges)
        return self._found

    def of(self, seen: Undecided) -> Future | None:
        """What becomes of one round; None where nobody can tell, for want of the log too."""
        try:
            return self().of(seen.review, seen.task_id)
        except LedgerError:
            return None


def standing_of(
    ledger: Ledger,
    now: datetime,
    bot: Bot,
    rounds: Sequence[RoundAhead],
    *,
    holds: Iterable[Hold] = (),
) -> Standing:
    """How things stand for these rounds. Raises `LedgerError`."""
    judges = {ahead.judge.policy.name: ahead.judge for ahead in rounds if ahead.judge is not None}
    found = (*holds_on(ledger, now, bot.file, brake=bot.brake), *holds)
    return Standing(
        now=now,
        holds=found if bot.hold is None else (bot.hold, *found),
        houses={name: _house(ledger, judge, now, rounds) for name, judge in judges.items()},
        quarantine=bot.quarantine,
        per_minute=_decisions_per_minute(bot, len(rounds)),
        every=bot.every,
        passed_at=bot.passed_at,
        ends=tuple(ahead.deadline_at for ahead in rounds if ahead.deadline_at is not None),
    )


def _house(ledger: Ledger, judge: Judge, now: datetime, rounds: Iterable[RoundAhead]) -> House:
    policy = judge.policy
    followed = {ahead.latest.decision.id for ahead in rounds if ahead.latest is not None}
    # What was last known of all reviews together, by what this policy was asked with.
    known = [ahead.facts for ahead in rounds if ahead.judge is judge and ahead.facts is not None]
    looks = looks_at_the_checker(policy)
    return House(
        judge=judge,
        spent=[
            Spent(logged.intended_at, logged.decision)
            for logged in ledger.sent(policy.name, now - DAY)
            # What may or may not have been done takes its room where its round is followed.
            if logged.intended_at is not None
            and not (logged.state in OPEN and logged.decision.id in followed)
        ],
        trial=trial_on(ledger, policy),
        fleet=max(known, key=lambda facts: facts.now).fleet if known else NO_FLEET,
        tries=tries_on(ledger, policy.applies_to.review, now) if looks else {},
    )


def _decisions_per_minute(bot: Bot, tasks: int) -> float | None:
    """What is left of the budget once the list is read at each poll, in decisions."""
    requests = bot.requests_per_minute
    if requests is None:
        return None
    pages = max(1, -(-tasks // 100))
    listing = (pages if pages == 1 else 2 * pages) * 60 / bot.every
    return max(requests - listing, requests / 2) / REQUESTS_A_DECISION


def _rounds(
    ledger: Ledger,
    now: datetime,
    judges: tuple[Judge, ...],
    judge_of: Callable[[str], Judge | None],
) -> Iterator[RoundAhead]:
    """Every open round with its facts as recorded, and what the log knows now of the account."""
    found = {
        (round.sighting.review, round.sighting.task_id): round for round in open_rounds(ledger)
    }
    known = facts_of_all(ledger, found.values())
    cancelled = cancelled_rounds(ledger)
    stages = steps_of(ledger, judges)
    for review in ACTIONS_OF:
        rounds = [
            _as_it_stands(
                _as_recorded(round, known, judges, judge_of),
                cancelled.get(subject(review, name, round.sighting.epoch)),
                stages,
            )
            for (kind, name), round in found.items()
            if kind == review
        ]
        if not any(ahead.judge is not None and ahead.judge.needs_account for ahead in rounds):
            yield from rounds
            continue
        ids = sorted({ahead.account_id for ahead in rounds if ahead.account_id})
        accounts = ledger.accounts(review, ids, now)
        for ahead in rounds:
            account = accounts.get(ahead.account_id or "", NO_ACCOUNT_HISTORY)
            facts = ahead.facts
            if facts is not None:
                facts = replace(facts, account=as_told(account, facts.account))
            yield replace(ahead, facts=facts)


def _as_it_stands(
    ahead: RoundAhead, word: LogNote | None, stages: Mapping[str, Steps]
) -> RoundAhead:
    """A round with the word of a person who cancelled it, and its rules where they stand now."""
    facts, judge = ahead.facts, ahead.judge
    if facts is not None and judge is not None and judge.policy.name in stages:
        facts = replace(facts, stages=stages[judge.policy.name])
    stop = None if word is None else Stop("cancelled", str(cancelled_by(word)), None, asks=True)
    return replace(ahead, facts=facts, cancelled=stop)


def _as_recorded(
    found: Round,
    known: Mapping[str, Facts],
    judges: tuple[Judge, ...],
    judge_of: Callable[[str], Judge | None],
) -> RoundAhead:
    sighting, latest = found.sighting, found.latest
    theirs = [judge for judge in judges if judge.policy.applies_to.review == sighting.review]
    seen = RoundAhead(
        review=sighting.review,
        task_id=sighting.task_id,
        epoch=sighting.epoch,
        deadline_at=deadline_of(sighting),
        deadline_is_estimate=sighting.deadline_at is None,
        amount_micros=sighting.amount_micros,
        judge=theirs[0] if len(theirs) == 1 else None,
    )
    if latest is None:
        return seen
    decision, facts = latest.decision, known.get(latest.decision.id)
    judge = None if judges else judge_of(decision.revision)
    seen = replace(
        seen,
        deadline_at=decision.deadline_at or seen.deadline_at,
        deadline_is_estimate=decision.deadline_is_estimate,
        account_id=decision.account_id,
        amount_micros=decision.amount_micros,
        round=decision.round,
        judge=judge,
        latest=latest,
    )
    if facts is None:
        return seen
    is_task = bool(facts.task.id)
    subject = facts.task if is_task else facts.bundle
    status = facts.task.status if is_task else facts.bundle.account_status
    covering = (
        judge for judge in judges if covers(judge.policy.applies_to, sighting.review, subject)
    )
    evidence = (facts.attempts, facts.delivered, facts.differs)
    return replace(
        seen,
        judge=next(covering, None) if judges else judge,
        facts=facts,
        # By what the API said of it when it was judged.
        unsendable=unsendable(sighting.review, status, sighting.epoch, facts.deadline_at),
        complete=any(part is not None for part in evidence),
    )


def facts_of(ledger: Ledger, latest: Logged) -> Facts | None:
    """The facts that a decision was made by; None where they cannot be read."""
    logged = ledger.decision(latest.decision.id)
    return None if logged is None else _facts_in(logged)


def facts_of_all(ledger: Ledger, rounds: Iterable[Round]) -> dict[str, Facts]:
    """The facts that the newest decisions of rounds were made by, where they can be read, by its id."""
    ids = [round_.latest.decision.id for round_ in rounds if round_.latest is not None]
    read = ((name, _facts_in(logged)) for name, logged in ledger.decisions_named(ids).items())
    return {name: facts for name, facts in read if facts is not None}


def _facts_in(logged: Logged) -> Facts | None:
    try:
        known = facts_from_json(logged.decision.facts)
        # Which limits were full then is no matter now.
        return None if known is None else replace(known, full=())
    except (ValueError, KeyError, msgspec.MsgspecError):
        return None
