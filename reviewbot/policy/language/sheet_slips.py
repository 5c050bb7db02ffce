"""What a spreadsheet, a word processor or a hand left in a list file, and what to write in its place."""

from __future__ import annotations

from reviewbot.policy.notations import as_dates, plain
from reviewbot.policy.text_forms import shape

SPACES = " \xa0\u2007\u202f\u3000"
"""What is not seen around a value, and is no part of it."""

_QUOTES = "“”„‟«»‘’‚'`"
_WORD = r"[\p{L}\d@._-]"
_REMARK = r"(?:#\s|//|/\*|<!--|;|--\s).*"
_NOTHING = r"n/a|na|none|null|nil|empty|leer|keine?r?|tbd|todo|etc\.?|usw\.?|and so on|[-–—?.…*]+"
_ENDS = (
    r"(?:.* )?(?:until|till|thru|through|bis|end|ends|ende|enddatum|expir\p{L}*|ablauf\p{L}*|abgelaufen|frist"
    r"|deadline|valid|gültig|gueltig|last day|letzter tag|befristet\p{L}*)(?: .*)?"
)
_DATED = r"date|datum|day|tag|when|wann"


def spoilt(text: str) -> tuple[str, str] | None:
    """What became of a value, and what to do; None where it is as typed."""
    if shape(rf"[{_QUOTES}].*[{_QUOTES}]|['’‘][^'’‘]+").fullmatch(text):
        return "these quotes are part of the value", f"write  {text.strip(_QUOTES)}"
    if shape(r"\d[.,]\d+E[+]?\d+|\dE[+]\d+").fullmatch(text):
        cure = "in the spreadsheet make the column text, type the value again, and save it again"
        return "the spreadsheet has shortened this number, so its last digits are lost", cure
    if shape(r"[1-9]\d{0,2}(?:[.,'’]\d{3})+").fullmatch(text):
        message = "the spreadsheet has put signs between the thousands of this number"
        return message, f"if that is not meant write  {shape(r'[^0-9]').sub('', text)}"
    if shape(r"\d{3,}[.,]0+").fullmatch(text):
        message = "the spreadsheet has made a fraction of this number"
        return message, f"if that is not meant write  {shape(r'[.,]0+').sub('', text)}"
    if shape(r"#(?:N/A|NV|(?:REF|BEZUG|VALUE|WERT|DIV/0|NUM|ZAHL|NULL)!|NAME\?|#{2,})").fullmatch(
        text
    ):
        message = "this is an error of the spreadsheet, not a value"
        return message, "type the value there, or delete it"
    return _sign_in_front(text) or _several(text)


def _sign_in_front(text: str) -> tuple[str, str] | None:
    """A remark, a dash of a list, a formula, or words for nothing."""
    if shape(_REMARK).fullmatch(text):
        return "a list file has no remarks, and this would be a value", "delete this line"
    if found := shape(r"(.*\S)\s+(?:#|//)\s.*").fullmatch(text):
        message = "a list file has no remarks, and this one would be part of the value"
        return message, f"write  {found.group(1)};  a remark stands in a column called  note"
    if found := shape(r"[-*•]\s+(\S.*)").fullmatch(text):
        return "the sign in front would be part of the value", f"write  {found.group(1)}"
    if shape(_NOTHING).fullmatch(text):
        return "this says that there is none, and would be a value", "delete this line"
    if shape(r"=[\p{L}$]+\d.*|=\p{L}+\(.*").fullmatch(text):
        return "this is a formula of the spreadsheet, not a value", "type the value there"
    return None


def _several(text: str) -> tuple[str, str] | None:
    """Several values in one cell."""
    apart = r" ?[,;|] ?| [/&+] | and | und | or | oder "
    pieces = shape(apart).split(text)
    if len(pieces) < 2:
        pieces = text.split(" ")
        if not all(shape(r".*\p{L}.*\d.*|.*\d.*\p{L}.*").fullmatch(piece) for piece in pieces):
            return None
    if len(pieces) < 2 or not all(shape(rf"{_WORD}{{2,}}").fullmatch(piece) for piece in pieces):
        return None
    cure = f"write each on a line of its own:  {'  and  '.join(pieces)}"
    return "one value stands on a line, and here seem to be several", cure


def is_end(name: str, cells: list[str]) -> bool:
    """Whether a column seems to hold the last days of entries, by its name and its values."""
    words = " ".join(shape(r"[_.():/-]").sub(" ", plain(name)).casefold().split())
    if shape(_ENDS).fullmatch(words):
        return True
    dates = [cell for cell in cells if cell]
    return bool(dates) and bool(shape(_DATED).fullmatch(words)) and all(map(as_dates, dates))


def other_table(header: str) -> str | None:
    """The columns of a header that stands apart by a sign that no list file has: `id | note`."""
    names = [name for name in shape(r"\s*[|]\s*|\s+").split(header.strip("| ")) if name]
    is_one = len(names) > 1 and names[0].casefold() == "id"
    return ",".join(names) if is_one else None
