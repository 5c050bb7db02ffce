"""Pagination, the same for every list."""

from __future__ import annotations

from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.world import World


def pagination(world: World, page: int, per_page: int, total: int) -> dict[str, int]:
    """The `pagination` object of a list.

    Raises Refusal for a page behind the last, where that is chosen.
    """
    pages = -(-total // per_page)
    if page > max(1, pages) and world.choices.page_out_of_range == "400":
        raise Refusal(400, world.choices.validation_code, f"There are only {pages} pages.")
    return {
        "page": page,
        "per_page": per_page,
        "total": total,
        "total_pages": pages or world.choices.total_pages_of_nothing,
    }
