"""Adoption: which policies judge from the next pass on, and what a changed one must show first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import GuardState
from reviewbot.core.revisions import judge_of
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.errors import OutOfDate, UsageError
from reviewbot.domain.review import ReviewKind
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.change import loosened
from reviewbot.ports.ledger import Ledger, LogNote, StoredPolicy
from reviewbot.safety import impact, probation
from reviewbot.safety.probation import parsed, said_of_change

# ------------------------------------------------------------------------------------------------
# Acceptance: a changed policy that waits until people say that it may judge.
#
# Theory of operation. The settings may ask one person for every change, and two different ones for a
# change that raises or takes away a limit. Until so many have accepted, the revision before judges.
# Who has accepted is the newest word on the revision in the log; two who accept at the same moment
# both count.


TOPIC = "accept"

TRIES = 5
"""How often a word is tried again where somebody else's came first."""


def people_needed(guard: GuardState, before: StoredPolicy, policy: Policy) -> int:
    """How many people have to accept this change before it judges."""
    return 2 if guard.two_for_caps and _raises(before, policy) else int(guard.require_ack)


def _raises(before: StoredPolicy, policy: Policy) -> tuple[str, ...]:
    old = parsed(before)
    return ("the revision before can no longer be read",) if old is None else loosened(old, policy)


def accept(
    ledger: Ledger, revision: str, *, who: str, now: datetime, by_another: bool = False
) -> int:
    """Write down that a person accepts a revision; give how many more it waits for.

    With `by_another` nobody accepts what they proposed. Raises UsageError where this person may not, or
    has accepted it before, and `LedgerError`.
    """
    for _ in range(TRIES):
        asked = _newest(ledger, revision)
        value: dict[str, Any] = {} if asked is None else dict(asked.value)
        people = accepted_by(value)
        if by_another and who.casefold() == str(value.get("asked_by")).casefold():
            raise UsageError(f"{who} proposed it; another person has to accept it")
        if who.casefold() in {name.casefold() for name in people}:
            raise UsageError(f"{who} has accepted it already; another person has to")
        people = (*people, who)
        missing = max(0, needs(value) - len(people))
        value |= {"accepted": missing == 0, "who": who, "by": list(people)}
        try:
            ledger.note_all(
                TOPIC, {revision: value}, now, last={revision: asked.seq if asked else 0}
            )
        except OutOfDate:
            continue
        return missing
    raise OutOfDate(f"others keep writing on revision {revision[:8]}; try again")


def is_accepted(ledger: Ledger, revision: str, people: int) -> bool:
    """Whether so many people have accepted this revision."""
    word = _newest(ledger, revision)
    return people == 0 or (word is not None and len(accepted_by(word.value)) >= people)


