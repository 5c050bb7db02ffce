"""The file of tests beside a policy: one more test is put in, and not one other character moves."""

from __future__ import annotations

from collections.abc import Sequence as Items

from reviewbot.policy.yamltree import Mapping, Sequence, Tree, load_yaml


class NoRoomError(Exception):
    """The file holds its tests in a form to which no line can be added."""


def with_test(source: str, test: Items[str]) -> str:
    """Put the lines of a test behind the last one of a file, which may be empty.

    Raises NoRoomError, for instance where the tests are written `[…]`.
    """
    document = load_yaml(source)
    if document.root is None and source.strip() and not _only_comments(source):
        raise NoRoomError("it has mistakes: run  reviewbot policy check  first")
    tests = _tests(document.root)
    if tests is None:
        head = [] if document.root is not None else ["tests:"]
        if not head:
            raise NoRoomError("it has no list under  tests:")
        body = source if not source or source.endswith("\n") else source + "\n"
        return body + "\n".join([*head, *_indented(test, 2)]) + "\n"
    lines = source.split("\n")
    first = tests.items[0].span
    column = lines[first.line - 1].find("- ")
    if column < 0 or lines[first.line - 1][:column].strip():
        raise NoRoomError("its tests do not stand one below the other")
    last = _last_line(tests)
    while last < len(lines) and _is_comment_within(lines[last], column):
        last += 1
    apart = [""] if len(tests.items) < 2 or _stand_apart(tests, lines) else []
    lines[last:last] = [*apart, *_indented(test, column)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _tests(root: Tree | None) -> Sequence | None:
    if isinstance(root, Mapping):
        root = next((value for key, value in root.entries if key.value == "tests"), None)
    return root if isinstance(root, Sequence) and root.items else None


def _only_comments(source: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in source.split("\n"))


def _indented(test: Items[str], column: int) -> list[str]:
    return [" " * column + line for line in test]


def _last_line(tree: Tree) -> int:
    """The last line on which something of the tree stands."""
    match tree:
        case Mapping(entries=entries):
            return max(_last_line(part) for entry in entries for part in entry)
        case Sequence(items=items) if items:
            return max(map(_last_line, items))
        case Sequence(span=span):
            return span.end_line
    return max(tree.last_line, tree.span.line)


def _is_comment_within(line: str, column: int) -> bool:
    """Whether a line is a remark on the test above it."""
    text = line.lstrip()
    return text.startswith("#") and len(line) - len(text) > column


def _stand_apart(tests: Sequence, lines: Items[str]) -> bool:
    """Whether the author left a line between tests."""
    return not lines[tests.items[1].span.line - 2].strip()
