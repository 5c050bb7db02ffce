"""The published shapes of JSON output: how their schemas are made from the values that are written.

`python -m reviewbot.cli.shapes FOLDER` writes them; docs/schemas holds them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
"""A moment in UTC, as text."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def as_text(value: msgspec.Struct) -> str:
    """Write a value of a published shape."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def schema_text(shape: type[msgspec.Struct], title: str) -> str:
    """The JSON Schema of a shape. What is written always holds every field that it requires."""
    schema: dict[str, Any] = msgspec.json.schema(shape)
    return json.dumps({"$schema": DIALECT, "title": title, **schema}, indent=2) + "\n"


def published() -> dict[str, str]:
    """Each schema by the name of its file."""
    from reviewbot.cli.policy.impactshape import BackTest, Diff
    from reviewbot.cli.report.pastshape import Past
    from reviewbot.cli.report.shape import Report

    return {
        "report.json": schema_text(Report, "reviewbot report --format json"),
        "past.json": schema_text(Past, "reviewbot report --since MOMENT --format json"),
        "backtest.json": schema_text(BackTest, "reviewbot policy backtest --format json"),
        "diff.json": schema_text(Diff, "reviewbot policy diff --format json"),
    }


def main(folder: Path) -> None:
    """Write every schema into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in published().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
