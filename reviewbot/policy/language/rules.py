"""Rules: a name, a condition, an action with what it needs, and its modifiers."""

from __future__ import annotations

from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.policy.language.conditions import read_all, read_any
from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    entries_of,
    first_line,
    items_of,
    mapping_of,
)
from reviewbot.policy.language.schedule import read_moment
from reviewbot.policy.language.templates import read_reason, read_template
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.model import Condition, ReasonText, Rule, Template, Then
from reviewbot.policy.text_forms import did_you_mean, listed, only_cure
from reviewbot.policy.values import read_share, read_yes_no

CONDITION_KEYS = ("when", "when any", "always")


NEEDS: dict[Action, tuple[str, ...]] = {
    Action.APPROVE: (),
    Action.FINALIZE: (),
    Action.DISPUTE: ("reason", "repeat"),
    Action.REQUEST_CORRECTIONS: ("comment", "fields", "repeat"),
    Action.ESCALATE: ("to", "question"),
    Action.WAIT: ("until",),
    Action.LEAVE: ("because",),
}
"""The keys that belong to one action each."""


ACTION_KEYS = tuple(dict.fromkeys(key for keys in NEEDS.values() for key in keys))


_MODIFIERS = ("act during", "rollout", "shadow", "note")


_KEYS = ("name", *CONDITION_KEYS, "then", *ACTION_KEYS, *_MODIFIERS)


_ACTION_WORDS = {
    "accept": Action.APPROVE,
    "pay": Action.APPROVE,
    "ok": Action.APPROVE,
    "reject": Action.DISPUTE,
    "refuse": Action.DISPUTE,
    "deny": Action.DISPUTE,
    "ask": Action.ESCALATE,
    "review": Action.ESCALATE,
    "hold": Action.WAIT,
    "delay": Action.WAIT,
    "skip": Action.LEAVE,
    "ignore": Action.LEAVE,
    "request_corrections": Action.REQUEST_CORRECTIONS,
    "corrections": Action.REQUEST_CORRECTIONS,
}


def read_rules(
    context: Reading, tree: Tree | None, reasons: dict[str, ReasonText]
) -> tuple[Rule, ...]:
    """Read the ordered rules; names must be unique."""
    items = items_of(context, tree, "rules:", "- name: …")
    rules: list[Rule] = []
    names: dict[str, Scalar] = {}
    for item in items:
        mapping = mapping_of(context, item, "a rule", "- name: …")
        if mapping is None:
            continue
        fields = MappingReader(context, mapping, "a rule", _KEYS)
        name = _name(context, fields, names)
        rule = _rule(context, fields, name, reasons, mapping)
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def rule_names(tree: Tree | None) -> tuple[str, ...]:
    """Find the names of all rules, also of those with mistakes, for what refers to them."""
    items = getattr(tree, "items", ())
    return tuple(
        value.value
        for item in items
        if isinstance(item, Mapping)
        for key, value in item.entries
        if key.value == "name" and isinstance(value, Scalar)
    )


def _name(context: Reading, fields: MappingReader, names: dict[str, Scalar]) -> Scalar | None:
    scalar = context.free_text(
        fields.need("name", "every rule says in a few words what it is about"), "the name of a rule"
    )
    if scalar is None:
        return None
    name = scalar.value
    if name in (NO_RULE, DEADLINE):
        context.add(
            "P034",
            scalar.span,
            f'a rule cannot be called "{name}": decisions without a rule say so',
        )
    if "\n" in name or len(name) > 200:
        context.add(
            "P034",
            first_line(scalar.span),
            "the name of a rule is one line of at most 200 characters",
        )
    first = names.setdefault(name, scalar)
    if first is not scalar:
        context.add(
            "P033",
            scalar.span,
            f'a second rule is called "{name}"',
            under=f"the first is on line {first.span.line}",
            cure="give each rule a name of its own: the log tells them apart by it",
            related=((context.document.path, first.span, "the first one"),),
        )
    return scalar


