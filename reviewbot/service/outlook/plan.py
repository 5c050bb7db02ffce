"""Plan: what would happen to everything that waits, now and up to its deadline, without acting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.errors import ApiError, CannotConnect, Forbidden, KeyRefused, NotFound
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import Evidence, ReviewItem, ReviewKind
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts, build_facts
from reviewbot.policy.future import over_time, turns
from reviewbot.ports import Logged
from reviewbot.service.app import App, Bench
from reviewbot.service.intake import look_at_all, with_memories
from reviewbot.service.judging import Known
from reviewbot.service.look import evidence_for
from reviewbot.service.verdict import UNCOVERED, Verdict, cannot_send, verdict_of
from reviewbot.service.writing import round_of

Paid = Literal["rule", "fallback", "silence", "left", "sent back", "acted on", "unknown"]


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """From this moment on the answer is this."""

    at: datetime
    action: str
    rule: str
    until: datetime | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits: what would be done now, and each change of that.

    `end` is how it will end if nobody steps in; `logged` the state of what was done in this round
    already, where something was. `note` says why nothing can be sent, where nothing can.
    """

    item: ReviewItem
    round: int
    verdict: Verdict
    facts: Facts
    later: tuple[Later, ...]
    end: Paid
    end_at: datetime | None = None
    logged: State | None = None
    note: str | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that could not be judged, and why."""

    item: ReviewItem
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to the whole queue. Nothing was sent: `writes` is the transport's count."""

    at: datetime
    planned: tuple[Planned, ...]
    failed: tuple[Failed, ...]
    agreed: bool
    requests: int
    writes: int

    @property
    def now(self) -> dict[str, int]:
        """How many of each action, now."""
        return Counter(one.verdict.action.value for one in self.planned)

    @property
    def kinds(self) -> tuple[ReviewKind, ...]:
        """The kinds of review that wait."""
        items = [one.item for one in self.planned] + [one.item for one in self.failed]
        return tuple(dict.fromkeys(item.review for item in items))

    @property
    def ends(self) -> dict[str, int]:
        """How many will end in each way."""
        return Counter(one.end for one in self.planned)

    @property
    def money_micros(self) -> dict[str, int]:
        """What will be paid in each way, in millionths of a US dollar; unknown amounts count 0."""
        paid: Counter[str] = Counter()
        for one in self.planned:
            if one.end in ("rule", "fallback", "silence", "left"):
                paid[one.end] += one.item.amount_micros or 0
        return paid

    @property
    def people_needed(self) -> int:
        """How many wait for a person now."""
        return sum(one.verdict.action is Action.ESCALATE for one in self.planned)


def plan(
    app: App,
    *,
    at: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Judge all that waits as of `at` (now), and onwards. Raises `ApiError` when the list fails."""
    requests, writes = app.traffic.requests, app.traffic.writes
    planned: list[Planned] = []
    failed: list[Failed] = []
    agreed = True
    for bench in app.benches:
        items, whole = look_at_all(app, bench, note=False)
        agreed = agreed and whole
        for number, (item, known) in enumerate(with_memories(app, bench, items, bench.judges)):
            try:
                planned.append(_plan_one(app, bench, item, known, at or app.clock.now()))
            except (KeyRefused, CannotConnect):
                raise
            except (NotFound, Forbidden):
                failed.append(Failed(item=item, why="it was no longer there when looked at"))
            except ApiError as error:
                failed.append(Failed(item=item, why=str(error)))
            if progress is not None:
                progress(number + 1, len(items))
    return Plan(
        at=at or app.clock.now(),
        planned=tuple(planned),
        failed=tuple(failed),
        agreed=agreed,
        requests=app.traffic.requests - requests,
        writes=app.traffic.writes - writes,
    )


def end_of(
    answers: list[tuple[datetime, Evaluation]], deadline: datetime | None
) -> tuple[Paid, datetime | None]:
    """How a round ends by these answers if nobody steps in: the first one carried out decides."""
    for moment, answer in answers:
        if not answer.action.writes or answer.until is not None:
            continue
        return end_by(answer.action, answer.rule), moment
    if answers and answers[-1][1].action is Action.LEAVE:
        return "left", deadline
    return "silence", deadline


def end_by(action: Action, rule: str) -> Paid:
    """How a round ends by an answer that is sent."""
    if not action.pays:
        return "sent back"
    return "fallback" if rule == DEADLINE else "rule"


def _plan_one(app: App, bench: Bench, item: ReviewItem, known: Known, at: datetime) -> Planned:
    judge = known.judge
    facts = _facts(item, known, at, None)
    if judge is None:
        answers, verdict = [], UNCOVERED
    else:
        if app.limits.always_evidence or _needs_evidence(judge, facts):
            facts = _facts(item, known, at, evidence_for(app, bench, item).evidence)
        answers = over_time(judge, facts, item.deadline_at or at)
        verdict = verdict_of(judge, facts, answers[0][1])
    claimed = _claimed(item, known)
    end, end_at = _end(item, answers, claimed)
    return Planned(
        item=item,
        round=round_of(facts),
        verdict=verdict,
        facts=facts,
        later=tuple(
            Later(at=moment, action=answer.action.value, rule=answer.rule, until=answer.until)
            for moment, answer in answers[1:]
        ),
        end=end,
        end_at=end_at,
        logged=None if claimed is None else claimed.state,
        note=cannot_send(item),
    )


def _facts(item: ReviewItem, known: Known, at: datetime, evidence: Evidence | None) -> Facts:
    return build_facts(
        item,
        now=at,
        evidence=evidence,
        past=known.memory.history,
        account=known.account,
        fleet=known.fleet,
    )


def _needs_evidence(judge: Judge, facts: Facts) -> bool:
    """Whether any answer, now or later, needs the evidence."""
    if not judge.ever_needs_evidence:
        return False
    moments = [facts.now, *turns(judge, facts)]
    return any(
        judge.triage(msgspec.structs.replace(facts, now=moment)) is None for moment in moments
    )


def _claimed(item: ReviewItem, known: Known) -> Logged | None:
    """What we did in this round already."""
    return known.memory.latest if item.epoch in known.memory.claimed else None


def _end(
    item: ReviewItem, answers: list[tuple[datetime, Evaluation]], claimed: Logged | None
) -> tuple[Paid, datetime | None]:
    """How it will end if nobody steps in: the first answer that is carried out decides."""
    if claimed is not None:
        return "acted on", claimed.state_at
    if cannot_send(item) is not None:
        return ("unknown" if item.deadline_at is None else "silence"), item.deadline_at
    return end_of(answers, item.deadline_at)
