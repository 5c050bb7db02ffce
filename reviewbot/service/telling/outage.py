"""Outage: say when passes fail and a person should know, and when they succeed again."""

from __future__ import annotations

from reviewbot.domain.alarms import Kind
from reviewbot.domain.errors import (
    ApiError,
    Forbidden,
    KeyRefused,
    LedgerCorrupt,
    LedgerError,
    NotRecordable,
    ReviewbotError,
)
from reviewbot.service.app import App


def went_wrong(app: App, error: ReviewbotError) -> None:
    """A pass could not be made."""
    match error:
        case KeyRefused() | Forbidden():  # of a list, a 403 is about what the key may read
            _refused(app, error)
        case ApiError():
            _away(app, str(error))
        case LedgerCorrupt():
            app.alarm(Kind.LEDGER, f"The decision log is damaged; nothing is sent: {error}")
        case NotRecordable():
            app.alarm(Kind.LEDGER, f"A pass ended early, the log itself is well: {error}")
        case LedgerError():
            app.alarm(Kind.LEDGER, f"The decision log cannot be used; nothing is sent: {error}")


def went(app: App, stopped: str | None) -> None:
    """A pass was made; `stopped` says why it ended early, where it did."""
    app.mended(Kind.LEDGER, "The decision log can be used again")
    app.key_refused_since = None
    app.mended(Kind.KEY, "The API takes our key again")
    if app.stopping():
        return
    if stopped is not None:
        _away(app, stopped)
        return
    app.away_since = None
    app.mended(Kind.API_AWAY, "The API answers again, and reviews go on")
    app.alarms.pulse()


def tell_crash(app: App, error: Exception) -> None:
    """A fault of ours ends the process; only its kind is told, for its text could hold anything.

    A process that is started again and again by its manager says so once an hour.
    """
    app.alarm(
        Kind.STOPPED,
        "reviewbot has ended by a fault of its own and reviews nothing until it is started again:"
        f" {type(error).__name__}; its log says more",
        subject=type(error).__name__,
    )


def tell_stopped(app: App, error: ReviewbotError) -> None:
    """What no pass can mend ends the process."""
    app.alarm(
        Kind.STOPPED,
        f"reviewbot has ended by itself and reviews nothing until it is started again: {error}",
        subject=type(error).__name__,
    )


def _refused(app: App, error: KeyRefused | Forbidden) -> None:
    """Park the key: only whether it is taken again is asked, until it is."""
    now = app.clock.monotonic()
    if app.key_refused_since is None:
        app.key_refused_since = now
    lasting = now - app.key_refused_since
    since = f" for {_length(lasting)}" if lasting else ""
    app.alarm(
        Kind.KEY,
        f"The API refuses our key{since}, so nothing is reviewed and nothing is sent; it goes on by"
        f" itself once the key is taken again: {error}",
        seconds=round(lasting),
        request_id=error.request_id,
    )


def _away(app: App, why: str) -> None:
    now = app.clock.monotonic()
    if app.away_since is None:
        app.away_since = now
    away = now - app.away_since
    if away >= app.limits.away:
        app.alarm(
            Kind.API_AWAY,
            f"No whole pass for {_length(away)}; nothing can be decided meanwhile: {why}",
            seconds=round(away),
        )


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
