"""What a desk gets wrong, and what it is told: see `desk/measure.py`, which also prints it to be read."""

from __future__ import annotations

import pytest

from reviewbot.policy.diagnostics import Severity, apply_fixes
from tests.policy.language.desk.cures import is_cured
from tests.policy.language.desk.measure import NAME, Case, check, judge, planted, read_cases

MISTAKES = [*read_cases("mistakes.txt"), *read_cases("more.txt")]
RIGHT = read_cases("right.txt")


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.title)
def test_a_mistake_of_a_desk_is_met(case: Case) -> None:
    """Of the wanted severity, on its line, once, with her own value in the cure and no other example."""
    judged = judge(case)

    assert judged.grade == 3, f"{judged.missing}\n{judged.shown}"


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.title)
def test_what_is_right_stays_usable(case: Case) -> None:
    """A checker that asks at everything would find every mistake."""
    parsed = check(*planted(case))

    assert not [f for f in parsed.findings if f.severity is Severity.ERROR]
    assert parsed.policy is not None


@pytest.mark.slow
@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.title)
def test_a_cure_that_is_followed_cures(case: Case) -> None:
    """What a finding says to write leaves no error on its line, in one of the places that its words may mean."""
    source, sheet = planted(case)
    text = source.decode("utf-8", "replace")

    assert all(is_cured(text, sheet, finding) for finding in check(source, sheet).findings)


@pytest.mark.slow
@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.title)
def test_what_is_mended_by_itself_stays_mended(case: Case) -> None:
    """A few rounds end it; only lines at fault change; nothing is usable that was not told of first."""
    source, sheet = planted(case)
    text = before = source.decode("utf-8", "replace")
    for _ in range(4):
        findings = check(text.encode(), sheet).findings
        text, applied = apply_fixes(text, findings, NAME)
        if not applied:
            break
    assert not applied
    changed = sum(old != new for old, new in zip(before.split("\n"), text.split("\n"), strict=True))
    assert changed <= 6


def test_no_title_stands_twice() -> None:
    """Each names its own mistake."""
    titles = [case.title for case in (*MISTAKES, *RIGHT)]
    assert len(set(titles)) == len(titles)
