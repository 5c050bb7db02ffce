"""Probation: a changed policy shows what it does before it may do much of it.

Theory of operation. When a policy takes over from an earlier revision of the same name, a note says
so: what changed, in words, and which rules are new or changed. Those rules send at most `AN_HOUR`
approvals in 60 minutes until that many are through, that is, until so many have stood for an hour
in which somebody could have stopped the bot. The first revision of a ledger has nothing to be
compared with and is free. All of it is in the log, so a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from reviewbot.core import guard_state
from reviewbot.core.guard_state import ApprovalWatch, GuardPost, PolicyChange, Trial
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.decision import DEADLINE, Mode, decision_id
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.domain.text import iso, parse_iso
from reviewbot.policy.explain.summary import read_change
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.change import changed_rules
from reviewbot.ports.ledger import Ledger, LogNote, StoredPolicy
from reviewbot.ports.queue import Clock
from reviewbot.safety import breaker, mix

TOPIC = "probation"

MOST_SENTENCES = 60
"""Sentences of a change that are kept; a policy turned upside down needs no longer record."""


def change_of(note: LogNote) -> PolicyChange | None:
    """Read a note of this topic; None where it is none."""
    try:
        return msgspec.convert(
            note.value | {"since": parse_iso(note.value["since"])}, PolicyChange, strict=False
        )
    except (KeyError, TypeError, ValueError, msgspec.ValidationError):
        return None


def newest_change(ledger: Ledger, policy: str) -> PolicyChange | None:
    """How the policy that ran last under this name took over."""
    found = [change_of(note) for note in ledger.notes(TOPIC) if note.subject == policy]
    return found[0] if found else None


def activate(
    post: GuardPost, policy: Policy, running: frozenset[str], *, is_first: bool
) -> PolicyChange:
    """Note that this revision judges from now on, unless it is the one that did; give the change.

    `running` names all policies that are to judge, `is_first` says that the ledger has known none.
    """
    last = newest_change(post.ledger, policy.name)
    if last is not None and last.revision == policy.revision:
        return last
    if is_first:
        change = PolicyChange(revision=policy.revision, since=post.clock.now(), over=True)
    else:
        before = earlier(post.ledger, policy, running)
        change = _changed(post.ledger, post.clock, policy, before)
        _say_change(post.events, policy, change)
    post.ledger.note(TOPIC, policy.name, _value(change), post.clock.now())
    return change


def earlier(ledger: Ledger, policy: Policy, running: frozenset[str]) -> StoredPolicy | None:
    """The revision whose place this one takes, where it is another one.

    That is the last one of the same name, or else the last of those that no longer run: a policy
    that is given another name is still the same policy.
    """
    last = newest_change(ledger, policy.name)
    if last is not None:
        return None if last.revision == policy.revision else ledger.policy(last.revision)
    stored = [past for past in ledger.policies() if past.revision != policy.revision]
    same = [past for past in stored if past.name == policy.name]
    gone = [past for past in stored if past.name not in running and _judges_alike(past, policy)]
    candidates = same or gone
    return candidates[-1] if candidates else None


def _judges_alike(stored: StoredPolicy, policy: Policy) -> bool:
    old = parsed(stored)
    return old is not None and old.applies_to.review == policy.applies_to.review


def _say_change(events: Events, policy: Policy, change: PolicyChange) -> None:
    before = (change.before or "")[:8] or "nothing"
    events(
        "policy changed",
        level="warning",
        policy=policy.name,
        before=before,
        revision=policy.revision[:8],
        rules=change.rules,
        said=change.said,
    )


def tell_change(
    notifier: Notifier, policy: str, change: PolicyChange, moves: Iterable[str]
) -> None:
    """Tell people that a changed policy judges, and what it moves."""
    moved = tuple(moves)
    before = (change.before or "")[:8] or "nothing"
    notifier.notify(
        AlarmKind.PROBATION,
        f"{policy} changed from {before} to {change.revision[:8]}:"
        f" {len(change.rules)} new or changed rules are on probation. {' '.join(moved)}",
        subject=change.revision,
        urgency="info",
        again=None,
        said=[*change.said, *moved],
    )


def parsed(stored: StoredPolicy) -> Policy | None:
    """Read a stored revision again; None where this version of the language no longer can."""
    from reviewbot.core.revisions import judge_of  # the parser is not needed to pause a bot

    try:
        return judge_of(stored).policy
    except PolicyInvalid:
        return None


def put_on_trial(post: GuardPost, policy: Policy, change: PolicyChange) -> None:
    """Take up the watch and the probation of a policy where the log says they stand."""
    name = policy.name
    post.guard.watches.pop(name, None)
    post.guard.trials.pop(name, None)
    if post.mode is Mode.LIVE:
        post.guard.mixes[name] = mix.recall(post.ledger, policy, post.clock.now())
    if change.before is None or change.over:
        return
    watch = ApprovalWatch(
        revision=policy.revision, share=change.share, passes_over=_unchanged_fallback(change.rules)
    )
    trial = _trial(post.ledger, policy, change)
    breaker.watch_closings(watch, post.ledger.story(guard_state.BREAKER_TOPIC, name), name)
    decided = post.ledger.decided(name, change.since)
    # What was first written down before a person closed the breaker has been looked at.
    for logged in sorted(decided, key=lambda logged: (logged.seq > watch.closed, logged.state_at)):
        decision = logged.decision
        if decision.revision != policy.revision or decision.decided_by is not None:
            continue
        wanted = decision.meant
        name_of_it = decision_id(decision.review, decision.task_id, decision.epoch, wanted)
        watch.add(name_of_it, decision.rule, wanted.pays)
        if logged.seq <= watch.closed:
            watch.begin_anew()
    if (what := watch.sign()) is not None:
        breaker.open_breaker(post, name, "approvals", what)
    if not watch.is_over:
        post.guard.watches[name] = watch
    if trial.rules:
        post.guard.trials[name] = trial


def trial_on(ledger: Ledger, policy: Policy) -> Trial | None:
    """The probation that a policy is on by the log; None where it is on none."""
    change = newest_change(ledger, policy.name)
    if change is None or change.before is None or change.over:
        return None
    if change.revision != policy.revision or not change.rules:
        return None
    return _trial(ledger, policy, change)


def _trial(ledger: Ledger, policy: Policy, change: PolicyChange) -> Trial:
    trial = Trial(change, frozenset(change.rules))
    for logged in ledger.decided(policy.name, change.since):
        decision = logged.decision
        if decision.revision != policy.revision or decision.decided_by is not None:
            continue
        if logged.state in breaker.SENT:
            trial.add(decision.action, decision.rule, logged.intended_at or logged.state_at)
    return trial


def finish(post: GuardPost, policy: str) -> None:
    """Note that the probation of a policy is over, where it is."""
    trial = post.guard.trials.get(policy)
    if trial is None or not trial.is_over(post.clock.now()):
        return
    del post.guard.trials[policy]
    if policy not in post.guard.watches:
        change = msgspec.structs.replace(trial.change, over=True)
        post.ledger.note(TOPIC, policy, _value(change), post.clock.now())
    post.events("probation is over", policy=policy, revision=trial.change.revision[:8])


def _changed(
    ledger: Ledger, clock: Clock, policy: Policy, before: StoredPolicy | None
) -> PolicyChange:
    old = None if before is None else parsed(before)
    name = policy.name if before is None else before.name
    rules = tuple(sorted(changed_rules(old, policy)))
    passes_over = _unchanged_fallback(rules)
    share, decisions = _baseline(ledger, name, clock.now(), passes_over)
    return PolicyChange(
        revision=policy.revision,
        since=clock.now(),
        before="" if before is None else before.revision,
        rules=rules,
        said=said_of_change(old, policy),
        share=share,
        decisions=decisions,
    )


def said_of_change(old: Policy | None, new: Policy) -> tuple[str, ...]:
    """What a change does, in sentences."""
    if old is None:
        return ("There is no earlier revision that can be read; every rule counts as new.",)
    return read_change(old, new)[:MOST_SENTENCES]


def _unchanged_fallback(rules: Iterable[str]) -> frozenset[str]:
    return frozenset({DEADLINE}) - frozenset(rules)


def _baseline(
    ledger: Ledger, policy: str, now: datetime, passes_over: frozenset[str]
) -> tuple[float | None, int]:
    """The share of approvals among what was lately decided; None where that is too little."""
    since = now - timedelta(days=guard_state.BASELINE_DAYS)
    actions = [
        logged.decision.meant
        for logged in ledger.decided(policy, since)
        if logged.decision.decided_by is None and logged.decision.rule not in passes_over
    ]
    if len(actions) < guard_state.BASELINE_LEAST:
        return None, len(actions)
    return sum(action.pays for action in actions) / len(actions), len(actions)


def _value(change: PolicyChange) -> dict[str, Any]:
    return msgspec.structs.asdict(change) | {"since": iso(change.since)}
