"""From the rule that matched to the evaluation: its texts, its hours, and the deadline's say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.domain.text import format_moment
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.calendar import Calendar, CommonHours, holding, resolver
from reviewbot.policy.engine.conditions import Conditions
from reviewbot.policy.engine.templates import LONGEST, FilledText, Text, Variants, may_be_sent
from reviewbot.policy.engine.trace import Evaluation, Trace
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Deadline, Fallback, Policy, Rule, Template

MATCHED_NOTHING = "no rule matches"
NONE = -1
"""In place of a rule's or a case's number."""

_NO_FACTS = Facts(now=datetime.min.replace(tzinfo=UTC), started_at=None, deadline_at=None)


class JudgementEnd:
    """What one rule, or one case of the fallback, makes of the facts when it is its turn."""

    def __init__(
        self,
        rule: Rule,
        index: int | None,
        policy: Policy,
        calendars: Mapping[str, Calendar],
        conditions: Conditions,
    ) -> None:
        then = rule.then
        facts, zone = CATALOGUE[policy.applies_to.review], ZoneInfo(policy.timezone)

        def text(template: Template | None) -> Text | None:
            return None if template is None else Text(template, facts, zone)

        self._rule = rule
        self._index = index
        self._until = None if then.until is None else resolver(then.until, calendars)
        self._reason = (
            None if then.reason is None else Variants(then.reason, facts, zone, conditions)
        )
        self._comment, self._question = text(then.comment), text(then.question)
        self._fields = {name: Text(template, facts, zone) for name, template in then.fields}
        # Nothing binds the fallback.
        self._hours = None if index is None else holding(policy, rule, calendars)
        self.constant = self.make(_NO_FACTS) if self._is_constant() else None
        """The evaluation, where it is the same for all facts (the deadline may still have its say)."""

    def _is_constant(self) -> bool:
        if self._hours is not None:
            return False
        if self._rule.then.action is Action.ESCALATE:
            return self._question is None or self._question.constant is not None
        return self._rule.then.action in (Action.APPROVE, Action.FINALIZE, Action.LEAVE)

    def needs_evidence(self, facts: Facts) -> bool:
        """Whether the text that is due names evidence."""
        if self._reason is not None and self._reason.needs_evidence(facts):
            return True
        texts = [self._comment, self._question, *self._fields.values()]
        return any(text.needs_evidence for text in texts if text is not None)

    def make(self, facts: Facts) -> Evaluation:
        """The evaluation, before the deadline has its say."""
        then = self._rule.then
        match then.action:
            case Action.DISPUTE:
                made = self._dispute(facts)
            case Action.REQUEST_CORRECTIONS:
                made = self._request_corrections(facts)
            case Action.ESCALATE:
                question = then.because if self._question is None else self._question.show(facts)
                made = self._evaluation(question)
            case Action.WAIT:
                assert self._until is not None
                until = self._until(facts.started_at, facts.deadline_at)
                return replace(self._evaluation(None), until=until)
            case _:
                made = self._evaluation(then.because)
        return made if self._hours is None else self._held(made, self._hours, facts.now)

    def _evaluation(self, reason: str | None, fields: dict[str, str] | None = None) -> Evaluation:
        then = self._rule.then
        to = then.to if then.action is Action.ESCALATE else ()
        return Evaluation(then.action, self._rule.name, self._index, reason, fields, to=to)

    def _dispute(self, facts: Facts) -> Evaluation:
        assert self._reason is not None
        text = self._reason.choose(facts)
        if text is None:
            return self._cannot_send(f"its text could not be chosen: {self._reason.unchosen}")
        words, problem = self._message(text, facts)
        return self._cannot_send(problem) if problem else self._evaluation(words)

    def _request_corrections(self, facts: Facts) -> Evaluation:
        assert self._comment is not None
        comment, problem = self._message(self._comment, facts)
        fields: dict[str, str] = {}
        for name, text in self._fields.items():
            words, unknown = text.fill(facts)
            problem = problem or unknown
            if problem is None and not 0 < len(words or "") <= LONGEST:
                problem = "its text could not be sent: a field's text is empty or too long"
            fields[name] = words or ""
        return self._cannot_send(problem) if problem else self._evaluation(comment, fields)

    def _message(self, text: Text, facts: Facts) -> FilledText:
        """A text for the other side, or why it may not be sent."""
        filled = text.fill(facts)
        if filled.text is None:
            return filled
        return FilledText(filled.text, may_be_sent(filled.text, facts, repeat=self._rule.repeat))

    def _cannot_send(self, problem: str) -> Evaluation:
        """A text that may not or cannot be sent turns its action into a question for a person."""
        ask, rule = Action.ESCALATE, self._rule
        return Evaluation(ask, rule.name, self._index, problem, to=rule.then.to, note=problem)

    def _held(self, made: Evaluation, hours: Calendar | CommonHours, now: datetime) -> Evaluation:
        opens = hours.next_open(now)
        if opens is None:
            return self._cannot_send("its hours never open again")
        return made if opens == now else replace(made, until=opens)


def _as_rule(case: Fallback, deadline: Deadline) -> Rule:
    then = replace(case.then, because=case.then.because or deadline.because)
    return Rule(name=DEADLINE, when=case.when, then=then)


class Conclusions:
    """The endings of one policy, and how each becomes the final word."""

    def __init__(
        self, policy: Policy, calendars: Mapping[str, Calendar], conditions: Conditions
    ) -> None:
        self._zone = policy.timezone
        self._rules = policy.rules
        self.endings = [
            JudgementEnd(rule, index, policy, calendars, conditions)
            for index, rule in enumerate(policy.rules)
        ]
        self.cases = [
            JudgementEnd(_as_rule(case, policy.deadline), None, policy, calendars, conditions)
            for case in policy.deadline.fallbacks
        ]
        self.decide_by = resolver(policy.deadline.decide_by, calendars)
        self.settled = lru_cache(maxsize=4096)(self._settled)
        """(rule, cant, shadow, case) → evaluation, where neither rule nor case looks at the facts."""
        self.case: Callable[[Facts], int]
        """Which case of the fallback fits, none at all for `NONE`; set once the code is there."""
        self.traced_case: Callable[[Facts], tuple[int, tuple[Any, ...]]]

    def conclude(
        self,
        facts: Facts,
        index: int,
        cant: int,
        shadow: int,
        outcomes: tuple[Any, ...] | None = None,
    ) -> Evaluation:
        """End a judgement by a rule whose answer is no constant; with a trace where there are outcomes.

        `cant` and `shadow` are the rules that could not tell, and the shadow rules that matched.
        """
        made = self._marked(self.endings[index].make(facts), cant, shadow)
        if made.undecided and self.is_due(facts):
            return self.late(facts, index, cant, shadow, outcomes)
        return made if outcomes is None else replace(made, trace=Trace(outcomes, self.tried(index)))

    def late(
        self,
        facts: Facts,
        index: int,
        cant: int,
        shadow: int,
        outcomes: tuple[Any, ...] | None = None,
    ) -> Evaluation:
        """End a judgement that is undecided when it is time to decide: the fallback has its say."""
        case, case_outcomes = (
            (self.case(facts), ()) if outcomes is None else self.traced_case(facts)
        )
        constant = index == NONE or self.endings[index].constant is not None
        if constant and (case == NONE or self.cases[case].constant is not None):
            made = self.settled(index, cant, shadow, case)
        elif constant:
            made = self.settled(index, cant, shadow, NONE)
            made = self._instead(self.cases[case].make(facts), made)
        else:
            made = self._marked(self.endings[index].make(facts), cant, shadow)
            made = made if case == NONE else self._instead(self.cases[case].make(facts), made)
        if outcomes is None:
            return made
        cases_tried = len(self.cases) if case == NONE else case + 1
        trace = Trace(outcomes, self.tried(index), case_outcomes, cases_tried)
        return replace(made, trace=trace)

    def tried(self, index: int) -> int:
        """How many rules were tried when this one decided."""
        return len(self._rules) if index == NONE else index + 1

    def is_due(self, facts: Facts) -> bool:
        """Whether the undecided get the fallback now; never where the moment is not known."""
        decide_by = self.decide_by(facts.started_at, facts.deadline_at)
        return decide_by is not None and facts.now >= decide_by

    def fallback(self, facts: Facts) -> Evaluation | None:
        """The deadline's own say, whatever the rules said; None before its moment, or without one."""
        case = self.case(facts) if self.is_due(facts) else NONE
        return None if case == NONE else self.cases[case].make(facts)

    def _settled(self, index: int, cant: int, shadow: int, case: int) -> Evaluation:
        made = self._no_rule(cant) if index == NONE else self.endings[index].constant
        assert made is not None
        made = self._marked(made, cant, shadow)
        fallback = None if case == NONE else self.cases[case].constant
        return made if fallback is None else self._instead(fallback, made)

    def _no_rule(self, cant: int) -> Evaluation:
        unclear = f"; could not tell: {', '.join(self._names(cant))}" if cant else ""
        return Evaluation(Action.ESCALATE, NO_RULE, None, f"{MATCHED_NOTHING}{unclear}")

    def _marked(self, made: Evaluation, cant: int, shadow: int) -> Evaluation:
        if not cant and not shadow:
            return made
        marked = [rule for index, rule in enumerate(self._rules) if shadow >> index & 1]
        return replace(
            made,
            cannot_tell=self._names(cant),
            shadow=tuple((rule.name, rule.then.action) for rule in marked),
        )

    def _names(self, bits: int) -> tuple[str, ...]:
        return tuple(rule.name for index, rule in enumerate(self._rules) if bits >> index & 1)

    def _instead(self, fallback: Evaluation, undecided: Evaluation) -> Evaluation:
        note = f"undecided at its deadline: {self._words(undecided)}"
        if fallback.note is not None:
            note = f"{note}; the fallback became a question for a person: {fallback.note}"
        return replace(
            fallback, note=note, cannot_tell=undecided.cannot_tell, shadow=undecided.shadow
        )

    def _words(self, undecided: Evaluation) -> str:
        if undecided.rule == NO_RULE:
            return undecided.reason or MATCHED_NOTHING
        until = undecided.until
        held = "" if until is None else f" until {format_moment(until, self._zone)}"
        return f"{undecided.action}{held} by rule {undecided.rule!r}"