def _rule(
    context: Reading,
    fields: MappingReader,
    name: Scalar | None,
    reasons: dict[str, ReasonText],
    mapping: Mapping,
) -> Rule | None:
    when = read_when_part(context, fields, "a rule")
    then = read_then(context, fields, reasons, ACTIONS_OF[context.review])
    act_during = _act_during(context, fields, then)
    rollout = _rollout(context, fields)
    rule = Rule(
        name=name.value if name else "",
        when=when,
        then=then or Then(action=Action.ESCALATE),
        act_during=act_during,
        rollout=rollout,
        shadow=_yes_no(context, fields, "shadow"),
        repeat=_yes_no(context, fields, "repeat"),
        note=_plain(context, fields.get("note"), "note:"),
        name_span=name.span if name else mapping.span,
        span=mapping.span,
    )
    return rule if name is not None and then is not None else None


def read_when_part(
    context: Reading, fields: MappingReader, what: str, *, always: bool = True
) -> Condition | None:
    """Read `when:`, `when any:` or `always: yes`; None stands for always (or for a mistake)."""
    present = [key for key in CONDITION_KEYS if fields.has(key)]
    if len(present) > 1:
        context.add(
            "P113",
            fields.key_span(present[1]),
            f"{what} has both  {present[0]}:  and  {present[1]}:",
            cure="keep one; further alternatives go under  any of:",
        )
    if not present:
        cure = "for one that always matches write  always: yes" if always else None
        context.add("P030", first_line(fields.span), f"{what} has no  when:", cure=cure)
        return None
    if fields.has("always"):
        scalar = context.text(fields.get("always"), "always:")
        if scalar is not None and context.read(scalar, read_yes_no) is False:
            context.add(
                "P113",
                scalar.span,
                "a rule that never matches is no rule",
                cure="write  always: yes,  or a condition under  when:",
            )
    when: Condition | None = None
    if fields.has("when"):
        when = read_all(context, fields.get("when"), "when:")
    if fields.has("when any"):
        any_of = read_any(context, fields.get("when any"), "when any:")
        when = when or any_of
    return when


def read_then(
    context: Reading,
    fields: MappingReader,
    reasons: dict[str, ReasonText],
    allowed: tuple[Action, ...],
) -> Then | None:
    """Read `then:` with the keys its action needs; keys of other actions are refused."""
    tree = fields.need("then", f"actions are {listed(allowed)}")
    action = read_action(context, tree, allowed)
    # Everything is read whatever the action, so that one run finds the mistakes in all of it.
    reason = read_reason(context, fields.get("reason"), reasons)
    comment = read_template(context, fields.get("comment"), "comment:")
    corrections = _corrections(context, fields.get("fields"))
    until = read_moment(context, fields.get("until"), "until:")
    to = _plain(context, fields.get("to"), "to:")
    question = read_template(context, fields.get("question"), "question:")
    because = _plain(context, fields.get("because"), "because:")
    if action is None or tree is None:
        return None
    _refuse_other_keys(context, fields, action)
    _require(context, fields, action)
    return Then(
        action=action,
        reason=reason,
        comment=comment,
        fields=corrections,
        until=until,
        to=to,
        question=question,
        because=because,
        span=tree.span,
    )


def read_action(
    context: Reading, tree: Tree | None, allowed: tuple[Action, ...], what: str = "then:"
) -> Action | None:
    """Read the word for an action."""
    scalar = context.text(tree, what)
    if scalar is None:
        return None
    word = scalar.value
    for action in allowed:
        if word == action.value:
            return action
    message = f'there is no action "{word}"'
    replacement = only_cure(word, allowed)
    under = did_you_mean(word, allowed)
    if word in set(Action):
        message = f'"{word}" is no action here'
        replacement = None
        if (
            word in (Action.APPROVE, Action.DISPUTE, Action.FINALIZE, Action.REQUEST_CORRECTIONS)
            and word not in ACTIONS_OF[context.review]
        ):
            message = f'"{word}" is an action of the other kind of review'
    elif word.casefold() in _ACTION_WORDS and _ACTION_WORDS[word.casefold()] in allowed:
        under = f"did you mean  {_ACTION_WORDS[word.casefold()]}  ?"
        replacement = None
    context.add_at(
        "P024",
        scalar,
        0,
        len(word),
        message,
        under=under,
        cure=f"actions are {listed(allowed)}",
        replacement=replacement,
    )
    return None


