"""How thoroughly properties are searched, by tier, and what makes a run of many tests short."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from functools import _lru_cache_wrapper
from pathlib import Path

import pytest
from hypothesis import settings

from reviewbot.domain import text
from reviewbot.runtime.bootstrap import settle
from tests.ledger.server import postgres
from tests.tier import times

# Here, so that there is one: a module that imports a fixture of a session has a session's of its own.
__all__ = ["postgres"]

# jsonschema would compile forty grammars at its import, for formats of which we hold nothing.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # a name that cannot be imported

settings.register_profile("tier", max_examples=times(20, 400), deadline=None)
settings.load_profile("tier")

LONG = ("/simulation/", "/web/test_browser.py")
"""Whose tests are begun with; those of the browser then stay together, with one browser."""

MEMORY, ROOM = Path("/dev/shm"), 2 * 1024**3


def _has_room() -> bool:
    """Whether files and programs of tests may lie in memory."""
    return (
        os.access(MEMORY, os.W_OK)
        and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(MEMORY).free > ROOM
    )


# A disk takes milliseconds for each file that is kept, and again for each that is removed.
if "TMPDIR" not in os.environ and _has_room():
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_sessionstart() -> None:
    """Begin with nothing remembered: where a mutant is tried, the process before it has run all tests unchanged."""
    for name, module in list(sys.modules.items()):
        if name.startswith("reviewbot."):
            for value in vars(module).values():
                if isinstance(value, _lru_cache_wrapper):
                    value.cache_clear()


@pytest.fixture(autouse=True)
def no_secret_outlives_its_test() -> Generator[None]:
    """A process masks every secret that it has read; a word that was one in a test is none in the next."""
    known, longest_first = dict(text._known), text._longest_first
    yield
    text._known.clear()
    text._known.update(known)
    text._longest_first = longest_first


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One process more than there are cores for us: while one waits for a server, another has its core."""
    return (yield) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: what is short fills up the time of all processes at the end."""
    items.sort(key=_is_short)


def _is_short(item: pytest.Item) -> bool:
    long = any(place in item.nodeid for place in LONG) or item.get_closest_marker("slow")
    return not long


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay to the end: the collector need not walk them again."""
    gc.collect()
    settle()
