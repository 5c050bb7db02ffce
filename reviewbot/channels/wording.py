"""Wording: what a message says in words, by default or by a template of the settings.

A template is text with names in braces; only the names below may stand there, and nothing but a name.
What fills them comes from outside and is made safe for its sink; the template itself is the
operator's, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from string import Formatter

import msgspec

from reviewbot.domain.alarm import ENDS, Alarm, AlarmKind, Message
from reviewbot.domain.text import iso, safe_line
from reviewbot.policy.text_forms import did_you_mean, listed
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.settings_table import SettingsTable

LONGEST_HEADLINE = 200
LONGEST_LINE = 600
MOST_LINES = 25
"""Alarms that a person gets to read in one message; the rest is counted."""
WARNING_MARKS = {"error": "ALARM", "warning": "Warning", "info": "Note"}
TEMPLATES = ("title", "text")
"""What a channel's table may word itself."""
PLACEHOLDERS = (
    "headline",
    "lines",
    "kind",
    "urgency",
    "word",
    "count",
    "key",
    "owner",
    "to",
    "at",
    "runbook",
    "link",
)
"""The headline; the alarms one a line; the kind's name; `error`, `warning` or `info`; ALARM, Warning, Note
or Well again; how many alarms; the key's name and owner; the targets; the moment; the address of the
runbook, and of the page in the console."""


def problem_of_template(text: str) -> str | None:
    """What is wrong with a template; None when it will do."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return "has a brace that stands alone; write {{ or }} for one that is meant"
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS:
            hint = did_you_mean(name, PLACEHOLDERS) or f"there are {listed(PLACEHOLDERS, 'and')}"
            return f"{{{safe_line(name, 40)}}} is no placeholder; {hint}"
        if form or conversion:
            return f"{{{name}}} takes nothing behind its name"
    return None


class MessageWording(msgspec.Struct, frozen=True, kw_only=True):
    """How one channel words its messages. `runbooks` is where the runbook of each kind lies."""

    title: str | None = None
    text: str | None = None
    runbooks: str | None = None

    def headline(self, message: Message, safe: Callable[[str], str] = safe_line) -> str:
        """The message in one safe line, with how urgent it is."""
        if self.title is not None:
            return self._filled(self.title, message, safe)
        dry = " (dry run)" if message.dry_run else ""
        whose = f" for {message.key}" if message.key else ""
        owner = f" ({message.owner})" if message.owner else ""
        text = f"{_word(message)}{dry}{whose}{owner}: {message.headline}"
        return safe(safe_line(text, LONGEST_HEADLINE))

    def lines(self, message: Message) -> Iterator[str]:
        """What stands below: each alarm of a digest in one safe line, and the runbook's address."""
        yield from lines_of(message)
        if (runbook := self.runbook(message.kind)) is not None and not message.alarms[0].mended:
            yield f"What to do: {runbook}"

    def written(self, message: Message, safe: Callable[[str], str] = safe_line) -> str | None:
        """What the template of the text makes of it; None where there is none."""
        return None if self.text is None else self._filled(self.text, message, safe)

    def runbook(self, kind: AlarmKind) -> str | None:
        """Where the runbook of a kind lies."""
        return None if self.runbooks is None else f"{self.runbooks}{kind.value}.md"

    def _filled(self, template: str, message: Message, safe: Callable[[str], str]) -> str:
        values = {
            "headline": safe_line(message.headline, LONGEST_LINE),
            "kind": message.kind.value,
            "urgency": message.urgency,
            "word": _word(message),
            "count": str(len(message.alarms)),
            "key": safe_line(message.key) or DEFAULT_KEY,
            "owner": safe_line(message.owner),
            "to": safe_line(", ".join(message.to)),
            "at": iso(message.alarms[0].at),
            "runbook": self.runbook(message.kind) or "",
            "link": message.alarms[0].link,
        }
        filled = {name: safe(value) for name, value in values.items()}
        shown = lines_of(message) if len(message.alarms) > 1 else [message.alarms[0].sentence]
        filled["lines"] = "\n".join(safe(safe_line(line, LONGEST_LINE)) for line in shown)
        parts = Formatter().parse(template)
        return "".join(
            words + ("" if name is None else filled[name]) for words, name, _, _ in parts
        )


PLAIN = MessageWording()


def read_wording(section: SettingsTable) -> MessageWording:
    """Read the templates of a channel; what is wrong with them is noted there."""
    found: dict[str, str] = {}
    for name in TEMPLATES:
        if name not in section.table:
            continue
        text = section.table[name]
        if not isinstance(text, str) or not text.strip():
            section.wrong(name, "is no text")
        elif name == "title" and not text.isprintable():
            section.wrong(name, "is no text on one line")
        elif (problem := problem_of_template(text)) is not None:
            section.wrong(name, problem)
        else:
            found[name] = text
    return MessageWording(**found)


def lines_of(message: Message) -> Iterator[str]:
    """The alarms of a digest, each in one safe line with its link; only that where the headline says it."""
    alone = len(message.alarms) == 1 and len(message.headline) <= LONGEST_HEADLINE - 30
    for alarm in message.alarms[:MOST_LINES]:
        said = "" if alone else safe_line(alarm.sentence, LONGEST_LINE)
        if line := f"{said} {alarm.link}".strip():
            yield line
    left = len(message.alarms) - MOST_LINES
    if left > 0:
        yield f"… and {left} more; the log has them all."


def _word(message: Message) -> str:
    over = "Answered" if message.kind is AlarmKind.QUESTION else "Well again"
    return over if message.alarms[0].mended else WARNING_MARKS[message.urgency]


# ------------------------------------------------------------------------------------------------
# Causes: what a service that keeps things open until they end is told of a message.
#
# Each cause has one key, made of what it is about alone, so that the same is never opened twice
# and its end closes it, whichever process says so.


MOST = 40
"""Causes of one message; each is a call of its own, and together they have a channel's time."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or over. `key` holds letters, digits and dashes, at most 64 of them."""

    key: str
    alarm: Alarm
    message: Message
    """The message that it is told by, or the part of it that is about this alone."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.alarm.mended


def causes_of(message: Message, source: str) -> Iterator[Cause]:
    """The causes of a message: each alarm that lasts by itself, others together as they are told.

    `source` tells two bots apart that use one service.
    """
    if message.kind not in ENDS:
        subjects = sorted({alarm.subject for alarm in message.alarms})
        key = _key(message, source, "\n".join(subjects))
        yield Cause(key=key, alarm=message.alarms[0], message=message)
        return
    for alarm in message.alarms[:MOST]:
        headline = message.headline if len(message.alarms) == 1 else safe_line(alarm.sentence)
        alone = msgspec.structs.replace(message, headline=headline, alarms=(alarm,))
        yield Cause(key=_key(message, source, alarm.subject), alarm=alarm, message=alone)


def _key(message: Message, source: str, subject: str) -> str:
    about = "\n".join((source, message.key, subject)).encode("utf-8", "replace")
    return f"reviewbot-{message.kind.value}-{sha256(about).hexdigest()[:20]}"
