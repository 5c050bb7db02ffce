"""Scorecards: for each rule, how its decisions turned out, as far as anything came back.

Theory of operation. The log is read into two things: the claims that rules made, and what became
known later of each thing (`grades.py` says what proves what). Most claims are never answered: after
an approval nothing usually comes back. So a card shows the share that was answered, and the interval
of the wrong among those. Who is asked and what returns is no sample drawn by lot, and no interval can
say how wrong the rest was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.core.proportion import wilson
from reviewbot.domain.decision import DEADLINE, DONE, Action, Decision
from reviewbot.domain.review import ReviewKind, is_account
from reviewbot.domain.round_state import WORDS
from reviewbot.domain.task import Attempt
from reviewbot.insights.grades import (
    NOTHING_LATER,
    Act,
    Aftermath,
    Grade,
    GradeEvidence,
    RuleClaim,
    find,
    grade,
)
from reviewbot.ports.ledger import Ending, Ledger, Logged, LogNote
from reviewbot.review.reconcile import TOPIC as LATER
from reviewbot.review.shadow import RULE, SAYS

TOPICS = (LATER, SAYS)
"""What the log notes beside decisions and endings, and scorecards read."""
WATCHES = "a shadow rule"
"""The voice of a policy's own rule that watches."""
SOMEBODY = "somebody in the dashboard, or another tool,"
PERSON = "a person"
Thing = tuple[str, str]
"""A review and an id."""


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with its grade, and what it rests on."""

    claim: RuleClaim
    grade: Grade
    found: GradeEvidence | None = None


class RuleScore(msgspec.Struct, kw_only=True):
    """What one rule claimed, and how that turned out. Amounts in millionths of a US dollar."""

    voice: str
    rule: str
    action: Action
    counts: Counter[Grade] = msgspec.field(default_factory=Counter)
    micros: int = 0
    micros_against: int = 0
    days: Counter[int] = msgspec.field(default_factory=Counter)
    """How many claims on each day of UTC, by its ordinal."""

    def add(self, graded: Graded) -> None:
        """Count one claim."""
        self.counts[graded.grade] += 1
        self.days[graded.claim.at.toordinal()] += 1
        self.micros += graded.claim.micros
        if graded.grade.against:
            self.micros_against += graded.claim.micros

    @property
    def claims(self) -> int:
        """How often it claimed this."""
        return self.counts.total()

    def by_week(self, until: datetime, weeks: int = 4) -> list[int]:
        """How many claims in each of the weeks up to a day, the oldest first."""
        ends = until.toordinal()
        found = [0] * weeks
        for day, count in self.days.items():
            ago = (ends - day) // 7
            if 0 <= ago < weeks:
                found[weeks - 1 - ago] += count
        return found

    @property
    def answered(self) -> int:
        """Of how many claims something came back that tells."""
        return self.claims - self.counts[Grade.CANNOT_KNOW]

    @property
    def against(self) -> int:
        """How many of them speak against it."""
        return self.counts[Grade.PROBABLY_WRONG] + self.counts[Grade.OVERRULED]

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of those against may lie, at 95 %, among all that are like the answered."""
        return wilson(self.against, self.answered)


class AskedAnswers(msgspec.Struct, kw_only=True):
    """What people answered where a rule asked them."""

    rule: str
    paid: int = 0
    sent_back: int = 0
    nobody: int = 0
    """Nobody answered, or not yet."""


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Every rule's card, every claim that was answered, and what people said where they were asked."""

    cards: tuple[RuleScore, ...]
    answered: tuple[Graded, ...]
    asked: tuple[AskedAnswers, ...]


def scorecard(
    decisions: Sequence[Logged], endings: Sequence[Ending], notes: Sequence[LogNote]
) -> Scorecard:
    """Grade what rules decided; `notes` are those of `TOPICS`."""
    cards: dict[tuple[str, str, Action], RuleScore] = {}
    graded = graded_claims(decisions, endings, notes)
    for answer in graded:
        claim = answer.claim
        key = (claim.voice, claim.rule, claim.action)
        if key not in cards:
            cards[key] = RuleScore(voice=claim.voice, rule=claim.rule, action=claim.action)
        cards[key].add(answer)
    return Scorecard(
        cards=tuple(sorted(cards.values(), key=lambda card: (card.voice, -card.claims))),
        answered=tuple(answer for answer in graded if answer.found is not None),
        asked=_asked(decisions, later_of(decisions, endings, ())),
    )


