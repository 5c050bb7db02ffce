"""How far one walks through the house: what a write enters on its way, `python -m tests.figures` prints it.

Measured while it runs, over fakes outside and a log on SQLite. A machine's stay is one in one file, ways
back counted. A reader reads each function once, where it is first entered, and does not go through the
doors of the rooms below (the log, the policy, the values of the field): a reader's stop is a stay in one
file on that way.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Action
from reviewbot.ledger.open import open_ledger
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.execute import perform
from reviewbot.review.poll import poll_once
from tests.builders import an_item
from tests.fakes import APPROVE, ESCALATE, World, a_bot, a_due, always, an_app
from tests.policy.judging import facts_at

HOUSE = str(Path(__file__).resolve().parent.parent / "reviewbot")


DOORS = {
    "perform": ("domain", "policy", "ledger"),
    "answer": ("domain", "policy", "ledger"),
    "intend": ("domain",),
}
"""The rooms that a reader of each way takes at their word."""


@dataclass
class Walk:
    """What was entered on one way."""

    doors: tuple[str, ...]
    files: set[str] = field(default_factory=set)
    stays: int = 0
    read: dict[CodeType, None] = field(default_factory=dict)
    """The functions that a reader meets, in the order of their first call."""
    _places: list[str] = field(default_factory=list)
    _below: int = 0
    """How many calls deep behind a door."""

    @property
    def stops(self) -> int:
        """How often a reader turns to a file."""
        places = [code.co_filename for code in self.read]
        return sum(place != before for place, before in zip(places, ["", *places], strict=False))

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Take note of a call and of the way back, where it is one of ours."""
        code = frame.f_code
        if not code.co_filename.startswith(HOUSE):
            return
        if event == "call":
            self._enter(code)
        elif event == "return" and self._places:
            self._below = max(0, self._below - 1)
            left = self._places.pop()
            self.stays += bool(self._places) and self._places[-1] != left

    def _enter(self, code: CodeType) -> None:
        place = code.co_filename
        self.files.add(place)
        self.stays += not self._places or self._places[-1] != place
        self._places.append(place)
        if self._below or room_of(place) in self.doors:
            self._below += 1
        elif not code.co_name.startswith("<"):
            self.read[code] = None


def room_of(place: str) -> str:
    """The room that a file lies in."""
    return Path(place).relative_to(HOUSE).parts[0]


def walk_of(act: Callable[[], object], doors: tuple[str, ...] = ()) -> Walk:
    """The way of one call."""
    walk = Walk(doors)
    before = sys.getprofile()
    sys.setprofile(walk.note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return walk


@contextmanager
def _a_log() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/log.db")
        try:
            yield ledger
        finally:
            ledger.close()


def _perform(ledger: Any) -> Callable[[], object]:
    bot = a_bot(APPROVE, ledger=ledger)
    due = a_due(bot)
    facts = facts_at()
    return lambda: perform(bot, bot.benches[0], due, facts, bot.benches[0].judges[0])


def _answer(ledger: Any) -> Callable[[], object]:
    world = World()
    world.add(an_item())
    bot = an_app(world, always(ESCALATE), ledger=ledger)
    poll_once(bot)
    (asked,) = open_questions(ledger, bot.clock.now())
    return lambda: answer(bot, asked, PersonAnswer(action=Action.APPROVE, who="ana"))


def _intend(ledger: Any) -> Callable[[], object]:
    due = a_due(a_bot(APPROVE))
    return lambda: ledger.intend(due)


WAYS = {"perform": _perform, "answer": _answer, "intend": _intend}


@cache
def walks() -> dict[str, Walk]:
    """Each of the three ways, taken the second time: the first also meets what is made only once."""
    found = {}
    for name, prepare in WAYS.items():
        for _ in range(2):
            with _a_log() as ledger:
                found[name] = walk_of(prepare(ledger), DOORS[name])
    return found


def figures() -> dict[str, int]:
    """The reader's stops of each way and the functions read, and the machine's files and stays."""
    found = {}
    for name, walk in walks().items():
        found[f"stops of {name}"] = walk.stops
        found[f"functions of {name}"] = len(walk.read)
        found[f"files entered by {name}"] = len(walk.files)
        found[f"stays in a file of {name}"] = walk.stays
    return found


def main() -> None:
    """Print what a reader meets on each way, a line for each stop."""
    for name, walk in walks().items():
        print(f"\n{name}")
        for place, codes in groupby(walk.read, key=lambda code: code.co_filename):
            names = ", ".join(code.co_qualname for code in codes)
            print(f"  {place[len(HOUSE) + 1 :]}: {names}")


if __name__ == "__main__":
    main()
