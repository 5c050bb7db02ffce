"""A decision's life in every store, in any order of steps, against a model of what may follow what."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reviewbot.domain.decision import Action, State, decision_id
from reviewbot.domain.errors import AlreadyIntended, LedgerError
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Checkpoint, Ending
from tests.builders import an_item
from tests.ledger.things import a_decision, after
from tests.tier import FULL, times

MAY_FOLLOW = {
    "": "held dry-run intent",
    "held": "held dry-run intent",
    "dry-run": "held dry-run intent",
    "intent": "performed refused overtaken void unknown settled",
    "unknown": "settled overtaken void",
    "void": "held dry-run intent",
    "refused": "held dry-run intent",
    "performed": "void",
    "settled": "void",
    "overtaken": "void",
}
"""What may follow what, said apart from the product's own table."""
NOT_SENT = ("held", "dry-run", "void", "refused")
"""What another word of the port follows: record and intend."""
UNCLAIMED = ("", *NOT_SENT)
EPOCHS = ("2026-06-02T12:00:00Z", None)
ROUNDS = st.tuples(st.sampled_from(("t1", "t1", "t2")), st.sampled_from(EPOCHS))
ACTIONS = st.sampled_from((Action.APPROVE, Action.DISPUTE, Action.WAIT))
DAYS = tuple(f"2026-06-{day:02}T12:00:00Z" for day in range(2, 8))
Round = tuple[str, str | None]


class Life(RuleBasedStateMachine):
    """Steps in any order; after each one the store and the model agree and the chain is whole."""

    def __init__(self, url: str, reopens: bool) -> None:
        super().__init__()
        self.url, self.reopens = url, reopens
        self.ledger: Any = open_ledger(url)
        self.state: dict[tuple[Round, Action], str] = {}
        self.lines = 0
        self.seen: set[Round] = set()
        self.ended: set[Round] = set()
        self.hours = 1
        self.checkpoints: list[Checkpoint] = []
        self.tried: Counter[tuple[str, str, bool]] = Counter()

    def teardown(self) -> None:
        """Let go of the store."""
        self.ledger.close()

    def decision(self, where: Round, action: Action) -> Any:
        """A decision on a round, now."""
        self.hours += 1
        return a_decision(
            action, task_id=where[0], epoch=where[1], decided_at=after(hours=self.hours)
        )

    def stands(self, where: Round, action: Action) -> str:
        """The state of a decision in the model."""
        return self.state.get((where, action), "")

    def claimed(self, where: Round) -> list[str]:
        """Everything in the model that claims a round."""
        return [s for (at, _), s in self.state.items() if at == where and s not in UNCLAIMED]

    def step(
        self, allowed: bool, write: Callable[[], None], where: Round, to: tuple[Action, str]
    ) -> None:
        """Take a step that must succeed, or must fail and leave no trace."""
        self.tried[self.stands(where, to[0]), to[1], allowed] += 1
        if not allowed:
            with pytest.raises(LedgerError):
                write()
            return
        write()
        self.state[where, to[0]] = to[1]
        self.lines += 1

    @rule(where=ROUNDS, action=ACTIONS, to=st.sampled_from((State.HELD, State.DRY_RUN)))
    def hold(self, where: Round, action: Action, to: State) -> None:
        """Write down what sends nothing."""
        decision = self.decision(where, action)
        allowed = to.value in MAY_FOLLOW[self.stands(where, action)].split()
        self.step(allowed, lambda: self.ledger.record(decision, to), where, (action, to.value))

    @rule(where=ROUNDS, action=ACTIONS)
    def intend(self, where: Round, action: Action) -> None:
        """Claim a round: only for what can be sent, and only if nothing claims it."""
        decision = self.decision(where, action)
        sends = where[1] is not None and action in (Action.APPROVE, Action.DISPUTE)
        free = not self.claimed(where)
        allowed = sends and free and "intent" in MAY_FOLLOW[self.stands(where, action)].split()
        self.step(allowed, lambda: self.ledger.intend(decision), where, (action, "intent"))
        if sends and not free:
            with pytest.raises(AlreadyIntended):
                self.ledger.intend(decision)

    @rule(where=ROUNDS, action=ACTIONS, to=st.sampled_from(sorted(State)))
    def mark_any(self, where: Round, action: Action, to: State) -> None:
        """Write down what became of anything, recorded or not."""
        self.mark(where, action, to)

    @precondition(lambda self: self.state)
    @rule(which=st.integers(0, 30), to=st.sampled_from(sorted(State)))
    def mark_recorded(self, which: int, to: State) -> None:
        """Write down what became of something that is in the log; mostly of what is open."""
        still = [key for key in self.state if self.state[key] in ("intent", "unknown")]
        among = still if still and which < 24 else list(self.state)
        self.mark(*among[which % len(among)], to)

    def mark(self, where: Round, action: Action, to: State) -> None:
        """Write down what became of it, or be refused."""
        now = self.stands(where, action)
        name = decision_id("comments", *where, action)
        self.hours += 1
        at = after(hours=self.hours)
        allowed = now not in UNCLAIMED and to.value in MAY_FOLLOW[now].split()
        if now in NOT_SENT and to.value in MAY_FOLLOW[now].split():
            return
        self.step(allowed, lambda: self.ledger.mark(name, to, at), where, (action, to.value))

    @rule(where=ROUNDS)
    def see(self, where: Round) -> None:
        """See a round waiting; only the first time is news, and once more after an end."""
        if where[1] is not None:
            item = an_item(id=where[0])
            self.ledger.sight([type(item)(**_fields(item) | {"epoch": where[1]})], after(hours=1))
            self.lines += where not in self.seen or where in self.ended
            self.seen.add(where)
            self.ended.discard(where)

    @rule(where=ROUNDS)
    def end(self, where: Round) -> None:
        """Note how a round ended; a second ending changes nothing."""
        if where in self.seen:
            self.ledger.end(
                Ending(
                    review="comments",
                    task_id=where[0],
                    epoch=str(where[1]),
                    by="ours",
                    status="finalized",
                    at=after(hours=80),
                )
            )
            self.lines += where not in self.ended
            self.ended.add(where)

    @rule()
    def keep_a_checkpoint(self) -> None:
        """State how far the log has come."""
        self.checkpoints.append(self.ledger.checkpoint(after(hours=self.hours)))

    @rule()
    def open_again(self) -> None:
        """Close the store and open it again, where it outlives that."""
        if self.reopens:
            self.ledger.close()
            self.ledger = open_ledger(self.url)

    @invariant()
    def store_and_model_agree(self) -> None:
        """Every decision stands where the model says, and no round has two claims."""
        logged = {entry.decision.id: entry for entry in self.ledger.decisions()}
        assert len(logged) == len(self.state)
        for (where, action), state in self.state.items():
            one = logged[decision_id("comments", *where, action)]
            assert one.state == state
            entries = [entry.state.value for entry in self.ledger.entries(one.decision.id)]
            assert all(
                b in MAY_FOLLOW[a].split() for a, b in zip(["", *entries], entries, strict=False)
            )
            assert entries[-1] == state
        assert {entry.decision.id for entry in self.ledger.open_intents()} == {
            name for name, entry in logged.items() if entry.state in ("intent", "unknown")
        }
        claims = {where for where, _ in self.state if self.claimed(where)}
        assert all(len(self.claimed(where)) == 1 for where in claims)
        told = self.ledger.memories("comments", ["t1", "t2"])
        assert {(name, e) for name, memory in told.items() for e in memory.claimed} == claims

    @invariant()
    def the_chain_is_whole(self) -> None:
        """Every line is there, and follows the one before; no checkpoint is contradicted."""
        found = self.ledger.verify(*self.checkpoints)
        assert (found.lines, found.problems) == (self.lines, ())


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def wander(life: Life, chance: Random, steps: int) -> None:
    """Take steps by chance over a dozen rounds, most of them on what may still change."""
    for number in range(steps):
        where = f"t{chance.randint(1, 2)}", chance.choice((None, *DAYS))
        action = chance.choice((Action.APPROVE, Action.DISPUTE, Action.WAIT))
        match chance.randrange(10):
            case 0 | 1:
                life.hold(where, action, chance.choice((State.HELD, State.DRY_RUN)))
            case 2 | 3:
                life.intend(where, action)
            case 4 | 5 | 6 | 7 if life.state:
                life.mark_recorded(chance.randrange(30), chance.choice(sorted(State)))
            case 8:
                life.mark_any(where, action, chance.choice(sorted(State)))
            case 9:
                chance.choice((*[life.keep_a_checkpoint] * 4, life.open_again))()
                life.see(where)
                life.end(where)
        if number % 10 == 9:
            life.store_and_model_agree()
            life.the_chain_is_whole()


