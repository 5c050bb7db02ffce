"""Open hours: edges, nights, closed days and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.calendar import Calendar, resolver
from reviewbot.policy.model import BeforeDeadline, Hours, OpenRange, WhenOpens

PARIS = ZoneInfo("Europe/Paris")
WEEK = (0, 1, 2, 3, 4)


def a_calendar(*ranges: OpenRange, closed: frozenset[date] = frozenset()) -> Calendar:
    """A calendar in Paris, by default the desk's: mon-fri 09:00-18:00."""
    desk = OpenRange(days=WEEK, start=540, end=1080)
    return Calendar(Hours(name="desk", open=ranges or (desk,)), PARIS, closed)


def paris(*when: int) -> datetime:
    """A moment by the clock of Paris."""
    return datetime(*when, tzinfo=PARIS)  # type: ignore[misc,arg-type]


def test_the_end_of_a_range_is_outside_it() -> None:
    """Open at 09:00 sharp, closed at 18:00 sharp."""
    desk = a_calendar()
    assert desk.is_open(paris(2026, 6, 2, 9, 0))
    assert desk.is_open(paris(2026, 6, 2, 17, 59))
    assert not desk.is_open(paris(2026, 6, 2, 18, 0))


def test_a_night_belongs_to_the_day_on_which_it_starts() -> None:
    """Friday's night runs into Saturday; Sunday's does not begin."""
    night = a_calendar(OpenRange(days=(4,), start=1320, end=360))
    assert night.is_open(paris(2026, 6, 6, 5, 59))
    assert not night.is_open(paris(2026, 6, 6, 22, 0))


def test_a_closed_day_is_passed_over() -> None:
    """After Thursday's close the next opening is Monday when Friday is closed."""
    desk = a_calendar(closed=frozenset({date(2026, 6, 5)}))
    assert desk.next_open(paris(2026, 6, 4, 18, 0)) == paris(2026, 6, 8, 9, 0)


def test_a_range_that_begins_in_the_skipped_hour_opens_when_it_was_skipped() -> None:
    """On 2026-03-29 the clock jumps from 02:00 to 03:00."""
    early = a_calendar(OpenRange(days=(6,), start=150, end=300))
    assert early.next_open(paris(2026, 3, 29, 0, 0)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_hours_that_never_open_say_so() -> None:
    """None, rather than a search without end."""
    assert a_calendar(OpenRange(days=(), start=0, end=60)).next_open(paris(2026, 6, 2)) is None


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - a zone is added
    st.integers(0, 1439),
    st.integers(1, 1440),
)
def test_the_next_opening_is_open_and_the_first(at: datetime, start: int, size: int) -> None:
    """Whatever the range: open then, and at no minute before."""
    end = (start + size) % 1440
    calendar = a_calendar(OpenRange(days=(0, 2, 6), start=start, end=end))
    now = at.replace(second=0, microsecond=0, tzinfo=UTC)
    opening = calendar.next_open(now)
    assert opening is not None
    assert calendar.is_open(opening)
    for minutes in range(0, min(600, int((opening - now).total_seconds() // 60)), 7):
        assert not calendar.is_open(now + timedelta(minutes=minutes))


def test_moments_come_from_the_api_s_times_alone() -> None:
    """Unknown times give unknown moments; `when desk opens` looks from the beginning on."""
    calendars = {"desk": a_calendar()}
    opens = resolver(WhenOpens(hours="desk"), calendars)
    assert opens(paris(2026, 6, 6, 12, 0), None) == paris(2026, 6, 8, 9, 0)
    assert opens(None, None) is None
    assert resolver(BeforeDeadline(seconds=60), calendars)(None, None) is None
