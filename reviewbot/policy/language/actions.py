"""The word for an action behind `then:`, `expect:` and `if undecided:`, and what was meant where it is none."""

from __future__ import annotations

from msgspec.structs import replace

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.language.grammar import TEST
from reviewbot.policy.language.qualified import is_object, qualified
from reviewbot.policy.language.reader import Reading, first_line
from reviewbot.policy.language.spoken import STARTS, as_moment
from reviewbot.policy.language.synonyms import ACTIONS, meaning, meaning_inside
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.notations import as_duration, plain
from reviewbot.policy.text_forms import (
    asked,
    did_you_mean,
    fold,
    listed,
    nearest,
    only_cure,
    shape,
)


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


def _key_behind(action: str, rest: str) -> str | None:
    """The key whose value stands behind an action on its line; None where it takes none."""
    if action == Action.ESCALATE:
        asks = len(rest.split(" ")) > 2 or rest.startswith("question")
        names = rest.startswith("to ") or "@" in rest or not rest.islower()
        return "question" if asks and not rest.startswith("to ") else "to" if names else None
    if rest.partition(" ")[0] in ("shadow", "repeat"):
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
    reading: Reading, scalar: Scalar, allowed: tuple[Action, ...], what: str
) -> tuple[str, str | None] | None:
    """An action with what it needs in one line, or the name of a rule or a person."""
    text = scalar.value
    if (named := _name_of_another(reading, text, allowed, what)) is not None:
        return named
    if meaning(text, ACTIONS, allowed) == Action.REQUEST_CORRECTIONS:
        return None
    word, _, rest = plain(text).partition(" ")
    said = next((name for name in allowed if fold(word.rstrip(":,;")) == name), None)
    action = said or meaning(word, ACTIONS, allowed)
    rest = _with_people(rest).strip("():, \"'-→>=")
    if action is None or not rest:
        return None
    own = next((key for key in TEST.keys if rest.startswith(f"{key} ")), None)
    if what == "expect:" and own is not None:
        below = f"{own}: {rest.removeprefix(own).strip(': ')}"
        return (
            f"{own}:  stands on a line of its own",
            f"write  expect: {action}  and below it  {below}",
        )
    rest = str(shape(r"^(?:until|because|because of|with|mit|for|für|wegen) ").sub("", rest))
    goes_on = said is None and _goes_on(action, rest, allowed)
    name = None if goes_on else _key_behind(action, rest)
    if name is None:
        message = f'there is no action "{text}"'
        return message, _asked_action(reading, scalar, action, what)
    return _on_own_line(reading, action, name, rest, what)


def _with_people(rest: str) -> str:
    """`to Maria and Jonas` with the names in brackets."""
    people = shape(r"to:? (.+?(?:, | and | und | or | oder | & ).+)").fullmatch(rest)
    if people is None:
        return rest
    return f"to [{', '.join(shape(', | and | und | or | oder | & ').split(people.group(1)))}]"


def _goes_on(action: str, rest: str, allowed: tuple[Action, ...]) -> bool:
    """Whether what stands behind the word for an action is the rest of a sentence, and no name or reason."""
    if is_object(rest) or rest.split(" ")[0] in _SMALL or meaning(rest, ACTIONS, allowed) == action:
        return True
    return action == Action.ESCALATE and rest.islower() and " " not in rest


def _on_own_line(
    reading: Reading, action: str, name: str, rest: str, what: str
) -> tuple[str, str | None]:
    """What to say of an action with what it needs behind it."""
    rest = rest.removeprefix(name).lstrip(": ") or "yes"
    if name in ("reason", "because") and not _is_said(reading, rest):
        rest = " and why"
    if what != "then:":
        lines = f"write below it  then: {action}  and  {name}: {rest}"
        return f"{what}  takes an action alone", asked(action) if what == "expect:" else lines
    if action == Action.WAIT:
        start, calendars = STARTS[reading.review], reading.declared.get("calendar", ())
        length = as_duration(rest) if ":" not in rest else None
        moment = as_moment(rest, start, calendars) or (length and f"{length} {start}")
        if moment is None:
            return "a wait is until a moment, which stands behind  until:", asked(action)
        rest = moment
    message = f"{name}:  stands on a line of its own"
    return message, f"write  then: {action}  and below it  {name}: {rest}"


