"""What the check claims is so, and what it cannot tell it says: texts of any spelling, values of any size."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.lint.overlaps import overlaps
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, TooHardError
from reviewbot.policy.lint.texts import spelled_lengths
from reviewbot.policy.lint.usual import usual_facts
from reviewbot.policy.model import AllOf, AppliesTo, Compare, Policy
from reviewbot.policy.operators import Has
from reviewbot.policy.testing.check import analyse
from reviewbot.policy.text_forms import fold
from tests.policy.chance import COMMENT_FACTS, a_random_policy, random_account_facts
from tests.policy.nearby import facts_near
from tests.policy.test_analysis import PLANTED, REST, SECOND, found_in, policy_of, rule
from tests.policy.test_analysis_twins import laid_out, matches, never
from tests.policy.trees import a_policy, a_rule
from tests.tier import times

ODD = tuple(
    fact
    for fact in COMMENT_FACTS
    if fact.name
    in (
        *("task.comment_text", "task.comment_length", "task.platform", "task.cm_payout_amount"),
        *("last.comments_scraped", "last.match_score"),
    )
)
TEXT_AND_LENGTH = ODD[:2] if ODD[0].name == "task.comment_text" else ODD[1:3]
ONCE_WRONG = (6, 22, 31, 168, 174, 245, 252)
"""Seeds of which an earlier version made a false claim."""

CLAIMS = {"P201", "P202", "P208"}
"""Codes that say never."""


@pytest.mark.parametrize("seed", [*ONCE_WRONG, *range(1000, times(1010, 1300))])
def test_nothing_that_decides_is_called_impossible(seed: int) -> None:
    """Any spelling, overlap and length of the policy's own words, any number at and beyond its bounds."""
    chance = Random(seed)
    policy = a_random_policy(chance, chance.choice((ODD, TEXT_AND_LENGTH)))
    world, judge = PolicyModel(policy), compile_policy(policy)
    claimed = {number for number in range(len(policy.rules)) if never(world, number)}
    for _ in range(150 if claimed else 0):
        facts = facts_near(policy, chance)
        assert judge.judge(facts).rule_index not in claimed, facts.task.comment_text


@pytest.mark.parametrize("seed", range(times(8, 200)))
def test_every_task_that_is_shown_is_real(seed: int) -> None:
    """A text with the length, the start and the end that were asked for, judged once compiled."""
    policy = a_random_policy(Random(seed), ODD)
    world = PolicyModel(policy)
    for number in range(len(policy.rules)):
        try:
            found = world.example([(world.rules[number], TRUE)])
        except TooHardError:
            continue
        facts = None if found is None else laid_out(world, found)
        assert facts is None or matches(policy, number, facts)


def claims(*lines: str) -> set[str]:
    """The codes of what is claimed of a rule of these lines."""
    return {f.code for f in found_in(SECOND + rule("odd", "\n".join(lines)) + REST)}


@pytest.mark.parametrize(
    "lines",
    [
        ("task.comment_text: straße", "task.comment_length: at least 7"),
        ("task.comment_text: strasse", "task.comment_length: at most 6"),
        ("task.comment_text: exactly é", "task.comment_length: at least 2"),
        ('task.comment_text: "e\u0301"', "task.comment_length: 1"),
        ("task.comment_text: [ﬀ, other]", "task.comment_length: 2"),
        ("task.comment_text: ends with exactly J", "task.comment_text: starts with J"),
        ("task.comment_length: more than 150", "task.platform: tiktok"),
        ("task.comment_length: more than 2200",),
        ("last.comments_scraped: 121",),
        ("last.comments_scraped: more than 100",),
        ("checks.most_comments: more than 100",),
        ("last.match_score: more than 1",),
        ("task.cm_payout_amount: less than 0 USD",),
        ("task.waiting_for: less than 0h",),
    ],
)
def test_what_is_kept_as_it_comes_is_never_called_impossible(lines: tuple[str, ...]) -> None:
    """A folded text has many lengths; the documents' ranges bind nobody."""
    one_fact = len({line.split(":")[0] for line in lines}) < len(lines)
    when = f"{lines[0]}\nany of:\n  - {lines[1]}" if one_fact else "\n".join(lines)
    found = found_in(SECOND + rule("odd", when) + REST)
    assert not CLAIMS & {f.code for f in found}
    assert not any("never" in f.message for f in found)


def test_a_letter_that_folding_joins_to_its_accent_is_not_eaten() -> None:
    """`J` and a caron hold the letter J, and once folded no j any more."""
    rules = rule("any j", "task.comment_text: contains j", "escalate")
    rules += rule("capital", "task.comment_text: contains exactly J", "escalate")
    policy = policy_of(rules + REST)
    facts = usual_facts("comments", {"task.comment_text": "J\u030c"})
    assert compile_policy(policy).judge(facts).rule == "capital"
    assert not CLAIMS & {f.code for f in analyse(policy)}


