"""Patterns and templates are total: no pattern is slow on any text, no placeholder reaches an attribute."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.decision import Action
from reviewbot.policy.text_forms import LONGEST_PATTERN, LONGEST_TEXT, BadPattern, searcher
from tests.policy.judging import facts_at, judge_of
from tests.policy.language.test_parser_random import SHORT, check
from tests.proof import proven
from tests.tier import times

ROOT = Path(__file__).resolve().parents[2]
EVIL = (
    *(r"(a+)+$", r"(a*)*$", r"(a|a)*$", r"(a|aa)+$", r"(.*a){20}$", r"(a?){50}a{50}$", r"(.|\n)*$"),
    *(
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        r"(x+x+)+y",
        r"(\w+\s?)+$",
        r"^(\d+)*$",
        r"(a+){10}b",
        r"a*a*a*b",
    ),
    *(
        r"(.*)*(.*)*(.*)*$",
        r"((a*)*)*b",
        r"(?:a+)+b",
        r"(?i)(A+)+$",
        r"^.*.*.*.*.*=$",
        r"(ab|a|b)*c",
    ),
    *(
        r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
    ),
    *(r"(([^\s]+)\s*)+$", r"<(.*)+>", r"(\s*\n)*$", r"(=+|-+)*$", r"(?:[^a]|a)*$", r"([^a]+a?)*b"),
    *(
        r"\b(\w+\W+){50}\w+z",
        r"(.{0,100}){9}z",
        r"((((a+)+)+)+)+$",
        r"a{1000}",
    ),
    *(
        r"(?:(?:a{30}){30})",
        r"((a{100}){10}){10}",
        r"(\pL+)+$",
        r"(\p{Greek}|\pL)*1",
        r"[\s\S]*[\s\S]*z",
    ),
    *(
        r"(" * 30 + "a" + r")*" * 30,
        r"(?:" * 100 + "a" + r")?" * 100,
        "a?" * 300 + "a" * 300,
        ".*" * 400,
    ),
    *(
        "|".join("a" * n for n in range(1, 40)),
        "(" + "|".join("ab" * n for n in range(1, 20)) + ")*c",
    ),
    *(
        r"(?s).*" + "x" * 900,
        "[a-z]{0,500}[a-z]{0,500}!",
        r"(?:\w{1,64}@)*\.",
        r"\B(a\B)*z",
        "^" * 1000,
    ),
    *(
        r"(?:a|b|ab)*(?:c|d)*e",
        r"(0|1|01)*2",
        r"(.a|b.)*c",
        r"(?m)^(\s*a\s*)*$",
        "(?:.?){200}z",
        "\\x{10ffff}*" * 80,
    ),
    *("[" + "é" * 400 + "]*z", "😀*" * 250 + "z", r"(?:é|e\x{301})*z", "(?i)" + "ß*" * 300 + "z"),
)
"""Patterns that keep a backtracking engine busy for hours, and some that need much memory."""
FOREIGN = (
    r"(a)\1",
    r"(?=a)a",
    r"(?<!a)b",
    r"(?>a+)b",
    r"a++",
    r"(?P=x)",
    r"(?(1)a|b)",
    r"\K",
    "(",
    "[z-a]",
    "*a",
)
"""What RE2 does not take."""
TEXTS = (
    *((piece * LONGEST_TEXT)[: LONGEST_TEXT - 1] + "!" for piece in ("a", "ab", "aA0_ ", "\n=-")),
    "é" * (LONGEST_TEXT // 2 - 1) + "!",
)
GREEDY = (
    "(a{1,30}){1,30}c",
    "[ab]*a[ab]{900}z",
    "a.{300}z",
    "(.{0,40}a){9}z",
    "(a.{0,100}b){5}z",
    "[^a]a.{60}z",
)
"""Patterns that must keep in mind much of what they have seen."""
LIMIT = 0.010


def quickest(pattern: str) -> float:
    """The CPU time of the slowest text under a pattern: the best of a few tries, on a busy machine."""
    find = searcher(pattern)
    slowest = 0.0
    for text in TEXTS:
        best = 9.0
        for _ in range(5):
            started = time.thread_time()
            assert find(text) is not None
            best = min(best, time.thread_time() - started)
            if best < LIMIT:
                break
        slowest = max(slowest, best)
    return slowest


def test_no_pattern_is_slow_on_any_text() -> None:
    """Each is refused at once or answers within 10 ms on the longest text it may see."""
    assert len(EVIL) >= 50
    refused, slow = [], {}
    for pattern in EVIL:
        assert len(pattern) <= LONGEST_PATTERN
        try:
            took = quickest(pattern)
        except BadPattern:
            refused.append(pattern)
            continue
        if took >= LIMIT:
            slow[pattern] = took
    assert slow == {}
    assert len(refused) < len(EVIL) // 4
    proven("fuzz", "P27", "patterns made to be slow: refused, or within 10 ms", len(EVIL))


def test_the_greediest_pattern_on_the_worst_text_takes_no_longer_than_a_person_notices() -> None:
    """Each letter costs at most what the pattern is long: linear, so half a second at the very most."""
    chance = Random(1)
    text = "".join(chance.choice("ab") for _ in range(LONGEST_TEXT - 1))
    for pattern in GREEDY[: times(2, 5)]:
        find = searcher(pattern)
        started = time.thread_time()
        assert find(text) is False
        assert time.thread_time() - started < 0.5, pattern


@pytest.mark.parametrize("pattern", ["(.{0,100}){9}z", r"(\pL{1,40}\W?){2}z"])
def test_repeats_within_repeats_are_refused_beyond_a_size(pattern: str) -> None:
    """They would cost seconds a text."""
    with pytest.raises(BadPattern, match="repeats too much"):
        searcher(pattern)


@pytest.mark.parametrize("pattern", FOREIGN)
def test_what_only_backtracking_can_do_is_refused(pattern: str) -> None:
    """Look-around, back-references, possessive repeats; and what is no pattern at all."""
    with pytest.raises(BadPattern):
        searcher(pattern)


def test_a_pattern_longer_than_its_limit_is_refused_unread() -> None:
    """A kilobyte is enough for any person."""
    assert searcher("a" * LONGEST_PATTERN)("a") is False
    with pytest.raises(BadPattern, match="more than 1024"):
        searcher("a" * (LONGEST_PATTERN + 1))


@given(st.text(alphabet="ab()[]{}|*+?\\.^$-,:<>=!Pi1 é", max_size=40), st.text(max_size=60))
def test_any_pattern_is_refused_or_answers(pattern: str, text: str) -> None:
    """Nothing else comes of it."""
    with contextlib.suppress(BadPattern):
        assert searcher(pattern)(text) in (True, False)


def test_policy_code_may_not_use_the_backtracking_engine() -> None:
    """Ruff knows: `re` is banned there, and only there."""

    def complaints(path: str) -> str:
        call = [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", path, "-"]
        done = subprocess.run(
            call, input="import re\n", capture_output=True, text=True, cwd=ROOT, check=False
        )
        return done.stdout

    assert "`re` is banned" in complaints("reviewbot/policy/language/new.py")
    assert "banned" not in complaints("reviewbot/cli/new.py")


REACHING = (
    *("task.__class__", "task.comment_text.__class__", "__class__", "task.comment_text.upper", "0"),
    *(
        "task.comment_text!r",
        "task.comment_text:>999999999",
        "task[comment_text]",
        "task.comment_text[0]",
    ),
    *(
        "self",
        "facts",
        "task",
        "last",
        "globals()",
        "task.comment_text()",
        "task.comment_text + ''",
        "*",
    ),
    *(
        "config.api_key",
        "TOKPORTAL_API_KEY",
        "env.PATH",
        "task.id.__init__.__globals__",
        "%s",
        "${HOME}",
    ),
    *(
        "task.comment_text, first 99999999999",
        "task.comment_text, first ²",
        "task.comment_text, first -1",
    ),
    *(
        "task.comment_text, __class__",
        "last.comments_scraped, .2f",
        "task.comment_text, first 0",
        ", date",
    ),
)


@pytest.mark.parametrize("inner", REACHING)
def test_a_placeholder_is_a_fact_of_the_list_or_an_error(inner: str) -> None:
    """There is no attribute, index, call, conversion or format of Python's own in a template."""
    parsed = check(SHORT.replace("{last.comments_scraped}", "{" + inner + "}"))

    assert parsed.policy is None
    assert any(finding.span.line == 7 for finding in parsed.findings)


RULE = """rules:
  - name: shown
    when: {{task.comment_text: known}}
    then: dispute
    reason: "{reason}"
"""


@given(
    st.text(alphabet="a{}_ .😀é\u202e\x00\n", min_size=0, max_size=160)
    | st.sampled_from(
        ["😀" * 150, "é" * 150, "x" * 150, "{task.id}", "{{", "}}{", "%s%n", "$" * 150]
    )
)
def test_a_text_keeps_its_length_whatever_it_is_filled_with(text: str) -> None:
    """3 to 500, in characters and in the units that JavaScript counts; what is filled in stays text."""
    answer = SHOWN.judge(facts_at(comment_text=text, platform="tiktok"))

    if answer.action is Action.DISPUTE:
        assert answer.reason is not None
        assert 3 <= len(answer.reason) <= 500
        assert len(answer.reason.encode("utf-16-le", "surrogatepass")) // 2 <= 500
    else:
        assert answer.action is Action.ESCALATE


SHOWN = judge_of(
    RULE.format(reason="Not there: {task.comment_text, first 120} and {task.platform}.")
)
