"""Write down: the decision that a verdict amounts to, and whether it says anything new."""

from __future__ import annotations

import hashlib

import msgspec

from reviewbot.domain.decision import Decision, decision_id
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import Facts
from reviewbot.ports import Logged
from reviewbot.service.app import App, HeldEvidence
from reviewbot.service.records import facts_to_json
from reviewbot.service.verdict import Verdict

_encode = msgspec.json.Encoder().encode


def decide(
    app: App,
    item: ReviewItem,
    facts: Facts,
    verdict: Verdict,
    held: HeldEvidence | None,
    *,
    decided_by: str | None = None,
) -> Decision:
    """Put a verdict into the form that is written down, with its grounds."""
    return Decision(
        id=decision_id(item.review, item.id, item.epoch, verdict.action),
        review=item.review,
        task_id=item.id,
        round=round_of(facts),
        epoch=item.epoch,
        action=verdict.action,
        rule=verdict.rule,
        reason=_reason(verdict),
        fields=verdict.fields,
        until=verdict.until,
        to=verdict.to,
        cannot_tell=verdict.cannot_tell,
        policy=verdict.policy,
        revision=verdict.revision,
        mode=app.mode,
        decided_at=facts.now,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        account_id=item.account_id,
        amount_micros=item.amount_micros,
        evidence_hash=None if held is None else hashlib.sha256(_encode(held.evidence)).hexdigest(),
        trace=verdict.trace(),
        facts=facts_to_json(facts),
        decided_by=decided_by,
        clock_ahead=_clock_ahead(app) if verdict.action.writes else None,
        held_by=verdict.held_by,
        wanted=verdict.wanted,
    )


def _clock_ahead(app: App) -> float | None:
    skew = app.skew()
    return None if skew is None else skew.total_seconds()


def round_of(facts: Facts) -> int:
    """Count the rounds: what was sent back, by us or anybody, or what the API says was mended, plus 1."""
    return max(facts.past.sent_back_before or 0, facts.feedback.corrections_applied or 0) + 1


def differs(verdict: Verdict, item: ReviewItem, state: State, latest: Logged | None) -> bool:
    """Whether this says anything that the last decision of the round did not."""
    if latest is None or latest.state is not state or latest.decision.epoch != item.epoch:
        return True
    last = latest.decision
    return (
        last.action,
        last.rule,
        last.reason,
        last.until,
        last.cannot_tell,
        last.held_by,
    ) != (
        verdict.action,
        verdict.rule,
        _reason(verdict),
        verdict.until,
        verdict.cannot_tell,
        verdict.held_by,
    )


def _reason(verdict: Verdict) -> str | None:
    """The text of the action, or failing that what is to be said about it."""
    return verdict.reason if verdict.reason is not None else verdict.note
