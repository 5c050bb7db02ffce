"""Findings, and how the tests of policies went, as a person, a program or a CI server reads them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import msgspec

from reviewbot.domain.text import pretty, safe, safe_line
from reviewbot.policy.diagnostics import CODES, Finding, Severity, Span
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import CaseResult
from reviewbot.policy.testing.coverage import Coverage, Mutant, survivor_sentence
from reviewbot.policy.text_forms import odd_space
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled

SCHEMA = 1
NO_TESTS = "a policy without tests proves nothing"
_LINES_BEFORE = 2
_WIDEST = 120
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render_text(
    findings: Iterable[Finding],
    sources: Mapping[str, str],
    *,
    verbose: bool = False,
    colour: bool = False,
) -> str:
    """Show each finding with its source lines; notes only when `verbose`."""
    shown = (finding for finding in findings if verbose or finding.severity is not Severity.NOTE)
    return "".join(f"{_as_text(finding, sources, colour)}\n" for finding in shown)


def summary(findings: Iterable[Finding]) -> str:
    """Count the findings in one sentence; notes count only where there is nothing else."""
    counts = count(findings)
    total = counts["error"] + counts["warning"]
    if not total:
        return counted(counts["note"], "note") if counts["note"] else "no findings"
    parts = [counted(counts[kind], kind) for kind in ("error", "warning") if counts[kind]]
    return f"{counted(total, 'finding')} ({', '.join(parts)})"


def count(findings: Iterable[Finding]) -> dict[str, int]:
    """Count the findings by severity."""
    counts = {severity.value: 0 for severity in Severity}
    for finding in findings:
        counts[finding.severity.value] += 1
    return counts


def _as_text(finding: Finding, sources: Mapping[str, str], colour: bool) -> str:
    span = finding.span
    place = f"{_said(finding.path)}:{span.line}:{span.column}"
    level = f"{finding.severity.value:<7} {finding.code}"
    if colour:
        level = f"\x1b[1;{_COLOURS[finding.severity]}m{level}\x1b[0m"
    lines = [f"{place}  {level}  {_said(finding.message)}"]
    lines.extend(_excerpt(finding, sources.get(finding.path), colour))
    lines.extend(
        f"   line {other.line}: {_said(text)}"
        if path == finding.path
        else f"   {_said(path)}:{other.line}: {_said(text)}"
        for path, other, text in finding.related
        if not (finding.under or "").endswith(f"on line {other.line}")
    )
    lines.extend(f"   {_said(text)}" for text in (finding.cure, finding.see) if text)
    return "\n".join(lines) + "\n"


def _excerpt(finding: Finding, source: str | None, colour: bool) -> list[str]:
    """Show up to three source lines and the caret; without source, the words alone."""
    span = finding.span
    lines = source.split("\n") if source else []
    if not lines or span.line > len(lines):
        return [f"   {_said(text)}" for text in (finding.under, finding.detail) if text]
    first = max(1, span.line - _LINES_BEFORE)
    while first < span.line and not lines[first - 1].strip():
        first += 1
    gutter = max(4, len(str(span.line)) + 1)
    found = lines[span.line - 1]
    end = span.end_column if span.end_line == span.line else len(found.rstrip()) + 1
    left = _left_edge(found, span.column, end)
    shown = [
        f" {number:>{gutter}} | {_slice(lines[number - 1], left)}"
        for number in range(first, span.line + 1)
    ]
    pad = " " * _width(_slice(found[: span.column - 1], left))
    carets = "^" * max(
        1, min(_width(safe_shown(found[span.column - 1 : end - 1])), _WIDEST - len(pad))
    )
    if colour:
        carets = f"\x1b[1;{_COLOURS[finding.severity]}m{carets}\x1b[0m"
    under = f" {_said(finding.under)}" if finding.under else ""
    blank = f" {'':>{gutter}} |"
    shown.append(f"{blank} {pad}{carets}{under}")
    if finding.detail:
        shown.append(f"{blank} {pad}{_said(finding.detail)}")
    return shown


def _left_edge(line: str, column: int, end: int) -> int:
    """How many characters to leave out on the left so that the words at fault can be seen."""
    if len(line) <= _WIDEST or end <= _WIDEST:
        return 0
    return max(0, min(column - 1, end - _WIDEST // 2))


def _slice(line: str, left: int) -> str:
    text = line[left:]
    cut = "…" if len(text) > _WIDEST else ""
    return ("…" if left else "") + safe_shown(text[:_WIDEST]) + cut


def safe_shown(text: str) -> str:
    """Make a source line safe without touching its spaces, so that carets stay in place.

    What nobody sees (a tab, a space of another kind, a character without width) is shown by a sign.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char == " ":
        return char
    if char == "\t":
        return "→"
    return "␣" if odd_space(char) is not None else _said(char) or "·"


