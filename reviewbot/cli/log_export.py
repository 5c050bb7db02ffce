"""`reviewbot log export`: decisions as JSON lines, CSV or Parquet, a few at a time."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import click
import msgspec

from reviewbot.cli.command import Command, Example, config_option, format_option, ledger_option
from reviewbot.cli.opening import ProgressLine, ledger_for_reading
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import Action, Decision, Mode, State
from reviewbot.domain.errors import ConfigError, UsageError
from reviewbot.domain.text import iso, quiet_bytes, safe_cell
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.format import counted
from reviewbot.presentation.machine_forms import COLUMNS, Kind, outcome_of, row_of

# ------------------------------------------------------------------------------------------------
# The forms in which the log leaves the program, and the ways to say which part of it is meant.


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as `log show --format json` writes it; the order is that of the documented form."""

    id: str
    seq: int
    decided_at: datetime
    review: str
    task_id: str
    round: int
    epoch: str | None
    action: str
    rule: str
    reason: str | None
    policy: str
    revision: str
    mode: str
    deadline_at: datetime | None
    outcome: str
    settled_at: datetime | None
    trace: msgspec.Raw
    facts: msgspec.Raw
    deadline_is_estimate: bool | msgspec.UnsetType = msgspec.UNSET
    """There and true where the API states no deadline."""
    second_look: str | msgspec.UnsetType = msgspec.UNSET
    """There where it was decided while the checker was sick: why a person should look again."""


def log_line(logged: Logged, second_look: str | None = None) -> LogLine:
    """Put a decision into the documented form; `second_look` says why it needs one."""
    decision = logged.decision
    return LogLine(
        id=decision.id,
        seq=logged.seq,
        decided_at=decision.decided_at,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        epoch=decision.epoch,
        action=decision.action.value,
        rule=decision.rule,
        reason=decision.reason,
        policy=decision.policy,
        revision=decision.revision,
        mode=decision.mode.value,
        deadline_at=decision.deadline_at,
        outcome=outcome_of(logged),
        settled_at=logged.settled_at,
        trace=msgspec.Raw(decision.trace),
        facts=msgspec.Raw(decision.facts),
        deadline_is_estimate=decision.deadline_is_estimate or msgspec.UNSET,
        second_look=second_look or msgspec.UNSET,
    )


class SinceType(click.ParamType[datetime]):
    """A moment, or how long ago one was: `2026-06-02T12:00:00Z`, `24h`, `7d`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it, or say what it looks like."""
        from reviewbot.config import read_seconds
        from reviewbot.domain.text import parse_iso

        if isinstance(value, datetime):
            return value
        try:
            return parse_iso(value)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) - timedelta(seconds=read_seconds(value))
        except ConfigError:
            self.fail(f"{value!r} is no moment; write 2026-06-02T12:00:00Z, 24h or 7d", param, ctx)


since_option = click.option(
    "--since", type=SinceType(), help="Only what was decided since: a moment, or 24h, 7d."
)


task_option = click.option(
    "--task", metavar="ID", help="Only one task's; the beginning of its id will do."
)


def chosen(ledger: Ledger, *, task: str | None, since: datetime | None) -> Iterator[Logged]:
    """Walk over the decisions that the options mean, oldest first and a few at a time."""
    for logged in ledger.iter_decisions():
        decision = logged.decision
        if task is not None and not decision.task_id.startswith(task):
            continue
        if since is None or decision.decided_at >= since:
            yield logged


_PLAIN = re.compile(r"[A-Za-z0-9][ -~]*").fullmatch
"""What nothing need be done to, and that is nearly all."""


SHOWN = 1_000
"""So often, in decisions, a terminal hears how far it is."""


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log export --output decisions.jsonl", "one JSON object a line"),
        Example("reviewbot log export --format csv --since 30d --output june.csv", "for a sheet"),
        Example(
            "reviewbot log export --format parquet --output june.parquet",
            "typed columns, for DuckDB and the like, and for  policy backtest --records",
        ),
    ],
)
@task_option
@since_option
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there, not to stdout.")
@ledger_option
@config_option
@format_option("jsonl", "csv", "parquet")
@click.pass_obj
def export(
    screen: Screen,
    task: str | None,
    since: datetime | None,
    output: str | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Write out every decision with its trace and facts, oldest first.

    The fields are those of  log show --format json;  a table has the account, the amount and the
    person beside them. However long the log is, only a few decisions are held in memory, and a
    running bot is not disturbed. FILE appears when it is whole. Parquet needs a FILE, and
    pip install 'reviewbot[parquet]'.
    """
    if form == "parquet":
        need_arrow()
        if output is None:
            raise UsageError("Parquet is written to a file: name one with --output FILE")
    progress, count = ProgressLine(screen), 0

    def told(found: Iterable[Logged]) -> Iterator[Logged]:
        nonlocal count
        for one in found:
            yield one
            count += 1
            if count % SHOWN == 0:
                progress(f"{counted(count, 'decision')} written")

    with ledger_for_reading(ledger=ledger, config=config) as opened, _target(output) as file:
        _WRITERS[form](file, told(chosen(opened, task=task, since=since)))
    progress.done()
    screen.say(f"{counted(count, 'decision')} written{f' to {output}' if output else ''}")


@contextmanager
def _target(output: str | None) -> Iterator[BinaryIO]:
    """The stream to write to; a file takes its name only at the end."""
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    path = Path(output)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_lines(file: BinaryIO, found: Iterable[Logged]) -> None:
    encode = msgspec.json.Encoder().encode
    for one in found:
        file.write(quiet_bytes(encode(log_line(one))) + b"\n")


def _write_csv(file: BinaryIO, found: Iterable[Logged]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    sheet = csv.writer(text)
    sheet.writerow([field.name for field in COLUMNS])
    for one in found:
        row = zip(COLUMNS, row_of(one), strict=True)
        sheet.writerow(_json(v) if field.kind == "json" else _cell(v) for field, v in row)
    text.detach()


def _write_parquet(file: BinaryIO, found: Iterable[Logged]) -> None:

    write_parquet(file, found)


def _cell(value: Any) -> str:
    """A value as a cell; a text that a sheet would compute is marked as a text."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return iso(value)
        case str():
            return value if _PLAIN(value) else safe_cell(value, longest=len(value) * 10)
    return str(value)


def _json(text: str) -> str:
    """JSON as a cell: what is not plain stands in it as JSON's own escapes."""
    return text if text.isascii() else json.dumps(msgspec.json.decode(text))


_WRITERS: dict[str, Callable[[BinaryIO, Iterable[Logged]], None]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}


# ------------------------------------------------------------------------------------------------
# Decisions as a Parquet file: written in row groups, and read back to be judged again.


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
