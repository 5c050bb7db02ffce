"""Each thing that a policy can mean without its author meaning it is found, and nothing else is."""

from __future__ import annotations

from cProfile import Profile
from datetime import date, timedelta
from random import Random  # noqa: TID251 the same rules at each run
from textwrap import indent

import pytest

from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import MARGIN, POLL, analyse, checked

TODAY = date(2026, 11, 22)
HEAD = "policy: planted\nlanguage: 1\n"
DEADLINE = """
deadline:
  decide by: 4h before deadline
  if undecided: leave
  because: Nobody objected.
"""
REST = """
  - name: the rest goes to a person
    always: yes
    then: escalate
"""
SECOND = """
  - name: second visit
    when:
      task.times_disputed: at least 1
    then: escalate
"""


def policy_of(rules: str, *, head: str = "", deadline: str = DEADLINE) -> Policy:
    """Read a policy of these rules; a mistake in the text is a mistake in the test."""
    text = HEAD + head + "rules:" + rules + deadline
    parsed = parse_policy(text, path="planted.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def found_in(
    rules: str,
    *,
    head: str = "",
    deadline: str = DEADLINE,
    poll: float = POLL,
    margin: float = MARGIN,
) -> list[Finding]:
    """Analyse a policy of these rules."""
    policy = policy_of(rules, head=head, deadline=deadline)
    return list(analyse(policy, today=TODAY, poll=poll, margin=margin))


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def rule(name: str, when: str, then: str = "approve", more: str = "") -> str:
    """One rule as text."""
    lines = indent(when.strip("\n"), "      ") if "\n" in when else f"      {when}"
    tail = f"    {more}\n" if more else ""
    if then == "dispute" and "reason:" not in more:
        tail += "    reason: Please open the video and post the comment once more.\n"
    return f"\n  - name: {name}\n    when:\n{lines}\n    then: {then}\n{tail}"


