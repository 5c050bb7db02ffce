"""Cells: the values of a fact, sorted into classes that the tests of a policy cannot tell apart.

Numbers and moments fall into points and the gaps between them, so that a cell is exact and not a
sample. Each cell carries one value that stands for it, the typical task's where it fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import islice, permutations, product
from typing import Any
from unicodedata import normalize

import msgspec

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Lists,
    NoneOf,
    Pattern,
    Placeholder,
    Policy,
    ReasonText,
    Rule,
    Template,
    Then,
)
from reviewbot.policy.model import FactTest as Test
from reviewbot.policy.operators import Has, InList, IsKnown, Matches, OneOf, Range, TextTest
from reviewbot.policy.text_forms import fold, nfc

HOUR = 3600.0


WINDOW = 72 * HOUR
"""From confirmation to the moment at which silence pays (API: lifecycle)."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A class of values. `value` stands for it; None is the cell of what is not known.

    `low` and `high` are the ends of a class of numbers (the ends themselves may be outside), or of
    the lengths of a class of texts. `sure` is False where nobody has yet shown a value that lies in
    the class; `documented` is False where the API's documents exclude it, although what comes is kept.
    """

    value: Any
    low: float | None = None
    high: float | None = None
    sure: bool = True
    documented: bool = True


UNKNOWN_CELL = Cell(value=None)


def number_cells(
    points: Iterable[float],
    *,
    low: float | None,
    high: float | None,
    whole: bool,
    typical: float,
    step: float,
) -> tuple[Cell, ...]:
    """Cut the numbers from `low` to `high` (None is endless) at `points`, in ascending order."""
    cuts = sorted({float(p) for p in points if _inside(p, low, high)})
    cells: list[Cell] = []
    start, included = low, True
    for point in cuts:
        cells += _gap(start, included, point, False, whole, typical, step)
        cells.append(Cell(value=_tidy(point, whole), low=point, high=point))
        start, included = point, False
    cells += _gap(start, included, high, True, whole, typical, step)
    return tuple(cells)


def _inside(point: float, low: float | None, high: float | None) -> bool:
    return (low is None or point >= low) and (high is None or point <= high)


def _gap(
    start: float | None,
    start_in: bool,
    end: float | None,
    end_in: bool,
    whole: bool,
    typical: float,
    step: float,
) -> list[Cell]:
    """The cell of the numbers between two cuts, if there is any number there."""
    if whole:
        start = start if start is None or start_in else start + 1
        end = end if end is None or end_in else end - 1
        start_in = end_in = True
    if (
        start is not None
        and end is not None
        and not (start < end or (start == end and start_in and end_in))
    ):
        return []
    value = _stand_in(start, start_in, end, end_in, typical, step)
    if whole:
        value = float(int(value))
    return [Cell(value=_tidy(value, whole), low=start, high=end)]


def _stand_in(
    start: float | None,
    start_in: bool,
    end: float | None,
    end_in: bool,
    typical: float,
    step: float,
) -> float:
    above = start is None or typical > start or (start_in and typical == start)
    below = end is None or typical < end or (end_in and typical == end)
    if above and below:
        return typical
    if not above:
        assert start is not None
        near = start if start_in else start + step
    else:
        assert end is not None
        near = end if end_in else end - step
    above = start is None or near > start or (start_in and near == start)
    below = end is None or near < end or (end_in and near == end)
    if above and below:
        return near
    assert start is not None
    assert end is not None
    return (start + end) / 2


def _tidy(value: float, whole: bool) -> float | int:
    return int(value) if whole else value


# ------------------------------------------------------------------------------------------------
# Three-valued truth, and sets of truths.
#
# Theory of operation. A test is true, false or unknown (Kleene). While only part of a task is decided,
# what a condition may come to is a set of these three, kept as three bits. The operations on sets are
# tables of 64 entries, computed once from the operations on single truths.


TRUE, FALSE, UNKNOWN = 1, 2, 4


ANY = TRUE | FALSE | UNKNOWN


NOT_TRUE = FALSE | UNKNOWN


_SINGLE = (TRUE, FALSE, UNKNOWN)


def of(answer: bool | None) -> int:
    """The set that holds just this answer; None is unknown."""
    if answer is None:
        return UNKNOWN
    return TRUE if answer else FALSE


def both(a: int, b: int) -> int:
    """Kleene's and, of two single truths."""
    if FALSE in (a, b):
        return FALSE
    return UNKNOWN if UNKNOWN in (a, b) else TRUE


