"""What was meant: words that stand where the language has others, and how a fact is told of."""

from __future__ import annotations

from collections.abc import Mapping

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType, described
from reviewbot.policy.language.declared import declared_name, undeclared
from reviewbot.policy.language.expressions import as_dollars, of_a_platform, test_of, with_its_words
from reviewbot.policy.language.forms import home_of
from reviewbot.policy.language.grammar import CONDITION, RULE
from reviewbot.policy.language.meant import meant_test, meant_value
from reviewbot.policy.language.meant_texts import Meant
from reviewbot.policy.language.reader import Reading, first_line
from reviewbot.policy.language.spoken import clock_in
from reviewbot.policy.language.synonyms import FACTS, KEYS, meaning, meaning_inside
from reviewbot.policy.language.yaml import Scalar, Sequence
from reviewbot.policy.model import FactTest
from reviewbot.policy.notations import as_number, as_percent, as_yes_no
from reviewbot.policy.operators.phrases import NOT, begins
from reviewbot.policy.text_forms import (
    asked,
    asked_of,
    did_you_mean,
    fold,
    letter_name,
    listed,
    nearest,
    odd_letter,
    only_cure,
    shape,
)
from reviewbot.policy.values import Misread, read_duration

_FAMILIES = {name.partition(".")[0] for facts in CATALOGUE.values() for name in facts}


def refuse_fact(
    reading: Reading,
    scalar: Scalar,
    at: tuple[int, int] | None = None,
    *,
    code: str = "P021",
    inside_check: bool = False,
) -> Fact | None:
    """Report a name that is no fact here, with the reason where it is one elsewhere; give the one that was meant."""
    name = scalar.value[slice(*at)] if at else scalar.value
    facts = ATTEMPT_FACTS if inside_check else reading.facts
    is_line = code == "P021"
    if is_line and _refuse_line(reading, scalar, name, facts):
        return None
    meant = _meant_elsewhere(reading, scalar, name, inside_check=inside_check, is_line=is_line)
    elsewhere = meant is not None
    if meant is None:
        names = (*facts, *(CONDITION.keys if is_line and not inside_check else ()))
        meant = _nearest_fact(name, names, facts, in_text=code == "P025")
    message, under, replacement = meant
    near = () if elsewhere else nearest(name, facts, most=1)
    reading.add(
        code,
        (scalar, *at) if at else scalar,
        message,
        under=under,
        detail=detail_of(facts[near[0]]) if near and under else None,
        see=see_facts(near[0] if near else name),
        replacement=replacement,
    )
    return None if elsewhere else facts.get((under or "").removeprefix("did you mean  ")[:-3])


def _nearest_fact(
    name: str, names: tuple[str, ...], facts: Mapping[str, Fact], *, in_text: bool
) -> tuple[str, str | None, str | None]:
    """What to say of a word that is no fact: message, hint and what to write."""
    odd = odd_letter(name)
    looks = f"; it holds a letter that only looks Latin: {letter_name(odd)}" if odd else ""
    message, sure = f'no fact is called "{name}"{looks}', only_cure(name, names)
    said = name.rpartition(".")[2]
    if "." in name and (whole := meaning(name.replace(".", " "), FACTS, facts)):
        return message, asked(whole), None  # `account.id` is the account, and no task
    if not sure and (key := meaning(name, KEYS, [each for each in names if each not in facts])):
        return message, asked(key), None
    other = None if sure else meaning(said, FACTS, facts) or meaning_inside(said, FACTS, facts)
    if other is None:
        # Below a lost `any check:` it is said of any try: no sure cure makes that the last one.
        return message, did_you_mean(name, names), None if name in ATTEMPT_FACTS else sure
    return message, asked(f"{{{other}}}" if in_text else other), None


