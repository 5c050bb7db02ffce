"""The bytes that the log hashes stay as they are: a ledger of today is whole for every later version."""

from __future__ import annotations

import zlib
from datetime import timedelta
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import Action, State
from reviewbot.ports.ledger import Checkpoint, Ending
from tests.builders import CONFIRMED, an_item
from tests.ledger.conftest import ledger, opened, store_url
from tests.ledger.things import EPOCH, a_decision, a_policy

__all__ = ["ledger", "opened", "store_url"]

HEAD = Checkpoint(
    count=787,
    head="fcbadf96b7caddc40729a00344065ab1f25c3674a8b6e7ac457e76f9a38e3c64",
    at=CONFIRMED,
)
TEXT = b"the same text " * 3 + b"and some more of it"
PACKED = bytes.fromhex(
    "789c2bc94855284ecc4d552849ad285128c1c34bcc4b5128ce07f272f38b5215f2d314324b00ad2d15f1"
)
"""What the zlib that the head was taken with makes of a text; others pack otherwise, as well."""


def live_through(ledger: Any) -> None:
    """Write some hundred lines of every kind, the same each time."""
    chance, at = Random(7), CONFIRMED
    for number in range(120):
        at += timedelta(seconds=chance.randrange(1, 9000), microseconds=chance.randrange(1_000_000))
        task = f"t{number}" if chance.random() < 0.9 else f"täsk {number} 👀"
        amount = chance.choice((None, 0, 240_000, 2**62))
        item = replace(an_item(id=task), epoch=EPOCH, amount_micros=amount)
        ledger.sight([item, replace(item, deadline_at=None, epoch="2026-06-05")], at)
        decision = a_decision(
            chance.choice((Action.APPROVE, Action.DISPUTE)),
            task_id=task,
            reason=chance.choice(("“Unreal” is missing", "no\nway")),
            decided_at=at,
            amount_micros=amount,
            account_id=chance.choice((None, "a1")),
            decided_by=chance.choice((None, "Kim")),
            cannot_tell=chance.choice(((), ("late",))),
            fields=chance.choice((None, {"username": "x"})),
            trace=b'["%s"]' % (b"rule " * chance.randrange(40)),
        )
        if chance.random() < 0.3:
            ledger.record(decision, chance.choice((State.HELD, State.DRY_RUN)))
        ledger.intend(decision)
        became = chance.choice((State.PERFORMED, State.REFUSED, State.UNKNOWN, State.VOID))
        ledger.mark(decision.id, became, at, note="a\0note", request_id=f"req_{number}")
        if became in (State.VOID, State.REFUSED):
            ledger.intend(replace(decision, decided_at=at + timedelta(minutes=1)))
        ledger.end(
            Ending(
                review="comments",
                task_id=task,
                epoch=EPOCH,
                by=chance.choice(("ours", "other", "silence", "leave")),
                status=chance.choice((None, "finalized")),
                at=at,
                amount_micros=amount,
                note=chance.choice((None, "nobody")),
            )
        )
        if chance.random() < 0.1:
            ledger.sight([item], at)
            revision = f"{number:064x}"
            ledger.remember_policy(replace(a_policy(), revision=revision), at)
            ledger.note("pause", chance.choice(("all", task)), {"set": True, "n": number}, at)
            ledger.note_all("claim", {task: {"by": "Kim"}, "other": {"late": None}}, at)


@pytest.mark.skipif(
    zlib.compress(TEXT) != PACKED, reason="this zlib packs otherwise, so its lines have other bytes"
)
def test_the_chain_is_what_it_was(ledger: Any) -> None:
    """On every store, to the byte."""
    salts = iter(range(100_000))
    ledger._engine.salt = lambda: next(salts).to_bytes(16)
    live_through(ledger)

    assert ledger.checkpoint(CONFIRMED) == HEAD
    assert ledger.verify(HEAD).whole
