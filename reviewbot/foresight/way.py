"""Way: what a round meets on its way through the policy's answers, and what holds it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.foresight.future import Kept, RoundAhead
from reviewbot.foresight.room import Stop
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.safety import seal
from reviewbot.safety.limits import decide_by
from reviewbot.safety.pauses import Hold


@dataclass(slots=True)
class Way:
    """What was met on the way through the answers: the last one, and what kept it back first and last."""

    said: Evaluation | None = None
    stop: Stop | None = None
    kept: Kept | None = None
    seal: tuple[str, datetime] | None = None
    """Of which rule a decision lies sealed, and up to when."""
    rests: bool = False
    """Whether no pass hurries for it: the last one left it to the timer, or would have sent it."""

    def go_on(self, said: Evaluation, *, is_sent: bool) -> None:
        """Come to the next answer; one that sends nothing ends a seal."""
        self.said, self.stop = said, None
        if not is_sent:
            self.rests = said.action is Action.LEAVE
        self.seal = self.seal if is_sent else None

    def is_sealed(self, wish: Decision, at: datetime) -> bool:
        """Whether a seal of its rule still runs."""
        return self.seal is not None and self.seal[0] == wish.rule and at < self.seal[1]

    def stopped(
        self, ahead: RoundAhead, judge: Judge, wish: Decision, at: datetime, stop: Stop | None
    ) -> Stop | None:
        """What keeps it back at `at`: `stop`, a person who cancelled it, or the seal of its rule."""
        stop = stop or _cancelled(ahead, wish)
        hold = seal.hold_of(judge.policy, wish.rule)
        if stop is not None or hold is None or ahead.facts is None:
            self.seal = None
            return stop
        since = self.seal[1] if self.seal is not None and self.seal[0] == wish.rule else None
        until = seal.sealed_until(hold, since, at, decide_by(judge, ahead.facts))
        if until is None:
            return None
        self.seal = (wish.rule, until)
        return Stop("sealed", seal.words_of(hold), until)


def sealed_in_log(ahead: RoundAhead) -> tuple[str, datetime] | None:
    """The seal that the log shows on a round."""
    last = None if ahead.latest is None else ahead.latest.decision
    if last is None or ahead.latest is None:
        return None
    until = seal.begun(ahead.latest, last, ahead.epoch)
    return None if until is None else (last.rule, until)


def _cancelled(ahead: RoundAhead, wish: Decision) -> Stop | None:
    """Who keeps back what a rule decides; the deadline still decides."""
    return None if wish.rule == DEADLINE else ahead.cancelled


def was_left(ahead: RoundAhead) -> bool:
    """Whether the log says that it is left to the timer on purpose."""
    return ahead.latest is not None and ahead.latest.decision.action is Action.LEAVE


def may_leave(judge: Judge | None, hold: Hold) -> bool:
    """Whether a bot that judges, though it sends nothing, may leave it to the timer on purpose."""
    if judge is None or hold.by == "bot":
        return False
    policy = judge.policy
    said = [rule.then.action for rule in policy.rules]
    said += [case.then.action for case in policy.deadline.fallbacks]
    return Action.LEAVE in said
