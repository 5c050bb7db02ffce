"""The report of the past: what was decided, what was paid on whose word, and what came back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reviewbot.core.recorded_facts import Revisions
from reviewbot.core.replay import read_past, was_judged
from reviewbot.domain.decision import DONE, Decision, State
from reviewbot.domain.review import noun_of
from reviewbot.domain.text import format_moment, format_written
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import (
    GROUNDS,
    AskedAnswers,
    Graded,
    PayoutTotals,
    RuleScore,
    Scorecard,
    add_up,
    ground_of,
    scorecard,
)
from reviewbot.policy.explain.explain import explain
from reviewbot.ports.ledger import Ending, Logged, LogNote
from reviewbot.presentation import html
from reviewbot.presentation.document import (
    DetailLine,
    DetailRow,
    Document,
    KeyFigure,
    Picture,
    Section,
    Table,
    Tone,
    told_lines,
)
from reviewbot.presentation.format import dollars
from reviewbot.presentation.html import IntervalBar, spreads

# ------------------------------------------------------------------------------------------------
# The part of the report that tells how the rules did, and what cannot be known of them.


MOST_SHOWN = 50
"""Decisions shown one by one that later events speak against, the newest."""


MOST_DRAWN = 16
"""Rules in the chart, those with most answers."""


LEAD = (
    "Later events tell of some decisions whether the comment was there when they were made. Against a"
    " rule speak those probably wrong and those that a person overruled, out of all of which something"
    " came back; in brackets where that share may lie (Wilson's interval, 95 %). What never comes back"
    " cannot be known, and an approval is final: to grade a rule that pays, run it in the shadow or in"
    " a dry run beside people."
)


def grade_sections(found: Scorecard, zone: ZoneInfo) -> Iterator[Section]:
    """How the rules did; each decision that later events speak against; and what people answered."""
    yield Section(
        id="grades",
        title="How the rules did",
        lead=LEAD,
        picture=_picture(found),
        table=_table(found),
        empty="No rule has decided anything.",
    )
    against = [one for one in found.answered if one.grade.against]
    if against:
        yield _against(against, zone)
    if found.asked:
        yield _asked(found.asked)


def _table(found: Scorecard) -> Table:
    return Table(
        heads=(
            "rule",
            "action",
            "decisions",
            *(grade.value for grade in Grade),
            "against",
            "money against",
        ),
        rows=tuple(
            (
                name_of(card),
                card.action.value,
                f"{card.claims:,}",
                *(f"{card.counts[grade]:,}" for grade in Grade),
                share_of(card),
                dollars(card.micros_against),
            )
            for card in found.cards
        ),
        numbers=frozenset(range(2, 10)),
    )


def name_of(card: RuleScore) -> str:
    """The rule, after who spoke where that was in the shadow."""
    return card.rule if not card.voice else f"{card.voice} (shadow): {card.rule}"


def share_of(card: RuleScore) -> str:
    """`4 % (1 to 12)`; of nothing nothing."""
    if not card.answered:
        return "cannot know"
    low, high = card.interval
    share = card.against / card.answered
    return f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _picture(found: Scorecard) -> Picture | None:
    known = [card for card in found.cards if card.answered]
    drawn = sorted(known, key=lambda card: -card.answered)[:MOST_DRAWN]
    if not drawn:
        return None
    title = "How often later events spoke against each rule"
    lines = [_spread(card) for card in drawn]
    return Picture(
        svg=spreads(lines, title),
        words=(
            "How often later events spoke against a rule, of those decisions of which anything came"
            " back: the mark is the share, the bar where it may lie."
        ),
        table=Table(
            heads=("rule", "known", "against", "from", "to"),
            rows=tuple(
                (
                    name_of(card),
                    f"{card.answered:,} of {card.claims:,}",
                    *(f"{100 * part:.1f} %" for part in (line.share, line.low, line.high)),
                )
                for card, line in zip(drawn, lines, strict=True)
            ),
            numbers=frozenset({1, 2, 3, 4}),
        ),
    )


def _spread(card: RuleScore) -> IntervalBar:
    return IntervalBar(
        name_of(card), card.action.value, card.against / card.answered, *card.interval
    )


def _against(against: list[Graded], zone: ZoneInfo) -> Section:
    newest = sorted(against, key=lambda one: one.claim.at, reverse=True)[:MOST_SHOWN]
    left = len(against) - len(newest)
    return Section(
        id="against",
        title="Decisions that later events speak against",
        lead=f"The newest {len(newest):,}; {left:,} older ones are counted above." if left else "",
        heads=("task", "decided", "action", "money", "rule", "grade"),
        entries=tuple(_grade_entry(one, zone) for one in newest),
    )


def _grade_entry(one: Graded, zone: ZoneInfo) -> DetailRow:
    claim = one.claim
    return DetailRow(
        cells=(
            claim.task_id[:8],
            format_moment(claim.at, zone.key),
            claim.action.value,
            dollars(claim.micros),
            claim.rule,
            one.grade.value,
        ),
        lines=tuple(_grade_lines(one, zone)),
        tone="bad" if one.grade is Grade.PROBABLY_WRONG else "care",
    )


def _grade_lines(one: Graded, zone: ZoneInfo) -> Iterator[DetailLine]:
    claim = one.claim
    yield DetailLine(
        label="task",
        text=f"{claim.task_id}, round of {format_written(claim.epoch or 'an unknown moment', zone.key)}",
    )
    if one.found is not None:
        yield DetailLine(label="because", text=one.found.why)
    if claim.voice:
        yield DetailLine(
            label="spoke", text=f"in the shadow ({claim.voice}): nothing was sent on its word"
        )
    elif not claim.carried_out:
        yield DetailLine(
            label="carried out", text="no: held back, rehearsed, or somebody was first"
        )


def _asked(asked: tuple[AskedAnswers, ...]) -> Section:
    return Section(
        id="asked",
        title="What people answered",
        lead=(
            "Where a rule asked a person. One that is always answered alike could decide by itself:"
            " try it in the shadow first."
        ),
        table=Table(
            heads=("rule that asked", "asked", "paid", "sent back", "nobody yet"),
            rows=tuple(
                (
                    one.rule,
                    f"{one.paid + one.sent_back + one.nobody:,}",
                    f"{one.paid:,}",
                    f"{one.sent_back:,}",
                    f"{one.nobody:,}",
                )
                for one in asked
            ),
            numbers=frozenset({1, 2, 3, 4}),
        ),
    )


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
    notes: Sequence[LogNote] = (),
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


def _cards(found: PayoutTotals, decisions: Sequence[Logged]) -> tuple[KeyFigure, ...]:
    silent = found.paid["silence"]
    doubtful = sum(one.state in _BAD for one in decisions)
    return (
        KeyFigure(
            label="Paid by silence",
            value=str(silent.tasks),
            note=dollars(silent.micros) if silent.tasks else "nobody was paid unread",
            tone="bad" if silent.tasks else "good",
        ),
        *(
            KeyFigure(
                label=f"Paid by {ground}",
                value=str(found.paid[ground].tasks),
                note=dollars(found.paid[ground].micros),
            )
            for ground in GROUNDS
            if ground != "silence"
        ),
        KeyFigure(label="Sent back", value=str(found.sent_back), note="with a reason"),
        KeyFigure(
            label="Not carried out",
            value=str(doubtful),
            note="refused, overtaken or in doubt",
            tone="care" if doubtful else "plain",
        ),
    )


def _ledgers(found: PayoutTotals) -> Section:
    rows = [
        (f"paid by {name}", str(found.paid[name].tasks), dollars(found.paid[name].micros), words)
        for name, words in _GROUND_WORDS.items()
    ]
    tones: list[Tone] = [
        "bad" if name == "silence" and found.paid[name].tasks else "plain" for name in _GROUND_WORDS
    ]
    if found.outside.tasks:
        row = ("paid elsewhere", str(found.outside.tasks), dollars(found.outside.micros))
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


def _nouns(found: PayoutTotals) -> str:
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
            svg=html.rising_steps(series, since, end, title, marks),
            words=words + ".",
            table=Table(
                heads=("day", *(name for _, name, _ in series)),
                rows=tuple(
                    (day, *(dollars(sums[kind]) for kind, _, _ in series))
                    for day, sums in days.items()
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
            dollars(money[(who, action)]),
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


def _entry(one: Logged, revisions: Revisions, zone: ZoneInfo) -> DetailRow:
    decision = one.decision
    return DetailRow(
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


def _lines(one: Logged, revisions: Revisions) -> Iterator[DetailLine]:
    decision = one.decision
    yield DetailLine(label="id", text=f"{decision.task_id} (decision {decision.id})")
    yield DetailLine(label="policy", text=f"{decision.policy} {decision.revision[:8]}")
    yield DetailLine(label="pays", text=dollars(decision.amount_micros))
    if decision.reason:
        yield DetailLine(label="says", text=decision.reason)
    for note in filter(None, (decision.held_by, one.note)):
        yield DetailLine(label="note", text=note, tone="care")
    judge = revisions.judge(decision.revision)
    if judge is None or not was_judged(decision):
        return
    review = read_past(one)
    if review is None:
        yield DetailLine(label="facts", text="can no longer be read", tone="care")
        return
    facts = review.seen
    if facts.task.comment_text:
        yield DetailLine(label="ordered", text=f"“{facts.task.comment_text}”")
    yield from told_lines(explain(judge, facts))
