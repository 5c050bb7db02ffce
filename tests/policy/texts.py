"""Random policies that send texts by case: the same ones for the same seed."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats

from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.policy import model as m
from tests.policy.chance import HOURS, LISTS, PATTERNS, a_random_mapping
from tests.policy.trees import a_policy, a_rule

LOCALES = ("en", "de", "pt-BR", "fr", "ja", "ar", "hi", "ff-Adlm", "th")
_PLACES = (
    m.Placeholder(fact="task.submitted_at", format="date"),
    m.Placeholder(fact="task.submitted_at", format="date and time"),
    m.Placeholder(fact="task.submitted_at"),
    m.Placeholder(fact="task.submitted_at", format="date iso"),
    m.Placeholder(fact="task.cm_payout_amount", format="money"),
    m.Placeholder(fact="last.comments_scraped"),
    m.Placeholder(fact="task.comment_text", format="first", first=40),
    m.Placeholder(fact="task.comment_length"),
    m.Placeholder(fact="task.sent_back_before", format="times"),
)


def a_text_policy(chance: Random, *, lengths: bool = False) -> m.Policy:
    """A rule that sends a text by one of several cases, each with its own locale.

    With `lengths` texts are near the shortest and the longest that the API takes.
    """
    words = [_template(chance, lengths=lengths) for _ in range(3)]
    cases = tuple(
        m.TextCase(when=a_random_mapping(chance), text=chance.choice(words))
        for _ in range(chance.randint(1, 3))
    )
    reason = m.ReasonText(name=None, cases=cases, otherwise=chance.choice(words))
    then = m.Then(action=Action.DISPUTE, reason=reason)
    sends = replace(a_rule("sends", None, Action.DISPUTE, repeat=True), then=then)
    return a_policy(sends, lists=LISTS, patterns=PATTERNS, hours=HOURS)


def _template(chance: Random, *, lengths: bool) -> m.Template:
    parts: list[str | m.Placeholder] = [chance.choice(("On ", "“", "Am "))]
    for place in chance.sample(_PLACES, chance.randint(0, 2)):
        parts += [place, chance.choice((" and ", "” ", " "))]
    if lengths:
        parts = parts[1:] or ["abc"]
        if chance.random() < 0.6:
            parts.append("w" * chance.randint(430, 499))
    locale = chance.choice(LOCALES)
    return m.Template(parts=tuple(part for part in parts if part), locale=locale)
