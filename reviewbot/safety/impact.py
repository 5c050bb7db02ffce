"""Weighing: what a policy that takes over would have decided otherwise, kept in the log.

Theory of operation. Right after a changed policy is noted as the one that judges, and before it
sends anything, it and the revision before judge the same recorded facts: of the rounds that are open
now, and of those of the last 30 days. What moved from which action to which is a note in the log
(topic `weighed`). The work is bounded in reviews and in seconds, and the note says how many were
judged. What goes wrong here is noted in its place and keeps nothing from acting. A note that a crash
prevented is made up for at the next start, before anything else takes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.core.guard_state import GuardPost
from reviewbot.core.questions import open_rounds
from reviewbot.core.replay import read_past, was_judged
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import CLAIMED, Decision
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.text import iso
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.testing.compare import Impact, counter, covers
from reviewbot.ports.ledger import Ledger, Logged, LogNote
from reviewbot.ports.queue import Clock

TOPIC = "weighed"

DAYS = 30

MOST = 2000
"""Decisions of the log that are looked at, the newest first; a longer past is only sampled by them."""

SECONDS = 5.0
"""After so long the rest is left unjudged: a policy must not wait for its own statistics."""

MOVES, PAIRS = 12, 3
"""Kinds of move that are kept, and pairs of rules for each."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """So many reviews would go from one action to another; `rules` are the pairs that cause most."""

    old: str
    new: str
    count: int
    micros: int
    rules: tuple[tuple[str, str, int], ...] = ()


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """What moved among some reviews; those that stay as they are stand in it too."""

    judged: int = 0
    moves: tuple[Move, ...] = ()
    unread: int = 0
    """Reviews that could not be judged again: the log lacks what one of the two looks at."""
    left: int = 0
    """Reviews that were not judged: nobody has looked at them yet, or the work is bounded."""

    @property
    def moved(self) -> int:
        """How many would be decided otherwise."""
        return sum(move.count for move in self.moves if move.old != move.new)


class ChangeImpact(msgspec.Struct, frozen=True, kw_only=True):
    """What one take-over comes to: by the rounds open then, and by those of the days before."""

    revision: str
    before: str
    since: datetime
    """When it took over, or was to."""
    open: Matrix = Matrix()
    past: Matrix = Matrix()
    problem: str | None = None

    def sentences(self) -> Iterator[str]:
        """Say it: one sentence for what is open, one for the past, or why nothing is known."""
        if self.problem is not None:
            yield f"What it would have changed is not known: {self.problem}."
            return
        yield _said(self.open, "open review")
        yield _said(
            self.past, f"review of the last {DAYS} days", f"reviews of the last {DAYS} days"
        )

    def sentence(self) -> str:
        """The same in one line."""
        return " ".join(self.sentences())


def weigh(
    post: GuardPost, revisions: Revisions, new: Judge, before: str, since: datetime
) -> ChangeImpact:
    """Judge what is recorded by `new` and by the revision `before`; without one, nothing covered it.

    Whatever goes wrong is said in the answer.
    """
    empty = ChangeImpact(revision=new.policy.revision, before=before, since=since)
    try:
        old = revisions.judge(before)
        if old is None and before:
            return replace(empty, problem="the revision before can no longer be read")
        end = post.clock.monotonic() + SECONDS
        opened, past, left = _rounds(post.ledger, old, new, since)
        return replace(
            empty,
            open=_judged(post.clock, opened, old, new, end, left),
            past=_judged(post.clock, past, old, new, end),
        )
    except Exception as error:  # noqa: BLE001 - statistics must keep no policy from acting
        post.events("change not weighed", level="error", error=repr(error))
        return replace(empty, problem=f"the comparison failed ({error!r:.200})")


def record(post: GuardPost, policy: str, weighed: ChangeImpact) -> None:
    """Write it down, and say it. A log that cannot be written gets it at the next start."""
    try:
        post.ledger.note(TOPIC, policy, as_value(weighed), post.clock.now())
    except LedgerError as error:
        post.events("change not weighed", level="error", error=str(error))
        return
    post.events(
        "policy change weighed",
        policy=policy,
        before=weighed.before[:8],
        revision=weighed.revision[:8],
        open=msgspec.to_builtins(weighed.open),
        past=msgspec.to_builtins(weighed.past),
        problem=weighed.problem,
        said=tuple(weighed.sentences()),
    )


def newest(ledger: Ledger, policy: str) -> ChangeImpact | None:
    """What the last take-over of this policy came to; None where there was none that was weighed."""
    return next((weighed_of(note) for note in ledger.notes(TOPIC) if note.subject == policy), None)


def weighed_of(note: LogNote) -> ChangeImpact | None:
    """Read a note of this topic; None where it is none."""
    return from_value(note.value)


def from_value(value: object) -> ChangeImpact | None:
    """Read what `as_value` wrote; None where it is something else."""
    try:
        return msgspec.convert(value, ChangeImpact)
    except msgspec.ValidationError:
        return None


def as_value(weighed: ChangeImpact) -> dict[str, Any]:
    """In the form of the log."""
    found: dict[str, Any] = msgspec.to_builtins(weighed)
    return found | {"since": iso(weighed.since)}


def _rounds(
    ledger: Ledger, old: Judge | None, new: Judge, until: datetime
) -> tuple[list[Logged], list[Logged], int]:
    """The newest decision on each open round, and the first on each other one, the newest first.

    Also how many open rounds are not among them: decided too long ago, or not looked at yet.
    """
    names = {judge.policy.name for judge in (old, new) if judge is not None}
    since = until - timedelta(days=DAYS)

    def concerns(decision: Decision) -> bool:
        return old is None or decision.policy in names

    open_now: set[str] = set()
    unseen = 0
    for round_ in open_rounds(ledger):
        if round_.latest is None:
            unseen += round_.sighting.review == new.policy.applies_to.review
        elif round_.latest.state not in CLAIMED and concerns(round_.decision):
            open_now.add(round_.decision.id)
    opened: list[Logged] = []
    first: dict[tuple[str, str, str | None], Logged] = {}
    for logged in reversed(ledger.decisions(newest=MOST)):
        decision = logged.decision
        if not was_judged(decision) or not concerns(decision):
            continue
        if decision.id in open_now:
            open_now.discard(decision.id)
            opened.append(logged)
        elif decision.decided_at >= since:
            first[decision.review, decision.task_id, decision.epoch] = logged
    rounds = {(d.review, d.task_id, d.epoch) for d in (logged.decision for logged in opened)}
    past = [logged for key, logged in first.items() if key not in rounds]
    return opened, past, len(open_now) + unseen


def _judged(
    clock: Clock, found: Iterable[Logged], old: Judge | None, new: Judge, end: float, left: int = 0
) -> Matrix:
    impact, unread = Impact(), 0
    judged = counter(impact, old, new, clock.now())
    for logged in found:
        if clock.monotonic() > end:
            left += 1
            continue
        review = read_past(logged)
        if review is None:
            unread += 1
            continue
        theirs = [
            judge
            for judge in (old, new)
            if judge is not None and covers(judge.policy.applies_to, review.review, review.subject)
        ]
        if any(_lacks_evidence(judge, review.seen) for judge in theirs):
            unread += 1
        elif theirs:
            judged(review)
    return Matrix(judged=impact.total, moves=tuple(_moves(impact)), unread=unread, left=left)


def _lacks_evidence(judge: Judge, facts: Facts) -> bool:
    """Whether it would have asked for evidence that nobody fetched then, as no rule needed it."""
    has = facts.attempts is not None or facts.delivered is not None or facts.differs is not None
    return judge.ever_needs_evidence and not has and judge.triage(facts) is None


def _moves(impact: Impact) -> Iterator[Move]:
    """The kinds of move: those that change something first, the most frequent of them first."""
    flips = sorted(impact.flips().items(), key=lambda flip: flip[0][0] == flip[0][1])
    for (old, new), cell in flips[:MOVES]:
        pairs = impact.causes(old, new)[:PAIRS] if old != new else ()
        yield Move(
            old=old,
            new=new,
            count=cell.count,
            micros=cell.micros,
            rules=tuple((one, other, part.count) for one, other, part in pairs),
        )


def causes(weighed: ChangeImpact) -> Iterator[str]:
    """Which rules took over from which, the most frequent first."""
    for name, matrix in (("open", weighed.open), (f"last {DAYS} days", weighed.past)):
        for move in matrix.moves:
            for old, new, count in move.rules:
                yield f"{name}: {count:,} {move.old} by {old} → {move.new} by {new}"


def _said(matrix: Matrix, one: str, many: str | None = None) -> str:
    """A sentence; it counts every review that is known, also where none of them could be judged."""
    known = matrix.judged + matrix.unread + matrix.left
    if not known:
        return f"No {one} is known."
    number = f"{known:,} {one if known == 1 else many or one + 's'}"
    moved = [move for move in matrix.moves if move.old != move.new]
    parts = [
        f"{move.count:,} {move.old} → {move.new} ({move.micros / 1_000_000:,.2f} USD)"
        for move in moved
    ]
    more = [f"{matrix.unread:,} cannot be told"] if matrix.unread else []
    more += [f"{matrix.left:,} were not judged"] if matrix.left else []
    parts = parts or ["none would be decided otherwise"] * bool(matrix.judged)
    return f"Of {number}: {', '.join(parts + more)}."
