"""What a judge answers: first match, unknown values, holds, waits and the deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from reviewbot.domain.decision import Action
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.engine.trace import trace_json
from reviewbot.policy.facts import AccountHistory
from reviewbot.policy.model import Fixed
from tests.builders import CONFIRMED, an_attempt
from tests.policy.judging import facts_at, judge_of

ASK = """
rules:
  - name: ask
    always: yes
    then: escalate
"""
DISPUTE = """
rules:
  - name: not there
    when: {last.outcome_kind: couldnt_verify, last.comments_scraped: between 1 and 99}
    then: dispute
    reason: We read all {last.comments_scraped} comments and yours was not there.
"""


def test_the_first_rule_that_matches_decides() -> None:
    """Order is all there is: a later match changes nothing."""
    judge = judge_of(
        """
rules:
  - {name: first, when: {task.platform: tiktok}, then: approve}
  - {name: second, always: yes, then: escalate}
"""
    )
    assert judge.judge(facts_at()).rule == "first"
    assert judge.judge(facts_at(platform="instagram")).rule == "second"


@pytest.mark.parametrize("test", ["tiktok", "not tiktok", "[tiktok, instagram]"])
def test_a_platform_nobody_has_seen_matches_nothing(test: str) -> None:
    """A value outside the closed list is unknown, under `not` as well."""
    judge = judge_of(f"rules:\n  - {{name: r, when: {{task.platform: '{test}'}}, then: approve}}")
    made = judge.judge(facts_at(platform="youtube"))
    assert (made.action, made.rule, made.cannot_tell) == (Action.ESCALATE, "no rule", ("r",))
    assert made.reason == "no rule matches; could not tell: r"


def test_a_fallback_says_why_and_what_was_undecided() -> None:
    """`because` is its reason, the note names what it replaces."""
    made = judge_of(ASK).judge(facts_at(70))
    assert made.action is Action.APPROVE
    assert made.reason == "We pay when we cannot show what is wrong."
    assert made.note == "undecided at its deadline: escalate by rule 'ask'"


def test_a_dispute_stands_after_decide_by() -> None:
    """The rules still come first; only the undecided fall back."""
    made = judge_of(DISPUTE).judge(facts_at(71))
    assert (made.action, made.rule) == (Action.DISPUTE, "not there")
    assert made.reason == "We read all 60 comments and yours was not there."


def test_a_wait_ends_at_its_moment() -> None:
    """Before it the task waits with that moment; at the moment the rule no longer matches."""
    judge = judge_of(
        """
rules:
  - {name: later, always: yes, then: wait, until: 24h after confirmed}
"""
    )
    until = CONFIRMED + timedelta(hours=24)
    assert judge.judge(facts_at(23)).until == until
    assert judge.judge(facts_at(24)).rule == "no rule"


OFFICE = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: pay, always: yes, then: approve, act during: desk}
"""


def test_an_action_is_held_until_its_hours_open() -> None:
    """At night it keeps its action and carries the opening moment."""
    made = judge_of(OFFICE).judge(facts_at(10))
    assert made.action is Action.APPROVE
    assert made.until == datetime(2026, 6, 3, 7, 0, tzinfo=UTC)
    assert judge_of(OFFICE).judge(facts_at(1)).until is None


def test_a_rule_is_held_by_its_own_hours_and_by_those_of_all_that_pays() -> None:
    """It goes when both are open: Tuesday 14:00 in Paris waits for 16:00, and an evening for Wednesday."""
    judge = judge_of(
        OFFICE.replace("  desk:", "  late: {open: mon-fri 16:00-22:00}\n  desk:")
        + "guardrails: {approvals during: late}\n"
    )
    assert judge.judge(facts_at(0)).until == datetime(2026, 6, 2, 14, 0, tzinfo=UTC)
    assert judge.judge(facts_at(3)).until is None
    assert judge.judge(facts_at(6)).until == datetime(2026, 6, 3, 14, 0, tzinfo=UTC)


def test_hours_do_not_bind_the_fallback() -> None:
    """A held action is undecided: at the deadline the fallback acts, whatever the hour."""
    made = judge_of(OFFICE, deadline=DEADLINE_AT_NIGHT).judge(facts_at(10))
    assert (made.action, made.rule, made.until) == (Action.LEAVE, "deadline", None)


DEADLINE_AT_NIGHT = """
deadline:
  decide by: 9h after confirmed
  if undecided: leave
  because: The timer pays.
"""


def test_cases_of_the_fallback_pass_over_what_they_cannot_tell() -> None:
    """An unknown case is not taken; the last one serves the rest."""
    deadline = """
deadline:
  decide by: 3h before deadline
  if undecided:
    - {when: {task.cm_payout_amount: at most 0.30 USD}, then: approve}
    - {otherwise: escalate}
  because: Small sums are paid.
"""
    judge = judge_of(ASK, deadline=deadline)
    assert judge.judge(facts_at(70)).action is Action.APPROVE
    assert judge.judge(facts_at(70, cm_payout_amount=None)).action is Action.ESCALATE


