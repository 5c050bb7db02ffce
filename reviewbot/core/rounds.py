"""Rounds: what came before this one, whoever ended it.

The API has no history of a task. That it waits again, in another epoch than one that the log saw
waiting before, says that somebody sent it back meanwhile: we, somebody in the dashboard, another
tool. What the verifier scraped until then is about what was posted then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.domain.text import parse_iso
from reviewbot.policy.facts import NO_HISTORY, History
from reviewbot.ports.ledger import Ledger, Memory, SeenRound

NEW = Memory(history=NO_HISTORY)
"""The memory of a thing that the log has not met."""


def memories_of(
    ledger: Ledger, review: ReviewKind, items: Sequence[ReviewItem]
) -> Mapping[str, Memory]:
    """What is remembered of each of these, as seen from the round that it is in now."""
    ids = [item.id for item in items]
    memories, rounds = ledger.memories(review, ids), ledger.rounds(review, ids)
    return {
        item.id: in_round(memories.get(item.id, NEW), item.epoch, rounds.get(item.id, ()))
        for item in items
    }


def in_round(memory: Memory, epoch: str | None, rounds: Iterable[SeenRound]) -> Memory:
    """The memory of a thing as seen from one of its rounds."""
    if epoch is None:
        return memory
    earlier = [one for one in rounds if _order(one.epoch) < _order(epoch)]
    if not earlier:
        return memory
    newest = max(earlier, key=lambda one: _order(one.epoch))
    return replace(memory, history=_history(memory, epoch, newest, len(earlier)))


def _history(memory: Memory, epoch: str, newest: SeenRound, count: int) -> History:
    return replace(
        memory.history,
        rounds_before=count,
        round_before_until=_until(newest, memory.judged_at.get(newest.epoch), _moment(epoch)),
    )


def _until(
    before: SeenRound, judged_at: datetime | None, began_at: datetime | None
) -> datetime | None:
    """Until when a round lasted at least: it waited whenever we saw it.

    Of our own disputes the history has the moment. That somebody else ended it we notice a little
    later; where that was only after the next round had begun, the moment says nothing.
    """
    known = [before.first_seen_at, judged_at, _moment(before.epoch)]
    ended_at = before.ended_at if before.by != "ours" else None
    if ended_at is not None and began_at is not None and ended_at < began_at:
        known.append(ended_at)
    return max(moment for moment in known if moment is not None)


def _order(epoch: str) -> tuple[int, str]:
    """What sorts moments of one form, and counts."""
    return len(epoch), epoch


def _moment(epoch: str) -> datetime | None:
    """When a round began, where its name says so."""
    try:
        return parse_iso(epoch)
    except ValueError:
        return None
