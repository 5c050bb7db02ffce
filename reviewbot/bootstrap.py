"""Where the parts meet: the only place that chooses which queue, desk, clock and ledger are used."""

from __future__ import annotations

import gc
import random  # noqa: TID251 - this is where chance comes in
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reviewbot.api.accounts import AccountsDesk, AccountsQueue
from reviewbot.api.bucket import Bucket
from reviewbot.api.client import ReadApi, ReviewApi
from reviewbot.api.comments import CommentsDesk, CommentsQueue
from reviewbot.api.exchange import Exchange
from reviewbot.api.retry import Patience
from reviewbot.api.servertime import ServerTime
from reviewbot.api.transport import Transport
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError, PolicyInvalid, TooLarge
from reviewbot.domain.review import ReviewKind
from reviewbot.ledger.opening import open_ledger
from reviewbot.network import way_to
from reviewbot.pausefile import PauseFile
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.findings import Severity
from reviewbot.ports import Clock, Desk, Ledger, Post, ReviewQueue
from reviewbot.service.app import App, Bench, Events, Level, Limits
from reviewbot.service.guards.adoption import adopt as adopt
from reviewbot.service.guards.guard import Guard
from reviewbot.service.telling.alarms import AlarmDesk
from reviewbot.settings import Settings

if TYPE_CHECKING:
    import httpx

    from reviewbot.policy.model import AppliesTo
    from reviewbot.policyfiles import PolicyFile


class Adapters(NamedTuple):
    """How one kind of review is read and written."""

    queue: Callable[[ReadApi], ReviewQueue]
    desk: Callable[[ReviewApi], Desk]


ADAPTERS: dict[ReviewKind, Adapters] = {
    "comments": Adapters(CommentsQueue, CommentsDesk),
    "accounts": Adapters(AccountsQueue, AccountsDesk),
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
) -> App:
    """Plug a bot together. Without `settings.mode` live, or with `read_only`, nothing can write.

    `read_only` is for reports: the ledger is read beside a running daemon, never locked or made.
    The rest are other parts than the usual ones, for tests and for the demo. `judges` replaces the
    policies of the settings.

    Raises ConfigError, PolicyInvalid, LedgerBusy and other `LedgerError`.
    """
    stop = stop or threading.Event()
    base = clock or SystemClock(stop)
    given = tuple(judges) if judges is not None else load_judges(settings.need_policies())
    server = ServerTime(base.now, base.monotonic)
    owned = transport is None
    transport = transport or _transport(settings, base)
    exchange = _exchange(settings, transport, base, server)
    patience = Patience(base, chance, stopping=stop.is_set)
    live = settings.mode is Mode.LIVE and not read_only
    writer = ReviewApi(exchange, patience) if live else None
    reader = writer or ReadApi(exchange, patience)
    log = ledger or open_ledger(settings.ledger, read_only=read_only, lock=not read_only)

    def bench_of(review: ReviewKind) -> Bench:
        adapters = ADAPTERS[review]
        desk = None if writer is None else adapters.desk(writer)
        return Bench(queue=adapters.queue(reader), judges=(), desk=desk)

    def close() -> None:
        app.alarms.close(LAST_WORDS)
        if ledger is None:
            log.close()
        if owned:
            transport.close()

    def say(event: str, /, *, level: Level = "info", **about: object) -> None:
        app.say(event, level=level, **about)

    corrected = CorrectedClock(base, server)
    app = App(
        clock=corrected,
        ledger=log,
        benches=(),
        events=events,
        alarms=AlarmDesk(
            ledger=log,
            clock=corrected,
            events=say,
            routes=None if read_only else settings.notices.routes,
            post=None if read_only else post or _post(settings),
            dry_run=not live,
        ),
        mode=Mode.LIVE if live else Mode.DRY_RUN,
        limits=Limits(
            freshness=settings.freshness,
            quarantine=timedelta(seconds=settings.quarantine),
            clock_brake=settings.brake_at(),
            always_evidence=settings.evidence == "always",
            away=settings.notices.away,
            every=settings.every,
        ),
        traffic=exchange.traffic,
        stopping=stop.is_set,
        make_bench=bench_of,
        skew=lambda: server.offset,
        guard=Guard(
            pause_file=PauseFile(settings.pause_path()).read,
            require_ack=settings.require_ack,
            two_for_caps=settings.two_for_caps,
        ),
        close=close,
    )
    app.knock = lambda: _knock(reader)
    if writer is not None:
        app.wait_turn = writer.ready
    adopt(app, given, remember=not read_only)
    return app


