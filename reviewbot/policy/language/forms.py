"""The three forms of a policy (one text, entries with dashes, lines with names) in a desk's words."""

from __future__ import annotations

from functools import cache

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Fix, Span
from reviewbot.policy.language.grammar import (
    NAMED,
    PART,
    PARTS,
    POLICY,
    GrammarSection,
    Key,
    inside,
)
from reviewbot.policy.language.lines import FACTS, FREE_TEXTS
from reviewbot.policy.language.repair import quoted
from reviewbot.policy.language.synonyms import KEYS, OF_OTHERS, VALUES, meaning, meaning_inside
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument
from reviewbot.policy.text_forms import asked, did_you_mean, fold, listed, nearest, only_cure, shape

_PARTS = (PART, PARTS, NAMED)
LINES = "lines below it, each with a name and a colon"
ENTRIES = "entries below it, each beginning with a dash"
OF_NOTHING = "write what is meant, or delete the line"
"""Where a list is empty: whether none or all is meant is in doubt."""


def with_own(tree: Tree | None, section: GrammarSection) -> str:
    """How a section is written that holds what stands in its place: her value behind its first key."""
    if not isinstance(tree, Scalar) or "\n" in tree.value:
        return section.example
    value, keys = tree.value.strip(), section.keys
    said = f"`{value.casefold()}`"
    fitting = [row.name for row in keys.values() if said in row.kind.words]
    needed = [row.name for row in keys.values() if row.required and row.kind not in _PARTS]
    first, _, rest = value.partition(" ")
    spelt = only_cure(first, keys) or meaning(first, KEYS, keys) if rest else None
    if spelt is not None:  # `opens mon-fri 09:00-18:00`, without its colon
        return f"{spelt}: {rest.lstrip(' :=')}"
    framed = shape(r"/(.+)/[a-z]*").fullmatch(value)
    if framed and needed == ["regex"]:
        return f"regex: {quoted(framed.group(1))}"
    names = fitting or needed
    return f"{names[0]}: {value}" if names else section.example


def both_in_one(key: str, first: Tree, second: Tree) -> str:
    """What to do about a key that stands twice: both values in one list, where it takes several."""
    texts = [tree.value for tree in (first, second) if isinstance(tree, Scalar)]
    if key in _many() and len(texts) == 2:
        return f"write both in one line:  {key}: [{', '.join(texts)}]"
    return "keep one of them; other tools would silently drop one"


def in_lines(tree: Sequence) -> str:
    """What to do about a list where lines stand: `[a: 1, b: 2]`, or each behind a dash of its own."""
    first = tree.items[0] if tree.items else None
    heads = first.entries[:2] if isinstance(first, Mapping) else ()
    if len(heads) == 2 and heads[0][0].value == "name" and isinstance(heads[0][1], Scalar):
        own = heads[0][1].value
        below = ",  without  when:" * (heads[1][0].value == "when")
        return f"write  {own}:  in place of  - name: {own},  and below it its lines{below}"
    pairs = [pair for item in tree.items if isinstance(item, Mapping) for pair in item.entries]
    if len({key.span.line for key, _ in pairs}) > 1 or len(pairs) < 2:
        return "remove the dashes"
    texts = (f"{key.value}: {value.value}" for key, value in pairs if isinstance(value, Scalar))
    return f"write below it, without brackets,  {'  and  '.join(texts)}"


def only_text(tree: Tree) -> str | None:
    """The one text in a list or in braces, where there is no other."""
    texts = tree.items if isinstance(tree, Sequence) else ()
    if isinstance(tree, Mapping) and len(tree.entries) == 1:
        key, value = tree.entries[0]
        texts = (key,) if isinstance(value, Scalar) and not value.value else ()
    only = texts[0] if len(texts) == 1 else None
    return only.value if isinstance(only, Scalar) else None


def text_below(tree: Tree) -> str | None:
    """The text that stands below its name in one line: `then: escalate` below `when over:`."""
    key, value = (
        tree.entries[0] if isinstance(tree, Mapping) and len(tree.entries) == 1 else (None, None)
    )
    is_name = key is not None and key.value in ("then", "text", "value", "name", "to", "who")
    return value.value if is_name and isinstance(value, Scalar) else None


def one_or_more(tree: Tree | None) -> tuple[Tree, ...]:
    """Take a value or a list of values as a list."""
    if tree is None:
        return ()
    return tree.items if isinstance(tree, Sequence) else (tree,)


