"""A bot on a disk that may fail: passes as the daemon makes them, and what was seen of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.outages import tell_crash, tell_stopped
from reviewbot.alarms.routing import Route, Routes
from reviewbot.core.context import BotContext
from reviewbot.domain.errors import ReviewbotError
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.review.poll import poll_once
from reviewbot.runtime.daemon import FATAL
from reviewbot.runtime.liveness import Pulse
from reviewbot.safety.stop_conditions import StopConditions, keep
from tests.faults.child import CRASHED, Ended, Line
from tests.faults.rooms import Room

PATIENCE = 2
"""Passes under a fault that lasts, and passes within which the bot must act again after it."""


def live_passes(
    room: Room,
    line: Line,
    count: int,
    *,
    begun: Callable[[BotContext], None] = lambda _: None,
    between: Callable[[int], None] = lambda _: None,
) -> int:
    """So many passes, each told with the error it met and why the bot is not ready; then the end.

    `begun` is called when the log is open, `between` after each pass. Gives the exit code, as the
    daemon does.
    """
    try:
        app = room.bot(line)
    except ReviewbotError as error:
        line.tell("unopened", type(error).__name__)
        return error.exit_code
    routes = Routes((Route(channel="ops"),), ("ops",))
    app.notifier.alarms = AlarmDispatcher(
        ledger=app.ledger, clock=app.clock, events=app.say, routes=routes, post=Outside(line)
    )
    begun(app)
    try:
        return _passes(app, line, book_of(room), count, between)
    except Exception as error:
        tell_crash(app.notifier, error)
        raise
    finally:
        app.close()


def _passes(
    app: BotContext, line: Line, book: CheckpointFile, count: int, between: Callable[[int], None]
) -> int:
    app.guard.brake = brakes = StopConditions(app, book)
    pulse = Pulse(app, 60.0)
    for number in range(count):
        error: ReviewbotError | None = None
        try:
            brakes.check()
            pulse.passed(poll_once(app))
        except FATAL as fatal:
            tell_stopped(app.notifier, fatal)
            line.tell("pass", type(fatal).__name__, str(fatal))
            return fatal.exit_code
        except ReviewbotError as caught:
            error = caught
            pulse.failed(error)
        line.tell("pass", None if error is None else type(error).__name__, pulse.unready())
        between(number)
        line.sleep(60)
    with suppress(ReviewbotError):  # as the daemon does: a chore that fails is no failed pass
        keep(app.ledger, book, app.clock.now())
    return 0


class Outside:
    """A channel to the outside world, which is the parent."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._sent: list[Letter] = []

    def send(self, letter: Letter) -> bool:
        """It arrives at once."""
        for alarm in letter.message.alarms:
            self._line.tell("alarm", alarm.kind.value, alarm.mended, alarm.sentence)
        self._sent.append(letter)
        return True

    def ping(self) -> None:
        """All is well."""

    def deliveries(self) -> Sequence[Delivery]:
        """All of them arrived."""
        sent, self._sent = self._sent, []
        return [Delivery(number=letter.number, channel="ops") for letter in sent]

    def settle(self, seconds: float) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""


def book_of(room: Room) -> CheckpointFile:
    """The checkpoints beside an SQLite log."""
    return CheckpointFile(Path(room.ledger.removeprefix("sqlite:///") + ".checkpoints.jsonl"))


@dataclass(frozen=True)
class Seen:
    """What a disturbed child showed of itself."""

    errors: list[str | None]
    """The error of each pass."""
    problems: list[str]
    """What it should have done otherwise."""

    @property
    def fatal(self) -> bool:
        """It ended by itself."""
        return bool(self.errors) and self.errors[-1] in {kind.__name__ for kind in FATAL}


def judge(ended: Ended) -> Seen:
    """Hold a child's story against the promises for a disk that fails."""
    told = [kind for kind, _, _ in ended.words("alarm")]
    errors = [error for error, _ in ended.words("pass")]
    problems: list[str] = []
    if ended.signal is not None or ended.code == CRASHED:
        problems.append(f"it crashed: {ended}")
    for error, unready in ended.words("pass"):
        if error is not None and unready is None:
            problems.append(f"it failed with {error} and called itself ready")
    if any(errors) and not {"ledger", "stopped"} & set(told):
        problems.append(f"nobody was told of {errors}: {told}")
    seen = Seen(errors, problems)
    if seen.fatal and (ended.code == 0 or "stopped" not in told):
        problems.append(f"it ended by itself with {ended.code}, and told {told}")
    return seen
