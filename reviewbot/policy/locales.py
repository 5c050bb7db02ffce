"""How a locale writes dates, numbers and money: CLDR's data, by Babel.

Babel takes a while to load, so that is done when the first date or large number is written.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

ENGLISH = "en"
_ROOT = "root"
_SPACES = str.maketrans("\u00a0\u202f\u2009", "   ")
"""Spaces that CLDR puts into numbers and times; a manager's form takes plain ones."""
_OWN_NAMES = {
    "deutsch": "de",
    "englisch": "en",
    "französisch": "fr",
    "spanisch": "es",
    "italienisch": "it",
    "portugiesisch": "pt",
    "niederländisch": "nl",
    "polnisch": "pl",
    "türkisch": "tr",
    "français": "fr",
    "francais": "fr",
    "español": "es",
    "espanol": "es",
    "italiano": "it",
    "português": "pt",
    "portugues": "pt",
    "nederlands": "nl",
    "polski": "pl",
    "türkçe": "tr",
}
_MOST_FIGURES = 6


def locale_named(name: str) -> str | None:
    """The locale of that name, as CLDR writes it (`de`, `pt-BR`); None where there is none."""
    from babel import Locale, UnknownLocaleError

    language, *parts = name.replace("_", "-").split("-")
    if "." in name or language.casefold() == _ROOT:
        return None
    try:
        found = Locale.parse("-".join((language, *parts)), sep="-")
    except (UnknownLocaleError, ValueError):
        return None
    territory = next((part.upper() for part in parts if len(part) in (2, 3)), found.territory)
    if found.language != language.casefold() or found.territory != territory:
        return None
    if not parts and found.territory is not None:
        return None
    return str(found).replace("_", "-")


def locale_names(name: str) -> tuple[str, ...]:
    """The locales of which one was perhaps meant: by the name of its language, else all there are."""
    from babel import localedata

    languages = {words.casefold(): code for code, words in _locale(ENGLISH).languages.items()}
    meant = (languages | _OWN_NAMES).get(name.casefold().strip())
    if meant is not None:
        return (meant,)
    return tuple(sorted(code.replace("_", "-") for code in localedata.locale_identifiers()))


def territory_named(name: str) -> str | None:
    """The two letters of a country by its English or German name, or its own; None where it is none."""
    folded = name.casefold().strip()
    for locale in (ENGLISH, "de", "fr", "es"):
        for code, words in _locale(locale).territories.items():
            if words.casefold() == folded and len(code) == 2:
                return str(code)
    from babel.core import get_global

    others = get_global("territory_aliases").get(name.strip().upper(), ())  # `DEU`
    return {"uk": "GB", "england": "GB"}.get(folded) or next(iter(others), None)


def language_of(locale: str) -> str:
    """The English name of a locale (`German`)."""
    return _locale(locale).get_display_name(ENGLISH) or locale


@cache
def _locale(name: str) -> Locale:
    from babel import Locale

    return Locale.parse(name, sep="-")


@lru_cache(maxsize=1024)
def date_words(day: date, locale: str) -> str:
    """Jun 2, 2026 · 02.06.2026."""
    from babel.dates import format_date

    return format_date(day, "medium", locale=_locale(locale)).translate(_SPACES)


def date_and_time(at: datetime, locale: str) -> str:
    """Jun 2, 2026, 2:05 PM · 02.06.2026, 14:05."""
    from babel.dates import format_time

    own = _locale(locale)
    joined = str(own.datetime_formats["medium"])
    time = format_time(at, "short", locale=own)
    words = joined.replace("'", "").replace("{0}", time)
    return words.replace("{1}", date_words(at.date(), locale)).translate(_SPACES)


def number(value: float, locale: str, *, figures: int = 0) -> str:
    """1,234 · 1.234,50: with so many figures behind the point at least."""
    if isinstance(value, int) and not figures and 0 <= value < 1000:
        return str(value)
    from babel.numbers import format_decimal

    pattern = "#,##0" if isinstance(value, int) and not figures else _pattern("#,##0", figures)
    own = str(_locale(locale).decimal_formats[None].pattern).partition(";")[0].partition(".")[0]
    grouped = pattern.replace("#,##0", own or "#,##0", 1)
    return format_decimal(value, format=grouped, locale=_locale(locale)).translate(_SPACES)


def percent(value: float, locale: str) -> str:
    """12.5% · 12,5 %."""
    from babel.numbers import format_percent

    own = str(_locale(locale).percent_formats[None].pattern)
    pattern = own.replace("0", f"0.{'#' * _MOST_FIGURES}", 1)
    return format_percent(value, format=pattern, locale=_locale(locale)).translate(_SPACES)


def _pattern(whole: str, figures: int) -> str:
    return f"{whole}.{'0' * figures}{'#' * (_MOST_FIGURES - figures)}"
