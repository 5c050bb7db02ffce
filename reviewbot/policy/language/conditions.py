"""Conditions: `when:`, `when any:`, groups, and the mappings asked of each attempt of the checker."""

from __future__ import annotations

from typing import Literal

from reviewbot.policy.catalog import ATTEMPT_FACTS, Fact, FactType
from reviewbot.policy.language.declared import asked_by_name, declared_name
from reviewbot.policy.language.expressions import are_plain, as_between, lines_of, lines_of_fields
from reviewbot.policy.language.forms import names_in_braces
from reviewbot.policy.language.grammar import CONDITION, RULE
from reviewbot.policy.language.hints import (
    misread_listed,
    misread_test,
    only_named,
    out_of_range,
    refuse_commas,
    refuse_declared,
    refuse_fact,
    refuse_folded,
    refuse_named,
    refuse_range,
    see_facts,
)
from reviewbot.policy.language.lost_lines import warn_of_twins
from reviewbot.policy.language.meant import meant_test
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.whole_texts import (
    warn_beyond,
    warn_blanks,
    warn_country,
    warn_ends,
    warn_ids,
    warn_inside,
    warn_listed,
    warn_words,
)
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    Named,
    NoneOf,
    Value,
)
from reviewbot.policy.operators import OneOf, TextTest, read_listed, read_test
from reviewbot.policy.text_forms import fold, shape
from reviewbot.policy.values import NO, YES, Misread

MAX_LEVELS = 3

_NAMED = "condition"
_ALWAYS = "always,immer,all,alle,everything,any,anything,true,yes,ja,*,default"
_NEVER = "never,no,none,nothing,nie,nein,false,keine,nichts,always,-"
_GROUPS = ("any of", "none of")
_CHECKS: dict[str, Literal["any", "every", "no"]] = {
    "any check": "any",
    "every check": "every",
    "no check": "no",
}


def read_all(
    reading: Reading, tree: Tree | None, what: str, *, level: int = 1, inside_check: bool = False
) -> AllOf | None:
    """Read a mapping of which every line must hold."""
    if what == "when:" and _no_lines(reading, tree):
        return None
    if isinstance(tree, Scalar) and _no_condition(reading, tree, what, inside_check):
        return None
    mapping = reading.mapping(tree, what, "a fact, a colon and a test, one a line")
    if mapping is None:
        return None
    if level > MAX_LEVELS:
        reading.add(
            "P107",
            mapping.entries[0][0].span if mapping.entries else mapping.span,
            f"conditions lie inside each other at most {MAX_LEVELS} levels deep",
            cure="make two rules of it, or write the inner lines one level higher",
        )
        return None
    if not mapping.entries:
        cure = "for a rule that always matches write  always: yes"
        reading.add("P108", mapping.span, f"{what} holds no condition", cure=cure)
        return None
    parts: list[Condition] = []
    seen: dict[str, tuple[Scalar, Tree]] = {}
    for key, value in mapping.entries:
        if key.value in seen:
            _second_line(reading, key, value, *seen[key.value])
            continue
        seen[key.value] = (key, value)
        part = _line(reading, key, value, level, inside_check)
        if part is not None:
            parts.append(part)
    return AllOf(parts=tuple(parts), span=mapping.span)


def _no_condition(reading: Reading, scalar: Scalar, what: str, inside_check: bool) -> bool:
    """Report one text in place of lines; whether it was more than a word that means nothing."""
    message = cure = None
    if what == "unless:" and fold(scalar.value) in _NEVER.split(","):
        message, cure = "a rule without exceptions has no  unless:", "delete the line"
    elif (named := asked_by_name(scalar.value, reading.declared.get("condition", ()))) is not None:
        message, cure = f"{what}  takes lines, and a named condition is asked for by one", named
    elif scalar.value in reading.declared.get("rule", ()):
        message = f'"{scalar.value}" is the name of a rule, not a condition'
        cure = "write its conditions here; a rule above this one is asked first anyway"
    if message is None:
        return refuse_expression(reading, scalar, what, inside_check=inside_check)
    reading.add("P031", scalar, message, cure=cure)
    return True


def refuse_expression(
    reading: Reading, scalar: Scalar, what: str, *, inside_check: bool = False
) -> bool:
    """Report a condition as other tools write it, in one line; whether it was one."""
    facts = ATTEMPT_FACTS if inside_check else reading.facts
    said, then = scalar.value, None
    if spoken := shape(r"(.+?),? (?:then|dann|=>|->) (\p{L}+)").fullmatch(said):
        said, then = spoken.groups()
    found = None if scalar.broken else lines_of(reading, said, facts)
    if found is None:
        return False
    lines, is_any = found
    cure = f"write below it  {'  and  '.join(lines)}"
    if what in ("when any:", *(f"{group}:" for group in _GROUPS)):
        cure = f"write below it  {'  and  '.join(f'- {line}' for line in lines)}"
    elif is_any:
        key = "when any:  in place of  when:" if what == "when:" else "any of:  below it"
        cure = f"write  {key},  and below that  {'  and  '.join(f'- {line}' for line in lines)}"
    elif not what.endswith(":"):
        cure = f"write  {'  and below it  '.join(lines)}"
    cure += f",  and in the column of  {what}  then: {then}" if then else ""
    reading.add(
        "P031", scalar, f"{what} takes lines, each with a fact, a colon and a test", cure=cure
    )
    return True


