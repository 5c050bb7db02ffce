"""Reads keys of the tables of a settings file, and collects all that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reviewbot.channels.addresses import problem_of_url
from reviewbot.domain.safetext import safe_line
from reviewbot.domain.secret import Secret
from reviewbot.policy.names import did_you_mean, listed
from reviewbot.secretfile import Unusable, read_secret_file


class Reader:
    """Reads keys of tables and collects what is wrong with them."""

    def __init__(self, place: str, problems: list[str]) -> None:
        self._place = place
        self.problems = problems

    def wrong(self, at: str, what: str, hint: str | None = None) -> None:
        """Note what is wrong at a key, and what may have been meant."""
        self.problems.append(f"{self._place}: {at}: {what}" + (f"; {hint}" if hint else ""))

    def table(self, outer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Give a table of a table; an empty one where there is none."""
        found = outer.get(name, {})
        if isinstance(found, dict):
            return found
        self.wrong(name, "is no table")
        return {}

    def refuse_unknown(self, at: str, body: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """Note every key that means nothing."""
        for key in body:
            if key not in known:
                hint = did_you_mean(key, known) or f"there are {listed(known, 'and')}"
                self.wrong(f"{at}.{key}", "no setting has this name", hint)

    def text(self, at: str, body: Mapping[str, Any], key: str) -> str:
        """Read a text on one line that must be there."""
        found = body.get(key)
        if isinstance(found, str) and found.strip() and found.isprintable():
            return found.strip()
        self.wrong(f"{at}.{key}", "is missing" if found is None else "is no text on one line")
        return ""

    def texts(self, at: str, body: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Read a list of texts; one text is a list of one."""
        found = body.get(key, [])
        if isinstance(found, str):
            found = [found]
        if isinstance(found, list) and all(isinstance(one, str) and one.strip() for one in found):
            return tuple(found)
        self.wrong(f"{at}.{key}", 'is no list of texts: write it like ["one", "another"]')
        return ()

    def one_of(
        self,
        at: str,
        body: Mapping[str, Any],
        key: str,
        words: tuple[str, ...],
        default: str | None,
    ) -> str:
        """Read one of some words."""
        found = body.get(key, default)
        if found in words:
            return str(found)
        if found is None:
            self.wrong(f"{at}.{key}", f"is missing: {listed(words)}")
        else:
            shown = safe_line(str(found), 40)
            hint = did_you_mean(str(found), words) or f"it is one of {listed(words)}"
            self.wrong(f"{at}.{key}", f"{shown!r} is not known", hint)
        return default or ""

    def url(self, at: str, body: Mapping[str, Any]) -> Secret | None:
        """Read the address of a channel, from the file itself or from one of its own."""
        if "url" in body and "url_file" in body:
            self.wrong(at, "has both url and url_file")
            return None
        if "url_file" in body:
            found = self.secret(at, body, "url_file")
        else:
            found = Secret(self.text(at, body, "url")) if "url" in body else None
            if found is None:
                self.wrong(f"{at}.url", "is missing: give url, or url_file with the file it is in")
        if found is not None and (wrong := problem_of_url(found.reveal())) is not None:
            self.wrong(f"{at}.url", wrong)
        return found

    def secret(self, at: str, body: Mapping[str, Any], key: str) -> Secret | None:
        """The one line of a file that nobody else may read."""
        if key not in body:
            return None
        path = self.text(at, body, key)
        if not path:
            return None
        try:
            text = read_secret_file(path).strip()
        except Unusable as wrong:
            self.wrong(f"{at}.{key}", str(wrong))
            return None
        if not text or not text.isprintable():
            self.wrong(f"{at}.{key}", f"{path} does not hold one line of text")
            return None
        return Secret(text)
