"""The decision log, as the loop asks it: reader, writer, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action, Decision, Entry, State
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.policy.facts import AccountHistory, History
from reviewbot.policy.model import Policy
from reviewbot.ports.leases import Lease, Peer

DEFAULT_KEY = "default"
"""The name of the key where there is only one, and of the rows of ledgers from before there were several."""


class StoredPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy text as it ran."""

    name: str
    revision: str
    path: str
    source: str
    files: dict[str, str]
    first_run_at: datetime


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with where it stands now. `seq` is the log line that first named it."""

    seq: int
    decision: Decision
    state: State
    state_at: datetime
    tries: int = 0
    """How often it was intended."""
    intended_at: datetime | None = None
    settled_at: datetime | None = None
    note: str | None = None
    request_id: str | None = None
    erased: bool = False
    """Whether its texts, its trace and its facts were taken out."""
    key: str = DEFAULT_KEY
    """Whose decision it is."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the log remembers of one thing: its history, and where its newest round stands."""

    history: History
    latest: Logged | None = None
    """What its newest round has come to: the decision that was sent, or else the newest by the order
    in which they were last written. Without its trace and facts: no pass needs those many bytes."""
    judged_at: Mapping[str, datetime] = {}
    """When each of its rounds was last decided about, by epoch: then it still waited."""
    claimed: frozenset[str] = frozenset()
    """Epochs that have an intent which is not void."""


Attributed = Literal["ours", "other", "silence", "leave"]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a round that we saw ended, and by whom: ours, someone else's, silence, or left on purpose."""

    review: ReviewKind
    task_id: str
    epoch: str
    by: Attributed
    status: str | None
    at: datetime
    amount_micros: int | None = None
    note: str | None = None


class SeenRound(msgspec.Struct, frozen=True, kw_only=True):
    """A round that the log saw, and how it ended where that is known."""

    epoch: str
    first_seen_at: datetime
    ended_at: datetime | None = None
    by: Attributed | None = None


class OpenRound(msgspec.Struct, frozen=True, kw_only=True):
    """A round that we have seen waiting, and have no ending for."""

    review: ReviewKind
    task_id: str
    epoch: str
    first_seen_at: datetime
    deadline_at: datetime | None
    amount_micros: int | None = None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of the log at one moment: how many lines, and the hash of the last."""

    count: int
    head: str
    at: datetime
    accepted: str | None = None
    """Why a person took the log as it is, where earlier checkpoints no longer count."""
    before: str | None = None
    """Of an acceptance: the hash of all that was kept before it, for it counts there alone."""
    signature: str | None = None


class KeptCheckpoints(msgspec.Struct, frozen=True, kw_only=True):
    """The checkpoints that count, oldest first; `problems` are proofs that one was forged."""

    checkpoints: tuple[Checkpoint, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class CheckpointBook(Protocol):
    """The second place: where checkpoints are kept, away from the log. Raises LedgerUnwritable."""

    @property
    def place(self) -> str:
        """Where they are kept, for a person."""

    def add(self, checkpoint: Checkpoint) -> Checkpoint:
        """Keep a checkpoint; give it back as it is kept, with its signature."""

    def read(self) -> KeptCheckpoints:
        """Read all that count: from the newest accepted one on."""


class ErasureOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose texts are to be erased: one of a task's, an account's, those that say a handle, or by age."""

    task: str | None = None
    account: str | None = None
    handle: str | None = None
    before: datetime | None = None

    @property
    def what(self) -> str:
        """Which of them it is."""
        names = ("task", "account", "handle")
        return next((name for name in names if getattr(self, name) is not None), "age")

    @property
    def name(self) -> str | None:
        """The id or the handle; None for an age."""
        return self.task or self.account or self.handle


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure came to: how many lines lost their text, of how many tasks, and what was left as open."""

    lines: int
    tasks: int
    still_open: tuple[str, ...] = ()


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the log is whole. `problems` are sentences, each with the line it concerns."""

    lines: int
    head: str
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What could not be looked at."""

    @property
    def whole(self) -> bool:
        """No problem was found."""
        return not self.problems


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Room that a cap keeps: one more urgent thing will need it at `at`, if nobody decides before."""

    at: datetime
    amount_micros: int | None = None


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A cap on what one policy may do within the last `seconds`, checked where the intent is written.

    `measure` is `count` (decisions), `micros` (millionths of a US dollar they pay) or `share`
    (millionths that those of `share_of` are of all `actions`, once there are `after`). What is open
    or unclear counts as done. `account_id` narrows it to one account, `rule` to what one rule decided
    by itself. `calendar` names the zone of which it counts the days, in place of the last `seconds`.
    `keep` is room for others.
    """

    name: str
    policy: str
    actions: frozenset[Action]
    measure: Literal["count", "micros", "share"]
    at_most: int
    seconds: float
    account_id: str | None = None
    share_of: frozenset[Action] = frozenset()
    after: int = 0
    keep: tuple[Need, ...] = ()
    rule: str | None = None
    calendar: str | None = None

    def begins(self, at: datetime) -> datetime:
        """What was intended after this moment counts at `at`."""
        if self.calendar is None:
            return at - timedelta(seconds=self.seconds)
        return _midnight(at, self.calendar) - _INSTANT

    def frees(self, at: datetime) -> datetime:
        """From when on what was intended at `at` no longer counts."""
        if self.calendar is None:
            return at + timedelta(seconds=self.seconds)
        return _midnight(at, self.calendar, later=1)


_INSTANT = timedelta(microseconds=1)


def _midnight(at: datetime, zone: str, later: int = 0) -> datetime:
    """When the day of a moment begins by the clock on the wall, or a later one."""
    day = at.astimezone(ZoneInfo(zone)).date() + timedelta(days=later)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


class LogNote(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word on one subject of one topic: a pause, a breaker, a claim, a checkpoint."""

    topic: str
    subject: str
    at: datetime
    value: dict[str, Any]
    seq: int


class KeptValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value kept beside the chain, by its name, and when it was kept."""

    name: str
    at: datetime
    value: bytes


class Ledger(Protocol):
    """The decision log. Every method is one transaction; a write is on disk when it returns.

    Raises `LedgerUnwritable` when it cannot write, `LedgerCorrupt` when what it reads cannot be.
    """

    def remember_policy(self, policy: Policy, at: datetime) -> None:
        """Keep the text of a revision (once), so that each decision can be explained later."""

    def policy(self, revision: str) -> StoredPolicy | None:
        """Give back a revision's text; an unambiguous beginning of a revision will do."""

    def policies(self) -> Sequence[StoredPolicy]:
        """Every revision that ever ran, oldest first."""

    def sight(
        self, items: Iterable[ReviewItem], at: datetime
    ) -> Mapping[tuple[str, str], datetime]:
        """Note rounds seen for the first time; give (id, epoch) → first seen for all of them."""

    def rounds(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Sequence[SeenRound]]:
        """Every round of these things that was seen, in any order; what never was is absent."""

    def unended(self, review: ReviewKind) -> Sequence[OpenRound]:
        """Rounds that we have seen waiting and that have no ending yet."""

    def end(self, *endings: Ending) -> None:
        """Note how rounds ended, together. A second ending of the same round changes nothing."""

    def endings(self, since: datetime | None = None) -> Sequence[Ending]:
        """How rounds ended, oldest first."""

    def memories(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these things; one that is not in the log is absent."""

    def accounts(
        self, review: ReviewKind, account_ids: Sequence[str], now: datetime
    ) -> Mapping[str, AccountHistory]:
        """The last 30 days of these accounts, and all days; one without decisions has counts of 0."""

    def record(self, decision: Decision, state: State, limits: Sequence[Limit] = ()) -> None:
        """Write down a decision that sends nothing (`held`, `dry-run`).

        Raises AlreadyIntended where that very decision was sent meanwhile, and CapReached when one of
        `limits` has no room for it now.
        """

    def intend(self, decision: Decision, limits: Sequence[Limit] = ()) -> str:
        """Claim the round and write down the intent, durably, before anything is sent.

        Gives the idempotency key of this try. Raises AlreadyIntended when the round has an intent that is not void, and CapReached when
        one of `limits` has no room at `decision.decided_at`.
        """

    def mark(
        self,
        decision_id: str,
        state: State,
        at: datetime,
        *,
        note: str | None = None,
        request_id: str | None = None,
        was: State | None = None,
        key: str | None = None,
    ) -> None:
        """Add what became of an intent; the step must be one of `NEXT_STATES`.

        `was` is where the caller knows it to stand, and `key` that of the try which it is about: OutOfDate
        where somebody else has been at it since, or has begun another try.
        """

    def open_intents(self) -> Sequence[Logged]:
        """Intents and ambiguous writes that are not settled, oldest first."""

    def decisions(
        self,
        *,
        newest: int | None = None,
        since: datetime | None = None,
        task_id: str | None = None,
    ) -> Sequence[Logged]:
        """Decisions by `seq`, oldest first: all, of one task, changed since, or the newest so many."""

    def iter_decisions(self, since: datetime | None = None) -> Iterator[Logged]:
        """Every decision by `seq`, oldest first, a few at a time and in bounded memory.

        With `since` those before the first that was made or changed since then are passed over.
        """

    def newest_first(self, before: int | None = None) -> Iterator[Logged]:
        """Every decision from the newest on, or from before a `seq` on, in bounded memory."""

    def decided(self, policy: str | None, since: datetime) -> Sequence[Logged]:
        """What a policy decided (None: any, people's answers too), and where that stands, if it came to stand there since.

        In the order in which it came to; without trace and facts.
        """

    def sent(self, policy: str, since: datetime) -> Sequence[Logged]:
        """Those of what a policy decided that were sent, or may have been: `intent` and all that is open or done."""

    def decision(self, decision_id: str) -> Logged | None:
        """One decision; an unambiguous beginning of its id will do."""

    def decisions_named(self, ids: Iterable[str]) -> Mapping[str, Logged]:
        """These decisions in full, by their ids; one that is not in the log is absent."""

    def entries(self, decision_id: str) -> Sequence[Entry]:
        """The whole story of one decision, oldest first."""

    def note(self, topic: str, subject: str, value: Mapping[str, Any], at: datetime) -> None:
        """Add a word on something that is neither a decision nor a round (`pause`, `breaker`, …)."""

    def note_all(
        self,
        topic: str,
        words: Mapping[str, Mapping[str, Any]],
        at: datetime,
        *,
        last: Mapping[str, int] | None = None,
    ) -> None:
        """Add a word on each of several subjects, all of them or none.

        `last` gives the `seq` of the newest word that the caller knows of a subject (0: of none);
        OutOfDate where there is a newer one.
        """

    def notes(self, *topics: str) -> Sequence[LogNote]:
        """The newest word on each subject of some topics, by topic and subject."""

    def story(self, topic: str, subject: str) -> Sequence[LogNote]:
        """Every word on one subject, oldest first."""

    def keep(self, kind: str, name: str, value: bytes, at: datetime, *, new: bool = False) -> bool:
        """Keep a value beside the chain; with `new` only where there is none. Gives whether it is kept."""

    def kept(self, kind: str) -> Sequence[KeptValue]:
        """Every value of a kind, oldest first."""

    def kept_one(self, kind: str, name: str) -> KeptValue | None:
        """One value; None where there is none."""

    def let_go(self, kind: str, name: str) -> bool:
        """Let go of a value; gives whether it was there: of several askers one is told yes."""

    def beat(self, text: bytes, name: str = "bot") -> None:
        """Leave a replica's word on itself, in the place of the one before; no line of the log."""

    def last_beat(self, name: str | None = None) -> tuple[bytes, float] | None:
        """The newest word of a replica, or of any, and how many seconds ago it was left."""

    def lease(self) -> Lease | None:
        """Who holds this key, or held it last; None where nobody ever needed to."""

    def replicas(self) -> Sequence[Peer]:
        """The processes that share the keys of this database, as each last said of itself."""

    def checkpoint(self, at: datetime) -> Checkpoint:
        """State how far the log has come."""

    def departure(self, checkpoint: Checkpoint) -> str | None:
        """Say how the log departs from an earlier checkpoint, by one line; None: it does not."""

    def lost(self) -> str | None:
        """Say what this process wrote and the log no longer holds, so that it takes no intent.

        None: it is all there. It stays lost until `take_as_it_is`.
        """

    def recount(self) -> None:
        """Count the lines since this process began, as behind a new connection, when next looked at."""

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now: a person has accepted it."""

    def verify(self, *checkpoints: Checkpoint, signing: bytes | None = None) -> Verification:
        """Recompute the whole chain, and hold it against earlier checkpoints.

        `signing` is the key with which archived segments must be signed.
        """

    def absent_segments(self) -> Sequence[str]:
        """The names of archived segments that are not at hand: what left with them cannot be read."""

    def erase(self, order: ErasureOrder, at: datetime, *, who: str, because: str) -> Erased:
        """Take out the texts that an order means, and say so in a line; what is open is left."""

    def finish_erasures(self) -> bool:
        """Take what was erased out of the database's files; whether there was anything to do."""

    def keep_retained(self, until: datetime) -> None:
        """Remember up to when texts were erased for their age."""

    def hold_by(self, lease: Callable[[], Lease | None]) -> None:
        """Write each intent only while the lease that this gives is held; else LeaseLost is raised there."""

    def keys(self) -> Sequence[str]:
        """The names of all keys that have lines in this database, in order."""

    def probe(self) -> None:
        """Write something that changes nothing; LedgerUnwritable where nothing can be written."""

    def backup(self, path: Path) -> None:
        """Copy the whole log to a new file, while it is in use."""

    def close(self) -> None:
        """Let go of the database."""
