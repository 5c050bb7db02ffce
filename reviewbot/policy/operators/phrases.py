"""What people write for the words of a test, in English, German and the signs of other tools."""

from __future__ import annotations

from functools import cache

from reviewbot.policy.text_forms import shape

COMPARISONS = {
    "at least": ">=,=>,≧,reaches,reached,reaching,erreicht,at-least,minimal,least,≥,⩾,min.,mind.,gte,at least,at the least,not lower than,not smaller than,no lower than,upwards of,starting from,starting with,nicht kleiner als,atleast,al least,a minimum of,minimum of,minimum,min,no less than,not less than,no fewer than,not fewer than,not below,not under,from,starting at,mindestens,wenigstens,ab,nicht weniger als,nicht kürzer als,nicht unter,greater than or equal to,more than or equal to,greater or equal to,greater or equal,größer gleich,größer oder gleich,since,seit",
    "at most": "<=,=<,≦,at-most,does not exceed,doesn't exceed,must not exceed,may not exceed,most,≤,⩽,max.,lte,at most,at the most,not higher than,not greater than,no higher than,not exceeding,capped at,nicht größer als,atmost,a maximum of,maximum of,maximum,max,no more than,not more than,not above,not over,up to,till,until,höchstens,maximal,bis zu,bis,nicht mehr als,nicht länger als,no longer than,nicht über,less than or equal to,less or equal to,less or equal,kleiner gleich,kleiner oder gleich",
    "more than": ">,gt,strictly more than,mehr,more as,larger as,greater as,bigger as,higher as,mehr wie,mehr als wie,in excess of,better than,beyond,more expensive than,pricier than,worth more than,teurer als,besser als,more than,more then,more,greater than,greater then,greater,bigger than,bigger,larger than,larger,higher than,higher,above,over,exceeds,exceeding,older than,longer than,mehr als,größer als,größer,über,höher als,älter als,länger als,later than",
    "less than": "<,lt,strictly less than,weniger,not reached,less as,smaller as,lower as,fewer as,weniger wie,cheaper than,cheaper,worse than,short of,worth less than,billiger als,günstiger als,less than,less then,less,fewer than,fewer,smaller than,smaller,lower than,lower,below,under,beneath,younger than,shorter than,weniger als,kleiner als,kleiner,unter,niedriger als,geringer als,kürzer als,jünger als,earlier than",
    "before": "before,prior to,vor",
    "after": "after,nach",
}
OPPOSITES = {
    "at least": "less than",
    "less than": "at least",
    "more than": "at most",
    "at most": "more than",
}
BEHIND = {
    "at least": "at least,at minimum,or more,and more,or above,or higher,and above,and up,or later,and later,oder später,oder öfter,or more often,or greater,or over,oder mehr,und mehr,oder höher,aufwärts,plus,+,minimum,mindestens",
    "at most": "at most,at maximum,or less,or fewer,or below,or lower,and below,and less,or under,oder weniger,und weniger,oder niedriger,maximum,höchstens",
}
"""Comparisons that stand behind their value."""

