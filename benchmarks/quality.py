"""How good the policies we ship are, and how good their grades: a simulated month, where the truth is known.

    python benchmarks/quality.py [--days 30] [--seeds 3] [--per-hour 2] [--write]

Each policy reviews the same month by itself, live, with a desk that answers some questions in office
hours and errs now and then; the checker stops short in some of its scrapes. Then the same month again with a
policy that asks people about everything, while all others speak in its shadow. What was there when a
decision was made is read from the simulator: the comment was posted by the right account with the
right text, and the platform had not removed it. With `--write` the figures are kept in
docs/benchmarks/quality.json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a benchmark
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.kept import keep
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import DEADLINE, DONE, Action, Mode
from reviewbot.domain.text import Secret
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import (
    TOPICS,
    Graded,
    RuleScore,
    Scorecard,
    graded_claims,
    scorecard,
)
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review import shadow
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import poll_once
from reviewbot.review.reconcile import follow_up
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.model import Choices, Task
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

ROOT = Path(__file__).resolve().parent.parent
POLICIES = {
    "starter": ROOT / "policies" / "starter.yaml",
    "vendor-sample": ROOT / "policies" / "vendor-sample.yaml",
    **{
        name: ROOT / "reviewbot" / "policy" / "templates" / f"{name}.yaml"
        for name in ("cautious", "trusting", "desk")
    },
}
ASKS = b"""
policy: asks
language: 1
rules:
  - name: a person looks
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""
EVERY = 2 * HOUR
"""Seconds between two polls; a real bot polls each minute, but nothing here is that near its end."""
SHORT_READS = 0.03
"""Share of scrapes that stop early, so that the checker misses what is there."""
ERRS = 0.02
"""Share of a person's answers that are mistaken."""
Round = tuple[str, str | None]


@dataclass(kw_only=True)
class Month:
    """A month that one policy reviewed, and what was really there in each round."""

    world: World
    ledger: SqlLedger
    there: dict[Round, bool] = field(default_factory=dict)
    removed: set[Round] = field(default_factory=set)
    """Rounds whose comment was posted as ordered, and removed by the platform."""
    provable: set[Round] = field(default_factory=set)
    """Rounds whose newest check shows that the ordered comment is not there."""
    asked: set[Round] = field(default_factory=set)
    answered: int = 0

    def note_truth(self) -> None:
        """Remember what is there in every round that waits; nobody posts while it waits."""
        for task in self.world.waiting():
            key = (task.id, self.world.epoch(task))
            if key in self.there:
                continue
            truth = self.world.truth(task.id)
            self.there[key] = truth.deserved and not truth.removed
            if truth.deserved and truth.removed:
                self.removed.add(key)
            if not self.there[key] and _shown_missing(task):
                self.provable.add(key)

    def card(self) -> Scorecard:
        """The scorecard of the whole month."""
        return scorecard(self.ledger.decisions(), self.ledger.endings(), self.ledger.notes(*TOPICS))

    def graded(self) -> Sequence[Graded]:
        """Every claim of the month with its grade."""
        return graded_claims(
            self.ledger.decisions(), self.ledger.endings(), self.ledger.notes(*TOPICS)
        )


class Desk:
    """A person who answers so many questions a poll, Monday to Friday 9 to 17 h, and errs sometimes."""

    def __init__(self, month: Month, app: BotContext, a_turn: int, seed: int) -> None:
        self._month, self._app, self._a_turn = month, app, a_turn
        self._chance = Random(seed)

    def work(self) -> None:
        """Answer the most urgent questions."""
        self._month.note_truth()
        now = self._app.clock.now()
        questions = open_questions(self._app.ledger, now)
        for one in questions:
            self._month.asked.add((one.sighting.task_id, one.sighting.epoch))
        if now.weekday() > 4 or not 9 <= now.hour < 17:
            return
        for one in questions[: self._a_turn]:
            there = self._month.there[(one.sighting.task_id, one.sighting.epoch)]
            says_there = there != (self._chance.random() < ERRS)
            reply = PersonAnswer(
                action=Action.APPROVE if says_there else Action.DISPUTE,
                who="desk",
                text=None if says_there else "I have looked: your comment is not under the video.",
                repeat=True,
            )
            self._month.answered += answer(self._app, one, reply).done