def _refuse_other_keys(context: Reading, fields: MappingReader, action: Action) -> None:
    for key in ACTION_KEYS:
        if key in NEEDS[action] or not fields.has(key):
            continue
        owners = [other.value for other in ACTIONS_OF[context.review] if key in NEEDS[other]]
        context.add(
            "P120",
            fields.key_span(key),
            f"{key}:  does not belong to  then: {action.value}",
            cure=f"it belongs to {listed(owners)}" if owners else f"delete  {key}:",
        )


def _require(context: Reading, fields: MappingReader, action: Action) -> None:
    span = fields.key_span("then")
    if action is Action.DISPUTE and not fields.has("reason"):
        context.add(
            "P121",
            span,
            "a dispute needs a  reason:  the manager will read it",
            cure="add  reason:  with a name from  reasons:,  or the text itself",
        )
    if action is Action.WAIT and not fields.has("until"):
        context.add(
            "P122",
            span,
            "a wait needs  until:  the moment to look again",
            cure="write it as  until: 24h after confirmed"
            if context.review == "comments"
            else "write it as  until: 24h after first seen",
        )
    if action is Action.LEAVE and fields.what == "a rule" and not fields.has("because"):
        context.add(
            "P123",
            span,
            "leave  needs  because:  it pays on purpose by silence",
            cure="say why in one sentence",
        )
    if action is Action.REQUEST_CORRECTIONS:
        for key in ("comment", "fields"):
            if not fields.has(key):
                context.add(
                    "P124",
                    span,
                    f"request corrections  needs  {key}:",
                    cure="comment:  is one text,  fields:  says per field what to change",
                )


def _corrections(context: Reading, tree: Tree | None) -> tuple[tuple[str, Template], ...]:
    if tree is None:
        return ()
    mapping = mapping_of(context, tree, "fields:", "username: Please drop the digits.")
    if mapping is None:
        return ()
    if not mapping.entries:
        context.add(
            "P124",
            mapping.span,
            "fields:  names no field",
            cure=f"it takes {listed(CORRECTABLE_FIELDS)}",
        )
    found = []
    for key, value in entries_of(context, mapping):
        template = read_template(context, value, f"the text for {key.value}")
        if key.value not in CORRECTABLE_FIELDS:
            context.add_at(
                "P020",
                key,
                0,
                len(key.value),
                f'no field of a profile that can be corrected is called "{key.value}"',
                under=did_you_mean(key.value, CORRECTABLE_FIELDS),
                cure=f"it takes {listed(CORRECTABLE_FIELDS)}",
                replacement=only_cure(key.value, CORRECTABLE_FIELDS),
            )
        elif template is not None:
            found.append((key.value, template))
    return tuple(found)


def _act_during(context: Reading, fields: MappingReader, then: Then | None) -> str | None:
    scalar = context.text(fields.get("act during"), "act during:")
    if scalar is None:
        return None
    if then is not None and then.action is Action.WAIT:
        context.add(
            "P120",
            fields.key_span("act during"),
            "act during:  does not belong to  then: wait,  which does nothing that hours could hold",
            cure="write  until: when HOURS opens",
        )
    return context.name_of("calendar", scalar, 0, len(scalar.value))


def _rollout(context: Reading, fields: MappingReader) -> float | None:
    scalar = context.text(fields.get("rollout"), "rollout:")
    if scalar is None:
        return None
    share = context.read(scalar, read_share)
    if share is None:
        return None
    if share > 1:
        context.add(
            "P101", scalar.span, "a rollout is at most 100%", cure="write a share from 0% to 100%"
        )
    elif share == 0:
        context.warn(
            "P320",
            scalar.span,
            "a rollout of 0% means that this rule never matches",
            cure="to try a rule without effect write  shadow: yes",
        )
    elif share == 1:
        context.warn("P321", scalar.span, "a rollout of 100% means nothing", cure="delete the line")
    elif scalar.value == "1":
        context.add(
            "P102", scalar.span, '"1" may mean 1% or all', cure="write  1%  or delete the line"
        )
    return share


def _yes_no(context: Reading, fields: MappingReader, key: str) -> bool:
    scalar = context.text(fields.get(key), f"{key}:")
    return bool(scalar is not None and context.read(scalar, read_yes_no))


def _plain(context: Reading, tree: Tree | None, what: str) -> str | None:
    scalar = context.free_text(tree, what)
    return None if scalar is None else scalar.value.strip()