NOT = "isnt,arent,isn´t,is nt,ain't,wasn't,is not equal to,not equal to,does not equal,doesn't equal,is not,isn't,are not,ist nicht,ist kein,nto,nott,not,!=,<>,≠,=!,!,nicht,kein,keine,except for,except,other than,anything but,anything else than,anything else but,everything else than,alles andere als,etwas anderes als,everything but,außer,ungleich,different from,neither,weder,never,none of,all but,alles außer,all except,everything except,anything except,any except,any but,all other than,alle außer,alle bis auf,alles bis auf,apart from,besides"
IS = "is equal to,equal to,equals to,the same as,same as,identical to,genau gleich,equals,equal,is exactly,is one of,is any of,one of,any of,either,are,is,must be,should be,==,=,:=,:,ist gleich,gleich,ist,entweder,eines von"
TEXTS = {
    "contains": "contains,contain,containing,mention,mentioned,mentioning,contained,included,featuring,talks about,talking about,must contain,must include,should contain,should include,has to contain,text contains,the text contains,comment contains,it contains,if it contains,text with,any text with,something with,anything with,comment with,substring,erwähnt,umfasst,hat das wort,hat den text,text enthält,kommentar enthält,enthält das wort,muss enthalten,mit dem wort,includes,include,including,does contain,does include,does mention,do contain,do include,contains the word,contains word,contains text,enthält,beinhaltet,enthalten,contient,contiene,mentions,has the word,has the text,has word,has,having,holds,with,mit,like",
    "starts with": "begint mit,startet mit,starts by,starting by,starts with,start with,starting with,startswith,starts,begins with,begin with,beginning with,begins,beginnt mit,fängt an mit",
    "ends with": "finishes with,finishing with,ends on,ending on,ends with,end with,ending with,endswith,ends in,ends,endet mit,endet auf,hört auf mit",
    "matches pattern": "matches pattern,matches the pattern,match pattern,matches,match,matching,passt auf,entspricht,regex,pattern",
    "in list": "in list,in the list,in the list of,on list,on the list,on the list of,in lists,in liste,in der liste,auf der liste,auf liste,steht auf der liste,within list,inside list,from list,from the list,listed in,listed on,member of,a member of,the member of,part of,one of list,one of the list,any of list,list,liste,lists,belongs to,appears in,appears on,among,is among,gehört zu,in file,in the file,on the,in the,in der,in den,auf der,on,in,auf,from",
}
NEVER = "never,never before,nie,noch nie,niemals,not yet,noch nicht,not once,never ever,no times,kein mal,noch kein mal,kein einziges mal"
"""What people write for a count that is 0."""
ABOUT = "about,almost,nearly,fast,beinahe,knapp,around,circa,ca.,ca,roughly,approximately,approx.,approx,some,near,close to,~,≈,etwa,ungefähr,rund"
SOME = "a lot,lots,few,positive,non-zero,nonzero,not none,more than none,yes,true,ever,some,any,several,ja,jemals,already,schon,before,one or more,a few,a couple,a couple of,ein paar,einige,mehrere,many,exists,existing"
"""What people write for a count that is not 0."""
IN_HOURS = "in hours,during hours,during,within,inside,while,in the hours,in,on,innerhalb von,innerhalb,während,zu"
"""For the hours of the policy, asked of a moment."""
NOT_TEXTS = {
    "contains": "does not contain,doesn't contain,not contain,do not contain,enthält nicht,enthält kein,excludes,excluding,doesn't include,does not include,without,ohne",
    "starts with": "does not start with,doesn't start with,beginnt nicht mit",
    "ends with": "does not end with,doesn't end with,endet nicht mit",
    "matches pattern": "does not match pattern,does not match,doesn't match",
    "in list": "not in list,not-in list,notin list,not-in,not on list,nicht in liste,nicht auf der liste,nicht in der liste,nicht auf,nicht in,not in the list,not on the list,outside list,outside,not in,not on",
}
_NOTHING = "null,none,nil,\"\",'',empty,missing,undefined,n/a,leer,fehlt,unbekannt,nichts,blank,nothing,~,?,na,nan"
"""What others write where there is no value."""

_FREE = "with,mit,like,from,has,having,holds,no,without,ohne,pattern,regex,part,starts,ends,begins,match,matching"
"""Words with which a text may well begin that is meant as it stands."""


def is_never(text: str) -> bool:
    """Whether a text says that a count is 0: `noch nie`, `kein Kommentar`."""
    said = text.casefold()
    return (
        said in NEVER.split(",")
        or shape(r"(?:no|kein|keine|keinen) \p{L}+").fullmatch(said) is not None
    )


def is_nothing(text: str) -> bool:
    """Whether a text says that there is no value."""
    return text.casefold() in _NOTHING.split(",")


