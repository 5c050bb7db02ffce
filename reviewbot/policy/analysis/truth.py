"""Three-valued truth, and sets of truths.

Theory of operation. A test is true, false or unknown (Kleene). While only part of a task is decided,
what a condition may come to is a set of these three, kept as three bits. The operations on sets are
tables of 64 entries, computed once from the operations on single truths.
"""

from __future__ import annotations

from collections.abc import Callable

TRUE, FALSE, UNKNOWN = 1, 2, 4
ANY = TRUE | FALSE | UNKNOWN
NOT_TRUE = FALSE | UNKNOWN

_SINGLE = (TRUE, FALSE, UNKNOWN)


def of(answer: bool | None) -> int:
    """The set that holds just this answer; None is unknown."""
    if answer is None:
        return UNKNOWN
    return TRUE if answer else FALSE


def both(a: int, b: int) -> int:
    """Kleene's and, of two single truths."""
    if FALSE in (a, b):
        return FALSE
    return UNKNOWN if UNKNOWN in (a, b) else TRUE


def either(a: int, b: int) -> int:
    """Kleene's or, of two single truths."""
    if TRUE in (a, b):
        return TRUE
    return UNKNOWN if UNKNOWN in (a, b) else FALSE


def _table(operation: Callable[[int, int], int]) -> tuple[tuple[int, ...], ...]:
    def lifted(left: int, right: int) -> int:
        result = 0
        for a in _SINGLE:
            for b in _SINGLE:
                if a & left and b & right:
                    result |= operation(a, b)
        return result

    return tuple(tuple(lifted(a, b) for b in range(8)) for a in range(8))


AND = _table(both)
OR = _table(either)
NOT = tuple(
    (FALSE if s & TRUE else 0) | (TRUE if s & FALSE else 0) | (s & UNKNOWN) for s in range(8)
)
