"""The report of the queue: what will happen to all that waits, and what is worth a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain.decision import Action
from reviewbot.domain.review import noun_of
from reviewbot.domain.task import CommentTask
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.foresight.future import Paid
from reviewbot.insights.plan import Planned, QueuePlan
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.explain.explain import Explanation, explain
from reviewbot.presentation import html
from reviewbot.presentation.document import (
    Column,
    DetailLine,
    DetailRow,
    Document,
    KeyFigure,
    Picture,
    Section,
    Table,
    Tone,
    number,
    table_of,
    told_lines,
)
from reviewbot.presentation.format import ENDS, counted, dollars, due, span, table
from reviewbot.presentation.phrases import cap_line
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones, zones_by_judges

BUCKETS = (
    (3, "under 3 h"),
    (6, "3–6 h"),
    (12, "6–12 h"),
    (24, "12–24 h"),
    (48, "24–48 h"),
    (0, "48 h +"),
)
"""Hours left, and what the bar is called; the last has no upper end."""
PAYING: tuple[Paid, ...] = ("rule", "fallback", "left", "silence")


def queue_document(plan: QueuePlan, judges: Sequence[Judge]) -> Document:
    """Write the report of a plan. `judges` are the policies that made it."""
    by_revision = {judge.policy.revision: judge for judge in judges}
    zone = ZoneInfo(judges[0].policy.timezone) if judges else ZoneInfo("UTC")
    named = ", ".join(
        f"{judge.policy.name} (revision {judge.policy.revision[:8]})" for judge in judges
    )
    noun = noun_of(plan.kinds)
    rows = [
        _Row(planned, by_revision.get(planned.verdict.revision), plan.at, zone)
        for planned in plan.planned
    ]
    lead = [
        f"As of {format_moment(plan.at, zone.key)}, by policy {named}.",
        f"{noun.capitalize()}s that nobody decides by their deadline are paid; the headline is that"
        " this happens to none.",
        *(f"Held back: {hold.sentence}." for hold in plan.holds),
    ]
    if not plan.agreed:
        lead.append("The list kept changing while it was read; something may be missing.")
    return Document(
        title="What will happen to the queue",
        lead=tuple(lead),
        cards=_cards(plan),
        sections=(
            _time_left(plan),
            _money(plan, zone),
            _ledgers(plan),
            _caps(plan, zone),
            _rules(plan),
            _fragile(rows, noun),
            _unjudged(plan),
            Section(
                id="queue",
                title="The whole queue, most urgent first",
                lead="Open a line for the full explanation.",
                heads=(noun, "deadline", "time left", "now", "by", "end"),
                entries=tuple(map(_entry, rows)),
                empty="Nothing waits.",
            ),
        ),
        foot=(
            f"{plan.requests:,} requests were sent for this report, {plan.writes} of them writes"
            " (counted by the transport). Amounts are what the API states now and may still change."
        ),
    )


class _Row:
    """One planned review with its explanation and what would flip it, worked out once."""

    def __init__(
        self, planned: Planned, judge: Judge | None, now: datetime, zone: ZoneInfo
    ) -> None:
        self.planned, self.now, self.zone = planned, now, zone.key
        self.told: Explanation | None = None
        if judge is not None:
            self.told = explain(judge, planned.facts)


def _cards(plan: QueuePlan) -> tuple[KeyFigure, ...]:
    ends, money, now = plan.ends, plan.money_micros, plan.now
    silent = ends.get("silence", 0)
    sends = sum(now.get(action, 0) for action in Action if action.writes)
    urgent = sum(
        planned.verdict.undecided and _left(planned, plan.at) <= timedelta(hours=6)
        for planned in plan.planned
    )
    hurry = f"{urgent} undecided with 6 h or less left" if urgent else "none of them within 6 h"
    waiting = str(len(plan.planned) + len(plan.failed))
    return (
        KeyFigure(
            label="Paid by silence",
            value=str(silent),
            note=dollars(money.get("silence", 0)) if silent else "nobody is paid unread",
            tone="bad" if silent else "good",
        ),
        KeyFigure(label="Waiting", value=waiting, note=f"{noun_of(plan.kinds)}s in all"),
        KeyFigure(label="Sent now", value=str(sends), note="decisions that would leave at once"),
        KeyFigure(
            label="Need a person",
            value=str(plan.people_needed),
            note=hurry,
            tone="care" if urgent else "plain",
        ),
        KeyFigure(label="Sent back", value=str(ends.get("sent back", 0)), note="with a reason"),
        KeyFigure(
            label="Will be paid",
            value=dollars(sum(money.values())),
            note=f"{dollars(money.get('rule', 0))} by rule",
        ),
    )


def _left(planned: Planned, now: datetime) -> timedelta:
    deadline = planned.item.deadline_at
    return timedelta.max if deadline is None else deadline - now


def _time_left(plan: QueuePlan) -> Section:
    counts: dict[str, Counter[str]] = {name: Counter() for _, name in BUCKETS}
    for planned in plan.planned:
        if planned.item.deadline_at is not None:
            counts[_bucket(_left(planned, plan.at))][planned.now] += 1
    actions = sorted({action for counter in counts.values() for action in counter})
    bars = [
        (name, [(action, counter[action]) for action in actions])
        for name, counter in counts.items()
    ]
    sums = "; ".join(
        f"{action} {sum(counter[action] for counter in counts.values())}" for action in actions
    )
    what = f"How many {noun_of(plan.kinds)}s have how much time left, by what is decided now"
    table = Table(
        heads=("time left", *actions, "all"),
        rows=tuple(
            (name, *(str(counter[action]) for action in actions), str(counter.total()))
            for name, counter in counts.items()
        ),
        numbers=frozenset(range(1, len(actions) + 2)),
    )
    title = "The queue by time left"
    picture = Picture(svg=html.stacked_bars(bars, title), words=f"{what}: {sums}.", table=table)
    return Section(id="time", title=title, picture=picture)


def _bucket(left: timedelta) -> str:
    hours = left.total_seconds() / 3600
    return next((name for most, name in BUCKETS if most and hours < most), BUCKETS[-1][1])


Points = list[tuple[datetime, int]]


def _paid_over_time(plan: QueuePlan) -> dict[Paid, Points]:
    """For each way of paying, when what sum will have been paid, in millionths of a dollar."""
    steps: dict[Paid, Points] = {end: [] for end in PAYING}
    for planned in sorted(plan.planned, key=lambda planned: planned.end_at or plan.at):
        if planned.end in PAYING and planned.end_at is not None:
            points = steps[planned.end]
            before = points[-1][1] if points else 0
            moment = max(planned.end_at, plan.at)
            points.append((moment, before + (planned.item.amount_micros or 0)))
    return {end: points for end, points in steps.items() if points}


def _money(plan: QueuePlan, zone: ZoneInfo) -> Section:
    title, paying = "Money over time", _paid_over_time(plan)
    if not paying:
        return Section(id="money", title=title, empty="Nothing will be paid.")
    end = max(points[-1][0] for points in paying.values())
    end = max(end, plan.at + timedelta(hours=24))
    hours = (end - plan.at).total_seconds() / 3600
    marks = [
        (
            plan.at + timedelta(hours=hours * part / 4),
            "now" if not part else f"+{hours * part / 4:.0f} h",
        )
        for part in range(5)
    ]
    series = [
        (kind, ENDS[kind], [(moment, micros / 1_000_000) for moment, micros in points])
        for kind, points in paying.items()
    ]
    sums = "; ".join(f"{ENDS[kind]} {dollars(points[-1][1])}" for kind, points in paying.items())
    words = f"What will have been paid, in US dollars, if nobody steps in: {sums}."
    svg = html.rising_steps(series, plan.at, end, title, marks)
    picture = Picture(svg=svg, words=words, table=_money_by_day(paying, zone))
    return Section(id="money", title=title, picture=picture)


def _money_by_day(paying: Mapping[Paid, Points], zone: ZoneInfo) -> Table:
    def paid_by(day: date, points: Points) -> str:
        sums = [micros for at, micros in points if at.astimezone(zone).date() <= day]
        return dollars(max(sums, default=0))

    days = {at.astimezone(zone).date() for points in paying.values() for at, _ in points}
    return Table(
        heads=("by the end of", *(ENDS[kind] for kind in paying)),
        rows=tuple(
            (f"{day:%a %d %b}", *(paid_by(day, points) for points in paying.values()))
            for day in sorted(days)
        ),
        numbers=frozenset(range(1, len(paying) + 1)),
    )


def _ledgers(plan: QueuePlan) -> Section:
    ends, money, noun = plan.ends, plan.money_micros, noun_of(plan.kinds)
    meaning = {
        "rule": "a rule of the policy pays",
        "fallback": "undecided at the last moment, so the policy's fallback pays",
        "left": "a rule lets the timer pay, on purpose",
        "silence": "nobody and nothing decides; this has to be 0",
        "sent back": "goes back with a reason; nothing is paid now",
        "acted on": "decided in this round already",
        "unknown": "the API did not say until when",
    }
    shown = [end for end in ENDS if ends.get(end, 0) or end in ("rule", "fallback", "silence")]
    return Section(
        id="ledgers",
        title=f"How the open {noun}s will end if nobody steps in",
        lead="A person who answers a question changes this; what people paid stands in the past report.",
        table=table_of(
            shown,
            Column("end", lambda end: ENDS[end]),
            number(f"{noun}s", lambda end: str(ends.get(end, 0))),
            number("money", lambda end: dollars(money.get(end, 0)) if end in PAYING else "–"),
            Column("meaning", lambda end: meaning[end]),
            tone=lambda end: "bad" if end == "silence" and ends.get(end, 0) else "plain",
        ),
    )


def _caps(plan: QueuePlan, zone: ZoneInfo) -> Section:
    """The caps that will keep something back, and what becomes of it."""
    return Section(
        id="caps",
        title="Caps that will keep decisions back",
        lead="Room goes to the most urgent. What finds none before its deadline is paid by silence.",
        table=table_of(
            [bite.summary for bite in plan.bites],
            Column("cap", lambda cap: cap.cap),
            Column("policy", lambda cap: cap.policy),
            number("kept back", lambda cap: str(cap.count)),
            number("money", lambda cap: dollars(cap.micros)),
            Column("from", lambda cap: format_moment(cap.since, zone.key)),
            Column(
                "last room", lambda cap: format_moment(cap.until, zone.key) if cap.until else "–"
            ),
            number("paid by silence", lambda cap: str(cap.to_silence)),
            tone=lambda cap: "bad" if cap.to_silence else "care",
        ),
        empty="None.",
    )


def _rules(plan: QueuePlan) -> Section:
    hits: Counter[tuple[str, str]] = Counter()
    money: Counter[tuple[str, str]] = Counter()
    unclear: Counter[str] = Counter()
    for planned in plan.planned:
        verdict = planned.verdict
        hits[verdict.rule, verdict.action.value] += 1
        money[verdict.rule, verdict.action.value] += planned.item.amount_micros or 0
        unclear.update(verdict.cannot_tell)
    rows = [
        (rule, action, str(count), dollars(money[rule, action]), str(unclear.pop(rule, 0)))
        for (rule, action), count in hits.most_common()
    ]
    rows += [(rule, "–", "0", dollars(0), str(count)) for rule, count in unclear.most_common()]
    return Section(
        id="rules",
        title="Which rule decides now",
        lead="“Could not tell” counts what passed the rule over because something was unknown.",
        table=Table(
            heads=("rule", "action", f"{noun_of(plan.kinds)}s", "money at stake", "could not tell"),
            rows=tuple(rows),
            numbers=frozenset({2, 3, 4}),
        ),
        empty="Nothing waits.",
    )


def _fragile(rows: Sequence[_Row], noun: str) -> Section:
    return Section(
        id="fragile",
        title="Decisions that sit on a threshold",
        lead="One step of one number would bring another action.",
        table=table_of(
            [row.planned for row in rows if row.planned.threshold is not None],
            Column(noun, lambda planned: planned.item.id[:8]),
            Column("now", lambda planned: planned.verdict.action.value),
            Column("by", lambda planned: planned.verdict.rule),
            Column("one step away", lambda planned: planned.threshold),
        ),
        empty="None.",
    )


def _unjudged(plan: QueuePlan) -> Section:
    rows = [(failed.item.id[:8], failed.why) for failed in plan.failed]
    rows += [(planned.item.id[:8], planned.note) for planned in plan.planned if planned.note]
    for planned in plan.planned:
        verdict = planned.verdict
        if verdict.cannot_tell and verdict.action is Action.ESCALATE:
            rows.append((planned.item.id[:8], f"could not tell: {', '.join(verdict.cannot_tell)}"))
    return Section(
        id="unjudged",
        title="What could not be judged, and why",
        table=Table(heads=(noun_of(plan.kinds), "why"), rows=tuple(rows)),
        empty="None.",
    )


def _entry(row: _Row) -> DetailRow:
    planned, item = row.planned, row.planned.item
    estimated = " (estimate)" if item.deadline_is_estimate else ""
    return DetailRow(
        cells=(
            item.id[:8],
            format_moment(item.deadline_at, row.zone) + estimated,
            "unknown" if item.deadline_at is None else span(item.deadline_at - row.now),
            planned.verdict.action.value,
            planned.verdict.rule,
            ENDS[planned.end],
        ),
        lines=tuple(_lines(row)),
        tone="bad"
        if planned.end == "silence"
        else "care"
        if planned.verdict.undecided
        else "plain",
    )


def _lines(row: _Row) -> Iterator[DetailLine]:
    planned, verdict, item = row.planned, row.planned.verdict, row.planned.item
    yield DetailLine(label="id", text=item.id)
    if isinstance(item.subject, CommentTask):
        yield DetailLine(label="ordered", text=f"“{item.subject.comment_text or 'unknown'}”")
        yield DetailLine(label="video", text=item.subject.target_video_url or "unknown")
    yield DetailLine(label="pays", text=dollars(item.amount_micros))
    yield DetailLine(label="round", text=str(planned.round))
    if verdict.reason:
        label = "question" if verdict.action is Action.ESCALATE else "text"
        yield DetailLine(label=label, text=verdict.reason)
    if verdict.until:
        yield DetailLine(label="not before", text=format_moment(verdict.until, row.zone))
    for note in filter(None, (planned.note, verdict.note, planned.future.why)):
        yield DetailLine(label="note", text=note, tone="care")
    if row.told is not None:
        yield from told_lines(row.told)
    for later in planned.later:
        label = f"from {format_moment(later.at, row.zone)}"
        yield DetailLine(label=label, text=f"{later.action} by {later.rule}")
    ends = f", {format_moment(planned.end_at, row.zone)}" if planned.end_at else ""
    tone: Tone = "bad" if planned.end == "silence" else "plain"
    yield DetailLine(label="end", text=f"{ENDS[planned.end]}{ends}", tone=tone)


# The report as a page of text -------------------------------------------------------------------


def as_text(plan: QueuePlan, benches: Sequence[ReviewPipeline]) -> str:
    """Write the report for a person: the sum first, then the queue by urgency."""
    return "\n".join(_text_lines(plan, [judge for bench in benches for judge in bench.judges]))


def _text_lines(plan: QueuePlan, judges: Sequence[Judge]) -> Iterator[str]:
    noun, zones = noun_of(plan.kinds), zones_by_judges(judges)
    named = ", ".join(
        f"{safe_line(judge.policy.name)} {judge.policy.revision[:8]}" for judge in judges
    )
    yield styled(f"What would happen, as of {format_moment(plan.at, zones.first)}", "strong")
    yield f"policy {named}; {counted(len(plan.planned), noun)} waiting"
    if not plan.agreed:
        yield styled("the list kept changing while it was read; something may be missing", "care")
    yield ""
    yield from _sums(plan)
    for hold in plan.holds:
        yield f"held      {styled(safe_line(hold.sentence, 300), 'bad')}"
    for bite in plan.bites:
        yield cap_line(bite.summary, plan.at, zones)
    yield ""
    if plan.planned:
        heads = (noun, "deadline", "now", "by", "then", "end")
        yield table(heads, [_cells(planned, plan, zones) for planned in plan.planned], longest=64)
        yield ""
    for failed in plan.failed:
        yield styled(f"could not be judged: {failed.item.id[:8]}: {safe_line(failed.why)}", "bad")
    yield f"{counted(plan.requests, 'request')} sent, {plan.writes} of them writes."


def _sums(plan: QueuePlan) -> Iterator[str]:
    now = ", ".join(f"{count} {action}" for action, count in sorted(plan.now.items()))
    yield f"now       {now or 'nothing'}"
    yield "if nobody steps in"
    ends, money = plan.ends, plan.money_micros
    for end, words in ENDS.items():
        count = ends.get(end, 0)
        if not count and end != "silence":
            continue
        paid = dollars(money[end]).rjust(14) if end in money else ""
        line = f"{count:>6}  {words:<22}{paid}".rstrip()
        yield styled(line, "bad" if count else "good") if end == "silence" else line
    yield f"people    {counted(plan.people_needed, 'question')} for a person now"


def _cells(planned: Planned, plan: QueuePlan, zones: Zones) -> tuple[str, ...]:
    verdict, item = planned.verdict, planned.item
    zone = zones.of(revision=verdict.revision, review=item.review)
    held = f" until {format_moment(verdict.until, zone)}" if verdict.until else ""
    if not held and planned.now != verdict.action and not planned.future.is_over:
        held = f": {planned.now}"
    after = planned.later[0] if planned.later else None
    return (
        item.id[:8],
        due(item.deadline_at, plan.at, zone) + " estimated" * item.deadline_is_estimate,
        verdict.action.value + held,
        verdict.rule,
        f"{after.action} {format_moment(after.at, zone)}" if after else "",
        ENDS[planned.end],
    )
