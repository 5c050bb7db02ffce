"""Second look: what was decided while the checker was sick, marked so that a person finds it.

Theory of operation. That a checker is sick is known only after it has been: a guardrail holds once a
share of its last hour is bad, the breaker opens once too much was approved. What was sent on its word
until then stands. So those decisions get a word in the log, each once; it changes nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reviewbot.core import guard_state
from reviewbot.core.guard_state import GuardPost, Mix
from reviewbot.domain.decision import DEADLINE
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.safety import breaker

TOPIC = "second look"
"""The topic of the log under which the marks stand, by the id of the decision."""

HOUR = timedelta(hours=1)
"""How far back the share of failed checks looks, and so what it speaks of."""

BLIND = "far more was approved than before, as by a checker that sees nothing"

SICK = "the policy's pause said that the checker was sick"


def marked(ledger: Ledger, since: datetime | None = None) -> dict[str, str]:
    """Why each decision needs a second look, by its id; those marked since then, or all."""
    return {
        note.subject: str(note.value.get("why"))
        for note in ledger.notes(TOPIC)
        if since is None or note.at >= since
    }


def after_the_mix(post: GuardPost, policy: str, mix: Mix) -> None:
    """The breaker opened for too many approvals: those among the newest answers were made blind."""
    since = mix.newest[-min(len(mix.newest), guard_state.IN_A_ROW)][0]
    sent = post.ledger.decided(policy, since)
    _mark(post, (logged for logged in sent if logged.decision.action.pays), since, BLIND)


def while_it_is_sick(post: GuardPost, policy: str) -> None:
    """A pause by the checker's health holds: what the last hour sent was judged by such checks."""
    since = post.clock.now() - HOUR
    _mark(post, post.ledger.decided(policy, since), since, SICK)


def _mark(post: GuardPost, decided: Iterable[Logged], since: datetime, why: str) -> None:
    known = marked(post.ledger)
    words = {
        logged.decision.id: {"why": why, "task": logged.decision.task_id}
        for logged in decided
        if logged.state in breaker.SENT
        and logged.decision.decided_by is None
        and logged.decision.rule != DEADLINE
        and (logged.intended_at or logged.state_at) >= since
        and logged.decision.id not in known
    }
    if words:
        post.ledger.note_all(TOPIC, words, post.clock.now())
        post.events("second look", level="warning", decisions=len(words), why=why)
