"""Open hours: edges, nights, closed days and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.engine.calendar import (
    HORIZON,
    Calendar,
    CommonHours,
    calendars_of,
    resolver,
)
from reviewbot.policy.model import BeforeDeadline, Fixed, FromConfirmed, Hours, OpenRange, WhenOpens
from tests.policy.judging import judge_of

PARIS = ZoneInfo("Europe/Paris")
WEEK = (0, 1, 2, 3, 4)


def a_calendar(
    *ranges: OpenRange, closed: frozenset[date] = frozenset(), zone: ZoneInfo = PARIS
) -> Calendar:
    """A calendar, by default the desk's in Paris: mon-fri 09:00-18:00."""
    desk = OpenRange(days=WEEK, start=540, end=1080)
    return Calendar(Hours(name="desk", open=ranges or (desk,)), zone, closed)


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
    assert not night.is_open(paris(2026, 6, 5, 5, 59))
    assert not night.is_open(paris(2026, 6, 5, 21, 59))
    assert night.is_open(paris(2026, 6, 5, 22, 0))
    assert night.is_open(paris(2026, 6, 6, 0, 0))
    assert night.is_open(paris(2026, 6, 6, 5, 59))
    assert not night.is_open(paris(2026, 6, 6, 6, 0))
    assert not night.is_open(paris(2026, 6, 6, 22, 0))


def test_a_range_that_ends_where_it_starts_lasts_a_day() -> None:
    """From Tuesday 09:00 to Wednesday 09:00."""
    day = a_calendar(OpenRange(days=(1,), start=540, end=540))
    assert not day.is_open(paris(2026, 6, 2, 8, 59))
    assert day.is_open(paris(2026, 6, 2, 9, 0))
    assert day.is_open(paris(2026, 6, 3, 8, 59))
    assert not day.is_open(paris(2026, 6, 3, 9, 0))


def test_on_a_closed_day_no_night_starts_and_none_goes_on() -> None:
    """Thursday's night ends at midnight when Friday is closed, and Friday's never begins."""
    night = a_calendar(
        OpenRange(days=(3, 4), start=1320, end=360), closed=frozenset({date(2026, 6, 5)})
    )
    assert night.is_open(paris(2026, 6, 4, 23, 59))
    assert not night.is_open(paris(2026, 6, 5, 0, 0))
    assert not night.is_open(paris(2026, 6, 5, 22, 0))
    assert not night.is_open(paris(2026, 6, 6, 0, 0))


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "UTC"])
def test_days_are_those_of_the_zone(zone: str) -> None:
    """The next opening and the turning points are found whatever day it is elsewhere."""
    here = ZoneInfo(zone)
    calendar = a_calendar(OpenRange(days=WEEK, start=270, end=1230), zone=here)
    early, late = (datetime(2026, 6, 2, *wall, tzinfo=here) for wall in ((4, 0), (20, 0)))
    opens, closes = (datetime(2026, 6, 2, *wall, tzinfo=here) for wall in ((4, 30), (20, 30)))

    assert calendar.next_open(early) == opens
    assert calendar.next_open(closes - timedelta(days=1)) == opens
    assert calendar.next_open(late) == late
    assert list(calendar.turning_points(late, closes)) == [closes]
    assert list(calendar.turning_points(early - timedelta(hours=5), opens)) == [
        datetime(2026, 6, 2, tzinfo=here),
        opens,
    ]


def test_moments_found_are_in_utc() -> None:
    """Whether it is open already or opens later."""
    for at in (paris(2026, 6, 2, 10, 0), paris(2026, 6, 2, 8, 0)):
        opening = a_calendar().next_open(at)
        assert opening is not None
        assert opening.tzinfo is UTC


def test_turning_points_lie_between_two_moments_with_both_of_them() -> None:
    """Openings, ends and midnights, in order; the end of a day is the next one's midnight."""
    evening = a_calendar(OpenRange(days=WEEK, start=1080, end=1440))
    start, end = paris(2026, 6, 1, 18, 0), paris(2026, 6, 3, 18, 0)
    assert list(evening.turning_points(start, end)) == [
        paris(2026, 6, 1, 18, 0),
        paris(2026, 6, 2, 0, 0),
        paris(2026, 6, 2, 18, 0),
        paris(2026, 6, 3, 0, 0),
        paris(2026, 6, 3, 18, 0),
    ]
    assert evening.next_open(paris(2026, 6, 2, 0, 0)) == paris(2026, 6, 2, 18, 0)


