"""Files that are no plain text: what they are, by how they begin, and how a text is made of them."""

from __future__ import annotations

from importlib.resources import files

_COPY = "open it, copy the text, and save it with a plain text editor"
_ROWS = files("reviewbot.policy.language").joinpath("foreign.txt").read_text("utf-8").splitlines()
_BEGINNINGS = {
    bytes.fromhex(start): (what, cure) for start, what, cure in (row.split("|") for row in _ROWS)
}
"""How files begin that are no plain text, with what they are and what to do."""
_WORD, _SHEET = _BEGINNINGS.pop(b"\1"), _BEGINNINGS.pop(b"\2")
_UTF8 = _BEGINNINGS[b"\xff\xfe"][1]
_MARKUP = b"<!doctype|<html|<?xml|<head|<body|<meta|<div|<pre|<p>|<span|<table"


def foreign_file(source: bytes) -> tuple[str, str] | None:
    """Say what a file is that is no plain text, and what to do; None for a text."""
    for beginning, words in _BEGINNINGS.items():
        if source.startswith(beginning):
            return words
    if source.startswith(b"PK\x03\x04"):
        if b"xl/" in source:
            return _SHEET
        if b"word/" in source or b"content.xml" in source or b"mimetype" in source[:60]:
            return _WORD
        return (
            "this is a packed file (zip), not a text",
            "unpack it, or save the document as plain text (.txt)",
        )
    if (
        source[:400]
        .removeprefix(b"\xef\xbb\xbf")
        .lstrip()
        .lower()
        .startswith(tuple(_MARKUP.split(b"|")))
    ):
        return "this is a web page (HTML), not a plain text", _COPY
    start = source[:400]
    if start and start.count(0) * 3 >= len(start) and b"\0" in start[:4]:
        return "the file is UTF-16 (or another encoding of two bytes a letter), not UTF-8", _UTF8
    return None
