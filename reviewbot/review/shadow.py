"""Shadow: a challenger policy answers beside the live one, never acts, and is compared.

Theory of operation. A person names a challenger; its text goes into the log like that of any policy,
so the bot needs no file to find it. Whenever the live policy's decision on a round is written down,
the challenger is asked about the same round at the same moment, with evidence of its own asking,
and its word is noted beside (topic `shadow says`), never as a decision: nothing that counts,
claims or sends reads that topic. Rules marked `shadow: yes` leave their word in the same place. A
later decision on the same round takes the place of the earlier one in the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.core.pipeline import Background, Events, Judged, ReviewPipeline
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import ApiError, UsageError
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import Impact, covers
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.queue import Clock
from reviewbot.review.fetch import evidence_for

TOPIC = "shadow"
"""Which challengers run, by the name of their policy."""

SAYS = "shadow says"
"""What was said beside a decision, by round and by who said it."""

RULE = "rule"
"""What a word of a live policy's own shadow rule begins with, in place of a challenger's name."""


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that runs in the shadow."""

    name: str
    revision: str
    path: str
    who: str
    since: datetime


def start(ledger: Ledger, policy: Policy, *, who: str, now: datetime) -> None:
    """Let a policy run in the shadow from the next poll on; it takes the place of its namesake."""
    ledger.remember_policy(policy, now)
    value = {"on": True, "revision": policy.revision, "path": policy.path, "who": who}
    ledger.note(TOPIC, policy.name, value, now)


def stop(ledger: Ledger, name: str | None, *, who: str, now: datetime) -> tuple[Challenger, ...]:
    """End one challenger, or all. Raises UsageError when there is none of that name."""
    ended = tuple(
        challenger for challenger in challengers(ledger) if name in (None, challenger.name)
    )
    if not ended:
        there = ", ".join(challenger.name for challenger in challengers(ledger)) or "none"
        raise UsageError(f"no policy {name or ''} runs in the shadow; those that do: {there}")
    for challenger in ended:
        value = {"on": False, "revision": challenger.revision, "path": challenger.path, "who": who}
        ledger.note(TOPIC, challenger.name, value, now)
    return ended


def challengers(ledger: Ledger) -> tuple[Challenger, ...]:
    """The policies that run in the shadow, by name."""
    return tuple(
        Challenger(
            name=note.subject,
            revision=str(note.value.get("revision", "")),
            path=str(note.value.get("path", "")),
            who=str(note.value.get("who", "")),
            since=note.at,
        )
        for note in ledger.notes(TOPIC)
        if note.value.get("on") is True
    )


def begin(
    ledger: Ledger, events: Events, benches: Sequence[ReviewPipeline], revisions: Revisions
) -> None:
    """Find the challengers of this pass; one whose text can no longer be read is said and left."""
    judges: list[Judge] = []
    for challenger in challengers(ledger):
        judge = revisions.judge(challenger.revision)
        if judge is None:
            events("shadow not readable", level="warning", policy=challenger.name)
            continue
        judges.append(judge)
    for bench in benches:
        bench.shadows = tuple(j for j in judges if j.policy.applies_to.review == bench.review)


def answer(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    bench: ReviewPipeline,
    judged: Judged,
    known: Background,
    decision: Decision,
) -> None:
    """Note what the challengers, and the live policy's own shadow rules, say beside a decision.

    Whatever goes wrong here is said, and touches nothing else.
    """
    for rule, action in judged.verdict.shadow:
        _note(ledger, events, decision, f"{RULE} {rule}", decision.revision, (action.value, rule))
    for judge in bench.shadows:
        policy = judge.policy
        if policy.revision == decision.revision:
            continue
        if not covers(policy.applies_to, judged.item.review, judged.item.subject):
            continue
        try:
            said = _asked(clock, bench, judged, known, judge)
        except ApiError as error:
            events("shadow not asked", level="warning", policy=policy.name, error=str(error))
            continue
        _note(ledger, events, decision, policy.name, policy.revision, said)


def _asked(
    clock: Clock, bench: ReviewPipeline, judged: Judged, known: Background, judge: Judge
) -> tuple[str, str]:
    facts = msgspec.structs.replace(judged.facts, full=())
    made = None if judged.evidence is not None else judge.triage(facts)
    if made is None and judged.evidence is None:
        held = evidence_for(clock, bench, judged.item, at_most=None)
        known = msgspec.structs.replace(known, full=())
        facts = known.facts(judged.item, facts.now, held.evidence)
    made = made or judge.judge(facts)
    return made.action.value, made.rule


def _note(
    ledger: Ledger,
    events: Events,
    decision: Decision,
    who: str,
    revision: str,
    said: tuple[str, str],
) -> None:
    subject = f"{decision.review}:{decision.task_id}:{decision.epoch}:{who}"
    value: dict[str, Any] = {
        "who": who,
        "revision": revision,
        "decision": decision.id,
        "live": [decision.action.value, decision.rule],
        "says": list(said),
        "task": decision.task_id,
        "account": decision.account_id,
        "micros": decision.amount_micros or 0,
    }
    ledger.note(SAYS, subject, value, decision.decided_at)
    events("shadow", shadow=True, task_id=decision.task_id, policy=who, says=said[0], rule=said[1])


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What one voice in the shadow said beside the live policy; `since` is its first word."""

    who: str
    revision: str
    since: datetime
    impact: Impact


def comparisons(ledger: Ledger) -> tuple[Comparison, ...]:
    """Compare every voice with the live decisions, round by round."""
    found: dict[tuple[str, str], Comparison] = {}
    for note, who, revision in _words(ledger.notes(SAYS)):
        one = found.get((who, revision))
        if one is None:
            one = Comparison(who=who, revision=revision, since=note.at, impact=Impact())
            found[(who, revision)] = one
        elif note.at < one.since:
            one = found[(who, revision)] = msgspec.structs.replace(one, since=note.at)
        value = note.value
        live, says = value["live"], value["says"]
        one.impact.add((live[0], live[1]), (says[0], says[1]), value["task"], value["micros"])
    return tuple(found[key] for key in sorted(found))


def _words(notes: Sequence[LogNote]) -> Iterator[tuple[LogNote, str, str]]:
    for note in notes:
        yield note, str(note.value["who"]), str(note.value["revision"])