def graded_claims(
    decisions: Sequence[Logged], endings: Sequence[Ending], notes: Sequence[LogNote]
) -> list[Graded]:
    """Every claim with its grade, also those of which nothing can be known."""
    later = later_of(decisions, endings, notes)
    graded = []
    for claim in claims_of(decisions, notes):
        found = find(claim, later.get((claim.review, claim.task_id), NOTHING_LATER))
        graded.append(Graded(claim=claim, grade=grade(claim, found), found=found))
    return graded


def claims_of(decisions: Iterable[Logged], notes: Iterable[LogNote]) -> Iterator[RuleClaim]:
    """Every claim that a rule made: sent, held, rehearsed, or spoken in the shadow."""
    by_id: dict[str, Decision] = {}
    for logged in decisions:
        decision = logged.decision
        by_id[decision.id] = decision
        action = decision.action if decision.action.writes else decision.wanted
        if decision.decided_by is None and action is not None:
            yield RuleClaim(
                rule=decision.rule,
                action=action,
                review=decision.review,
                task_id=decision.task_id,
                epoch=decision.epoch,
                at=logged.intended_at or decision.decided_at,
                micros=decision.amount_micros or 0,
                carried_out=logged.state in DONE and action is decision.action,
            )
    for note in notes:
        beside = by_id.get(str(note.value.get("decision"))) if note.topic == SAYS else None
        if beside is None:
            continue
        says, who = note.value["says"], str(note.value["who"])
        action = Action(says[0])
        if action.writes:
            yield RuleClaim(
                voice=WATCHES if who == f"{RULE} {says[1]}" else who,
                rule=str(says[1]),
                action=action,
                review=beside.review,
                task_id=beside.task_id,
                epoch=beside.epoch,
                at=note.at,
                micros=beside.amount_micros or 0,
            )


def later_of(
    decisions: Iterable[Logged], endings: Iterable[Ending], notes: Iterable[LogNote]
) -> Mapping[Thing, Aftermath]:
    """Who acted on the rounds of each thing, and what its checks saw."""
    acts: dict[Thing, list[Act]] = defaultdict(list)
    for logged in decisions:
        decision = logged.decision
        if decision.decided_by is not None and logged.state in DONE:
            at = logged.settled_at or logged.state_at
            act = Act(epoch=decision.epoch, at=at, pays=decision.action.pays, by=PERSON)
            acts[decision.review, decision.task_id].append(act)
    for ending in endings:
        pays = _outside(ending)
        if pays is not None:
            act = Act(epoch=ending.epoch, at=ending.at, pays=pays, by=SOMEBODY)
            acts[ending.review, ending.task_id].append(act)
    checks = {
        (str(note.value["review"]), str(note.value["task"])): tuple(
            msgspec.convert(check, Attempt) for check in note.value["checks"]
        )
        for note in notes
        if note.topic == LATER
    }
    return {
        thing: Aftermath(acts=tuple(acts.get(thing, ())), checks=checks.get(thing, ()))
        for thing in acts.keys() | checks.keys()
    }


def _outside(ending: Ending) -> bool | None:
    """Whether somebody outside this log paid or sent back; None where nobody did, or it is unclear."""
    if ending.by != "other" or ending.status is None:
        return None
    words = WORDS[ending.review]
    if ending.status in words.paid:
        return True
    back = words.sent_back | words.moved_on | words.waiting
    return False if ending.status in back else None


def _asked(
    decisions: Iterable[Logged], later: Mapping[Thing, Aftermath]
) -> tuple[AskedAnswers, ...]:
    rules: dict[str, AskedAnswers] = {}
    for logged in decisions:
        decision = logged.decision
        if decision.action is not Action.ESCALATE:
            continue
        answers = rules.setdefault(decision.rule, AskedAnswers(rule=decision.rule))
        known = later.get((decision.review, decision.task_id), NOTHING_LATER)
        act = next((act for act in known.acts if act.epoch == decision.epoch), None)
        if act is None:
            answers.nobody += 1
        elif act.pays:
            answers.paid += 1
        else:
            answers.sent_back += 1
    return tuple(
        sorted(rules.values(), key=lambda asked: -(asked.paid + asked.sent_back + asked.nobody))
    )


