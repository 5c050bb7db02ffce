"""docs/benchmarks.md, written from the figures that were kept: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.kept import FOLDER

PAGE = FOLDER.parent / "benchmarks.md"


class About(NamedTuple):
    """One benchmark: what it asks, what its figures stand beside, and perhaps its picture."""

    title: str
    question: str
    beside: str
    picture: str = ""


BENCHMARKS: dict[str, About] = {
    "evaluation": About(
        "Judging",
        "What does it cost to judge a task by ten rules?",
        "A function written by hand for the same ten rules, and published engines with the rules in their"
        " own language, all over the same records; the answers are compared first. Process time.",
    ),
    "records": About(
        "Recorded tasks",
        "How long do `policy decide`, `backtest` and `diff` take over a large file, and in how much memory?",
        "A loop over the standard library's JSON in one process that gives the same answers, which are"
        " compared first; whole commands, in turn. Memory is that of all processes, what they share counted"
        " once. DuckDB and Polars only read and count a slice: they do not judge.",
    ),
    "large": About(
        "Many recorded tasks",
        "How long does `policy backtest` take over twenty million records of ten million accounts, and in how much"
        " memory?",
        "Nothing: one run, whose counts are checked against what was generated. Memory is that of all processes.",
    ),
    "on_spark": About(
        "On Spark",
        "What does a record cost on Spark?",
        "One process over the same Parquet, in turn; the results are the same, byte for byte. CPU time of all of"
        " Spark's processes, once its session stands.",
    ),
    "checker": About(
        "Checking a policy",
        "What does `policy check` cost for 30 to 1,000 rules, and reading alone, as an editor does at each change?",
        "The smallest policy of the same kind in the same run. CPU time of the process.",
    ),
    "growth": About(
        "Growth",
        "Does a pass cost more when the log is large? Does memory grow? What does a decision ask of the API?",
        "The same passes with an empty log, in turn; memory before and after the polls; the rate the bot"
        " allows itself. The API is simulated: in process, its CPU time included, and for memory in a process of its own.",
    ),
    "fleet": About(
        "Many keys",
        "What do two hundred keys at two requests a second cost in one process, and forty at rest? What does one that is"
        " broken cost the others?",
        "Forty processes, by one of them; the same keys without those that are broken, at the same time. The API answers at"
        " once, from a process of its own.",
    ),
    "ledger": About(
        "The decision log",
        "What does each call on the log cost, and its verification?",
        "The same calls on an empty log. CPU time of the process.",
    ),
    "simulation": About(
        "Simulated time",
        "How many simulated hours of the whole bot does a second of a core hold?",
        "Poll intervals and disks. The whole bot, with every write to the log synced.",
    ),
    "startup": About(
        "Start-up",
        "How long does a command take before it does anything?",
        "A bare interpreter that imports click and yaml, in turn. Wall time.",
    ),
    "console": About(
        "The console",
        "What does a page cost the server beside a large log, what does it weigh on the wire, and how long does"
        " *what if* take?",
        "Nothing: the limits are those of a desk that feels at once. CPU time of the answer and of packing it, without"
        " the socket, the median after a first; bytes with gzip, assets where it says so. A month of the log is counted"
        " now and then, beside the pages that show its figures.",
    ),
    "quality": About(
        "Quality of the policies to start from",
        "Are honest managers paid, and provable misses sent back? Are the grades of rules true?",
        "The simulator's own truth. An honest round: the comment stands there as ordered. A provable miss: it does"
        " not, and the newest check read 1 to 99 comments. An open miss: it does not, and the checker failed, read"
        " nothing or a full page. A desk answers two questions in an office hour, two in a hundred wrongly. Policies on"
        " the engine alone, some also as the whole bot.",
    ),
    "frontier": About(
        "What a policy can reach",
        "How many honest can be paid, how many misses sent back, for how many questions?",
        "Every combination of five choices that make a policy of the usual kind, in the same months of all populations."
        " Grey: beaten by another on everything; blue: the frontier; red: the policies to start from; green: what is"
        " aimed at.",
        "frontier.svg",
    ),
}

HEAD = """\
# Benchmarks

This page is written by `python -m benchmarks.page` from the figures in `docs/benchmarks/`; nothing in it is typed
in. `make benchmarks` measures everything anew on this machine and writes it. Ratios are taken within one run; times
are those of the machine named, with whatever else it was doing (its load is given where it was noted).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, about in BENCHMARKS.items():
        path = FOLDER / f"{name}.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        parts.append("\n".join(_section(name, about, kept)))
    return "\n".join(parts)


def _section(name: str, about: About, kept: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"## {about.title}\n"
    yield f"{about.question}\n"
    yield f"Beside: {about.beside}\n"
    yield f"Again: `python -m benchmarks.{name} --write`\n"
    if about.picture and kept:
        yield f"![{about.question}](benchmarks/{about.picture})\n"
    if not kept:
        yield "Not measured yet.\n"
    for machine, figures in kept.items():
        yield f"### {machine}\n"
        plain = {key: value for key, value in figures.items() if not isinstance(value, dict)}
        said = plain.pop("about", None)
        yield (
            (f"{said}. " if said else "")
            + ", ".join(f"{key} {_cell(value)}" for key, value in plain.items())
            + "\n"
        )
        yield from _tables({k: v for k, v in figures.items() if isinstance(v, dict)})


def _tables(found: Mapping[str, Mapping[str, Any]], above: str = "") -> Iterator[str]:
    """Figures that stand under names become tables, as deep as they are nested."""
    for name, figures in found.items():
        title = f"{above}, {name}" if above else name
        rows = {key: value for key, value in figures.items() if isinstance(value, dict)}
        plain = {key: value for key, value in figures.items() if key not in rows}
        flat = all(not isinstance(cell, dict) for row in rows.values() for cell in row.values())
        if rows and flat:
            yield from _wide(title, rows)
        elif rows:
            yield from _tables(rows, title)
        if plain:
            yield from _narrow(title, plain)


def _narrow(title: str, figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {title} | |\n|---|---:|"
    for key, value in figures.items():
        yield f"| {key} | {_cell(value)} |"
    yield ""


def _wide(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    yield f"| {title} | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for key, row in rows.items():
        cells = (_cell(row[column]) if column in row else "" for column in columns)
        yield f"| {key} | {' | '.join(cells)} |"
    yield ""


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = ", ".join(map(_cell, value)) if isinstance(value, list) else str(value)
        return text.replace("|", "\\|")
    return f"{value:,}"


if __name__ == "__main__":
    PAGE.write_text(page())
