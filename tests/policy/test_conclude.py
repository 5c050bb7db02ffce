"""From a rule that matched to what is done: texts that cannot be sent, hours, and the deadline's say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
import pytest

from reviewbot.domain.decision import Action
from reviewbot.domain.task import Timeline
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.engine.trace import Evaluation, Trace
from reviewbot.policy.facts import NO_HISTORY, Facts, History, build_facts
from reviewbot.policy.model import OpenRange
from tests.builders import CONFIRMED, a_profile, an_account_item, an_attempt, an_item
from tests.policy.judging import DEADLINE, facts_at, judge_of

PEOPLE = """
deadline:
  decide by: 6h before deadline
  if undecided: escalate
  because: People look.
"""
CORRECTIONS = """
applies to: {review: accounts}
rules:
  - name: fix
    when: {profile.username: contains lumen}
    then: request corrections
    comment: Please change "{profile.visible_name}" as ordered.
    fields:
      username: Please drop {profile.biography}
"""
HELD = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: pay, always: yes, then: approve, act during: desk}
"""


def account_facts(past: History = NO_HISTORY, **delivered: Any) -> Facts:
    """The facts of an account an hour after it came in; `delivered` changes its profile."""
    profile = a_profile(**delivered)
    now = CONFIRMED + timedelta(hours=1)
    return build_facts(an_account_item(profile=profile), now=now, evidence=profile, past=past)


def test_corrections_carry_their_comment_and_a_text_for_each_field() -> None:
    """All of them filled in with what is known."""
    made = judge_of(CORRECTIONS, deadline=PEOPLE).judge(account_facts())
    assert (made.action, made.rule) == (Action.REQUEST_CORRECTIONS, "fix")
    assert made.reason == 'Please change "Lumen Cooks" as ordered.'
    assert made.fields == {"username": "Please drop One pan, one city: Lisbon."}


def test_corrections_stay_whole_beside_a_rule_in_shadow() -> None:
    """What is noted of other rules takes nothing from them."""
    watched = "rules:\n  - {name: watched, always: yes, then: finalize, shadow: yes}"
    made = judge_of(CORRECTIONS.replace("rules:", watched), deadline=PEOPLE).judge(account_facts())
    assert made == Evaluation(
        Action.REQUEST_CORRECTIONS,
        "fix",
        1,
        'Please change "Lumen Cooks" as ordered.',
        {"username": "Please drop One pan, one city: Lisbon."},
        shadow=(("watched", Action.FINALIZE),),
    )


@pytest.mark.parametrize(
    ("delivered", "past", "problem"),
    [
        ({"visible_name": None}, (), "written: profile.visible_name is unknown"),
        ({"biography": None}, (), "written: profile.biography is unknown"),
        ({"biography": "x" * 500}, (), "sent: a field's text is empty or too long"),
        (
            {},
            ('Please  change "Lumen Cooks" as ordered.',),
            "sent: the same words were sent before",
        ),
    ],
)
def test_corrections_that_cannot_be_sent_become_a_question(
    delivered: dict[str, Any], past: tuple[str, ...], problem: str
) -> None:
    """Nothing of them is sent; a person is told what stood in the way."""
    made = judge_of(CORRECTIONS, deadline=PEOPLE).judge(
        account_facts(History(texts=past), **delivered)
    )
    assert (made.action, made.rule) == (Action.ESCALATE, "fix")
    assert made.note == made.reason == f"its text could not be {problem}"
    assert made.fields is None


def test_a_dispute_that_cannot_be_written_becomes_a_question() -> None:
    """A fact that its words need is unknown: nobody is sent half a reason."""
    judge = judge_of(
        """
rules:
  - name: back
    when: {task.platform: tiktok}
    then: dispute
    reason: We read {last.comments_scraped} comments and yours was not there.
"""
    )
    made = judge.judge(facts_at(attempts=(an_attempt(comments_scraped=None),)))
    assert (made.action, made.rule) == (Action.ESCALATE, "back")
    assert made.note == "its text could not be written: last.comments_scraped is unknown"


