"""The CSV report opens harmlessly in a spreadsheet and loses no task."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.presentation.sheets import QUEUE_COLUMNS, as_csv, sheet
from tests.presentation.conftest import Made


def test_every_task_has_its_row(plan_of: Callable[..., Made]) -> None:
    """One row a task under the documented heads."""
    found, _ = plan_of(25)
    rows = list(csv.reader(io.StringIO(as_csv(found))))
    assert tuple(rows[0]) == QUEUE_COLUMNS
    assert [row[1] for row in rows[1:]] == [planned.item.id for planned in found.planned]
    assert all(len(row) == len(QUEUE_COLUMNS) for row in rows)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_no_cell_is_a_formula(rows: list[list[str]]) -> None:
    """Whatever a text holds, a spreadsheet reads it as text, and the table keeps its shape."""
    read = list(csv.reader(io.StringIO(sheet(("a", "b"), rows), newline="")))
    assert len(read) == len(rows) + 1
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for row in read for cell in row)
