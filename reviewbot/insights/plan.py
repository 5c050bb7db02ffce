"""Plan: what would happen to everything that waits, now and up to its deadline, without acting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import msgspec

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Background, HeldEvidence, LoopLimits, ReviewPipeline
from reviewbot.core.questions import open_rounds
from reviewbot.core.verdict import UNCOVERED, Verdict, verdict_of
from reviewbot.domain.decision import OPEN, Action, State
from reviewbot.domain.errors import ApiError, CannotConnect, Forbidden, KeyRefused, NotFound
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.domain.round_state import cannot_send
from reviewbot.domain.task import Timeline
from reviewbot.domain.text import iso
from reviewbot.foresight.ahead import futures
from reviewbot.foresight.future import Future, Paid, RoundAhead, Standing
from reviewbot.foresight.gather import Bot, facts_of_all, standing_of
from reviewbot.insights.limits_forecast import LimitHit, bites_of
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.explain.explain import on_a_threshold
from reviewbot.policy.explain.what_if import turns
from reviewbot.policy.facts import Facts
from reviewbot.ports.queue import Clock
from reviewbot.review.execute import round_of
from reviewbot.review.fetch import evidence_for, kept_evidence, look_at_all, with_memories
from reviewbot.safety.pauses import Hold


class PlannedChange(msgspec.Struct, frozen=True, kw_only=True):
    """From this moment on the answer is this."""

    at: datetime
    action: str
    rule: str
    until: datetime | None = None


HELD = "held"


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits: what the policy says now, each change of that, and what becomes of it.

    `now` is the action that the next pass takes, or `held` where it takes none that the policy asks
    for; `note` says why nothing can be sent, where nothing can.
    """

    item: ReviewItem
    verdict: Verdict
    facts: Facts
    future: Future
    now: str
    note: str | None = None

    @property
    def threshold(self) -> str | None:
        """What one step of one number would bring; None where the answer does not hang on that."""
        judge = self.future.round.judge
        return None if judge is None else on_a_threshold(judge, self.facts)

    @property
    def round(self) -> int:
        """Which round it is."""
        return self.future.round.round

    @property
    def end(self) -> Paid:
        """How it will end if nobody steps in."""
        return self.future.end

    @property
    def end_at(self) -> datetime | None:
        """When it will."""
        return self.future.at

    @property
    def later(self) -> tuple[PlannedChange, ...]:
        """Each change of what the policy says."""
        return tuple(
            PlannedChange(at=at, action=answer.action.value, rule=answer.rule, until=answer.until)
            for at, answer in self.future.answers[1:]
        )

    @property
    def logged(self) -> State | None:
        """The state of what was sent in this round already, where something was."""
        latest = self.future.round.latest
        return latest.state if latest is not None and latest.intended_at is not None else None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that could not be judged, and why."""

    item: ReviewItem
    why: str


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to the whole queue. Nothing was sent: `writes` is the transport's count."""

    at: datetime
    planned: tuple[Planned, ...]
    failed: tuple[Failed, ...]
    agreed: bool
    requests: int
    writes: int
    standing: Standing

    @property
    def holds(self) -> tuple[Hold, ...]:
        """What keeps decisions back, whatever they are."""
        return self.standing.holds

    @property
    def now(self) -> dict[str, int]:
        """How many of each action the next pass takes, and how many are held."""
        return Counter(planned.now for planned in self.planned if not planned.future.is_over)

    @property
    def kinds(self) -> tuple[ReviewKind, ...]:
        """The kinds of review that wait."""
        items = [planned.item for planned in self.planned]
        items += [failed.item for failed in self.failed]
        return tuple(dict.fromkeys(item.review for item in items))

    @property
    def ends(self) -> dict[str, int]:
        """How many will end in each way."""
        return Counter(planned.end for planned in self.planned)

    @property
    def money_micros(self) -> dict[str, int]:
        """What will be paid in each way, in millionths of a US dollar; unknown amounts count 0."""
        paid: Counter[str] = Counter()
        for planned in self.planned:
            if planned.end in ("rule", "fallback", "silence", "left"):
                paid[planned.end] += planned.item.amount_micros or 0
        return paid

    @property
    def people_needed(self) -> int:
        """How many wait for a person now."""
        return self.now.get(Action.ESCALATE, 0)

    @property
    def bites(self) -> tuple[LimitHit, ...]:
        """The caps that will keep something back, and what."""
        return bites_of(planned.future for planned in self.planned)


