"""Regular expressions of a policy: RE2 only, linear in time whatever the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

LONGEST_PATTERN = 1024
LONGEST_TEXT = 20_000
"""Bytes (UTF-8) that a pattern looks at; about a longer text it cannot tell."""

LARGEST_PROGRAM = 5_000
"""RE2's steps that a pattern may need for one character, at worst; repeats of repeats need most."""
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
    options.never_capture = True  # only whether, never where: groups cost time
    options.max_mem = _MAX_MEMORY
    try:
        tidy = unicodedata.normalize("NFC", regex)
        pattern = re2.compile(tidy.encode(errors="replace"), options)
    except re2.error as problem:
        raise BadPattern(problem.args[0].decode(errors="replace")) from None
    if pattern.programsize > LARGEST_PROGRAM:
        raise BadPattern("it repeats too much within what it repeats")
    return pattern


def found_in(pattern: Any, text: str) -> bool | None:
    """Whether a compiled pattern finds something in a text; None where the text is too long."""
    data = unicodedata.normalize("NFC", text).encode(errors="replace")
    return None if len(data) > LONGEST_TEXT else pattern.search(data) is not None


def searcher(regex: str) -> Callable[[str | None], bool | None]:
    """Make a three-valued search of a text that may be unknown. Raises `BadPattern`."""
    pattern = compile_pattern(regex)
    return lambda text: None if text is None else found_in(pattern, text)