DAYS = 30


class RuleCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions by rule, `no rule` and `deadline` included, of all revisions of a policy."""

    decided: dict[str, int]
    could_not_tell: dict[str, int]
    decisions: int


def hits(ledger: Ledger, policy: str, now: datetime) -> RuleCounts:
    """Count what a policy of this name decided in the last 30 days; people's answers are not its own."""
    since = now - timedelta(days=DAYS)
    return counts_of(ledger.decided(policy, since), since).get(policy, NO_COUNTS)


NO_COUNTS = RuleCounts(decided={}, could_not_tell={}, decisions=0)


def counts_of(decisions: Iterable[Logged], since: datetime) -> dict[str, RuleCounts]:
    """The same of decisions at hand, by policy."""
    decided: dict[str, Counter[str]] = defaultdict(Counter)
    unclear: dict[str, Counter[str]] = defaultdict(Counter)
    for logged in decisions:
        decision = logged.decision
        if decision.decided_by is None and decision.decided_at >= since:
            decided[decision.policy][decision.rule] += 1
            unclear[decision.policy].update(decision.cannot_tell)
    return {
        policy: RuleCounts(decided=rules, could_not_tell=unclear[policy], decisions=rules.total())
        for policy, rules in decided.items()
    }


Ground = Literal["rule", "person", "fallback", "silence"]
GROUNDS: tuple[Ground, ...] = ("rule", "person", "fallback", "silence")
"""On whose word something was paid. `silence`: nobody and nothing decided; it has to be 0."""


class GroundTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many were paid on one ground, and how much, in millionths of a US dollar."""

    tasks: int = 0
    """Of both kinds of review; `accounts` says how many of them were accounts."""
    micros: int = 0
    accounts: int = 0


class PayoutTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The four ledgers, what was paid outside this log, and what was sent back."""

    paid: dict[str, GroundTotal]
    outside: GroundTotal = GroundTotal()
    """Paid by somebody in TokPortal's dashboard or with another tool."""
    sent_back: int = 0
    nobody_answered: int = 0
    """Rounds in which a person was asked and nobody answered before they ended."""


def books(ledger: Ledger, since: datetime) -> PayoutTotals:
    """What was paid and sent back from `since` on."""
    return add_up(ledger.decisions(since=since), ledger.endings(since))


def add_up(decisions: Iterable[Logged], endings: Iterable[Ending]) -> PayoutTotals:
    """Add up what became known of these decisions and endings."""
    paid: dict[str, list[tuple[ReviewKind, int | None]]] = defaultdict(list)
    sent_back = nobody = 0
    for logged in decisions:
        decision = logged.decision
        if logged.state not in DONE:
            continue
        if decision.action.pays:
            paid[ground_of(decision)].append((decision.review, decision.amount_micros))
        else:
            sent_back += 1
    for ending in endings:
        nobody += (ending.note or "").startswith("nobody answered")
        ground = {"silence": "silence", "leave": "rule", "other": "outside"}.get(ending.by)
        if ground is not None and (ending.by != "other" or ending.status == "finalized"):
            paid[ground].append((ending.review, ending.amount_micros))
    totals = {
        ground: GroundTotal(
            tasks=len(paid[ground]),
            micros=sum(micros or 0 for _, micros in paid[ground]),
            accounts=sum(is_account(review) for review, _ in paid[ground]),
        )
        for ground in (*GROUNDS, "outside")
    }
    return PayoutTotals(
        outside=totals.pop("outside"), paid=totals, sent_back=sent_back, nobody_answered=nobody
    )


def ground_of(decision: Decision) -> Ground:
    """On whose word a decision was made."""
    if decision.decided_by is not None:
        return "person"
    return "fallback" if decision.rule == DEADLINE else "rule"
