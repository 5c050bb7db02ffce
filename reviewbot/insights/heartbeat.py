"""The heartbeat: after each pass the running bot says how it is, and `status` reads it.

Theory of operation. It stands in a small file, because it must be readable when the log is not. A
log on a server is looked at from other machines too, so its bot leaves it there as well, in a row
that each beat overwrites: nothing of it has to be kept. Ages are told by one clock: what is left in
the file by this machine's own, never the API's, and what is left on a server by the server's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

import msgspec

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.notifier import Notifier
from reviewbot.core.paths import state_folder
from reviewbot.core.pipeline import ApiContact, PassSummary, ReviewPipeline, TrafficCounts
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import LedgerError, ReviewbotError
from reviewbot.domain.text import known_zone, mark_of
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import DEFAULT_KEY


def room() -> str:
    """Where process numbers mean the same: this machine, and the container on it."""
    try:
        inside = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        inside = ""
    return f"{socket.gethostname()} {inside}".strip()


def born(pid: int) -> int | None:
    """When a process began, in its system's own count; None where there is none, or nobody says."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name_ends = text.rindex(")")  # a name may hold blanks and brackets
    return int(text[name_ends + 2 :].split()[19])


def is_gone(pid: int, began: int | None) -> bool:
    """Whether this process has ended; another one under its number is not it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = born(pid)
    return began is not None and now is not None and now != began


MISSED = 5
"""Polls without a good pass after which the bot is not healthy."""
LEAST_PATIENCE = timedelta(minutes=5)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot stands in a word, and in a sentence each what is wrong, the most pressing first.

    `partly healthy` is a bot of whose writes some are kept back, and the rest go out as they should.
    """

    word: Literal["healthy", "partly healthy", "not healthy", "not running"]
    why: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a health check passes."""
        return self.word in ("healthy", "partly healthy")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that judges now."""

    name: str
    revision: str
    path: str
    review: str = "comments"
    timezone: str = "UTC"


def running(judge: Judge) -> Running:
    """What is told of a policy that judges."""
    policy = judge.policy
    return Running(
        name=policy.name,
        revision=policy.revision,
        path=policy.path,
        review=policy.applies_to.review,
        timezone=policy.timezone,
    )


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot was after its newest pass."""

    key: str = DEFAULT_KEY
    """Whose bot it is."""
    at: datetime
    pid: int
    room: str | None = None
    """Where that is the number of its process."""
    born: int | None = None
    once: bool = False
    """Whether it makes one pass and ends, as it should."""
    mode: str
    every: float
    policies: tuple[Running, ...] = ()
    key_refused: bool = False
    """Whether the API refuses our key, so that nothing is reviewed."""
    brake: str | None = None
    """Why nothing may be sent, whatever the policy says."""
    error: str | None = None
    """Why the newest pass failed or ended early."""
    good_at: datetime | None = None
    """When a pass last went through."""
    looked_until: datetime | None = None
    """The same moment by the API's clock: from there on the next bot looks back."""
    waiting: int = 0
    left: int = 0
    """How many of those the pass under way has not reviewed yet."""
    undecided: int = 0
    first_deadline_at: datetime | None = None
    first_deadline_is_estimate: bool = False
    """The next moment at which silence would pay for an undecided task."""
    in_quarantine: int = 0
    failing: int = 0
    """Things whose review failed when it was last tried."""
    dead_letters: int = 0
    """How many of those fail again and again."""
    unheard: dict[str, int] = {}
    """Alarms of the last day that no channel has taken, by kind."""
    requests: int = 0
    writes: int = 0
    remaining: int | None = None
    """Requests that the API last said are left on the key."""

    def is_healthy(self, now: datetime) -> bool:
        """Whether a pass went through not long ago, and the process lives."""
        if self.good_at is None or self.is_gone():
            return False
        return abs(now - self.good_at) <= self._patience

    def is_alive(self, now: datetime) -> bool:
        """Whether a pass was made not long ago, also one that failed, and the process lives."""
        return now - self.at <= self._patience and not self.is_gone()

    def is_gone(self) -> bool:
        """Whether its process has ended and should not have, as far as can be told from here."""
        return not self.once and self.room == room() and is_gone(self.pid, self.born)

    def moved(self, by: timedelta) -> Beat:
        """The same, told by a clock that is so far ahead."""
        good_at = None if self.good_at is None else self.good_at + by
        return msgspec.structs.replace(self, at=self.at + by, good_at=good_at)

    @property
    def zone(self) -> str:
        """The zone of the first policy that runs, else UTC."""
        return known_zone(self.policies[0].timezone) if self.policies else "UTC"

    @property
    def _patience(self) -> timedelta:
        return max(MISSED * timedelta(seconds=self.every), LEAST_PATIENCE)


