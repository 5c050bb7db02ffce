"""Texts that are looked for as a whole, where words around them were meant to say how: `uses the word promo`.

Any of them may be meant as it stands, so all of this only warns.
"""

from __future__ import annotations

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.language.list_file import path_beside
from reviewbot.policy.language.meant import meant_test
from reviewbot.policy.language.reader import Reading, first_line
from reviewbot.policy.language.yaml import Scalar, Sequence
from reviewbot.policy.locales import territory_named
from reviewbot.policy.model import FactTest
from reviewbot.policy.notations import as_dates
from reviewbot.policy.operators import OneOf, Range, TextTest
from reviewbot.policy.operators.phrases import TEXTS, begins
from reviewbot.policy.text_forms import asked, fold, shape

_WORDS = r"(?:(?:the |any |some |das |dem )?(?:word|words|text|phrase|keyword|keywords|wort|worte)(?: of)?:? )?"
_HAS = (
    rf"(?:says?|saying|said|tells|reads|shows|uses?|quotes|names|there is|have|hat|about|(?:some|any)thing about"
    rf"|(?:if|when) (?:it )?contains|similar to|ilike|contains_any|contains all|exact|only|just|all of) {_WORDS}(.+)"
    rf"|(?:the )?(?:word|words|keyword|keywords):? (.+)"
    rf"|(.+?) (?:in it|in (?:the )?text|inside|anywhere|included|is in it|appears|exists|is mentioned|comes|vorhanden)"
)
_LACKS = (
    rf"(?:without|ohne|lacks|lacking|missing|exclude|omits|free of|not with|not has|hasn'?t|(?:does not|doesn'?t|did not|didn'?t)"
    rf" (?:have|say|use|contain)|there is no|nothing (?:about|with)|(?:any|some)thing without|(?:the )?(?:text|comment) without"
    rf"|(?:the )?(?:text|comment|it) (?:doesn'?t|does not) (?:contain|include|mention|have|say)|no longer contains"
    rf"|hardly contains|hat kein\p{{L}}*|hat nicht|not (?:like|similar to|match)|not[-_]contains|no|kein\p{{L}}*) {_WORDS}(.+)"
    r"|(.+?) (?:(?:is |are )?not (?:included|mentioned|in it|in (?:the )?text)|(?:is |are )?missing|does not appear"
    r"|doesn'?t appear|kommt nicht vor|(?:ist )?nicht enthalten|fehlt)"
)
_AT_END = r"(?:contains )?(.+?) (?:at the end|am ende)"
_AT_START = (
    r"(?:contains )?(.+?) (?:at (?:the )?(?:start|beginning)|am anfang)|starting (.+)|start (.+)"
)


def _around(form: str, text: str) -> str | None:
    """What stands within the words of a form; None where the text is not of it."""
    found = shape(form).fullmatch(text)
    return next(filter(None, found.groups()), None) if found else None


def _spoken(text: str) -> str | None:
    """The test that a few words of a sentence ask for."""
    turned = text.startswith("not ")
    own = text.removeprefix("not ") if turned else text
    for form, words in (
        (_LACKS, "not contains"),
        (_AT_END, "ends with"),
        (_AT_START, "starts with"),
        (_HAS, "contains"),
    ):
        said = text if words == "not contains" else own
        if inside := _around(form, said):
            return f"{'not ' * (turned and said is own)}{words} {inside}"
    return None


def warn_words(reading: Reading, scalar: Scalar, fact: Fact) -> None:
    """Warn of `has promo`, `uses the word promo` or `promo` alone, which only that very text equals."""
    if scalar.quoted or scalar.broken or scalar.value.startswith("exactly "):
        return
    found = begins(scalar.value, TEXTS)
    meant = meant_test(reading, scalar.value, fact) if found and found[2] else None
    test = meant.text if meant is not None else None
    if test is None and fact.name.endswith("_text"):
        own = scalar.value.removeprefix("not ")
        alone = "not " * (own != scalar.value) + f"contains {own}"
        test = _spoken(scalar.value) or (alone if own.isalnum() else None)
    if test:
        message = "all of this is the one text that is looked for"
        cure = f"for the text itself write  exactly {scalar.value}"
        reading.warn("P112", scalar.span, message, under=asked(test), cure=cure)


_NO = r"(no|not|never|without|ohne|kein\p{L}*|neither|none of|nicht|!) ?(.+)"
_FRAMES = (
    r"(?:the|any|some|das|dem) (?:word|words|text|phrase|wort) (.+)|(?:word|text) (.+)",
    r"(?:only|all of|at least one|twice|==?|~) (.+)",
    r"%(.+)%|/(.+)/|\^?\.\*(.+)\.\*\$?|<(.+)>|[*^](.+)|(.+)[*$]|~(\p{L}.*)",
    r"(.+?),? (?:in (?:the )?text|in it|anywhere|twice|more than once|ignore case|case[- ]insensitive|at least \d+ times|maybe)",
)
_PLACES = ((_AT_START, "starts with"), (_AT_END, "ends with"))
_SECOND = (
    r"(.+?),? (?:and|und|but|aber)? ?(?:not|no|nicht|kein\p{L}*|without|ohne|except|nor|außer) (.+)"
)
_BOTH = r"(.+?) ?(?:[|;]|&&| / ) ?(.+)"


