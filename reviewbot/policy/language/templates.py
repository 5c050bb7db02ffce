"""Texts with places for facts, and the named reasons with their variants."""

from __future__ import annotations

from typing import Literal

from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.catalog import Fact, FactType, described
from reviewbot.policy.language.grammar import REASON_TEXT
from reviewbot.policy.language.hints import refuse_fact
from reviewbot.policy.language.reader import Reading, first_line, unknown
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.model import Placeholder, ReasonText, Template
from reviewbot.policy.text_forms import did_you_mean, is_name, nearest, only_cure

SHORTEST, LONGEST = 3, 500
"""The length of a dispute's reason, in characters, as the API states it."""

Format = Literal["plain", "date", "time", "times", "money", "first"]

FORMATS: dict[Format, tuple[FactType, ...]] = {
    "date": (FactType.MOMENT,),
    "time": (FactType.MOMENT,),
    "times": (FactType.COUNT,),
    "money": (FactType.MONEY,),
    "first": (FactType.TEXT, FactType.CHOICE),
}


def read_template(reading: Reading, tree: Tree | None, what: str) -> Template | None:
    """Read a text in which `{fact}` and `{fact, format}` stand for values."""
    scalar = reading.free_text(tree, what)
    if scalar is None:
        return None
    parts: list[str | Placeholder] = []
    plain = ""
    text = scalar.value
    at = 0
    while at < len(text):
        char = text[at]
        if text[at : at + 2] in ("{{", "}}"):
            plain += char
            at += 2
        elif char == "{":
            close = text.find("}", at)
            if close < 0:
                cure = "close it with }, or write {{ for a brace"
                message = "this { is never closed"
                reading.add("P026", (scalar, at, at + 1), message, cure=cure)
                return None
            parts.append(plain)
            plain = ""
            placeholder = _placeholder(reading, scalar, at + 1, close)
            if placeholder is not None:
                parts.append(placeholder)
            at = close + 1
        elif char == "}":
            cure = "write }} for a brace"
            reading.add("P026", (scalar, at, at + 1), "this } closes nothing", cure=cure)
            return None
        else:
            plain += char
            at += 1
    parts.append(plain)
    return Template(parts=_trimmed(parts), span=scalar.span)


def _trimmed(parts: list[str | Placeholder]) -> tuple[str | Placeholder, ...]:
    """Cut outer white space and drop empty pieces."""
    if isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return tuple(part for part in parts if part)


def _placeholder(reading: Reading, scalar: Scalar, start: int, end: int) -> Placeholder | None:
    """Read what stands between braces: `fact` or `fact, format`."""
    inner = scalar.value[start:end]
    before, comma, behind = inner.partition(",")
    name, form = before.strip(), behind.strip()
    at = start + len(before) - len(before.lstrip())
    fact = reading.facts.get(name)
    if not name:
        cure = "write {task.platform}, for instance, or {{ for a brace"
        message = "a placeholder without a fact"
        reading.add("P025", (scalar, start - 1, end + 1), message, cure=cure)
        return None
    if fact is None:
        refuse_fact(reading, scalar, (at, at + len(name)), code="P025")
        return None
    span = reading.document.part(scalar, at, at + len(name))
    if not comma:
        return Placeholder(fact=name, span=span)
    form_at = end - len(behind.lstrip())
    read = _format(reading, scalar, fact, form, form_at)
    return (
        None if read is None else Placeholder(fact=name, format=read[0], first=read[1], span=span)
    )


def _format(
    reading: Reading, scalar: Scalar, fact: Fact, form: str, at: int
) -> tuple[Format, int | None] | None:
    """Read the format of a placeholder, with the number that `first` takes."""
    place = (scalar, at, at + max(1, len(form)))
    word, _, number = form.partition(" ")
    number = number.strip()
    known = next((name for name in FORMATS if name == word), None)
    if known is None or (number and known != "first"):
        reading.add(
            "P026",
            place,
            f'there is no format "{form}"',
            under=did_you_mean(form, FORMATS),
            cure="formats are date, time, times, money and first 60",
            replacement=only_cure(form, (name for name in FORMATS if name != "first")),
        )
        return None
    if fact.type not in FORMATS[known]:
        fitting = ", ".join(name for name, types in FORMATS.items() if fact.type in types)
        cure = f"it takes {fitting}, or no format" if fitting else "write it without a format"
        message = f"{fact.name} is {described(fact)}, which has no format {word}"
        reading.add("P026", place, message, cure=cure)
        return None
    if known != "first":
        return known, None
    if not number.isdecimal() or len(number) > 6 or not 1 <= int(number) <= LONGEST:
        message = "first  needs a number of characters from 1 to 500"
        reading.add("P026", place, message, cure="write it as  first 60")
        return None
    return "first", int(number)


# Reasons ---------------------------------------------------------------------------------------


def read_reasons(reading: Reading, tree: Tree | None) -> tuple[ReasonText, ...]:
    """Read the named reasons; their names are declared before the rules are read."""
    read = (
        _reason_text(reading, value, key.value, f'the reason "{key.value}"')
        for key, value in reading.named_entries(tree, "reasons:", REASON_TEXT.example, "a reason")
    )
    return tuple(reason for reason in read if reason is not None)


