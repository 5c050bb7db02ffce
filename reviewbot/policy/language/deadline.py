"""The deadline (until when we decide ourselves, and what then happens) and the guardrails."""

from __future__ import annotations

from typing import Literal

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.language.conditions import read_all
from reviewbot.policy.language.grammar import (
    ACTION_KEYS,
    CASE,
    DEADLINE,
    FALLBACK_ACTION,
    GUARDRAILS,
    LAST_CASE,
)
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.rules import read_action, read_then, read_when_part
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
    NoneOf,
    Reminder,
    Then,
)
from reviewbot.policy.text_forms import did_you_mean, listed, only_cure
from reviewbot.policy.values import Misread, read_count, read_money, read_share


def read_deadline(reading: Reading, tree: Tree | None) -> Deadline | None:
    """Read `deadline:`."""
    mapping = reading.mapping(tree, "deadline:", DEADLINE.example)
    if mapping is None:
        return None
    fields = MappingReader(reading, mapping, DEADLINE)
    tree = fields.get("decide by", f"write it as  {DEADLINE.example}")
    decide_by = read_moment(reading, tree, "decide by:")
    actions = listed(_allowed(reading))
    undecided = fields.get("if undecided", f"say what happens to a task nobody decided: {actions}")
    fallbacks = _fallbacks(reading, undecided)
    because = fields.words("because")
    if not fields.has("because"):
        message = "the deadline has no  because:  so the log cannot say why"
        cure = "say in one sentence why the undecided are treated so"
        reading.warn("P322", first_line(mapping.span), message, cure=cure)
    remind = _reminders(reading, fields.get("remind"))
    if decide_by is None or not fallbacks:
        return None
    return Deadline(
        decide_by=decide_by,
        fallbacks=fallbacks,
        because=because,
        remind=remind,
        span=mapping.span,
    )


def _allowed(reading: Reading) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS_OF[reading.review] if action is not Action.WAIT)


def _fallbacks(reading: Reading, tree: Tree | None) -> tuple[Fallback, ...]:
    if isinstance(tree, Sequence):
        return tuple(_cases(reading, tree))
    then = _then(reading, tree, "if undecided:")
    return () if then is None else (Fallback(when=None, then=then, span=then.span),)


def _then(reading: Reading, tree: Tree | None, what: str) -> Then | None:
    """Read one action, as a word or as a mapping with what the action needs."""
    allowed = _allowed(reading)
    if isinstance(tree, Mapping):
        fields = MappingReader(reading, tree, FALLBACK_ACTION, what.removesuffix(":"))
        return read_then(reading, fields, allowed)
    action = read_action(reading, tree, allowed, what)
    if action is None or tree is None:
        return None
    if not action.sends_back:
        return Then(action=action, span=tree.span)
    code, needs = "P124", "comment: …, fields: {…}"
    if action is Action.DISPUTE:
        code, needs = "P121", "reason: NAME"
    message = f"{action.value}  needs a text for the other side here too"
    reading.add(code, tree.span, message, cure=f"write it as  {{then: {action.value}, {needs}}}")
    return None


def _cases(reading: Reading, sequence: Sequence) -> list[Fallback]:
    if not sequence.items:
        cure = "write an action, or cases that end in  - otherwise: approve"
        reading.add("P108", sequence.span, "if undecided:  is empty", cure=cure)
    found: list[Fallback | None] = []
    for item in sequence.items:
        mapping = reading.mapping(item, "a case of  if undecided:", CASE.example)
        if mapping is None:
            continue
        is_last = item is sequence.items[-1]
        if any(key.value == "otherwise" for key, _ in mapping.entries):
            found.append(_otherwise(reading, mapping))
            if not is_last:
                message = "otherwise:  must be the last case"
                cure = "cases below it are never reached"
                reading.add("P125", first_line(mapping.span), message, cure=cure)
        else:
            found.append(_case(reading, mapping))
            if is_last:
                message = "the cases do not end in  otherwise:"
                cure = "add  - otherwise: escalate  for what no case covers"
                reading.add("P125", first_line(mapping.span), message, cure=cure)
    return [fallback for fallback in found if fallback is not None]


def _otherwise(reading: Reading, mapping: Mapping) -> Fallback | None:
    fields = MappingReader(reading, mapping, LAST_CASE)
    tree = fields.get("otherwise")
    beside = fields.present(ACTION_KEYS)
    if beside:
        message = f"{beside[0]}:  stands beside  otherwise:,  and must stand under it"
        cure = "write it as  otherwise: {then: dispute, reason: NAME}"
        reading.add("P120", fields.key_span(beside[0]), message, cure=cure)
        return None
    then = _then(reading, tree, "otherwise:")
    return None if then is None else Fallback(when=None, then=then, span=mapping.span)


def _case(reading: Reading, mapping: Mapping) -> Fallback | None:
    fields = MappingReader(reading, mapping, CASE)
    when = read_when_part(reading, fields)
    beside = fields.present(ACTION_KEYS)
    if isinstance(fields.peek("then"), Mapping):
        if beside:
            message = f"{beside[0]}:  stands beside  then: {{…}},  and must stand inside it"
            cure = "write it as  then: {then: dispute, reason: NAME}"
            reading.add("P120", fields.key_span(beside[0]), message, cure=cure)
        then = _then(reading, fields.get("then"), "then:")
    else:
        then = read_then(reading, fields, _allowed(reading))
    if when is None or then is None:
        return None
    return Fallback(when=when, then=then, span=mapping.span)


