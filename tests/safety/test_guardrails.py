"""Caps as the log checks them: what concerns them, and what they keep room for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.guard_state import ExpectedNeed
from reviewbot.core.log_text import CANCELLED
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.errors import CapReached, Halted
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Fleet
from reviewbot.ports.ledger import Limit, Need
from reviewbot.safety.limits import (
    _limits,
    check_pauses,
    decide_by,
    full,
    is_exempt,
    limits_for,
    pauses_of,
    wanting,
)
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import a_decision
from tests.policy.judging import judge_of

CAPPED = """
rules:
  - {name: ask, always: yes, then: escalate}
guardrails:
  approvals: at most 3 per hour
  fallback exempt: no
"""
NOW = CONFIRMED + timedelta(hours=1)


def says(action: Action) -> Verdict:
    """A verdict of the one rule."""
    return Verdict(action=action, rule="ask")


def test_an_undecided_thing_wants_room_from_its_decide_by_on() -> None:
    """For what is asked now and for what the fallback would do."""
    wanted = wanting(judge_of(CAPPED), an_item(), says(Action.ESCALATE), NOW)
    assert wanted is not None
    assert (wanted.policy, wanted.account_id) == ("tried", an_item().account_id)
    assert wanted.at == CONFIRMED + timedelta(hours=69)
    assert wanted.actions == {Action.ESCALATE, Action.APPROVE}
    assert wanted.amount_micros == 240_000


@pytest.mark.parametrize(
    ("cap", "amount", "pays"),
    [
        ("money approved: at most 4 USD per day", None, False),
        ("money approved: at most 4 USD per day", 0, True),
        ("disputes: at most 3 per hour", None, True),
    ],
)
def test_no_room_is_kept_for_what_money_may_not_pay_unasked(
    cap: str, amount: int | None, pays: bool
) -> None:
    """Of an unknown amount a person is asked where money is limited, so its place would stay empty."""
    judge = capped("approvals: at most 2 per hour", cap, "fallback exempt: no")
    item = replace(an_item(), amount_micros=amount)
    wanted = wanting(judge, item, says(Action.DISPUTE), NOW)
    assert wanted is not None
    assert (Action.APPROVE in wanted.actions) is pays
    assert Action.DISPUTE in wanted.actions


def test_what_waits_for_its_hours_wants_room_when_they_open() -> None:
    """At `decide by` at the latest, and never in the past."""
    opens = NOW + timedelta(hours=8)
    for until, at in (
        (opens, opens),
        (NOW + timedelta(hours=100), CONFIRMED + timedelta(hours=69)),
        (NOW - timedelta(hours=1), NOW),
    ):
        verdict = replace(says(Action.APPROVE), until=until)
        wanted = wanting(judge_of(CAPPED), an_item(), verdict, NOW)
        assert wanted is not None
        assert wanted.at == at


def test_from_decide_by_on_it_wants_room_now_and_only_for_what_is_wanted() -> None:
    """The fallback has had its say."""
    judge, moment = judge_of(CAPPED), CONFIRMED + timedelta(hours=69)
    for late in (moment, moment + timedelta(minutes=5)):
        wanted = wanting(judge, an_item(), says(Action.DISPUTE), late)
        assert wanted is not None
        assert (wanted.at, set(wanted.actions)) == (late, {Action.DISPUTE})


def test_what_a_person_cancelled_needs_nothing_of_the_limit_of_its_rule() -> None:
    """The rule never sends it: only what the fallback would do is left."""
    cancelled = replace(says(Action.ESCALATE), wanted=Action.APPROVE, held_by=f"{CANCELLED}ana: x")
    wanted = wanting(judge_of(CAPPED), an_item(), cancelled, NOW)
    assert wanted is not None
    assert (wanted.rule, wanted.actions) == (DEADLINE, {Action.APPROVE})
    sent_back = wanting(judge_of(CAPPED), an_item(), replace(cancelled, held_by=None), NOW)
    assert sent_back is not None and sent_back.rule == "ask"


def test_nothing_is_kept_without_a_deadline_or_without_caps() -> None:
    """There is no moment to keep room for, or no cap to keep it in."""
    no_deadline = an_item(client_dispute_deadline_at=None)
    assert wanting(judge_of(CAPPED), no_deadline, says(Action.ESCALATE), NOW) is None
    free = judge_of(CAPPED[: CAPPED.index("guardrails")])
    assert wanting(free, an_item(), says(Action.ESCALATE), NOW) is None


PER_ACCOUNT = CAPPED.replace(
    "approvals: at most 3 per hour", "disputes per account: at most 1 per day"
)


def test_what_has_no_account_is_under_no_cap_of_an_account() -> None:
    """There is no account whose disputes could be too many."""
    judge = judge_of(PER_ACCOUNT)
    (limit,) = _limits(judge.policy, a_decision(Action.DISPUTE))
    assert (limit.account_id, limit.at_most, limit.seconds) == ("a1", 1, 86_400)
    assert list(_limits(judge.policy, a_decision(Action.DISPUTE, account_id=None))) == []


# To the letter -------------------------------------------------------------------------------

RULE = "rules:\n  - {name: pay, always: yes, then: approve}\n"
LATER = NOW + timedelta(hours=3)
BOTH = frozenset({Action.APPROVE, Action.FINALIZE})
BACK = frozenset({Action.DISPUTE, Action.REQUEST_CORRECTIONS})


def capped(*caps: str, more: str = "") -> Judge:
    """A policy with these guardrails."""
    rails = "".join(f"  {cap}\n" for cap in caps)
    return judge_of(f"{RULE}guardrails:\n{rails}{more}")


def a_limit(name: str, actions: frozenset[Action], at_most: int, **changes: Any) -> Limit:
    """A cap on decisions of a day."""
    fields: dict[str, Any] = {"measure": "count", "seconds": 86_400.0} | changes
    return Limit(name=name, policy="tried", actions=actions, at_most=at_most, **fields)


@pytest.mark.parametrize(
    ("cap", "action", "limit"),
    [
        (
            "approvals: at most 3 per hour",
            Action.APPROVE,
            a_limit("approvals: at most 3 per hour", BOTH, 3, seconds=3_600.0),
        ),
        (
            "disputes: at most 2 per day",
            Action.DISPUTE,
            a_limit("disputes: at most 2 per day", BACK, 2),
        ),
        (
            "disputes per account: at most 1 per day",
            Action.DISPUTE,
            a_limit("disputes per account: at most 1 per day", BACK, 1, account_id="a1"),
        ),
        (
            "money approved: at most 12.34 USD per day",
            Action.APPROVE,
            a_limit(
                "money approved: at most 12.34 USD per day", BOTH, 12_340_000, measure="micros"
            ),
        ),
        (
            "dispute share: at most 90% after 20 decisions",
            Action.DISPUTE,
            a_limit(
                "dispute share: at most 90% after 20 decisions",
                BOTH | BACK,
                900_000,
                measure="share",
                share_of=BACK,
                after=20,
            ),
        ),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) and ":" in value else "",
)
def test_each_cap_is_the_limit_that_its_words_say(cap: str, action: Action, limit: Limit) -> None:
    """By its name, its actions, its measure and its window; and it binds no other action."""
    policy = capped(cap).policy
    assert limits_for(policy, a_decision(action), []) == (limit,)
    other = Action.APPROVE if action is Action.DISPUTE else Action.DISPUTE
    assert limits_for(policy, a_decision(other), []) == ()


def test_several_caps_are_met_together() -> None:
    """An approval by those on approvals and on money."""
    policy = capped(
        "approvals: [at most 3 per hour, at most 5 per day]",
        "money approved: at most 1 USD per day",
        "disputes: at most 2 per day",
    ).policy
    assert [limit.name for limit in limits_for(policy, a_decision(), [])] == [
        "approvals: at most 3 per hour",
        "approvals: at most 5 per day",
        "money approved: at most 1.00 USD per day",
    ]


@pytest.mark.parametrize("exempt", [True, False])
def test_the_fallback_meets_no_cap_where_it_is_exempt(exempt: bool) -> None:
    """Then nobody needs room later, and none is kept."""
    words = f"fallback exempt: {'yes' if exempt else 'no'}"
    policy = capped("approvals: at most 3 per hour", words).policy
    fallback = a_decision(rule=DEADLINE)
    assert is_exempt(policy, DEADLINE) is exempt
    assert not is_exempt(policy, "pay")
    assert len(limits_for(policy, fallback, [])) == (not exempt)
    (limit,) = limits_for(policy, a_decision(decided_at=NOW), [a_wish()])
    assert len(limit.keep) == (not exempt)


def a_wish(**changes: Any) -> ExpectedNeed:
    """Something less than an hour away that will want to be approved."""
    fields: dict[str, Any] = {
        "policy": "tried",
        "at": NOW + timedelta(minutes=59),
        "actions": frozenset({Action.ESCALATE, Action.APPROVE}),
        "account_id": "a9",
        "amount_micros": 5,
    }
    return ExpectedNeed(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"policy": "another"}, False),
        ({"at": NOW + timedelta(hours=1)}, False),
        ({"at": NOW + timedelta(hours=1) - timedelta(microseconds=1)}, True),
        ({"actions": frozenset({Action.DISPUTE})}, False),
    ],
)
def test_room_is_kept_for_what_will_want_it_while_we_count(
    changes: dict[str, Any], kept: bool
) -> None:
    """Of the same policy and cap, within its window from now."""
    wish = a_wish(**changes)
    (limit,) = limits_for(
        capped("approvals: at most 3 per hour", "fallback exempt: no").policy,
        a_decision(decided_at=NOW),
        [wish],
    )
    assert limit.keep == ((Need(at=wish.at, amount_micros=5),) if kept else ())


@pytest.mark.parametrize(("minutes", "kept"), [(-1, True), (0, True), (1, False)])
def test_room_is_kept_for_what_is_more_urgent_alone(minutes: int, kept: bool) -> None:
    """What was refused before comes last in a pass, and is not behind what has more time for that."""
    wish = a_wish(deadline_at=NOW + timedelta(hours=5, minutes=minutes))
    (limit,) = limits_for(
        capped("approvals: at most 3 per hour", "fallback exempt: no").policy,
        a_decision(decided_at=NOW, deadline_at=NOW + timedelta(hours=5)),
        [wish],
    )
    assert len(limit.keep) == kept


@pytest.mark.parametrize(("account", "kept"), [("a1", True), ("a2", False), (None, False)])
def test_a_cap_of_an_account_keeps_room_for_that_account(account: str | None, kept: bool) -> None:
    """Others have their own."""
    policy = judge_of(PER_ACCOUNT).policy
    wish = a_wish(account_id=account, actions=frozenset({Action.DISPUTE}))
    (limit,) = limits_for(policy, a_decision(Action.DISPUTE, decided_at=NOW), [wish])
    assert len(limit.keep) == kept


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"amount_micros": None}, True),
        ({"amount_micros": 0}, False),
        ({"amount_micros": None, "action": Action.DISPUTE}, False),
        ({"amount_micros": None, "review": "accounts", "action": Action.FINALIZE}, False),
    ],
)
def test_an_unknown_amount_is_asked_about_where_money_is_capped(
    changes: dict[str, Any], refused: bool
) -> None:
    """Only of what pays, and of which the API is to say how much."""
    policy = capped("money approved: at most 1 USD per day").policy
    fields = {"action": Action.APPROVE} | changes
    decision = a_decision(fields.pop("action"), **fields)
    if not refused:
        limits_for(policy, decision, [])
        return
    with pytest.raises(Halted) as caught:
        limits_for(policy, decision, [])
    assert str(caught.value) == "money is capped, and the API does not say how much this would pay"
    assert (caught.value.by, caught.value.subject, caught.value.asks) == (
        "cap",
        "money approved",
        True,
    )
    assert limits_for(capped("approvals: at most 3 per hour").policy, decision, [])


@pytest.mark.parametrize(("over", "asks"), [("escalate", True), ("hold", False)])
def test_a_full_cap_is_named_with_when_it_has_room(over: str, asks: bool) -> None:
    """A person is asked where the policy says so."""
    policy = capped("approvals: at most 3 per hour", f"when over: {over}").policy
    found = full(policy, "pay", CapReached("no room", cap="approvals: at most 3", room_at=LATER))
    assert str(found) == "the cap is reached: approvals: at most 3"
    assert (found.by, found.subject) == ("cap", "approvals: at most 3")
    assert (found.asks, found.room_at) == (asks, LATER)


@pytest.mark.parametrize(
    ("cap", "wants"),
    [
        ("approvals: at most 3 per hour", True),
        ("disputes: at most 3 per hour", True),
        ("disputes per account: at most 3 per day", True),
        ("money approved: at most 3 USD per day", True),
        ("dispute share: at most 15% after 20 decisions", False),
        ("when over: hold", False),
    ],
)
def test_room_is_wanted_of_caps_that_can_be_kept(cap: str, wants: bool) -> None:
    """A share has no room to keep."""
    found = wanting(capped(cap), an_item(), says(Action.ESCALATE), NOW)
    assert (found is not None) is wants


def test_the_pauses_of_a_policy_hold_while_their_condition_is_true() -> None:
    """Each its own actions; where it cannot be told nothing is paused."""
    judge = capped(
        "pause approvals when: {fleet.open_tasks: at least 5}",
        "pause disputes when: {fleet.escalated: at least 2}",
    )
    own = pauses_of(judge)
    assert own is not None
    quiet, busy = Fleet(open_tasks=4, escalated=1), Fleet(open_tasks=5, escalated=2)
    for fleet in (quiet, Fleet()):
        for action in Action:
            check_pauses(own, action, fleet, NOW)
    for action in BOTH | BACK:
        words = "approvals" if action.pays else "disputes"
        with pytest.raises(Halted) as caught:
            check_pauses(own, action, busy, NOW)
        assert str(caught.value) == f"the policy pauses {words} while its condition is true"
        assert (caught.value.by, caught.value.subject) == ("guardrail", f"pause {words}")
    check_pauses(own, Action.ESCALATE, busy, NOW)
    check_pauses(own, Action.DISPUTE, replace(busy, escalated=1), NOW)
    check_pauses(own, Action.APPROVE, replace(busy, open_tasks=1), NOW)


@pytest.mark.parametrize("word", ["approvals", "disputes"])
def test_one_pause_is_enough_to_have_some(word: str) -> None:
    """Without any there are none."""
    assert pauses_of(capped(f"pause {word} when: {{fleet.open_tasks: at least 5}}")) is not None
    assert pauses_of(capped("approvals: at most 3 per hour")) is None


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("3h before deadline", CONFIRMED + timedelta(hours=69)),
        ("9h after confirmed", CONFIRMED + timedelta(hours=9)),
        ("when night opens", CONFIRMED + timedelta(hours=10)),
    ],
)
def test_the_fallback_may_act_from_its_moment_on(words: str, moment: datetime) -> None:
    """Counted from either end of the round, or by the hours of the policy."""
    judge = judge_of(
        f"hours: {{night: {{open: mon-sun 00:00-06:00}}}}\n{RULE}",
        deadline=f"deadline: {{decide by: {words}, if undecided: leave, because: Timer.}}",
    )
    assert decide_by(judge, an_item()) == moment
