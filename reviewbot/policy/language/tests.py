"""The file of tests beside a policy: one more test is put in, and not one other character moves."""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Any
from zoneinfo import ZoneInfo

from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE
from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language.conditions import detail_of, find_fact, see_facts
from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    entries_of,
    items_of,
    mapping_of,
)
from reviewbot.policy.language.rules import read_action
from reviewbot.policy.language.schedule import read_moment, read_moment_text
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, load_yaml
from reviewbot.policy.model import Expectation, PolicyTest
from reviewbot.policy.operators import operator_of, read_literal
from reviewbot.policy.text_forms import did_you_mean, listed, only_cure
from reviewbot.policy.values import Misread


class NoRoomError(Exception):
    """The file holds its tests in a form to which no line can be added."""


def with_test(source: str, test: Items[str]) -> str:
    """Put the lines of a test behind the last one of a file, which may be empty.

    Raises NoRoomError, for instance where the tests are written `[…]`.
    """
    document = load_yaml(source)
    if document.root is None and source.strip() and not _only_comments(source):
        raise NoRoomError("it has mistakes: run  reviewbot policy check  first")
    tests = _tests(document.root)
    if tests is None:
        head = [] if document.root is not None else ["tests:"]
        if not head:
            raise NoRoomError("it has no list under  tests:")
        body = source if not source or source.endswith("\n") else source + "\n"
        return body + "\n".join([*head, *_indented(test, 2)]) + "\n"
    lines = source.split("\n")
    first = tests.items[0].span
    column = lines[first.line - 1].find("- ")
    if column < 0 or lines[first.line - 1][:column].strip():
        raise NoRoomError("its tests do not stand one below the other")
    last = _last_line(tests)
    while last < len(lines) and _is_comment_within(lines[last], column):
        last += 1
    apart = [""] if len(tests.items) < 2 or _stand_apart(tests, lines) else []
    lines[last:last] = [*apart, *_indented(test, column)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _tests(root: Tree | None) -> Sequence | None:
    if isinstance(root, Mapping):
        root = next((value for key, value in root.entries if key.value == "tests"), None)
    return root if isinstance(root, Sequence) and root.items else None


def _only_comments(source: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in source.split("\n"))


def _indented(test: Items[str], column: int) -> list[str]:
    return [" " * column + line for line in test]


def _last_line(tree: Tree) -> int:
    """The last line on which something of the tree stands."""
    match tree:
        case Mapping(entries=entries):
            return max(_last_line(part) for entry in entries for part in entry)
        case Sequence(items=items) if items:
            return max(map(_last_line, items))
        case Sequence(span=span):
            return span.end_line
    return max(tree.last_line, tree.span.line)


def _is_comment_within(line: str, column: int) -> bool:
    """Whether a line is a remark on the test above it."""
    text = line.lstrip()
    return text.startswith("#") and len(line) - len(text) > column


def _stand_apart(tests: Sequence, lines: Items[str]) -> bool:
    """Whether the author left a line between tests."""
    return not lines[tests.items[1].span.line - 2].strip()


# ------------------------------------------------------------------------------------------------
# The tests a policy brings: everything they name must be there, or they prove nothing.


_KEYS = (
    "name",
    "given",
    "expect",
    "expect never",
    "by",
    "reason says",
    "until",
    "at",
    "over time",
    "note",
)


_CLAIMS = ("expect", "expect never", "by", "reason says", "until", "over time")


def read_tests(context: Reading, tree: Tree | None) -> tuple[PolicyTest, ...]:
    """Read a list of tests."""
    items = items_of(context, tree, "tests:", "- name: …")
    tests = []
    names: dict[str, Span] = {}
    for item in items:
        mapping = mapping_of(context, item, "a test", "- name: …")
        if mapping is not None:
            tests.append(_test(context, mapping, names))
    return tuple(tests)


def _test(context: Reading, mapping: Mapping, names: dict[str, Span]) -> PolicyTest:
    fields = MappingReader(context, mapping, "a test", _KEYS)
    name = context.free_text(fields.need("name"), "the name of a test")
    if name is not None and names.setdefault(name.value, name.span) is not name.span:
        context.add(
            "P033",
            name.span,
            f'a second test is called "{name.value}"',
            under=f"the first is on line {names[name.value].line}",
        )
    actions = ACTIONS_OF[context.review]
    expect = read_action(context, fields.get("expect"), actions, "expect:")
    never = read_action(context, fields.get("expect never"), actions, "expect never:")
    if expect is not None and expect is never:
        context.add(
            "P136",
            fields.key_span("expect never"),
            f"this test expects {expect.value} and never {never.value}",
        )
    if not any(fields.has(key) for key in _CLAIMS):
        context.add(
            "P136",
            fields.key_span("name"),
            "this test expects nothing, so it proves nothing",
            cure="add  expect:  with an action, or  over time:",
        )
    says = context.free_text(fields.get("reason says"), "reason says:")
    return PolicyTest(
        name=name.value if name is not None else "",
        given=_given(context, fields.get("given")),
        expect=expect,
        expect_never=never,
        by=_by(context, fields.get("by")),
        reason_says=says.value if says is not None else None,
        until=read_moment(context, fields.get("until"), "until:"),
        at=read_moment(context, fields.get("at"), "at:"),
        over_time=_over_time(context, fields.get("over time")),
        path=context.document.path,
        span=mapping.span,
    )


def _by(context: Reading, tree: Tree | None) -> str | None:
    scalar = context.text(tree, "by:")
    if scalar is None:
        return None
    name = scalar.value
    rules = (*context.declared.get("rule", ()), NO_RULE, DEADLINE)
    if name in rules:
        return name
    context.add_at(
        "P027",
        scalar,
        0,
        len(name),
        f'no rule is called "{name}"',
        under=did_you_mean(name, rules),
        cure="it is a rule's name,  no rule  or  deadline",
        replacement=only_cure(name, rules),
    )
    return None


def _over_time(context: Reading, tree: Tree | None) -> tuple[Expectation, ...]:
    if tree is None:
        return ()
    mapping = mapping_of(context, tree, "over time:", "1h after confirmed: escalate")
    found = []
    for key, value in entries_of(context, mapping) if mapping is not None else []:
        at = read_moment_text(context, key)
        action = read_action(
            context, value, ACTIONS_OF[context.review], f"what is expected {key.value}"
        )
        if at is not None and action is not None:
            found.append(Expectation(at=at, action=action, span=key.span))
    return tuple(found)


def _given(context: Reading, tree: Tree | None) -> tuple[tuple[str, str, Span], ...]:
    if tree is None:
        return ()
    mapping = mapping_of(context, tree, "given:", "last.comments_scraped: 87")
    found = []
    for key, value in entries_of(context, mapping) if mapping is not None else []:
        fact = find_fact(context, key)
        if fact is None:
            continue
        written = (
            _given_names(context, value, fact)
            if fact.type is FactType.NAMES
            else _given_value(context, value, fact)
        )
        if written is not None:
            found.append((fact.name, written, value.span))
    return tuple(found)


def _given_value(context: Reading, tree: Tree, fact: Fact) -> str | None:
    if isinstance(tree, Scalar) and tree.quoted and not tree.value and fact.type is FactType.TEXT:
        return ""
    scalar = context.text(tree, f"the value of {fact.name}")
    if scalar is None or scalar.value == "unknown":
        return None if scalar is None else "unknown"
    try:
        value = _check_given(scalar.value, fact, context.zone)
    except Misread as misread:
        context.misread(scalar, misread, detail=detail_of(fact), see=see_facts(fact.name))
        return None
    if _beyond(value, (fact.low, fact.high)):
        context.warn(
            "P138",
            scalar.span,
            f"{fact.name} is {scalar.value} in no task that the API documents",
            under=detail_of(fact),
            cure="give another value, unless what the bot does with an odd one is to be tested",
        )
    if fact.type is FactType.TEXT:
        context.look_at_word(scalar)
    return scalar.value


def _check_given(text: str, fact: Fact, zone: ZoneInfo) -> Any:
    operator = operator_of(text)
    if fact.type is not FactType.TEXT and (operator is not None or text.startswith(("not ", "["))):
        words = operator.words if operator is not None else text.split(" ")[0]
        raise Misread(
            "P137",
            "a test is given values, not tests of values",
            0,
            len(words),
            cure=f"write one value, as a task would have it: {listed(_samples(fact))}",
        )
    value = read_literal(text, fact, zone)
    if _beyond(value, fact.sure):
        raise Misread("P138", f"{fact.name} cannot be {text}", 0, len(text))
    return value


def _beyond(value: Any, ends: tuple[float | None, float | None]) -> bool:
    """Whether a number lies outside; what is no number does not."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    low, high = ends
    return (low is not None and value < low) or (high is not None and value > high)


def _samples(fact: Fact) -> tuple[str, ...]:
    if fact.values:
        return fact.values
    samples = {
        FactType.COUNT: ("87",),
        FactType.SCORE: ("0.31",),
        FactType.MONEY: ("0.24 USD",),
        FactType.SHARE: ("35%",),
        FactType.DURATION: ("6h",),
        FactType.MOMENT: ("2026-12-01 09:00",),
        FactType.YES_NO: ("yes", "no"),
    }
    return samples.get(fact.type, ("a text",))


def _given_names(context: Reading, tree: Tree, fact: Fact) -> str | None:
    """Read names as a list, one name, or `unknown`; written down as `[a, b]`."""
    if isinstance(tree, Scalar) and tree.value == "unknown":
        return "unknown"
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    names = []
    for item in items:
        scalar = context.text(item, f"a name of {fact.name}")
        if scalar is None:
            return None
        try:
            names.append(str(read_literal(scalar.value, fact, context.zone)))
        except Misread as misread:
            context.misread(scalar, misread, detail=detail_of(fact), see=see_facts(fact.name))
            return None
    return f"[{', '.join(names)}]"
