"""Rules: a name, a condition, an action with what it needs, and its modifiers."""

from __future__ import annotations

from msgspec.structs import replace

from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, NO_RULE, Action
from reviewbot.domain.review import STATES_AN_AMOUNT
from reviewbot.policy.language.caps import OWN, RULE_OVER, read_caps, read_over
from reviewbot.policy.language.conditions import read_all, read_any, read_when_part
from reviewbot.policy.language.declared import declared_name
from reviewbot.policy.language.grammar import ACTION_KEYS, RULE, TEST, keys_of
from reviewbot.policy.language.ladder import read_stage
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.reasons import question_internals, read_reason
from reviewbot.policy.language.schedule import read_moment, read_reminders, read_targets
from reviewbot.policy.language.spoken import STARTS, as_moment
from reviewbot.policy.language.synonyms import ACTIONS, KEYS, meaning, meaning_inside
from reviewbot.policy.language.templates import read_template
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import AllOf, Cap, Condition, Rule, Template, Then, Unless
from reviewbot.policy.notations import as_duration, as_share, as_yes_no, plain
from reviewbot.policy.operators.phrases import NOT, begins
from reviewbot.policy.text_forms import asked, did_you_mean, fold, listed, nearest, only_cure, shape
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


def read_action(
    reading: Reading, tree: Tree | None, allowed: tuple[Action, ...], what: str = "then:"
) -> Action | None:
    """Read the word for an action."""
    if isinstance(tree, Mapping) and len(tree.entries) == 1:
        key, value = tree.entries[0]
        said = f"{key.value} {value.value}" if isinstance(value, Scalar) else key.value
        refuse_action(reading, replace(key, value=said), allowed, what)
        return None
    if isinstance(tree, Mapping) and (under := _in_lines(tree, allowed)) is not None:
        message = f"{what} takes an action alone, and the rest stands beside it"
        reading.add("P031", first_line(tree.span), message, under=under)
        return None
    if isinstance(tree, Scalar) and not tree.value.strip() and not tree.broken:
        reading.add("P032", tree.span, f"{what} is empty", cure=_effects(allowed, None))
        return None
    scalar = reading.text(tree, what)
    if scalar is None:
        return None
    for action in allowed:
        if scalar.value == action.value:
            return action
    refuse_action(reading, scalar, allowed, what)
    return None


def _in_lines(tree: Mapping, allowed: tuple[Action, ...]) -> str | None:
    """How lines below `then:` are written of which one names the action."""
    texts = [(key.value, value.value) for key, value in tree.entries if isinstance(value, Scalar)]
    action = next((value for _, value in texts if value in allowed), None)
    others = [f"{key}: {value}" for key, value in texts if value != action]
    return action and f"write  then: {action}  and below it  {'  and  '.join(others)}"


def _refuse_other_keys(reading: Reading, fields: MappingReader, action: Action) -> None:
    for key in fields.present(ACTION_KEYS):
        if key in keys_of(action):
            continue
        owners = [other.value for other in ACTIONS_OF[reading.review] if key in keys_of(other)]
        reading.add(
            "P120",
            fields.key_span(key),
            f"{key}:  does not belong to  then: {action.value}",
            cure=f"it belongs to {listed(owners)}" if owners else f"delete  {key}:",
        )


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
    mapping = reading.mapping(tree, "fields:", "username: Please drop the digits.")
    takes = f"it takes {listed(CORRECTABLE_FIELDS)}"
    if mapping is not None and not mapping.entries:
        reading.add("P124", mapping.span, "fields:  names no field", cure=takes)
    found = []
    for key, value in reading.entries(mapping):
        template = _read_by_them(reading, value, f"the text for {key.value}")
        if key.value not in CORRECTABLE_FIELDS:
            message = f'no field of a profile that can be corrected is called "{key.value}"'
            reading.add("P020", key, message, among=CORRECTABLE_FIELDS, cure=takes)
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


_JOINS = ("or", "and", "oder", "und", "/", "|", "+", "&", "then")
"""Words between two actions."""


