"""The probe is of this process, by its name and number; status tells of all from any machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reviewbot.config import Settings, load_settings
from reviewbot.insights.heartbeat import Beat, born, newest_beat, room
from reviewbot.ledger.leases import LeaseTable
from reviewbot.ledger.open import open_leases, open_ledger
from reviewbot.ports.leases import LeaseRequest
from reviewbot.runtime.bot_health import look, probe
from tests.cli.test_heartbeat import a_beat
from tests.ledger.conftest import opened
from tests.ledger.server import Server

__all__ = ["opened"]

KEYS = ("acme", "orbit")


class Scene:
    """A database that replicas share, and what each has left there."""

    def __init__(self, folder: Path, url: str, stores: list[LeaseTable]) -> None:
        self.folder, self.url, self._stores = folder, url, stores
        for key in KEYS:
            open_ledger(url, key=key).close()

    def settings(self, name: str) -> tuple[Settings, ...]:
        """Those of a replica."""
        lines = [f'ledger = "{self.url}"', f'name = "{name}"', 'every = "60s"']
        for key in KEYS:
            file = self.folder / key
            file.write_text(f"sk_{key}")
            file.chmod(0o600)
            lines += [f"[keys.{key}]", f'api_key_file = "{file}"', 'policy = "all.yaml"']
        (self.folder / "reviewbot.toml").write_text("\n".join(lines))
        return load_settings({}, {"STATE_DIRECTORY": str(self.folder)}, folder=self.folder).each()

    def lives(self, name: str, *wants: str, pid: int | None = None, **more: Any) -> None:
        """A replica says that it lives, and takes these keys."""
        store = open_leases(self.url, ttl=60)
        self._stores.append(store)
        store.add(KEYS)
        about = {"pid": pid or os.getpid(), "room": room(), "born": born(pid or os.getpid())}
        asked = {"ttl": 60.0, "is_due": True, "wants": wants, "about": msgspec.json.encode(about)}
        store.ask(LeaseRequest(name=name, process=name, **(asked | more)))

    def beats(self, name: str, key: str, beat: Beat) -> None:
        """It leaves its word on a key's bot."""
        ledger = open_ledger(self.url, key=key)
        ledger.beat(msgspec.json.encode(beat), name)
        ledger.close()

    def probed(self, name: str) -> dict[str, str]:
        """What a probe is told beside that replica."""
        found = probe(self.settings(name), datetime.now(UTC))
        return {settings.key: health.word for settings, _, health in found}


@pytest.fixture
def scene(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """No replica yet."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    stores: list[LeaseTable] = []
    yield Scene(tmp_path, postgres.new_database(), stores)
    for store in stores:
        store.close()


def test_the_probe_is_of_the_keys_that_this_process_holds(scene: Scene) -> None:
    """What another one's bots do is that one's; who holds nothing stands by, and is well."""
    assert scene.probed("a") == {"acme": "not running"}
    scene.lives("a", "acme")
    scene.lives("b", "orbit")
    scene.lives("c")
    assert scene.probed("a") == {"acme": "healthy"}, "it has just taken it"

    scene.beats("a", "acme", a_beat(os.getpid(), ago=0.0))
    scene.beats("b", "orbit", a_beat(os.getpid(), ago=0.0, brake="its log went back"))
    assert scene.probed("a") == {"acme": "healthy"}
    assert scene.probed("b") == {"orbit": "not healthy"}
    assert scene.probed("c") == {"acme": "healthy"}


def test_a_dead_process_is_not_healthy_at_once(scene: Scene) -> None:
    """However fresh its word and its lease are."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    scene.lives("a", "acme", pid=dead.pid)
    scene.beats("a", "acme", a_beat(dead.pid, ago=0.0))
    assert scene.probed("a") == {"acme": "not running"}


def test_one_that_can_hold_nothing_is_not_healthy(scene: Scene) -> None:
    """Its tables are of another version."""
    scene.lives("a", takes=False)
    assert scene.probed("a") == {"acme": "not healthy"}


def test_the_newest_word_is_told_from_any_machine_and_a_key_that_nobody_holds(
    scene: Scene, opened: Callable[..., Any]
) -> None:
    """Whichever replica left it; once its lease has run out the key is nobody's."""
    scene.lives("a", "acme")
    scene.beats("a", "acme", a_beat(1, ago=600.0, room="far away"))
    scene.beats("b", "acme", a_beat(2, ago=0.0, room="elsewhere"))
    settings = scene.settings("c")[0]
    beat = newest_beat(settings)
    assert beat is not None
    assert (beat.pid, look(settings, beat, datetime.now(UTC)).word) == (2, "healthy")

    ledger = opened(scene.url, key="acme")
    with ledger._engine.writing() as driver:
        driver.execute("UPDATE lease SET until = 0")
    health = look(settings, beat, datetime.now(UTC))
    assert (health.word, health.why[0]) == (
        "not running",
        "no replica holds the key; the last was a",
    )
