"""How the lines of a policy stand: what is passed over quickly is what a slow look finds in order."""

from __future__ import annotations

import pytest

from reviewbot.policy.language import layout
from reviewbot.policy.language.layout import lay_out
from tests.policy.language.desk.measure import planted, read_cases
from tests.policy.language.test_mistakes import TABLE, plant
from tests.tier import times

TEXTS = {
    **{
        case.title: planted(case)[0].decode("utf-8", "replace")
        for name in ("mistakes.txt", "more.txt", "right.txt")
        for case in read_cases(name)
    },
    **{f"planted: {mistake.title}": plant(mistake)[0] for mistake in TABLE},
}


def test_no_line_is_passed_over_that_has_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mistake of a desk, laid out with each line looked at in full, gives the same."""
    some = dict(list(TEXTS.items())[:: times(7, 1)])
    quick = {title: lay_out(text, "p.yaml") for title, text in some.items()}
    monkeypatch.setattr(layout._Walk, "_goes_on", lambda *_: False)
    monkeypatch.setattr(layout, "is_tidy", lambda *_: False)

    assert any(quick.values())
    for title, text in some.items():
        assert lay_out(text, "p.yaml") == quick[title], title
