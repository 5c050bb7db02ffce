"""`reviewbot log`: what it shows, exports, judges again, and holds against checkpoints."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety.impact import ChangeImpact, Matrix, Move, as_value
from tests.acceptance.house import house
from tests.cli.schemas import assert_fits


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a few live passes."""
    folder = tmp_path_factory.mktemp("log")
    with house("backlog", ledger=f"sqlite:///{folder / 'log.db'}", tasks=12) as there:
        poll_once(there.app)
        there.poll(minutes=90)
    return folder


@pytest.fixture
def log(made: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that the settings name."""
    path = tmp_path / "log.db"
    for name in ("log.db", "log.db-wal"):
        if (made / name).exists():
            shutil.copy(made / name, tmp_path / name)
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{path}")
    return path


def rewrite(path: Path, statement: str, *values: object) -> None:
    """Change the log behind its back."""
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement, values).rowcount


def test_what_needs_a_second_look_is_shown_where_decisions_are(call, log: Path) -> None:
    """In the table, the full story, the JSON, on the status screen, and with the questions."""
    ledger = open_ledger(f"sqlite:///{log}")
    first, other = (logged.decision.id for logged in ledger.decisions()[:2])
    before = call("log", "show", "--format", "json", "--all").out
    ledger.note("second look", first, {"why": "it saw nothing"}, datetime.now(UTC))
    ledger.close()

    lines = call("log", "show").out.splitlines()
    assert [first[:8] in line for line in lines if "second look" in line] == [True]
    assert "second look it saw nothing" in call("log", "show", first).out
    assert "second look" not in call("log", "show", other).out
    shown = [json.loads(line) for line in call("log", "show", "--format", "json").out.splitlines()]
    assert [
        decision["id"] for decision in shown if decision.get("second_look") == "it saw nothing"
    ] == [first]
    assert "second_look" not in before
    sentence = "1 decision was made while the checker was sick; look again"
    assert sentence in call("status").out
    assert sentence in call("queue", "list").err
    assert json.loads(call("status", "--format", "json").out)["situation"]["second_looks"] == 1


def test_every_decision_replays(call, log: Path) -> None:
    """Facts and policy of the log alone give the same answers."""
    ran = call("log", "replay")
    assert ran.code == 0, ran.err
    assert "12 decisions, each as logged" in ran.out
    assert json.loads(call("log", "replay", "--format", "json").out)["different"] == []


def test_an_answer_that_differs_is_listed_and_exits_5(call, log: Path) -> None:
    """With its line, and what the log and the replay say."""
    ledger = open_ledger(f"sqlite:///{log}")
    first = ledger.decisions()[0].decision
    with closing(sqlite3.connect(log)) as db:
        (body,) = db.execute("select body from entry where seq = 2").fetchone() or (b"",)
        lines = db.execute("select seq, body from entry where subject = ?", (first.id,)).fetchall()
    ledger.close()
    assert lines
    seq, body = lines[0]
    rewrite(
        log,
        "update entry set body = ? where seq = ?",
        body.replace(first.rule.encode(), b"x" * len(first.rule.encode())),
        seq,
    )

    ran = call("log", "replay")

    assert ran.code == 5
    assert f"rule: logged {'x' * len(first.rule)}, replayed {first.rule}" in ran.out


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_holds_every_decision(call, log: Path, tmp_path: Path, form: str) -> None:
    """As many as the log shows, with trace and facts that can be read, in a file that is whole."""
    target = tmp_path / f"all.{form}"
    shown = call("log", "show", "--all", "--format", "json").out.splitlines()

    ran = call("log", "export", "--format", form, "--output", target)

    assert ran.code == 0, ran.err
    if form == "jsonl":
        written = [json.loads(line) for line in target.read_text().splitlines()]
        for line, same in zip(written, map(json.loads, shown), strict=True):
            assert line | same == line
        assert {line["first_of_round"] for line in written} <= {True, False}
    else:
        with target.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in shown]
        assert all(json.loads(row["facts"])["task"]["id"] == row["task_id"] for row in rows)
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_cell_that_a_sheet_would_compute_is_a_text() -> None:
    """A reason that begins with `=` runs nothing."""
    from reviewbot.presentation.sheets import cell

    assert cell('=HYPERLINK("http://x")') == '\'=HYPERLINK("http://x")'
    assert cell("plain") == "plain"
    assert cell(None) == ""


def test_one_decision_is_told_with_its_story(call, log: Path) -> None:
    """What it was, each line of what became of it, and why."""
    every = [json.loads(text) for text in call("log", "show", "--format", "json").out.splitlines()]
    line = next(decision for decision in every if decision["outcome"] == "performed")

    ran = call("log", "show", line["id"][:10])

    assert ran.code == 0, ran.err
    for word in (line["id"], line["task_id"], line["rule"], "intent", "performed", "Why"):
        assert word in ran.out
    assert call("log", "show", "ffff").code == 2


def test_since_and_task_narrow(call, log: Path) -> None:
    """A moment, a length of time, and the beginning of a task's id."""
    every = [json.loads(line) for line in call("log", "show", "--format", "json").out.splitlines()]
    late = max(line["decided_at"] for line in every)
    after = (datetime.fromisoformat(late) + timedelta(seconds=1)).isoformat()

    assert len(call("log", "show", "--since", late, "--format", "json").out.splitlines()) >= 1
    assert call("log", "show", "--since", after, "--format", "json").out == ""
    one = call("log", "show", "--task", every[0]["task_id"][:8], "--format", "json")
    assert {json.loads(line)["task_id"] for line in one.out.splitlines()} == {every[0]["task_id"]}
    assert call("log", "show", "--since", "yesterday").code == 2


def test_a_log_that_is_not_there_is_not_whole(call, log: Path) -> None:
    """A path that nobody wrote to is refused; one whose log was deleted does not fit its checkpoints."""
    missing = call("log", "verify", "--ledger", f"sqlite:///{log}.typo")
    assert missing.code == 78
    assert "there is no log at" in missing.err
    assert call("log", "checkpoint").code == 0
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (log.parent / name).unlink(missing_ok=True)
    assert call("log", "verify").code == 5


def test_a_restored_copy_is_found_and_taken_over_only_with_a_reason(
    call, log: Path, tmp_path: Path
) -> None:
    """`verify` and `checkpoint` refuse it with 5 until somebody says why."""
    old = tmp_path / "old.db"
    ledger = open_ledger(f"sqlite:///{log}")
    ledger.backup(old)
    ledger.note("pause", "all", {"on": True}, datetime.fromisoformat("2026-06-05T00:00:00Z"))
    ledger.close()
    assert call("log", "checkpoint").code == 0
    assert call("log", "verify").code == 0
    for name in ("log.db-wal", "log.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    old.replace(log)

    told = call("log", "verify")
    assert told.code == 5
    assert "is missing" in told.err
    assert call("log", "checkpoint").code == 5

    accepted = call("log", "checkpoint", "--accept", "the disk died on Monday")
    assert accepted.code == 0, accepted.err
    assert json.loads(accepted.out)["accepted"].endswith(": the disk died on Monday")
    assert call("log", "verify").code == 0
    assert call("log", "checkpoint").code == 0


def test_a_forged_checkpoint_is_found(
    call, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a key is configured, a changed or an unsigned later checkpoint is a problem."""
    key, file = tmp_path / "key", tmp_path / "elsewhere" / "points.jsonl"
    key.write_text("0123456789abcdef0123")
    key.chmod(0o600)
    monkeypatch.setenv("REVIEWBOT_CHECKPOINT_KEY_FILE", str(key))
    monkeypatch.setenv("REVIEWBOT_CHECKPOINT_FILE", str(file))
    signed = json.loads(call("log", "checkpoint").out)
    assert len(signed["signature"]) == 64
    assert call("log", "verify").code == 0

    file.write_text(json.dumps(signed | {"at": "2020-01-01T00:00:00Z"}) + "\n")
    assert "signature does not fit" in call("log", "verify").err
    unsigned = {name: signed[name] for name in ("count", "head", "at")}
    file.write_text(json.dumps(signed) + "\n" + json.dumps(unsigned | {"accepted": "x"}) + "\n")
    assert "is not signed" in call("log", "verify").err
    key.chmod(0o644)
    assert call("log", "verify").code == 78


def test_changes_of_policy_are_shown_with_what_they_moved(call, log: Path) -> None:
    """For a person and for a program; none is said as none."""
    assert "No policy has been changed yet." in call("log", "show", "--changes").err
    ledger = open_ledger(f"sqlite:///{log}")
    moved = (Move(old="wait", new="dispute", count=2, micros=480_000, rules=(("a", "b", 2),)),)
    for day, moves in ((1, ()), (2, moved)):
        at = datetime(2026, 6, day, tzinfo=UTC)
        weighed = ChangeImpact(
            revision="ab" * 32, before="cd" * 32, since=at, past=Matrix(judged=9, moves=moves)
        )
        ledger.note("weighed", "starter", as_value(weighed), at)
    ledger.close()

    told = call("log", "show", "--changes").out
    assert told.count("starter cdcdcdcd → abababab") == 2
    assert "Of 9 reviews of the last 30 days: 2 wait → dispute (0.48 USD)." in told
    assert "2 wait by a → dispute by b" in told
    lines = call("log", "show", "--changes", "--format", "json").out.splitlines()
    assert [len(json.loads(line)["past"]["moves"]) for line in lines] == [0, 1]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_is_judged_as_the_log_is(call, log: Path, tmp_path: Path, form: str) -> None:
    """Log → back-test, and log → export → back-test: the same but for the run; so with diff."""
    pytest.importorskip("pyarrow", reason="needs the extra: pip install 'reviewbot[parquet]'")
    target = tmp_path / f"log.{form}"
    assert call("log", "export", "--format", form, "--output", target).code == 0

    def counts(*words: object) -> dict[str, object]:
        ran = call("policy", *words, "--format", "json")
        assert ran.code == 0, ran.err
        told = json.loads(ran.out)
        # What people answered stands in the log alone.
        for name in ("run", "days", "people"):
            told.pop(name, None)
        return told

    mine = "policies/starter.yaml"
    by_log = counts("backtest", mine, "--over", "5000w")
    assert by_log == counts("backtest", mine, "--records", target)
    assert by_log["reviews"] == 12
    other = "policies/vendor-sample.yaml"
    assert counts("diff", mine, other, "--over", "5000w") == counts(
        "diff", mine, other, "--records", target
    )


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_is_reported_as_the_log_is(call, log: Path, tmp_path: Path, form: str) -> None:
    """The same decisions by the same rules, and where they stand; what an export cannot know is not said."""
    target = tmp_path / f"log.{form}"
    assert call("log", "export", "--format", form, "--output", target).code == 0
    ran = call("report", "--since", "2020-01-01T00:00:00Z", "--format", "json")
    assert ran.code == 0, ran.err
    by_log = json.loads(ran.out)
    ran = call("report", "--since", "2020-01-01T00:00:00Z", "--records", target, "--format", "json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert_fits("past", told)
    assert told["tables"]["outcomes"] == by_log["tables"]["outcomes"]
    rules = [dict(row) for row in by_log["tables"]["rules"]]
    for row in rules:
        del row["could not tell"]
    key = itemgetter("rule", "action")
    assert sorted(told["tables"]["rules"], key=key) == sorted(rules, key=key)
    assert (told["read"], told["judged"], told["unreadable"]) == (by_log["read"], by_log["read"], 0)
    assert told["run"]["over"] == f"recorded in {target}"
    text = call("report", "--records", target).out
    assert "not known here" in text and "Paid by silence" not in text
    assert call("report", "--records", target, "--format", "csv").code == 2


def test_a_row_of_a_parquet_export_that_is_none_is_counted(call, log: Path, tmp_path: Path) -> None:
    """A row without facts, one with nonsense and one that nobody marked; the rest is judged."""
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    target = tmp_path / "log.parquet"
    assert call("log", "export", "--format", "parquet", "--output", target).code == 0
    rows = parquet.read_table(target).to_pylist()
    rows[0]["facts"], rows[1]["facts"], rows[2]["first_of_round"] = None, "[]", None
    parquet.write_table(arrow.Table.from_pylist(rows), target)

    ran = call(
        *("policy", "backtest", "policies/starter.yaml"),
        *("--records", target, "--format", "json"),
    )

    assert ran.code == 4
    told = json.loads(ran.out)
    assert (told["read"], told["reviews"], told["unread"]) == (12, 9, 3)
    assert f"{target}, row 1: " in ran.err and f"{target}, row 3: " in ran.err


def test_the_columns_of_a_parquet_export_are_typed(
    call, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments in UTC, money as whole millionths and as a decimal, words as words; several row groups."""
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("reviewbot.presentation.log_files.ROWS", 5)
    target = tmp_path / "log.parquet"
    assert call("log", "export", "--format", "parquet", "--output", target).code == 0

    file = parquet.ParquetFile(target)
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types["decided_at"] == types["deadline_at"] == "timestamp[us, tz=UTC]"
    assert (types["amount_micros"], types["amount_usd"]) == ("int64", "decimal128(18, 6)")
    assert types["action"].startswith("dictionary<values=string")
    assert file.metadata.num_row_groups == -(-file.metadata.num_rows // 5) > 1
    shown = [
        json.loads(text)
        for text in call("log", "show", "--all", "--format", "json").out.splitlines()
    ]
    for row, line in zip(file.read().to_pylist(), shown, strict=True):
        assert (row["id"], row["outcome"]) == (line["id"], line["outcome"])
        assert row["decided_at"] == datetime.fromisoformat(line["decided_at"])
        assert json.loads(row["facts"]) == line["facts"]
        assert row["amount_usd"] * 1_000_000 == row["amount_micros"] > 0


def test_parquet_without_its_library_says_what_to_install(
    call, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, and the cure is named; so is a missing FILE."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = call("log", "export", "--format", "parquet", "--output", tmp_path / "x")
    assert ran.code == 2
    assert "pip install 'reviewbot[parquet]'" in ran.err
    assert not (tmp_path / "x").exists()


def test_a_parquet_file_of_something_else_is_refused(call, log: Path, tmp_path: Path) -> None:
    """It says what is missing, and how such a file is made."""
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    parquet.write_table(arrow.table({"id": ["a"]}), tmp_path / "x.parquet")
    ran = call("policy", "backtest", "policies/starter.yaml", "--records", tmp_path / "x.parquet")
    assert ran.code == 2
    assert "log export --format parquet" in ran.err


def test_a_table_has_what_money_is_added_up_by(call, log: Path) -> None:
    """The amount, the account and the person stand beside the documented fields."""
    rows = list(csv.DictReader(call("log", "export", "--format", "csv").out.splitlines()))
    assert len(rows) == 12
    for row in rows:
        assert float(row["amount_usd"]) * 1_000_000 == int(row["amount_micros"]) > 0
        assert row["account_id"]
