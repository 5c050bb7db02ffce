"""Named patterns: RE2 and nothing else, so that no pattern can hold the program up."""

from __future__ import annotations

from collections.abc import Callable

import re2

from reviewbot.policy.folding import nfc

MAX_MEMORY = 8 * 1024 * 1024
"""Bytes one compiled pattern may use."""

LONGEST_INPUT = 20_000
"""Bytes (UTF-8) that a pattern looks at; about a longer text it cannot tell."""


def compile_pattern(regex: str) -> Callable[[str | None], bool | None]:
    """Make a search: whether `regex` matches anywhere in a text, None where that is not known.

    Case is ignored unless the pattern says `(?-i)`. Raises ValueError with RE2's own words when
    the pattern cannot be used.
    """
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    options.case_sensitive = False
    options.never_capture = True
    try:
        found = re2.compile(_utf8(nfc(regex)), options).search
    except re2.error as problem:
        raise ValueError(_words(problem)) from problem

    def search(text: str | None) -> bool | None:
        if text is None:
            return None
        data = _utf8(nfc(text))
        return None if len(data) > LONGEST_INPUT else found(data) is not None

    return search


def _utf8(text: str) -> bytes:
    return text.encode(errors="replace")


def _words(problem: Exception) -> str:
    found = problem.args[0] if problem.args else ""
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)
