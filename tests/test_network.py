"""The way out: through which proxy, without which secrets, and what is said when there is none."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.channels.email import Mail
from reviewbot.channels.slack import Slack
from reviewbot.config import load_settings
from reviewbot.domain.alarm import Alarm, AlarmKind, Message
from reviewbot.domain.errors import CannotConnect, ChannelFailed, ConfigError
from reviewbot.domain.text import Secret
from reviewbot.network import Proxy, proxy_of, spared_by, trust, way_to, why
from reviewbot.runtime.bootstrap import reach
from reviewbot.tokportal.transport import Transport

KEY = "sk_test_0123456789abcdef"


def a_proxy(text: str, no_proxy: str = "") -> Proxy:
    """A proxy as the settings read it."""
    found = proxy_of(text)
    assert found is not None
    return Proxy(url=found.url, shown=found.shown, spared=no_proxy)


@pytest.mark.parametrize(
    ("url", "no_proxy", "through"),
    [
        ("https://app.tokportal.com/api", "", True),
        ("https://app.tokportal.com/api", "other.com,tokportal.org", True),
        ("https://app.tokportal.com/api", "tokportal.com", False),
        ("https://app.tokportal.com/api", ".tokportal.com", False),
        ("https://app.tokportal.com/api", "*.tokportal.com", False),
        ("https://app.tokportal.com/api", "APP.tokportal.com:443", False),
        ("https://app.tokportal.com/api", "app.tokportal.com:8443", True),
        ("https://nottokportal.com/api", "tokportal.com", True),
        ("https://app.tokportal.com/api", "a.b, *", False),
        ("https://10.1.2.3/api", "10.0.0.0/8", False),
        ("https://11.1.2.3/api", "10.0.0.0/8", True),
        ("https://127.0.0.1:8443/api", "", False),
        ("https://[::1]/api", "", False),
        ("https://api.localhost/api", "", False),
        ("http://localhost:8080/api", "", False),
    ],
)
def test_https_goes_through_the_proxy_unless_it_is_spared(
    url: str, no_proxy: str, through: bool
) -> None:
    """What stays on this machine never does."""
    assert (way_to(url, a_proxy("http://proxy:3128", no_proxy)) is not None) is through
    assert way_to(url, None) is None


def test_settings_take_the_usual_variables_and_ours_wins(tmp_path: Path) -> None:
    """And none goes without one."""

    def read(**env: str) -> Any:
        return load_settings({}, env, folder=tmp_path)

    assert str(read(HTTPS_PROXY="proxy:3128").proxy) == "http://proxy:3128"
    assert read(https_proxy="http://proxy:3128").origins["proxy"] == "https_proxy"
    assert str(read(HTTPS_PROXY="http://a:1", REVIEWBOT_PROXY="https://b").proxy) == "https://b:443"
    assert read(HTTPS_PROXY="http://a:1", REVIEWBOT_PROXY="none").proxy is None
    assert read(HTTPS_PROXY="http://a:1", no_proxy="x").proxy.spared == "x"
    assert read().proxy is None
    assert spared_by({}) == ""


@given(
    st.text("abcdefghijklmnop0123456789", min_size=8, max_size=30),
    st.sampled_from(["http://u:{}@h:1", "https://{}@h", "u:{}@h:1", "socks5://u:{}@h", "http://u:{}@h:x",
                     "http://u:{}@h/p", "http://u:{}@", "http://u:{}@h:1?q", "ftp://{}@h"]),
)  # fmt: skip
def test_credentials_of_a_proxy_are_shown_nowhere(password: str, form: str) -> None:
    """Neither where it is taken nor where it is wrong."""
    try:
        found = load_settings({}, {"HTTPS_PROXY": form.format(password)}, folder=Path("/nowhere"))
    except ConfigError as wrong:
        assert password not in str(wrong)
    else:
        assert password not in f"{found!r} {found.shown()} {found.proxy}"


class Listener:
    """Listens on this machine, keeps the first bytes of each caller, and answers with a line."""

    def __init__(self, answer: bytes) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                self.heard.append(caller.recv(65536))
                caller.sendall(self._answer)


@contextmanager
def a_listener(
    answer: bytes = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
) -> Iterator[Listener]:
    """A listener until the end of the block."""
    listener = Listener(answer)
    try:
        yield listener
    finally:
        listener.close()


def ask(url: str, folder: Path, **env: str) -> str:
    """Ask an API that cannot be reached; give what is said."""
    settings = load_settings(
        {}, {"TOKPORTAL_API_KEY": KEY, "TOKPORTAL_BASE_URL": url} | env, folder=folder
    )
    with pytest.raises(CannotConnect) as refused:
        reach(settings)
    return str(refused.value)


def test_a_proxy_hears_whom_we_talk_to_and_not_the_key(tmp_path: Path) -> None:
    """Only that a tunnel is asked for; and what it says to that is told."""
    with a_listener() as proxy:
        said = ask(
            "https://api.example",
            tmp_path,
            HTTPS_PROXY=f"http://ana:hunter2hunter2@127.0.0.1:{proxy.port}",
        )

    (heard,) = proxy.heard
    assert heard.startswith(b"CONNECT api.example:443 ")
    assert KEY.encode() not in heard
    assert b"proxy-authorization: basic" in heard.lower()
    assert "the proxy refused (407 Proxy Authentication Required)" in said
    assert "hunter2" not in said


def test_a_channel_goes_through_the_proxy_as_well() -> None:
    """Its address, which is a secret, stays in the tunnel."""
    alarm = Alarm(kind=AlarmKind.DRILL, sentence="x", at=datetime.now(UTC))
    with a_listener() as proxy:
        slack = Slack(
            name="ops",
            url=Secret("https://hooks.example/T0/B1"),
            proxy=f"http://127.0.0.1:{proxy.port}",
        )
        with pytest.raises(ChannelFailed, match="the proxy refused"):
            slack.deliver(Message(headline="x", alarms=(alarm,)))

    assert proxy.heard[0].startswith(b"CONNECT hooks.example:443 ")
    assert b"B1" not in proxy.heard[0]


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("http://127.0.0.1:1", "nothing listens at the proxy"),
        (
            "http://no-such-proxy.invalid:3128",
            "the proxy's name(.*) cannot be found|not done within",
        ),
    ],
)
def test_a_proxy_that_is_not_there_is_named_as_the_cause(
    proxy: str, says: str, tmp_path: Path
) -> None:
    """Not the API, and not the receiver of a message."""
    assert re.search(says, ask("https://api.example", tmp_path, HTTPS_PROXY=proxy))
    alarm = Alarm(kind=AlarmKind.DRILL, sentence="x", at=datetime.now(UTC))
    slack = Slack(name="ops", url=Secret("https://hooks.example/T0/B1"), proxy=proxy)
    with pytest.raises(ChannelFailed, match=says):
        slack.deliver(Message(headline="x", alarms=(alarm,)))


def test_e_mail_goes_straight_to_its_server() -> None:
    """A proxy for the web carries none."""
    mail = Mail(name="m", host="mail.example", port=587, sender="a@b.example", to=("c@d.example",))
    assert mail.through(proxy_of("http://127.0.0.1:3128")) == mail


def test_each_cause_reads_differently(tmp_path: Path) -> None:
    """No such name, nobody there, a certificate nobody vouches for, something that speaks no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    assert f"nothing listens at 127.0.0.1:{free}" in ask(f"https://127.0.0.1:{free}", tmp_path)
    assert "the name no-such-host.invalid cannot be found" in ask(
        "https://no-such-host.invalid", tmp_path
    )
    with a_listener(b"no TLS here\r\n") as plain:
        assert "TLS failed" in ask(f"https://127.0.0.1:{plain.port}", tmp_path)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be found"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (TimeoutError("secret"), "nobody answers there in time"),
        (
            OSError(101, "Network is unreachable"),
            "it cannot be reached there (Network is unreachable)",
        ),
        (ValueError("secret"), "no connection (RuntimeError)"),
    ],
)
def test_a_cause_is_found_below_whatever_wraps_it(cause: Exception, said: str) -> None:
    """And no text but the system's is repeated."""
    error = RuntimeError("secret")
    error.__cause__ = cause

    assert why(error) == said


def test_a_certificate_that_nobody_vouches_for_is_said_to_be_so() -> None:
    """With the system's own reason."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"

    assert why(error) == "its certificate is not trusted: self-signed certificate"


def test_there_is_one_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The API's transport and the channels share it; a file of authorities that is named is all of it."""
    assert trust() is trust()
    assert Transport(time.monotonic)._pool._ssl_context is trust()
    authorities = len(trust().get_ca_certs())
    assert authorities > 10
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    assert len(trust.__wrapped__().get_ca_certs()) < authorities
