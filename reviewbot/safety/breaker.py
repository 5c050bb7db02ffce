"""Breaker: on the signs of something badly wrong nothing more is sent, until a person says so.

Theory of operation. A breaker is a note in the log, per policy, that says open or closed; it is read
right before each write, so one that another process opened or a person closed counts at once. The
same note is all that closing leaves, so nothing closes by itself, by a restart or by a new policy.

The share of approvals is watched while a changed policy is young: its first `YOUNG` decisions. Each
verdict counts once, sent or held back. Before the 21st could be sent, the last 20 are held against
what the policy's earlier revisions did; so a policy that approves everything by mistake pays 20
tasks at most. An unchanged fallback does not count on either side: it comes in bunches, as deadlines
do, and pays only what no rule decides, as it did before.

Where the earlier share was low, twice of it is little: of one that approved one in twenty, three of 20
come about by chance within the first hundred of every second harmless change. So below `LOW` the
excess must also be rare by chance, among the last 20 or among all since the change, unless it is above
twice `LOW`: then it opens as it would for any policy. One that approves everything is stopped at 20 as
ever, one that approves somewhat too much soon shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reviewbot.core.guard_state import BREAKER_TOPIC, ApprovalWatch, GuardPost, GuardState
from reviewbot.domain.decision import Mode, State
from reviewbot.domain.errors import Halted, LedgerError
from reviewbot.domain.text import safe_line
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.safety import mix

CONFLICTS, CONFLICT_WINDOW = 5, timedelta(minutes=10)
"""More unexpected 409 than this, within this time."""

FAILING_SHARE = 0.01
"""More of a pass's things than this share whose evaluation fails."""

CONFLICT_NOTE = "409: "
"""How the note of an outcome begins that a 409 brought."""

SENT = frozenset({State.INTENT, State.PERFORMED, State.SETTLED, State.UNKNOWN})


def check(guard: GuardState, policy: str) -> None:
    """Raise Halted where the breaker of this policy, or of all, stands open; what a person has closed
    since is counted anew."""
    words = guard.words_on(BREAKER_TOPIC)
    for note in words:
        if stands_open(note) and note.subject in (policy, "all"):
            what = safe_line(str(note.value.get("what") or "a sign of something wrong"), 300)
            raise Halted(f"the breaker is open: {what}", by="breaker", subject=note.subject)
    if policy in guard.unwritten:
        what = guard.unwritten[policy]
        raise Halted(f"the breaker is open: {what}", by="breaker", subject=policy)
    if (watch := guard.watches.get(policy)) is not None:
        watch_closings(watch, words, policy)
    if (found := guard.mixes.get(policy)) is not None:
        mix.watch_closings(found, words, policy)


def open_breaker(
    post: GuardPost, policy: str, sign: str, what: str, *, field: str | None = None
) -> bool:
    """Stop a policy until a person resumes; give whether that was news. Only a bot that sends can be.

    `field` names what drifted, so that a person's word on it is remembered.
    """
    if post.mode is not Mode.LIVE or _is_open(post.guard.words_on(BREAKER_TOPIC), policy):
        return False
    now = post.clock.now()
    value = {"open": True, "sign": sign, "what": what, "field": field}
    post.guard.unwritten[policy] = what
    try:
        post.ledger.note(BREAKER_TOPIC, policy, value, now)
    except LedgerError as error:
        post.events("breaker not written", level="error", policy=policy, error=str(error))
    else:
        del post.guard.unwritten[policy]
    post.guard.refresh(post.ledger)
    post.events("breaker opened", level="error", policy=policy, sign=sign, what=what)
    return True


def close(ledger: Ledger, *, reason: str, who: str, now: datetime) -> tuple[LogNote, ...]:
    """Close every open breaker; give those that stood open. Raises LedgerUnwritable."""
    stood = tuple(note for note in ledger.notes(BREAKER_TOPIC) if stands_open(note))
    for note in stood:
        value = {
            **note.value,
            "open": False,
            "opened": note.seq,
            "who": who,
            "closed_reason": reason,
        }
        ledger.note(BREAKER_TOPIC, note.subject, value, now)
    return stood


def watch_closings(watch: ApprovalWatch, words: Iterable[LogNote], policy: str) -> None:
    """Begin to count anew where a person has closed the breaker since."""
    for note in words:
        if note.subject == policy and note.value.get("open") is False and note.seq > watch.closed:
            watch.closed = note.seq
            watch.begin_anew()


def conflicted(post: GuardPost, policy: str) -> None:
    """Count a 409 that nobody expected; too many in a short time open the breaker."""
    since = post.clock.now() - CONFLICT_WINDOW
    found = sum(
        logged.state is State.OVERTAKEN and (logged.note or "").startswith(CONFLICT_NOTE)
        for logged in post.ledger.decided(policy, since)
    )
    if found > CONFLICTS:
        minutes = CONFLICT_WINDOW // timedelta(minutes=1)
        what = f"{found} tasks turned out to be decided by someone else in {minutes} minutes"
        open_breaker(post, policy, "conflicts", what)


def failing(post: GuardPost, policy: str, failed: int, judged: int) -> None:
    """Open the breaker where the policy breaks on more than one thing, and on more than its share."""
    if failed > 1 and failed > FAILING_SHARE * judged:
        what = f"its evaluation failed on {failed} of {judged} tasks"
        open_breaker(post, policy, "evaluation", what)


def stands_open(note: LogNote) -> bool:
    """Whether a word of this topic says that a breaker is open; what cannot be read does."""
    return note.value.get("open") is not False


def _is_open(words: Iterable[LogNote], policy: str) -> bool:
    return any(note.subject == policy and stands_open(note) for note in words)
