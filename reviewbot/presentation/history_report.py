"""The report of the past: what was decided, what was paid on whose word, and what came back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reviewbot.core.replay import read_past, was_judged
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import DONE, Decision, State
from reviewbot.domain.review import noun_of
from reviewbot.domain.text import format_moment, format_written
from reviewbot.history.scores import Scores
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import (
    GROUNDS,
    AskedAnswers,
    Graded,
    GroundTotal,
    PayoutTotals,
    RuleScore,
    Scorecard,
    add_up,
    ground_of,
    scorecard,
)
from reviewbot.policy.explain.explain import explain
from reviewbot.ports.ledger import Ending, Logged, LogNote
from reviewbot.presentation.document import (
    Column,
    DetailLine,
    DetailRow,
    Document,
    KeyFigure,
    Picture,
    Section,
    number,
    table_of,
    told_lines,
)
from reviewbot.presentation.format import dollars
from reviewbot.presentation.html import IntervalBar, rising_steps, spreads

MOST_SHOWN = 50
"""Decisions shown one by one that later events speak against, the newest."""
MOST_DRAWN = 16
"""Rules in the chart, those with most answers."""
MOST_ENTRIES = 500
"""Decisions shown one by one, the newest; the figures count them all."""
LEAD = (
    "Later events tell of some decisions whether the comment was there when they were made. Against a"
    " rule speak those probably wrong and those that a person overruled, out of all of which something"
    " came back; in brackets where that share may lie (Wilson's interval, 95 %). What never comes back"
    " cannot be known, and an approval is final: to grade a rule that pays, run it in the shadow or in"
    " a dry run beside people."
)
RULES_LEAD = "A decision is counted when it differs from the last one of its round."
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
    totals = add_up(decisions, endings)
    return Document(
        title="What was decided",
        lead=(
            f"From {format_moment(since, zone.key)} to {format_moment(now, zone.key)}.",
            "What was paid stands in four ledgers that are never added up; silence has to be 0.",
        ),
        cards=_cards(totals, decisions),
        sections=(
            _ledgers(totals),
            _money(decisions, endings, since, now, zone),
            _rules(decisions),
            *grade_sections(scorecard(decisions, endings, notes), zone),
            _outcomes(decisions),
            _log(decisions, revisions, zone),
        ),
        foot="Read from the decision log; nothing was sent.",
    )


def exported_document(scores: Scores, since: datetime | None, zone: ZoneInfo) -> Document:
    """Write the report of an exported log: what it decided, and how the rules did."""
    begin = "From the beginning" if since is None else f"From {format_moment(since, zone.key)} on"
    decided = scores.decided()
    return Document(
        title="What was decided",
        lead=(
            f"{begin}, by an exported log. It holds decisions, and not how rounds ended without one:"
            " what was paid by silence or outside, and what later checks saw, is not known here.",
        ),
        cards=(),
        sections=(
            Section(
                id="rules",
                title="Which rule decided",
                lead=RULES_LEAD,
                table=table_of(
                    decided.items(),
                    Column("rule", lambda row: row[0][0]),
                    Column("action", lambda row: row[0][1]),
                    number("decisions", lambda row: row[1].times),
                    number("carried out", lambda row: row[1].done),
                    number("paid", lambda row: dollars(row[1].micros)),
                ),
                empty="Nothing was decided.",
            ),
            *grade_sections(scores.scorecard(), zone),
            _outcome_table(scores.outcomes().items()),
        ),
        foot="Read from an export of the decision log; nothing was sent.",
    )


def _cards(totals: PayoutTotals, decisions: Sequence[Logged]) -> tuple[KeyFigure, ...]:
    silent = totals.paid["silence"]
    doubtful = sum(logged.state in _BAD for logged in decisions)
    return (
        KeyFigure(
            label="Paid by silence",
            value=str(silent.tasks),
            note=dollars(silent.micros) if silent.tasks else "nobody was paid unread",
            tone="bad" if silent.tasks else "good",
        ),
        *(
            KeyFigure(label=f"Paid by {ground}", value=str(paid.tasks), note=dollars(paid.micros))
            for ground in GROUNDS
            if ground != "silence"
            for paid in [totals.paid[ground]]
        ),
        KeyFigure(label="Sent back", value=str(totals.sent_back), note="with a reason"),
        KeyFigure(
            label="Not carried out",
            value=str(doubtful),
            note="refused, overtaken or in doubt",
            tone="care" if doubtful else "plain",
        ),
    )


def _ledgers(totals: PayoutTotals) -> Section:
    rows: list[tuple[str, GroundTotal, str]] = [
        (f"paid by {name}", totals.paid[name], words) for name, words in _GROUND_WORDS.items()
    ]
    if totals.outside.tasks:
        words = "by somebody in the dashboard, or another tool"
        rows.append(("paid elsewhere", totals.outside, words))
    table = table_of(
        rows,
        Column("ledger", lambda row: row[0]),
        number(_nouns(totals), lambda row: str(row[1].tasks)),
        number("money", lambda row: dollars(row[1].micros)),
        Column("meaning", lambda row: row[2]),
        tone=lambda row: "bad" if row[0] == "paid by silence" and row[1].tasks else "plain",
    )
    return Section(id="ledgers", title="On whose word was paid", table=table)


def _nouns(totals: PayoutTotals) -> str:
    """What is counted: tasks, accounts, or both."""
    paid = (*totals.paid.values(), totals.outside)
    accounts, count = sum(part.accounts for part in paid), sum(part.tasks for part in paid)
    return "tasks" if not accounts else "accounts" if accounts == count else "tasks and accounts"


def _money(
    decisions: Iterable[Logged],
    endings: Iterable[Ending],
    since: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> Section:
    title = "Money over time"
    payments = sorted(_payments(decisions, endings))
    if not payments:
        return Section(id="money", title=title, empty="Nothing was paid.")
    steps: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    days: dict[str, Counter[str]] = {}
    for at, ground, micros in payments:
        before = steps[ground][-1][1] if steps[ground] else 0.0
        steps[ground].append((max(at, since), before + micros / 1_000_000))
        days.setdefault(f"{at.astimezone(zone):%a %d %b}", Counter())[ground] += micros
    series = [(name, f"paid by {name}", steps[name]) for name in GROUNDS if name in steps]
    # The log is written by the API's clock, which may be ahead of this machine's.
    end = max(now, payments[-1][0])
    quarters = [since + (end - since) * part / 4 for part in range(5)]
    marks = [(at, f"{at.astimezone(zone):%d %b}") for at in quarters]
    sums = "; ".join(f"{name} {points[-1][1]:,.2f}" for _, name, points in series)
    table = table_of(
        days.items(),
        Column("day", lambda row: row[0]),
        *(number(name, _money_of(ground)) for ground, name, _ in series),
    )
    return Section(
        id="money",
        title=title,
        picture=Picture(
            svg=rising_steps(series, since, end, title, marks),
            words=f"What was paid, in US dollars: {sums}.",
            table=table,
        ),
    )


def _money_of(ground: str) -> Callable[[tuple[str, Counter[str]]], str]:
    return lambda row: dollars(row[1][ground])


def _payments(
    decisions: Iterable[Logged], endings: Iterable[Ending]
) -> Iterator[tuple[datetime, str, int]]:
    for logged in decisions:
        if logged.state in DONE and logged.decision.action.pays:
            at = logged.settled_at or logged.state_at
            yield at, ground_of(logged.decision), logged.decision.amount_micros or 0
    for ending in endings:
        ground = {"silence": "silence", "leave": "rule"}.get(ending.by)
        if ground is not None:
            yield ending.at, ground, ending.amount_micros or 0


def _rules(decisions: Sequence[Logged]) -> Section:
    counts = Counter(_who(logged.decision) for logged in decisions)
    unclear = Counter(rule for logged in decisions for rule in logged.decision.cannot_tell)
    done: Counter[tuple[str, str]] = Counter()
    money: Counter[tuple[str, str]] = Counter()
    for logged in decisions:
        decision = logged.decision
        if logged.state in DONE:
            done[_who(decision)] += 1
            money[_who(decision)] += decision.action.pays * (decision.amount_micros or 0)
    return Section(
        id="rules",
        title="Which rule decided",
        lead=RULES_LEAD,
        table=table_of(
            counts.most_common(),
            Column("rule", lambda row: row[0][0]),
            Column("action", lambda row: row[0][1]),
            number("decisions", lambda row: row[1]),
            number("carried out", lambda row: done[row[0]]),
            number("paid", lambda row: dollars(money[row[0]])),
            number("could not tell", lambda row: unclear[row[0][0]]),
        ),
        empty="Nothing was decided.",
    )


def _who(decision: Decision) -> tuple[str, str]:
    by = decision.rule if decision.decided_by is None else f"a person ({decision.decided_by})"
    return by, decision.action.value


def grade_sections(score: Scorecard, zone: ZoneInfo) -> Iterator[Section]:
    """How the rules did; each decision that later events speak against; and what people answered."""
    yield Section(
        id="grades",
        title="How the rules did",
        lead=LEAD,
        picture=_chart(score.cards),
        table=table_of(
            score.cards,
            Column("rule", name_of),
            Column("action", lambda card: card.action.value),
            number("decisions", lambda card: card.claims),
            *(number(grade.value, _count_of(grade)) for grade in Grade),
            number("against", share_of),
            number("money against", lambda card: dollars(card.micros_against)),
        ),
        empty="No rule has decided anything.",
    )
    against = [graded for graded in score.answered if graded.grade.against]
    if against:
        newest = sorted(against, key=lambda graded: graded.claim.at, reverse=True)[:MOST_SHOWN]
        yield Section(
            id="against",
            title="Decisions that later events speak against",
            lead=_left_out(newest, against),
            heads=("task", "decided", "action", "money", "rule", "grade"),
            entries=tuple(_grade_entry(graded, zone) for graded in newest),
        )
    if score.asked:
        yield _asked(score.asked)


def _count_of(grade: Grade) -> Callable[[RuleScore], int]:
    return lambda card: card.counts[grade]


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


def _chart(cards: Sequence[RuleScore]) -> Picture | None:
    known = sorted((card for card in cards if card.answered), key=lambda card: -card.answered)
    drawn = [
        (
            card,
            IntervalBar(
                name_of(card), card.action.value, card.against / card.answered, *card.interval
            ),
        )
        for card in known[:MOST_DRAWN]
    ]
    if not drawn:
        return None
    return Picture(
        svg=spreads([bar for _, bar in drawn], "How often later events spoke against each rule"),
        words=(
            "How often later events spoke against a rule, of those decisions of which anything came"
            " back: the mark is the share, the bar where it may lie."
        ),
        table=table_of(
            drawn,
            Column("rule", lambda row: row[1].name),
            number("known", lambda row: f"{row[0].answered:,} of {row[0].claims:,}"),
            number("against", lambda row: f"{100 * row[1].share:.1f} %"),
            number("from", lambda row: f"{100 * row[1].low:.1f} %"),
            number("to", lambda row: f"{100 * row[1].high:.1f} %"),
        ),
    )


def _grade_entry(graded: Graded, zone: ZoneInfo) -> DetailRow:
    claim = graded.claim
    return DetailRow(
        cells=(
            claim.task_id[:8],
            format_moment(claim.at, zone.key),
            claim.action.value,
            dollars(claim.micros),
            claim.rule,
            graded.grade.value,
        ),
        lines=tuple(_grade_lines(graded, zone)),
        tone="bad" if graded.grade is Grade.PROBABLY_WRONG else "care",
    )


def _grade_lines(graded: Graded, zone: ZoneInfo) -> Iterator[DetailLine]:
    claim = graded.claim
    epoch = format_written(claim.epoch or "an unknown moment", zone.key)
    yield DetailLine(label="task", text=f"{claim.task_id}, round of {epoch}")
    if graded.found is not None:
        yield DetailLine(label="because", text=graded.found.why)
    if claim.voice:
        text = f"in the shadow ({claim.voice}): nothing was sent on its word"
        yield DetailLine(label="spoke", text=text)
    elif not claim.carried_out:
        text = "no: held back, rehearsed, or somebody was first"
        yield DetailLine(label="carried out", text=text)


def _asked(asked: tuple[AskedAnswers, ...]) -> Section:
    return Section(
        id="asked",
        title="What people answered",
        lead=(
            "Where a rule asked a person. One that is always answered alike could decide by itself:"
            " try it in the shadow first."
        ),
        table=table_of(
            asked,
            Column("rule that asked", lambda rule: rule.rule),
            number("asked", lambda rule: rule.paid + rule.sent_back + rule.nobody),
            number("paid", lambda rule: rule.paid),
            number("sent back", lambda rule: rule.sent_back),
            number("nobody yet", lambda rule: rule.nobody),
        ),
    )


def _outcomes(decisions: Sequence[Logged]) -> Section:
    return _outcome_table(Counter(logged.state.value for logged in decisions).most_common())


def _outcome_table(counts: Iterable[tuple[str, int]]) -> Section:
    return Section(
        id="outcomes",
        title="What became of the decisions",
        table=table_of(
            counts, Column("outcome", lambda row: row[0]), number("decisions", lambda row: row[1])
        ),
        empty="Nothing was decided.",
    )


def _log(decisions: Sequence[Logged], revisions: Revisions, zone: ZoneInfo) -> Section:
    newest = sorted(decisions, key=lambda logged: logged.seq, reverse=True)[:MOST_ENTRIES]
    noun = noun_of(logged.decision.review for logged in decisions)
    return Section(
        id="log",
        title="The decisions, newest first",
        lead=_left_out(newest, decisions),
        heads=(noun, "decided", "round", "action", "by", "outcome"),
        entries=tuple(_entry(logged, revisions, zone) for logged in newest),
        empty="Nothing was decided.",
    )


def _left_out(shown: Sequence[object], every: Sequence[object]) -> str:
    left = len(every) - len(shown)
    return f"The newest {len(shown):,}; {left:,} older ones are counted above." if left else ""


def _entry(logged: Logged, revisions: Revisions, zone: ZoneInfo) -> DetailRow:
    decision = logged.decision
    return DetailRow(
        cells=(
            decision.task_id[:8],
            format_moment(decision.decided_at, zone.key),
            str(decision.round),
            decision.action.value,
            _who(decision)[0],
            logged.state.value,
        ),
        lines=tuple(_lines(logged, revisions)),
        tone="bad" if logged.state in _BAD else "plain",
    )


def _lines(logged: Logged, revisions: Revisions) -> Iterator[DetailLine]:
    decision = logged.decision
    yield DetailLine(label="id", text=f"{decision.task_id} (decision {decision.id})")
    yield DetailLine(label="policy", text=f"{decision.policy} {decision.revision[:8]}")
    yield DetailLine(label="pays", text=dollars(decision.amount_micros))
    if decision.reason:
        yield DetailLine(label="says", text=decision.reason)
    for note in filter(None, (decision.held_by, logged.note)):
        yield DetailLine(label="note", text=note, tone="care")
    judge = revisions.judge(decision.revision)
    if judge is None or not was_judged(decision):
        return
    review = read_past(logged)
    if review is None:
        yield DetailLine(label="facts", text="can no longer be read", tone="care")
        return
    facts = review.seen
    if facts.task.comment_text:
        yield DetailLine(label="ordered", text=f"“{facts.task.comment_text}”")
    yield from told_lines(explain(judge, facts))
