"""Our accounts as the API knows them: read seldom, remembered between passes and in the log.

Theory of operation. The list of accounts is read at most once an hour, where a policy names something
of it; how many tasks of an account were finalized once a day, when a rule cannot be answered without
it. What was read stands in the log as well, so that a restart and a bot that starts for each pass ask
no more often. Where the API does not answer nothing is known for a while: no pass waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from reviewbot.domain.errors import ApiError, KeyRefused
from reviewbot.policy.facts import AccountHistory
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import AccountCard, AccountDirectory, Clock

Events = Callable[..., None]
"""Where it says what happens."""
CARDS, TOTALS = "accounts", "finalized"
"""The topics of the log: what the list of accounts says, and how many tasks of each were finalized."""
LIST, READ = "list", "read"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOT_AGAIN_FOR = 600.0
"""Seconds for which nothing is asked after the API did not answer."""


class FinalizedTotal(NamedTuple):
    """How many tasks of an account the API counted as finalized, and when."""

    tasks: int
    at: datetime


@dataclass(slots=True)
class AccountBook:
    """What is known of our accounts."""

    cards: Mapping[str, AccountCard] = field(default_factory=dict)
    read_at: datetime | None = None
    totals: dict[str, FinalizedTotal] = field(default_factory=dict)
    recalled: bool = False
    """Whether what earlier processes read was taken from the log."""
    quiet_until: float = 0.0
    """Until when (monotonic) nothing is asked, because the API did not answer."""
    unwritten: set[str] = field(default_factory=set)
    """The accounts whose total the log does not hold yet."""
    list_unwritten: bool = False

    def recall(self, ledger: Ledger) -> None:
        """Take over what earlier processes read. Raises `LedgerError`."""
        if self.recalled:
            return
        self.recalled = True
        for note in ledger.notes(CARDS, TOTALS):
            if note.topic == TOTALS:
                self.totals[note.subject] = FinalizedTotal(note.value["count"], note.at)
            elif note.subject == LIST:
                self.cards = {
                    account_id: AccountCard(*card)
                    for account_id, card in note.value["cards"].items()
                }
            else:
                self.read_at = note.at

    def read_cards(self, directory: AccountDirectory, clock: Clock, events: Events) -> None:
        """Read the list where that is an hour ago. Raises KeyRefused."""
        now = clock.now()
        if self.read_at is not None and timedelta() <= now - self.read_at < HOUR:
            return
        if clock.monotonic() < self.quiet_until:
            return
        try:
            cards = directory.cards()
        except KeyRefused:
            raise
        except ApiError as error:
            self._not_now(clock, events, error)
            return
        self.cards, self.read_at, self.list_unwritten = cards, now, True

    def total(
        self, directory: AccountDirectory, account_id: str, clock: Clock, events: Events
    ) -> int | None:
        """How many of its tasks were finalized, asked where that is a day ago. Raises KeyRefused."""
        known = self.known_total(account_id, clock.now())
        if known is not None or clock.monotonic() < self.quiet_until:
            return known
        try:
            count = directory.finalized(account_id)
        except KeyRefused:
            raise
        except ApiError as error:
            self._not_now(clock, events, error)
            return None
        if count is not None:
            self.totals[account_id] = FinalizedTotal(count, clock.now())
            self.unwritten.add(account_id)
        return count

    def known_total(self, account_id: str | None, now: datetime) -> int | None:
        """The total, where it is no older than a day."""
        found = self.totals.get(account_id or "")
        young = found is not None and timedelta() <= now - found.at < DAY
        return found.tasks if found is not None and young else None

    def told(
        self, account_id: str | None, account: AccountHistory, now: datetime
    ) -> AccountHistory:
        """What our log counts of an account, with what the API says of it."""
        card = self.cards.get(account_id or "")
        # A list that could not be read for long says nothing any more.
        if card is None or self.read_at is None or now - self.read_at > DAY:
            card = AccountCard()
        return replace(
            account,
            handle=card.handle,
            display_name=card.display_name,
            country=card.country,
            finalized_total=self.known_total(account_id, now),
        )

    def write_down(self, ledger: Ledger, clock: Clock) -> None:
        """Put what was read since the last time into the log. Raises `LedgerError`."""
        now = clock.now()
        if self.list_unwritten:
            self.list_unwritten = False
            cards = {name: list(card) for name, card in self.cards.items()}
            if not any(
                note.subject == LIST and note.value["cards"] == cards
                for note in ledger.notes(CARDS)
            ):
                ledger.note(CARDS, LIST, {"cards": cards}, now)
            ledger.note(CARDS, READ, {}, now)
        if self.unwritten:
            words = {name: {"count": self.totals[name].tasks} for name in sorted(self.unwritten)}
            self.unwritten.clear()
            ledger.note_all(TOTALS, words, now)

    def _not_now(self, clock: Clock, events: Events, error: ApiError) -> None:
        self.quiet_until = clock.monotonic() + NOT_AGAIN_FOR
        events("accounts cannot be read", level="warning", error=str(error))
