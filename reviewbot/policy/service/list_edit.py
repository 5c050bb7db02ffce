"""Lists of a policy as a table edits them: an entry more or less, the rest of the text as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.model import ListEntry, NamedList, Policy

BY_HAND = "this list is written in a way that only the editor can change"
Read = Callable[[str], Parsed]
"""Reads a text of the policy."""


class CannotEdit(ValueError):
    """A list that no table can change; the message says what to do instead."""


def with_entry(policy: Policy, name: str, entry: ListEntry, read: Read) -> str:
    """The text with an entry added to a list, or in the place of the one of its value. Raises CannotEdit."""
    named = _named(policy, name)
    kept = tuple(other for other in named.entries if other.id.casefold() != entry.id.casefold())
    source = _added(policy.source, named, entry)
    if len(kept) < len(named.entries):
        both = read(source).policy
        if both is None:
            raise CannotEdit(BY_HAND)
        source = _removed(source, _named(both, name), entry.id)
    return _checked(source, name, (*kept, entry), read)


def without_entry(policy: Policy, name: str, value: str, read: Read) -> str:
    """The text without an entry of a list. Raises CannotEdit."""
    named = _named(policy, name)
    kept = tuple(entry for entry in named.entries if entry.id != value)
    if len(kept) == len(named.entries):
        raise CannotEdit(f"{value!r} is not in this list any more")
    if not kept:
        raise CannotEdit("a list needs one entry at least: take the list out in the editor")
    return _checked(_removed(policy.source, named, value), name, kept, read)


def _named(policy: Policy, name: str) -> NamedList:
    found = _found(policy, name)
    if found is None:
        raise CannotEdit(f"the policy has no list {name!r}")
    if found.file is not None:
        raise CannotEdit(f"this list is the file {found.file}: change it there")
    return found


def _found(policy: Policy, name: str) -> NamedList | None:
    return next((named for named in policy.lists if named.name == name), None)


def _checked(source: str, name: str, wanted: tuple[ListEntry, ...], read: Read) -> str:
    """The text, where it reads as what was meant and nothing else."""
    policy = read(source).policy
    named = None if policy is None else _found(policy, name)
    if named is None or sorted(map(_plain, named.entries)) != sorted(map(_plain, wanted)):
        raise CannotEdit(BY_HAND)
    return source


def _plain(entry: ListEntry) -> tuple[str, str, str]:
    return entry.id, entry.note or "", "" if entry.until is None else entry.until.isoformat()


def _is_block(lines: list[str], entry: ListEntry) -> bool:
    return lines[entry.span.line - 1].lstrip().startswith("- ")


def _added(source: str, named: NamedList, entry: ListEntry) -> str:
    lines = source.splitlines(keepends=True)
    last = named.entries[-1]
    if not _is_block(lines, last):
        return _as_block(source, named, (*named.entries, entry))
    first = lines[last.span.line - 1]
    indent = first[: len(first) - len(first.lstrip())]
    lines.insert(_end(lines, last), f"{indent}- {_written(entry)}\n")
    return "".join(lines)


def _removed(source: str, named: NamedList, value: str) -> str:
    lines = source.splitlines(keepends=True)
    entry = next(other for other in named.entries if other.id.casefold() == value.casefold())
    if not _is_block(lines, entry):
        rest = tuple(other for other in named.entries if other is not entry)
        return _as_block(source, named, rest)
    del lines[entry.span.line - 1 : _end(lines, entry)]
    return "".join(lines)


def _end(lines: list[str], entry: ListEntry) -> int:
    """How many lines there are up to the end of an entry: what is indented deeper than its dash is its."""
    dash = len(lines[entry.span.line - 1]) - len(lines[entry.span.line - 1].lstrip())
    at = entry.span.line
    while at < len(lines) and lines[at].strip() and _indent(lines[at]) > dash:
        at += 1
    return at


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _as_block(source: str, named: NamedList, entries: tuple[ListEntry, ...]) -> str:
    """A list in brackets, written one entry a line."""
    lines = source.splitlines(keepends=True)
    start, end = named.span.line - 1, named.entries[-1].span.line - 1
    head, bracket, _ = lines[start].partition("[")
    while "]" not in lines[end] and end + 1 < len(lines):
        end += 1
    rest = lines[end].rpartition("]")[2].strip()
    if not bracket or (rest and not rest.startswith("#")):
        raise CannotEdit(BY_HAND)
    indent = " " * (_indent(lines[start]) + 2)
    block = [f"{indent}- {_written(entry)}\n" for entry in entries]
    return "".join([*lines[:start], head.rstrip() + "\n", *block, *lines[end + 1 :]])


def _written(entry: ListEntry) -> str:
    """An entry as YAML."""
    value = _quoted(entry.id)
    if entry.note is None and entry.until is None:
        return value
    note = f", note: {json.dumps(entry.note, ensure_ascii=False)}" if entry.note else ""
    until = f", until: {entry.until.isoformat()}" if entry.until else ""
    return f"{{id: {value}{note}{until}}}"


def _quoted(text: str) -> str:
    plain = text[:1].isalnum() and text.replace(".", "").replace("-", "").replace("_", "").isalnum()
    return text if plain else json.dumps(text, ensure_ascii=False)


def read_until(text: str) -> date | None:
    """The last day of an entry. Raises CannotEdit for what is no day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise CannotEdit(f"{text!r} is no day: write it like 2026-12-31") from None
