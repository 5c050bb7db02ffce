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

import msgspec

from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.lifecycle import DONE
from reviewbot.domain.timeline import Attempt
from reviewbot.ports import Ending, Logged, Noted
from reviewbot.service.effects import WORDS
from reviewbot.service.followup import TOPIC as LATER
from reviewbot.service.guards.proportion import wilson
from reviewbot.service.outlook.grades import (
    NOTHING_LATER,
    Act,
    Claim,
    Finding,
    Grade,
    Later,
    find,
    grade,
)
from reviewbot.service.outlook.shadow import RULE, SAYS

TOPICS = (LATER, SAYS)
"""What the log notes beside decisions and endings, and scorecards read."""
SOMEBODY = "somebody in the dashboard, or another tool,"
PERSON = "a person"

Thing = tuple[str, str]
"""A review and an id."""


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with its grade, and what it rests on."""

    claim: Claim
    grade: Grade
    found: Finding | None = None


class Card(msgspec.Struct, kw_only=True):
    """What one rule claimed, and how that turned out. Amounts in millionths of a US dollar."""

    voice: str
    rule: str
    action: Action
    counts: Counter[Grade] = msgspec.field(default_factory=Counter)
    micros: int = 0
    micros_against: int = 0

    def add(self, graded: Graded) -> None:
        """Count one claim."""
        self.counts[graded.grade] += 1
        self.micros += graded.claim.micros
        if graded.grade.against:
            self.micros_against += graded.claim.micros

    @property
    def claims(self) -> int:
        """How often it claimed this."""
        return self.counts.total()

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


class Asked(msgspec.Struct, kw_only=True):
    """What people answered where a rule asked them."""

    rule: str
    paid: int = 0
    sent_back: int = 0
    nobody: int = 0
    """Nobody answered, or not yet."""


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Every rule's card, every claim that was answered, and what people said where they were asked."""

    cards: tuple[Card, ...]
    answered: tuple[Graded, ...]
    asked: tuple[Asked, ...]


def scorecard(
    decisions: Sequence[Logged], endings: Sequence[Ending], notes: Sequence[Noted]
) -> Scorecard:
    """Grade what rules decided; `notes` are those of `TOPICS`."""
    cards: dict[tuple[str, str, Action], Card] = {}
    graded = graded_claims(decisions, endings, notes)
    for one in graded:
        claim = one.claim
        key = (claim.voice, claim.rule, claim.action)
        if key not in cards:
            cards[key] = Card(voice=claim.voice, rule=claim.rule, action=claim.action)
        cards[key].add(one)
    return Scorecard(
        cards=tuple(sorted(cards.values(), key=lambda one: (one.voice, -one.claims))),
        answered=tuple(one for one in graded if one.found is not None),
        asked=_asked(decisions, later_of(decisions, endings, ())),
    )


def graded_claims(
    decisions: Sequence[Logged], endings: Sequence[Ending], notes: Sequence[Noted]
) -> list[Graded]:
    """Every claim with its grade, also those of which nothing can be known."""
    later = later_of(decisions, endings, notes)
    found = [
        (claim, find(claim, later.get((claim.review, claim.task_id), NOTHING_LATER)))
        for claim in claims_of(decisions, notes)
    ]
    return [Graded(claim=claim, grade=grade(claim, one), found=one) for claim, one in found]


# What was claimed ----------------------------------------------------------------------------


def claims_of(decisions: Iterable[Logged], notes: Iterable[Noted]) -> Iterator[Claim]:
    """Every claim that a rule made: sent, held, rehearsed, or spoken in the shadow."""
    by_id: dict[str, Decision] = {}
    for logged in decisions:
        decision = logged.decision
        by_id[decision.id] = decision
        action = decision.action if decision.action.writes else decision.wanted
        if decision.decided_by is None and action is not None:
            yield Claim(
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
        if beside is not None:
            yield from _said(note, beside)


def _said(note: Noted, beside: Decision) -> Iterator[Claim]:
    says, who = note.value["says"], str(note.value["who"])
    action = Action(says[0])
    if action.writes:
        yield Claim(
            voice="a shadow rule" if who == f"{RULE} {says[1]}" else who,
            rule=str(says[1]),
            action=action,
            review=beside.review,
            task_id=beside.task_id,
            epoch=beside.epoch,
            at=note.at,
            micros=beside.amount_micros or 0,
        )


# What became known later ---------------------------------------------------------------------


def later_of(
    decisions: Iterable[Logged], endings: Iterable[Ending], notes: Iterable[Noted]
) -> Mapping[Thing, Later]:
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
        (str(note.value["review"]), str(note.value["task"])): _checks(note)
        for note in notes
        if note.topic == LATER
    }
    return {
        thing: Later(acts=tuple(acts.get(thing, ())), checks=checks.get(thing, ()))
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


def _checks(note: Noted) -> tuple[Attempt, ...]:
    return tuple(msgspec.convert(one, Attempt) for one in note.value["checks"])


def _asked(decisions: Iterable[Logged], later: Mapping[Thing, Later]) -> tuple[Asked, ...]:
    rules: dict[str, Asked] = {}
    for logged in decisions:
        decision = logged.decision
        if decision.action is not Action.ESCALATE:
            continue
        one = rules.setdefault(decision.rule, Asked(rule=decision.rule))
        known = later.get((decision.review, decision.task_id), NOTHING_LATER)
        act = next((act for act in known.acts if act.epoch == decision.epoch), None)
        if act is None:
            one.nobody += 1
        elif act.pays:
            one.paid += 1
        else:
            one.sent_back += 1
    return tuple(sorted(rules.values(), key=lambda one: -(one.paid + one.sent_back + one.nobody)))
