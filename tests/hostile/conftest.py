"""The hostile stage, played once for all tests that look through what came out of it."""

from __future__ import annotations

import pytest

from tests.hostile.stage import Stage, perform


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Every command, channel and file of a bot among hostile words, whose every secret is a canary."""
    return perform(tmp_path_factory.mktemp("stage"))
