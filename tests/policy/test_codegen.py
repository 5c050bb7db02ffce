"""Conditions as source: what is asked, in which order, and what is certainly read after it."""

from __future__ import annotations

import pytest

from reviewbot.policy.engine.conditions import All, Code, Known, Not, Or, Tree, Writer
from tests.policy.some_leaves import A, B, E, N, S

NOTHING: Known = frozenset()


def told(code: Code) -> tuple[str, str, str, str]:
    """An expression, and what is read after it: if true, if false, and however it came out."""
    after = (code.when_true, code.when_false, code.always)
    return (code.text, *(" ".join(sorted(known)) for known in after))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("tree", "blind", "possible", "sure", "guarded", "bases"),
    [
        pytest.param(
            A,
            False,
            ("(a := f_a()) is not False", "a", "a", "a"),
            ("a is True", "a", "a", "a"),
            "",
            "task",
            id="a leaf",
        ),
        pytest.param(
            E,
            False,
            ("((e := last.e()) is None or e > 2)", "e", "e", "e"),
            ("(e is not None and e > 2)", "e", "e", "e"),
            "",
            "last",
            id="a leaf of evidence",
        ),
        pytest.param(
            E,
            True,
            ("True", "", "", ""),
            ("False", "", "", ""),
            "",
            "",
            id="a leaf of evidence, blind",
        ),
        pytest.param(
            N,
            False,
            ("(n := n()) is not True", "n", "n", "n"),
            ("n is False", "n", "n", "n"),
            "",
            "",
            id="a negated leaf",
        ),
        pytest.param(
            All((A, B)),
            False,
            ("((a := f_a()) is not False and ((b := task.b) is None or b == 1))", "a b", "a", "a"),
            ("(a is True and (b is not None and b == 1))", "a b", "a b", "a b"),
            "",
            "task",
            id="all",
        ),
        pytest.param(
            Or((A, B, E)),
            False,
            (
                "((a := f_a()) is not False or ((b := task.b) is None or b == 1) or ((e := last.e()) is None or e > 2))",
                "a",
                "a b e",
                "a",
            ),
            (
                "(a is True or ((b := task.b) is not None and b == 1) or ((e if e is not _unread else (e := last.e())) is not None and e > 2))",
                "a",
                "a b e",
                "a",
            ),
            "e",
            "last task",
            id="any",
        ),
        pytest.param(
            Or((A, B, E)),
            True,
            ("True", "", "", ""),
            (
                "((a if a is not _unread else (a := f_a())) is True or ((b := task.b) is not None and b == 1))",
                "a",
                "a b",
                "a",
            ),
            "a",
            "task",
            id="any, blind",
        ),
        pytest.param(
            Not(All((A, Not(E)))),
            False,
            (
                "(not ((a := f_a()) is True and (not ((e := last.e()) is None or e > 2))))",
                "a",
                "a e",
                "a",
            ),
            (
                "(not (a is not False and (not ((e if e is not _unread else (e := last.e())) is not None and e > 2))))",
                "a",
                "a e",
                "a",
            ),
            "e",
            "last task",
            id="not",
        ),
        pytest.param(
            Not(All((A, Not(E)))),
            True,
            ("True", "", "", ""),
            ("(not (a if a is not _unread else (a := f_a())) is not False)", "a", "a", "a"),
            "a",
            "task",
            id="not, blind",
        ),
        pytest.param(
            All(()),
            False,
            ("True", "", "", ""),
            ("True", "", "", ""),
            "",
            "",
            id="all of nothing",
        ),
        pytest.param(
            Or(()),
            False,
            ("False", "", "", ""),
            ("False", "", "", ""),
            "",
            "",
            id="any of nothing",
        ),
        pytest.param(
            All((Or((A, E)), Not(Or((B, A))), E)),
            False,
            (
                "(((a := f_a()) is not False or ((e := last.e()) is None or e > 2)) and (not (((b := task.b) is not None and b == 1) or a is True)) and ((e if e is not _unread else (e := last.e())) is None or e > 2))",
                "a b e",
                "a",
                "a",
            ),
            (
                "((a is True or (e is not None and e > 2)) and (not ((b is None or b == 1) or a is not False)) and (e is not None and e > 2))",
                "a b e",
                "a b e",
                "a b e",
            ),
            "e",
            "last task",
            id="nested",
        ),
        pytest.param(
            All((Or((A, E)), Not(Or((B, A))), E)),
            True,
            (
                "(not (((b := task.b) is not None and b == 1) or (a if a is not _unread else (a := f_a())) is True))",
                "a b",
                "b",
                "b",
            ),
            ("False", "a b", "a b", "a b"),
            "a",
            "task",
            id="nested, blind",
        ),
        pytest.param(
            All((Or(()), A)),
            False,
            ("False", "", "", ""),
            ("False", "", "", ""),
            "",
            "",
            id="all with a constant",
        ),
        pytest.param(
            Or((All(()), A)),
            False,
            ("True", "", "", ""),
            ("True", "", "", ""),
            "",
            "",
            id="any with a constant",
        ),
        pytest.param(
            All((Or((B,)),)),
            False,
            ("((b := task.b) is None or b == 1)", "b", "b", "b"),
            ("(b is not None and b == 1)", "b", "b", "b"),
            "",
            "task",
            id="one of one",
        ),
        pytest.param(
            Or((All((B, A)), All((B, E)))),
            False,
            (
                "((((b := task.b) is None or b == 1) and (a := f_a()) is not False) or ((b is None or b == 1) and ((e := last.e()) is None or e > 2)))",
                "b",
                "b",
                "b",
            ),
            (
                "(((b is not None and b == 1) and (a if a is not _unread else (a := f_a())) is True) or ((b is not None and b == 1) and ((e if e is not _unread else (e := last.e())) is not None and e > 2)))",
                "b",
                "b",
                "b",
            ),
            "a e",
            "last task",
            id="a plain attribute again",
        ),
        pytest.param(
            Or((All((B, A)), All((B, E)))),
            True,
            (
                "((((b := task.b) is None or b == 1) and (a := f_a()) is not False) or (b is None or b == 1))",
                "b",
                "b",
                "b",
            ),
            (
                "((b is not None and b == 1) and (a if a is not _unread else (a := f_a())) is True)",
                "a b",
                "b",
                "b",
            ),
            "a",
            "task",
            id="a plain attribute again, blind",
        ),
        pytest.param(
            All((S, Not(S))),
            False,
            ("((s := s()) and (not s))", "s", "s", "s"),
            ("(s and (not s))", "s", "s", "s"),
            "",
            "now",
            id="settled",
        ),
    ],
)
def test_a_condition_becomes_two_expressions(
    tree: Tree,
    blind: bool,
    possible: tuple[str, ...],
    sure: tuple[str, ...],
    guarded: str,
    bases: str,
) -> None:
    """Whether it may hold, and where it may, whether it surely does; costly facts are read once."""
    writer = Writer(without_evidence=blind)
    first = writer.possible(tree, NOTHING)
    assert told(first) == possible
    assert told(writer.sure(tree, first.when_true)) == sure
    assert " ".join(sorted(writer.guarded)) == guarded
    assert " ".join(sorted(writer.bases)) == bases


