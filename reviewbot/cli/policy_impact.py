"""Counts of a back-test or of a change of policy, for a person and for a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from reviewbot.cli.unread import UnreadCount
from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.domain.text import pretty, safe_line
from reviewbot.history.partial import PastTotals
from reviewbot.insights.limited import KeptBack
from reviewbot.insights.peoples_word import PeoplesWord
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.testing.compare import Impact, Recorded, Transition
from reviewbot.presentation import machine_forms as forms
from reviewbot.presentation.counted_past import backtest_form, diff_form
from reviewbot.presentation.document import explanation_text
from reviewbot.presentation.format import counted, dollars, table
from reviewbot.presentation.style import styled

MOST_CAUSES = 4
MOST_EXPLAINED = 3


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, by which run, and how to find some of the reviews again."""

    totals: PastTotals
    run: forms.Run
    unread: UnreadCount
    find: Callable[[Sequence[str]], Mapping[str, Recorded]]
    days: float | None = None
    """Over how many days the log was read; None of other records."""
    people: PeoplesWord | None = None
    """What is said of the reviews that people answered, where the log was read."""

    def over(self) -> str:
        """How much was counted."""
        sums = f" ({self.unread.sums()})" if self.unread.count else ""
        return f"{counted(self.totals.judged, 'review')} {self.run.over}{sums}"

    def share(self, cell: Transition) -> str:
        """How many of all reviews these are."""
        return f"{cell.count / self.totals.judged:.1%}" if self.totals.judged else "–"


def backtest_text(counts: Counts, judge: Judge) -> str:
    """What one policy comes to, rule by rule."""
    totals, policy = counts.totals, judge.policy
    impact = totals.impact
    by_rule = impact.by_rule()
    rows = [
        (
            action,
            safe_line(rule),
            f"{cell.count:,}",
            counts.share(cell),
            dollars(cell.micros),
            f"{totals.accounts[action, rule]:,}",
            f"{impact.could_not_tell.get(rule, 0):,}",
        )
        for action, rule, cell in by_rule
    ]
    met = {rule for _, rule, _ in by_rule}
    idle = [rule.name for rule in policy.rules if rule.name not in met and not rule.shadow]
    lines = [
        styled(f"{policy.name} {policy.revision[:8]} over {counts.over()}", "strong"),
        "",
        table(("action", "by", "reviews", "share", "money", "accounts", "could not tell"), rows),
    ]
    if idle and impact.total:
        lines += ["", f"never decided: {', '.join(map(safe_line, idle))}"]
    return "\n".join([*lines, *_limits(counts.totals.kept[1], "limits")])


def backtest_json(counts: Counts, judge: Judge) -> str:
    """The same as one JSON object."""
    return pretty(backtest_form(counts.totals, judge, counts.run))


def diff_text(counts: Counts, old: Judge, new: Judge, broken: list[str]) -> str:
    """The flip matrix, what it comes to, which rules cause it, and examples explained by both."""
    return "\n".join(_diff_lines(counts, old, new, broken))


def _diff_lines(counts: Counts, old: Judge, new: Judge, broken: list[str]) -> Iterator[str]:
    impact, accounts = counts.totals.impact, counts.totals.accounts
    names = f"{old.policy.path} → {new.policy.path}"
    yield styled(f"{safe_line(names)} over {counts.over()}", "strong")
    yield ""
    yield _matrix(impact, old)
    yield ""
    flips = [(pair, cell) for pair, cell in impact.flips().items() if pair[0] != pair[1]]
    examples = counts.find(counts.totals.examples(MOST_EXPLAINED))
    if not flips:
        yield styled("No review would be decided otherwise.", "good")
    for number, ((before, after), cell) in enumerate(flips):
        yield (
            f"{counted(cell.count, 'review')} {before} → {after} ({counts.share(cell)};"
            f" {dollars(cell.micros)}, {counted(accounts[before, after], 'account')})"
        )
        for old_rule, new_rule, part in impact.causes(before, after)[:MOST_CAUSES]:
            yield f"    {part.count:>7,}  {safe_line(old_rule)}  →  {safe_line(new_rule)}"
        if number < MOST_EXPLAINED:
            yield from _example(examples.get(cell.samples[0]), old, new)
    for word, limits in zip(("old", "new"), counts.totals.kept, strict=True):
        yield from _limits(limits, f"{word} limits")
    yield from _totals(impact, counts.days)
    yield from _people(counts.people)
    yield from (styled(f"stopped: {safe_line(text)}", "bad") for text in broken)


