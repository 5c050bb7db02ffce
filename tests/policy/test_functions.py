"""The source of whole functions, to the letter."""

from __future__ import annotations

import pytest

from reviewbot.policy.engine.conditions import (
    All,
    Arm,
    Not,
    Or,
    attempt_function,
    leaves_of,
    plain_function,
    traced_attempt_function,
    traced_function,
)
from reviewbot.policy.operators import Emitted, FactView
from tests.policy.some_leaves import A, B, E, S

PLAIN = (
    Arm(All((A, B)), "return 0", "cant |= 1"),
    Arm(Or((A, E)), "return 1", "cant |= 2"),
    Arm(E, "return 2"),
    Arm(Or(()), "return 3"),
    Arm(Not(S), "return 4"),
    Arm(All(()), "return 5"),
)
TRACED = tuple(arm._replace(then=f"{arm.then}, {{leaves}}") for arm in PLAIN)
CHECKS = Emitted(
    FactView("checks", "asked(attempts)", frozenset({"attempts"})),
    possible="{read}[0] is not False",
    sure="{read}[0] is True",
    outcome="{read}[0]",
    slot="{x}[1]",
)


def test_a_plain_function_leaves_a_rule_at_the_first_condition_that_fails() -> None:
    """What cannot hold has no code; what always holds has no test."""
    assert f"{plain_function('judge', PLAIN, 'return -1')}\n" == PLAIN_SOURCE


def test_a_triage_gives_up_where_evidence_is_needed() -> None:
    """Nothing of it is read."""
    assert f"{plain_function('judge', PLAIN, 'return -1', triage=True)}\n" == TRIAGE_SOURCE


def test_a_traced_function_keeps_every_outcome() -> None:
    """A test that two rules share is asked once and stands in both places."""
    arms = (*TRACED, Arm(CHECKS, "return 6, {leaves}"))
    assert f"{traced_function('judge', arms, 'return -1, {leaves}')}\n" == TRACED_SOURCE


@pytest.mark.parametrize("quantifier", ["any", "every", "no"])
def test_a_quantifier_stops_at_the_attempt_that_settles_it(quantifier: str) -> None:
    """Without attempts the answer is known; without a timeline nothing is."""
    made = attempt_function("asked", quantifier, Or((All((A, B)), All((B, E)))))
    assert f"{made}\n" == ATTEMPT_SOURCES[quantifier]


@pytest.mark.parametrize("quantifier", ["any", "every", "no"])
def test_a_traced_quantifier_asks_every_attempt(quantifier: str) -> None:
    """It gives the answer and a row for each."""
    made = traced_attempt_function("asked", quantifier, Or((A, Not(B))))
    assert f"{made}\n" == TRACED_ATTEMPT_SOURCES[quantifier]


def test_leaves_stand_from_left_to_right() -> None:
    """As often as they are named."""
    assert list(leaves_of(All((Or((B, Not(A))), E, A)))) == [B, A, E, A]


