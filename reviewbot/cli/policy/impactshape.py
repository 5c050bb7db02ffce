"""What `policy backtest` and `policy diff` write as JSON. Their published schemas are made from these values."""

from __future__ import annotations

import msgspec

from reviewbot.service.outlook.limited import KeptBack


class RuleCount(msgspec.Struct, frozen=True, kw_only=True):
    """What went one way by one rule: reviews, what approving them pays, accounts, and some by name."""

    action: str
    rule: str
    count: int
    money_usd: float
    accounts: int
    samples: tuple[str, ...]


class Unreadable(msgspec.Struct, frozen=True):
    """A record that could not be judged: where it stands, and why."""

    place: str
    why: str


class BackTest(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="reviewbot.backtest/1"
):
    """What one policy makes of the past.

    Of `read` records `reviews` were judged and `unread` could not be, the first few of which are
    named in `unreadable`; `could_not_tell` by rule the reviews that passed it over
    because something was unknown.
    """

    policy: str
    revision: str
    over: str
    read: int
    reviews: int
    unread: int
    unreadable: tuple[Unreadable, ...]
    rules: tuple[RuleCount, ...]
    could_not_tell: dict[str, int]
    limits: tuple[KeptBack, ...]


class Which(msgspec.Struct, frozen=True):
    """One of the two policies."""

    policy: str
    revision: str


class Pair(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """The rules by which reviews moved."""

    old: str
    new: str
    count: int


class Moved(msgspec.Struct, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """Reviews by what the old and the new policy say of them; those that stay are there as well."""

    old: str
    new: str
    count: int
    money_usd: float
    accounts: int
    samples: tuple[str, ...]
    rules: tuple[Pair, ...]


class BothLimits(msgspec.Struct, frozen=True):
    """What the limits of each policy kept back."""

    old: tuple[KeptBack, ...]
    new: tuple[KeptBack, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="reviewbot.diff/1"):
    """What a change of policy moves, over what was read as in `BackTest`.

    `broken` says which conditions of --fail-if came true.
    """

    old: Which
    new: Which
    over: str
    read: int
    reviews: int
    unread: int
    unreadable: tuple[Unreadable, ...]
    moves: tuple[Moved, ...]
    limits: BothLimits
    broken: tuple[str, ...]
