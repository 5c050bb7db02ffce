"""Reasons: the texts for the other side, with their variants and cases."""

from __future__ import annotations

from typing import NamedTuple

from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.language.conditions import read_when_part
from reviewbot.policy.language.declared import undeclared, unknown
from reviewbot.policy.language.forms import only_text
from reviewbot.policy.language.grammar import LAST_TEXT, REASON_TEXT, TEXT_CASE
from reviewbot.policy.language.lines import ROUND
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.synonyms import is_otherwise
from reviewbot.policy.language.templates import LONGEST, read_locale, read_template
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.locales import locale_named, locale_names, territory_named
from reviewbot.policy.model import Condition, Placeholder, ReasonText, Template, TextCase
from reviewbot.policy.notations import as_count
from reviewbot.policy.text_forms import asked_of, did_you_mean, listed, nearest, only_cure, shape

SHORTEST = 3
"""The fewest characters of a dispute's reason, as the API states it."""
LEAST_WORDS = 3
"""With fewer words what stands in place of a name is a mistyped name."""


def read_reasons(reading: Reading, tree: Tree | None) -> tuple[ReasonText, ...]:
    """Read the named reasons; their names are declared before the rules are read."""
    read = (
        _reason_text(reading, value, key.value, f'the reason "{key.value}"')
        for key, value in reading.named_entries(tree, "reasons:", REASON_TEXT.example, "a reason")
    )
    return tuple(reason for reason in read if reason is not None)


def read_reason(reading: Reading, tree: Tree | None) -> ReasonText | None:
    """Read a rule's `reason:`: the name of a reason, or the text itself."""
    texts = getattr(tree, "items", ())
    if (
        tree is not None
        and (texts or only_text(tree))
        and all(isinstance(item, Scalar) for item in texts)
    ):
        reading.text(tree, "reason:")
        return None
    names = reading.declared.get("reason", ())
    if isinstance(tree, Scalar) and not tree.broken:
        name = tree.value.strip()
        if not name and names:
            reading.empty(tree, "reason:", f"write behind it  {listed(names[:6])}")
            return None
        if reading.uses_declared("reason", name):
            return reading.reasons.get(name)
        if several := asked_of(name, names):
            message = "one name stands here, not several"
            reading.add("P023", tree, message, under=several)
            return None
        if begun := _begins_with_name(name, names):
            message = f'the text begins with the name of a reason, "{begun}", and would be sent so'
            reading.add("P023", tree, message, under=f"write  {begun}  alone, or the text alone")
            return None
        if len(name.split()) < LEAST_WORDS:
            _refuse_name(reading, tree, name, names)
            return None
    return _reason_text(reading, tree, None, "this reason")


def _refuse_name(reading: Reading, scalar: Scalar, name: str, names: tuple[str, ...]) -> None:
    """Report a name that no reason has, unless it is missing for a mistake that is reported."""
    cure = f"a text in place of a name has at least {LEAST_WORDS} words"
    if not nearest(name, names):
        named = f"; {undeclared(reading, 'reason', name)}" if len(names) <= 12 else ""
        cure = f"{named.removeprefix('; ')}; or the text itself stands here: {cure}"
    if not reading.is_told("reason", name):
        reading.missed.add(("reason", name))
        place = (scalar, 0, len(name))
        reading.add("P023", place, unknown("reason", name), among=names, cure=cure)


def _begins_with_name(text: str, names: tuple[str, ...]) -> str | None:
    """The name of a reason with a text behind it, as no sentence begins."""
    for name in names:
        rest = text.removeprefix(name)
        is_cut = rest.lstrip()[:1] in tuple("\"'(:-–,") or ("_" in name and rest[:1] == " ")
        if rest != text and is_cut:
            return name
    return None


def _reason_text(
    reading: Reading, tree: Tree | None, name: str | None, what: str
) -> ReasonText | None:
    """Read one reason: a text, a mapping of its variants, or a list of its cases."""
    if isinstance(tree, Sequence):
        return _by_case(reading, tree, name, what)
    if not isinstance(tree, Mapping):
        template = _checked(reading, tree, what)
        if template is None or tree is None:
            return None
        return ReasonText(name=name, otherwise=template, span=tree.span)
    if (odd := _no_variants(reading, tree, what)) is not None:
        reading.add("P020", odd[0], odd[1], under=odd[2])
        return None
    return _by_variant(reading, tree, name, what)


