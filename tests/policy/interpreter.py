"""The plain meaning of a policy: a tree walk, slow and obvious, that shares no code with the compiler.

It answers in plain data: True, False or None (cannot tell) for a condition, and a dict for a
judgement, whose trace has the shape of the one in the decision log.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from reviewbot.policy import model as m
from reviewbot.policy import operators as ops
from reviewbot.policy.facts import Facts

CHOICES = {
    "platform": {"tiktok", "instagram"},
    "outcome_kind": {"verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed"},
    "target_type": {"video", "comment"},
    "last_type": {"corrections_requested", "corrections_applied", "finalized"},
    "status": {
        "pending", "submitted", "verified_auto", "manually_confirmed", "pending_corrections",
        "finalized", "cancelled", "rejected", "needs_review",
    },
}  # fmt: skip
WORDS = {True: "met", False: "not met", None: "cannot tell"}


def all3(values: list[bool | None]) -> bool | None:
    """Kleene's and."""
    if False in values:
        return False
    return None if None in values else True


def any3(values: list[bool | None]) -> bool | None:
    """Kleene's or."""
    if True in values:
        return True
    return None if None in values else False


def not3(value: bool | None) -> bool | None:
    """Kleene's not."""
    return None if value is None else not value


def composed(text: str) -> str:
    """Text in which the two ways to write an accent are one."""
    return normalize("NFC", text)


def fold(text: str) -> str:
    """Text without case."""
    return composed(composed(text).casefold())


