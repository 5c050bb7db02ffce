"""Texts with places for facts, and the named reasons with their variants."""

from __future__ import annotations

from typing import Literal

from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.catalog import Fact, FactType, described
from reviewbot.policy.language.conditions import report_unknown_fact
from reviewbot.policy.language.reader import Reading, entries_of, first_line, named_entries, unknown
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.model import Placeholder, ReasonText, Template
from reviewbot.policy.text_forms import did_you_mean, is_name, nearest, only_cure

SHORTEST, LONGEST = 3, 500
"""The length of a dispute's reason, in characters, as the API states it."""


Format = Literal["plain", "date", "time", "times", "money", "first"]


_FORMATS: dict[Format, tuple[FactType, ...]] = {
    "date": (FactType.MOMENT,),
    "time": (FactType.MOMENT,),
    "times": (FactType.COUNT,),
    "money": (FactType.MONEY,),
    "first": (FactType.TEXT, FactType.CHOICE),
}


def read_template(context: Reading, tree: Tree | None, what: str) -> Template | None:
    """Read a text in which `{fact}` and `{fact, format}` stand for values."""
    scalar = context.free_text(tree, what)
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
                context.add_at(
                    "P026",
                    scalar,
                    at,
                    at + 1,
                    "this { is never closed",
                    cure="close it with }, or write {{ for a brace",
                )
                return None
            parts.append(plain)
            plain = ""
            placeholder = _placeholder(context, scalar, at + 1, close)
            if placeholder is not None:
                parts.append(placeholder)
            at = close + 1
        elif char == "}":
            context.add_at(
                "P026", scalar, at, at + 1, "this } closes nothing", cure="write }} for a brace"
            )
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


def _placeholder(context: Reading, scalar: Scalar, start: int, end: int) -> Placeholder | None:
    inner = scalar.value[start:end]
    name, comma, form = inner.partition(",")
    at = start + len(name) - len(name.lstrip())
    name = name.strip()
    fact = context.facts.get(name)
    if fact is None:
        if not name:
            context.add_at(
                "P025",
                scalar,
                start - 1,
                end + 1,
                "a placeholder without a fact",
                cure="write {task.platform}, for instance, or {{ for a brace",
            )
        else:
            report_unknown_fact(context, scalar, at, at + len(name), code="P025")
        return None
    span = context.document.part(scalar, at, at + len(name))
    if not comma:
        return Placeholder(fact=name, span=span)
    form_at = start + inner.index(",") + 1
    form_at += len(form) - len(form.lstrip())
    return _formatted(context, scalar, fact, form.strip(), form_at, span_of=(at, name))


def _formatted(
    context: Reading, scalar: Scalar, fact: Fact, form: str, at: int, span_of: tuple[int, str]
) -> Placeholder | None:
    start, name = span_of
    span = context.document.part(scalar, start, start + len(name))
    word, _, rest = form.partition(" ")
    number = rest.strip()
    for known, types in _FORMATS.items():
        if known != word or (number and known != "first"):
            continue
        if fact.type not in types:
            fitting = [other for other, takes in _FORMATS.items() if fact.type in takes]
            cure = (
                f"it takes {', '.join(fitting)}, or no format"
                if fitting
                else "write it without a format"
            )
            context.add_at(
                "P026",
                scalar,
                at,
                at + len(form),
                f"{name} is {described(fact)}, which has no format {word}",
                cure=cure,
            )
            return None
        if known != "first":
            return Placeholder(fact=name, format=known, span=span)
        if not number.isdecimal() or len(number) > 6 or not 1 <= int(number) <= LONGEST:
            context.add_at(
                "P026",
                scalar,
                at,
                at + len(form),
                "first  needs a number of characters from 1 to 500",
                cure="write it as  first 60",
            )
            return None
        return Placeholder(fact=name, format="first", first=int(number), span=span)
    context.add_at(
        "P026",
        scalar,
        at,
        at + max(1, len(form)),
        f'there is no format "{form}"',
        under=did_you_mean(form, _FORMATS),
        cure="formats are date, time, times, money and first 60",
        replacement=only_cure(form, (name for name in _FORMATS if name != "first")),
    )
    return None


def read_reasons(context: Reading, tree: Tree | None) -> tuple[ReasonText, ...]:
    """Read the named reasons; their names are declared before the rules are read."""
    example = "not_found: Please open the video."
    entries = named_entries(context, tree, "reasons:", example, "a reason")
    read = (
        read_reason_text(context, value, key.value, f'the reason "{key.value}"')
        for key, value in entries
    )
    return tuple(reason for reason in read if reason is not None)


