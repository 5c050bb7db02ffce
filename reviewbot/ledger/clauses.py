"""Conditions of statements that each database writes its own way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import FromClause, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

from reviewbot.ledger.events import is_name


def names_of(names: Iterable[str]) -> str:
    """Names as the parameter `names` of a statement: any number of them in one, so that it stays the same.

    What can be no name stands nowhere, and a database would refuse the question for all of them.
    """
    return msgspec.json.encode([name for name in names if is_name(name)]).decode()


class OfOneKey(ColumnElement[bool]):
    """The row is one of the key that is asked about.

    SQLite keeps no statistics here, and would take the key alone for as good as all of an index: on a
    database with one key it tells nothing apart.
    """

    inherit_cache = False

    def __init__(self, table: FromClause) -> None:
        self.is_ours = table.c.key == bindparam("key")


@compiles(OfOneKey, "sqlite")
def _ours_in_sqlite(ours: OfOneKey, compiler: SQLCompiler, **options: Any) -> str:
    return f"likelihood({compiler.process(ours.is_ours, **options)}, 0.9)"


@compiles(OfOneKey, "postgresql")
def _ours_in_postgresql(ours: OfOneKey, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(ours.is_ours, **options)


class Among(ColumnElement[bool]):
    """The column equals one of a list in JSON: the parameter `names`, or `numbers`.

    SQLite is told that few rows do, or it would rather read all of a key than look each of them up.
    """

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], *, numbers: bool = False) -> None:
        self.column, self.suffix = column, "::bigint" if numbers else ""
        self.names: ColumnElement[Any] = bindparam("numbers" if numbers else "names")


@compiles(Among, "sqlite")
def _in_sqlite(among: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, names = (compiler.process(part, **options) for part in (among.column, among.names))
    return f"unlikely({column} IN (SELECT value FROM json_each({names})))"  # noqa: S608  both are made by the compiler


@compiles(Among, "postgresql")
def _in_postgresql(among: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, names = (compiler.process(part, **options) for part in (among.column, among.names))
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text({names}::json){among.suffix}))"
