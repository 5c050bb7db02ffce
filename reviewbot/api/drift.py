"""What the API said that we did not expect, each thing once."""

from __future__ import annotations

MOST = 200
"""Notes kept of each kind; a server that invents field names cannot fill the memory."""


class Drift:
    """Notes taken while reading answers.

    `wrong` names used fields that were missing or of another type, and rows that could not be
    read: values we had to treat as unknown. `strange` names fields and values nobody has told us
    of; they change nothing.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, None] = {}
        self._strange: dict[str, None] = {}
        self.taken = 0
        """How often anything was noted, repetitions included."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Used fields that are not as documented, in the order found."""
        return tuple(self._wrong)

    @property
    def strange(self) -> tuple[str, ...]:
        """Fields and values that are new to us, in the order found."""
        return tuple(self._strange)

    def expected(self, place: str, what: str, got: object) -> None:
        """Note a used field of another type than documented."""
        self._note(self._wrong, f"{place}: expected {what}, got {kind_of(got)}")

    def missing(self, place: str) -> None:
        """Note a used field that was not sent."""
        self._note(self._wrong, f"{place}: missing")

    def unreadable(self, why: str) -> None:
        """Note a row that could not be read at all."""
        self._note(self._wrong, f"a row: {why}")

    def unknown(self, place: str, value: str | None = None) -> None:
        """Note a field, or a value of a field, that the fact sheet does not have."""
        self._note(
            self._strange, f"{place}: new field" if value is None else f"{place}: {value[:60]!r}"
        )

    def take(self, other: Drift) -> None:
        """Add what another reading found."""
        for text in other._wrong:
            self._note(self._wrong, text)
        for text in other._strange:
            self._note(self._strange, text)

    def _note(self, notes: dict[str, None], text: str) -> None:
        self.taken += 1
        if len(notes) < MOST:
            notes[text] = None


def kind_of(value: object) -> str:
    """Say what a JSON value is, without saying the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "yes or no"
        case int() | float():
            return "a number" if value == value else "not a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
