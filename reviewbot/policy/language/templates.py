"""Texts with places for facts."""

from __future__ import annotations

from typing import Literal

from reviewbot.policy.catalog import Fact, FactType, described
from reviewbot.policy.language.hints import refuse_fact
from reviewbot.policy.language.lost_lines import look_for_lines
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.synonyms import FACTS, VALUES, meaning
from reviewbot.policy.language.yaml import Scalar, Tree
from reviewbot.policy.locales import locale_named, locale_names
from reviewbot.policy.model import Placeholder, Template
from reviewbot.policy.notations import as_count
from reviewbot.policy.text_forms import asked, did_you_mean, listed, nearest, only_cure, shape

LONGEST = 500
"""The length of a dispute's reason, in characters, as the API states it."""

Format = Literal["plain", "date", "date and time", "date iso", "time", "times", "money", "first"]

_OF_MOMENTS: tuple[Format, ...] = ("date", "date and time", "date iso", "time")
FORMATS: dict[Format, tuple[FactType, ...]] = {
    **dict.fromkeys(_OF_MOMENTS, (FactType.MOMENT,)),
    "times": (FactType.COUNT,),
    "money": (FactType.MONEY,),
    "first": (FactType.TEXT, FactType.CHOICE),
}
_FORMS = "|".join(sorted(FORMATS, key=len, reverse=True)).replace("first", r"first \d+")


def read_locale(reading: Reading, scalar: Scalar | None) -> str | None:
    """Read the name of a locale; None where there is none, or no such one."""
    if scalar is None:
        return None
    locale = locale_named(scalar.value)
    if locale is None:
        names = locale_names(scalar.value)
        message = f'there is no locale "{scalar.value}"'
        cure = "locales have names such as  de  or  pt-BR"
        only = names[0] if len(names) == 1 else None
        reading.add(
            "P037",
            scalar,
            message,
            under=f"did you mean  {only}  ?" if only else did_you_mean(scalar.value, names),
            cure=cure,
            replacement=only or only_cure(scalar.value, names),
        )
    return locale


def read_template(
    reading: Reading, tree: Tree | None, what: str, locale: str | None = None
) -> Template | None:
    """Read a text in which `{fact}` and `{fact, format}` stand for values.

    `locale` is the text's own, where it has one.
    """
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
            if close < 0 or "{" in text[at + 1 : close]:
                end = next(
                    (i for i in range(at + 1, len(text)) if not _is_of_name(text[i])), len(text)
                )
                named = text[at + 1 : end]
                form = shape(rf", ?(?:{_FORMS})\b").match(text[end:])
                end += len(form.group(0)) if form else 0
                write = f"{{{text[at + 1 : end]}}}" if named in reading.facts else None
                under, cure = f"write  {write}" if write else None, "close it with }"
                message = "this { is never closed"
                place = (scalar, at, end)
                reading.add("P026", place, message, under=under, cure=cure, replacement=write)
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
    _refuse_bare_facts(reading, scalar)
    _warn_leftovers(reading, scalar)
    look_for_lines(reading, scalar)
    return Template(parts=_trimmed(parts), locale=locale or reading.locale, span=scalar.span)


_BRACKETS = {"[": "]", "<": ">", "{": "}"} | {sign: sign for sign in "%$*`~|#"}


def _refuse_bare_facts(reading: Reading, scalar: Scalar) -> None:
    """Refuse a fact's name that stands in a text as such: whoever reads it would read the name."""
    text = scalar.value
    families = {name.partition(".")[0] for name in reading.facts if "." in name}
    at = 0
    while (dot := text.find(".", at)) >= 0:
        start, end = dot, dot + 1
        while start and _is_of_name(text[start - 1]):
            start -= 1
        while end < len(text) and _is_of_name(text[end]):
            end += 1
        at = end
        name = text[start:end].rstrip(".")
        end = start + len(name)
        if name.partition(".")[0] not in families or shape(r"/$|\S@$").search(text[:start]):
            continue  # an address
        start -= text[:start].endswith("@")
        if _in_braces(text, start):
            continue
        opened = 0
        while (
            opened < min(start, len(text) - end)
            and _BRACKETS.get(text[start - opened - 1]) == text[end + opened]
        ):
            opened += 1
        if name in reading.facts:
            _refuse_bare(reading, scalar, name, (start, opened))
        elif opened:
            refuse_fact(reading, scalar, (start, end), code="P025")


