"""A checked policy as a tree of values.

The parser turns text into this tree; all else works from the tree. Units are gone here: durations are
seconds, money US dollars, shares 0 to 1, moments aware UTC. Each node keeps the `span` it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.policy.catalog import Fact
from reviewbot.policy.diagnostics import NOWHERE, Span
from reviewbot.policy.ladder import Stage
from reviewbot.policy.source import Emitted, Pool
from reviewbot.policy.text_forms import fold, searcher


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that was read from a place in a policy text."""

    span: Span = NOWHERE


Value = str | int | float | bool | datetime


class FactTest(Node, frozen=True, kw_only=True):
    """What one line asks of a fact's value; its kinds stand in `operators`, beside their words.

    Every test is three-valued: on an unknown value only `known` and `unknown` have an answer.
    """

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        """Whether a value meets it; None where that cannot be told.

        Without a moment it cannot be told of an entry of a list that ends on some day.
        """
        raise NotImplementedError

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        """It as source, of which the engine makes functions."""
        raise NotImplementedError

    def describe(self, words: Callable[[Value], str]) -> str:
        """Say it as the end of an English sentence about the fact; `words` says a value."""
        raise NotImplementedError

    def refers(self) -> tuple[str, str] | None:
        """The kind (`list`, `pattern`) and the name of what the policy must declare for it."""
        return None

    def boundaries(self) -> tuple[Any, ...]:
        """The numbers and moments at which, or beside which, its answer changes."""
        return ()


class Compare(Node, frozen=True, kw_only=True):
    """One line: a fact and a test. `fact` is a full name (`last.verified`), or inside a check
    quantifier the attempt's own field name (`verified`)."""

    fact: str
    test: FactTest
    text: str
    """The test as written, on one line."""
    fact_span: Span = NOWHERE
    test_span: Span = NOWHERE


class AllOf(Node, frozen=True, kw_only=True):
    """A mapping: every part must hold. `when:` is one of these."""

    parts: tuple[Condition, ...]


class AnyOf(Node, frozen=True, kw_only=True):
    """A list of mappings: one is enough (`when any:`, `any of:`)."""

    parts: tuple[AllOf, ...]


class NoneOf(Node, frozen=True, kw_only=True):
    """A list of mappings of which none may hold (`none of:`)."""

    parts: tuple[AllOf, ...]


class Unless(NoneOf, frozen=True, kw_only=True):
    """What keeps a rule from matching (`unless:`), at the end of its condition."""


class Named(AllOf, frozen=True, kw_only=True):
    """A condition that the policy names, where it is asked for (`condition: NAME`)."""

    name: str


class EachAttempt(Node, frozen=True, kw_only=True):
    """A mapping tested on each verifier attempt of this round."""

    quantifier: Literal["any", "every", "no"]
    condition: AllOf


Condition = Compare | AllOf | AnyOf | NoneOf | EachAttempt


class FromConfirmed(Node, frozen=True, kw_only=True):
    """So many seconds after the round's window opened (`24h after confirmed`)."""

    seconds: float
    text: str = ""


class BeforeDeadline(Node, frozen=True, kw_only=True):
    """So many seconds before silence pays (`4h before deadline`)."""

    seconds: float
    text: str = ""


class WhenOpens(Node, frozen=True, kw_only=True):
    """`when desk opens`: the first open moment at or after the window opened."""

    hours: str
    text: str = ""


class Fixed(Node, frozen=True, kw_only=True):
    """A moment of the calendar."""

    at: datetime
    text: str = ""


Moment = FromConfirmed | BeforeDeadline | WhenOpens | Fixed


class Placeholder(Node, frozen=True, kw_only=True):
    """`{fact}` or `{fact, format}`."""

    fact: str
    format: Literal[
        "plain", "date", "date and time", "date iso", "time", "times", "money", "first"
    ] = "plain"
    first: int | None = None
    """How many characters `first N` keeps."""


class Template(Node, frozen=True, kw_only=True):
    """A text with places for facts. `parts` in order; outer white space is already cut."""

    parts: tuple[str | Placeholder, ...]
    locale: str = "en"
    """How it writes dates, numbers and money (a CLDR name)."""


class TextCase(Node, frozen=True, kw_only=True):
    """A text for the tasks that meet a condition, and that no case above it takes."""

    when: Condition
    text: Template


class ReasonText(Node, frozen=True, kw_only=True):
    """A text for the other side, with its variants or its cases.

    `variants` maps `round 2` or `tiktok` to a text; `otherwise` serves the rest. A text without
    variants has `otherwise` only. A variant of a round serves later rounds until the next one. Of
    `cases` the first that is met has the text, `otherwise` serves what none of them takes.
    """

    name: str | None
    variants: tuple[tuple[str, Template], ...] = ()
    cases: tuple[TextCase, ...] = ()
    otherwise: Template | None = None

    def templates(self) -> tuple[Template, ...]:
        """Every text that it may come to."""
        texts = [*dict(self.variants).values(), *(case.text for case in self.cases)]
        return (*texts, *([] if self.otherwise is None else [self.otherwise]))