def test_a_dispute_without_a_fitting_variant_becomes_a_question() -> None:
    """Its texts are by platform, and nobody has seen this one."""
    judge = judge_of(
        """
rules:
  - name: back
    always: yes
    then: dispute
    reason: {tiktok: Please open TikTok again., instagram: Please open Instagram again.}
"""
    )
    problem = "its text could not be chosen: no variant fits what is known"
    made = judge.judge(facts_at(platform="youtube"))
    assert made == Evaluation(Action.ESCALATE, "back", 0, problem, note=problem)


def test_texts_tell_days_by_the_clock_of_the_policy() -> None:
    """Late in the evening in London it is tomorrow in Paris, in a reason and in a question."""
    judge = judge_of(
        """
rules:
  - name: back
    when: {task.platform: tiktok}
    then: dispute
    reason: On {last.scraped_at, date} yours was not there.
  - name: ask
    always: yes
    then: escalate
    question: On {last.scraped_at, date} it was not there?
"""
    )
    attempts = (an_attempt(scraped_at=datetime(2026, 6, 1, 22, 30, tzinfo=UTC)),)
    said = [
        judge.judge(facts_at(attempts=attempts, platform=platform)).reason
        for platform in ("tiktok", "instagram")
    ]
    assert said == ["On Jun 2, 2026 yours was not there.", "On Jun 2, 2026 it was not there?"]


def test_corrections_go_out_again_where_the_rule_says_so() -> None:
    """`repeat: yes` lets the same words be sent."""
    again = CORRECTIONS.replace("    fields:", "    repeat: yes\n    fields:")
    past = History(texts=('Please change "Lumen Cooks" as ordered.',))
    made = judge_of(again, deadline=PEOPLE).judge(account_facts(past))
    assert made.action is Action.REQUEST_CORRECTIONS


@pytest.mark.parametrize("hours", [1, 70])
def test_all_who_could_not_tell_are_named(hours: int) -> None:
    """In the order of the rules, in the question and in the fallback's note."""
    judge = judge_of(
        """
rules:
  - {name: one, when: {last.comments_scraped: 0}, then: approve}
  - {name: two, when: {last.match_score: at least 0.9}, then: approve}
"""
    )
    made = judge.judge(
        facts_at(hours, attempts=(an_attempt(comments_scraped=None, match_score=None),))
    )
    said = made.reason if hours == 1 else made.note
    assert said is not None
    assert said.endswith("no rule matches; could not tell: one, two")
    assert made.cannot_tell == ("one", "two")


def test_a_wait_may_end_before_the_deadline_or_when_the_hours_open() -> None:
    """Reckoned from the times of the API."""
    judge = judge_of(
        HELD.replace(
            "rules:",
            "rules:\n  - {name: a, when: {task.platform: tiktok}, then: wait,"
            " until: 20h before deadline}\n  - {name: b, always: yes, then: wait, until: when desk opens}",
        )
    )
    deadline = CONFIRMED + timedelta(hours=72)
    assert judge.judge(facts_at()).until == deadline - timedelta(hours=20)
    evening = CONFIRMED + timedelta(hours=8)
    late = judge.judge(facts_at(platform="instagram", manually_confirmed_at=evening))
    assert (late.rule, late.until) == ("b", datetime(2026, 6, 3, 7, tzinfo=UTC))


def test_a_triage_writes_the_fallback_s_text_where_that_needs_no_evidence() -> None:
    """In the same words as a judgement with all evidence."""
    judge = judge_of(
        ASK,
        deadline="""
deadline:
  decide by: 3h before deadline
  if undecided: {then: dispute, reason: "In round {task.round} it was not there."}
  because: The deadline is near.
""",
    )
    note = "undecided at its deadline: escalate by rule 'ask'"
    made = Evaluation(Action.DISPUTE, "deadline", None, "In round 1 it was not there.", note=note)
    assert judge.triage(facts_at(70, attempts=None)) == made == judge.judge(facts_at(70))


