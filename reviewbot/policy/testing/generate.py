"""A test written from facts that really occurred: only those that mattered, the rest is typical.

Theory of operation. What the winning rule looked at is kept. Every other fact that the policy asks
about is left out again if the answer stays the same without it, one by one, until no more can go.
Each step is judged by the real judge over the very facts that the finished test will start from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.templates import money, score, yes_no
from reviewbot.policy.engine.trace import rule_results
from reviewbot.policy.explain.phrases import met_leaves
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.usual import Impossible, read_given
from reviewbot.policy.model import Compare, FromConfirmed, Moment, Placeholder, PolicyTest
from reviewbot.policy.parts import all_compares
from reviewbot.policy.testing.cases import MOVING, case_facts
from reviewbot.policy.values import Misread

_ANCHOR = {"comments": "confirmed", "accounts": "first seen"}

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ,./()'-]*[A-Za-z0-9.)])?").fullmatch

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def _length(seconds: int) -> str:
    words = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


class WrittenTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test as it will stand in a file. `given` maps facts to values as written."""

    name: str
    given: Mapping[str, str]
    at: str | None
    expect: Action
    by: str

    def lines(self) -> list[str]:
        """The test as an entry of a list, without indentation."""
        given = [f"    {name}: {text}" for name, text in self.given.items()]
        return [
            f"- name: {_text(self.name)}",
            *(["  given:", *given] if given else []),
            *([f"  at: {self.at}"] if self.at is not None else []),
            f"  expect: {self.expect}",
            f"  by: {_text(self.by)}",
        ]


def written_test(judge: Judge, facts: Facts, name: str) -> WrittenTest | None:
    """Write the test that expects of these facts what the judge says of them.

    None when no test can: the answer rests on something that `given:` cannot state, such as the
    attempts one by one or the words that were sent before.
    """
    return _Writer(judge, facts).write(name)


class _Writer:
    def __init__(self, judge: Judge, facts: Facts) -> None:
        self.judge = judge
        self.facts = facts
        self.review = judge.policy.applies_to.review
        self.catalogue = CATALOGUE[self.review]
        self.zone = ZoneInfo(judge.policy.timezone)
        self.wanted = judge.judge(facts, trace=True)

    def write(self, name: str) -> WrittenTest | None:
        """Take the fewest facts that hold the answer, and the roundest moment."""
        exact = self._moments()[-1]
        for names in (self._asked(), tuple(self.catalogue)):
            given = {fact: text for fact in names if (text := self._text(fact)) is not None}
            if not self._holds(given, exact):
                continue
            given = self._fewest(given, exact)
            at = next(moment for moment in self._moments() if self._holds(given, moment))
            return WrittenTest(
                name=name,
                given={fact: _in_yaml(self.catalogue[fact], text) for fact, text in given.items()},
                at=None if at is None else at.text,
                expect=self.wanted.action,
                by=self.wanted.rule,
            )
        return None

    def _asked(self) -> tuple[str, ...]:
        """Every fact that conditions and texts of the policy name, and what else dates the task."""
        policy = self.judge.policy
        named = [compare.fact for compare in all_compares(policy)]
        texts = (text for rule in policy.rules for text in rule.then.templates())
        named += [
            part.fact for text in texts for part in text.parts if isinstance(part, Placeholder)
        ]
        named += ["task.manually_confirmed_at", "task.client_dispute_deadline_at", "checks.count"]
        return tuple(name for name in dict.fromkeys(named) if name in self.catalogue)

    def _text(self, name: str) -> str | None:
        """A fact's value as a test gives it; None where `at:` says it, or where nothing could."""
        if name in MOVING:
            return None
        fact = self.catalogue[name]
        value = fact.read(self.facts)
        text = "unknown" if value is None else _written(fact, value, self.zone)
        try:
            known = read_given(text, fact, self.zone) is not None
        except Misread:
            return None
        return text if known is (value is not None) else None

    def _fewest(self, given: dict[str, str], at: Moment | None) -> dict[str, str]:
        """Leave out one fact after the other, for as long as the answer stays."""
        kept = self._matter()
        while True:
            for name in reversed(given):
                less = {fact: text for fact, text in given.items() if fact != name}
                if name not in kept and self._holds(less, at):
                    given = less
                    break
            else:
                return given

    def _matter(self) -> frozenset[str]:
        """The facts that the winning rule found as it asked for them."""
        trace, index = self.wanted.trace, self.wanted.rule_index
        if trace is None or index is None:
            return frozenset()
        winner = rule_results(self.judge.policy, trace)[index]
        conditions = [part.condition for part in met_leaves(winner.parts)]
        return frozenset(part.fact for part in conditions if isinstance(part, Compare))

    def _moments(self) -> list[Moment | None]:
        """The moment of the judgement, ever more exactly: unsaid, in hours, minutes, seconds."""
        found: list[Moment | None] = [None]
        if self.facts.started_at is not None:
            passed = int((self.facts.now - self.facts.started_at).total_seconds())
            for unit in (3_600, 60, 1):
                if passed >= unit:
                    seconds = passed - passed % unit
                    text = f"{_length(seconds)} after {_ANCHOR[self.review]}"
                    found.append(FromConfirmed(seconds=float(seconds), text=text))
        return found

    def _holds(self, given: Mapping[str, str], at: Moment | None) -> bool:
        """Whether a test of these facts at this moment gets the wanted answer."""
        values = tuple((name, text, NOWHERE) for name, text in given.items())
        test = PolicyTest(name="", given=values)
        try:
            facts = case_facts(self.judge.policy, self.judge.calendars, test, at)
        except (Impossible, Misread):
            return False
        made = self.judge.decide(facts)
        return (made.action, made.rule) == (self.wanted.action, self.wanted.rule)


def _written(fact: Fact, value: Any, zone: ZoneInfo) -> str:
    match fact.type:
        case FactType.YES_NO:
            return yes_no(value)
        case FactType.MONEY:
            return money(value)
        case FactType.SCORE | FactType.SHARE:
            return score(value)
        case FactType.DURATION:
            return _length(round(value))
        case FactType.MOMENT:
            local = value.astimezone(zone).replace(tzinfo=None)
            whole = local.second == local.microsecond == 0
            return str(local.isoformat(" ", "minutes" if whole else "auto"))
        case FactType.NAMES:
            return f"[{', '.join(value)}]"
        case _:
            return str(value)


def _in_yaml(fact: Fact, text: str) -> str:
    return _quoted(text) if fact.type is FactType.TEXT and text != "unknown" else text


def _text(text: str) -> str:
    """A text as it is where nothing in it could be misread, else in quotes."""
    return text if _PLAIN(text) else _quoted(text)


def _quoted(text: str) -> str:
    """A text in double quotes, with everything that a reader could not see written out."""
    return '"' + "".join(map(_visible, json.dumps(text, ensure_ascii=False)[1:-1])) + '"'


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
