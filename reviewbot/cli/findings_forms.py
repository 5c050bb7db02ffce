"""Findings as machines read them: JSON, GitHub's annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from reviewbot import __version__
from reviewbot.domain.safetext import safe
from reviewbot.policy.findings import Finding, Severity, Span

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def findings_as_json(findings: Sequence[Finding]) -> str:
    """One object with every finding, place and end included."""
    return json.dumps(
        {
            "schema": "reviewbot.findings/1",
            "errors": sum(f.severity is Severity.ERROR for f in findings),
            "warnings": sum(f.severity is Severity.WARNING for f in findings),
            "findings": [_as_object(finding) for finding in findings],
        },
        indent=2,
        ensure_ascii=False,
    )


def findings_as_github(findings: Iterable[Finding]) -> str:
    """One workflow command a finding, so that it stands beside the line in a pull request."""
    return "\n".join(map(_annotation, findings))


def findings_as_sarif(findings: Sequence[Finding]) -> str:
    """One SARIF 2.1.0 run, for code scanning."""
    rules = [{"id": code} for code in sorted({finding.code for finding in findings})]
    driver = {"name": "reviewbot", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(finding) for finding in findings]}
    return json.dumps(
        {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False
    )


def _as_object(finding: Finding) -> dict[str, Any]:
    texts = ("message", "under", "detail", "cure", "see")
    return {
        "path": finding.path,
        **_place(finding.span),
        "severity": finding.severity.value,
        "code": finding.code,
        **{name: getattr(finding, name) for name in texts},
        "related": [{"path": p, **_place(span), "what": what} for p, span, what in finding.related],
    }


def _place(span: Span) -> dict[str, int]:
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _annotation(finding: Finding) -> str:
    level = {Severity.NOTE: "notice"}.get(finding.severity, finding.severity.value)
    span = finding.span
    about = {
        "file": finding.path,
        "line": span.line,
        "endLine": span.end_line,
        "col": span.column,
        "endColumn": span.end_column,
        "title": finding.code,
    }
    properties = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in about.items())
    return f"::{level} {properties}::{_escaped(_sentences(finding))}"


def _escaped(text: str, also: str = "") -> str:
    """Escape as workflow commands want it: percent first, then line ends and separators."""
    for char in "%\r\n" + also:
        text = text.replace(char, f"%{ord(char):02X}")
    return safe(text)


def _result(finding: Finding) -> dict[str, Any]:
    span = finding.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": max(span.end_column, span.column),
    }
    location = {"artifactLocation": {"uri": finding.path.replace("\\", "/")}, "region": region}
    return {
        "ruleId": finding.code,
        "level": finding.severity.value,
        "message": {"text": _sentences(finding)},
        "locations": [{"physicalLocation": location}],
    }


def _sentences(finding: Finding) -> str:
    parts = (finding.message, finding.under, finding.detail, finding.cure)
    return "; ".join(part for part in parts if part)
