"""A file judged by workers comes to what a plain reader of each line counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec

from reviewbot.insights.batch import count_records
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import SAMPLES, Impact
from reviewbot.tokportal.records import decode_record, decoder_for
from tests.builders import CONFIRMED
from tests.policy.chance import a_random_policy, a_random_task, random_attempts
from tests.policy.interpreter import Interpreter
from tests.tier import times


def random_lines(chance: Random, count: int) -> list[bytes]:
    """Recorded tasks; one in eight is none, one in eight has a field of the wrong kind."""
    found = []
    for _ in range(count):
        record: dict[str, Any] = {
            "task": msgspec.to_builtins(a_random_task(chance)),
            "attempts": random_attempts(chance),
            "history": {"disputes": chance.choice((0, 0, 1, None))},
            "at": chance.choice(("2026-06-02T13:00:00Z", "2026-06-05T10:30:00Z", None)),
        }
        if chance.random() < 0.125:
            record["task"][chance.choice([*record["task"]])] = [5]
        if chance.random() < 0.125:
            del record["task"]
        found.append(msgspec.json.encode(record) + b"\n")
    return found


def plainly(old: Policy, new: Policy, lines: list[bytes]) -> tuple[Impact, int]:
    """Count each line as the plain interpreter judges it in full."""
    impact, tells, unread = Impact(), Counter[str](), 0
    for line in lines:
        try:
            record = decode_record(line)
        except ValueError:
            unread += 1
            continue
        facts, subject = record.facts(CONFIRMED), record.subject
        before, after = (Interpreter(policy, facts).judge() for policy in (old, new))
        tells.update(after["cannot_tell"])
        impact.add(
            (before["action"], before["rule"]),
            (after["action"], after["rule"]),
            subject.id,
            subject.saved_account_id,
            record.amount_micros,
        )
    impact.could_not_tell = dict(tells)
    return impact, unread


def test_the_quick_way_counts_what_the_plain_one_does(tmp_path: Path) -> None:
    """Random policies and records, good and bad, alone (a back-test) and old beside new."""
    chance = Random(7)
    path = tmp_path / "records.jsonl"
    for _ in range(times(4, 500)):
        old, new = a_random_policy(chance), a_random_policy(chance)
        lines = random_lines(chance, 40)
        path.write_bytes(b"".join(lines))
        for before in (old, new):
            judges = compile_policy(before), compile_policy(new)
            impact, unread = Impact(), 0
            for part in count_records(
                judges if before is old else (judges[1], judges[1]),
                path,
                at=CONFIRMED,
                decoder_for=decoder_for,
            ):
                impact.take(part.impact)
                unread += len(part.problems)
            assert (impact, unread) == plainly(before, new, lines)
    assert max(len(cell.samples) for cell in impact.moves.values()) <= SAMPLES
