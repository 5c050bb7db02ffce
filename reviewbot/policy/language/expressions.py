"""Conditions as other tools write them, in one line: `task.round >= 2 and last.outcome_kind != 'verified'`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.language.meant import meant_test
from reviewbot.policy.language.meant_texts import Meant
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.spoken import MONEY
from reviewbot.policy.language.synonyms import FACTS, meaning
from reviewbot.policy.language.yaml import Mapping as Lines
from reviewbot.policy.language.yaml import Scalar, Sequence
from reviewbot.policy.notations import in_dollars, plain
from reviewbot.policy.operators import OneOf, Range, read_test
from reviewbot.policy.operators.phrases import COMPARISONS, IS, NOT, TEXTS, begins
from reviewbot.policy.text_forms import fold, only_cure, shape
from reviewbot.policy.values import Misread

_SUBJECT = (
    r"([\p{L}_][\p{L}\p{N}_.]*)\)?(?:\.(?:includes|contains|startswith|endswith)\(|"
    r"\s*(?:[=!<>≥≤≠:]|is\b|are\b|in\b|not\b|at\b|more\b|less\b|between\b|contains\b|equals\b|ist\b|mindestens\b|höchstens\b|mehr\b|weniger\b|über\b|unter\b|above\b|below\b|over\b|under\b|\d))"
)
_BESIDE = r"([\p{L}_]+\.[\p{L}\p{N}_.]+)\s+[^\s=!<>:]"
"""A fact with its value behind it, and no word for the test: `task.platform tiktok`."""
_OR = r"(?:or|oder|\|\|?)"
_JOINT = r"[\s()]*(?:\b(?:and|und|or|oder|but)\b|&&?|\|\|?|[,;])?[\s(]*(?:\b(not|nicht)\b|!)?[\s(]*"


def lines_of(
    reading: Reading, text: str, facts: Mapping[str, Fact]
) -> tuple[list[str], bool] | None:
    """The tests in an expression, as lines, and whether one of them is enough; None where it is none."""
    said = plain(text).strip("{}[] ")
    places = []
    for match in shape(f"{_SUBJECT}|{_BESIDE}").finditer(said):
        begin, end = match.span(1) if match.group(1) else match.span(2)
        if (fact := _fact(said[begin:end], facts)) is not None:
            places.append((begin, end, fact))
    if not places and (line := _without_fact(reading, said, facts)) is not None:
        return [line], False
    if not places or places[0][0] > len("not (("):
        return None
    lines, joints = [], [said[: places[0][0]]]
    for (_, begin, fact), (end, _, _) in pairwise([*places, (len(said), 0, places[0][2])]):
        test = said[begin:end]
        joint = shape(_JOINT + "$").search(test)
        joints.append(joint.group(0) if joint else "")
        test = test[: len(test) - len(joints[-1])] if end < len(said) else test
        denied = shape(r"\b(?:not|nicht)\b|!").search(joints[-2])
        line = test_of(reading, test, fact, denied=denied is not None)
        if line is None:
            return None
        lines.append(f"{fact.name}: {line}")
    ors = [bool(shape(rf"\b{_OR}\b|\|").search(joint)) for joint in joints[1:-1]]
    return None if len(set(ors)) > 1 else (lines, any(ors))


_LIKELY = ("last.outcome_kind", "task.platform", "task.cm_payout_amount", "task.saved_account_id")
"""Facts that a test alone can be about: each takes values that no other does."""


def _without_fact(reading: Reading, said: str, facts: Mapping[str, Fact]) -> str | None:
    """The line that a fact with its value is, or a test alone: `wrong_account`, `in list watched`."""
    name, _, rest = said.partition(" ")
    if name in facts and (alone := test_of(reading, rest, facts[name], denied=False)):
        return f"{name}: {alone}"
    likely = (name if name in facts else name.rpartition(".")[2] for name in _LIKELY)
    for name in (name for name in likely if name in facts):
        tried = f"in list {said}" if said in reading.declared.get("list", ()) else said
        try:
            test = read_test(tried, facts[name], reading.zone)
        except Misread:
            if said_alone := _of_choices(reading, said, facts[name]):
                return f"{name}: {said_alone}"
            continue
        named = test.refers()
        if bool(named) is (name in _LIKELY[-1]):
            return f"{name}: {tried}"
    return None


def _of_choices(reading: Reading, said: str, fact: Fact) -> str | None:
    """`tiktok or instagram`, or `more than 0,30 USD`, which no other fact can be asked."""
    is_money = fact.type is FactType.MONEY and shape(MONEY).fullmatch(said) is not None
    words = shape(r"[\p{L}\p{N}_]+").findall(said)
    rest = {*words} - {*fact.values} - {*_JOINING.split(",")}
    if not is_money and (fact.type is not FactType.CHOICE or rest):
        return None
    meant = meant_test(reading, said, fact)
    return meant.text if meant is not None and meant.text else None


_JOINING = "or,oder,and,und,not,nicht,either,entweder,neither,nor,weder,noch,is,ist"


def with_its_words(
    reading: Reading, name: str, behind: str, facts: Mapping[str, Fact]
) -> str | None:
    """`mindestens task.round: 2` or `task.round >=: 2` with the words of its test behind the colon."""
    words = name.split()
    fact = next((facts[word] for word in words if word in facts), None)
    said = " ".join(word for word in words if word not in facts)
    if fact is None or not any(begins(said, words) for words in (COMPARISONS, TEXTS, NOT, IS)):
        return None
    line = test_of(reading, f"{said} {behind}", fact, denied=False)
    return None if line is None else f"{fact.name}: {line}"


def lines_of_fields(reading: Reading, tree: Sequence) -> list[str]:
    """Tests as other tools write them, each in entries `field`, `operator` and `value`, as lines."""
    found: list[str] = []
    for item in tree.items:
        values = [value for _, value in item.entries] if isinstance(item, Lines) else []
        texts = [value.value for value in values if isinstance(value, Scalar)]
        said = lines_of(reading, " ".join(texts), reading.facts) if len(texts) in (2, 3) else None
        if said is None or len(texts) != len(values):
            return []
        found += said[0]
    return found


def _fact(word: str, facts: Mapping[str, Fact]) -> Fact | None:
    word = word.rstrip(".")
    name = word if word in facts else only_cure(word, facts) if "_" in word or "." in word else None
    return facts.get(name or meaning(word.rpartition(".")[2], FACTS, facts) or "")


def test_of(reading: Reading, text: str, fact: Fact, *, denied: bool) -> str | None:
    """What a text asks of a fact, as the language writes it."""
    said = text.strip(" .()").removeprefix(":").strip()
    for value in (said, said.strip("\"'")):
        tried = f"not {value}" if denied else value
        try:
            read_test(tried, fact, reading.zone)
        except Misread:
            meant = meant_test(reading, tried, fact)
            both = shape(r".*\b(?:and|und|but|aber)\b.*").fullmatch(tried)
            if meant is not None and meant.text and not (both and meant.text in (*fact.values,)):
                return meant.text  # of `wrong_account and 1 comment` the second half would be lost
        else:
            return tried
    return None


def are_plain(reading: Reading, fact: Fact, *texts: str) -> bool:
    """Whether texts are plain values, of which one is enough."""
    try:
        tests = [read_test(text, fact, reading.zone) for text in texts]
    except Misread:
        return False
    return all(
        isinstance(test, OneOf) and not test.negated and len(test.values) == 1 for test in tests
    )


def as_between(reading: Reading, fact: Fact, texts: tuple[str, str]) -> str | None:
    """Write an `at least` and an `at most` as one range."""
    low = high = None
    for text in texts:
        try:
            test = read_test(text, fact, reading.zone)
        except Misread:
            return None
        match test:
            case Range(high=None, low_included=True):
                low = text.removeprefix("at least ").strip()
            case Range(low=None, high_included=True):
                high = text.removeprefix("at most ").strip()
    if low is None or high is None or fact.type is FactType.MOMENT:
        return None
    return f"between {low} and {high}"


def as_dollars(reading: Reading, text: str, fact: Fact) -> Meant | None:
    """What is meant by an amount in another currency: as much in dollars, perhaps."""
    said = in_dollars(text)
    euros = (
        meant_test(reading, said, fact) if fact.type is FactType.MONEY and said != text else None
    )
    if euros is None or not euros.text:
        return None
    cure = f"write the amount in dollars; where it is as much,  {euros.text}"
    return Meant("", why="amounts are in US dollars", cure=cure)


def of_a_platform(reading: Reading, text: str, fact: Fact) -> Meant | None:
    """What is meant by `more than 35% on tiktok` of a fact that each platform has of its own."""
    on = shape(r"(.*\d.*?),? (?:on|for|at|auf|bei|für) (tiktok|instagram)").fullmatch(fold(text))
    own = f"{fact.name}_{on.group(2)}" if on else ""
    if on is None or own not in reading.facts:
        return None
    test = test_of(reading, on.group(1), fact, denied=False)
    return Meant("", why="each platform has a fact of its own", cure=f"write  {own}: {test}")
