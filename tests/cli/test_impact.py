"""`policy backtest` and `policy diff`: the past judged again, from records and from the log."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reviewbot.domain.decision import Action, Decision, Mode, State, decision_id
from reviewbot.domain.task import Timeline
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.facts import build_facts
from reviewbot.policy.recorded_facts import facts_to_json
from tests.builders import CONFIRMED, a_task, an_attempt, an_item
from tests.cli.conftest import Call
from tests.cli.schemas import assert_fits
from tests.ledger.things import a_decision

OLD = """\
policy: small
language: 1
rules:
  - name: nothing read
    when:
      last.comments_scraped: 0
    then: approve
  - name: all read
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: Our check read every comment and yours was not among them.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay what we cannot show to be wrong.
"""
NEW = OLD.replace("between 1 and 99", "between 20 and 99")


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    """An old policy, and a new one that sends back less."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(OLD)
    new.write_text(NEW)
    return old, new


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """One recorded task for each number of comments read."""
    path = tmp_path / "records.jsonl"
    lines = [
        {
            "task": msgspec.to_builtins(a_task(id=f"task-{read}")),
            "attempts": [msgspec.to_builtins(an_attempt(comments_scraped=read))],
            "at": "2026-06-02T13:00:00Z",
        }
        for read in range(101)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_backtest_counts_by_rule(call: Call, policies: tuple[Path, Path], records: Path) -> None:
    """Every recorded task is in exactly one row."""
    ran = call("policy", "backtest", policies[0], "--records", records, "--format", "json")
    told = json.loads(ran.out)
    assert ran.code == 0
    assert_fits("backtest", told)
    assert {(row["rule"], row["count"]) for row in told["rules"]} == {
        ("nothing read", 1),
        ("all read", 99),
        ("no rule", 1),
    }
    assert told["reviews"] == 101


def test_a_diff_shows_the_flip_its_cause_and_an_example_by_both(
    call: Call, policies: tuple[Path, Path], records: Path
) -> None:
    """19 tasks go to the desk instead of back to the manager."""
    ran = call("policy", "diff", *policies, "--records", records)
    assert ran.code == 0
    assert "19 reviews dispute → escalate (18.8%; 4.56 USD, 1 account)" in ran.out
    assert "all read  →  no rule" in ran.out
    assert 'old  DISPUTE by rule 2 "all read"' in ran.out and "new  ESCALATE by no rule" in ran.out
    assert "19 more for the desk (1 → 20)" in ran.out


def test_a_diff_says_what_approvals_cost(
    call: Call, policies: tuple[Path, Path], records: Path, tmp_path: Path
) -> None:
    """One task more is paid at once."""
    third = tmp_path / "third.yaml"
    third.write_text(OLD.replace("comments_scraped: 0", "comments_scraped: at most 1"))
    ran = call("policy", "diff", policies[0], third, "--records", records)
    assert "0.24 USD more by approvals (0.24 USD → 0.48 USD)" in ran.out


def test_packed_records_are_read_like_plain_ones(
    call: Call, policies: tuple[Path, Path], records: Path
) -> None:
    """By backtest, diff with its examples, and decide."""
    packed = records.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(records.read_bytes()))
    for words in (("backtest", policies[0]), ("diff", *policies), ("decide", policies[0])):
        plain = call("policy", *words, "--records", records)
        ran = call("policy", *words, "--records", packed)
        assert ran.out.replace(str(packed), str(records)) == plain.out != ""
    packed.write_bytes(packed.read_bytes()[:-20])
    ran = call("policy", "backtest", policies[0], "--records", packed)
    assert (ran.code, "no whole packed file" in ran.err) == (2, True)


def test_a_gate_ends_with_code_4(call: Call, policies: tuple[Path, Path], records: Path) -> None:
    """The merge stops, and the report says why; the same policy twice passes."""
    words = ("--records", records, "--fail-if", "more than 2% become escalate")
    ran = call("policy", "diff", *policies, *words)
    assert ran.code == 4
    assert "18.8% of 101 become escalate" in ran.out
    assert call("policy", "diff", policies[0], policies[0], *words).code == 0


def test_a_gate_that_is_none_stops_before_anything_is_read(
    call: Call, policies: tuple[Path, Path]
) -> None:
    """A mistyped condition is a mistake of usage, not a pass."""
    ran = call("policy", "diff", *policies, "--fail-if", "more then 2% become dispute")
    assert ran.code == 2
    assert "more than 2% become dispute" in ran.err


def test_a_bad_line_is_named_and_the_rest_is_counted(
    call: Call, policies: tuple[Path, Path], records: Path
) -> None:
    """Nothing is lost silently."""
    records.write_text("not json\n" + records.read_text())
    ran = call("policy", "backtest", policies[0], "--records", records, "--format", "json")
    told = json.loads(ran.out)
    assert ran.code == 4
    assert (told["read"], told["reviews"], told["unread"]) == (102, 101, 1)
    assert told["unreadable"][0]["record"] == "not json"
    assert told["run"]["unreadable"][0]["place"] == f"{records}:1"
    assert f"{records}:1:" in ran.err