def _by_variant(reading: Reading, tree: Mapping, name: str | None, what: str) -> ReasonText:
    entries = reading.entries(tree)
    own = next((value for key, value in entries if key.value == "locale"), None)
    locale = read_locale(reading, reading.text(own, "locale:"))
    variants = [(key, value, _variant_of(key.value)) for key, value in entries]
    variants = [variant for variant in variants if variant[0].value != "locale"]
    strange = [key for key, _, variant in variants if variant is None]
    if strange:
        _refuse_variant(reading, strange[0], what, len(strange))
    texts: list[tuple[str, Template]] = []
    keys: dict[str, Scalar] = {}
    for key, value, variant in variants:
        template = _checked(reading, value, f"{key.value}: of {what}", locale)
        if variant is not None and template is not None:
            texts.append((variant, template))
            keys[key.value] = key
    if not any(is_otherwise(key.value) for key in strange):
        _check_variants(reading, tree, keys, what)
    if "text" in keys:
        return ReasonText(name=name, otherwise=dict(texts)["text"], span=tree.span)
    return ReasonText(
        name=name,
        variants=tuple(text for text in texts if text[0] != "otherwise"),
        otherwise=dict(texts).get("otherwise"),
        span=tree.span,
    )


def _no_variants(reading: Reading, tree: Mapping, what: str) -> tuple[Scalar, str, str] | None:
    """What to say of cases without their dashes, and of lines below a `reason:` that name another one."""
    names = {key.value: key for key, _ in tree.entries}
    first = names.get("when") or names.get("when any")
    if first is not None:
        message = f"each case of {what} begins with a dash, and so does the last one"
        return first, message, f"write  - {first.value}:  and at the end  - otherwise:"
    key, value = tree.entries[0] if len(tree.entries) == 1 else (None, None)
    is_name = isinstance(value, Scalar) and value.value in reading.declared.get("reason", ())
    if key is not None and isinstance(value, Scalar) and is_name:
        return (
            key,
            "the name of a reason stands behind the colon",
            f"write  reason: {value.value}  in place of both lines",
        )
    return None


class _OneCase(NamedTuple):
    """A case as read: None is a condition or a text with a mistake."""

    when: Condition | None
    text: Template | None


def _by_case(
    reading: Reading, sequence: Sequence, name: str | None, what: str
) -> ReasonText | None:
    """Read the cases of a reason: conditions with their texts, and in the end the text for the rest."""
    if not sequence.items:
        cure = "write a text, or cases that end in  - otherwise:  with  text:  below it"
        reading.add("P108", sequence.span, f"{what} is empty", cure=cure)
        return None
    cases: list[TextCase] = []
    otherwise: Template | None = None
    for item in sequence.items:
        mapping = reading.mapping(item, f"a case of {what}", TEXT_CASE.example.removeprefix("- "))
        if mapping is None:
            continue
        is_last = item is sequence.items[-1]
        if any(is_otherwise(key.value) for key, _ in mapping.entries):
            otherwise = _otherwise(reading, mapping, what)
            if not is_last:
                message = "otherwise:  must be the last case"
                cure = "cases below it are never reached"
                reading.add("P141", first_line(mapping.span), message, cure=cure)
            continue
        when, text = _case(reading, mapping, what)
        if when is not None and text is not None:
            cases.append(TextCase(when=when, text=text, span=mapping.span))
        if is_last and otherwise is None:
            message = f"the cases of {what} do not end in  otherwise:"
            cure = "add  - otherwise:  with  text:  below it, for what no case covers"
            reading.add("P141", first_line(mapping.span), message, cure=cure)
    if otherwise is None:
        return None
    return ReasonText(name=name, cases=tuple(cases), otherwise=otherwise, span=sequence.span)


def _case(reading: Reading, mapping: Mapping, what: str) -> _OneCase:
    fields = MappingReader(reading, mapping, TEXT_CASE)
    return _OneCase(read_when_part(reading, fields), _text_of(reading, fields, what))


def _otherwise(reading: Reading, mapping: Mapping, what: str) -> Template | None:
    """Read the last case: its text stands below `otherwise:`, in its column or further in."""
    fields = MappingReader(reading, mapping, LAST_TEXT)
    tree = fields.peek("otherwise")
    if isinstance(tree, Mapping):
        return _text_of(reading, MappingReader(reading, tree, LAST_TEXT), what)
    if isinstance(tree, Scalar) and not tree.value.strip():
        return _text_of(reading, fields, what)
    if tree is not None and not (isinstance(tree, Scalar) and tree.broken):
        message = "the text of the last case stands under  text:"
        said = (
            tree.value if isinstance(tree, Scalar) and "\n" not in tree.value else "with the text"
        )
        cure = f"write  - otherwise:  and below it  text: {said}"
        reading.add("P141", first_line(tree.span), message, cure=cure)
    return None


