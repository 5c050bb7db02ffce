"""The source of whole functions: one line of decisions, plain or with its trace.

A plain function leaves a rule at the first condition that fails. A traced one asks every condition
of every rule it tries and keeps the outcomes in locals; they become one flat tuple only when a rule
has decided. The same test of the same fact is asked once, whichever rules share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reviewbot.policy.codegen import BASES, FALSE, TRUE, All, Any, Known, Not, Tree, Writer
from reviewbot.policy.leaves import Leaf

_IN = "    "


class Arm(NamedTuple):
    """A rule or a case of the fallback: its condition, and the statement for when it is met.

    In `then` a traced function puts the tuple of outcomes in place of `{leaves}`. `passed` marks
    the arm as one that could not tell.
    """

    tree: Tree
    then: str
    passed: str = "pass"


def leaves_of(tree: Tree) -> Iterator[Leaf]:
    """Every leaf, from left to right."""
    match tree:
        case Leaf():
            yield tree
        case Not(part=part):
            yield from leaves_of(part)
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from leaves_of(part)


def plain_function(name: str, arms: Sequence[Arm], end: str, *, triage: bool = False) -> str:
    """The function that tries the arms in order; `triage` gives None where evidence is needed."""
    writer = Writer(without_evidence=triage)
    known: Known = frozenset()
    body: list[str] = []
    for arm in arms:
        possible = writer.possible(arm.tree, known)
        sure = writer.sure(arm.tree, possible.when_true)
        needs = writer.needs(arm.tree, sure.when_false, open_answer=True).text if triage else FALSE
        body += _if(possible.text, _plain_arm(arm, possible.text, sure.text, needs))
        known = possible.always
    return _function(f"{name}(f)", writer, ["cant = shadow = 0"], [*body, end])


def _plain_arm(arm: Arm, possible: str, sure: str, needs: str) -> list[str]:
    if sure == possible:
        return [arm.then]
    passed = _if(needs, ["return None"]) + ([] if needs == TRUE else [arm.passed])
    if sure == FALSE:
        return passed
    return ["if " + sure + ":", _IN + arm.then, "else:", *(_IN + line for line in passed)]


def traced_function(name: str, arms: Sequence[Arm], end: str) -> str:
    """As `plain_function`, keeping the outcome of every condition of every arm it tries."""
    writer = Writer()
    trace = _Outcomes(writer)
    body: list[str] = []
    for arm in arms:
        body += trace.of(arm.tree)
        then = arm.then.format(leaves=trace.tuple())
        sure, possible = trace.sure(arm.tree), trace.possible(arm.tree)
        body += [f"if {sure}:", _IN + then]
        if possible not in (sure, FALSE):
            body += [f"elif {possible}:", _IN + arm.passed]
    end = end.format(leaves=trace.tuple())
    return _function(f"{name}(f)", writer, ["cant = shadow = 0"], [*body, end])


# What is tested on each attempt --------------------------------------------------------------


def attempt_function(name: str, quantifier: str, tree: Tree) -> str:
    """The function that tests every attempt, and stops at the one that settles the answer."""
    writer = Writer()
    possible = writer.possible(tree, frozenset())
    sure = writer.sure(tree, possible.when_true)
    settles, otherwise = ("True", "False") if quantifier == "any" else ("False", "True")
    if quantifier == "every":
        test = [
            f"if not {possible.text}:",
            _IN + "return False",
            f"if not {sure.text}:",
            _IN + "open_answer = True",
        ]
    else:
        test = [
            f"if {possible.text}:",
            f"{_IN}if {sure.text}:",
            f"{_IN * 2}return {settles}",
            f"{_IN}open_answer = True",
        ]
    lines = [
        f"def {name}(attempts, now):",
        f"{_IN}if not attempts:",
        f"{_IN * 2}return None if attempts is None else {quantifier == 'no'}",
        f"{_IN}open_answer = False",
        f"{_IN}for attempt in attempts:",
        *(f"{_IN * 2}{local} = _unread" for local in sorted(writer.guarded)),
        *(_IN * 2 + line for line in test),
        f"{_IN}return None if open_answer else {otherwise}",
    ]
    return "\n".join(lines)


def traced_attempt_function(name: str, quantifier: str, tree: Tree) -> str:
    """As `attempt_function`, but it gives (answer, outcomes per attempt)."""
    writer = Writer()
    trace = _Outcomes(writer)
    body = trace.of(tree)
    sure, possible = trace.sure(tree), trace.possible(tree)
    answer = {
        "any": "True if yes else (None if maybe else False)",
        "every": "False if yes + maybe < len(rows) else (None if maybe else True)",
        "no": "False if yes else (None if maybe else True)",
    }[quantifier]
    lines = [
        f"def {name}(attempts, now):",
        f"{_IN}if not attempts:",
        f"{_IN * 2}return (None if attempts is None else {quantifier == 'no'}, ())",
        f"{_IN}yes = maybe = 0",
        f"{_IN}rows = []",
        f"{_IN}for attempt in attempts:",
        *(_IN * 2 + line for line in body),
        f"{_IN * 2}rows.append({trace.tuple()})",
        f"{_IN * 2}if {sure}:",
        f"{_IN * 3}yes += 1",
        f"{_IN * 2}elif {possible}:",
        f"{_IN * 3}maybe += 1",
        f"{_IN}return ({answer}, tuple(rows))",
    ]
    return "\n".join(lines)


class _Outcomes:
    """The locals in which a traced function keeps outcomes, in the order of the leaves."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: Known = frozenset()
        self._local: dict[Leaf, str] = {}
        self._slots: list[str] = []

    def of(self, tree: Tree) -> list[str]:
        """The statements that ask the leaves of one more tree."""
        lines = []
        for leaf in leaves_of(tree):
            if leaf not in self._local:
                self._local[leaf] = local = f"c{len(self._local)}"
                code = self._writer.outcome(leaf, self._known)
                self._known = code.always
                lines.append(f"{local} = {code.text}")
            self._slots.append(
                leaf.slot.format(x=leaf.view.local) if leaf.slot else self._local[leaf]
            )
        return lines

    def tuple(self) -> str:
        """All outcomes so far."""
        return f"({''.join(slot + ', ' for slot in self._slots)})"

    def sure(self, tree: Tree) -> str:
        """Whether a tree that was asked is definitely true."""
        match tree:
            case Leaf():
                return self._local[tree]
            case Not(part=part):
                return f"not {self.possible(part)}"
            case All(parts=parts):
                return _joined([self.sure(part) for part in parts], " and ", TRUE)
            case Any(parts=parts):
                return _joined([self.sure(part) for part in parts], " or ", FALSE)

    def possible(self, tree: Tree) -> str:
        """Whether a tree that was asked is not definitely false."""
        match tree:
            case Leaf():
                return f"{self._local[tree]} is not False"
            case Not(part=part):
                return f"not {self.sure(part)}"
            case All(parts=parts):
                return _joined([self.possible(part) for part in parts], " and ", TRUE)
            case Any(parts=parts):
                return _joined([self.possible(part) for part in parts], " or ", FALSE)


def _joined(parts: Sequence[str], word: str, empty: str) -> str:
    return f"({word.join(parts)})" if parts else empty


def _if(test: str, body: Sequence[str]) -> list[str]:
    """The body under its test; without a test where that is always true, nothing where never."""
    if test == FALSE:
        return []
    if test == TRUE:
        return list(body)
    return [f"if {test}:", *(_IN + line for line in body)]


def _function(signature: str, writer: Writer, start: Sequence[str], body: Sequence[str]) -> str:
    lines = [
        *(f"{base} = {BASES[base]}" for base in sorted(writer.bases)),
        *(f"{local} = _unread" for local in sorted(writer.guarded)),
        *start,
        *body,
    ]
    return "\n".join([f"def {signature}:", *(_IN + line for line in lines)])