PLAIN_SOURCE = """\
def judge(f):
    last = f.last
    now = f.now
    task = f.task
    e = _unread
    cant = shadow = 0
    if ((a := f_a()) is not False and ((b := task.b) is None or b == 1)):
        if (a is True and (b is not None and b == 1)):
            return 0
        else:
            cant |= 1
    if (a is not False or ((e := last.e()) is None or e > 2)):
        if (a is True or ((e if e is not _unread else (e := last.e())) is not None and e > 2)):
            return 1
        else:
            cant |= 2
    if ((e if e is not _unread else (e := last.e())) is None or e > 2):
        if (e is not None and e > 2):
            return 2
        else:
            pass
    if (not (s := s())):
        if (not s):
            return 4
        else:
            pass
    return 5
    return -1
"""
TRIAGE_SOURCE = """\
def judge(f):
    now = f.now
    task = f.task
    cant = shadow = 0
    if ((a := f_a()) is not False and ((b := task.b) is None or b == 1)):
        if (a is True and (b is not None and b == 1)):
            return 0
        else:
            cant |= 1
    if a is True:
        return 1
    else:
        return None
    return None
    if (not (s := s())):
        if (not s):
            return 4
        else:
            pass
    return 5
    return -1
"""
TRACED_SOURCE = """\
def judge(f):
    attempts = f.attempts
    last = f.last
    now = f.now
    task = f.task
    cant = shadow = 0
    c0 = (a := f_a())
    c1 = (None if (b := task.b) is None else b == 1)
    if (c0 and c1):
        return 0, (c0, c1, )
    elif (c0 is not False and c1 is not False):
        cant |= 1
    c2 = (None if (e := last.e()) is None else e > 2)
    if (c0 or c2):
        return 1, (c0, c1, c0, c2, )
    elif (c0 is not False or c2 is not False):
        cant |= 2
    if c2:
        return 2, (c0, c1, c0, c2, c2, )
    elif c2 is not False:
        pass
    if False:
        return 3, (c0, c1, c0, c2, c2, )
    c3 = ((s := s()))
    if not c3 is not False:
        return 4, (c0, c1, c0, c2, c2, c3, )
    elif not c3:
        pass
    if True:
        return 5, (c0, c1, c0, c2, c2, c3, )
    c4 = (checks := asked(attempts))[0]
    if c4:
        return 6, (c0, c1, c0, c2, c2, c3, checks[1], )
    elif c4 is not False:
        pass
    return -1, (c0, c1, c0, c2, c2, c3, checks[1], )
"""
ATTEMPT_SOURCES = {
    "any": """\
def asked(attempts, now):
    if not attempts:
        return None if attempts is None else False
    open_answer = False
    for attempt in attempts:
        e = _unread
        if (((a := f_a()) is not False and ((b := task.b) is None or b == 1)) or (((b := task.b) is None or b == 1) and ((e := last.e()) is None or e > 2))):
            if ((a is True and (b is not None and b == 1)) or ((b is not None and b == 1) and ((e if e is not _unread else (e := last.e())) is not None and e > 2))):
                return True
            open_answer = True
    return None if open_answer else False
""",
    "every": """\
def asked(attempts, now):
    if not attempts:
        return None if attempts is None else False
    open_answer = False
    for attempt in attempts:
        e = _unread
        if not (((a := f_a()) is not False and ((b := task.b) is None or b == 1)) or (((b := task.b) is None or b == 1) and ((e := last.e()) is None or e > 2))):
            return False
        if not ((a is True and (b is not None and b == 1)) or ((b is not None and b == 1) and ((e if e is not _unread else (e := last.e())) is not None and e > 2))):
            open_answer = True
    return None if open_answer else True
""",
    "no": """\
def asked(attempts, now):
    if not attempts:
        return None if attempts is None else True
    open_answer = False
    for attempt in attempts:
        e = _unread
        if (((a := f_a()) is not False and ((b := task.b) is None or b == 1)) or (((b := task.b) is None or b == 1) and ((e := last.e()) is None or e > 2))):
            if ((a is True and (b is not None and b == 1)) or ((b is not None and b == 1) and ((e if e is not _unread else (e := last.e())) is not None and e > 2))):
                return False
            open_answer = True
    return None if open_answer else True
""",
}
TRACED_ATTEMPT_SOURCES = {
    "any": """\
def asked(attempts, now):
    if not attempts:
        return (None if attempts is None else False, ())
    yes = maybe = 0
    rows = []
    for attempt in attempts:
        c0 = (a := f_a())
        c1 = (None if (b := task.b) is None else b == 1)
        rows.append((c0, c1, ))
        if (c0 or not c1 is not False):
            yes += 1
        elif (c0 is not False or not c1):
            maybe += 1
    return (True if yes else (None if maybe else False), tuple(rows))
""",
    "every": """\
def asked(attempts, now):
    if not attempts:
        return (None if attempts is None else False, ())
    yes = maybe = 0
    rows = []
    for attempt in attempts:
        c0 = (a := f_a())
        c1 = (None if (b := task.b) is None else b == 1)
        rows.append((c0, c1, ))
        if (c0 or not c1 is not False):
            yes += 1
        elif (c0 is not False or not c1):
            maybe += 1
    return (False if yes + maybe < len(rows) else (None if maybe else True), tuple(rows))
""",
    "no": """\
def asked(attempts, now):
    if not attempts:
        return (None if attempts is None else True, ())
    yes = maybe = 0
    rows = []
    for attempt in attempts:
        c0 = (a := f_a())
        c1 = (None if (b := task.b) is None else b == 1)
        rows.append((c0, c1, ))
        if (c0 or not c1 is not False):
            yes += 1
        elif (c0 is not False or not c1):
            maybe += 1
    return (False if yes else (None if maybe else True), tuple(rows))
""",
}
