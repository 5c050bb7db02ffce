"""What both kinds of review have in common: one thing that waits for the client, in one round."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from reviewbot.domain.account import AccountReview, Profile
from reviewbot.domain.task import CommentTask, Timeline

ReviewKind = Literal["comments", "accounts"]

Subject = CommentTask | AccountReview

STATES_AN_AMOUNT: frozenset[ReviewKind] = frozenset({"comments"})
"""The kinds of review of which the API says what an approval pays."""

CHECKED_AGAIN: frozenset[ReviewKind] = frozenset({"comments"})
"""The kinds of review whose things somebody else checks again after our decision."""

_NOUNS: dict[ReviewKind, str] = {"comments": "task", "accounts": "account"}


def is_account(kind: ReviewKind) -> bool:
    """Whether what is reviewed is an account."""
    return kind == "accounts"


def noun_of(kinds: Iterable[ReviewKind]) -> str:
    """What a person calls one of these: a task, an account, or a review where there are both."""
    nouns = {_NOUNS[kind] for kind in kinds}
    return nouns.pop() if len(nouns) == 1 else "review" if nouns else "task"


def things(count: int, accounts: int = 0) -> str:
    """So many, `accounts` of them account reviews: `3 tasks`, `1 account`, `2 tasks and 1 account`."""
    tasks = count - accounts
    parts = [f"{tasks:,} task{'s' * (tasks != 1)}"] if tasks or not accounts else []
    parts += [f"{accounts:,} account{'s' * (accounts != 1)}"] if accounts else []
    return " and ".join(parts)


_THINGS = {"comments": "Task", "accounts": "Account"}


def named(review: str, task_id: str, amount_micros: int | None) -> str:
    """The thing of a round, short: `Task 0d8b5a3e (0.24 USD)`."""
    name = f"{_THINGS.get(review, review)} {task_id[:8]}"
    return name if amount_micros is None else f"{name} ({amount_micros / 1e6:.2f} USD)"


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One comment task or account that waits for our decision, as last seen.

    `epoch` names the round in the API's own terms: a task's `manually_confirmed_at`, an account's
    count of applied corrections plus 1. Without an epoch, a status or a deadline nothing is ever
    sent. `version` changes whenever the API says that the thing changed.
    """

    review: ReviewKind
    id: str
    epoch: str | None
    status: str | None
    started_at: datetime | None
    """When this round's window opened: confirmed at, or first seen in review."""
    deadline_at: datetime | None
    """From this moment on silence pays."""
    deadline_is_estimate: bool = False
    version: str | None = None
    account_id: str | None = None
    amount_micros: int | None = None
    """What an approval pays, in millionths of a US dollar."""
    subject: Subject

    @property
    def key(self) -> tuple[str, str | None]:
        """Which round of which thing this is."""
        return (self.id, self.epoch)


Evidence = Timeline | Profile
"""What is fetched only when a rule needs it: the verifier's timeline, or the delivered profile."""
