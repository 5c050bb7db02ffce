"""What a policy comes to over recorded reviews, and what a change of policy moves from where to where.

Theory of operation. Every review is judged by both policies on the same facts at the same moment; a
back-test is the same with one policy. Only sums are kept, so a million reviews take no more memory
than a thousand, and sums of parts add up: several processes can each count their share. They are
whole numbers, and the reviews named are those whose names hash lowest, so neither the cut nor the
order of the parts can change a result.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, NamedTuple, Protocol
from zlib import crc32

import msgspec

from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.policy.engine.calendar import resolver
from reviewbot.policy.engine.judge import Judge, compile_pauses, fleet_facts
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import AppliesTo, Policy

SAMPLES = 3
"""Reviews kept by name for each kind of move."""
_SEED = 0x5EED
_KNOWN = 1000
"""Pairs of answers whose move is kept at hand."""
NOT_COVERED = Evaluation(Action.ESCALATE, NO_RULE, None, "this policy does not apply to it")
"""What a policy says of a review that it does not cover."""
_WINDOW = timedelta(hours=72)
"""Stands for a deadline that a record does not state."""


class Recorded(Protocol):
    """A review as it was recorded: of a comment task, or of an account."""

    @property
    def review(self) -> ReviewKind:
        """Which kind of review it is."""

    @property
    def subject(self) -> Subject:
        """The thing itself, under the API's names."""

    @property
    def amount_micros(self) -> int:
        """What an approval pays, in millionths of a US dollar; 0 where it is not known."""

    def facts(self, at: datetime) -> Facts:
        """The facts at the record's own moment, or at `at` where it carries none."""


class RecordedAnswer(msgspec.Struct, frozen=True):
    """One line of `policy decide`."""

    id: str
    action: Action
    rule: str
    reason: str | None
    until: datetime | None
    cannot_tell: tuple[str, ...]


class UnansweredRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The line of `policy decide` in the place of one that could not be read: a person is asked."""

    id: None = None
    action: Action = Action.ESCALATE
    rule: str = NO_RULE
    reason: None = None
    until: None = None
    cannot_tell: tuple[str, ...] = ()
    error: str


def covers(applies_to: AppliesTo, review: ReviewKind, subject: Subject) -> bool:
    """Whether a policy's `applies to` takes this in; an unknown value fits no narrowing."""
    return (
        applies_to.review == review
        and (not applies_to.platform or subject.platform in applies_to.platform)
        and (
            not applies_to.saved_account_id
            or subject.saved_account_id in applies_to.saved_account_id
        )
    )


Opinion = Callable[[Recorded, Facts], Evaluation]


def opinion(judge: Judge) -> Opinion:
    """Make the function that says what a policy makes of a record and its facts, statements asked."""
    scope, decide, guarded = judge.policy.applies_to, judge.decide, judge.guarded
    is_asked = bool(judge.policy.never)
    narrow, kind = bool(scope.platform or scope.saved_account_id), scope.review

    def says(record: Recorded, facts: Facts) -> Evaluation:
        if record.review != kind or (narrow and not covers(scope, kind, record.subject)):
            return NOT_COVERED
        made = decide(facts)
        return guarded(facts, made) if is_asked else made

    return says


def answerer(judge: Judge, at: datetime) -> Callable[[Recorded], RecordedAnswer]:
    """Make the function that judges a record as it stood and answers in the published form.

    `at` serves the records that carry no moment.
    """
    says = opinion(judge)

    def answer(record: Recorded) -> RecordedAnswer:
        made = says(record, record.facts(at))
        return RecordedAnswer(
            record.subject.id, made.action, made.rule, made.reason, made.until, made.cannot_tell
        )

    return answer


ActionRule = tuple[str, str]
"""(action, rule): what a policy says of a review."""

Sample = tuple[int, str]
"""A name and, before it, what chooses among names."""


