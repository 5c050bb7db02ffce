"""What cannot be read in a ledger is an error of ours that says where to look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reviewbot.domain.errors import LedgerCorrupt, LedgerUnwritable
from reviewbot.ledger.ledger import UNREADABLE, noticing_damage


@noticing_damage
class Store:
    """A ledger whose rows break as they are read."""

    name = "store"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self) -> str:
        """One value."""
        raise self._error

    def walk(self) -> Iterator[int]:
        """Some values; the second is broken."""
        yield 1
        raise self._error

    def good(self, value: int, *, more: int = 0) -> int:
        """A value that is well."""
        return value + more

    def _own(self) -> None:
        raise self._error


@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.__name__)
def test_whatever_fails_while_a_row_becomes_a_value_is_damage(kind: type[Exception]) -> None:
    """Also in the middle of a walk; the message names the failure and the command to use."""
    store = Store(kind("odd"))
    with pytest.raises(LedgerCorrupt) as met:
        store.read()
    assert str(met.value) == (
        f"the ledger holds what cannot be read ({kind.__name__}: odd); see  reviewbot log verify"
    )
    assert isinstance(met.value.__cause__, kind)
    walk = store.walk()
    assert next(walk) == 1
    with pytest.raises(LedgerCorrupt, match="odd"):
        next(walk)


def test_what_is_no_damage_passes() -> None:
    """Answers, the ledger's own errors, and what happens within it."""
    assert Store(ValueError()).good(1, more=2) == 3
    with pytest.raises(LedgerUnwritable):
        Store(LedgerUnwritable("full")).read()
    with pytest.raises(ValueError, match="odd"):
        Store(ValueError("odd"))._own()


def test_only_what_others_call_is_watched() -> None:
    """Methods under a name of one's own, and values, stay as they are; names and words are kept."""

    class Plain:
        """A ledger."""

        name = "plain"

        def read(self, *parts: str, end: str = "") -> str:
            """Join."""
            return "".join(parts) + end

        def walk(self, *parts: str, end: str = "") -> Iterator[str]:
            """One by one."""
            yield from parts
            yield end

        def broken(self) -> str:
            """One that cannot be read."""
            raise KeyError("odd")

        def _own(self) -> str:
            raise KeyError("odd")

    own = Plain._own
    watched = noticing_damage(Plain)
    store = watched()

    assert watched is Plain
    assert (Plain._own, Plain.name) == (own, "plain")
    assert store.read("a", "b", end="c") == "abc"
    assert list(store.walk("a", "b", end="c")) == ["a", "b", "c"]
    assert (Plain.read.__name__, Plain.walk.__doc__) == ("read", "One by one.")
    with pytest.raises(LedgerCorrupt, match=r"\(KeyError: 'odd'\); see  reviewbot log verify$"):
        store.broken()
    with pytest.raises(KeyError):
        store._own()
