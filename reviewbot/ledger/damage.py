"""Damage: what stands in the log and cannot be read is an error of ours, never a crash.

Theory of operation. A database finds a page that is broken, not a value that has changed. Whatever
then fails while rows become values (a text that does not unpack, a state that is none, a number
where a text should be) means the same, so it is said once, around the whole ledger. What fails while a value is
written is none of it: `fitting.py` and `Connection.run` have made that an error of its own before.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import msgspec

from reviewbot.domain.errors import LedgerCorrupt

UNREADABLE = (
    zlib.error,
    msgspec.DecodeError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)

L = TypeVar("L")


def noticing_damage(ledger: type[L]) -> type[L]:
    """Make every public method raise LedgerCorrupt for what cannot be read."""
    for name, method in list(vars(ledger).items()):
        if callable(method) and not name.startswith("_"):
            setattr(ledger, name, _noticing(method))
    return ledger


def _noticing(method: Callable[..., Any]) -> Callable[..., Any]:
    if isgeneratorfunction(method):

        @wraps(method)
        def walk(*arguments: Any, **options: Any) -> Iterator[Any]:
            try:
                yield from method(*arguments, **options)
            except UNREADABLE as error:
                raise _damaged(error) from error

        return walk

    @wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except UNREADABLE as error:
            raise _damaged(error) from error

    return call


def _damaged(error: Exception) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"the ledger holds what cannot be read ({type(error).__name__}: {error});"
        " see  reviewbot log verify"
    )