def _refuse_line(reading: Reading, scalar: Scalar, name: str, facts: Mapping[str, Fact]) -> bool:
    """Report `not` in front of a fact, one behind the colon, or several on a line; whether one stood there."""
    if _refuse_not(reading, scalar, facts):
        return True
    if (asks := shape(r"((?:any|every|no) check)[. ](\w+)").fullmatch(name)) is not None:
        line = f"{asks.group(2).removeprefix('s.')}: {_behind(reading, scalar)}"
        under = f"write  {asks.group(1)}:  and below it  {line}"
        reading.add("P021", scalar, "what is asked of a check stands below it", under=under)
        return True
    if name == "always":
        message = "always:  is no fact to be asked here"
        reading.add("P021", scalar, message, under="delete the line")
        return True
    if (behind := _behind(reading, scalar)) in facts:
        message = "the fact stands in front of the colon, its test behind it"
        reading.add("P021", scalar, message, under=f"write  {behind}: {name}")
        return True
    if (turned := with_its_words(reading, name, _behind(reading, scalar), facts)) is not None:
        message = "the words of a test stand behind the colon"
        reading.add("P021", scalar, message, under=f"write  {turned}")
        return True
    if (both := asked_of(name, facts)) is None:
        return False
    names = both.removeprefix("did you mean  ").removesuffix("  ?").split("  or  ")
    lines = (f"{fact}: {_behind(reading, scalar)}" for fact in names)
    cure = f"write  {'  and below it  '.join(lines)}"
    reading.add("P021", scalar, "one fact stands on a line, not several", cure=cure)
    return True


_OPPOSITES = {
    "any of": "none of:",
    "none of": "any of:",
    "any check": "no check:",
    "no check": "any check:",
    "every check": "none of:  and below it  - every check:",
}
"""What is asked by a group that is denied."""


def _refuse_not(reading: Reading, scalar: Scalar, facts: Mapping[str, Fact]) -> bool:
    """Report `not` in front of a fact; whether it stood there."""
    if _refuse_joint(reading, scalar, facts):
        return True
    turned = begins(scalar.value, NOT)
    if turned is not None and turned[2] == "condition":
        message = "not  does not stand in front of  condition"
        under = f"write  none of:  and below it  - condition: {_behind(reading, scalar)}"
        reading.add("P021", scalar, message, under=under)
        return True
    if turned is not None and turned[2] in _OPPOSITES:
        message = f"not  does not stand in front of  {turned[2]}:"
        reading.add("P021", scalar, message, under=f"write  {_OPPOSITES[turned[2]]}")
        return True
    fact = None if turned is None else facts.get(only_cure(turned[2], facts) or "")
    if fact is None:
        return False
    rest = _behind(reading, scalar)
    test = test_of(reading, rest, fact, denied=True) or f"not {rest}"
    message = "not  stands behind the colon, in front of the value"
    reading.add("P021", scalar, message, under=f"write  {fact.name}: {test}")
    return True


_JOINTS = {
    "unless:  stands in the rule, beside  when:,  with its lines below it": "unless,außer,but not,except,if not",
    "alternatives stand under  when any:,  each behind a dash": "or,oder,else",
    "every line under  when:  must hold, without a word in front of it": "and,und,also,if,wenn,when,but",
}


def _refuse_joint(reading: Reading, scalar: Scalar, facts: Mapping[str, Fact]) -> bool:
    """Report a word of a sentence in front of a fact; whether one stood there."""
    found = begins(scalar.value, _JOINTS)
    fact = None if found is None else facts.get(only_cure(found[2], facts) or "")
    if found is None or fact is None:
        return False
    rest = _behind(reading, scalar)
    under = f"write there  {fact.name}: {rest}"
    reading.add(
        "P021", scalar, f"{found[1]}  is no part of a fact's name", under=under, cure=found[0]
    )
    return True


def _meant_elsewhere(
    reading: Reading, scalar: Scalar, name: str, *, inside_check: bool, is_line: bool
) -> tuple[str, str | None, str | None] | None:
    """What to say of a word that has its place elsewhere: message, hint and what to write."""
    if is_line and name in RULE.keys:
        return _of_a_rule(reading, scalar, name)
    is_strange = is_line and not _is_likely(name, reading.facts)
    if is_strange and (home := home_of(name, _behind(reading, scalar))) is not None:
        return f"{name}:  is no fact, and stands here among conditions", home, None
    if is_strange and name in _FAMILIES and not _behind(reading, scalar):
        message = f"each fact of {name} stands on a line of its own, with {name} in its name"
        return message, _with_family(reading, scalar), None
    if is_line and (own := _declared(reading, scalar, name)) is not None:
        return own
    if not inside_check:
        message = (
            f"{name} is a fact of the other kind of review; this policy is for {reading.review}"
        )
        return (message, None, None) if any(name in facts for facts in CATALOGUE.values()) else None
    return _outside_checks(reading, name)