def either(a: int, b: int) -> int:
    """Kleene's or, of two single truths."""
    if TRUE in (a, b):
        return TRUE
    return UNKNOWN if UNKNOWN in (a, b) else FALSE


def _table(operation: Callable[[int, int], int]) -> tuple[tuple[int, ...], ...]:
    def lifted(left: int, right: int) -> int:
        result = 0
        for a in _SINGLE:
            for b in _SINGLE:
                if a & left and b & right:
                    result |= operation(a, b)
        return result

    return tuple(tuple(lifted(a, b) for b in range(8)) for a in range(8))


AND = _table(both)


OR = _table(either)


NOT = tuple(
    (FALSE if s & TRUE else 0) | (TRUE if s & FALSE else 0) | (s & UNKNOWN) for s in range(8)
)


# ------------------------------------------------------------------------------------------------
# What a test may come to for one value, on whatever day.


def may_come_to(test: Test, value: Any, lists: Lists) -> int:
    """What a test may come to for a value: an entry of a list that ends counts on some days only."""
    met = test.matches(value, lists)
    if met is None and value is not None and isinstance(test, InList):
        return TRUE | FALSE
    return of(met)


def asker(tests: Iterable[Test], lists: Lists) -> Callable[[str], tuple[int, ...]]:
    """Make the function that says what each test may come to for a text, as `may_come_to` does.

    Many texts are asked many tests, so what does not change from text to text is worked out once.
    """
    asked = tuple(_asked(test, lists) for test in tests)

    def answers(text: str) -> tuple[int, ...]:
        folded = fold(text)
        return tuple([ask(text, folded) for ask in asked])

    return answers


def _asked(test: Test, lists: Lists) -> Callable[[str, str], int]:
    yes, no = TRUE, FALSE
    if isinstance(test, TextTest) and not test.exact:
        wanted = fold(test.text)
        if test.negated:
            yes, no = no, yes
        if test.kind == "contains":
            return lambda _, folded: yes if wanted in folded else no
        if test.kind == "starts with":
            return lambda _, folded: yes if folded.startswith(wanted) else no
        return lambda _, folded: yes if folded.endswith(wanted) else no
    if isinstance(test, OneOf) and not any(test.exact):
        values = frozenset(fold(str(value)) for value in test.values)
        if test.negated:
            yes, no = no, yes
        return lambda _, folded: yes if folded in values else no
    return lambda text, _: may_come_to(test, text, lists)


# ------------------------------------------------------------------------------------------------
# Cells of a text: which of the texts' tests hold together.
#
# Texts that the policy names (values, list entries) are tried as they stand. All other texts are
# classed by the tests that look inside them; a class that would contradict itself is left out, one
# for which no text was found is kept but not `sure`, so that nothing is claimed because of it.


MOST_CLASSED = 6
"""Tests that look inside a text, of which all combinations are classed."""


MOST_ASKED = 600_000
"""Answers of tests about texts that are worked out where there are more tests than can be classed."""


MOST_TRIED = 200
"""Texts that are tried for one class."""


Row = tuple[Cell, tuple[int, ...]]
"""A cell and what each test may come to in it."""


Ask = Callable[[str], tuple[int, ...]]
"""What each test may come to for a text."""


FreeRow = tuple[tuple[int, ...], Cell]