class Reminder(Node, frozen=True, kw_only=True):
    """At `at`, tell each of `to`."""

    at: Moment
    to: tuple[str, ...]


class Then(Node, frozen=True, kw_only=True):
    """What follows when a rule matches, with all that its action needs."""

    action: Action
    reason: ReasonText | None = None
    comment: Template | None = None
    fields: tuple[tuple[str, Template], ...] = ()
    until: Moment | None = None
    to: tuple[str, ...] = ()
    remind: tuple[Reminder, ...] = ()
    """Whom to remind of this rule's questions, beside those of the deadline."""
    question: Template | None = None
    because: str | None = None

    def templates(self) -> tuple[Template, ...]:
        """Every text that it may send or ask."""
        texts = [self.comment, self.question, *dict(self.fields).values()]
        if self.reason is not None:
            texts += self.reason.templates()
        return tuple(text for text in texts if text is not None)

    def placeholders(self) -> tuple[Placeholder, ...]:
        """Every place of a fact in what it may send or ask."""
        parts = (part for text in self.templates() for part in text.parts)
        return tuple(part for part in parts if isinstance(part, Placeholder))

    def text_cases(self) -> tuple[TextCase, ...]:
        """The cases by which its text is chosen."""
        return () if self.reason is None else self.reason.cases


class Cap(Node, frozen=True, kw_only=True):
    """`at most N per hour|day|calendar day`. `amount` is a count, US dollars (`money`) or a share.

    `after` is how many decisions a share needs before it binds, `account` says that each account
    has such a limit of its own.
    """

    amount: int | float
    per: Literal["hour", "day", "calendar day"] | None = None
    after: int | None = None
    money: bool = False
    account: bool = False


class Rule(Node, frozen=True, kw_only=True):
    """One named rule. `when` is None for `always: yes`; its decision is sealed for `hold` seconds."""

    name: str
    when: Condition | None
    then: Then
    act_during: str | None = None
    limit: tuple[Cap, ...] = ()
    """What it may send, counted by its name."""
    when_over: Literal["escalate", "hold", "skip"] = "escalate"
    """What follows where a limit of its own is full; `skip`: the rules below are asked."""
    hold: float | None = None
    rollout: float | None = None
    stage: Stage | None = None
    shadow: bool = False
    repeat: bool = False
    note: str | None = None
    name_span: Span = NOWHERE


class AppliesTo(Node, frozen=True, kw_only=True):
    """Which reviews the policy judges; empty means all."""

    review: ReviewKind = "comments"
    platform: tuple[str, ...] = ()
    saved_account_id: tuple[str, ...] = ()


class OpenRange(Node, frozen=True, kw_only=True):
    """Open from `start` to `end` (minutes after midnight, end outside) on `days` (0 is Monday).

    An `end` at or before `start` runs past midnight into the next day.
    """

    days: tuple[int, ...]
    start: int
    end: int


class Hours(Node, frozen=True, kw_only=True):
    """A named calendar in the policy's zone."""

    name: str
    open: tuple[OpenRange, ...]
    closed: tuple[date, ...] = ()
    closed_lists: tuple[str, ...] = ()


class ListEntry(Node, frozen=True, kw_only=True):
    """A value of a list; it counts up to and including the day `until`, which may be `dated` on its own line."""

    id: str
    note: str | None = None
    until: date | None = None
    dated: Span | None = None


class NamedList(Node, frozen=True, kw_only=True):
    """A list of values, written in the policy or read from `file`."""

    name: str
    entries: tuple[ListEntry, ...]
    file: str | None = None
    column: str | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of a file: the column of its values, and which values a row must hold in which others."""


class Pattern(Node, frozen=True, kw_only=True):
    """A named regular expression (RE2 syntax), with its examples."""

    name: str
    regex: str
    matches: tuple[str, ...] = ()
    does_not_match: tuple[str, ...] = ()


class Statement(Node, frozen=True, kw_only=True):
    """One of `never:`: where `when` holds none of `actions` is done, but by those of `but`."""

    name: str
    when: Condition | None
    actions: tuple[Action, ...]
    but: tuple[Literal["deadline", "people"], ...] = ()
    name_span: Span = NOWHERE


class Fallback(Node, frozen=True, kw_only=True):
    """One case of `if undecided`; `when` is None for the last one."""

    when: Condition | None
    then: Then


class Deadline(Node, frozen=True, kw_only=True):
    """The last moment to act by ourselves, and what then happens to the undecided."""

    decide_by: Moment
    fallbacks: tuple[Fallback, ...]
    because: str | None = None
    remind: tuple[Reminder, ...] = ()


class Guardrails(Node, frozen=True, kw_only=True):
    """Caps, hours and pauses."""

    approvals: tuple[Cap, ...] = ()
    disputes: tuple[Cap, ...] = ()
    disputes_per_account: tuple[Cap, ...] = ()
    money_approved: tuple[Cap, ...] = ()
    dispute_share: tuple[Cap, ...] = ()
    when_over: Literal["escalate", "hold"] = "escalate"
    pause_disputes_when: Condition | None = None
    pause_approvals_when: Condition | None = None
    approvals_during: str | None = None
    disputes_during: str | None = None
    """The hours outside of which no rule pays, or sends back; the fallback does."""
    people_too: bool = False
    """Whether these hours hold people's answers as well."""
    fallback_exempt: bool = True