def names_in_braces(tree: Tree) -> str | None:
    """A list that was written as `{a, b}`, in brackets."""
    pairs = tree.entries if isinstance(tree, Mapping) else ()
    if not pairs or any(not isinstance(value, Scalar) or value.value for _, value in pairs):
        return None
    return f"[{', '.join(key.value for key, _ in pairs)}]"


def several_as_one(what: str, texts: list[str]) -> str | None:
    """What to write in place of several texts: a sentence that was cut at its commas, or one of a few."""
    if what.rstrip(":") in FREE_TEXTS and texts:
        return f"write  {', '.join(texts)}"
    return asked("  or  ".join(texts)) if 1 < len(texts) < 6 else None


def begun(tree: Mapping, example: str) -> str:
    """How the first entry would begin in a list."""
    name = tree.entries[0][0].value if tree.entries else "name"
    inner = tree.entries[0][1] if name in set(Action) else None
    if isinstance(inner, Mapping) and inner.entries:
        key, value = inner.entries[0]
        line = f"{key.value}: {value.value}" if isinstance(value, Scalar) else f"{key.value}: …"
        return f"name: …  and below it  when:  with  {line},  and  then: {name}"
    holds = bool(tree.entries) and isinstance(tree.entries[0][1], Mapping)
    return f"name: {name}" if holds and "name:" in example else f"{name}: …"


def kind_of(tree: Tree) -> str:
    """What stands there, in words."""
    if isinstance(tree, Scalar):
        return "a text"
    return "a list" if isinstance(tree, Sequence) else "lines with names and colons"


_MOST_WORDS = 3
"""No key of the language has more words."""
_MOST_HOMES = 3


