"""Rules: a name, a condition, an action with what it needs, and its modifiers."""

from __future__ import annotations

from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.domain.review import STATES_AN_AMOUNT
from reviewbot.policy.language.actions import read_action
from reviewbot.policy.language.caps import OWN, RULE_OVER, read_caps, read_over
from reviewbot.policy.language.conditions import read_all, read_any, read_when_part
from reviewbot.policy.language.declared import declared_name
from reviewbot.policy.language.forms import one_or_more
from reviewbot.policy.language.grammar import ACTION_KEYS, RULE, keys_of
from reviewbot.policy.language.ladder import read_stage
from reviewbot.policy.language.people import read_targets
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.reasons import question_internals, read_reason
from reviewbot.policy.language.schedule import read_moment, read_reminders
from reviewbot.policy.language.spoken import STARTS
from reviewbot.policy.language.synonyms import FACTS, KEYS, meaning
from reviewbot.policy.language.templates import read_template
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import AllOf, Cap, Condition, Rule, Template, Then, Unless
from reviewbot.policy.notations import as_share, as_yes_no
from reviewbot.policy.text_forms import asked, listed
from reviewbot.policy.values import read_duration, read_share


def read_rules(reading: Reading, tree: Tree | None) -> tuple[Rule, ...]:
    """Read the ordered rules; names must be unique."""
    names: dict[str, Scalar] = {}
    read = [_rule(reading, item, names) for item in reading.items(tree, "rules:", RULE.example)]
    return tuple(rule for rule in read if rule is not None)


def rule_names(tree: Tree | None, having: str = "name") -> tuple[str, ...]:
    """Find the names of all rules that have a key, also of those with mistakes, for what refers to them."""
    return tuple(
        value.value
        for item in getattr(tree, "items", ())
        if isinstance(item, Mapping) and any(key.value == having for key, _ in item.entries)
        for key, value in item.entries
        if key.value == "name" and isinstance(value, Scalar)
    )


def _rule(reading: Reading, tree: Tree, names: dict[str, Scalar]) -> Rule | None:
    if isinstance(tree, Mapping) and len(tree.entries) == 1:
        key, value = tree.entries[0]
        if isinstance(value, Scalar) and meaning(key.value, KEYS, ("always",)):
            message = f'"{key.value}" is no rule: the last rule is written as the others are'
            cure = f"write  - name: the rest,  and below it  always: yes  and  then: {value.value}"
            reading.add("P020", key, message, cure=cure)
            return None
    fields = reading.section(tree, RULE)
    if fields is None:
        return None
    name = _name(reading, fields, names)
    when = _unless(reading, fields, read_when_part(reading, fields))
    then = read_then(reading, fields, ACTIONS_OF[reading.review])
    rule = Rule(
        name=name.value if name else "",
        when=when,
        then=then or Then(action=Action.ESCALATE),
        act_during=_act_during(reading, fields, then),
        limit=_limit(reading, fields, then),
        when_over=read_over(reading, fields, RULE_OVER),
        hold=_hold(reading, fields, then),
        rollout=_rollout(reading, fields),
        stage=read_stage(reading, fields),
        shadow=_shadow(reading, fields),
        repeat=bool(fields.yes_no("repeat")),
        note=fields.words("note"),
        name_span=name.span if name else fields.span,
        span=fields.span,
    )
    return rule if name is not None and then is not None else None


def _shadow(reading: Reading, fields: MappingReader) -> bool:
    scalar = fields.text("shadow")
    share = None if scalar is None or as_yes_no(scalar.value) else as_share(scalar.value)
    if scalar is not None and share is not None:
        message = "shadow:  is yes or no; the tasks that a rule decides are a share under  rollout:"
        reading.add("P101", scalar, message, under=f"write  rollout: {share}")
        return True
    return bool(fields.yes_no("shadow"))


def _name(reading: Reading, fields: MappingReader, names: dict[str, Scalar]) -> Scalar | None:
    tree = fields.get("name", "every rule says in a few words what it is about")
    scalar = reading.free_text(tree, "the name of a rule")
    if scalar is None:
        return None
    name = scalar.value
    if name in (NO_RULE, DEADLINE):
        message = f'a rule cannot be called "{name}": decisions without a rule say so'
        reading.add("P034", scalar.span, message)
    check_name(reading, scalar, names, "rule")
    return scalar