def test_a_shadow_rule_is_recorded_and_never_decides() -> None:
    """It leaves its name and action beside the answer of the live rules."""
    judge = judge_of(
        """
rules:
  - {name: tried out, when: {task.platform: tiktok}, then: approve, shadow: yes}
  - {name: live, always: yes, then: escalate}
"""
    )
    made = judge.judge(facts_at())
    assert (made.rule, made.shadow) == ("live", (("tried out", Action.APPROVE),))


def test_a_larger_rollout_keeps_those_already_in() -> None:
    """A task's place is fixed by its id and the rule; the share only moves the line."""

    def inside(share: str) -> set[str]:
        judge = judge_of(f"rules:\n  - {{name: r, always: yes, then: approve, rollout: {share}}}")
        ids = (f"task-{n}" for n in range(400))
        return {i for i in ids if judge.judge(facts_at(id=i)).rule == "r"}

    small, large = inside("25%"), inside("50%")
    assert small < large
    assert 70 < len(small) < 130


def test_a_policy_on_the_task_alone_needs_no_evidence() -> None:
    """Triage answers without it, and the judge says that it is never needed."""
    judge = judge_of("rules:\n  - {name: r, when: {task.platform: tiktok}, then: approve}")
    assert not judge.ever_needs_evidence
    made = judge.triage(facts_at(attempts=None))
    assert made is not None
    assert made.rule == "r"


def test_triage_asks_for_evidence_when_a_text_needs_it() -> None:
    """The rule matches without evidence, its text cannot be written without it."""
    judge = judge_of(
        """
rules:
  - name: ask
    when: {task.platform: tiktok}
    then: escalate
    question: The checker read {last.comments_scraped} comments. Is it there?
"""
    )
    assert judge.triage(facts_at(attempts=None)) is None
    assert judge.triage(facts_at(attempts=None, platform="instagram")) is not None


def test_a_fallback_of_which_no_case_is_met_needs_no_evidence() -> None:
    """A tree that no text gives, for `otherwise` ends every fallback: nothing is decided, nothing fetched."""
    judge = judge_of(ASK)
    never = msgspec.structs.replace(judge.policy.deadline, fallbacks=())
    bare = compile_policy(msgspec.structs.replace(judge.policy, deadline=never))
    made = bare.triage(facts_at(71, attempts=None))
    assert made is not None
    assert made.action is Action.ESCALATE


def test_a_total_that_only_the_text_of_the_deadline_names_is_asked_for_when_that_decides() -> None:
    """It costs a request, so not before."""
    judge = judge_of(
        ASK,
        deadline="""
deadline:
  decide by: 3h before deadline
  if undecided:
    - otherwise:
        then: escalate
        question: It was paid {account.finalized_total} times. Is it there?
  because: People decide.
""",
    )
    assert judge.asks_for_total(facts_at(71))
    assert not judge.asks_for_total(facts_at(1))
    told = msgspec.structs.replace(AccountHistory(), finalized_total=3)
    assert not judge.asks_for_total(msgspec.structs.replace(facts_at(71), account=told))


def test_a_total_that_only_a_statement_names_is_asked_for() -> None:
    """What is to be done hangs on it all the same; a statement without a condition hangs on nothing."""
    never = "never: [{{name: new accounts, {} then: approve}}]\n"
    rules = "rules:\n  - {name: pay, when: {task.platform: tiktok}, then: approve}"
    asking = judge_of(never.format("when: {account.finalized_total: less than 2},") + rules)
    assert asking.asks_for_total(facts_at(1))
    other = judge_of(never.format("when: {task.platform: instagram},") + rules)
    assert not other.asks_for_total(facts_at(1))


def test_a_quoted_text_of_a_denied_list_is_what_stands_in_its_quotes() -> None:
    """A comma within belongs to it."""
    judge = judge_of(
        """
rules:
  - {name: other, when: {task.comment_text: "not ['so, so', fine]"}, then: approve}
"""
    )
    assert judge.judge(facts_at(comment_text="so, so")).rule != "other"
    assert judge.judge(facts_at(comment_text="fine")).rule != "other"
    assert judge.judge(facts_at(comment_text="'so, so'")).rule == "other"
    assert judge.judge(facts_at(comment_text="so")).rule == "other"


