"""The tests a policy brings (all they name must be there), and one more put into their file."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Items
from zoneinfo import ZoneInfo

from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language.actions import read_action
from reviewbot.policy.language.conditions import find_fact, refuse_expression
from reviewbot.policy.language.forms import one_or_more
from reviewbot.policy.language.grammar import GIVEN_STATE, TEST
from reviewbot.policy.language.hints import detail_of, misread_value
from reviewbot.policy.language.ladder import ENDS
from reviewbot.policy.language.meant_texts import one_that_fits
from reviewbot.policy.language.people import read_targets
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.rules import check_name
from reviewbot.policy.language.schedule import (
    is_moment,
    moment_first,
    no_moments,
    read_moment,
    read_moment_text,
    read_reminders,
)
from reviewbot.policy.language.synonyms import KEYS, VALUES, meaning, meaning_inside
from reviewbot.policy.language.whole_texts import warn_country
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, load_yaml
from reviewbot.policy.model import WHY_NOT, Expectation, PolicyTest
from reviewbot.policy.notations import as_count
from reviewbot.policy.operators import OneOf, operator_of, read_literal
from reviewbot.policy.operators.phrases import TEXTS, begins
from reviewbot.policy.text_forms import asked, asked_of, did_you_mean, listed, only_cure
from reviewbot.policy.values import Misread

_CLAIMS = (
    *("expect", "expect never", "by", "reason says", "until"),
    *("to", "because", "over time", "reminded"),
)

_SAMPLES = {
    FactType.COUNT: "87",
    FactType.SCORE: "0.31",
    FactType.MONEY: "0.24 USD",
    FactType.SHARE: "35%",
    FactType.DURATION: "6h",
    FactType.MOMENT: "2026-12-01 09:00",
    FactType.YES_NO: "yes or no",
}


def read_tests(reading: Reading, tree: Tree | None) -> tuple[PolicyTest, ...]:
    """Read a list of tests."""
    names: dict[str, Scalar] = {}
    items = reading.items(tree, "tests:", TEST.example)
    sections = (reading.section(item, TEST) for item in items)
    return tuple(_test(reading, fields, names) for fields in sections if fields is not None)


def _test(reading: Reading, fields: MappingReader, names: dict[str, Scalar]) -> PolicyTest:
    name = reading.free_text(fields.get("name"), "the name of a test")
    if name is not None:
        check_name(reading, name, names, "test")
    actions = ACTIONS_OF[reading.review]
    expect = read_action(reading, fields.get("expect"), actions, "expect:")
    never = read_action(reading, fields.get("expect never"), actions, "expect never:")
    if expect is not None and expect is never:
        message = f"this test expects {expect.value} and never {never.value}"
        reading.add("P136", fields.key_span("expect never"), message)
    if not fields.present(_CLAIMS):
        message = "this test expects nothing, so it proves nothing"
        cure = "add  expect:  with an action, or  over time:"
        reading.add("P136", fields.key_span("name"), message, cure=cure)
    says = fields.free_text("reason says")
    if says is not None and expect in (Action.APPROVE, Action.LEAVE, Action.FINALIZE):
        message = f"reason says:  asks about a text, and  {expect}  sends none"
        reading.warn(
            "P136", fields.key_span("reason says"), message, cure="delete it, or expect  dispute"
        )
    found = begins(says.value, TEXTS) if says is not None else None
    if says is not None and found is not None and found[0] == "contains":
        own = asked(found[2].strip("\"'"))
        message = f'the text would have to hold the word "{found[1]}" itself'
        reading.warn("P136", says.span, message, under=own, cure="write its words alone")
    given, full, paused, stage = _given(reading, fields.get("given"))
    because = _because(reading, fields.text("because"))
    return PolicyTest(
        name=name.value if name is not None else "",
        given=given,
        full=full,
        paused=paused,
        stage=stage,
        to=read_targets(reading, fields.get("to")),
        because=because,
        reminded=read_reminders(reading, fields.get("reminded"), "reminded:"),
        expect=expect,
        expect_never=never,
        by=_by(reading, fields),
        reason_says=says.value if says is not None else None,
        until=read_moment(reading, fields.get("until"), "until:"),
        at=read_moment(reading, fields.get("at"), "at:"),
        over_time=_over_time(reading, fields.get("over time")),
        path=reading.document.path,
        span=fields.span,
    )


def _because(reading: Reading, scalar: Scalar | None) -> str | None:
    """Read what keeps an action from being sent."""
    if scalar is None or scalar.value in WHY_NOT:
        return None if scalar is None else scalar.value
    said = scalar.value
    meant = meaning(said, VALUES, WHY_NOT) or meaning_inside(said, VALUES, WHY_NOT)
    message = f'because:  is {listed(WHY_NOT)}, not "{said}"'
    reading.add("P022", scalar, message, among=WHY_NOT, under=asked(meant) if meant else None)
    return said


def _by(reading: Reading, fields: MappingReader) -> str | None:
    scalar = fields.text("by")
    rules = (*reading.declared.get("rule", ()), NO_RULE, DEADLINE)
    if scalar is None or scalar.value in rules or reading.is_told("rule", scalar.value):
        return None if scalar is None else scalar.value
    message = f'no rule is called "{scalar.value}"'
    cure = "it is a rule's name,  no rule  or  deadline"
    number = scalar.value.casefold().removeprefix("rule").strip(" #.")
    named = int(number[:4]) if number.isascii() and number.isdecimal() else 0
    if 0 < named <= len(rules) - 2:
        reading.add(
            "P027", scalar, message, under=f"did you mean  {rules[named - 1]}  ?", cure=cure
        )
        return None
    words = {*scalar.value.casefold().split()}
    alike = [
        rule for rule in rules[:-2] if len(words & {*rule.casefold().split()}) * 2 >= len(words)
    ]
    meant = meaning(scalar.value, VALUES, (NO_RULE, DEADLINE))
    under = (
        asked(meant)
        if meant
        else asked_of(scalar.value, rules) or did_you_mean(scalar.value, rules)
    )
    under = under or (asked("  or  ".join(alike[:2])) if alike else None)
    reading.add("P027", scalar, message, under=under, among=rules, cure=cure)
    return None


def _over_time(reading: Reading, tree: Tree | None) -> tuple[Expectation, ...]:
    if no_moments(reading, tree, "over time:"):
        return ()
    own = moment_first(reading, tree.value) if isinstance(tree, Scalar) else None
    mapping = reading.mapping(tree, "over time:", own or "1h after confirmed: escalate")
    actions = ACTIONS_OF[reading.review]
    found = []
    for key, value in reading.entries(mapping):
        if (
            key.value in actions
            and isinstance(value, Scalar)
            and is_moment(reading, key, value.value)
        ):
            message = "the moment stands in front of the colon, what is expected behind it"
            reading.add("P114", key, message, under=f"write  {value.value}: {key.value}")
            continue
        at = read_moment_text(reading, key)
        action = read_action(reading, value, actions, f"what is expected {key.value}")
        if at is not None and action is not None:
            found.append(Expectation(at=at, action=action, span=key.span))
    return tuple(found)


def _given(
    reading: Reading, tree: Tree | None
) -> tuple[tuple[tuple[str, str, Span], ...], tuple[str, ...], tuple[str, ...], float | None]:
    """Read the facts, the rules whose limit is full, what is paused, and where ladders stand."""
    if isinstance(tree, Scalar) and refuse_expression(reading, tree, "given:"):
        tree = None
    mapping = reading.mapping(tree, "given:", "last.comments_scraped: 87")
    found, full, paused = [], list[str](), list[str]()
    stage: float | None = None
    for key, value in reading.entries(mapping):
        state = _state(reading, key)
        if state == "limits":
            full += _full(reading, value)
            continue
        if state == "paused":
            paused += _paused(reading, value)
            continue
        if state == "told":
            continue
        if state == "stage":
            stage = _stage(reading, value)
            continue
        fact = find_fact(reading, key)
        if fact is not None:
            read = _given_names if fact.type is FactType.NAMES else _given_value
            written = read(reading, value, fact)
            if written is not None:
                found.append((fact.name, written, value.span))
    return tuple(found), tuple(full), tuple(paused), stage


def _state(reading: Reading, key: Scalar) -> str:
    """What a key of `given:` says that is no fact; one that is spelt wrong is reported."""
    if key.value in (*reading.facts, *GIVEN_STATE.keys):
        return key.value
    near = only_cure(key.value, GIVEN_STATE.keys) or meaning(key.value, KEYS, GIVEN_STATE.keys)
    if near is not None:
        message = f'given:  has no key "{key.value}"'
        reading.add("P021", key, message, under=asked(near), replacement=near)
    if key.value in reading.declared.get("limit", ()):
        under = f"write  limits:  and below it  {key.value}: full"
        reading.add("P021", key, "a rule is no fact; what is given of it is its limit", under=under)
        return "told"
    return near or key.value


def _full(reading: Reading, tree: Tree) -> Iterator[str]:
    """Read `limits: {RULE NAME: full}`; each names a rule that has a limit."""
    names = reading.declared.get("limit", ())
    texts = [item.value for item in one_or_more(tree) if isinstance(item, Scalar) and item.value]
    own = "  and  ".join(f"{text}: full" for text in texts) or "RULE NAME: full"
    if isinstance(tree, Sequence) and texts:
        message = "limits:  takes a line for each rule, and none of them begins with a dash"
        reading.add("P031", first_line(tree.span), message, under=f"write below it  {own}")
        return
    for key, value in reading.entries(reading.mapping(tree, "limits:", own)):
        state = reading.text(value, f"the limit of {key.value}")
        if key.value not in names:
            message, cure = f'no rule with a  limit:  is called "{key.value}"', None
            if key.value in reading.declared.get("rule", ()):
                message = f"{message}; the one of that name has none"
                cure = "give it one, or delete the line"
            reading.add("P027", key, message, among=() if cure else names, cure=cure)
        elif state is not None and state.value != "full":
            cure, meant = (
                "where it has room delete the line",
                meaning(state.value, VALUES, ("full",)),
            )
            message, under = "a limit is given as  full", asked(meant) if meant else None
            reading.add("P022", state, message, among=("full",), under=under, cure=cure)
        else:
            yield key.value


def _paused(reading: Reading, tree: Tree) -> Iterator[str]:
    """Read `paused: disputes`; the policy must be able to pause it."""
    names = reading.declared.get("pause", ())
    for scalar in reading.texts(tree, "paused:"):
        if scalar.value in names:
            yield scalar.value
            continue
        message = f'the policy never pauses "{scalar.value}" by itself'
        cure = "it does by  pause disputes when:  or  pause approvals when:  under  guardrails:"
        meant = meaning(scalar.value, VALUES, names) or "  or  ".join(names)
        under = f"write  [{', '.join(names)}]" if asked_of(scalar.value, names) else None
        under = under or (asked(meant) if meant else None)
        reading.add("P027", scalar, message, under=under, cure=cure)


def _stage(reading: Reading, tree: Tree) -> float | None:
    """Read `stage: live`: where every rule with a ladder stands in this test."""
    scalar = reading.text(tree, "stage:")
    if scalar is None or scalar.value in ENDS:
        return None if scalar is None else ENDS[scalar.value]
    message = f"the stage of a test is {listed(tuple(ENDS))}"
    cure = "without this line each rule stands where it begins"
    reading.add("P022", scalar, message, among=tuple(ENDS), cure=cure)
    return None


def _given_value(reading: Reading, tree: Tree, fact: Fact) -> str | None:
    if isinstance(tree, Scalar) and tree.quoted and not tree.value and fact.type is FactType.TEXT:
        return ""
    scalar = reading.text(tree, f"the value of {fact.name}")
    if scalar is None or scalar.value == "unknown":
        return None if scalar is None else "unknown"
    try:
        value = _plain_value(scalar.value, fact, reading.zone)
    except Misread as misread:
        misread_value(reading, scalar, misread, fact)
        return None
    if _is_beyond(value, (fact.low, fact.high)):
        message = f"{fact.name} is {scalar.value} in no task that the API documents"
        cure = "give another value, unless what the bot does with an odd one is to be tested"
        reading.warn("P138", scalar.span, message, under=detail_of(fact), cure=cure)
    if fact.type is FactType.TEXT:
        reading.look_at_word(scalar)
        _look_at_given(reading, scalar, fact)
        warn_country(reading, scalar, fact, OneOf(values=(scalar.value,), exact=(True,)))
    return scalar.value


def _look_at_given(reading: Reading, scalar: Scalar, fact: Fact) -> None:
    """Report a test in place of a text: an error for an id, which has no blank, and else a warning."""
    is_test = operator_of(scalar.value) is not None or scalar.value.startswith("not ")
    is_id = fact.name.endswith("_id") and " " in scalar.value
    named = reading.lists.get(scalar.value) if fact.name.endswith("_id") else None
    if named is not None and not scalar.quoted:
        message = f'"{scalar.value}" is the name of a list, and would be the id of one account here'
        first = named.entries[0].id if named.entries else None
        cure = "write the id of one account in it"
        reading.warn("P137", scalar.span, message, under=first and asked(first), cure=cure)
    if scalar.quoted or not (is_test or is_id):
        return
    message = "a test is given values, not tests of values"
    if not is_id:
        cure = f'write one text, as a task would have it, or put it in quotes:  "{scalar.value}"'
        reading.warn("P137", scalar.span, message, cure=cure)
        return
    cure = "write the one id that the task of this test has"
    reading.add("P137", scalar, message if is_test else "one id has no blank in it", cure=cure)


def _plain_value(text: str, fact: Fact, zone: ZoneInfo) -> object:
    operator = operator_of(text)
    if fact.type is not FactType.TEXT and (operator is not None or text.startswith(("not ", "["))):
        words = operator.words if operator is not None else text.split(" ")[0]
        samples = listed(fact.values) or _SAMPLES.get(fact.type, "a text")
        message = "a test is given values, not tests of values"
        cure = f"write one value, as a task would have it: {samples}"
        own = text[len(words) :].strip(" []").replace(",", " and ").split(" and ")[0]
        fitting = None if words == "not" else one_that_fits(words, own, fact)
        under = asked(fitting) if fitting and as_count(fitting) else None
        raise Misread("P137", message, 0, len(words), under=under, cure=None if under else cure)
    value = read_literal(text, fact, zone)
    if fact.type in (FactType.SCORE, FactType.SHARE) and _is_beyond(value, (0.0, 1.0)):
        within = f"{float(text) / 100:g}" if _is_beyond(value, (None, 100.0)) is False else None
        message = f"{text} lies outside {fact.name}, which is from 0 to 1"
        under = None if within is None else f"did you mean  {within}  ?"
        raise Misread("P138", message, 0, len(text), under=under)
    if _is_beyond(value, fact.sure):
        raise Misread("P138", f"{fact.name} cannot be {text}", 0, len(text))
    return value


def _is_beyond(value: object, ends: tuple[float | None, float | None]) -> bool:
    """Whether a number lies outside; what is no number does not."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    low, high = ends
    return (low is not None and value < low) or (high is not None and value > high)


