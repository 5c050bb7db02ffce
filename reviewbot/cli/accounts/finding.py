"""The account that a person means: by its bundle's id, or by the beginning of one in the log."""

from __future__ import annotations

from typing import NamedTuple

from reviewbot.domain.errors import NotFound, UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Sighting
from reviewbot.service.app import App, Bench
from reviewbot.service.people.questions import Round, open_rounds


class Found(NamedTuple):
    """An account as it stands, and its open round."""

    item: ReviewItem
    round: Round


def account_round(app: App, bench: Bench, named: str) -> Found:
    """Read an account, and find its round in the log; one that the log has not met begins now.

    Raises UsageError where there is no such account, or more than one begins so.
    """
    known = [
        one
        for one in open_rounds(app.ledger)
        if one.sighting.review == bench.review and named and one.sighting.task_id.startswith(named)
    ]
    ids = {one.sighting.task_id for one in known}
    if len(ids) > 1 and named not in ids:
        raise UsageError(
            f"several accounts begin with {safe_line(named, 60)!r}; write more of the id"
        )
    bundle_id = named if named in ids or not ids else ids.pop()
    try:
        item = bench.queue.look(bundle_id)
    except NotFound as error:
        raise UsageError(
            f"the API knows no account {safe_line(named, 60)!r}; see: reviewbot accounts list"
        ) from error
    rounds = {one.sighting.epoch: one for one in known if one.sighting.task_id == bundle_id}
    for one in rounds.values():
        bench.first_seen[(bundle_id, one.sighting.epoch)] = one.sighting.first_seen_at
    return Found(item, rounds.get(item.epoch or "") or _new_round(app, bench, item))


def _new_round(app: App, bench: Bench, item: ReviewItem) -> Round:
    first_seen = app.clock.now()
    epoch = item.epoch or ""
    bench.first_seen[(item.id, epoch)] = first_seen
    return Round(
        sighting=Sighting(
            review=item.review,
            task_id=item.id,
            epoch=epoch,
            first_seen_at=first_seen,
            deadline_at=None,
        )
    )
