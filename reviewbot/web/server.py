"""The console as a process: it listens, sends what is due, and ends when it is told to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import uvicorn

from reviewbot.config import Settings
from reviewbot.core.pipeline import Events
from reviewbot.domain.errors import ConfigError, ReviewbotError
from reviewbot.ledger.open import open_ledger
from reviewbot.network import is_loopback
from reviewbot.review.pending import due_answers, say_sent, send_due
from reviewbot.runtime.logging import about_key
from reviewbot.setting_values import read_address
from reviewbot.web import people
from reviewbot.web.app import make_app
from reviewbot.web.console import Console
from reviewbot.web.oidc import OidcProvider
from reviewbot.web.people import Attempts, Passwords

SOCKET = "unix:"
"""How an address on a unix socket begins."""
LOOK = 0.5
"""Seconds between two looks at what is due."""
PATIENCE = 5
"""Seconds that a stop waits for pages under way."""


class ConsoleServer:
    """One console on one address. `start` listens at once, so that a taken port is an error in words."""

    def __init__(self, console: Console, address: tuple[str, int]) -> None:
        self._consoles = tuple(console.desks.values()) or (console,)
        self._stop = threading.Event()
        self._socket = _listen(address)
        self._path = path_of(address)
        self.url = _url_of(self._socket, address)
        self.lines: tuple[str, ...] = (f"console at {self.url}",)
        """What to print once it answers: where it is, and the link of a first look."""
        config = uvicorn.Config(
            make_app(console),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=PATIENCE,
        )
        self._server = uvicorn.Server(config)
        self._threads = (
            threading.Thread(target=self._serve, daemon=True, name="console"),
            threading.Thread(target=self._send, daemon=True, name="console sender"),
        )

    def start(self) -> None:
        """Answer, and send what is due, until `stop`."""
        for thread in self._threads:
            thread.start()

    def wait(self, ended: Callable[[], bool]) -> None:
        """Wait until somebody wants an end, or the server ended by itself."""
        while not ended() and self._threads[0].is_alive():
            self._stop.wait(0.2)

    def stop(self) -> None:
        """Finish the pages under way and what is being sent, then end."""
        self._stop.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(PATIENCE * 2)
        self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        # The process handles its signals itself.
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._server.run(sockets=[self._socket])

    def _send(self) -> None:
        """Send each answer once its time to be undone is over; also what an earlier console left behind."""
        while not self._stop.wait(LOOK):
            for console in self._consoles:
                try:
                    console.figures.count_if_wanted()
                    if console.live:
                        _send_what_is_due(console)
                except ReviewbotError as error:
                    console.events("answers not sent", level="error", error=str(error))


def _send_what_is_due(console: Console) -> None:
    if not due_answers(console.ledger, console.now()):
        return
    bot = console.bot()
    try:
        for sent in send_due(bot):
            say_sent(console.events, sent)
    finally:
        bot.close()


@contextmanager
def serving(
    settings: Settings, address: tuple[str, int], events: Events
) -> Iterator[ConsoleServer]:
    """A console on the log of the settings, with a desk for each key, until the block ends.

    Raises ConfigError where anybody who reaches the address could use it, and `LedgerError`.
    """
    with ExitStack() as end:
        house = end.enter_context(closing(open_ledger(settings.ledger)))
        attempts, passwords, provider = Attempts(), passwords_of(settings), provider_of(settings)
        desks: dict[str, Console] = {}
        named = settings.each()
        for key in named:
            own = open_ledger(key.ledger, key=key.key) if key.keys else house
            end.callback(own.close)
            desks[key.key] = Console(
                settings=key,
                ledger=own,
                house=house,
                desks=desks if len(named) > 1 else {},
                hosts=hosts_of(address, (*settings.console.hosts, *settings.console.own_host)),
                is_secure=settings.console.secure,
                on_socket=path_of(address) is not None,
                passwords=passwords,
                provider=provider,
                attempts=attempts,
                events=about_key(events, key.key) if key.keys else events,
            )
        console = desks[named[0].key]
        refuse_without_sign_in(console, address)
        server = ConsoleServer(console, address)
        link = first_look(console, address, server.url)
        if link is not None:
            server.lines += (f"sign in once, within 10 minutes: {link}",)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def provider_of(settings: Settings) -> OidcProvider | None:
    """Who says who somebody is, where the settings name a provider. Raises ConfigError."""
    return OidcProvider(settings.console) if settings.console.sign_in == "oidc" else None


def passwords_of(settings: Settings) -> Passwords | None:
    """Needed where passwords are asked for; without the package nobody can sign in by one."""
    try:
        return Passwords()
    except ConfigError:
        if settings.console.sign_in == "local":
            raise
        return None


def path_of(address: tuple[str, int]) -> Path | None:
    """The path of an address on a unix socket, which stands as `unix:/path` in its place; else None."""
    return Path(address[0].removeprefix(SOCKET)) if address[0].startswith(SOCKET) else None


def read_listen(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, or `unix:/path`. Raises ConfigError."""
    if not text.startswith(SOCKET):
        return read_address(text)
    if not text.removeprefix(SOCKET).startswith("/"):
        raise ConfigError(f"{text!r} is no path from the root: write it like unix:/run/desk.sock")
    return text, 0


