"""The keyring: the bots of many keys in one process, each in a thread of its own.

Theory of operation. What goes wrong with one key parks that key alone, be it its file, its policies,
its part of the log, or a fault of ours: people are told, and it is tried again every few minutes, and
at once when one of its files changes. Its alarms then go out by themselves, for its own log may be
what is wrong. A key that the API refuses is parked by its own daemon, as it would be alone. The
process ends by itself only where no key could begin, or where nothing but a new start helps any.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256

from msgspec.structs import replace

from reviewbot.config import Settings
from reviewbot.core.pipeline import Events
from reviewbot.domain.errors import ConfigError, LedgerError, ReviewbotError
from reviewbot.insights.heartbeat import leave_parked
from reviewbot.ports.ledger import CheckpointBook
from reviewbot.runtime.bootstrap import settle
from reviewbot.runtime.daemon import FATAL, PROBE, STOPPED, Daemon
from reviewbot.runtime.key_bot import KeyBot, Renew, daemon_of, hold_by, make_bot
from reviewbot.runtime.key_watch import FolderWatch, KeyWatch
from reviewbot.runtime.liveness import (
    INTERRUPTED,
    SLICE,
    LivelyEvent,
    Pulse,
    SignalEvent,
    StopSignals,
    tell_manager,
)
from reviewbot.runtime.logging import about_key
from reviewbot.runtime.parking import ParkingAlarms, post_of
from reviewbot.runtime.policy_files import PolicyWatch
from reviewbot.runtime.published import policy_sources
from reviewbot.runtime.replicas import Holdings, SoleHolder, Tenure
from reviewbot.runtime.traces import Traces
from reviewbot.runtime.turns import KeyTurn, why_of
from reviewbot.runtime.watcher import HangWatch

LOOK = 0.2
"""Seconds between two looks at the loops."""
FIRST_TRY = 5.0
"""Seconds before a parked key is tried again; twice as long after each further failure in a row."""
MOST_NAMED = 5
"""Keys that a sentence for a probe names."""


def differs(one: Settings, other: Settings) -> bool:
    """Whether a key is to be run otherwise. All that is not said of a key alone needs a new start."""

    def own(settings: Settings) -> tuple[object, ...]:
        channels = tuple(channel.name for channel in settings.notices.channels)
        return settings.key_file, settings.policy, settings.mode, settings.owner, channels

    return own(one) != own(other)


class KeyLoop:
    """One key: its bot made, run, and made again after a while where that failed."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        *,
        events: Events,
        book: Callable[[Settings], CheckpointBook | None],
        is_scraped: bool = False,
        began: Callable[[KeyBot], None] = lambda _: None,
        traces: Traces | None = None,
        holdings: Holdings | None = None,
    ) -> None:
        """`book` opens where checkpoints are kept; `began` hears of each bot that begins; `holdings` say
        when the key is this process's."""
        self._began = began
        self.again: Callable[[Settings], KeyLoop] = lambda then: KeyLoop(
            then,
            keyring,
            events=events,
            book=book,
            is_scraped=is_scraped,
            began=began,
            traces=traces,
            holdings=holdings,
        )
        """A loop for other settings, with all else as it is here."""
        self.name = settings.key
        self.settings = settings
        self.bot: KeyBot | None = None
        self.hangs: HangWatch | None = None
        self.error: Exception | None = None
        """What it is parked for."""
        self.has_run = False
        self._keyring = keyring
        self._events = self.say = about_key(events, self.name)
        self._book = book
        self._is_scraped, self._traces = is_scraped, traces
        self._stop = SignalEvent()
        self._wake = SignalEvent()
        self._life = LivelyEvent()
        """Stops the bot that is made now, or was last."""
        self._turn = KeyTurn(settings, holdings or SoleHolder(), stop=self._stop, wake=self._wake)
        self._daemon: Daemon | None = None
        self._told: ParkingAlarms | None = None
        self._changed: Callable[[], bool] = lambda: False
        self._thread = threading.Thread(target=self._run, name=f"key {self.name}", daemon=True)
        self.start, self.join, self.is_alive = (
            self._thread.start,
            self._thread.join,
            self._thread.is_alive,
        )

    @property
    def stands_by(self) -> bool:
        """Whether no bot of it is to be made just now: it is parked, or another process holds the key."""
        return self.error is not None or (self._turn.is_shared and self._turn.tenure is None)

    @property
    def is_refused(self) -> bool:
        """Whether the API refuses its key."""
        bot = self.bot
        return bot is not None and bot.app.contact.key_refused_since is not None

    def stop(self) -> None:
        """Finish the write in flight, then end."""
        self._stop.set()
        self._end_life()

    def turned(self) -> None:
        """The key's tenure has begun, is to end, or is over."""
        if self._turn.has_ended():
            self._end_life()
        else:
            self._wake.set()

    def _end_life(self) -> None:
        self._life.set()
        self._wake.set()
        if (daemon := self._daemon) is not None:
            daemon.stop()

    def ask_reload(self) -> None:
        """Read key and policies again before the next pass; a parked key is tried now."""
        self._wake.set()
        if (daemon := self._daemon) is not None:
            daemon.ask_reload()

    def look(self) -> None:
        """Say that it runs again, once a pass went through; called from beside its thread."""
        bot, told = self.bot, self._told
        if bot is not None and told is not None and bot.pulse.good_pass_at is not None:
            told.over()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            error = self._live()
            if error is None:
                continue
            if self._stop.is_set():
                break
            failures = 1 if time.monotonic() - began > PROBE else failures + 1
            pause = min(FIRST_TRY * 2.0 ** (failures - 1), PROBE)
            self._park(error, pause)
        if self._told is not None:
            self._told.close()

    def _live(self) -> Exception | None:
        """Make the bot once the key is ours, and run it to its end; give what else ended it than we."""
        try:
            self._life = LivelyEvent()
            tenure = self._turn.wait(self._stand_by)
            if tenure is None:
                return None
            bot = self._make(tenure)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this key's trouble alone
            self._keyring.release(self.name)
            return self._turn.failed(error)
        self.bot, self.error, self.has_run = bot, None, True
        self.hangs = HangWatch(bot.app, bot.pulse, self._events)
        try:
            self._began(bot)
            daemon = daemon_of(
                bot, self._book(self.settings), tell=_says_alive, tell_fatal=lambda *_: None
            )
            self._daemon = daemon
            return None if daemon.run() == STOPPED else daemon.ended_by
        except Exception as error:  # noqa: BLE001  the same
            return error
        finally:
            self.bot = self.hangs = self._daemon = None
            self._turn.over()  # first: what is left to do takes seconds
            with suppress(ReviewbotError):
                bot.close()
            self._keyring.release(self.name)

    def _stand_by(self) -> None:
        self.error = None

    def _make(self, tenure: Tenure) -> KeyBot:
        settings = replace(self.settings, name=self._turn.name or self.settings.name)
        key = KeyWatch(settings.key_file)
        self._changed = key.changed
        policies = PolicyWatch(policy_sources(settings))
        self._changed = lambda: key.changed() or policies.changed()
        self._keyring.claim(self.name, settings.need_key().reveal())
        bot = make_bot(
            settings,
            policies,
            key,
            self._events,
            stop=self._life,
            post=post_of(settings, lambda: self._keyring.passed(self.name)),
            is_scraped=self._is_scraped,
            tell=_says_alive,
            renews=self._renews,
            traces=self._traces,
        )
        if self._turn.is_shared:
            hold_by(bot, tenure)
        return bot

    def _renews(self, renew: Renew) -> Renew:
        def claimed(key: str) -> bool:
            self._keyring.claim(self.name, key)
            return renew(key)

        return claimed

    def _park(self, error: Exception, pause: float) -> None:
        """Tell that it is parked, and wait until it is to be tried again."""
        self.error = error
        why = why_of(error)
        self._events("parked", level="error", error=why, seconds=pause)
        leave_parked(self.settings, why)
        if self._told is None:
            self._told = ParkingAlarms(self.settings, self._events)
        self._told.tell(why)
        end, self._wake = time.monotonic() + pause, self._wake
        slices = min(SLICE, self.settings.every)
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._wake.wait(min(left, slices)):
                self._wake.clear()
                break
            with suppress(ReviewbotError):
                if self._changed():
                    break
            self._told.flush()


