"""The planted bugs fit the code they are planted in, so that hunting them proves something."""

from __future__ import annotations

import re

import pytest

from tests.mutation.planted import ROOT, Bug, bugs


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_bug_fits_its_place_and_has_its_tests(bug: Bug) -> None:
    """What it replaces stands there exactly once, the result is Python, and its tests exist."""
    assert re.fullmatch(r"P\d+", bug.promise)
    for change in bug.changes:
        text = (ROOT / change.file).read_text()
        assert text.count(change.old) == 1, change.old
        compile(text.replace(change.old, change.new), change.file, "exec")
    for test in bug.caught_by:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text()


def test_there_are_enough_of_them() -> None:
    """At least twenty, of at least fifteen promises, and no two of one name."""
    found = bugs()
    assert len({bug.name for bug in found}) == len(found) >= 20
    assert len({bug.promise for bug in found}) >= 15
