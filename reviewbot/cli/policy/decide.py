"""`reviewbot policy decide`: judge recorded tasks, without network and without a decision log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import click
import msgspec

from reviewbot.api.reading import Unreadable
from reviewbot.api.wire import Record, decode_record
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import MomentType
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.policy.recorded import facts_of
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import iso
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Evaluation

_BATCH = 500


class Answer(msgspec.Struct, frozen=True):
    """One line of the answer, in the order of the documented form."""

    id: str
    action: str
    rule: str
    reason: str | None
    until: str | None
    cannot_tell: tuple[str, ...]


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy decide policies/starter.yaml --records tasks.jsonl", "judge all"),
        Example(
            "reviewbot policy decide policies/starter.yaml --records tasks.jsonl"
            " --at 2026-06-02T12:00:00Z",
            "as of that moment, where a record names none",
        ),
    ],
)
@click.argument("file", type=click.Path())
@click.option("--records", required=True, type=click.Path(), help="JSON lines; - reads stdin.")
@click.option("--at", type=MomentType(), help="The moment to judge at; a record's own wins.")
@click.pass_obj
def decide(_screen: Screen, file: str, records: str, at: datetime | None) -> None:
    """Judge recorded tasks by policy FILE: one line of JSON each, in order.

    A record is {"task": {…API fields…}, "attempts": [{…}], "history": {"disputes": 0,
    "last_dispute_at": null}, "at": "2026-06-02T12:00:00Z"}; history and at may be left out.
    """
    judge = compile_policy(load_usable(file))
    default_at = at or datetime.now(UTC)
    out = click.get_binary_stream("stdout")
    encode = msgspec.json.Encoder().encode
    batch: list[bytes] = []
    for record in _read(records):
        evaluation = judge.judge(facts_of(record, default_at))
        batch.append(encode(_answer(record, evaluation)))
        if len(batch) == _BATCH:
            out.write(b"\n".join(batch) + b"\n")
            batch.clear()
    if batch:
        out.write(b"\n".join(batch) + b"\n")
    out.flush()


def _answer(record: Record, evaluation: Evaluation) -> Answer:
    return Answer(
        id=record.task.id,
        action=evaluation.action.value,
        rule=evaluation.rule,
        reason=evaluation.reason,
        until=iso(evaluation.until) if evaluation.until else None,
        cannot_tell=evaluation.cannot_tell,
    )


def _read(path: str) -> Iterator[Record]:
    try:
        stream = click.open_file(path, "rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        yield from _decoded(stream, path)


def _decoded(lines: Iterable[bytes], path: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield decode_record(line)
        except Unreadable as error:
            raise UsageError(f"{path}:{number}: {error}") from error
