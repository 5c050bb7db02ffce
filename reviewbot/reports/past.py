"""The report of the past: what was decided, what was paid on whose word, and what came back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reviewbot.domain.decision import Decision
from reviewbot.domain.lifecycle import DONE, State
from reviewbot.domain.moments import format_moment
from reviewbot.domain.review import noun_of
from reviewbot.policy.explain import explain
from reviewbot.ports import Ending, Logged, Noted
from reviewbot.reports import charts
from reviewbot.reports.document import Card, Document, Entry, Line, Picture, Section, Table, Tone
from reviewbot.reports.explained import told_lines
from reviewbot.reports.grades import grade_sections
from reviewbot.reports.words import usd
from reviewbot.service.outlook.books import GROUNDS, Books, add_up, ground_of
from reviewbot.service.outlook.past import read_past
from reviewbot.service.outlook.replay import was_judged
from reviewbot.service.outlook.scorecard import scorecard
from reviewbot.service.revisions import Revisions

MOST_ENTRIES = 500
"""Decisions shown one by one, the newest; the figures count them all."""
_GROUND_WORDS = {
    "rule": "a rule of the policy paid, or let the timer pay on purpose",
    "person": "somebody looked and decided",
    "fallback": "undecided at the last moment, so the policy's fallback paid",
    "silence": "nobody and nothing decided; this has to be 0",
}
_BAD = frozenset({State.REFUSED, State.OVERTAKEN, State.UNKNOWN, State.INTENT})


def past_document(
    decisions: Sequence[Logged],
    endings: Sequence[Ending],
    revisions: Revisions,
    *,
    since: datetime,
    now: datetime,
    zone: ZoneInfo,
    notes: Sequence[Noted] = (),
) -> Document:
    """Write the report of what was decided and ended from `since` to `now`.

    `notes` are those of `scorecard.TOPICS`: what the grades of the rules rest on beside.
    """
    found = add_up(decisions, endings)
    return Document(
        title="What was decided",
        lead=(
            f"From {format_moment(since, zone.key)} to {format_moment(now, zone.key)}.",
            "What was paid stands in four ledgers that are never added up; silence has to be 0.",
        ),
        cards=_cards(found, decisions),
        sections=(
            _ledgers(found),
            _money(decisions, endings, since, now, zone),
            _rules(decisions),
            *grade_sections(scorecard(decisions, endings, notes), zone),
            _outcomes(decisions),
            _log(decisions, revisions, zone),
        ),
        foot="Read from the decision log; nothing was sent.",
    )


def _cards(found: Books, decisions: Sequence[Logged]) -> tuple[Card, ...]:
    silent = found.paid["silence"]
    doubtful = sum(one.state in _BAD for one in decisions)
    return (
        Card(
            label="Paid by silence",
            value=str(silent.tasks),
            note=usd(silent.micros) if silent.tasks else "nobody was paid unread",
            tone="bad" if silent.tasks else "good",
        ),
        *(
            Card(
                label=f"Paid by {ground}",
                value=str(found.paid[ground].tasks),
                note=usd(found.paid[ground].micros),
            )
            for ground in GROUNDS
            if ground != "silence"
        ),
        Card(label="Sent back", value=str(found.sent_back), note="with a reason"),
        Card(
            label="Not carried out",
            value=str(doubtful),
            note="refused, overtaken or in doubt",
            tone="care" if doubtful else "plain",
        ),
    )


def _ledgers(found: Books) -> Section:
    rows = [
        (f"paid by {name}", str(found.paid[name].tasks), usd(found.paid[name].micros), words)
        for name, words in _GROUND_WORDS.items()
    ]
    tones: list[Tone] = [
        "bad" if name == "silence" and found.paid[name].tasks else "plain" for name in _GROUND_WORDS
    ]
    if found.outside.tasks:
        row = ("paid elsewhere", str(found.outside.tasks), usd(found.outside.micros))
        rows.append((*row, "by somebody in the dashboard, or another tool"))
        tones.append("plain")
    return Section(
        id="ledgers",
        title="On whose word was paid",
        table=Table(
            heads=("ledger", _nouns(found), "money", "meaning"),
            rows=tuple(rows),
            numbers=frozenset({1, 2}),
            tones=tuple(tones),
        ),
    )


def _nouns(found: Books) -> str:
    """What is counted: tasks, accounts, or both."""
    paid = (*found.paid.values(), found.outside)
    accounts, count = sum(one.accounts for one in paid), sum(one.tasks for one in paid)
    return "tasks" if not accounts else "accounts" if accounts == count else "tasks and accounts"


def _money(
    decisions: Iterable[Logged],
    endings: Iterable[Ending],
    since: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> Section:
    title = "Money over time"
    paid = sorted(_payments(decisions, endings))
    steps: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for at, ground, micros in paid:
        before = steps[ground][-1][1] if steps[ground] else 0.0
        steps[ground].append((max(at, since), before + micros / 1_000_000))
    if not steps:
        return Section(id="money", title=title, empty="Nothing was paid.")
    series = [(name, f"paid by {name}", steps[name]) for name in GROUNDS if steps[name]]
    # The log is written by the API's clock, which may be ahead of this machine's.
    end = max(now, paid[-1][0])
    quarters = [since + (end - since) * part / 4 for part in range(5)]
    marks = [(at, f"{at.astimezone(zone):%d %b}") for at in quarters]
    days: dict[str, Counter[str]] = {}
    for at, ground, micros in paid:
        days.setdefault(f"{at.astimezone(zone):%a %d %b}", Counter())[ground] += micros
    words = "What was paid, in US dollars: " + "; ".join(
        f"{name} {points[-1][1]:,.2f}" for _, name, points in series
    )
    return Section(
        id="money",
        title=title,
        picture=Picture(
            svg=charts.rising_steps(series, since, end, title, marks),
            words=words + ".",
            table=Table(
                heads=("day", *(name for _, name, _ in series)),
                rows=tuple(
                    (day, *(usd(sums[kind]) for kind, _, _ in series)) for day, sums in days.items()
                ),
                numbers=frozenset(range(1, len(series) + 1)),
            ),
        ),
    )


def _payments(
    decisions: Iterable[Logged], endings: Iterable[Ending]
) -> Iterator[tuple[datetime, str, int]]:
    for one in decisions:
        if one.state in DONE and one.decision.action.pays:
            at = one.settled_at or one.state_at
            yield at, ground_of(one.decision), one.decision.amount_micros or 0
    for ending in endings:
        ground = {"silence": "silence", "leave": "rule"}.get(ending.by)
        if ground is not None:
            yield ending.at, ground, ending.amount_micros or 0


def _rules(decisions: Sequence[Logged]) -> Section:
    hits = Counter(_who(one.decision) for one in decisions)
    done = Counter(_who(one.decision) for one in decisions if one.state in DONE)
    money: Counter[tuple[str, str]] = Counter()
    unclear = Counter(rule for one in decisions for rule in one.decision.cannot_tell)
    for one in decisions:
        if one.state in DONE and one.decision.action.pays:
            money[_who(one.decision)] += one.decision.amount_micros or 0
    rows = [
        (
            who,
            action,
            f"{count:,}",
            f"{done[(who, action)]:,}",
            usd(money[(who, action)]),
            f"{unclear.get(who, 0):,}",
        )
        for (who, action), count in hits.most_common()
    ]
    return Section(
        id="rules",
        title="Which rule decided",
        lead="A decision is counted when it differs from the last one of its round.",
        table=Table(
            heads=("rule", "action", "decisions", "carried out", "paid", "could not tell"),
            rows=tuple(rows),
            numbers=frozenset({2, 3, 4, 5}),
        ),
        empty="Nothing was decided.",
    )


def _who(decision: Decision) -> tuple[str, str]:
    by = decision.rule if decision.decided_by is None else f"a person ({decision.decided_by})"
    return by, decision.action.value


def _outcomes(decisions: Sequence[Logged]) -> Section:
    counts = Counter(one.state.value for one in decisions)
    return Section(
        id="outcomes",
        title="What became of the decisions",
        table=Table(
            heads=("outcome", "decisions"),
            rows=tuple((state, f"{count:,}") for state, count in counts.most_common()),
            numbers=frozenset({1}),
        ),
        empty="Nothing was decided.",
    )


def _log(decisions: Sequence[Logged], revisions: Revisions, zone: ZoneInfo) -> Section:
    newest = sorted(decisions, key=lambda one: one.seq, reverse=True)[:MOST_ENTRIES]
    left = len(decisions) - len(newest)
    return Section(
        id="log",
        title="The decisions, newest first",
        lead=f"The newest {len(newest):,}; {left:,} older ones are counted above." if left else "",
        heads=(
            noun_of(one.decision.review for one in decisions),
            "decided",
            "round",
            "action",
            "by",
            "outcome",
        ),
        entries=tuple(_entry(one, revisions, zone) for one in newest),
        empty="Nothing was decided.",
    )


def _entry(one: Logged, revisions: Revisions, zone: ZoneInfo) -> Entry:
    decision = one.decision
    return Entry(
        cells=(
            decision.task_id[:8],
            format_moment(decision.decided_at, zone.key),
            str(decision.round),
            decision.action.value,
            _who(decision)[0],
            one.state.value,
        ),
        lines=tuple(_lines(one, revisions)),
        tone="bad" if one.state in _BAD else "plain",
    )


def _lines(one: Logged, revisions: Revisions) -> Iterator[Line]:
    decision = one.decision
    yield Line(label="id", text=f"{decision.task_id} (decision {decision.id})")
    yield Line(label="policy", text=f"{decision.policy} {decision.revision[:8]}")
    yield Line(label="pays", text=usd(decision.amount_micros))
    if decision.reason:
        yield Line(label="says", text=decision.reason)
    for note in filter(None, (decision.held_by, one.note)):
        yield Line(label="note", text=note, tone="care")
    judge = revisions.judge(decision.revision)
    if judge is None or not was_judged(decision):
        return
    review = read_past(one)
    if review is None:
        yield Line(label="facts", text="can no longer be read", tone="care")
        return
    facts = review.seen
    if facts.task.comment_text:
        yield Line(label="ordered", text=f"“{facts.task.comment_text}”")
    yield from told_lines(explain(judge, facts))
