"""Partial sums: what some recorded reviews came to, in rows that add up.

Theory of operation. Whoever judges a part of the past (a process here, a task of a cluster) gives rows
of whole numbers, names and texts, and `Sums` adds them up. Nothing in a row depends on where its part
begins or ends or who was first: counts and money add up, of names the lowest by their hash stay,
accounts are counted once in the end, and reviews that wait for limits are put in the order of time.
So the same records give the same result, byte for byte, however they were cut and in whatever order
the parts come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from reviewbot import __version__
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.text import safe_line
from reviewbot.history.records import reader_for
from reviewbot.insights.limited import KeptBack, TimedReviews
from reviewbot.insights.spill import DistinctAccounts
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import (
    ActionRule,
    Impact,
    Recorded,
    Sample,
    Timed,
    Transition,
    counter,
    has_limits,
    lowest,
    sample_hash,
)

AT_ONCE = 50_000
"""So many accounts and waiting reviews are held before their rows are given."""
_NAMES = msgspec.json.Decoder(list[str]).decode
_LONGEST = 100
"""Characters that are shown of a record that cannot be read."""


class MixedResults(ReviewbotError):
    """Parts of one result were made by different versions or policies."""


class PolicyText(NamedTuple):
    """A policy as a worker anywhere reads it: its text, and those of its list files."""

    path: str
    source: str
    files: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, policy: Policy) -> PolicyText:
        """The text of a checked policy."""
        return cls(policy.path, policy.source, policy.files)

    def judge(self) -> Judge:
        """Compile it. What a usable policy was made of is usable."""
        files = dict(self.files)
        parsed = parse_policy(self.source, path=self.path, read=lambda name: files[name].encode())
        assert parsed.policy is not None
        return compile_policy(parsed.policy)


class JudgingJob(NamedTuple):
    """What is asked of every record: one policy (a back-test), or an old one beside it (a diff)."""

    new: PolicyText
    old: PolicyText | None
    at: datetime
    """The moment for records that carry none."""

    @classmethod
    def of(cls, new: Judge, at: datetime, old: Judge | None = None) -> JudgingJob:
        """The job of judging by these."""
        before = None if old is None or old is new else PolicyText.of(old.policy)
        return cls(PolicyText.of(new.policy), before, at)

    def judges(self) -> tuple[Judge, Judge]:
        """The old and the new one, compiled; a back-test has the same twice."""
        new = self.new.judge()
        return (new if self.old is None else self.old.judge()), new


def revision_of(judges: tuple[Judge, Judge]) -> str:
    """The revision, or both of a diff."""
    old, new = (judge.policy.revision for judge in judges)
    return new if judges[0] is judges[1] else f"{old} {new}"


Partial = tuple[str, str, str, str, str, int, int, int, str, int, str, str]
"""One row of partial sums; which of its columns mean something depends on its kind."""
COLUMNS = (
    "kind",
    "old_action",
    "old_rule",
    "action",
    "rule",
    "count",
    "micros",
    "sample_hash",
    "sample_id",
    "errors",
    "version",
    "revision",
)
"""The columns of a row. Kinds: `read` (how many, in `errors` how many of them could not be, in `micros` in how many parts), `other`
(of another kind of review), `move` (the sums of one, and a sample), `untold` (a rule passed over),
`accounts` (a list as JSON, or how many), `account` (one), `unreadable` (a sample), `timed` (a review that waits for limits)."""
UNREADABLE = 5
"""Records that cannot be read are named, so many of them."""


class Counting:
    """Counts what the policies of a job say of records, part by part."""

    def __init__(self, job: JudgingJob) -> None:
        self.judges = old, new = job.judges()
        self._at, self._backtest = job.at, old is new
        self._made_by = (__version__, revision_of(self.judges))
        self._impact = Impact()
        self._accounts: dict[tuple[str, str, str], set[str]] = {}
        self._laid_up: list[Partial] = []
        self._unreadable: list[Sample] = []
        self._errors = 0
        self.reader = reader_for([old.policy, new.policy])
        """How records are read, as far as they are asked for."""
        self.count = self._counter()
        """Count one."""

    def _counter(self) -> Callable[[Recorded], bool]:
        hears, laid_up = self._accounts_of, self._lay_up
        return counter(self._impact, *self.judges, self._at, account=hears, timed=laid_up)

    def give_up(self, text: bytes, why: str) -> None:
        """Count a record that cannot be read or judged."""
        self._errors += 1
        shown = text[: 4 * _LONGEST].decode(errors="replace")
        word = f"{safe_line(why, 300)}\x1f{safe_line(shown, _LONGEST)}"
        self._unreadable = lowest((*self._unreadable, (sample_hash(word), word)), UNREADABLE)

    @property
    def is_full(self) -> bool:
        """Whether it is time to give rows, so that memory stays bounded."""
        accounts = sum(map(len, self._accounts.values()))
        return accounts + len(self._laid_up) >= AT_ONCE

    def rows(self) -> list[Partial]:
        """What was counted since the last call."""
        impact, row = self._impact, self._row
        timed = len(self._laid_up)
        read = impact.total + timed + impact.others + self._errors
        found = [row("read", count=read, micros=1, errors=self._errors)]
        if impact.others:
            found.append(row("other", count=impact.others))
        for (old, new), cell in impact.moves.items():
            found += self._move((*old, *new), cell)
        found += [row("untold", ("", "", "", rule), n) for rule, n in impact.could_not_tell.items()]
        for (was, action, rule), accounts in self._accounts.items():
            names = msgspec.json.encode(accounts).decode()
            found.append(row("accounts", (was, "", action, rule), sample=(0, names)))
        found += [row("unreadable", sample=sample) for sample in self._unreadable]
        found += self._laid_up
        self._impact, self._errors = Impact(), 0
        self._accounts, self._laid_up, self._unreadable = {}, [], []
        self.count = self._counter()
        return found

    def _move(self, keys: tuple[str, str, str, str], cell: Transition) -> Iterator[Partial]:
        """A row for each sample; the sums stand in the first."""
        first, *more = cell.kept
        yield self._row("move", keys, cell.count, cell.micros, first)
        for sample in more:
            yield self._row("move", keys, sample=sample)

    def _row(
        self,
        kind: str,
        keys: tuple[str, str, str, str] = ("", "", "", ""),
        count: int = 0,
        micros: int = 0,
        sample: Sample = (0, ""),
        errors: int = 0,
    ) -> Partial:
        return (kind, *keys, count, micros, *sample, errors, *self._made_by)

    def _accounts_of(self, old: ActionRule, new: ActionRule) -> Callable[[str], None]:
        group = ("", *new) if self._backtest else (old[0], new[0], "")
        return self._accounts.setdefault(group, set()).add

    def _lay_up(self, review: Timed) -> None:
        text = msgspec.json.encode(review).decode()
        self._laid_up.append(self._row("timed", count=1, sample=(0, text)))


class PastTotals(msgspec.Struct, kw_only=True):
    """The result: what all parts came to. `read` is judged, of another kind (`others`) or `unread`."""

    impact: Impact
    accounts: Counter[tuple[str, str]]
    """Different accounts by (action, rule) in a back-test, by (old action, new action) in a diff."""
    kept: tuple[tuple[KeptBack, ...], tuple[KeptBack, ...]]
    """What the limits of the old and of the new policy kept back."""
    read: int
    unread: int
    unreadable: tuple[tuple[str, str], ...]
    """(record, why) of some that cannot be read."""
    version: str
    revision: str
    parts: int

    @property
    def judged(self) -> int:
        """How many reviews were judged."""
        return self.impact.total

    def examples(self, most: int) -> list[str]:
        """One review of each kind of move that changes something, the most frequent first."""
        flips = self.impact.flips().items()
        return [cell.samples[0] for (old, new), cell in flips if old != new][:most]


class Sums:
    """Adds up partial rows, in whatever order they come."""

    def __init__(self, judges: tuple[Judge, Judge]) -> None:
        self.judges = judges
        self.has_limits = any(has_limits(judge.policy) for judge in judges)
        """Whether some reviews are only counted in the end; so then are their accounts."""
        self._backtest = judges[0] is judges[1]
        self._made_by = (__version__, revision_of(judges))
        self._impact = Impact()
        self._accounts = DistinctAccounts()
        self._timed = TimedReviews()
        self._read = self._errors = self._parts = 0
        self._unreadable: list[Sample] = []

    def merge(self, rows: Iterable[Partial]) -> None:
        """Add rows. Raises MixedResults."""
        for row in rows:
            kind, old_action, old_rule, action, rule, count, micros, low, name, errors, ver, rev = (
                row
            )
            if (ver, rev) != self._made_by:
                raise MixedResults(
                    f"a part was counted by reviewbot {ver}, policy {rev[:8]}, and this is reviewbot"
                    f" {self._made_by[0]}, policy {self._made_by[1][:8]}: the same must run everywhere"
                )
            match kind:
                case "read":
                    self._parts += micros
                    self._read += count
                    self._errors += errors
                case "other":
                    self._impact.others += count
                case "move":
                    move = (old_action, old_rule), (action, rule)
                    self._impact.moves[move].take(Transition(count, micros, [(low, name)]))
                case "untold":
                    self._impact.could_not_tell[rule] += count
                case "account" | "accounts":
                    group = self._group((old_action, old_rule), (action, rule))
                    if count:
                        self._accounts.add_count(group, count)
                    else:
                        self._accounts.add(group, [name] if kind == "account" else _NAMES(name))
                case "unreadable":
                    self._unreadable = lowest((*self._unreadable, (low, name)), UNREADABLE)
                case _:
                    for _ in range(count):
                        self._timed.add_written(name)

    def finish(self) -> PastTotals:
        """Hold against limits what waits for them, count the accounts, and give the result."""
        kept = self._timed.hold(self._impact, *self.judges, self._add_account)
        unreadable = (word.partition("\x1f") for _, word in self._unreadable)
        return PastTotals(
            impact=self._impact,
            accounts=self._accounts.counts(),
            kept=kept,
            read=self._read,
            unread=self._errors,
            unreadable=tuple((record, why) for why, _, record in unreadable),
            version=self._made_by[0],
            revision=self._made_by[1],
            parts=self._parts,
        )

    def close(self) -> None:
        """Let go of the files."""
        self._accounts.close()
        self._timed.close()

    def _group(self, old: ActionRule, new: ActionRule) -> tuple[str, str]:
        return new if self._backtest else (old[0], new[0])

    def _add_account(self, old: ActionRule, new: ActionRule, account: str) -> None:
        self._accounts.add(self._group(old, new), (account,))
