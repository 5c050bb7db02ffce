"""What people write for a value that a policy writes in one way: each is given as the policy writes it.

Two languages (English and German), word processors, spreadsheets and other tools. Nothing here is
taken as meant: a reader that refuses a text asks for what stands here to show it as the cure.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from unicodedata import category, digit

from reviewbot.policy.text_forms import shape

_DASHES = "‐‑‒–—―−﹘﹣－"
_DOUBLE_QUOTES = "“”„‟«»″＂"
_SINGLE_QUOTES = "‘’‚‛‹›′＇´`"
_PLAIN = str.maketrans(
    {
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_DOUBLE_QUOTES, '"'),
        **dict.fromkeys(_SINGLE_QUOTES, "'"),
        "：": ":",
        "，": ",",
        "…": "...",
        "％": "%",
    }
)


def _numbered(rows: str, first: int = 0) -> dict[str, int]:
    """Words by the number of their row."""
    return {w: n for n, row in enumerate(rows.split(","), first) for w in row.split(" ")}


_NUMBERS = _numbered(
    "zero never nie,one a an ein eins eine einer einem einen first 1st once einmal,two zwei second 2nd zweite twice"
    " zweimal,three drei third 3rd dritte dreimal,four vier,five fünf,six sechs,seven sieben,eight acht,nine neun,"
    "ten zehn,eleven elf,twelve zwölf,thirteen dreizehn,fourteen vierzehn,fifteen fünfzehn,sixteen sechzehn,"
    "seventeen siebzehn,eighteen achtzehn,nineteen neunzehn"
)
_TENS = "twenty zwanzig,thirty dreißig,forty vierzig,fifty fünfzig,sixty sechzig,seventy siebzig,eighty achtzig"
_NUMBERS |= {word: 10 * ten for word, ten in _numbered(f"{_TENS},ninety neunzig", 2).items()}
_NUMBERS |= {
    form: _NUMBERS[ten] + unit
    for word, unit in tuple(_NUMBERS.items())
    for ten in f"{_TENS},ninety neunzig".replace(",", " ").split(" ")
    for form in (f"{ten}-{word}", f"{ten} {word}", f"{word}und{ten}")
    if 0 < unit < 10
}
_MANY = {
    "dozen": 12,
    "dutzend": 12,
    "hundred": 100,
    "hundert": 100,
    "thousand": 1000,
    "tausend": 1000,
}
_NUMBERS |= _MANY

_UNITS = {
    "s": "s sec secs second seconds sek sekunde sekunden",
    "m": "m min mins minute minutes minuten",
    "h": "h hr hrs hour hours std stunde stunden stdn",
    "d": "d day days tag tage tagen",
    "w": "w wk week weeks woche wochen",
    "M": "month months monat monate monaten",
}
UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split(" ")}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "M": 30 * 86400}

_MONTHS = _numbered(
    "jan january januar jän jänner,feb february februar,mar march mrz märz maerz,apr april,may mai,"
    "jun june juni,jul july juli,aug august,sep sept september,oct october okt oktober,nov november,"
    "dec december dez dezember",
    1,
)

_OF_DAYS = (
    "mon monday mo montag,tue tues tuesday di die dienstag,wed weds wednesday mi mit mittwoch,thu thur thurs thursday"
    " do don donnerstag,fri friday fr fre freitag,sat saturday sa sam samstag sonnabend,sun sunday so son sonntag"
)
DAY_OF = {word: words[:3] for words in _OF_DAYS.split(",") for word in words.split(" ")}
DAY_OF |= {f"{word}s": day for word, day in list(DAY_OF.items()) if word.endswith(("day", "tag"))}
TIME_WORDS = tuple(UNIT_OF)
DATE_WORDS = (*_MONTHS, *DAY_OF, "end of", "ende")
MONEY_WORDS = ("usd", "us", "dollar", "dollars", "buck", "bucks", "cent", "cents")
SHARE_WORDS = ("percent", "prozent", "half", "quarter", "hälfte", "viertel", "of them", "davon")
"""What people write in such a value: the words that one spelt wrong is looked for among."""


def plain(text: str) -> str:
    """Take away what a word processor puts in: odd spaces, dashes, curly quotes, unseen characters."""
    if not text.isascii():
        spaced = (" " if category(char) == "Zs" else char for char in text)
        text = "".join(char for char in spaced if category(char) not in ("Cf", "Cc"))
        text = "".join(str(digit(char)) if category(char) == "Nd" else char for char in text)
        text = text.translate(_PLAIN)
    text = unescape(text) if "&" in text and ";" in text else text
    return " ".join(text.split())


def bare(text: str) -> str:
    """Take away quotes and brackets around a text, and the stop behind it."""
    text = text.strip().rstrip(".;,!?…").strip()
    while len(text) > 1 and (text[0], text[-1]) in (('"', '"'), ("'", "'"), ("(", ")"), ("<", ">")):
        text = text[1:-1].strip()
    return text


def as_number(text: str) -> str | None:
    """`1,5`, `.5`, `1.000,50`, `1'000`, `three` as a plain number."""
    text = bare(text).casefold()
    sign = "-" if text.startswith("-") else ""
    text = str(
        shape(r"(\d) ?([.,]) ?(\d)").sub(r"\1\2\3", text.removeprefix("-").removeprefix("+"))
    )
    if shape(r"[\doli]+|[\doli]+[.,][\doli]*\d[\doli]*").fullmatch(text):
        text = text.replace("o", "0").replace("l", "1").replace("i", "1")
    if text in _NUMBERS:
        return f"{sign}{_NUMBERS[text]}"
    if many := shape(r"(.+?) ?(?:k|tsd|thousand|tausend)").fullmatch(text):
        number = as_number(many.group(1))
        return None if number is None else _tidy(Decimal(number) * 1000)
    for form in (
        r"(\d+)",
        r"(\d*)\.(\d+)",
        r"([1-9]\d{0,2}(?:[, '_]\d{3})+)(?:\.(\d+))?",
        r"([1-9]\d{0,2}(?:[. '_]\d{3})+),(\d+)",
        r"(\d*),(\d+)",
    ):
        found = shape(form).fullmatch(text)
        if found is not None and len(text) < 16:
            whole, fraction = (*found.groups(), None)[:2]
            digits = "".join(char for char in whole or "0" if char.isdigit())
            return f"{sign}{digits}.{fraction}" if fraction else f"{sign}{digits}"
    return None


_YES = "yes,true,y,on,1,immer,always,ein,eingeschaltet,aktiv,active,enabled,ja,wahr,oui,si,sí,ok,an,✓,✔,x,yeah,yep,verified,found"
_NO = "no,false,n,off,0,nie,inaktiv,inactive,disabled,ausgeschaltet,nein,falsch,non,aus,never,✗,✘,nope,unverified"


def as_yes_no(text: str) -> str | None:
    """`ja`, `on`, `✓` as `yes`, their opposites as `no`."""
    folded = bare(text).casefold()
    return "yes" if folded in _YES.split(",") else "no" if folded in _NO.split(",") else None


_LONGEST_COUNT = 15
"""Digits of a count; what is longer is none, and could not be reckoned with."""


def as_count(text: str) -> str | None:
    """A whole number, also with a noun behind it: `3 times`, `99 Kommentare`, `10x`, `1.000`."""
    count = _counted(text)
    is_whole = count is not None and count.isdecimal() and len(count) <= _LONGEST_COUNT
    return count if is_whole else None


def _counted(text: str) -> str | None:
    text = bare(text)
    text = "6" if text.casefold() in ("half a dozen", "ein halbes dutzend") else text
    if text.casefold() in _NUMBERS or shape(r"[\doli]+").fullmatch(text):
        return as_number(text)
    hundreds = shape(r"(\p{L}+?)[ -]?(?:hundred|hundert)").fullmatch(text)
    if hundreds is not None and (many := as_count(hundreds.group(1))) is not None:
        return str(int(many) * 100)
    if shape(r"[\d.,]+ ?k").fullmatch(text):
        return as_number(text)
    found = shape(r"(.*\d|[\p{L}-]+)(?: ?x|(?:st|nd|rd|th|\.)?(?: \p{L}+)?)?").fullmatch(text)
    if found is None:
        return None
    grouped = shape(r"[1-9]\d{0,2}(\.\d{3})+").fullmatch(found.group(1))
    number = found.group(1).replace(".", "") if grouped else as_number(found.group(1))
    noun = bare(text[found.end(1) :]).casefold()
    if number is None or noun in ("couple", "paar", "few"):
        return None
    if noun in _MANY:
        return _tidy(Decimal(number) * _MANY[noun])
    return _tidy(Decimal(number)) if Decimal(number) == Decimal(number).to_integral() else None


def as_percent(text: str) -> str | None:
    """`87 percent`, `87 Prozent`, `87 %` without its sign."""
    found = shape(
        r"(.+?) ?(?:%|percent|per cent|pct|prozent|v\.?h\.?)(?: (?:of|der|von) .*)?"
    ).fullmatch(bare(text))
    return None if found is None else as_number(found.group(1))


def as_score(text: str) -> str | None:
    """A number from 0 to 1; one of a hundred is divided."""
    percent = as_percent(_PARTS.get(bare(text).casefold(), text))
    number = percent or as_number(text)
    if number is None:
        found = shape(r"(.+?) ?(?:/|out of|of|von) ?(\d{1,3})").fullmatch(bare(text))
        part = as_number(found.group(1)) if found else None
        if found is None or part is None:
            return None
        value = Decimal(part) / (Decimal(found.group(2)) or 1)
    else:
        value = Decimal(number)
        if 0 <= value <= 1 and (percent is None or 0 < value < 1):
            return number  # 0.8% of a likeness is 0.8 with a sign too many
        value = value / 100
    return _tidy(value) if 0 <= value <= 1 else None


_PARTS = dict.fromkeys(("half", "hälfte", "halb"), "50%") | dict.fromkeys(
    ("third", "drittel"), "33%"
)
_PARTS |= dict.fromkeys(("quarter", "viertel"), "25%") | {"all": "100%"}


def as_share(text: str) -> str | None:
    """A percentage with its sign, or a number from 0 to 1."""
    word = shape(r"(?:a |one |the |die |ein(?:e|es)? )?(\p{L}+)(?: of (?:them|all))?").fullmatch(
        bare(text)
    )
    text = _PARTS.get(word.group(1).casefold(), text) if word else text
    text = f"{text[1:].strip()}%" if text.startswith("%") else text
    percent = as_percent(text)
    if percent is not None:
        return f"{_tidy(Decimal(percent))}%"
    if (nth := _every_nth(text)) is not None:
        return f"{_tidy((100 / Decimal(nth)).quantize(Decimal(1)))}%"
    if (
        of_what := shape(r"(\D+) (?:of|der|von|aller) .*").fullmatch(bare(text).casefold())
    ) is not None:
        return as_share(of_what.group(1))
    part = shape(r"(\d{1,3}|\p{L}+) ?(?:/|of|out of|von|in) ?(\d{1,3}|\p{L}+)").fullmatch(
        bare(text)
    )
    some, of = (as_number(each) or "0" for each in part.groups()) if part else ("0", "0")
    if 0 < Decimal(some) <= Decimal(of):
        return f"{_tidy((Decimal(some) * 100 / Decimal(of)).quantize(Decimal(1)))}%"
    number = as_number(text)
    if number is None or Decimal(number) < 0:
        return None
    return number if Decimal(number) <= 1 else f"{_tidy(Decimal(number))}%"


def _every_nth(text: str) -> int | None:
    """The number of `every tenth`, `jeder Zehnte`; None beyond a hundred, of which no whole percent is near."""
    each = shape(r"(?:every|each|jede[rns]?) (\S+)(?: \p{L}+)?").fullmatch(bare(text).casefold())
    ends = ("", "th", "te", "ter", "ten", "tes", "e", "er")
    said = (as_count(each.group(1).removesuffix(end)) for end in ends) if each else ()
    nth = int(next(filter(None, said), 0))
    return nth if 1 < nth <= 100 else None


def as_money(text: str) -> str | None:
    """`20 cents`, `$0.20`, `0,20 dollars` in USD; other currencies are none."""
    text = bare(text).casefold()
    parts = {"half a dollar": "50 cents", "half a buck": "50 cents", "a quarter": "25 cents"}
    text = parts.get(text, f"{text[1:].strip()} cents" if text.startswith("¢") else text)
    cents = shape(
        r"(.+?) ?(?:¢|c|ct|cts|penny|pennies|cent|cents|us cents|usd cents?|us-cent|usd-cent)"
    ).fullmatch(text)
    if cents is not None:
        number = as_number(cents.group(1))
        return None if number is None else f"{Decimal(number) / 100:.2f} USD"
    sign = r"(?:us\$|us[ -]?dollars?|usd|\$|dollars?|bucks?)"
    found = shape(rf"{sign}? ?(.+?) ?{sign}?").fullmatch(text)
    number = as_number(found.group(1)) if found else None
    both = rf"(\d+) ?{sign} ?(?:and |und )?(\d\d)(?: ?(?:¢|ct|cents?))?"
    if number is None and (parts := shape(both).fullmatch(text)):
        number = ".".join(parts.groups())
    if number is None or number.startswith("-"):
        return None
    whole, dot, fraction = number.partition(".")
    return f"{whole}.{fraction:0<2} USD" if dot else f"{whole} USD"


def in_dollars(text: str) -> str:
    """Name the dollar in place of another currency: `20 Euro-Cent` as `20 usd-Cent`."""
    return str(shape(r"€|£|\b(?:euros?|eur|pounds?|gbp|chf|francs?|franken)\b").sub("usd", text))


def as_duration(text: str) -> str | None:
    """`6 hours`, `1,5 Stunden`, `half an hour`, `2 Wochen`, `6:30` as `6h`, `1h30m`, …"""
    text = bare(text).casefold()
    text = text.removeprefix("about ").removeprefix("ca. ").removeprefix("etwa ")
    if shape(r"(half an hour|half hour|eine halbe stunde|halbe stunde|½ ?h)").fullmatch(text):
        return "30m"
    if text in ("yesterday", "gestern"):
        return "1d"
    text = shape(r"(?:half an?|eine[mnr]? halbe[nr]?|halbe[nrs]?) (\p{L}+)").sub("0.5 \\1", text)
    text = shape(r"(?:an? |one )?(\p{L}+) and a half|(?:eineinhalb|anderthalb) (\p{L}+)").sub(
        "1.5 \\1\\2", text
    )
    if turned := shape(r"([hmds])(\d+)").fullmatch(text):
        text = f"{turned.group(2)}{turned.group(1)}"
    if part := shape(r"(\d) ?/ ?(\d) ?(\p{L}+)").fullmatch(text):
        part_of = Decimal(part.group(1)) / max(1, int(part.group(2)))
        text = f"{part_of.normalize():f} {part.group(3)}"
    clock = shape(r"(\d+):([0-5]\d) ?(?:h|hours?|std\.?|stunden?)?").fullmatch(text)
    if clock is not None:
        return _spelled(int(clock.group(1)) * 3600 + int(clock.group(2)) * 60)
    single = shape(r"(\d+) ?-?(\p{L}+)\.?").fullmatch(text)
    if single is not None and UNIT_OF.get(single.group(2), "w") in "smhd":
        return f"{int(single.group(1))}{UNIT_OF[single.group(2)]}"
    seconds = _seconds(text.replace(" and ", " ").replace(" und ", " ").replace(", ", " "))
    is_whole = seconds == seconds.to_integral() and 0 < seconds <= 3650 * 86400
    return _spelled(int(seconds)) if is_whole else None


def _seconds(text: str) -> Decimal:
    """The sum of `2 days 3 hours 10`, where a number alone counts the next smaller unit; 0 for no length."""
    seconds, rest, smaller = Decimal(0), text, ""
    seen: set[str] = set()
    while rest:
        if smaller and rest.isdecimal() and len(rest) < 3:
            rest = f"{rest}{smaller}"
        found = shape(r"([\d.,']+|\p{L}+) ?-?(\p{L}+)\.?(?: ?(.*))?").fullmatch(rest)
        number = as_number(found.group(1)) if found else None
        unit = UNIT_OF.get(found.group(2)) if found else None
        if found is None or number is None or unit is None:
            return Decimal(0)
        if unit in seen:
            return Decimal(0)
        seen.add(unit)
        seconds += Decimal(number) * _SECONDS[unit]
        rest = found.group(3) or ""
        smaller = {"w": "d", "d": "h", "h": "m", "m": "s"}.get(unit, "")
    return seconds


def _spelled(seconds: int) -> str:
    """Write seconds in falling units."""
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def as_dates(text: str) -> tuple[str, ...]:
    """The days that `31.12.2026`, `12/31/2026`, `Dec 31, 2026` can mean, as `2026-12-31`; both ends of a month."""
    text = bare(text).casefold()
    weekday = r"^(?:(?:on|am|the|den|dem|\p{L}+day,?|\p{L}+tag,?|(?:mo|di|mi|do|fr|sa|so)[.,]*) )+"
    text = str(shape(weekday).sub("", text))
    return _of_numbers(text) or _of_names(text)


def _of_numbers(text: str) -> tuple[str, ...]:
    """The days of a date without the name of a month."""
    if found := shape(r"(\d{4})-(\d\d)").fullmatch(text):
        return _month(int(found.group(1)), int(found.group(2)))
    if found := shape(r"(\d{4})[-./ ]?(\d{1,2})[-./ ]?(\d{1,2})").fullmatch(text):
        year, month, day = map(int, found.groups())
        return _days((year, month, day) if month <= 12 else (year, day, month))
    if found := shape(r"(\d{1,2}) ?([-./ ]) ?(\d{1,2}) ?[-./ ] ?(\d{4}|\d{2})").fullmatch(text):
        first, sign, second, year = found.groups()
        years = int(year) + (2000 if len(year) == 2 else 0)
        english = None if sign == "." else (years, int(first), int(second))
        first_is_year = (
            (2000 + int(first), int(second), int(year)) if sign == "-" and len(year) == 2 else None
        )
        return _days((years, int(second), int(first)), english, first_is_year)
    if found := shape(r"(\d{1,2})[./] ?(\d{4})").fullmatch(text):
        return _month(int(found.group(2)), int(found.group(1)))
    if shape(r"[345]\d{4}").fullmatch(text):  # as a spreadsheet counts days
        return ((date(1899, 12, 30) + timedelta(days=int(text))).isoformat(),)
    return ()


def _of_names(text: str) -> tuple[str, ...]:
    """The days of a date with the name of a month, or of the end of a year."""
    end = r"(?:(?:the )?(?:very )?end of|ende|jahresende|till) (?:(\p{L}+) )?(\d{4})"
    if found := shape(end).fullmatch(text):
        return _month(int(found.group(2)), _MONTHS.get(found.group(1) or "dec", 0))[1:]
    if found := shape(r"(\p{L}+)\.? (\d{4})").fullmatch(text):
        return _month(int(found.group(2)), _MONTHS.get(found.group(1), 0))
    nth, named = r"(\d{1,2})(?:st|nd|rd|th|\.)?", r"(\p{L}+)\.?"
    if found := shape(rf"{named} {nth},? (\d{{4}})").fullmatch(text):
        return _days((int(found.group(3)), _MONTHS.get(found.group(1), 0), int(found.group(2))))
    if found := shape(r"(\p{L}{3,})-(\d\d)").fullmatch(text):  # as a spreadsheet shows a month
        return _month(2000 + int(found.group(2)), _MONTHS.get(found.group(1), 0))
    found = shape(rf"{nth}[ -]?(?:of )?{named},?[ -]?(\d{{4}}|\d{{2}})").fullmatch(text)
    if found is None:
        return ()
    day, month, year = found.groups()
    century = 2000 if len(year) == 2 else 0
    return _days((century + int(year), _MONTHS.get(month, 0), int(day)))


def _month(year: int, month: int) -> tuple[str, ...]:
    """The first day of a month and its last."""
    lasts = (_days((year, month, day)) for day in (31, 30, 29, 28))
    return (*_days((year, month, 1)), *next(filter(None, lasts), ()))


def _days(*dates: tuple[int, int, int] | None) -> tuple[str, ...]:
    found = []
    for parts in dates:
        try:
            found.append("" if parts is None else date(*parts).isoformat())
        except ValueError:
            continue
    return tuple(dict.fromkeys(filter(None, found)))


def as_when(text: str) -> tuple[str, ...]:
    """A day, or a day and a time, as `2026-12-31 09:00`."""
    whole = as_dates(text)
    if whole:
        return whole
    found = shape(
        r"(.+?)(?:,| at| um|t)? ?(\d{1,2}(?:[:.h]\d\d(?::\d\d)?)?(?: ?(?:am|pm|uhr|h))?)"
    ).fullmatch(bare(text).casefold())
    time = as_clock(found.group(2)) if found else None
    return (
        ()
        if found is None or time is None
        else tuple(f"{day} {time}" for day in as_dates(found.group(1)))
    )


def as_clock(text: str) -> str | None:
    """`9am`, `9 Uhr`, `9.30`, `9` as `09:00`."""
    found = shape(
        r"(\d{1,2})(?:[:.h](\d\d))?(?::\d\d)? ?(am|pm|a\.m\.?|p\.m\.?|uhr|h|o'clock)?"
    ).fullmatch(text.strip().casefold())
    if found is None:
        return None
    hour, minute = int(found.group(1)), int(found.group(2) or 0)
    half = (found.group(3) or "")[:1]
    if half in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02d}:{minute:02d}" if hour * 60 + minute <= 1440 and minute < 60 else None


def _tidy(number: Decimal) -> str:
    return f"{number.normalize():f}"