def warn_inside(reading: Reading, scalar: Scalar, fact: Fact, test: TextTest) -> None:
    """Warn of `contains no promo` or `contains promo in the text`, where all behind the test is looked for."""
    if test.exact or scalar.quoted:
        return
    cure = _two_inside(fact, test)
    meant = None if cure else _meant_inside(reading, fact, test)
    if meant is None and cure is None:
        return
    itself = f"if that is meant write  {'not ' * test.negated}{test.kind} exactly {test.text}"
    message = f"all of  {test.text}  is looked for as one text"
    under = asked(meant) if meant else None
    reading.warn(
        "P112", scalar.span, message, under=under, cure=f"{cure};  {itself}" if cure else itself
    )


def _two_inside(fact: Fact, test: TextTest) -> str | None:
    """How `contains a and not b` or `contains a | b` is written: the second text has a line of its own."""
    no = "not " * test.negated
    second = shape(_SECOND).fullmatch(test.text)
    if second is not None and not shape(_NO).fullmatch(test.text):
        first, other = second.groups()
        here = f"{no}{test.kind} {first}"
        return f"write  {here}  and below it  none of:  with  - {fact.name}: {test.kind} {other}"
    two = shape(r"(\S+) (?:and|und) (\S+)").fullmatch(test.text)
    if two is not None and test.kind == "contains" and not test.negated:
        line = f"- {fact.name}: contains {two.group(2)}"
        return (
            f"if both are meant write  contains {two.group(1)}  and below it  any of:  with  {line}"
        )
    both = shape(_BOTH).fullmatch(test.text)
    if both is None:
        return None
    lines = "  and  ".join(f"- {fact.name}: {test.kind} {piece}" for piece in both.groups())
    return f"write  {'none' if test.negated else 'any'} of:  and below it  {lines}"


def _meant_inside(reading: Reading, fact: Fact, test: TextTest) -> str | None:
    """The test that words around the text that is looked for ask for."""
    text, no = test.text, "not " * test.negated
    for name in reading.declared.get("list", ()):
        if fact.name.endswith("_id") and text in (name, f"list {name}"):
            return f"{no}in list {name}"
    if denied := shape(_NO).fullmatch(text):
        return f"{'not ' * (not test.negated)}{test.kind} {denied.group(2)}"
    places = _PLACES if test.kind == "contains" else ()
    forms = (*places, *((form, test.kind) for form in _FRAMES))
    found = ((words, _around(form, text)) for form, words in forms)
    return next((f"{no}{words} {inside}" for words, inside in found if inside), None)


def warn_beyond(reading: Reading, scalar: Scalar, fact: Fact, test: FactTest) -> None:
    """Warn of an end of a range beyond what a fact is by the documents, and of a wait beyond the deadline."""
    ends = [end for end in test.boundaries() if isinstance(end, int | float)]
    if fact.name == "task.waiting_for" and any(end > WINDOW for end in ends):
        message = "no task waits longer than 72h: it is paid by silence then"
        cure = "write a shorter time, or delete the line"
    elif isinstance(test, Range) and None not in (test.low, test.high) and fact.high is not None:
        if not ends or max(ends) <= fact.high or min(ends) > fact.high:
            return
        message = f"{fact.name} is at most {fact.high:g} by what the API documents"
        meant = scalar.value.replace(f"{max(ends):g}", f"{fact.high:g}")
        cure = f"write  {meant},  or keep it if that is meant"
    else:
        return
    reading.warn("P211", scalar.span, message, cure=cure)


WINDOW = 72 * 3600
"""How long silence takes to pay, in seconds."""
_NOBODY_ELSE = r"(?:no|without|ohne|never|nie|not|(?:every|any)(?:one|body) (?:except|but)|jeder außer|alle außer|all except|all but) (\S+)"
_ALONE = r"(?:only|just|nur|genau|exact|from|is|the|account|id) (\S+)|(\S+) (?:only|nur|\(.*\)|//.*|(?:but |and )?not .*|except .*)|(\S+[^;]);"
_BEGINS = r"starting (\S+)|(\S+) (?:at (?:the )?(?:start|beginning)|am anfang)"
_RANGE = r"(?:from )?(\S+?) ?(?:to|bis|-|–|through|until|\.\.) ?(\S+)"
_EVERYBODY = "all any anyone anybody everyone everybody some alle jeder"


def warn_ids(reading: Reading, scalar: Scalar, fact: Fact) -> None:
    """Warn of an id with a blank or a sign that parts several: nothing would equal it."""
    own = scalar.value.removeprefix("not ")
    if not fact.name.endswith("_id") or scalar.quoted or scalar.value.startswith("exactly "):
        return
    no, cure = "not " * (own != scalar.value), "write the id as the account has it"
    message = f'no account has an id such as "{scalar.value}"'
    if shape(_RANGE).fullmatch(own) and (" " in own or ".." in own):
        meant = []
        cure = f"write each of the ids between them into brackets:  {no}[…, …]"
    elif (meant := _everybody(reading, own, no)) or shape(r".*[ ;/|&%?+\[\]].*").fullmatch(own):
        meant = meant or _id_meant(own, no)
    else:
        return
    under = asked("  or  ".join(meant)) if meant else None
    reading.warn("P315", scalar.span, message, under=under, cure=cure)