@pytest.mark.parametrize(
    ("zone", "day", "changes"),
    [
        ("Europe/Paris", date(2026, 3, 29), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Paris", date(2026, 10, 25), datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 24), datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2026, 4, 5), datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ],
)
def test_the_change_of_the_clocks_is_a_turning_point(
    zone: str, day: date, changes: datetime
) -> None:
    """To the minute, in both directions, by an hour or half of one."""
    here = ZoneInfo(zone)
    calendar = a_calendar(OpenRange(days=(), start=720, end=721), zone=here)
    noon = datetime.combine(day, time(11), here)
    begins = datetime.combine(day, time(0, 1), here)
    (found,) = (
        point
        for point in calendar.turning_points(begins.astimezone(UTC) - timedelta(hours=2), noon)
        if point.astimezone(here).time() != time()
    )
    assert found == changes
    assert found.tzinfo is UTC


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
    assert opens(None, paris(2026, 6, 6, 12, 0)) is None
    start, end = paris(2026, 6, 6, 12, 0), paris(2026, 6, 9, 12, 0)
    before = resolver(BeforeDeadline(seconds=60), calendars)
    assert before(start, end) == paris(2026, 6, 9, 11, 59)
    assert before(start, None) is None
    after = resolver(FromConfirmed(seconds=60), calendars)
    assert after(start, end) == paris(2026, 6, 6, 12, 1)
    assert after(None, end) is None
    assert resolver(Fixed(at=end), calendars)(None, None) == end


def test_a_policy_s_hours_know_its_zone_its_closed_days_and_its_lists() -> None:
    """Days named in place and days from a list are closed alike, each for its own hours."""
    policy = judge_of(
        """
hours:
  desk: {open: mon-fri 09:00-18:00, closed: [2026-06-03, in list holidays]}
  late: {open: mon-fri 18:00-20:00}
lists: {holidays: [2026-06-05]}
rules: [{name: pay, always: yes, then: approve, act during: desk}]
"""
    ).policy
    calendars = calendars_of(policy)
    assert sorted(calendars) == ["desk", "late"]
    open_days = [day for day in range(1, 8) if calendars["desk"].is_open(paris(2026, 6, day, 9, 0))]
    assert open_days == [1, 2, 4]
    assert not calendars["desk"].is_open(paris(2026, 6, 2, 8, 59))
    assert calendars["late"].is_open(paris(2026, 6, 3, 19, 0))


def test_what_two_hours_hold_goes_when_both_are_open() -> None:
    """The desk's until 18:00 and a late shift's from 16:00: Tuesday noon waits for 16:00, 17:00 for nothing."""
    late = a_calendar(OpenRange(days=WEEK, start=960, end=1320))
    both = CommonHours([a_calendar(), late])
    assert not both.is_open(paris(2026, 6, 2, 12))
    assert both.next_open(paris(2026, 6, 2, 12)) == paris(2026, 6, 2, 16)
    assert both.next_open(paris(2026, 6, 2, 17)) == paris(2026, 6, 2, 17)
    assert both.next_open(paris(2026, 6, 5, 19)) == paris(2026, 6, 8, 16)


def test_hours_that_never_meet_never_open() -> None:
    """One is of mornings, one of evenings, and one is closed for good."""
    morning = a_calendar(OpenRange(days=WEEK, start=540, end=600))
    evening = a_calendar(OpenRange(days=WEEK, start=1140, end=1200))
    noon = paris(2026, 6, 2, 12)
    assert CommonHours([morning, evening]).next_open(noon) is None
    every_day = frozenset(date(2026, 6, 2) + timedelta(days=n) for n in range(HORIZON + 2))
    assert CommonHours([morning, a_calendar(closed=every_day)]).next_open(noon) is None


def test_hours_are_told_right_far_beyond_the_days_that_are_kept() -> None:
    """A desk that is asked for two years, day by day, says the same as one that is asked anew."""
    asked = a_calendar()
    for n in range(2 * HORIZON):
        midnight = paris(2026, 6, 2) + timedelta(days=n)
        assert asked.next_open(midnight) == a_calendar().next_open(midnight)