@cache
def _many() -> frozenset[str]:
    """Keys behind which several values may stand, apart from the groups of tests."""
    rows = [key for _, section in _sections() for key in section.keys.values()]
    return frozenset(row.name for row in rows) - {row.name for row in rows if not row.many}


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Where each key of the language stands: the keys above it, and nothing for the top."""
    homes: dict[str, tuple[str, ...]] = {}
    for above, section in _sections():
        for name in section.keys:
            if above not in homes.get(name, ()):
                homes[name] = (*homes.get(name, ()), above)
    return homes


def _sections() -> list[tuple[str, GrammarSection]]:
    """Every section of the language, with what its keys stand under."""
    ahead: list[tuple[str, GrammarSection]] = [("", POLICY)]
    seen: list[GrammarSection] = []
    for above, section in ahead:
        seen.append(section)
        for key in section.keys.values():
            ahead += [(_above_of(above, key), part) for part in inside(key) if part not in seen]
    return ahead


def _above_of(above: str, key: Key) -> str:
    """What the lines below a key are said to stand under: a part of the policy, or the key itself."""
    return key.name if not above or key.kind not in _PARTS else above


def home_of(key: str, value: str | None = None) -> str | None:
    """Where a key that stands in a wrong place belongs, with her value; None where it belongs nowhere."""
    homes = _homes().get(key, ())
    if not 0 < len(homes) <= _MOST_HOMES:
        return None
    written = f"{key}: {value}" if value and "\n" not in value else f"{key}:"
    if homes[0] == "":
        return f"write  {written}  at the top of the policy, in column 1"
    places = listed(f"{home}:" for home in homes)
    return f"write  {written}  below  {places}"


_TURNED = r"\b(?:not|nicht|no|never|nie|niemals|don'?t|kein\p{L}*|unless|outside|ausserhalb|except|ausser|without|ohne)\b"
"""Words that turn a key round, of which no other name of it is to be made."""
_PER_TIME = r"(?:max |maximum )?(approvals|disputes|money approved|money|payments|budget) (?:per|a|each|pro) (day|hour|tag|stunde)"
"""A limit whose key names the time that it counts in."""


def _is_denied(key: str) -> bool:
    """Whether a key is denied or says its own time, and so is no other name of one without that."""
    said = fold(key)
    return (shape(_TURNED).search(said) or shape(_PER_TIME).fullmatch(said)) and said not in KEYS


def meant_key(
    said: str, tree: Tree, section: GrammarSection, free: list[str], *, alone: bool
) -> tuple[str | None, str | None, str | None]:
    """The key that one which is unknown, and perhaps `alone`, stands for: surely, likely, and how to ask for it."""
    if _is_denied(said):
        return None, None, None
    sure = only_cure(said, free)
    meant = sure or meaning(said, KEYS, free)
    inside = meant or meaning_inside(said.replace("_", " "), KEYS, free)
    rows = section.keys
    near = asked(inside) if inside else None if home_of(said) else did_you_mean(said, rows)
    needed = [name for name in free if rows[name].required and not rows[name].actions]
    text = tree.value if alone and isinstance(tree, Scalar) else None
    if meant is None and text is not None and len(needed) == 1 and len(rows) < 5:
        return None, needed[0], asked(f"{needed[0]}: {text}".strip())
    return sure, meant or next(iter(nearest(said, needed)), None), near


def cure_of_stranger(key: str, tree: Tree, names: tuple[str, ...]) -> str:
    """What to do about a key that is none of these names and near to none."""
    value = tree.value if isinstance(tree, Scalar) else None
    if (own := _of_entries(key, names) or _in_its_part(key, value, names)) is not None:
        return own
    if shape(_TURNED).search(fold(key)) and home_of(key) is None:
        return _denied(fold(key), names)
    if len(key.split()) > _MOST_WORDS:
        return f"if it is a remark write  # {key}"
    said = OF_OTHERS.get(fold(key), (None,))[0] if "then" in names else None
    if key in FACTS:
        said = f"write  {key}: {value}  below  when:  of a rule" if value else None
    elsewhere = home_of(key, value) or home_of(meaning(key, KEYS, _homes()) or "", value)
    return said or elsewhere or f"it takes {listed(names)}"


def _of_entries(key: str, names: tuple[str, ...]) -> str | None:
    """What to do about an end or a note below the file of a list."""
    own = key if key in ("until", "note") else meaning(key, KEYS, ("until", "note"))
    if "column" not in names or own is None:
        return None
    return f"each entry has its own, in a column of the file called  {own}"


def _denied(key: str, names: tuple[str, ...]) -> str:
    """What to do about a key that is denied: `no repeat`, `not when`, `do not remind`."""
    said = str(shape(rf"\b(?:do|does|is|must|may|the) |{_TURNED}").sub("", key))
    said = " ".join(said.split())
    own = next((name for name in names if name in (said, f"{said} too")), None)
    if own in ("when", "when any"):
        return "write  unless:  beside  when:,  or put  not  behind the colon of a test"
    if own in ("act during", "disputes during", "approvals during"):
        return (
            f"hours that are outside of it get a name under  hours:,  which stands behind  {own}:"
        )
    if own in ("repeat", "shadow", "people too", "fallback exempt"):
        return f"write  {own}: no"
    named = f"{own}:  is" if own else "a key is"
    return f"{named} not denied: say what is to be, or delete the line"


def _in_its_part(key: str, value: str | None, names: tuple[str, ...]) -> str | None:
    """What to do about a key that only the part it stands in can tell."""
    said = _of_a_statement(key, value or "", names)
    if said is None and "limit" in names:
        return _of_a_rule(key, value)
    is_guardrail = said is None and "money approved" in names
    return _of_a_guardrail(fold(key), value) if is_guardrail else said


def _of_a_statement(key: str, value: str, names: tuple[str, ...]) -> str | None:
    """Where an exception belongs, and `always:` of a statement, which has none."""
    whos = ("deadline", "people")
    who = value if value in whos else meaning(value, VALUES, whos)
    if who is not None and "but" in names:
        return f"write  but: {who}"
    if fold(key) in ("never", "never then", "not") and "but" in names and value:
        return f"write  then: {value}"
    if fold(key) == "always" and "but" in names:
        return "for every task write  when:  and below it  task.id: known"
    if "when" not in names:
        return None
    if fold(key) in ("unless not", "except not", "ausser nicht"):
        return "a double no: write its lines under  when:,  or under  unless:  with  not  behind the colon"
    is_exception = fold(key) in ("unless", "except", "ausser", "if not", "but not")
    below = "write below  when:  none of:  and there its lines, each behind a dash"
    return below if is_exception else None


_CAPS = ("approvals", "disputes", "disputes per account", "money approved")


def _of_a_rule(key: str, value: str | None) -> str | None:
    """How a limit or a pause of the guardrails is said in a rule."""
    if fold(key).startswith("pause "):
        return "pauses are for all rules: write  pause disputes when:  or  pause approvals when:  below  guardrails:"
    own = shape(r"(?:at most |max\.? |maximal |höchstens )?(\d.*)").fullmatch(value or "")
    cap = key if key in _CAPS else meaning(key, KEYS, _CAPS)
    if own is None or (cap is None and fold(key) not in ("max", "maximum", "cap")):
        return None
    each = own.group(1) if "account" not in key else _for_each(own.group(1))
    here = f"for this rule alone write  limit: at most {each}"
    return (
        f"{here};  for all rules together  {key}: {value}  below  guardrails:"
        if cap == key
        else here
    )


def _for_each(limit: str) -> str:
    """A limit that counts each account alone."""
    return limit if "account" in limit else limit.replace(" per ", " per account per ", 1)


def _of_two_words(key: str, value: str | None) -> str | None:
    """What a guardrail is whose key says more: `disputes per day`, `no disputes during`, `pause disputes unless`."""
    timed, own = shape(_PER_TIME).fullmatch(key), (value or "").removeprefix("at most ")
    if timed is not None and own[:1].isdigit():
        counted = meaning(timed.group(1), KEYS, _CAPS) or timed.group(1)
        period = {"tag": "day", "stunde": "hour"}.get(timed.group(2), timed.group(2))
        return f"write  {counted}: at most {own} per {period}"
    both = shape(r"(?:disputes|approvals) (?:and|und|&) (?:disputes|approvals) during").fullmatch(
        key
    )
    if both is not None:
        return f"write  disputes during: {value}  and below it  approvals during: {value}"
    deeds = [deed for deed in ("disputes", "approvals") if deed in key]
    if len(deeds) != 1 or shape(_TURNED).search(key) is None:
        return None
    if key.startswith("pause"):
        return f"write  pause {deeds[0]} when:  and below it the opposite of these tests"
    return (
        f"write  {deeds[0]} during:  with the name of the hours in which they may be sent;"
        f" those outside of {value} get a name under  hours:"
    )


_LIMITS = r"(?:daily |hourly |day |hour )?(?:limit|cap|maximum|max|limite?s?|grenze)"
_PAUSES = ("pause when", "pause", "stop when", "pause all when")


def _of_a_guardrail(key: str, value: str | None) -> str | None:
    """What a guardrail is that has another name: hours, a pause, a limit for each account, or `limit` alone."""
    if key in ("act during", "hours", "during"):
        return f"write  disputes during: {value}  or  approvals during: {value}"
    if (spoken := _of_two_words(key, value)) is not None:
        return spoken
    if key in _PAUSES:
        return "write  pause disputes when:  or  pause approvals when:"
    if not value:
        return None
    if shape(r".*(?:account|konto|user|manager).*").fullmatch(key):
        each = _for_each(value)
        return f"what each account may get is counted in a rule: write in the one that pays  limit: {each}"
    if value.startswith("at most ") and len(key.split()) > 2:
        return f"a rule has a limit of its own: write in it  limit: {value}"
    if not shape(_LIMITS).fullmatch(key):
        return None
    counts = f"approvals: {value}  or  disputes: {value}"
    return f"write  {f'money approved: {value}' if 'USD' in value else counts}"


def part_of(place: Scalar | tuple[Scalar, int, int]) -> tuple[Scalar, int, int]:
    """A text with the ends of its part, which is all of it where none are named."""
    return (place, 0, len(place.value)) if isinstance(place, Scalar) else place


def fix_of(
    span: Span, length: int, replacement: str | None, whole: tuple[Scalar, str] | None
) -> Fix | None:
    """The cure of the text at a place, or of the `whole` text around it; of what stands on one line."""
    if whole is not None and whole[0].span.line == whole[0].span.end_line:
        return Fix(whole[0].span, whole[1])
    exact = span.line == span.end_line and span.end_column - span.column == length
    return Fix(span, replacement) if replacement is not None and exact else None


def in_quotes(document: YamlDocument, scalar: Scalar) -> str:
    """What to do about a # that cut a text on its line."""
    text = document.lines[scalar.span.line - 1][scalar.span.column - 1 :].strip()
    return f"put quotes around the whole text{f':  {quoted(text)}' * (len(text) <= 100)}"


def cure_of_empty(document: YamlDocument, scalar: Scalar, cut: str) -> str | None:
    """What to do where nothing stands because YAML read a sign of the text otherwise."""
    line = document.lines[scalar.span.line - 1]
    if scalar.style == ">":
        words = "at least" if "=" in line else "more than"
        return f"comparisons are words: write  {words} {line[scalar.span.column :].strip(' =')}"
    if scalar.cut is None:
        return None
    return (
        f"{cut}put quotes around the whole text:  {quoted(line[scalar.cut.column - 1 :].strip())}"
    )
