"""One key's bot with all that belongs to its running: its policies, its key, its pulse, its daemon."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from reviewbot.alarms.outages import DowntimeReport, tell_stopped
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, PassSummary
from reviewbot.domain.errors import ReviewbotError
from reviewbot.insights.heartbeat import Beat, beating_poll, heart_of, machine_time, newest_beat
from reviewbot.ports.ledger import CheckpointBook
from reviewbot.ports.queue import Post
from reviewbot.review.poll import STRETCH, Polling
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.daemon import Daemon
from reviewbot.runtime.key_watch import KeyWatch
from reviewbot.runtime.liveness import HANGS, LivelyEvent, Pulse, tell_manager
from reviewbot.runtime.meters import Meters
from reviewbot.runtime.policy_files import PolicyWatch
from reviewbot.runtime.replicas import Tenure
from reviewbot.runtime.traces import Traces, spans_of
from reviewbot.safety.stop_conditions import newest_at

Renew = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyBot:
    """The bot of one key, ready to run. `close` lets go of its log and its connection."""

    settings: Settings
    app: BotContext
    stop: LivelyEvent
    policies: PolicyWatch
    key: KeyWatch
    pulse: Pulse
    events: Events
    """Where others than its loop speak: the loop's own events count as its signs of life."""

    def close(self) -> None:
        """Let go."""
        self.app.close()


def make_bot(
    settings: Settings,
    policies: PolicyWatch,
    key: KeyWatch,
    events: Events,
    *,
    stop: LivelyEvent,
    post: Post | None = None,
    is_scraped: bool = False,
    tell: Callable[[str], None] = tell_manager,
    renews: Callable[[Renew], Renew] = lambda renew: renew,
    traces: Traces | None = None,
) -> KeyBot:
    """Plug the bot of a key together, and let it watch its policies and its key.

    `tell` speaks to the service manager; `renews` may have a say in which key is sent. Raises
    ConfigError, PolicyInvalid and `LedgerError`.
    """
    meters = Meters(spans=spans_of(traces, settings.key))
    app = build(
        settings, judges=policies.load(), events=events, stop=stop, meters=meters, post=post
    )
    try:
        pulse = Pulse(
            app, settings.every, key=settings.key, meters=meters, is_scraped=is_scraped, tell=tell
        )
        app.events, stop.turn = pulse.hearing(events), pulse.turn
        policies.attach(app)
        key.attach(renews(app.renew_key), app.notifier, app.events)
    except BaseException:
        app.close()
        raise
    pulse.policy_problem = lambda: policies.problem
    return KeyBot(
        settings=settings,
        app=app,
        stop=stop,
        policies=policies,
        key=key,
        pulse=pulse,
        events=events,
    )


def hold_by(bot: KeyBot, tenure: Tenure) -> None:
    """Let it act only while this process holds its key: each intent is written by the lease."""
    bot.app.lead = tenure.check
    bot.app.ledger.hold_by(lambda: tenure.lease)


def daemon_of(
    bot: KeyBot,
    book: CheckpointBook | None,
    *,
    tell: Callable[[str], None] = tell_manager,
    tell_fatal: Callable[[Notifier, ReviewbotError], None] = tell_stopped,
) -> Daemon:
    """The daemon that runs it; `book` is where the checkpoints of its log are kept."""

    def refresh(asked: bool) -> None:
        bot.key.refresh(asked=asked)
        bot.policies.refresh(asked=asked)

    bot.pulse.meters.checkpoint_at = newest_at(book)
    every = bot.settings.every
    return Daemon(
        bot.app,
        every=every,
        stop=bot.stop,
        refresh=refresh,
        key_changed=bot.key.changed,
        retain=bot.settings.retain,
        book=book,
        pulse=bot.pulse,
        poll=passes(bot.settings, min(every, STRETCH)),
        tell=tell,
        tell_fatal=tell_fatal,
    )


def passes(settings: Settings, stretch: float) -> Callable[[BotContext], PassSummary]:
    """Passes, in such stretches, that leave a heartbeat; the first looks back to the one before it."""
    last, once = newest_beat(settings), stretch == math.inf
    heart = heart_of(settings, once=once)
    return DowntimeReport(
        beating_poll(heart, settings.every, Polling(stretch), last),
        None if last is None else last.looked_until,
        closes=not once and _is_after_a_gap(last),
    )


def _is_after_a_gap(last: Beat | None) -> bool:
    """Whether the process before this one may have hung, or its key been parked, before it ended."""
    return last is not None and (machine_time() - last.at).total_seconds() > HANGS
