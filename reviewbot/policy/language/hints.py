"""What was meant: words that stand where the language has others, and how a fact is told of."""

from __future__ import annotations

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, described
from reviewbot.policy.language.grammar import CONDITION, RULE
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.yaml import Scalar
from reviewbot.policy.text_forms import (
    did_you_mean,
    letter_name,
    listed,
    nearest,
    odd_letter,
    only_cure,
)
from reviewbot.policy.values import Misread

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

_FAMILIES = {name.partition(".")[0] for facts in CATALOGUE.values() for name in facts}


def refuse_action(reading: Reading, scalar: Scalar, allowed: tuple[Action, ...]) -> None:
    """Report a word that is no action here."""
    word = scalar.value
    message = f'there is no action "{word}"'
    under, replacement = did_you_mean(word, allowed), only_cure(word, allowed)
    meant = _ACTION_WORDS.get(word.casefold())
    if word in set(Action):
        action = Action(word)
        other = action.writes and action not in ACTIONS_OF[reading.review]
        where = "an action of the other kind of review" if other else "no action here"
        message, replacement = f'"{word}" is {where}', None
    elif meant in allowed:
        under, replacement = f"did you mean  {meant}  ?", None
    cure = f"actions are {listed(allowed)}"
    reading.add("P024", scalar, message, under=under, cure=cure, replacement=replacement)


def refuse_fact(
    reading: Reading,
    scalar: Scalar,
    at: tuple[int, int] | None = None,
    *,
    code: str = "P021",
    inside_check: bool = False,
) -> None:
    """Report a name that is no fact here, with the reason where it is one elsewhere."""
    name = scalar.value[slice(*at)] if at else scalar.value
    facts = ATTEMPT_FACTS if inside_check else reading.facts
    is_line = code == "P021"
    meant = _meant_elsewhere(reading, name, inside_check=inside_check, is_line=is_line)
    if meant is None:
        names = (*facts, *(CONDITION.keys if is_line and not inside_check else ()))
        odd = odd_letter(name)
        looks = f"; it holds a letter that only looks Latin: {letter_name(odd)}" if odd else ""
        message = f'no fact is called "{name}"{looks}'
        meant = message, did_you_mean(name, names), only_cure(name, names)
    message, under, replacement = meant
    near = nearest(name, facts, most=1)
    reading.add(
        code,
        (scalar, *at) if at else scalar,
        message,
        under=under,
        detail=detail_of(facts[near[0]]) if near and under else None,
        see=see_facts(near[0] if near else name),
        replacement=replacement,
    )


def _meant_elsewhere(
    reading: Reading, name: str, *, inside_check: bool, is_line: bool
) -> tuple[str, str | None, str | None] | None:
    """What to say of a word that has its place elsewhere: message, hint and what to write."""
    if is_line and name in RULE.keys:
        message = f"{name}:  belongs to the rule, and stands here among its conditions"
        return message, "begin it in the column of  when:", None
    if is_line and name in reading.declared.get("condition", ()):
        message = f'"{name}" is one of the named conditions, not a fact'
        return message, f"write  condition: {name}", None
    if not inside_check:
        other = CATALOGUE["accounts" if reading.review == "comments" else "comments"]
        here = f"this policy is for {reading.review}"
        message = f"{name} is a fact of the other kind of review; {here}"
        return (message, None, None) if name in other else None
    bare = name.removeprefix("last.")
    if bare in ATTEMPT_FACTS:
        message = f"inside a check the fact is called {bare}: it belongs to each attempt"
        return message, f"write  {bare}", bare
    message = f"{name} does not belong to an attempt; write it outside the check"
    return (message, None, None) if name in reading.facts else None


def misread_value(reading: Reading, scalar: Scalar, misread: Misread, fact: Fact) -> None:
    """Report a value or a test that a fact does not take, with what it takes."""
    reading.misread(scalar, misread, detail=detail_of(fact), see=see_facts(fact.name))


def detail_of(fact: Fact) -> str:
    """One line on a fact: its type, its range, its sentence."""
    return f"{described(fact)}: {fact.sentence}"


def see_facts(name: str) -> str:
    """Name the command that tells more about a fact's family."""
    family, dot, _ = name.partition(".")
    shown = family if dot and family in _FAMILIES else ""
    return f"see the facts and their ranges:  reviewbot policy facts {shown}".rstrip()
