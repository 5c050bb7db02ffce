"""A policy read aloud says all that it does; a change says all that changes, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from reviewbot.policy import starters
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.explain.summary import UNDECIDED, read_change, read_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.examples import examples
from tests.steady.texts import steady


def policy_of(text: str, beside: Mapping[str, str] | None = None) -> Policy:
    """Read a text that is known to be a policy, with the files that lie beside it."""
    files = beside or {}
    parsed = parse_policy(text, path="p.yaml", read=lambda name: files[name].encode())
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def starting(name: str) -> Policy:
    """Read a starter."""
    starter = starters.read(name)
    return policy_of(starter.policy, starter.beside)


def said(text: str) -> str:
    """Everything that is said of a policy, as one text."""
    return "\n".join(s for passage in read_policy(policy_of(text)) for s in passage.sentences)


@pytest.mark.parametrize("name", starters.names())
def test_every_rule_is_said_in_order(name: str) -> None:
    """Each rule has a passage of its own, in the order in which they decide."""
    policy = starting(name)
    titles = [p.title for p in read_policy(policy) if p.title.startswith("Rule ")]
    assert titles == [f'Rule "{rule.name}"' for rule in policy.rules]


def test_conditions_and_effects_are_plain_sentences() -> None:
    """The words of a rule become a sentence about the checker and the manager."""
    text = said(steady("cautious").policy)
    assert (
        "When what the checker concluded on its last try is “could not verify”, and the number of "
        "comments that the checker read on its last try is between 20 and 99" in text
    )
    assert "the task is sent back." in text
    assert "and the checker found the comment on its last try" in text
    assert "From 3 hours before the deadline on" in text
    assert "At most 10.00 USD in approved money in any 24 hours." in text


def test_nothing_changed_says_nothing() -> None:
    """Comments and layout are not a change."""
    text = steady("desk").policy
    assert read_change(policy_of(text), policy_of("# hello\n" + text)) == ()


def test_the_texts_are_those_of_a_task_that_the_rule_decides() -> None:
    """A lead who signs reads what the manager will read, with values of a task of the tests."""
    judge = compile_policy(policy_of(steady("cautious").policy))
    found = examples(judge, run_cases(judge))
    passages = read_policy(judge.policy, found)
    text = "\n".join(sentence for passage in passages for sentence in passage.sentences)
    assert "Our check read all 60 comments under the video on Jun 2, 2026" in text
    assert "{" not in text


def test_the_text_of_the_deadline_is_that_of_a_task_too() -> None:
    """What is sent when nobody decided is signed like all else."""
    text = steady("cautious").policy
    assert "  if undecided: approve\n" in text
    cases = "[{when: {last.comments_scraped: between 1 and 99}, then: {then: dispute, reason: not_found}}, {otherwise: leave}]"
    judge = compile_policy(policy_of(text.replace("undecided: approve", f"undecided: {cases}")))
    passages = read_policy(judge.policy, examples(judge, ()))
    (last,) = (passage.sentences for passage in passages if passage.title == UNDECIDED)
    assert any("Our check read all 60 comments under the video" in sentence for sentence in last)


def test_a_policy_without_conditions_of_its_own_shows_the_usual_task() -> None:
    """The rule for the rest takes whatever task is at hand."""
    judge = compile_policy(policy_of(steady("desk").policy))
    assert "The light in this one is unreal" in "".join(
        read_policy(judge.policy, examples(judge, ()))[6].sentences
    )


# Two checks that agree, as `trusting` wants them, are more than one change of the usual task.
@pytest.mark.parametrize("name", [name for name in starters.names() if name != "trusting"])
def test_each_rule_has_a_task_that_it_decides(name: str) -> None:
    """Without any test the usual task is changed until the rule decides it; the last takes any."""
    judge = compile_policy(starting(name))
    *asking, last = (rule.name for rule in judge.policy.rules)
    found = examples(judge, ())
    assert set(found) == {*asking, last}
    assert [judge.decide(found[rule]).rule for rule in asking] == asking


def test_what_no_rule_takes_is_said() -> None:
    """A reader need not know that a person is asked where nothing matches."""
    text = steady("cautious").policy
    assert "takes all that is left" in said(text)
    assert "A person decides. So it is too" in said(text.replace("always: yes", SOME))


SOME = "when: {task.platform: tiktok}"


def test_of_a_long_list_those_are_named_that_end() -> None:
    """A list of hundreds is no text to sign; what will change by itself is."""
    entries = ", ".join(
        [f"a{n}" for n in range(30)]
        + ["{id: ends, until: 2026-12-31}", "{id: x, until: 2026-01-31}"]
    )
    policy = policy_of(steady("cautious").policy + f"\nlists:\n  some: [{entries}]\n")
    (passage,) = (
        passage
        for passage in read_policy(policy, {}, date(2026, 6, 1))
        if passage.title == 'List "some"'
    )
    assert passage.sentences == (
        "It has 32 entries.",
        "On it: ends until 2026-12-31.",
        "On it: x, which ended on 2026-01-31 and no longer counts.",
        "30 more are not named here.",
    )


CHANGES = {
    "a threshold": ("between 20 and 99", "between 10 and 99", "between 10 and 99"),
    "a limit": ("at most 5 per hour", "at most 50 per hour", "At most 50 disputes"),
    "a text": ("Our check read all", "We read all", "We read all"),
    "the deadline": ("decide by: 3h", "decide by: 5h", "From 5 hours before the deadline"),
    "a rule's name": ("name: the checker found it", "name: found", 'New: Rule "found"'),
    "what undecided gets": ("if undecided: approve", "if undecided: escalate", "a person decides"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_said(kind: str) -> None:
    """What differs is named, before and after."""
    old, new, words = CHANGES[kind]
    text = steady("cautious").policy
    assert old in text
    change = "\n".join(read_change(policy_of(text), policy_of(text.replace(old, new))))
    assert words in change


def test_another_order_is_said() -> None:
    """The same rules in another order decide otherwise."""
    policy = policy_of(steady("trusting").policy)
    swapped = type(policy)(
        **{f: getattr(policy, f) for f in policy.__struct_fields__}
        | {"rules": (policy.rules[1], policy.rules[0], *policy.rules[2:])}
    )
    (line,) = read_change(policy, swapped)
    assert line.startswith('The order changed: "dear tasks go to a person", then "second visit')


@pytest.mark.parametrize(
    ("open_", "words"),
    [
        ("mon-fri 09:00-18:00", "Open from Monday to Friday, 09:00 to 18:00."),
        ("09:00-18:00", "Open every day, 09:00 to 18:00."),
        (
            '["mon,wed 09:00-12:00", sat 10:00-14:00]',
            "Open on Monday and Wednesday, 09:00 to 12:00;",
        ),
    ],
)
def test_hours_are_said_in_days(open_: str, words: str) -> None:
    """Nobody reads a list of seven names."""
    text = starters.read("desk").policy.replace("mon-fri 08:00-19:00", open_)
    assert words in said(text)


@pytest.mark.parametrize(
    ("entries", "words"), [("[a]", "It has 1 entry."), ("[a, b]", "It has 2 entries.")]
)
def test_a_list_counts_its_entries(entries: str, words: str) -> None:
    """One is no plural."""
    text = steady("cautious").policy + f"\nlists:\n  some: {entries}\n"
    if "\nlists:" in steady("cautious").policy:
        pytest.fail("the starter has lists of its own now")
    assert words in said(text)
