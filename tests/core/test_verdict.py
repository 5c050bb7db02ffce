"""What is to be done, whoever said so: taken over from an answer word for word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.verdict import (
    UNCOVERED,
    Verdict,
    failed,
    in_its_place,
    kept_back,
    no_evidence,
    verdict_of,
)
from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.domain.errors import Halted
from reviewbot.domain.round_state import cannot_send
from tests.builders import an_item
from tests.fakes import DISPUTE, START, Answer, FakeJudge, always
from tests.policy.judging import facts_at, judge_of

WHOLE = Answer(
    action=Action.REQUEST_CORRECTIONS,
    rule="fix",
    reason="Please mend it.",
    fields={"username": "shorter"},
    until=START,
    to=("lead",),
    cannot_tell=("last.verified",),
    shadow=(("strict", Action.ESCALATE),),
    note="a note",
)
BACK = Verdict(
    action=Action.DISPUTE,
    rule="back",
    reason="Please post it again.",
    fields={"username": "shorter"},
    to=("lead",),
    cannot_tell=("last.verified",),
    policy="fake",
    revision="r",
)


def test_an_answer_is_taken_over_whole() -> None:
    """Beside it the policy and its revision; nothing keeps it back yet."""
    verdict = verdict_of(always(WHOLE), facts_at(), WHOLE)  # type: ignore[arg-type]
    assert replace(verdict, trace=None) == Verdict(
        action=Action.REQUEST_CORRECTIONS,
        rule="fix",
        reason="Please mend it.",
        fields={"username": "shorter"},
        until=START,
        to=("lead",),
        cannot_tell=("last.verified",),
        note="a note",
        shadow=(("strict", Action.ESCALATE),),
        policy="fake",
        revision="f" * 64,
        trace=None,
    )
    assert verdict.trace is not None
    assert verdict.trace() == b"null"


def test_the_trace_is_written_on_demand() -> None:
    """By judging the same facts again, with every rule tried."""
    judge = judge_of(
        "rules:\n"
        "  - {name: one, when: {task.platform: instagram}, then: approve}\n"
        "  - {name: two, when: {task.platform: tiktok}, then: escalate}"
    )
    facts = facts_at()
    verdict = verdict_of(judge, facts, judge.judge(facts))
    trace = judge.judge(facts, trace=True).trace
    assert trace is not None
    assert verdict.trace is not None
    assert verdict.trace() == judge.trace_json(trace)


@pytest.mark.parametrize(
    ("changes", "due", "undecided"),
    [
        ({}, True, False),
        ({"until": START}, False, True),
        ({"held_by": "a pause"}, False, True),
        ({"action": Action.ESCALATE}, False, True),
        ({"action": Action.WAIT}, False, True),
        ({"action": Action.LEAVE}, False, False),
    ],
)
def test_what_is_due_and_what_is_undecided(
    changes: dict[str, Any], due: bool, undecided: bool
) -> None:
    """Something to send now is due; what silence would pay against nobody's decision is undecided."""
    verdict = replace(BACK, **changes)
    assert (verdict.due, verdict.undecided) == (due, undecided)


def test_what_no_policy_decides_asks_a_person() -> None:
    """Each says why; only a broken policy is broken."""
    judge: Any = always(WHOLE)
    assert (
        Verdict(action=Action.ESCALATE, rule=NO_RULE, reason="no running policy covers this task")
        == UNCOVERED
    )
    assert failed(judge, ValueError("odd")) == Verdict(
        action=Action.ESCALATE,
        rule=NO_RULE,
        reason="the policy could not be evaluated (ValueError)",
        broke=True,
        policy="fake",
        revision="f" * 64,
    )
    assert no_evidence(judge, WHOLE) == Verdict(  # type: ignore[arg-type]
        action=Action.ESCALATE,
        rule=NO_RULE,
        reason="the evidence that a rule needs cannot be fetched",
        cannot_tell=("last.verified",),
        policy="fake",
        revision="f" * 64,
    )
    assert UNCOVERED.trace is None


def test_what_is_kept_back_is_held_as_it_is() -> None:
    """Only by what is added to it."""
    assert kept_back(BACK, Halted("a pause", by="pause")) == replace(BACK, held_by="a pause")


@pytest.mark.parametrize(
    ("action", "reason", "asked"),
    [
        (
            Action.DISPUTE,
            "Please post it again.",
            'a cap; the rule says dispute: "Please post it again."',
        ),
        (
            Action.REQUEST_CORRECTIONS,
            "Mend it.",
            'a cap; the rule says request corrections: "Mend it."',
        ),
        (Action.DISPUTE, None, "a cap; the rule says dispute"),
        (Action.APPROVE, "In time.", "a cap; the rule says approve"),
    ],
)
def test_a_person_is_asked_with_what_the_rule_says(
    action: Action, reason: str | None, asked: str
) -> None:
    """The text for the other side is quoted, so that a person can send it."""
    verdict = replace(BACK, action=action, reason=reason)
    found = kept_back(verdict, Halted("a cap", by="cap", asks=True))
    assert found == replace(
        verdict,
        action=Action.ESCALATE,
        reason=asked,
        fields=None,
        held_by="a cap",
        wanted=action,
    )


@pytest.mark.parametrize(
    ("rule", "answer", "changes"),
    [
        ("back", None, False),
        ("back", Answer(action=Action.ESCALATE), False),
        (DEADLINE, Answer(action=Action.APPROVE), False),
        ("back", Answer(action=Action.APPROVE, rule=DEADLINE), True),
        ("back", Answer(action=Action.LEAVE, rule=DEADLINE), True),
    ],
)
def test_the_deadline_takes_the_place_of_what_it_changes(
    rule: str, answer: Answer | None, changes: bool
) -> None:
    """It is asked with the same facts; what was wanted is written down."""
    facts, asked = facts_at(), []

    def fallback(of: Any) -> Answer | None:
        asked.append(of)
        return answer

    judge: Any = FakeJudge(lambda facts: DISPUTE, fallback=fallback)
    found = in_its_place(judge, facts, replace(BACK, rule=rule))
    assert asked == [facts] * (rule != DEADLINE)
    assert (found is not None) is changes
    if found is not None and answer is not None:
        assert (found.action, found.rule) == (answer.action, DEADLINE)
        assert (found.wanted, found.policy) == (Action.DISPUTE, "fake")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("status",), "status"),
        (("epoch",), "start of its round"),
        (("deadline_at",), "deadline"),
        (("status", "deadline_at"), "status and deadline"),
        (("status", "epoch", "deadline_at"), "status and start of its round and deadline"),
    ],
)
def test_what_the_api_did_not_say_keeps_it_from_being_sent(
    missing: tuple[str, ...], said: str
) -> None:
    """All of it is named."""
    item = replace(an_item(), **dict.fromkeys(missing))
    assert cannot_send(item) == f"the API did not say its {said}, so nothing can be sent"
    assert cannot_send(an_item()) is None
    elsewhere = replace(an_item(), status="frozen_by_vendor")
    assert cannot_send(elsewhere) == "its status is 'frozen_by_vendor', so nothing can be sent"
    assert cannot_send(replace(an_item(), deadline_at=START + timedelta(hours=1))) is None
