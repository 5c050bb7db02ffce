"""What a desk gets wrong, and what it is told: see `desk/measure.py`, which also prints it to be read."""

from __future__ import annotations

import pytest

from reviewbot.policy.diagnostics import Severity, apply_fixes
from tests.policy.language.desk.cures import is_cured
from tests.policy.language.desk.measure import NAME, Case, check, judge, planted, read_cases
from tests.tier import some

MISTAKES = [*read_cases("mistakes.txt"), *read_cases("more.txt")]
RIGHT = read_cases("right.txt")
TRIED = some(MISTAKES, 3)
BLOCKS = [TRIED[first : first + 40] for first in range(0, len(TRIED), 40)]
"""Many in one test: to start, name and report each of thousands takes as long as to read it."""
in_blocks = pytest.mark.parametrize("cases", BLOCKS, ids=lambda cases: cases[0].title)


@in_blocks
def test_the_mistakes_of_a_desk_are_met(cases: list[Case]) -> None:
    """Of the wanted severity, on its line, once, with her own value in the cure and no other example."""
    judged = {case.title: judge(case) for case in cases}
    missed = [
        f"{title}: {verdict.missing}\n{verdict.shown}"
        for title, verdict in judged.items()
        if verdict.grade != 3
    ]

    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.title)
def test_what_is_right_stays_usable(case: Case) -> None:
    """A checker that asks at everything would find every mistake."""
    parsed = check(*planted(case))

    assert not [f for f in parsed.findings if f.severity is Severity.ERROR]
    assert parsed.policy is not None


@pytest.mark.slow
@in_blocks
def test_a_cure_that_is_followed_cures(cases: list[Case]) -> None:
    """What a finding says to write leaves no error on its line, in one of the places that its words may mean."""
    assert [case.title for case in cases if not _is_cured(case)] == []


def _is_cured(case: Case) -> bool:
    source, sheet = planted(case)
    text = source.decode("utf-8", "replace")
    return all(is_cured(text, sheet, finding) for finding in check(source, sheet).findings)


@pytest.mark.slow
@in_blocks
def test_what_is_mended_by_itself_stays_mended(cases: list[Case]) -> None:
    """A few rounds end it; only lines at fault change; nothing is usable that was not told of first."""
    assert [case.title for case in cases if not _stays_mended(case)] == []


def _stays_mended(case: Case) -> bool:
    source, sheet = planted(case)
    text = before = source.decode("utf-8", "replace")
    for _ in range(4):
        findings = check(text.encode(), sheet).findings
        text, applied = apply_fixes(text, findings, NAME)
        if not applied:
            break
    changed = sum(old != new for old, new in zip(before.split("\n"), text.split("\n"), strict=True))
    return not applied and changed <= 6


def test_no_title_stands_twice() -> None:
    """Each names its own mistake."""
    titles = [case.title for case in (*MISTAKES, *RIGHT)]
    assert len(set(titles)) == len(titles)