def never_open(judge: Judge) -> Judge:
    """The same policy with hours that have no day."""
    hours = msgspec.structs.replace(
        judge.policy.hours[0], open=(OpenRange(days=(), start=540, end=1080),)
    )
    return compile_policy(msgspec.structs.replace(judge.policy, hours=(hours,)))


def test_an_action_whose_hours_never_open_becomes_a_question() -> None:
    """It is not held for ever."""
    made = never_open(judge_of(HELD)).judge(facts_at())
    assert (made.action, made.rule) == (Action.ESCALATE, "pay")
    assert made.note == "its hours never open again"


def test_what_is_held_over_its_deadline_is_said_with_the_moment_it_waited_for() -> None:
    """The fallback's note names action, rule and opening."""
    deadline = "deadline: {decide by: 9h after confirmed, if undecided: leave, because: Timer.}"
    made = judge_of(HELD, deadline=deadline).judge(facts_at(10))
    assert (made.action, made.reason) == (Action.LEAVE, "Timer.")
    assert (
        made.note
        == "undecided at its deadline: approve until Wed 03 Jun 09:00 CEST (Europe/Paris) by rule 'pay'"
    )


LATE = """
deadline:
  decide by: 3h before deadline
  if undecided:
    - when: {task.platform: tiktok}
      then: dispute
      reason: We read {last.comments_scraped} comments and yours was not there.
    - otherwise: leave
  because: The deadline is near.
"""
NOBODY = "rules:\n  - {name: never, when: {task.times_disputed: at least 9}, then: approve}"
ASK = "rules:\n  - {name: ask, always: yes, then: escalate}"


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("rules", "undecided"), [(NOBODY, "no rule matches"), (ASK, "escalate by rule 'ask'")]
)
def test_a_fallback_that_writes_says_what_it_replaces(
    rules: str, undecided: str, traced: bool
) -> None:
    """Its text is filled in like a rule's, whether or not a rule asked for a person before."""
    made = judge_of(rules, deadline=LATE).judge(facts_at(70), trace=traced)
    assert (made.action, made.rule) == (Action.DISPUTE, "deadline")
    assert made.reason == "We read 60 comments and yours was not there."
    assert made.note == f"undecided at its deadline: {undecided}"


@pytest.mark.parametrize("traced", [False, True])
def test_a_fallback_whose_text_cannot_be_written_says_both(traced: bool) -> None:
    """The person who gets it reads what was undecided and why the fallback could not act."""
    facts = facts_at(70, attempts=(an_attempt(comments_scraped=None),))
    made = judge_of(NOBODY, deadline=LATE).judge(facts, trace=traced)
    assert (made.action, made.rule) == (Action.ESCALATE, "deadline")
    assert made.note == (
        "undecided at its deadline: no rule matches; the fallback became a question for a person:"
        " its text could not be written: last.comments_scraped is unknown"
    )


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("rules", [NOBODY, ASK, HELD])
def test_where_no_case_fits_the_undecided_stay_so(rules: str, traced: bool) -> None:
    """A policy without a last word pays nothing by its deadline."""
    policy = judge_of(rules, deadline=LATE).policy
    cases = (policy.deadline.fallbacks[0],)
    open_ended = msgspec.structs.replace(
        policy, deadline=msgspec.structs.replace(policy.deadline, fallbacks=cases)
    )
    before, late = (
        compile_policy(open_ended).judge(facts_at(hours, platform="instagram"), trace=traced)
        for hours in (68, 82)
    )
    assert (late.action, late.rule, late.undecided) == (before.action, before.rule, True)


# Every kind of end, to the letter ---------------------------------------------------------------