PLANTED = {
    "eaten by one rule": (
        SECOND
        + rule("all failures", "last.outcome_kind: scrape_failed")
        + rule(
            "failures on tiktok",
            "last.outcome_kind: scrape_failed\ntask.platform: tiktok",
            "escalate",
        )
        + REST,
        "P202",
        '"all failures"',
    ),
    "eaten by two rules together": (
        SECOND
        + rule("few", "last.comments_scraped: at most 50", "escalate")
        + rule("many", "last.comments_scraped: more than 50", "escalate")
        + rule("some", "last.comments_scraped: between 20 and 80\nlast.verified: yes")
        + REST,
        "P202",
        'rule 2 "few" and rule 3 "many"',
    ),
    "a longer text eaten by a shorter": (
        rule("promo", "task.comment_text: contains promo", "escalate")
        + rule("promotion", "task.comment_text: contains promotion")
        + REST,
        "P202",
        '"promo"',
    ),
    "its own conditions exclude each other": (
        rule("odd", "task.round: 1\ntask.times_disputed: 1", "approve") + REST,
        "P201",
        "exclude each other",
    ),
    "no attempt and yet a score": (
        rule("odd", "checks.count: 0\nlast.match_score: at least 0.5", "approve") + REST,
        "P201",
        "exclude each other",
    ),
    "pays and sends back": (
        SECOND
        + rule("trusted", "task.cm_payout_amount: at most 0.30 USD")
        + rule("missing", "last.comments_scraped: between 1 and 99", "dispute")
        + REST,
        "P203",
        "match both",
    ),
    "always true": (
        rule("counted", "last.comments_scraped: at least 0", "escalate") + REST,
        "P207",
        "always true",
    ),
    "never true": (
        rule("counted", "account.dispute_share_30d: more than 100%", "escalate") + REST,
        "P208",
        "never true",
    ),
    "beyond the documents": (
        rule("counted", "last.comments_scraped: more than 100", "escalate") + REST,
        "P211",
        "beyond what the API documents",
    ),
    "eaten within the documents": (
        SECOND
        + rule("counted", "last.comments_scraped: between 1 and 100", "escalate")
        + rule("none", "last.comments_scraped: 0", "escalate")
        + rule("counted as well", "last.comments_scraped: known\ntask.platform: tiktok", "escalate")
        + REST,
        "P212",
        "the API's documents do not know",
    ),
    "no rule covers": (rule("verified", "last.verified: yes"), "P205", "no rule covers"),
    "paid because nobody could tell": (
        rule("read the whole page", "last.comments_scraped: between 1 and 99", "escalate")
        + rule("cheap", "task.cm_payout_amount: at most 0.30 USD")
        + REST,
        "P206",
        "could not tell",
    ),
    "a place that may be unknown": (
        SECOND
        + rule(
            "missing",
            "last.outcome_kind: couldnt_verify",
            "dispute",
            'reason: "We read {last.comments_scraped} comments and found nothing."',
        )
        + REST,
        "P220",
        "may be unknown",
    ),
    "a text that can be too long": (
        SECOND
        + rule(
            "missing",
            "last.outcome_kind: couldnt_verify",
            "dispute",
            'reason: "Please post this: {task.comment_text}"',
        )
        + REST,
        "P221",
        "4418 characters",
    ),
    "a wait that outlives the deadline": (
        rule("later", "task.platform: tiktok", "wait", "until: 71h after confirmed") + REST,
        "P140",
        "outlive",
    ),
    "a wait for nothing": (
        rule("later", "last.outcome_kind: scrape_failed", "wait", "until: 6h after confirmed")
        + REST,
        "P230",
        "nothing",
    ),
    "for ever": (
        rule("missing", "last.comments_scraped: between 1 and 99", "dispute") + REST,
        "P240",
        "again and again",
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_mistake_is_found_and_named(kind: str) -> None:
    """Each kind of mistake is met with its code and its words, and nothing else is said."""
    rules, code, words = PLANTED[kind]
    findings = found_in(rules)
    assert [f.code for f in findings] == [code]
    assert words in findings[0].message


CLEAN = {
    "guards first": SECOND
    + rule(
        "looked",
        "last.outcome_kind: couldnt_verify\nlast.comments_scraped: between 1 and 99",
        "dispute",
    )
    + REST,
    "no attempt is asked for by name": SECOND
    + rule(
        "looked",
        "last.outcome_kind: couldnt_verify\nlast.comments_scraped: between 1 and 99",
        "dispute",
    )
    + "\n  - name: nothing to go by\n    when any:\n      - checks.count: 0\n"
    + "      - last.outcome_kind: scrape_failed\n    then: approve\n"
    + REST,
    "a place that its own test proves known": SECOND
    + rule(
        "looked",
        "last.comments_scraped: between 1 and 99",
        "dispute",
        'reason: "Read {last.comments_scraped} comments on {last.scraped_at, date}: try {last.attempt_n}."',
    )
    + REST,
    "a long text that is cut": SECOND
    + rule(
        "looked",
        "last.comments_scraped: between 1 and 99",
        "dispute",
        'reason: "Please post this once more: {task.comment_text, first 60}"',
    )
    + REST,
    "a text within the platform's own limit": SECOND
    + rule(
        "looked",
        "last.comments_scraped: between 1 and 99\ntask.platform: tiktok",
        "dispute",
        'reason: "Please post this once more: {task.comment_text}"',
    )
    + REST,
}


@pytest.mark.parametrize("kind", CLEAN)
def test_a_sensible_policy_gives_no_finding(kind: str) -> None:
    """There is no false alarm on what people write on purpose."""
    assert found_in(CLEAN[kind]) == []


def test_a_guard_is_not_worth_a_word() -> None:
    """A person asked first and the rules after it overlap by design."""
    assert found_in(SECOND + rule("failed", "last.outcome_kind: scrape_failed") + REST) == []


def test_what_one_rule_pays_before_several_that_ask_a_person_is_one_note() -> None:
    """One cause, one finding: the rule that comes first, and all that it comes before."""
    rules = rule("failed", "last.outcome_kind: scrape_failed")
    rules += rule("watched", "task.saved_account_id: [a, b]", "escalate")
    rules += rule("costly", "task.cm_payout_amount: at least 1 USD", "escalate") + REST
    (noted,) = found_in(rules)
    assert (noted.code, noted.severity) == ("P204", Severity.NOTE)
    assert noted.message == (
        'rule 1 "failed" (approve) comes first for tasks that '
        'rule 2 "watched" and rule 3 "costly" (escalate) match too'
    )


def test_an_approval_before_a_person_is_noted() -> None:
    """Money that moves before a person could look is worth a note, with a task."""
    rules = (
        rule("failed", "last.outcome_kind: scrape_failed")
        + rule("costly", "task.cm_payout_amount: at least 1 USD", "escalate")
        + REST
    )
    (noted,) = found_in(rules)
    assert (
        noted.message
        == 'rule 1 "failed" pays tasks before rule 2 "costly" can ask a person about them'
    )
    assert noted.detail is not None and "task.cm_payout_amount: 1.00 USD" in noted.detail


def test_a_narrow_rule_before_a_wide_one_is_no_warning() -> None:
    """An exception that pays, above the rule that sends back the rest, is how exceptions are written."""
    wide = "last.comments_scraped: between 1 and 99"
    rules = rule("trusted", f"{wide}\ntask.platform: tiktok") + rule("missing", wide, "dispute")
    found = found_in(SECOND + rules + REST)
    assert {f.severity for f in found} == {Severity.NOTE}
    assert [f.code for f in found if "trusted" in f.message and "missing" in f.message][-1:] == [
        "P203"
    ]


def test_rules_that_one_rule_eats_are_one_finding() -> None:
    """Nine rules behind a catch-all have one cause, and all are named."""
    behind = "".join(rule(f"r{n}", f"last.comments_scraped: {n}") for n in range(9))
    (found,) = found_in(SECOND + REST + behind)
    assert (found.code, found.severity) == ("P202", Severity.WARNING)
    assert all(f'"r{n}"' in found.message for n in range(9))
    assert found.message.endswith('rule 2 "the rest goes to a person"')


def test_rules_that_pay_before_one_that_sends_back_are_one_finding() -> None:
    """The rule that they all meet is the cause; one task is shown."""
    pays = "".join(
        rule(f"p{n}", f"task.cm_payout_amount: at most 0.{n + 1}0 USD\ntask.platform: {where}")
        for n, where in enumerate(("tiktok", "instagram"))
    )
    sends = rule("missing", "last.comments_scraped: between 1 and 99", "dispute")
    (found,) = (f for f in found_in(SECOND + pays + sends + REST) if f.severity is Severity.WARNING)
    assert found.message == (
        'rule 2 "p0" and rule 3 "p1" (approve) come first for tasks that '
        'rule 4 "missing" (dispute) matches too'
    )
    assert found.detail is not None and "for example" in found.detail


def test_the_message_about_a_wait_says_what_is_the_latest() -> None:
    """The wait's message names the latest moment and the line of `decide by`."""
    (finding,) = found_in(PLANTED["a wait that outlives the deadline"][0])
    assert finding.under == "decisions stop 4h before the 72h deadline, so 68h is the latest"
    assert finding.severity is Severity.ERROR


def test_a_decision_too_close_to_the_deadline_is_a_warning() -> None:
    """A lost answer needs the quarantine and two polls to be settled."""
    close = DEADLINE.replace("4h before", "10m before")
    (finding,) = found_in(SECOND + REST, deadline=close)
    assert (finding.code, finding.severity) == ("P234", Severity.WARNING)
    assert found_in(SECOND + REST, deadline=close, margin=600.0) == []


def test_hours_that_open_and_close_between_two_polls_are_a_warning() -> None:
    """A bot that looks every two minutes may miss an opening of one."""
    head = "hours:\n  minute: {open: mon-fri 09:00-09:01}\n"
    assert found_in(SECOND + REST, head=head) == []
    (finding,) = found_in(SECOND + REST, head=head, poll=120.0)
    assert finding.code == "P232"


@pytest.mark.parametrize(
    ("opens", "shortest"),
    [
        ("[mon 09:00-09:01, tue 09:01-12:00]", 60),
        ("[mon 22:00-00:00, tue 00:00-00:01]", None),
        ("[sun 23:59-00:00, mon 09:00-10:00]", 60),
        ("[sun 23:59-00:00, mon 00:00-10:00]", None),
        ("[mon-sun 00:00-12:00, mon-sun 12:00-00:00]", None),
    ],
)
def test_short_hours_are_counted_day_by_day(opens: str, shortest: float | None) -> None:
    """What touches on the clock but not on the same day is two openings; midnight joins two days."""
    head = f"hours:\n  desk: {{open: {opens}}}\n"
    found = [f for f in found_in(SECOND + REST, head=head, poll=120.0) if f.code == "P232"]
    assert len(found) == (shortest is not None)


GUARDED = """
guardrails:
  {cap}
  when over: {over}
  fallback exempt: {exempt}
"""


@pytest.mark.parametrize("over", ["escalate", "hold"])
@pytest.mark.parametrize(
    ("fallback", "cap", "told"),
    [
        ("approve", "money approved: at most 1 USD per day", True),
        ("approve", "approvals: at most 5 per hour", True),
        ("escalate", "money approved: at most 1 USD per day", True),
        ("leave", "money approved: at most 1 USD per day", False),
        ("approve", "disputes: at most 5 per hour", False),
        ("{then: dispute, reason: Please look at it again.}", "disputes: at most 5 per hour", True),
        ("approve", "exempt", False),
    ],
)
def test_a_limit_that_ends_in_silence_is_told(
    fallback: str, cap: str, told: bool, over: str
) -> None:
    """What a full limit keeps from the fallback the timer pays: the cure is to let the fallback go."""
    exempt, cap = ("yes", "approvals: at most 5 per hour") if cap == "exempt" else ("no", cap)
    rails = GUARDED.format(cap=cap, over=over, exempt=exempt)
    text = DEADLINE.replace("leave", fallback) + rails
    found = [f for f in found_in(SECOND + REST, deadline=text) if f.code == "P325"]
    assert len(found) == told
    for finding in found:
        assert finding.severity is Severity.WARNING
        assert "silence pays" in finding.message
        assert finding.cure is not None and "delete  fallback exempt: no" in finding.cure


PAID = "\n  - name: paid\n    when: {task.platform: tiktok}\n    then: approve\n"
CASES = """
deadline:
  decide by: 3h before deadline
  if undecided:
    - when: {task.cm_payout_amount: less than 1.00 USD}
      then: approve
    - otherwise: escalate
  because: In time.
"""


@pytest.mark.parametrize(
    ("own", "rails", "deadline", "told"),
    [
        ("limit: at most 5 per day", "", CASES, 'once the limit of "paid" is full'),
        ("limit: at most 5 per day\n    when over: hold", "", CASES, "is full, silence can pay"),
        ("limit: at most 5 per day\n    when over: skip", "", CASES, None),
        ("limit: at most 5 per day", "", CASES.replace("escalate", "leave"), None),
        ("limit: at most 5 per day", "", CASES.replace("escalate", "approve"), None),
        ("", "  approvals: at most 5 per day\n", CASES, "once  approvals:  is full"),
        ("", "  disputes: at most 5 per day\n", CASES, None),
        (
            "",
            "  pause approvals when: {fleet.open_tasks: more than 500}\n",
            CASES,
            "while  pause approvals when:  holds",
        ),
    ],
)
def test_a_limit_behind_which_silence_can_pay_is_told_with_a_task(
    own: str, rails: str, deadline: str, told: str | None
) -> None:
    """Where the fallback of such a task only asks a person; the moment is its deadline."""
    more = f"    {own}\n" if own else ""
    text = deadline + (f"guardrails:\n{rails}" if rails else "")
    found = [f for f in found_in(PAID + more + REST, deadline=text) if f.code == "P326"]

    assert len(found) == (told is not None)
    for finding in found:
        assert told is not None and told in finding.message
        assert finding.detail is not None and "task.platform: tiktok" in finding.detail
        assert finding.detail.endswith("paid by silence 72h after it was confirmed")
        assert finding.under is not None and "3h before deadline" in finding.under


def test_hours_that_never_open_are_a_warning() -> None:
    """A desk that is open on Mondays and closed on every Monday to come holds a rule for ever."""
    mondays = [date(2026, 11, 16) + timedelta(weeks=n) for n in range(60)]
    closed = "".join(f"\n      - {monday}" for monday in mondays)
    head = f"hours:\n  desk:\n    open: mon 09:00-10:00\n    closed:{closed}\n"
    held = rule("held", "last.verified: yes", "approve", "act during: desk")
    assert [f.code for f in found_in(held + REST, head=head)] == ["P231", "P329"]


EXEMPT = "guardrails:\n  approvals: at most 5 per hour\n  fallback exempt: no\n"


@pytest.mark.parametrize(
    ("deadline", "told"),
    [
        (DEADLINE, True),
        (DEADLINE.replace("leave", "escalate"), False),
        (DEADLINE.replace("4h before deadline", "when desk opens"), False),
        (DEADLINE + EXEMPT, True),
        (DEADLINE.replace("leave", "approve") + EXEMPT, False),
    ],
)
def test_where_silence_cannot_come_to_pay_is_told_too(deadline: str, told: bool) -> None:
    """Of a limit, hours and a pause at once: unless the fallback asks a person, or comes too late."""
    head = "hours:\n  desk: {open: mon-sun 09:00-18:00}\n"
    more = "    limit: at most 5 per day\n    act during: desk\n"
    rails = "" if "guardrails" in deadline else "guardrails:\n"
    pause = "  pause approvals when: {fleet.open_tasks: more than 500}\n"
    text = deadline + rails + pause
    found = [f for f in found_in(PAID + more + REST, head=head, deadline=text) if f.code == "P329"]

    assert len(found) == told
    for finding in found:
        assert finding.severity is Severity.NOTE
        for what in (
            'the limit of "paid" is full',
            'the hours "desk" are closed',
            "pause approvals",
        ):
            assert what in finding.message


@pytest.mark.parametrize(
    ("at", "fallback", "told"),
    [
        ("1h before deadline", "approve", True),
        ("4h before deadline", "approve", True),
        ("5h before deadline", "approve", False),
        ("1h before deadline", "escalate", False),
    ],
)
def test_a_rules_own_reminder_is_held_against_the_last_moment(
    at: str, fallback: str, told: bool
) -> None:
    """At `decide by` it reaches nobody in time, unless the task stays with people."""
    asks = rule("asks", "last.verified: no", "escalate", f"remind: {{{at}: lead}}")
    found = found_in(asks + REST, deadline=DEADLINE.replace("leave", fallback))
    assert ("P235" in {f.code for f in found}) is told


def test_what_a_text_may_come_to_is_measured_by_its_variant() -> None:
    """A variant for TikTok is measured by TikTok's limit, one for Instagram by its own."""
    reason = (
        "reason:\n      tiktok: 'Please post this: {task.comment_text}'"
        "\n      instagram: 'Please post this: {task.comment_text}'"
    )
    rules = SECOND + rule("missing", "last.verified: no", "dispute", reason) + REST
    findings = found_in(rules)
    assert [f.code for f in findings] == ["P221"]


@pytest.mark.parametrize(
    ("then", "decide_by", "words"),
    [
        ("approve", "2026-12-24 09:00", "one moment for all tasks"),
        ("approve\n    hold: 70h", "4h before deadline", "held for 2d22h"),
        ("approve\n    hold: 10m", "4h before deadline", ""),
        ("wait\n    until: 2026-01-05 09:00", "4h before deadline", "waits for nothing"),
        ("wait\n    until: 2030-01-05 09:00", "4h before deadline", ""),
    ],
)
def test_a_moment_or_a_hold_fits_the_time_of_each_task(
    then: str, decide_by: str, words: str
) -> None:
    """One date for all tasks lets silence pay some, a hold of days is cut, a day that is over is no wait."""
    deadline = DEADLINE.replace("4h before deadline", decide_by)
    assert decide_by in deadline
    found = found_in(rule("first", "last.comments_scraped: 0", then) + REST, deadline=deadline)
    told = [f for f in found if f.code == "P236"]
    assert [words in f.message for f in told] == ([True] if words else [])


def test_examples_are_tasks_that_the_policy_applies_to() -> None:
    """A policy for TikTok is not told of Instagram tasks, nor measured by their longer comments."""
    rules = rule("on tiktok", "task.platform: tiktok", "escalate")
    assert [f.code for f in found_in(rules)] == ["P205"]
    assert found_in(rules, head="applies to: {platform: tiktok}\n") == []


def test_an_empty_list_is_why_a_line_never_holds() -> None:
    """The cure is to fill it, not to delete the rule."""
    head = "lists:\n  watched: {file: watched.csv}\n"
    text = HEAD + head + "rules:" + rule("a", "task.saved_account_id: in list watched", "escalate")
    parsed = parse_policy(text + REST + DEADLINE, path="p.yaml", read=lambda name: b"id\n")
    told = [f for f in checked(parsed, today=TODAY).findings if f.code == "P208"]
    assert [(f.detail, f.cure) for f in told] == [
        ('the list "watched" holds no value', "put values into it")
    ]


def test_what_a_policy_does_not_apply_to_is_never_judged() -> None:
    """A rule for other tasks never decides; one that says the same once more is no mistake."""
    scope = "applies to: {platform: tiktok, saved_account_id: [a-1, b-2]}\n"
    rules = rule("other", "task.platform: instagram", "escalate")
    rules += rule("third", "task.saved_account_id: [c-3, d-4]", "escalate")
    rules += rule("ours", "task.platform: tiktok\ntask.saved_account_id: [A-1, b-2]", "escalate")
    found = found_in(rules, head=scope)
    assert [(f.code, f.detail) for f in found if f.severity is not Severity.NOTE] == [
        ("P208", "applies to:  takes tiktok alone"),
        ("P208", "applies to:  takes a-1 or b-2 alone"),
    ]
    assert "P205" not in {f.code for f in found}


def test_a_policy_with_an_error_of_meaning_is_not_usable() -> None:
    """What may not run is not given out, whether its text or its meaning is wrong."""
    rules, code, _ = PLANTED["a wait that outlives the deadline"]
    text = HEAD + "rules:" + rules + DEADLINE
    parsed = checked(parse_policy(text, path="planted.yaml", read=_no_file), today=TODAY)
    assert parsed.policy is None
    assert [(f.code, f.path) for f in parsed.findings] == [(code, "planted.yaml")]
    assert checked(parse_policy("policy: x", path="x.yaml", read=_no_file)).policy is None


@pytest.mark.parametrize("given", ["task.platform: tiktok", "task.saved_account_id: A-1"])
def test_a_test_is_about_a_task_that_the_policy_applies_to(given: str) -> None:
    """What is left out is one of those; another task is never judged by these rules."""
    scope = "applies to: {platform: instagram, saved_account_id: [a-1, b-2]}\n"
    rules = rule("ours", "task.platform: instagram\ntask.saved_account_id: [a-1, b-2]", "escalate")
    test = "tests:\n  - {name: usual, expect: escalate, by: ours}\n"
    policy = policy_of(rules, head=scope, deadline=DEADLINE + test)
    assert [result.problems for result in run_cases(compile_policy(policy))] == [()]
    test += f"  - {{name: odd, given: {{{given}}}, expect: escalate}}\n"
    (told,) = found_in(rules, head=scope, deadline=DEADLINE + test)
    assert (told.code, told.severity) == ("P139", Severity.ERROR)
    assert str(told.under).startswith("applies to:  takes ")


@pytest.mark.parametrize("at", ["", "    at: 1h after confirmed\n"])
def test_a_test_whose_facts_cannot_occur_together_is_an_error(at: str) -> None:
    """No attempt and yet 87 comments: the test is met at the fact that cannot be."""
    test = "tests:\n  - name: odd\n    given:\n      checks.count: 0\n"
    test += "      last.comments_scraped: 87\n" + at + "    expect: escalate\n"
    (found,) = found_in(SECOND + REST, deadline=DEADLINE + test)
    assert (found.code, found.severity) == ("P139", Severity.ERROR)
    assert found.message.endswith("last.comments_scraped never comes with the others")
    assert found.path == "planted.yaml"


def test_fifty_rules_are_analysed_at_once() -> None:
    """Fifty rules with several conditions each cost far fewer calls than a search of everything."""
    chance = Random(7)
    lines = [
        "task.platform: tiktok",
        "task.cm_payout_amount: at most 0.{:02} USD",
        "last.comments_scraped: at least {}",
        "checks.count: at least {}",
        "task.comment_text: contains word{}",
        "task.waiting_for: at least {}h",
        "last.match_score: less than 0.{:02}",
        "account.disputes_30d: at least {}",
    ]
    rules = "".join(
        rule(
            f"rule {n}",
            "\n".join(line.format(chance.randint(1, 60)) for line in chance.sample(lines, 3)),
            chance.choice(["approve", "dispute", "escalate"]),
        )
        for n in range(50)
    )
    policy = policy_of(rules)
    profile = Profile()

    assert profile.runcall(analyse, policy)

    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 2_000_000, "it was 1.3 million"


def test_a_fallback_may_ask_for_attempts_that_no_rule_asks_for() -> None:
    """All that a policy asks is laid out before the first question is put to it."""
    cases = """
    - when:
        any check:
          verified: no
      then: escalate
    - otherwise: leave"""
    rules = rule("cheap", "task.cm_payout_amount: at most 0.30 USD")
    rules += rule("tiktok", "task.platform: tiktok", "dispute") + REST
    found = found_in(rules, deadline=DEADLINE.replace(" leave", cases))
    assert [f.code for f in found] == ["P203", "P240"]


UNCHECKED = "no check:\n  comments_scraped: at least 1"


@pytest.mark.parametrize(
    ("when", "then", "said"),
    [
        (UNCHECKED, "approve", True),
        (UNCHECKED, "dispute", True),
        (UNCHECKED, "escalate", False),
        (f"{UNCHECKED}\nchecks.count: at least 1", "approve", False),
        (f"{UNCHECKED}\nlast.outcome_kind: couldnt_verify", "approve", False),
        (f"{UNCHECKED}\nany of:\n  - checks.count: 0\n  - last.verified: no", "approve", True),
        ("any of:\n  - task.platform: tiktok\n  - no check:\n      verified: yes", "approve", True),
        ("none of:\n  - any check:\n      verified: yes", "approve", False),
    ],
)
def test_money_on_no_check_asks_that_there_was_one(when: str, then: str, said: bool) -> None:
    """With no attempt `no check` is true: who pays or sends back on it says that he wants one."""
    found = [f for f in found_in(SECOND + rule("r", when, then) + REST) if f.code == "P213"]
    assert bool(found) is said
    assert all(f.severity is Severity.ERROR for f in found)


def test_a_line_of_a_named_condition_is_told_of_once() -> None:
    """However many rules ask for it."""
    head = "conditions:\n  odd: {task.round: at least 1}\n"
    rules = rule("a", "condition: odd\ntask.platform: tiktok", "escalate")
    rules += rule("b", "condition: odd\ntask.platform: instagram", "escalate")
    found = [f for f in found_in(rules + REST, head=head) if f.code == "P207"]
    assert [f.span.line for f in found] == [4]
