"""A finding: one thing wrong, or probably not meant, in a policy, with its place and its cure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from importlib.resources import files
from io import StringIO

import msgspec


class Severity(StrEnum):
    """An error makes the policy unusable; a warning is clear but probably not meant; a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Span(msgspec.Struct, frozen=True, gc=False):
    """A place in a text: 1-based lines and columns (in characters); the end is outside it."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(1, 1, 1, 1)


class Fix(msgspec.Struct, frozen=True):
    """A replacement of the text at `span` that certainly cures the finding."""

    span: Span
    replacement: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    `message` is one plain sentence without a final stop; `under` what stands beside the caret (the
    nearest valid name, for instance); `detail` a fact's type and range; `cure` what to change;
    `see` a command that tells more.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    under: str | None = None
    detail: str | None = None
    cure: str | None = None
    see: str | None = None
    fix: Fix | None = None
    more: tuple[Fix, ...] = ()
    """Replacements on other lines that belong to the cure."""
    path: str = ""
    related: tuple[tuple[str, Span, str], ...] = ()
    """Other places that matter: (path, span, what is there)."""


_ROWS = files("reviewbot.policy").joinpath("codes.txt").read_text("utf-8").splitlines()
CODES: dict[str, str] = {
    code: meaning for code, _, meaning in (row.partition(": ") for row in _ROWS)
}
"""Every code a finding can have, with what it means; codes never change their meaning.

P0xx: the file, its YAML and its names. P1xx: values and forms; what leaves the meaning in doubt.
P2xx: what the rules mean together. P3xx: clear, but probably not meant. P4xx: worth knowing.
"""


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, as findings count them: LF, CR LF and CR, and no other."""
    return list(StringIO(text, newline=""))


def apply_fixes(source: str, findings: Iterable[Finding], path: str) -> tuple[str, int]:
    """Give the text with every fix for `path` applied, and how many that were.

    Two are never applied on the same words. `source` is the file's text as it is (its line ends and byte order mark stay).
    """
    lines = lines_of(source.removeprefix("\ufeff"))
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    own = [finding for finding in findings if finding.path == path]
    fixes = {fix for finding in own for fix in (finding.fix, *finding.more) if fix}
    applied = 0
    above: Fix | None = None
    for fix in sorted(fixes, key=_place, reverse=True):
        span = fix.span
        if span.line != span.end_line or span.line > len(lines):
            continue
        if above is not None and _overlap(fix, above):
            continue
        line = lines[span.line - 1]
        if span.end_column > len(line.rstrip("\r\n")) + 1:
            continue  # a fix never joins lines
        lines[span.line - 1] = (
            line[: span.column - 1] + fix.replacement + line[span.end_column - 1 :]
        )
        above = fix
        applied += 1
    return mark + "".join(lines), applied


def _place(fix: Fix) -> tuple[int, int, int]:
    return (fix.span.line, fix.span.column, fix.span.end_column)


def _overlap(fix: Fix, behind: Fix) -> bool:
    return fix.span.line == behind.span.line and fix.span.end_column > behind.span.column
