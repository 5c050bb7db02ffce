"""What stands beside the word for an action and changes it: a denial, a condition, a time, a share, a person.

An action is done at once and whole: to hear `approve` in `approve later` or `approve if cheap` would pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reviewbot.domain.decision import Action
from reviewbot.policy.language.expressions import lines_of
from reviewbot.policy.language.meant import meant_test
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.spoken import STARTS, as_cap, as_moment
from reviewbot.policy.language.synonyms import ACTIONS, meaning
from reviewbot.policy.notations import as_duration, as_share, plain
from reviewbot.policy.text_forms import asked, fold, only_cure, shape

_NOT = (
    r"(?:not|no|never|nie|niemals|nicht|kein\p{L}*|without|ohne|don'?t|don’t|won'?t|won’t|cannot|can'?t|mustn'?t"
    r"|shouldn'?t|nobody|niemand|neither|except|avoid|stop|block|refuse|deny|against|instead of|rather than|statt|anstatt)"
)
_IF = (
    r"(?:if|when|whenever|unless|wenn|falls|sofern|provided|only|nur|solange|as long as|in case|up to|below|under|above"
    r"|over|expensive|cheap|less than|more than|at least|at most|max\.?|maximal|höchstens|bis zu|unter|über|mehr als|weniger als|ab)"
)
_LATER = (
    r"(?:later|soon|eventually|tomorrow|after|afterwards|before|until|till|in|at the|on \p{L}+|später|morgen|danach|nach|bis"
    r"|am|um|delayed|delay|postpone|hold|pause|pending|yet)"
)
_MAYBE = (
    r"(?:maybe|perhaps|possibly|probably|usually|mostly|sometimes|almost|partly|partially|can|may|might|could|try|suggest"
    r"|propose|recommend|provisionally|vielleicht|eventuell|manchmal|meistens|half|some|most|unsure|not sure|tbd|todo)"
)
_BY_HAND = (
    r"(?:manually|by hand|von hand|manuell|after review|pending|needed|needs|required|request|ask for|wait for approval"
    r"|get approval|(?:by|with|to|an|let) (?:a |an |the )?(?:person|human|team|somebody|someone|lead|mensch\p{L}*))"
)
_OBJECTS = (
    "it,them,this,that,these,the task,task,tasks,the comment,comment,payment,the payment,the account,him,her,"
    "es,sie,die aufgabe"
)


class Qualified(NamedTuple):
    """What to say of an action with more beside it."""

    message: str
    under: str | None
    cure: str | None = None


def qualified(
    reading: Reading, text: str, allowed: tuple[Action, ...], what: str
) -> Qualified | None:
    """Find what changes an action in a few words; None where nothing does."""
    said = plain(text)
    if _is_named(reading, said) or meaning(said, ACTIONS, allowed) is not None:
        return None
    if (excepted := _excepted(reading, said, allowed, what)) is not None:
        return excepted
    turn = _first(_IF, said)
    head = _head(said, turn, allowed)
    if _first(_NOT, head) is not None:
        return _denied(head, allowed, what)
    actions = tuple(dict.fromkeys(_actions(said, allowed)))
    if not actions or actions == (fold(said),):
        return None
    person = _by_a_person(said, actions, allowed, what)
    joined = Action.WAIT not in actions[1:] or shape(_JOINED).fullmatch(said)
    if person is None and len(actions) > 1 and joined:
        return _several_done(actions, what)
    return person or _beside(reading, said, actions[0], what, turn)


def _is_named(reading: Reading, said: str) -> bool:
    """Whether a name ends a text, or is all of it, which may hold any word: `dispute not there`."""
    rules, reasons = (reading.declared.get(kind, ()) for kind in ("rule", "reason"))
    named = (*reasons, *(f"by {rule}" for rule in rules))
    return said in rules or any(f" {said}".endswith(f" {name}") for name in named)


def _head(said: str, turn: int | None, allowed: tuple[Action, ...]) -> str:
    """What stands before a condition, with a denial that is part of its word set apart: `disapprove`."""
    prefixed = shape(r"(dis|un|non|!) ?-?(\p{L}{3,})").fullmatch(said)
    if prefixed and said not in allowed and meaning(said, ACTIONS, allowed) is None:
        return f"not {prefixed.group(2)}"
    return said[:turn].strip(" ,") if turn else said


_EXCEPT = r"(.+?),? (?:except|außer|but not|ausgenommen|excluding|apart from|aber nicht)(?: for| bei| für| if| when| wenn)? (.+)"
_JOINED = r".* (?:or|and|then|oder|und|else) .*|.*[,/|+;].*"


def _several_done(actions: Sequence[Action], what: str) -> Qualified:
    """Two actions, of which one is done."""
    if what == "then: of never:":
        return Qualified("several actions stand in brackets", f"write  [{', '.join(actions)}]")
    if what != "then:":
        return Qualified(f"{what}  takes one action", asked("  or  ".join(actions)))
    under = f"write  {actions[0]}  here, and a rule of its own for the other"
    return Qualified("one rule does one thing", under)


def _by_a_person(
    text: str, actions: Sequence[Action], allowed: tuple[Action, ...], what: str
) -> Qualified | None:
    """Somebody who is to do it: `approve by Maria`, `Maria approves`, `approval needed`."""
    if Action.ESCALATE not in allowed or actions == (Action.ESCALATE,):
        return None
    name = shape(_SOMEBODY).fullmatch(text)
    asks = len(actions) == 2 and Action.ESCALATE in actions and not shape(_JOINED).fullmatch(text)
    if name is None and _first(_BY_HAND, text) is None and not asks:
        return None
    message = "what a person decides is asked of that person"
    who = next(filter(None, name.groups()), None) if name and what == "then:" else None
    does = f"{what} {Action.ESCALATE}  and below it  to: {who}" if who else Action.ESCALATE
    return Qualified(message, asked(does))


_SOMEBODY = (
    r".*\b(?:by|with|to|an|mit|von|durch|after|when|wenn|ask|let|until|bis|lass) ((?-i:\p{Lu}\p{Ll}+))(?:[ ,].*)?"
    r"|((?-i:\p{Lu}\p{Ll}+)) (?:approves|decides|pays|checks|looks|should|must|may|soll|muss|darf|entscheidet|prüft|zahlt)\b.*"
)


def _beside(
    reading: Reading, said: str, action: Action, what: str, turn: int | None
) -> Qualified | None:
    """A share, a condition, a time or a doubt beside one action."""
    alone = f"{what}  takes an action alone"
    rest = said.partition(" ")[2].strip(" ,:()-")
    if what == "then:" and (own := _own_key(reading, rest)) is not None:
        return Qualified(alone, f"write  then: {action}  and below it  {own}")
    if turn is not None:
        return Qualified(
            alone, *_condition(reading, said[turn:] if " " in said[turn:] else rest, action, what)
        )
    if _first(_LATER, said) is not None and action != Action.WAIT:
        return Qualified(alone, *_later(reading, rest, action, what))
    if _first(_MAYBE, said) is not None and action != Action.ESCALATE:
        others = dict.fromkeys((Action.ESCALATE, action))
        message = f"{what}  takes what is done, for certain and whole"
        return Qualified(message, asked("  or  ".join(others)))
    return None


def is_object(rest: str) -> bool:
    """Whether words behind an action say only to what it is done."""
    return fold(rest) in _OBJECTS.split(",")


def _first(words: str, text: str) -> int | None:
    """Where the first of some words stands in a text."""
    found = shape(rf"(?:^|.*?[^\p{{L}}\p{{N}}_])({words})(?:$|[^\p{{L}}\p{{N}}_].*)").fullmatch(
        text
    )
    return found.start(1) if found else None


def _words(text: str) -> list[str]:
    return [word for word in shape(r"[\p{L}\p{N}_'’.@%-]+").findall(text) if word]


def _action(words: Sequence[str], allowed: tuple[Action, ...]) -> Action | None:
    said = " ".join(words).strip(".")
    found = meaning(said, ACTIONS, allowed) or next((a for a in allowed if a == fold(said)), None)
    if found is None and len(words) == 1 and len(said) > 4:
        found = only_cure(said, allowed)
    return Action(found) if found else None


def _actions(text: str, allowed: tuple[Action, ...]) -> list[Action]:
    """The actions that words of a text stand for, in their order."""
    words, found, at = _words(text), [], 0
    while at < len(words):
        spans = (words[at : at + length] for length in (3, 2, 1))
        action, length = next(
            ((action, len(span)) for span in spans if (action := _action(span, allowed))), (None, 1)
        )
        found += [action] if action else []
        at += length
    return found


def _denied(head: str, allowed: tuple[Action, ...], what: str) -> Qualified | None:
    """An action with a denial in front or behind: another one that stands undenied, or those likely instead."""
    at = _first(_NOT, head) or 0
    before, behind = _actions(head[:at], allowed), _actions(head[at:].partition(" ")[2], allowed)
    if not before and not behind:
        return None
    if shape(r"(?:neither|weder) .*").fullmatch(head):
        return _neither(behind, allowed, what)
    denied = (behind or before)[0]
    done = [action for action in (*before, *behind[1:]) if action != denied]
    message = f"{what}  takes an action, and what is not done is none"
    if behind and len(set(done)) == 1:
        return Qualified(message, asked(done[0]))
    form = {"expect:": "expect never:", "then: of never:": "then:"}.get(what)
    if what == "expect never:":
        twice = f"expect: {denied}  or  expect never: {denied}"
        return Qualified("never  and  not  stand here together", asked(twice))
    others = [other for other in _INSTEAD if other in allowed and other != denied]
    under = asked("  or  ".join(others[:2])) if form is None else f"write  {form} {denied}"
    return Qualified(message, under)


def _neither(denied: Sequence[Action], allowed: tuple[Action, ...], what: str) -> Qualified:
    """What to say of `neither approve nor dispute`, by which both are denied."""
    message = f"{what}  takes an action, and what is not done is none"
    if what == "then: of never:":
        return Qualified(message, f"write  [{', '.join(denied)}]")
    others = [other for other in _INSTEAD if other in allowed and other not in denied]
    return Qualified(message, asked("  or  ".join(others[:2])) if others else None)


_ELSE = r"(.+?),? (?:if|when|wenn|falls) (.+?),? (?:otherwise|else|sonst|andernfalls) (.+)"


def _two_cases(reading: Reading, said: str, allowed: tuple[Action, ...]) -> str | None:
    """How `approve if …, otherwise escalate` is written: as two cases."""
    parts = shape(_ELSE).fullmatch(said)
    line = _line_of(reading, parts.group(2)) if parts else None
    done = [_actions(parts.group(at), allowed) for at in (1, 3)] if parts and line else []
    if [len(actions) for actions in done] != [1, 1] or _first(_NOT, said):
        return None
    first = f"- when:  with  {line}  and  then: {done[0][0]}"
    return f"write below it  {first},  and last  - otherwise: {done[1][0]}"


_INSTEAD = (Action.DISPUTE, Action.REQUEST_CORRECTIONS, Action.ESCALATE, Action.APPROVE)
"""What is likely done where something is not, the likeliest first."""


def _own_key(reading: Reading, rest: str) -> str | None:
    """A share, a limit or hours as the key of a rule that takes them."""
    said = str(shape(r"^(?:during|in|on|only|only during|nur) ").sub("", rest))
    if fold(said) in ("shadow", "dry run", "test", "testing"):
        return "shadow: yes"
    if said in reading.declared.get("calendar", ()):
        return f"act during: {said}"
    share = shape(r"(?:only )?([\d.,]+ ?%|half)(?: of (?:them|all|the tasks|tasks))?").fullmatch(
        rest
    )
    if share is not None and (part := as_share(share.group(1))):
        return f"rollout: {part}"
    if not shape(
        r".*\d.*\b(?:per|a|each|every|pro|je|am) ?\p{L}+|.*\d.* (?:daily|hourly|täglich)"
    ).fullmatch(rest):
        return None
    cap = as_cap(rest, "any")
    return f"limit: {cap[0]}" if cap else None


def _condition(
    reading: Reading, text: str, action: Action, what: str
) -> tuple[str | None, str | None]:
    """How a condition behind an action is written: as lines, with her own amount where it is one."""
    said = str(
        shape(r"^(?:if|when|wenn|falls|only|nur|unless)(?: it is| it's| es)? ").sub("", text)
    )
    key = "unless:" if text.startswith("unless") else "when:"
    line = _line_of(reading, said)
    if what == "if undecided:" and line is not None and key == "when:":
        first = f"- when:  with  {line}  and  then: {action}"
        return None, f"write below it  {first},  and last  - otherwise:  with what is done else"
    if what != "then:":
        return None, f"conditions stand in rules; behind  {what}  stands the action alone"
    if line is not None:
        return f"write under  {key}  {line}", None
    return None, f'write what "{text}" means on a line under  {key}  as a fact and a test'


def _line_of(reading: Reading, said: str) -> str | None:
    """What a condition asks as lines; an amount alone is one of money."""
    if (lines := lines_of(reading, said, reading.facts)) is not None:
        return "  and  ".join(lines[0])
    money = [fact for fact in reading.facts.values() if fact.name.endswith("payout_amount")]
    meant = (
        meant_test(reading, said, money[0]) if money and shape(r".*\d.*").fullmatch(said) else None
    )
    return f"{money[0].name}: {meant.text}" if meant is not None and meant.text else None


def _excepted(
    reading: Reading, said: str, allowed: tuple[Action, ...], what: str
) -> Qualified | None:
    """How an exception behind an action is written: `approve, except watched`."""
    if what == "if undecided:" and (cases := _two_cases(reading, said, allowed)) is not None:
        return Qualified(f"{what}  takes an action alone, or cases", cases)
    apart = shape(_EXCEPT).fullmatch(said)
    if apart is None or _first(_NOT, apart.group(1)) or _actions(apart.group(2), allowed):
        return None
    done, rest = _actions(apart.group(1), allowed), apart.group(2)
    if len(done) != 1:
        return None
    action = done[0]
    message, line = f"{what}  takes an action alone", _line_of(reading, rest)
    if what == "then:":
        line = line or f'and below it what "{rest}" means, as a fact and a test'
        return Qualified(message, f"write  then: {action}  and  unless:  with  {line}")
    if what != "if undecided:":
        return None
    line = line or "what is excepted"
    cases = f"- when:  with  {line}  and  then:  with what is done then"
    return Qualified(message, f"write below it  {cases},  and last  - otherwise: {action}")


def _later(reading: Reading, rest: str, action: Action, what: str) -> tuple[str | None, str | None]:
    """How a later moment is written: a rule that waits, above the one that acts."""
    if what == "if undecided:":
        return None, "the moment stands behind  decide by:"
    if what != "then:":
        return None, "the moment stands on a line of its own"
    start, calendars = STARTS[reading.review], reading.declared.get("calendar", ())
    said = str(shape(r"^(?:after|in|nach|later in) ").sub("", rest))
    length = as_duration(said) if ":" not in said else None
    moment = as_moment(rest, start, calendars) or (length and f"{length} {start}")
    then = f"and a rule below this one with  then: {action}"
    if moment is not None:
        return f"write  then: wait  and below it  until: {moment},  {then}", None
    return (
        None,
        f"it is done at once: for later write  then: wait  and below it  until:  with the moment, {then}",
    )
