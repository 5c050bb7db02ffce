"""Many keys in one process: each by itself, and what is wrong with one harms no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewbot.config import Settings, load_settings
from reviewbot.domain.errors import ConfigError, PolicyInvalid
from reviewbot.insights.heartbeat import read_beat
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import CheckpointBook
from reviewbot.runtime import keyring as keyring_module
from reviewbot.runtime.keyring import KeyLoop, Keyring
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World

POLICY = """policy: all
language: 1
rules:
  - name: pay
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: In time.
"""
PATIENCE = 20.0


class Heard:
    """Every event, and a wait for what is to come."""

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._news = threading.Condition()

    def __call__(self, event: str, /, *, level: str = "info", **about: Any) -> None:
        """Keep one."""
        with self._news:
            self.events.setdefault(about["key"], []).append((event, about))
            self._news.notify_all()

    def until(self, event: str, key: str, **about: object) -> dict[str, Any]:
        """Wait for an event of a key that says this as well; forget what that key said before it."""
        with self._news:
            said = self.events.setdefault(key, [])

            def found() -> int:
                for number, (name, facts) in enumerate(said):
                    if name == event and about.items() <= facts.items():
                        return number + 1
                return 0

            assert self._news.wait_for(found, PATIENCE), f"no {event} of {key}: {said[-8:]}"
            number = found()
            told = said[number - 1][1]
            del said[:number]
            return told

    def somebody(self, event: str) -> None:
        """Wait for an event of any key."""
        with self._news:
            assert self._news.wait_for(
                lambda: any(name == event for events in self.events.values() for name, _ in events),
                PATIENCE,
            )


class House:
    """A folder with settings and keys, a simulated API, and the keyring that runs them."""

    def __init__(self, folder: Path, url: str, worlds: dict[str, World]) -> None:
        self.folder, self.url, self.worlds = folder, url, worlds
        self.heard = Heard()
        self.keyring = Keyring(read=self.read)
        self.book: Callable[[Settings], CheckpointBook | None] = lambda _: None
        (folder / "all.yaml").write_text(POLICY)

    def write_key(self, name: str, key: str) -> None:
        """Put a key into its file, as whole as a platform does."""
        new = self.folder / ".new"
        new.write_text(key)
        new.chmod(0o600)
        new.replace(self.folder / name)

    def settings(self, **keys: str) -> tuple[Settings, ...]:
        """Settings with these keys; a text behind a bar is further lines of its table."""
        lines = [f'ledger = "sqlite:///{self.folder}/log.db"', 'mode = "live"', 'every = "1s"']
        for name, given in keys.items():
            key, _, more = given.partition("|")
            self.write_key(name, key)
            lines += [f"[keys.{name}]", f'api_key_file = "{self.folder / name}"', more]
            lines += [] if "policy" in more else [f'policy = "{self.folder}/all.yaml"']
        (self.folder / "reviewbot.toml").write_text("\n".join(lines))
        return self.read()

    def read(self) -> tuple[Settings, ...]:
        """The settings as they are now."""
        env = {"TOKPORTAL_BASE_URL": self.url, "STATE_DIRECTORY": str(self.folder)}
        return load_settings({}, env, folder=self.folder).each()

    def loops(self, *settings: Settings) -> list[KeyLoop]:
        """A loop for each key."""
        return [
            KeyLoop(key, self.keyring, events=self.heard, book=lambda s: self.book(s))
            for key in settings
        ]

    @contextmanager
    def running(self, **keys: str) -> Iterator[list[KeyLoop]]:
        """All of them, until the block ends."""
        loops = self.loops(*self.settings(**keys))
        thread = threading.Thread(target=self.keyring.run, args=(loops,))
        thread.start()
        try:
            yield loops
        finally:
            self.keyring.stop()
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def decided(self, key: str) -> list[str]:
        """What was decided for a key, by its own log, whose chain is whole."""
        with closing(open_ledger(f"sqlite:///{self.folder}/log.db", key=key)) as ledger:
            assert ledger.verify().whole
            return [logged.decision.task_id for logged in ledger.decisions()]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Each account has two tasks of its own that wait."""
    monkeypatch.setattr(keyring_module, "FIRST_TRY", 0.05)
    now = datetime.now(UTC)
    clock, worlds = PacedClock(now), dict[str, World]()

    def a_world(name: str) -> World:
        world = scenarios.build("backlog", tasks=2, seed=len(worlds), now=now, clock=clock)
        worlds[name] = world
        return world

    with Served(a_world("first"), worlds=a_world) as served:
        yield House(tmp_path, served.url, worlds)


def test_each_key_reviews_its_own_queue_into_its_own_chain(house: House) -> None:
    """And each line of the log says whose it is."""
    with house.running(acme="sk_acme", orbit="sk_orbit") as loops:
        for name in ("acme", "orbit"):
            house.heard.until("pass", name, waiting=2)
        ready = [loop.bot is not None for loop in loops]

    assert ready == [True, True]
    acme, orbit = house.decided("acme"), house.decided("orbit")
    assert (len(acme), len(orbit)) == (2, 2)
    assert not set(acme) & set(orbit)


def test_a_refused_key_is_parked_and_a_new_one_in_its_file_ends_that(house: House) -> None:
    """Within one poll; the others go on meanwhile, and the probe leaves it out."""
    with house.running(acme="sk_acme", orbit="sk_orbit.1_revoked") as loops:
        house.heard.until("alarm", "orbit", kind="key-refused")
        house.heard.until("pass", "acme")
        assert [loop.is_refused for loop in loops] == [False, True]
        assert house.keyring.unready() is None
        assert "1 refused" in house.keyring._in_words()

        house.write_key("orbit", "sk_orbit.2")
        house.heard.until("key renewed", "orbit")
        house.heard.until("pass", "orbit", waiting=2)

        assert not any(loop.is_refused for loop in loops)


