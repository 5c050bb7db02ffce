"""Reviews near the edges of a policy's own tests: what its author did not think of, and the API may send."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded, so that it repeats
from unicodedata import normalize

from reviewbot.domain.task import Timeline
from reviewbot.policy import model as m
from reviewbot.policy import operators as ops
from reviewbot.policy.facts import Facts, build_facts
from tests.builders import CONFIRMED, an_attempt, an_item

SPELLINGS = (
    str.upper,
    str.lower,
    str.casefold,
    str.title,
    lambda text: normalize("NFD", text),
    lambda text: text.replace("ss", "ß").replace("ff", "ﬀ"),
    lambda text: text,
)
"""Ways to write a text that are one once case and accents are folded."""


def facts_near(policy: m.Policy, chance: Random) -> Facts:
    """A task whose texts are made of the texts that the policy names, in any spelling and overlap,

    and whose numbers lie at its bounds and beyond every documented range.
    """
    words = sorted(set(_texts(policy))) or ["x"]
    numbers = sorted({*_numbers(policy), 0.0})
    text = ""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3))):
        text = _joined(text, chance.choice(SPELLINGS)(chance.choice(words)), chance)
    text += chance.choice(("", "", "", "x", "\u030c", " 12", "y" * chance.randint(0, 200)))

    def number() -> float:
        return chance.choice(numbers) + chance.choice((-1, 0, 0, 1))

    item = an_item(
        comment_text=chance.choice((text, text, text, None)),
        platform=chance.choice(("tiktok", "instagram")),
        cm_payout_amount=number(),
    )
    attempt = an_attempt(
        comments_scraped=int(number()), match_score=number() / chance.choice((1, 3))
    )
    return build_facts(item, now=CONFIRMED, evidence=Timeline(task_id=item.id, attempts=(attempt,)))


def _joined(first: str, second: str, chance: Random) -> str:
    """One behind the other, apart or with as much overlap as there is."""
    if chance.random() < 0.4:
        shared = next(n for n in range(len(second), -1, -1) if first.endswith(second[:n]))
        return first + second[shared:]
    return first + chance.choice(("", " ")) + second


def _parts(node: object) -> Iterator[object]:
    yield node
    if isinstance(node, m.Rule):
        yield from _parts(node.when)
    for part in getattr(node, "parts", ()):
        yield from _parts(part)
    yield from map(_test, filter(lambda leaf: isinstance(leaf, m.Compare), (node,)))


def _test(node: object) -> object:
    assert isinstance(node, m.Compare)
    return node.test


def _texts(policy: m.Policy) -> Iterator[str]:
    for rule in policy.rules:
        for part in _parts(rule):
            match part:
                case ops.TextTest(text=text):
                    yield text
                case ops.OneOf(values=values):
                    yield from (value for value in values if isinstance(value, str))
                case ops.InList(list=name):
                    yield from (
                        e.id for named in policy.lists if named.name == name for e in named.entries
                    )
                case ops.Matches():
                    yield from ("12", "great")


def _numbers(policy: m.Policy) -> Iterator[float]:
    for rule in policy.rules:
        for part in _parts(rule):
            match part:
                case ops.Range(low=low, high=high):
                    yield from (e for e in (low, high) if isinstance(e, int | float))
                case ops.OneOf(values=values):
                    yield from (v for v in values if type(v) in (int, float))