def read_reason_text(
    context: Reading, tree: Tree | None, name: str | None, what: str
) -> ReasonText | None:
    """Read one reason: a text, or a mapping of its variants."""
    if tree is None:
        return None
    if not isinstance(tree, Mapping):
        template = read_template(context, tree, what)
        if template is None:
            return None
        _check_length(context, tree, template, what)
        return ReasonText(name=name, otherwise=template, span=tree.span)
    variants: list[tuple[str, Template]] = []
    otherwise: Template | None = None
    keys: list[Scalar] = []
    for key, value in entries_of(context, tree):
        kind = _variant(context, key, what)
        template = read_template(context, value, f"{key.value}: of {what}")
        if kind is None or template is None:
            continue
        _check_length(context, value, template, what)
        if kind == "otherwise":
            otherwise = template
        else:
            variants.append((kind, template))
            keys.append(key)
    _check_variants(context, tree, keys, otherwise is not None, what)
    return ReasonText(name=name, variants=tuple(variants), otherwise=otherwise, span=tree.span)


def _variant(context: Reading, key: Scalar, what: str) -> str | None:
    name = key.value
    if name == "otherwise" or name in PLATFORMS:
        return name
    number = name.removeprefix("round ").strip()
    if (
        name.startswith("round ")
        and number.isascii()
        and number.isdecimal()
        and 1 <= int(number[:4]) <= 100
    ):
        return f"round {int(number)}"
    known = ("round 1", "round 2", *PLATFORMS, "otherwise")
    context.add_at(
        "P020",
        key,
        0,
        len(name),
        f'{what} knows no variant "{name}"',
        under=did_you_mean(name, known),
        cure="variants are  round 1:, round 2: …,  or  tiktok:, instagram:,  and  otherwise:",
        replacement=only_cure(name, known) if not name.startswith("round") else None,
    )
    return None


def _check_variants(
    context: Reading, mapping: Mapping, keys: list[Scalar], otherwise: bool, what: str
) -> None:
    names = [key.value for key in keys]
    rounds = [name for name in names if name.startswith("round ")]
    if rounds and len(rounds) < len(names):
        odd = next(key for key in keys if not key.value.startswith("round "))
        context.add(
            "P119",
            odd.span,
            f"{what} mixes variants by round with variants by platform",
            cure="use one kind; which of them should win is in doubt",
        )
        return
    if otherwise or not keys:
        if "round 1" in names:
            spans = [key.span for key, _ in mapping.entries if key.value == "otherwise"]
            context.warn(
                "P313",
                spans[0],
                "no round is left for this text",
                cure="the last round's text serves later rounds too; delete  otherwise:",
            )
        return
    if rounds and "round 1" not in rounds:
        context.add(
            "P030",
            first_line(mapping.span),
            f"{what} has no text for round 1",
            cure="add  round 1:  or  otherwise:",
        )
    missing = [platform for platform in PLATFORMS if platform not in names]
    if not rounds and missing:
        context.add(
            "P030",
            first_line(mapping.span),
            f"{what} has no text for {missing[0]}",
            cure=f"add  {missing[0]}:  or  otherwise:",
        )


def _check_length(context: Reading, tree: Tree, template: Template, what: str) -> None:
    """Refuse a text that is too short or too long whatever the facts are."""
    plain = "".join(part for part in template.parts if isinstance(part, str))
    fixed = all(isinstance(part, str) for part in template.parts)
    length = max(len(plain), len(plain.encode("utf-16-le")) // 2)
    if fixed and len(plain) < SHORTEST:
        context.add(
            "P130",
            first_line(tree.span),
            f"{what} has {len(plain)} characters; the API takes {SHORTEST} to {LONGEST}",
            cure="say what is wrong and what to do",
        )
    elif length > LONGEST:
        more = "" if fixed else " without its placeholders"
        context.add(
            "P131",
            first_line(tree.span),
            f"{what} has {length} characters{more}; the API takes {SHORTEST} to {LONGEST}",
            cure=f"shorten it by {length - LONGEST}",
        )


def read_reason(
    context: Reading, tree: Tree | None, reasons: dict[str, ReasonText]
) -> ReasonText | None:
    """Read a rule's `reason:`: the name of a reason, or the text itself."""
    if tree is None:
        return None
    if isinstance(tree, Scalar) and not tree.broken:
        name = tree.value.strip()
        if name in context.declared.get("reason", ()):
            return reasons.get(name)
        near = nearest(name, context.declared.get("reason", ()))
        if (
            name
            and " " not in name
            and "{" not in name
            and len(name) <= 60
            and (near or is_name(name))
        ):
            context.add_at(
                "P023",
                tree,
                0,
                len(name),
                unknown("reason", name),
                under=did_you_mean(name, context.declared.get("reason", ())),
                cure="a name of  reasons:  stands here, or the text itself",
                replacement=only_cure(name, context.declared.get("reason", ())),
            )
            return None
    return read_reason_text(context, tree, None, "this reason")