def _transport(settings: Settings, clock: Clock) -> Transport:
    return Transport(clock.monotonic, proxy=way_to(settings.base_url, settings.proxy))


def _knock(api: ReadApi) -> None:
    """Ask whether the API takes our key; a row too large to be read answers that as well."""
    with suppress(TooLarge):
        api.list_comments(per_page=1)


def _post(settings: Settings) -> Post | None:
    """The channels of the settings; without any, alarms stand in the log alone."""
    notices = settings.notices
    if not notices.channels and notices.ping_url is None:
        return None
    from reviewbot.channels.making import make_channels, make_ping
    from reviewbot.channels.post import BackgroundPost

    return BackgroundPost(
        make_channels(notices, settings.proxy), make_ping(notices, settings.proxy)
    )


def settle() -> None:
    """Begin to run for long: what stands by now stays, and need not be walked by the collector.

    What a pass makes is freed by itself; the collector finds little, so it looks less often.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextmanager
def reading(settings: Settings, transport: httpx.BaseTransport | None = None) -> Iterator[ReadApi]:
    """Open a client that can only read, for commands that need no bot around it."""
    clock = SystemClock()
    used = transport or _transport(settings, clock)
    try:
        exchange = _exchange(settings, used, clock, ServerTime(clock.now))
        yield ReadApi(exchange, Patience(clock, random.random))
    finally:
        if transport is None:
            used.close()


def reach(settings: Settings, transport: httpx.BaseTransport | None = None) -> timedelta | None:
    """Ask the API once whether it knows our key; give how far its clock is ahead of ours.

    Raises `ApiError` and ConfigError.
    """
    clock = SystemClock()
    server = ServerTime(clock.now)
    used = transport or _transport(settings, clock)
    try:
        exchange = _exchange(settings, used, clock, server)
        _knock(ReadApi(exchange, Patience(clock, lambda: 0.0, tries=1)))
    finally:
        if transport is None:
            used.close()
    return server.offset


def load_judges(paths: Iterable[str]) -> tuple[Judge, ...]:
    """Read, check and compile policy files that are to run together.

    Raises PolicyInvalid with the findings of all of them when one is not usable, and ConfigError
    when two cover the same reviews.
    """
    from reviewbot.policyfiles import PolicyFile

    return judges_of([PolicyFile(path) for path in paths])


def judges_of(files: Iterable[PolicyFile]) -> tuple[Judge, ...]:
    """As `load_judges`, of files that the caller keeps an eye on."""
    from reviewbot.policy.analysis import analyse

    parsed = [file.load() for file in files]
    policies = [one.policy for one in parsed if one.policy is not None]
    read = (finding for one in parsed for finding in one.findings)
    meant = (finding for policy in policies for finding in analyse(policy))
    findings = tuple(one for one in (*read, *meant) if one.severity is Severity.ERROR)
    if findings:
        raise PolicyInvalid("a policy is not usable", findings)
    judges = tuple(compile_policy(policy) for policy in policies)
    refuse_overlap(judges)
    return judges


def refuse_overlap(judges: Sequence[Judge]) -> None:
    """Raise ConfigError when two policies could both judge one thing, or share a name."""
    for index, judge in enumerate(judges):
        for other in judges[index + 1 :]:
            one, two = judge.policy, other.policy
            if one.name == two.name:
                raise ConfigError(f"{one.path} and {two.path} are both called {one.name}")
            if _overlap(one.applies_to, two.applies_to):
                raise ConfigError(
                    f"{one.path} and {two.path} cover the same reviews; narrow  applies to  in one"
                )


def _overlap(one: AppliesTo, two: AppliesTo) -> bool:
    def meet(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
        return not some or not others or bool(set(some) & set(others))

    return (
        one.review == two.review
        and meet(one.platform, two.platform)
        and meet(one.saved_account_id, two.saved_account_id)
    )


def _exchange(
    settings: Settings, transport: httpx.BaseTransport, clock: Clock, server: ServerTime
) -> Exchange:
    return Exchange(
        transport,
        base_url=settings.base_url,
        key=settings.need_key().reveal(),
        clock=clock,
        bucket=Bucket(clock, per_minute=settings.rate_per_minute),
        server_time=server,
    )
