"""Moments as people read them: in a zone that is named, the hour that comes twice told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reviewbot.domain.text import format_moment


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        ("2026-11-30T18:56", "UTC", "Mon 30 Nov 18:56 UTC"),
        ("2026-11-30T18:56", "Europe/Berlin", "Mon 30 Nov 19:56 CET (Europe/Berlin)"),
        ("2026-10-25T00:30", "Europe/Berlin", "Sun 25 Oct 02:30 CEST (Europe/Berlin)"),
        ("2026-10-25T01:30", "Europe/Berlin", "Sun 25 Oct 02:30 CET (Europe/Berlin)"),
        ("2026-11-30T23:30", "Asia/Kolkata", "Tue 01 Dec 05:00 IST (Asia/Kolkata)"),
    ],
)
def test_a_moment_names_its_zone(at: str, zone: str, said: str) -> None:
    """Day and hour as clocks on the wall there show them."""
    assert format_moment(datetime.fromisoformat(at).replace(tzinfo=UTC), zone) == said