def test_a_listed_choice_may_be_asked_letter_by_letter() -> None:
    """As a plain one."""
    for listed in ("[exactly verified, exactly wrong_text]", "exactly verified"):
        judge = judge_of(
            f"rules:\n  - {{name: r, when: {{last.outcome_kind: {listed}}}, then: approve}}"
        )
        seen = facts_at(attempts=(an_attempt(outcome_kind="verified"),))
        other = facts_at(attempts=(an_attempt(outcome_kind="scrape_failed"),))
        assert judge.judge(seen).rule == "r"
        assert judge.judge(other).rule != "r"


def test_two_rules_may_ask_the_same_of_every_check() -> None:
    """Each with its own answer, by one function."""
    judge = judge_of(
        """
rules:
  - name: tiktok
    when: {task.platform: tiktok, any check: {comments_scraped: at least 20}}
    then: approve
  - name: any
    when: {any check: {comments_scraped: at least 20}}
    then: escalate
"""
    )
    much, few = (an_attempt(comments_scraped=87),), (an_attempt(comments_scraped=2),)
    assert judge.judge(facts_at(attempts=much)).rule == "tiktok"
    assert judge.judge(facts_at(attempts=much, platform="instagram")).rule == "any"
    assert judge.judge(facts_at(attempts=few)).rule not in ("tiktok", "any")
    assert judge.code.count("def attempt") == 1


def test_a_trace_is_kept_only_where_it_is_asked_for() -> None:
    """Of a triage as well, where that can answer at all; it is laid out as the log keeps it."""
    judge = judge_of(DISPUTE)
    facts, blind = facts_at(), facts_at(attempts=None)
    plain, traced = judge.judge(facts), judge.judge(facts, trace=True)
    assert plain.trace is None
    assert traced.trace is not None
    assert msgspec.structs.replace(traced, trace=None) == plain
    assert judge.trace_json(traced.trace) == trace_json(judge.policy, traced.trace)

    easy = judge_of(ASK)
    without, beside = easy.triage(blind), easy.triage(blind, trace=True)
    assert without is not None
    assert without.trace is None
    assert beside is not None
    assert beside == easy.judge(blind, trace=True)
    assert beside.trace is not None
    assert judge.triage(blind, trace=True) is None
    assert judge.ever_needs_evidence


def test_a_judge_shows_its_hours_and_its_code() -> None:
    """For those who look ahead, and for the curious."""
    judge = judge_of(
        "hours: {desk: {open: mon-fri 09:00-18:00}}\n"
        "rules: [{name: r, always: yes, then: approve, act during: desk}]"
    )
    assert list(judge.calendars) == ["desk"]
    assert "def judge(f):" in judge.code
    assert "def case(f):" in judge.code


def test_a_judge_knows_which_memories_it_needs() -> None:
    """`account.*` and `fleet.*` are looked up only for policies that name them."""
    plain = judge_of("rules:\n  - {name: r, when: {task.platform: tiktok}, then: approve}")
    asking = judge_of(
        "rules:\n  - {name: r, when: {account.disputes_30d: at least 3, fleet.escalated: 0},"
        " then: escalate}"
    )
    assert (plain.needs_account, plain.needs_fleet) == (False, False)
    assert (asking.needs_account, asking.needs_fleet) == (True, True)


def test_a_list_of_moments_means_those_moments() -> None:
    """In whatever zone they are written; a moment beside them matches nothing."""
    rule = "{name: then, when: {last.scraped_at: [LIST]}, then: approve}"
    judge = judge_of(
        "rules:\n  - " + rule.replace("LIST", "2026-06-02 16:00, 2026-06-02 15:00+01:00")
    )

    def rule_at(hour: int) -> str:
        moment = datetime(2026, 6, 2, hour, tzinfo=UTC)
        return judge.judge(facts_at(attempts=(an_attempt(scraped_at=moment),))).rule

    assert [rule_at(hour) for hour in (13, 14, 15)] == ["no rule", "then", "no rule"]


CLOSED = """
hours:
  desk: {open: mon-fri 09:00-18:00, closed: in list holidays}
lists:
  holidays: [2026-06-03]
"""


def test_the_days_of_a_list_are_closed() -> None:
    """An action is held over them to the next opening."""
    judge = judge_of(CLOSED + OFFICE[OFFICE.index("rules:") :])
    made = judge.judge(facts_at(10))
    assert (made.action, made.until) == (Action.APPROVE, datetime(2026, 6, 4, 7, tzinfo=UTC))


def test_a_policy_may_decide_at_a_fixed_moment() -> None:
    """The same one for every task; it comes before the deadline or it does not come."""
    judge = judge_of(ASK)
    policy = msgspec.structs.replace(
        judge.policy,
        deadline=msgspec.structs.replace(
            judge.policy.deadline, decide_by=Fixed(at=CONFIRMED + timedelta(hours=5))
        ),
    )
    fixed = compile_policy(policy)
    assert [fixed.judge(facts_at(hours)).rule for hours in (4.9, 5)] == ["ask", "deadline"]
