"""Where the parts meet: the only place that chooses which queue, desk, clock and ledger are used."""

from __future__ import annotations

import gc
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx

from reviewbot import __version__
from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import GuardState
from reviewbot.core.pipeline import Events, Level, LoopLimits, ReviewPipeline
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import TooLarge
from reviewbot.domain.review import ReviewKind
from reviewbot.insights.heartbeat import born, room
from reviewbot.ledger.open import is_shared, open_leases, open_ledger
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.network import way_to
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.orders import OrderWriter, TaskReader
from reviewbot.ports.queue import Clock, Post, ReviewQueue
from reviewbot.ports.tracing import NoSpans, Spans
from reviewbot.runtime.meters import Meters, measured
from reviewbot.runtime.policy_files import load_judges
from reviewbot.runtime.published import policy_sources
from reviewbot.runtime.replicas import Holdings, LeaseKeeper, Replica, SoleHolder
from reviewbot.runtime.state_files import PauseFiles
from reviewbot.safety import rollout
from reviewbot.safety.rollout import adopt
from reviewbot.tokportal.accounts import AccountsQueue, ApiAccountDirectory
from reviewbot.tokportal.client import ReadApi, ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import TRIES, RateLimiter, ReadRetry, ServerTime
from reviewbot.tokportal.tasks import ApiTaskReader, CommentsQueue
from reviewbot.tokportal.transport import Transport
from reviewbot.tokportal.writers import ApiOrderWriter, ApiReviewWriter

QUEUES: dict[ReviewKind, Callable[[ReadApi], ReviewQueue]] = {
    "comments": CommentsQueue,
    "accounts": AccountsQueue,
}


class SystemClock:
    """The machine's own clocks. A sleep ends early when `stop` is set."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        """The wall clock in UTC, uncorrected."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause, or return at once when a stop was asked for."""
        self._stop.wait(max(0.0, seconds))


class CorrectedClock:
    """Another clock, its wall time corrected to the API server's."""

    def __init__(self, clock: Clock, server: ServerTime) -> None:
        self.now = server.now
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep


class Connection(NamedTuple):
    """One key's way to the API, with the API's own clock. Without `writer` nothing can be written.

    `hasty` asks each thing once: for what a pass must not wait for.
    """

    api: ReadApi
    hasty: ReadApi
    writer: ReviewApi | None
    clock: CorrectedClock
    server: ServerTime
    exchange: Exchange
    close: Callable[[], None]

    @property
    def tasks(self) -> TaskReader:
        """Tasks by id and by age."""
        return ApiTaskReader(self.api)

    @property
    def desk(self) -> OrderWriter | None:
        """Where tasks are ordered and cancelled."""
        return None if self.writer is None else ApiOrderWriter(self.writer)

    def bench(self, review: ReviewKind) -> ReviewPipeline:
        """The bench of one kind of review; nobody judges on it yet."""
        return ReviewPipeline(
            queue=QUEUES[review](self.api),
            judges=(),
            desk=None if self.writer is None else ApiReviewWriter(self.writer, review),
            directory=ApiAccountDirectory(self.hasty),
        )

    def knock(self) -> None:
        """Ask whether the API takes our key; a row too large to be read answers that as well."""
        with suppress(TooLarge):
            self.api.list_comments(per_page=1)


def connect(
    settings: Settings,
    *,
    live: bool = False,
    transport: httpx.BaseTransport | None = None,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    tries: int = TRIES,
    stopping: Callable[[], bool] = lambda: False,
    spans: Spans | None = None,
) -> Connection:
    """Open the way to the API; only `live` gives a writer, so a dry run cannot write.

    A given transport stays its owner's to close. Raises ConfigError.
    """
    base = clock or SystemClock()
    server = ServerTime(base.now, base.monotonic)
    used = transport or Transport(
        base.monotonic, proxy=way_to(settings.base_url, settings.proxy), stopping=stopping
    )
    exchange = Exchange(
        used,
        base_url=settings.base_url,
        key=settings.need_key().reveal(),
        clock=base,
        bucket=RateLimiter(base, per_minute=settings.rate_per_minute),
        server_time=server,
        name=settings.key if settings.keys else None,
        spans=spans,
    )
    retry = ReadRetry(base, chance, tries, stopping=stopping)
    writer = ReviewApi(exchange, retry) if live else None
    return Connection(
        api=writer or ReadApi(exchange, retry),
        hasty=ReadApi(exchange, ReadRetry(base, chance, 1, stopping=stopping)),
        writer=writer,
        clock=CorrectedClock(base, server),
        server=server,
        exchange=exchange,
        close=used.close if transport is None else lambda: None,
    )


@contextmanager
def reading(settings: Settings, transport: httpx.BaseTransport | None = None) -> Iterator[ReadApi]:
    """Open a client that can only read, for commands that need no bot around it."""
    connection = connect(settings, transport=transport)
    try:
        yield connection.api
    finally:
        connection.close()


def reach(settings: Settings, transport: httpx.BaseTransport | None = None) -> timedelta | None:
    """Ask the API once whether it knows our key; give how far its clock is ahead of ours.

    Raises `ApiError` and ConfigError.
    """
    connection = connect(settings, transport=transport, tries=1)
    try:
        connection.knock()
    finally:
        connection.close()
    return connection.server.offset


LAST_WORDS = 5.0
"""Seconds that the last alarms get to arrive when a bot is closed."""


def silence(event: str, /, *, level: Level = "info", **about: object) -> None:
    """Say nothing: the log of who needs none."""


