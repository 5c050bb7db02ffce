"""What people see stays as it is, unless a change of it is meant."""

from __future__ import annotations

import pytest

from tests.frozen.__main__ import differing, printed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_prints_what_it_printed() -> None:
    """A page that differs is looked at, and written anew by `python -m tests.frozen --write`."""
    assert differing(printed()) == []
