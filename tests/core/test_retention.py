"""What people wrote is erased once it is old enough, and never before."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import ErasureOrder
from reviewbot.runtime.chores import forget_old
from tests.ledger.test_erasure import SECRET, WHO, a_review, files_of
from tests.ledger.things import after

YEAR = 365 * 86_400.0
ENDED = after(hours=4)


def test_what_is_old_enough_is_erased_also_where_it_was_archived(tmp_path: Path) -> None:
    """A week before it is not; a week after it is, and only once."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        a_review(ledger, "t1")
        ledger.archive(tmp_path / "old", after(days=9), after(days=9), who="Ana")
        a_review(ledger, "t2")

        early = forget_old(ledger, ENDED + timedelta(days=358), YEAR)
        assert early is not None
        assert early.lines == 0
        done = forget_old(ledger, ENDED + timedelta(days=372), YEAR)
        assert done is not None
        assert done.tasks == 2
        assert SECRET.encode() not in files_of(tmp_path)
        assert ledger.verify().problems == ()
        again = forget_old(ledger, ENDED + timedelta(days=379), YEAR)
        assert again is not None
        assert again.lines == 0


def test_without_the_setting_nothing_is_erased_but_what_was_begun(tmp_path: Path) -> None:
    """An erasure whose files were not written anew is finished."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        a_review(ledger, "t1")
        a_review(ledger, "t2", words="Another")
        ledger.erase(ErasureOrder(task="t1"), **WHO)

        assert forget_old(ledger, ENDED + timedelta(days=9_000), None) is None
        assert SECRET.encode() not in files_of(tmp_path)
        assert ledger.decisions()[1].decision.reason == "the reason Another"
