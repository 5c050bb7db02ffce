"""Pages as text: the templates, and the few words that they ask for by a filter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from reviewbot.domain.text import format_moment, iso, safe
from reviewbot.presentation.format import dollars, length
from reviewbot.presentation.html import harmless
from reviewbot.web.console import Visit

HERE = Path(__file__).parent
LONGEST_ESCAPE = 10
"""Characters that one character is shown as at most: `\\U0001f600`."""
KEYS: tuple[tuple[str, str, str], ...] = (
    ("j", "everywhere", "next row"),
    ("k", "everywhere", "row before"),
    ("Enter", "everywhere", "open the row"),
    ("c", "queue, task", "claim it, or let it go"),
    ("n", "queue, task", "next that nobody has claimed"),
    ("a", "task", "press Pay"),
    ("d", "task", "send back: begin to write"),
    ("u", "task", "undo"),
    ("/", "queue, log", "search"),
    ("g t", "everywhere", "go to Today"),
    ("g q", "everywhere", "go to the queue"),
    ("g l", "everywhere", "go to the log"),
    ("g p", "everywhere", "go to the policies"),
    ("g s", "everywhere", "go to the status"),
    ("?", "everywhere", "these keys"),
)
"""Every key: what it is, where it works, what it does. The legend and the docs are made of it."""
PAGES = (
    ("/", "Today"),
    ("/queue", "Queue"),
    ("/log", "Log"),
    ("/policies", "Policies"),
    ("/rules", "Rules"),
    ("/status", "Status"),
)


@cache
def environment() -> Environment:
    """Every text is escaped; control and bidi characters are shown, not obeyed."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=harmless,
    )
    made.filters["money"] = dollars
    made.filters["iso"] = iso
    made.filters["verbatim"] = verbatim
    made.filters["whole"] = whole
    made.globals["keys"] = KEYS
    return made


def verbatim(text: str) -> Markup:
    """A text that comes back by its form: nothing of it may be shown otherwise, or left out."""
    return escape(text)


def whole(text: str) -> Markup:
    """A text for reading, however long it is; control and bidi characters are shown, not obeyed."""
    return escape(safe(text, longest=len(text) * LONGEST_ESCAPE))


def page(visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for whoever is signed in, with what every page says."""
    health = visit.console.health() if visit.session is not None else None
    zone = visit.console.zones().first if visit.session is not None else "UTC"
    about: Mapping[str, Any] = {
        "visit": visit,
        "session": visit.session,
        "health": health,
        "live": visit.console.live,
        "key": visit.console.key,
        "desks": tuple(visit.console.desks),
        "pages": PAGES,
        "here": "/" + visit.url.strip("/").split("/")[0],
        "now": visit.now,
        "zone": zone,
        "moment": lambda at, of=zone: format_moment(at, of),
        "left": lambda at: _left(at, visit.now),
    }
    text = environment().get_template(template).render({**about, **values})
    return HTMLResponse(text, status)


def _left(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "unknown"
    return f"in {length(at - now)}" if at >= now else f"{length(now - at)} ago"
