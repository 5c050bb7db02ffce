"""Moments, caps, days and hours as people say them, in English or German, written as a policy writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.synonyms import PERIODS
from reviewbot.policy.notations import (
    DAY_OF,
    MONEY_WORDS,
    TIME_WORDS,
    as_clock,
    as_count,
    as_dates,
    as_duration,
    as_money,
    as_number,
    as_share,
    as_when,
    plain,
)
from reviewbot.policy.operators.phrases import ABOUT, COMPARISONS, IN_HOURS, NOT, begins
from reviewbot.policy.text_forms import fold, nearest, shape

_END = "before deadline"

STARTS = {"comments": "after confirmed", "accounts": "after first seen"}
"""What a moment after the start of a review is called, by kind of review."""

_ENDS = r"(?:deadline|end|expiry|due|payout|payment|limit|timeout|frist|ende|ablauf|schluss|it expires|it ends|silence)"
_BEFORE = r"(?:before|bevor|prior to|ahead of|until|till|to|bis|vor|left|remaining|in advance|vorher|davor|zuvor|beforehand|earlier|ahead|prior)"
_AFTER = r"(?:after|since|from|nach|seit|ab|later than|past)"
_PLACES = ("before deadline", "when", "once", "opens", "öffnet", "bestätigung", "confirmation")
_OF_CAPS = "per pro je each every for account accounts konto decisions after nach percent prozent"
_PERIOD_OF = {word: names[0] for word, names in PERIODS.items()}
_WORDS = (*_ENDS[3:-1].split("|"), *_BEFORE[3:-1].split("|"), *_AFTER[3:-1].split("|"))
MOMENT_WORDS = (*TIME_WORDS, *_WORDS, *" ".join(STARTS.values()).split(" "), *_PLACES)
CAP_WORDS = (*MONEY_WORDS, *_PERIOD_OF, *COMPARISONS["at most"].split(","), *_OF_CAPS.split())
"""Words of a moment and of a cap: one that is spelt wrong is looked for among them."""


_NOT_THEN = r"(?:not|never|nie|nicht|no) (?:[^ls].*|l[^a].*)|.*\b(?:not|never|nicht|nie|except|außer)(?: [^ls].*|$)"
"""A moment denied, and not `not later than` it."""
_OF_ANOTHER = r".*\b(?:opens?|opening|open|closes?|closing|closed|midnight|noon|öffn\p{L}*|schließ\p{L}*|\d{1,2}:\d\d)\b.*| before (?:confirm|start|creat|post).*"
"""What is counted from something that no moment is counted from."""


_NEXT_DAY = "tomorrow,tomorrow morning,morgen,morgen früh,next day,the next day,am nächsten tag"
_HALFWAY = "halfway,half time,halbzeit,auf halber strecke,in the middle"
SPOKEN_OF = dict.fromkeys(_NEXT_DAY.split(","), "24h {}") | dict.fromkeys(
    _HALFWAY.split(","), f"36h {_END}"
)
"""Moments as people say them, by how they are counted."""
NO_REMINDER = (
    "never,no,none,nobody,no one,nothing,nie,nein,keine,niemand,niemanden,nichts,off,aus,-"
)
"""What stands where nobody is to be reminded."""
BY_CLOCK = (
    r"\b(?:\p{L}*(?:day|tag|woche|week)s?|mornings?|evenings?|nights?|noon|midnight|früh|morgens?|abends?|nachts?"
    r"|mittags?|mittwoch|feierabend)\b"
)
"""Words for days and times of day, which no moment counts from."""


def as_moment(text: str, start: str, calendars: Iterable[str]) -> str | None:
    """Write a moment as a policy does; `start` is how the beginning of a review is named."""
    said = fold(plain(text)).strip(" .:;,")
    if shape(_NOT_THEN).fullmatch(said):
        return None
    said = shape(r"^(before|vor|after|nach) ([^\d]+?):? (\d.*)$").sub("\\3 \\1 \\2", said)
    opens = shape(
        r"(?:when|once|if|as soon as|at|after|until|till|wenn|sobald|bis)? ?(?:the )?(?:opening of )?(.+?)"
        r" ?(?:opens?|is open|open|opening|öffnen|öffnet|offen|offen ist|starts?|begins?|beginnt)?(?: again)?"
    ).fullmatch(said)
    name = opens.group(1).strip() if opens else ""
    same = next((calendar for calendar in calendars if fold(calendar) == name), None)
    near = nearest(name, calendars, most=1) if said.endswith(("opens", "open", "öffnet")) else ()
    if same or near:
        return f"when {same or near[0]} opens"
    turned = shape(r"(?:the )?(.*?) ?(?:-|minus) ?(\d.*)").fullmatch(said)
    if (
        turned
        and (length := as_duration(turned.group(2)))
        and turned.group(1) in ("", "t", "d", "deadline", "end", "ende")
    ):
        return f"{length} {_END}"
    if (counted := _counted_from(said, start)) is not None:
        return counted
    days = as_when(said)
    return days[0] if len(days) == 1 and " " in days[0] else None


def _counted_from(said: str, start: str) -> str | None:
    """A moment that is counted from the deadline or the start; None where it is from anything else."""
    for form, behind in (
        (rf"(.+?) {_BEFORE}\b.*", _END),
        (rf"(.+?) {_AFTER}\b.*{_ENDS}.*", _END),
        (rf"(.+?) {_AFTER}\b.*", start),
        (r"(?:confirmed|start|bestätigt)? ?(?:\+|plus) ?(.+)", start),
        (r"(?:in|after|nach|wait|warte) (.+?)(?: later| danach)?", start),
        (r"(.+?) (?:later|afterwards|danach|später)", start),
    ):
        found = shape(form).fullmatch(said)
        length = as_duration(found.group(1)) if found else None
        if found is not None and shape(_OF_ANOTHER).fullmatch(said[found.end(1) :]):
            return None
        if length is not None and not shape(r"\d\d:\d\d").fullmatch(found.group(1)):
            return f"{length} {behind}"
    return None


_EXCEPTION = r"(.+?),? ?\(?((?:except|außer|unless|but not|not|nicht|only|nur|during|während|on|an|am|in the|if|wenn|falls|when)\b .+?)\)?"


def with_exception(text: str, start: str) -> tuple[str, str] | None:
    """The moment and the rest of `2h before deadline except weekends`; None where nothing else is said."""
    found = shape(_EXCEPTION).fullmatch(plain(text))
    said = found.group(1) if found else ""
    moment = as_moment(said, start, ()) if shape(r".*\d.*").fullmatch(said) else None
    return (moment, found.group(2)) if found and moment else None


def moment_inside(text: str, start: str, calendars: Iterable[str]) -> str | None:
    """The moment with which a text ends: `between 1h and 2h before deadline`."""
    if shape(_NOT_THEN).fullmatch(fold(plain(text))):
        return None
    words, names = plain(text).split(" "), tuple(calendars)
    tails = (" ".join(words[at:]) for at in range(1, len(words) - 1))
    return next((moment for tail in tails if (moment := as_moment(tail, start, names))), None)


def clock_in(text: str) -> str | None:
    """The time of day that a text is; None where it is none."""
    said = fold(plain(text)).removeprefix("at ").removeprefix("um ")
    return None if said.isdigit() else as_clock(said)


def how_long_ago(reading: Reading, text: str, fact: Fact) -> str | None:
    """`older than 6h` of a moment, as a test of how long ago it was."""
    ages = (age for age in reading.facts.values() if age.type is FactType.DURATION)
    age = next((age.name for age in ages if age.paths == ("now", *fact.paths)), None)
    said = plain(text).removesuffix(" ago")
    recent = shape(
        r"(?:in|within|during|not older than|since|innerhalb)(?: of)?(?: the)?(?: last| past| letzten| der letzten)? (.+)"
    )
    within = recent.fullmatch(said.casefold())
    found = begins(said, COMPARISONS)
    words, rest = (
        ("at most", within.group(1)) if within else (found[0], found[2]) if found else ("", "")
    )
    length = as_duration(rest) if rest else None
    words = {"before": "more than", "after": "less than"}.get(words, words)
    if clock_in(rest) is not None and not rest.endswith("h"):
        return None  # a time of day, which is asked by the name of hours
    return None if age is None or length is None else f"{age}: {words} {length}"


def by_the_clock(text: str, calendars: Iterable[str]) -> tuple[str, str, str | None] | None:
    """Days or times of day asked of `now`: what may be meant, what is wrong, and the hours to declare."""
    said = plain(text)
    for phrases in (NOT, IN_HOURS, COMPARISONS):
        said = found[2] if (found := begins(said, phrases)) else said
    opens = "00:00-06:00" if fold(said) in _NIGHT.split(",") else as_hours(said)
    why = "days and times of day are asked by the name of hours"
    names = [f"in hours {name}" for name in calendars]
    if opens is None and clock_in(said) is None:
        is_said = names and shape(_AT_WORK).fullmatch(said)
        return ("  or  ".join(names[:2]), why, None) if is_said else None
    if names and opens is not None and opens.endswith(" 00:00-24:00"):
        return "  or  ".join((*names[:2], f"not {names[0]}")), why, None
    opens = opens or f"{as_clock(fold(said))}-24:00"
    spec = opens if opens[0].isalpha() else f"mon-sun {opens}"
    cure = f"write  hours:  at the top, below it a name, and below that  open: {spec};"
    return "", why, f"{cure}  then here  in hours  and the name"


_AT_WORK = r"(?:the |our |den |der )?(?:working|work|business|office|opening|desk) (?:hours?|time)|(?:arbeits|geschäfts|öffnungs|büro|dienst)zeit(?:en)?"


def day_turned(test: str) -> str | None:
    """`before 2026-12-01` denied, which is after the day before it; None for what has a time of day."""
    found = shape(r"(before|after) (\d{4}-\d\d-\d\d)").fullmatch(test)
    if found is None:
        return None
    step = timedelta(days=-1 if found.group(1) == "before" else 1)
    day = date.fromisoformat(found.group(2)) + step
    return f"{'after' if found.group(1) == 'before' else 'before'} {day.isoformat()}"


_NIGHT = "night,at night,nights,nacht,nachts,in der nacht"


_OTHERWISE = {
    r"\b(?:24|twenty-four|vierundzwanzig) ?(?:h|hours?|stunden)\b": "day",
    r"\b(?:working|business|work|week|werk|arbeits) ?(days?|tage?)\b": "\\1",
    r",? (?:in )?(?:total|overall|altogether|insgesamt|gesamt)$": "",
    r"^((?:at most |max\.? |höchstens )?)-(\d)": "\\1\\2",
    r"(?:\bper |\bpro )?\b(?:today|heute|(?:until|till|bis) (?:midnight|mitternacht))$": " per kalendertag",
    r"\b([1-9]\d{0,2})\.(\d{3})( ?(?:usd|\$|dollar))": "\\1\\2\\3",
    r",$| ?\([^()]*\)$| ?(?:#|//).*$": "",
    r"^(?:=|==|:) *": "",
    r" (?:in total|overall|altogether|insgesamt)\b": "",
    r"^(?:only )?(?:the first|die ersten|nur die ersten) (\d)": "\\1",
    r"\b(?:calendar|kalender) ?(week|month|woche|monat)\b": "\\1",
    r"\b(?:1|one|ein|eine|einem|einer|single) (\p{L}+)$": "\\1",
}


def as_cap(text: str, kind: str) -> tuple[str, bool] | None:
    """Write a cap of `money`, a `count` or a `share` as a policy does; whether nothing in it is a guess."""
    said = fold(plain(text)).strip(" .;!?…").replace("calendar day", "kalendertag")
    after = ""
    for form, put in _OTHERWISE.items():
        said = shape(form).sub(put, said)
    said, account = _per_account(said, kind)
    if behind := shape(r"(.+?),? (?:after|nach|from|ab) (\d+)(?: \p{L}+)?").fullmatch(said):
        said = behind.group(1)
        after = f" after {behind.group(2)} decisions" if kind == "share" else ""
    said, sure = _without_bound(said)
    if ends := shape(r"(?:between |from )?[\d.,]+ ?(?:-|to|and|bis|und) ?(\d.*)").fullmatch(said):
        said, sure = ends.group(1), False
    said, period = _period(said)
    amount, is_whole = _counted(said, kind)
    if amount is None:
        return None
    sure = sure and is_whole
    if times := _days_of(period or ""):
        sure, amount = False, _a_day(amount, times)
        period = "hour" if period == "minute" else "day"
    if period is None and kind != "share":
        sure, period = False, "day"
    window = f" {account}per {period}" if period else ""
    return f"at most {amount}{window}{after}", sure


def _per_account(said: str, kind: str) -> tuple[str, str]:
    """Take off that a cap counts for each account, which only some say."""
    one = shape(
        r"(.*?) ?(?:per|for each|for every|for|each|every|pro|je|an|für|für jede[sn]?|und|and|/) ?(?:account|konto|user|manager|person|creator)s?\b(.*)"
    ).fullmatch(said)
    if one is None:
        return said, ""
    rest = shape(r"^ (?:und|and) (?:per |pro |je )?").sub(" per ", one.group(2))
    return f"{one.group(1)}{rest}".strip(" ,:"), "per account " * (kind == "any")


def as_share_of_all(text: str) -> str | None:
    """The percentage in a limit, as `10%`; None where there is none."""
    found = shape(r".*?([\d.,]+) ?(?:%|percent|prozent).*").fullmatch(fold(plain(text)))
    return as_share(f"{found.group(1)}%") if found else None


MONEY = r".*(?:\$|usd|dollar|cent|¢|ct\b|€|eur|£|gbp|chf).*"


def _amount(said: str, kind: str) -> str | None:
    """Write what a cap counts: `any` is money where a currency stands."""
    kind = "money" if kind == "any" and shape(MONEY).fullmatch(said) else kind
    return {"money": as_money, "share": as_share}.get(kind, as_count)(said)


def _counted(said: str, kind: str) -> tuple[str | None, bool]:
    """Write what a cap counts, and whether all of it: half a task is none."""
    amount = _amount(said, kind)
    if amount is None and kind == "any":
        return as_money(said), False  # `7.50` is no number of tasks
    if amount is not None or kind != "count":
        return amount, True
    whole = (as_number(said) or "").partition(".")[0]
    return (whole if whole.strip("0") else None), False


def _without_bound(said: str) -> tuple[str, bool]:
    """Take `at most` off, before the amount or behind it; whether nothing else stands there."""
    words = begins(said, {**COMPARISONS, "at most": f"{COMPARISONS['at most']},only,limit,cap"})
    fewer = r"(\d+)( (?:per|a|an|each|every|pro|je|am)\b.*)"  # `less than 5 per day`
    if words and words[0] == "less than" and (found := shape(fewer).fullmatch(words[2])):
        return f"{max(0, int(found.group(1)) - 1)}{found.group(2)}", False
    if words is not None:
        about = begins(words[2], ABOUT)
        return (about[2] if about else words[2]).lstrip(": "), words[0] == "at most" and not about
    middle = shape(r"(.*\d.*?),? (?:at most|max|maximum|at max|höchstens|maximal)\b(.*)").fullmatch(
        said
    )
    return (f"{middle.group(1)}{middle.group(2)}" if middle else said), True


_WINDOWS = {"week": Decimal(7), "month": Decimal(30), "minute": Decimal(1) / 60}
"""Times that no cap counts in: how many of those that one does."""


def _days_of(period: str) -> Decimal | None:
    """How many days `12h`, `3d` or a week are; of an hour, how many a minute is."""
    found = shape(r"(\d+)([hsd]).*").fullmatch(period)
    return (
        _WINDOWS.get(period)
        if found is None
        else Decimal(found.group(1)) / (1 if found.group(2) == "d" else 24)
    )


def _a_day(amount: str, times: Decimal) -> str:
    number, _, currency = amount.partition(" ")
    if number.endswith("%"):
        return amount
    whole = max(Decimal(bool(float(number))), (Decimal(number) / times).quantize(Decimal(1)))
    return f"{whole} {currency}".strip()


def _period(said: str) -> tuple[str, str | None]:
    """Take the time off that a cap counts in: `30 usd a day`, `daily: 30`, `30 every 12 hours`."""
    every = shape(
        r"(.+?) (?:every|each|per|within|in|alle|je|pro) (\d+) ?((?:h|s|d|tag).*)"
    ).fullmatch(said)
    if every is not None and every.group(2) not in ("1", "7", "30"):
        return every.group(1), f"{every.group(2)}{every.group(3).replace('tag', 'd')}"
    found = shape(
        r"(.+?) ?(?:/|\||per|a|an|each|every|pro|je|im|am|in|within|in a|for the|every single)?"
        r" ?(\p{L}+|24h|1h|1d|7d|30d)"
    ).fullmatch(said)
    if found is not None and found.group(2) in _PERIOD_OF:
        return found.group(1).strip(" ,/"), _PERIOD_OF[found.group(2)]
    turned = shape(r"(?:per|pro|each|every)? ?(\p{L}+)[:,]? (.*\d.*)").fullmatch(said)
    if turned is not None and turned.group(1) in _PERIOD_OF:
        return turned.group(2), _PERIOD_OF[turned.group(1)]
    return said, None


_GROUPS = {
    "mon-fri": "wochentage weekdays weekday workdays working days business days werktags werktage wochentags "
    "arbeitstage unter der woche",
    "sat-sun": "weekend weekends wochenende am wochenende",
    "mon-sun": "daily every day everyday all week always täglich jeden tag immer all days alle tage any day every night nights nightly"
    " jede nacht nachts every evening abends jeden abend",
}
_OF_HOURS = "to till until through bis from von and und except außer am pm uhr noon midnight"
HOURS_WORDS = (*DAY_OF, *_GROUPS.values(), _OF_HOURS, "feiertage holidays summer winter never")
"""Words of hours: one that is spelt wrong is looked for among them."""


def as_days(text: str) -> str | None:
    """`Monday to Friday`, `Mo-Fr`, `weekdays`, `Sa, So` as `mon-fri`; None where it is no days."""
    text = plain(text).casefold().strip(" ,:;")
    said = text
    text = shape(r"(?:on |from |von |every |jeden |am |each |open )*(.*)").fullmatch(text).group(1)
    for days, words in _GROUPS.items():
        for named in (said, text):
            if named and f" {named} " in f" {words} " and not named.startswith(("day", "der")):
                return days
    if others := shape(
        r"(.+?),? (?:except|but not|without|not|außer|ausser|ohne)(?: on| am)? (.+)"
    ).fullmatch(text):
        return _days_without(as_days(others.group(1)), as_days(others.group(2)))
    pieces = []
    for piece in shape(r",|;|/|\+|&| and | und | or | oder ").split(text):
        ends = shape(r" ?- ?| to | till | until | through | thru | bis (?:zum )?|\.\.+").split(
            piece.strip()
        )
        names = [DAY_OF.get(end.strip(" .")) for end in ends]
        if len(names) > 2 or None in names:
            return None
        pieces.append("-".join(filter(None, names)))
    return ",".join(pieces)


_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _days_without(days: str | None, left_out: str | None) -> str | None:
    """Days of the week without some of them."""
    if days is None or left_out is None:
        return None
    rest = [day for day in _WEEK if day in _each(days) and day not in _each(left_out)]
    return (
        ",".join(rest).replace("mon,tue,wed,thu,fri", "mon-fri").replace("mon-fri,sat", "mon-sat")
        or None
    )


def _each(days: str) -> set[str]:
    """Each day of `mon-fri,sun`."""
    found: set[str] = set()
    for piece in days.split(","):
        first, _, last = piece.partition("-")
        begins, ends = _WEEK.index(first), _WEEK.index(last or first)
        found.update(_WEEK[at % 7] for at in range(begins, ends + 1 + 7 * (ends < begins)))
    return found


_NO_DAYS = r"\b(?:nights?|nachts?|evenings?|abends?|mornings?|vormittags?|afternoons?|never|nie|summer|winter|(?:public )?holidays?|feiertage?)\b"
"""Words for times and days that no hours can name."""


def as_hours(text: str) -> str | None:
    """Days and times in any order, as `mon-fri 09:00-18:00`; whole days where no time is named."""
    if shape(_NO_DAYS).search(text) and not any(char.isdigit() for char in text):
        return None
    text = shape(r"\b(?:noon|midday|mittags?)\b").sub("12:00", plain(text).casefold())
    text = shape(r"(\d{1,2}) ?(?:uhr|h) ?(\d\d)\b").sub("\\1:\\2", text)
    text = shape(r"\b(\d\d)(\d\d)\b").sub("\\1:\\2", text)
    text = shape(r"\b(?:midnight|mitternacht)$").sub("24:00", text)
    text = shape(r"\b(?:midnight|mitternacht)\b").sub("00:00", text)
    clock = r"\d{1,2}(?:[:.h]\d\d(?::\d\d)?)? ?(?:am|pm|a\.m\.?|p\.m\.?|uhr|h)?"
    joint = r"(?:-|to|till|until|bis|and|und)"
    found = shape(
        rf"(.*?)(?:from |von |between |zwischen |, ?)?({clock}) ?{joint} ?({clock})(.*)"
    ).fullmatch(text)
    whole = shape(
        r"(.*?),? ?(?:all day|whole day|ganztags|ganztägig|24/7|24h|24 hours|rund um die uhr)(.*)"
    ).fullmatch(text)
    begun = shape(
        rf"(.*?)(from|after|since|ab|von|until|till|bis) ({clock})(?: on| onwards)?(.*)"
    ).fullmatch(text)
    if found is None and begun is not None and (at := as_clock(begun.group(3))) is not None:
        before, word, _, behind = begun.groups()
        times = f"{at}-24:00" if word in ("from", "after", "since", "ab", "von") else f"00:00-{at}"
    elif found is not None:
        before, start, end, behind = found.groups()
        if (spoken := _times(start, end)) is None:
            return None
        times = spoken
    elif whole is not None:
        before, behind = whole.groups()
        times = "00:00-24:00"
    else:
        before, behind, times = text, "", "00:00-24:00"
    days = f"{before} {behind}".strip(" ,:;()")
    if not days:
        return times
    named = as_days(days)
    return None if named is None else f"{named} {times}"


def with_a_break(text: str) -> str | None:
    """`mon-fri 09:00-12:00, 13:00-18:00` as a list of two."""
    first, _, second = str(shape(r" (?:and|und|or|oder) | ?[/;&+] ?").sub(", ", text)).rpartition(
        ","
    )
    begins, goes_on = as_hours(first), as_hours(second)
    if begins is None or goes_on is None or not any(char.isdigit() for char in first):
        return None
    days = begins.rpartition(" ")[0] if " " not in goes_on else ""
    return f"[{begins}, {f'{days} {goes_on}'.strip()}]"


def _times(start: str, end: str) -> str | None:
    """From one time of day to another; `9-5` ends in the afternoon."""
    if "m" in end and "m" not in start and "uhr" not in start:
        start += "am"
    begins, ends = as_clock(start), as_clock(end)
    if begins and ends and max(ends, "05:00") < begins <= "12:00" and end.strip().isdigit():
        ends = as_clock(f"{end}pm")
    return f"{begins}-{ends}" if begins and ends else None


_SEVERAL_DATES = r",? (?:and|und|&) |, ?|;| ?(?:\bto\b|\bbis\b|\bthrough\b|\buntil\b|--?|\.\.) "


def as_several_dates(text: str) -> list[str]:
    """The days of `24.12. and 25.12.2026`, `25 to 27 December 2026`; none where it is not several."""
    text = text.replace(".-", ". - ").replace(".–", ". - ")
    pieces = [piece.strip(" .") for piece in shape(_SEVERAL_DATES).split(plain(text))]
    tail = shape(r"\d+((?:.*?\D)??(\d{4})?)").fullmatch(pieces[-1])
    tails = ("", f".{tail.group(2)}", tail.group(1)) if tail else ("",)
    meant = [
        next(filter(None, (as_dates(f"{piece}{end}") for end in tails)), ()) for piece in pieces
    ]
    days = [date.fromisoformat(each[0]) for each in meant if len(each) == 1]
    apart = (days[-1] - days[0]).days if len(days) == len(pieces) > 1 else 0
    joint = shape(_SEVERAL_DATES).search(plain(text))
    if (
        joint
        and len(days) == 2
        and apart < 32
        and not shape(r"[,;]|.*(?:and|und|&) ").match(joint.group(0))
    ):
        days = [days[0] + timedelta(days=step) for step in range(apart + 1)]
    return [day.isoformat() for day in days] if apart > 0 else []


def no_date(text: str) -> str | None:
    """What to do about a time of day or the name of a day, which is no date; None where it may be one."""
    if as_dates(text):
        return None
    if as_hours(text) is not None:
        return "closed:  takes dates; write behind  open:  the times at which they are open"
    if not text.replace(" ", "").isalpha():
        return None
    return f"days with a name stand in a list: write  in list {text}  here, and the days under  lists:  at the top"