ENDS = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: watched, when: {task.platform: tiktok}, then: escalate, shadow: yes}
  - {name: unclear, when: {task.target_author_handle: lumen}, then: approve}
  - {name: pay, when: {task.comment_text: pay}, then: approve}
  - {name: pay by day, when: {task.comment_text: by day}, then: approve, act during: desk}
  - {name: ask, when: {task.comment_text: ask}, then: escalate, to: lead}
  - {name: ask why, when: {task.comment_text: why}, then: escalate, to: lead, question: Why?}
  - name: ask what
    when: {task.comment_text: what}
    then: escalate
    to: lead
    question: What are {last.comments_scraped} comments?
  - name: ask by day
    when: {task.comment_text: asked by day}
    then: escalate
    to: lead
    question: What is "{task.comment_text}"?
    act during: desk
  - name: back
    when: {task.comment_text: back}
    then: dispute
    reason: We read {last.comments_scraped} comments and yours was not there.
  - name: back again
    when: {task.comment_text: again}
    then: dispute
    reason: We read {last.comments_scraped} comments and yours was not there.
    repeat: yes
  - {name: later, when: {task.comment_text: later}, then: wait, until: 24h after confirmed}
  - {name: let go, when: {task.comment_text: let go}, then: leave, because: The timer pays.}