def sample_hash(name: str) -> int:
    """What chooses the names that are kept: the lowest, whatever the order in which they come."""
    try:
        return crc32(name.encode(), _SEED)
    except UnicodeEncodeError:  # half a character
        return crc32(name.encode("utf-8", "surrogatepass"), _SEED)


def lowest(samples: Iterable[Sample], most: int = SAMPLES) -> list[Sample]:
    """The samples to keep, each once."""
    return sorted(set(samples))[:most]


class Transition(msgspec.Struct):
    """All reviews that went the same way."""

    count: int = 0
    micros: int = 0
    kept: list[Sample] = msgspec.field(default_factory=list)

    def add(self, review_id: str, micros: int) -> None:
        """Count one review."""
        self.count += 1
        self.micros += micros
        chance = sample_hash(review_id)
        if len(self.kept) < SAMPLES or chance <= self.kept[-1][0]:
            self.kept = lowest((*self.kept, (chance, review_id)))

    def take(self, other: Transition) -> None:
        """Add what another part has counted."""
        self.count += other.count
        self.micros += other.micros
        self.kept = lowest((*self.kept, *other.kept))

    @property
    def samples(self) -> tuple[str, ...]:
        """Some of them by name."""
        return tuple(name for _, name in self.kept)


class Wish(NamedTuple):
    """What a policy wants to do with one review, and when it could; the fallback's want from `due` on.

    `paused` says that the policy pauses this action by a condition on all reviews together, `below`
    what the rules below want where a full limit of its own passes this one over.
    """

    action: Action
    rule: str
    at: datetime
    due: datetime | None
    fallback: Action | None
    paused: bool
    below: Wish | None = None


class Timed(NamedTuple):
    """One review in time: what both policies want of it, to be held against their limits in order."""

    end: datetime
    review: ReviewKind
    id: str
    account_id: str | None
    amount_micros: int
    old: Wish
    new: Wish


class Impact(msgspec.Struct):
    """Counts by (what the old policy says, what the new one says)."""

    moves: dict[tuple[ActionRule, ActionRule], Transition] = msgspec.field(
        default_factory=partial(defaultdict, Transition)
    )
    could_not_tell: dict[str, int] = msgspec.field(default_factory=partial(defaultdict, int))
    """Reviews that passed a rule of the new policy over because something was unknown."""
    others: int = 0
    """Reviews of another kind than the policies are for; they count nowhere."""

    def add(self, old: ActionRule, new: ActionRule, review_id: str, micros: int) -> None:
        """Count one review."""
        self.moves[old, new].add(review_id, micros)

    def take(self, other: Impact) -> None:
        """Add what another part has counted."""
        for key, transition in other.moves.items():
            self.moves[key].take(transition)
        for rule, count in other.could_not_tell.items():
            self.could_not_tell[rule] += count
        self.others += other.others

    @property
    def total(self) -> int:
        """How many reviews were judged."""
        return sum(transition.count for transition in self.moves.values())

    def flips(self) -> dict[tuple[str, str], Transition]:
        """Reviews by (old action, new action), the largest first, unchanged actions included."""
        return _summed(((old, new), t) for ((old, _), (new, _)), t in self.moves.items())

    def causes(self, old: str, new: str) -> list[tuple[str, str, Transition]]:
        """The pairs of rules behind one kind of flip, the most frequent first."""
        pairs = _summed(
            ((old_rule, new_rule), transition)
            for ((old_action, old_rule), (new_action, new_rule)), transition in self.moves.items()
            if (old_action, new_action) == (old, new)
        )
        return [(*rules, transition) for rules, transition in pairs.items()]

    def by_rule(self) -> list[tuple[str, str, Transition]]:
        """What the new policy says, by (action, rule), the most frequent first."""
        sums = _summed((new, transition) for (_, new), transition in self.moves.items())
        return [(*answer, transition) for answer, transition in sums.items()]

    def new_total(self, action: str) -> Transition:
        """All reviews for which the new policy says this action."""
        return _sum(t for (_, (new, _)), t in self.moves.items() if new == action)

    def old_total(self, action: str) -> Transition:
        """All reviews for which the old policy says this action."""
        return _sum(t for ((old, _), _), t in self.moves.items() if old == action)