def _text_of(reading: Reading, fields: MappingReader, what: str) -> Template | None:
    locale = read_locale(reading, fields.text("locale"))
    if not fields.has("text"):
        cure = "write  text:  and what is to be sent"
        reading.add("P030", first_line(fields.span), f"a case of {what} has no  text:", cure=cure)
    return _checked(reading, fields.peek("text"), f"text: of {what}", locale)


def _checked(
    reading: Reading, tree: Tree | None, what: str, locale: str | None = None
) -> Template | None:
    """Read a text for the other side."""
    own = tree.value.strip() if isinstance(tree, Scalar) and not tree.broken else ""
    if own in reading.declared.get("reason", ()) and tree is not None:
        message = f'"{own}" is the name of a reason, and would be sent so'
        reading.add("P023", first_line(tree.span), message, cure="write the text itself")
        return None
    template = read_template(reading, tree, what, locale)
    if template is not None and tree is not None:
        _check_length(reading, tree, template, what)
        question_internals(reading, template)
    return template


def question_internals(reading: Reading, template: Template) -> None:
    """Ask whether whoever reads a text is meant to read our ids, scores and tags."""
    for part in template.parts:
        if isinstance(part, Placeholder) and reading.facts[part.fact].internal:
            message = f"{part.fact} is an internal value; whoever reads the text cannot use it"
            cure = "leave it out, or say in words what it means"
            reading.warn("P314", part.span, message, cure=cure)


def _variant_of(name: str) -> str | None:
    """The variant that a key names."""
    if name in REASON_TEXT.keys:
        return name
    number = name.removeprefix("round ").strip()
    is_number = number.isascii() and number.isdecimal() and 1 <= int(number[:4]) <= 100
    return f"round {int(number)}" if name.startswith("round ") and is_number else None


def _refuse_variant(reading: Reading, key: Scalar, what: str, many: int) -> None:
    """Report a key that is no variant, the first of so many."""
    if is_otherwise(key.value):
        reading.add(
            "P020",
            key,
            "the text for all others stands under  otherwise:",
            under="write  otherwise",
        )
        return
    name, more = key.value, f" (and {many - 1} more below it)" * (many > 1)
    known = ("round 1", "round 2", *REASON_TEXT.keys)
    if (of := shape(ROUND).fullmatch(name)) and (number := as_count(of.group(1) or of.group(2))):
        number = str(max(1, int(number)))
        message = f'{what} knows no variant "{name}"{more}'
        reading.add("P020", key, message, under=f"write  round {number}")
        return
    if name in reading.declared.get("list", ()):
        case = f"- when: {{task.saved_account_id: in list {name}}}  and below it  text:"
        cure = f"texts by list are cases:  {case},  and last  - otherwise:  with  text:"
        reading.add("P020", key, f'{what} knows no variant "{name}"{more}', cure=cure)
        return
    if not key.quoted and not did_you_mean(name, known) and (" " in name or not name.islower()):
        message = f"with  {name}:  {what} would be a list of variants, not one text"
        named = what.partition('"')[2].rstrip('"') or "reason"
        cure = f"put  |  behind the colon on the line above:  {named}: |"
        reading.add("P020", key, message, cure=cure)
        return
    cure = _other_cases(name)
    reading.add(
        "P020",
        key,
        f'{what} knows no variant "{name}"{more}',
        under=did_you_mean(name, known),
        cure=cure,
        replacement=only_cure(name, known) if not name.startswith("round") else None,
    )


def _other_cases(name: str) -> str:
    """How texts are written that differ by something else: by language, by country, by anything."""
    locales = (name,) if len(name) == 2 and locale_named(name) else locale_names(name)
    if len(locales) == 1:
        return f"texts by language are cases, each with its own:  - when: {{…}}  and below it  locale: {locales[0]}  and  text:"
    if (code := territory_named(name)) is not None:
        case = f"- when: {{account.country: {code}}}  and below it  text:"
        return f"texts by country are cases:  {case},  and last  - otherwise:  with  text:"
    known = "variants are  round 1:, round 2: …,  or  tiktok:, instagram:,  and  otherwise:;"
    return f"{known}  for anything else write cases:  - when: {{…}}"


def _check_variants(reading: Reading, mapping: Mapping, keys: dict[str, Scalar], what: str) -> None:
    """Refuse variants of two kinds, and a text that is missing for some tasks."""
    otherwise = keys.get("otherwise")
    if all(key.value == "locale" for key, _ in mapping.entries):
        cure = "add  text:  and behind it the text"
        reading.add("P030", first_line(mapping.span), f"{what} has no text", cure=cure)
        return
    if "text" in keys and len(keys) > 1:
        message = f"{what} has one text and variants beside it"
        cure = "write  otherwise:  in place of  text:"
        reading.add("P119", keys["text"].span, message, cure=cure)
        return
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
