"""One day at the desk, command by command: each is a name and what was printed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.cli.walk import every_command
from tests.frozen.scene import ROOT, STARTER, Desk, Printed

PROFILES = str(ROOT / "policies" / "profiles.yaml")
VENDOR = str(ROOT / "policies" / "vendor-sample.yaml")

Page = tuple[str, Printed]


def pages(desk: Desk) -> Iterator[Page]:
    """Every page of the net, in the order in which a day brings them."""
    yield from help_pages(desk)
    yield from policy_pages(desk)
    yield from first_look(desk)
    yield from the_first_pass(desk)
    yield from answers(desk)
    yield from switches(desk)
    yield from the_log(desk)
    yield from orders(desk)


def help_pages(desk: Desk) -> Iterator[Page]:
    """`--help` of everything."""
    yield "help", desk.call("--help")
    for words, _ in every_command():
        yield f"help-{'-'.join(words)}", desk.call(*words, "--help")


def policy_pages(desk: Desk) -> Iterator[Page]:
    """What needs no API and no log."""
    for form in ("text", "json", "github", "sarif"):
        yield f"policy-check-{form}", desk.call("policy", "check", STARTER, "--format", form)
    yield "policy-check-v", desk.call("policy", "check", "-v", STARTER, PROFILES, VENDOR)
    for form in ("text", "json"):
        yield f"policy-facts-{form}", desk.call("policy", "facts", "--format", form)
        yield f"policy-test-{form}", desk.call("policy", "test", STARTER, "--format", form)
        yield f"policy-read-{form}", desk.call("policy", "read", STARTER, "--format", form)
    yield "policy-read-profiles", desk.call("policy", "read", PROFILES)
    yield "policy-read-change", desk.call("policy", "read", STARTER, VENDOR)
    yield (
        "policy-test-coverage",
        desk.call("policy", "test", STARTER, "--coverage", "--mutate"),
    )
    yield "policy-fmt", desk.call("policy", "fmt", "--check", STARTER)
    yield "policy-new", desk.call("policy", "new", str(desk.folder / "mine.yaml"))
    records = desk.folder / "records.jsonl"
    records.write_text("".join(json.dumps(record) + "\n" for record in _records()))
    yield "policy-decide", desk.call("policy", "decide", STARTER, "--records", str(records))
    for form in ("text", "json"):
        yield (
            f"policy-backtest-{form}",
            desk.call(
                *("policy", "backtest", STARTER, "--records", str(records), "--format", form)
            ),
        )
        yield (
            f"policy-diff-{form}",
            desk.call(
                *("policy", "diff", STARTER, VENDOR, "--records", str(records)),
                *("--format", form),
            ),
        )
    yield (
        "policy-explain-record",
        desk.call("policy", "explain", STARTER, "--record", str(records), "--line", "2", "--all"),
    )
    for shell in ("bash", "zsh", "fish"):
        yield f"completion-{shell}", desk.call("completion", shell)


def first_look(desk: Desk) -> Iterator[Page]:
    """Before any pass: no log."""
    yield "config", desk.call("config")
    yield "config-json", desk.call("config", "--format", "json")
    yield "doctor", desk.call("doctor")
    for form in ("text", "json", "csv", "html"):
        yield f"report-{form}", desk.call("report", "--format", form)
    yield "report-later", desk.call("report", "--at", "2026-06-05T00:00:00Z")
    yield "status-before", desk.call("status")
    yield "run-dry", desk.call("run", "--once")


def the_first_pass(desk: Desk) -> Iterator[Page]:
    """A live pass, and what every screen says after it."""
    yield "run-live", desk.call("run", "--once", "--live")
    for form in ("text", "json"):
        yield f"status-{form}", desk.call("status", "--format", form)
        yield f"forecast-{form}", desk.call("forecast", "--format", form)
        yield f"queue-list-{form}", desk.call("queue", "list", "--format", form)
        yield f"accounts-list-{form}", desk.call("accounts", "list", "--format", form)
    yield "status-probe", desk.call("status", "--probe")
    yield "report-after", desk.call("report")


def answers(desk: Desk) -> Iterator[Page]:
    """A person takes a question, looks at it, and answers."""
    tasks = [row["task_id"] for row in _rows(desk.call("queue", "list", "--format", "json"))][:3]
    for number, task in enumerate(tasks):
        yield f"queue-show-{number}", desk.call("queue", "show", task)
    if not tasks:
        return
    first, last = tasks[0], tasks[-1]
    yield "queue-show-json", desk.call("queue", "show", first, "--format", "json")
    yield "queue-claim", desk.call("queue", "claim", first)
    yield "queue-list-claimed", desk.call("queue", "list")
    yield "queue-approve-dry", desk.call("queue", "approve", first)
    yield "queue-approve", desk.call("queue", "approve", first, "--live")
    yield "queue-approve-again", desk.call("queue", "approve", first, "--live")
    yield "queue-dispute-textless", desk.call("queue", "dispute", last)
    yield (
        "queue-dispute",
        desk.call("queue", "dispute", last, "--reason", "It is not under the video.", "--live"),
    )
    yield "queue-unknown", desk.call("queue", "show", "no-such-task")
    yield "explain-logged", desk.call("policy", "explain", first)


def switches(desk: Desk) -> Iterator[Page]:
    """Paused, looked at, resumed; a challenger."""
    yield "pause", desk.call("pause", "dispute", "--reason", "the wording", "--until", "2h")
    yield "status-paused", desk.call("status")
    yield "forecast-paused", desk.call("forecast")
    yield "resume", desk.call("resume", "--reason", "it is mended")
    yield "shadow-start", desk.call("shadow", "start", VENDOR)
    desk.wait(hours=6)
    yield "run-live-later", desk.call("run", "--once", "--live")
    for form in ("text", "json"):
        yield f"shadow-show-{form}", desk.call("shadow", "show", "--format", form)
    yield "shadow-stop", desk.call("shadow", "stop")
    yield "notify-test", desk.call("notify", "test")


def the_log(desk: Desk) -> Iterator[Page]:
    """What the log says of the day."""
    for form in ("text", "json"):
        yield f"log-show-{form}", desk.call("log", "show", "--all", "--format", form)
        yield f"log-replay-{form}", desk.call("log", "replay", "--format", form)
    yield "log-verify", desk.call("log", "verify")
    yield "log-export-csv", desk.call("log", "export", "--format", "csv")
    yield "log-export-jsonl", desk.call("log", "export", "--format", "jsonl")
    yield "log-checkpoint", desk.call("log", "checkpoint")
    yield "backtest-logged", desk.call("policy", "backtest", VENDOR)
    yield "report-past", desk.call("report", "--since", "7d")
    yield "report-past-json", desk.call("report", "--since", "7d", "--format", "json")


def orders(desk: Desk) -> Iterator[Page]:
    """The rest of the comments API."""
    for form in ("text", "json", "csv"):
        yield f"tasks-list-{form}", desk.call("tasks", "list", "--format", form)
    rows = _rows(desk.call("tasks", "list", "--format", "json"))
    for number, row in enumerate(rows[:3]):
        yield f"tasks-show-{number}", desk.call("tasks", "show", row["id"])
    table = desk.folder / "orders.csv"
    account = rows[0]["saved_account_id"] if rows else "acc"
    table.write_text(
        "saved_account_id,target_video_url,comment_text\n"
        f"{account},https://www.tiktok.com/@a/video/7000000000000000001,nice one\n"
        "not-a-uuid,https://www.tiktok.com/@a/video/7000000000000000002,nice two\n"
    )
    yield "tasks-create-dry", desk.call("tasks", "create", "--csv", str(table))
    yield "tasks-show-unknown", desk.call("tasks", "show", "no-such-task")


def _rows(printed: Printed) -> list[dict[str, str]]:
    """The objects of a listing, one a line."""
    return [json.loads(line) for line in printed.out.splitlines()]


def _records() -> Iterator[dict[str, object]]:
    """Some recorded tasks that differ in what the checker saw."""
    for number, (kind, read, score) in enumerate(
        [
            ("verified", 80, 0.99),
            ("couldnt_verify", 80, 0.2),
            ("scrape_failed", 0, None),
            ("couldnt_verify", 40, 0.9),
            ("verified", 100, 0.85),
        ]
    ):
        yield {
            "task": {
                "id": f"00000000-0000-4000-8000-00000000000{number}",
                "status": "manually_confirmed",
                "platform": "tiktok",
                "saved_account_id": "acc-1",
                "comment_text": "what a lovely video",
                "manually_confirmed_at": "2026-06-02T10:00:00Z",
                "client_dispute_deadline_at": "2026-06-05T10:00:00Z",
                "payout_amount": 0.24,
                "created_at": "2026-06-01T10:00:00Z",
                "updated_at": "2026-06-02T10:00:00Z",
            },
            "attempts": [
                {
                    "attempt_number": 1,
                    "scraped_at": "2026-06-02T10:30:00Z",
                    "outcome_kind": kind,
                    "comments_scraped": read,
                    "match_score": score,
                }
            ],
            "at": "2026-06-02T12:00:00Z",
        }
