"""What a policy comes to over many reviews, and what a change of policy moves from where to where.

Theory of operation. Every review is judged by both policies on the same facts at the same moment; a
back-test is the same with one policy. Only sums are kept, so a million reviews take no more memory
than a thousand, and sums of parts add up: several processes can each count their share.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.engine.calendar import resolver
from reviewbot.policy.engine.judge import Judge, compile_pauses, fleet_facts
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import AppliesTo, Cap, Guardrails, Policy, Rule

# ------------------------------------------------------------------------------------------------
# Which rules of a policy mean something else than in another one, whatever their place and spelling.


_FOR_READERS = frozenset({"note", "because"})
"""Words that change nothing."""


def changed_rules(old: Policy | None, new: Policy) -> frozenset[str]:
    """Name the rules of `new` that `old` does not have; `deadline` where the fallback differs.

    A rule's meaning is its conditions, its action and its texts, and the lists, hours and patterns
    that it names. Without an old policy every rule is new.
    """
    if old is None:
        return frozenset({DEADLINE, *(rule.name for rule in new.rules)})
    known = {_meaning(old, rule) for rule in old.rules}
    changed = {rule.name for rule in new.rules if _meaning(new, rule) not in known}
    if _named(old, _bare(old.deadline)) != _named(new, _bare(new.deadline)):
        changed.add(DEADLINE)
    return frozenset(changed)


def same_meaning(old: Policy, one: Any, new: Policy, other: Any) -> bool:
    """Whether a part of one policy means what a part of another does."""
    return bool(_named(old, _bare(one)) == _named(new, _bare(other)))


def _meaning(policy: Policy, rule: Rule) -> Any:
    # A rule's name chooses which tasks a rollout takes; otherwise it is only a name.
    whole = rule if rule.rollout is not None else msgspec.structs.replace(rule, name="")
    return _named(policy, _bare(whole))


def _named(policy: Policy, bare: Any) -> Any:
    """A bare tree with all that its words stand for."""
    words = set(_words(bare))
    lists = tuple(_bare(one) for one in policy.lists if one.name in words)
    hours = tuple(_bare(one) for one in policy.hours if one.name in words)
    patterns = tuple(_bare(one) for one in policy.patterns if one.name in words)
    return bare, lists, hours, patterns, policy.timezone


def _bare(node: Any) -> Any:
    if isinstance(node, Span):
        return None
    if isinstance(node, msgspec.Struct):
        fields = (
            (name, _bare(getattr(node, name)))
            for name in node.__struct_fields__
            if name not in _FOR_READERS
        )
        return (type(node).__name__, *fields)
    if isinstance(node, tuple):
        return tuple(map(_bare, node))
    return node


def _words(bare: Any) -> Iterator[str]:
    if isinstance(bare, str):
        yield bare
    elif isinstance(bare, tuple):
        for part in bare:
            yield from _words(part)


# ------------------------------------------------------------------------------------------------
# Which limits of a policy a change raises or takes away; where it cannot be told, it counts as such.


_CAPS = {
    "approvals": "approvals",
    "disputes": "disputes",
    "disputes per account": "disputes_per_account",
    "money approved": "money_approved",
    "dispute share": "dispute_share",
}


_PAUSES = {
    "pause approvals when": "pause_approvals_when",
    "pause disputes when": "pause_disputes_when",
}


def loosened(old: Policy, new: Policy) -> tuple[str, ...]:
    """Name the limits of `old` that `new` raises, lacks or changes beyond comparison."""
    return tuple(_loosened(old, new))


def _loosened(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.guardrails, new.guardrails
    for words, name in _CAPS.items():
        kept: tuple[Cap, ...] = getattr(after, name)
        for cap in getattr(before, name):
            if not any(_as_strict(one, cap, name) for one in kept):
                yield words
                break
    for words, name in _PAUSES.items():
        was = getattr(before, name)
        if was is not None and not same_meaning(old, was, new, getattr(after, name)):
            yield words
    if _has_caps(before):
        if after.fallback_exempt and not before.fallback_exempt:
            yield "fallback exempt"
        if new.name != old.name:
            yield "another name, under which every cap counts anew"


def _as_strict(new: Cap, old: Cap, name: str) -> bool:
    """Whether what the new cap lets through, the old one did as well."""
    same_window = new.per == old.per
    if name == "dispute_share":
        return same_window and new.amount <= old.amount and (new.after or 0) <= (old.after or 0)
    # So many a day are no more than so many an hour.
    return (same_window or (new.per, old.per) == ("day", "hour")) and new.amount <= old.amount


def _has_caps(rails: Guardrails) -> bool:
    return any(getattr(rails, name) for name in _CAPS.values())


# ------------------------------------------------------------------------------------------------
# Recorded reviews judged again: one record in, one answer out, in the form of `policy decide`.


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


NOT_COVERED = Evaluation(Action.ESCALATE, NO_RULE, None, "this policy does not apply to it")
"""What a policy says of a review that it does not cover."""


def opinion(judge: Judge) -> Callable[[Recorded, Facts], Evaluation]:
    """Make the function that says what a policy makes of a record and its facts."""
    scope, decide = judge.policy.applies_to, judge.decide

    def of_any(record: Recorded, facts: Facts) -> Evaluation:
        return decide(facts) if record.review == scope.review else NOT_COVERED

    def of_some(record: Recorded, facts: Facts) -> Evaluation:
        return decide(facts) if covers(scope, record.review, record.subject) else NOT_COVERED

    return of_some if scope.platform or scope.saved_account_id else of_any


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


def covers(applies_to: AppliesTo, review: ReviewKind, subject: Subject) -> bool:
    """Whether a policy's `applies to` takes this in; an unknown value fits no narrowing."""
    if applies_to.review != review:
        return False
    return (not applies_to.platform or subject.platform in applies_to.platform) and (
        not applies_to.saved_account_id or subject.saved_account_id in applies_to.saved_account_id
    )