def _says_alive(words: str) -> None:
    """One loop that turns is a sign of life of the process; all else it says of itself."""
    if words.startswith("WATCHDOG="):
        tell_manager(words)


class Keyring:
    """Runs the bots of all keys until told to stop."""

    def __init__(
        self, holdings: Holdings | None = None, read: Callable[[], Sequence[Settings]] | None = None
    ) -> None:
        """`read` reads the settings of every key again, for those that come, go or change."""
        self.loops: Sequence[KeyLoop] = ()
        self._read = read
        self._is_reload_wanted = False
        self._folder = FolderWatch()
        self._going: dict[str, Settings | None] = {}
        """Keys that are told to end, each with the settings by which it begins again."""
        self._holdings = holdings or SoleHolder()
        self._signals = StopSignals(time.monotonic)
        self._stopping = False
        self._never = SignalEvent()
        self._lock = threading.Lock()
        self._claims: dict[str, bytes] = {}
        self._passed: set[str] = set()

    def run(self, loops: Sequence[KeyLoop]) -> int:
        """Run them to the end; give the exit code.

        Raises what ended the first of them where none could begin.
        """
        self.loops = loops
        self._holdings.changed = self._turned
        for loop in loops:
            if not self._stopping:
                loop.start()
        tell_manager("READY=1")
        said, is_settled = "", False
        while any(loop.is_alive() for loop in self.loops):
            self._never.wait(LOOK)  # handlers of signals run here
            for loop in self.loops:
                loop.look()
            self._come_and_go()
            if (words := self._in_words()) != said:
                said = words
                tell_manager(f"STATUS={words}")
            if not is_settled and all(loop.has_run or loop.stands_by for loop in self.loops):
                is_settled = True
                settle()
            if not self._stopping and self._is_hopeless():
                self.stop()
        tell_manager("STOPPING=1")
        return self._code()

    def _turned(self, name: str) -> None:
        for loop in self.loops:
            if loop.name == name:
                loop.turned()

    def _come_and_go(self) -> None:
        """Take over changed keys, where somebody asked for that; begin those whose old bot has ended."""
        if self._read is None or self._stopping:
            return
        if self._is_reload_wanted or self._folder.changed(self.loops[0].settings.keys_dir):
            self._is_reload_wanted = False
            try:
                wanted = {settings.key: settings for settings in self._read() if settings.keys}
            except ReviewbotError as error:
                self.loops[0].say("keys not read again", level="error", error=why_of(error))
            else:
                self._take_over(wanted)
        ended = [loop for loop in self.loops if loop.name in self._going and not loop.is_alive()]
        begun = [loop.again(then) for loop in ended if (then := self._going.pop(loop.name))]
        self.loops = [*(loop for loop in self.loops if loop not in ended), *begun]
        for loop in ended:
            loop.say("key ended")
        for loop in begun:
            loop.start()

    def _take_over(self, wanted: dict[str, Settings]) -> None:
        if not wanted:
            return  # all would go, and nobody has put the one without a name in their place
        for loop in self.loops:
            then = wanted.pop(loop.name, None)
            if loop.name not in self._going and (then is None or differs(loop.settings, then)):
                loop.say("key changed" if then else "key removed")
                self._going[loop.name] = then
                loop.stop()
        begun = [self.loops[0].again(settings) for settings in wanted.values()]
        self.loops = [*self.loops, *begun]
        for loop in begun:
            loop.say("key added")
            loop.start()

    def _is_hopeless(self) -> bool:
        """Whether none could begin, or nothing but a new start helps any of them."""
        errors = [loop.error for loop in self.loops]
        if not all(errors):
            return False
        return not any(loop.has_run for loop in self.loops) or all(
            isinstance(error, FATAL) for error in errors
        )

    def _code(self) -> int:
        if self._signals.first_at is not None or not self.loops:
            return STOPPED
        error = self.loops[0].error
        if error is not None and not any(loop.has_run for loop in self.loops):
            raise error
        return error.exit_code if isinstance(error, LedgerError) else STOPPED

    def stop(self) -> None:
        """Let each finish its write in flight, then end."""
        self._stopping = True
        self._holdings.leave()
        for loop in self.loops:
            loop.stop()

    def obey_signals(self) -> None:
        """SIGTERM and SIGINT stop in order, a later one at once; SIGHUP reads keys and policies again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, *_: object) -> None:
        if self._signals.again():
            os._exit(INTERRUPTED)
        self.stop()

    def _on_reload(self, *_: object) -> None:
        self._is_reload_wanted = True
        for loop in self.loops:
            loop.ask_reload()

    # What the loops ask ----------------------------------------------------------------------

    def claim(self, name: str, key: str) -> None:
        """Take a key for a name. Raises ConfigError where another name has it: one account, two bots."""
        mark = sha256(key.encode()).digest()
        with self._lock:
            other = next(
                (n for n, taken in self._claims.items() if taken == mark and n != name), ""
            )
            if other:
                raise ConfigError(f"it is the same key as that of {other}; each name has its own")
            self._claims[name] = mark

    def release(self, name: str) -> None:
        """Let go of the key of a name."""
        with self._lock:
            self._claims.pop(name, None)

    def passed(self, name: str) -> bool:
        """Note a good pass; give whether by now every key that runs and is taken has passed."""
        due = {loop.name for loop in self.loops if loop.bot is not None and not loop.is_refused}
        with self._lock:
            self._passed.add(name)
            if not due <= self._passed:
                return False
            self._passed.clear()
            return True

    # What probes ask -------------------------------------------------------------------------

    def pulses(self) -> tuple[Pulse, ...]:
        """The pulse of every bot that runs."""
        bots = [loop.bot for loop in self.loops]
        return tuple(bot.pulse for bot in bots if bot is not None)

    def leaders(self) -> dict[str, bool]:
        """Each key, and whether its bot runs here and acts."""
        return {
            loop.name: loop.bot is not None and self._holdings.leads(loop.name)
            for loop in self.loops
        }

    def hang_watches(self) -> Iterator[HangWatch]:
        """What looks whether the loop of a key hangs."""
        found = [loop.hangs for loop in self.loops]
        return (watch for watch in found if watch is not None)

    def stuck(self) -> str | None:
        """Why the process should be started anew: every loop hangs. One that does is told by its alarm."""
        found = [pulse.stuck() for pulse in self.pulses()]
        return f"every loop hangs: {found[0]}" if found and all(found) else None

    def unready(self) -> str | None:
        """Why some key is not reviewed now; those that the API refuses are left out, unless all are."""
        if (problem := self._holdings.problem) is not None:
            return problem
        found = [(loop.name, self._why_not(loop)) for loop in self.loops]
        wrong = [f"{name}: {why}" for name, why in found if why is not None]
        if self.loops and all(loop.is_refused for loop in self.loops):
            return "the API refuses every key"
        more = f" (and {len(wrong) - MOST_NAMED} more)" if len(wrong) > MOST_NAMED else ""
        return "; ".join(wrong[:MOST_NAMED]) + more if wrong else None

    def _why_not(self, loop: KeyLoop) -> str | None:
        bot, error = loop.bot, loop.error
        if bot is None:
            if error is None:
                return None if self._holdings.is_shared else "parked"
            return f"parked: {error}"
        return None if loop.is_refused else bot.pulse.unready()

    def _in_words(self) -> str:
        running = sum(loop.bot is not None for loop in self.loops)
        refused = sum(loop.is_refused for loop in self.loops)
        parked = sum(loop.error is not None for loop in self.loops)
        others = len(self.loops) - running - parked
        return (
            f"{running} of {len(self.loops)} keys run"
            + (f", {refused} refused" if refused else "")
            + (f", {parked} parked" if parked else "")
            + (f", {others} elsewhere" if others else "")
        )
