"""A console on loopback over a house in virtual time: the real server, the real log, a simulated TokPortal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from reviewbot.console_settings import ConsoleSettings
from reviewbot.core.questions import Round, open_questions
from reviewbot.ledger.open import open_ledger
from reviewbot.network import trust
from reviewbot.runtime.bootstrap import build
from reviewbot.web import people
from reviewbot.web.console import Console
from reviewbot.web.people import Passwords, Role
from reviewbot.web.server import ConsoleServer, _send_what_is_due, hosts_of
from tests.acceptance.house import House, a_setting, house, sqlite
from tests.review.test_people import EVERYTHING_IS_ASKED

LOOPBACK = ("127.0.0.1", 0)
PASSWORD = "correct horse battery"


@dataclass
class WebDesk:
    """A house, and the console on its log."""

    house: House
    console: Console
    server: ConsoleServer

    @property
    def url(self) -> str:
        """Where it answers, without the last slash."""
        return self.server.url.rstrip("/")

    def questions(self) -> list[Round]:
        """Every open question, most urgent first."""
        return open_questions(self.console.ledger, self.house.clock.now())

    def send_due(self) -> None:
        """What the console's sender does each half second."""
        _send_what_is_due(self.console)

    def effects(self) -> list[str]:
        """What we changed over there, in order."""
        return [effect.action for effect in self.house.world.effects if effect.by == "client"]

    def person(self, name: str, role: Role) -> WebVisitor:
        """Somebody who is signed in by a session of their own."""
        now = self.house.clock.now()
        if people.person_named(self.console.ledger, name) is None:
            people.add_person(self.console.ledger, name, role, None, by="test", now=now)
        cookie = people.begin_session(self.console.ledger, name, role, how="test", now=now)
        client = self.client(cookies={"reviewbot": cookie})
        return WebVisitor(client, cookie)

    def client(self, **options: Any) -> httpx.Client:
        """A browser that has not read the authorities anew: for each that takes 30 ms."""
        return httpx.Client(base_url=self.url, timeout=20, verify=trust(), **options)


@dataclass
class WebVisitor:
    """A browser without JavaScript: it reads pages, and posts forms with the fields that stand in them."""

    client: httpx.Client
    cookie: str

    def get(self, path: str) -> httpx.Response:
        """A page."""
        return self.client.get(path)

    def token(self) -> str:
        """The token that stands in each form of this session."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get("/").text)
        assert found is not None
        return found[1]

    def seen(self, task: str) -> str:
        """What the page of a task says that was seen."""
        found = re.search(r'name="seen" value="([^"]+)"', self.get(f"/task/{task}").text)
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: str) -> httpx.Response:
        """A form with the session's token."""
        return self.client.post(path, data={"form_token": self.token()} | fields)

    def answer(self, task: str, act: str, **fields: str) -> httpx.Response:
        """An answer to a question as its page shows it."""
        return self.post(f"/task/{task}/{act}", seen=self.seen(task), **fields)


@contextmanager
def web_desk(
    tmp_path: Path,
    *,
    live: bool = True,
    policy: str = EVERYTHING_IS_ASKED,
    passwords: bool = False,
    sender: bool = False,
    settings: ConsoleSettings | None = None,
    **options: Any,
) -> Iterator[WebDesk]:
    """A bot that has made one pass, and a console beside it. `sender` lets it send by itself."""
    url = sqlite(tmp_path)
    with house(ledger=url, policy=policy, **options) as made:
        made.poll()
        chosen = replace(a_setting(live=live, ledger=url), console=settings or ConsoleSettings())
        ledger = open_ledger(url)
        console = Console(
            settings=chosen,
            ledger=ledger,
            hosts=hosts_of(LOOPBACK, ()),
            now=made.clock.now,
            make_bot=lambda: build(
                chosen,
                judges=(),
                transport=made.transport,
                clock=made.clock,
                ledger=ledger,
                chance=made.world.rng.random,
            ),
            passwords=Passwords() if passwords else None,
        )
        server = ConsoleServer(console, LOOPBACK)
        if not sender:
            server._threads = server._threads[:1]
        server.start()
        try:
            yield WebDesk(made, console, server)
        finally:
            server.stop()
            ledger.close()