def text_rows(
    tests: tuple[Test, ...], lists: Lists, patterns: dict[str, Pattern], *, typical: str
) -> list[Row]:
    """Class all texts by `tests`; the first row holds the typical text."""
    rows: dict[tuple[int, ...], Cell] = {}
    ask = asker(tests, lists)
    for text in (typical, *_named(tests, lists)):
        _add(rows, ask(text), text)
    for unsure in _other_spellings(tests, lists):
        if unsure not in rows:
            rows[unsure] = Cell(value=typical, low=0, sure=False)
    for masks, cell in _free(tests, lists, patterns, typical, ask):
        known = rows.get(masks)
        if known is None or (cell.sure and not known.sure):
            rows[masks] = cell
        else:  # Whether or not one was found: there may be texts of any length beside the named ones.
            rows[masks] = msgspec.structs.replace(known, low=0, high=None)
    rows_list = [(cell, masks) for masks, cell in rows.items()]
    unknown = tuple(may_come_to(test, None, lists) for test in tests)
    return [*rows_list, (UNKNOWN_CELL, unknown)]


def _add(rows: dict[tuple[int, ...], Cell], masks: tuple[int, ...], text: str) -> None:
    known = rows.get(masks)
    low, high = spelled_lengths(text)
    if known is None:
        rows[masks] = Cell(value=text, low=low, high=high)
    else:
        assert known.low is not None
        assert known.high is not None
        rows[masks] = Cell(value=known.value, low=min(known.low, low), high=max(known.high, high))


_MOST_FOLDED = 4
"""Characters at most that one becomes when it is folded and taken apart (U+1F82, for one)."""


