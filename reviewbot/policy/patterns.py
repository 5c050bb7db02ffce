"""Regular expressions of a policy: RE2 only, linear in time whatever the text."""

from __future__ import annotations

import unicodedata
from typing import Any

LONGEST_PATTERN = 1024
LONGEST_TEXT = 20_000
_MAX_MEMORY = 8 * 1024 * 1024


class BadPattern(ValueError):
    """A regular expression that RE2 does not take; the text says why."""


def compile_pattern(regex: str) -> Any:
    """Compile a pattern: it ignores case unless it says `(?-i)`. Raises `BadPattern`."""
    import re2

    if len(regex) > LONGEST_PATTERN:
        raise BadPattern(f"it has more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(unicodedata.normalize("NFC", regex), options)
    except (re2.error, UnicodeError) as problem:
        raise BadPattern(_plain(problem)) from None


def found_in(pattern: Any, text: str) -> bool:
    """Whether a compiled pattern finds something anywhere in a text."""
    tidy = unicodedata.normalize("NFC", text[:LONGEST_TEXT])
    return pattern.search(tidy.encode("utf-8", "replace").decode("utf-8")) is not None


def _plain(problem: Exception) -> str:
    message = problem.args[0] if problem.args else str(problem)
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    return str(message)
