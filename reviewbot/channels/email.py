"""E-mail over SMTP: plain text, over TLS unless told otherwise."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Literal

import msgspec

from reviewbot.channels.base import headline, lines
from reviewbot.channels.http import within
from reviewbot.domain.alarm import Message
from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import Secret
from reviewbot.network import trust, why

TIMEOUT = 20.0
"""Seconds that one e-mail may take, from connecting to the server's last word."""
Tls = Literal["starttls", "tls", "none"]


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """How to hand over mail, and from whom to whom."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    username: str | None = None
    password: Secret | None = None
    tls: Tls = "starttls"


class Mail:
    """Sends each message as one e-mail to all its readers."""

    def __init__(
        self,
        name: str,
        mailbox: Mailbox,
        *,
        now: Callable[[], float],
        trust: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.name = name
        self._box = mailbox
        self._now = now
        self._trust = trust
        self._timeout = timeout

    def deliver(self, message: Message) -> str | None:
        """Send one message; give who of several readers was refused. Raises ChannelFailed."""
        letter = as_email(message, self._box, datetime.fromtimestamp(self._now(), UTC))
        return within(self._timeout, lambda: self._send(letter))

    def _send(self, letter: EmailMessage) -> str | None:
        box = self._box
        try:
            with self._connect() as server:
                if box.username is not None and box.password is not None:
                    server.login(box.username, box.password.reveal())
                refused = server.send_message(letter, box.sender, list(box.to))
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelFailed(f"user name or password refused ({error.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            passing = all(400 <= code < 500 for code in codes)
            raise ChannelFailed(f"every reader was refused {codes}", passing=passing) from None
        except smtplib.SMTPResponseException as error:
            code = error.smtp_code
            raise ChannelFailed(f"SMTP {code}", passing=not 500 <= code < 600) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelFailed(f"the server cannot do that: {error}") from None
        except ssl.SSLError as error:
            raise ChannelFailed(why(error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelFailed(why(error), passing=True) from None
        return f"{len(refused)} of {len(box.to)} readers were refused" if refused else None

    def _connect(self) -> smtplib.SMTP:
        """Connect, encrypted before anything is said that matters."""
        box, me = self._box, "[127.0.0.1]"  # a name of this machine would cost a look-up
        if box.tls == "tls":
            return smtplib.SMTP_SSL(
                box.host, box.port, me, timeout=self._timeout, context=self._context()
            )
        server = smtplib.SMTP(box.host, box.port, me, timeout=self._timeout)
        if box.tls == "starttls":
            try:
                server.starttls(context=self._context())
            except BaseException:
                server.close()
                raise
        return server

    def _context(self) -> ssl.SSLContext:
        return self._trust or trust()


def as_email(message: Message, box: Mailbox, at: datetime) -> EmailMessage:
    """A message as an e-mail; whatever it says stays within its own header or line."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = box.sender
    letter["To"] = ", ".join(box.to)
    letter["Subject"] = f"[reviewbot] {headline(message)}"
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = make_msgid(domain=box.sender.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    told = [headline(message), *(f"- {line}" for line in lines(message))]
    letter.set_content("\n\n".join(told) + "\n", charset="utf-8", cte="quoted-printable")
    return letter