def _reminders(reading: Reading, tree: Tree | None) -> tuple[Reminder, ...]:
    found = []
    for key, value in reading.entries(reading.mapping(tree, "remind:", "6h before deadline: lead")):
        at = read_moment_text(reading, key)
        to = reading.free_text(value, "whom to remind")
        if at is not None and to is not None:
            found.append(Reminder(at=at, to=to.value.strip(), span=key.span))
    return tuple(found)


# Guardrails: caps on what may be sent, and what pauses an action -------------------------------


_OVER: tuple[Literal["escalate", "hold"], ...] = ("escalate", "hold")


def read_guardrails(reading: Reading, tree: Tree | None) -> Guardrails:
    """Read `guardrails:`."""
    fields = reading.section(tree, GUARDRAILS)
    if fields is None:
        return Guardrails()
    return Guardrails(
        approvals=_caps(reading, fields, "approvals"),
        disputes=_caps(reading, fields, "disputes"),
        disputes_per_account=_caps(reading, fields, "disputes per account"),
        money_approved=_caps(reading, fields, "money approved"),
        dispute_share=_caps(reading, fields, "dispute share"),
        fallback_exempt=bool(fields.yes_no("fallback exempt")),
        when_over=_when_over(reading, fields),
        pause_disputes_when=_pause(reading, fields, "pause disputes when"),
        pause_approvals_when=_pause(reading, fields, "pause approvals when"),
        span=fields.span,
    )


def _caps(reading: Reading, fields: MappingReader, key: str) -> tuple[Cap, ...]:
    found = []
    for scalar in fields.texts(key):
        try:
            cap = _cap(key, scalar)
        except Misread as misread:
            reading.misread(scalar, misread)
            continue
        if cap.amount == 0:
            pays = key in ("approvals", "money approved")
            message = (
                f"a cap of zero means that nothing is ever {'approved' if pays else 'sent back'}"
            )
            cure = "raise it, or write the rules so that they never do it"
            reading.warn("P323", scalar.span, message, cure=cure)
        if key == "dispute share" and cap.after is None:
            message = "a share of few decisions says little: the very first dispute is 100%"
            cure = "write it as  at most 40% after 20 decisions"
            reading.warn("P324", scalar.span, message, cure=cure)
        found.append(cap)
    return tuple(found)


def _cap(key: str, scalar: Scalar) -> Cap:
    """Read `at most N per hour`, and for a share `at most N% after N decisions`."""
    text = scalar.value
    example = "at most 10 per hour"
    if key in ("money approved", "dispute share"):
        example = GUARDRAILS.keys[key].examples[0]
    if not text.startswith("at most "):
        under = did_you_mean(" ".join(text.split(" ")[:2]), ("at most",))
        message, cure = "a cap begins with  at most", f"write it as  {example}"
        raise Misread("P134", message, 0, len(text), under=under, cure=cure)
    rest, at = text[8:], 8
    after: int | None = None
    if " after " in f" {rest}":
        rest, after = _after(key, rest, at)
    amount_text, per_word, period = rest.partition(" per ")
    per: Literal["hour", "day"] | None = None
    if per_word:
        per = _per(period.strip(), at + len(amount_text) + 5)
    elif key != "dispute share":
        cure = f"add  per hour  or  per day:  {example}"
        raise Misread("P134", "a cap says per which time", 0, len(text), cure=cure)
    return Cap(amount=_amount(key, amount_text.strip(), at), per=per, after=after, span=scalar.span)


def _after(key: str, rest: str, at: int) -> tuple[str, int]:
    head, _, tail = f" {rest}".rpartition(" after ")
    end = at + len(rest)
    begin = end - len(tail)
    number, _, word = tail.strip().partition(" ")
    if key != "dispute share":
        message = "only  dispute share:  takes  after N decisions"
        raise Misread("P134", message, begin - 6, end, cure="write it as  at most 10 per hour")
    if word not in ("decisions", "decision"):
        message = "after  needs a number of decisions here"
        raise Misread("P134", message, begin, end, cure="write it as  after 20 decisions")
    return head.strip(), read_count(number, begin)


def _per(period: str, at: int) -> Literal["hour", "day"]:
    names: tuple[Literal["hour", "day"], ...] = ("hour", "day")
    for name in names:
        if period == name:
            return name
    raise Misread(
        "P134",
        f'a cap counts per hour or per day, not per "{period}"',
        at,
        at + max(1, len(period)),
        under=did_you_mean(period, names),
        replacement=only_cure(period, names),
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


def _when_over(reading: Reading, fields: MappingReader) -> Literal["escalate", "hold"]:
    scalar = fields.text("when over")
    for word in _OVER:
        if scalar is None or scalar.value == word:
            return word
    assert scalar is not None
    message = f'when over:  is escalate or hold, not "{scalar.value}"'
    cure = "escalate asks a person; hold asks nobody and tries again at each poll"
    reading.add("P022", scalar, message, among=_OVER, cure=cure)
    return "escalate"


def _pause(reading: Reading, fields: MappingReader, key: str) -> Condition | None:
    if not fields.has(key):
        return None
    condition = read_all(reading, fields.get(key), f"{key}:")
    for line in _lines(condition):
        if not line.fact.startswith("fleet."):
            message = f"{key}:  looks at all tasks together, so it takes only  fleet.*  facts"
            see = "see them:  reviewbot policy facts fleet"
            reading.add("P135", line.fact_span, message, see=see)
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