def begins(text: str, phrases: str | dict[str, str]) -> tuple[str, str, str] | None:
    """Find the longest phrase at the start of a text: what it stands for, the phrase, and the rest."""
    folded = text.lower()
    table = phrases if isinstance(phrases, str) else tuple(phrases.items())
    if not folded.startswith(_phrases_of(table)):
        return None
    for phrase, words in _longest_first(table):
        rest = text[len(phrase) :]
        if folded.startswith(phrase) and (
            not rest or not phrase[-1].isalpha() or rest[0] in " :\"'([=<>"
        ):
            return words, text[: len(phrase)], rest.strip()
    return None


_DENIED = "does not,doesn't,doesnt,do not,don't,dont,must not,should not,may not,cannot,can't,didn't,not,never,darf nicht,soll nicht"


def begins_denied(text: str) -> tuple[str, str, str] | None:
    """Find words for a test of texts with a negation in front: what is denied, the words, and the rest."""
    denied = begins(text, _DENIED)
    found = begins(denied[2], TEXTS) if denied else None
    if denied and found and found[2] and found[1].casefold() not in _FREE.split(","):
        return found[0], text[: len(text) - len(found[2])].strip(), found[2]
    verb = begins(text, TEXTS)
    behind = begins(verb[2], "not,no,nicht,kein,keine,keinen,none of") if verb else None
    if verb and behind and behind[2] and verb[1] not in TEXTS:
        rest = str(shape(r"^(?:with|mit|by|on|in|auf) ").sub("", behind[2]))
        return verb[0], text[: len(text) - len(rest)].strip(), rest
    return begins(text, NOT_TEXTS)


def ends(text: str, phrases: dict[str, str]) -> tuple[str, str] | None:
    """Find a phrase at the end of a text: what it stands for, and what stands before it."""
    folded = text.lower()
    for phrase, words in _longest_first(tuple(phrases.items())):
        before = text[: -len(phrase)]
        if folded.endswith(phrase) and before and (before[-1] == " " or not phrase[0].isalpha()):
            return words, before.strip()
    return None


_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
"""How German is typed on other keyboards."""


@cache
def _phrases_of(table: str | tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(phrase for phrase, _ in _longest_first(table))


@cache
def _longest_first(table: str | tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    rows = (("", table),) if isinstance(table, str) else table
    pairs = [(phrase, words) for words, phrases in rows for phrase in phrases.split(",")]
    pairs += [(phrase.translate(_ASCII), words) for phrase, words in pairs if not phrase.isascii()]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))


_TURNED = {
    r"fängt mit (.+) an": "starts with",
    r"hört mit (.+) auf": "ends with",
    r"(?:darf|soll) nicht (.+) enthalten": "not contains",
    r"(?:muss|soll) (.+) enthalten": "contains",
    r"(.+) (?:is in the (?:text|comment)|kommt (?:darin )?vor|ist (?:darin )?enthalten|is (?:included|contained))": "contains",
}
"""Tests of a text whose words stand around it, or behind it."""


_SUBJECT = r"(?:if |wenn )?(?:it|es|(?:the |der )?(?:text|comment|kommentar)) ((?:starts|begins|ends|contains|includes|mentions|does|must|beginnt|endet|enthält) .+)"


def turned_round(text: str) -> str | None:
    """Write `promo kommt vor` or `fängt mit promo an` in the order of a test."""
    if about := shape(_SUBJECT).fullmatch(text):
        return str(about.group(1))
    for form, words in _TURNED.items():
        if found := shape(form).fullmatch(text):
            return f"{words} {found.group(1)}"
    return None


_JOINTS = ' + ~ or ~ oder ~ and ~ und ~ list ~|~&&~,~"~“~„~”'
"""What joins several values, apart by ~."""
_FILES = (".csv", ".xlsx", ".xls", ".txt")