def check_name(reading: Reading, scalar: Scalar, names: dict[str, Scalar], noun: str) -> None:
    """Refuse a name of several lines, and one that another rule or statement has."""
    if "\n" in scalar.value or len(scalar.value) > 200:
        message = f"the name of a {noun} is one line of at most 200 characters"
        reading.add("P034", first_line(scalar.span), message)
    first = names.setdefault(scalar.value, scalar)
    if first is not scalar:
        message = f'a second {noun} is called "{scalar.value}"'
        cure = f"give each {noun} a name of its own: the log tells them apart by it"
        reading.add("P033", scalar.span, message, first=first, cure=cure)
        reading.missed.add((noun, ""))


def _unless(reading: Reading, fields: MappingReader, when: Condition | None) -> Condition | None:
    """Put `unless:` at the end of a rule's condition; None there stands for always."""
    tree = fields.get("unless")
    if isinstance(tree, Sequence):
        listed_parts = read_any(reading, tree, "unless:")
        parts = () if listed_parts is None else listed_parts.parts
    else:
        single = read_all(reading, tree, "unless:")
        parts = () if single is None else (single,)
    if not parts:
        return when
    unless = Unless(parts=parts, span=fields.key_span("unless"))
    if when is None:
        return AllOf(parts=(unless,), span=unless.span)
    asked = when.parts if isinstance(when, AllOf) else (when,)
    return AllOf(parts=(*asked, unless), span=when.span)


def read_then(reading: Reading, fields: MappingReader, allowed: tuple[Action, ...]) -> Then | None:
    """Read `then:` with the keys its action needs; keys of other actions are refused."""
    tree = fields.get("then", f"add  then:  with {listed(allowed)}")
    action = read_action(reading, tree, allowed)
    # Everything is read whatever the action, so that one run finds the mistakes in all of it.
    then = Then(
        action=action or Action.ESCALATE,
        reason=read_reason(reading, fields.get("reason")),
        comment=_read_by_them(reading, fields.get("comment"), "comment:"),
        fields=_corrections(reading, fields.get("fields")),
        until=read_moment(reading, fields.get("until"), "until:"),
        to=read_targets(reading, fields.get("to")),
        remind=read_reminders(reading, fields.get("remind")),
        question=read_template(reading, fields.get("question"), "question:"),
        because=fields.words("because"),
        span=fields.span if tree is None else tree.span,
    )
    if action is None or tree is None:
        return None
    _refuse_other_keys(reading, fields, action)
    _require(reading, fields, action)
    return then


def _refuse_other_keys(reading: Reading, fields: MappingReader, action: Action) -> None:
    for key in fields.present(ACTION_KEYS):
        if key in keys_of(action):
            continue
        owners = [other.value for other in ACTIONS_OF[reading.review] if key in keys_of(other)]
        reading.add(
            "P120",
            fields.key_span(key),
            f"{key}:  does not belong to  then: {action.value}",
            cure=f"it belongs to {listed(owners)}"
            if owners
            else _INSTEAD.get(key, "delete the line"),
        )


_INSTEAD = {
    "comment": "a remark for readers is  note:",
    "reason": "what the other side reads is  comment:",
}
"""What is meant by keys that belong to the other kind of review."""


def _require(reading: Reading, fields: MappingReader, action: Action) -> None:
    """Report what an action needs and the rule does not say."""

    def need(key: str, code: str, message: str, cure: str) -> None:
        if not (fields.has(key) or fields.strayed(key)):
            reading.add(code, fields.key_span("then"), message, cure=cure)

    match action:
        case Action.DISPUTE:
            message = "a dispute needs a  reason:  the manager will read it"
            cure = "add  reason:  with a name from  reasons:,  or the text itself"
            need("reason", "P121", message, cure)
        case Action.WAIT:
            cure = f"write it as  until: 24h {STARTS[reading.review]}"
            need("until", "P122", "a wait needs  until:  the moment to look again", cure)
        case Action.LEAVE if fields.what == RULE.what:
            message = "leave  needs  because:  it pays on purpose by silence"
            need("because", "P123", message, "say why in one sentence")
        case Action.REQUEST_CORRECTIONS:
            cure = "comment:  is one text,  fields:  says per field what to change"
            for key in ("comment", "fields"):
                need(key, "P124", f"request corrections  needs  {key}:", cure)


def _read_by_them(reading: Reading, tree: Tree | None, what: str) -> Template | None:
    """Read a text for the other side that is no reason."""
    template = read_template(reading, tree, what)
    if template is not None:
        question_internals(reading, template)
    return template


