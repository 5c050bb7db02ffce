"""The API may answer anything: nothing but our own errors comes of it, and nothing is paid for it."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest

from reviewbot.domain.decision import DONE, Action
from reviewbot.policy.catalog import Fact
from reviewbot.policy.facts import Facts
from tests.acceptance.house import house, sqlite
from tests.builders import CONFIRMED
from tests.hostile.fuzzed import Fuzzed
from tests.hostile.reading import MAY_PAY, Evidence, Reading
from tests.hostile.spoiling import SpoilingTransport
from tests.policy.chance import (
    ACCOUNT_FACTS,
    COMMENT_FACTS,
    random_account_facts,
    random_facts,
)
from tests.proof import proven
from tests.tier import times

MUTANTS = times(3_000, 500_000)
POLICIES = times(20, 200)
OPERATIONS = {
    *("list_comments", "get_comment", "get_verifications", "list_bundles", "get_bundle"),
    *("get_bundle_account", "list_accounts", "get_account", "me"),
}


@pytest.mark.timeout(times(60, 3600))
def test_spoiled_answers_are_refused_noted_or_read_as_they_are() -> None:
    """Every place of every reading operation is spoiled in turn; a twin says what may come of it."""
    reading = Reading(seed=20260602, policies=POLICIES)

    reading.run(MUTANTS)

    assert reading.violations == []
    assert {operation for operation, _ in reading.touched} == OPERATIONS
    counts = reading.counts
    assert counts["answers"] == MUTANTS
    assert min(counts["refused"], counts["noted"], counts["approved"]) > MUTANTS // 20
    proven("fuzz", "P24", "spoiled answers: no unexpected error, no silent drift", MUTANTS)
    proven(
        "fuzz",
        "P9",
        "of spoiled answers judged, paid on what is not there",
        f"0 of {counts['judged']:,}",
    )
    fuzzed = (reading.fuzzed, reading.fuzzed_accounts)
    assert sum(len(sample.paid) for sample in fuzzed) > POLICIES // 4
    proven(
        "fuzz",
        "P9",
        "of spoiled answers judged by random policies, paid on what was not sent",
        f"0 of {sum(sample.judged for sample in fuzzed):,}, {POLICIES} policies",
    )


@pytest.mark.parametrize("named", [COMMENT_FACTS, ACCOUNT_FACTS])
def test_a_policy_that_pays_on_what_was_not_sent_is_found(named: tuple[Fact, ...]) -> None:
    """The twin knows nothing of it; where all was sent it agrees with the engine."""
    fuzzed, chance = Fuzzed(Random(7), 20, named), Random(7)
    make = random_account_facts if named is ACCOUNT_FACTS else random_facts
    nothing = Facts(now=CONFIRMED, started_at=None, deadline_at=None)
    found = 0
    for _ in range(120):
        facts = make(chance)
        assert fuzzed.judge(facts, lambda facts=facts: facts) is None
    for _ in range(120):
        found += fuzzed.judge(make(chance), lambda: nothing) is not None

    assert found > 3


def test_true_answers_are_read_without_a_note() -> None:
    """What is not spoiled leads to no refusal and to no drift."""
    reading = Reading(seed=1)

    for sample in reading.samples:
        reading.read(sample, sample.whole.body)

    assert reading.violations == []
    assert (reading.counts["refused"], reading.counts["noted"]) == (0, 0)


@pytest.mark.timeout(times(60, 3600))
def test_the_whole_bot_lives_on_spoiled_answers_and_pays_on_none(tmp_path: Path) -> None:
    """Real client, engine and log: every approval rests on values that were sent, and typed."""
    wanted, spoiled, paid, done = times(120, 10_000), 0, 0, 0
    for seed in itertools.count(1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with house(
            "default",
            seed=seed,
            ledger=sqlite(folder) if seed % 3 == 0 else "memory:",
            wrap=lambda inner, seed=seed: SpoilingTransport(inner, share=0.25, seed=seed),
        ) as there:
            far = there.transport
            assert isinstance(far, SpoilingTransport)
            for _ in range(8):
                there.poll(60)
            for logged in there.app.ledger.decisions():
                decision = logged.decision
                if decision.action is not Action.APPROVE:
                    continue
                paid += 1
                done += logged.state in DONE
                may = MAY_PAY["acceptance", decision.rule]
                assert any(
                    may(Evidence(decision.decided_at, row, attempts))
                    for row in far.tasks[decision.task_id]
                    for attempts in far.timelines[decision.task_id] or [[]]
                ), f"seed {seed}: {decision}"
            ours = [e for e in there.world.effects if e.by == "client"]
            assert len({(e.task_id, e.epoch) for e in ours}) == len(ours)
            assert {e.idempotency_key for e in ours} <= {
                logged.decision.id for logged in there.app.ledger.decisions()
            }
            assert there.app.ledger.verify().whole
            spoiled += far.spoiled
        if spoiled >= wanted:
            break

    assert paid > spoiled // 100
    assert done
    proven(
        "fuzz",
        "P24",
        "spoiled answers through the whole bot, none paid on what was not sent",
        spoiled,
    )
