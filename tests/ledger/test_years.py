"""Years of decisions archived while the bot goes on: whole before, between and after, and all of it there."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reviewbot.domain.decision import Action, State
from reviewbot.ledger import archive
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ending, ErasureOrder
from tests.builders import CONFIRMED, an_item
from tests.forks import end_of, fork
from tests.ledger.test_erasure import WHO
from tests.ledger.things import EPOCH, a_decision, after
from tests.proof import proven

MANY = 200_000
FACTS = b'{"task":{"comment_text":"%b"},"account":{"handle":"someone.%b"}}'


def review_one(ledger: Any, number: int) -> None:
    """One round from its sight to its end."""
    task, at = f"t{number:07}", CONFIRMED + timedelta(seconds=number)
    ledger.sight([an_item(id=task)], at)
    decision = a_decision(
        (Action.APPROVE, Action.DISPUTE)[number % 2],
        task_id=task,
        account_id=f"a{number % 500}",
        reason=f"the reason of {number}",
        decided_at=at,
        facts=FACTS % (b"words %d" % number, b"%d" % (number % 5_000)),
    )
    ledger.intend(decision)
    ledger.mark(decision.id, State.PERFORMED, at, note=f"said {number}")
    ended = Ending(review="comments", task_id=task, epoch=EPOCH, by="ours", status="x", at=at)
    ledger.end(ended)


def told(ledger: Any, until: int) -> tuple[int, str]:
    """How many decisions there are, and a digest of the first so many in full."""
    count, digest = 0, hashlib.sha256()
    for count, logged in enumerate(ledger.iter_decisions(), 1):
        if count <= until:
            digest.update(msgspec.json.encode(logged))
    return count, digest.hexdigest()


@contextmanager
def a_bot_at_work(url: str, start: int) -> Iterator[None]:
    """Another process that goes on writing until it is killed."""

    def work() -> None:
        with closing(open_ledger(url, lock=True)) as ledger:
            number = start
            while True:
                review_one(ledger, number)
                number += 1
                time.sleep(0.002)  # noqa: TID251  a process beside ours has a clock of its own

    child = fork(work)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        end_of(child)


@pytest.mark.parametrize(
    "count",
    [120, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])],
)
def test_years_leave_while_the_bot_goes_on(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archived beside it, with one account erased afterwards; what was there is told as before."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    if count < MANY:
        monkeypatch.setattr(archive, "GROUP", count // 5)
    with closing(open_ledger(url)) as ledger:
        ledger._engine.driver().execute("PRAGMA synchronous = OFF")
        for number in range(count):
            review_one(ledger, number)
        checkpoint, before = ledger.checkpoint(CONFIRMED), told(ledger, count)
        assert ledger.verify(checkpoint).problems == ()
    between: list[int] = []

    def verify(seal: Any) -> None:
        between.append(seal.lines)
        if len(between) % max(1, count // (4 * archive.GROUP)) == 0:
            with closing(open_ledger(url, read_only=True)) as reader:
                assert reader.verify(checkpoint).problems == ()

    long_ago = after(days=0) + timedelta(seconds=count)
    with a_bot_at_work(url, count), closing(open_ledger(url)) as ledger:
        ledger.archive(tmp_path / "old", long_ago, after(days=9), who="Ana", told=verify)
        assert ledger.verify(checkpoint).problems == ()
        assert told(ledger, count)[1] == before[1]

    with closing(open_ledger(url)) as ledger:
        assert sum(between) == 4 * count
        assert len(between) >= 5
        found = ledger.verify(checkpoint)
        assert (found.problems, found.remarks) == ((), ())
        written, digest = told(ledger, count)
        assert written > count
        assert digest == before[1]
        erased = ledger.erase(ErasureOrder(account="a7"), **WHO)
        ledger.finish_erasures()
        assert erased.tasks >= max(1, count // 500)
        assert ledger.verify(checkpoint).problems == ()
        assert sum(logged.erased for logged in ledger.iter_decisions()) == erased.tasks
    proven("faults", "P19", "decisions archived beside a bot at work", count)
