"""Ladder: on which step each rule with a `stage:` stands, as the log says it, and who moves it.

Theory of operation. Each step is a word in the log on one rule of one policy, by name, over all its
revisions; a restart changes nothing. The first pass of a policy writes the step on which its rules
begin, and so does a change of `now:`: that is the author's own word. Everything else moves by
`move`: the program by what became of its decisions (`insights/ladder.py`), a person at any time. A
rule that a person holds, or that fell, is moved by nobody but a person. The step goes into the facts
of every judgement, so that it can be judged again wherever the rule stands by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, ReviewPipeline
from reviewbot.domain.alarm import EACH_TIME, AlarmKind
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import iso, parse_iso, safe_line
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.ladder import step_name
from reviewbot.policy.model import Policy, Rule
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.queue import Clock

TOPIC = "stage"
LONGEST_REASON = 300
Steps = tuple[tuple[str, float], ...]
"""Of each rule with a ladder, by its name: the share of tasks for which it decides."""


class RuleStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where one rule stands: since when, why, by whom (None: the program), and whether it stays there."""

    policy: str
    rule: str
    step: float
    begins: float
    """The step of the policy's text as this was written down."""
    since: datetime
    why: str
    who: str | None = None
    held: bool = False


def staged(policy: Policy) -> list[Rule]:
    """The rules that have a ladder."""
    return [rule for rule in policy.rules if rule.stage is not None]


def standings(ledger: Ledger, policy: Policy) -> dict[str, RuleStanding]:
    """Where the ladders of a policy stand, by rule; one on which there is no word yet is absent."""
    rules = staged(policy)
    if not rules:
        return {}
    words = {note.subject: note for note in ledger.notes(TOPIC)}
    found = {}
    for rule in rules:
        word = words.get(_subject(policy.name, rule.name))
        standing = None if word is None else _read(word)
        assert rule.stage is not None
        if standing is not None and standing.begins == rule.stage.now:
            found[rule.name] = standing
    return found


def all_standings(ledger: Ledger) -> list[RuleStanding]:
    """Where every ladder stands that the log knows, by policy and rule."""
    return [_read(word) for word in ledger.notes(TOPIC)]


def standing_of(ledger: Ledger, rule: str, policy: str | None = None) -> RuleStanding:
    """Where the rule of this name stands. Raises UsageError where that is none, or more than one."""
    found = [
        standing
        for standing in all_standings(ledger)
        if standing.rule == rule and policy in (None, standing.policy)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"several policies have a rule {safe_line(rule, 80)!r}: name one")
    raise UsageError(f"no rule with a ladder is called {safe_line(rule, 80)!r}")


def steps_of(ledger: Ledger, judges: Iterable[Judge]) -> dict[str, Steps]:
    """Where the ladders of these policies stand, by policy."""
    return {
        judge.policy.name: tuple(
            (name, standing.step) for name, standing in standings(ledger, judge.policy).items()
        )
        for judge in judges
        if staged(judge.policy)
    }


def begin(ledger: Ledger, clock: Clock, events: Events, benches: Iterable[ReviewPipeline]) -> None:
    """Find where every ladder stands as a pass begins; write down where new ones do."""
    now = clock.now()
    for bench in benches:
        for judge in bench.judges:
            known = standings(ledger, judge.policy)
            for rule in staged(judge.policy):
                if rule.name in known:
                    continue
                assert rule.stage is not None
                at = rule.stage.now
                first = RuleStanding(
                    policy=judge.policy.name,
                    rule=rule.name,
                    step=at,
                    begins=at,
                    since=now,
                    why="its policy begins here",
                )
                _write(ledger, first, now)
                _say(events, first)
        bench.stages = steps_of(ledger, bench.judges)


def move(
    ledger: Ledger,
    events: Events,
    notifier: Notifier,
    before: RuleStanding,
    step: float,
    why: str,
    *,
    held: bool,
) -> None:
    """Let a rule climb or fall; it is logged and told."""
    now = notifier.clock.now()
    after = msgspec.structs.replace(before, step=step, since=now, why=why, who=None, held=held)
    _write(ledger, after, now)
    _say(events, after)
    _tell(notifier, before, after)


def hold(
    ledger: Ledger, found: RuleStanding, *, held: bool, who: str, reason: str, now: datetime
) -> RuleStanding:
    """Keep a rule on its step, or let it move again. Raises UsageError without a reason."""
    word = "held" if held else "may move again"
    after = msgspec.structs.replace(
        found, held=held, who=who, why=f"{word}: {_reason(reason)}", since=found.since
    )
    if not held:  # what was seen before was seen by whoever lets it go on
        after = msgspec.structs.replace(after, since=now)
    _write(ledger, after, now)
    return after


def put(
    ledger: Ledger, found: RuleStanding, step: float, *, who: str, reason: str, now: datetime
) -> RuleStanding:
    """Put a rule on a step; there it stays until a person lets it move. Raises UsageError."""
    why = _reason(reason)
    after = msgspec.structs.replace(found, step=step, since=now, why=why, who=who, held=True)
    _write(ledger, after, now)
    return after


def _reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(f"say why, in 1 to {LONGEST_REASON} characters")
    return reason


def story(ledger: Ledger, policy: str, rule: str) -> Sequence[RuleStanding]:
    """Every step of one rule, oldest first."""
    return [_read(word) for word in ledger.story(TOPIC, _subject(policy, rule))]


def _subject(policy: str, rule: str) -> str:
    return f"{policy}:{rule}"


def _write(ledger: Ledger, standing: RuleStanding, now: datetime) -> None:
    value = msgspec.structs.asdict(standing) | {"since": iso(standing.since)}
    ledger.note(TOPIC, _subject(standing.policy, standing.rule), value, now)


def _read(word: LogNote) -> RuleStanding:
    value: Mapping[str, Any] = word.value
    return RuleStanding(
        policy=str(value["policy"]),
        rule=str(value["rule"]),
        step=float(value["step"]),
        begins=float(value["begins"]),
        since=parse_iso(str(value["since"])),
        why=str(value["why"]),
        who=None if value["who"] is None else str(value["who"]),
        held=value["held"] is True,
    )


def _say(events: Events, standing: RuleStanding) -> None:
    events(
        "stage",
        policy=standing.policy,
        rule=standing.rule,
        step=step_name(standing.step),
        why=standing.why,
        held=standing.held,
    )


def _tell(notifier: Notifier, before: RuleStanding, after: RuleStanding) -> None:
    fell = after.step < before.step
    stays = "; it stays there until a person lets it climb" if after.held else ""
    notifier.notify(
        AlarmKind.STAGE,
        f"Rule {safe_line(after.rule, 80)!r} of {after.policy} goes {'down' if fell else 'up'} from"
        f" {step_name(before.step)} to {step_name(after.step)}: {after.why}{stays}",
        subject=f"{after.policy}:{after.rule}",
        urgency="warning" if fell else "info",
        again=EACH_TIME,
        policy=after.policy,
        rule=after.rule,
        step=step_name(after.step),
    )
