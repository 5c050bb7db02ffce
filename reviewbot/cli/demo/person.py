"""A simulated person at the desk, who answers some questions in TokPortal's own dashboard."""

from __future__ import annotations

from datetime import datetime

from reviewbot.domain.decision import Decision
from reviewbot.simulator import comments
from reviewbot.simulator.model import Actor
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.world import World

OPENS, CLOSES = 9, 17
ANSWERS_AN_HOUR = 2


class Person:
    """Looks at a question every working hour, sees what is really under the video, and answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_hour: tuple[int, int] | None = None
        self.answered = 0

    def work(self, now: datetime, questions: list[Decision]) -> None:
        """Answer the most urgent questions, if it is a working hour that has not been worked yet."""
        hour = (now.toordinal(), now.hour)
        if now.weekday() > 4 or not OPENS <= now.hour < CLOSES or hour == self._last_hour:
            return
        self._last_hour = hour
        for question in questions[:ANSWERS_AN_HOUR]:
            self._answer(question)

    def _answer(self, question: Decision) -> None:
        task = self._world.tasks[question.task_id]
        by_hand = Actor(by="stranger")
        try:
            if self._world.truth(task.id).deserved:
                comments.approve(self._world, task, by_hand)
            else:
                comments.dispute(self._world, task, "I looked: it is not there.", by_hand)
        except Refusal:
            return
        self.answered += 1
