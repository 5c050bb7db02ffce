"""Random policies and random facts, the same ones for the same seed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

from reviewbot.domain.account import (
    CORRECTABLE_FIELDS,
    PROFILE_FIELDS,
    Change,
    FeedbackEntry,
    Profile,
)
from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import Attempt, CommentTask, Timeline
from reviewbot.policy import model as m
from reviewbot.policy import operators as ops
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.facts import AccountHistory, Facts, Fleet, History, build_facts
from tests.builders import CONFIRMED, a_task, an_account_item, an_attempt, an_item

TEXTS = (
    *(
        "promo",
        "Great PROMO here",
        "Straße",
        "STRASSE",
        "é",
        "e\u0301",
        "",
        "look @lumen",
        "x" * 40,
    ),
    *(
        "J\u030c",
        "\u01f0 12",
        "Great " + "x" * 200 + " promo",
        "x" * 2300,
        "promolumen",
        "proMOlook",
    ),
)
PATTERNS = (m.Pattern(name="digits", regex="[0-9]{2,}"), m.Pattern(name="start", regex="^great"))
LISTS = (
    m.NamedList(name="plain", entries=(m.ListEntry(id="Promo"), m.ListEntry(id="tiktok"))),
    m.NamedList(
        name="expiring",
        entries=(
            m.ListEntry(id="promo", until=date(2026, 6, 3)),
            m.ListEntry(id="STRASSE", until=date(2026, 6, 4)),
        ),
    ),
)
HOURS = (
    m.Hours(name="desk", open=(m.OpenRange(days=(0, 1, 2, 3, 4), start=540, end=1080),)),
    m.Hours(
        name="early",
        open=(m.OpenRange(days=(1, 2), start=0, end=840), m.OpenRange(days=(4,), start=60, end=90)),
        closed=(date(2026, 6, 3),),
    ),
)
NUMBERS = {
    FactType.COUNT: (-1, 0, 1, 2, 3, 5, 6, 7, 99, 100, 120, 150, 2200),
    FactType.SCORE: (-0.5, 0.0, 0.31, 0.5, 0.92, 1.0, 1.2),
    FactType.MONEY: (-1.0, 0.0, 0.24, 0.3, 5.0),
    FactType.SHARE: (0.0, 0.35, 0.5, 1.0),
    FactType.DURATION: (0.0, 3600.0, 86_400.0, 259_200.0),
}
COMMENT_FACTS = tuple(CATALOGUE["comments"].values())
ACCOUNT_FACTS = tuple(CATALOGUE["accounts"].values())


def a_random_policy(chance: Random, facts: tuple[Fact, ...] = COMMENT_FACTS) -> m.Policy:
    """A policy of one to six rules, by default over all facts of a comment review."""
    rules = tuple(_rule(chance, number, facts) for number in range(chance.randint(1, 6)))
    cases = [
        m.Fallback(when=_mapping(chance, facts, 1), then=m.Then(action=Action.LEAVE))
        for _ in range(chance.randint(0, 2))
    ]
    cases.append(m.Fallback(when=None, then=m.Then(action=_paying(facts))))
    return m.Policy(
        name="random",
        language=1,
        path="random.yaml",
        source="",
        revision="0" * 64,
        timezone=chance.choice(("UTC", "Europe/Paris", "Pacific/Auckland")),
        rules=rules,
        never=_statements(chance, facts),
        deadline=m.Deadline(decide_by=_moment(chance), fallbacks=tuple(cases)),
        hours=HOURS,
        lists=LISTS,
        patterns=PATTERNS,
        applies_to=m.AppliesTo(review="accounts" if facts is ACCOUNT_FACTS else "comments"),
    )


def _statements(chance: Random, facts: tuple[Fact, ...]) -> tuple[m.Statement, ...]:
    """No statement, or some: short ones, that a task may well meet."""
    return tuple(
        m.Statement(
            name=f"statement {number}",
            when=_mapping(chance, facts, chance.choice((0, 0, 1))),
            actions=chance.choice(
                ((_paying(facts),), (Action.LEAVE,), (_paying(facts), Action.LEAVE))
            ),
            but=chance.choice(((), ("deadline",), ("people",), ("deadline", "people"))),
            name_span=Span(1, 1, 1, 2),
        )
        for number in range(chance.choice((0, 1, 1, 2)))
    )


def _paying(facts: tuple[Fact, ...]) -> Action:
    return Action.FINALIZE if facts is ACCOUNT_FACTS else Action.APPROVE


def _rule(chance: Random, number: int, facts: tuple[Fact, ...]) -> m.Rule:
    action = chance.choice((_paying(facts), Action.ESCALATE, Action.WAIT, Action.LEAVE))
    return m.Rule(
        name=f"rule {number}",
        when=_when(chance, facts),
        then=m.Then(action=action, until=_moment(chance) if action is Action.WAIT else None),
        rollout=chance.choice((0.25, 0.5)) if chance.random() < 0.15 else None,
        shadow=chance.random() < 0.1,
        limit=(m.Cap(amount=5, per="day"),) if chance.random() < 0.2 else (),
        when_over=chance.choice(("skip", "skip", "hold", "escalate")),
    )


def _when(chance: Random, facts: tuple[Fact, ...]) -> m.Condition | None:
    when: m.Condition | None = None
    if chance.random() >= 0.03:
        when = _mapping(chance, facts, 2)
        if chance.random() < 0.3:
            when = _alternatives(chance, m.AnyOf, facts, 1)
    if chance.random() < 0.8:
        return when
    asked = when.parts if isinstance(when, m.AllOf) else (when,) if when is not None else ()
    unless = tuple(_mapping(chance, facts, 1) for _ in range(chance.randint(1, 2)))
    return m.AllOf(parts=(*asked, m.Unless(parts=unless)))


def a_random_mapping(chance: Random, facts: tuple[Fact, ...] = COMMENT_FACTS) -> m.AllOf:
    """A mapping of conditions, as a case of a text has one."""
    return _mapping(chance, facts, 1)


def _mapping(chance: Random, facts: tuple[Fact, ...], depth: int) -> m.AllOf:
    parts: list[m.Condition] = [
        _compare(chance, chance.choice(facts)) for _ in range(chance.randint(1, 3))
    ]
    if depth and chance.random() < 0.4:
        kind = chance.choice((m.AnyOf, m.NoneOf))
        parts.append(_alternatives(chance, kind, facts, depth - 1))
    if depth and chance.random() < 0.15:
        inner = _mapping(chance, facts, 0)
        parts.append(m.Named(name=chance.choice(("a", "b")), parts=inner.parts))
    if depth and facts is COMMENT_FACTS and chance.random() < 0.3:
        attempt_facts = tuple(ATTEMPT_FACTS.values())
        parts.append(
            m.EachAttempt(
                quantifier=chance.choice(("any", "every", "no")),
                condition=_mapping(chance, attempt_facts, 1),
            )
        )
    chance.shuffle(parts)
    return m.AllOf(parts=tuple(parts))


def _alternatives(chance: Random, kind: Any, facts: tuple[Fact, ...], depth: int) -> m.Condition:
    found: m.Condition = kind(
        parts=tuple(_mapping(chance, facts, depth) for _ in range(chance.randint(1, 3)))
    )
    return found


def _compare(chance: Random, fact: Fact) -> m.Compare:
    test = _test(chance, fact)
    return m.Compare(fact=fact.name, test=test, text=type(test).__name__)


def _test(chance: Random, fact: Fact) -> m.FactTest:
    negated = chance.random() < 0.3
    if chance.random() < 0.1:
        return ops.IsKnown(known=chance.random() < 0.5)
    if fact.type is FactType.NAMES:
        return ops.Has(member=chance.choice(fact.values), negated=negated)
    if fact.type is FactType.CHOICE:
        values = tuple(chance.sample(fact.values, chance.randint(1, 2)))
        if chance.random() < 0.1:
            return ops.InList(list="plain", negated=negated)
        return ops.OneOf(values=values, exact=(False,) * len(values), negated=negated)
    if fact.type is FactType.YES_NO:
        return ops.OneOf(values=(chance.random() < 0.5,), exact=(False,), negated=negated)
    if fact.type is FactType.TEXT:
        return _text_test(chance, negated)
    if fact.type is FactType.MOMENT and chance.random() < 0.4:
        return ops.InHours(hours=chance.choice(("desk", "early")), negated=negated)
    if fact.type is FactType.MOMENT:
        return _range(chance, [CONFIRMED + timedelta(hours=h) for h in (-20, -3, 0, 5, 72)])
    numbers = NUMBERS[fact.type]
    if chance.random() < 0.4:
        values = tuple(chance.sample(numbers, chance.randint(1, 2)))
        return ops.OneOf(values=values, exact=(False,) * len(values), negated=negated)
    return _range(chance, numbers)


def _text_test(chance: Random, negated: bool) -> m.FactTest:
    word = chance.choice((*TEXTS[:6], "lumen", "great", "J", "\u01f0"))
    exact = chance.random() < 0.3
    match chance.randint(0, 4):
        case 0:
            return ops.Matches(pattern=chance.choice(("digits", "start")), negated=negated)
        case 1:
            return ops.InList(list=chance.choice(("plain", "expiring")), negated=negated)
        case 2:
            values = (word, chance.choice(TEXTS))
            return ops.OneOf(values=values, exact=(exact, chance.random() < 0.5), negated=negated)
        case _:
            kind = chance.choice(("contains", "starts with", "ends with"))
            return ops.TextTest(kind=kind, text=word, exact=exact, negated=negated)


def _range(chance: Random, ends: Any) -> ops.Range:
    low, high = sorted(chance.sample(list(ends), 2))
    return ops.Range(
        low=low if chance.random() < 0.7 else None,
        low_included=chance.random() < 0.5,
        high=high,
        high_included=chance.random() < 0.5,
    )


def _moment(chance: Random) -> m.Moment:
    hours = chance.choice((1, 6, 24, 48, 70))
    match chance.randint(0, 5):
        case 0:
            return m.Fixed(at=CONFIRMED + timedelta(hours=hours), text="then")
        case 1 | 2:
            return m.FromConfirmed(seconds=hours * 3600.0, text=f"{hours}h after confirmed")
        case _:
            return m.BeforeDeadline(seconds=hours * 3600.0, text=f"{hours}h before deadline")


# Facts ---------------------------------------------------------------------------------------


def random_account_facts(chance: Random) -> Facts:
    """Facts of an account at a random moment, either side of the profile unreadable now and then."""
    return build_facts(
        a_random_account(chance),
        now=CONFIRMED + timedelta(hours=chance.choice((0, 1, 5, 6, 24, 48, 66, 71, 72, 80))),
        evidence=a_random_profile(chance) if chance.random() < 0.85 else None,
    )


def a_random_account(chance: Random) -> ReviewItem:
    """The review of a random account."""
    history = tuple(_feedback(chance, n) for n in range(chance.choice((0, 0, 1, 2, 2, 3))))
    return an_account_item(
        id=f"{chance.getrandbits(64):016x}",
        platform=_maybe(chance, chance.choice(("tiktok", "instagram", "youtube"))),
        country=_maybe(chance, chance.choice(("PT", "promo"))),
        title=_maybe(chance, chance.choice(TEXTS)),
        created_at=_maybe(chance, CONFIRMED - timedelta(hours=20)),
        profile=_maybe(chance, a_random_profile(chance)),
        feedback_history=_maybe(chance, history),
    )


def a_random_profile(chance: Random) -> Profile:
    """A profile, requested or delivered: of few values, so that two of them are often alike."""
    found = {field: _maybe(chance, chance.choice(TEXTS[:3])) for field in PROFILE_FIELDS}
    unset = tuple(f for f, value in found.items() if value is None and chance.random() < 0.5)
    return Profile(**found, unset=unset)


def _feedback(chance: Random, number: int) -> FeedbackEntry:
    moment = _maybe(chance, CONFIRMED - timedelta(hours=9 - 3 * number))
    names = chance.sample(CORRECTABLE_FIELDS, chance.randint(1, 2))
    if number % 2 == 0:
        fields = _maybe(chance, dict.fromkeys(names, "as requested"))
        return FeedbackEntry(type="corrections_requested", fields=fields, requested_at=moment)
    changes = _maybe(chance, {name: Change() for name in names})
    kind = _maybe(chance, chance.choice(("corrections_applied", "corrections_applied", "news")))
    return FeedbackEntry(type=kind, changes=changes, applied_at=moment)


def random_facts(chance: Random) -> Facts:
    """Facts at a random moment, any of them unknown now and then."""
    item = a_random_item(chance)
    evidence = None
    if chance.random() < 0.85:
        evidence = Timeline(task_id=item.id, attempts=random_attempts(chance))
    return build_facts(
        item,
        now=CONFIRMED + timedelta(hours=chance.choice((-8, 0, 1, 5, 6, 24, 48, 66, 71, 72, 80))),
        evidence=evidence,
        past=History(
            disputes=_maybe(chance, chance.choice((0, 0, 1, 2))),
            last_dispute_at=_maybe(chance, CONFIRMED - timedelta(hours=3)),
            rounds_before=chance.choice((0, 0, 0, 1, 2)),
        ),
        account=AccountHistory(
            decisions_30d=_maybe(chance, chance.randint(0, 4)),
            dispute_share_30d=_maybe(chance, chance.choice((0.0, 0.35, 0.5))),
            paid_30d=_maybe(chance, 0.24),
            handle=_maybe(chance, chance.choice(TEXTS[:4])),
            country=_maybe(chance, chance.choice(("DE", "promo"))),
            finalized_total=_maybe(chance, chance.randint(0, 6)),
            decisions_ever=_maybe(chance, chance.randint(0, 6)),
            dispute_share_ever=_maybe(chance, chance.choice((0.0, 0.35, 1.0))),
        ),
        fleet=Fleet(
            open_tasks=_maybe(chance, 99),
            blind_share_1h=_maybe(chance, chance.choice((0.0, 0.35, 0.5))),
            scrape_failed_share_1h_tiktok=_maybe(chance, chance.choice((0.0, 0.5))),
        ),
        full=tuple(f"rule {n}" for n in range(4) if chance.random() < 0.25),
    )


def a_random_item(chance: Random) -> ReviewItem:
    """The review of a random task."""
    confirmed = _maybe(chance, CONFIRMED)
    return an_item(**_task_changes(chance, confirmed))


def a_random_task(chance: Random) -> CommentTask:
    """A task with some of its fields unknown or strange."""
    return a_task(**_task_changes(chance, CONFIRMED))


def _task_changes(chance: Random, confirmed: Any) -> dict[str, Any]:
    return {
        "id": f"{chance.getrandbits(64):016x}",
        "platform": _maybe(chance, chance.choice(("tiktok", "instagram", "youtube"))),
        "status": _maybe(chance, chance.choice(("manually_confirmed", "other"))),
        "saved_account_id": _maybe(chance, chance.choice(("Promo", "b12"))),
        "comment_text": _maybe(chance, chance.choice(TEXTS)),
        "target_author_handle": _maybe(chance, chance.choice(TEXTS)),
        "cm_payout_amount": _maybe(chance, chance.choice((0.24, 0.3, 5.0, -2.0))),
        "manually_confirmed_at": confirmed,
        "submitted_at": _maybe(chance, CONFIRMED - timedelta(hours=4)),
        "execution_blocked": _maybe(chance, chance.random() < 0.5),
    }


def random_attempts(chance: Random) -> tuple[Attempt, ...]:
    """No attempt, or some in any order."""
    numbers = list(range(1, chance.choice((0, 1, 1, 1, 2, 3)) + 1))
    chance.shuffle(numbers)
    return tuple(
        an_attempt(
            attempt_n=number,
            scraped_at=_maybe(chance, CONFIRMED - timedelta(hours=6 - 2 * number)),
            outcome_kind=_maybe(
                chance, chance.choice(("couldnt_verify", "scrape_failed", "wrong_text", "new_kind"))
            ),
            verified=_maybe(chance, chance.random() < 0.3),
            match_score=_maybe(chance, chance.choice((0.0, 0.31, 0.92, 1.5, -1.0))),
            comments_scraped=_maybe(chance, chance.choice((0, 1, 60, 99, 100, 121, -3))),
            reason=_maybe(chance, chance.choice(TEXTS)),
        )
        for number in numbers
    )


def _maybe(chance: Random, value: Any) -> Any:
    return None if chance.random() < 0.12 else value