def build(
    settings: Settings,
    *,
    judges: Sequence[Judge] | None = None,
    transport: httpx.BaseTransport | None = None,
    clock: Clock | None = None,
    ledger: Ledger | None = None,
    events: Events = silence,
    stop: threading.Event | None = None,
    post: Post | None = None,
    read_only: bool = False,
    chance: Callable[[], float] = random.random,
    meters: Meters | None = None,
) -> BotContext:
    """Plug a bot together. Without `settings.mode` live, or with `read_only`, nothing can write.

    `read_only` is for reports: the ledger is read beside a running daemon, never locked or made.
    The rest are other parts than the usual ones, for tests and for the demo. `judges` replaces the
    policies of the settings; `meters` count what goes through the ledger.

    Raises ConfigError, PolicyInvalid, LedgerBusy and other `LedgerError`.
    """
    stop = stop or threading.Event()
    given = tuple(judges) if judges is not None else load_judges(policy_sources(settings))
    live = settings.mode is Mode.LIVE and not read_only
    connection = connect(
        settings,
        live=live,
        transport=transport,
        clock=clock or SystemClock(stop),
        chance=chance,
        stopping=stop.is_set,
        spans=_spans(meters),
    )
    writer = connection.writer
    log = _counted(ledger or _opened(settings, connection, read_only=read_only), meters)

    def close() -> None:
        app.notifier.alarms.close(LAST_WORDS)
        if ledger is None:
            log.close()
        connection.close()

    def say(event: str, /, *, level: Level = "info", **about: object) -> None:
        app.say(event, level=level, **about)

    app = BotContext(
        clock=connection.clock,
        ledger=log,
        benches=(),
        events=events,
        alarms=AlarmDispatcher(
            ledger=log,
            clock=connection.clock,
            events=say,
            routes=None if read_only else settings.notices.routes,
            post=None if read_only else post or _post(settings),
            dry_run=not live,
            key=settings.key if settings.keys else "",
            owner=settings.owner,
            console=settings.console.url,
        ),
        mode=Mode.LIVE if live else Mode.DRY_RUN,
        limits=_limits(settings),
        traffic=connection.exchange.traffic,
        spans=_spans(meters),
        stopping=stop.is_set,
        make_bench=connection.bench,
        skew=lambda: connection.server.offset,
        guard=GuardState(
            pause_file=PauseFiles(settings.pause_paths()).read,
            require_ack=settings.require_ack,
            two_for_caps=settings.two_for_caps,
        ),
        close=close,
    )
    app.knock, app.renew_key = connection.knock, connection.exchange.use
    if writer is not None:
        app.wait_turn = writer.ready
    adopt(app, given, remember=not read_only)
    return app


def _spans(meters: Meters | None) -> Spans:
    return NoSpans() if meters is None else meters.spans


def _counted(log: Ledger, meters: Meters | None) -> Ledger:
    return log if meters is None else measured(log, meters)


STANDS_BY = "."
"""The name of no key: keeps the connections open while no key is held."""


@contextmanager
def holding(settings: Settings, events: Events) -> Iterator[Holdings]:
    """Which keys this process may act for: every one of a file, on a server those it gets a lease of."""
    if not is_shared(settings.ledger):
        yield SoleHolder()
        return
    pid = os.getpid()
    about = {"pid": pid, "room": room(), "born": born(pid), "version": __version__}
    with closing(open_ledger(settings.ledger, key=STANDS_BY, lock=True)):
        replica = Replica(
            open_leases(settings.ledger, ttl=settings.lease),
            name=settings.name,
            process=f"{pid}.{secrets.token_hex(4)}",
            ttl=settings.lease,
            schema=SCHEMA_VERSION,
            monotonic=time.monotonic,
            events=events,
            about=about,
            disagreement=disagreement,
        )
        with LeaseKeeper(replica):
            yield replica


def disagreement(settings: Settings, policies: Iterable[Policy]) -> str | None:
    """Why these policies are not those that a key's ledger goes by. Raises `LedgerError`."""
    with closing(open_ledger(settings.ledger, key=settings.key, lock=True)) as ledger:
        return rollout.disagreement(
            ledger, policies, require_ack=settings.require_ack, two_for_caps=settings.two_for_caps
        )


def _opened(settings: Settings, connection: Connection, *, read_only: bool) -> Ledger:
    """The log of the settings; where it cannot be opened the connection is closed."""
    try:
        return open_ledger(
            settings.ledger, key=settings.key, read_only=read_only, lock=not read_only
        )
    except BaseException:
        connection.close()
        raise


def _limits(settings: Settings) -> LoopLimits:
    return LoopLimits(
        freshness=settings.freshness,
        quarantine=timedelta(seconds=settings.quarantine),
        clock_brake=settings.brake_at(),
        always_evidence=settings.evidence == "always",
        away=settings.notices.away,
        every=settings.every,
        digest=settings.notices.digest,
    )


def _post(settings: Settings) -> Post | None:
    """The channels of the settings; without any, alarms stand in the log alone."""
    notices = settings.notices
    if not notices.channels and notices.ping is None:
        return None
    from reviewbot.channels.config import make_channels, make_ping
    from reviewbot.channels.sender import BackgroundPost

    return BackgroundPost(
        make_channels(notices, settings.proxy), make_ping(notices, settings.proxy)
    )


def settle() -> None:
    """Begin to run for long: what stands by now stays, and need not be walked by the collector.

    What a pass makes is freed by itself; the collector finds little, so it looks less often.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
