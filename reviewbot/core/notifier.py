"""Notifier: what a person should know goes out here, at this moment and in the zone in which they read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain.alarm import HOUR, Alarm, AlarmKind, Urgency
from reviewbot.ports.notifications import Alarms
from reviewbot.ports.queue import Clock


@dataclass(slots=True)
class Notifier:
    """Makes alarms and hands them to whoever tells people."""

    clock: Clock
    alarms: Alarms
    pipelines: Callable[[], Iterable[ReviewPipeline]]
    """What runs now, for the zones of its policies."""

    def zone(self, *, review: str | None = None, policy: str = "") -> str:
        """In which zone a person reads moments of this: the policy's, or the only one there is."""
        judges = [
            judge
            for pipeline in self.pipelines()
            if review in (None, pipeline.review)
            for judge in pipeline.judges
        ]
        own = [judge for judge in judges if judge.policy.name == policy]
        zones = {judge.policy.timezone for judge in own or judges}
        return zones.pop() if len(zones) == 1 else "UTC"

    def notify(
        self,
        kind: AlarmKind,
        sentence: str,
        *,
        subject: str = "",
        urgency: Urgency = "error",
        to: tuple[str, ...] = (),
        group: str = "",
        again: timedelta | None = HOUR,
        keep_until: datetime | None = None,
        zone: str = "UTC",
        **facts: Any,
    ) -> bool:
        """Tell people something; give whether it was news.

        What lasts is told at every pass, and repeated to people only after `again`.
        """
        return self.alarms.tell(
            Alarm(
                kind=kind,
                sentence=sentence,
                at=self.clock.now(),
                subject=subject,
                urgency=urgency,
                to=to,
                group=group,
                again=again,
                keep_until=keep_until,
                zone=zone,
                facts=facts,
            )
        )
