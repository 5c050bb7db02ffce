"""One console for several keys: a desk each, the same people, and no form of one sent at another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from reviewbot.config import load_settings
from reviewbot.ledger.open import open_ledger
from reviewbot.runtime.bootstrap import silence
from reviewbot.web import people
from reviewbot.web.server import serving


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[httpx.Client]:
    """Somebody signed in at the console of acme and orbit; people are in the log that all keys share."""
    url = f"sqlite:///{tmp_path}/log.db"
    keys = "".join(f'[keys.{name}]\napi_key_file = "{name}"\n' for name in ("acme", "orbit"))
    (tmp_path / "reviewbot.toml").write_text(f'ledger = "{url}"\n{keys}')
    settings = load_settings({}, {"STATE_DIRECTORY": str(tmp_path)}, folder=tmp_path)
    now = datetime.now(UTC)
    with closing(open_ledger(url)) as house:
        people.add_person(house, "ana", "operator", None, by="test", now=now)
        cookie = people.begin_session(house, "ana", "operator", how="test", now=now)
    with (
        serving(settings, ("127.0.0.1", 0), silence) as server,
        httpx.Client(base_url=server.url, cookies={"reviewbot": cookie}, timeout=20) as client,
    ):
        yield client


def token(page: httpx.Response) -> str:
    """What stands in the forms of a page."""
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_a_desk_is_chosen_by_its_key_and_stays(browser: httpx.Client) -> None:
    """By a link on each page; the next pages are of the same key."""
    first = browser.get("/")
    assert first.status_code == 200
    assert "<summary>acme</summary>" in first.text
    assert 'href="/?key=orbit"' in first.text

    assert "<summary>orbit</summary>" in browser.get("/?key=orbit").text
    assert "<summary>orbit</summary>" in browser.get("/status").text
    assert "<summary>orbit</summary>" in browser.get("/?key=nobody").text


def test_a_form_of_one_desk_is_not_sent_at_another(browser: httpx.Client, tmp_path: Path) -> None:
    """Two tabs share the cookie that says which desk it is."""
    ours = token(browser.get("/status?key=acme"))
    browser.get("/?key=orbit")
    asked = {"what": "all", "reason": "a look", "form_token": ours}

    assert browser.post("/pause", data=asked).status_code == 403
    asked["form_token"] = token(browser.get("/status"))
    assert browser.post("/pause", data=asked).status_code in (200, 303)

    for name, count in (("acme", 0), ("orbit", 1)):
        with closing(open_ledger(f"sqlite:///{tmp_path}/log.db", key=name)) as ledger:
            assert len(ledger.notes("pause")) == count
