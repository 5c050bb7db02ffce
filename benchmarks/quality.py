"""How good the policies we ship are, and how good their grades: simulated months, where the truth is known.

    python -m benchmarks.quality [--days 30] [--seeds 10] [--tuned-on] [--per-hour 2] [--policy NAME …] [--population NAME …]
                                 [--whole NAME …] [--whole-days 14] [--whole-seeds 5] [--grades] [--write]

Each policy reviews the same months by itself: those of each population (`populations.py`), with a desk
that answers two questions in an office hour and errs in one of fifty answers. What was there when a
round began is read from the world, whatever is decided later:

* honest: the ordered comment stands under the video, from the ordered account, with the ordered text;
* provable miss: it does not, and the newest check read 1 to 99 comments, so all that stand there;
* open miss: it does not, and the checker failed, read nothing, a full page, or gave no count.

The months are those of seeds that no policy was tuned on; `--tuned-on` takes the others, to compare.
All policies are measured on the engine alone (`light.py`), those named by `--whole` also as the whole bot:
log, API, caps, hours, pauses and breakers. With `--grades` the mixed month is lived through again with a
policy that asks people about everything, while all others speak in its shadow: how true their grades are.
With `--write` the figures are kept in docs/benchmarks/quality.json; what is not measured again stays.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a benchmark
from typing import Any

from benchmarks.kept import keep
from benchmarks.light import counts_of
from benchmarks.populations import POPULATIONS, Kind, kind_of, world_of
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
from reviewbot.policy import starters
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review import shadow
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import poll_once
from reviewbot.review.reconcile import follow_up
from reviewbot.runtime.bootstrap import build
from reviewbot.safety import breaker
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

ROOT = Path(__file__).resolve().parent.parent
POLICIES = {
    "starter": ROOT / "policies" / "starter.yaml",
    "vendor-sample": ROOT / "policies" / "vendor-sample.yaml",
    **{
        name: ROOT / "reviewbot" / "policy" / "starters" / f"{name}.yaml"
        for name in starters.names()
        if name != "accounts"
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
ERRS = 0.02
"""Share of a person's answers that are mistaken."""
Round = tuple[str, str | None]
DAYS, PER_HOUR = 30.0, 2.0
"""How long a population is lived through, and how many tasks it orders an hour."""
TUNED_ON = range(10)
"""Seeds of the months in which the policies were tried while they were written: their figures flatter."""
HELD_OUT = range(100, 110)
"""Seeds of months that no policy was written for: the figures that are told."""


@dataclass(kw_only=True)
class Month:
    """A month that one policy reviewed, and what was really there in each round."""

    world: World
    ledger: SqlLedger
    kinds: dict[Round, Kind] = field(default_factory=dict)
    asked: set[Round] = field(default_factory=set)
    answered: int = 0
    stops: int = 0
    """How often the breaker stopped all, until a person in office hours let it go on."""

    def note_truth(self) -> None:
        """Remember what is there in every round that waits; nobody posts while it waits."""
        for task in self.world.waiting():
            key = (task.id, self.world.epoch(task))
            if key not in self.kinds:
                self.kinds[key] = kind_of(self.world, task)

    def there(self, key: Round) -> bool:
        """Whether the comment stood there as ordered in a round that was seen."""
        return self.kinds[key] is Kind.HONEST

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
        for question in questions:
            self._month.asked.add((question.sighting.task_id, question.sighting.epoch))
        if now.weekday() > 4 or not 9 <= now.hour < 17:
            return
        reason = "The desk has looked at what it did."
        stood = breaker.close(self._app.ledger, reason=reason, who="desk", now=now)
        self._month.stops += len(stood)
        for question in questions[: self._a_turn]:
            there = self._month.there((question.sighting.task_id, question.sighting.epoch))
            says_there = there != (self._chance.random() < ERRS)
            reply = PersonAnswer(
                action=Action.APPROVE if says_there else Action.DISPUTE,
                who="desk",
                text=None if says_there else "I have looked: your comment is not under the video.",
                repeat=True,
            )
            self._month.answered += answer(self._app, question, reply).done


