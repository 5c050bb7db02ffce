"""The part of the report that tells how the rules did, and what cannot be known of them."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from reviewbot.domain.moments import format_moment, format_written
from reviewbot.reports.document import Entry, Line, Picture, Section, Table
from reviewbot.reports.intervals import Spread, spreads
from reviewbot.reports.words import usd
from reviewbot.service.outlook.grades import Grade
from reviewbot.service.outlook.scorecard import Asked, Card, Graded, Scorecard

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
                usd(card.micros_against),
            )
            for card in found.cards
        ),
        numbers=frozenset(range(2, 10)),
    )


def name_of(card: Card) -> str:
    """The rule, after who spoke where that was in the shadow."""
    return card.rule if not card.voice else f"{card.voice} (shadow): {card.rule}"


def share_of(card: Card) -> str:
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


def _spread(card: Card) -> Spread:
    return Spread(name_of(card), card.action.value, card.against / card.answered, *card.interval)


def _against(against: list[Graded], zone: ZoneInfo) -> Section:
    newest = sorted(against, key=lambda one: one.claim.at, reverse=True)[:MOST_SHOWN]
    left = len(against) - len(newest)
    return Section(
        id="against",
        title="Decisions that later events speak against",
        lead=f"The newest {len(newest):,}; {left:,} older ones are counted above." if left else "",
        heads=("task", "decided", "action", "money", "rule", "grade"),
        entries=tuple(_entry(one, zone) for one in newest),
    )


def _entry(one: Graded, zone: ZoneInfo) -> Entry:
    claim = one.claim
    return Entry(
        cells=(
            claim.task_id[:8],
            format_moment(claim.at, zone.key),
            claim.action.value,
            usd(claim.micros),
            claim.rule,
            one.grade.value,
        ),
        lines=tuple(_lines(one, zone)),
        tone="bad" if one.grade is Grade.PROBABLY_WRONG else "care",
    )


def _lines(one: Graded, zone: ZoneInfo) -> Iterator[Line]:
    claim = one.claim
    yield Line(
        label="task",
        text=f"{claim.task_id}, round of {format_written(claim.epoch or 'an unknown moment', zone.key)}",
    )
    if one.found is not None:
        yield Line(label="because", text=one.found.why)
    if claim.voice:
        yield Line(
            label="spoke", text=f"in the shadow ({claim.voice}): nothing was sent on its word"
        )
    elif not claim.carried_out:
        yield Line(label="carried out", text="no: held back, rehearsed, or somebody was first")


def _asked(asked: tuple[Asked, ...]) -> Section:
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