def _is_likely(name: str, facts: Mapping[str, Fact]) -> bool:
    """Whether a name among conditions is a fact's or a group's, perhaps by another word."""
    is_named = name in facts or only_cure(name, CONDITION.keys) is not None
    return is_named or meaning(name, FACTS, facts) is not None


def _of_a_rule(reading: Reading, scalar: Scalar, name: str) -> tuple[str, str, None]:
    """What to say of a key of a rule that stands among its conditions."""
    if name in ("when", "when any") and reading.owner and reading.owner[0] == "condition":
        return "the tests of a named condition stand below its name", f"delete  {name}:", None
    message = f"{name}:  belongs to the rule, and stands here among its conditions"
    under = f"write  {name}: {_behind(reading, scalar)}".rstrip()
    return message, f"{under}  in the column of  when:", None


_AGE = r"account[._ ](?:age|alter|created.*|registered.*|joined.*|since|seit|new|neu|is_new|first_seen|status)|account:? ?(?:is )?(?:new|neu|fresh|old|alt|young|brand new)"
"""What people ask of an account that the API tells nowhere."""


def _declared(reading: Reading, scalar: Scalar, name: str) -> tuple[str, str | None, None] | None:
    """What to say of the name of conditions or of a list where a fact stands, and of what no fact tells."""
    if shape(_AGE).fullmatch(name if "." in name else f"{name}: {_behind(reading, scalar)}"):
        message = f"{name}  is not told; how many tasks the account has had is"
        return message, did_you_mean("account.finalized_total", reading.facts), None
    said = shape(r"(?:(not|nicht|no|kein\p{L}*) )?(?:condition[.: ] ?)?(.+)").fullmatch(name)
    own = said.group(2) if said else name
    if own in reading.declared.get("condition", ()):
        denied = (said is not None and said.group(1)) or as_yes_no(_behind(reading, scalar)) == "no"
        under = f"write  condition: {own}"
        if denied:
            under = f"write  none of:  and below it  - condition: {own}"
        return f'"{own}" is one of the named conditions, not a fact', under, None
    fact = next((fact for fact in reading.facts if fact.endswith("saved_account_id")), None)
    if name not in reading.lists or fact is None:
        return None
    return f'"{name}" is the name of a list, not a fact', f"write  {fact}: in list {name}", None


def _outside_checks(reading: Reading, name: str) -> tuple[str, str | None, str | None] | None:
    """What to say of a fact inside a check that belongs outside, or is called otherwise there."""
    bare = name.removeprefix("last.")
    if bare in ATTEMPT_FACTS:
        message = f"inside a check the fact is called {bare}: it belongs to each attempt"
        return message, f"write  {bare}", bare
    message = f"{name} does not belong to an attempt; write it outside the check"
    return (message, None, None) if name in reading.facts else None


def _behind(reading: Reading, key: Scalar) -> str:
    """What stands behind a key on its line."""
    return reading.document.lines[key.span.line - 1][key.span.end_column :].strip()


def _with_family(reading: Reading, scalar: Scalar) -> str | None:
    """How the first line below `last:` is written: `last.outcome_kind: verified`."""
    below = next((line for line in reading.document.lines[scalar.span.line :] if line.strip()), "")
    line = f"{scalar.value}.{below.strip()}"
    return f"write  {line}" if line.partition(":")[0] in reading.facts else None


def misread_test(reading: Reading, scalar: Scalar, misread: Misread, fact: Fact) -> None:
    """Report a test that a fact does not take, with the one that was meant."""
    meant = meant_test(reading, scalar.value, fact)
    is_list = meant is not None and (meant.cure or "in list" in meant.text)
    if not is_list and (meant is None or fact.name.endswith("_id")) and fact.type is FactType.TEXT:
        named = only_named(reading, scalar.value, fact)
        meant = meant if named is None else Meant(named, sure=False)
    _misread(reading, scalar, misread, fact, meant)


def misread_value(reading: Reading, scalar: Scalar, misread: Misread, fact: Fact) -> None:
    """Report a value that a fact does not take, with the one that was meant."""
    clock = clock_in(scalar.value) if fact.type is FactType.MOMENT else None
    if clock is not None:
        reading.add(
            misread.code,
            scalar,
            misread.message,
            cure=f"write its day in front, as  2026-12-01 {clock}",
        )
        return
    _misread(reading, scalar, misread, fact, meant_value(reading, scalar.value, fact))