SAMPLES = 3
"""Reviews kept by name for each kind of move."""


Said = tuple[str, str]
"""(action, rule): what a policy says of a review."""


class Transition(msgspec.Struct):
    """All reviews that went the same way. `accounts` are the accounts they belong to."""

    count: int = 0
    micros: int = 0
    accounts: set[str] = msgspec.field(default_factory=set)
    samples: list[str] = msgspec.field(default_factory=list)

    def add(self, thing: str, account: str | None, micros: int) -> None:
        """Count one review."""
        self.count += 1
        self.micros += micros
        if account is not None:
            self.accounts.add(account)
        if self.count <= SAMPLES:
            self.samples.append(thing)

    def take(self, other: Transition) -> None:
        """Add what another part has counted."""
        self.count += other.count
        self.micros += other.micros
        self.accounts |= other.accounts
        self.samples = (self.samples + other.samples)[:SAMPLES]


class Wish(NamedTuple):
    """What a policy wants to do with one review, and when it could; the fallback's want from `due` on.

    `paused` says that the policy pauses this action by a condition on all reviews together.
    """

    action: Action
    rule: str
    at: datetime
    due: datetime | None
    fallback: Action | None
    paused: bool


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

    moves: dict[tuple[Said, Said], Transition] = msgspec.field(
        default_factory=partial(defaultdict, Transition)
    )
    could_not_tell: dict[str, int] = msgspec.field(default_factory=partial(defaultdict, int))
    """Reviews that passed a rule of the new policy over because something was unknown."""
    others: int = 0
    """Reviews of another kind than the policies are for; they count nowhere."""
    timed: list[Timed] = msgspec.field(default_factory=list)
    """Reviews that wait to be held against limits."""

    def add(self, old: Said, new: Said, thing: str, account: str | None, micros: int) -> None:
        """Count one review."""
        self.moves[old, new].add(thing, account, micros)

    def take(self, other: Impact) -> None:
        """Add what another part has counted."""
        for key, cell in other.moves.items():
            self.moves[key].take(cell)
        for rule, count in other.could_not_tell.items():
            self.could_not_tell[rule] += count
        self.others += other.others
        self.timed += other.timed

    @property
    def total(self) -> int:
        """How many reviews were judged."""
        return sum(cell.count for cell in self.moves.values())

    def flips(self) -> dict[tuple[str, str], Transition]:
        """Reviews by (old action, new action), the largest first, unchanged actions included."""
        found: dict[tuple[str, str], Transition] = {}
        for ((old, _), (new, _)), cell in self.moves.items():
            found.setdefault((old, new), Transition()).take(cell)
        return dict(sorted(found.items(), key=lambda pair: -pair[1].count))

    def causes(self, old: str, new: str) -> list[tuple[str, str, Transition]]:
        """The pairs of rules behind one kind of flip, the most frequent first."""
        pairs = [
            (old_rule, new_rule, cell)
            for ((old_action, old_rule), (new_action, new_rule)), cell in self.moves.items()
            if (old_action, new_action) == (old, new)
        ]
        return sorted(pairs, key=lambda pair: -pair[2].count)

    def by_rule(self) -> list[tuple[str, str, Transition]]:
        """What the new policy says, by (action, rule), the most frequent first."""
        found: dict[Said, Transition] = {}
        for (_, new), cell in self.moves.items():
            found.setdefault(new, Transition()).take(cell)
        return [
            (action, rule, cell)
            for (action, rule), cell in sorted(found.items(), key=lambda pair: -pair[1].count)
        ]

    def new_total(self, action: str) -> Transition:
        """All reviews for which the new policy says this action."""
        return _sum(cell for (_, (new, _)), cell in self.moves.items() if new == action)

    def old_total(self, action: str) -> Transition:
        """All reviews for which the old policy says this action."""
        return _sum(cell for ((old, _), _), cell in self.moves.items() if old == action)