def live_through(
    source: Path | bytes,
    *,
    seed: int,
    days: float,
    per_hour: float = 6.0,
    desk: float = 2.0,
    shadows: Iterable[Path] = (),
    every: float = EVERY,
) -> Month:
    """Review a simulated month by one policy, others in its shadow; give what was seen and true.

    `desk` is how many questions people answer in an office hour.
    """
    world = build_world(
        "week", seed=seed, per_hour=per_hour, choices=Choices(short_reads=SHORT_READS)
    )
    assert isinstance(world.clock, VirtualClock)
    month = Month(world=world, ledger=open_ledger("memory:"))
    app = build(
        Settings(api_key=Secret("sk_" + "0" * 64), mode=Mode.LIVE),
        judges=[judge_of(source)],
        transport=SimulatorTransport(world),
        clock=world.clock,
        ledger=month.ledger,
        chance=lambda: 0.5,
    )
    for path in shadows:
        shadow.start(month.ledger, judge_of(path).policy, who="benchmark", now=app.clock.now())
    person = Desk(month, app, round(desk * every / HOUR), seed)
    end = world.clock.monotonic() + days * 24 * HOUR
    while (start := world.clock.monotonic()) < end:
        month.note_truth()
        poll_once(app)
        person.work()
        follow_up(app)
        world.clock.sleep(every - (world.clock.monotonic() - start))
    return month


