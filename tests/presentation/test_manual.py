"""The manual answers in the reader's own words, and by every name of the language."""

from __future__ import annotations

import pytest

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE
from reviewbot.policy.diagnostics import CODES
from reviewbot.policy.language.grammar import DEADLINE, GUARDRAILS, POLICY, RULE, TEST
from reviewbot.presentation import manual
from reviewbot.presentation.on_screen import answer, as_screen, contents
from reviewbot.presentation.search import Searchable, SearchIndex, stems

QUESTIONS = {
    "how do I not pay at weekends": "Not at weekends or at night",
    "only act in office hours": "Office hours",
    "do nothing on Sundays": "Not at weekends or at night",
    "christmas": "Not on holidays",
    "our bank holidays": "Not on holidays",
    "can the text be in German and in English": "In two languages",
    "a list per country": "A list for each country",
    "load accounts from a spreadsheet": "A list from a spreadsheet",
    "excel": "A list from a spreadsheet",
    "never pay this account": "Never pay these by a rule",
    "blacklist": "Never pay these by a rule",
    "pay only cheap tasks": "Only the cheap ones",
    "ask a person about expensive tasks": "Ask about big sums",
    "ask about big sums": "Ask about big sums",
    "at most 20 dollars a day": "At most so much a day",
    "daily budget": "At most so much a day",
    "an account in its first week": "The first week of an account",
    "new accounts should be looked at": "The first week of an account",
    "an account that has been with us for long": "An account that the API knows for long",
    "outage of one platform": "An outage of one platform",
    "try a new rule on a few tasks only": "The first week of a new rule",
    "second round goes to the lead": "The second time, ask the lead",
    "it came back a second time": "The second time, ask the lead",
    "several people should be asked": "Several people",
    "remind the lead before the deadline": "Remind somebody",
    "only tiktok": "Only one platform",
    "start with one test account": "Only a test account, to begin with",
    "the checker is blind": "When the checker is blind",
    "zero comments were read": "When the checker is blind",
    "wait for a second check": "Wait for a second check",
    "check again tomorrow": "Wait for a second check",
    "the text is a bit different": "The text is a bit different",
    "it has a typo": "The text is a bit different",
    "posted from the wrong account": "Posted from the wrong account",
    "pause everything by hand": "Pause it by hand",
    "emergency stop": "Pause it by hand",
    "trust a good account": "Trust an account",
    "only until friday the 18th": "Only until a day, or only during a campaign",
    "during a campaign": "Only until a day, or only during a campaign",
    "everything except this account": "All but these",
    "use the same condition in several rules": "The same question in several rules",
    "pay automatically when found": "Pay what the checker found",
    "send back what is missing": "Send back what is not there",
    "what happens at the deadline": "When nobody answers in time",
    "nobody answers": "When nobody answers in time",
    "how do I test my policy": "Test it",
    "what does escalate mean": "escalate",
    "how do I review accounts": "Review accounts instead of comments",
    "wochenende": "Not at weekends or at night",
    "weekand": "Not at weekends or at night",
    "how do I start": "Start from one that works",
    "I have never seen yaml": "How a policy is written",
    "what if a value is missing": "Unknown is not false",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_its_chapter(question: str) -> None:
    """What people ask, in their words, comes first."""
    assert manual.find(question)[0].title == QUESTIONS[question]


FACTS = {
    "how many comments were read": "last.comments_scraped",
    "number of comments": "last.comments_scraped",
    "how often was it sent back": "task.times_disputed",
    "what does it cost": "task.cm_payout_amount",
    "payout": "task.cm_payout_amount",
    "how long until the deadline": "task.time_left",
    "time left": "task.time_left",
    "which platform": "task.platform",
    "which account posts it": "task.saved_account_id",
    "was it posted from the wrong account": "last.outcome_kind",
    "how similar is the text": "last.match_score",
    "score": "last.match_score",
    "how many times was it checked": "checks.count",
    "is the checker broken": "fleet.scrape_failed_share_1h",
    "how long does it wait already": "task.waiting_for",
    "length of the comment": "task.comment_length",
    "is it the second round": "task.round",
    "new account": "account.decisions_30d",
    "coverage is inactive": "task.execution_blocked",
    "coments scrapped": "last.comments_scraped",
}


@pytest.mark.parametrize("question", FACTS)
def test_a_question_finds_its_fact(question: str) -> None:
    """`policy facts` answers a sentence with the fact to ask for."""
    assert manual.find_facts(question, "comments")[0].name == FACTS[question]


def test_other_words_are_those_of_facts_that_exist() -> None:
    """The words by which a fact is asked for name no fact that is gone."""
    assert set(manual.ALSO) <= {*CATALOGUE["comments"], *CATALOGUE["accounts"], *ATTEMPT_FACTS}


NAMES = [
    *(key for section in (POLICY, RULE, DEADLINE, GUARDRAILS, TEST) for key in section.keys),
    *CATALOGUE["comments"],
    *CATALOGUE["accounts"],
    *ATTEMPT_FACTS,
    *CODES,
]


def test_every_name_of_the_language_is_found_first() -> None:
    """A key, a fact or a code that is given whole is not lost among chapters that mention it."""
    for name in dict.fromkeys(NAMES):
        first = manual.find(name)[0]
        assert name in (first.title, *first.names), name


def test_a_key_is_said_with_its_place_its_kind_and_an_example() -> None:
    """`decide by` is a moment of the deadline."""
    entry = manual.find("decide by")[0]
    assert "In the deadline, required." in entry.text
    assert "decide by: 3h before deadline" in entry.text


def test_a_key_comes_with_what_is_really_written_below_it() -> None:
    """An example of `remind` is taken from a policy that is known to be sound."""
    assert "before deadline: lead\n" in manual.find("remind")[0].text


def test_nothing_is_found_for_words_that_mean_nothing_here() -> None:
    """An answer about something else would be worse than none."""
    assert manual.find("xyzzy qwrtp") == []


def test_the_contents_name_every_chapter() -> None:
    """What can be read is listed in order."""
    shown = contents(manual.chapters())
    assert all(chapter.title in shown for chapter in manual.chapters())
    assert shown.index("What is at stake") < shown.index("Not at weekends") < shown.index("Test it")


def test_every_answer_knows_how_people_ask_for_it() -> None:
    """A chapter of *How do I say …* comes with other words than its own."""
    answers = [chapter for chapter in manual.chapters() if chapter.within == "How do I say …"]
    assert len(answers) >= 20
    assert [chapter.title for chapter in answers if not chapter.asked] == []


def test_every_entry_can_be_laid_out() -> None:
    """No entry loses its words on a screen, and no mark of Markdown or of the search is left."""
    for entry in manual.entries():
        shown = as_screen(entry.text)
        assert shown, entry.title
        assert "```" not in shown
        assert "<!--" not in shown
        assert "](" not in shown


def test_an_answer_shows_the_first_whole_and_the_others_by_name() -> None:
    """A long page hides what was asked for."""
    shown = answer(manual.find("only act in office hours"))
    assert "act during: desk" in shown
    assert "\n  reviewbot policy guide " in shown


@pytest.mark.parametrize(
    ("form", "word"),
    [("weekends", "weekend"), ("paid", "pay"), ("disputed", "dispute"), ("stopping", "stop")],
)
def test_forms_of_a_word_are_one(form: str, word: str) -> None:
    """A question is asked in any tense and number."""
    assert stems(form) == stems(word)


def test_a_rare_word_outweighs_a_common_one() -> None:
    """What all passages speak of tells nothing."""
    texts = ["pay by rule", "pay by person", "pay at weekends", "pay"]
    found = SearchIndex(texts, lambda text: Searchable(text)).search("pay at the weekend")
    assert found[0][1] == "pay at weekends"