def misread_listed(
    reading: Reading, scalar: Scalar, misread: Misread, fact: Fact, *, alone: bool
) -> None:
    """Report a value in brackets that a fact does not take; one that is `alone` may be a test."""
    test = meant_test(reading, scalar.value, fact) if alone else None
    is_list = test is not None and test.text.startswith("[")
    meant = None if is_list else meant_value(reading, scalar.value, fact)
    test = test if meant is None else None
    if alone and misread.code == "P109":
        test = test or Meant(scalar.value)
    if test is not None:
        several = test.text.startswith("[")
        why = "commas are missing between these" if several else "a test stands without brackets"
        meant = test._replace(sure=False, why=why)
    _misread(reading, scalar, misread, fact, meant)


def _misread(
    reading: Reading, scalar: Scalar, misread: Misread, fact: Fact, meant: Meant | None
) -> None:
    see, detail = see_facts(fact.name), detail_of(fact)
    meant = of_a_platform(reading, scalar.value, fact) or meant
    meant = meant or as_dollars(reading, scalar.value, fact)
    if meant is None:
        reading.misread(scalar, misread, detail=detail, see=see)
        return
    reading.add(
        misread.code,
        (scalar, max(0, misread.start), misread.end),
        meant.why or misread.message,
        under=meant.hint or (None if meant.cure and fact.type in _TURNED else misread.under),
        detail=detail,
        cure=meant.cure or (misread.cure if fact.type is FactType.TEXT else None),
        see=see,
        whole=(scalar, meant.text) if meant.sure and meant.text else None,
    )


_TURNED = (FactType.MOMENT, FactType.NAMES)
"""Facts of which a cure in other lines is the only one."""


def refuse_declared(reading: Reading, scalar: Scalar, fact: Fact, kind: str, start: int) -> None:
    """Report a list or a pattern that is not declared, with the one that was meant."""
    meant = meant_test(reading, scalar.value, fact)
    if meant is None or meant.text == scalar.value[start:]:
        declared_name(reading, kind, scalar, start)
        return
    names = reading.declared.get(kind, ())
    cure = meant.cure or (
        f"the policy has {listed(names, 'and')}"
        if names
        else undeclared(reading, kind, scalar.value[start:])
    )
    if shape(r".*\b(?:until|till|bis) .*\d.*").fullmatch(scalar.value):
        cure = "a date belongs to an entry of the list, as its  until:"
    name = scalar.value[start:]
    reading.add(
        "P023",
        (scalar, start, len(scalar.value)),
        f'there is no {kind} "{name}"',
        under=meant.hint,
        cure=cure if len(names) <= 12 else None,
        whole=(scalar, meant.text) if meant.sure and meant.text else None,
    )


def refuse_folded(reading: Reading, scalar: Scalar) -> bool:
    """Report several lines without dashes below a fact, which would be one text; whether they are."""
    if scalar.style or scalar.last_line <= scalar.span.line:
        return False
    lines = reading.document.lines[scalar.span.line - 1 : scalar.last_line]
    first, *others = lines
    texts = [first[scalar.span.column - 1 :].strip(), *(line.strip() for line in others)]
    under = f"write  [{', '.join(text.rstrip(',') for text in texts if text)}]"
    cure = "for one text over several lines put quotes around it"
    message = "several lines stand here for one value"
    reading.add("P031", first_line(scalar.span), message, under=under, cure=cure)
    return True


def only_named(reading: Reading, text: str, fact: Fact) -> str | None:
    """The test that a plain text names by its list, with a few words in front of it or none."""
    few = len(text.split(" ")) < 6 and not fact.name.endswith("text")
    said = f" {fold(text).strip(_AROUND)} "
    names = {name: f" {fold(name)} " for name in reading.declared.get("list", ())}
    found = [name for name, own in names.items() if said.endswith(own) and (few or own == said)]
    if not found and few and fact.name.endswith("_id"):
        found = [name for name, own in names.items() if own in said]
    if not found:
        return None
    name = max(found, key=len)
    rest = said.replace(names[name], " ").split()
    return f"{'not ' * bool(begins(text, NOT) or _DENYING & {*rest})}in list {name}"


