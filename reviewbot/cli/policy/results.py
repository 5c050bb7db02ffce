"""How the tests of policies went, as text, as JSON and as JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

import msgspec

from reviewbot.cli.screen import styled
from reviewbot.cli.words import counted
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.policy.cases import CaseResult
from reviewbot.policy.coverage import Coverage
from reviewbot.policy.model import Policy
from reviewbot.policy.mutate import Mutant, survivor_sentence


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
        return bool(self.results) and all(one.passed for one in self.results)


def as_text(tested: Tested, *, everything: bool) -> str:
    """For a person: what failed and why (all tests with `everything`), then the sums."""
    lines = [*_case_lines(tested, everything=everything), _verdict(tested)]
    if tested.coverage is not None:
        lines += _coverage_lines(tested.coverage)
    if tested.mutants is not None:
        lines += _mutant_lines(tested.mutants, tested.survivors)
    return "\n".join(lines)


def _case_lines(tested: Tested, *, everything: bool) -> Iterator[str]:
    for result in tested.results:
        shown = f"{safe_line(result.test.name)}   {_place(tested.policy, result)}"
        if not result.passed:
            yield f"{styled('failed', 'bad')}  {shown}"
            yield from (f"        {safe(problem)}" for problem in result.problems)
        elif everything:
            yield f"{styled('passed', 'good')}  {shown}"


def _place(policy: Policy, result: CaseResult) -> str:
    return f"{safe_line(result.test.path or policy.path)}:{result.test.span.line}"


def _verdict(tested: Tested) -> str:
    path, results = safe_line(tested.policy.path), tested.results
    if not results:
        return f"{styled('no tests', 'bad')}  {path}: a policy without tests proves nothing"
    failed = sum(not result.passed for result in results)
    passed = f"{counted(len(results) - failed, 'test')} passed"
    verdict = styled(f"{failed} failed", "bad") + ", " if failed else ""
    return f"{verdict}{styled(passed, 'good')}  {path}"


def _coverage_lines(found: Coverage) -> Iterator[str]:
    parts = {
        "rules": found.rules,
        "conditions met and not met": found.conditions,
        "boundaries": found.boundaries,
    }
    sums = ", ".join(f"{tried} of {total} {name}" for name, (tried, total) in parts.items())
    yield f"coverage  {styled(f'{found.percent}%', 'strong')}: {sums}"
    for one in found.untried:
        yield f'  line {one.line}: {safe_line(one.message, 160)} (rule "{safe_line(one.rule, 80)}")'


def _mutant_lines(total: int, alive: tuple[Mutant, ...]) -> Iterator[str]:
    noticed = f"{total - len(alive)} of {counted(total, 'small fault')} noticed"
    yield f"mutation  {styled(noticed, 'care' if alive else 'good')}"
    yield from (f"  {safe_line(survivor_sentence(mutant), 300)}" for mutant in alive)


# For machines --------------------------------------------------------------------------------


def as_json(tested: Iterable[Tested]) -> str:
    """A list with one object a policy."""
    return json.dumps([_as_object(one) for one in tested], indent=2, ensure_ascii=False)


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
    for one in tested:
        failures = sum(not result.passed for result in one.results) or int(not one.passed)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=safe_line(one.policy.name),
            tests=str(max(1, len(one.results))),
            failures=str(failures),
            errors="0",
            skipped="0",
        )
        if not one.results:
            _junit_case(
                suite, one.policy, "it has tests", ("a policy without tests proves nothing",)
            )
        for result in one.results:
            place = result.test.path or one.policy.path
            case = _junit_case(suite, one.policy, result.test.name, result.problems)
            case.set("file", safe_line(place))
            case.set("line", str(result.test.span.line))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _junit_case(
    suite: ElementTree.Element, policy: Policy, name: str, problems: tuple[str, ...]
) -> ElementTree.Element:
    case = ElementTree.SubElement(
        suite, "testcase", classname=safe_line(policy.name), name=safe_line(name), time="0"
    )
    if problems:
        message = safe_line("; ".join(problems))
        failure = ElementTree.SubElement(case, "failure", message=message)
        failure.text = safe("\n".join(problems))
    return case
