"""The passes of a key's bot: what the first after a gap says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from reviewbot.config import Settings
from reviewbot.domain.text import Secret
from reviewbot.insights.heartbeat import beat_path, machine_time, read_beat
from reviewbot.runtime.key_bot import passes
from tests.builders import an_item
from tests.fakes import APPROVE, World, always, an_app


@pytest.mark.parametrize(("ago", "closes"), [(5, 0), (300, 1)])
def test_only_a_first_pass_after_a_gap_closes_what_was_told_of_it(
    ago: float, closes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is replaced at once has hung in nothing."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    settings = Settings(api_key=Secret("sk_test"), ledger=f"sqlite:///{tmp_path / 'log.db'}")
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    told: list[int] = []
    app.notifier.alarms.after_a_gap = lambda: told.append(1)  # type: ignore[method-assign]
    passes(settings, 60.0)(app)
    assert told == []  # nobody was here before
    path = beat_path(settings.ledger, tmp_path)
    beat = read_beat(path)
    assert beat is not None
    path.write_bytes(
        msgspec.json.encode(
            msgspec.structs.replace(beat, at=machine_time() - timedelta(seconds=ago))
        )
    )

    poll = passes(settings, 60.0)
    poll(app)
    poll(app)

    assert len(told) == closes