_AROUND = "$<>@#%*[](){}\"'`!?.:;, "
_DENYING = {
    *[
        "no",
        "not",
        "never",
        "without",
        "none",
        "missing",
        "absent",
        "outside",
        "ohne",
        "kein",
        "keine",
        "nicht",
        "nie",
        "fehlt",
    ]
}


def refuse_named(reading: Reading, scalar: Scalar, meant: str) -> None:
    """Report a plain text that is the name of a list: which of them is meant is in doubt."""
    message = f'"{scalar.value}" names a list, and would be read as one text'
    cure = f"for the text itself write  exactly {scalar.value}"
    reading.add("P112", scalar, message, under=f"did you mean  {meant}  ?", cure=cure)


def out_of_range(test: FactTest, fact: Fact) -> float | None:
    """The value of a test that lies where no value of its fact can lie; None where all can."""
    low, high = _SURE.get(fact.type, (None, None))
    if fact.low is not None and fact.low >= 0 and fact.type is not FactType.MOMENT:
        low = 0.0
    if fact.name.endswith("time_left"):
        high = 72 * 3600.0
    for value in test.boundaries():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and ((low is not None and value < low) or (high is not None and value > high)):
            return float(value)
    return None


_SURE: dict[FactType, tuple[float, float]] = {
    FactType.SCORE: (0.0, 1.0),
    FactType.SHARE: (0.0, 1.0),
}


def refuse_commas(reading: Reading, sequence: Sequence, fact: Fact) -> bool:
    """Report `[0,8, 0,9]`, where each comma parts two values; whether it is so."""
    line, span = reading.document.lines[sequence.span.line - 1], sequence.span
    said = line[span.column - 1 : span.end_column - 1] if span.end_line == span.line else ""
    meant = str(shape(r"\b0,(\d)").sub(r"0.\1", said))
    if meant == said or fact.type not in (FactType.SCORE, FactType.MONEY, FactType.SHARE):
        return False
    reading.add("P101", span, "fractions are written with a dot", under=f"write  {meant}")
    return True


def refuse_range(reading: Reading, scalar: Scalar, fact: Fact, value: float) -> None:
    """Report a value beyond what its fact can ever be, with the one within that was meant."""
    written = next((word for word in scalar.value.split() if _is_number(word, value)), scalar.value)
    at = scalar.value.index(written)
    place = (scalar, at, at + len(written))
    if fact.type is FactType.DURATION:
        ends, within = "at most 72h, the time from confirmation to the deadline", "72h"
    else:
        ends = "from 0 to 1" if fact.type in _SURE else "0 or more"
        part = 10 if value < 10 and fact.type is FactType.SCORE else 100
        within = f"{value / part:g}" if 2 <= value <= 100 else "0" if value < 0 else "1"
        within = "100%" if written.endswith("%") and value > 1 else within
    meant = f"{scalar.value[:at]}{within}{scalar.value[at + len(written) :]}"
    both = _as_percents(scalar.value)
    if both.count("%") > 1 and (percents := meant_test(reading, both, fact)) is not None:
        meant = percents.text
    message = f"{written} lies outside {fact.name}, which is {ends}"
    under = f"did you mean  {meant}  ?"
    reading.add(
        "P101", place, message, under=under, detail=detail_of(fact), see=see_facts(fact.name)
    )


def _as_percents(text: str) -> str:
    """`between 80 and 95` with the signs that make scores of both ends."""
    return " ".join(
        f"{word}%" if len(word) == 2 and word.isdigit() else word for word in text.split(" ")
    )


def _is_number(word: str, value: float) -> bool:
    """Whether a word is how this number is written: plainly, as a percentage or as a length of time."""
    percent, plain = as_percent(word), as_number(word)
    if percent is not None:
        return abs(float(percent) / 100 - value) < 1e-9
    if plain is not None:
        return abs(float(plain) - value) < 1e-9
    try:
        return read_duration(word, 0) == value
    except Misread:
        return False


def detail_of(fact: Fact) -> str:
    """One line on a fact: its type, its range, its sentence."""
    return f"{described(fact)}: {fact.sentence}"


def see_facts(name: str) -> str:
    """Name the command that tells more about a fact's family."""
    family, dot, _ = name.partition(".")
    shown = family if dot and family in _FAMILIES else ""
    return f"see the facts and their ranges:  reviewbot policy facts {shown}".rstrip()
