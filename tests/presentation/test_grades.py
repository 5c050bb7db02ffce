"""The report says how the rules did, what speaks against them, and what cannot be known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reviewbot.core.questions import open_questions
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Action
from reviewbot.insights.scorecard import TOPICS, Scorecard, scorecard
from reviewbot.presentation.document import Document, Section
from reviewbot.presentation.history_report import grade_sections, past_document
from reviewbot.presentation.html import IntervalBar, as_html, spreads
from reviewbot.review import shadow
from reviewbot.review.answer import PersonAnswer, answer
from tests.acceptance.house import House, house, judge_of
from tests.presentation.test_page import NEEDS_CHROMIUM, serious_barriers
from tests.review.test_people import EVERYTHING_IS_ASKED

PAYS_ALL = """
policy: generous
language: 1
rules:
  - name: always pays <b>all</b>
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay.
"""


@pytest.fixture(scope="module")
def judged() -> Document:
    """People answer 6 of 8 questions, 4 with yes; a generous challenger speaks beside them."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=8) as made:
        generous = judge_of(PAYS_ALL).policy
        shadow.start(made.app.ledger, generous, who="ana", now=made.clock.now())
        made.poll()
        questions = open_questions(made.app.ledger, made.clock.now())
        for number, question in enumerate(questions[:6]):
            action = Action.APPROVE if number < 4 else Action.DISPUTE
            reply = PersonAnswer(
                action=action, who="ana", text=f"I looked: it is not there ({number})."
            )
            assert answer(made.app, question, reply).done
        return report_of(made)


def report_of(made: House) -> Document:
    """The report of everything in a log."""
    log, now = made.app.ledger, made.clock.now() + timedelta(minutes=1)
    since = now - timedelta(days=30)
    return past_document(
        log.decisions(since=since),
        log.endings(since),
        Revisions(log),
        since=since,
        now=now,
        zone=ZoneInfo("Europe/Paris"),
        notes=log.notes(*TOPICS),
    )


def section(document: Document, name: str) -> Section:
    """One section."""
    return next(part for part in document.sections if part.id == name)


def row(found: Section) -> dict[str, str]:
    """The only row of a section's table, by head."""
    assert found.table is not None and len(found.table.rows) == 1
    return dict(zip(found.table.heads, found.table.rows[0], strict=True))


def test_a_challenger_is_graded_by_what_people_answered(judged: Document) -> None:
    """4 of its 8 words were right, 2 were overruled, of 2 nothing is known; with its interval."""
    found = row(section(judged, "grades"))
    assert found["rule"] == "generous (shadow): always pays <b>all</b>"
    assert (found["decisions"], found["right"], found["overruled"]) == ("8", "4", "2")
    assert (found["probably right"], found["probably wrong"]) == ("0", "0")
    assert found["cannot know"] == "2"
    assert found["against"] == "33 % (10 to 70)"
    assert found["money against"] == "0.54 USD"


def test_each_decision_that_is_spoken_against_says_why(judged: Document) -> None:
    """Its row opens to who differed."""
    entries = section(judged, "against").entries
    assert len(entries) == 2
    assert {entry.cells[-1] for entry in entries} == {"overruled"}
    assert all(line.text == "a person sent it back" for e in entries for line in e.lines[1:2])


def test_what_people_answered_stands_beside_the_rule_that_asked(judged: Document) -> None:
    """A rule that is always answered alike could decide by itself."""
    assert row(section(judged, "asked")) == {
        "rule that asked": "a person looks",
        "asked": "8",
        "paid": "4",
        "sent back": "2",
        "nobody yet": "2",
    }


@NEEDS_CHROMIUM
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_browser_finds_no_serious_barrier_in_the_past(judged: Document, tmp_path: Path) -> None:
    """axe, as for the queue."""
    assert serious_barriers(as_html(judged), tmp_path) == []


def test_hostile_names_are_only_text_in_the_chart_too(judged: Document) -> None:
    """A rule's name is escaped where it is drawn."""
    page = as_html(judged)
    assert "<b>" not in page and "&lt;b&gt;all" in page
    drawn = spreads([IntervalBar('x"><script>\u202e', 'a"b', 0.5, 0.1, 0.9)], '"><i>')
    assert "<script>" not in drawn and "<i>" not in drawn and "\u202e" not in drawn


@pytest.mark.parametrize("decided", [(), ("none",)])
def test_where_nothing_is_known_it_says_so(decided: Sequence[str]) -> None:
    """No decision, or none that anything came back of."""
    if not decided:
        (only,) = grade_sections(Scorecard(cards=(), answered=(), asked=()), ZoneInfo("UTC"))
        assert only.picture is None and only.empty == "No rule has decided anything."
        return
    with house(tasks=6) as made:
        made.poll()
        log = made.app.ledger
        card = scorecard(log.decisions(), log.endings(), log.notes(*TOPICS))
        found, *rest = grade_sections(card, ZoneInfo("UTC"))
        assert found.table is not None and found.table.rows and found.picture is None
        assert {cells[8] for cells in found.table.rows} == {"cannot know"}
        assert [part.id for part in rest] in ([], ["asked"])
