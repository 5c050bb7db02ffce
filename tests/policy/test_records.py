"""Recorded tasks: a by-hand oracle over thousands of them, and files that hold bad lines."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec

from reviewbot.history.batch import Part, decide_files
from reviewbot.history.files import find_files
from reviewbot.history.partial import JudgingJob
from reviewbot.policy.engine.judge import Judge
from tests.builders import CONFIRMED
from tests.policy.chance import a_random_task, random_attempts
from tests.policy.judging import judge_of

RULES = """
rules:
  - {name: again, when: {task.times_disputed: at least 1}, then: escalate}
  - name: could not look
    when any:
      - last.outcome_kind: scrape_failed
      - last.comments_scraped: 0
    then: approve
  - name: looked
    when: {last.outcome_kind: couldnt_verify, last.comments_scraped: between 1 and 99}
    then: dispute
    reason: We read all {last.comments_scraped} comments and yours was not there.
  - {name: failed before, when: {checks.failed: at least 1, task.platform: not instagram}, then: leave, because: x}
"""
KINDS = {"verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed"}


def oracle(record: dict[str, Any]) -> tuple[str, list[str]]:
    """The policy above, worked out by hand: (rule, rules that could not tell)."""
    attempts = sorted(record["attempts"], key=lambda a: a["attempt_n"])
    last = attempts[-1] if attempts else {}
    kind = last.get("outcome_kind") if last.get("outcome_kind") in KINDS else None
    read = last.get("comments_scraped")
    platform = record["task"].get("platform")
    unknown = []
    if record["history"]["disputes"] >= 1:
        return "again", unknown
    if kind == "scrape_failed" or read == 0:
        return "could not look", unknown
    if kind is None or read is None:
        unknown.append("could not look")
    if kind == "couldnt_verify" and read is not None and 1 <= read <= 99:
        return "looked", unknown
    if kind in (None, "couldnt_verify") and (read is None or 1 <= read <= 99):
        unknown.append("looked")
    failed = sum(a.get("outcome_kind") == "scrape_failed" for a in attempts)
    if failed and platform == "tiktok":
        return "failed before", unknown
    if failed and platform != "instagram":
        unknown.append("failed before")
    return "no rule", unknown


def random_records(count: int) -> list[dict[str, Any]]:
    """Records as the API and our log would give them, attempts in any order."""
    chance = Random(5)
    return [
        json.loads(
            msgspec.json.encode(
                {
                    "task": a_random_task(chance),
                    "attempts": random_attempts(chance),
                    "history": {"disputes": chance.choice((0, 0, 0, 1)), "last_dispute_at": None},
                    "at": "2026-06-02T13:00:00Z",
                }
            )
        )
        for _ in range(count)
    ]


def decided(judge: Judge, file: Path, workers: int = 1) -> list[Part]:
    """What every record of a file is answered."""
    return list(
        decide_files(JudgingJob.of(judge, CONFIRMED), find_files(str(file)), workers=workers)
    )


def test_decide_agrees_with_an_oracle(tmp_path: Path) -> None:
    """Three thousand records, one answer each, in order, by one process and by two."""
    records = random_records(3000)
    file = tmp_path / "r.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    judge = judge_of(RULES)

    outputs = []
    for workers in (1, 2):
        batches = decided(judge, file, workers)
        assert not any(batch.problems for batch in batches)
        outputs.append(b"".join(batch.answers for batch in batches))

    assert outputs[0] == outputs[1]
    answers = [json.loads(line) for line in outputs[0].splitlines()]
    assert [a["id"] for a in answers] == [r["task"]["id"] for r in records]
    assert [(a["rule"], a["cannot_tell"]) for a in answers] == [oracle(r) for r in records]
    assert set(answers[0]) == {"id", "action", "rule", "reason", "until", "cannot_tell"}


def test_a_bad_line_is_named_and_costs_no_other(tmp_path: Path) -> None:
    """Its number counts blank lines; the lines around it are answered, and it says why it is not."""
    good = json.dumps(random_records(1)[0])
    file = tmp_path / "r.jsonl"
    file.write_text(f"{good}\n\nnot json\n[1]\n{good}")

    batches = decided(judge_of(RULES), file)

    answers = [json.loads(line) for batch in batches for line in batch.answers.splitlines()]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert sum(batch.answered for batch in batches) == 2
    assert [problem.number for batch in batches for problem in batch.problems] == [3, 4]


def test_a_policy_that_does_not_apply_asks_a_person(tmp_path: Path) -> None:
    """A task outside `applies to` is escalated by no rule."""
    judge = judge_of("applies to: {platform: instagram}\n" + RULES)
    record = random_records(1)[0]
    record["task"]["platform"] = "tiktok"
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps(record))
    (batch,) = decided(judge, file)
    assert json.loads(batch.answers)["rule"] == "no rule"