@pytest.mark.parametrize(
    "lines",
    [
        ("task.times_disputed: less than 0",),
        ("account.dispute_share_30d: more than 100%",),
        ("task.comment_length: less than 0",),
        ("task.comment_text: promo", "task.comment_length: more than 5"),
        ("task.comment_text: promotion", "task.comment_length: at most 2"),
        ("checks.count: 1", "checks.failed: 2"),
    ],
)
def test_what_we_count_ourselves_is_still_called_impossible(lines: tuple[str, ...]) -> None:
    """Our own counts and shares, and lengths that no spelling has."""
    assert CLAIMS & claims(*lines)


def test_a_line_beyond_the_documents_is_a_warning_that_says_so() -> None:
    """What the vendor says, and that the value would be kept."""
    (found,) = found_in(SECOND + rule("odd", "last.comments_scraped: 121") + REST)
    assert (found.code, found.severity) == ("P211", Severity.WARNING)
    assert found.under == "the vendor says a whole number from 0 to 100"
    assert found.detail is not None and "kept as it comes" in found.detail


def test_a_name_in_doubt_is_neither_in_a_list_nor_out_of_it() -> None:
    """Where nobody can tell whether the user name differs, a rule on the biography still decides."""
    named = [
        ("profile.differs", Has(member="username", negated=negated)) for negated in (False, True)
    ]
    rules = [
        a_rule(f"rule {n}", _all((fact, test)), then=Action.ESCALATE)
        for n, (fact, test) in enumerate((*named, ("profile.differs", Has(member="biography"))))
    ]
    policy = a_policy(*rules, applies_to=AppliesTo(review="accounts"))
    assert not never(PolicyModel(policy), 2)
    judge = compile_policy(policy)
    chance = Random(1)
    assert any(judge.judge(random_account_facts(chance)).rule_index == 2 for _ in range(300))


def _all(*lines: tuple[str, Has]) -> AllOf:
    """Every line, as a mapping of a policy."""
    return AllOf(parts=tuple(Compare(fact=fact, test=test, text="…") for fact, test in lines))


CHARACTERS = st.characters(exclude_categories=("Cs",))
TRICKY = st.sampled_from(
    "ßﬃ\u0345\u1f82\ufb2c\u0958İŉ\u01f0Ǆ\U0001d160 e\u0301\u030cJ가\u1100\u1161"
)


@given(st.text(st.one_of(TRICKY, CHARACTERS), max_size=8))
def test_no_spelling_is_shorter_or_longer_than_is_said(text: str) -> None:
    """The lengths of a folded text hold for every text that folds to it."""
    for spelled in {
        text,
        text.upper(),
        text.casefold(),
        normalize("NFD", text),
        normalize("NFC", text),
    }:
        low, high = spelled_lengths(fold(spelled))
        assert low <= len(spelled) <= high


# What it cannot tell ---------------------------------------------------------------------------

PATTERNS = """patterns:
  digits: {regex: "[0-9]{2,}$", matches: [a 12]}
  great: {regex: "^great", matches: [great]}
  short: {regex: "^.{3}$", matches: [abc]}
  bare: {regex: "b[0-9]{7}"}
  bald: {regex: "z{5}[0-9]{3}"}
"""


def pair(first: str, second: str, head: str = "") -> list[str]:
    """What is said of a rule that pays and one that sends back."""
    rules = SECOND + rule("pays", first) + rule("sends back", second, "dispute") + REST
    return [
        f.code
        for f in found_in(rules, head=head)
        if f.code == "P203" or (f.code == "P210" and f.severity is Severity.WARNING)
    ]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("matches pattern digits", "matches pattern great", "P203"),
        ("matches pattern great", "matches pattern digits", "P203"),
        ("matches pattern bare", "matches pattern bald", "P210"),
        ("matches pattern bare", "contains promo", "P210"),
        ("matches pattern short", "contains b", "P203"),
    ],
)
def test_patterns_that_meet_on_one_text_are_named_or_not_told(
    first: str, second: str, said: str
) -> None:
    """One pays and one sends back: a text that both match, or a word that nobody could tell."""
    first, second = f"task.comment_text: {first}", f"task.comment_text: {second}"
    assert pair(first, second, PATTERNS) == [said]


@pytest.mark.parametrize(
    ("start", "end", "length", "said"),
    [
        ("starts with abcd", "ends with cdef", "6", ["P203"]),
        ("starts with abcd", "ends with cdef", "at most 7", ["P203"]),
        ("starts with abcd", "ends with cdef", "at least 300", ["P203"]),
        ("contains abcd", "contains cdef", "6", ["P203"]),
        ("starts with abcd", "ends with cdef", "between 9 and 12", ["P203"]),
        ("abcdef", "ends with cdef", "6", ["P203"]),
        ("abcdef", "ends with cdef", "7", []),
        ("starts with abcd", "ends with cdef", "5", ["P210"]),
    ],
)
def test_a_start_a_length_and_an_end_are_put_together(
    start: str, end: str, length: str, said: list[str]
) -> None:
    """Laid over each other where they must; where no text is found and none excluded, it is said."""
    first = f"task.comment_text: {start}\ntask.comment_length: {length}\ntask.platform: instagram"
    assert pair(first, f"task.comment_text: {end}") == said


