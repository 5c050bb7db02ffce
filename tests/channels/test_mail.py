"""E-mail against a real SMTP server: plain, STARTTLS, TLS, with a login, and every refusal."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reviewbot.channels.email import Mail
from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import Secret
from tests.channels.messages import a_message, an_alarm
from tests.channels.servers import mail_server

PASSWORD = "s3cret-pa55"


class Trust:
    """A certificate for 127.0.0.1, and who trusts it."""

    def __init__(self, folder: Path) -> None:
        cert, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(cert, key)
        self.client = ssl.create_default_context(cafile=str(cert))


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """A certificate of our own making."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate to test TLS with")
    return Trust(tmp_path_factory.mktemp("tls"))


def mail(port: int, *, trust: ssl.SSLContext | None = None, **changes: Any) -> Mail:
    """A channel to the server on a port; in clear unless told otherwise."""
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "bot@example.com",
        "to": ("desk@example.com",),
        "tls": "none",
    }
    fields |= {"now": lambda: 1.8e9, "trust": trust, "timeout": 5.0} | changes
    return Mail(name="mail", **fields)


def test_a_digest_arrives_as_one_mail_to_all_readers() -> None:
    """Headline as the subject, one line per alarm, marked as written by a machine."""
    alarms = (an_alarm(sentence="Aufgabe eins läuft ab"), an_alarm(sentence="two"))
    with mail_server() as server:
        channel = mail(server.port, to=("a@example.com", "b@example.com"))
        assert channel.deliver(a_message(*alarms, headline="2 tasks expire")) is None

    (got,) = server.mails
    assert got["subject"] == "[reviewbot] ALARM: 2 tasks expire"
    assert got["auto-submitted"] == "auto-generated"
    assert "- Aufgabe eins läuft ab" in got.get_content()
    assert server.readers == [["a@example.com", "b@example.com"]]


def test_starttls_and_a_login(trust: Trust) -> None:
    """The password goes over an encrypted connection only."""
    with mail_server(trust.server) as server:
        secret = Secret(PASSWORD)
        mail(
            server.port, trust=trust.client, tls="starttls", username="bot", password=secret
        ).deliver(a_message())

    assert (server.encrypted, server.logins) == ([True], [("bot", PASSWORD)])


def test_tls_from_the_first_byte(trust: Trust) -> None:
    """As port 465 wants it."""
    with mail_server(trust.server, wrapped=True) as server:
        mail(server.port, trust=trust.client, tls="tls").deliver(a_message())

    assert server.encrypted == [True]


def test_an_unknown_certificate_ends_it_before_anything_is_said(trust: Trust) -> None:
    """No password and no text goes to a stranger."""
    with mail_server(trust.server) as server:
        channel = mail(server.port, tls="starttls", username="bot", password=Secret(PASSWORD))
        with pytest.raises(ChannelFailed, match="certificate"):
            channel.deliver(a_message())

    assert (server.logins, server.mails) == ([], [])


def test_a_server_without_starttls_gets_nothing() -> None:
    """Encryption that is wanted is never left out quietly."""
    with mail_server() as server, pytest.raises(ChannelFailed, match="cannot do that"):
        mail(server.port, tls="starttls").deliver(a_message())

    assert server.mails == []


@pytest.mark.parametrize(
    ("refuse", "says", "passing"),
    [
        ({"AUTH": "535 5.7.8 no"}, r"user name or password refused \(535\)", False),
        ({"RCPT": "550 no such user"}, r"every reader was refused \[550\]", False),
        ({"RCPT": "450 later"}, r"every reader was refused \[450\]", True),
        ({"DATA": "554 spam"}, "SMTP 554", False),
        ({"MAIL": "421 busy"}, "SMTP 421", True),
    ],
)
def test_a_refusal_says_why_and_never_the_password(
    refuse: dict[str, str], says: str, passing: bool, trust: Trust
) -> None:
    """And whether another try may help."""
    with mail_server(trust.server) as server:
        server.refuse = refuse
        channel = mail(
            server.port,
            trust=trust.client,
            tls="starttls",
            username="bot",
            password=Secret(PASSWORD),
        )
        with pytest.raises(ChannelFailed, match=says) as failed:
            channel.deliver(a_message())

    assert failed.value.passing is passing
    assert PASSWORD not in str(failed.value)


def test_one_refused_reader_of_two_is_noted_not_failed() -> None:
    """It must not be sent to the other one again and again."""
    with mail_server() as server:
        server.refuse = {"b@example.com": "550 gone"}
        channel = mail(server.port, to=("a@example.com", "b@example.com"))
        assert channel.deliver(a_message()) == "1 of 2 readers were refused"

    assert server.readers == [["a@example.com"]]


def test_a_server_that_says_nothing_is_given_up() -> None:
    """The bound holds for the whole of it."""
    with mail_server() as server:
        server.silent = True
        with pytest.raises(ChannelFailed) as failed:
            mail(server.port, timeout=0.2).deliver(a_message())

    assert failed.value.passing


def test_nobody_listens() -> None:
    """No connection."""
    with pytest.raises(ChannelFailed, match="nothing listens there"):
        mail(1).deliver(a_message())
