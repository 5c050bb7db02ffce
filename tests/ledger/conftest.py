"""The stores that every contract test runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewbot.ledger.open import open_ledger
from tests.faults.pooler import Pooler, a_pooler
from tests.ledger.server import Server
from tests.tier import FULL

STORES = ("memory", "sqlite", "postgresql", *(["pgbouncer"] if FULL else []))


@pytest.fixture(scope="session")
def pooler(postgres: Server) -> Iterator[Pooler]:
    """One before that server, for the whole run."""
    yield from a_pooler(postgres)


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger of each kind."""
    if request.param == "memory":
        return "memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server = request.getfixturevalue("pooler" if request.param == "pgbouncer" else "postgres")
    return str(server.new_database())


@pytest.fixture(params=STORES[1:])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As `store_url`, for what only a database can do."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server = request.getfixturevalue("pooler" if request.param == "pgbouncer" else "postgres")
    return str(server.new_database())


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Opens ledgers and closes them after the test."""

    def open_(url: str, **options: Any) -> Any:
        ledger = open_ledger(url, **options)
        request.addfinalizer(ledger.close)
        return ledger

    return open_


@pytest.fixture
def ledger(store_url: str, opened: Callable[..., Any]) -> Any:
    """An empty ledger of each kind."""
    return opened(store_url)
