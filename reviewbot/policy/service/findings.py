"""What is wrong with a text that is being typed, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import msgspec

from reviewbot.policy.diagnostics import Finding, Fix, Severity, apply_fixes
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.service.draft import Draft
from reviewbot.policy.testing.check import POLL, checked

_ASKS, _OR, _SAYS = "did you mean  ", "  or  ", "write  "
"""How messages set apart what to write: by two spaces."""
MOST_SUGGESTED = 4


class Cure(msgspec.Struct, frozen=True, kw_only=True):
    """One way to mend a finding. `sure` says that it certainly does, as `policy check --fix` knows."""

    title: str
    finding: Finding
    fix: Fix
    sure: bool


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside a policy: the bytes of a file by its name (raises OSError), and its tests."""

    read: Callable[[str], bytes]
    tests: tuple[str, bytes] | None = None
    today: date | None = None


def read(draft: Draft, beside: Beside) -> Parsed:
    """Read a text, or the policy beside a file of tests with it: what is wrong with the text alone."""
    policy, tests = draft, beside.tests
    if draft.beside is not None:
        policy, tests = draft.beside, (draft.path, draft.text.encode(errors="surrogatepass"))
    return parse_policy(
        policy.text, path=policy.path, read=beside.read, tests=tests, today=beside.today
    )


def check(parsed: Parsed, today: date | None, poll: float = POLL) -> Parsed:
    """Add what a text means to what is wrong with it, with the notes that editors show."""
    return checked(parsed, today=today, poll=poll)


def cures(draft: Draft, beside: Beside, findings: Iterable[Finding]) -> tuple[Cure, ...]:
    """The ways to mend findings of a text: the sure ones, and those of their hints that help.

    A hint helps where the text with it has fewer mistakes: each is tried.
    """
    found: list[Cure] = []
    errors = -1
    for finding in findings:
        if finding.path != draft.path:
            continue
        if finding.fix is not None:
            title = f"Write {finding.fix.replacement}"
            found.append(Cure(title=title, finding=finding, fix=finding.fix, sure=True))
            continue
        errors = errors if errors >= 0 else _mistakes(draft, beside)
        for text in [*_hints(finding)][:MOST_SUGGESTED]:
            fix = Fix(finding.span, text)
            if _mistakes(_mended(draft, finding, fix), beside) < errors:
                found.append(Cure(title=f"Write {text}", finding=finding, fix=fix, sure=False))
    return tuple(found)


def _hints(finding: Finding) -> Iterator[str]:
    """What the words beside the caret say to write."""
    under = finding.under or ""
    if finding.span.line != finding.span.end_line:
        return
    if under.startswith(_ASKS):
        yield from under.removeprefix(_ASKS).removesuffix("  ?").split(_OR)
    elif under.startswith(_SAYS):
        yield under.removeprefix(_SAYS)


def _mended(draft: Draft, finding: Finding, fix: Fix) -> Draft:
    text, _ = apply_fixes(draft.text, [msgspec.structs.replace(finding, fix=fix)], draft.path)
    return Draft(text, draft.path, draft.beside)


def _mistakes(draft: Draft, beside: Beside) -> int:
    found = read(draft, beside).findings
    return sum(finding.severity is not Severity.NOTE for finding in found)
