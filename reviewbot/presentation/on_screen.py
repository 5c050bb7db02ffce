"""The manual on a screen: its Markdown laid out for a terminal, and facts in a table or in full."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from reviewbot.domain.text import safe
from reviewbot.policy.catalog import Fact, described
from reviewbot.presentation.manual import FENCE, ManualEntry
from reviewbot.presentation.style import styled

_WIDTH = 100
_WRONG = "    # not like this: what the checker says of it stands below"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_COMES_FROM = {
    "row": "listed with the task",
    "evidence": "fetched only when a rule needs it (one request a task)",
    "history": "from our own log",
    "account": "from our own log",
    "directory": "from the API's list of accounts, read at most once an hour; unknown where it cannot be",
    "total": "asked only when a rule needs it (one request an account and day)",
    "fleet": "counted over all tasks",
    "clock": "worked out from the API's times",
}


def contents(chapters: Sequence[ManualEntry]) -> str:
    """The table of contents: every heading of the guide, those of the third level indented."""
    lines = [
        f"  {chapter.title}" if chapter.within else styled(chapter.title, "strong")
        for chapter in chapters
    ]
    tail = (
        "Read one, or ask:\n"
        "  reviewbot policy guide what is at stake\n"
        "  reviewbot policy guide how do I not pay at weekends\n"
        "  reviewbot policy guide decide by"
    )
    return "\n".join([*lines, "", tail])


def answer(found: Sequence[ManualEntry]) -> str:
    """What fits best, whole, with the chapter about it where that is a name; else headings alone."""
    first = found[0]
    chapter = next((entry for entry in found if entry.kind == "chapter"), first)
    whole = [first] if chapter is first else [first, chapter]
    parts = [_entry(entry) for entry in whole]
    rest = [entry for entry in found if entry not in whole]
    if rest:
        lines = [f"  reviewbot policy guide {_typed(entry.title)}" for entry in rest]
        parts.append("\n".join(["See also:", *lines]))
    return "\n\n".join(parts)


def _typed(title: str) -> str:
    """A title as it is typed behind a command."""
    plain = title.rstrip(":")
    return plain if re.fullmatch(r"[\w .,:-]+", plain) else "'" + plain.replace("'", "'\\''") + "'"


def _entry(entry: ManualEntry) -> str:
    head = f"{entry.within} › {entry.title}" if entry.within else entry.title
    return "\n\n".join([styled(head, "strong"), as_screen(entry.text)])


def as_screen(markdown: str) -> str:
    """Lay Markdown out for a terminal: examples indented, tables aligned, paragraphs filled."""
    return "\n\n".join(_blocks(markdown))


def _blocks(markdown: str) -> Iterator[str]:
    for block in re.split(rf"^({FENCE}.*?^{FENCE}$)", markdown, flags=re.M | re.S):
        if block.startswith(FENCE):
            head, *lines = block.splitlines()[:-1]
            if head.endswith("wrong"):
                yield styled(_WRONG, "care")
            yield "\n".join(styled(f"    {line}", "faint") if line else "" for line in lines)
            continue
        for paragraph in re.split(r"\n{2,}", block.strip()):
            if paragraph.startswith("|"):
                yield _table(paragraph.splitlines())
            elif paragraph:
                yield "\n".join(_filled(paragraph))


def _filled(paragraph: str) -> Iterator[str]:
    """Each paragraph, or each item of a list, filled to the width of a page."""
    for item in re.split(r"\n(?=[*-] |\d+\. )", paragraph):
        mark = re.match(r"[*-] |\d+\. ", item)
        text = _inline(" ".join(item.split()))
        yield fill(
            text,
            _WIDTH,
            subsequent_indent=" " * len(mark[0]) if mark else "",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _inline(text: str) -> str:
    """Without the marks of links and of weight; code keeps its own."""
    return _LINK.sub(r"\1", text).replace("**", "")


def _table(lines: Sequence[str]) -> str:
    rows = [
        [_inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in lines
        if not re.fullmatch(r"[|\s:-]+", line)
    ]
    first = max(len(row[0]) for row in rows)
    return "\n".join(_row(row, min(first, 46)) for row in rows)


def _row(row: Sequence[str], width: int) -> str:
    head, rest = row[0], "  ·  ".join(cell for cell in row[1:] if cell)
    return fill(
        f"{head.ljust(width)}  {rest}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent=" " * (width + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def facts_table(facts: Iterable[Fact], *, grouped: bool = True) -> str:
    """Facts, two lines each; those of a family stand together where they come in its order."""
    chosen = list(facts)
    width = max(len(fact.name) for fact in chosen)
    lines: list[str] = []
    family = ""
    for fact in chosen:
        if grouped and (head := fact.name.split(".")[0]) != family:
            lines += [""] if family else []
            family = head
        lines.append(f"{styled(fact.name.ljust(width), 'strong')}  {fact.sentence}")
        lines.append(f"{'':{width}}  {styled(described(fact), 'faint')}")
    return "\n".join(lines)


def fact_in_full(fact: Fact) -> str:
    """All that is known of one fact."""
    lines = [
        styled(fact.name, "strong"),
        f"  {fact.sentence}",
        f"  type       {described(fact)}",
        f"  may be     {'unknown' if fact.nullable else 'always known'}",
        f"  comes      {_COMES_FROM[fact.source]}",
    ]
    if fact.example:
        lines.append(f"  write      {fact.name}: {safe(fact.example)}")
    return "\n".join(lines)