def _summed(
    parts: Iterable[tuple[tuple[str, str], Transition]],
) -> dict[tuple[str, str], Transition]:
    """The sum for each key, the largest first, those alike by name."""
    sums: dict[tuple[str, str], Transition] = defaultdict(Transition)
    for key, transition in parts:
        sums[key].take(transition)
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1].count, pair[0])))


def _sum(transitions: Iterable[Transition]) -> Transition:
    total = Transition()
    for transition in transitions:
        total.take(transition)
    return total


def counter(
    impact: Impact,
    old: Judge | None,
    new: Judge,
    at: datetime,
    *,
    account: Callable[[ActionRule, ActionRule], Callable[[str], object]] | None = None,
    timed: Callable[[Timed], object] | None = None,
) -> Callable[[Recorded], bool]:
    """Make the function that counts what both policies say of a review; it tells whether the action
    changes.

    Without an old policy nothing covered it. `at` serves the reviews that carry no moment, those of
    another kind count nowhere. `account` gives what hears whose the reviews of one move are. With
    `timed`, what a policy with limits might send is not counted yet but goes there, to be held
    against them.
    """
    kind = new.policy.applies_to.review
    new_says = opinion(new)
    old_says = opinion(old) if old is not None else lambda *_: NOT_COVERED
    waits = None if timed is None or old is None else _waiting(old, new, timed)
    # Most reviews get one of few answers, the very same objects: what to do with these is kept.
    known: dict[tuple[int, int], _KnownMove] = {}
    could_not_tell = impact.could_not_tell

    def count(record: Recorded) -> bool:
        if record.review != kind:
            impact.others += 1
            return False
        facts, subject = record.facts(at), record.subject
        after = new_says(record, facts)
        before = after if new is old else old_says(record, facts)
        for rule in after.cannot_tell:
            could_not_tell[rule] += 1
        if waits is not None and waits(record, facts, before, after):
            return before.action is not after.action
        move = known.get((id(before), id(after)))
        if move is None:
            move = _move_of(impact, before, after, account)
            if len(known) < _KNOWN:
                known[id(before), id(after)] = move
        move.sums.add(subject.id, record.amount_micros)
        if move.account is not None and (whose := subject.saved_account_id) is not None:
            move.account(whose)
        return before.action is not after.action

    return count


def _waiting(
    old: Judge, new: Judge, timed: Callable[[Timed], object]
) -> Callable[[Recorded, Facts, Evaluation, Evaluation], bool] | None:
    """Make the function that lays up what one of two policies may send; it tells whether it does.

    None where neither has limits.
    """
    if not has_limits(old.policy) and not has_limits(new.policy):
        return None
    wish_before, wish_after = _wisher(old), _wisher(new)

    def lay_up(record: Recorded, facts: Facts, before: Evaluation, after: Evaluation) -> bool:
        if not (before.action.writes or after.action.writes):
            return False
        subject, end = record.subject, facts.deadline_at or facts.now + _WINDOW
        wishes = wish_before(before, facts), wish_after(after, facts)
        whose, micros = subject.saved_account_id, record.amount_micros
        timed(Timed(end, record.review, subject.id, whose, micros, *wishes))
        return True

    return lay_up


class _KnownMove(NamedTuple):
    """Where the reviews of one move are counted; the answers live on, so that no others get their ids."""

    sums: Transition
    account: Callable[[str], object] | None
    answers: tuple[Evaluation, Evaluation]


def _move_of(
    impact: Impact,
    before: Evaluation,
    after: Evaluation,
    account: Callable[[ActionRule, ActionRule], Callable[[str], object]] | None,
) -> _KnownMove:
    move = (before.action.value, before.rule), (after.action.value, after.rule)
    hears = None if account is None else account(*move)
    return _KnownMove(impact.moves[move], hears, (before, after))


