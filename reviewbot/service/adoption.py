"""Adoption: which policies judge from the next pass on, and what a changed one must show first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reviewbot.domain.review import ReviewKind
from reviewbot.service import probation
from reviewbot.service.app import App
from reviewbot.service.revisions import judge_of

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge


def adopt(app: App, judges: Iterable[Judge], *, remember: bool = True) -> None:
    """Let these policies judge from the next pass on, instead of those that did.

    Each is written down with what it changes (`remember`). Where the settings ask for it, a changed
    one waits until a person accepts it, and the revision before goes on.
    """
    judges = tuple(judges)
    if remember:
        judges = _admit(app, judges)
        for judge in judges:
            app.ledger.remember_policy(judge.policy, app.clock.now())
    of_kind: dict[ReviewKind, list[Judge]] = {}
    for judge in judges:
        of_kind.setdefault(judge.policy.applies_to.review, []).append(judge)
    benches = []
    for review, theirs in of_kind.items():
        bench = app.bench(review) or app.make_bench(review)
        bench.judges = tuple(theirs)
        benches.append(bench)
    app.benches = tuple(benches)


def adopt_accepted(app: App) -> None:
    """Let a policy judge that a person has accepted since the last pass."""
    waiting = {judge.policy.name: judge for judge in app.guard.waiting}
    if not any(probation.is_accepted(app.ledger, j.policy.revision) for j in waiting.values()):
        return
    running = [judge for bench in app.benches for judge in bench.judges]
    adopt(app, [waiting.get(judge.policy.name, judge) for judge in running])


def _admit(app: App, judges: tuple[Judge, ...]) -> tuple[Judge, ...]:
    """Those that may run: each itself, or the revision that it has to wait behind."""
    app.guard.waiting = ()
    app.guard.refresh(app)
    is_first = not app.ledger.policies()
    names = frozenset(judge.policy.name for judge in judges)
    admitted = []
    for judge in judges:
        chosen, policy = judge, judge.policy
        before = probation.earlier(app.ledger, policy, names)
        if (
            app.guard.require_ack
            and before is not None
            and not probation.is_accepted(app.ledger, policy.revision)
        ):
            probation.ask_acceptance(app, policy, before)
            app.guard.waiting += (judge,)
            chosen = judge_of(before)
        change = probation.activate(app, chosen.policy, names, is_first=is_first)
        probation.put_on_trial(app, chosen.policy, change)
        admitted.append(chosen)
    return tuple(admitted)