def _refuse_bare(reading: Reading, scalar: Scalar, name: str, at: tuple[int, int]) -> None:
    """Report the name of a fact; at the start of a line with a colon it may be a test that went astray."""
    text, (start, opened) = scalar.value, at
    end = start + len(name)
    message = f"the fact {name} stands outside of braces, so its name is what is read"
    before = text[text.rfind("\n", 0, start) + 1 : start].strip("- ")
    is_line = not before and text[end : end + 2] == ": "
    reading.add(
        "P025",
        (scalar, start - opened, end + opened),
        message,
        under=f"write  {{{name}}}",
        cure="or, where it is a line of the policy, begin it further left" if is_line else None,
        replacement=None if is_line else f"{{{name}}}",
    )


_LEFTOVERS = {
    "nothing is filled in here": r"(?:[\[<«%‹⟨｛❴|]{1,2}|\{\{ ?|\$\()(\p{L}[\p{L}\d_. ]{1,24})(?:[\]>»%›⟩｝❵|]{1,2}| ?\}\}|\))|%[sd]\b|%\([a-z_]+\)s|\$\{?[a-z_]+\b",
    "this is still to be written": r"\b(?:TODO|TBD|FIXME|XXX+|Lorem ipsum)\b|_{3,}|\?{3,}"
    r"|^(?:same as .{1,40}|see above|as above|siehe oben|ditto|your text here|insert text(?: here)?)\s*$",
    "it is sent as plain text, with these signs": r"</?(?:b|i|u|p|a|br|em|strong|ul|ol|li|div|span|h\d)\b[^<>]*>"
    r"|\*\*[^*\n]+\*\*|&(?:nbsp|amp|lt|gt|quot);|\[[^\]\n]+\]\(https?:[^)\n]+\)",
}
"""What is left over in a text from a draft, another tool or a mail merge, by what is wrong with it."""
_FILL_IN = r"(?:insert|enter|add|put|your|hier|name|vorname|link|reason|grund)\b.*"


def _warn_leftovers(reading: Reading, scalar: Scalar) -> None:
    """Warn of the first of them in a text for people, with the fact that a blank was meant for."""
    for why, form in _LEFTOVERS.items():
        for match in shape(form).finditer(scalar.value):
            blank = "".join(filter(None, match.groups()))
            if blank in reading.facts or "." in blank:  # P025 has spoken of it
                continue
            fact = (
                meaning(blank, FACTS, reading.facts) or only_cure(blank, reading.facts)
                if blank
                else None
            )
            if fact is None and blank and not shape(_FILL_IN).fullmatch(blank):
                continue
            span = reading.document.part(scalar, match.start(), match.end())
            under = asked(f"{{{fact}}}") if fact else None
            message, cure = f"{match.group(0)}:  {why}", "write a fact in braces, or take it out"
            reading.warn("P316", span, message, cure=cure, under=under)
            return


def _is_of_name(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "_.")


def _in_braces(text: str, start: int) -> bool:
    """Whether a place of the text lies in a pair of single braces."""
    at = 0
    while at < start:
        if text[at : at + 2] in ("{{", "}}"):
            at += 2
        elif text[at] == "{":
            close = text.find("}", at)
            if close >= start:
                return True
            at = close + 1
        else:
            at += 1
    return False


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
    if len(name) < 2:
        _refuse_blank(reading, (scalar, start - 1, end + 1))
        return None
    if fact is None:
        sign = next((char for char in name if not _is_of_name(char)), "")
        fact_name, _, form = (part.strip() for part in name.partition(sign or "|"))
        form = form.strip("|:; ")
        if sign and form and fact_name in reading.facts and not comma:
            _refuse_without_comma(reading, (scalar, start, end), fact_name, form)
            return None
        if not _refuse_computed(reading, (scalar, start - 1, end + 1), inner):
            refuse_fact(reading, scalar, (at, at + len(name)), code="P025")
        return None
    if scalar.value[max(0, start - 2) : start - 1] in ("$", "%"):
        sign = scalar.value[start - 2]
        message = f"the sign {sign} in front of a brace is read as part of the text"
        place = (scalar, start - 2, end + 1)
        reading.add("P026", place, message, under=f"write  {{{inner}}}", replacement=f"{{{inner}}}")
    span = reading.document.part(scalar, at, at + len(name))
    if not comma:
        return Placeholder(fact=name, span=span)
    form_at = end - len(behind.lstrip())
    read = _format(reading, scalar, fact, form, form_at)
    return (
        None if read is None else Placeholder(fact=name, format=read[0], first=read[1], span=span)
    )


