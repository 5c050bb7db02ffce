"""Files that are no plain text: what they are, by how they begin, and how a text is made of them."""

from __future__ import annotations

_WORD = (
    "this is a Word document, not a text",
    "save it as plain text (.txt), in the encoding UTF-8, under the policy's name",
)
_SHEET = (
    "this is a spreadsheet, not a text",
    "copy the text out of it into a plain text file, in an editor",
)
_COPY = "open it, copy the text, and save it with a plain text editor"
_UTF8 = 'save it again with the encoding "UTF-8"'

_BEGINNINGS: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (
        b"{\\rtf",
        (
            "this is a document with fonts (RTF), not a plain text",
            "save it as plain text (.txt), in the encoding UTF-8",
        ),
    ),
    (b"%PDF", ("this is a PDF, not a text", _COPY)),
    (b"\xd0\xcf\x11\xe0", ("this is an old Word or Excel document, not a text", _WORD[1])),
    (b"\x89PNG", ("this is a picture, not a text", "a policy is written in a plain text editor")),
    (
        b"\xff\xd8\xff",
        ("this is a picture, not a text", "a policy is written in a plain text editor"),
    ),
    (b"\x1f\x8b", ("this file is compressed", "unpack it first")),
    (b"bplist", ("this is a web archive, not a text", _COPY)),
    (b"\xff\xfe", ("the file is UTF-16, not UTF-8", _UTF8)),
    (b"\xfe\xff", ("the file is UTF-16, not UTF-8", _UTF8)),
)
_MARKUP = b"<!doctype|<html|<?xml|<head|<body|<meta|<div|<pre|<p>|<span|<table"


def foreign_file(source: bytes) -> tuple[str, str] | None:
    """Say what a file is that is no plain text, and what to do; None for a text."""
    for beginning, words in _BEGINNINGS:
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
