"""The deadline: until when we decide ourselves, what then happens, whom to remind."""

from __future__ import annotations

from typing import Literal

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.language.conditions import read_all
from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    entries_of,
    first_line,
    mapping_of,
    one_or_more,
)
from reviewbot.policy.language.rules import ACTION_KEYS, read_action, read_then, read_when_part
from reviewbot.policy.language.schedule import read_moment, read_moment_text
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Cap,
    Compare,
    Condition,
    Deadline,
    EachAttempt,
    Fallback,
    Guardrails,
    Moment,
    NoneOf,
    ReasonText,
    Reminder,
    Then,
)
from reviewbot.policy.text_forms import did_you_mean, listed, only_cure
from reviewbot.policy.values import Misread, read_count, read_money, read_share, read_yes_no

_KEYS = ("decide by", "if undecided", "because", "remind")


_NEEDS_MORE = (Action.DISPUTE, Action.REQUEST_CORRECTIONS)


def read_deadline(
    context: Reading, tree: Tree | None, reasons: dict[str, ReasonText]
) -> Deadline | None:
    """Read `deadline:`."""
    mapping = mapping_of(context, tree, "deadline:", "decide by: 3h before deadline")
    if mapping is None:
        return None
    fields = MappingReader(context, mapping, "the deadline", _KEYS)
    decide_by = read_moment(
        context,
        fields.need("decide by", "write it as  decide by: 3h before deadline"),
        "decide by:",
    )
    tree = fields.need(
        "if undecided", f"say what happens to a task nobody decided: {listed(_allowed(context))}"
    )
    fallbacks = _fallbacks(context, tree, reasons)
    because = context.free_text(fields.get("because"), "because:")
    if not fields.has("because"):
        context.warn(
            "P322",
            first_line(mapping.span),
            "the deadline has no  because:  so the log cannot say why",
            cure="say in one sentence why the undecided are treated so",
        )
    remind = _reminders(context, fields.get("remind"))
    if decide_by is None or not fallbacks:
        return None
    return Deadline(
        decide_by=decide_by,
        fallbacks=fallbacks,
        because=because.value.strip() if because is not None else None,
        remind=remind,
        span=mapping.span,
    )


def _allowed(context: Reading) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS_OF[context.review] if action is not Action.WAIT)


def _fallbacks(
    context: Reading, tree: Tree | None, reasons: dict[str, ReasonText]
) -> tuple[Fallback, ...]:
    if isinstance(tree, Sequence):
        return _cases(context, tree, reasons)
    then = _then(context, tree, reasons, "if undecided:")
    return () if then is None else (Fallback(when=None, then=then, span=then.span),)


def _then(
    context: Reading, tree: Tree | None, reasons: dict[str, ReasonText], what: str
) -> Then | None:
    """Read one action, as a word or as a mapping with what the action needs."""
    if isinstance(tree, Mapping):
        fields = MappingReader(context, tree, what.removesuffix(":"), ("then", *ACTION_KEYS))
        return read_then(context, fields, reasons, _allowed(context))
    action = read_action(context, tree, _allowed(context), what)
    if action is None or tree is None:
        return None
    if action in _NEEDS_MORE:
        needs = "reason: NAME" if action is Action.DISPUTE else "comment: …, fields: {…}"
        code = "P121" if action is Action.DISPUTE else "P124"
        context.add(
            code,
            tree.span,
            f"{action.value}  needs a text for the other side here too",
            cure=f"write it as  {{then: {action.value}, {needs}}}",
        )
        return None
    return Then(action=action, span=tree.span)


