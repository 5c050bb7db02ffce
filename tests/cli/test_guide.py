"""`policy guide`, `policy facts` and `policy read` at the door: forms, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Call

ROOT = Path(__file__).resolve().parents[2]


def test_a_question_is_asked_with_or_without_quotes(call: Call) -> None:
    """A shell parts a sentence into words; the answer is the same."""
    parted = call("policy", "guide", *["how", "do", "I", "not", "pay", "at", "weekends"])
    whole = call("policy", "guide", "how do I not pay at weekends")
    assert parted == whole
    assert parted.code == 0
    assert "act during: desk" in parted.out


def test_without_words_the_contents_are_listed(call: Call) -> None:
    """And how to read on."""
    ran = call("policy", "guide")
    assert ran.code == 0
    assert "What is at stake\n" in ran.out
    assert "reviewbot policy guide decide by" in ran.out


def test_the_whole_guide_is_the_page_of_the_docs(call: Call) -> None:
    """Whoever has the program has the page."""
    ran = call("policy", "guide", "--format", "markdown")
    assert ran.out.strip() == (ROOT / "docs/policy-guide.md").read_text("utf-8").strip()


def test_an_answer_for_programs_says_what_it_is(call: Call) -> None:
    """A key by its name comes first, with its kind."""
    first = json.loads(call("policy", "guide", "decide by", "--format", "json").out)[0]
    assert (first["kind"], first["title"]) == ("key", "decide by:")


def test_words_that_mean_nothing_here_are_answered_with_a_way_on(call: Call) -> None:
    """Wrong use, and where to look instead."""
    ran = call("policy", "guide", "xyzzy")
    assert ran.code == 2
    assert "reviewbot policy guide" in ran.err
    assert call("policy", "facts", "xyzzy").code == 2


def test_a_question_about_facts_shows_the_best_whole(call: Call) -> None:
    """The first is shown as if it had been named, others below it."""
    ran = call("policy", "facts", *["how", "many", "comments", "were", "read"])
    assert ran.out.startswith("last.comments_scraped\n")
    assert "write      last.comments_scraped: " in ran.out
    assert "checks.most_comments" in ran.out


def test_a_question_that_one_fact_answers_shows_that_one(call: Call) -> None:
    """No empty table follows."""
    ran = call("policy", "facts", "url of the video")
    assert ran.code == 0
    assert ran.out.startswith("task.target_video_url\n")


def test_a_policy_becomes_a_page_in_a_file(call: Call, tmp_path: Path) -> None:
    """`--output` writes it; a change is no page."""
    page = tmp_path / "starter.html"
    policy = str(ROOT / "policies/starter.yaml")
    ran = call("policy", "read", policy, "--format", "html", "--output", str(page))
    assert (ran.code, ran.out) == (0, "")
    assert "Signature" in page.read_text("utf-8")
    assert call("policy", "read", policy, policy, "--format", "html").code == 2
