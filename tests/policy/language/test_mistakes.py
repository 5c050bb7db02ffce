"""Mistakes planted into a policy in good order: each is met at its place, with its code and a cure.

`mistakes/table.txt` holds one case per paragraph: a title, the lines taken out (`-`), the lines put
in (`+`, the words at fault between « and »), and what must be said (`= CODE words`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.presentation.findings import render_text

HERE = Path(__file__).parent / "mistakes"
BASE = (HERE / "base.yaml").read_text(encoding="utf-8")


class Mistake(NamedTuple):
    """One paragraph of the table."""

    title: str
    out: str
    put: str
    said: list[tuple[str, str]]


def read_table() -> list[Mistake]:
    """Read the table."""
    found = []
    for paragraph in (HERE / "table.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        title, *lines = paragraph.split("\n")
        out = "\n".join(line[2:] for line in lines if line.startswith("- "))
        put = "\n".join(line[2:] for line in lines if line.startswith("+ "))
        said = [tuple(line[2:].split(" ", 1)) for line in lines if line.startswith("= ")]
        found.append(Mistake(title, out, put, said))  # type: ignore[arg-type]  # two parts each
    return found


TABLE = read_table()


def plant(mistake: Mistake) -> tuple[str, Span | None]:
    """Put a mistake into the base, and tell where the words at fault are."""
    assert BASE.count(mistake.out) == 1, f"{mistake.title}: not exactly once in the base"
    before, _, after = BASE.partition(mistake.out)
    start = mistake.put.find("«")
    text = before + mistake.put.replace("«", "").replace("»", "") + after
    if start < 0:
        return text, None
    at = len(before) + start
    words = mistake.put[start + 1 : mistake.put.index("»")]
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return text, Span(line, column, line, column + len(words))


def no_file(name: str) -> bytes:
    """There is no list file."""
    raise FileNotFoundError(2, "No such file or directory", name)


def check(text: str | bytes) -> Parsed:
    """Read a policy without other files."""
    return parse_policy(text, path="agency.yaml", read=no_file)


def shown(parsed: Parsed, finding: Finding) -> str:
    """One finding as a person sees it."""
    return render_text([finding], dict(parsed.sources), verbose=True)


def test_the_base_is_in_good_order() -> None:
    """Without a planted mistake there is nothing to say."""
    parsed = check(BASE)

    assert parsed.findings == ()
    assert parsed.policy is not None


@pytest.mark.parametrize("mistake", TABLE, ids=lambda mistake: mistake.title)
def test_a_planted_mistake_is_met(mistake: Mistake) -> None:
    """The right code, under the right words, with the word that helps, and at most one more.

    Errors leave no policy.
    """
    text, place = plant(mistake)

    parsed = check(text)

    for number, (code, words) in enumerate(mistake.said):
        met = [finding for finding in parsed.findings if finding.code == code]
        assert met, f"{code} is not among {[f.code for f in parsed.findings]}"
        assert any(words in shown(parsed, finding) for finding in met)
        if place is not None and number == 0:
            assert place in [finding.span for finding in met]
    errors = [finding for finding in parsed.findings if finding.severity is Severity.ERROR]
    assert (parsed.policy is None) == bool(errors)
    assert len(parsed.findings) <= len(mistake.said) + 1


TYPICAL = (HERE / "typical.txt").read_text(encoding="utf-8").split("=====\n")[1:]


@pytest.mark.parametrize("expected", TYPICAL, ids=lambda text: str(text).split("\n", 1)[0])
def test_the_most_typical_messages_to_the_letter(expected: str) -> None:
    """What a person reads, whole: place, sentence, source lines, caret, hint, cure."""
    title, _, text = expected.partition("\n")
    mistake = next(mistake for mistake in TABLE if mistake.title == title)

    parsed = check(plant(mistake)[0])

    assert render_text(parsed.findings, dict(parsed.sources)) == text


def test_the_table_is_long_enough() -> None:
    """A hundred mistakes at least."""
    assert len(TABLE) >= 100
    assert len({mistake.title for mistake in TABLE}) == len(TABLE)