def beat_path(ledger: str, state_folder: Path, key: str = DEFAULT_KEY, replica: str = "") -> Path:
    """Where the heartbeat of a key's bot on this ledger lies: beside an SQLite file, or by itself.

    Replicas on one machine leave theirs in files of their own.
    """
    own = "" if key == DEFAULT_KEY else f".{key}"
    own += f".{quote(replica, safe='')}" if replica else ""
    if ledger.startswith("sqlite:///"):
        return Path(unquote(ledger.removeprefix("sqlite:///")) + f"{own}.status.json")
    return state_folder / f"reviewbot-{mark_of(ledger)}{own}.status.json"


def read_beat(path: Path) -> Beat | None:
    """Read the heartbeat in a file; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Beat)
    except (OSError, msgspec.DecodeError):
        return None


def newest_beat(settings: Settings) -> Beat | None:
    """The newest heartbeat of the key's bot, by this machine's clock; None where there is none."""
    beats = [read_beat(_path_of(settings))]
    if _is_shared(settings):
        beats.append(_beat_on_server(settings, None))
    return max((beat for beat in beats if beat is not None), key=lambda beat: beat.at, default=None)


def own_beat(settings: Settings) -> Beat | None:
    """The same of this process's bot alone: of the one that has its name."""
    return _beat_on_server(settings, settings.name)


def _is_shared(settings: Settings) -> bool:
    return settings.ledger.startswith("postgresql")


def _path_of(settings: Settings) -> Path:
    name = settings.name if _is_shared(settings) else ""
    return beat_path(settings.ledger, state_folder(), settings.key, name)


def _beat_on_server(settings: Settings, name: str | None) -> Beat | None:
    from reviewbot.ledger.open import open_ledger

    try:
        with closing(open_ledger(settings.ledger, key=settings.key, read_only=True)) as ledger:
            found = ledger.last_beat(name)
        if found is None:
            return None
        beat = msgspec.json.decode(found[0], type=Beat)
    except (LedgerError, msgspec.DecodeError):
        return None
    left_at = machine_time() - timedelta(seconds=found[1])
    return beat.moved(left_at - beat.at)