def judge_of(source: Path | bytes) -> Judge:
    """Compile a policy that must be usable."""
    text = source.read_bytes() if isinstance(source, Path) else source
    parsed = parse_policy(text, path="quality.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def _shown_missing(task: Task) -> bool:
    last = task.attempts[-1] if task.attempts else None
    if last is None:
        return False
    read = last.comments_scraped or 0
    return last.outcome_kind in ("wrong_text", "wrong_account") or (
        last.outcome_kind == "couldnt_verify" and 1 <= read <= 99
    )


# How good a policy is ------------------------------------------------------------------------


def outcome(month: Month) -> Counter[str]:
    """What became of each round that ended, by what was there: `there paid by rule`, …"""
    counts: Counter[str] = Counter()
    ends: dict[Round, str] = {}
    for logged in month.ledger.decisions():
        decision = logged.decision
        if logged.state in DONE:
            by = "person" if decision.decided_by else "rule"
            by = "fallback" if decision.rule == DEADLINE and by == "rule" else by
            what = "paid" if decision.action.pays else "sent back"
            ends[decision.task_id, decision.epoch] = f"{what} by {by}"
    for ending in month.ledger.endings():
        if ending.by in ("silence", "leave") and ending.review == "comments":
            ends.setdefault((ending.task_id, ending.epoch), "paid by silence")
    for key, end in ends.items():
        if key not in month.there:
            continue
        kind = "there" if month.there[key] else "removed" if key in month.removed else "missing"
        counts[f"{kind} {end}"] += 1
        if key in month.provable:
            counts[f"provable {end}"] += 1
    counts["rounds"] = sum(key in month.there for key in ends)
    counts["asked"] = len(month.asked)
    counts["answered"] = month.answered
    return counts


def policy_figures(counts: Counter[str]) -> dict[str, Any]:
    """The shares that say how good a policy is, in percent, with the counts they come from."""

    def share(kind: str, *ends: str) -> float | None:
        total = sum(n for name, n in counts.items() if name.startswith(f"{kind} "))
        hits = sum(
            n
            for name, n in counts.items()
            if name.startswith(f"{kind} ")
            and any(name[len(kind) + 1 :].startswith(end) for end in ends)
        )
        return round(100 * hits / total, 1) if total else None

    return {
        "rounds": counts["rounds"],
        "there: paid %": share("there", "paid"),
        "there: sent back by a rule %": share("there", "sent back by rule"),
        "missing: sent back %": share("missing", "sent back"),
        "provably missing: sent back %": share("provable", "sent back"),
        "provably missing: paid by a rule %": share("provable", "paid by rule"),
        "missing: paid by a rule %": share("missing", "paid by rule"),
        "missing: paid by fallback or silence %": share(
            "missing", "paid by fallback", "paid by silence"
        ),
        "questions a 100 rounds": round(100 * counts["asked"] / max(1, counts["rounds"]), 1),
        "answered %": round(100 * counts["answered"] / max(1, counts["asked"]), 1),
        "paid by silence": sum(n for name, n in counts.items() if name.endswith("by silence")),
    }


# How good the grades are ---------------------------------------------------------------------


@dataclass(kw_only=True)
class Confusion:
    """Grades against the truth."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(grade, whether the claim was truly right or wrong) → claims."""
    cards: int = 0
    covered: int = 0
    covered_all: int = 0

    def add(self, month: Month) -> None:
        """Hold every grade of a month against what was there."""
        truly: dict[tuple[str, str, Action], list[bool]] = {}
        of_answered: dict[tuple[str, str, Action], list[bool]] = {}
        for one in month.graded():
            there = month.there.get((one.claim.task_id, one.claim.epoch))
            if there is None:
                continue
            wrong = one.claim.action.pays is not there
            self.counts[one.grade.value, "wrong" if wrong else "right"] += 1
            key = (one.claim.voice, one.claim.rule, one.claim.action)
            truly.setdefault(key, []).append(wrong)
            if one.found is not None:
                of_answered.setdefault(key, []).append(wrong)
        for card in month.card().cards:
            key = (card.voice, card.rule, card.action)
            if key in truly and card.answered >= 10:
                self.cards += 1
                self.covered += _covers(card, of_answered[key])
                self.covered_all += _covers(card, truly[key])

    def figures(self) -> dict[str, Any]:
        """Precision, recall, how much is answered at all, and how often the intervals hold."""
        known = {name: self.counts[name, "right"] + self.counts[name, "wrong"] for name in Grade}
        total = sum(known.values())
        against = [g for g in Grade if g.against]
        hits = sum(self.counts[g, "wrong"] for g in against)
        wrong = sum(self.counts[g, "wrong"] for g in Grade)
        wrong_answered = wrong - self.counts[Grade.CANNOT_KNOW, "wrong"]
        return {
            "claims": total,
            "truly wrong": wrong,
            "grades": {
                grade.value: {
                    "truly right": self.counts[grade, "right"],
                    "truly wrong": self.counts[grade, "wrong"],
                }
                for grade in Grade
            },
            "answered %": _percent(total - known[Grade.CANNOT_KNOW], total),
            "precision of graded wrong %": _percent(hits, sum(known[g] for g in against)),
            "recall among the answered %": _percent(hits, wrong_answered),
            "recall among all %": _percent(hits, wrong),
            "cards with 10 answers or more": self.cards,
            "interval holds for the answered %": _percent(self.covered, self.cards),
            "interval holds for all its decisions %": _percent(self.covered_all, self.cards),
        }


def _covers(card: RuleScore, wrong: Sequence[bool]) -> bool:
    low, high = card.interval
    return low <= sum(wrong) / len(wrong) <= high


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


# All of it -----------------------------------------------------------------------------------


def measure(days: float, seeds: int, per_hour: float) -> dict[str, Any]:
    """Every policy over every seed."""
    policies: dict[str, Any] = {}
    live = Confusion()
    for name, path in POLICIES.items():
        counts: Counter[str] = Counter()
        for seed in range(seeds):
            month = live_through(path, seed=seed, days=days, per_hour=per_hour)
            counts += outcome(month)
            live.add(month)
        policies[name] = policy_figures(counts)
        print(name, f"{time.process_time():.0f} s", policies[name], flush=True)
    beside = Confusion()
    for seed in range(seeds):
        beside.add(
            live_through(
                ASKS,
                seed=seed,
                days=days,
                per_hour=per_hour,
                desk=12.0,
                shadows=POLICIES.values(),
            )
        )
    return {
        "days": days,
        "seeds": seeds,
        "tasks an hour": per_hour,
        "policies": policies,
        "grades of what rules did, live": live.figures(),
        "grades of what rules said, in the shadow": beside.figures(),
    }


def main() -> None:
    """Parse the options, measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=float, default=30.0)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--per-hour", type=float, default=2.0)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    found = measure(chosen.days, chosen.seeds, chosen.per_hour)
    for name in ("grades of what rules did, live", "grades of what rules said, in the shadow"):
        print(name)
        for what, value in found[name].items():
            print(f"  {what:40} {value}")
    if chosen.write:
        print(keep("quality", found))


if __name__ == "__main__":
    main()
