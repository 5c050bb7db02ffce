"""The board answers like a plain sort over all tasks would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.worlds import a_task, a_world

STATUSES = ("pending", "submitted", "manually_confirmed")


@given(
    moves=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([*STATUSES, None])), max_size=40),
    asked=st.one_of(st.none(), st.lists(st.sampled_from(STATUSES), max_size=3, unique=True)),
    page=st.integers(1, 4),
    per_page=st.integers(1, 5),
)
def test_a_page_is_what_sorting_everything_gives(
    moves: list[tuple[int, str | None]], asked: list[str] | None, page: int, per_page: int
) -> None:
    """After any moves between statuses, off the board and back."""
    world = a_world()
    tasks = []
    shown: dict[int, str | None] = {}
    for number in range(10):
        tasks.append(a_task(world))
        shown[number] = "pending"
        world.advance(number % 3)
    for number, status in moves:
        world.board.file(tasks[number], status)
        shown[number] = status
    expected = [
        tasks[number]
        for number in reversed(range(10))
        if shown[number] is not None and (asked is None or shown[number] in asked)
    ]
    first = (page - 1) * per_page
    assert world.board.page(asked, None, page, per_page) == (
        expected[first : first + per_page],
        len(expected),
    )
    for status in STATUSES:
        assert world.board.count(status) == list(shown.values()).count(status)