def plan(
    app: BotContext,
    *,
    at: datetime | None = None,
    bot: Bot | None = None,
    progress: Callable[[int, int], None] | None = None,
    patience: float = math.inf,
) -> QueuePlan:
    """Judge all that waits as of `at` (now), and say what becomes of it.

    `bot` is what is known of the bot that runs; without it a live one is taken for granted. After
    `patience` seconds no more evidence is fetched. Raises `ApiError` when the list fails, and
    `LedgerError`.
    """
    end = app.clock.monotonic() + patience
    requests, writes = app.traffic.requests, app.traffic.writes
    seen: list[tuple[ReviewItem, Facts, RoundAhead]] = []
    failed: list[Failed] = []
    agreed = True
    for bench in app.benches:
        items, whole = look_at_all(
            app.ledger, app.clock, app.events, app.notifier, bench, note=False
        )
        agreed = agreed and whole
        for number, (item, background) in enumerate(
            with_memories(app.ledger, app.clock, app.events, bench, items, bench.judges)
        ):
            fetch = app.clock.monotonic() < end
            try:
                moment = at or app.clock.now()
                row = _see(app.clock, app.limits, bench, item, background, moment, fetch=fetch)
                seen.append(row)
            except (KeyRefused, CannotConnect):
                raise
            except (NotFound, Forbidden):
                failed.append(Failed(item=item, why="it was no longer there when looked at"))
            except ApiError as error:
                failed.append(Failed(item=item, why=str(error)))
            if progress is not None:
                progress(number + 1, len(items))
    now = at or app.clock.now()
    rounds = [ahead for _, _, ahead in seen]
    bot = bot or Bot(
        file=app.guard.paused_by_file(), quarantine=app.limits.quarantine, every=app.limits.every
    )
    standing = standing_of(app.ledger, now, bot, rounds)
    found = futures(rounds, standing)
    return QueuePlan(
        at=now,
        planned=tuple(
            _planned(item, facts, found[ahead.key], standing) for item, facts, ahead in seen
        ),
        failed=tuple(failed),
        agreed=agreed,
        requests=app.traffic.requests - requests,
        writes=app.traffic.writes - writes,
        standing=standing,
    )


def _see(
    clock: Clock,
    limits: LoopLimits,
    bench: ReviewPipeline,
    item: ReviewItem,
    known: Background,
    at: datetime,
    *,
    fetch: bool,
) -> tuple[ReviewItem, Facts, RoundAhead]:
    """One thing as read, with its round."""
    judge, known = known.judge, _as_if_lost(known, item)
    facts, held = known.facts(item, at), kept_evidence(clock, bench, item)
    if judge is not None and (limits.always_evidence or _needs_evidence(judge, facts)):
        if held is None and fetch:
            held = evidence_for(clock, bench, item)
        if held is not None:
            facts = known.facts(item, at, held.evidence)
    latest = known.memory.latest
    ahead = RoundAhead(
        review=item.review,
        task_id=item.id,
        epoch=item.epoch,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        account_id=item.account_id,
        amount_micros=item.amount_micros,
        round=round_of(facts),
        judge=judge,
        facts=facts,
        complete=held is not None,
        listed=True,
        latest=None if latest is None or latest.decision.epoch != item.epoch else latest,
        unsendable=cannot_send(item),
    )
    return item, facts, ahead


def _as_if_lost(known: Background, item: ReviewItem) -> Background:
    """What is known where a write of this round that may have arrived did not: its text was not used."""
    memory, latest = known.memory, known.memory.latest
    if latest is None or latest.state not in OPEN or latest.decision.epoch != item.epoch:
        return known
    texts = list(memory.history.texts)
    if latest.decision.reason in texts:
        del texts[len(texts) - 1 - texts[::-1].index(latest.decision.reason)]
    history = msgspec.structs.replace(memory.history, texts=tuple(texts))
    memory = msgspec.structs.replace(memory, history=history)
    return msgspec.structs.replace(known, memory=memory)


def _planned(item: ReviewItem, facts: Facts, future: Future, standing: Standing) -> Planned:
    judge = future.round.judge
    if judge is None:
        verdict = UNCOVERED
    else:
        answer = future.answers[0][1] if future.answers else judge.judge(facts)
        verdict = verdict_of(judge, facts, answer)
    return Planned(
        item=item,
        verdict=verdict,
        facts=facts,
        future=future,
        now=_now(verdict, future, standing),
        note=future.round.unsendable,
    )


def _now(verdict: Verdict, future: Future, standing: Standing) -> str:
    if future.asked_at is not None and future.asked_at <= standing.now:
        return Action.ESCALATE.value
    if not verdict.action.writes:
        return verdict.action.value
    is_sent = future.at is not None and future.at <= standing.pass_at(
        standing.now, future.round.ends_by(standing.now)
    )
    return future.action.value if is_sent and future.action is not None else HELD


def _needs_evidence(judge: Judge, facts: Facts) -> bool:
    """Whether any answer, now or later, needs the evidence."""
    if not judge.ever_needs_evidence:
        return False
    moments = [facts.now, *turns(judge, facts)]
    return any(
        judge.triage(msgspec.structs.replace(facts, now=moment)) is None for moment in moments
    )


def recall_evidence(app: BotContext) -> None:
    """Keep in mind what the verifier had seen of each open task when it was last decided.

    So looking ahead costs no requests for it. It is used only where the task has not changed since;
    the log keeps the tries of the present round, which are all that a judge looks at. For judging
    ahead, never for sending.
    """
    rounds = list(open_rounds(app.ledger))
    known = facts_of_all(app.ledger, rounds)
    for round_ in rounds:
        sighting, bench = round_.sighting, app.bench(round_.sighting.review)
        if round_.latest is None or bench is None:
            continue
        facts = known.get(round_.latest.decision.id)
        if facts is None or facts.attempts is None or facts.task.updated_at is None:
            continue
        bench.evidence[sighting.task_id] = HeldEvidence(
            (sighting.task_id, sighting.epoch, iso(facts.task.updated_at)),
            Timeline(task_id=sighting.task_id, attempts=facts.attempts),
            app.clock.monotonic(),
        )
