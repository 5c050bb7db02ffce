"""A few leaves for tests of the source that is made of them: two of them costly, one of evidence."""

from __future__ import annotations

from reviewbot.policy.operators import Emitted, FactView, settled, three_way

A = three_way(FactView("a", "f_a()", frozenset({"task"})))
B = Emitted(
    FactView("b", "task.b", frozenset({"task", "elsewhere"}), costly=False),
    possible="({read} is None or {x} == 1)",
    sure="({read} is not None and {x} == 1)",
    outcome="(None if {read} is None else {x} == 1)",
)
E = Emitted(
    FactView("e", "last.e()", frozenset({"last"})),
    possible="({read} is None or {x} > 2)",
    sure="({read} is not None and {x} > 2)",
    outcome="(None if {read} is None else {x} > 2)",
    evidence=True,
)
N = three_way(FactView("n", "n()", frozenset()), True)
S = settled(FactView("s", "s()", frozenset({"now"})))
