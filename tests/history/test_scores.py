"""Scorecards of an exported log: as the log's own, however its files are cut and ordered."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.decision import Action, State
from reviewbot.history import files
from reviewbot.history.files import find_files
from reviewbot.history.partial import UNREADABLE
from reviewbot.history.records import COLUMN
from reviewbot.history.scores import (
    ExportedDecision,
    ScoredFiles,
    Scores,
    decisions_of_files,
    grade_batches,
)
from reviewbot.insights import spill
from reviewbot.insights.scorecard import scorecard
from tests.builders import CONFIRMED
from tests.tier import times


def random_decisions(chance: Random, count: int) -> list[ExportedDecision]:
    """Rules and people over a few tasks and their rounds."""
    return [
        ExportedDecision(
            review="comments",
            task_id=f"task-{chance.randrange(8)}",
            seq=number,
            epoch=chance.choice(("2026-06-01T00:00:00Z", "2026-06-03T00:00:00Z")),
            action=chance.choice((Action.APPROVE, Action.DISPUTE, Action.ESCALATE)),
            rule=chance.choice(("one", "two")),
            outcome=chance.choice((State.PERFORMED, State.SETTLED, State.HELD)),
            decided_at=CONFIRMED + timedelta(minutes=number),
            settled_at=chance.choice((None, CONFIRMED + timedelta(hours=number))),
            amount_micros=chance.choice((None, 240_000)),
            decided_by=chance.choice((None, None, "pat")),
            wanted=chance.choice((None, Action.APPROVE)),
        )
        for number in range(count)
    ]


def as_the_log(decisions: list[ExportedDecision]) -> Scores:
    """What the log's own scorecard says, in the same form."""
    found = Scores()
    card = scorecard([decision.logged() for decision in decisions], (), ())
    for rule in card.cards:
        for grade, count in rule.counts.items():
            found.merge([("grade", rule.action.value, rule.rule, grade.value, count, 0, 0)])
    for answers in card.asked:
        for word in ("paid", "sent_back", "nobody"):
            found.merge([("asked", "", answers.rule, word, getattr(answers, word), 0, 0)])
    return found


def cards(scores: Scores) -> tuple[object, ...]:
    """Cards and answers without the money, which the log's cards hold by rule."""
    card = scores.scorecard()
    rules = [(rule.rule, rule.action, dict(rule.counts)) for rule in card.cards]
    return rules, sorted(card.asked, key=lambda asked: asked.rule)


@settings(max_examples=times(20, 300), deadline=None)
@given(st.integers(0, 2**32))
def test_files_of_any_cut_are_graded_as_the_log_is(seed: int) -> None:
    """JSON lines and Parquet, here and as a cluster maps the function over sorted batches."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    chance = Random(seed)
    decisions = random_decisions(chance, chance.randint(1, 60))
    rows = [msgspec.structs.asdict(decision) for decision in decisions]
    by_thing = sorted(rows, key=lambda row: (row["task_id"], row["seq"]))
    elsewhere = Scores()
    for some in grade_batches(arrow.Table.from_pylist(by_thing).to_batches(max_chunksize=7)):
        elsewhere.merge(some)
    chance.shuffle(rows)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SIZE", chance.choice((300, 4 << 20)))
        patch.setattr(spill.SortedRuns.__init__, "__defaults__", (chance.choice((3, 100_000)),))
        half = len(rows) // 2
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows[:half])
        Path(name, "a.jsonl").write_bytes(lines)
        schema = arrow.Table.from_pylist(by_thing).schema
        parquet.write_table(arrow.Table.from_pylist(rows[half:], schema), Path(name, "b.parquet"))
        gathered = ScoredFiles()
        for part in decisions_of_files(None, find_files(name), workers=1):
            assert not part.unread
            gathered.take(part)
        scores = gathered.scores()
    assert cards(scores) == cards(elsewhere) == cards(as_the_log(decisions))
    counted = [row for row in elsewhere.rows() if row[0] != "part"]
    assert sorted(scores.rows()) == sorted(counted) and elsewhere.parts == 1
    assert scores.read == len(decisions) == sum(scores.outcomes().values())


def test_a_cluster_counts_what_is_no_decision() -> None:
    """Lines and rows of a table; it costs none of the others, and some are told by why."""
    arrow = pytest.importorskip("pyarrow")
    decisions = random_decisions(Random(2), 9)
    rows = [msgspec.structs.asdict(decision) for decision in decisions]
    lines = [msgspec.json.encode(decision).decode() for decision in decisions]
    table = arrow.Table.from_pylist([*rows, *({**rows[0], "outcome": f"x{n}"} for n in range(9))])
    text = arrow.table({COLUMN: [*lines, *(f'{{"review": {n}}}' for n in range(8)), None]})
    for read in (table, text):
        found = Scores()
        for some in grade_batches(read.to_batches()):
            found.merge(some)
        assert found.read == 9 and sum(found.unreadable().values()) == 9
        assert len(found.unreadable()) <= UNREADABLE + 1


def test_what_is_no_decision_is_told(tmp_path: Path) -> None:
    """A line of something else is counted as unreadable; what is older than asked for is left out."""
    (decision,) = random_decisions(Random(1), 1)
    lines = [b"{}", msgspec.json.encode(decision), b"nonsense"]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    found = find_files(str(tmp_path))
    (part,) = decisions_of_files(None, found, workers=1)
    assert (part.unread, len(part.decisions)) == (2, 1)
    later = decision.decided_at + timedelta(seconds=1)
    (part,) = decisions_of_files(later, found, workers=1)
    assert part.decisions == []