def test_the_log_is_judged_round_by_round(
    call: Call, policies: tuple[Path, Path], tmp_path: Path
) -> None:
    """Each round counts once, by the facts of its first decision; what is older is left out."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    now = datetime.now(UTC)
    ledger = open_ledger(url)
    for number, (read, age) in enumerate([(10, 1), (50, 1), (50, 90)]):
        item = an_item(id=f"task-{number}")
        facts = build_facts(item, now=CONFIRMED)
        facts = msgspec.structs.replace(facts, last=an_attempt(comments_scraped=read))
        facts = msgspec.structs.replace(facts, attempts=(facts.last,))
        for action in (Action.ESCALATE, Action.WAIT):
            ledger.record(
                Decision(
                    id=decision_id("comments", item.id, item.epoch, action),
                    review="comments",
                    task_id=item.id,
                    round=1,
                    epoch=item.epoch,
                    action=action,
                    rule="any",
                    policy="small",
                    revision="0" * 64,
                    mode=Mode.LIVE,
                    decided_at=now - timedelta(days=age),
                    trace=b"[]",
                    facts=facts_to_json(facts),
                    amount_micros=240_000,
                    account_id=item.account_id,
                ),
                State.HELD,
            )
    ledger.close()
    ran = call("policy", "diff", *policies, "--ledger", url, "--format", "json")
    told = json.loads(ran.out)
    assert ran.code == 0, ran.err
    assert_fits("diff", told)
    assert {(m["from"], m["to"], m["count"]) for m in told["moves"]} == {
        ("dispute", "escalate", 1),
        ("dispute", "dispute", 1),
    }
    assert told["run"]["days"] == pytest.approx(30) and told["run"]["people"]["answered"] == 0


def test_a_diff_of_the_log_says_per_day_and_how_it_stands_to_what_people_answered(
    call: Call, policies: tuple[Path, Path], tmp_path: Path
) -> None:
    """Both policies on the facts that people had: the same, a question, or something else."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    ledger = open_ledger(url)
    answers = [(0, Action.APPROVE), (0, Action.DISPUTE), (10, Action.DISPUTE), (50, Action.DISPUTE)]
    for number, (read, action) in enumerate(answers):
        attempt = an_attempt(comments_scraped=read)
        item = an_item(id=f"task-{number}")
        evidence = Timeline(task_id=item.id, attempts=(attempt,))
        facts = facts_to_json(build_facts(item, now=CONFIRMED, evidence=evidence))
        about = {"task_id": item.id, "epoch": item.epoch, "facts": facts, "policy": "small"}
        about["decided_at"] = datetime.now(UTC) - timedelta(days=1)
        ledger.record(a_decision(Action.ESCALATE, **about), State.HELD)
        ledger.intend(a_decision(action, **about, decided_by="ana"))
    ledger.close()

    ran = call("policy", "diff", *policies, "--ledger", url, "--over", "10d")
    told = json.loads(call("policy", "diff", *policies, "--ledger", url, "--format", "json").out)

    assert ran.code == 0, ran.err
    assert "1 more for the desk (0 → 1), 0.1 a day" in ran.out
    assert "people answered 4 reviews; of these" in ran.out
    assert "old  says the same of 3, asks about 0, says otherwise of 1" in ran.out
    assert told["run"]["people"] == {
        "answered": 4,
        "old": {"same": 3, "asks": 0, "other": 1},
        "new": {"same": 2, "asks": 1, "other": 1},
    }


CAPPED = OLD + "guardrails:\n  disputes: at most {most} per day\n  when over: escalate\n"


def test_a_limit_that_changes_is_a_change(call: Call, tmp_path: Path, records: Path) -> None:
    """From 30 disputes a day to 1: all but one become questions, and the limit is named."""
    old, new = tmp_path / "30.yaml", tmp_path / "1.yaml"
    old.write_text(CAPPED.format(most=30))
    new.write_text(CAPPED.format(most=1))
    words = ("--records", records, "--fail-if", "more than 20% become escalate")

    ran = call("policy", "diff", old, new, *words)
    told = json.loads(call("policy", "diff", old, new, *words, "--format", "json").out)

    assert ran.code == 4
    assert "29 reviews dispute → escalate" in ran.out
    assert "new limits: disputes: at most 1 per day kept back 98 (98 asked of people)" in ran.out
    assert_fits("diff", told)
    assert [limit["count"] for limit in told["limits"]["old"]] == [69]


def test_accounts_do_not_count_among_tasks(
    call: Call, policies: tuple[Path, Path], records: Path
) -> None:
    """A log of both kinds gives the same shares as one of tasks alone."""
    before = call("policy", "diff", *policies, "--records", records, "--format", "json").out
    bundle = {"bundle": {"id": "bnd_1", "account": {"status": "in_review"}}}
    with records.open("a") as lines:
        lines.writelines(json.dumps(bundle) + "\n" for _ in range(50))

    after = call("policy", "diff", *policies, "--records", records, "--format", "json").out

    assert json.loads(after)["moves"] == json.loads(before)["moves"]
    assert json.loads(after)["reviews"] == 101