def _cases(
    context: Reading, sequence: Sequence, reasons: dict[str, ReasonText]
) -> tuple[Fallback, ...]:
    found: list[Fallback] = []
    last = len(sequence.items) - 1
    if last < 0:
        context.add(
            "P108",
            sequence.span,
            "if undecided:  is empty",
            cure="write an action, or cases that end in  - otherwise: approve",
        )
    for index, item in enumerate(sequence.items):
        mapping = mapping_of(
            context,
            item,
            "a case of  if undecided:",
            "- {when: {task.platform: tiktok}, then: approve}",
        )
        if mapping is None:
            continue
        keys = [key.value for key, _ in mapping.entries]
        if "otherwise" in keys:
            fallback = _otherwise(context, mapping, reasons)
            if index < last:
                context.add(
                    "P125",
                    mapping.span
                    if mapping.span.line == mapping.span.end_line
                    else first_line(mapping.span),
                    "otherwise:  must be the last case",
                    cure="cases below it are never reached",
                )
        else:
            fallback = _case(context, mapping, reasons)
            if index == last:
                context.add(
                    "P125",
                    first_line(mapping.span),
                    "the cases do not end in  otherwise:",
                    cure="add  - otherwise: escalate  for what no case covers",
                )
        if fallback is not None:
            found.append(fallback)
    return tuple(found)


def _otherwise(
    context: Reading, mapping: Mapping, reasons: dict[str, ReasonText]
) -> Fallback | None:
    fields = MappingReader(context, mapping, "the last case", ("otherwise", *ACTION_KEYS))
    tree = fields.get("otherwise")
    beside = [key for key in ACTION_KEYS if fields.has(key)]
    if beside:
        context.add(
            "P120",
            fields.key_span(beside[0]),
            f"{beside[0]}:  stands beside  otherwise:,  and must stand under it",
            cure="write it as  otherwise: {then: dispute, reason: NAME}",
        )
        return None
    then = _then(context, tree, reasons, "otherwise:")
    return None if then is None else Fallback(when=None, then=then, span=mapping.span)


def _case(context: Reading, mapping: Mapping, reasons: dict[str, ReasonText]) -> Fallback | None:
    fields = MappingReader(context, mapping, "a case", ("when", "when any", "then", *ACTION_KEYS))
    when = read_when_part(context, fields, "a case", always=False)
    tree = fields.get("then")
    if isinstance(tree, Mapping):
        then = _then(context, tree, reasons, "then:")
    else:
        then = read_then(context, fields, reasons, _allowed(context))
    if when is None or then is None:
        return None
    return Fallback(when=when, then=then, span=mapping.span)


def _reminders(context: Reading, tree: Tree | None) -> tuple[Reminder, ...]:
    if tree is None:
        return ()
    mapping = mapping_of(context, tree, "remind:", "6h before deadline: lead")
    if mapping is None:
        return ()
    found = []
    for key, value in entries_of(context, mapping):
        at: Moment | None = read_moment_text(context, key)
        to = context.free_text(value, "whom to remind")
        if at is not None and isinstance(to, Scalar):
            found.append(Reminder(at=at, to=to.value.strip(), span=key.span))
    return tuple(found)


# ------------------------------------------------------------------------------------------------
# Guardrails: caps on what may be sent, and what pauses an action.


_CAPS = ("approvals", "disputes", "disputes per account", "money approved", "dispute share")


_PAUSES = ("pause disputes when", "pause approvals when")


_GUARDRAIL_KEYS = (*_CAPS, "when over", *_PAUSES, "fallback exempt")


_EXAMPLES = {
    "money approved": "at most 25 USD per day",
    "dispute share": "at most 40% after 20 decisions",
}


_OVER: tuple[Literal["escalate", "hold"], ...] = ("escalate", "hold")


def read_guardrails(context: Reading, tree: Tree | None) -> Guardrails:
    """Read `guardrails:`."""
    if tree is None:
        return Guardrails()
    mapping = mapping_of(context, tree, "guardrails:", "disputes: at most 10 per hour")
    if mapping is None:
        return Guardrails()
    fields = MappingReader(context, mapping, "guardrails:", _GUARDRAIL_KEYS)
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


def _caps(context: Reading, key: str, tree: Tree | None) -> tuple[Cap, ...]:
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


def _when_over(context: Reading, tree: Tree | None) -> Literal["escalate", "hold"]:
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


def _pause(context: Reading, fields: MappingReader, key: str) -> Condition | None:
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
        case EachAttempt():
            return _lines(condition.condition)
        case None:
            return []
