"""The hostile stage, played once for all tests that look through what came out of it."""

from __future__ import annotations

import fcntl
import os
import pickle

import pytest

from tests.hostile.stage import Stage, perform


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Every command, channel and file of a bot among hostile words, whose every secret is a canary.

    Where several processes share the tests, the first that needs it plays for all of them.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    played = shared / "stage.pickle"
    with (shared / "stage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not played.exists():
            played.write_bytes(pickle.dumps(perform(tmp_path_factory.mktemp("stage"))))
    found: Stage = pickle.loads(played.read_bytes())
    return found
