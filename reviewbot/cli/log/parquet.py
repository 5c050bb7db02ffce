"""Decisions as a Parquet file: written in row groups, and read back to be judged again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from reviewbot.cli.log.columns import COLUMNS, Kind, row_of
from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.lifecycle import State
from reviewbot.ports import Logged

ROWS = 2_000
"""Decisions in a row group; so many are held in memory at a time."""

_MAGIC = b"PAR1"
_NEEDED = frozenset(
    {"seq", "id", "decided_at", "review", "task_id", "round", "epoch", "action", "rule", "policy"}
    | {"revision", "mode", "account_id", "amount_micros", "decided_by", "trace", "facts"}
)


def is_parquet(path: Path) -> bool:
    """Whether a file is one, by its first bytes. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def write_parquet(file: BinaryIO, found: Iterable[Logged]) -> None:
    """Write decisions, a row group at a time."""
    arrow, parquet = need_arrow()
    schema = arrow.schema([(field.name, _type(arrow, field.kind)) for field in COLUMNS])
    rows = map(row_of, found)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROWS)):
            columns = zip(*group, strict=True)
            arrays = [
                arrow.array(values, type=field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def read_parquet(path: Path, unread: Callable[[int, str], None]) -> Iterator[Logged]:
    """Give the decisions of an exported file in the order of the log, without texts and outcomes.

    A row that is no decision goes to `unread`, counted from 1, with why. Raises UsageError for a file that lacks what judging again needs.
    """
    arrow, parquet = need_arrow()
    try:
        with parquet.ParquetFile(path) as file:
            missing = sorted(_NEEDED - set(file.schema_arrow.names))
            if missing:
                raise UsageError(
                    f"{path} holds no exported decisions: the column {missing[0]!r} is missing;"
                    " write one with  reviewbot log export --format parquet"
                )
            groups = file.iter_batches(ROWS, columns=sorted(_NEEDED))
            rows = chain.from_iterable(group.to_pylist() for group in groups)
            for number, row in enumerate(rows, 1):
                try:
                    decision = _logged(row)
                except (ValueError, AttributeError) as error:
                    unread(number, f"this row is no decision: {error}")
                else:
                    yield decision
    except (arrow.ArrowInvalid, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def need_arrow() -> tuple[ModuleType | Any, ModuleType | Any]:
    """Load the library. Raises UsageError that says how to get it."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs a library that is not installed: pip install 'reviewbot[parquet]'"
        ) from error
    return arrow, parquet


def _type(arrow: Any, kind: Kind) -> Any:
    match kind:
        case "word":
            return arrow.dictionary(arrow.int32(), arrow.string())
        case "count" | "micros":
            return arrow.int64()
        case "moment":
            return arrow.timestamp("us", tz="UTC")
        case "yes or no":
            return arrow.bool_()
        case "usd":
            return arrow.decimal128(18, 6)
        case _:
            return arrow.string()


def _logged(row: dict[str, Any]) -> Logged:
    decision = Decision(
        id=row["id"],
        review=row["review"],
        task_id=row["task_id"],
        round=row["round"],
        epoch=row["epoch"],
        action=Action(row["action"]),
        rule=row["rule"],
        policy=row["policy"],
        revision=row["revision"],
        mode=Mode(row["mode"]),
        decided_at=row["decided_at"],
        account_id=row["account_id"],
        amount_micros=row["amount_micros"],
        trace=row["trace"].encode(),
        facts=row["facts"].encode(),
        decided_by=row["decided_by"],
    )
    return Logged(seq=row["seq"], decision=decision, state=State.HELD, state_at=row["decided_at"])
