"""One console: its log, its settings and its clock, and what a visit to one of its pages carries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.paths import state_folder
from reviewbot.core.pipeline import Events
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Mode
from reviewbot.foresight.gather import Outlook, outlook_of
from reviewbot.insights.heartbeat import Beat, Health, newest_beat
from reviewbot.insights.limits_in_use import LimitInUse, limits_in_use
from reviewbot.insights.scorecard import TOPICS, RuleCounts, Scorecard, counts_of, scorecard
from reviewbot.ledger.open import open_checkpoints
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.zones import Zones, zones_of
from reviewbot.runtime.bootstrap import build, silence
from reviewbot.runtime.bot_health import bot_of, look
from reviewbot.web.oidc import OidcProvider
from reviewbot.web.people import Attempts, Passwords, Session


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Console:
    """What every page is made from. `make_bot` makes the bot that sends one answer, and is closed after it."""

    settings: Settings
    ledger: Ledger
    hosts: frozenset[str]
    is_secure: bool = False
    """Whether browsers reach it by https, through a proxy of ours."""
    on_socket: bool = False
    """Whether it listens at a unix socket, which only a proxy of ours can reach."""
    now: Callable[[], datetime] = _now
    make_bot: Callable[[], BotContext] | None = None
    passwords: Passwords | None = None
    provider: OidcProvider | None = None
    """Who says who somebody is, where signing in is its business."""
    attempts: Attempts = field(default_factory=Attempts)
    events: Events = silence
    house: Ledger | None = None
    """Where people and their sessions are kept, where that is not the key's own log."""
    desks: Mapping[str, Console] = field(default_factory=dict)
    """The console of each key by its name, itself among them; empty where there is one key."""

    def __post_init__(self) -> None:
        """What is counted now and then is counted on this console's log, by its clock."""
        self.figures = Figures(self.ledger, self.now)
        settings = self.settings
        self.book = open_checkpoints(
            settings.ledger,
            key=settings.key,
            file=settings.checkpoint_file,
            key_file=settings.checkpoint_key_file,
            folder=state_folder(),
        )
        """Where the checkpoints of the log are kept; None where nobody keeps any."""

    @property
    def people(self) -> Ledger:
        """Where people and their sessions are kept: the same for the desks of all keys."""
        return self.ledger if self.house is None else self.house

    @property
    def live(self) -> bool:
        """Whether answers are sent."""
        return self.settings.mode is Mode.LIVE

    @property
    def key(self) -> str:
        """The key whose desk this is; empty where there is only one."""
        return self.settings.key if self.settings.keys else ""

    @property
    def undo(self) -> timedelta:
        """How long an answer can be taken back."""
        return self.settings.console.undo

    def bot(self) -> BotContext:
        """A bot that judges nothing and sends one answer."""
        if self.make_bot is not None:
            return self.make_bot()
        return build(self.settings, judges=(), ledger=self.ledger)

    def outlook(self) -> Outlook:
        """What becomes of everything that is open."""
        now = self.now()
        return outlook_of(self.ledger, now, bot_of(self.settings, now))

    def beat(self) -> Beat | None:
        """The bot's newest word on itself."""
        return newest_beat(self.settings)

    def health(self) -> Health:
        """How the bot stands."""
        return look(self.settings, self.beat(), self.now())

    def zones(self) -> Zones:
        """In which zone each moment is shown."""
        return zones_of(self.settings, self.ledger)

    def running(self) -> list[Judge]:
        """The policies that the bot runs, as it last said; where it said nothing, the newest that ran."""
        beat, revisions = self.beat(), self.revisions()
        newest = {stored.name: stored.revision for stored in self.ledger.policies()}
        names = newest.values() if beat is None else [policy.revision for policy in beat.policies]
        found = (revisions.judge(revision) for revision in names)
        return [judge for judge in found if judge is not None]

    def limits(self) -> list[LimitInUse]:
        """What is used of the limits of every running policy."""
        return list(limits_in_use(self.ledger, self.running(), self.now()))

    def revisions(self) -> Revisions:
        """Policies as they ran."""
        return Revisions(self.ledger)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a page: who asks, for what, with which form."""

    console: Console
    session: Session | None
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    form: Mapping[str, str] = {}
    several: Mapping[str, tuple[str, ...]] = {}
    """The fields of the form that came more than once too."""
    now: datetime
    url: str = "/"
    cookies: Mapping[str, str] = {}
    from_elsewhere: bool = False
    """Whether a page of another site led here."""

    @property
    def ledger(self) -> Ledger:
        """The log of the console."""
        return self.console.ledger

    @property
    def who(self) -> Session:
        """Whoever is signed in, on a page that needs somebody to be."""
        assert self.session is not None
        return self.session


# ------------------------------------------------------------------------------------------------
# The figures of the last 30 days, counted now and then: a large log holds tens of thousands of
# decisions of a month.
#
# Where counting is quick they are counted for each page. Where it is not, a page shows what was
# counted last, with its moment, and the console counts anew beside it, at most every few
# minutes.


WINDOW = timedelta(days=30)
QUICK = 0.03
"""Seconds of counting that a page may wait for."""
STALE = 120.0
"""Seconds after which figures that take longer are counted anew."""


class MonthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How each rule did, and how often each decided, as of a moment."""

    at: datetime
    card: Scorecard
    counts: dict[str, RuleCounts]
    """By policy."""


class Figures:
    """Counts them, at most once at a time."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now
        self._counting = threading.Lock()
        self._wanted = threading.Event()
        self._known: MonthFigures | None = None
        self._took = self._counted_at = 0.0

    def month(self) -> MonthFigures:
        """The figures, as fresh as a page can have them. Raises `LedgerError`."""
        known = self._known
        if known is None or self._took < QUICK:
            return self._count()
        if time.monotonic() - self._counted_at > STALE:
            self._wanted.set()
        return known

    def count_if_wanted(self) -> None:
        """Count anew where a page asked for it. Raises `LedgerError`."""
        if self._wanted.is_set():
            self._wanted.clear()
            self._count()

    def _count(self) -> MonthFigures:
        with self._counting:
            began, now = time.monotonic(), self._now()
            since = now - WINDOW
            decisions = self._ledger.decided(None, since)
            self._known = MonthFigures(
                at=now,
                card=scorecard(decisions, self._ledger.endings(since), self._ledger.notes(*TOPICS)),
                counts=counts_of(decisions, since),
            )
            self._counted_at = time.monotonic()
            self._took = self._counted_at - began
            return self._known