def _no_lines(reading: Reading, tree: Tree | None) -> bool:
    """Report what stands below `when:` in place of lines; whether something does."""
    if isinstance(tree, Sequence) and tree.items:
        if lines := lines_of_fields(reading, tree):
            cure = f"write below it  {'  and  '.join(lines)}"
            reading.add(
                "P031",
                first_line(tree.span),
                "a test is one line: a fact, a colon and what it must be",
                cure=cure,
            )
            return True
        message = "all lines under  when:  must hold, so none of them begins with a dash"
        cure = "remove the dashes; if one of them is enough, write  when any:  in place of  when:"
        reading.add("P031", first_line(tree.span), message, cure=cure)
        return True
    if not isinstance(tree, Scalar) or tree.broken:
        return False
    if fold(tree.value.strip(" .")) in _ALWAYS.split(","):
        message = f'"{tree.value}" is no condition'
        reading.add("P031", tree, message, under="write  always: yes  in place of  when:")
        return True
    if not tree.value and tree.cut is None:
        cure = "write below it what must hold, one a line; for one that always matches  always: yes"
        reading.add("P032", tree.span, "when: is empty", cure=cure)
        return True
    return False


def read_any(
    reading: Reading, tree: Tree | None, what: str, *, level: int = 1, inside_check: bool = False
) -> AnyOf | None:
    """Read a list of mappings of which one is enough."""
    if isinstance(tree, Scalar) and refuse_expression(reading, tree, what):
        return None
    if isinstance(tree, Mapping):
        reading.add(
            "P031",
            tree.entries[0][0].span if tree.entries else tree.span,
            f"{what} takes a list: each entry begins with a dash",
            cure=f"write  - {_first_line(tree)}"
            if tree.entries
            else f"write  - {CONDITION.example}",
        )
        return None
    read = [
        read_all(reading, item, f"an entry of {what}", level=level, inside_check=inside_check)
        for item in reading.items(tree, what, f"- {_own(tree)}")
    ]
    parts = tuple(part for part in read if part is not None)
    warn_of_twins(reading, parts)
    if what != "none of:" and len(read) == 1 and parts and len(parts[0].parts) > 1:
        second = parts[0].parts[1].span
        line = reading.document.lines[second.line - 1].strip()
        message = f"{what} has one entry, so all its lines must hold"
        cure = f"if one of them is enough write  - {line}"
        reading.warn("P108", second, message, cure=cure)
    return AnyOf(parts=parts, span=tree.span) if tree is not None and parts else None


def _line(
    reading: Reading, key: Scalar, value: Tree, level: int, inside_check: bool
) -> Condition | None:
    name = key.value
    if name == _NAMED:
        return _named(reading, key, value, inside_check)
    if name in _GROUPS:
        group = read_any(reading, value, f"{name}:", level=level + 1, inside_check=inside_check)
        if group is None:
            return None
        return NoneOf(parts=group.parts, span=group.span) if name == "none of" else group
    if name in _CHECKS:
        return _check(reading, key, value, level, inside_check)
    fact = find_fact(reading, key, inside_check=inside_check)
    return None if fact is None else _compare(reading, key, value, fact)


def read_conditions(reading: Reading, tree: Tree | None) -> None:
    """Read `conditions:` for what asks for them."""
    example = f"clear_miss: {{{CONDITION.example}}}"
    for key, value in reading.named_entries(tree, "conditions:", example, "a condition"):
        what = f'the condition "{key.value}"'
        read = read_any if isinstance(value, Sequence) else read_all
        condition = read(reading, value, what)
        if condition is not None:
            reading.conditions[key.value] = condition


def _named(reading: Reading, key: Scalar, value: Tree, inside_check: bool) -> Condition | None:
    """Take the conditions of these names, each of which must hold."""
    if inside_check:
        message = "a named condition asks about the whole task, not about one attempt"
        reading.add("P118", key.span, message, cure="write  condition:  outside the check")
        return None
    if reading.owner is not None and reading.owner[0] == "condition":
        message = "a named condition cannot ask for another one"
        reading.add("P150", key.span, message, cure="write the lines of the other one here")
        return None
    named: list[Named] = []
    for scalar in reading.texts(value, "condition:"):
        name = declared_name(reading, "condition", scalar)
        found = None if name is None else reading.conditions.get(name)
        if name is not None and found is not None:
            parts = found.parts if isinstance(found, AllOf) else (found,)
            named.append(Named(name=name, parts=parts, span=scalar.span))
    if len(named) < 2:
        return named[0] if named else None
    return AllOf(parts=tuple(named), span=key.span)