def live(url: Callable[[], str], *, reopens: bool, lives: int) -> None:
    """Lead many lives, each in a store of its own: every step there is, and every wrong one."""
    tried: Counter[tuple[str, str, bool]] = Counter()
    for seed in range(lives):
        life = Life(url(), reopens)
        life.tried = tried
        try:
            wander(life, Random(seed), 400)
        finally:
            life.teardown()
    assert {(a, b) for a, b, allowed in tried if allowed} == {
        (a, b) for a, after in MAY_FOLLOW.items() for b in after.split()
    }
    assert len({(a, b) for a, b, allowed in tried if not allowed and a}) > 40, tried
    run_state_machine_as_test(
        lambda: Life(url(), reopens),  # type: ignore[arg-type]  # a maker of machines will do
        settings=settings(
            max_examples=2 * lives,
            stateful_step_count=times(20, 50),
            deadline=None,
            derandomize=not FULL,
        ),
    )


def test_any_life_in_memory_follows_the_model() -> None:
    """The store of the tests and of the demo."""
    live(lambda: "memory:", reopens=False, lives=times(5, 300))


def test_any_life_in_sqlite_follows_the_model(tmp_path: Path) -> None:
    """The usual store, closed and opened in between."""
    live(
        lambda: f"sqlite:///{tempfile.mkdtemp(dir=tmp_path)}/ledger.db",
        reopens=True,
        lives=times(3, 60),
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_life_in_postgresql_follows_the_model(postgres: Any) -> None:
    """The store of several replicas."""
    live(postgres.new_database, reopens=True, lives=6)