def test_a_key_whose_files_cannot_be_used_is_parked_until_they_change(house: House) -> None:
    """Its policy is broken, then its key is gone; each is told, and mended by the file alone."""
    own = house.folder / "own.yaml"
    own.write_text("policy: own\nlanguage: 1\nrules: nothing\n")
    with house.running(acme="sk_acme", orbit=f'sk_orbit|policy = "{own}"'):
        told = house.heard.until("alarm", "orbit", kind="parked")
        assert "a policy is not usable" in told["sentence"]
        house.heard.until("pass", "acme")
        assert "orbit: parked" in (house.keyring.unready() or "")
        beat = read_beat(house.folder / "log.db.orbit.status.json")
        assert beat is not None
        assert (beat.error or "").startswith("parked: a policy is not usable")

        own.write_text(POLICY.replace("all", "own", 1))
        house.heard.until("pass", "orbit", waiting=2)
        house.heard.until("alarm", "orbit", kind="parked", mended=True)

    assert len(house.decided("orbit")) == 2


def test_a_fault_of_ours_in_one_thread_is_told_and_tried_again(house: House) -> None:
    """The other keys do not notice."""
    failures = iter([RuntimeError("boom"), RuntimeError("boom")])

    def book(settings: Settings) -> None:
        if settings.key == "orbit" and (error := next(failures, None)):
            raise error

    house.book = book  # type: ignore[assignment]
    with house.running(acme="sk_acme", orbit="sk_orbit"):
        told = house.heard.until("alarm", "orbit", kind="parked")
        assert told["sentence"].endswith(": RuntimeError")
        house.heard.until("pass", "acme")
        house.heard.until("pass", "orbit", waiting=2)


def test_two_names_for_one_key_are_not_both_run(house: House) -> None:
    """They would review one account twice."""
    with house.running(acme="sk_acme", orbit="sk_acme") as loops:
        house.heard.somebody("parked")
        errors = [loop.error for loop in loops if loop.error]

    assert str(errors[0]).startswith("it is the same key as that of ")


def test_where_no_key_can_begin_the_process_ends_with_the_first_reason(house: House) -> None:
    """As it does for one key alone."""
    (house.folder / "all.yaml").write_text("nothing")
    loops = house.loops(*house.settings(acme="sk_acme", orbit="sk_orbit"))

    with pytest.raises(PolicyInvalid):
        house.keyring.run(loops)


def test_a_key_that_is_not_there_at_the_start_is_the_trouble_of_that_key(house: House) -> None:
    """A secret that is mounted later is taken when it comes."""
    settings = house.settings(acme="sk_acme", orbit="sk_orbit")
    (house.folder / "orbit").unlink()
    loops = house.loops(*settings)
    thread = threading.Thread(target=house.keyring.run, args=(loops,))
    thread.start()
    told = house.heard.until("alarm", "orbit", kind="parked")
    assert "orbit cannot be read" in told["sentence"]

    house.write_key("orbit", "sk_orbit")
    house.heard.until("pass", "orbit", waiting=2)

    house.keyring.stop()
    thread.join(PATIENCE)
    assert isinstance(loops[1].error, ConfigError | None)


def test_the_outside_is_pinged_when_every_key_that_runs_has_passed(house: House) -> None:
    """One that is refused, or parked, keeps no ping back: its alarms tell of it."""
    with house.running(acme="sk_acme", orbit="sk_orbit", revoked="sk_x_revoked"):
        for name in ("acme", "orbit"):
            house.heard.until("pass", name)
        house.heard.until("alarm", "revoked", kind="key-refused")

        house.keyring.passed("acme")
        assert house.keyring.passed("orbit")
        assert not house.keyring.passed("acme")


def test_keys_come_go_and_change_without_a_restart(house: House) -> None:
    """On request: one is new, one is gone, one has another owner, and one goes on as it was."""
    with house.running(acme="sk_acme", orbit="sk_orbit", gone="sk_gone") as loops:
        for name in ("acme", "orbit", "gone"):
            house.heard.until("pass", name, waiting=2)
        house.settings(acme="sk_acme", orbit='sk_orbit|owner = "Ana"', new="sk_new")
        house.keyring._on_reload()

        house.heard.until("pass", "new", waiting=2)
        house.heard.until("key removed", "gone")
        house.heard.until("key ended", "gone")
        house.heard.until("key changed", "orbit")
        house.heard.until("key ended", "orbit")  # the pass it was in may still say so
        house.heard.until("pass", "orbit")

        assert {loop.name for loop in house.keyring.loops} == {"acme", "orbit", "new"}
        assert house.keyring.loops[0] is loops[0]
        assert [loop.settings.owner for loop in house.keyring.loops if loop.name == "orbit"] == [
            "Ana"
        ]


def test_settings_that_are_wrong_by_now_change_nothing(house: House) -> None:
    """All keys go on by what they had."""
    with house.running(acme="sk_acme", orbit="sk_orbit"):
        house.heard.until("pass", "acme")
        (house.folder / "reviewbot.toml").write_text("[keys.acme]\nowner = 1\n")
        house.keyring._on_reload()

        told = house.heard.until("keys not read again", "acme")
        assert "keys.acme.api_key_file: is missing" in told["error"]
        house.heard.until("pass", "acme")
        house.heard.until("pass", "orbit")
