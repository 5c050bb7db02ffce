"""What became of each row: as a table of those to look at, as sums, and as a file of all."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from reviewbot.cli.screen import styled
from reviewbot.cli.tasks.reading import BadRow
from reviewbot.cli.words import counted, table
from reviewbot.domain.errors import UsageError
from reviewbot.domain.orders import FIELDS
from reviewbot.domain.safetext import safe_cell
from reviewbot.service.orders.orders import Result

SAID = {
    "created": "created",
    "would create": "would be created",
    "would refuse": "would be refused by the API",
    "already": "created by an earlier run",
    "duplicate": "the same as an earlier row",
    "bad": "wrong, not sent",
    "rejected": "refused by the API",
    "under way": "sent, and not known yet whether they arrived",
    "unclear": "sent, and cannot be told from others: never sent again",
    "not sent": "not sent",
}
"""Every outcome of a row, in the order of telling, in words."""

MEANINGS = {
    "account_not_found": "there is no such account; see: reviewbot accounts list --delivered",
    "account_not_owned": "the account is somebody else's",
    "account_not_managed": "the account has no manager now; try again later",
    "account_lookup_failed": "the API could not look the account up; try again later",
    "invalid_video_url": "the API could not follow the address to a video",
    "platform_mismatch": "the account and the video are on different platforms",
    "comment_text_too_long": "over the platform's limit as the API counts",
}
"""What the API's reasons say, and what to do."""

FINE = frozenset({"created", "would create", "already", "duplicate"})
_STYLES = {"created": "good", "would create": "good", "already": "faint", "duplicate": "faint"}
_MOST_SHOWN = 50


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outcome, as `--format json` and `--output` write it."""

    row: int
    outcome: str
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()
    order: dict[str, str] = {}


def lines_of(results: Iterable[Result], bad: Iterable[BadRow]) -> list[Line]:
    """Put good and bad rows back into the order of the file."""
    lines = [
        Line(
            row=one.row.number,
            outcome=one.outcome,
            task_id=one.task_id,
            reason=one.reason,
            tasks=one.tasks,
            order=msgspec.to_builtins(one.row.order),
        )
        for one in results
    ]
    lines += [
        Line(row=one.number, outcome="bad", reason=one.reason, order=_whole(one)) for one in bad
    ]
    return sorted(lines, key=lambda line: line.row)


def all_fine(lines: Iterable[Line]) -> bool:
    """Whether every row is a task, or would be one."""
    return all(line.outcome in FINE for line in lines)


def as_text(lines: Sequence[Line]) -> str:
    """Count the outcomes, and name each row that somebody has to look at."""
    counts = Counter(line.outcome for line in lines)
    sums = [
        styled(f"{counts[name]:>7,}  {said}", _STYLES.get(name, "care"))
        for name, said in SAID.items()
        if counts[name]
    ]
    notable = [line for line in lines if line.outcome not in ("created", "would create", "already")]
    if not notable:
        return "\n".join(sums)
    shown = [(str(line.row), line.outcome, _why(line)) for line in notable[:_MOST_SHOWN]]
    parts = [table(("row", "outcome", "why"), shown, longest=300)]
    if len(notable) > _MOST_SHOWN:
        more = counted(len(notable) - _MOST_SHOWN, "more row")
        parts.append(f"… and {more}; --output FILE writes them all")
    return "\n".join([*parts, "", *sums])


def as_json(lines: Iterable[Line]) -> str:
    """One JSON object a row."""
    return "\n".join(msgspec.json.encode(line).decode() for line in lines)


def write_csv(path: Path, lines: Iterable[Line]) -> None:
    """Write every row with its outcome; no cell of it is a formula.

    Raises UsageError where the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("row", "outcome", "task_id", "reason", *FIELDS))
    for line in lines:
        cells = (line.task_id or " ".join(line.tasks), line.reason or "")
        fields = (line.order.get(name, "") for name in FIELDS)
        writer.writerow((line.row, line.outcome, *map(safe_cell, (*cells, *fields))))
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def _why(line: Line) -> str:
    if line.tasks:
        return (
            f"{line.reason}; look at {', '.join(line.tasks)}. To order it all the same, write the"
            " full address of the video"
        )
    reason = line.reason or ""
    return f"{reason}: {MEANINGS[reason]}" if reason in MEANINGS else reason


def _whole(bad: BadRow) -> dict[str, str]:
    """Take a bad row's cells; what was no text is shown as far as it was one."""
    return {
        name: cell.encode("utf-8", "replace").decode("utf-8") for name, cell in bad.cells.items()
    }
