"""The same loop reviews accounts: finalize, corrections, new rounds, the estimated window."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import DONE
from reviewbot.simulator import accounts
from reviewbot.simulator.people import strangers
from reviewbot.simulator.world import World
from tests.acceptance.checker import decision_of, violations
from tests.acceptance.faults import FaultyTransport
from tests.acceptance.house import house, sqlite

POLICY = """
policy: profiles
language: 1
applies to:
  review: accounts
rules:
  - name: asked twice, a person looks
    when:
      feedback.corrections_requested: at least 2
    then: escalate
  - name: another biography
    when:
      profile.differs: contains biography
    then: request corrections
    comment: One thing to mend before this account can go live.
    fields:
      biography: As requested, please.
  - name: has a name
    when:
      profile.username: known
    then: finalize
deadline:
  decide by: 6h before deadline
  if undecided: escalate
"""


def test_accounts_are_finalized_sent_back_and_escalated_by_the_same_loop() -> None:
    """Every effect has its decision, each round is judged anew, and every decision replays."""
    with house("default", policy=POLICY) as there:
        for _ in range(30):
            there.poll(60)

        logged = {entry.decision.id: entry for entry in there.app.ledger.decisions()}
        ours = [effect for effect in there.world.effects if effect.by == "client"]
        assert {effect.action for effect in ours} == {"finalize", "corrections"}
        for effect in ours:
            one = logged[decision_of(effect.idempotency_key)]
            assert (one.decision.epoch, one.state in DONE) == (effect.epoch, True)
        assert len({(effect.task_id, effect.epoch) for effect in ours}) == len(ours)
        assert any(entry.decision.round > 1 for entry in logged.values())
        again = list(replay(there.app.ledger.decisions(), Revisions(there.app.ledger)))
        assert [answer for answer in again if not answer.agrees] == []
        assert len(again) == len(logged)
        assert there.app.ledger.verify().whole


TRUTH = """
policy: truth
language: 1
applies to: {review: accounts}
rules:
  - name: asked twice
    when: {feedback.corrections_requested: at least 2}
    then: escalate
  - name: another name
    when: {profile.differs: contains username}
    then: request corrections
    comment: The name is not the one that was requested.
    fields: {username: "Please use {profile.username}."}
    repeat: yes
  - name: another biography
    when: {profile.differs: contains biography}
    then: request corrections
    comment: The biography is not the one that was requested.
    fields: {biography: "As requested, please."}
    repeat: yes
  - name: as requested
    when:
      profile.differs: known
      none of:
        - profile.differs: contains username
        - profile.differs: contains visible_name
        - profile.differs: contains biography
        - profile.differs: contains profile_picture_url
        - profile.differs: contains link_in_bio
    then: finalize
