"""Follow what a finding says to write: each place where that may stand, read again."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.diagnostics import Finding, Severity, apply_fixes, lines_of
from tests.policy.language.desk.measure import NAME, check

_SAYS = ("write  ", "did you mean  ")


def written(finding: Finding) -> tuple[str, ...]:
    """What is to be written in the words of a finding; nothing where it takes more than one line."""
    said = finding.under or ""
    if finding.message.endswith("not lines"):
        return ()
    begin = next((words for words in _SAYS if said.startswith(words)), None)
    if begin is None:
        return ()
    words = said.removeprefix(begin).removesuffix("  ?").split(";  ")[0]
    parts = tuple(words.split("  or  "))
    return () if any("  " in part or not part for part in parts) else parts


def followed(text: str, finding: Finding) -> Iterator[str]:
    """The text with the cure of a finding in each place that its words may mean."""
    if finding.fix is not None:
        yield apply_fixes(text, [finding], NAME)[0]
    lines = lines_of(text)
    at, span = finding.span.line - 1, finding.span
    line = lines[at].rstrip("\n")
    indent = len(line) - len(line.lstrip(" -"))
    colon = line.find(": ", indent)
    spans = [
        (span.column - 1, span.end_column - 1 if span.end_line == span.line else len(line)),
        (colon + 2, len(line)),
        (indent, len(line)),
        (len(line) - len(line.lstrip(" ")), len(line)),
        (indent, colon if colon > 0 else len(line.rstrip(":"))),
    ]
    first, last = spans[0]
    if line[first - 1 : first] == "{" and line[last : last + 1] == "}":
        spans.append((first - 1, last + 1))  # a fact is shown with its braces
    if finding.cure == "delete it":
        yield "".join(
            (*lines[:at], f"{line[: spans[0][0]]}{line[spans[0][1] + 1 :]}\n", *lines[at + 1 :])
        )
    for part in written(finding):
        for begin, end in spans:
            changed = f"{line[:begin]}{part}{line[end:]}\n"
            yield "".join((*lines[:at], changed, *lines[at + 1 :]))


def is_cured(text: str, sheet: bytes, finding: Finding) -> bool:
    """Whether no error is left on the line of a finding that says what to write, once that is followed.

    What only the rules together prove (P2xx) is another matter, and so is a key that the cure names as needed below it.
    """
    if finding.path != NAME or finding.severity is not Severity.ERROR:
        return True
    if not (finding.fix or written(finding)):
        return True
    line = finding.span.line
    before = _errors_on(text, sheet, line) - {(finding.code, finding.message)}
    return any(_errors_on(after, sheet, line) <= before for after in followed(text, finding))


def _errors_on(text: str, sheet: bytes, line: int) -> set[tuple[str, str]]:
    return {
        (finding.code, finding.message)
        for finding in check(text.encode(), sheet).findings
        if finding.severity is Severity.ERROR
        and (finding.path, finding.span.line) == (NAME, line)
        and not finding.code.startswith("P2")
        and finding.code not in _NEEDED
    }


_NEEDED = ("P122", "P123")
"""An action without the key that it needs: told of where the action is read."""
