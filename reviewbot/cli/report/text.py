"""The report as a page of text."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.cli.caps import cap_words
from reviewbot.cli.screen import styled
from reviewbot.cli.words import counted, dollars, due, table
from reviewbot.cli.zones import Zones, zones_by_judges
from reviewbot.domain.moments import format_moment
from reviewbot.domain.review import noun_of
from reviewbot.domain.safetext import safe_line
from reviewbot.service.app import App
from reviewbot.service.outlook.plan import Plan, Planned

_ENDS = {
    "rule": "paid by rule",
    "fallback": "paid by fallback",
    "left": "paid, left on purpose",
    "silence": "paid by silence",
    "sent back": "sent back",
    "acted on": "acted on already",
    "unknown": "deadline unknown",
}


def as_text(plan: Plan, app: App) -> str:
    """Write the report for a person: the sum first, then the queue by urgency."""
    return "\n".join(_lines(plan, app))


def _lines(plan: Plan, app: App) -> Iterator[str]:
    noun = noun_of(plan.kinds)
    policies = [judge.policy for bench in app.benches for judge in bench.judges]
    zones = zones_by_judges(judge for bench in app.benches for judge in bench.judges)
    named = ", ".join(f"{safe_line(one.name)} {one.revision[:8]}" for one in policies)
    yield styled(f"What would happen, as of {format_moment(plan.at, zones.first)}", "strong")
    yield f"policy {named}; {counted(len(plan.planned), noun)} waiting"
    if not plan.agreed:
        yield styled("the list kept changing while it was read; something may be missing", "care")
    yield ""
    yield from _sums(plan)
    for hold in plan.holds:
        yield f"held      {styled(safe_line(hold.sentence, 300), 'bad')}"
    for cap in (bite.summary for bite in plan.bites):
        words = safe_line(
            f"{cap.cap} ({cap.policy}) {cap_words(cap, plan.at, zones.of(policy=cap.policy))}", 400
        )
        yield f"cap       {styled(words, 'bad' if cap.to_silence else 'care')}"
    yield ""
    if plan.planned:
        yield table(
            (noun, "deadline", "now", "by", "then", "end"),
            [_row(one, plan, zones) for one in plan.planned],
            longest=64,
        )
        yield ""
    for failed in plan.failed:
        yield styled(f"could not be judged: {failed.item.id[:8]}: {safe_line(failed.why)}", "bad")
    yield f"{counted(plan.requests, 'request')} sent, {plan.writes} of them writes."


def _sums(plan: Plan) -> Iterator[str]:
    now = ", ".join(f"{count} {action}" for action, count in sorted(plan.now.items()))
    yield f"now       {now or 'nothing'}"
    yield "if nobody steps in"
    ends, money = plan.ends, plan.money_micros
    for end, words in _ENDS.items():
        count = ends.get(end, 0)
        if not count and end != "silence":
            continue
        paid = dollars(money[end]).rjust(14) if end in money else ""
        line = f"{count:>6}  {words:<22}{paid}".rstrip()
        yield styled(line, "bad" if count else "good") if end == "silence" else line
    yield f"people    {counted(plan.people_needed, 'question')} for a person now"


def _row(one: Planned, plan: Plan, zones: Zones) -> tuple[str, ...]:
    verdict = one.verdict
    zone = zones.of(revision=verdict.revision, review=one.item.review)
    held = f" until {format_moment(verdict.until, zone)}" if verdict.until else ""
    if not held and one.now != verdict.action and not one.future.is_over:
        held = f": {one.now}"
    after = one.later[0] if one.later else None
    then = f"{after.action} {format_moment(after.at, zone)}" if after else ""
    return (
        one.item.id[:8],
        due(one.item.deadline_at, plan.at, zone) + " estimated" * one.item.deadline_is_estimate,
        verdict.action.value + held,
        verdict.rule,
        then,
        _ENDS[one.end],
    )
