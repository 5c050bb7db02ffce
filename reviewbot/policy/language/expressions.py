"""Conditions as other tools write them, in one line: `task.round >= 2 and last.outcome_kind != 'verified'`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from reviewbot.policy.catalog import Fact
from reviewbot.policy.language.meant import meant_test
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.synonyms import FACTS, meaning
from reviewbot.policy.language.yaml import Mapping as Lines
from reviewbot.policy.language.yaml import Scalar, Sequence
from reviewbot.policy.notations import plain
from reviewbot.policy.operators import read_test
from reviewbot.policy.text_forms import only_cure, shape
from reviewbot.policy.values import Misread

_SUBJECT = (
    r"([\p{L}_][\p{L}\p{N}_.]*)\)?(?:\.(?:includes|contains|startswith|endswith)\(|"
    r"\s*(?:[=!<>≥≤≠:]|is\b|are\b|in\b|not\b|at\b|more\b|less\b|between\b|contains\b|equals\b|ist\b|mindestens\b|höchstens\b|mehr\b|weniger\b|über\b|unter\b|above\b|below\b|over\b|under\b|\d))"
)
_OR = r"(?:or|oder|\|\|?)"
_JOINT = r"[\s()]*(?:\b(?:and|und|or|oder|but)\b|&&?|\|\|?|[,;])?[\s(]*(?:\b(not|nicht)\b|!)?[\s(]*"


def lines_of(
    reading: Reading, text: str, facts: Mapping[str, Fact]
) -> tuple[list[str], bool] | None:
    """The tests in an expression, as lines, and whether one of them is enough; None where it is none."""
    said = plain(text).strip("{}[] ")
    places = []
    for match in shape(_SUBJECT).finditer(said):
        if (fact := _fact(match.group(1), facts)) is not None:
            places.append((match.start(1), match.end(1), fact))
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
        line = _test(reading, test, fact, denied=denied is not None)
        if line is None:
            return None
        lines.append(f"{fact.name}: {line}")
    ors = [bool(shape(rf"\b{_OR}\b|\|").search(joint)) for joint in joints[1:-1]]
    return None if len(set(ors)) > 1 else (lines, any(ors))


_LIKELY = ("last.outcome_kind", "task.platform", "task.cm_payout_amount", "task.saved_account_id")
"""Facts that a test alone can be about: each takes values that no other does."""


def _without_fact(reading: Reading, said: str, facts: Mapping[str, Fact]) -> str | None:
    """The line that a test without its fact may be: `wrong_account`, `in list watched`."""
    likely = (name if name in facts else name.rpartition(".")[2] for name in _LIKELY)
    for name in (name for name in likely if name in facts):
        tried = f"in list {said}" if said in reading.declared.get("list", ()) else said
        try:
            test = read_test(tried, facts[name], reading.zone)
        except Misread:
            continue
        named = test.refers()
        if bool(named) is (name in _LIKELY[-1]):
            return f"{name}: {tried}"
    return None


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


def _test(reading: Reading, text: str, fact: Fact, *, denied: bool) -> str | None:
    said = text.strip(" .()").removeprefix(":").strip()
    for value in (said, said.strip("\"'")):
        tried = f"not {value}" if denied else value
        try:
            read_test(tried, fact, reading.zone)
        except Misread:
            if (meant := meant_test(reading, tried, fact)) is not None and meant.text:
                return meant.text
        else:
            return tried
    return None