def _check(
    reading: Reading, key: Scalar, value: Tree, level: int, inside_check: bool
) -> Condition | None:
    name = key.value
    if inside_check:
        message = f"{name}:  cannot stand inside another check"
        reading.add("P118", key.span, message, cure="write its lines here directly")
        return None
    if reading.review == "accounts":
        message = "accounts have no attempts of the checker"
        reading.add("P118", key.span, message, cure=f"delete  {name}:")
        return None
    condition = read_all(reading, value, f"{name}:", level=level + 1, inside_check=True)
    if condition is None:
        return None
    return EachAttempt(quantifier=_CHECKS[name], condition=condition, span=key.span)


def find_fact(reading: Reading, key: Scalar, *, inside_check: bool = False) -> Fact | None:
    """Find the fact a key names; report the nearest ones when there is none."""
    facts = ATTEMPT_FACTS if inside_check else reading.facts
    fact = facts.get(key.value)
    if fact is None:
        return refuse_fact(reading, key, inside_check=inside_check)
    return fact


def _compare(reading: Reading, key: Scalar, value: Tree, fact: Fact) -> Compare | None:
    test: FactTest | None = None
    if isinstance(value, Sequence):
        test = _one_of(reading, value, fact)
    elif meant := names_in_braces(value):
        message = "several values stand in brackets, not in braces"
        reading.add("P031", value.span, message, under=f"write  {meant}")
    elif isinstance(value, Mapping):
        reading.add(
            "P031",
            value.entries[0][0].span if value.entries else value.span,
            f"a test of {fact.name} is one value on its own line, not several lines",
            cure=f"write it as  {fact.name}: {fact.example}",
            see=see_facts(fact.name),
        )
    elif not value.value.strip():
        reading.empty(value, f"the test of {fact.name}")
    else:
        test = _test(reading, value, fact)
    if test is None:
        return None
    return Compare(
        fact=fact.name,
        test=test,
        text=" ".join(_written(value).split()),
        fact_span=key.span,
        test_span=value.span,
        span=key.span,
    )


def _test(reading: Reading, scalar: Scalar, fact: Fact) -> FactTest | None:
    try:
        test = read_test(scalar.value, fact, reading.zone)
    except Misread as misread:
        word = scalar.value.removeprefix("not ")
        if fact.type is FactType.MOMENT and word in reading.declared.get("calendar", ()):
            message = f'"{word}" is the name of hours, not a moment'
            meant = f"{'not ' * (word != scalar.value)}in hours {word}"
            reading.add("P112", scalar, message, under=f"write  {meant}", replacement=meant)
        elif both := _two_tests(reading, scalar.value, fact):
            cure = f"one test a line: write  {'  and below it  '.join(both)}"
            reading.add("P013", scalar, "a second test stands in this line", cure=cure)
        else:
            misread_test(reading, scalar, misread, fact)
        return None
    if not _in_range(reading, scalar, fact, test):
        return None
    warn_beyond(reading, scalar, fact, test)
    name = test.refers()
    if name is not None:
        kind, word = name
        start = scalar.value.rindex(word)
        if reading.uses_declared(kind, word):
            warn_blanks(reading, word, fact)
            return test
        refuse_declared(reading, scalar, fact, kind, start)
        return None
    if isinstance(test, TextTest):
        reading.look_at(scalar)
        warn_inside(reading, scalar, fact, test)
    elif isinstance(test, OneOf) and fact.type is FactType.TEXT:
        if refuse_folded(reading, scalar):
            return None
        if (named := only_named(reading, scalar.value, fact)) is not None:
            refuse_named(reading, scalar, named)
            return None
        reading.look_at_word(scalar)
        warn_words(reading, scalar, fact)
        warn_ids(reading, scalar, fact)
        warn_country(reading, scalar, fact, test)
    return test


def _two_tests(reading: Reading, text: str, fact: Fact) -> list[str]:
    """The lines of two tests in one, of which the second has its fact; `wrong account not ok` names none."""
    both = lines_of(reading, f"{fact.name}: {text}", reading.facts)
    lines = both[0] if both else []
    names = [
        word for line in lines[1:] for word in line.partition(":")[0].rpartition(".")[2].split("_")
    ]
    joined = shape(r".*(?:\b(?:and|und|or|oder|but)\b|[&|,;]).*").fullmatch(text)
    return lines if len(lines) > 1 and (joined or all(word in fold(text) for word in names)) else []