def test_what_was_given_up_is_said_once_for_each_kind() -> None:
    """With the rules it was asked of, the first few by name."""
    rules = "".join(
        rule(f"r{n}", f"task.comment_text: matches pattern {name}\ntask.platform: tiktok", then)
        for n, (name, then) in enumerate(
            [("bare", "approve"), *[("bald", "dispute"), ("great", "dispute")] * 3]
        )
    )
    found = [f for f in found_in(rules + REST, head=PATTERNS) if f.code == "P210"]
    assert len({f.message.split(":")[0] for f in found}) == len(found) >= 1
    (money,) = (f for f in found if f.severity is Severity.WARNING)
    assert "cannot be told" in money.message and 'rule 2 "r1"' in money.message
    assert money.cure


def test_a_spelling_that_only_a_pattern_minds_is_not_called_impossible() -> None:
    """A value ignores case, a pattern may mind it: `Promo` is both, `promo` and `PROMO` are not."""
    head = 'patterns:\n  proper: {regex: "(?-i)^Promo$", matches: [Promo]}\n'
    when = "task.comment_text: promo\nany of:\n  - task.comment_text: matches pattern proper"
    assert not CLAIMS & {f.code for f in found_in(rule("odd", when) + REST, head=head)}


def test_without_the_timeline_no_test_over_the_attempts_holds() -> None:
    """Not even `no check` with `known`: such a rule contradicts itself."""
    assert "P201" in claims("checks.count: unknown", "no check:\n  match_score: known")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("task.time_left: at most 1h", "task.time_left: less than 2h"),
        ("task.times_disputed: at most 3", "task.times_disputed: at most 4"),
        ("account.dispute_share_30d: at most 50%", "account.dispute_share_30d: less than 51%"),
        ("task.cm_payout_amount: at most 0 USD", "task.cm_payout_amount: less than 0.01 USD"),
    ],
)
def test_what_lies_between_two_bounds_is_not_taken_for_one_of_them(first: str, second: str) -> None:
    """Two bounds one step apart leave room between them, and tasks for the second rule."""
    rules = rule("first", first, "escalate") + rule("second", second) + REST
    assert not CLAIMS & {f.code for f in found_in(rules)}


MANY = ("approve", "dispute", "escalate")


def many_rules(line: str) -> Policy:
    """A policy of hundreds of rules with one text test each."""
    rules = (rule(f"r{n}", line.format(f"word{n}"), MANY[n % 3]) for n in range(times(250, 600)))
    return policy_of(SECOND + "".join(rules) + REST)


@pytest.mark.parametrize("line", ["task.comment_text: contains {}", "task.saved_account_id: {}"])
def test_hundreds_of_rules_are_analysed_within_the_work_allowed(line: str) -> None:
    """Seconds where a comparison of everything took minutes; what was left out is said."""
    told = [f.code for f in analyse(many_rules(line))]
    assert ("P210" in told and "P209" in told) == ("contains" in line)
    assert told.count("P203") <= len(MANY) * 100


def test_hundreds_of_alternatives_are_one_question() -> None:
    """Two rules with hundreds of words each: a task that both match is named."""
    rules = "".join(
        f"\n  - name: r{n}\n    when any:\n"
        + "".join(f"      - task.comment_text: contains w{n}x{i}\n" for i in range(times(150, 400)))
        + f"    then: {then}\n"
        + "    reason: Please look at it once more.\n" * (then == "dispute")
        for n, then in enumerate(("approve", "dispute"))
    )
    assert [f.code for f in found_in(SECOND + rules + REST)] == ["P203"]


def test_work_that_is_used_up_is_said() -> None:
    """No question goes unanswered in silence, however little work is allowed."""
    world = PolicyModel(policy_of(PLANTED["pays and sends back"][0]))
    world.allow(0)
    assert list(overlaps(world, frozenset())) == []
    assert {doubt.rule for doubt in world.doubts} >= {2}


def test_a_rule_eaten_by_many_names_a_few() -> None:
    """The first ones it takes, and how many there are besides."""
    rules = "".join(
        rule(f"at {n}", f"last.comments_scraped: {n}", "escalate") for n in range(1, 9)
    ) + rule("one to eight", "last.comments_scraped: between 1 and 8")
    (found,) = (f for f in found_in(SECOND + rules + REST) if f.code == "P202")
    assert found.message.endswith('rule 2 "at 1", rule 3 "at 2" and rule 4 "at 3" (and 5 more)')