def _refuse_without_comma(
    reading: Reading, place: tuple[Scalar, int, int], name: str, form: str
) -> None:
    """Report a format behind a fact without its comma, or what is no format: `fact or 0`."""
    message, write = "a comma stands between a fact and its format", f"{name}, {form}"
    if shape(r"(?:or|oder|and|und|else|\?\?|\+|-|\*|/).*").fullmatch(form):
        message = "in braces stand a fact and perhaps a format, and nothing is computed"
        write = name
    reading.add("P026", place, message, under=f"write  {{{write}}}", replacement=write)


def _refuse_blank(reading: Reading, place: tuple[Scalar, int, int]) -> None:
    """Report `{}` or `{0}`, with the fact that the word behind it names."""
    scalar, start, end = place
    beside = shape(r" *(\p{L}+)").match(scalar.value[end:])
    guess = meaning(beside.group(1), FACTS, reading.facts) if beside else None
    message = f"no fact is called by  {scalar.value[start:end]}"
    cure = "write {task.platform}, for instance, or {{ for a brace"
    under = asked(f"{{{guess}}}") if guess else None
    reading.add("P025", place, message, under=under, cure=None if under else cure)


def _refuse_computed(reading: Reading, place: tuple[Scalar, int, int], inner: str) -> bool:
    """Report a fact with more than its format in the braces, as a spreadsheet computes; whether it is so."""
    words = shape(r"[\w.]+").findall(inner)
    if not (meant := next((word for word in words if word in reading.facts), "")):
        return False
    letters = shape(r"[\p{L}.:/ -]{4,}").findall(inner.replace(meant, ""))
    forms = [form for form in map(_format_by_letters, letters) if form]
    message = "in braces stand a fact and perhaps a format, and nothing is computed"
    under = asked(f"{{{', '.join((meant, *forms[:1]))}}}")
    reading.add("P025", place, message, under=under)
    return True


def _format_by_letters(form: str) -> str | None:
    """`DD.MM.YYYY`, `%H:%M`: the format that other tools write in letters."""
    letters = {char for char in form if char.isalpha()}
    if not letters or not letters <= set("DdMmYyJjTtHhSsAaPp"):
        return None
    day, clock = letters & set("DdYyTtJj"), letters & set("HhSs")
    return "date and time" if day and clock else "date" if day else "time"


def _refuse_format(reading: Reading, place: tuple[Scalar, int, int], fact: Fact, form: str) -> None:
    """Report what is no format, with the one that was meant."""
    others = [name for name in FORMATS if name != "first"]
    sure = only_cure(form, others)
    near = sure or meaning(form, VALUES, FORMATS) or _format_by_letters(form)
    near = near or next(iter(nearest(form, FORMATS)), None)
    under = asked(f"{{{fact.name}, {near}}}") if near else None
    cure = f"formats are {listed([*others, 'first 60'], 'and')}"
    message = f'there is no format "{form}"'
    reading.add("P026", place, message, under=under, cure=cure, replacement=sure)


def _format(
    reading: Reading, scalar: Scalar, fact: Fact, form: str, at: int
) -> tuple[Format, int | None] | None:
    """Read the format of a placeholder, with the number that `first` takes."""
    place = (scalar, at, at + max(1, len(form)))
    word, _, number = form.partition(" ")
    word, number = (word, number.strip()) if word == "first" else (" ".join(form.split()), "")
    known = next((name for name in FORMATS if name == word), None)
    if known is None:
        _refuse_format(reading, place, fact, form)
        return None
    if fact.type not in FORMATS[known]:
        fitting = ", ".join(name for name, types in FORMATS.items() if fact.type in types)
        cure = f"it takes {fitting}, or no format" if fitting else "write it without a format"
        message = f"{fact.name} is {described(fact)}, which has no format {known}"
        under = f"write  {{{fact.name}}}"
        reading.add("P026", place, message, under=under, cure=cure)
        return None
    if known != "first":
        return known, None
    if not number.isdecimal() or len(number) > 6 or not 1 <= int(number) <= LONGEST:
        message = "first  needs a number of characters from 1 to 500"
        many = as_count(number)
        fits = many is not None and 1 <= int(many) <= LONGEST
        own = f"{{{fact.name}, first {many}}}" if fits else None
        reading.add(
            "P026", place, message, under=own and f"write  {own}", cure="write it as  first 60"
        )
        return None
    return "first", int(number)
