"""How large the house is and how far one walks in it: `python -m tests.figures` prints the table.

Each figure is counted from the text of the code alone, but for the walks (`tests/walks.py`). `tests/test_architecture.py` holds each to its
limit; a limit is lowered when the code has become smaller, and never raised for convenience.
"""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests import walks

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "reviewbot"
CONTEXT = frozenset({"BotContext"})
"""What the class of the whole bot is called."""
BRANCHES = (
    *(ast.If, ast.For, ast.While, ast.ExceptHandler, ast.match_case, ast.IfExp),
    *(ast.comprehension,),
)


@cache
def tree_of(path: Path) -> ast.Module:
    """A file as Python sees it."""
    return ast.parse(path.read_text())


def files(part: str) -> list[Path]:
    """The files of `bot`, `simulator` or `tests`."""
    if part == "tests":
        return sorted((ROOT / "tests").rglob("*.py"))
    simulator = PACKAGE / "simulator"
    every = sorted(PACKAGE.rglob("*.py"))
    return [path for path in every if path.is_relative_to(simulator) == (part == "simulator")]


def lines(paths: list[Path]) -> int:
    """How many lines they have together."""
    return sum(len(path.read_text().splitlines()) for path in paths)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, at any depth."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    end = function.end_lineno or function.lineno
    return end - body[0].lineno + 1 if body else 0


def branches(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """1, and one more for each way through it: if, for, while, except, case, comprehension, and/or."""
    found = 1
    for node in ast.walk(function):
        found += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
    return found


def imports() -> dict[str, set[str]]:
    """Which of our modules each imports, annotations and inner imports counted."""
    every = {module_of(path): path for path in files("bot")}
    found: dict[str, set[str]] = {}
    for module, path in every.items():
        found[module] = set()
        for node in ast.walk(tree_of(path)):
            for name in _named(node):
                target = name if name in every else name.rpartition(".")[0]
                if target in every and target != module:
                    found[module].add(target)
    return found


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, the largest first (Tarjan's components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            place = stack.index(module)
            group = stack[place:]
            del stack[place:]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return sorted(found, key=len, reverse=True)


def shared_class_names() -> list[str]:
    """Class names that stand for more than one thing, simulator included; private ones left out."""
    names = Counter(
        node.name
        for part in ("bot", "simulator")
        for path in files(part)
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(name for name, count in names.items() if count > 1)


def context_signatures() -> int:
    """How many functions take the whole bot."""
    return sum(
        any(_says_context(argument.annotation) for argument in _arguments(function))
        for path in files("bot")
        for function in functions(path)
    )


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _says_context(annotation: ast.expr | None) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id in CONTEXT
        for node in ast.walk(annotation or ast.Pass())
    )


@cache
def figures() -> dict[str, int]:
    """Every figure by its name."""
    bot, simulator, tests = files("bot"), files("simulator"), files("tests")
    ours = [
        function
        for path in (*bot, *simulator)
        if "migrations" not in path.parts
        for function in functions(path)
    ]
    median = statistics.median(
        len(path.read_text().splitlines()) for path in bot if path.name != "__init__.py"
    )
    graph = imports()
    return {
        "lines of the bot": lines(bot),
        "lines of the simulator": lines(simulator),
        "lines of the tests": lines(tests),
        "files of the bot and the simulator": len(bot) + len(simulator),
        "median lines of a file": int(median),
        "longest file": max(len(path.read_text().splitlines()) for path in (*bot, *simulator)),
        "longest body": max(body_lines(function) for function in ours),
        "most branches": max(branches(function) for function in ours),
        "files in circles": sum(len(group) for group in circles(graph)),
        "class names used twice": len(shared_class_names()),
        "functions that take the context": context_signatures(),
        "median imports of a file": int(statistics.median(len(t) for t in graph.values())),
        "bytes of the README": len((ROOT / "README.md").read_bytes()),
        **walks.figures(),
    }


if __name__ == "__main__":
    for name, figure in figures().items():
        print(f"{name:36}{figure:>8,}")
