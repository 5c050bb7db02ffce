"""Budget: what the bot has to send and cannot in time, because it may ask the API only so often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import replace

from reviewbot.domain.decision import OPEN
from reviewbot.foresight.desks import Job, Worker, work_off
from reviewbot.foresight.future import Future, Key, Standing

TOO_LATE = "its turn comes too late: the request budget is too small"


def too_late(found: Mapping[Key, Future], standing: Standing) -> dict[Key, Future]:
    """Those for which it is too small: what is due first is sent first, at its rate."""
    if standing.per_minute is None:
        return {}
    jobs = {str(key): key for key in found}
    sends = [job for name, key in jobs.items() if (job := _job(name, found[key]))]
    desk = Worker(opens=standing.now, takes=timedelta(minutes=1 / standing.per_minute))
    late = [jobs[name] for name in work_off(sends, [desk]).missed]
    return {key: _as_late(found[key]) for key in late}


def _job(name: str, one: Future) -> Job | None:
    """What the bot has to send for a round, and by when."""
    deadline = one.round.deadline_at
    if one.end not in ("rule", "fallback", "sent back") or one.at is None or deadline is None:
        return None
    if one.round.latest is not None and one.round.latest.state in OPEN:
        return None
    return Job(name=name, start=one.at, due=deadline)


def _as_late(one: Future) -> Future:
    return replace(
        one,
        end="silence",
        at=one.round.deadline_at,
        action=None,
        rule=None,
        why=TOO_LATE,
        late=True,
    )