"""
WORDS = "We read 60 comments and yours was not there."
MORNING = datetime(2026, 6, 3, 7, tzinfo=UTC)
TOMORROW = CONFIRMED + timedelta(hours=24)
DAY, NIGHT, END = 1, 10, 70
"""Hours after it was confirmed: the desk is open, it is closed, it is open and past `decide by`."""
ALL = (DAY, NIGHT, END)
NO_RULE_TEXT = "no rule matches"

APPROVE, ESCALATE, DISPUTE, WAIT, LEAVE = (
    Action.APPROVE,
    Action.ESCALATE,
    Action.DISPUTE,
    Action.WAIT,
    Action.LEAVE,
)
BY_RULE: list[tuple[str, tuple[int, ...], Evaluation]] = [
    ("pay", ALL, Evaluation(APPROVE, "pay", 2)),
    ("by day", (DAY, END), Evaluation(APPROVE, "pay by day", 3)),
    ("by day", (NIGHT,), Evaluation(APPROVE, "pay by day", 3, until=MORNING)),
    ("ask", (DAY, NIGHT), Evaluation(ESCALATE, "ask", 4, to=("lead",))),
    ("why", (DAY, NIGHT), Evaluation(ESCALATE, "ask why", 5, "Why?", to=("lead",))),
    (
        "what",
        (DAY, NIGHT),
        Evaluation(ESCALATE, "ask what", 6, "What are 60 comments?", to=("lead",)),
    ),
    (
        "asked by day",
        (DAY,),
        Evaluation(ESCALATE, "ask by day", 7, 'What is "asked by day"?', to=("lead",)),
    ),
    (
        "asked by day",
        (NIGHT,),
        Evaluation(
            ESCALATE, "ask by day", 7, 'What is "asked by day"?', until=MORNING, to=("lead",)
        ),
    ),
    ("back", ALL, Evaluation(DISPUTE, "back", 8, WORDS)),
    ("again", ALL, Evaluation(DISPUTE, "back again", 9, WORDS)),
    ("later", (DAY, NIGHT), Evaluation(WAIT, "later", 10, until=TOMORROW)),
    ("let go", ALL, Evaluation(LEAVE, "let go", 11, "The timer pays.")),
]
UNDECIDED = {
    "ask": (4, "escalate by rule 'ask'"),
    "why": (5, "escalate by rule 'ask why'"),
    "what": (6, "escalate by rule 'ask what'"),
    "asked by day": (7, "escalate by rule 'ask by day'"),
    "later": (11, NO_RULE_TEXT),
    "other": (11, NO_RULE_TEXT),
}
"""What is undecided at the end: the last rule that was tried, and what is said of it."""
READS_EVIDENCE = {"what", "back", "again"}


def ends_of(text: str, hours: int, platform: str, handle: str | None) -> tuple[Facts, Facts]:
    """The facts with and without evidence."""
    changes: dict[str, Any] = {
        "comment_text": text,
        "platform": platform,
        "target_author_handle": handle,
    }
    return facts_at(hours, **changes), facts_at(hours, attempts=None, **changes)


def beside(made: Evaluation, platform: str, handle: str | None) -> Evaluation:
    """The same with the rules that could not tell, and those that matched in shadow."""
    return msgspec.structs.replace(
        made,
        cannot_tell=("unclear",) if handle is None else (),
        shadow=(("watched", ESCALATE),) if platform == "tiktok" else (),
    )


def outcomes_up_to(index: int, met: bool, hours: int, facts: Facts) -> tuple[bool | None, ...]:
    """What every condition of the rules up to this one came to; a wait has two."""
    handle = None if facts.task.target_author_handle is None else False
    outcomes = [facts.task.platform == "tiktok", handle, *[False] * 10]
    if met:
        outcomes[index] = True
    if facts.task.comment_text == "later":
        outcomes[10] = True
    waits = [hours < 24] if index >= 10 else []
    return (*outcomes[: min(index, 10) + 1], *waits, *outcomes[11 : index + 1])


EITHER = (("tiktok", "else"), ("tiktok", None), ("instagram", "else"), ("instagram", None))
"""Platform and author: whether a rule matches in shadow, and whether one cannot tell."""


@pytest.mark.parametrize(("text", "when", "made"), BY_RULE)
def test_a_rule_ends_a_judgement(text: str, when: tuple[int, ...], made: Evaluation) -> None:
    """Alike in plain, traced and triaged judgement, beside what could not tell and what is shadow."""
    judge = judge_of(ENDS, deadline=LATE)
    assert made.rule_index is not None
    for hours, (platform, handle) in product(when, EITHER):
        wanted = beside(made, platform, handle)
        facts, blind = ends_of(text, hours, platform, handle)
        assert judge.judge(facts) == wanted
        tried = Trace(outcomes_up_to(made.rule_index, True, hours, facts), made.rule_index + 1)
        assert judge.judge(facts, trace=True) == msgspec.structs.replace(wanted, trace=tried)
        assert judge.triage(blind) == (None if text in READS_EVIDENCE else wanted)


def test_no_rule_ends_a_judgement_with_a_question() -> None:
    """Which says who could not tell."""
    judge = judge_of(ENDS, deadline=LATE)
    for hours, (platform, handle) in product((DAY, NIGHT), EITHER):
        more = "; could not tell: unclear" if handle is None else ""
        asked = Evaluation(ESCALATE, "no rule", None, NO_RULE_TEXT + more)
        wanted = beside(asked, platform, handle)
        facts, blind = ends_of("other", hours, platform, handle)
        assert judge.judge(facts) == wanted
        tried = Trace(outcomes_up_to(11, False, hours, facts), 12)
        assert judge.judge(facts, trace=True) == msgspec.structs.replace(wanted, trace=tried)
        assert judge.triage(blind) == wanted


FALLBACKS: list[tuple[str, Evaluation, Evaluation, int]] = [
    (
        LATE.replace("platform: tiktok", "platform: instagram"),
        Evaluation(LEAVE, "deadline", None, "The deadline is near."),
        Evaluation(DISPUTE, "deadline", None, WORDS),
        2,
    ),
    (
        DEADLINE,
        Evaluation(APPROVE, "deadline", None, "We pay when we cannot show what is wrong."),
        Evaluation(APPROVE, "deadline", None, "We pay when we cannot show what is wrong."),
        1,
    ),
    (
        "deadline: {decide by: 3h before deadline, if undecided: escalate, because: People look.}",
        Evaluation(ESCALATE, "deadline", None, "People look."),
        Evaluation(ESCALATE, "deadline", None, "People look."),
        1,
    ),
]


@pytest.mark.parametrize(("deadline", "otherwise", "first", "cases"), FALLBACKS)
def test_the_fallback_ends_a_judgement_that_is_undecided_at_its_deadline(
    deadline: str, otherwise: Evaluation, first: Evaluation, cases: int
) -> None:
    """It keeps nothing of the rule but a note, and what could not tell and what is shadow."""
    judge = judge_of(ENDS, deadline=deadline)
    for (text, (index, reason)), (platform, handle) in product(UNDECIDED.items(), EITHER):
        ruleless = reason == NO_RULE_TEXT
        more = "; could not tell: unclear" if handle is None and ruleless else ""
        end = otherwise if platform == "tiktok" else first
        note = f"undecided at its deadline: {reason}{more}"
        wanted = beside(msgspec.structs.replace(end, note=note), platform, handle)
        facts, blind = ends_of(text, END, platform, handle)

        assert judge.judge(facts) == wanted
        case_outcomes = () if cases == 1 else (platform == "instagram",)
        tried = Trace(
            outcomes_up_to(index, not ruleless, END, facts),
            index + 1,
            case_outcomes,
            1 if platform == "instagram" else cases,
        )
        assert judge.judge(facts, trace=True) == msgspec.structs.replace(wanted, trace=tried)
        reads = text in READS_EVIDENCE or end.action is DISPUTE
        assert judge.triage(blind) == (None if reads else wanted)


@pytest.mark.parametrize(
    ("deadline", "moment"),
    [
        ("3h before deadline", timedelta(hours=69)),
        ("2h after confirmed", timedelta(hours=2)),
        ("2026-06-03 09:00", timedelta(hours=19)),
    ],
)
def test_from_its_moment_on_the_fallback_has_its_say(deadline: str, moment: timedelta) -> None:
    """The moment itself is included, to the microsecond, in every kind of judgement."""
    words = f"deadline: {{decide by: {deadline}, if undecided: leave, because: Timer.}}"
    judge = judge_of(ASK, deadline=words)
    item, instant = an_item(), timedelta(microseconds=1)

    def said(now: datetime) -> list[str | None]:
        facts = build_facts(item, now=now, evidence=Timeline(task_id=item.id, attempts=()))
        triaged, last = judge.triage(facts), judge.fallback(facts)
        rules = [judge.judge(facts).rule, judge.judge(facts, trace=True).rule]
        return [
            *rules,
            *(answer.rule if answer is not None else None for answer in (triaged, last)),
        ]

    assert said(CONFIRMED + moment) == ["deadline"] * 4
    assert said(CONFIRMED + moment - instant) == ["ask", "ask", "ask", None]


def test_an_unknown_deadline_leaves_the_undecided_as_they_are() -> None:
    """Nothing is paid by a moment that nobody knows."""
    judge = judge_of(ASK)
    facts = facts_at(500, client_dispute_deadline_at=None)
    assert judge.judge(facts).rule == "ask"
    assert judge.judge(facts, trace=True).rule == "ask"
    assert judge.fallback(facts) is None


def test_the_fallback_alone_is_its_case_without_a_note() -> None:
    """For what is kept back though a rule decided it."""
    judge = judge_of(ENDS, deadline=LATE)
    assert judge.fallback(facts_at(END)) == Evaluation(DISPUTE, "deadline", None, WORDS)
    assert judge.fallback(facts_at(END, platform="instagram")) == Evaluation(
        LEAVE, "deadline", None, "The deadline is near."
    )
    assert judge.fallback(facts_at(DAY)) is None


@pytest.mark.parametrize("traced", [False, True])
def test_the_same_words_go_out_again_only_where_the_rule_says_so(traced: bool) -> None:
    """Otherwise a person is asked, with the reason as the question."""
    judge = judge_of(ENDS, deadline=LATE)
    past = History(disputes=1, texts=(WORDS,))
    back, again = (
        judge.judge(
            facts_at(
                past=past, comment_text=text, platform="instagram", target_author_handle="else"
            ),
            trace=traced,
        )
        for text in ("back", "again")
    )
    problem = "its text could not be sent: the same words were sent before"
    assert msgspec.structs.replace(back, trace=None) == Evaluation(
        ESCALATE, "back", 8, problem, note=problem
    )
    assert msgspec.structs.replace(again, trace=None) == Evaluation(DISPUTE, "back again", 9, WORDS)


def test_a_question_whose_hours_never_open_goes_to_whom_it_was_meant_for() -> None:
    """With why it is asked now."""
    made = never_open(judge_of(ENDS, deadline=LATE)).judge(
        facts_at(comment_text="asked by day", platform="instagram", target_author_handle="else")
    )
    never = "its hours never open again"
    assert made == Evaluation(ESCALATE, "ask by day", 7, never, to=("lead",), note=never)
