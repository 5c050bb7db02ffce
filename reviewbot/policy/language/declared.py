"""Names that a policy gives to lists, hours, patterns, conditions and reasons, where others ask for them."""

from __future__ import annotations

from reviewbot.policy.language.grammar import DECLARED, POLICY
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.spoken import as_hours
from reviewbot.policy.language.yaml import Mapping, Scalar
from reviewbot.policy.text_forms import JOINTS, asked, asked_of, fold, is_name, listed, shape


def declared_name(reading: Reading, kind: str, scalar: Scalar, start: int = 0) -> str | None:
    """Check that a text from `start` on is a name that is declared."""
    name, names = scalar.value[start:], reading.declared.get(kind, ())
    if reading.uses_declared(kind, name):
        return name
    if reading.is_told(kind, name) or (not names and _is_misnamed(reading, DECLARED[kind])):
        return None  # a section that is not there is one mistake
    reading.missed.add((kind, name))
    if (told := _of_a_name(kind, name, names)) is not None:
        message, under, cure = told
        reading.add("P023", (scalar, start, len(scalar.value)), message, under=under, cure=cure)
        return None
    cure, several = undeclared(reading, kind, name), _asked_among(kind, name, names)
    opens = as_hours(name) if kind == "calendar" and names else None
    if opens is not None and fold(name) not in map(fold, names):
        # Weekends are near to weekdays in their letters alone.
        cure += _to_declare(name, opens)
        several, names = _same_hours(name, opens, names) or several, ()
    reading.add(
        "P023",
        (scalar, start, len(scalar.value)),
        "one name stands here, alone" if several and names else unknown(kind, name),
        under=several,
        among=() if several else names,
        cure=cure if len(names) <= 12 else None,
    )
    return None


_DENIED = r"(?:not|nicht|no|kein\p{L}*|never|nie|outside|ausserhalb|except|ausser|without|ohne)(?: of| von| during| während| in| the)* (.+)"


def _of_a_name(
    kind: str, text: str, names: tuple[str, ...]
) -> tuple[str, str | None, str | None] | None:
    """What to say of a name that is denied, of conditions joined by words, and of `weekdays, people too`."""
    own = {fold(name): name for name in names}
    denied = shape(_DENIED).fullmatch(fold(text))
    name = own.get(denied.group(1)) if denied else None
    if name is not None and kind == "condition":
        under = f"write  none of:  and below it  - condition: {name}"
        return "not  does not stand in front of a condition's name", under, None
    if name is not None and kind == "calendar":
        cure = f"put the hours outside of {name} under  hours:  with a name of their own, and write that here"
        return f"hours are named here; those outside of {name} have no name yet", None, cure
    if kind == "calendar" and (
        also := shape(r"(.+?),? (?:and |und |& )?people too").fullmatch(text)
    ):
        first = own.get(fold(also.group(1)))
        under = f"write  {first}  and below this line  people too: yes"
        return ("people too:  is a line of its own", under, None) if first else None
    if kind != "condition" or asked_of(text, names) is None:
        return None
    several = [own[fold(piece.strip())] for piece in shape(JOINTS).split(text)]
    if not shape(r".* (?:or|oder) .*|.*[/|].*").fullmatch(text):
        return "several names stand in brackets", f"write  [{', '.join(several)}]", None
    lines = "  and  ".join(f"- condition: {each}" for each in several)
    return "condition:  asks for all its names", f"write  any of:  and below it  {lines}", None


def asked_by_name(text: str, names: tuple[str, ...]) -> str | None:
    """How named conditions that stand in one text are asked for in a line; None where none are named."""
    if text in names:
        return f"write below it  condition: {text}"
    told = _of_a_name("condition", text, names)
    under = told[1] if told else None
    return under and under.replace("write  [", "write  condition: [").replace(
        "write", "write below it", 1
    )


def _asked_among(kind: str, text: str, names: tuple[str, ...]) -> str | None:
    """Ask which of several names is meant, or for the one among other words: `in hours desk`."""
    words = shape(r"[\p{L}\p{N}_-]+").findall(fold(text))
    said = f" {' '.join(words)} "
    found = [name for name in names if f" {fold(name)} " in said]
    is_sure = len(found) == 1 and {*words}.isdisjoint(_TURNED.split(","))
    is_asked = is_sure and kind in ("calendar", "condition")
    return asked(found[0]) if is_asked else asked_of(text, names)


_TURNED = "not,no,never,nicht,kein,keine,nie,and,und,or,oder,but,aber,except,ausser,outside,ausserhalb,without,ohne"
"""Words beside a name that may turn it round, or join it with another."""


def _to_declare(name: str, opens: str) -> str:
    """How hours that have no name yet get one."""
    own = name if is_name(name) else "NAME"
    always = "; where it is to be done at all times delete the line"
    always *= opens == "mon-sun 00:00-24:00"
    return f"{always}; for others write  {own}:  there, and below it  open: {opens}"


def _same_hours(name: str, opens: str, names: tuple[str, ...]) -> str | None:
    """Ask for the only hours that there are, where a name says the same, or times stand in its place."""
    is_same = not is_name(name) or opens == as_hours(names[0])
    return asked(names[0]) if len(names) == 1 and is_same else None


def _is_misnamed(reading: Reading, part: str) -> bool:
    """Whether a part of the policy is not there, while another stands under a name that is none."""
    root = reading.document.root
    entries = root.entries if isinstance(root, Mapping) else ()
    strange = any(
        key.value not in POLICY.keys for key, tree in entries if isinstance(tree, Mapping)
    )
    return strange and all(key.value != part for key, _ in entries)


def undeclared(reading: Reading, kind: str, name: str) -> str:
    """What to do about a name that the policy does not declare."""
    names, part = reading.declared.get(kind, ()), DECLARED[kind]
    if names:
        return f"a name from  {part}:  stands here; the policy has {listed(names, 'and')}"
    below = f" and below it  {name}:" if is_name(name) else ""
    return f"the policy has no  {part}:  yet; write it at the top{below}"


def unknown(kind: str, name: str) -> str:
    """Say that a name is not declared."""
    if kind == "calendar":
        return f'no hours are called "{name}"' if name else "the name of the hours is missing here"
    return f'there is no {kind} "{name}"' if name else f"the name of a {kind} is missing here"
