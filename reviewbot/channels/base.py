"""What every channel is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Self

import msgspec

from reviewbot.channels.wording import PLAIN, MessageWording, read_wording
from reviewbot.domain.alarm import Message
from reviewbot.domain.text import Secret
from reviewbot.network import Proxy, way_to
from reviewbot.settings_table import SettingsTable


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way out to people, with its settings; a type of channel is one class and its row in `config`."""

    type: ClassVar[str]
    """What `reviewbot.toml` calls it."""
    keys: ClassVar[tuple[str, ...]]
    """What its table in `reviewbot.toml` may hold, beside what tables of all types do."""
    keeps_open: ClassVar[bool] = False
    """Whether what it is told stays open there until it hears of the end."""
    updates: ClassVar[bool] = False
    """Whether what it carried can be brought up to date."""
    name: str
    wording: MessageWording = PLAIN

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its settings; what is wrong with them is noted there."""
        raise NotImplementedError

    def through(self, _proxy: Proxy | None) -> Self:
        """The same one, going through the proxy where it uses the web."""
        return self

    def linking(self, runbooks: str | None) -> Self:
        """The same one, which says where the runbook of each kind lies."""
        wording = msgspec.structs.replace(self.wording, runbooks=runbooks)
        return msgspec.structs.replace(self, wording=wording)

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
        """Read its address, and its templates where it takes any."""
        return cls(name=name, url=section.url(), wording=read_wording(section))

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
