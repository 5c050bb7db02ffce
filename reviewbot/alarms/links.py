"""Links: the page of the console on which what an alarm tells is answered, or looked at."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from reviewbot.domain.alarm import Alarm, AlarmKind

PAGES = {
    AlarmKind.DIGEST: "/",
    AlarmKind.QUESTION: "/queue",
    AlarmKind.UNDECIDED: "/queue",
    AlarmKind.REMINDER: "/queue",
}
"""Where a kind of alarm leads that is about no single thing; all others lead to the status."""
SILENT = frozenset({AlarmKind.CHECKPOINT, AlarmKind.DRILL})
"""What leads nowhere."""


def link_of(alarm: Alarm, console: str, key: str = "") -> str:
    """The address of its page; `seen` says what of a question was known as it was told.

    Empty where no console is known.
    """
    if not console or alarm.kind in SILENT:
        return ""
    facts = alarm.facts
    query = {"key": key, "seen": str(facts.get("seen") or "")}
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"{console}{_path(alarm)}" + (f"?{asked}" if asked else "")


def _path(alarm: Alarm) -> str:
    if page := alarm.facts.get("page"):
        return str(page)
    if task := alarm.facts.get("task_id"):
        return f"/task/{quote(str(task), safe='')}"
    if alarm.kind is AlarmKind.STAGE:
        return f"/policies/{quote(str(alarm.facts['policy']), safe='')}"
    return PAGES.get(alarm.kind, "/status")
