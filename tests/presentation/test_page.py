"""The HTML report: whole, self-contained, harmless, small, and usable by everyone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.foresight.future import Kept
from reviewbot.foresight.room import Stop
from reviewbot.presentation.html import as_html
from reviewbot.presentation.queue_report import queue_document
from reviewbot.simulator.world import World
from tests.presentation.conftest import Made

HOSTILE = "</script><img src=x onerror=alert(1)> \u202egnp.exe \x1b[2J {{7*7}} & \"'"


def page_of(made: Made) -> str:
    """The page of a plan."""
    found, judges = made
    return as_html(queue_document(found, judges))


class Tags(HTMLParser):
    """Collects what a browser would see as elements, and checks that they nest."""

    EMPTY = frozenset({"meta", "rect", "path", "br", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and open it."""
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self.seen.append((tag, dict(attrs)))


def read(page: str) -> Tags:
    """Parse a page; every element must be closed."""
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def hostile(world: World) -> None:
    """Put markup, bidi and terminal codes into every ordered text."""
    for task in world.tasks.values():
        task.text = HOSTILE


def test_a_page_of_500_tasks_stays_small_and_holds_each_of_them(
    plan_of: Callable[..., Made],
) -> None:
    """Under 2 MB, with every task and its explanation."""
    made = plan_of(500)
    page = page_of(made)
    assert len(page.encode()) < 2_000_000
    assert all(planned.item.id in page for planned in made[0].planned)
    assert page.count("<details") >= 500


def test_a_page_loads_nothing_and_runs_nothing(plan_of: Callable[..., Made]) -> None:
    """No script, no link to load, and a policy that forbids both."""
    tags = read(page_of(plan_of(8)))
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "object"}
    assert not any(name.startswith("on") or name == "src" for _, a in tags.seen for name in a)
    csp = next(
        a["content"] for t, a in tags.seen if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert csp is not None and csp.startswith("default-src 'none'")


def test_hostile_text_is_only_text(plan_of: Callable[..., Made]) -> None:
    """Markup is escaped, bidi and terminal codes are shown or dropped, templates are not run."""
    page = page_of(plan_of(8, hostile))
    tags = read(page)
    assert "img" not in {tag for tag, _ in tags.seen}
    assert "&lt;/script&gt;" in page and "\\u202e" in page and "{{7*7}}" in page
    assert not any(unicodedata.category(c) in ("Cf", "Cc") and c != "\n" for c in page)


def test_the_headline_is_what_silence_pays(plan_of: Callable[..., Made]) -> None:
    """The first card says how many will be paid by silence, and the ledgers add up to the queue."""
    found, judges = plan_of(40)
    document = queue_document(found, judges)
    assert document.cards[0].label == "Paid by silence"
    assert document.cards[0].value == str(found.ends.get("silence", 0))
    ledgers = next(section for section in document.sections if section.id == "ledgers")
    assert ledgers.table is not None
    assert sum(int(row[1]) for row in ledgers.table.rows) == len(found.planned)


def test_a_decision_on_a_threshold_is_named(plan_of: Callable[..., Made]) -> None:
    """99 or 100 comments read: one more or less would bring another action."""
    found, judges = plan_of(120)
    document = queue_document(found, judges)
    table = next(section for section in document.sections if section.id == "fragile").table
    assert table is not None and table.rows
    assert all(
        re.search(r"would (APPROVE|DISPUTE|ESCALATE|WAIT|LEAVE)", row[3]) for row in table.rows
    )
    assert not any("times_disputed" in row[3] for row in table.rows)


def test_an_empty_queue_is_a_whole_page(plan_of: Callable[..., Made]) -> None:
    """Nothing waits: the page says so."""
    page = page_of(plan_of(0))
    read(page)
    assert "Nothing waits." in page


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: apt-get install chromium"
)


@NEEDS_CHROMIUM
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_browser_finds_no_serious_barrier(plan_of: Callable[..., Made], tmp_path: Path) -> None:
    """axe, in a real browser, finds nothing serious or critical, in the light and the dark page."""
    assert serious_barriers(page_of(plan_of(12)), tmp_path) == []


def serious_barriers(page: str, folder: Path) -> list[object]:
    """What axe finds that is serious or critical, in the light and the dark form of a page."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text()
    run = """<script>(async () => {
        const light = await axe.run();
        const style = document.querySelector("style");
        style.textContent = style.textContent.replaceAll("(prefers-color-scheme: dark)", "all");
        const dark = await axe.run();
        document.body.innerHTML = "<pre id=found></pre>";
        document.getElementById("found").textContent = JSON.stringify([light, dark].map(
            r => [r.passes.length, r.violations.map(v => [v.id, v.impact, v.nodes.length])]));
    })();</script>"""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file = folder / "page.html"
    file.write_text(page.replace("</body>", f"<script>{axe}</script>{run}</body>"))
    found: list[object] = []
    for passes, violations in json.loads(_dumped(file, folder)):
        assert passes > 10
        found += [v for v in violations if v[1] in ("serious", "critical")]
    return found


def _dumped(file: Path, home: Path) -> str:
    """Open a file in headless Chromium and give what its script left in the page."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--virtual-time-budget=20000", f"--user-data-dir={home / 'profile'}"),
            *("--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match is not None, done.stdout[-2000:]
    return match.group(1).replace("&quot;", '"')


def test_a_cap_that_will_bite_stands_in_the_page(plan_of: Callable[..., Made]) -> None:
    """With how much it keeps back and what silence pays; without one the section says none."""
    found, judges = plan_of(3)
    first = found.planned[0]
    wish = first.future.round.wish(judges[0], Action.APPROVE, "a")
    kept = Kept(Stop("cap", "approvals: at most 1 per day", None), wish, found.at)
    held = replace(first, future=replace(first.future, kept=kept))

    page = as_html(queue_document(replace(found, planned=(held,)), judges))

    assert "approvals: at most 1 per day" in page
    none = next(s for s in queue_document(found, judges).sections if s.id == "caps")
    assert none.empty == "None." and none.table is not None and not none.table.rows
