"""The deadline: until when we decide ourselves, what then happens, whom to remind."""

from __future__ import annotations

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.model import Deadline, Fallback, Moment, ReasonText, Reminder, Then
from reviewbot.policy.names import listed
from reviewbot.policy.reading.context import Context, Fields, entries_of, first_line, mapping_of
from reviewbot.policy.reading.moments import read_moment, read_moment_text
from reviewbot.policy.reading.rules import ACTION_KEYS, read_action, read_then, read_when_part
from reviewbot.policy.yamltree import Mapping, Scalar, Sequence, Tree

_KEYS = ("decide by", "if undecided", "because", "remind")
_NEEDS_MORE = (Action.DISPUTE, Action.REQUEST_CORRECTIONS)


def read_deadline(
    context: Context, tree: Tree | None, reasons: dict[str, ReasonText]
) -> Deadline | None:
    """Read `deadline:`."""
    mapping = mapping_of(context, tree, "deadline:", "decide by: 3h before deadline")
    if mapping is None:
        return None
    fields = Fields(context, mapping, "the deadline", _KEYS)
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


def _allowed(context: Context) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS_OF[context.review] if action is not Action.WAIT)


def _fallbacks(
    context: Context, tree: Tree | None, reasons: dict[str, ReasonText]
) -> tuple[Fallback, ...]:
    if isinstance(tree, Sequence):
        return _cases(context, tree, reasons)
    then = _then(context, tree, reasons, "if undecided:")
    return () if then is None else (Fallback(when=None, then=then, span=then.span),)


def _then(
    context: Context, tree: Tree | None, reasons: dict[str, ReasonText], what: str
) -> Then | None:
    """Read one action, as a word or as a mapping with what the action needs."""
    if isinstance(tree, Mapping):
        fields = Fields(context, tree, what.removesuffix(":"), ("then", *ACTION_KEYS))
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
    context: Context, sequence: Sequence, reasons: dict[str, ReasonText]
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
    context: Context, mapping: Mapping, reasons: dict[str, ReasonText]
) -> Fallback | None:
    fields = Fields(context, mapping, "the last case", ("otherwise", *ACTION_KEYS))
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


def _case(context: Context, mapping: Mapping, reasons: dict[str, ReasonText]) -> Fallback | None:
    fields = Fields(context, mapping, "a case", ("when", "when any", "then", *ACTION_KEYS))
    when = read_when_part(context, fields, "a case", always=False)
    tree = fields.get("then")
    if isinstance(tree, Mapping):
        then = _then(context, tree, reasons, "then:")
    else:
        then = read_then(context, fields, reasons, _allowed(context))
    if when is None or then is None:
        return None
    return Fallback(when=when, then=then, span=mapping.span)


def _reminders(context: Context, tree: Tree | None) -> tuple[Reminder, ...]:
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
