"""The same loop reviews accounts: finalize, corrections, new rounds, the estimated window."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.lifecycle import DONE
from reviewbot.service.replay import replay
from reviewbot.service.revisions import Revisions
from tests.acceptance.house import house

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

        logged = {one.decision.id: one for one in there.app.ledger.decisions()}
        ours = [effect for effect in there.world.effects if effect.by == "client"]
        assert {effect.action for effect in ours} == {"finalize", "corrections"}
        for effect in ours:
            one = logged[effect.idempotency_key or ""]
            assert (one.decision.epoch, one.state in DONE) == (effect.epoch, True)
        assert len({(effect.task_id, effect.epoch) for effect in ours}) == len(ours)
        assert any(one.decision.round > 1 for one in logged.values())
        again = list(replay(there.app.ledger.decisions(), Revisions(there.app.ledger)))
        assert [one for one in again if not one.agrees] == []
        assert len(again) == len(logged)
        assert there.app.ledger.verify().whole


def test_the_window_of_an_account_is_counted_from_first_sight_and_called_an_estimate() -> None:
    """72 hours from the first pass that saw it, also after a restart."""
    waits = POLICY.replace("profile.username: known", "profile.username: exactly nobody")
    with house("default", policy=waits) as there:
        first = there.poll()
        began = there.clock.now()
        there.poll(60)
        assert first is not None
        held = [one for one in there.app.ledger.decisions() if one.state == "held"]

        assert held
        for one in held:
            deadline = one.decision.deadline_at
            assert one.decision.deadline_is_estimate
            assert deadline is not None
            assert abs(deadline - began - timedelta(hours=72)) < timedelta(minutes=1)
