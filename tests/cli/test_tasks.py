"""`reviewbot tasks …` against a simulated TokPortal over HTTP."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reviewbot.cli.tasks import history_lines
from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.ledger.open import open_ledger
from reviewbot.presentation.stories import task_history
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.faults import Faults

FAULTS = Faults()
HEADER = ("saved_account_id", "target_video_url", "comment_text")


@pytest.fixture(scope="module")
def simulated() -> Iterator[Served]:
    """A world in which four tasks wait and nothing else happens."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=4, seed=3)
    with Served(world, faults=FAULTS) as served:
        yield served


@pytest.fixture(autouse=True)
def settings(
    call: object, simulated: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of a bot that knows the simulator."""
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_test")
    monkeypatch.setenv("TOKPORTAL_BASE_URL", simulated.url)
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path / 'log.db'}")


@pytest.fixture
def account(simulated: Served) -> str:
    """A TikTok account that can post."""
    accounts = simulated.world.accounts.values()
    return next(saved.id for saved in accounts if saved.platform == "tiktok" and saved.manager)


def a_csv(tmp_path: Path, *rows: tuple[str, str, str]) -> str:
    """Write orders to a file."""
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows((HEADER, *rows))
    return str(path)


def lines(text: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def texts(simulated: Served) -> list[str]:
    """The texts of all tasks over there."""
    return [task.text for task in simulated.world.tasks.values()]


def test_a_dry_run_names_what_is_wrong_and_sends_nothing(
    call, simulated: Served, account: str, tmp_path: Path
) -> None:
    """Bad rows by number and reason, the cost beforehand; not even a log comes into being."""
    before = texts(simulated)
    file = a_csv(
        tmp_path,
        (account, "tiktok.com/@a/video/1", "one"),
        (account, "tiktok.com/@b/video/1", "one "),
        (account, "youtube.com/x", "two"),
    )
    ran = call("tasks", "create", "--csv", file)

    assert ran.code == 4
    assert "3    duplicate  the same as row 2" in ran.out
    assert "4    bad        target_video_url youtube.com is neither" in ran.out
    assert "at most 1 credit; " in ran.err
    assert texts(simulated) == before
    assert not (tmp_path / "log.db").exists()


def test_orders_are_created_once_and_every_row_is_in_the_output(
    call, simulated: Served, account: str, tmp_path: Path
) -> None:
    """Also when repeated; a cell that a spreadsheet would calculate is quoted."""
    file = a_csv(
        tmp_path,
        (account, "tiktok.com/@a/video/11", "=HYPERLINK(1)"),
        ("nobody", "tiktok.com/@a/video/12", "x"),
        (account, "tiktok.com/@a/video/13", ""),
    )
    output = tmp_path / "out.csv"
    ran = call("tasks", "create", "--csv", file, "--live", "--output", output)

    assert ran.code == 4
    assert "LIVE: 2 orders" in ran.err
    assert "credits charged: 1; " in ran.err
    with output.open(newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["row"], row["outcome"]) for row in rows] == [
        ("2", "created"),
        ("3", "rejected"),
        ("4", "bad"),
    ]
    assert rows[0]["comment_text"] == "'=HYPERLINK(1)"
    assert texts(simulated).count("=HYPERLINK(1)") == 1

    again = call("tasks", "create", "--csv", file, "--live", "--format", "json")
    assert [line["outcome"] for line in lines(again.out)] == ["already", "rejected", "bad"]
    assert lines(again.out)[0]["task_id"] == rows[0]["task_id"]
    assert texts(simulated).count("=HYPERLINK(1)") == 1
    assert call("log", "verify").code == 0


def test_a_dry_run_holds_each_row_against_the_accounts_that_can_post(
    call, simulated: Served, account: str, tmp_path: Path
) -> None:
    """What live refuses is named beforehand, with its row and reason; what is left is created."""
    unknown = "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40"
    file = a_csv(
        tmp_path,
        (account, "tiktok.com/@a/video/21", "foreseen 1"),
        (account, "tiktok.com/@a/video/22", "foreseen 2"),
        (unknown, "tiktok.com/@a/video/23", "foreseen 3"),
        ("not-a-uuid", "tiktok.com/@a/video/24", "foreseen 4"),
        (account, "instagram.com/reel/Dq7examplE1/", "foreseen 5"),
    )
    dry = call("tasks", "create", "--csv", file)
    assert dry.code == 4
    assert "2  would be created" in dry.out and "3  would be refused by the API" in dry.out
    assert "at most 2 credits; " in dry.err
    told = lines(call("tasks", "create", "--csv", file, "--format", "json").out)
    assert [(line["row"], line["outcome"]) for line in told] == [
        (2, "would create"),
        (3, "would create"),
        (4, "would refuse"),
        (5, "would refuse"),
        (6, "would refuse"),
    ]
    assert [line["reason"] for line in told[2:]] == [
        "account_not_found",
        "saved_account_id is no id of the API: those are written as UUIDs",
        "platform_mismatch",
    ]
    done = lines(call("tasks", "create", "--csv", file, "--live", "--format", "json").out)
    assert [line["outcome"] for line in done] == ["created", "created", *["rejected"] * 3]


def test_a_dry_run_that_cannot_read_the_accounts_says_so(
    call, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are held to their form all the same."""
    monkeypatch.delenv("TOKPORTAL_API_KEY")
    flags = ("--url", "tiktok.com/@a/video/25", "--text", "no key")
    ran = call("tasks", "create", "--account", account, *flags)
    assert (ran.code, "not every account was checked, because no key is set" in ran.err) == (
        0,
        True,
    )
    assert call("tasks", "create", "--account", "not-a-uuid", *flags).code == 4


def test_a_limit_sends_the_first_rows_alone(
    call, simulated: Served, account: str, tmp_path: Path
) -> None:
    """The same command without it goes on with the rest."""
    rows = [(account, f"tiktok.com/@a/video/3{number}", f"limit {number}") for number in range(3)]
    file = a_csv(tmp_path, *rows)
    assert call("tasks", "create", "--csv", file, "--limit", "1", "--live").code == 0
    assert [text for text in texts(simulated) if text.startswith("limit")] == ["limit 0"]
    ran = call("tasks", "create", "--csv", file, "--live", "--format", "json")
    assert [line["outcome"] for line in lines(ran.out)] == ["already", "created", "created"]


@pytest.mark.parametrize(("closed", "said"), [(True, True), (False, False)])
def test_it_says_when_nobody_is_at_the_desk_as_the_window_ends(
    call, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: bool, said: bool
) -> None:
    """By the hours of the policy, in its zone, with the moment at which somebody comes."""
    end = datetime.now(UTC) + timedelta(hours=72)
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    day = days[(end.weekday() + 3 * closed) % 7]
    policy = tmp_path / "hours.yaml"
    policy.write_text(
        f"policy: hours\nlanguage: 1\ntimezone: UTC\nhours:\n  desk: {{open: {day} 00:00-24:00}}\n"
        "rules:\n  - {name: all, always: yes, then: approve, act during: desk}\n"
        "deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}\n"
    )
    monkeypatch.setenv("REVIEWBOT_POLICY", str(policy))
    flags = ("--account", account, "--url", "tiktok.com/@a/video/26", "--text", "at night")
    ran = call("tasks", "create", *flags)
    assert ran.code == 0
    assert ("when nobody is at the desk before" in ran.err) is said, ran.err
    assert ("(hours of policy hours)" in ran.err) is said


def test_a_pending_task_says_when_it_cancels_itself(call, simulated: Served, account: str) -> None:
    """And that its credit comes back; the story of one that was swept up says the same."""
    flags = ("--account", account, "--url", "vm.tiktok.com/ZM99", "--text", "swept")
    task_id = lines(call("tasks", "create", *flags, "--live", "--format", "json").out)[0]["task_id"]
    shown = call("tasks", "show", task_id).out
    assert "if nobody posts it: it cancels itself at " in shown
    assert "UTC, in 2 d 23 h, and its credit comes back" in shown
    at = datetime(2026, 6, 5, 7, 30, tzinfo=UTC)
    task = CommentTask(id="t", status="cancelled", deadline_at=at, updated_at=at)
    (swept,) = task_history(task, None, open_ledger("memory:")).events
    assert (
        swept.what == "cancelled by itself, as nobody had posted it in 72 h; its credit came back"
    )
    early = msgspec.structs.replace(task, updated_at=at - timedelta(hours=1))
    (ours,) = task_history(early, None, open_ledger("memory:")).events
    assert ours.what == "cancelled before it was posted; its credit came back"


def test_one_order_by_flags_its_life_and_its_end(call, simulated: Served, account: str) -> None:
    """Created, shown with our part in it, cancelled with the refund, and not cancelled twice."""
    flags = ("--account", account, "--url", "vm.tiktok.com/ZM9", "--text", "by flags")
    ran = call("tasks", "create", *flags, "--live", "--format", "json")
    assert ran.code == 0, ran.err
    task_id = lines(ran.out)[0]["task_id"]

    shown = call("tasks", "show", task_id).out
    assert f"task {task_id}  pending" in shown
    assert shown.index("about to order it") < shown.index("the order is created")
    assert "the command line row 1" in shown

    dry = call("tasks", "cancel", task_id)
    assert (dry.code, "would be cancelled" in dry.out) == (0, True)
    assert simulated.world.tasks[task_id].status == "pending"
    done = call("tasks", "cancel", task_id, "--live")
    assert (done.code, "credits refunded: 1." in done.err) == (0, True)
    assert simulated.world.tasks[task_id].status == "cancelled"
    again = call("tasks", "cancel", task_id, "--live")
    assert (again.code, "credits refunded: 0." in again.err) == (0, True)
    life = json.loads(call("tasks", "show", task_id, "--format", "json").out)
    assert life["task"]["status"] == "cancelled"
    assert life["events"][-1]["what"] == "the cancellation is done, credits back: 1"


def test_what_is_too_late_to_cancel_is_told_with_its_status(call, simulated: Served) -> None:
    """And what is not there as well; the exit code says that something remains."""
    waiting = simulated.world.waiting()[0].id
    ran = call("tasks", "cancel", waiting, "nope", "--live", "--format", "json")
    assert ran.code == 4
    assert [(line["outcome"], line["reason"]) for line in lines(ran.out)] == [
        ("too late", "it is manually_confirmed"),
        ("not there", None),
    ]
    shown = call("tasks", "show", waiting)
    assert "check 1:" in shown.out
    assert "silence pays at" in shown.out


def test_a_cancellation_without_an_answer_is_settled_by_reading(
    call, simulated: Served, account: str
) -> None:
    """It was carried out, so it is done; nothing is sent again."""
    flags = ("--account", account, "--url", "vm.tiktok.com/ZM10", "--text", "lost answer")
    made = call("tasks", "create", *flags, "--live", "--format", "json")
    task_id = lines(made.out)[0]["task_id"]
    FAULTS.once("5xx after the write", operation="cancel_comment")

    ran = call("tasks", "cancel", task_id, "--live")

    assert ran.code == 0
    assert "found cancelled by reading" in ran.out
    assert simulated.world.tasks[task_id].status == "cancelled"


def test_a_cancellation_that_may_still_arrive_is_not_sent_again(
    call, simulated: Served, account: str
) -> None:
    """Until the quarantine is over it is unclear, and the command says when to repeat it."""
    flags = ("--account", account, "--url", "vm.tiktok.com/ZM11", "--text", "may arrive")
    made = call("tasks", "create", *flags, "--live", "--format", "json")
    task_id = lines(made.out)[0]["task_id"]
    FAULTS.once("5xx html", operation="cancel_comment")
    for _ in range(2):
        ran = call("tasks", "cancel", task_id, "--live")
        assert ran.code == 4
        assert "it may still take effect; repeat the command after" in ran.out
    assert simulated.world.tasks[task_id].status == "pending"


def test_an_order_without_an_answer_is_told_with_the_moment_to_repeat_it(
    call, simulated: Served, account: str
) -> None:
    """It is open; the next run finds it created."""
    flags = ("--account", account, "--url", "tiktok.com/@a/video/77", "--text", "no answer")
    FAULTS.once("5xx after the write", operation="create_comments")

    ran = call("tasks", "create", *flags, "--live")
    assert ran.code == 4
    assert "sent, and not known yet whether they arrived" in ran.out
    assert "Repeat the command after" in ran.err
    again = call("tasks", "create", *flags, "--live")
    assert (again.code, "1  created by an earlier run" in again.out) == (0, True)
    assert texts(simulated).count("no answer") == 1


def test_a_pause_of_everything_stops_orders_and_cancellations(
    call, simulated: Served, account: str
) -> None:
    """Until it is resumed; then the same command goes through."""
    flags = ("--account", account, "--url", "tiktok.com/@a/video/79", "--text", "paused")
    assert call("pause", "--reason", "a drill").code == 0
    ran = call("tasks", "create", *flags, "--live")
    assert (ran.code, "a drill" in ran.err) == (4, True)
    assert "paused" not in texts(simulated)
    waiting = simulated.world.waiting()[0].id
    assert call("tasks", "cancel", waiting, "--live").code == 1

    assert call("resume", "--reason", "done").code == 0
    assert call("tasks", "create", *flags, "--live").code == 0
    assert texts(simulated).count("paused") == 1


def test_a_restored_log_places_nothing_again(
    call, simulated: Served, account: str, tmp_path: Path
) -> None:
    """It has forgotten what was ordered, which its checkpoints show."""
    flags = ("--account", account, "--url", "tiktok.com/@a/video/8{}", "--text", "restored {}")

    def order(number: int) -> Any:
        return call("tasks", "create", *(word.format(number) for word in flags), "--live")

    assert order(1).code == 0
    old = (tmp_path / "log.db").read_bytes()
    assert order(2).code == 0
    for name in ("log.db-wal", "log.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "log.db").write_bytes(old)

    ran = order(2)

    assert (ran.code, "not the one that was last checkpointed" in ran.err) == (4, True), ran.err
    assert texts(simulated).count("restored 2") == 1


def test_lists_are_filtered_and_come_in_three_forms(call, simulated: Served) -> None:
    """By status, account, platform, age and number."""
    waiting = simulated.world.waiting()
    found = lines(call("tasks", "list", "--status", "manually_confirmed", "--format", "json").out)
    assert {task["id"] for task in found} == {task.id for task in waiting}
    one = waiting[0]
    words = (
        "--account",
        one.account.id,
        "--platform",
        one.account.platform,
        "--status",
        one.status,
    )
    assert one.id in call("tasks", "list", *words).out
    other = {"tiktok": "instagram", "instagram": "tiktok"}[one.account.platform]
    none = call("tasks", "list", "--account", one.account.id, "--platform", other)
    assert (none.out, "There is no such task." in none.err) == ("", True)
    assert len(call("tasks", "list", "--newest", "2", "--format", "csv").out.splitlines()) == 3
    future = call("tasks", "list", "--all", "--since", "2099-01-01T00:00:00Z", "--format", "json")
    assert future.out == ""


def test_a_row_too_large_to_be_read_is_named_beside_the_others(
    call, simulated: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page with it is read in smaller ones."""
    waiting = simulated.world.waiting()
    monkeypatch.setattr(waiting[0], "text", 3_000_000 * "x")
    monkeypatch.setattr(waiting[0], "wire", None)

    ran = call("tasks", "list", "--status", "manually_confirmed", "--format", "json")

    assert {task["id"] for task in lines(ran.out)} == {task.id for task in waiting[1:]}
    assert waiting[0].id in ran.err and "larger than 2048 KiB" in ran.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("list", "--status", "pendng"), "did you mean  pending"),
        (("list", "--all", "--newest", "3"), "contradict"),
        (("create",), "name one of"),
        (("create", "--csv", "a", "--text", "b"), "name one of"),
        (("create", "--csv", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("show", ".."), "is no id"),
    ],
)
def test_words_that_cannot_be_are_refused(call, words: tuple[str, ...], why: str) -> None:
    """With what would be right."""
    ran = call("tasks", *words)
    assert (ran.code, why in ran.err) == (2, True), ran.err


def test_a_refused_key_is_77_and_no_api_69(call, account: str, monkeypatch) -> None:
    """Where nothing at all could be sent, the exit code says why."""
    flags = ("--account", account, "--url", "tiktok.com/@a/video/78", "--text", "key", "--live")
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_revoked_revoked")
    assert call("tasks", "create", *flags).code == 77
    monkeypatch.delenv("TOKPORTAL_API_KEY")
    assert call("tasks", "create", *flags).code == 78
    assert call("tasks", "create", *flags[:-1]).code == 0


def test_a_task_that_the_api_does_not_know_is_wrong_usage(call: Any) -> None:
    """A clear 404 is no outage: the exit code and the words say what to mend."""
    ran = call("tasks", "show", "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e49")
    assert ran.code == 2
    assert "the API knows no task '3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e49' of yours" in ran.err


def test_lines_of_a_foreign_comment_cannot_pass_for_ours() -> None:
    """Each is indented under the first; a text of nothing but breaks is a line as well."""
    text = "nice\n2026-01-01 00:00  the bot approved it\r\ntask forged  paid\u2028x"
    for comment, shown in (
        (text, ["nice", "2026-01-01 00:00  the bot approved it", "task forged  paid\\u2028x"]),
        ("\n", [""]),
        (None, ["unknown"]),
    ):
        task = CommentTask(id="t1", comment_text=comment)
        life = task_history(task, Timeline(task_id="t1"), open_ledger("memory:"), "UTC")
        first, *more = shown
        lines = [f"  {'comment_text':<18} {first}", *(" " * 21 + line for line in more)]
        assert "\n".join(history_lines(life, "UTC")).splitlines()[1:] == lines
