"""The week in sentences, each with the page of the console that shows more."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from reviewbot.domain.text import format_moment, safe_line
from reviewbot.insights.digest import DigestWeek, SlippedRule
from reviewbot.policy.ladder import step_name
from reviewbot.presentation.format import counted, dollars

Line = tuple[str, str]
"""A sentence, and the path of its page."""


def digest_lines(found: DigestWeek, zone: str) -> Iterator[Line]:
    """Every line, the books first."""
    since, until = (format_moment(at, zone) for at in (found.since, found.until))
    yield f"The week from {since} to {until}. {_paid(found)}", "/log"
    for slipped in found.slipped:
        yield _slipped(slipped), "/rules"
    asked = found.books.nobody_answered
    if asked:
        yield f"{counted(asked, 'question')} ended without an answer", "/log?action=escalate"
    for name, change in found.changes:
        what = f"{safe_line(name, 60)} {change.before[:8] or 'nothing'} → {change.revision[:8]}"
        yield f"Changed: {what}. {change.sentence()}", f"/policies/{quote(name, safe='')}"
    for step in found.steps:
        who = "" if step.who is None else f" by {safe_line(step.who, 60)}"
        yield (
            f"Rule {safe_line(step.rule, 80)!r} of {safe_line(step.policy, 60)} went to"
            f" {step_name(step.step)}{who}: {safe_line(step.why, 200)}",
            f"/policies/{quote(step.policy, safe='')}",
        )


def _paid(found: DigestWeek) -> str:
    paid = found.books.paid
    parts = [
        f"{word} {paid[ground].tasks} ({dollars(paid[ground].micros)})"
        for ground, word in (
            ("rule", "by rules"),
            ("fallback", "by the fallback"),
            ("person", "by people"),
            ("silence", "by silence"),
        )
    ]
    return f"Paid {', '.join(parts)}; sent back {found.books.sent_back}"


def _slipped(slipped: SlippedRule) -> str:
    now, before = slipped.now, slipped.before
    old = "none were known before"
    if before is not None and before.answered:
        old = f"{before.against} of {before.answered} in the 30 days before"
    return (
        f"Rule {safe_line(now.rule, 80)!r} slipped: {now.against} of {now.answered} answered"
        f" decisions turned out wrong ({old})"
    )
