"""Records read for one policy are judged as if they had been read in full."""

from __future__ import annotations

import json
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
import pytest

from reviewbot.domain.task import CommentTask
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.facts import AttemptSummary
from reviewbot.policy.testing.compare import answerer
from reviewbot.policy.used import fields_used
from reviewbot.tokportal.records import decode_record, decoder_for
from tests.builders import CONFIRMED
from tests.policy.chance import a_random_policy, a_random_task, random_attempts
from tests.policy.judging import judge_of
from tests.tier import times


def lines(chance: Random, count: int) -> list[bytes]:
    """Recorded tasks; in one of three something was spoiled."""
    found = []
    for _ in range(count):
        record = json.loads(
            msgspec.json.encode(
                {
                    "task": a_random_task(chance),
                    "attempts": random_attempts(chance),
                    "history": {"disputes": chance.choice((0, 0, 1, None))},
                    "at": "2026-06-02T13:00:00Z",
                }
            )
        )
        if chance.random() < 0.3:
            _spoil(record, chance)
        text = json.dumps(record, ensure_ascii=chance.random() < 0.5)
        found.append(text.encode("utf-8", "surrogatepass"))
    return found


def _spoil(record: dict[str, Any], chance: Random) -> None:
    part = chance.choice([record, record["task"], record["history"], *record["attempts"]])
    name = chance.choice([*part, "more"])
    part[name] = chance.choice([None, 5, -1, 1.5, "x", "\ud800", True, [], {}, float("nan")])


def said(judge: Judge, decode: Any, line: bytes) -> Any:
    """The answer, or the complaint."""
    try:
        record = decode(line)
        return answerer(judge, CONFIRMED)(record), record.amount_micros
    except ValueError as problem:
        return str(problem)


def test_any_policy_says_the_same_of_any_record() -> None:
    """Random policies over all facts, random records, good and bad ones."""
    chance = Random(11)
    records = lines(chance, 60)
    for _ in range(times(30, 3000)):
        policy = a_random_policy(chance)
        judge, narrow = compile_policy(policy), decoder_for((policy,))
        for line in chance.sample(records, 20):
            assert said(judge, narrow, line) == said(judge, decode_record, line), line


@pytest.mark.parametrize("fact", sorted(CATALOGUE["comments"]))
def test_every_fact_can_stand_in_a_text(fact: str) -> None:
    """A question that names it reads the same."""
    judge = judge_of(
        f'rules: [{{name: ask, when: {{task.id: known}}, then: escalate, question: "Is it {{{fact}}}?"}}]'
    )
    narrow = decoder_for((judge.policy,))
    for line in lines(Random(3), 5):
        assert said(judge, narrow, line) == said(judge, decode_record, line)


def test_what_no_policy_looks_at_is_not_read() -> None:
    """Fields of either policy are there, others are not."""
    one = judge_of("rules: [{name: a, when: {task.status: finalized}, then: escalate}]").policy
    other = judge_of("rules: [{name: a, when: {last.verified: yes}, then: escalate}]").policy
    used = fields_used((one, other))
    assert "status" in used.task
    assert "verified" in used.attempt
    assert "comment_text" not in used.task
    record = decoder_for((one, other))(
        msgspec.json.encode({"task": CommentTask(id="t", status="finalized", comment_text="x")})
    )
    assert not hasattr(record.subject, "comment_text")


def test_a_narrow_record_knows_all_that_is_asked_of_a_task() -> None:
    """Its moments and its attempts in figures: as the facts of the whole record."""
    figures = AttemptSummary.__struct_fields__
    narrow = decoder_for(
        [
            judge_of(f"rules: [{{name: a, when: {{checks.{name}: known}}, then: escalate}}]").policy
            for name in figures
        ]
    )
    compared = 0
    for line in lines(Random(5), 100):
        try:
            whole, quick = (decode(line).facts(CONFIRMED) for decode in (decode_record, narrow))
        except ValueError:
            continue
        compared += 1
        for name in ("now", "started_at", "deadline_at", "account", "fleet"):
            assert getattr(quick, name) == getattr(whole, name), (name, line)
        for name in figures:
            assert getattr(quick.checks, name) == getattr(whole.checks, name), (name, line)
    assert compared > 50
