"""Signing in by a provider (a small one on loopback) and by a proxy on a unix socket."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from msgspec.structs import replace

from reviewbot.console_settings import ConsoleSettings, read_console
from reviewbot.domain.errors import ConfigError
from reviewbot.domain.text import Secret
from reviewbot.setting_values import parse_seconds
from reviewbot.web import people
from reviewbot.web.oidc import OidcProvider
from reviewbot.web.server import ConsoleServer, read_listen, refuse_without_sign_in
from tests.web.desk import WebDesk, web_desk

joserfc = pytest.importorskip("joserfc", reason="pip install 'reviewbot[console-oidc]'")
pytestmark = pytest.mark.timeout(120)


@cache
def a_key(name: str) -> Any:
    """A key of the provider's; making one takes a while."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048, parameters={"kid": name, "use": "sig"})


class FakeProvider:
    """A provider that lets `who` in; each part of what it says can be spoiled."""

    def __init__(self) -> None:
        self.key = a_key("one")
        self.claims: dict[str, Any] = {"email": "ana@example.com", "email_verified": True}
        self.algorithm = "RS256"
        self.shown: Any = None
        self.asked: dict[str, str] = {}
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                self._send(outer.get(urlsplit(self.path).path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self._send(outer.token(dict(parse_qsl(body)), self.headers["authorization"]))

            def _send(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path: str) -> Any:
        """What it says of itself, and its keys."""
        if path == "/keys":
            return {"keys": [(self.shown or self.key).as_dict(private=False)]}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def authorize(self, url: str) -> str:
        """Somebody signs in there; the address that the browser is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked = query
        return f"{query['redirect_uri']}?code=the-code&state={query['state']}"

    def token(self, form: dict[str, str], authorization: str) -> Any:
        """The tokens for a code, where the verifier is the one whose hash was shown before."""
        from joserfc import jwt

        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        shown = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        secret = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if shown != self.asked["code_challenge"] or secret != "desk:client secret":
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": "desk", "sub": "1", "iat": now, "exp": now + 300,
            "nonce": self.asked["nonce"], **self.claims,
        }  # fmt: skip
        header = {"alg": self.algorithm, "kid": self.key.kid}
        key = self.key
        if self.algorithm == "HS256":
            from joserfc.jwk import OctKey

            key = OctKey.import_key("client secret of the very longest kind")  # type: ignore[assignment]
        token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


@contextmanager
def oidc_desk(tmp_path: Path) -> Iterator[tuple[WebDesk, FakeProvider]]:
    """A console that signs in by a provider of ours; ana may enter."""
    provider = FakeProvider()
    settings = ConsoleSettings(
        sign_in="oidc",
        issuer=provider.url,
        client_id="desk",
        client_secret=Secret("client secret"),
    )
    try:
        with web_desk(tmp_path, tasks=1, settings=settings, passwords=True) as desk:
            chosen = replace(settings, url=desk.url)
            desk.console.provider = OidcProvider(chosen)
            now = desk.house.clock.now()
            people.add_person(
                desk.console.ledger, "ana@example.com", "reviewer", None, by="test", now=now
            )
            yield desk, provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()


def sign_in(desk: WebDesk, provider: FakeProvider, browser: httpx.Client) -> httpx.Response:
    """As a browser does it: to the provider and back."""
    begun = browser.get("/login/start?next=/queue")
    assert begun.status_code == 303, begun.text
    return browser.get(provider.authorize(begun.headers["location"]))


def test_whoever_the_provider_names_enters_if_an_admin_added_them(tmp_path: Path) -> None:
    """With state, nonce and PKCE; to the page they wanted; passwords let nobody in here."""
    with oidc_desk(tmp_path) as (desk, provider), desk.client() as browser:
        assert "Sign in with 127.0.0.1" in browser.get("/login").text
        assert browser.post("/login", data={"name": "ana", "password": "x"}).status_code == 403
        back = sign_in(desk, provider, browser)
        assert (back.status_code, back.headers["location"]) == (303, "/queue")
        assert provider.asked["code_challenge_method"] == "S256"
        assert "ana@example.com" in browser.get("/queue").text
        story = desk.console.ledger.story("console", "ana@example.com")
        assert story[-1].value["how"] == "oidc"

        provider.claims["email"] = "eve@example.com"
        with desk.client() as other:
            refused = sign_in(desk, provider, other)
            assert refused.status_code == 403 and "an admin has to add" in refused.text


def test_what_a_token_says_is_believed_only_if_all_of_it_fits(tmp_path: Path) -> None:
    """Another issuer, reader, sign-in or time, no verified name, a shared secret or an unknown key."""
    spoils: list[dict[str, Any]] = [
        {"iss": "https://elsewhere.example.com"},
        {"aud": "another"},
        {"nonce": "of another sign-in"},
        {"exp": 1_000_000},
        {"email_verified": False},
        {"email": ""},
    ]
    with oidc_desk(tmp_path) as (desk, provider), desk.client() as browser:
        good = dict(provider.claims)
        for spoiled in spoils:
            provider.claims = good | spoiled
            assert sign_in(desk, provider, browser).status_code == 403, spoiled
        provider.claims, provider.algorithm = good, "HS256"
        assert sign_in(desk, provider, browser).status_code == 403
        provider.algorithm, provider.shown = "RS256", provider.key
        provider.key = a_key("unknown")
        assert sign_in(desk, provider, browser).status_code == 403

        assert browser.get("/queue").status_code == 303
        assert people.sessions(desk.console.ledger, desk.house.clock.now()) == []


def test_nobody_finishes_another_s_sign_in(tmp_path: Path) -> None:
    """Without the cookie that it began with, with another's state, after an error, or too late."""
    with oidc_desk(tmp_path) as (desk, provider), desk.client() as browser:
        begun = browser.get("/login/start?next=//elsewhere.example.com")
        back = provider.authorize(begun.headers["location"])
        with desk.client() as other:
            assert other.get(back).status_code == 403
        assert browser.get(back.replace("state=", "state=x")).status_code == 403
        state = parse_qs(urlsplit(back).query)["state"][0]
        denied = browser.get(f"/login/callback?state={state}&error=access_denied")
        assert denied.status_code == 403 and "access_denied" in denied.text
        assert desk.console.provider is not None
        desk.console.provider._now = lambda: time.time() + 601
        assert browser.get(back).status_code == 403
        desk.console.provider._now = time.time
        assert browser.get(back).headers["location"] == "/"


def test_keys_may_change_and_an_absent_provider_is_said(tmp_path: Path) -> None:
    """New keys are read once the old do not fit; without an answer the form says so."""
    with oidc_desk(tmp_path) as (desk, provider), desk.client() as browser:
        assert sign_in(desk, provider, browser).status_code == 303
        provider.key = a_key("two")
        assert sign_in(desk, provider, browser).status_code == 303
        provider.server.shutdown()
        provider.server.server_close()
        assert desk.console.provider is not None
        desk.console.provider._known = None
        away = browser.get("/login/start")
        assert away.status_code == 502 and "cannot be asked" in away.text


def test_the_settings_of_a_provider_are_checked(tmp_path: Path) -> None:
    """What is missing is named, and plain http is for loopback only."""
    secret = tmp_path / "secret"
    secret.write_text("client secret\n")
    secret.chmod(0o600)
    table = {
        "sign_in": "oidc",
        "issuer": "https://login.example.com",
        "client_id": "desk",
        "client_secret_file": str(secret),
        "url": "https://desk.example.com",
    }

    def problems(**changes: Any) -> list[str]:
        found: list[str] = []
        given = {k: v for k, v in (table | changes).items() if v is not None}
        settings = read_console({"console": given}, "file", found, seconds=parse_seconds)
        assert found or (settings.secure and settings.client_secret is not None)
        return found

    assert problems() == []
    for key in ("issuer", "client_id", "url"):
        assert any(key in problem for problem in problems(**{key: None}))
    assert any("issuer" in problem for problem in problems(issuer="http://login.example.com"))


def test_a_proxy_on_a_unix_socket_is_believed(tmp_path: Path) -> None:
    """The socket is its owner's and its group's; one that was left behind is taken over, a live one is not."""
    path = tmp_path / "desk.sock"
    address = read_listen(f"unix:{path}")
    with pytest.raises(ConfigError, match="no path"):
        read_listen("unix:desk.sock")
    settings = ConsoleSettings(sign_in="proxy", hosts=("desk.example.com",))
    with web_desk(tmp_path, tasks=1, settings=settings) as desk:
        with pytest.raises(ConfigError, match="nobody's header"):
            refuse_without_sign_in(desk.console, ("127.0.0.1", 0))
        refuse_without_sign_in(desk.console, address)
        now = desk.house.clock.now()
        people.add_person(desk.console.ledger, "ana", "viewer", None, by="test", now=now)
        desk.console.on_socket = True
        path.touch()
        path.unlink()
        server = ConsoleServer(desk.console, address)
        server._threads = server._threads[:1]
        server.start()
        try:
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert server.lines == (f"console at unix:{path}",)
            with pytest.raises(ConfigError, match="already"):
                ConsoleServer(desk.console, address)
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(path)),
                base_url="http://localhost",
                headers={"x-forwarded-user": "ana"},
                follow_redirects=True,
            ) as browser:
                assert browser.get("/queue").url.path == "/queue"
                assert browser.get("/queue").status_code == 200
        finally:
            server.stop()
        assert not path.exists()