def counter(
    impact: Impact, old: Judge | None, new: Judge, at: datetime, *, limits: bool = False
) -> Callable[[Recorded], bool]:
    """Make the function that counts what both policies say of a review; it tells whether the action
    changes.

    Without an old policy nothing covered it. `at` serves the reviews that carry no moment, those of
    another kind count nowhere. With `limits` reviews by policies that have some are only laid up in
    order of time (`Impact.timed`).
    """
    if limits and (has_limits(new) or (old is not None and has_limits(old))):
        return _timer(impact, new if old is None else old, new, at)
    kind = new.policy.applies_to.review
    new_says = opinion(new)
    old_says = _nothing if old is None else opinion(old)
    moves, could_not_tell = impact.moves, impact.could_not_tell
    cells: dict[tuple[str, str, str, str], Transition] = {}

    def count(record: Recorded) -> bool:
        if record.review != kind:
            impact.others += 1
            return False
        facts = record.facts(at)
        after = new_says(record, facts)
        before = after if new is old else old_says(record, facts)
        for rule in after.cannot_tell:
            could_not_tell[rule] += 1
        move = before.action, before.rule, after.action, after.rule
        cell = cells.get(move)
        if cell is None:
            cell = cells[move] = moves[move[:2], move[2:]]
        subject = record.subject
        cell.add(subject.id, subject.saved_account_id, record.amount_micros)
        return move[0] != move[2]

    return count


def has_limits(judge: Judge) -> bool:
    """Whether a policy limits or pauses what it does."""
    rails = judge.policy.guardrails
    caps = (
        rails.approvals
        or rails.disputes
        or rails.disputes_per_account
        or rails.money_approved
        or rails.dispute_share
    )
    return (
        bool(caps)
        or rails.pause_disputes_when is not None
        or rails.pause_approvals_when is not None
    )


def _timer(impact: Impact, old: Judge, new: Judge, at: datetime) -> Callable[[Recorded], bool]:
    kind = new.policy.applies_to.review
    new_wants = _wishes(new)
    old_wants = new_wants if old is new else _wishes(old)

    def count(record: Recorded) -> bool:
        if record.review != kind:
            impact.others += 1
            return False
        facts, subject = record.facts(at), record.subject
        after, could_not_tell = new_wants(record, facts)
        before = after if old is new else old_wants(record, facts)[0]
        for rule in could_not_tell:
            impact.could_not_tell[rule] += 1
        impact.timed.append(
            Timed(
                end=facts.deadline_at or facts.now + _UNTOLD,
                review=kind,
                id=subject.id,
                account_id=subject.saved_account_id,
                amount_micros=record.amount_micros,
                old=before,
                new=after,
            )
        )
        return before.action != after.action

    return count


_UNTOLD = timedelta(hours=72)
"""Stands for a deadline that a record does not tell."""


def _wishes(judge: Judge) -> Callable[[Recorded, Facts], tuple[Wish, tuple[str, ...]]]:
    says, pauses = opinion(judge), compile_pauses(judge)
    find = resolver(judge.policy.deadline.decide_by, judge.calendars)

    def wish(record: Recorded, facts: Facts) -> tuple[Wish, tuple[str, ...]]:
        made = says(record, facts)
        start, due, fallback = made.until or facts.now, None, None
        if made.action.writes and made.rule != DEADLINE:
            due = find(facts.started_at, facts.deadline_at)
            if due is not None:
                start_at = msgspec.structs.replace(facts, now=max(due, facts.now))
                answer = judge.fallback(start_at)
                fallback = None if answer is None else answer.action
        asked = pauses.approvals if made.action.pays else pauses.disputes
        paused = (
            made.action.writes
            and asked is not None
            and asked(fleet_facts(facts.fleet, facts.now)) is True
        )
        return Wish(made.action, made.rule, start, due, fallback, paused), made.cannot_tell

    return wish


def _nothing(_: Recorded, __: Facts) -> Evaluation:
    return NOT_COVERED


def _sum(cells: Iterable[Transition]) -> Transition:
    total = Transition()
    for cell in cells:
        total.take(cell)
    return total


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
            cell
            for (old, new), cell in impact.flips().items()
            if old != new and self.action in (None, new)
        )
        found = {
            "share": moved.count / impact.total if impact.total else 0.0,
            "count": float(moved.count),
            "usd": moved.micros / 1_000_000,
        }[self.unit]
        if found <= self.most:
            return None
        shown = {
            "share": f"{found:.1%}",
            "count": f"{moved.count:,}",
            "usd": f"{found:,.2f} USD",
        }[self.unit]
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
    action = found["action"]
    named = None if action is None else Action(action.lower()).value
    if found["most"] is None:
        return Gate(text=text, most=0.0, unit="count", action=named)
    unit = (found["unit"] or "").strip().lower()
    most = float(found["most"])
    if unit == "%":
        return Gate(text=text, most=most / 100, unit="share", action=named)
    return Gate(text=text, most=most, unit="usd" if unit == "usd" else "count", action=named)
