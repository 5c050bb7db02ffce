"""Mix: how much of all a policy approves, held against its own last 30 days.

Theory of operation. A policy that nobody changed may still go wrong: a checker that sees nothing any
more, an API that says less. Then what used to be sent back is paid. So of each round the first
answer counts, once, and the newest of them are held against those before. What first waited, or was
asked, and is answered otherwise later does not count again: after an outage such answers come in
bunches, and say that the checker is well. The fallback does not count either: it comes as deadlines
do, and pays what no rule decides.

Answers come in batches (an account, a campaign), and the test is made at every one of them for
months, so it is a strict one: most of the newest approve, more than twice the earlier share, and so
many that chance would hardly ever bring them about, where answers stick together as they did before.
What a person has looked at is the beginning of another baseline.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reviewbot.core import guard_state
from reviewbot.core.guard_state import MIX_BASELINE, MIX_SIGN, Mix
from reviewbot.core.pipeline import Reviewed
from reviewbot.domain.decision import DEADLINE, Action, State
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger, Logged, LogNote


def is_first(review: Reviewed, before: Logged | None) -> bool:
    """Whether a review gave its round the first answer, and wrote it down; to wait is none."""
    verdict = review.verdict
    if verdict is None or verdict.rule == DEADLINE or verdict.action is Action.WAIT:
        return False
    if not isinstance(review.outcome, State):
        return False
    if before is None or before.decision.epoch != review.item.epoch:
        return True
    return before.decision.action is Action.WAIT


def recall(ledger: Ledger, policy: Policy, now: datetime) -> Mix:
    """The mix of a policy as the log holds it: its present revision's first answers."""
    mix = Mix()
    watch_closings(mix, ledger.story(guard_state.BREAKER_TOPIC, policy.name), policy.name)
    known: set[tuple[str, str, str | None]] = set()
    decided = ledger.decided(policy.name, now - MIX_BASELINE)
    for logged in sorted(decided, key=lambda logged: logged.seq):
        decision = logged.decision
        key = (decision.review, decision.task_id, decision.epoch)
        if decision.action is Action.WAIT or decision.decided_by is not None or key in known:
            continue
        known.add(key)
        if (
            decision.rule != DEADLINE
            and decision.revision == policy.revision
            and logged.seq > mix.closed
        ):
            mix.add(decision.decided_at, decision.meant.pays)
    return mix


def watch_closings(mix: Mix, words: Iterable[LogNote], policy: str) -> None:
    """Begin anew where a person has closed the breaker since that opened for too many approvals."""
    for note in words:
        if (
            note.subject == policy
            and note.value.get("open") is False
            and note.value.get("sign") in (MIX_SIGN, "approvals")
            and note.seq > mix.closed
        ):
            mix.closed = note.seq
            mix.begin_anew()