deadline: {decide by: 6h before deadline, if undecided: escalate, because: x}
"""
DIFFERING: tuple[dict[str, str | None], ...] = (
    {},
    {"biography": "hello"},
    {"username": "lumen_2"},
    {"username": "lumen_2", "biography": "."},
    {"visible_name": "user 3391"},
    {"profile_picture_url": None},
)


def deliver_accounts(world: World, count: int, *, every: float) -> None:
    """Accounts are delivered one after the other; some managers do as asked, some do not."""
    start = world.now

    def deliver(number: int) -> None:
        platform = "tiktok" if number % 2 else "instagram"
        diligence = (1.0, 0.0, 0.5)[number % 3]
        bundle = accounts.random_bundle(world, platform, diligence=diligence)
        differing = DIFFERING[number % len(DIFFERING)]
        accounts.deliver(world, bundle, accounts.make_account(world, bundle, **differing))

    for number in range(count):
        world.at(start + number * every, deliver, number)


def test_every_act_on_an_account_is_what_the_truth_asks_for() -> None:
    """Nothing goes live that is known to differ, nothing comes back that does not, over all rounds."""
    with house("empty", policy=TRUTH) as there:
        world = there.world
        deliver_accounts(world, 24, every=600)
        seen: set[tuple[str, str | None]] = set()
        for _ in range(140):
            there.clock.sleep(1800)
            truth = {
                bundle.id: accounts.differences(world, bundle) for bundle in world.bundles.values()
            }
            before = len(world.effects)
            there.poll()
            for effect in list(world.effects)[before:]:
                differs = truth.get(effect.task_id, ())
                assert bool(differs) is (effect.action == "corrections")
                assert not differs or {"username", "biography"} & set(differs)
                seen.add((effect.action, effect.epoch))

        assert seen >= {
            *(("finalize", "1"), ("finalize", "2"), ("corrections", "1"), ("corrections", "2"))
        }
        for bundle in world.bundles.values():
            asked = sum(entry["type"] == "corrections_requested" for entry in bundle.history)
            alike = not accounts.differences(world, bundle)
            assert (bundle.ended_by == "client") is (alike and asked < 2)
        assert {logged.decision.rule for logged in there.app.ledger.decisions()} >= {
            *("asked twice", "as requested", "another name", "another biography", "deadline")
        }


def test_faults_then_quiet_leave_no_account_double_wrong_or_open(tmp_path: Path) -> None:
    """Resets, 5xx, HTML, half bodies and late arrivals on a fifth of all requests: the same journal."""
    with house(
        "empty",
        policy=TRUTH,
        ledger=sqlite(tmp_path),
        wrap=lambda inner: FaultyTransport(inner, share=0.2, seed=11),
    ) as there:
        faulty = there.transport
        assert isinstance(faulty, FaultyTransport)
        deliver_accounts(there.world, 20, every=1800)
        for _ in range(60):
            there.poll(20)
        assert len(faulty.met) == 8, "every kind of fault was met"
        faulty.share = 0.0
        for _ in range(6):
            there.poll(10)

        assert len(there.world.effects) > 20
        assert violations(there.world, there.app.ledger, accounts=True) == []


def test_what_strangers_do_to_accounts_is_attributed_to_them() -> None:
    """Others accept and send back on the same key; every round that ended has its author."""
    with house("empty", policy=TRUTH.replace("then: finalize", "then: escalate")) as there:
        deliver_accounts(there.world, 12, every=60)
        strangers(there.world, per_hour=1.0)
        for _ in range(60):
            there.poll(30)

        theirs = {(e.task_id, e.epoch) for e in there.world.effects if e.by == "stranger"}
        assert {e.action for e in there.world.effects if e.by == "stranger"} == {
            *("finalize", "corrections")
        }
        ends = {(ending.task_id, ending.epoch): ending.by for ending in there.app.ledger.endings()}
        assert {ends[key] for key in theirs if key in ends} == {"other"}
        assert len(theirs & ends.keys()) > 5
        found = violations(there.world, there.app.ledger, strangers=True, accounts=True)
        assert [sentence for sentence in found if "silence" not in sentence] == []


def test_silence_is_known_for_what_it_is_although_its_moment_is_an_estimate() -> None:
    """The window began before the account was first seen, so silence came before the estimate."""
    with house("empty", policy=POLICY.replace("then: finalize", "then: escalate")) as there:
        bundle = accounts.random_bundle(there.world, "tiktok")
        accounts.deliver(there.world, bundle, accounts.make_account(there.world, bundle))
        there.poll(10)
        there.poll(71.5 * 60)
        there.poll(60)

        assert bundle.ended_by == "silence"
        assert [(ending.task_id, ending.by) for ending in there.app.ledger.endings()] == [
            (bundle.id, "silence")
        ]


def test_the_window_of_an_account_is_counted_from_first_sight_and_called_an_estimate() -> None:
    """72 hours from the first pass that saw it, also after a restart."""
    waits = POLICY.replace("profile.username: known", "profile.username: exactly nobody")
    with house("default", policy=waits) as there:
        first = there.poll()
        began = there.clock.now()
        there.poll(60)
        assert first is not None
        held = [logged for logged in there.app.ledger.decisions() if logged.state == "held"]

        assert held
        for logged in held:
            deadline = logged.decision.deadline_at
            assert logged.decision.deadline_is_estimate
            assert deadline is not None
            assert abs(deadline - began - timedelta(hours=72)) < timedelta(minutes=1)
