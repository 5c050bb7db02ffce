"""What policies answer stays as it is, to the last field of the trace."""

from __future__ import annotations

import pytest

from tests.frozen.judgements import BLOCKS, KEPT, digest
from tests.tier import times


@pytest.mark.parametrize("block", range(times(1, BLOCKS)))
def test_random_judgements_come_to_what_they_came_to(block: int) -> None:
    """Plain, traced, triaged and past the deadline; with every kind of text and action."""
    assert digest(block) == KEPT.read_text().split()[block]
