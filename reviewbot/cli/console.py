"""`reviewbot console`: the desk in a browser, and who may sign in."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import Lazy, command, group, ledger_option
from reviewbot.cli.opening import logs_for, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.presentation.format import table
from reviewbot.web import people
from reviewbot.web.people import ROLES, Passwords, Role
from reviewbot.web.server import read_listen, serving

LISTEN = "127.0.0.1:8090"
live_option = click.option(
    "--live", is_flag=True, help="Send answers. Without it they are rehearsed."
)


@group({"People": {"user": Lazy("console:user", "who may sign in")}}, invoke_without_command=True)
@click.option(
    "--listen",
    default=LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="Port 0 takes a free one; unix:/path is a socket for a proxy.",
)
@click.pass_obj
@with_settings(live_option, ledger_option, every_key=True)
def console(screen: Screen, settings: Settings, listen: str) -> None:
    """Serve the console: the queue, the log, the policies and the status in a browser.

    Answers are rehearsed unless --live (or REVIEWBOT_MODE=live). It works beside a running bot. On a
    loopback address where nobody may sign in yet it prints a link that lets you in once.

    $ reviewbot console  # at http://127.0.0.1:8090/, answers are rehearsed
    $ reviewbot console --live  # answers are sent
    $ reviewbot console user add ana --role reviewer  # somebody who signs in by password
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    events = logs_for(screen, settings, least="warning")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serving(settings, read_listen(listen), events) as server:
        for line in server.lines:
            screen.data(line)
        sys.stdout.flush()
        server.wait(ended.is_set)


# People -----------------------------------------------------------------------------------------


@group(
    {
        "People": {
            "add": Lazy("console:add", "let somebody sign in"),
            "list": Lazy("console:list_", "who may, as what"),
            "remove": Lazy("console:remove", "no more, at once"),
            "reset": Lazy("console:reset", "another password or role"),
        }
    }
)
def user() -> None:
    """Who may sign in to the console, and as what; each role may do what those before it may.

    viewer sees; reviewer answers; author drafts policies; operator pauses and accepts; admin manages
    people.

    $ reviewbot console user add ana --role reviewer  # asks for a password
    $ reviewbot console user list  # everybody
    """


role_option = click.option("--role", type=click.Choice(ROLES), help="What they may do.")
password_option = click.option(
    "--password-file", type=click.Path(), metavar="FILE", help="Instead of being asked for it."
)


def _password(path: str | None) -> str:
    if path is not None:
        try:
            return Path(path).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on: name a --password-file")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


@command
@click.argument("name")
@role_option
@password_option
@with_settings(as_option, ledger_option, every_key=True)
def add(
    screen: Screen, settings: Settings, name: str, role: Role | None, password_file: str | None
) -> None:
    """Let somebody sign in by password.

    $ reviewbot console user add ana --role reviewer  # asks for a password
    $ reviewbot console user add ana --role admin --password-file secret.txt  # takes it from a file
    """
    if role is None:
        raise UsageError(f"say what they may do: --role {'|'.join(ROLES)}")
    asks = settings.console.sign_in not in ("proxy", "oidc") or password_file is not None
    hashed = Passwords().hash(_password(password_file)) if asks else None
    with closing(open_ledger(settings.ledger, key=settings.key)) as opened:
        by, now = person_of(settings), datetime.now(UTC)
        person = people.add_person(opened, name, role, hashed, by=by, now=now)
    screen.data(f"{safe_line(person.name)} may sign in as {role}.")


@command
@with_settings(ledger_option, every_key=True)
def list_(screen: Screen, settings: Settings) -> None:
    """Everybody who may sign in.

    $ reviewbot console user list  # names and roles
    """
    with closing(open_ledger(settings.ledger, key=settings.key, read_only=True)) as opened:
        found = people.people(opened)
    if not found:
        screen.say("Nobody may sign in yet: reviewbot console user add NAME --role admin")
        return
    rows = [(person.name, person.role, format_moment(person.added_at)) for person in found]
    screen.data(table(("name", "role", "since"), rows))


@command
@click.argument("name")
@with_settings(as_option, ledger_option, every_key=True)
def remove(screen: Screen, settings: Settings, name: str) -> None:
    """Let somebody sign in no more; their sessions end at once.

    $ reviewbot console user remove ana  # signed out everywhere as well
    """
    with ledger_for_a_word(settings) as opened:
        people.remove_person(opened, name, by=person_of(settings), now=datetime.now(UTC))
    screen.data(f"{safe_line(name)} may sign in no more.")


@command
@click.argument("name")
@role_option
@password_option
@with_settings(as_option, ledger_option, every_key=True)
def reset(
    screen: Screen, settings: Settings, name: str, role: Role | None, password_file: str | None
) -> None:
    """Give somebody another password, or with --role another role; their sessions end at once.

    $ reviewbot console user reset ana  # another password
    $ reviewbot console user reset ana --role operator  # another role
    """
    hashed = None
    if role is None or password_file is not None:
        hashed = Passwords().hash(_password(password_file))
    with ledger_for_a_word(settings) as opened:
        known = people.person_named(opened, name)
        if known is None:
            raise UsageError(f"nobody is called {safe_line(name)!r}")
        people.change_person(
            opened, known, by=person_of(settings), now=datetime.now(UTC), role=role, password=hashed
        )
    screen.data(f"{safe_line(known.name)} is changed, and signed out everywhere.")
