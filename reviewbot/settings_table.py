"""One table of a settings file, read key by key; all that is wrong with it is collected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from reviewbot.domain.text import Secret, safe_line
from reviewbot.network import is_loopback
from reviewbot.policy.text_forms import did_you_mean, listed
from reviewbot.secret_file import Unusable, read_secret_file


class SettingsTable(msgspec.Struct):
    """A table, the name it stands under (none for the whole file), and what is wrong so far."""

    file: str
    name: str
    table: Mapping[str, Any]
    problems: list[str]

    def wrong(self, key: str | None, what: str, hint: str | None = None) -> None:
        """Note what is wrong at a key, or with the table as a whole, and what may have been meant."""
        at = ".".join(filter(None, (self.name, key)))
        self.problems.append(f"{self.file}: {at}: {what}" + (f"; {hint}" if hint else ""))

    def unknown(self, key: str, what: str, word: str, known: Sequence[str]) -> None:
        """Note a word that means nothing, and which ones do."""
        usual = f"there are {listed(known, 'and')}" if known else "there is none"
        self.wrong(key, what, did_you_mean(word, known) or usual)

    def inner(self, key: str, hint: str = "") -> SettingsTable | None:
        """A table in this one, empty where there is none; None, with a note, for another thing."""
        found = self.table.get(key, {})
        if not isinstance(found, dict):
            self.wrong(key, f"is no table{hint}")
            return None
        name = ".".join(filter(None, (self.name, key)))
        return SettingsTable(self.file, name, found, self.problems)

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """Note every key that means nothing."""
        for key in self.table:
            if key not in known:
                self.unknown(key, "no setting has this name", key, known)

    def text(self, key: str) -> str:
        """Read a text on one line that must be there."""
        found = self.table.get(key)
        if isinstance(found, str) and found.strip() and found.isprintable():
            return found.strip()
        self.wrong(key, "is missing" if found is None else "is no text on one line")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of texts; one text is a list of one."""
        found = self.table.get(key, [])
        if isinstance(found, str):
            found = [found]
        if isinstance(found, list) and all(isinstance(t, str) and t.strip() for t in found):
            return tuple(found)
        self.wrong(key, 'is no list of texts: write it like ["one", "another"]')
        return ()

    def one_of(self, key: str, words: Collection[str], default: str | None) -> str:
        """Read one of some words."""
        found, words = self.table.get(key, default), tuple(words)
        if found in words:
            return str(found)
        if found is None:
            self.wrong(key, f"is missing: {listed(words)}")
        else:
            hint = did_you_mean(str(found), words) or f"it is one of {listed(words)}"
            self.wrong(key, f"{safe_line(str(found), 40)!r} is not known", hint)
        return default or ""

    def url(self, default: str | None = None) -> Secret:
        """Read the address of a channel, from the table itself or from a file of its own."""
        if default is not None and not {"url", "url_file"} & self.table.keys():
            return Secret(default)
        if "url" in self.table and "url_file" in self.table:
            self.wrong(None, "has both url and url_file")
        elif "url_file" not in self.table and "url" not in self.table:
            self.wrong("url", "is missing: give url, or url_file with the file it is in")
        else:
            is_in_file = "url_file" in self.table
            found = self.secret("url_file") if is_in_file else Secret(self.text("url"))
            if found is not None and (wrong := problem_of_url(found.reveal())) is not None:
                self.wrong("url", wrong)
            return found or Secret("")
        return Secret("")

    def secret(self, key: str) -> Secret | None:
        """The one line of a file that nobody else may read."""
        path = self.text(key) if key in self.table else ""
        if not path:
            return None
        try:
            text = read_secret_file(path).strip()
        except Unusable as wrong:
            self.wrong(key, str(wrong))
            return None
        if not text or not text.isprintable():
            self.wrong(key, f"{path} does not hold one line of text")
            return None
        return Secret(text)


def problem_of_url(url: str) -> str | None:
    """What is wrong with the address of a channel, without repeating it; None when it will do."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        return "is no address: write it like https://host/path"
    if parts.scheme == "http" and not is_loopback(host):
        return "plain http is only for a loopback address; use https"
    if parts.scheme not in ("http", "https"):
        return "is no address: write it like https://host/path"
    return None
