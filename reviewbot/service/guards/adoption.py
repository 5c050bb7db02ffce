"""Adoption: which policies judge from the next pass on, and what a changed one must show first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reviewbot.domain.review import ReviewKind
from reviewbot.service.app import App
from reviewbot.service.guards import acceptance, probation, weighing
from reviewbot.service.revisions import judge_of

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.ports import StoredPolicy


def adopt(app: App, judges: Iterable[Judge], *, remember: bool = True) -> None:
    """Let these policies judge from the next pass on, instead of those that did.

    Each is written down with what it changes (`remember`). Where the settings ask for it, a changed
    one waits until a person accepts it, and the revision before goes on.
    """
    judges = tuple(judges)
    if remember:
        judges = _admit(app, judges)
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
    waiting = app.guard.waiting
    if not any(
        acceptance.is_accepted(app.ledger, judge.policy.revision, people)
        for judge, people in waiting.values()
    ):
        return
    running = [judge for bench in app.benches for judge in bench.judges]
    wanted = {name: judge for name, (judge, _) in waiting.items()}
    adopt(app, [wanted.get(judge.policy.name, judge) for judge in running])


def _admit(app: App, judges: tuple[Judge, ...]) -> tuple[Judge, ...]:
    """Those that may run: each itself, or the revision that it has to wait behind."""
    app.guard.waiting = {}
    app.guard.refresh(app.ledger)
    names = frozenset(judge.policy.name for judge in judges)
    is_first = _is_first(app, judges)
    admitted = []
    for judge in judges:
        before = probation.earlier(app.ledger, judge.policy, names)
        chosen = judge
        if before is not None and (people := _waits_for(app, judge, before)):
            acceptance.ask(app, judge, before, people)
            chosen = judge_of(before)
            app.guard.waiting[chosen.policy.name] = (judge, people)
        _make_up(app, chosen.policy.name)
        app.ledger.remember_policy(chosen.policy, app.clock.now())
        change = probation.activate(app, chosen.policy, names, is_first=is_first)
        _make_up(app, chosen.policy.name)
        probation.put_on_trial(app, chosen.policy, change)
        admitted.append(chosen)
    return tuple(admitted)


def _is_first(app: App, judges: tuple[Judge, ...]) -> bool:
    """Whether nothing has judged by this log yet; a text alone may be left of a start that failed."""
    mine = {judge.policy.revision for judge in judges}
    known = {stored.revision for stored in app.ledger.policies()}
    return known <= mine and not app.ledger.notes(probation.TOPIC)


def _waits_for(app: App, judge: Judge, before: StoredPolicy) -> int:
    """For how many people's word it waits; 0 where nothing keeps it from running."""
    people = acceptance.people_needed(app.guard, before, judge.policy)
    return 0 if acceptance.is_accepted(app.ledger, judge.policy.revision, people) else people


def _make_up(app: App, policy: str) -> None:
    """Weigh how this policy last took over, where that is not in the log: now, or after a crash."""
    change = probation.newest_change(app.ledger, policy)
    if change is None or change.before is None:
        return
    known = weighing.newest(app.ledger, policy)
    if known is not None and (known.revision, known.since) == (change.revision, change.since):
        return
    judge = app.revisions.judge(change.revision)
    if judge is not None:
        weighed = weighing.weigh(app, judge, change.before, change.since)
        weighing.record(app, policy, weighed)
        probation.tell_change(app, policy, change, weighed.sentences())
