"""A document as one HTML file: no script, nothing loaded, light and dark, fit to be printed."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reviewbot.domain.safetext import safe
from reviewbot.reports.document import Document


def as_html(document: Document) -> str:
    """Write the page. Every text is escaped; control and bidi characters are shown, not obeyed."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    # The charts are ours: labels are escaped where they are drawn.
    environment.filters["drawing"] = Markup
    return environment.get_template("report.html.jinja").render(document=document)


def _harmless(value: object) -> object:
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value
