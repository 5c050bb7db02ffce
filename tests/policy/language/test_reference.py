"""The reference page says what the program's tables say."""

from __future__ import annotations

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.language import grammar
from reviewbot.policy.operators import OPERATORS
from tests.policy.language.reference import PAGE, reference_page


def test_the_page_is_the_one_that_is_made() -> None:
    """After a change of a table `python -m tests.policy.language.reference --write` makes it anew."""
    assert PAGE.read_text(encoding="utf-8") == reference_page()


def test_nothing_of_the_language_is_left_out() -> None:
    """Every key of every section, every test and every fact has a row."""
    sections = [part for part in vars(grammar).values() if isinstance(part, grammar.GrammarSection)]
    names = [key for section in sections for key in section.keys]
    names += [operator.words for operator in OPERATORS]
    names += [fact for facts in CATALOGUE.values() for fact in facts]
    page = reference_page()
    assert [name for name in names if f"`{name}`" not in page] == []
