"""`reviewbot report --since`: the past from a log on disk, with how the rules did."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from reviewbot.review.reconcile import follow_up
from reviewbot.simulator import people, tasks
from tests.acceptance.house import house, sqlite
from tests.cli.schemas import assert_fits
from tests.review.test_followup import DAY, NOT_THERE

SINCE = "2026-06-01T00:00:00Z"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log in which one dispute turned out to be wrong: the comment had been there before it."""
    where = sqlite(tmp_path)
    with house(policy=NOT_THERE, tasks=2, ledger=where) as made:
        wronged = next(iter(made.world.tasks.values()))
        wronged.account.platform = "tiktok"
        people.post(made.world, wronged, "exact")
        made.poll(minutes=10)
        wronged.video.reach, wronged.video.comments_per_hour = "open", 0.0
        tasks.submit(made.world, wronged)
        made.clock.sleep(DAY.total_seconds())
        assert follow_up(made.app) == 2
    return where


def test_the_past_says_how_each_rule_did(call, url: str) -> None:
    """In words on a screen, with what a share out of so few cases leaves open."""
    ran = call("report", "--since", SINCE, "--ledger", url)
    assert ran.code == 0, ran.err
    told = ran.out.partition("How the rules did")[2]
    assert "100 % (21 to 100)" in told
    assert "What never comes back" in " ".join(told.split())


def test_a_program_reads_each_grade(call, url: str) -> None:
    """With the whole id, the round, and why."""
    told = json.loads(call("report", "--since", SINCE, "--ledger", url, "--format", "json").out)
    assert_fits("past", told)
    (row,) = told["tables"]["grades"]
    assert (row["probably wrong"], row["cannot know"]) == ("1", "1")
    (one,) = told["graded"]
    assert (one["rule"], one["action"], one["grade"]) == ("not there", "dispute", "probably wrong")
    assert one["carried_out"] is True and one["shadow"] is None and len(one["task_id"]) == 36
    assert one["because"].startswith("a check found it, posted ")


def test_what_can_no_longer_be_read_is_counted(call, url: str) -> None:
    """The report of the past names the decision, says how many were read, and ends with code 4."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as log, log:
        first = "select min(seq) from entry where kind = 'intent'"
        bulk = zlib.compress(b"[{},[]]")
        log.execute(f"update entry set detail = ? where seq = ({first})", (bulk,))
    ran = call("report", "--since", SINCE, "--ledger", url, "--format", "json")
    assert ran.code == 4
    told = json.loads(ran.out)
    assert told["unreadable"] == 1 and told["judged"] == told["read"] - 1
    assert "what it was judged by cannot be read" in ran.err
    assert f"{told['read']} records read, {told['judged']} judged, 1 unreadable" in ran.err


def test_a_page_and_no_sheet(call, url: str, tmp_path: Path) -> None:
    """HTML goes to a file; CSV of the past is the export of the log."""
    page = tmp_path / "past.html"
    form = ("report", "--since", SINCE, "--ledger", url, "--format")
    assert call(*form, "html", "--output", str(page)).code == 0
    assert "Decisions that later events speak against" in page.read_text()
    ran = call(*form, "csv")
    assert ran.code == 2 and "reviewbot log export --format csv" in ran.err