def read_reason(reading: Reading, tree: Tree | None) -> ReasonText | None:
    """Read a rule's `reason:`: the name of a reason, or the text itself."""
    if isinstance(tree, Scalar) and not tree.broken:
        name = tree.value.strip()
        names = reading.declared.get("reason", ())
        if name in names:
            return reading.reasons.get(name)
        is_word = name and " " not in name and "{" not in name and len(name) <= 60
        if is_word and (nearest(name, names) or is_name(name)):
            cure = "a name of  reasons:  stands here, or the text itself"
            place = (tree, 0, len(name))
            reading.add("P023", place, unknown("reason", name), among=names, cure=cure)
            return None
    return _reason_text(reading, tree, None, "this reason")


def _reason_text(
    reading: Reading, tree: Tree | None, name: str | None, what: str
) -> ReasonText | None:
    """Read one reason: a text, or a mapping of its variants."""
    if not isinstance(tree, Mapping):
        template = read_template(reading, tree, what)
        if template is None or tree is None:
            return None
        _check_length(reading, tree, template, what)
        return ReasonText(name=name, otherwise=template, span=tree.span)
    texts: list[tuple[str, Template]] = []
    keys: dict[str, Scalar] = {}
    for key, value in reading.entries(tree):
        variant = _variant(reading, key, what)
        template = read_template(reading, value, f"{key.value}: of {what}")
        if variant is not None and template is not None:
            _check_length(reading, value, template, what)
            texts.append((variant, template))
            keys[key.value] = key
    _check_variants(reading, tree, keys, what)
    return ReasonText(
        name=name,
        variants=tuple(text for text in texts if text[0] != "otherwise"),
        otherwise=dict(texts).get("otherwise"),
        span=tree.span,
    )


def _variant(reading: Reading, key: Scalar, what: str) -> str | None:
    name = key.value
    if name in REASON_TEXT.keys:
        return name
    number = name.removeprefix("round ").strip()
    is_number = number.isascii() and number.isdecimal() and 1 <= int(number[:4]) <= 100
    if name.startswith("round ") and is_number:
        return f"round {int(number)}"
    known = ("round 1", "round 2", *REASON_TEXT.keys)
    if not key.quoted and not did_you_mean(name, known) and (" " in name or not name.islower()):
        message = f"with  {name}:  {what} would be a list of variants, not one text"
        named = what.partition('"')[2].rstrip('"') or "reason"
        cure = f"put  |  behind the colon on the line above:  {named}: |"
        reading.add("P020", key, message, cure=cure)
        return None
    reading.add(
        "P020",
        key,
        f'{what} knows no variant "{name}"',
        under=did_you_mean(name, known),
        cure="variants are  round 1:, round 2: …,  or  tiktok:, instagram:,  and  otherwise:",
        replacement=only_cure(name, known) if not name.startswith("round") else None,
    )
    return None


def _check_variants(reading: Reading, mapping: Mapping, keys: dict[str, Scalar], what: str) -> None:
    """Refuse variants of two kinds, and a text that is missing for some tasks."""
    otherwise = keys.get("otherwise")
    rounds = [name for name in keys if name.startswith("round ")]
    platforms = [name for name in keys if name in PLATFORMS]
    if rounds and platforms:
        message = f"{what} mixes variants by round with variants by platform"
        cure = "use one kind; which of them should win is in doubt"
        reading.add("P119", keys[platforms[0]].span, message, cure=cure)
        return
    if otherwise is not None:
        if "round 1" in rounds:
            cure = "the last round's text serves later rounds too; delete  otherwise:"
            reading.warn("P313", otherwise.span, "no round is left for this text", cure=cure)
        return
    wanted = ("round 1",) if rounds else PLATFORMS if platforms else ()
    missing = next((name for name in wanted if name not in keys), None)
    if missing is not None:
        message = f"{what} has no text for {missing}"
        cure = f"add  {missing}:  or  otherwise:"
        reading.add("P030", first_line(mapping.span), message, cure=cure)


def _check_length(reading: Reading, tree: Tree, template: Template, what: str) -> None:
    """Refuse a text that is too short or too long whatever the facts are."""
    plain = "".join(part for part in template.parts if isinstance(part, str))
    fixed = all(isinstance(part, str) for part in template.parts)
    length = max(len(plain), len(plain.encode("utf-16-le")) // 2)
    takes = f"the API takes {SHORTEST} to {LONGEST}"
    span = first_line(tree.span)
    if fixed and len(plain) < SHORTEST:
        cure = "say what is wrong and what to do"
        reading.add("P130", span, f"{what} has {len(plain)} characters; {takes}", cure=cure)
    elif length > LONGEST:
        message = f"{what} has {length} characters{'' if fixed else ' without its placeholders'}"
        cure = f"shorten it by {length - LONGEST}"
        reading.add("P131", span, f"{message}; {takes}", cure=cure)
