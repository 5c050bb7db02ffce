"""The report of the past counts what the log holds, in four ledgers."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from reviewbot.config import load_settings
from reviewbot.core.revisions import Revisions
from reviewbot.insights.scorecard import add_up
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.presentation.document import Document
from reviewbot.presentation.history_report import past_document
from reviewbot.presentation.html import as_html
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.policy_files import load_judges
from reviewbot.simulator import scenarios
from reviewbot.simulator.transport import SimulatorTransport


def a_reviewed_queue(tasks: int = 40) -> tuple[SqlLedger, Document]:
    """A log after one live pass, and its report."""
    world = scenarios.build("backlog", tasks=tasks, seed=3)
    ledger = open_ledger("memory:")
    app = build(
        load_settings({"mode": "live"}, env={"TOKPORTAL_API_KEY": "sk_test"}),
        judges=load_judges(["policies/starter.yaml"]),
        transport=SimulatorTransport(world),
        clock=world.clock,
        ledger=ledger,
    )
    if tasks:
        poll_once(app)
    now = app.clock.now()
    since = now - timedelta(days=30)
    document = past_document(
        ledger.decisions(since=since),
        ledger.endings(since),
        Revisions(ledger),
        since=since,
        now=now,
        zone=ZoneInfo("Europe/Paris"),
    )
    return ledger, document


def test_the_ledgers_say_what_the_log_says() -> None:
    """Tasks and money of each ground, and every decision in one row of rules."""
    ledger, document = a_reviewed_queue()
    found = add_up(ledger.decisions(), ledger.endings())
    sections = {section.id: section for section in document.sections}
    assert sections["ledgers"].table is not None and sections["rules"].table is not None
    rows = {row[0]: row for row in sections["ledgers"].table.rows}
    assert rows["paid by rule"][1] == str(found.paid["rule"].tasks) != "0"
    assert rows["paid by silence"][1] == "0"
    assert sum(int(row[2]) for row in sections["rules"].table.rows) == len(ledger.decisions())
    assert len(sections["log"].entries) == len(ledger.decisions())


def test_each_decision_opens_to_its_explanation() -> None:
    """What the rule saw at that moment is told from the log alone."""
    _, document = a_reviewed_queue()
    log = next(section for section in document.sections if section.id == "log")
    labels = [{line.label for line in entry.lines} for entry in log.entries]
    assert all("met" in words or "not met" in words or "cannot tell" in words for words in labels)
    assert "</html>" in as_html(document)


def test_an_empty_log_is_a_whole_report() -> None:
    """Nothing decided, nothing paid: the report says so."""
    _, document = a_reviewed_queue(tasks=0)
    page = as_html(document)
    assert "Nothing was paid." in page and "Nothing was decided." in page
