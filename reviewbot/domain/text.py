"""Text from outside, made harmless for a person's screen.

Anything the API, a policy or a file says may hold control codes, terminal sequences or bidirectional
overrides. Every human sink passes such text through `safe` (whole texts) or `safe_line` (one line).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# ------------------------------------------------------------------------------------------------
# Secret: a text that never shows itself, and texts in which every known secret is masked.


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


LONGEST = 2000
"""Characters kept by default; more is cut with an ellipsis."""


def safe(text: str, longest: int = LONGEST) -> str:
    """Drop control characters except the newline; show format characters (bidi and the like) as escapes.

    A known secret is masked before anything is cut, for half of one is no mask.
    """
    shown = without_known(text)
    if not shown.isprintable():  # most texts are, and pages hold thousands of them
        shown = "".join(map(_shown, shown))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def safe_line(text: str, longest: int = LONGEST) -> str:
    """As `safe`, on one line: line breaks and tabs become one space."""
    return safe(" ".join(text.split()), longest)


def safe_cell(text: str, longest: int = LONGEST) -> str:
    """As `safe`, for a cell of a spreadsheet: what would be read as a formula is quoted with `'`.

    A formula starts with `= + - @`, a tab or a return, also behind spaces or as a full-width sign
    (OWASP ASVS 1.2.10).
    """
    shown = safe(text, longest)
    # What is dropped must not uncover a formula, so the text is looked at before and after.
    starts = {unicodedata.normalize("NFKC", form.lstrip()[:1]) for form in (text, shown)}
    formula = starts & _FORMULA or text[:1] in ("\t", "\r", "\0")
    return f"'{shown}" if formula and text else shown


def quiet(text: str) -> str:
    """Write what a screen or a reader of lines would obey as JSON escapes; JSON keeps its meaning.

    ASCII is left alone but for DEL: JSON escapes its other control codes itself, and colours are made
    of them.
    """
    return text if text.isascii() and _DEL not in text else text.translate(_ESCAPES)


def quiet_bytes(text: bytes) -> bytes:
    """As `quiet`, of UTF-8."""
    return text if text.isascii() and _DEL.encode() not in text else quiet(text.decode()).encode()


class _Escapes(dict[int, str]):
    """Finds out about each character once, as long as they are not too many."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        lively = code >= 0x7F and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        units = char.encode("utf-16-be", "surrogatepass")
        shown = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        if len(self) > 4096:
            self.clear()
        self[code] = shown if lively else char
        return self[code]


_DEL = "\x7f"

_ESCAPES = _Escapes()

_FORMULA = frozenset("=+-@")


def _shown(char: str) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return " "
    category = unicodedata.category(char)
    if category == "Cc":
        return ""
    if category in ("Cf", "Cs", "Co", "Zl", "Zp"):
        return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
    return char


# ------------------------------------------------------------------------------------------------
# Moments: as the API writes them (ISO 8601, UTC, `Z`), and as a person reads them.


def iso(moment: datetime) -> str:
    """Write a moment the API's way; fractions only where there are any."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 moment with a zone.

    Raises ValueError when it is none or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def format_moment(moment: datetime | None, zone: str = "UTC") -> str:
    """A moment as a person reads it: `Fri 05 Jun 09:56 CEST (Europe/Berlin)`.

    In the zone of the policy that it concerns, which is named; the abbreviation tells the hour that
    comes twice apart. Where no one policy is concerned it is UTC: `Fri 05 Jun 07:56 UTC`. None is
    `unknown`.
    """
    if moment is None:
        return "unknown"
    local = moment.astimezone(ZoneInfo(zone))
    name = f" ({zone})" if zone != "UTC" else ""
    return f"{local:%a %d %b %H:%M %Z}{name}"


def known_zone(name: object) -> str:
    """A zone that this machine knows, else UTC: names come out of logs that other machines wrote."""
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def format_written(text: str, zone: str = "UTC") -> str:
    """A moment that stands in a text as the API writes it, as a person reads it; another text as it is."""
    try:
        return format_moment(parse_iso(text), zone)
    except ValueError:
        return text


# ------------------------------------------------------------------------------------------------
# A short mark of a decision log, for the names of files that belong to one on a server.


_LENGTH = 12


def mark_of(ledger: str) -> str:
    """The same for one database and schema, whatever the password in its URL is."""
    place = without_password(ledger.replace("postgresql+psycopg://", "postgresql://", 1))
    return sha256(place.encode()).hexdigest()[:_LENGTH]


def pretty(value: object) -> str:
    """A value as JSON for a person's eyes."""
    import msgspec  # `--help` needs none

    return msgspec.json.format(msgspec.json.encode(value)).decode()
