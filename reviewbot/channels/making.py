"""Make the channels and the ping that the settings describe."""

from __future__ import annotations

import time

from reviewbot.channels.base import Channel
from reviewbot.channels.config import ChannelSettings, Notices
from reviewbot.channels.email import Mail, Mailbox
from reviewbot.channels.webhook import Ping, Slack, Webhook
from reviewbot.network import Proxy, way_to


def make_channels(notices: Notices, proxy: Proxy | None = None) -> tuple[Channel, ...]:
    """The channels, ready to carry; what they send over the web goes through the proxy."""
    return tuple(_make(one, proxy) for one in notices.channels)


def make_ping(notices: Notices, proxy: Proxy | None = None) -> Ping | None:
    """The ping to the outside, where one is wanted."""
    if notices.ping_url is None:
        return None
    way = way_to(notices.ping_url.reveal(), proxy)
    return Ping(notices.ping_url, notices.ping_method, proxy=way)


def _make(one: ChannelSettings, proxy: Proxy | None) -> Channel:
    about = one.about
    if one.type in ("slack", "webhook"):
        url, way = about["url"], way_to(about["url"].reveal(), proxy)
        if one.type == "slack":
            return Slack(one.name, url, proxy=way)
        return Webhook(one.name, url, now=time.time, secret=about["secret"], proxy=way)
    return Mail(one.name, Mailbox(**about), now=time.time)