def machine_time() -> datetime:
    """This machine's own wall clock: whoever reads a heartbeat here has no other."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Heart:
    """Where a bot leaves its heartbeat."""

    path: Path
    key: str = DEFAULT_KEY
    replica: str | None = None
    """The name under which it is left on a server as well."""
    once: bool = False
    now: Callable[[], datetime] = machine_time

    def leave(self, app: BotContext, beat: Beat, failed: ReviewbotError | None) -> None:
        """Leave it; where that cannot be done the log says so, and the bot goes on."""
        text = msgspec.json.encode(beat)
        try:
            _replace(self.path, text)
            if self.replica is not None and not isinstance(failed, LedgerError):
                app.ledger.beat(text, self.replica)
        except (OSError, LedgerError) as error:
            app.events("heartbeat not written", level="warning", error=str(error))


def heart_of(settings: Settings, *, once: bool) -> Heart:
    """Where the bot of these settings leaves its heartbeat."""
    return Heart(
        key=settings.key,
        path=_path_of(settings),
        replica=settings.name if _is_shared(settings) else None,
        once=once,
    )


def leave_parked(settings: Settings, why: str) -> None:
    """Leave word that the bot of this key does not run, and why; the rest stays as it last was.

    Where replicas share the key another of them may run it, and its own word is the one that counts.
    """
    if _is_shared(settings):
        return
    path, pid = _path_of(settings), os.getpid()
    beat = read_beat(path) or Beat(
        key=settings.key, at=machine_time(), pid=pid, mode=settings.mode.value, every=settings.every
    )
    parked = msgspec.structs.replace(
        beat,
        at=machine_time(),
        pid=pid,
        room=room(),
        born=born(pid),
        once=False,
        error=f"parked: {why}",
    )
    with suppress(OSError):
        _replace(path, msgspec.json.encode(parked))


def beating_poll(
    heart: Heart,
    every: float,
    make: Callable[[BotContext], PassSummary],
    before: Beat | None = None,
) -> Callable[[BotContext], PassSummary]:
    """Make a pass, or a stretch of one, that leaves a heartbeat, also when it fails."""
    good_at = None if before is None else before.good_at
    looked_until = None if before is None else before.looked_until
    summary: PassSummary | None = None

    def poll(app: BotContext) -> PassSummary:
        nonlocal good_at, looked_until, summary
        failed: ReviewbotError | None = None
        try:
            summary = make(app)
        except ReviewbotError as error:
            failed = error
        else:
            if summary.stopped is None:
                good_at, looked_until = heart.now(), summary.ended_at
        beat = msgspec.structs.replace(
            _beat(
                app.contact, app.notifier, app.mode, app.benches, app.traffic, every, heart, summary
            ),
            error=str(failed) if failed else summary and summary.stopped,
            good_at=good_at,
            looked_until=looked_until,
            brake=app.guard.braked() or (str(failed) if isinstance(failed, LedgerError) else None),
        )
        heart.leave(app, beat, failed)
        if failed is not None:
            raise failed
        assert summary is not None
        return summary

    return poll


def _beat(
    contact: ApiContact,
    notifier: Notifier,
    mode: Mode,
    benches: Sequence[ReviewPipeline],
    traffic: TrafficCounts,
    every: float,
    heart: Heart,
    summary: PassSummary | None,
) -> Beat:
    """How the bot is now; what waits is as the newest pass that could list it has seen it."""
    from reviewbot.review.judge import DEAD_LETTER
    from reviewbot.review.poll import undecided

    tries = [trouble.tries for bench in benches for trouble in bench.troubles.values()]
    open_now = undecided(benches)
    return Beat(
        key=heart.key,
        at=heart.now(),
        pid=os.getpid(),
        room=room(),
        born=born(os.getpid()),
        once=heart.once,
        mode=mode.value,
        every=every,
        policies=tuple(running(judge) for bench in benches for judge in bench.judges),
        key_refused=contact.key_refused_since is not None,
        requests=traffic.requests,
        writes=traffic.writes,
        remaining=traffic.remaining,
        waiting=max(0 if summary is None else summary.waiting, len(open_now)),
        left=0 if summary is None else summary.left,
        undecided=len(open_now),
        first_deadline_at=open_now[0].deadline_at if open_now else None,
        first_deadline_is_estimate=any(seen.deadline_is_estimate for seen in open_now[:1]),
        in_quarantine=0 if summary is None else summary.in_quarantine,
        failing=len(tries),
        dead_letters=sum(count >= DEAD_LETTER for count in tries),
        unheard=dict(notifier.alarms.unheard()),
    )


def _replace(path: Path, text: bytes) -> None:
    """Replace the file as a whole, so that a reader never sees half of it; it is its owner's alone."""
    new = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(text)
    new.replace(path)