def _everybody(reading: Reading, own: str, no: str) -> list[str]:
    """What `all`, `nobody` or `lists.watched` would be instead of the id of one account."""
    if own.casefold() in _EVERYBODY.split(" "):
        return ["known"]
    if own.casefold() in ("nobody", "noone", "niemand"):
        return ["unknown"]
    lists = [name for name in reading.declared.get("list", ()) if fold(name) in fold(own)]
    if not lists or " " in own:
        return []
    no = no or "not " * own.casefold().startswith(("not", "no", "un"))
    return [f"{no}in list {max(lists, key=len)}"]


def warn_listed(reading: Reading, scalar: Scalar, fact: Fact) -> None:
    """Warn of `[watched]`, the name of a list in brackets where ids stand."""
    if fact.name.endswith("_id") and scalar.value in reading.declared.get("list", ()):
        message = f'"{scalar.value}" is the name of a list, and would be the id of one account here'
        cure = "a list is asked alone, without brackets"
        reading.warn(
            "P112", scalar.span, message, under=asked(f"in list {scalar.value}"), cure=cure
        )


def _id_meant(own: str, no: str) -> list[str]:
    """What an id with more in it may be: another test, or several ids."""
    if inside := _around(_NOBODY_ELSE, own):
        return [f"{'' if no else 'not '}{inside}"]
    if inside := _around(_BEGINS, own):
        return [f"{no}starts with {inside}"]
    if inside := _around(_ALONE, own):
        return [f"{no}{inside}"]
    if wild := shape(r"([^%?\[\]]+)(?:%|\?|\[.*\][*+]?)").fullmatch(own):
        return [f"{no}starts with {wild.group(1)}"]
    pieces = [piece for piece in shape(r" ?[;/|&+] ?| ").split(own) if piece]
    meant = [f"{no}[{', '.join(pieces)}]"]
    if own.split(" ") == pieces and len(pieces) == 2:
        meant = [*(f"{no}{sign.join(pieces)}" for sign in "-_"), *meant]
    return meant


def warn_country(reading: Reading, scalar: Scalar, fact: Fact, test: OneOf) -> None:
    """Warn of a country by its name: the API tells two letters, so nothing would equal it."""
    if not fact.name.endswith(".country"):
        return
    for value in (str(value) for value in test.values):
        code = territory_named(value)
        if len(value) != 2 or code is not None:
            message, cure = f'"{value}" is not how a country is told', "countries have two letters"
            under = None if code is None else f"did you mean  {code}  ?"
            reading.warn("P315", scalar.span, message, under=under, cure=cure)


def warn_blanks(reading: Reading, name: str, fact: Fact) -> None:
    """Warn of values with a blank in a list that is asked of an id, which has none: nothing would equal them."""
    named = reading.lists.get(name)
    if named is None or not fact.name.endswith("_id"):
        return
    path = path_beside(reading, named.file) if named.file else None
    # Split first: an expression for each of a list's ids, asked by many rules, took half of the reading.
    broken = [entry for entry in named.entries if entry.id.split() != [entry.id]]
    spaced = [entry for entry in broken if shape(r"\p{Zs}").search(entry.id)]
    for entry in spaced[:_MOST_NAMED]:
        place = first_line(entry.span)
        if any(each.span == place for each in reading.findings):
            continue  # it was told already, for another test or another reason
        message = f'no account has an id with a blank in it, as "{entry.id}" of this list'
        bound = shape(r"(\S+),? \(?(?:valid )?(?:until|till|bis)(?: zum)? (.*\d.*?)\)?").fullmatch(
            entry.id
        )
        if bound is not None and len(days := as_dates(bound.group(2))) == 1:
            meant = f"id: {bound.group(1)}  and below it  until: {days[0]}"
            reading.add("P315", place, message, under=f"write  {meant}", path=path)
            continue
        under = asked("  or  ".join(sign.join(entry.id.split()) for sign in ("-", "_", "")))
        cure, quiet = "write the id as the account has it", Severity.WARNING
        reading.add("P315", place, message, severity=quiet, under=under, cure=cure, path=path)


_MOST_NAMED = 5


def warn_ends(reading: Reading, sequence: Sequence, fact: Fact) -> None:
    """Warn of `[0.80, 0.95]` of a likeness, which are two values and no range."""
    texts = [item.value for item in sequence.items if isinstance(item, Scalar)]
    if fact.type is FactType.SCORE and len(texts) == 2 and not {*texts} & {"0", "1"}:
        message = "two values are meant here, and none between them"
        under, cure = asked(f"between {' and '.join(texts)}"), "keep it if just these are meant"
        reading.warn("P112", sequence.span, message, under=under, cure=cure)
