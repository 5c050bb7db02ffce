"""What the API said that we did not expect, each thing once, and on how many things it was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reviewbot.ports import Odd

MOST = 200
"""Notes kept of each kind; a server that invents field names cannot fill the memory."""
MOST_THINGS = 20
"""Things that are remembered for each note; more are as good as all."""


class Drift:
    """Notes taken while reading answers.

    `wrong` names used fields that were missing or of another type, and rows that could not be
    read: values we had to treat as unknown. `values` are values of used fields that nobody has told
    us of: they are kept as they are, match no rule that names another, and people are told. `strange`
    names fields that are new to us; they change nothing.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, set[str]] = {}
        self._unnamed: list[str] = []
        self._values: dict[str, None] = {}
        self._strange: dict[str, None] = {}
        self.taken = 0
        """How often anything was noted, repetitions included."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Used fields that are not as documented, in the order found."""
        return tuple(self._wrong)

    @property
    def things(self) -> Mapping[str, frozenset[str]]:
        """By each note on a used field, the things on which it was seen, as far as they are known."""
        return {text: frozenset(things) for text, things in self._wrong.items()}

    def belongs_to(self, name: Callable[[], str] | None) -> None:
        """Say what was read while the last notes were taken, where any were; None: no one thing."""
        if self._unnamed and name is not None:
            thing = name()
            for text in self._unnamed:
                if len(self._wrong[text]) < MOST_THINGS:
                    self._wrong[text].add(thing)
        self._unnamed.clear()

    @property
    def strange(self) -> tuple[str, ...]:
        """Fields that are new to us, in the order found."""
        return tuple(self._strange)

    @property
    def values(self) -> tuple[str, ...]:
        """Values of used fields that are new to us, in the order found."""
        return tuple(self._values)

    @property
    def odd(self) -> Odd:
        """What people and guards should know of it."""
        return Odd(drift=self.wrong, drift_on=self.things, new_values=self.values)

    def expected(self, place: str, what: str, got: object) -> None:
        """Note a used field of another type than documented."""
        self._note_wrong(f"{place}: expected {what}, got {kind_of(got)}")

    def missing(self, place: str) -> None:
        """Note a used field that was not sent."""
        self._note_wrong(f"{place}: missing")

    def unreadable(self, why: str) -> None:
        """Note a row that could not be read at all."""
        self._note_wrong(f"a row: {why}")

    def unknown(self, place: str) -> None:
        """Note a field that the fact sheet does not have."""
        self._note(self._strange, f"{place}: new field")

    def new_value(self, place: str, value: str) -> None:
        """Note a value of a used field that the fact sheet does not have."""
        self._note(self._values, f"{place}: {value[:60]!r}")

    def take(self, other: Drift) -> None:
        """Add what another reading found."""
        for text, things in other._wrong.items():
            self._note_wrong(text)
            self._unnamed.clear()
            if text in self._wrong:
                self._wrong[text] |= things
        for text in other._values:
            self._note(self._values, text)
        for text in other._strange:
            self._note(self._strange, text)

    def _note_wrong(self, text: str) -> None:
        self.taken += 1
        if text in self._wrong or len(self._wrong) < MOST:
            self._wrong.setdefault(text, set())
            if len(self._unnamed) < MOST:
                self._unnamed.append(text)

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
            return "text that cannot be kept" if "\0" in value else "text"
        case list():
            return "a list"
        case _:
            return "an object"