class Expectation(Node, frozen=True, kw_only=True):
    """An action expected at a moment (None is the test's own `at`)."""

    at: Moment | None
    action: Action


WHY_NOT = ("limit", "hours", "pause", "statement")
"""What may keep a rule's action from being sent."""


class PolicyTest(Node, frozen=True, kw_only=True):
    """One test a policy brings. `given` values are as written."""

    name: str
    given: tuple[tuple[str, str, Span], ...] = ()
    """(fact, value as written, where)."""
    expect: Action | None = None
    expect_never: Action | None = None
    by: str | None = None
    reason_says: str | None = None
    until: Moment | None = None
    to: tuple[str, ...] = ()
    because: str | None = None
    """Why the action is not sent: one of `WHY_NOT`."""
    at: Moment | None = None
    over_time: tuple[Expectation, ...] = ()
    reminded: tuple[Reminder, ...] = ()
    full: tuple[str, ...] = ()
    """The rules whose own limit is full."""
    paused: tuple[str, ...] = ()
    """What the policy itself pauses: `disputes`, `approvals`."""
    stage: float | None = None
    path: str = ""


class Policy(Node, frozen=True, kw_only=True):
    """A checked policy. `revision` is the digest of all text that gives it its meaning."""

    name: str
    language: int
    path: str
    source: str
    revision: str
    rules: tuple[Rule, ...]
    deadline: Deadline
    owner: str | None = None
    about: str | None = None
    timezone: str = "UTC"
    locale: str = "en"
    applies_to: AppliesTo = AppliesTo()
    never: tuple[Statement, ...] = ()
    hours: tuple[Hours, ...] = ()
    lists: tuple[NamedList, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    reasons: tuple[ReasonText, ...] = ()
    guardrails: Guardrails = Guardrails()
    tests: tuple[PolicyTest, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    """Texts of the list files beside the policy, by the name the policy gives them; part of the
    revision. Test files are not: they change nothing that runs."""


class OpeningHours(Protocol):
    """Named hours, ready to be asked."""

    def is_open(self, at: datetime) -> bool:
        """Whether they are open at this moment."""

    def turning_points(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every moment at which they may open or close, in order."""


class Lists:
    """The named lists, patterns and hours of one policy, ready to be asked."""

    def __init__(self, policy: Policy, hours: Mapping[str, OpeningHours]) -> None:
        self._zone = ZoneInfo(policy.timezone)
        self.hours = hours
        self.entries = {named.name: _last_days(named) for named in policy.lists}
        """By the name of a list: each of its values, folded, with the last day on which it counts."""
        self.searches = {pattern.name: searcher(pattern.regex) for pattern in policy.patterns}
        """By the name of a pattern: whether it finds something in a text."""

    def lasts(self, name: str) -> bool:
        """Whether no entry of a list ever ends."""
        return all(until is None for until in self.entries[name].values())

    def holds(self, name: str, text: str | None, now: datetime | None) -> bool | None:
        """Whether a text is in a list at a moment; None where the text or the moment is not known."""
        if text is None:
            return None
        until = self.entries[name].get(fold(text), _NEVER)
        if until is None or until is _NEVER:
            return until is None
        return None if now is None else now.astimezone(self._zone).date() <= until


_NEVER = date.min


def _last_days(named: NamedList) -> dict[str, date | None]:
    days: dict[str, date | None] = {}
    for entry in named.entries:
        text = fold(entry.id)
        known = days.get(text, _NEVER)
        days[text] = known and entry.until and max(known, entry.until)
    return days


def thens_of(policy: Policy) -> tuple[Then, ...]:
    """What each rule and each case of the fallback does."""
    rules, cases = policy.rules, policy.deadline.fallbacks
    return (*(rule.then for rule in rules), *(case.then for case in cases))


def conditions_of(policy: Policy) -> Iterator[Condition]:
    """The condition of every rule, statement, text, case of the fallback and pause that has one."""
    whens = [
        *(case.when for then in thens_of(policy) for case in then.text_cases()),
        *(statement.when for statement in policy.never),
        *(rule.when for rule in policy.rules),
        *(case.when for case in policy.deadline.fallbacks),
        policy.guardrails.pause_disputes_when,
        policy.guardrails.pause_approvals_when,
    ]
    yield from (when for when in whens if when is not None)


def compares_of(condition: Condition) -> Iterator[Compare]:
    """Every comparison of a fact by its full name; those inside check quantifiers are of attempts."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            for part in parts:
                yield from compares_of(part)
