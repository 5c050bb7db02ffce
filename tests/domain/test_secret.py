"""A secret is masked wherever it stands, whole or cut, and forgotten by nobody."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.text import MASK, Secret, masked, safe_line, without_known

WORDS = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40)


@given(WORDS, st.one_of(st.integers(66, 73), st.integers(0, 120)), st.integers(0, 40))
def test_a_text_that_is_cut_shows_no_part_of_a_secret(word: str, before: int, after: int) -> None:
    """Half of one is no mask: it is masked first, and cut then."""
    Secret(word)

    shown = safe_line("·" * before + word + "·" * after, 80)

    assert word[:6] not in shown


@given(WORDS, st.sampled_from(["{}", "a/{}?b", "'{}'", "x{}x", "{} and {}"]))
def test_a_known_secret_is_masked_within_other_words(word: str, form: str) -> None:
    """Whatever stands around it."""
    Secret(word)

    assert without_known(form.format(word, word)) == form.format(MASK, MASK)


def test_what_looks_like_a_key_is_masked_though_nobody_knows_it() -> None:
    """With all that belongs to it, and no ordinary word."""
    assert masked("REVIEWBOT_sk_live_0123456789-ab: no") == f"REVIEWBOT_{MASK}: no"
    assert masked("see tok_live_0123456789abcdef.") == f"see {MASK}."
    assert masked("task_123456, disk_usage_percent, ask_somebody_else") == (
        "task_123456, disk_usage_percent, ask_somebody_else"
    )


def test_a_secret_too_short_to_be_told_from_a_word_is_no_mask() -> None:
    """It would blot out ordinary words."""
    Secret("a")

    assert without_known("a plain sentence") == "a plain sentence"
