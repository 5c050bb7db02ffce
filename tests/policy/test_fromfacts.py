"""Tests written from facts: they hold the answer, and say no more than they must."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from msgspec.structs import replace

from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.facts import Facts, History
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.language.tests import NoRoomError, with_test
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, load_yaml
from reviewbot.policy.model import FromConfirmed, PolicyTest
from reviewbot.policy.testing.cases import case_facts, run_cases
from reviewbot.policy.testing.generate import WrittenTest, written_test
from reviewbot.policy.values import read_duration
from tests.builders import an_attempt
from tests.policy.chance import a_random_policy, random_facts
from tests.policy.judging import facts_at, judge_of

RULES = """
rules:
  - {name: again, when: {task.times_disputed: at least 1}, then: escalate}
  - {name: promo, when: {task.comment_text: contains promo}, then: escalate}
  - name: looked
    when: {last.comments_scraped: between 1 and 99, task.platform: tiktok}
    then: dispute
    reason: We read all {last.comments_scraped} comments and yours was not there.
  - {name: old, when: {task.waiting_for: more than 30h}, then: leave, because: It is too late.}
"""


def written(judge: Judge, facts: Facts) -> WrittenTest:
    """The test of these facts; there must be one."""
    test = written_test(judge, facts, "written")
    assert test is not None
    return test


def passes(judge: Judge, test: WrittenTest) -> bool:
    """Whether the test, put into a file and read again, passes."""
    policy = judge.policy
    parsed = parse_policy(
        policy.source,
        path="p.yaml",
        read=lambda name: dict(policy.files)[name].encode(),
        tests=("p.tests.yaml", with_test("", test.lines()).encode()),
    )
    assert parsed.policy is not None, parsed.findings
    return [result.problems for result in run_cases(compile_policy(parsed.policy))][-1:] == [()]


def test_what_the_rule_saw_is_kept_and_nothing_else() -> None:
    """Platform and comments decided; the text, the score and the money did not."""
    judge = judge_of(RULES)
    facts = facts_at(5, comment_text="odd", attempts=(an_attempt(comments_scraped=87),))
    test = written(judge, facts)
    assert dict(test.given) == {"last.comments_scraped": "87", "task.platform": "tiktok"}
    assert (test.expect, test.by, test.at) == ("dispute", "looked", None)
    assert passes(judge, test)


def test_what_kept_earlier_rules_from_matching_is_given() -> None:
    """Where the typical task would be taken before, the fact that prevented it is said."""
    judge = judge_of(RULES)
    test = written(judge, facts_at(31.5, attempts=(an_attempt(comments_scraped=100),)))
    assert (dict(test.given), test.at) == (
        {"last.comments_scraped": "100"},
        "1d7h after confirmed",
    )
    assert passes(judge, test)


def test_a_text_is_quoted_so_that_it_stays_what_it_is() -> None:
    """Quotes, colons, line breaks and invisible characters of a comment survive the file."""
    judge = judge_of(RULES)
    facts = facts_at(1, comment_text='promo: "x" #1\n\u200b\\ {task.id} é')
    assert passes(judge, written(judge, facts))


def test_what_given_cannot_say_gives_no_test() -> None:
    """The same words sent before turn a dispute into an escalation, which no fact states."""
    judge = judge_of(RULES)
    facts = facts_at(1)
    said = judge.decide(facts).reason
    assert said is not None
    facts = replace(facts, past=History(disputes=0, texts=(said,)))
    assert judge.decide(facts).action == "escalate"
    assert written_test(judge, facts, "t") is None


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_written_holds_the_answer(seed: int) -> None:
    """For random policies and facts, the facts of the test are given the very answer."""
    chance = Random(seed)
    judge = compile_policy(a_random_policy(chance))
    for _ in range(6):
        facts = random_facts(chance)
        if (test := written_test(judge, facts, "t")) is not None:
            case = read_back(test)
            made = judge.decide(case_facts(judge.policy, judge.calendars, case, case.at))
            wanted = judge.decide(facts)
            assert (test.expect, test.by) == (wanted.action, wanted.rule)
            assert (made.action, made.rule) == (wanted.action, wanted.rule)


def read_back(test: WrittenTest) -> PolicyTest:
    """What the lines of a test say, read as YAML."""
    root = load_yaml("\n".join(test.lines())).root
    assert isinstance(root, Sequence)
    (entry,) = root.items
    assert isinstance(entry, Mapping)
    fields = {key.value: value for key, value in entry.entries}
    given, at = fields.get("given"), fields.get("at")
    pairs = given.entries if isinstance(given, Mapping) else ()
    return PolicyTest(
        name="t",
        given=tuple((key.value, text_of(value), NOWHERE) for key, value in pairs),
        at=None if at is None else FromConfirmed(seconds=read_duration(text_of(at).split()[0], 0)),
    )


def text_of(tree: Tree) -> str:
    """A value as it is read; a list as the reader of tests writes it down."""
    if isinstance(tree, Sequence):
        return f"[{', '.join(map(text_of, tree.items))}]"
    assert isinstance(tree, Scalar)
    return tree.value


def test_the_file_keeps_every_other_character() -> None:
    """A test goes behind the last one, at its indentation; comments stay where they are."""
    before = "# head\ntests:\n    - name: a\n      expect: approve  # why\n\n    - name: b\n      expect: wait\n      # a remark\n\n# foot\n"
    after = with_test(before, ["- name: c", "  expect: leave"])
    added = "\n    - name: c\n      expect: leave\n"
    assert added in after
    assert after.replace(added, "", 1) == before


def test_the_last_test_may_still_be_empty() -> None:
    """A mapping without keys ends on its own line."""
    assert with_test("tests:\n  - {}\n", ["- name: c"]) == "tests:\n  - {}\n\n  - name: c\n"


@pytest.mark.parametrize(
    "source", ["tests: [{name: a, expect: approve}]\n", "rules: []\n", "a: [\n"]
)
def test_a_file_that_has_no_room_says_so(source: str) -> None:
    """What cannot be added to line by line is left alone."""
    with pytest.raises(NoRoomError):
        with_test(source, ["- name: c"])