def _corrections(reading: Reading, tree: Tree | None) -> tuple[tuple[str, Template], ...]:
    texts = [item.value for item in one_or_more(tree) if isinstance(item, Scalar)]
    own = "  and  ".join(f"{text}:  with what to change" for text in texts)
    if isinstance(tree, Sequence) and texts:
        message = "fields:  takes a line for each field, and none of them begins with a dash"
        reading.add("P031", first_line(tree.span), message, cure=f"write below it  {own}")
        return ()
    mapping = reading.mapping(tree, "fields:", own or "username: Please drop the digits.")
    takes = f"it takes {listed(CORRECTABLE_FIELDS)}"
    if mapping is not None and not mapping.entries:
        reading.add("P124", mapping.span, "fields:  names no field", cure=takes)
    found = []
    for key, value in reading.entries(mapping):
        template = _read_by_them(reading, value, f"the text for {key.value}")
        if key.value not in CORRECTABLE_FIELDS:
            message = f'no field of a profile that can be corrected is called "{key.value}"'
            fact = meaning(key.value, FACTS, [f"profile.{field}" for field in CORRECTABLE_FIELDS])
            under = asked(fact.removeprefix("profile.")) if fact else None
            reading.add("P020", key, message, among=CORRECTABLE_FIELDS, under=under, cure=takes)
        elif template is not None:
            found.append((key.value, template))
    return tuple(found)


def _act_during(reading: Reading, fields: MappingReader, then: Then | None) -> str | None:
    scalar = fields.text("act during")
    if scalar is None:
        return None
    if then is not None and then.action is Action.WAIT:
        belongs = "does not belong to  then: wait,  which does nothing that hours could hold"
        cure = "write  until: when HOURS opens"
        reading.add("P120", fields.key_span("act during"), f"act during:  {belongs}", cure=cure)
    return declared_name(reading, "calendar", scalar)


def _hold(reading: Reading, fields: MappingReader, then: Then | None) -> float | None:
    scalar = fields.text("hold")
    if scalar is not None and as_yes_no(scalar.value) == "no":
        cure = "delete the line: what is not held is sent at once"
        reading.add("P101", scalar, "a hold is a length of time", cure=cure)
        return None
    seconds = reading.read(scalar, read_duration)
    if scalar is None or seconds is None:
        return None
    if then is not None and not then.action.writes:
        belongs = f"does not belong to  then: {then.action.value},  which sends nothing to be held"
        reading.add("P120", fields.key_span("hold"), f"hold:  {belongs}", cure="delete  hold:")
    elif seconds == 0:
        cure = "write how long, as in  hold: 10m  or delete the line"
        reading.add("P101", scalar.span, "a hold of no time holds nothing", cure=cure)
    return seconds


def _limit(reading: Reading, fields: MappingReader, then: Then | None) -> tuple[Cap, ...]:
    caps = read_caps(reading, fields, OWN)
    action = Action.ESCALATE if then is None else then.action
    if fields.has(OWN) and then is not None and not action.writes:
        belongs = f"does not belong to  then: {action.value},  which sends nothing to be counted"
        reading.add("P120", fields.key_span(OWN), f"limit:  {belongs}", cure="delete  limit:")
    counts_money = action.pays and reading.review in STATES_AN_AMOUNT
    if not counts_money and (cap := next((cap for cap in caps if cap.money), None)) is not None:
        message = f"of  {action.value}  no amount is known, so its limit counts no money"
        cure = "count what it sends:  limit: at most 10 per day"
        reading.add("P134", cap.span, message, cure=cure)
    if fields.has("when over") and not fields.has(OWN):
        message = "when over:  says what follows where a  limit:  is full, and there is none"
        cure = f"add  limit: {RULE.keys[OWN].examples[0]}"
        reading.add("P120", fields.key_span("when over"), message, cure=cure)
    return caps


def _rollout(reading: Reading, fields: MappingReader) -> float | None:
    scalar = fields.text("rollout")
    share = reading.read(scalar, read_share)
    if scalar is None or share is None:
        return None
    if share > 1:
        cure = "write a share from 0% to 100%"
        reading.add("P101", scalar.span, "a rollout is at most 100%", cure=cure)
    elif share == 0:
        message = "a rollout of 0% means that this rule never matches"
        cure = "to try a rule without effect write  shadow: yes"
        reading.warn("P320", scalar.span, message, cure=cure)
    elif share == 1:
        reading.warn("P321", scalar.span, "a rollout of 100% means nothing", cure="delete the line")
    elif scalar.value == "1":
        cure = "write  1%  or delete the line"
        reading.add("P102", scalar.span, '"1" may mean 1% or all', cure=cure)
    return share