@pytest.mark.parametrize(
    ("tree", "open_answer", "any_answer"),
    [
        pytest.param(A, ("False", "a", "a", "a"), ("False", "", "", ""), id="a leaf"),
        pytest.param(E, ("True", "", "", ""), ("True", "", "", ""), id="a leaf of evidence"),
        pytest.param(N, ("False", "n", "n", "n"), ("False", "", "", ""), id="a negated leaf"),
        pytest.param(All((A, B)), ("False", "a b", "a b", "a b"), ("False", "", "", ""), id="all"),
        pytest.param(
            Or((A, B, E)),
            ("True", "a b", "a b", "a b"),
            (
                "(not ((a := f_a()) is True or ((b := task.b) is not None and b == 1)))",
                "a b",
                "a",
                "a",
            ),
            id="any",
        ),
        pytest.param(
            Not(All((A, Not(E)))),
            ("True", "a", "a", "a"),
            ("(a := f_a()) is not False", "a", "a", "a"),
            id="not",
        ),
        pytest.param(All(()), ("False", "", "", ""), ("False", "", "", ""), id="all of nothing"),
        pytest.param(Or(()), ("False", "", "", ""), ("False", "", "", ""), id="any of nothing"),
        pytest.param(
            All((Or((A, E)), Not(Or((B, A))), E)),
            ("True", "a b", "a b", "a b"),
            (
                "(not (((b := task.b) is not None and b == 1) or (a if a is not _unread else (a := f_a())) is True))",
                "a b",
                "b",
                "b",
            ),
            id="nested",
        ),
        pytest.param(
            All((Or(()), A)),
            ("False", "", "", ""),
            ("False", "", "", ""),
            id="all with a constant",
        ),
        pytest.param(
            Or((All(()), A)),
            ("False", "", "", ""),
            ("False", "", "", ""),
            id="any with a constant",
        ),
        pytest.param(
            All((Or((B,)),)), ("False", "b", "b", "b"), ("False", "", "", ""), id="one of one"
        ),
        pytest.param(
            Or((All((B, A)), All((B, E)))),
            ("(b is None or b == 1)", "b", "b", "b"),
            (
                "(((b := task.b) is None or b == 1) and (not ((b is not None and b == 1) and (a := f_a()) is True)))",
                "b",
                "b",
                "b",
            ),
            id="a plain attribute again",
        ),
        pytest.param(
            All((S, Not(S))), ("False", "s", "s", "s"), ("False", "", "", ""), id="settled"
        ),
    ],
)
def test_evidence_is_needed_where_it_could_change_the_answer(
    tree: Tree, open_answer: tuple[str, ...], any_answer: tuple[str, ...]
) -> None:
    """Where the answer is open any evidence could; else it must not be settled by what is known."""
    writer = Writer(without_evidence=True)
    first = writer.possible(tree, NOTHING)
    second = writer.sure(tree, first.when_true)
    assert told(writer.needs(tree, second.when_false, open_answer=True)) == open_answer
    assert told(Writer(without_evidence=True).needs(tree, NOTHING)) == any_answer


def test_an_outcome_reads_what_is_not_read_yet() -> None:
    """With what is known before, and after."""
    writer = Writer()
    first = writer.outcome(B, NOTHING)
    assert told(first) == ("(None if (b := task.b) is None else b == 1)", "b", "b", "b")
    assert writer.outcome(B, first.always).text == "(None if b is None else b == 1)"
