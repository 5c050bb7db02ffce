"""Applies the fixes that findings bring: those with exactly one cure, never two on the same words."""

from __future__ import annotations

from collections.abc import Iterable

from reviewbot.policy.findings import Finding, Fix


def apply_fixes(source: str, findings: Iterable[Finding], path: str) -> tuple[str, int]:
    """Give the text with every fix for `path` applied, and how many that were.

    `source` is the file's text as it is (its line ends and byte order mark stay).
    """
    lines = source.removeprefix("\ufeff").splitlines(keepends=True)
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    fixes = {finding.fix for finding in findings if finding.path == path and finding.fix}
    applied = 0
    above: Fix | None = None
    for fix in sorted(fixes, key=_place, reverse=True):
        span = fix.span
        if span.line != span.end_line or span.line > len(lines):
            continue
        if above is not None and _overlap(fix, above):
            continue
        line = lines[span.line - 1]
        lines[span.line - 1] = (
            line[: span.column - 1] + fix.replacement + line[span.end_column - 1 :]
        )
        above = fix
        applied += 1
    return mark + "".join(lines), applied


def _place(fix: Fix) -> tuple[int, int, int]:
    return (fix.span.line, fix.span.column, fix.span.end_column)


def _overlap(fix: Fix, behind: Fix) -> bool:
    return fix.span.line == behind.span.line and fix.span.end_column > behind.span.column
