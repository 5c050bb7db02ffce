"""The page of a policy: everything that is said of it, nothing loaded, and a place to sign."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reviewbot.policy import starters
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.examples import examples
from reviewbot.presentation.html import as_html
from reviewbot.presentation.policy_page import as_text, passage_of_tests, policy_document
from tests.presentation.test_page import HOSTILE, read
from tests.steady.texts import steady


def policy_of(
    text: str, tests: str | None = None, files: Mapping[str, str] | None = None
) -> Policy:
    """Read a text that is known to be a policy."""
    beside = None if tests is None else ("p.tests.yaml", tests.encode())
    parsed = parse_policy(
        text, path="p.yaml", read=lambda name: (files or {})[name].encode(), tests=beside
    )
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def page_of(policy: Policy) -> str:
    """The page of a policy."""
    judge = compile_policy(policy)
    results = run_cases(judge)
    passages = (*read_policy(policy, examples(judge, results)), passage_of_tests(results))
    return as_html(policy_document(policy, passages, {}, results))


@pytest.mark.parametrize("name", starters.names())
def test_a_page_is_whole_and_can_be_signed(name: str) -> None:
    """Each rule by number and name, the full revision, three blanks; no script and nothing loaded."""
    starter = starters.read(name)
    policy = policy_of(starter.policy, starter.tests, starter.beside)
    page = page_of(policy)
    tags = read(page)
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "object"}
    for number, rule in enumerate(policy.rules, 1):
        assert f"{number}. {rule.name}</h2>" in page
    assert policy.revision in page
    assert page.index("Signature</span>") > page.index("All of its")


def test_a_text_of_the_policy_is_only_text() -> None:
    """Markup in a policy is shown, not obeyed."""
    quoted = (
        HOSTILE.replace("\u202e", "").replace("\x1b", "").replace('"', "").replace("{{7*7}}", "")
    )
    text = steady("trusting").policy.replace("dear tasks go to a person", quoted.replace("'", ""))
    page = page_of(policy_of(text))
    assert "img" not in {tag for tag, _ in read(page).seen}


def test_statements_come_first() -> None:
    """What must never happen is read before what the policy is for."""
    statement = (
        "{name: nothing dear, when: {task.cm_payout_amount: more than 9 USD}, then: approve}"
    )
    page = page_of(policy_of(starters.read("trusting").policy + f"\nnever: [{statement}]\n"))
    assert page.index("nothing dear&#34;: where") < page.index("What it is for</h2>")


def test_a_failing_test_is_said() -> None:
    """Nobody signs what fails without reading it."""
    starter = steady("cautious")
    policy = policy_of(
        starter.policy.replace("between 20 and 99", "between 90 and 99"), starter.tests
    )
    passage = passage_of_tests(run_cases(compile_policy(policy)))
    assert " fail" in passage.sentences[0]
    assert len(passage.sentences) > 1


def test_no_test_is_said() -> None:
    """A policy without tests says so."""
    assert "brings no test" in passage_of_tests(()).sentences[0]


def test_how_often_a_rule_decided_stands_with_it() -> None:
    """The log's figures follow the sentences of the rule."""
    policy = policy_of(Path("policies/starter.yaml").read_text())
    title = 'Rule "checker could not look"'
    shown = as_text(read_policy(policy), {title: (3, 1)})
    assert "In the last 30 days it decided 3 times; could not tell 1 time." in shown
