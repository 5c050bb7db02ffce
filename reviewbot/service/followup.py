"""Follow-up: look once more at what was decided, so that the rule that decided it can be graded.

Theory of operation. A task that was sent back leaves the list of what waits, and what the checker
sees of it afterwards is in no list. So once a day the checker's tries are read again of what was
decided at least a day ago: of everything sent back in the last two weeks until it is over, and once
of some approvals (decision ids are hashes, so the first by id are drawn by lot). What was seen is noted (topic
`later`); nothing that decides or sends reads that topic.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from reviewbot.domain.comments import CommentTask
from reviewbot.domain.errors import ApiError, CannotConnect, KeyRefused, RateLimited
from reviewbot.domain.lifecycle import DONE
from reviewbot.domain.review import CHECKED_AGAIN, ReviewItem
from reviewbot.domain.timeline import Attempt, Timeline
from reviewbot.service.app import App, Bench
from reviewbot.service.effects import WORDS
from reviewbot.service.telling.watch import now_and_then

TOPIC = "later"
"""What was seen of a thing after it was decided, by review and id."""
LAST = "followed up"
"""When this was last done."""
EVERY = timedelta(hours=20)
"""Not sooner again; a daily chore may come a little early."""
FOLLOWED = timedelta(days=14)
"""How long something sent back is followed."""
RIPE = timedelta(days=1)
"""How old a decision is when it is first looked at."""
SENT_BACK_LOOKS, APPROVAL_LOOKS = 200, 25
"""Reads a day at most; one costs one request."""
MOST_FAILING = 60.0
"""Seconds that reads which fail may take; polls wait meanwhile."""
KEPT = 10
"""Tries of a thing that are kept, the newest."""
NAMES = ("scraped_at", "outcome_kind", "comments_scraped", "found_comment_id", "platform")
"""What is kept of each."""


def follow_up(app: App) -> int:
    """Look again at what was decided, if that is due; give how many things were read.

    Raises KeyRefused and `LedgerError`; what cannot be read is left for the next day.
    """
    now = app.clock.now()
    words = app.ledger.notes(LAST)
    last = words[0].at if words else None
    if last is not None and now - last < EVERY:
        return 0
    read, failing = 0, 0.0
    due = (
        (bench, task_id)
        for bench in app.benches
        if bench.review in CHECKED_AGAIN
        for task_id in _due(app, bench, last or now - RIPE, now)
    )
    for bench, task_id in due:
        if app.stopping():
            break
        now_and_then(app)
        began = app.clock.monotonic()
        try:
            seen = _look(bench, task_id)
        except KeyRefused:
            raise
        except (CannotConnect, RateLimited):
            break
        except ApiError as error:
            app.events("cannot follow up", level="warning", task_id=task_id, error=str(error))
            failing += app.clock.monotonic() - began
            if failing > MOST_FAILING:
                break
            continue
        read += 1
        if seen != _seen_before(app, bench, task_id):
            app.ledger.note(TOPIC, _subject(bench, task_id), seen, app.clock.now())
    app.ledger.note(LAST, "all", {"read": read}, now)
    app.events("followed up", read=read)
    return read


def _due(app: App, bench: Bench, last: datetime, now: datetime) -> Iterator[str]:
    """What was sent back and is not over, newest first; then some approvals that are a day old."""
    decided = [
        logged
        for policy in dict.fromkeys(judge.policy.name for judge in bench.judges)
        for logged in app.ledger.decided(policy, now - FOLLOWED)
        if logged.state in DONE and logged.decision.review == bench.review
    ]
    back = {one.decision.task_id: one.state_at for one in decided if one.decision.action.sends_back}
    for ending in app.ledger.endings(now - FOLLOWED):
        paid = ending.status in WORDS[bench.review].paid
        if ending.review == bench.review and ending.by == "other" and not paid:
            back[ending.task_id] = ending.at
    # What has just been sent back is as we saw it when we decided.
    back = {task_id: at for task_id, at in back.items() if at <= now - RIPE}
    newest_first = sorted(back, key=lambda task_id: back[task_id], reverse=True)
    open_ones = (one for one in newest_first if not _seen_before(app, bench, one).get("over"))
    yield from islice(open_ones, SENT_BACK_LOOKS)
    ripe = sorted(
        (one.decision.id, one.decision.task_id)
        for one in decided
        if one.decision.action.pays and last - RIPE < one.state_at <= now - RIPE
    )
    yield from islice((task_id for _, task_id in ripe if task_id not in back), APPROVAL_LOOKS)


def _look(bench: Bench, task_id: str) -> dict[str, Any]:
    seen = bench.queue.evidence(_named(bench, task_id))
    assert isinstance(seen, Timeline)
    words = WORDS[bench.review]
    dated = [one for one in seen.attempts if one.scraped_at is not None]
    newest = sorted(dated, key=lambda one: one.scraped_at)[-KEPT:]  # type: ignore[arg-type,return-value]
    return {
        "review": bench.review,
        "task": task_id,
        "status": seen.status,
        "over": seen.status in words.paid | words.gone,
        "checks": [_kept(one) for one in newest],
    }


def _named(bench: Bench, task_id: str) -> ReviewItem:
    """As much of an item as it takes to ask what the checker saw of it."""
    return ReviewItem(
        review=bench.review,
        id=task_id,
        epoch=None,
        status=None,
        started_at=None,
        deadline_at=None,
        subject=CommentTask(id=task_id),
    )


def _kept(one: Attempt) -> dict[str, Any]:
    """What a grade rests on, in the form in which the log gives it back."""
    plain = msgspec.to_builtins(one)
    return {name: plain[name] for name in NAMES if plain[name] is not None}


def _seen_before(app: App, bench: Bench, task_id: str) -> dict[str, Any]:
    words = app.ledger.story(TOPIC, _subject(bench, task_id))
    return words[-1].value if words else {}


def _subject(bench: Bench, task_id: str) -> str:
    return f"{bench.review}:{task_id}"
