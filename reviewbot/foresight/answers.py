"""Answers: what the policy says of an open round from now on, its facts as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from reviewbot.domain.errors import ReviewbotError
from reviewbot.foresight.future import RoundAhead
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.explain.what_if import over_time

Stretch = tuple[datetime, datetime, Evaluation]
"""An answer with the time for which it stands: from, and until when."""


class AnswersAhead(NamedTuple):
    """What a policy says of a round from now on; from `wanting` on evidence is that is not at hand."""

    said: tuple[tuple[datetime, Evaluation], ...] = ()
    wanting: datetime | None = None
    broke: bool = False


def answers_of(ahead: RoundAhead, now: datetime, end: datetime | None = None) -> AnswersAhead:
    """What the policy says from now on up to `end`; without it, as long as something may be sent."""
    if ahead.judge is None or ahead.facts is None or ahead.is_over(now):
        return AnswersAhead()
    judge, facts = ahead.judge, replace(ahead.facts, now=now)
    try:
        said = tuple(over_time(judge, facts, end or ahead.ends_by(now)))
        if ahead.complete or not judge.ever_needs_evidence:
            return AnswersAhead(said)
        wanting = (at for at, _ in said if judge.triage(replace(facts, now=at)) is None)
        first = next(wanting, None)
    except (ReviewbotError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a policy that breaks on one thing asks a person about that one
        return AnswersAhead(broke=True)
    return AnswersAhead(tuple(pair for pair in said if first is None or pair[0] < first), first)


def stretches(answers: AnswersAhead, end: datetime) -> Iterator[Stretch]:
    """Each answer with the time for which it stands."""
    ends = [at for at, _ in answers.said[1:]] + [answers.wanting or end]
    # None was said yet where evidence is wanting from the beginning.
    for (start, answer), until in zip(answers.said, ends, strict=False):
        yield start, until, answer
