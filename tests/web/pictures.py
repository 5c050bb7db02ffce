"""The pictures of docs/console.md, made from the demo's week: `python -m tests.web.pictures --write`.

Beside them lies the text that each page showed. A test makes the pages anew, without a browser, and holds
their text against it: a page that has changed is pictured anew.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from reviewbot.cli.demo_week import Week
from reviewbot.core.questions import open_questions
from reviewbot.insights.heartbeat import beating_poll, heart_of
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.runtime.published import PolicyDraft, save_draft
from reviewbot.web import people
from reviewbot.web.console import Console
from reviewbot.web.server import ConsoleServer, hosts_of
from tests.web.browser import CHROMIUM
from tests.web.desk import LOOPBACK, WebVisitor

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
TEXTS = FOLDER / "console.json"
SIZE = {"width": 1020, "height": 600}
EVERY = 600.0
"""Seconds between two passes, as in the demo."""
CHANGE = ("task.cm_payout_amount: at most 0.25 USD", "task.cm_payout_amount: at most 0.20 USD")
"""What the draft on the picture of the editor changes."""
DAYS, HOURS = 3, 5
"""Of the demo's week: enough for figures, and for questions that are open."""


class PicturedDesk:
    """The demo's world, some days on, with a console over it."""

    def __init__(self, week: Week, console: Console, server: ConsoleServer) -> None:
        self.week, self.console, self.server = week, console, server
        self.url = server.url.rstrip("/")
        now = week.clock.now()
        people.add_person(console.ledger, "ana", "author", None, by="demo", now=now)
        (stored,) = console.ledger.policies()
        draft = PolicyDraft(
            name=stored.name,
            source=stored.source.replace(*CHANGE),
            author="ana",
            saved_at=now,
            note="Trust a smaller sum less",
        )
        assert draft.source != stored.source
        save_draft(console.ledger, draft)
        self.cookie = people.begin_session(console.ledger, "ana", "author", how="demo", now=now)

    def paths(self) -> dict[str, str]:
        """What each picture shows."""
        asked = open_questions(self.console.ledger, self.week.clock.now())[0]
        name = asked.decision.policy
        return {
            "today": "/",
            "task": f"/task/{asked.sighting.task_id}",
            "edit": f"/policies/{name}/edit",
        }


@contextmanager
def demo_desk() -> Iterator[PicturedDesk]:
    """The same world each time: its seed and its clock are fixed."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/demo.db"
        week = Week(ledger=url)
        for _, _line in zip(range(DAYS * 144 + HOURS * 6), week.review(), strict=False):
            pass
        settings = replace(week.settings, ledger=url, every=EVERY)
        heart = dataclasses.replace(heart_of(settings, once=False), now=week.clock.now)
        beating_poll(heart, EVERY, poll_once)(week.app)
        ledger = open_ledger(url)
        console = Console(
            settings=settings,
            ledger=ledger,
            hosts=hosts_of(LOOPBACK, ()),
            now=week.clock.now,
        )
        server = ConsoleServer(console, LOOPBACK)
        server._threads = server._threads[:1]
        server.start()
        try:
            yield PicturedDesk(week, console, server)
        finally:
            server.stop()
            ledger.close()
            week.app.close()


def texts(desk: PicturedDesk) -> dict[str, str]:
    """What each page says."""
    import httpx

    with httpx.Client(base_url=desk.url, cookies={"reviewbot": desk.cookie}) as client:
        visitor = WebVisitor(client, desk.cookie)
        return {name: text_of(visitor.get(path).text) for name, path in desk.paths().items()}


def text_of(page: str) -> str:
    """The words of a page, without tags, secrets and versions."""
    main = page[page.index("<main") : page.index("</main>")]
    words = html.unescape(re.sub(r"<[^>]+>", " ", main))
    return " ".join(words.split())


def write() -> None:
    """Make every picture, and keep the text beside them."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with demo_desk() as desk, sync_playwright() as driver:
        TEXTS.write_text(json.dumps(texts(desk), indent=1, ensure_ascii=False) + "\n")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
        context.add_cookies([{"name": "reviewbot", "value": desk.cookie, "url": desk.url}])
        page = context.new_page()
        for name, path in desk.paths().items():
            page.goto(desk.url + path)
            if name == "edit":
                page.get_by_role("button", name="What if…").click()
                page.wait_for_selector("text=What if")
            page.wait_for_timeout(300)
            page.screenshot(path=FOLDER / f"console-{name}.png")
        browser.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.exit(__doc__)
