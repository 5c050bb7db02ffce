"""Where orders meet the API: plugs together what the `tasks` commands need, without any policy."""

from __future__ import annotations

import random  # noqa: TID251 - this is where chance comes in
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from reviewbot.api.bucket import Bucket
from reviewbot.api.client import ReadApi, ReviewApi
from reviewbot.api.exchange import Exchange
from reviewbot.api.orders import ApiOrderDesk, ApiTaskBook
from reviewbot.api.retry import Patience
from reviewbot.api.servertime import ServerTime
from reviewbot.api.transport import Transport
from reviewbot.bootstrap import CorrectedClock, SystemClock
from reviewbot.network import way_to
from reviewbot.ports import Clock, OrderDesk, TaskBook
from reviewbot.settings import Settings

if TYPE_CHECKING:
    import httpx


class Connection(NamedTuple):
    """One key's way to the API. Without `desk` nothing can be written."""

    api: ReadApi
    tasks: TaskBook
    desk: OrderDesk | None
    clock: Clock
    close: Callable[[], None]


def connect(
    settings: Settings,
    *,
    live: bool = False,
    transport: httpx.BaseTransport | None = None,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> Connection:
    """Open the way to the API; only `live` gives a desk, so a dry run cannot write.

    Raises ConfigError.
    """
    base = clock or SystemClock()
    server = ServerTime(base.now, base.monotonic)
    used = transport or Transport(base.monotonic, proxy=way_to(settings.base_url, settings.proxy))
    exchange = Exchange(
        used,
        base_url=settings.base_url,
        key=settings.need_key().reveal(),
        clock=base,
        bucket=Bucket(base, per_minute=settings.rate_per_minute),
        server_time=server,
    )
    patience = Patience(base, chance)
    writer = ReviewApi(exchange, patience) if live else None
    reader = writer or ReadApi(exchange, patience)
    return Connection(
        api=reader,
        tasks=ApiTaskBook(reader),
        desk=ApiOrderDesk(writer) if writer else None,
        clock=CorrectedClock(base, server),
        close=used.close if transport is None else lambda: None,
    )