def _is_said(reading: Reading, rest: str) -> bool:
    """Whether words can be a reason: the name of one, or a sentence; `comment` or `(?)` is none."""
    return len(rest.split(" ")) > 2 or bool(nearest(rest, reading.declared.get("reason", ())))


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
    found = qualified(reading, word, allowed, what)
    if found is not None:
        message, under, replacement = found.message, found.under, None
    elif word in set(Action):
        message, under = _elsewhere(reading, Action(word), allowed)
        replacement = None
    elif replacement is None and (more := _with_more(reading, scalar, allowed, what)) is not None:
        message, under = more
    elif replacement is None:
        under = _by_meaning(reading, scalar, allowed, under, what)
    cure = (found and found.cure) or _effects(allowed, under if found else None)
    if what == "if undecided:" and under == asked(Action.DISPUTE):
        names = reading.declared.get("reason", ())
        name = f"reason: {names[0]}" if len(names) == 1 else "reason:  with a name from  reasons:"
        under = f"write below it  then: dispute  and  {name}"
        replacement = None
    elif under == asked(Action.WAIT):
        cure = f"a wait needs  until:  below it; {cure}"
    reading.add("P024", scalar, message, under=under, cure=cure, replacement=replacement)


def _elsewhere(
    reading: Reading, action: Action, allowed: tuple[Action, ...]
) -> tuple[str, str | None]:
    """What to say of an action that is none here, with the one that does as much in this kind of review."""
    if not action.writes or action in ACTIONS_OF[reading.review]:
        return f'"{action}" is no action here', did_you_mean(action, allowed)
    meant = meaning(action, ACTIONS, allowed)
    message = f'"{action}" is an action of the other kind of review'
    return message, asked(meant) if meant else did_you_mean(action, allowed)


_SOMEBODY = r"(?:to |an |for |für |zu )?(\S+@\S+\.\S+|(?-i:\p{Lu}\p{Ll}+)(?: (?-i:\p{Lu}\p{Ll}+))?)"


def _by_meaning(
    reading: Reading, scalar: Scalar, allowed: tuple[Action, ...], near: str | None, what: str
) -> str | None:
    """The action that a word means, or else what is near, or what somebody's name asks for."""
    word = scalar.value
    meant = meaning(word, ACTIONS, allowed) or meaning_inside(word, ACTIONS, allowed)
    if meant is None and near is None and shape(_SOMEBODY).fullmatch(word):
        meant = Action.ESCALATE if what in _ASKS else None
    return _asked_action(reading, scalar, meant, what) if meant else near


_ASKS = ("then:", "expect:")


def _asked_action(reading: Reading, scalar: Scalar, action: str, what: str) -> str:
    """Ask for an action, with the one whom a sentence names as who is to be asked."""
    below = reading.document.lines[scalar.span.line : scalar.span.line + 2]
    named = any(line.strip().startswith("to:") for line in below)
    who = None if named or action != Action.ESCALATE or what not in _ASKS else scalar.value
    somebody = who and (
        shape(_SOMEBODY).fullmatch(who) or shape(_SOMEBODY).fullmatch(_somebody_in(who))
    )
    return asked(f"{what} {action}  and below it  to: {somebody.group(1)}" if somebody else action)


def _somebody_in(text: str) -> str:
    """The one name in a sentence that asks a person: `Maria fragen`, `weiterleiten an Maria`."""
    names = [
        word
        for word in plain(text).split(" ")
        if word.istitle() and word != "Hand" and not nearest(word, [*ACTIONS, *_SMALL], most=1)
    ]
    return names[0] if len(names) == 1 else ""


def _effects(allowed: tuple[Action, ...], hint: str | None) -> str:
    """What the actions do: those that a hint names, or all."""
    named = [action for action in allowed if action in (hint or "").split()]
    cure = listed(f"{action} ({_EFFECTS[action]})" for action in named or allowed)
    return cure if named else f"actions are {cure}"
