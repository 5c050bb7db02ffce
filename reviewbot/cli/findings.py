"""Findings as a person reads them: the place, the lines around it, a caret, and the way out."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from reviewbot.cli.screen import styled
from reviewbot.domain.safetext import safe
from reviewbot.policy.findings import Finding, Severity, Span

_STYLE = {Severity.ERROR: "bad", Severity.WARNING: "care", Severity.NOTE: "faint"}
_CUT_AT = 160


def findings_as_text(findings: Iterable[Finding]) -> str:
    """Write all findings, an empty line between them."""
    return "\n\n".join(map(_finding, findings))


def summary_of(findings: Iterable[Finding]) -> str:
    """Count them in words: `3 findings (2 errors, 1 warning)`."""
    counts = Counter(finding.severity for finding in findings)
    total = counts.total()
    if not total:
        return "no findings"
    parts = ", ".join(_plural(counts[level], level.value) for level in Severity if counts[level])
    return f"{_plural(total, 'finding')} ({parts})"


def _finding(finding: Finding) -> str:
    span = finding.span
    place = f"{_one_line(finding.path)}:{span.line}:{span.column}"
    level = styled(f"{finding.severity.value:<7}", _STYLE[finding.severity])
    lines = [f"{place}   {level} {finding.code}   {_one_line(finding.message)}"]
    lines += _excerpt(finding)
    for path, where, what in finding.related:
        lines.append(f"      = {_one_line(what)}: {_one_line(path)}:{where.line}:{where.column}")
    if finding.cure:
        lines.append(f"  {_one_line(finding.cure)}")
    if finding.see:
        lines.append(styled("  more: ", "faint") + _one_line(finding.see))
    return "\n".join(lines)


def _excerpt(finding: Finding) -> list[str]:
    """Show the line before, the line itself, and a caret under the exact words."""
    source = _lines_of(finding.path)
    number = finding.span.line
    if not 1 <= number <= len(source):
        return [f"      | {_one_line(note)}" for note in (finding.under, finding.detail) if note]
    first = max(1, number - 1) if number > 1 and source[number - 2].strip() else number
    shown = [_numbered(n, source[n - 1]) for n in range(first, number + 1)]
    line = source[number - 1]
    pad = " " * _width(_visible(line[: finding.span.column - 1]))
    caret = "^" * max(1, _width(_visible(_underlined(line, finding.span))))
    if finding.span.column > _CUT_AT:
        pad, caret = "", "^ (further right)"
    note = f" {_one_line(finding.under)}" if finding.under else ""
    shown.append("      | " + pad + styled(caret, _STYLE[finding.severity]) + note)
    if finding.detail:
        shown.append(f"      | {pad}{_one_line(finding.detail)}")
    return shown


def _numbered(number: int, line: str) -> str:
    text = _visible(line)
    return f"{number:>5} | {text if len(text) <= _CUT_AT else text[:_CUT_AT] + '…'}".rstrip()


def _underlined(line: str, span: Span) -> str:
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return line[span.column - 1 : min(end, _CUT_AT)].rstrip()


def _one_line(text: str) -> str:
    """Keep the spaces as they are: messages set names apart with two."""
    return safe(text.replace("\n", " "))


def _visible(text: str) -> str:
    return safe(text, 2 * _CUT_AT)


def _width(text: str) -> int:
    """Columns on a terminal: wide letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


@cache
def _lines_of(path: str) -> list[str]:
    """The lines of a file, or nothing where it cannot be read (any more)."""
    try:
        return Path(path).read_bytes()[: 1 << 20].decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return []


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
