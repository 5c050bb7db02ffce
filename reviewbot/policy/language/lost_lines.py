"""Lines of a policy that were lost in a text above them, and lines of a text that stand there twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reviewbot.policy.language.lines import FREE_TEXTS, KEYS, OPENS, indent_of
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.repair import spot
from reviewbot.policy.language.yaml import Scalar
from reviewbot.policy.model import AllOf
from reviewbot.policy.text_forms import shape

_HEAD = r"(?:- )?([\p{L}\d_. -]{1,40}?) ?: ?[|>][-+]?"
"""`round 2: |`, above a text of its own."""
_ENTRY = r"- (?:name|when|otherwise|id): ?.*"
_MOMENT = r"\d+[smhd] (?:before|after) \w+: .*"
_SENTENCE = 20
"""Characters of a line that nobody writes twice on purpose."""


def look_for_lines(reading: Reading, scalar: Scalar) -> None:
    """Refuse a line of the policy that is read as part of a text, and warn of a line that stands there twice."""
    seen: dict[str, int] = {}
    for number, line in _lines(reading, scalar):
        text = line.strip()
        place = spot(number - 1, indent_of(line), len(text))
        if _is_lost(text):
            message = (
                f"this line is read as part of the text that begins on line {scalar.span.line}"
            )
            own = indent_of(reading.document.lines[scalar.span.line - 1]) + 1
            cure = f"begin it in column {own} or further left, or write it in other words"
            reading.add("P016", place, message, cure=cure)
            return  # what follows belongs to it
        if len(text) >= _SENTENCE and text in seen:
            message, cure = "this line stands twice in the text", "delete one of them"
            under = f"the first is on line {seen[text]}"
            reading.warn("P316", place, message, under=under, cure=cure)
        seen.setdefault(text, number)


def _lines(reading: Reading, scalar: Scalar) -> Iterator[tuple[int, str]]:
    """The lines of a text over several, behind its first."""
    for number in range(scalar.span.line + 1, scalar.last_line + 1):
        line = reading.document.lines[number - 1] if number <= len(reading.document.lines) else ""
        if line.strip() and line.strip() in scalar.value:
            yield number, line


def _is_lost(text: str) -> bool:
    key, colon, value = text.removeprefix("- ").partition(":")
    opens = key in OPENS and not value
    is_key = bool(colon) and key in KEYS and (" " in key or opens or key == "then")
    return (is_key and key not in FREE_TEXTS) or any(
        shape(form).fullmatch(text) for form in (_HEAD, _ENTRY, _MOMENT)
    )


def refuse_two_lines(reading: Reading, scalar: Scalar, what: str) -> bool:
    """Report a name that goes on to the next line, which was probably lost there; whether it does."""
    if scalar.style or scalar.broken or scalar.last_line <= scalar.span.line:
        return False
    line = reading.document.lines[scalar.last_line - 1]
    message = f"{what} has its value on one line, and this one is read as part of it"
    cure = "give it a key of its own, or take it away"
    text = line.strip()
    reading.add("P031", spot(scalar.last_line - 1, indent_of(line), len(text)), message, cure=cure)
    return True


def warn_of_twins(reading: Reading, parts: Iterable[AllOf]) -> None:
    """Warn of an alternative that stands twice in a row: in one of them another test was probably meant."""
    seen: dict[tuple[str, ...], int] = {}
    for part in parts:
        lines = [*reading.document.lines[part.span.line - 1 : part.span.end_line]]
        lines[-1] = lines[-1][: part.span.end_column - 1]
        lines[0] = lines[0][part.span.column - 1 :]
        texts = tuple(line.strip() for line in lines)
        if texts in seen:
            message, under = "this entry stands twice", f"the first is on line {seen[texts]}"
            span = spot(part.span.line - 1, part.span.column - 1, len(texts[0]))
            cure = "delete it, or write the other test that was meant"
            reading.warn("P331", span, message, under=under, cure=cure)
        seen.setdefault(texts, part.span.line)


def warn_of_remarks(reading: Reading) -> None:
    """Warn of a name that was made a remark while the lines below it stay: they belong to another one now."""
    lines = reading.document.lines
    for number, line in enumerate(lines[:-1]):
        name = line.strip()
        if not name.startswith("#") or name.lstrip("# ").removesuffix(":") not in OPENS:
            continue
        below, at = lines[number + 1], indent_of(line)
        text = below.strip()
        if not name.endswith(":") or not text or text[0] == "#" or indent_of(below) <= at:
            continue
        message = f"{name.lstrip('# ')}  is a remark here, and the lines below it belong to another name now"
        cure = "take the # away, or put one in front of those lines too"
        reading.warn("P310", spot(number, at, len(name)), message, cure=cure)