def spelled_lengths(text: str) -> tuple[int, int]:
    """The lengths of all texts that are the same once their case and their accents are folded.

    Folding makes `ß` two letters; taken apart, an accent is a character of its own.
    """
    apart = len(normalize("NFD", fold(text)))
    return -(-apart // _MOST_FOLDED), apart


def _named(tests: Iterable[Test], lists: Lists) -> Iterable[str]:
    """Every text that a test names in full, and the plain spellings of it."""
    for test in tests:
        if isinstance(test, OneOf):
            for value in test.values:
                yield from _spellings(str(value))
        elif isinstance(test, InList):
            yield from sorted(lists.entries[test.list])


def _spellings(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((text, text.lower(), text.upper())))


def _other_spellings(tests: tuple[Test, ...], lists: Lists) -> Iterable[tuple[int, ...]]:
    """What may hold of further spellings of the named texts, where a test minds the spelling."""
    if not any(map(_minds_spelling, tests)):
        return
    for text in dict.fromkeys(map(fold, _named(tests, lists))):
        yield tuple(
            TRUE | FALSE if _minds_spelling(test) else may_come_to(test, text, lists)
            for test in tests
        )


def _minds_spelling(test: Test) -> bool:
    if isinstance(test, OneOf):
        return any(test.exact)
    return isinstance(test, Matches) or (isinstance(test, TextTest) and test.exact)


def _free(
    tests: tuple[Test, ...],
    lists: Lists,
    patterns: dict[str, Pattern],
    typical: str,
    ask: Ask,
) -> Iterable[FreeRow]:
    looks = tuple(
        dict.fromkeys(_bare(test) for test in tests if isinstance(test, TextTest | Matches))
    )
    if len(looks) > MOST_CLASSED:
        yield from _sampled(looks, tests, lists, patterns, typical, ask)
        return
    for held in product((False, True), repeat=len(looks)):
        truths = dict(zip(looks, held, strict=True))
        if _contradicts_itself(truths):
            continue
        masks = tuple(_free_mask(test, truths) for test in tests)
        text = _find_text(masks, truths, ask, patterns, typical)
        shown = typical if text is None else text
        yield masks, Cell(value=shown, low=0, sure=text is not None)


def _sampled(
    looks: tuple[Look, ...],
    tests: tuple[Test, ...],
    lists: Lists,
    patterns: dict[str, Pattern],
    typical: str,
    ask: Ask,
) -> Iterable[FreeRow]:
    """Texts for each look and for pairs of them, beside a class of which nothing is known."""
    masks = tuple(_free_mask(test, {}) for test in tests)
    yield masks, Cell(value=typical, low=0, sure=False)
    names = {fold(text) for text in _named(tests, lists)}
    for held in islice(_samples(looks), max(2 * len(looks), MOST_ASKED // len(tests))):
        text = next(_attempts(list(held), patterns, typical), typical)
        if fold(text) not in names:
            yield ask(text), Cell(value=text, low=0)


def _samples(looks: tuple[Look, ...]) -> Iterator[tuple[Look, ...]]:
    """Each look, then pairs of them: those far apart first, as they are of different rules."""
    yield from ((look,) for look in looks)
    half = len(looks) // 2
    for apart in (*range(half, 0, -1), *range(half + 1, len(looks))):
        yield from zip(looks, looks[apart:], strict=False)


Look = tuple[str, str, bool]
"""A test that looks inside a text, without its `not`: kind, text or pattern, exact."""


def _bare(test: TextTest | Matches) -> Look:
    if isinstance(test, Matches):
        return ("matches", test.pattern, False)
    return (test.kind, nfc(test.text) if test.exact else fold(test.text), test.exact)


def _free_mask(test: Test, truths: dict[Look, bool]) -> int:
    if isinstance(test, IsKnown):
        return of(test.known)
    if isinstance(test, OneOf | InList):
        return of(test.negated)
    assert isinstance(test, TextTest | Matches)
    look = _bare(test)
    if look not in truths:
        return TRUE | FALSE
    return of(truths[look] is not test.negated)


def _contradicts_itself(truths: dict[Look, bool]) -> bool:
    held = [look for look, holds in truths.items() if holds and look[0] != "matches"]
    missed = [look for look, holds in truths.items() if not holds and look[0] != "matches"]
    return any(_implies(a, b) for a in held for b in missed) or any(
        _exclude(a, b) for a in held for b in held
    )


def _implies(a: Look, b: Look) -> bool:
    """Whether every text that meets `a` meets `b`."""
    (kind_a, text_a, exact_a), (kind_b, text_b, exact_b) = a, b
    if exact_b and not exact_a:
        return False
    if exact_a and not exact_b:
        if not _folds_alone(text_a):
            return False
        text_a = fold(text_a)
    if kind_b == "contains":
        return text_b in text_a
    if kind_a != kind_b:
        return False
    return text_a.startswith(text_b) if kind_b == "starts with" else text_a.endswith(text_b)


def _exclude(a: Look, b: Look) -> bool:
    """Whether no text meets both."""
    (kind_a, text_a, exact_a), (kind_b, text_b, exact_b) = a, b
    if kind_a != kind_b or kind_a == "contains":
        return False
    if exact_a is not exact_b:
        if not _folds_alone(text_a if exact_a else text_b):
            return False
        text_a, text_b = fold(text_a), fold(text_b)
    text_a, text_b = sorted((text_a, text_b), key=len)
    starts = kind_a == "starts with"
    return not (text_b.startswith(text_a) if starts else text_b.endswith(text_a))


def _folds_alone(text: str) -> bool:
    """Whether a text is folded in the same way wherever it stands.

    Elsewhere folding may join its end to what follows: `J` and a caron are two letters, `ǰ` is one.
    """
    return text.isascii() and not text[-1:].isupper()


def _find_text(
    wanted: tuple[int, ...],
    truths: dict[Look, bool],
    ask: Ask,
    patterns: dict[str, Pattern],
    typical: str,
) -> str | None:
    """Put together a text of which exactly `truths` hold and which no test names."""
    held = [look for look, holds in truths.items() if holds]
    for text in islice(_attempts(held, patterns, typical), MOST_TRIED):
        if ask(text) == wanted:
            return text
    return None


def texts_like(
    known: str,
    answers: Iterable[tuple[Test, int]],
    patterns: dict[str, Pattern],
    low: int,
    high: float | None,
) -> Iterator[str]:
    """Texts of a length from `low` to `high` that may give the same answers as `known` does."""
    held = [
        _bare(test)
        for test, mask in answers
        if isinstance(test, TextTest | Matches) and mask == of(not test.negated)
    ]
    most = math.inf if high is None else high
    for text in islice(_bases(known, held, patterns), MOST_TRIED):
        if len(text) > most:
            continue
        missing = low - len(text)
        if missing <= 0:
            yield text
            continue
        for filler in ("x", "0", "_"):
            more = filler * missing
            yield from (f"{text}{more}", f"{more}{text}")
            yield from (f"{text[:at]}{more}{text[at:]}" for at in range(1, min(len(text), 60)))


def _bases(known: str, held: list[Look], patterns: dict[str, Pattern]) -> Iterator[str]:
    yield from (known, normalize("NFD", known), fold(known), known.upper(), "", "0", "x")
    yield from _attempts(list(dict.fromkeys(held)), patterns, known)


def _attempts(held: list[Look], patterns: dict[str, Pattern], typical: str) -> Iterator[str]:
    """Texts that may meet all of `held`: the parts laid over each other, then side by side."""
    if not held:
        yield from (typical, "lorem ipsum", "0", "x", "")
    starts = max((t for kind, t, _ in held if kind == "starts with"), key=len, default="")
    ends = max((t for kind, t, _ in held if kind == "ends with"), key=len, default="")
    inside = [t for kind, t, _ in held if kind == "contains"]
    examples = [patterns[name].matches[:3] for kind, name, _ in held if kind == "matches"]
    for chosen in product(*examples):
        yield from chosen
        for middle in islice(permutations((*inside, *chosen)), 6):
            parts = [part for part in (starts, *middle, ends) if part]
            yield reduce(_overlaid, parts, "")
            for glue in (" ", "", " x ", "1"):
                yield glue.join(parts)
            if parts:
                yield f"so {' '.join(parts)} it is"
        yield starts + "x" + ends
    if starts or inside:
        yield starts + "".join(inside) + "x" + ends


def _overlaid(first: str, second: str) -> str:
    """The shortest text that begins with the one and ends with the other."""
    shared = next(
        n for n in range(min(len(first), len(second)), -1, -1) if first.endswith(second[:n])
    )
    return first + second[shared:]


# ------------------------------------------------------------------------------------------------
# What the parts of a policy read: the facts and tests of a condition, the places in a text.


def conditions_of(policy: Policy) -> Iterator[Condition]:
    """Every condition by which `policy` chooses an action."""
    for rule in policy.rules:
        if rule.when is not None:
            yield rule.when
    for fallback in policy.deadline.fallbacks:
        if fallback.when is not None:
            yield fallback.when


def compares_in(condition: Condition, prefix: str = "") -> Iterator[tuple[str, Compare]]:
    """Every line of a condition with its fact's full name.

    A line on the attempts of a round is named after the last one, as all have the same fields.
    """
    if isinstance(condition, Compare):
        yield prefix + condition.fact, condition
    elif isinstance(condition, EachAttempt):
        yield from compares_in(condition.condition, "last.")
    else:
        for part in condition.parts:
            yield from compares_in(part, prefix)


def checks_in(condition: Condition) -> Iterator[EachAttempt]:
    """Every test over the attempts of a round."""
    if isinstance(condition, EachAttempt):
        yield condition
    elif isinstance(condition, AllOf | AnyOf | NoneOf):
        for part in condition.parts:
            yield from checks_in(part)


def bare(test: Test) -> Test:
    """A test without its place, so that the same test in two places is one."""
    return msgspec.structs.replace(test, span=NOWHERE)


def shape(condition: Condition) -> object:
    """What a condition asks, without its places and the words of its author."""
    if isinstance(condition, Compare):
        return (condition.fact, bare(condition.test))
    if isinstance(condition, EachAttempt):
        return (
            "any" if condition.quantifier == "no" else condition.quantifier,
            shape(condition.condition),
        )
    return (type(condition), *map(shape, condition.parts))


def templates_of(reason: ReasonText) -> Iterator[tuple[str | None, Template]]:
    """The texts of a reason, each with the name of its variant."""
    yield from reason.variants
    if reason.otherwise is not None:
        yield None, reason.otherwise


def sent_texts(then: Then) -> Iterator[tuple[str | None, Template]]:
    """The texts that the other side may read, each with the name of its variant or field."""
    if then.reason is not None:
        yield from templates_of(then.reason)
    if then.comment is not None:
        yield None, then.comment
    yield from then.fields


def placeholders_in(template: Template) -> tuple[Placeholder, ...]:
    """The places of a text, in order."""
    return tuple(part for part in template.parts if isinstance(part, Placeholder))


def facts_in_texts(policy: Policy) -> Iterator[str]:
    """Every fact that a text for the other side shows."""
    for then in all_thens(policy):
        for _, template in sent_texts(then):
            for place in placeholders_in(template):
                yield place.fact


def variant_tests(policy: Policy) -> Iterator[tuple[str, Test]]:
    """What the variants of the reasons ask of a task."""
    for then in all_thens(policy):
        if then.reason is not None:
            for key, _ in templates_of(then.reason):
                asked = variant_test(then.reason, key)
                if asked is not None:
                    yield asked


def variant_test(reason: ReasonText, key: str | None) -> tuple[str, Test] | None:
    """What a task must be for a variant to serve it; None where it serves all."""
    keys = [name for name, _ in reason.variants]
    rounds = sorted(int(name.split()[1]) for name in keys if name.startswith("round "))
    if key is None:
        if rounds:
            return "task.sent_back_before", Range(high=rounds[0] - 1, high_included=False)
        others = OneOf(values=tuple(keys), exact=(False,) * len(keys), negated=True)
        return ("task.platform", others) if keys else None
    if not rounds:
        return "task.platform", OneOf(values=(key,), exact=(False,))
    own = int(key.split()[1])
    after = next((n - 1 for n in rounds if n > own), None)
    return "task.sent_back_before", Range(low=own - 1, high=after, high_included=False)


def all_thens(policy: Policy) -> Iterator[Then]:
    """What every rule and every fallback does."""
    for rule in policy.rules:
        yield rule.then
    for fallback in policy.deadline.fallbacks:
        yield fallback.then


def deciding(policy: Policy) -> list[tuple[int, Rule]]:
    """The rules that can decide, with their places: those in the shadow only watch."""
    return [(i, rule) for i, rule in enumerate(policy.rules) if not rule.shadow]


# ------------------------------------------------------------------------------------------------
# Which facts a sensible review always states.
#
# The API may one day leave out anything, and then no rule matches and a person is asked. But a checker
# that warned of it everywhere would be read by nobody: warnings about the unknown are given only for
# what really is unknown in the daily run (no attempt yet, a null that the API documents).


_STATED = frozenset(
    f"task.{name}"
    for name in (
        "id",
        "status",
        "platform",
        "saved_account_id",
        "target_video_url",
        "comment_text",
        "comment_length",
        "cm_payout_amount",
        "submitted_at",
        "manually_confirmed_at",
        "client_dispute_deadline_at",
        "deadline_at",
        "created_at",
        "updated_at",
        "times_disputed",
        "sent_back_before",
        "round",
        "waiting_for",
        "time_left",
        "posted_ago",
    )
) | {
    "checks.count",
    "checks.failed",
    "bundle.id",
    "bundle.platform",
    "bundle.country",
    "bundle.created_at",
    "profile.username",
    "profile.username_length",
    "feedback.corrections_requested",
    "feedback.corrections_applied",
    "review.round",
    "review.waiting_for",
    "review.time_left",
}


_LOGGED = ("account.", "fleet.")


_UNKNOWN_WITHOUT_CASES = frozenset({"account.dispute_share_30d", "fleet.scrape_failed_share_1h"})


def ordinarily_known(fact: Fact) -> bool:
    """Say whether a sensible review always states `fact`."""
    if fact.name.startswith(_LOGGED):
        return fact.name not in _UNKNOWN_WITHOUT_CASES
    return fact.name in _STATED or not fact.nullable


# ------------------------------------------------------------------------------------------------
# The typical review: the values an example takes where no rule asks for others.


CONFIRMED = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""


_VALUES: dict[str, Any] = {
    "task.id": "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40",
    "task.status": "manually_confirmed",
    "task.platform": "tiktok",
    "task.saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
    "task.target_video_url": "https://www.tiktok.com/@lumen/video/7301234567890123456",
    "task.target_author_handle": "lumen",
    "task.comment_text": "The light in this one is unreal",
    "task.comment_length": 31,
    "task.cm_payout_amount": 0.24,
    "task.submitted_at": CONFIRMED - timedelta(hours=4),
    "task.manually_confirmed_at": CONFIRMED,
    "task.client_dispute_deadline_at": CONFIRMED + timedelta(seconds=WINDOW),
    "task.target_type": "video",
    "task.execution_blocked": False,
    "task.times_disputed": 0,
    "task.sent_back_before": 0,
    "task.round": 1,
    "task.waiting_for": HOUR,
    "task.time_left": WINDOW - HOUR,
    "task.posted_ago": 5 * HOUR,
    "last.attempt_n": 1,
    "last.scraped_at": CONFIRMED - timedelta(hours=3),
    "last.outcome_kind": "couldnt_verify",
    "last.verified": False,
    "last.match_score": 0.31,
    "last.reason": "no_candidate_found",
    "last.comments_scraped": 60,
    "last.platform": "tiktok",
    "last.age": 4 * HOUR,
    "checks.count": 1,
    "checks.failed": 0,
    "checks.best_score": 0.31,
    "checks.most_comments": 60,
    "checks.fewest_comments": 60,
    "account.decisions_30d": 10,
    "account.disputes_30d": 1,
    "account.approvals_30d": 9,
    "account.dispute_share_30d": 0.1,
    "account.paid_30d": 2.16,
    "fleet.open_tasks": 20,
    "fleet.scrape_failed_share_1h": 0.02,
    "profile.username": "lumen.daily",
    "profile.username_length": 11,
    "profile.visible_name": "Lumen",
    "profile.visible_name_length": 5,
    "profile.biography": "Light, all day.",
    "profile.biography_length": 15,
    "bundle.id": "bnd_7c21",
    "bundle.platform": "tiktok",
    "bundle.country": "PT",
    "bundle.title": "Spring",
    "review.round": 1,
    "review.waiting_for": HOUR,
    "review.time_left": WINDOW - HOUR,
}


_BY_TYPE: dict[FactType, Any] = {
    FactType.COUNT: 0,
    FactType.SCORE: 0.5,
    FactType.MONEY: 1.0,
    FactType.SHARE: 0.1,
    FactType.DURATION: HOUR,
    FactType.MOMENT: CONFIRMED,
    FactType.TEXT: "example",
    FactType.YES_NO: False,
    FactType.NAMES: (),
}


STEPS: dict[FactType, float] = {
    FactType.COUNT: 1,
    FactType.SCORE: 0.01,
    FactType.MONEY: 0.01,
    FactType.SHARE: 0.01,
    FactType.DURATION: HOUR,
    FactType.MOMENT: 24 * HOUR,
}
"""How far beyond a threshold an example goes."""


def typical(fact: Fact) -> Any:
    """What `fact` is in the typical review."""
    value = _VALUES.get(fact.name)
    if value is not None:
        return value
    return fact.values[0] if fact.type is FactType.CHOICE else _BY_TYPE[fact.type]


# ------------------------------------------------------------------------------------------------
# The domain of each fact: its cells, cut by all tests of the policy, and what each test says in each.


NUMBERS = frozenset(STEPS)


class PartitionedTest(msgspec.Struct, frozen=True):
    """One test of one fact: in which cells (bits) it may be true, false, unknown."""

    variable: int
    true: int
    false: int
    unknown: int


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A fact and its cells; `order` names them from the most to the least typical."""

    fact: Fact
    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    masks: dict[Test, tuple[int, ...]]
    """What each test may come to, cell by cell."""


def cut_points(tests: Iterable[Test]) -> set[float]:
    """The numbers at which `tests` change their answer."""
    points: set[float] = set()
    for test in tests:
        values: tuple[Any, ...] = ()
        if isinstance(test, Range):
            values = (test.low, test.high)
        elif isinstance(test, OneOf):
            values = test.values
        points.update(as_number(v) for v in values if v is not None and not isinstance(v, str))
    return points


def documented_ends(fact: Fact) -> set[float]:
    """The ends of the values that the API's documents know of; others are kept as they come."""
    return {float(end) for end in (fact.low, fact.high) if end is not None}


def as_number(value: Any) -> float:
    """A number, or a moment as seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


def domain_of(
    fact: Fact,
    tests: tuple[Test, ...],
    points: Iterable[float],
    lists: Lists,
    patterns: dict[str, Pattern],
) -> Domain:
    """Cut `fact` by `tests`; `points` are the cuts of a number, its neighbours' included."""
    usual = typical(fact)
    if fact.type is FactType.TEXT:
        rows = text_rows(tests, lists, patterns, typical=usual)
        cells = tuple(cell for cell, _ in rows)
        masks = {test: tuple(row[i] for _, row in rows) for i, test in enumerate(tests)}
    elif fact.type is FactType.NAMES:
        cells, masks = _names(fact, tests, lists)
    else:
        cells = _cells(fact, points, usual)
        masks = {
            test: tuple(may_come_to(test, cell.value, lists) for cell in cells) for test in tests
        }
    return Domain(fact=fact, cells=cells, order=_order(cells, usual), masks=masks)


def _cells(fact: Fact, points: Iterable[float], usual: Any) -> tuple[Cell, ...]:
    if fact.type in NUMBERS:
        low, high = fact.sure
        numbers = number_cells(
            points,
            low=low,
            high=high,
            whole=fact.type is FactType.COUNT,
            typical=as_number(usual),
            step=STEPS[fact.type],
        )
        if fact.type is FactType.MOMENT:
            numbers = tuple(
                msgspec.structs.replace(c, value=datetime.fromtimestamp(c.value, UTC))
                for c in numbers
            )
        return (*(_marked(cell, fact) for cell in numbers), UNKNOWN_CELL)
    values = list(fact.values) if fact.type is FactType.CHOICE else [False, True]
    return (*(Cell(value=value) for value in values), UNKNOWN_CELL)


def _marked(cell: Cell, fact: Fact) -> Cell:
    """Mark the numbers that the documents exclude; a cut lies at each of their ends."""
    below = fact.low is not None and (cell.low is None or cell.low < fact.low)
    above = fact.high is not None and (cell.high is None or cell.high > fact.high)
    return msgspec.structs.replace(cell, documented=False) if below or above else cell


def _names(
    fact: Fact, tests: tuple[Test, ...], lists: Lists
) -> tuple[tuple[Cell, ...], dict[Test, tuple[int, ...]]]:
    """Every choice of the tested names: in the list, not in it, or, where that can be, in doubt."""
    names = sorted({test.member for test in tests if isinstance(test, Has)})
    states = (False, True, None) if fact.doubtful else (False, True)
    cells: list[Cell] = []
    masks: dict[Test, list[int]] = {test: [] for test in tests}
    for chosen in sorted(
        product(states, repeat=len(names)), key=lambda c: (None in c, sum(map(bool, c)))
    ):
        held = tuple(name for name, state in zip(names, chosen, strict=True) if state)
        doubtful = {name for name, state in zip(names, chosen, strict=True) if state is None}
        cells.append(Cell(value=held, sure=not doubtful))
        for test, row in masks.items():
            in_doubt = isinstance(test, Has) and test.member in doubtful
            row.append(UNKNOWN if in_doubt else may_come_to(test, held, lists))
    for test, row in masks.items():
        row.append(may_come_to(test, None, lists))
    return (*cells, UNKNOWN_CELL), {test: tuple(row) for test, row in masks.items()}


def _order(cells: tuple[Cell, ...], usual: Any) -> tuple[int, ...]:
    def oddness(index: int) -> tuple[bool, bool, float]:
        cell = cells[index]
        if cell.value is None:
            return (True, True, 0)
        near = (
            abs(as_number(cell.value) - as_number(usual))
            if isinstance(cell.value, int | float | datetime)
            else float(cell.value != usual)
        )
        return (False, not (cell.sure and cell.documented), near)

    return tuple(sorted(range(len(cells)), key=oddness))