@dataclass
class Interpreter:
    """Walks one policy over one set of facts."""

    policy: m.Policy
    facts: Facts
    tried: list[dict[str, Any]] = field(default_factory=list)

    def judge(self) -> dict[str, Any]:
        """Go down the rules; what is undecided when it is time gets the fallback."""
        cannot_tell, shadow = [], []
        found: dict[str, Any] = {"action": "escalate", "rule": "no rule", "until": None}
        for rule in self.policy.rules:
            outcome = self.rule(rule)
            if outcome is True and not rule.shadow:
                found = {"action": rule.then.action.value, "rule": rule.name, "until": None}
                if rule.then.until is not None:
                    found["until"] = self.moment(rule.then.until)
                break
            if outcome is True:
                shadow.append((rule.name, rule.then.action.value))
            elif outcome is None and not rule.shadow:
                cannot_tell.append(rule.name)
        trace: dict[str, Any] = {"rules": self.tried}
        decide_by = self.moment(self.policy.deadline.decide_by)
        late = decide_by is not None and not self.facts.now < decide_by
        if found["action"] in ("escalate", "wait") and late:
            self.tried = []
            for case in self.policy.deadline.fallbacks:
                if self.case(case) is True:
                    found = {"action": case.then.action.value, "rule": "deadline", "until": None}
                    break
            if self.tried:
                trace["deadline"] = self.tried
        return found | {"cannot_tell": cannot_tell, "shadow": shadow, "trace": trace}

    def guarded(self) -> dict[str, Any]:
        """The same, where no statement forbids it; else the fallback from its moment on, or a person."""
        found = self.judge()
        if found["until"] is not None or not self.forbids(found["action"], found["rule"]):
            return found
        decide_by = self.moment(self.policy.deadline.decide_by)
        if found["rule"] != "deadline" and decide_by is not None and self.facts.now >= decide_by:
            case = next((c for c in self.policy.deadline.fallbacks if self.case(c) is True), None)
            action = "escalate" if case is None else case.then.action.value
            if action != "escalate" and not self.forbids(action, "deadline"):
                return found | {"action": action, "rule": "deadline"}
        return found | {"action": "escalate"}

    def forbids(self, action: str, rule: str) -> bool:
        """Whether a statement forbids this, or may."""
        for statement in self.policy.never:
            exempt = rule == "deadline" and "deadline" in statement.but
            outcome = all3([part["outcome"] for part in self.top(statement.when)])
            if action in statement.actions and not exempt and outcome is not False:
                return True
        return False

    def rule(self, rule: m.Rule) -> bool | None:
        """One rule, written down as it is tried."""
        parts = self.top(rule.when)
        if rule.rollout is not None:
            digest = hashlib.sha256(
                f"{self.facts.task.id or self.facts.bundle.id}\x1f{rule.name}".encode()
            ).hexdigest()
            inside = int(digest[:16], 16) / 2**64 < rule.rollout
            parts.append({"label": f"in the {rule.rollout:.0%} of the rollout", "outcome": inside})
        if rule.then.until is not None:
            until = self.moment(rule.then.until)
            waits = None if until is None else self.facts.now < until
            label = f"until {rule.then.until.text} has not come"
            parts.append({"label": label, "outcome": waits})
        if rule.limit and rule.when_over == "skip":
            has_room = rule.name not in self.facts.full
            parts.append({"label": "its limit has room", "outcome": has_room})
        outcome = all3([part["outcome"] for part in parts])
        entry: dict[str, Any] = {"rule": rule.name, "outcome": WORDS[outcome]}
        if rule.shadow:
            entry["shadow"] = True
        self.tried.append(entry | {"conditions": [worded(part) for part in parts]})
        return outcome

    def case(self, case: m.Fallback) -> bool | None:
        """One case of the fallback."""
        parts = self.top(case.when)
        outcome = all3([part["outcome"] for part in parts])
        conditions = [worded(part) for part in parts]
        self.tried.append({"rule": "deadline", "outcome": WORDS[outcome], "conditions": conditions})
        return outcome

    def text(self, reason: m.ReasonText | None) -> m.Template | None:
        """The text of the first case that is met; None where another may be due as well."""
        assert reason is not None
        maybe: list[m.Template] = []
        for case in reason.cases:
            outcome = all3([part["outcome"] for part in self.top(case.when)])
            if outcome is not False:
                maybe.append(case.text)
            if outcome is True:
                break
        else:
            assert reason.otherwise is not None
            maybe.append(reason.otherwise)
        first = maybe[-1]
        alike = all((t.parts, t.locale) == (first.parts, first.locale) for t in maybe)
        return first if alike else None

    def top(self, when: m.Condition | None) -> list[dict[str, Any]]:
        """The lines of `when`."""
        if when is None:
            return []
        if isinstance(when, m.AllOf):
            return [self.condition(part) for part in when.parts]
        return [self.condition(when)]

    def condition(self, node: m.Condition, attempt: Any = None) -> dict[str, Any]:
        """One condition with its parts."""
        if isinstance(node, m.Compare) and isinstance(node.test, ops.Has):
            return {"fact": node.fact, "test": node.text, "outcome": self.has(node)}
        if isinstance(node, m.Compare):
            value = attempt_value(node.fact, attempt) if attempt else self.value(node.fact)
            outcome = self.test(node.test, value)
            return {"fact": node.fact, "test": node.text, "outcome": outcome}
        if isinstance(node, m.EachAttempt):
            return self.checks(node)
        parts = [self.condition(part, attempt) for part in node.parts]
        outcomes = [part["outcome"] for part in parts]
        if isinstance(node, m.Named):
            group, outcome = f"condition {node.name}", all3(outcomes)
        elif isinstance(node, m.AllOf):
            group, outcome = "all of", all3(outcomes)
        elif isinstance(node, m.AnyOf):
            group, outcome = "any of", any3(outcomes)
        else:
            group, outcome = "none of", not3(any3(outcomes))
            if isinstance(node, m.Unless):
                group = "unless"
        return {"group": group, "outcome": outcome, "conditions": parts}

    def checks(self, node: m.EachAttempt) -> dict[str, Any]:
        """One mapping over every attempt of the round."""
        rows = [self.condition(node.condition, a) for a in self.facts.attempts or ()]
        outcomes = [row["outcome"] for row in rows]
        outcome: bool | None
        if self.facts.attempts is None:
            outcome = None
        elif node.quantifier == "any":
            outcome = any3(outcomes)
        elif node.quantifier == "every":
            outcome = all3(outcomes) if outcomes else False
        else:
            outcome = not3(any3(outcomes))
        for number, row in enumerate(rows, start=1):
            row["label"] = f"attempt {number}"
        entry = {"group": f"{node.quantifier} check", "outcome": outcome}
        return entry | ({"conditions": rows} if rows else {})

    def has(self, node: m.Compare) -> bool | None:
        """Whether a name is in a list, of which some names may be in doubt."""
        assert isinstance(node.test, ops.Has)
        names = self.value(node.fact)
        if names is None:
            return None
        if node.fact == "profile.differs" and node.test.member in self.facts.uncompared:
            return None
        return (node.test.member in names) != node.test.negated

    @property
    def sent_back(self) -> int | None:
        """Rounds before this one: ours, or as many as the log saw."""
        past = self.facts.past
        if past.disputes is None:
            return None
        return past.disputes if past.disputes > past.rounds_before else past.rounds_before

    def value(self, name: str) -> Any:
        """What a fact is; None is unknown."""
        facts = self.facts
        if name == "now":
            return facts.now
        part, own = name.split(".")
        derived = {
            "task.times_disputed": lambda: facts.past.disputes,
            "task.sent_back_before": lambda: self.sent_back,
            "task.round": lambda: None if self.sent_back is None else self.sent_back + 1,
            "task.waiting_for": lambda: gap(facts.task.manually_confirmed_at, facts.now),
            "task.time_left": lambda: gap(facts.now, facts.task.client_dispute_deadline_at),
            "task.confirm_took": lambda: gap(
                facts.task.submitted_at, facts.task.manually_confirmed_at
            ),
            "task.posted_ago": lambda: gap(facts.task.submitted_at, facts.now),
            "task.comment_length": lambda: (
                None if facts.task.comment_text is None else len(facts.task.comment_text)
            ),
            "last.age": lambda: gap(facts.last.scraped_at, facts.now),
            "profile.differs": lambda: facts.differs,
            "review.round": lambda: (
                None
                if facts.feedback.corrections_applied is None
                else facts.feedback.corrections_applied + 1
            ),
            "review.waiting_for": lambda: gap(facts.started_at, facts.now),
            "review.time_left": lambda: gap(facts.now, facts.deadline_at),
        }
        if part == "profile" and own.endswith("_length"):
            text = getattr(facts.profile, own.removesuffix("_length"))
            return None if text is None else len(text)
        value = derived[name]() if name in derived else getattr(getattr(facts, part), own)
        return None if own in CHOICES and value not in CHOICES[own] else value

    def test(self, test: m.FactTest, value: Any) -> bool | None:
        """One test of one value."""
        if isinstance(test, ops.IsKnown):
            return (value is not None) == test.known
        if value is None:
            return None
        if isinstance(test, ops.Range):
            above = (
                test.low is None or test.low < value or (test.low_included and value == test.low)
            )
            below = (
                test.high is None
                or value < test.high
                or (test.high_included and value == test.high)
            )
            return above and below
        found = self.positive(test, value)
        return found != test.negated

    def positive(self, test: Any, value: Any) -> bool:
        """A test that `not` may stand before, without it."""
        if isinstance(test, ops.OneOf):
            return any(
                same(value, wanted, exact)
                for wanted, exact in zip(test.values, test.exact, strict=True)
            )
        if isinstance(test, ops.TextTest):
            form = composed if test.exact else fold
            text, word = form(value), form(test.text)
            return {
                "contains": word in text,
                "starts with": text.startswith(word),
                "ends with": text.endswith(word),
            }[test.kind]
        if isinstance(test, ops.Matches):
            pattern = next(p for p in self.policy.patterns if p.name == test.pattern)
            return re.search(pattern.regex, value, re.IGNORECASE) is not None
        if isinstance(test, ops.InHours):
            return self.is_open(test.hours, value)
        if isinstance(test, ops.InList):
            named = next(entries for entries in self.policy.lists if entries.name == test.list)
            today = self.facts.now.astimezone(ZoneInfo(self.policy.timezone)).date()
            return any(
                fold(entry.id) == fold(value)
                for entry in named.entries
                if entry.until is None or today <= entry.until
            )
        raise AssertionError(test)

    def is_open(self, name: str, at: datetime) -> bool:
        """Whether named hours are open, by what the clock on the wall shows."""
        hours = next(table for table in self.policy.hours if table.name == name)
        wall = at.astimezone(ZoneInfo(self.policy.timezone))
        minute = wall.hour * 60 + wall.minute
        return wall.date() not in hours.closed and any(
            wall.weekday() in span.days and span.start <= minute < span.end for span in hours.open
        )

    def moment(self, moment: m.Moment) -> datetime | None:
        """A moment of this review."""
        if isinstance(moment, m.Fixed):
            return moment.at
        start, seconds = (
            (self.facts.started_at, moment.seconds)
            if isinstance(moment, m.FromConfirmed)
            else (self.facts.deadline_at, -moment.seconds)
        )
        return None if start is None else start + timedelta(seconds=seconds)


def attempt_value(name: str, attempt: Any) -> Any:
    """An attempt's own field."""
    value = getattr(attempt, name)
    return None if name in CHOICES and value not in CHOICES[name] else value


def gap(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds between two moments."""
    return None if start is None or end is None else (end - start).total_seconds()


def same(value: Any, wanted: Any, exact: bool) -> bool:
    """Equality as a policy means it."""
    if isinstance(value, str) and not exact:
        return fold(value) == fold(wanted)
    if isinstance(value, str):
        return composed(value) == composed(wanted)
    return bool(value == wanted)


def worded(part: dict[str, Any]) -> dict[str, Any]:
    """A part with its outcome as a word, and its parts likewise."""
    words = part | {"outcome": WORDS[part["outcome"]]}
    if "conditions" in part:
        words["conditions"] = [worded(inner) for inner in part["conditions"]]
    return words