def _key_behind(action: str, rest: str) -> str | None:
    """The key whose value stands behind an action on its line; None where it takes none."""
    if action == Action.ESCALATE:
        asks = len(rest.split(" ")) > 2 or rest.startswith("question")
        return "question" if asks and not rest.startswith("to ") else "to"
    if rest.partition(" ")[0] in ("shadow", "repeat", *_JOINS):
        return rest.partition(" ")[0]
    keys = {Action.WAIT: "until", Action.DISPUTE: "reason", Action.LEAVE: "because"}
    return keys.get(Action(action))


def _name_of_another(
    reading: Reading, text: str, allowed: tuple[Action, ...], what: str
) -> tuple[str, str | None] | None:
    """What to say of the name of a rule or a reason in place of an action."""
    if text in reading.declared.get("rule", ()):
        under = f"write  by: {text}" if what.startswith("expect") else None
        return f'"{text}" is the name of a rule, not an action', under
    if text not in reading.declared.get("reason", ()) or Action.DISPUTE not in allowed:
        return None
    message = f'"{text}" is the name of a reason, and stands behind  reason:'
    return message, f"write  {Action.DISPUTE}"


def _with_more(
    reading: Reading, text: str, allowed: tuple[Action, ...], what: str
) -> tuple[str, str | None] | None:
    """An action with what it needs in one line, two actions, or the name of a rule or a person."""
    if (named := _name_of_another(reading, text, allowed, what)) is not None:
        return named
    word, _, rest = plain(text).partition(" ")
    said = next((name for name in allowed if fold(word.rstrip(":,;")) == name), None)
    action = said or meaning(word, ACTIONS, allowed)
    if people := shape(r"to:? (.+?(?:, | and | und | & ).+)").fullmatch(rest):
        names = shape(", | and | und | & ").split(people.group(1))
        rest = f"to [{', '.join(names)}]"
    rest = rest.strip("():, \"'-")
    if action is None or not rest:
        return None
    own = next((key for key in TEST.keys if rest.startswith(f"{key} ")), None)
    if what == "expect:" and own is not None:
        below = f"{own}: {rest.removeprefix(own).strip(': ')}"
        return (
            f"{own}:  stands on a line of its own",
            f"write  expect: {action}  and below it  {below}",
        )
    rest = rest.removeprefix("until ").removeprefix("because ")
    goes_on = rest.split(" ")[0] in _SMALL or meaning(rest, ACTIONS, allowed) == action
    name = None if said is None and goes_on else _key_behind(action, rest)
    if name is None:
        return f'there is no action "{text}"', _asked_action(action, text, what)
    return _on_own_line(reading, action, name, rest, what)


def _on_own_line(
    reading: Reading, action: str, name: str, rest: str, what: str
) -> tuple[str, str | None]:
    """What to say of an action with what it needs, or with another action, behind it."""
    if rest.partition(" ")[0] in _JOINS and what != "then:":
        return f"{what}  takes one action", asked(action)
    if rest.partition(" ")[0] in _JOINS:
        under = f"write  {action}  here, and a rule of its own for the other"
        return "one rule does one thing", under
    rest = rest.removeprefix(name).lstrip(": ") or "yes"
    if what != "then:":
        lines = f"write below it  then: {action}  and  {name}: {rest}"
        return f"{what}  takes an action alone", asked(action) if what == "expect:" else lines
    if action == Action.WAIT:
        start, calendars = STARTS[reading.review], reading.declared.get("calendar", ())
        rest = as_moment(rest, start, calendars) or f"{as_duration(rest) or rest} {start}"
    message = f"{name}:  stands on a line of its own"
    return message, f"write  then: {action}  and below it  {name}: {rest}"


_SMALL = ("an", "at", "back", "it", "the", "them", "him", "her", "den", "die", "das", "zum", "zur")
"""Words that go on with a sentence, and name nobody and nothing."""

_EFFECTS = {
    Action.APPROVE: "pay",
    Action.DISPUTE: "send back",
    Action.FINALIZE: "accept the account",
    Action.REQUEST_CORRECTIONS: "send back",
    Action.ESCALATE: "ask a person",
    Action.WAIT: "look again later",
    Action.LEAVE: "let silence pay",
}


