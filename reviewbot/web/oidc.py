"""Signing in by an OpenID Connect provider: the authorization code flow with PKCE, state and nonce.

What a sign-in has begun with lies in a cookie of the browser that began it, so that nobody can finish
another's, and nothing is kept for those who never come back. Who somebody is says one claim of the ID
token; whether they may enter, and as what, says our own list of people.
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from reviewbot.console_settings import ConsoleSettings
from reviewbot.domain.errors import ConfigError, ReviewbotError
from reviewbot.domain.text import safe_line
from reviewbot.network import is_loopback

CALLBACK = "/login/callback"
LASTS = 600
"""Seconds that a sign-in may take."""
FRESH = 3600.0
"""Seconds for which what the provider says of itself is kept."""
TIMEOUT = 10.0
LEEWAY = 60
"""Seconds by which two clocks may differ."""
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures that only the provider can make; never `none`, nor one by a shared secret."""
METADATA = "/.well-known/openid-configuration"


class SignInFailed(ReviewbotError):
    """The provider cannot be asked, or what it says cannot be believed; the message is for whoever signs in."""


class SignInBegun(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in under way, as its browser keeps it."""

    state: str
    nonce: str
    verifier: str
    way: str
    """Where to go on, once it is done."""
    until: float


class OidcProvider:
    """One provider, as the settings name it; it is asked when somebody signs in."""

    def __init__(self, settings: ConsoleSettings, *, now: Any = time.time) -> None:
        try:
            import joserfc  # noqa: F401
            from authlib import oauth2  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                "signing in by OIDC needs authlib: pip install 'reviewbot[console-oidc]'"
            ) from error
        self._settings, self._now = settings, now
        self._known: tuple[float, dict[str, Any], Any] | None = None

    @property
    def name(self) -> str:
        """The host to which browsers are sent."""
        return urlsplit(self._settings.issuer).hostname or self._settings.issuer

    def begin(self, way: str) -> tuple[str, SignInBegun]:
        """Where to send the browser, and what it keeps meanwhile. Raises SignInFailed."""
        begun = SignInBegun(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            way=way,
            until=self._now() + LASTS,
        )
        about, _ = self._provider()
        with self._client() as client:
            url, _ = client.create_authorization_url(
                about["authorization_endpoint"],
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return cast(str, url), begun

    def finish(self, begun: SignInBegun, query: Mapping[str, str]) -> str:
        """The name of whoever came back. Raises SignInFailed."""
        if self._now() > begun.until:
            raise SignInFailed("that took longer than ten minutes; begin again")
        if not secrets.compare_digest(query.get("state", ""), begun.state):
            raise SignInFailed("this answer belongs to another sign-in; begin again")
        if "code" not in query:
            said = safe_line(query.get("error_description") or query.get("error") or "nothing", 200)
            raise SignInFailed(f"{self.name} did not let you in: {said}")
        return self._name_in(self._token(begun, query["code"]), begun)

    def _token(self, begun: SignInBegun, code: str) -> str:
        about, _ = self._provider()
        try:
            with self._client() as client:
                found = client.fetch_token(
                    about["token_endpoint"], code=code, code_verifier=begun.verifier
                )
        except Exception as error:
            raise SignInFailed(f"{self.name} did not take the answer back") from error
        token = found.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed(f"{self.name} sent no ID token")
        return token

    def _name_in(self, token: str, begun: SignInBegun) -> str:
        from joserfc import jwt
        from joserfc.errors import JoseError

        settings = self._settings
        wanted = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": begun.nonce},
        )
        try:
            claims = self._decoded(token).claims
            wanted.validate(claims)
        except (JoseError, ValueError) as error:
            raise SignInFailed(f"what {self.name} says cannot be believed") from error
        if settings.name_claim == "email" and claims.get("email_verified") is False:
            raise SignInFailed(f"{self.name} has not verified your e-mail address")
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or not name.strip():
            raise SignInFailed(
                f"{self.name} does not say your {safe_line(settings.name_claim, 40)}"
            )
        return name.strip()

    def _decoded(self, token: str) -> Any:
        """The token, its signature checked; by new keys where the provider has changed them."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            return jwt.decode(token, self._provider()[1], algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            self._known = None
            return jwt.decode(token, self._provider()[1], algorithms=ALGORITHMS)

    def _provider(self) -> tuple[dict[str, Any], Any]:
        """What it says of itself, and its keys."""
        from joserfc.jwk import KeySet

        now = time.monotonic()
        if self._known is not None and now - self._known[0] < FRESH:
            return self._known[1], self._known[2]
        issuer = self._settings.issuer
        try:
            with self._client() as client:
                about = self._read(client, issuer.rstrip("/") + METADATA)
                if about.get("issuer") != issuer:
                    raise ValueError("another issuer")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    _refuse_plain(str(about[name]))
                keys = KeySet.import_key_set(cast(Any, self._read(client, about["jwks_uri"])))
        except Exception as error:
            raise SignInFailed(f"{self.name} cannot be asked: {type(error).__name__}") from error
        self._known = (now, about, keys)
        return about, keys

    def _read(self, client: Any, url: str) -> dict[str, Any]:
        answer = client.request("GET", url, withhold_token=True)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise TypeError("not an object")
        return found

    def _client(self) -> Any:
        with warnings.catch_warnings():
            # It warns of the HTTP library that we have as well.
            warnings.simplefilter("ignore")
            from authlib.integrations.httpx_client import OAuth2Client

        settings = self._settings
        return OAuth2Client(
            client_id=settings.client_id,
            client_secret=None
            if settings.client_secret is None
            else settings.client_secret.reveal(),
            token_endpoint_auth_method="client_secret_basic" if settings.client_secret else "none",
            scope=f"openid {'email' if settings.name_claim == 'email' else 'profile email'}",
            redirect_uri=f"{settings.url}{CALLBACK}",
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )


def _refuse_plain(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    ):
        raise ValueError("an address without https")