def accepted_by(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Who has accepted a revision, by the word on it."""
    people = value.get("by")
    if isinstance(people, list):
        return tuple(str(name) for name in people)
    return (str(value.get("who")),) if value.get("accepted") is True else ()


def needs(value: Mapping[str, Any]) -> int:
    """How many people a revision was said to need."""
    count = value.get("needs")
    return count if isinstance(count, int) else 1


def waiting(ledger: Ledger) -> list[LogNote]:
    """The words on revisions that wait for a person, by revision."""
    return [note for note in ledger.notes(TOPIC) if note.value.get("accepted") is not True]


def _newest(ledger: Ledger, revision: str) -> LogNote | None:
    return next((note for note in ledger.notes(TOPIC) if note.subject == revision), None)


def disagreement(
    ledger: Ledger, policies: Iterable[Policy], *, require_ack: bool, two_for_caps: bool
) -> str | None:
    """Why these policies are not those that the ledger goes by; None where they are, or would wait.

    What people have to accept first harms nothing, and what a person has accepted is meant.
    """
    guard = GuardState(require_ack=require_ack, two_for_caps=two_for_caps)
    for policy in policies:
        change = probation.newest_change(ledger, policy.name)
        if change is None or change.revision == policy.revision:
            continue
        before = ledger.policy(change.revision)
        if before is not None and people_needed(guard, before, policy):
            continue
        if not is_accepted(ledger, policy.revision, 1):
            return (
                f"its policy {policy.name} is the revision {policy.revision[:8]}, the ledger goes by"
                f" {change.revision[:8]}"
            )
    return None


def adopt(app: BotContext, judges: Iterable[Judge], *, remember: bool = True) -> None:
    """Let these policies judge from the next pass on, instead of those that did.

    Each is written down with what it changes (`remember`). Where the settings ask for it, a changed
    one waits until a person accepts it, and the revision before goes on.
    """
    judges = tuple(judges)
    if remember:
        judges = _Admission(app).admit(judges)
    of_kind: dict[ReviewKind, list[Judge]] = {}
    for judge in judges:
        of_kind.setdefault(judge.policy.applies_to.review, []).append(judge)
    benches = []
    for review, theirs in of_kind.items():
        bench = app.bench(review) or app.make_bench(review)
        bench.judges = tuple(theirs)
        benches.append(bench)
    app.benches = tuple(benches)


def adopt_accepted(app: BotContext) -> None:
    """Let a policy judge that a person has accepted since the last pass."""
    waiting = app.guard.waiting
    if not any(
        is_accepted(app.ledger, judge.policy.revision, people) for judge, people in waiting.values()
    ):
        return
    running = [judge for bench in app.benches for judge in bench.judges]
    wanted = {name: judge for name, (judge, _) in waiting.items()}
    adopt(app, [wanted.get(judge.policy.name, judge) for judge in running])


def _is_first(ledger: Ledger, judges: tuple[Judge, ...]) -> bool:
    """Whether nothing has judged by this log yet; a text alone may be left of a start that failed."""
    mine = {judge.policy.revision for judge in judges}
    known = {stored.revision for stored in ledger.policies()}
    return known <= mine and not ledger.notes(probation.TOPIC)


def _waits_for(ledger: Ledger, guard: GuardState, judge: Judge, before: StoredPolicy) -> int:
    """For how many people's word it waits; 0 where nothing keeps it from running."""
    people = people_needed(guard, before, judge.policy)
    return 0 if is_accepted(ledger, judge.policy.revision, people) else people


@dataclass(frozen=True, slots=True)
class _Admission:
    """Policies on their way in: each is told, weighed and written down, or waits for people."""

    app: BotContext

    def admit(self, judges: tuple[Judge, ...]) -> tuple[Judge, ...]:
        """Those that may run: each itself, or the revision that it has to wait behind."""
        app, post = self.app, self.app.guard_post
        app.guard.waiting = {}
        app.guard.refresh(app.ledger)
        names = frozenset(judge.policy.name for judge in judges)
        is_first = _is_first(app.ledger, judges)
        admitted = []
        for judge in judges:
            before = probation.earlier(app.ledger, judge.policy, names)
            chosen = judge
            if before is not None and (people := _waits_for(app.ledger, app.guard, judge, before)):
                self._ask(judge, before, people)
                chosen = judge_of(before)
                app.guard.waiting[chosen.policy.name] = (judge, people)
            self._make_up(chosen.policy.name)
            app.ledger.remember_policy(chosen.policy, app.clock.now())
            change = probation.activate(post, chosen.policy, names, is_first=is_first)
            self._make_up(chosen.policy.name)
            probation.put_on_trial(post, chosen.policy, change)
            admitted.append(chosen)
        return tuple(admitted)

    def _make_up(self, policy: str) -> None:
        """Weigh how this policy last took over, where that is not in the log: now, or after a crash."""
        ledger, post = self.app.ledger, self.app.guard_post
        change = probation.newest_change(ledger, policy)
        if change is None or change.before is None:
            return
        known = impact.newest(ledger, policy)
        if known is not None and (known.revision, known.since) == (change.revision, change.since):
            return
        judge = self.app.revisions.judge(change.revision)
        if judge is not None:
            weighed = impact.weigh(post, self.app.revisions, judge, change.before, change.since)
            impact.record(post, policy, weighed)
            probation.tell_change(self.app.notifier, policy, change, weighed.sentences())

    def _ask(self, judge: Judge, before: StoredPolicy, people: int) -> None:
        """Say once that a revision waits for people, and what it would change."""
        ledger, policy = self.app.ledger, judge.policy
        known = _newest(ledger, policy.revision)
        if known is not None and needs(known.value) >= people:
            return
        now = self.app.clock.now()
        said = said_of_change(parsed(before), policy)
        raises = _raises(before, policy) if people > 1 else ()
        weighed = impact.weigh(self.app.guard_post, self.app.revisions, judge, before.revision, now)
        value = {
            "accepted": False,
            "policy": policy.name,
            "before": before.revision,
            "said": said,
            "weighed": impact.as_value(weighed),
            "needs": people,
            "raises": raises,
            "by": [] if known is None else list(accepted_by(known.value)),
        }
        ledger.note(TOPIC, policy.revision, value, now)
        self.app.events(
            "policy waits to be accepted",
            level="warning",
            policy=policy.name,
            running=before.revision[:8],
            revision=policy.revision[:8],
            people=people,
            raises=raises,
            said=said,
            weighed=tuple(weighed.sentences()),
        )
        whom = "a person says" if people == 1 else "two people say"
        why = f" (it raises {', '.join(raises)})" if raises else ""
        self.app.notifier.notify(
            AlarmKind.PROBATION,
            f"{policy.name} {policy.revision[:8]} waits{why}: {before.revision[:8]} runs until {whom}"
            f" reviewbot policy accept {policy.revision[:8]}",
            subject=policy.revision,
            urgency="warning",
            said=[*said, *weighed.sentences()],
        )
