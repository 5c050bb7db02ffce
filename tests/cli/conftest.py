"""What the tests of the doors share: calling a command in this process and reading its streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from reviewbot.cli.main import main


class Ran(NamedTuple):
    """What a command did: its exit code and both streams."""

    code: int
    out: str
    err: str


Call = Callable[..., Ran]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call `reviewbot` with words, away from the settings of whoever runs the tests."""
    import os

    for name in os.environ:
        if name.startswith(("REVIEWBOT_", "TOKPORTAL_")):
            monkeypatch.delenv(name)

    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        streams = capsys.readouterr()
        return Ran(code, streams.out, streams.err)

    return run