def _matrix(impact: Impact, old: Judge) -> str:
    flips = impact.flips()
    met = {action for pair in flips for action in pair}
    usual = [action.value for action in ACTIONS_OF[old.policy.applies_to.review]]
    actions = [action for action in usual if action in met] + sorted(met - set(usual))
    rows = []
    for before in actions:
        cells = [flips.get((before, after)) for after in actions]
        total = sum(cell.count for cell in cells if cell)
        rows.append((before, *(f"{cell.count:,}" if cell else "·" for cell in cells), f"{total:,}"))
    return table(("old ↓  new →", *actions, "all"), rows)


def _example(record: Recorded | None, old: Judge, new: Judge) -> Iterator[str]:
    if record is None:
        return
    facts = record.facts(datetime.now(UTC))
    yield f"    for example {safe_line(record.subject.id)}"
    for word, judge in (("old", old), ("new", new)):
        lines = explanation_text(explain(judge, facts)).splitlines()
        yield from (f"      {word}  {line}" for line in lines[1:])


def _limits(kept: Iterable[KeptBack], label: str) -> Iterator[str]:
    """What each limit kept back, and what became of that."""
    for limit in kept:
        ways = (
            (limit.later, "sent later"),
            (limit.asked, "asked of people"),
            (limit.by_deadline, "left to the deadline"),
            (limit.silence, "paid by silence"),
            (limit.passed_over, "left to the rules below"),
        )
        outcomes = ", ".join(f"{count:,} {what}" for count, what in ways if count)
        yield f"{label}: {safe_line(limit.limit)} kept back {limit.count:,} ({outcomes})"


def _people(word: PeoplesWord | None) -> Iterator[str]:
    """How each policy stands to what people answered."""
    if word is None or not word.answered:
        return
    yield f"people answered {counted(word.answered, 'review')}; of these"
    for name, beside in (("old", word.old), ("new", word.new)):
        yield f"    {name}  says the same of {beside.same:,}, asks about {beside.asks:,}, says otherwise of {beside.other:,}"


def _totals(impact: Impact, days: float | None) -> Iterator[str]:
    """What the change comes to for people, and in money, in all and per day."""
    per_day = days if days and days > 1 else None
    asks, pays = Action.ESCALATE.value, Action.APPROVE.value
    before, after = impact.old_total(asks).count, impact.new_total(asks).count
    if before != after:
        word = "more" if after > before else "fewer"
        daily = f", {abs(after - before) / per_day:.1f} a day" if per_day else ""
        yield f"{abs(after - before):,} {word} for the desk ({before:,} → {after:,}){daily}"
    before, after = impact.old_total(pays).micros, impact.new_total(pays).micros
    if before != after:
        word = "more" if after > before else "less"
        moved = dollars(abs(after - before))
        daily = f", {dollars(round(abs(after - before) / per_day))} a day" if per_day else ""
        yield f"{moved} {word} by approvals ({dollars(before)} → {dollars(after)}){daily}"


def diff_json(counts: Counts, old: Judge, new: Judge, broken: list[str]) -> str:
    """The same as one JSON object."""
    run = msgspec.structs.replace(counts.run, days=counts.days, people=counts.people)
    return pretty(diff_form(counts.totals, old, new, broken, run))