def _said(text: str) -> str:
    """Make a sentence safe and keep it on one line."""
    return safe(text.replace("\n", " "))


def _width(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in ("W", "F"))
        for char in text
    )


def as_json(findings: Iterable[Finding]) -> str:
    """One JSON object: the findings and the counts."""
    findings = tuple(findings)
    body = {
        "schema": SCHEMA,
        "usable": all(finding.severity is not Severity.ERROR for finding in findings),
        "summary": {f"{kind}s": number for kind, number in count(findings).items()},
        "files": [],
        "findings": [_finding_json(finding) for finding in findings],
    }
    return pretty(body)


def _finding_json(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "path": finding.path,
        **_place_json(finding.span),
        "message": finding.message,
        "hint": finding.under,
        "detail": finding.detail,
        "cure": finding.cure,
        "see": finding.see,
        "fix": fix and {**_place_json(fix.span), "replacement": fix.replacement},
        "related": [
            {"path": path, "line": other.line, "column": other.column, "message": text}
            for path, other, text in finding.related
        ],
    }


def _place_json(span: Span) -> dict[str, int]:
    return {
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def as_github(findings: Iterable[Finding]) -> str:
    """Workflow commands that annotate the lines of a change."""
    return "".join(f"{_annotation(finding)}\n" for finding in findings)


def _annotation(finding: Finding) -> str:
    span = finding.span
    level = "notice" if finding.severity is Severity.NOTE else finding.severity.value
    place = f"file={_property(finding.path)},line={span.line},endLine={span.end_line}"
    if span.line == span.end_line:
        place += f",col={span.column},endColumn={span.end_column}"
    text = whole_message(finding).replace("%", "%25").replace("\n", "%0A")
    return f"::{level} {place},title={finding.code}::{text}"


def _property(text: str) -> str:
    for char, escape in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(char, escape)
    return text


def whole_message(finding: Finding) -> str:
    """All that a finding says, a line each: the sentence, the hint, the fact, the cure."""
    pieces = (finding.message, finding.under, finding.detail, finding.cure)
    return "\n".join(safe(piece) for piece in pieces if piece)


def as_sarif(findings: Iterable[Finding], version: str) -> str:
    """SARIF 2.1.0, as code hosts take it."""
    findings = tuple(findings)
    used = sorted({finding.code for finding in findings})
    run = {
        "tool": {
            "driver": {
                "name": "reviewbot",
                "version": version,
                "rules": [
                    {"id": code, "shortDescription": {"text": CODES.get(code, code)}}
                    for code in used
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, used.index(finding.code)) for finding in findings],
    }
    body = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return pretty(body)


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": whole_message(finding)},
        "locations": [_location(finding.path, finding.span)],
    }
    if finding.related:
        result["relatedLocations"] = [
            {**_location(path, span), "message": {"text": _said(text)}}
            for path, span, text in finding.related
        ]
    return result


def _location(path: str, span: Span) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path.replace("\\", "/"))},
            "region": {
                "startLine": span.line,
                "startColumn": span.column,
                "endLine": span.end_line,
                "endColumn": span.end_column,
            },
        }
    }


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """One policy's tests, run; what they try and what they miss where that was asked for."""

    policy: Policy
    results: tuple[CaseResult, ...]
    coverage: Coverage | None = None
    mutants: int | None = None
    survivors: tuple[Mutant, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there are tests and each of them passed."""
        return bool(self.results) and all(result.passed for result in self.results)


def results_as_text(tested: Tested, *, everything: bool) -> str:
    """For a person: what failed and why (all tests with `everything`), then the sums."""
    return "\n".join(_result_lines(tested, everything))


def _result_lines(tested: Tested, everything: bool) -> Iterator[str]:
    path, results = safe_line(tested.policy.path), tested.results
    for result in results:
        place = f"{safe_line(result.test.path or tested.policy.path)}:{result.test.span.line}"
        shown = f"{safe_line(result.test.name)}   {place}"
        if not result.passed:
            yield f"{styled('failed', 'bad')}  {shown}"
            yield from (f"        {safe(problem)}" for problem in result.problems)
        elif everything:
            yield f"{styled('passed', 'good')}  {shown}"
    if results:
        failed = sum(not result.passed for result in results)
        verdict = styled(f"{failed} failed", "bad") + ", " if failed else ""
        passed = styled(f"{counted(len(results) - failed, 'test')} passed", "good")
        yield f"{verdict}{passed}  {path}"
    else:
        yield f"{styled('no tests', 'bad')}  {path}: {NO_TESTS}"
    if tested.coverage is not None:
        yield from _coverage_lines(tested.coverage)
    if tested.mutants is not None:
        alive = tested.survivors
        faults = counted(tested.mutants, "small fault")
        noticed = f"{tested.mutants - len(alive)} of {faults} noticed"
        yield f"mutation  {styled(noticed, 'care' if alive else 'good')}"
        yield from (f"  {safe_line(survivor_sentence(mutant), 300)}" for mutant in alive)


def _coverage_lines(coverage: Coverage) -> Iterator[str]:
    parts = {
        "rules": coverage.rules,
        "conditions met and not met": coverage.conditions,
        "boundaries": coverage.boundaries,
    }
    sums = ", ".join(f"{tried} of {total} {name}" for name, (tried, total) in parts.items())
    yield f"coverage  {styled(f'{coverage.percent}%', 'strong')}: {sums}"
    for gap in coverage.untried:
        yield f'  line {gap.line}: {safe_line(gap.message, 160)} (rule "{safe_line(gap.rule, 80)}")'


def results_as_json(tested: Iterable[Tested]) -> str:
    """A list with one object a policy."""
    return pretty([_as_object(policy) for policy in tested])


def _as_object(tested: Tested) -> dict[str, Any]:
    policy = tested.policy
    plain: dict[str, Any] = {
        "policy": policy.name,
        "path": policy.path,
        "revision": policy.revision,
        "passed": tested.passed,
        "tests": [
            {
                "name": result.test.name,
                "path": result.test.path or policy.path,
                "line": result.test.span.line,
                "passed": result.passed,
                "problems": list(result.problems),
            }
            for result in tested.results
        ],
    }
    if tested.coverage is not None:
        plain["coverage"] = {
            "percent": tested.coverage.percent,
            **msgspec.to_builtins(tested.coverage),
        }
    if tested.mutants is not None:
        plain["mutation"] = {
            "mutants": tested.mutants,
            "survivors": [
                {"line": mutant.line, "rule": mutant.rule, "change": mutant.change}
                for mutant in tested.survivors
            ],
        }
    return plain


def as_junit(tested: Iterable[Tested]) -> bytes:
    """JUnit XML, as CI servers read it: a suite a policy, and a failure where there is no test."""
    root = ElementTree.Element("testsuites", name="reviewbot policy test")
    for ran in tested:
        name, results = safe_line(ran.policy.name), ran.results
        failures = sum(not result.passed for result in results) or int(not ran.passed)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(max(1, len(results))),
            failures=str(failures),
            errors="0",
            skipped="0",
        )
        if not results:
            _junit_case(suite, name, "it has tests", (NO_TESTS,))
        for result in results:
            case = _junit_case(suite, name, result.test.name, result.problems)
            case.set("file", safe_line(result.test.path or ran.policy.path))
            case.set("line", str(result.test.span.line))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _junit_case(
    suite: ElementTree.Element, policy: str, name: str, problems: tuple[str, ...]
) -> ElementTree.Element:
    case = ElementTree.SubElement(
        suite, "testcase", classname=policy, name=safe_line(name), time="0"
    )
    if problems:
        message = safe_line("; ".join(problems))
        failure = ElementTree.SubElement(case, "failure", message=message)
        failure.text = safe("\n".join(problems))
    return case
