"""A judge: a compiled policy that turns facts into an evaluation, with nothing else in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.calendar import Calendar
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Policy
from reviewbot.policy.trace import Trace, trace_json


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """What a policy says of one review at one moment.

    `rule` is the rule's name, `no rule` or `deadline`. `reason` is the text for the other side
    (dispute, request corrections), the question for a person or why one is asked (escalate), or
    the policy's `because` (leave, deadline). `until` is when a wait ends, or when an action held by
    its hours may go. `cannot_tell` names the rules that were passed over as unknown, `shadow` the
    shadow rules that matched; `note` says what else a reader should know.
    """

    action: Action
    rule: str
    rule_index: int | None = None
    reason: str | None = None
    fields: dict[str, str] | None = None
    until: datetime | None = None
    to: str | None = None
    cannot_tell: tuple[str, ...] = ()
    shadow: tuple[tuple[str, Action], ...] = ()
    trace: Trace | None = None
    note: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether nothing is done by it now: a person is asked, it waits, or its hours are closed."""
        return self.until is not None or self.action in (Action.ESCALATE, Action.WAIT)


_TRACES_KEPT = 256


class Judge:
    """One policy, ready to judge. Made by `compile.compile_policy`."""

    def __init__(
        self,
        policy: Policy,
        *,
        plain: Callable[[Facts], Evaluation],
        traced: Callable[[], Callable[[Facts], Evaluation]],
        triage: Callable[[], Callable[[Facts], Evaluation | None]],
        fallback: Callable[[Facts], Evaluation | None],
        sources: frozenset[str],
        calendars: Mapping[str, Calendar],
        code: str,
    ) -> None:
        self.policy = policy
        self.decide = plain
        """`judge` without a trace and without the price of a second call."""
        self._make_traced = traced
        self._make_triage = triage
        self.fallback = fallback
        """What `if undecided` says of something that is kept back; None before `decide by`."""
        self.needs_account = "account" in sources
        """Whether anything in the policy asks for the account's history."""
        self.needs_fleet = "fleet" in sources
        """Whether anything in the policy asks what is true of all reviews together."""
        self.ever_needs_evidence = "evidence" in sources
        """Whether anything in the policy asks for evidence that must be fetched."""
        self.trace_json = lru_cache(_TRACES_KEPT)(lambda trace: trace_json(policy, trace))
        """A trace for the decision log; a policy decides in few ways, and each is laid out once."""
        self.calendars = calendars
        self.code = code
        """The generated Python, for the curious; constants stand in it under their names."""

    def judge(self, facts: Facts, *, trace: bool = False) -> Evaluation:
        """Judge with all that can be known: evidence is at hand, or will never be."""
        return self._traced(facts) if trace else self.decide(facts)

    def triage(self, facts: Facts, *, trace: bool = False) -> Evaluation | None:
        """Judge without evidence; None where it must be fetched first.

        That is where, going down the rules, one cannot be answered, or its text not written,
        without it. Any evidence would give the same answer as the one given here.
        """
        evaluation = self._triage(facts)
        return self._traced(facts) if trace and evaluation is not None else evaluation

    @cached_property
    def _traced(self) -> Callable[[Facts], Evaluation]:
        return self._make_traced()

    @cached_property
    def _triage(self) -> Callable[[Facts], Evaluation | None]:
        return self._make_triage()
