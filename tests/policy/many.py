"""Texts of large policies, the same ones for the same seed: as a desk writes them, apart, and across each other."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded, so that it repeats

KINDS = ("desk", "disjoint", "overlapping")
OUTCOMES = ("couldnt_verify", "wrong_text", "wrong_account", "scrape_failed", "verified")
LISTS = ("watched", "trusted", "german", "agency", "new hires")
_PER_REASON = 12
"""Rules that share one text."""
_PER_TEST = 20

HEAD = """\
policy: {kind}
language: 1
owner: lead@example.com
timezone: Europe/Berlin
hours:
  desk:
    open: mon-fri 08:00-19:00
    closed: [2026-12-25, 2027-01-01]
"""
DEADLINE = """\
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when nobody decided.
"""


def policy_text(kind: str, rules: int, seed: int = 1) -> str:
    """A policy of about so many rules that can be used: lists, reasons, hours and tests included."""
    chance = Random(f"{kind} {rules} {seed}")
    makers = {"desk": _desk, "disjoint": _disjoint, "overlapping": _overlapping}
    reasons = max(1, rules // _PER_REASON)
    lines = [HEAD.format(kind=kind), "lists:\n"]
    for name in LISTS:
        lines += [f"  {name}:\n", *(f"    - {name[0]}{n:04}\n" for n in range(rules // 2 + 3))]
    lines.append("rules:\n")
    lines += ["  - name: third round\n    when:\n      task.times_disputed: at least 2\n"]
    lines.append("    then: escalate\n")
    for number, (when, then) in enumerate(makers[kind](chance, rules - 2)):
        lines.append(f"  - name: rule {number} of the {kind}\n    when:\n")
        lines += [f"      {line}\n" for line in when]
        lines.append(f"    then: {then}\n")
        if then == "dispute":
            lines.append(f"    reason: text_{chance.randrange(reasons)}\n    act during: desk\n")
    lines.append("  - name: the rest\n    always: yes\n    then: escalate\nreasons:\n")
    for n in range(reasons):
        lines.append(
            f"  text_{n}: Our check number {n} looked at everything and did not find it.\n"
        )
    lines.append(DEADLINE + "tests:\n")
    for n in range(rules // _PER_TEST + 1):
        lines.append(f"  - name: case {n}\n    given:\n      last.comments_scraped: {n % 99}\n")
        lines.append("    expect never: leave\n")
    return "".join(lines)


Lines = tuple[list[str], str]


def _desk(chance: Random, rules: int) -> Iterator[Lines]:
    """Lists and accounts first, then outcomes by platform, amount and score, words and hours here and there."""
    yield ["task.saved_account_id: in list watched"], "escalate"
    for number in range(rules - 1):
        platform = f"task.platform: {chance.choice(('tiktok', 'instagram'))}"
        amount = f"task.cm_payout_amount: less than 0.{chance.randrange(15, 60)} USD"
        low = chance.randrange(1, 60)
        scraped = f"last.comments_scraped: between {low} and {low + chance.randrange(5, 39)}"
        score = chance.randrange(20, 90)
        band = f"last.match_score: between 0.{score} and 0.{score + 9}"
        kind = chance.random()
        if kind < 0.3:
            account = f"task.saved_account_id: acc-{number:04}"
            yield [account, f"last.outcome_kind: {chance.choice(OUTCOMES)}"], _then(chance)
        elif kind < 0.4:
            named = f"task.saved_account_id: in list {chance.choice(LISTS)}"
            yield [named, platform, scraped], _then(chance)
        elif kind < 0.5:
            yield [f"task.target_author_handle: maker{number}", band], _then(chance)
        elif kind < 0.55:
            yield [f"task.comment_text: contains word{number}", amount], "escalate"
        elif kind < 0.6:
            waited = f"task.waiting_for: less than {chance.randrange(2, 20)}h"
            yield [waited, "last.outcome_kind: scrape_failed", platform], "escalate"
        elif kind < 0.8:
            yield [platform, "last.outcome_kind: wrong_text", band, amount], _then(chance)
        else:
            yield [platform, "last.outcome_kind: couldnt_verify", scraped, amount], _then(chance)


def _disjoint(chance: Random, rules: int) -> Iterator[Lines]:
    """Each has an account, an author or a platform and a band of its own."""
    for number in range(rules):
        kind = number % 3
        if kind == 0:
            yield [f"task.saved_account_id: acc-{number:04}", "last.verified: no"], _then(chance)
        elif kind == 1:
            own = f"task.saved_account_id: [bcc-{number:04}, ccc-{number:04}]"
            yield [own, "last.comments_scraped: between 1 and 99"], _then(chance)
        else:
            low = number / (rules + 1)
            band = f"last.match_score: between {low:.4f} and {low + 1 / (2 * rules):.4f}"
            named = f"not in list {chance.choice(LISTS)}"
            yield [band, f"task.saved_account_id: {named}", "task.platform: tiktok"], _then(chance)


def _overlapping(chance: Random, rules: int) -> Iterator[Lines]:
    """Three of eight tests each, of which most let most tasks through."""
    for _ in range(rules):
        lines = [
            f"task.platform: {chance.choice(('tiktok', 'instagram'))}",
            f"task.cm_payout_amount: at most 0.{chance.randrange(10, 60)} USD",
            f"last.comments_scraped: at least {chance.randrange(1, 60)}",
            f"checks.count: at least {chance.randrange(1, 5)}",
            f"last.outcome_kind: not {chance.choice(OUTCOMES)}",
            f"task.waiting_for: at least {chance.randrange(1, 60)}h",
            f"last.match_score: less than 0.{chance.randrange(10, 99)}",
            f"account.disputes_30d: at least {chance.randrange(1, 30)}",
        ]
        yield chance.sample(lines, 3), _then(chance)


def _then(chance: Random) -> str:
    return chance.choice(("approve", "dispute", "escalate"))
