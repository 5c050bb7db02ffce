"""A replica takes a key only by the policies that the ledger goes by, and says so where it does not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from reviewbot.config import Settings
from reviewbot.domain.errors import LedgerCorrupt, LedgerUnwritable, PolicyInvalid
from reviewbot.ledger.open import open_ledger
from reviewbot.runtime.replicas import Holdings, SoleHolder, Tenure
from reviewbot.runtime.turns import AGREES, MEANT, KeyTurn
from reviewbot.safety import rollout
from tests.builders import CONFIRMED
from tests.safety.test_guards import ASK, PAY, a_policy, a_room

POLICY = """policy: comments
language: 1
rules:
  - name: {rule}
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: In time.
"""


class Shared:
    """What a replica holds, as the test says."""

    name = "here"
    is_shared = True
    problem: str | None = None

    def __init__(self) -> None:
        self.time = 0.0
        self.differs: str | None = None
        self.error: LedgerUnwritable | None = None
        self.free = False
        self.accepted = False
        self.declined: list[str] = []
        self.released = 0
        self.changed: Any = None

    def tenure(self, key: str) -> Tenure | None:
        """One, once the key is accepted."""
        return Tenure(key, lambda: self.time) if self.accepted else None

    def leads(self, key: str) -> bool:
        """Whenever it is accepted."""
        return self.accepted

    def disagreement(self, settings: Settings, policies: Any) -> str | None:
        """What the test says."""
        if self.error is not None:
            raise self.error
        return self.differs

    def accept(self, key: str) -> None:
        """Note it."""
        self.accepted = True

    def decline(self, key: str, why: str) -> None:
        """Note it."""
        self.accepted = False
        self.declined.append(why)

    def release(self, key: str) -> None:
        """Note it."""
        self.released += 1

    def is_free(self, key: str) -> bool:
        """What the test says."""
        return self.free

    def leave(self) -> None:
        """Nothing."""


class Passing(threading.Event):
    """A wait that lets the test's time pass."""

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self._shared = shared

    def wait(self, timeout: float | None = None) -> bool:
        """So long."""
        self._shared.time += timeout or 0.0
        return False


def a_turn(folder: Path, shared: Holdings | None = None) -> tuple[KeyTurn, Any]:
    """The turn of a key whose policy is a file in a folder."""
    (folder / "comments.yaml").write_text(POLICY.format(rule="pay"))
    settings = Settings(policy=(f"{folder}/comments.yaml",), ledger="memory:")
    held: Any = shared or Shared()
    clock = (lambda: held.time) if shared is None else (lambda: 0.0)
    wake = Passing(held) if shared is None else threading.Event()
    return KeyTurn(settings, held, stop=threading.Event(), wake=wake, monotonic=clock), held


def test_a_key_is_taken_by_the_policies_of_its_ledger(tmp_path: Path) -> None:
    """At once; it is given back once its bot has ended."""
    turn, shared = a_turn(tmp_path)
    tenure = turn.wait(at_most=60)
    assert tenure is not None and tenure is turn.tenure
    assert not turn.has_ended()
    tenure.is_ending = True
    assert turn.has_ended()
    turn.over()
    assert (shared.released, turn.tenure) == (1, None)


def test_one_of_another_revision_takes_nothing_and_says_why(tmp_path: Path) -> None:
    """As long as somebody holds the key, however long that is; then the policies agree again."""
    turn, shared = a_turn(tmp_path)
    shared.differs = "its policy comments is the revision b, the ledger goes by a"
    assert turn.wait(at_most=10 * MEANT) is None
    assert set(shared.declined) == {shared.differs}
    assert turn.problem == shared.differs

    shared.differs = None
    assert turn.wait(at_most=AGREES) is not None


def test_where_nobody_is_left_who_has_the_old_revision_the_new_one_is_meant(tmp_path: Path) -> None:
    """After two minutes in which the key was free all the time."""
    turn, shared = a_turn(tmp_path)
    shared.differs, shared.free = "another revision", True
    assert turn.wait(at_most=MEANT - AGREES) is None
    shared.free = False
    assert turn.wait(at_most=AGREES) is None
    shared.free = True
    began = shared.time
    assert turn.wait(at_most=10 * MEANT) is not None
    assert shared.time - began >= MEANT


def test_while_the_ledger_cannot_be_asked_nothing_is_taken_or_declined(tmp_path: Path) -> None:
    """It is asked again soon."""
    turn, shared = a_turn(tmp_path)
    shared.error = LedgerUnwritable("away")
    assert turn.wait(at_most=60) is None
    assert (shared.accepted, shared.declined, turn.problem) == (False, [], "away")
    shared.error = None
    assert turn.wait(at_most=1) is not None


def test_a_policy_that_cannot_be_used_leaves_the_key_to_others(tmp_path: Path) -> None:
    """What is wrong with this machine's files alone is no reason for all to stop."""
    turn, shared = a_turn(tmp_path)
    (tmp_path / "comments.yaml").write_text("nothing")
    with pytest.raises(PolicyInvalid) as error:
        turn.wait(at_most=60)
    assert turn.failed(error.value) is error.value
    assert "cannot be made here" in shared.declined[0]


def test_a_database_that_is_away_parks_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """It is away for all; damage is another matter."""
    monkeypatch.setattr("reviewbot.runtime.turns.AGAIN", 0.0)
    turn, shared = a_turn(tmp_path)
    assert turn.failed(LedgerUnwritable("away")) is None
    assert (shared.released, shared.declined) == (1, [])
    assert turn.failed(LedgerCorrupt("torn")) is not None


def test_who_is_alone_on_a_file_holds_every_key(tmp_path: Path) -> None:
    """Without asking for policies or anything else."""
    turn, _ = a_turn(tmp_path, SoleHolder())
    tenure = turn.wait()
    assert tenure is not None
    tenure.check()
    assert tenure.leads


def test_what_the_ledger_goes_by_is_what_ran_last() -> None:
    """Another revision is named with both; one that people must accept, or have, is no disagreement."""
    judge, new = a_policy(ASK), a_policy(PAY).policy
    words = {"require_ack": False, "two_for_caps": False}
    assert rollout.disagreement(open_ledger("memory:"), [new], **words) is None, "nothing has run"

    room = a_room(judge)
    rollout.adopt(room.app, [judge])
    ledger = room.app.ledger
    assert rollout.disagreement(ledger, [judge.policy], **words) is None
    why = rollout.disagreement(ledger, [new], **words)
    assert why is not None
    assert new.revision[:8] in why and judge.policy.revision[:8] in why
    assert rollout.disagreement(ledger, [new], require_ack=True, two_for_caps=False) is None
    rollout.accept(ledger, new.revision, who="ana", now=CONFIRMED)
    assert rollout.disagreement(ledger, [new], **words) is None
