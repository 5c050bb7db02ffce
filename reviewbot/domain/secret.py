"""Secret: a text that never shows itself, and addresses without the password in them."""

from __future__ import annotations

import re

_IN_FRONT = re.compile(r"(://[^:/@\s]*:)\S*@")
"""A password may hold `@` and `/` itself, so all up to the last `@` goes."""
_IN_QUERY = re.compile(r"([?&][a-z]*passw(?:or)?d=)[^&\s]*", re.IGNORECASE)


def without_password(text: str) -> str:
    """Take the passwords out of the addresses in a text."""
    return _IN_QUERY.sub(r"\1…", _IN_FRONT.sub(r"\1…@", text))


class Secret:
    """A text that is shown to nobody: neither `repr` nor `str` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself, to be used at once and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"
