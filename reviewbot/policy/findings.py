"""A finding: one thing wrong, or probably not meant, in a policy, with its place and its cure."""

from __future__ import annotations

from enum import StrEnum

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
    path: str = ""
    related: tuple[tuple[str, Span, str], ...] = ()
    """Other places that matter: (path, span, what is there)."""
