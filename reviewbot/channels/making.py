"""Make the channels and the ping that the settings describe."""

from __future__ import annotations

import time

from reviewbot.channels.channel import Channel
from reviewbot.channels.config import ChannelSettings, Notices
from reviewbot.channels.deadman import Ping
from reviewbot.channels.mail import Mail, Mailbox
from reviewbot.channels.slack import Slack
from reviewbot.channels.webhook import Webhook


def make_channels(notices: Notices) -> tuple[Channel, ...]:
    """The channels, ready to carry."""
    return tuple(_make(one) for one in notices.channels)


def make_ping(notices: Notices) -> Ping | None:
    """The ping to the outside, where one is wanted."""
    if notices.ping_url is None:
        return None
    return Ping(notices.ping_url, notices.ping_method)


def _make(one: ChannelSettings) -> Channel:
    about = one.about
    match one.type:
        case "slack":
            return Slack(one.name, about["url"])
        case "webhook":
            return Webhook(one.name, about["url"], now=time.time, secret=about["secret"])
    return Mail(one.name, Mailbox(**about), now=time.time)