def _url_of(listening: socket.socket, address: tuple[str, int]) -> str:
    if path_of(address) is not None:
        return address[0]
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _listen_on_socket(path: Path) -> socket.socket:
    """A unix socket that its owner and its group may use; one that nobody listens at any more goes."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            if path.is_socket():
                path.unlink()
        else:
            raise ConfigError(f"somebody listens at {path} already")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
        listening.listen(64)
    except OSError as error:
        raise ConfigError(f"cannot listen at {path} ({error.strerror})") from error
    finally:
        os.umask(before)
    return listening


def _listen(address: tuple[str, int]) -> socket.socket:
    if (path := path_of(address)) is not None:
        return _listen_on_socket(path)
    host, port = address
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With its protocol named, asyncio sends at once; without, a page waits 40 ms for its body.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(64)
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}:{port} ({error.strerror})") from error
    return listening


def hosts_of(address: tuple[str, int], named: tuple[str, ...]) -> frozenset[str]:
    """Every name under which requests may come: the address itself, its loopback names, and those set."""
    if path_of(address) is not None:
        return frozenset({"localhost", *named})
    host, _ = address
    own = {host.lower(), f"[{host.lower()}]"} if host not in ("0.0.0.0", "::") else set()  # noqa: S104
    if is_loopback(host):
        own |= {"localhost", "127.0.0.1", "[::1]"}
    return frozenset(own | set(named))


def refuse_without_sign_in(console: Console, address: tuple[str, int]) -> None:
    """Raise ConfigError where anybody who reaches the address could not be told from a stranger."""
    settings = console.settings.console
    if settings.sign_in == "proxy" and not settings.proxy_peers and path_of(address) is None:
        raise ConfigError(
            "nobody's header is believed: name the proxy's addresses in  proxy_peers  of [console], or"
            " listen at  unix:/path"
        )
    if is_loopback(address[0]) or settings.sign_in is not None:
        return
    raise ConfigError(
        f"{address[0]} can be reached from elsewhere, and nobody is asked who they are: add  sign_in ="
        ' "local"  to [console] of reviewbot.toml and a person with  reviewbot console user add NAME'
        " --role admin , or listen at 127.0.0.1"
    )


def first_look(console: Console, address: tuple[str, int], url: str) -> str | None:
    """A one-time link for a first look on a loopback address where nobody can sign in yet."""
    if not is_loopback(address[0]) or people.people(console.people):
        return None
    return f"{url}login?token={people.make_ticket(console.people, console.now())}"
