"""Secret: a text that never shows itself, and texts in which every known secret is masked."""

from __future__ import annotations

import re

MASK = "•••"
SHORTEST = 6
"""Characters of a secret that is worth masking: a shorter one would blot out ordinary words."""
_MOST = 256
_IN_FRONT = re.compile(r"(://[^:/@\s]*:)\S*@")
"""A password may hold `@` and `/` itself, so all up to the last `@` goes."""
_IN_QUERY = re.compile(r"([?&][a-z]*passw(?:or)?d=)[^&\s]*", re.IGNORECASE)
_KEY_SHAPES = re.compile(r"(?<![A-Za-z0-9])(?:sk_|tok_live_)[A-Za-z0-9_-]{6,}")

_known: dict[str, None] = {}
"""Every secret this process has read, the newest last: whichever turns up anywhere is masked."""
_longest_first: tuple[str, ...] = ()


def without_password(text: str) -> str:
    """Take the passwords out of the addresses in a text."""
    return _IN_QUERY.sub(r"\1…", _IN_FRONT.sub(r"\1…@", text))


def without_known(text: str) -> str:
    """Mask every secret that this process has read, wherever in a text it stands."""
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def masked(text: str) -> str:
    """Mask every known secret, whatever looks like a key, and the passwords of addresses."""
    return without_password(_KEY_SHAPES.sub(MASK, without_known(text)))


class Secret:
    """A text that is shown to nobody: neither `repr` nor `str` gives it, and every sink masks it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

    def reveal(self) -> str:
        """Give the text itself, to be used at once and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"


def remember(text: str) -> None:
    """Mask this from here on, though it is no secret that can be used."""
    global _longest_first
    if len(text) < SHORTEST:
        return
    _known.pop(text, None)
    _known[text] = None
    while len(_known) > _MOST:
        del _known[next(iter(_known))]
    _longest_first = tuple(sorted(_known, key=len, reverse=True))
