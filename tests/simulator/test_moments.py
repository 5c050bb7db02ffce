"""Moments are written the way the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.simulator.clock import http_date, iso

SECONDS = st.integers(0, 4_102_444_799)


@given(second=SECONDS)
def test_an_http_date_is_the_usual_one(second: int) -> None:
    """The library for mail writes the same."""
    assert http_date(second).decode() == formatdate(second, usegmt=True)


@given(second=SECONDS)
def test_a_moment_is_iso_8601_in_utc(second: int) -> None:
    """Whole seconds, with `Z`."""
    expected = datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
    assert iso(float(second), milliseconds=False) == expected


@pytest.mark.parametrize(
    ("moment", "milliseconds", "text"),
    [
        (1_780_909_201.0, False, "2026-06-08T09:00:01Z"),
        (1_780_909_201.0, True, "2026-06-08T09:00:01.000Z"),
        (1_780_909_201.25, True, "2026-06-08T09:00:01.250Z"),
        (1_780_909_201.75, False, "2026-06-08T09:00:01Z"),
    ],
)
def test_milliseconds_are_a_choice(moment: float, milliseconds: bool, text: str) -> None:
    """With them or cut off."""
    assert iso(moment, milliseconds) == text
