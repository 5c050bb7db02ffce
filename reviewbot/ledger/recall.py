"""What rows tell when they are asked as a history: of one thing, of one account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.lifecycle import CLAIMED, DONE, OPEN, State
from reviewbot.ledger.rows import DecisionRow, from_micros, logged
from reviewbot.policy.facts import AccountHistory, History
from reviewbot.ports import Memory

ACCOUNT_MEMORY = timedelta(days=30)
"""How far back the figures of an account reach."""

COUNTED = tuple(sorted(state.value for state in DONE | OPEN))
"""What an account's figures and the caps count: done by us, or perhaps done."""

_DONE = frozenset(state.value for state in DONE)
_SENT = frozenset(COUNTED)
_CLAIMED = frozenset(state.value for state in CLAIMED)
_SENDS_BACK = frozenset(action.value for action in Action if action.sends_back)
UNDECIDED = (Action.ESCALATE.value, Action.WAIT.value)
"""What a person who answers does not overrule."""
PAYS = tuple(action.value for action in Action if action.pays)


def memory_of(decisions: Iterable[tuple[DecisionRow, Decision]]) -> Memory:
    """What is remembered of one thing, from all its decisions.

    A dispute counts once it is known to be done; a text counts as used as soon as it may have
    been sent, so that an unclear write never leads to the same words twice.
    """
    judged: dict[str, datetime] = {}
    disputes = 0
    last_dispute: int | None = None
    texts: list[tuple[int, str]] = []
    claims: dict[str, tuple[DecisionRow, Decision]] = {}
    newest: tuple[DecisionRow, Decision] | None = None
    for row, decision in decisions:
        if newest is None or row.recorded > newest[0].recorded:
            newest = (row, decision)
        judged[row.epoch] = max(judged.get(row.epoch, decision.decided_at), decision.decided_at)
        if row.state in _CLAIMED:
            claims[row.epoch] = (row, decision)
        if row.action not in _SENDS_BACK:
            continue
        if row.state in _DONE and (done_at := _done_at(row)) is not None:
            disputes += 1
            last_dispute = max(last_dispute or done_at, done_at)
        if row.state in _SENT and decision.reason is not None:
            texts.append((row.seq, decision.reason))
    if newest is not None:
        # What was held while somebody else acted on the round is not what became of it.
        newest = claims.get(newest[0].epoch, newest)
    return Memory(
        history=History(
            disputes=disputes,
            last_dispute_at=None if last_dispute is None else from_micros(last_dispute),
            texts=tuple(text for _, text in sorted(texts)),
        ),
        latest=logged(*newest) if newest else None,
        judged_at=judged,
        claimed=frozenset(claims),
    )


def _done_at(row: DecisionRow) -> int | None:
    """When it happened over there, as far as can be known.

    One that was only found done by reading happened right after its intent: what the verifier saw
    between the two belongs to the new round.
    """
    return row.intended_at if row.state == State.SETTLED else row.settled_at


def account_history(
    approvals: int, disputes: int, paid_micros: int, overruled: int
) -> AccountHistory:
    """The figures of one account; a share of nothing is unknown.

    They count what was intended in the last 30 days and is done, open or unclear. `overruled` are
    those by a person in a round for which the policy had decided something else; to answer a
    question or to end a wait overrules nobody.
    """
    decisions = approvals + disputes
    return AccountHistory(
        decisions_30d=decisions,
        disputes_30d=disputes,
        approvals_30d=approvals,
        dispute_share_30d=disputes / decisions if decisions else None,
        paid_30d=paid_micros / 1_000_000,
        overruled_30d=overruled,
    )