def _given_names(reading: Reading, tree: Tree, fact: Fact) -> str | None:
    """Read names as a list, one name, or `unknown`; written down as `[a, b]`."""
    if isinstance(tree, Scalar) and tree.value == "unknown":
        return "unknown"
    names = []
    for item in one_or_more(tree):
        scalar = reading.text(item, f"a name of {fact.name}")
        if scalar is None:
            return None
        try:
            names.append(str(read_literal(scalar.value, fact, reading.zone)))
        except Misread as misread:
            misread_value(reading, scalar, misread, fact)
            return None
    return f"[{', '.join(names)}]"


# One more test is put into a file, and not one other character moves ---------------------------


class NoRoomError(Exception):
    """The file holds its tests in a form to which no line can be added."""


def with_test(source: str, test: Items[str]) -> str:
    """Put the lines of a test behind the last one of a file, which may be empty.

    Raises NoRoomError, for instance where the tests are written `[…]`.
    """
    root = load_yaml(source).root
    lines = source.split("\n")
    if root is None and any(line.strip() and not _is_comment(line) for line in lines):
        raise NoRoomError("it has mistakes: run  reviewbot policy check  first")
    tests = _tests(root)
    if tests is None:
        if root is not None:
            raise NoRoomError("it has no list under  tests:")
        body = source if not source or source.endswith("\n") else source + "\n"
        return body + "\n".join(["tests:", *_indented(test, 2)]) + "\n"
    first = tests.items[0].span
    column = lines[first.line - 1].find("- ")
    if column < 0 or lines[first.line - 1][:column].strip():
        raise NoRoomError("its tests do not stand one below the other")
    last = _last_line(tests)
    while last < len(lines) and _is_comment(lines[last], deeper_than=column):
        last += 1
    apart = [""] if len(tests.items) < 2 or _stand_apart(tests, lines) else []
    lines[last:last] = [*apart, *_indented(test, column)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _tests(root: Tree | None) -> Sequence | None:
    if isinstance(root, Mapping):
        root = next((value for key, value in root.entries if key.value == "tests"), None)
    return root if isinstance(root, Sequence) and root.items else None


def _is_comment(line: str, deeper_than: int = -1) -> bool:
    """Whether a line is a remark, for instance on the test above it."""
    text = line.lstrip()
    return text.startswith("#") and len(line) - len(text) > deeper_than


def _indented(test: Items[str], column: int) -> list[str]:
    return [" " * column + line for line in test]


def _last_line(tree: Tree) -> int:
    """The last line on which something of the tree stands."""
    match tree:
        case Mapping(entries=entries) if entries:
            return max(_last_line(part) for entry in entries for part in entry)
        case Sequence(items=items) if items:
            return max(map(_last_line, items))
        case Scalar():
            return max(tree.last_line, tree.span.line)
    return tree.span.end_line


def _stand_apart(tests: Sequence, lines: Items[str]) -> bool:
    """Whether the author left a line between tests."""
    return not lines[tests.items[1].span.line - 2].strip()