def has_limits(policy: Policy) -> bool:
    """Whether a policy limits or pauses what it does."""
    rails = policy.guardrails
    return any(
        (
            *(rails.approvals, rails.disputes, rails.disputes_per_account),
            *(rails.money_approved, rails.dispute_share),
            *(rails.pause_disputes_when, rails.pause_approvals_when),
            *(rule.limit for rule in policy.rules),
        )
    )


def _wisher(judge: Judge) -> Callable[[Evaluation, Facts], Wish]:
    pauses = compile_pauses(judge)
    find = resolver(judge.policy.deadline.decide_by, judge.calendars)
    skipping = {rule.name for rule in judge.policy.rules if rule.limit and rule.when_over == "skip"}

    def wish(made: Evaluation, facts: Facts) -> Wish:
        due, fallback = None, None
        if made.action.writes and made.rule != DEADLINE:
            due = find(facts.started_at, facts.deadline_at)
            if due is not None:
                answer = judge.guarded_fallback(
                    msgspec.structs.replace(facts, now=max(due, facts.now))
                )
                fallback = None if answer is None else answer.action
        pause = pauses.approvals if made.action.pays else pauses.disputes
        paused = (
            made.action.writes
            and pause is not None
            and pause(fleet_facts(facts.fleet, facts.now)) is True
        )
        below = None
        if made.rule in skipping and made.action.writes:
            facts = msgspec.structs.replace(facts, full=(*facts.full, made.rule))
            below = wish(judge.decide(facts), facts)
        return Wish(made.action, made.rule, made.until or facts.now, due, fallback, paused, below)

    return wish


class Gate(msgspec.Struct, frozen=True):
    """A condition under which a change is not to go through (`more than 2% become dispute`)."""

    text: str
    most: float
    unit: Literal["share", "count", "usd"]
    action: str | None
    """What reviews must not become; None for any change of action."""

    def broken(self, impact: Impact) -> str | None:
        """Say by how much an impact breaks this gate; None when it does not."""
        moved = _sum(
            transition
            for (old, new), transition in impact.flips().items()
            if old != new and self.action in (None, new)
        )
        match self.unit:
            case "share":
                found = moved.count / impact.total if impact.total else 0.0
                shown = f"{found:.1%}"
            case "count":
                found, shown = float(moved.count), f"{moved.count:,}"
            case "usd":
                found = moved.micros / 1_000_000
                shown = f"{found:,.2f} USD"
        if found <= self.most:
            return None
        what = "change" if self.action is None else f"become {self.action}"
        return f"{shown} of {impact.total:,} {what} ({self.text})"


_ACTIONS = "|".join(sorted({action.value for kind in ACTIONS_OF.values() for action in kind}))
_GATE = re.compile(
    r"(?:any|more than (?P<most>\d+(?:\.\d+)?)(?P<unit>\s*%|\s+usd|\s+tasks?|\s+reviews?)?)\s+"
    rf"(?:change|become (?P<action>{_ACTIONS}))",
    re.IGNORECASE,
)


def read_gate(text: str) -> Gate:
    """Read a gate in words.

    Raises ValueError, saying the forms there are.
    """
    found = _GATE.fullmatch(" ".join(text.split()))
    if found is None:
        raise ValueError(
            f'"{text}" is no condition; write  more than 2% become dispute,'
            f"  more than 10 become approve,  more than 5 USD become approve,"
            f"  any become approve  or  more than 5% change"
        )
    action = None if found["action"] is None else found["action"].lower()
    most = float(found["most"] or 0)
    match (found["unit"] or "").strip().lower():
        case "%":
            return Gate(text, most / 100, "share", action)
        case "usd":
            return Gate(text, most, "usd", action)
    return Gate(text, most, "count", action)
