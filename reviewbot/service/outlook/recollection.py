"""Recollection: evidence that the log already holds, so that looking ahead costs no requests for it."""

from __future__ import annotations

import msgspec

from reviewbot.domain.moments import iso
from reviewbot.domain.timeline import Timeline
from reviewbot.service.app import App, HeldEvidence
from reviewbot.service.people.questions import open_rounds
from reviewbot.service.records import facts_from_json


def recall_evidence(app: App) -> None:
    """Keep in mind what the verifier had seen of each open task when it was last decided.

    It is used only where the task has not changed since; the log keeps the tries of the present
    round, which are all that a judge looks at. For judging ahead, never for sending.
    """
    for one in open_rounds(app.ledger):
        bench = app.bench(one.sighting.review)
        if one.latest is None or bench is None:
            continue
        logged = app.ledger.decision(one.decision.id)
        try:
            facts = None if logged is None else facts_from_json(logged.decision.facts)
        except (ValueError, KeyError, msgspec.MsgspecError):
            continue
        if facts is None or facts.attempts is None or facts.task.updated_at is None:
            continue
        task_id = one.sighting.task_id
        bench.evidence[task_id] = HeldEvidence(
            (task_id, one.sighting.epoch, iso(facts.task.updated_at)),
            Timeline(task_id=task_id, attempts=facts.attempts),
            app.clock.monotonic(),
        )