def refuse_action(
    reading: Reading, scalar: Scalar, allowed: tuple[Action, ...], what: str = "then:"
) -> None:
    """Report a word that is no action here."""
    word = scalar.value
    message = f'there is no action "{word}"'
    under, replacement = did_you_mean(word, allowed), only_cure(word, allowed)
    if (denied := _denied(word, allowed, what)) is not None:
        (message, under), replacement = denied, None
    elif word in set(Action):
        action = Action(word)
        other = action.writes and action not in ACTIONS_OF[reading.review]
        where = "an action of the other kind of review" if other else "no action here"
        message, replacement = f'"{word}" is {where}', None
    elif replacement is None and (more := _with_more(reading, word, allowed, what)) is not None:
        message, under = more
    elif replacement is None:
        under = _by_meaning(word, allowed, under, what)
    cure = _effects(allowed, under if denied else None)
    if what == "if undecided:" and under == asked(Action.DISPUTE):
        names = reading.declared.get("reason", ())
        name = f"reason: {names[0]}" if len(names) == 1 else "reason:  with a name from  reasons:"
        under = f"write below it  then: dispute  and  {name}"
        replacement = None
    elif under == asked(Action.WAIT):
        cure = f"a wait needs  until:  below it; {cure}"
    reading.add("P024", scalar, message, under=under, cure=cure, replacement=replacement)


_SOMEBODY = r"(?:to |an |for |für |zu )?(\S+@\S+\.\S+|(?-i:\p{Lu})\p{Ll}+(?: (?-i:\p{Lu})\p{Ll}+)?)"


def _by_meaning(word: str, allowed: tuple[Action, ...], near: str | None, what: str) -> str | None:
    """The action that a word means, or else what is near, or what somebody's name asks for."""
    meant = meaning(word, ACTIONS, allowed) or meaning_inside(word, ACTIONS, allowed)
    found = None if meant or near else shape(_SOMEBODY).fullmatch(word)
    if found is not None and what in _ASKS:
        return asked(f"{what} escalate  and below it  to: {found.group(1)}")
    return _asked_action(meant, word, what) if meant else near


_ASKS = ("then:", "expect:")


def _asked_action(action: str, text: str, what: str) -> str:
    """Ask for an action, with the one whom a sentence names as who is to be asked."""
    who = _somebody_in(text) if action == Action.ESCALATE and what in _ASKS else None
    return asked(action if who is None else f"{what} {action}  and below it  to: {who}")


def _somebody_in(text: str) -> str | None:
    """The one name in a sentence that asks a person: `Maria fragen`, `weiterleiten an Maria`."""
    names = [
        word
        for word in plain(text).split(" ")
        if word.istitle() and not nearest(word, [*ACTIONS, *_SMALL], most=1)
    ]
    return names[0] if len(names) == 1 and " " in text else None


def _effects(allowed: tuple[Action, ...], hint: str | None) -> str:
    """What the actions do: those that a hint names, or all."""
    named = [action for action in allowed if action in (hint or "").split()]
    cure = listed(f"{action} ({_EFFECTS[action]})" for action in named or allowed)
    return cure if named else f"actions are {cure}"


def _denied(word: str, allowed: tuple[Action, ...], what: str) -> tuple[str, str | None] | None:
    """What to say of an action with a word for not in front: message, and what to write."""
    turned = begins(word, f"do not,don't,dont,no,{NOT}")
    said = "" if turned is None else turned[2]
    action = only_cure(said, allowed) or meaning(said, ACTIONS, allowed)
    if turned is None or action is None:
        return None
    form = {"expect:": "expect never:", "then: of never:": "then:"}.get(what)
    others = [other for other in _INSTEAD if other in allowed and other != action]
    under = asked("  or  ".join(others[:2])) if form is None else f"write  {form} {action}"
    return f"{what}  takes an action, without  {turned[1]}", under


_INSTEAD = (Action.DISPUTE, Action.REQUEST_CORRECTIONS, Action.ESCALATE, Action.APPROVE)
"""What is likely done where something is not, the likeliest first."""
