"""What every channel is, and the plain forms of a message that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Self

import msgspec

from reviewbot.domain.alarm import Message
from reviewbot.domain.text import Secret, safe_line
from reviewbot.network import Proxy, way_to
from reviewbot.settings_table import SettingsTable

LONGEST_HEADLINE = 200
LONGEST_LINE = 600
MOST_LINES = 25
"""Alarms that a person gets to read in one message; the rest is counted."""
WARNING_MARKS = {"error": "ALARM", "warning": "Warning", "info": "Note"}


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way out to people, with its settings; a type of channel is one class and its row in `config`."""

    type: ClassVar[str]
    """What `reviewbot.toml` calls it."""
    keys: ClassVar[tuple[str, ...]]
    """What its table in `reviewbot.toml` may hold, beside what tables of all types do."""
    name: str

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its settings; what is wrong with them is noted there."""
        raise NotImplementedError

    def through(self, _proxy: Proxy | None) -> Self:
        """The same one, going through the proxy where it uses the web."""
        return self

    def deliver(self, message: Message) -> str | None:
        """Carry one message; give what went wrong for a part of its readers, if anything did.

        Raises ChannelFailed.
        """
        raise NotImplementedError

    @property
    def address(self) -> str:
        """Where it leads, in words fit for a screen."""
        return "address not shown"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What of it must never be written anywhere."""
        values = msgspec.structs.astuple(self)
        return tuple(value for value in values if isinstance(value, Secret))


class WebChannel(Channel, frozen=True, kw_only=True):
    """A channel that posts JSON to an address, which is a secret."""

    keys: ClassVar[tuple[str, ...]] = ("url", "url_file")
    url: Secret
    proxy: str | None = None

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its address."""
        return cls(name=name, url=section.url())

    def through(self, proxy: Proxy | None) -> Self:
        """The same one, going through the proxy unless its address is spared."""
        return msgspec.structs.replace(self, proxy=way_to(self.url.reveal(), proxy))

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send it. Raises ChannelFailed."""
        # Settings are read at every command, and few commands send anything.
        from reviewbot.channels.http import request

        usual = {"content-type": "application/json", "user-agent": "reviewbot"}
        headers = {**usual, **(headers or {})}
        request("POST", self.url.reveal(), body=body, headers=headers, proxy=self.proxy)


Clock = Callable[[], float]
"""Seconds since 1970."""


def headline(message: Message) -> str:
    """The message in one safe line, with how urgent it is."""
    word = "Well again" if message.alarms[0].mended else WARNING_MARKS[message.urgency]
    dry = " (dry run)" if message.dry_run else ""
    whose = f" for {message.key}" if message.key else ""
    owner = f" ({message.owner})" if message.owner else ""
    return safe_line(f"{word}{dry}{whose}{owner}: {message.headline}", LONGEST_HEADLINE)


def lines(message: Message) -> Iterator[str]:
    """The alarms of a digest, each in one safe line; nothing where the headline says it all."""
    if len(message.alarms) == 1 and len(message.headline) <= LONGEST_HEADLINE - 30:
        return
    for alarm in message.alarms[:MOST_LINES]:
        yield safe_line(alarm.sentence, LONGEST_LINE)
    left = len(message.alarms) - MOST_LINES
    if left > 0:
        yield f"… and {left} more; the log has them all."
