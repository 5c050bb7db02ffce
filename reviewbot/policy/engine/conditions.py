"""Conditions as Python source: short-circuiting expressions, and straight lines that keep a trace.

Theory of operation. A condition becomes a small tree of `Leaf`, `All`, `Any` and `Not`, and that
tree becomes two-valued expressions (`leaves.py` says why two). While an expression is written the
set of locals that are certainly read at that point goes along with it, so that a costly fact is
read once at most and only where it is needed.

Triage asks one more question: whether evidence that is not at hand could change the answer. That
is a fourth value beside true, false and cannot tell, and `needs` is its expression.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.engine.calendar import Calendar, resolver
from reviewbot.policy.engine.leaves import (
    Emitted,
    FactView,
    Leaves,
    Pool,
    names_in,
    not_yet,
    settled,
    three_way,
)
from reviewbot.policy.facts import Facts, length, plus_one, since
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Moment,
    NoneOf,
    Policy,
    Rule,
)
from reviewbot.policy.text_forms import fold, nfc

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


class Or(NamedTuple):
    """One part is enough."""

    parts: tuple[Tree, ...]


class Not(NamedTuple):
    """The part must not hold."""

    part: Tree


Tree = Emitted | All | Or | Not


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
            case Or(parts=parts):
                return _disjunction([partial(self.possible, p) for p in parts], known)
            case Not(part=part):
                return _negation(self.sure(part, known))
            case Emitted(evidence=True) if self._without_evidence:
                return Code(TRUE, known, known)
            case Emitted(possible=template):
                return self._leaf(tree, template, known)

    def sure(self, tree: Tree, known: Known) -> Code:
        """True only where the condition is definitely true."""
        match tree:
            case All(parts=parts):
                return _conjunction([partial(self.sure, p) for p in parts], known)
            case Or(parts=parts):
                return _disjunction([partial(self.sure, p) for p in parts], known)
            case Not(part=part):
                return _negation(self.possible(part, known))
            case Emitted(evidence=True) if self._without_evidence:
                return Code(FALSE, known, known)
            case Emitted(sure=template):
                return self._leaf(tree, template, known)

    def needs(self, tree: Tree, known: Known, *, open_answer: bool = False) -> Code:
        """True where evidence could still change the answer.

        `open_answer` says that the answer is known to be neither true nor false here.
        """
        match tree:
            case All(parts=parts) | Or(parts=parts):
                steps: list[Make] = [lambda k: self._any_needs(parts, k)]
                if not open_answer:
                    steps.append(partial(self._may_change, tree))
                return _conjunction(steps, known)
            case Not(part=part):
                return self.needs(part, known, open_answer=open_answer)
            case Emitted(evidence=evidence):
                return Code(TRUE if evidence else FALSE, known, known)

    def _any_needs(self, parts: Sequence[Tree], known: Known) -> Code:
        return _disjunction([partial(self.needs, part) for part in parts], known)

    def _may_change(self, tree: Tree, known: Known) -> Code:
        """Whether no part has settled the answer for good."""
        if isinstance(tree, All):
            return self.possible(tree, known)
        return _negation(self.sure(tree, known))

    def outcome(self, leaf: Emitted, known: Known) -> Code:
        """True, False or None."""
        return self._leaf(leaf, leaf.outcome, known)

    def _leaf(self, leaf: Emitted, template: str, known: Known) -> Code:
        local = leaf.view.local
        text = template.format(read=self._read(leaf.view, known), x=local)
        self.bases |= leaf.view.bases & BASES.keys()
        after = known | {local}
        return Code(text, after, after)

    def _read(self, view: FactView, known: Known) -> str:
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


# ------------------------------------------------------------------------------------------------
# The source of whole functions: one line of decisions, plain or with its trace.
#
# A plain function leaves a rule at the first condition that fails. A traced one asks every condition
# of every rule it tries and keeps the outcomes in locals; they become one flat tuple only when a rule
# has decided. The same test of the same fact is asked once, whichever rules share it.


_IN = "    "


class Arm(NamedTuple):
    """A rule or a case of the fallback: its condition, and the statement for when it is met.

    In `then` a traced function puts the tuple of outcomes in place of `{leaves}`. `passed` marks
    the arm as one that could not tell.
    """

    tree: Tree
    then: str
    passed: str = "pass"


def leaves_of(tree: Tree) -> Iterator[Emitted]:
    """Every leaf, from left to right."""
    match tree:
        case Emitted():
            yield tree
        case Not(part=part):
            yield from leaves_of(part)
        case All(parts=parts) | Or(parts=parts):
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
        self._local: dict[Emitted, str] = {}
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
            case Emitted():
                return self._local[tree]
            case Not(part=part):
                return f"not {self.possible(part)}"
            case All(parts=parts):
                return _joined([self.sure(part) for part in parts], " and ", TRUE)
            case Or(parts=parts):
                return _joined([self.sure(part) for part in parts], " or ", FALSE)

    def possible(self, tree: Tree) -> str:
        """Whether a tree that was asked is not definitely false."""
        match tree:
            case Emitted():
                return f"{self._local[tree]} is not False"
            case Not(part=part):
                return f"not {self.sure(part)}"
            case All(parts=parts):
                return _joined([self.possible(part) for part in parts], " and ", TRUE)
            case Or(parts=parts):
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


# ------------------------------------------------------------------------------------------------
# A policy's conditions as trees of leaves.


_SUBJECT_ID = {"comments": "task.id", "accounts": "bundle.id"}


class Trees:
    """Makes the trees of one policy; the functions they call gather in `sources`."""

    def __init__(
        self,
        policy: Policy,
        pool: Pool,
        calendars: Mapping[str, Calendar],
        *,
        traced: bool = False,
    ) -> None:
        self._traced = traced
        self._pool = pool
        self._calendars = calendars
        self._leaves = Leaves(policy, pool)
        self._facts = CATALOGUE[policy.applies_to.review]
        self._id = _SUBJECT_ID[policy.applies_to.review]
        self._id_base = frozenset({self._id.partition(".")[0]})
        self._checks: dict[str, str] = {}
        self.sources: list[str] = []

    def rule(self, rule: Rule) -> Tree:
        """All that makes a rule match: its conditions, its share of tasks, its wait not over."""
        when = self.condition(rule.when)
        parts = list(when.parts) if isinstance(when, All) else [when]
        if rule.rollout is not None:
            parts.append(self._rollout(rule.name, rule.rollout))
        if rule.then.until is not None:
            parts.append(self._not_over(rule.then.until))
        return All(tuple(parts))

    def condition(self, condition: Condition | None) -> Tree:
        """The tree of a condition; None (always) is a tree without parts."""
        return All(()) if condition is None else self._tree(condition, self._facts)

    def _tree(self, condition: Condition, facts: Mapping[str, Fact]) -> Tree:
        match condition:
            case Compare(fact=name):
                return self._leaves.leaf(condition, facts[name])
            case AllOf(parts=parts):
                return All(tuple(self._tree(part, facts) for part in parts))
            case AnyOf(parts=parts):
                return Or(tuple(self._tree(part, facts) for part in parts))
            case NoneOf(parts=parts):
                return Not(Or(tuple(self._tree(part, facts) for part in parts)))
            case EachAttempt(quantifier=quantifier, condition=inner):
                tree = self._tree(inner, ATTEMPT_FACTS)
                return self._each_attempt(quantifier, tree)

    def _each_attempt(self, quantifier: str, tree: Tree) -> Emitted:
        write = traced_attempt_function if self._traced else attempt_function
        shape = write("shape", quantifier, tree)
        if shape not in self._checks:
            self._checks[shape] = f"_attempts{len(self._checks)}"
            self.sources.append(write(self._checks[shape], quantifier, tree))
        name = self._checks[shape]
        view = FactView(f"each{name}", f"{name}(attempts, now)", frozenset({"attempts", "now"}))
        if not self._traced:
            return three_way(view)._replace(evidence=True)
        return Emitted(view, "", "", outcome="{read}[0]", evidence=True, slot="{x}")

    def _rollout(self, rule: str, share: float) -> Emitted:
        def in_group(subject_id: str) -> bool:
            return place_in_rollout(subject_id, rule) < share

        helper = self._pool.helper("in_group", in_group)
        return settled(FactView(f"is{helper}", f"{helper}({self._id})", self._id_base))

    def _not_over(self, moment: Moment) -> Emitted:
        helper = self._pool.helper("moment", resolver(moment, self._calendars))
        return not_yet(
            FactView(
                f"at{helper}",
                f"{helper}(first_seen, deadline)",
                frozenset({"first_seen", "deadline"}),
            )
        )


def place_in_rollout(subject_id: str, rule: str) -> float:
    """Where a subject stands among all, 0 to 1: always the same for a rule, whatever its share."""
    digest = hashlib.sha256(f"{subject_id}\x1f{rule}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64


# ------------------------------------------------------------------------------------------------
# Generated source becomes functions: what a policy says is put in as values, never as text.


_HELPERS = {
    "_since": since,
    "_plus_one": plus_one,
    "_length": length,
    "_fold": fold,
    "_nfc": nfc,
    "_unread": object(),
}


def load(source: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Compile functions whose free names are `values` and the helpers of facts."""
    namespace = {**_HELPERS, **values}
    exec(compile(source, "<policy>", "exec"), namespace)  # noqa: S102 - our own generated source, free of outside text
    return namespace


@functools.cache
def reader(fact: Fact) -> Callable[[Facts], Any]:
    """Make a function that reads one fact; None where it is unknown."""
    bases = sorted(names_in(fact.read) & BASES.keys())
    lines = [f"    {base} = {BASES[base]}" for base in bases]
    source = "\n".join(["def read(f):", *lines, f"    return {fact.read}"])
    read: Callable[[Facts], Any] = load(source, {})["read"]
    if fact.type is not FactType.CHOICE:
        return read
    values = frozenset(fact.values)
    return lambda f: value if (value := read(f)) in values else None


@functools.cache
def doubtful_names(fact: Fact) -> Callable[[Facts], tuple[str, ...]]:
    """Make a function that reads which names of a list are in doubt."""
    return reader(Fact(name=fact.name, type=fact.type, sentence=fact.sentence, read=fact.doubtful))
