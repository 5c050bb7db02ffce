"""What the API says of accounts: asked seldom, known after a restart, never waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reviewbot.core.account_book import NOT_AGAIN_FOR, AccountBook
from reviewbot.domain.errors import KeyRefused, ServerFault
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.facts import AccountHistory
from reviewbot.ports.queue import AccountCard
from tests.fakes import HandClock, Said

CARDS = {"a1": AccountCard("lumen", "Lumen", "DE"), "a2": AccountCard()}


class Directory:
    """The API's list; `broken` is what it answers instead."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: Exception | None = None

    def cards(self) -> Mapping[str, AccountCard]:
        """The list."""
        self._ask("list")
        return CARDS

    def finalized(self, account_id: str) -> int | None:
        """The count of one account."""
        self._ask(account_id)
        return 7

    def _ask(self, word: str) -> None:
        self.asked.append(word)
        if self.broken is not None:
            raise self.broken


def a_refusal(kind: Any) -> Exception:
    """An answer of the API that is none."""
    error = kind("no")
    assert isinstance(error, Exception)
    return error


def test_the_list_is_read_once_an_hour_and_a_count_once_a_day() -> None:
    """And what was read is the account's, beside what our log counts of it."""
    book, directory, clock = AccountBook(), Directory(), HandClock()
    for _ in range(3):
        book.read_cards(directory, clock, Said())
        assert book.total(directory, "a1", clock, Said()) == 7
        clock.forward(minutes=25)
    told = book.told("a1", AccountHistory(decisions_30d=3), clock.now())

    assert directory.asked == ["list", "a1"]
    assert (told.handle, told.display_name, told.country) == ("lumen", "Lumen", "DE")
    assert (told.finalized_total, told.decisions_30d) == (7, 3)
    clock.forward(hours=24)
    book.read_cards(directory, clock, Said())
    assert book.told("a1", AccountHistory(), clock.now()).finalized_total is None
    book.total(directory, "a1", clock, Said())
    assert directory.asked == ["list", "a1", "list", "a1"]


def test_a_restart_asks_no_more_often() -> None:
    """The log knows; the same list is written down once, and when it was read each time."""
    ledger, clock, directory = open_ledger("memory:"), HandClock(), Directory()
    for _ in range(3):
        book = AccountBook()
        book.recall(ledger)
        book.read_cards(directory, clock, Said())
        book.total(directory, "a1", clock, Said())
        book.write_down(ledger, clock)
        clock.forward(minutes=21)
    assert directory.asked == ["list", "a1"]
    clock.forward(minutes=30)
    book = AccountBook()
    book.recall(ledger)
    book.read_cards(directory, clock, Said())
    book.write_down(ledger, clock)

    assert directory.asked == ["list", "a1", "list"]
    assert len(ledger.story("accounts", "list")) == 1
    assert len(ledger.story("accounts", "read")) == 2
    assert book.told("a1", AccountHistory(), clock.now()).handle == "lumen"


def test_what_cannot_be_read_is_left_alone_for_a_while() -> None:
    """Unknown meanwhile; a refused key is for the loop to see."""
    book, directory, clock, said = AccountBook(), Directory(), HandClock(), Said()
    directory.broken = a_refusal(ServerFault)

    book.read_cards(directory, clock, said)
    assert book.total(directory, "a1", clock, said) is None
    assert directory.asked == ["list"]
    assert [event for event, _ in said.events] == ["accounts cannot be read"]
    assert book.told("a1", AccountHistory(), clock.now()) == AccountHistory()

    clock.forward(seconds=NOT_AGAIN_FOR + 1)
    directory.broken = a_refusal(KeyRefused)
    with pytest.raises(KeyRefused):
        book.read_cards(directory, clock, said)


def test_a_list_of_yesterday_says_nothing() -> None:
    """A country that could not be read for a day may be another one by now."""
    book, directory, clock = AccountBook(), Directory(), HandClock()
    book.read_cards(directory, clock, Said())
    clock.forward(hours=25)

    assert book.told("a1", AccountHistory(), clock.now()).country is None
