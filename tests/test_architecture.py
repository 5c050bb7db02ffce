"""The house holds: a part imports itself and floors below it, never a neighbour or a floor above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.figures import figures

PACKAGE = Path(__file__).resolve().parent.parent / "reviewbot"

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"domain"}),
    frozenset({"policy"}),
    frozenset({"ports", "network", "secret_file"}),
    frozenset({"core", "tokportal", "ledger", "settings_table", "setting_values"}),
    frozenset({"safety"}),
    frozenset({"foresight"}),
    frozenset({"alarms"}),
    frozenset({"review", "orders", "channels", "console_settings", "key_settings"}),
    frozenset({"config"}),
    frozenset({"insights"}),
    frozenset({"history"}),
    frozenset({"presentation"}),
    frozenset({"runtime"}),
    frozenset({"web", "spark"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""From the ground up. `ports` lies between the engine and the story that plugs into it."""

MAY_MEET_THE_SIMULATOR = {"cli"}
LOOP = ("core", "safety", "foresight", "alarms", "review", "orders")
"""The rooms that decide, guard, tell and act."""
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    """Name the part (folder or top-level module) that a dotted reviewbot module belongs to."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


@cache
def tree_of(path: Path) -> ast.Module:
    """A file as Python sees it; several tests look at each."""
    return ast.parse(path.read_text())


def statements_of(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement of a file, at any depth: imports stand nowhere else."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield child
            yield from statements_of(child)


@cache
def imports_of(path: Path) -> set[str]:
    """Every reviewbot module that a file imports, anywhere in it."""
    found = set()
    for node in statements_of(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name == "reviewbot" or name.startswith("reviewbot.")}


def floor_of(part: str) -> int:
    """The floor a part lives on; a part that is on none is a mistake in this file or in the tree."""
    for number, floor in enumerate(FLOORS):
        if part in floor:
            return number
    raise AssertionError(f"{part!r} has no floor: name it in FLOORS or move it")


def offence(path: Path, target: str) -> str | None:
    """What is wrong with a file importing a module of ours; None where nothing is."""
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    part = part_of(target)
    if own == "__init__" or part in ("", own, "__version__"):
        return None
    place = f"{path.relative_to(PACKAGE)} imports {target}"
    if own == "simulator":
        return f"{place}: the simulator shares no code with the bot"
    if part == "simulator":
        return None if own in MAY_MEET_THE_SIMULATOR else f"{place}: the bot needs no simulator"
    return None if floor_of(part) < floor_of(own) else f"{place}: from its own floor or above"


def test_a_module_imports_only_itself_and_floors_below() -> None:
    """Imports point downwards, and neighbours on one floor do not know each other."""
    found = [offence(path, target) for path in MODULES for target in sorted(imports_of(path))]
    assert not [sentence for sentence in found if sentence]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("policy/language/parser.py", "reviewbot.review.poll.poll_once"),
        ("ledger/chain.py", "reviewbot.tokportal.client.ReadApi"),
        ("simulator/world.py", "reviewbot.domain.decision.Decision"),
        ("review/poll.py", "reviewbot.simulator.world.World"),
    ],
)
def test_an_import_that_points_elsewhere_is_an_offence(path: str, target: str) -> None:
    """Upwards, to a neighbour, out of the simulator and into it."""
    assert target in str(offence(PACKAGE / path, target))


def test_only_the_api_knows_httpx() -> None:
    """One room speaks HTTP to TokPortal; others that need HTTP say so here."""
    allowed = {"tokportal", "simulator", "channels", "runtime", "cli"}
    for path in MODULES:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        names = {
            alias.name.split(".")[0]
            for node in statements_of(tree_of(path))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "httpx" not in names or own in allowed, f"{path.name} imports httpx"


def test_the_loop_knows_no_kind_of_review() -> None:
    """What differs between kinds stands in tables; nothing in the loop asks which one it has."""
    kinds = {"comments", "accounts"}
    asks = (ast.Compare, ast.MatchValue, ast.Call, ast.Subscript)
    for path in sorted(path for room in LOOP for path in (PACKAGE / room).rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, asks):
                continue
            named = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            where = f"{path.name}:{getattr(node, 'lineno', '?')}"
            assert not kinds & {n for n in named if isinstance(n, str)}, f"{where} asks for a kind"


def test_a_loop_variable_is_the_noun() -> None:
    """One word has one meaning: what a loop goes through has its noun, and `one` is one of two."""
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.For | ast.comprehension):
                names = {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
                where = f"{path.relative_to(PACKAGE)}:{node.target.lineno}"
                assert "one" not in names or names & {"other", "two"}, where


LANGUAGE, CONSOLE = 11_392, 5_000
"""What the wider language and the console may add to the bot, in lines."""

PACKAGING = 2_500
"""What being watched may add to the bot (metrics, channels, silences, traces), in lines."""

REPLICAS = 2_900
"""What a ledger of many keys and their leases may add to the bot, in lines, and the same to its tests."""

KEYS = 2_800
"""What many keys in one process may add to the bot, in lines, and the same to its tests."""

HISTORY = 2_324
"""What judging the past at any size may add to the bot (files, sums, processes, Spark), and to its tests."""

LADDERS = 1_640
"""What sealed decisions, ladders of rules, the week's digest, links in messages, and the tables and sliders of a draft
may add outside the console's rooms."""

YEARS = 1_900
"""What archive, erasure, retention and releases may add to the bot, in lines, and to its tests."""

NOUNS = 50
"""What the nouns of loops add where a line no longer fits, the age of a list, and a file of its own for revisions."""

WORDS = 1_080
"""What the words of a desk in limits, statements, named conditions, cases of texts, tests, account reviews and denials add."""

SHEETS = 660
"""What list files as people save them, lines that moved, and lines that a text swallowed add, in lines."""

LIMITS = {
    "lines of the bot": 49_000
    + LANGUAGE
    + CONSOLE
    + PACKAGING
    + KEYS
    + REPLICAS
    + HISTORY
    + LADDERS
    + YEARS
    + NOUNS
    + WORDS
    + SHEETS,
    "lines of the simulator": 4_000 + 50,
    "lines of the tests": 55_900 + 12_000 + PACKAGING + KEYS + REPLICAS + HISTORY + LADDERS + YEARS,
    "files of the bot and the simulator": 256 + 80 + 20 + 24 + 12 + 8 + 8 + 4 + 1 + 3,
    "files in circles": 0,
    "class names used twice": 0,
    "functions that take the context": 40,
    "longest file": 500,
    "longest body": 60,
    "most branches": 15,
    "bytes of the README": 9_000,
    "stops of perform": 13,
    "functions of perform": 39,
    "files entered by perform": 23,
    "stays in a file of perform": 233,
    "stops of answer": 20,
    "functions of answer": 55,
    "files entered by answer": 29,
    "stays in a file of answer": 292,
    "stops of intend": 8,
    "functions of intend": 36,
    "files entered by intend": 7,
    "stays in a file of intend": 35,
}
"""Each figure as it is, and what the wider language and the console may add; never raised otherwise."""


@pytest.mark.slow  # `make check` runs it each time
@pytest.mark.parametrize("name", LIMITS)
def test_the_house_does_not_grow_worse(name: str) -> None:
    """`python -m tests.figures` prints them all."""
    assert figures()[name] <= LIMITS[name]