def live_through(
    source: Path | bytes,
    *,
    seed: int,
    days: float,
    per_hour: float = 6.0,
    desk: float = 2.0,
    population: str = "mixed",
    shadows: Iterable[Path] = (),
    every: float = EVERY,
) -> Month:
    """Review a simulated month by one policy, others in its shadow; give what was seen and true.

    `desk` is how many questions people answer in an office hour.
    """
    world = world_of(POPULATIONS[population], seed=seed, per_hour=per_hour)
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
    folder = source.parent if isinstance(source, Path) else ROOT / "policies"
    text = source.read_bytes() if isinstance(source, Path) else source
    parsed = parse_policy(text, path="quality.yaml", read=lambda name: (folder / name).read_bytes())
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


# How good a policy is ------------------------------------------------------------------------


def outcome(month: Month) -> Counter[str]:
    """What became of each round that ended, by what was there: `honest paid by rule`, …"""
    counts: Counter[str] = Counter()
    ends: dict[Round, str] = {}
    for logged in month.ledger.decisions():
        decision = logged.decision
        if logged.state in DONE:
            by = "person" if decision.decided_by else "rule"
            by = "fallback" if decision.rule == DEADLINE and by == "rule" else by
            end = "paid" if decision.action.pays else "sent back"
            ends[decision.task_id, decision.epoch] = f"{end} by {by}"
    for ending in month.ledger.endings():
        if ending.by in ("silence", "leave") and ending.review == "comments":
            ends.setdefault((ending.task_id, ending.epoch), "paid by silence")
    for key, end in ends.items():
        if key in month.kinds:
            counts[f"{month.kinds[key]} {end}"] += 1
    counts["rounds"] = sum(key in month.kinds for key in ends)
    counts["asked"] = len(month.asked & ends.keys())
    counts["answered"] = month.answered
    counts["stops"] = month.stops
    return counts


