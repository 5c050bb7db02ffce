"""E-mail over SMTP: plain text, over TLS unless told otherwise."""

from __future__ import annotations

import smtplib
import ssl
import time
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Self

from reviewbot.channels.base import Channel, Clock
from reviewbot.channels.http import within
from reviewbot.channels.wording import TEMPLATES, read_wording
from reviewbot.domain.alarm import Message
from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import Secret, safe_line
from reviewbot.network import trust, why
from reviewbot.settings_table import SettingsTable

TIMEOUT = 20.0
"""Seconds that one e-mail may take, from connecting to the server's last word."""
LONGEST_SUBJECT = 230
"""Characters of a subject, the mark of a dry run and the key's name included."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Mail(Channel, frozen=True, kw_only=True):
    """Sends each message as one e-mail to all its readers."""

    type = "email"
    keys = ("host", "port", "from", "to", "username", "password_file", "tls", *TEMPLATES)
    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    username: str | None = None
    password: Secret | None = None
    tls: str = "starttls"
    now: Clock = time.time
    trust: ssl.SSLContext | None = None
    timeout: float = TIMEOUT

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read the server, the account there, and who reads the mails."""
        tls = section.one_of("tls", PORTS, "starttls")
        readers, sender = section.texts("to"), section.text("from")
        for address in (*readers, sender):
            if address and not _is_address(address):
                section.wrong(None, f"{safe_line(address, 80)!r} is no e-mail address")
        if not readers:
            section.wrong("to", "is missing: who reads the e-mails?")
        username, password = section.table.get("username"), section.secret("password_file")
        if username is not None and "password_file" not in section.table:
            section.wrong(None, "username needs password_file")
        if username is None and password is not None:
            section.wrong(None, "password_file needs username")
        if tls == "none" and username is not None:
            section.wrong("tls", "without TLS the password would be sent in clear")
        port = section.table.get("port", PORTS.get(tls, 0))
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            section.wrong("port", f"{safe_line(str(port), 40)!r} is no port")
        return cls(
            name=name,
            host=section.text("host"),
            port=port,
            sender=sender,
            to=readers,
            username=None if username is None else section.text("username"),
            password=password,
            tls=tls,
            wording=read_wording(section),
        )

    @property
    def address(self) -> str:
        """Its readers, and the server that sends it to them."""
        return f"{safe_line(', '.join(self.to))} by {safe_line(self.host)}"

    def deliver(self, message: Message) -> str | None:
        """Send one message; give who of several readers was refused. Raises ChannelFailed."""
        letter = as_email(message, self, datetime.fromtimestamp(self.now(), UTC))
        return within(self.timeout, lambda: self._send(letter))

    def _send(self, letter: EmailMessage) -> str | None:
        try:
            with self._connect() as server:
                if self.username is not None and self.password is not None:
                    server.login(self.username, self.password.reveal())
                refused = server.send_message(letter, self.sender, list(self.to))
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
        return f"{len(refused)} of {len(self.to)} readers were refused" if refused else None

    def _connect(self) -> smtplib.SMTP:
        """Connect, encrypted before anything is said that matters."""
        me = "[127.0.0.1]"  # a name of this machine would cost a look-up
        if self.tls == "tls":
            return smtplib.SMTP_SSL(
                self.host, self.port, me, timeout=self.timeout, context=self._context()
            )
        server = smtplib.SMTP(self.host, self.port, me, timeout=self.timeout)
        if self.tls == "starttls":
            try:
                server.starttls(context=self._context())
            except BaseException:
                server.close()
                raise
        return server

    def _context(self) -> ssl.SSLContext:
        return self.trust or trust()


def as_email(message: Message, box: Mail, at: datetime) -> EmailMessage:
    """A message as an e-mail; whatever it says stays within its own header or line."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = box.sender
    letter["To"] = ", ".join(box.to)
    headline = safe_line(box.wording.headline(message), LONGEST_SUBJECT)
    letter["Subject"] = headline if box.wording.title is not None else f"[reviewbot] {headline}"
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = make_msgid(domain=box.sender.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    text = box.wording.written(message)
    if text is None:
        text = "\n\n".join([headline, *(f"- {line}" for line in box.wording.lines(message))])
    letter.set_content(text + "\n", charset="utf-8", cte="quoted-printable")
    return letter


def _is_address(text: str) -> bool:
    try:
        return text.isascii() and text.isprintable() and bool(Address(addr_spec=text).domain)
    except (ValueError, MessageError, IndexError):
        return False
