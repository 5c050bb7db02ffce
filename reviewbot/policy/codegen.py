"""Conditions as Python source: short-circuiting expressions, and straight lines that keep a trace.

Theory of operation. A condition becomes a small tree of `Leaf`, `All`, `Any` and `Not`, and that
tree becomes two-valued expressions (`leaves.py` says why two). While an expression is written the
set of locals that are certainly read at that point goes along with it, so that a costly fact is
read once at most and only where it is needed.

Triage asks one more question: whether evidence that is not at hand could change the answer. That
is a fourth value beside true, false and cannot tell, and `needs` is its expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from reviewbot.policy.leaves import Leaf, View

TRUE = "True"
FALSE = "False"

Known = frozenset[str]
"""Locals that are certainly read."""

BASES = {
    "now": "f.now",
    "task": "f.task",
    "last": "f.last",
    "checks": "f.checks",
    "past": "f.past",
    "account": "f.account",
    "fleet": "f.fleet",
    "bundle": "f.bundle",
    "profile": "f.profile",
    "feedback": "f.feedback",
    "differs": "f.differs",
    "uncompared": "f.uncompared",
    "first_seen": "f.started_at",
    "deadline": "f.deadline_at",
    "attempts": "f.attempts",
}
"""The locals that a fact's `read` may name, and where they come from."""


class All(NamedTuple):
    """Every part must hold."""

    parts: tuple[Tree, ...]


class Any(NamedTuple):
    """One part is enough."""

    parts: tuple[Tree, ...]


class Not(NamedTuple):
    """The part must not hold."""

    part: Tree


Tree = Leaf | All | Any | Not


class Code(NamedTuple):
    """An expression, with what is certainly read after it: when it came out true, and when false."""

    text: str
    when_true: Known
    when_false: Known

    @property
    def always(self) -> Known:
        """What is read after it, however it came out."""
        return self.when_true & self.when_false


Make = Callable[[Known], Code]


class Writer:
    """Writes the expressions of one function and remembers what the function must set up."""

    def __init__(self, *, without_evidence: bool = False) -> None:
        self._without_evidence = without_evidence
        self._mentioned: set[str] = set()
        self.guarded: set[str] = set()
        """Locals that must start as `_unread`."""
        self.bases: set[str] = set()
        """The names of `BASES` that the function needs."""

    def possible(self, tree: Tree, known: Known) -> Code:
        """True unless the condition is definitely false."""
        match tree:
            case All(parts=parts):
                return _conjunction([partial(self.possible, p) for p in parts], known)
            case Any(parts=parts):
                return _disjunction([partial(self.possible, p) for p in parts], known)
            case Not(part=part):
                return _negation(self.sure(part, known))
            case Leaf(evidence=True) if self._without_evidence:
                return Code(TRUE, known, known)
            case Leaf(possible=template):
                return self._leaf(tree, template, known)

    def sure(self, tree: Tree, known: Known) -> Code:
        """True only where the condition is definitely true."""
        match tree:
            case All(parts=parts):
                return _conjunction([partial(self.sure, p) for p in parts], known)
            case Any(parts=parts):
                return _disjunction([partial(self.sure, p) for p in parts], known)
            case Not(part=part):
                return _negation(self.possible(part, known))
            case Leaf(evidence=True) if self._without_evidence:
                return Code(FALSE, known, known)
            case Leaf(sure=template):
                return self._leaf(tree, template, known)

    def needs(self, tree: Tree, known: Known, *, open_answer: bool = False) -> Code:
        """True where evidence could still change the answer.

        `open_answer` says that the answer is known to be neither true nor false here.
        """
        match tree:
            case All(parts=parts) | Any(parts=parts):
                steps: list[Make] = [lambda k: self._any_needs(parts, k)]
                if not open_answer:
                    steps.append(partial(self._may_change, tree))
                return _conjunction(steps, known)
            case Not(part=part):
                return self.needs(part, known, open_answer=open_answer)
            case Leaf(evidence=evidence):
                return Code(TRUE if evidence else FALSE, known, known)

    def _any_needs(self, parts: Sequence[Tree], known: Known) -> Code:
        return _disjunction([partial(self.needs, part) for part in parts], known)

    def _may_change(self, tree: Tree, known: Known) -> Code:
        """Whether no part has settled the answer for good."""
        if isinstance(tree, All):
            return self.possible(tree, known)
        return _negation(self.sure(tree, known))

    def outcome(self, leaf: Leaf, known: Known) -> Code:
        """True, False or None."""
        return self._leaf(leaf, leaf.outcome, known)

    def _leaf(self, leaf: Leaf, template: str, known: Known) -> Code:
        local = leaf.view.local
        text = template.format(read=self._read(leaf.view, known), x=local)
        self.bases |= leaf.view.bases & BASES.keys()
        after = known | {local}
        return Code(text, after, after)

    def _read(self, view: View, known: Known) -> str:
        if view.local in known:
            return view.local
        read = f"({view.local} := {view.source})"
        if view.costly and view.local in self._mentioned:
            self.guarded.add(view.local)
            return f"({view.local} if {view.local} is not _unread else {read})"
        self._mentioned.add(view.local)
        return read


def _conjunction(makes: Sequence[Make], known: Known) -> Code:
    text, flow, stopped = _chain(makes, known, FALSE, lambda code: code)
    return Code(text, flow, stopped)


def _disjunction(makes: Sequence[Make], known: Known) -> Code:
    text, flow, stopped = _chain(makes, known, TRUE, _negation)
    return Code(text, stopped, flow)


def _chain(
    makes: Sequence[Make], known: Known, absorbing: str, turn: Callable[[Code], Code]
) -> tuple[str, Known, Known]:
    """Join parts that are asked in order until one settles the answer by being `absorbing`.

    Gives the source, what is read when all were asked, and what is read when one settled it.
    `turn` makes the code whose `when_true` is the state in which the next part is asked.
    """
    texts: list[str] = []
    stopped: Known | None = None
    flow = known
    for make in makes:
        code = make(flow)
        if code.text == absorbing:
            return absorbing, known, known
        if code.text in (TRUE, FALSE):
            continue
        texts.append(code.text)
        going_on = turn(code)
        flow = going_on.when_true
        stopped = going_on.when_false if stopped is None else stopped & going_on.when_false
    if not texts:
        return (TRUE if absorbing == FALSE else FALSE), known, known
    word = " and " if absorbing == FALSE else " or "
    joined = texts[0] if len(texts) == 1 else f"({word.join(texts)})"
    return joined, flow, known if stopped is None else stopped


def _negation(code: Code) -> Code:
    turned = {TRUE: FALSE, FALSE: TRUE}.get(code.text, f"(not {code.text})")
    return Code(turned, code.when_false, code.when_true)
