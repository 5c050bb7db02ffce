"""Turns: whether a task that waits in a backlog has its turn in time, by the pace that was measured.

Theory of operation. A pass reviews the most urgent first, and the rate is limited; so behind a long
queue much is undecided that nobody need hear of. While a pass comes through, the place of a task and
the time that reviews take tell when its turn comes. The estimate errs to the late side: the slower of
the whole pass and of its last few reviews counts, each takes two requests at least, whatever else is
left comes first, and half of it all is added. A review that failed takes its time and measures no
pace. It is none where little was measured, and none soon after passes stopped coming through: then
nobody knows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

LEAST = 3
"""Reviews that it takes to speak of a pace."""

RECENT = 10
"""The last few reviews, which show a pace that falls."""

REQUESTS_EACH = 2
"""What a decision costs: its evidence, and the write."""

MARGIN = 1.5

PATIENCE = 600.0
"""Seconds that a pass may stand still, or have ended early, before its pace says nothing."""


@dataclass(slots=True)
class Turns:
    """How far the pass under way has come, and who waits behind. Times are monotonic seconds."""

    began: float = 0.0
    requests_before: int = 0
    reviewed: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """When the last few reviews that came through ended."""
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    """By kind of review and id: which place in the order of its list a thing has."""
    done: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    """By kind of review: how many of its list have had their turn, and how many have not."""

    def begin(self, now: float, requests: int) -> None:
        """A new pass: nothing is measured yet."""
        self.began, self.requests_before, self.reviewed = now, requests, 0
        self.recent.clear()

    def queue(self, review: str, ids: Iterable[str]) -> None:
        """Take the order in which one kind of review will have its turn."""
        for key in [key for key in self.places if key[0] == review]:
            del self.places[key]
        self.places.update({(review, id_): place for place, id_ in enumerate(ids)})
        self.done[review] = 0
        self.left[review] = sum(key[0] == review for key in self.places)

    def took(self, review: str, now: float, *, failed: bool = False) -> None:
        """A thing has had its turn."""
        self.done[review] += 1
        self.left[review] -= 1
        if not failed:
            self.reviewed += 1
            self.recent.append(now)

    def seconds_until(self, review: str, task_id: str, now: float, requests: int) -> float | None:
        """How long it will be at most until a thing has had its turn; None where nobody can tell."""
        place = self.places.get((review, task_id))
        if place is None or self.reviewed < LEAST or now - self.recent[-1] > PATIENCE:
            return None
        passed = now - self.began
        each = max(
            passed / self.reviewed,
            REQUESTS_EACH * passed / max(1, requests - self.requests_before),
            (now - self.recent[0]) / len(self.recent),
        )
        ahead = max(0, place - self.done[review])
        others = sum(left for kind, left in self.left.items() if kind != review)
        return MARGIN * each * (ahead + 1 + max(0, others))