def _in_range(reading: Reading, scalar: Scalar, fact: Fact, test: FactTest) -> bool:
    """Whether a test asks for what its fact can be; reported where it does not."""
    if (beyond := out_of_range(test, fact)) is not None:
        refuse_range(reading, scalar, fact, beyond)
    return beyond is None


def _one_of(reading: Reading, sequence: Sequence, fact: Fact) -> FactTest | None:
    if not sequence.items:
        message = "this list is empty, so nothing is ever in it"
        cure = "put values into it, or delete the line"
        reading.add("P108", sequence.span, message, cure=cure)
        return None
    if refuse_commas(reading, sequence, fact):
        return None
    values: list[Value] = []
    exact: list[bool] = []
    for scalar in reading.texts(sequence, "a value of this list"):
        try:
            value, is_exact = read_listed(scalar.value, 0, fact, reading.zone)
        except Misread as misread:
            misread_listed(reading, scalar, misread, fact, alone=len(sequence.items) == 1)
            continue
        if fact.type is FactType.TEXT:
            reading.look_at_word(scalar)
            warn_listed(reading, scalar, fact)
        _in_range(reading, scalar, fact, OneOf(values=(value,), exact=(True,)))
        values.append(value)
        exact.append(is_exact)
    warn_ends(reading, sequence, fact)
    if fact.type is FactType.NAMES:
        message = f"{fact.name} is a list of names, which a list of values cannot equal"
        meant = meant_test(reading, ", ".join(str(value) for value in values), fact)
        cure = meant.cure if meant and meant.cure else "write  contains  with one name"
        reading.add("P109", sequence.span, message, cure=cure)
        return None
    return OneOf(values=tuple(values), exact=tuple(exact), span=sequence.span) if values else None


def _second_line(
    reading: Reading, key: Scalar, value: Tree, first: Scalar, first_value: Tree
) -> None:
    fact = reading.facts.get(key.value) or ATTEMPT_FACTS.get(key.value)
    cure = "put the two into one line; for two ends of a range:  between A and B"
    if key.value == _NAMED:
        cure = "put the two into one line:  condition: [NAME, NAME]"
    if fact is not None and isinstance(value, Scalar) and isinstance(first_value, Scalar):
        both = as_between(reading, fact, (first_value.value, value.value))
        if both is None and are_plain(reading, fact, first_value.value, value.value):
            both = f"[{first_value.value}, {value.value}]"
        if both is not None:
            cure = f"write both in one line:  {key.value}: {both}"
    message = f'a second line on "{key.value}" among the same lines'
    reading.add("P106", key.span, message, first=first, cure=cure)


def _own(tree: Tree | None) -> str:
    return tree.value if isinstance(tree, Scalar) else CONDITION.example


def _first_line(mapping: Mapping) -> str:
    key, value = mapping.entries[0]
    return f"{key.value}: {_written(value)}"


def _written(tree: Tree) -> str:
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Sequence):
        return f"[{', '.join(_written(item) for item in tree.items)}]"
    return "{…}"


def _refuse_without(reading: Reading, fields: MappingReader) -> None:
    """Report that there is no `when:`, unless `always:` stands where it cannot, which was told."""
    if any(
        shape(r"always|.*\b(?:when|wenn|if|falls)\b.*").fullmatch(key) for key in fields.strange
    ):
        return
    cure = "for one that always matches write  always: yes"
    if fields.what != RULE.what:
        cure = "write  when:  and what must hold; what no case is for stands under  otherwise:"
    reading.add("P030", first_line(fields.span), f"{fields.what} has no  when:", cure=cure)


def read_when_part(reading: Reading, fields: MappingReader) -> Condition | None:
    """Read `when:`, `when any:` or `always: yes`; None stands for always (or for a mistake)."""
    present = fields.present(("when", "when any", "always"))
    if len(present) > 1:
        reading.add(
            "P113",
            fields.key_span(present[1]),
            f"{fields.what} has both  {present[0]}:  and  {present[1]}:",
            cure="keep one; further alternatives go under  any of:",
        )
    if not present:
        _refuse_without(reading, fields)
        return None
    if "always" in present:
        scalar = fields.text("always")
        is_always = scalar is None or scalar.value in YES
        if scalar is not None and not is_always and scalar.value not in NO:
            message = f'always:  is yes, not "{scalar.value}"'
            reading.add("P101", scalar, message, under="write  yes", replacement="yes")
        elif scalar is not None and not is_always:
            cure = "write  always: yes,  or a condition under  when:"
            reading.add("P113", scalar.span, "a rule that never matches is no rule", cure=cure)
    when: Condition | None = None
    if "when" in present:
        when = read_all(reading, fields.get("when"), "when:")
    if "when any" in present:
        any_of = read_any(reading, fields.get("when any"), "when any:")
        when = when or any_of
    return when