def policy_figures(counts: Counter[str]) -> dict[str, Any]:
    """The shares that say how good a policy is, in percent, with the counts they come from."""

    def share(end: str, *kinds: Kind) -> float | None:
        ended: Counter[str] = Counter()
        for kind in kinds:
            for name, n in counts.items():
                if name.startswith(f"{kind} "):
                    ended[name.removeprefix(f"{kind} ")] += n
        return _percent(sum(n for name, n in ended.items() if name.startswith(end)), ended.total())

    misses = (Kind.PROVABLE, Kind.OPEN)
    return {
        "rounds": counts["rounds"],
        "honest: paid %": share("paid", Kind.HONEST),
        "honest: sent back by a rule %": share("sent back by rule", Kind.HONEST),
        "provable misses: sent back %": share("sent back", Kind.PROVABLE),
        "provable misses: paid by a rule %": share("paid by rule", Kind.PROVABLE),
        "all misses: sent back %": share("sent back", *misses),
        "open misses: paid by a rule %": share("paid by rule", Kind.OPEN),
        "questions per 100 rounds": _percent(counts["asked"], counts["rounds"]),
        "answered %": _percent(counts["answered"], counts["asked"]),
        "paid by fallback %": share("paid by fallback", *Kind),
        "paid by silence": sum(n for name, n in counts.items() if name.endswith("by silence")),
        "stopped by the breaker": counts["stops"],
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
        for graded in month.graded():
            round_ = (graded.claim.task_id, graded.claim.epoch)
            if round_ not in month.kinds:
                continue
            wrong = graded.claim.action.pays is not month.there(round_)
            self.counts[graded.grade.value, "wrong" if wrong else "right"] += 1
            key = (graded.claim.voice, graded.claim.rule, graded.claim.action)
            truly.setdefault(key, []).append(wrong)
            if graded.found is not None:
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


@dataclass(frozen=True, kw_only=True)
class Span:
    """How much is lived through."""

    days: float = DAYS
    seeds: Sequence[int] = HELD_OUT
    per_hour: float = PER_HOUR


def by_engine(source: Path | bytes, population: str, span: Span) -> Counter[str]:
    """What became of every round of a population over every seed, on the engine alone."""
    counts: Counter[str] = Counter()
    judge, people = judge_of(source), POPULATIONS[population]
    for seed in span.seeds:
        counts += counts_of(judge, people, seed=seed, days=span.days, per_hour=span.per_hour)
    return counts


def by_bot(source: Path | bytes, population: str, span: Span) -> Counter[str]:
    """The same with the whole bot."""
    counts: Counter[str] = Counter()
    for seed in span.seeds:
        month = live_through(
            source, seed=seed, days=span.days, per_hour=span.per_hour, population=population
        )
        counts += outcome(month)
        month.ledger.close()
    return counts


def worst(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The worst figure of any population: the least that is right, the most that is asked."""
    rows = list(rows)
    least = ("honest: paid %", "provable misses: sent back %", "all misses: sent back %")
    most = ("provable misses: paid by a rule %", "questions per 100 rounds", "paid by silence")
    return {
        "rounds": sum(row["rounds"] for row in rows),
        **{name: min(row[name] for row in rows) for name in least},
        **{name: max(row[name] for row in rows) for name in most},
    }


def measure(policies: Mapping[str, Path], populations: Sequence[str], span: Span) -> dict[str, Any]:
    """Every policy in every population, and the worst of each."""
    found: dict[str, dict[str, Any]] = {population: {} for population in populations}
    for name, source in policies.items():
        for population in populations:
            found[population][name] = policy_figures(by_engine(source, population, span))
        figures = worst(found[population][name] for population in populations)
        print(name, f"{time.process_time():.0f} s", figures, flush=True)
    summary = {name: worst(found[each][name] for each in populations) for name in policies}
    return {"worst of all populations": summary, **found}


def measure_whole(names: Iterable[str], populations: Sequence[str], span: Span) -> dict[str, Any]:
    """Some policies as the whole bot."""
    found: dict[str, Any] = {}
    for name, population in ((name, population) for name in names for population in populations):
        figures = policy_figures(by_bot(POLICIES[name], population, span))
        found[f"{name}, {population}"] = figures
        print(name, population, f"{time.process_time():.0f} s", figures, flush=True)
    return found


def measure_grades(policies: Sequence[Path], span: Span) -> dict[str, Any]:
    """How true the grades are: of what each policy did, and of what it said in others' shadow."""
    live, beside = Confusion(), Confusion()
    for seed in span.seeds:
        months = [
            live_through(source, seed=seed, days=span.days, per_hour=span.per_hour)
            for source in policies
        ]
        asking = live_through(
            ASKS, seed=seed, days=span.days, per_hour=span.per_hour, desk=12.0, shadows=policies
        )
        for month in months:
            live.add(month)
        beside.add(asking)
        for month in (*months, asking):
            month.ledger.close()
    return {
        "grades of what rules did, live": live.figures(),
        "grades of what rules said, in the shadow": beside.figures(),
    }


def main() -> None:
    """Parse the options, measure, print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--days", type=float, default=DAYS)
    options.add_argument("--seeds", type=int, default=len(HELD_OUT), help="how many of ten")
    options.add_argument("--tuned-on", action="store_true", help="the months they were tuned on")
    options.add_argument("--per-hour", type=float, default=PER_HOUR)
    options.add_argument("--policy", action="append", choices=POLICIES, metavar="NAME")
    options.add_argument("--population", action="append", choices=POPULATIONS, metavar="NAME")
    options.add_argument("--whole", action="append", choices=POLICIES, default=[], metavar="NAME")
    options.add_argument("--whole-days", type=float, default=14.0)
    options.add_argument("--whole-seeds", type=int, default=5)
    options.add_argument("--grades", action="store_true")
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    seeds = TUNED_ON if chosen.tuned_on else HELD_OUT
    span = Span(days=chosen.days, seeds=seeds[: chosen.seeds], per_hour=chosen.per_hour)
    populations = chosen.population or list(POPULATIONS)
    policies = {name: POLICIES[name] for name in chosen.policy or POLICIES}
    figures: dict[str, Any] = {
        "days": span.days,
        "seeds": len(span.seeds),
        "months": "tuned on" if chosen.tuned_on else "held out",
        "tasks an hour": span.per_hour,
        **measure(policies, populations, span),
    }
    if chosen.whole:
        some = seeds[: chosen.whole_seeds]
        whole = Span(days=chosen.whole_days, seeds=some, per_hour=chosen.per_hour)
        key = f"the whole bot, {whole.days:g} days, {len(some)} seeds"
        figures[key] = measure_whole(chosen.whole, populations, whole)
    if chosen.grades:
        figures |= measure_grades(list(policies.values()), Span(days=30.0, seeds=HELD_OUT[:3]))
    if chosen.write:
        print(keep("quality", figures, part=True))


if __name__ == "__main__":
    main()
