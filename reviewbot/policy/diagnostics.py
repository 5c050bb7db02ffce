"""A finding: one thing wrong, or probably not meant, in a policy, with its place and its cure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from io import StringIO

import msgspec


class Severity(StrEnum):
    """An error makes the policy unusable; a warning is clear but probably not meant; a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Span(msgspec.Struct, frozen=True, gc=False):
    """A place in a text: 1-based lines and columns (in characters); the end is outside it."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(1, 1, 1, 1)


class Fix(msgspec.Struct, frozen=True):
    """A replacement of the text at `span` that certainly cures the finding."""

    span: Span
    replacement: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    `message` is one plain sentence without a final stop; `under` what stands beside the caret (the
    nearest valid name, for instance); `detail` a fact's type and range; `cure` what to change;
    `see` a command that tells more.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    under: str | None = None
    detail: str | None = None
    cure: str | None = None
    see: str | None = None
    fix: Fix | None = None
    more: tuple[Fix, ...] = ()
    """Replacements on other lines that belong to the cure."""
    path: str = ""
    related: tuple[tuple[str, Span, str], ...] = ()
    """Other places that matter: (path, span, what is there)."""


CODES: dict[str, str] = {
    "P001": "the file cannot be read",
    "P002": "the file is not UTF-8",
    "P003": "the file is empty",
    "P004": "the file is larger than 1 MiB",
    "P005": "the file holds more than 40,000 values",
    "P006": "more than 20 levels lie inside each other",
    "P007": "anchors and aliases (& and *) are not taken",
    "P008": "YAML tags (!) are not taken",
    "P009": "a second document in one file",
    "P010": "an invisible character",
    "P011": "a tab where YAML wants spaces",
    "P012": "a text without quotes starts with a sign that means something to YAML",
    "P013": "a colon and a space inside a text without quotes",
    "P014": "a bracket or brace is never closed",
    "P015": "a quote is never closed, or text follows the closing one",
    "P016": "the indentation fits no line above",
    "P017": "the text cannot be read as YAML",
    "P018": "merge keys (<<) are not taken",
    "P019": "a key stands twice in one mapping",
    "P020": "an unknown key",
    "P021": "an unknown fact",
    "P022": "a value outside a closed list",
    "P023": "a list, pattern, calendar, condition or reason that is not declared",
    "P024": "an unknown action",
    "P025": "an unknown fact in a placeholder",
    "P026": "a placeholder or its format is not well formed",
    "P027": "a test names an unknown rule",
    "P028": "an unknown time zone",
    "P030": "something required is missing",
    "P031": "a text, a list or a mapping stands where another of them must",
    "P032": "nothing stands where something must",
    "P033": "two rules or two tests share a name",
    "P034": "a name that cannot be one",
    "P035": "an unknown version of the language",
    "P036": "so many findings that the reading stopped",
    "P037": "an unknown locale",
    "P101": "a value of the wrong type",
    "P102": "a number without its unit",
    "P103": "a length of time written in another way",
    "P104": "an amount of money without USD",
    "P105": "the ends of a range are swapped",
    "P106": "two lines on one fact in one mapping",
    "P107": "conditions more than three levels deep",
    "P108": "an empty list or mapping",
    "P109": "a test that this type of fact does not take",
    "P110": "not before something that takes no not",
    "P111": "a test without its value",
    "P112": "words that are nearly a test",
    "P113": "a rule with two conditions, or one that never matches",
    "P114": "something that is not a moment",
    "P115": "a time that the clock change skips or shows twice",
    "P116": "a moment of the other kind of review",
    "P117": "a moment outside the 72 hours of a review",
    "P118": "a check where there can be none",
    "P119": "variants of a text of two kinds",
    "P120": "a key that belongs to another action",
    "P121": "a dispute without its reason",
    "P122": "a wait without its moment",
    "P123": "leave without because",
    "P124": "a request for corrections without its texts",
    "P125": "cases of the fallback that do not end in otherwise",
    "P126": "hours that never open",
    "P127": "closed days that are not dates",
    "P128": "hours that are not well formed",
    "P129": "a list file that cannot be used",
    "P130": "a reason that is too short",
    "P131": "a reason that is too long",
    "P132": "a regular expression that cannot be used",
    "P133": "a pattern that its own examples disprove",
    "P134": "a cap that is not well formed",
    "P135": "a pause that looks at single tasks",
    "P136": "a test that proves nothing",
    "P137": "a test given a comparison instead of a value",
    "P138": "a test given a value that cannot occur",
    "P139": "a test whose facts cannot occur together",
    "P140": "a wait that outlives the last moment to decide",
    "P150": "a named condition that asks for another one",
    "P151": "a statement about something that is not done",
    "P141": "cases of a text that do not end in otherwise",
    "P201": "a rule whose own conditions exclude each other",
    "P202": "a rule whose tasks are all taken by earlier rules",
    "P203": "a task that one rule pays and another sends back",
    "P204": "a task that two rules with other actions match",
    "P205": "a task that no rule covers",
    "P206": "money that moves because an earlier rule could not tell",
    "P207": "a test that is always true",
    "P208": "a test that is never true",
    "P209": "rules of which cannot be told whether they can match",
    "P210": "another question about the rules that cannot be told",
    "P211": "a test that lies beyond what the API documents",
    "P212": "a rule that only a task beyond the API's documents can match",
    "P213": "money that moves on no check where no check was made",
    "P220": "a placeholder that may be unknown when its text is sent",
    "P221": "a text that can be too long with its facts in it",
    "P222": "a text that can be too short with its facts in it",
    "P223": "a text of which cannot be told whether its case fits",
    "P230": "a wait during which nothing can change",
    "P231": "hours that never open before the last moment to decide",
    "P232": "hours shorter than the time between two polls",
    "P233": "confirmation times from which a rule with hours can never act",
    "P234": "too little time between the last decision and the deadline",
    "P235": "a reminder at or after the last moment to decide",
    "P240": "a review that could be sent back for ever",
    "P250": "a rule or a fallback that can do what a statement forbids",
    "P251": "a statement that cannot be proved",
    "P252": "tasks of which cannot be told whether a statement is about them",
    "P310": "a text is cut by #",
    "P311": "curly quotes are part of a text",
    "P312": "a word that other YAML tools read as yes, no or nothing",
    "P313": "a variant that is never used",
    "P314": "an internal value in a text for the other side",
    "P315": "a country that is not told by two letters",
    "P316": "a text with a blank that is still to be filled in, or with markup",
    "P320": "a rollout of 0%",
    "P321": "a rollout of 100%",
    "P322": "the deadline does not say why",
    "P323": "a cap of zero",
    "P324": "a cap on a share without a least number of decisions",
    "P325": "a limit that also holds the fallback, so that silence pays what it saves",
    "P326": "a limit, hours or a pause behind which silence can pay, as the fallback only asks a person",
    "P327": "a limit below the usual load",
    "P329": "limits, hours and pauses behind which silence cannot pay",
    "P330": "a list of which every entry has expired",
    "P331": "a value twice in one list",
    "P332": "a list file without values",
    "P333": "a pattern without examples",
    "P335": "an entry of a list that has expired",
    "P336": "a column of a list file that is nearly one that is read",
    "P337": "a value of a list file that a spreadsheet or a word processor has probably changed",
    "P340": "a reason, a list, a pattern, a condition or hours that nothing uses",
    "P350": "a rule on our own counts while every account is new to our log",
}
"""Every code a finding can have, with what it means; codes never change their meaning.

P0xx: the file, its YAML and its names. P1xx: values and forms; what leaves the meaning in doubt.
P2xx: what the rules mean together. P3xx: clear, but probably not meant. P4xx: worth knowing.
"""


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, as findings count them: LF, CR LF and CR, and no other."""
    return list(StringIO(text, newline=""))


def apply_fixes(source: str, findings: Iterable[Finding], path: str) -> tuple[str, int]:
    """Give the text with every fix for `path` applied, and how many that were.

    Two are never applied on the same words. `source` is the file's text as it is (its line ends and byte order mark stay).
    """
    lines = lines_of(source.removeprefix("\ufeff"))
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    own = [finding for finding in findings if finding.path == path]
    fixes = {fix for finding in own for fix in (finding.fix, *finding.more) if fix}
    applied = 0
    above: Fix | None = None
    for fix in sorted(fixes, key=_place, reverse=True):
        span = fix.span
        if span.line != span.end_line or span.line > len(lines):
            continue
        if above is not None and _overlap(fix, above):
            continue
        line = lines[span.line - 1]
        if span.end_column > len(line.rstrip("\r\n")) + 1:
            continue  # a fix never joins lines
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
