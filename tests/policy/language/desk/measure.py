"""Mistakes of a desk, planted one by one into a policy: what the checker says of each, and its grade.

`mistakes.txt` and `more.txt` hold a paragraph for each: a title; what is changed (`@ 22` or `@ 61-62` are lines
of `policy.yaml` in whose place the `+` lines stand, `@ csv 1` of `german.csv`, `@ move 27-31 83`
puts lines behind another, `@ special …` is made here); `?` the severity that is wanted (E, W or any)
and the lines of which one must be named; `=` words that must be said, `!` words that must not. A file with
two mistakes has two `?`, each followed by its words.
`right.txt` holds what is in order and has to stay usable.

python -m tests.policy.language.desk.measure [words of a title]  prints what is said, and the grades.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.testing.check import checked
from reviewbot.presentation.findings import render_text

HERE = Path(__file__).parent
POLICY = (HERE / "policy.yaml").read_text(encoding="utf-8")
SHEET = (HERE / "german.csv").read_text(encoding="utf-8")
TODAY = date(2026, 6, 2)
NAME, SHEET_NAME = "desk.yaml", "german.csv"


class Change(NamedTuple):
    """Lines of a file, and what stands in their place."""

    where: str
    put: tuple[str, ...]


class Wanted(NamedTuple):
    """One mistake of a paragraph, and what is to be said of it."""

    severity: str = ""
    lines: tuple[str, ...] = ()
    findings: int = 1
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


class Case(NamedTuple):
    """One paragraph."""

    title: str
    changes: tuple[Change, ...]
    wanted: tuple[Wanted, ...]


def read_cases(name: str) -> list[Case]:
    """Read the paragraphs of a file."""
    text = (HERE / name).read_text(encoding="utf-8")
    return [_case(paragraph) for paragraph in text.strip("\n").split("\n\n")]


def _case(paragraph: str) -> Case:
    title, *lines = paragraph.split("\n")
    changes: list[tuple[str, list[str]]] = []
    wanted: list[Wanted] = []
    for line in lines:
        sign, _, rest = line.partition(" ")
        if sign == "@":
            changes.append((rest, []))
        elif sign == "+":
            changes[-1][1].append(_written(rest))
        elif sign == "?":
            severity, places, *more = rest.split(" ")
            count = int(more[0].removeprefix("x")) if more else 1
            wanted.append(Wanted(severity, tuple(places.split(",")), count))
        elif sign == "=":
            wanted[-1] = wanted[-1]._replace(said=(*wanted[-1].said, _written(rest)))
        else:
            wanted[-1] = wanted[-1]._replace(unsaid=(*wanted[-1].unsaid, _written(rest)))
    return Case(title, tuple(Change(where, tuple(put)) for where, put in changes), tuple(wanted))


def _written(text: str) -> str:
    r"""Write out `\t`, `\xa0` and `\u200b`."""
    pieces = text.split("\\")
    written = pieces[0]
    for piece in pieces[1:]:
        size = {"t": 1, "x": 3, "u": 5}[piece[0]]
        char = "\t" if size == 1 else chr(int(piece[1:size], 16))
        written += char + piece[size:]
    return written


def planted(case: Case) -> tuple[bytes, bytes]:
    """The policy and the list file with the changes of a case."""
    policy, sheet = POLICY.split("\n"), SHEET.split("\n")
    for where, put in sorted(case.changes, key=lambda change: -_first(change.where)):
        word, _, rest = where.partition(" ")
        if word == "special":
            return _SPECIAL[rest]()
        lines = sheet if word == "csv" else policy
        if word == "move":
            span, _, behind = rest.partition(" ")
            first, last = _numbers(span)
            lines[int(behind) : int(behind)] = lines[first - 1 : last]
            del lines[first - 1 : last]
        else:
            first, last = _numbers(rest if word == "csv" else where)
            lines[first - 1 : last] = put
    return "\n".join(policy).encode(), "\n".join(sheet).encode()


def _first(where: str) -> int:
    word, _, rest = where.partition(" ")
    return 0 if word == "special" else _numbers(rest.split(" ")[0] if rest else where)[0]


def _numbers(span: str) -> tuple[int, int]:
    first, _, last = span.partition("-")
    return int(first), int(last or first)


def _document(entry: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(entry, POLICY)
    return data.getvalue()


def _fonts(text: str) -> bytes:
    return (r"{\rtf1\ansi{\fonttbl\f0 Arial;}\f0 " + text.replace("\n", "\\par\n") + "}").encode()


_SPECIAL: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "docx": lambda: (_document("word/document.xml"), SHEET.encode()),
    "xlsx": lambda: (_document("xl/workbook.xml"), SHEET.encode()),
    "odt": lambda: (_document("content.xml"), SHEET.encode()),
    "doc": lambda: (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), SHEET.encode()),
    "pdf": lambda: (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", SHEET.encode()),
    "rtf": lambda: (_fonts(POLICY), SHEET.encode()),
    "html": lambda: (
        f"<!DOCTYPE html>\n<html><body><pre>\n{POLICY}</pre></body></html>\n".encode(),
        SHEET.encode(),
    ),
    "empty": lambda: (b"", SHEET.encode()),
    "cp1252": lambda: (POLICY.encode("cp1252", "replace"), SHEET.encode()),
    "utf16": lambda: (POLICY.encode("utf-16"), SHEET.encode()),
    "utf16 bare": lambda: (POLICY.encode("utf-16-le"), SHEET.encode()),
    "bom": lambda: (
        b"\xef\xbb\xbf" + POLICY.replace("\n", "\r\n").encode(),
        SHEET.encode(),
    ),
    "csv": lambda: (
        POLICY.encode(),
        b"\xef\xbb\xbf" + SHEET.replace("\n", "\r\n").encode(),
    ),
}


def check(policy: bytes, sheet: bytes) -> Parsed:
    """Check as `policy check -v` does."""

    def read(name: str) -> bytes:
        if name != SHEET_NAME:
            raise FileNotFoundError(2, "No such file or directory", name)
        return sheet

    parsed = parse_policy(policy, path=NAME, read=read, today=TODAY)
    return checked(parsed, today=TODAY)


_USUAL = {(f.code, f.message) for f in check(POLICY.encode(), SHEET.encode()).findings}
"""What is said of the policy without any mistake."""


class Judged(NamedTuple):
    """What was said of a case, and what it is worth: 0 to 3."""

    findings: tuple[Finding, ...]
    shown: str
    grade: int
    missing: tuple[str, ...]


def judge(case: Case) -> Judged:
    """Plant a case and grade what is said: place and severity, the words, one finding a mistake.

    Of two mistakes the one that is told worse counts.
    """
    parsed = check(*planted(case))
    new = [f for f in parsed.findings if (f.code, f.message) not in _USUAL]
    some = any(wanted.severity == "any" for wanted in case.wanted)
    loud = [f for f in new if f.severity is not Severity.NOTE or some]
    shown = render_text(loud, dict(parsed.sources), verbose=True)
    errors = [f for f in loud if f.severity is Severity.ERROR]
    room = sum(wanted.findings for wanted in case.wanted)
    over = len(errors or loud) - room if not some else 0
    grades = [_grade(wanted, loud, shown) for wanted in case.wanted]
    worst = min(grade for grade, _ in grades)
    missing = [words for _, sentences in grades for words in sentences]
    if over > 0:
        missing.append(f"{over} findings too many")
        worst = min(worst, 2)
    return Judged(tuple(loud), shown, worst, tuple(missing))


def _grade(wanted: Wanted, loud: list[Finding], shown: str) -> tuple[int, list[str]]:
    severities = {"E": (Severity.ERROR,), "W": (Severity.WARNING,), "any": tuple(Severity)}
    right = [f for f in loud if f.severity in severities[wanted.severity]]
    if wanted.severity == "W" and any(f.severity is Severity.ERROR for f in loud):
        right = []
    placed = [f for f in right if _place(f) in wanted.lines]
    said = " ".join(_cures(f) for f in placed)
    missing = [f"= {words}" for words in wanted.said if words not in said]
    missing += [f"! {words}" for words in wanted.unsaid if words in shown]
    return 0 if not right else 1 if not placed else 2 if missing else 3, missing


def _place(finding: Finding) -> str:
    line = str(finding.span.line)
    return f"csv{line}" if finding.path == SHEET_NAME else line


def _cures(finding: Finding) -> str:
    parts = (finding.message, finding.under, finding.detail, finding.cure)
    related = tuple(text for _, _, text in finding.related)
    return " ".join(part for part in (*parts, *related) if part)


def main(words: str) -> None:
    """Print the table."""
    grades = []
    names = [words] if words.endswith(".txt") else ["mistakes.txt", "more.txt"]
    words = "" if words.endswith(".txt") else words
    for case in (case for name in names for case in read_cases(name)):
        if words not in case.title:
            continue
        judged = judge(case)
        grades.append(judged.grade)
        marks = "; ".join(judged.missing)
        wanted = " ".join(f"[{w.severity} {','.join(w.lines)}]" for w in case.wanted)
        print(f"=== {judged.grade}  {case.title}  {wanted}  {marks}")
        print(judged.shown)
    for case in read_cases("right.txt"):
        parsed = check(*planted(case))
        if words in case.title and parsed.policy is None:
            print(f"=== REFUSED  {case.title}")
            print(render_text(parsed.findings, dict(parsed.sources)))
    print(
        f"{len(grades)} mistakes, mean {sum(grades) / max(1, len(grades)):.2f}; "
        + ", ".join(f"{grades.count(grade)} of grade {grade}" for grade in range(4))
    )


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
