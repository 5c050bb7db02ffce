"""The guards around the whole bot against the simulator: wrong policies, races for a cap, normal weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import CapReached
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Limit, Need
from reviewbot.safety import limits
from reviewbot.safety.rollout import adopt
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import POLICY, house, judge_of, sqlite
from tests.forks import end_of, fork
from tests.ledger.things import a_decision

EVERYTHING = POLICY.replace(
    "rules:\n", "rules:\n  - name: by mistake\n    always: yes\n    then: approve\n"
).replace("always: yes\n", "always: yes\n    note: oops\n")


def approvals(there: object) -> int:
    """How many approvals of ours took effect over there."""
    return sum(e.by == "client" and e.action == "approve" for e in there.world.effects)  # type: ignore[attr-defined]


def test_a_wrong_policy_saved_over_a_good_one_pays_twenty_at_most(tmp_path: Path) -> None:
    """A day of the good one, then one that approves everything: 20, in one pass, and no more after."""
    with house(tasks=90, ledger=sqlite(tmp_path)) as there:
        for _ in range(4):
            there.poll(10)
        before = approvals(there)
        adopt(there.app, [judge_of(EVERYTHING)])
        there.poll(1)
        in_one_pass = approvals(there) - before
        for _ in range(5):
            there.poll(10)

        assert in_one_pass == approvals(there) - before
        assert 0 < in_one_pass <= 20
        (note,) = there.app.ledger.notes("breaker")
        assert note.value["open"] is True
        told = [about for event, about in there.events if event == "alarm"]
        assert any(
            "will be paid by silence" in alarm["sentence"]
            for alarm in told
            if alarm["kind"] == "breaker"
        )


def test_a_bot_on_old_code_beside_a_good_one_pays_twenty_at_most(tmp_path: Path) -> None:
    """Each restart brings the other policy back, four tasks a pass: what both pay by it is bounded."""
    url, world = sqlite(tmp_path), build_world("backlog", tasks=150)
    transport = SimulatorTransport(world)
    with house(world=world, transport=transport, ledger=url) as there:
        there.poll()
    paid = approvals(there)
    for _ in range(6):
        with house(world=world, transport=transport, ledger=url, policy=EVERYTHING) as there:
            there.poll(1)

    assert 0 < approvals(there) - paid <= 20


@pytest.mark.parametrize(
    ("days", "edits", "seed"), [(5, (50, 100), 4), pytest.param(30, (), 30, marks=pytest.mark.slow)]
)
def test_normal_days_open_nothing(days: int, edits: tuple[int, ...], seed: int) -> None:
    """Orders, checks, managers' habits, and harmless edits of the policy: no breaker opens."""
    with house("week", per_hour=3.0, seed=seed) as there:
        for hour in range(days * 24):
            if hour in edits:
                adopt(
                    there.app, [judge_of(POLICY.replace("24h after", f"{20 + hour // 50}h after"))]
                )
            there.poll(60)

        assert there.app.ledger.notes("breaker") == []
        assert len(there.world.effects) > 10 * days


@pytest.mark.parametrize("over", ["escalate", "hold"])
def test_a_day_under_caps_never_holds_more_than_they_allow(over: str) -> None:
    """Whatever the passes do, no 60 minutes and no 24 hours hold more than the policy says."""
    rails = (
        "guardrails:\n  approvals: at most 4 per hour\n  money approved: at most 5 USD per day\n"
        f"  disputes: at most 6 per hour\n  when over: {over}\n"
    )
    with house("week", per_hour=12.0, policy=POLICY + rails) as there:
        for _ in range(36 * 3):
            there.poll(20)

        ours = [e for e in there.world.effects if e.by == "client"]
        for action, most in (("approve", 4), ("dispute", 6)):
            times = sorted(e.at for e in ours if e.action == action)
            assert len(times) >= 20
            assert all(
                later - early > 3590 for early, later in zip(times, times[most:], strict=False)
            )


# Caps under a race, through the guardrails themselves ---------------------------------------

CAPPED = (
    POLICY
    + "guardrails:\n  money approved: at most 3 USD per day\n  approvals: at most 400 per hour\n"
)
WORKERS, EACH = 8, 12


def test_eight_workers_overshoot_a_policys_caps_by_nothing(tmp_path: Path) -> None:
    """All at once on one SQLite file, each decision with the limits that its policy gives it."""
    url = sqlite(tmp_path)
    open_ledger(url).close()
    children = [_work(url, worker) for worker in range(WORKERS)]
    assert [end_of(child) for child in children] == [0] * WORKERS

    ledger = open_ledger(url)
    spent = sum(logged.decision.amount_micros or 0 for logged in ledger.open_intents())
    assert 3_000_000 - 130_000 <= spent <= 3_000_000
    assert ledger.verify().whole
    ledger.close()


def _work(url: str, worker: int) -> int:
    def work() -> None:
        ledger, policy = open_ledger(url), judge_of(CAPPED).policy
        for n in range(EACH):
            amount = 20_011 + (worker * 7919 + n * 104_729) % 110_000
            decision = a_decision(
                task_id=f"w{worker}n{n}", amount_micros=amount, policy=policy.name
            )
            try:
                ledger.intend(decision, limits.limits_for(policy, decision, ()))
            except CapReached:
                continue
        ledger.close()

    return fork(work)


AUTUMN = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
"""Clocks in Europe go back at 01:00 UTC."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3 * 3600), st.integers(1, 400)), min_size=1, max_size=14),
    st.lists(st.tuples(st.integers(0, 4 * 3600), st.integers(1, 400)), max_size=4),
    st.integers(1, 1200),
)
def test_whoever_room_is_kept_for_finds_it(
    wanted: list[tuple[int, int]], needs: list[tuple[int, int]], at_most: int
) -> None:
    """Around the hour that comes twice: no real hour holds too much, and each kept need fits.

    Needs that do not fit together are nobody's fault and are left out.
    """
    keep = []
    for second, amount in sorted(needs):
        moment = AUTUMN + timedelta(seconds=second)
        if sum(a for at, a in keep if moment - timedelta(hours=1) < at) + amount <= at_most:
            keep.append((moment, amount))
    ledger = open_ledger("memory:")
    limit = Limit(
        name="hourly",
        policy="comments",
        actions=frozenset({Action.APPROVE}),
        measure="micros",
        at_most=at_most,
        seconds=3600.0,
    )
    sent: list[tuple[datetime, int]] = []
    moments = sorted(
        [(AUTUMN + timedelta(seconds=s), a, False) for s, a in wanted]
        + [(at, a, True) for at, a in keep]
    )
    for n, (at, amount, is_kept) in enumerate(moments):
        ahead = tuple(Need(at=t, amount_micros=a) for t, a in keep if t >= at)
        decision = a_decision(task_id=f"t{n}", amount_micros=amount, decided_at=at)
        try:
            ledger.intend(
                decision,
                [limit if is_kept else Limit(**_fields(limit) | {"keep": ahead})],
            )
        except CapReached:
            assert not is_kept
            continue
        sent.append((at, amount))
    for at, _ in sent:
        assert sum(a for t, a in sent if at - timedelta(hours=1) < t <= at) <= at_most


def _fields(limit: Limit) -> dict[str, object]:
    return {name: getattr(limit, name) for name in limit.__struct_fields__}
