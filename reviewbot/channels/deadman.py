"""The dead man's ping: somebody outside notices when it stops, for a dead bot tells nobody."""

from __future__ import annotations

from reviewbot.channels.web import request
from reviewbot.domain.secret import Secret


class Ping:
    """One request after each pass that succeeded."""

    def __init__(self, url: Secret, method: str = "GET", *, proxy: str | None = None) -> None:
        self._url = url
        self._proxy = proxy
        self._method = method

    def send(self) -> None:
        """Ping. Raises ChannelFailed."""
        request(
            self._method, self._url.reveal(), headers={"user-agent": "reviewbot"}, proxy=self._proxy
        )
