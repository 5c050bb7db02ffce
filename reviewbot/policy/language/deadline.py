"""The deadline (until when we decide ourselves, and what then happens) and the guardrails."""

from __future__ import annotations

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.domain.review import STATES_AN_AMOUNT
from reviewbot.policy.language.actions import read_action
from reviewbot.policy.language.caps import OVER, read_caps, read_over
from reviewbot.policy.language.conditions import read_all, read_when_part
from reviewbot.policy.language.declared import declared_name
from reviewbot.policy.language.forms import with_own
from reviewbot.policy.language.grammar import (
    ACTION_KEYS,
    CASE,
    DEADLINE,
    FALLBACK_ACTION,
    GUARDRAILS,
    LAST_CASE,
)
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.rules import read_then
from reviewbot.policy.language.schedule import read_moment, read_reminders
from reviewbot.policy.language.spoken import as_hours
from reviewbot.policy.language.synonyms import is_otherwise
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
    Then,
)
from reviewbot.policy.text_forms import listed


def read_deadline(reading: Reading, tree: Tree | None) -> Deadline | None:
    """Read `deadline:`."""
    mapping = reading.mapping(tree, "deadline:", with_own(tree, DEADLINE))
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
    remind = read_reminders(reading, fields.get("remind"))
    if decide_by is None or not fallbacks:
        return None
    return Deadline(
        decide_by=decide_by, fallbacks=fallbacks, because=because, remind=remind, span=mapping.span
    )


def _allowed(reading: Reading) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS_OF[reading.review] if action is not Action.WAIT)


def _fallbacks(reading: Reading, tree: Tree | None) -> tuple[Fallback, ...]:
    if isinstance(tree, Sequence):
        return tuple(_cases(reading, tree))
    names = {key.value: key for key, _ in tree.entries} if isinstance(tree, Mapping) else {}
    if (first := names.get("when") or names.get("when any")) is not None:
        under = f"write  - {first.value}:  and at the end  - otherwise:"
        reading.add(
            "P031", first, "each case begins with a dash, and so does the last one", under=under
        )
        return ()
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
        names = [key.value for key, _ in mapping.entries]
        if is_last and "then" in names and not {"when", "when any"} & {*names}:
            then = next(value for key, value in mapping.entries if key.value == "then")
            own = f"otherwise: {then.value}" if isinstance(then, Scalar) else "otherwise:"
            message = "the last case is for what no case covers"
            reading.add("P125", mapping.entries[0][0], message, under=f"write  {own}")
        elif any(map(is_otherwise, names)):
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


# Guardrails: caps on what may be sent, and what pauses an action -------------------------------


def read_guardrails(reading: Reading, tree: Tree | None) -> Guardrails:
    """Read `guardrails:`."""
    fields = reading.section(tree, GUARDRAILS)
    if fields is None:
        return Guardrails()
    return Guardrails(
        approvals=read_caps(reading, fields, "approvals"),
        disputes=read_caps(reading, fields, "disputes"),
        disputes_per_account=read_caps(reading, fields, "disputes per account"),
        money_approved=_money(reading, fields),
        dispute_share=read_caps(reading, fields, "dispute share"),
        approvals_during=_window(reading, fields, "approvals during"),
        disputes_during=_window(reading, fields, "disputes during"),
        people_too=_people_too(reading, fields),
        fallback_exempt=fields.yes_no("fallback exempt") is not False,
        when_over=read_over(reading, fields, OVER),
        pause_disputes_when=_pause(reading, fields, "pause disputes when"),
        pause_approvals_when=_pause(reading, fields, "pause approvals when"),
        span=fields.span,
    )


def _money(reading: Reading, fields: MappingReader) -> tuple[Cap, ...]:
    caps = read_caps(reading, fields, "money approved")
    if caps and reading.review not in STATES_AN_AMOUNT:
        message = "of an account no amount is known, so this counts no money"
        cure = "count what is sent:  approvals: at most 10 per day"
        reading.add("P134", caps[0].span, message, cure=cure)
    return caps


def _window(reading: Reading, fields: MappingReader, key: str) -> str | None:
    scalar = fields.text(key)
    return None if scalar is None else declared_name(reading, "calendar", scalar)


def _people_too(reading: Reading, fields: MappingReader) -> bool:
    says = fields.yes_no("people too")
    if says and not fields.present(("approvals during", "disputes during")):
        message = "people too:  is about hours of the guardrails, and there are none"
        cure = "add  disputes during: HOURS  or  approvals during: HOURS"
        reading.add("P120", fields.key_span("people too"), message, cure=cure)
    return bool(says)


def _pause(reading: Reading, fields: MappingReader, key: str) -> Condition | None:
    if not fields.has(key):
        return None
    tree = fields.get(key)
    own = key.removeprefix("pause ").replace("when", "during")
    if isinstance(tree, Scalar) and as_hours(tree.value) is not None:
        named = f"hours are said by  {own}:  with the name of hours in which it may be done"
        reading.add("P031", tree, f"{key}:  looks at all tasks, not at the clock", cure=named)
        return None
    if isinstance(tree, Sequence) and len(tree.items) > 1:
        message = f"{key}:  takes lines that must all hold, without dashes"
        either = (
            "remove the dashes; where one is enough write  any of:  above them, and them further in"
        )
        reading.add("P031", first_line(tree.span), message, cure=either)
        return None
    condition = read_all(reading, tree, f"{key}:")
    for line in _lines(condition):
        if not line.fact.startswith("fleet."):
            message = f"{key}:  looks at all tasks together, so it takes only  fleet.*  facts"
            see = "see them:  reviewbot policy facts fleet"
            share = _SHARES.get(line.fact)
            cure = share and f"ask for their share, such as  {share}: more than 35%"
            if line.fact == "now" and line.text.startswith(("in hours ", "not in hours ")):
                is_denied = line.text.startswith("not ")
                cure = f"hours are said by  {own}: {line.text.rpartition(' ')[2] if is_denied else 'NAME'}"
                cure += "" if is_denied else ",  with the hours in which it may be done"
            reading.add("P135", line.fact_span, message, cure=cure, see=see)
    return condition


_SHARES = {
    "last.outcome_kind": "fleet.scrape_failed_share_1h",
    "last.comments_scraped": "fleet.blind_share_1h",
}
"""What is asked of all tasks together where a fact is one attempt's."""


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
