"""From the rule that matched to the evaluation: its texts, its hours, and the deadline's say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.domain.text import format_moment
from reviewbot.policy.catalog import Fact
from reviewbot.policy.engine.calendar import Calendar, Resolver, resolver
from reviewbot.policy.engine.templates import LONGEST, FilledText, Text, Variants, may_be_sent
from reviewbot.policy.engine.trace import Evaluation, Trace
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Fallback, Policy, Rule, Template, Then

MATCHED_NOTHING = "no rule matches"


_NONE = -1
"""In place of a rule's or a case's number."""


class RuleEnding:
    """What one rule, or one case of the fallback, makes of the facts when it is its turn."""

    def __init__(
        self,
        then: Then,
        *,
        rule: str,
        index: int | None,
        facts: Mapping[str, Fact],
        zone: ZoneInfo,
        calendars: Mapping[str, Calendar],
        hours: str | None = None,
        repeat: bool = False,
        because: str | None = None,
    ) -> None:
        self._action = then.action
        self._rule = rule
        self._index = index
        self._to = then.to
        self._because = then.because or because
        self._repeat = repeat
        self._hours = calendars[hours] if hours is not None else None
        self._until = resolver(then.until, calendars) if then.until is not None else None

        def text(template: Template) -> Text:
            return Text(template, facts, zone)

        self._reason = Variants(then.reason, facts, zone) if then.reason is not None else None
        self._comment = text(then.comment) if then.comment is not None else None
        self._fields = {name: text(template) for name, template in then.fields}
        self._question = text(then.question) if then.question is not None else None
        self.make = self._maker()
        """Facts → evaluation, before the deadline has its say."""
        self.constant = self._constant()
        """The evaluation, where it is the same for all facts (the deadline may still have its say)."""

    def needs_evidence(self, facts: Facts) -> bool:
        """Whether the text that is due names evidence."""
        texts = [self._comment, self._question, *self._fields.values()]
        if self._reason is not None:
            texts.append(self._reason.choose(facts))
        return any(text.needs_evidence for text in texts if text is not None)

    def _maker(self) -> Callable[[Facts], Evaluation]:
        make = {
            Action.DISPUTE: self._dispute,
            Action.REQUEST_CORRECTIONS: self._request_corrections,
            Action.ESCALATE: self._escalate,
            Action.WAIT: self._wait,
        }.get(self._action, self._plainly)
        if self._hours is None or self._action in (Action.WAIT, Action.LEAVE):
            return make
        return lambda facts: self._held(make(facts), facts.now)

    def _constant(self) -> Evaluation | None:
        if self._hours is not None and self._action is not Action.LEAVE:
            return None
        if self._action is Action.ESCALATE:
            question = self._because if self._question is None else self._question.constant
            if question is None and self._question is not None:
                return None
            return Evaluation(self._action, self._rule, self._index, question, to=self._to)
        if self._action in (Action.APPROVE, Action.FINALIZE, Action.LEAVE):
            return Evaluation(self._action, self._rule, self._index, self._because)
        return None

    def _plainly(self, _: Facts) -> Evaluation:
        return Evaluation(self._action, self._rule, self._index, self._because)

    def _dispute(self, facts: Facts) -> Evaluation:
        assert self._reason is not None
        text = self._reason.choose(facts)
        if text is None:
            return self._cannot_send("its text could not be chosen: no variant fits what is known")
        words, problem = text.fill(facts)
        if words is None:
            return self._cannot_send(problem)
        problem = may_be_sent(words, facts, repeat=self._repeat)
        if problem is not None:
            return self._cannot_send(problem)
        return Evaluation(self._action, self._rule, self._index, words)

    def _request_corrections(self, facts: Facts) -> Evaluation:
        assert self._comment is not None
        comment, problem = self._comment.fill(facts)
        if comment is None:
            return self._cannot_send(problem)
        problem = may_be_sent(comment, facts, repeat=self._repeat)
        if problem is not None:
            return self._cannot_send(problem)
        fields: dict[str, str] = {}
        for name, text in self._fields.items():
            words, problem = _fitting(text.fill(facts))
            if words is None:
                return self._cannot_send(problem)
            fields[name] = words
        return Evaluation(self._action, self._rule, self._index, comment, fields)

    def _cannot_send(self, problem: str | None) -> Evaluation:
        """A text that may not or cannot be sent turns its action into a question for a person."""
        return Evaluation(
            Action.ESCALATE, self._rule, self._index, problem, to=self._to, note=problem
        )

    def _escalate(self, facts: Facts) -> Evaluation:
        question = self._because if self._question is None else self._question.show(facts)
        return Evaluation(self._action, self._rule, self._index, question, to=self._to)

    def _wait(self, facts: Facts) -> Evaluation:
        assert self._until is not None
        until = self._until(facts.started_at, facts.deadline_at)
        return Evaluation(self._action, self._rule, self._index, until=until)

    def _held(self, made: Evaluation, now: datetime) -> Evaluation:
        assert self._hours is not None
        opens = self._hours.next_open(now)
        if opens is None:
            return self._cannot_send("its hours never open again")
        return made if opens == now else msgspec.structs.replace(made, until=opens)


def _fitting(written: FilledText) -> FilledText:
    if written.text is not None and not 0 < len(written.text) <= LONGEST:
        return FilledText(None, "its text could not be sent: a field's text is empty or too long")
    return written


class Conclusions:
    """The steps of one policy, and how each becomes the final word."""

    def __init__(
        self, policy: Policy, facts: Mapping[str, Fact], calendars: Mapping[str, Calendar]
    ) -> None:
        zone = ZoneInfo(policy.timezone)
        self._timezone = policy.timezone
        self._rules = policy.rules
        because = policy.deadline.because

        def rule_step(index: int, rule: Rule) -> RuleEnding:
            return RuleEnding(
                rule.then,
                rule=rule.name,
                index=index,
                facts=facts,
                zone=zone,
                calendars=calendars,
                hours=rule.act_during,
                repeat=rule.repeat,
            )

        def case_step(case: Fallback) -> RuleEnding:
            return RuleEnding(
                case.then,
                rule=DEADLINE,
                index=None,
                facts=facts,
                zone=zone,
                calendars=calendars,
                because=because,
            )

        self.steps = [rule_step(index, rule) for index, rule in enumerate(policy.rules)]
        self._cases = [case_step(case) for case in policy.deadline.fallbacks]
        self._decide_by: Resolver = resolver(policy.deadline.decide_by, calendars)
        self.settled = lru_cache(maxsize=4096)(self._settled)
        """(rule, cant, shadow, case) → evaluation, where neither rule nor case looks at the facts."""
        self._names = lru_cache(maxsize=1024)(self._names_of)
        self._matched_in_shadow = lru_cache(maxsize=1024)(self._shadow_of)
        self.case: Callable[[Facts], int]
        """Which case of the fallback fits, -1 for none; set once the code is there."""
        self.traced_case: Callable[[Facts], tuple[int, tuple[Any, ...]]]
        self.triaged_case: Callable[[Facts], int | None]

    # Ends of a plain judgement ---------------------------------------------------------------

    def rule(self, index: int) -> Callable[[Facts, int, int], Evaluation]:
        """Make the function that ends a plain judgement by this rule."""
        make = self.steps[index].make
        return lambda facts, cant, shadow: self._end(make(facts), facts, cant, shadow)

    def late(self, index: int) -> Callable[[Facts, int, int], Evaluation]:
        """Make the function that ends a plain judgement by a constant question that came too late.

        `index` -1 is for no rule.
        """

        def end(facts: Facts, cant: int, shadow: int) -> Evaluation:
            case = self.case(facts)
            if case < 0 or self._cases[case].constant is not None:
                return self.settled(index, cant, shadow, case)
            made = self._fallback(self.settled(index, cant, shadow, _NONE), case, facts)
            return self._complete(made, cant, shadow, None)

        return end

    def _end(self, made: Evaluation, facts: Facts, cant: int, shadow: int) -> Evaluation:
        if made.undecided and self.is_due(facts):
            made = self._fallback(made, self.case(facts), facts)
        return self._complete(made, cant, shadow, None) if cant or shadow else made

    # Ends of a traced judgement --------------------------------------------------------------

    def traced_rule(self, index: int) -> Callable[[Facts, int, int, tuple[Any, ...]], Evaluation]:
        """Make the function that ends a traced judgement by this rule."""
        make = self.steps[index].make
        return lambda facts, cant, shadow, outcomes: self._end_traced(
            make(facts), index, facts, cant, shadow, outcomes
        )

    def traced_constant(self, index: int) -> Callable[[int, int, tuple[Any, ...]], Evaluation]:
        """Make the function that ends a traced judgement in time by a rule with a constant answer."""
        constant = self.steps[index].constant
        assert constant is not None
        action, rule, reason, to = constant.action, constant.rule, constant.reason, constant.to
        names, in_shadow, tried = self._names, self._matched_in_shadow, index + 1

        def end(cant: int, shadow: int, outcomes: tuple[Any, ...]) -> Evaluation:
            return Evaluation(
                action,
                rule,
                index,
                reason,
                None,
                None,
                to,
                names(cant) if cant else (),
                in_shadow(shadow) if shadow else (),
                Trace(outcomes, tried),
            )

        return end

    def traced_in_time(self, cant: int, shadow: int, outcomes: tuple[Any, ...]) -> Evaluation:
        """End a traced judgement that no rule decided, before the deadline's say."""
        made = self.settled(_NONE, cant, shadow, _NONE)
        return Evaluation(
            made.action,
            made.rule,
            None,
            made.reason,
            None,
            None,
            None,
            made.cannot_tell,
            made.shadow,
            Trace(outcomes, len(self._rules)),
        )

    def traced_nothing(
        self, facts: Facts, cant: int, shadow: int, outcomes: tuple[Any, ...]
    ) -> Evaluation:
        """End a traced judgement that no rule decided."""
        made = self.settled(_NONE, cant, shadow, _NONE)
        return self._end_traced(made, _NONE, facts, cant, shadow, outcomes)

    def _end_traced(
        self,
        made: Evaluation,
        index: int,
        facts: Facts,
        cant: int,
        shadow: int,
        outcomes: tuple[Any, ...],
    ) -> Evaluation:
        tried = len(self._rules) if index < 0 else index + 1
        if not made.undecided or not self.is_due(facts):
            return self._complete(made, cant, shadow, Trace(outcomes, tried))
        case, case_outcomes = self.traced_case(facts)
        cases_tried = case + 1 if case >= 0 else len(self._cases)
        constant = index < 0 or self.steps[index].constant is not None
        if constant and (case < 0 or self._cases[case].constant is not None):
            made = self.settled(index, cant, shadow, case)
        else:
            made = self._fallback(made, case, facts)
        trace = Trace(outcomes, tried, case_outcomes, cases_tried)
        return self._complete(made, cant, shadow, trace)

    # Ends of a triage ------------------------------------------------------------------------

    def triaged_rule(self, index: int) -> Callable[[Facts, int, int], Evaluation | None]:
        """Make the function that ends a triage by this rule; None where its text needs evidence."""
        step = self.steps[index]
        return lambda facts, cant, shadow: (
            None
            if step.needs_evidence(facts)
            else self._end_triage(step.make(facts), facts, cant, shadow)
        )

    def triaged_nothing(self, facts: Facts, cant: int, shadow: int) -> Evaluation | None:
        """End a triage that no rule decided."""
        return self._end_triage(self._no_rule(cant), facts, cant, shadow)

    def _end_triage(
        self, made: Evaluation, facts: Facts, cant: int, shadow: int
    ) -> Evaluation | None:
        if made.undecided and self.is_due(facts):
            case = self.triaged_case(facts)
            if case is None or (case >= 0 and self._cases[case].needs_evidence(facts)):
                return None
            made = self._fallback(made, case, facts)
        return self._complete(made, cant, shadow, None) if cant or shadow else made

    # The deadline's say ----------------------------------------------------------------------

    def is_due(self, facts: Facts) -> bool:
        """Whether the undecided get the fallback now; never where the moment is not known."""
        decide_by = self._decide_by(facts.started_at, facts.deadline_at)
        return decide_by is not None and facts.now >= decide_by

    def fallback(self, facts: Facts) -> Evaluation | None:
        """The deadline's own say, whatever the rules said; None before its moment, or without one."""
        case = self.case(facts) if self.is_due(facts) else _NONE
        return None if case < 0 else self._cases[case].make(facts)

    def _fallback(self, undecided: Evaluation, case: int, facts: Facts) -> Evaluation:
        if case < 0:
            return undecided
        return _instead(self._cases[case].make(facts), undecided, self._timezone)

    # The last touches ------------------------------------------------------------------------

    def _no_rule(self, cant: int) -> Evaluation:
        reason = MATCHED_NOTHING
        if cant:
            reason = f"{reason}; could not tell: {', '.join(self._names(cant))}"
        return Evaluation(Action.ESCALATE, NO_RULE, None, reason)

    def _settled(self, index: int, cant: int, shadow: int, case: int) -> Evaluation:
        made = self._no_rule(cant) if index < 0 else self.steps[index].constant
        assert made is not None
        if case >= 0:
            fallback = self._cases[case].constant
            assert fallback is not None
            made = _instead(fallback, made, self._timezone)
        return self._complete(made, cant, shadow, None)

    def _complete(
        self, made: Evaluation, cant: int, shadow: int, trace: Trace | None
    ) -> Evaluation:
        return Evaluation(
            made.action,
            made.rule,
            made.rule_index,
            made.reason,
            made.fields,
            made.until,
            made.to,
            self._names(cant) if cant else (),
            self._matched_in_shadow(shadow) if shadow else (),
            trace,
            made.note,
        )

    def _names_of(self, bits: int) -> tuple[str, ...]:
        return tuple(rule.name for index, rule in enumerate(self._rules) if bits >> index & 1)

    def _shadow_of(self, bits: int) -> tuple[tuple[str, Action], ...]:
        return tuple(
            (rule.name, rule.then.action)
            for index, rule in enumerate(self._rules)
            if bits >> index & 1
        )


def _instead(fallback: Evaluation, undecided: Evaluation, zone: str) -> Evaluation:
    note = f"undecided at its deadline: {_said(undecided, zone)}"
    if fallback.note is not None:
        note = f"{note}; the fallback became a question for a person: {fallback.note}"
    return msgspec.structs.replace(fallback, note=note)


def _said(evaluation: Evaluation, zone: str) -> str:
    if evaluation.rule == NO_RULE:
        return evaluation.reason or MATCHED_NOTHING
    held = "" if evaluation.until is None else f" until {format_moment(evaluation.until, zone)}"
    return f"{evaluation.action}{held} by rule {evaluation.rule!r}"