def swallowed(text: str) -> str | None:
    """The words that make a plain text look like a test of values or like several texts; None where none do."""
    if text.startswith("["):
        return None
    for phrases in (NOT_TEXTS, TEXTS, NOT, IS):
        found = begins_denied(text) if phrases is NOT_TEXTS else begins(text, phrases)
        if found is not None and "." in found[2] and " " not in found[2]:
            return found[1]  # `from example.com`: no sentence
        if (
            found is not None
            and found[1].casefold() not in _FREE.split(",")
            and (found[2] or phrases is TEXTS)
        ):
            return found[1]
    if is_size(text):
        return text
    folded = text.casefold()
    joint = next((joint for joint in _JOINTS.split("~") if joint in folded), None)
    if joint is not None:
        return joint.strip()
    return folded[folded.rindex(".") :] if folded.endswith(_FILES) else _wild(text)


def second_test(text: str) -> str | None:
    """The words behind a text that begin a test of their own: `promo and not contains rabatt`."""
    found = shape(
        r".* ((?:and|but|und|aber|or|oder|&) (?:(?:does |do )?not |nicht )?"
        r"(?:contains?|includes?|starts with|ends with|in list|enthält|matches)) .*"
    ).fullmatch(text.casefold())
    found = found or shape(rf".* ({REMARK})").fullmatch(text.casefold())
    return text[found.start(1) : found.end(1)] if found else None


REMARK = r"\((?:case|ignor|any case|egal|gro(?:ß|ss)|klein|exact|not case|whole|only)[^()]*\)"
"""What people add to a text that is looked for; its case is ignored in any event."""


def is_size(text: str) -> bool:
    """Whether a text is a comparison of a number, which no text takes."""
    found = begins(text, COMPARISONS)
    return (
        found is not None and found[2][:1].isdigit() and found[1][:1].isalpha() and " " in found[1]
    )


def _wild(text: str) -> str | None:
    """The sign with which other tools say that any text may stand there."""
    if len(text) > 2 and text[0] == text[-1] == "%":
        return "%"
    if is_expression(text) or turned_round(text):
        return text
    if text.casefold().startswith("like ") and "%" in text:
        return "like"
    return "*" if len(text) > 1 and "*" in (text[0], text[-1]) else None


def as_searched(text: str) -> tuple[str, ...]:
    """`*promo*`, `%promo`, `/promo/i`, `^promo`, `.*(a|b).*` as tests of a text; none where it is no such form."""
    framed = shape(r"/(.+)/[a-z]*").fullmatch(text)
    inner = framed.group(1) if framed else text
    is_regex = framed is not None or is_expression(text)
    first, last = ("^", "$") if is_regex else ("*", "*")
    inner = inner.replace("%", "*") if not is_regex else inner
    at_start, at_end = inner.startswith(first) == is_regex, inner.endswith(last) == is_regex
    if not is_regex and at_start and at_end:
        return ()
    pieces = shape(r"^(?:\(\?i\))?(?:\^|\.?[*+]|\()+|(?:\$|\.?[*+]|\))+$").sub("", inner).split("|")
    if any(
        not piece.strip() or shape(r".*[\[\]\\^$*+?(){}].*").fullmatch(piece) for piece in pieces
    ):
        return ()
    words = {(True, False): "starts with ", (False, True): "ends with ", (True, True): ""}
    return tuple(f"{words.get((at_start, at_end), 'contains ')}{piece.strip()}" for piece in pieces)


def is_expression(text: str) -> bool:
    """Whether a text is a regular expression, as other tools search by them."""
    return bool(
        shape(
            r"/.+/[a-z]*|\^[\p{L}\p{N}(\[\\.].*|\([^()]+\|[^()]+\)|.*(?:\.[*+]|\\[dwsb]|\[[^\]]+\][*+{]|\(\?i\)).*"
        ).fullmatch(text)
    )
