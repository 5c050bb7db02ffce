"""Statements (`never:`): what must not be done, whatever the rules say."""

from __future__ import annotations

from typing import Literal

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.language.actions import read_action
from reviewbot.policy.language.conditions import read_when_part
from reviewbot.policy.language.grammar import STATEMENT
from reviewbot.policy.language.reader import MappingReader, Reading
from reviewbot.policy.language.rules import check_name
from reviewbot.policy.language.synonyms import VALUES, meaning
from reviewbot.policy.language.yaml import Scalar, Tree
from reviewbot.policy.model import Statement
from reviewbot.policy.operators.phrases import NOT, begins
from reviewbot.policy.text_forms import asked, asked_of, fold, listed

_BUT: tuple[Literal["deadline", "people"], ...] = ("deadline", "people")


_NOBODY = "nobody,none,no one,nothing,never,no,niemand,keiner,nie,nein"
_ALL = "anything,everything,all,any,any action,every action,alles,all actions,both,*"


def is_deed(action: Action) -> bool:
    """Whether an action changes something over there, or leaves it to silence on purpose."""
    return action.writes or action is Action.LEAVE


def read_statements(reading: Reading, tree: Tree | None) -> tuple[Statement, ...]:
    """Read `never:`; names must be unique."""
    names: dict[str, Scalar] = {}
    example = STATEMENT.example
    if isinstance(tree, Scalar) and tree.value:
        example = f"- name: {tree.value}  and below that  when:  with what must hold, and  then:"
    items = reading.items(tree, "never:", example)
    read = [_statement(reading, item, names) for item in items]
    return tuple(statement for statement in read if statement is not None)


def _statement(reading: Reading, tree: Tree, names: dict[str, Scalar]) -> Statement | None:
    fields = reading.section(tree, STATEMENT)
    if fields is None:
        return None
    name = reading.free_text(
        fields.get("name", "say in a few words what must never be"), "its name"
    )
    if name is not None:
        check_name(reading, name, names, "statement")
    when = read_when_part(reading, fields)
    actions = _actions(reading, fields)
    but = _but(reading, fields)
    if name is None or when is None or not actions:
        return None
    return Statement(
        name=name.value.strip(),
        when=when,
        actions=actions,
        but=but,
        name_span=name.span,
        span=fields.span,
    )


def _actions(reading: Reading, fields: MappingReader) -> tuple[Action, ...]:
    allowed = ACTIONS_OF[reading.review]
    deeds = [action for action in allowed if is_deed(action)]
    found = []
    fields.get("then", f"it takes {listed(deeds)}")
    for scalar in fields.texts("then"):
        if fold(scalar.value) in _ALL.split(","):
            under = f"write  [{', '.join(deeds)}]"
            reading.add("P151", scalar, "each action stands by its name", under=under)
            continue
        action = read_action(reading, scalar, allowed, "then: of never:")
        if action is not None and not is_deed(action):
            message = f"{action}  does nothing over there that a statement could forbid"
            cure = f"a statement is about {listed(deeds)}"
            reading.add("P151", scalar, message, cure=cure)
        elif action is not None:
            found.append(action)
    return tuple(dict.fromkeys(found))


def _but(reading: Reading, fields: MappingReader) -> tuple[Literal["deadline", "people"], ...]:
    found = []
    for scalar in fields.texts("but"):
        known = [who for who in _BUT if scalar.value == who]
        meant = meaning(scalar.value, VALUES, _BUT)
        if not known:
            message = f'but:  is deadline or people, not "{scalar.value}"'
            several = asked_of(scalar.value, _BUT) is not None
            under = f"write  [{', '.join(_BUT)}]" if several else asked(meant) if meant else None
            if fold(scalar.value) in _NOBODY.split(","):
                reading.add("P022", scalar, message, cure="where nobody may, delete the line")
                continue
            cure = "deadline is  if undecided:,  people are those who answer a question"
            near = () if begins(scalar.value, NOT) else _BUT
            reading.add("P022", scalar, message, among=near, cure=cure, under=under)
        found += known
    return tuple(found)
