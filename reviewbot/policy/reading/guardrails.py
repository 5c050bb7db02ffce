"""Guardrails: caps on what may be sent, and what pauses an action."""

from __future__ import annotations

from typing import Literal

from reviewbot.policy.model import AllOf, AnyOf, Cap, Checks, Compare, Condition, Guardrails, NoneOf
from reviewbot.policy.names import did_you_mean, only_cure
from reviewbot.policy.reading.conditions import read_all
from reviewbot.policy.reading.context import Context, Fields, mapping_of, one_or_more
from reviewbot.policy.values import Misread, read_count, read_money, read_share, read_yes_no
from reviewbot.policy.yamltree import Scalar, Tree

_CAPS = ("approvals", "disputes", "disputes per account", "money approved", "dispute share")
_PAUSES = ("pause disputes when", "pause approvals when")
_KEYS = (*_CAPS, "when over", *_PAUSES, "fallback exempt")
_EXAMPLES = {
    "money approved": "at most 25 USD per day",
    "dispute share": "at most 40% after 20 decisions",
}
_OVER: tuple[Literal["escalate", "hold"], ...] = ("escalate", "hold")


def read_guardrails(context: Context, tree: Tree | None) -> Guardrails:
    """Read `guardrails:`."""
    if tree is None:
        return Guardrails()
    mapping = mapping_of(context, tree, "guardrails:", "disputes: at most 10 per hour")
    if mapping is None:
        return Guardrails()
    fields = Fields(context, mapping, "guardrails:", _KEYS)
    caps = {key: _caps(context, key, fields.get(key)) for key in _CAPS}
    exempt = context.text(fields.get("fallback exempt"), "fallback exempt:")
    return Guardrails(
        approvals=caps["approvals"],
        disputes=caps["disputes"],
        disputes_per_account=caps["disputes per account"],
        money_approved=caps["money approved"],
        dispute_share=caps["dispute share"],
        when_over=_when_over(context, fields.get("when over")),
        pause_disputes_when=_pause(context, fields, "pause disputes when"),
        pause_approvals_when=_pause(context, fields, "pause approvals when"),
        fallback_exempt=bool(exempt is not None and context.read(exempt, read_yes_no)),
        span=mapping.span,
    )


def _caps(context: Context, key: str, tree: Tree | None) -> tuple[Cap, ...]:
    found = []
    for item in one_or_more(tree):
        scalar = context.text(item, f"{key}:")
        if scalar is None:
            continue
        try:
            cap = _cap(key, scalar)
        except Misread as misread:
            context.misread(scalar, misread)
            continue
        if cap.amount == 0:
            context.warn(
                "P323",
                scalar.span,
                f"a cap of zero means that {_stopped(key)}",
                cure="raise it, or write the rules so that they never do it",
            )
        if key == "dispute share" and cap.after is None:
            context.warn(
                "P324",
                scalar.span,
                "a share of few decisions says little: the very first dispute is 100%",
                cure=f"write it as  {_EXAMPLES[key]}",
            )
        found.append(cap)
    return tuple(found)


def _stopped(key: str) -> str:
    return (
        "nothing is ever approved"
        if key in ("approvals", "money approved")
        else "nothing is ever sent back"
    )


def _cap(key: str, scalar: Scalar) -> Cap:
    text = scalar.value
    example = _EXAMPLES.get(key, "at most 10 per hour")
    if not text.startswith("at most "):
        raise Misread(
            "P134",
            "a cap begins with  at most",
            0,
            len(text),
            under=did_you_mean(" ".join(text.split(" ")[:2]), ("at most",)),
            cure=f"write it as  {example}",
        )
    rest, at = text[8:], 8
    after: int | None = None
    if " after " in f" {rest}":
        rest, after = _after(key, rest, at)
    amount_text, per_word, period = rest.partition(" per ")
    per: Literal["hour", "day"] | None = None
    if per_word:
        per = _per(period.strip(), at + len(amount_text) + 5)
    elif key != "dispute share":
        raise Misread(
            "P134",
            "a cap says per which time",
            0,
            len(text),
            cure=f"add  per hour  or  per day:  {example}",
        )
    return Cap(amount=_amount(key, amount_text.strip(), at), per=per, after=after, span=scalar.span)


def _after(key: str, rest: str, at: int) -> tuple[str, int]:
    head, _, tail = f" {rest}".rpartition(" after ")
    tail_at = at + len(rest) - len(tail)
    number, _, word = tail.strip().partition(" ")
    if key != "dispute share":
        raise Misread(
            "P134",
            "only  dispute share:  takes  after N decisions",
            tail_at - 6,
            at + len(rest),
            cure="write it as  at most 10 per hour",
        )
    if word not in ("decisions", "decision"):
        raise Misread(
            "P134",
            "after  needs a number of decisions here",
            tail_at,
            at + len(rest),
            cure="write it as  after 20 decisions",
        )
    return head.strip(), read_count(number, tail_at)


def _per(period: str, at: int) -> Literal["hour", "day"]:
    if period == "hour":
        return "hour"
    if period == "day":
        return "day"
    known = ("hour", "day")
    raise Misread(
        "P134",
        f'a cap counts per hour or per day, not per "{period}"',
        at,
        at + max(1, len(period)),
        under=did_you_mean(period, known),
        replacement=only_cure(period, known),
    )


def _amount(key: str, text: str, at: int) -> int | float:
    if key == "money approved":
        return read_money(text, at)
    if key == "dispute share":
        share = read_share(text, at)
        if share > 1:
            raise Misread("P101", "a share is at most 100%", at, at + len(text))
        return share
    count = read_count(text, at)
    if count < 0:
        raise Misread("P101", f'"{text}" is below zero', at, at + len(text))
    return count


def _when_over(context: Context, tree: Tree | None) -> Literal["escalate", "hold"]:
    scalar = context.text(tree, "when over:")
    if scalar is None:
        return "escalate"
    for word in _OVER:
        if scalar.value == word:
            return word
    context.add_at(
        "P022",
        scalar,
        0,
        len(scalar.value),
        f'when over:  is escalate or hold, not "{scalar.value}"',
        under=did_you_mean(scalar.value, _OVER),
        cure="escalate asks a person; hold asks nobody and tries again at each poll",
        replacement=only_cure(scalar.value, _OVER),
    )
    return "escalate"


def _pause(context: Context, fields: Fields, key: str) -> Condition | None:
    if not fields.has(key):
        return None
    condition = read_all(context, fields.get(key), f"{key}:")
    for line in _lines(condition):
        if not line.fact.startswith("fleet."):
            context.add(
                "P135",
                line.fact_span,
                f"{key}:  looks at all tasks together, so it takes only  fleet.*  facts",
                see="see them:  reviewbot policy facts fleet",
            )
    return condition


def _lines(condition: Condition | None) -> list[Compare]:
    match condition:
        case Compare():
            return [condition]
        case AllOf() | AnyOf() | NoneOf():
            return [line for part in condition.parts for line in _lines(part)]
        case Checks():
            return _lines(condition.condition)
        case None:
            return []
