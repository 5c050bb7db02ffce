"""People of the console: who may sign in, as what, and their sessions; all of it beside the log's chain.

A session is known by the digest of its cookie, so that nobody who reads the ledger can take one over.
Signing in, refusals and every change of people are lines of the chain with the person's name.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from reviewbot.domain.errors import ConfigError, UsageError
from reviewbot.ports.ledger import Ledger
from reviewbot.review.answer import name_of
from reviewbot.review.pending import AUDIT

Role = Literal["viewer", "reviewer", "author", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""
PERSON, SESSION, TICKET = "person", "session", "ticket"
SESSION_LASTS = timedelta(hours=12)
TICKET_LASTS = timedelta(minutes=10)
FAILURES, WITHIN = 10, timedelta(minutes=5)
"""How often a name may fail to sign in, and in which time, before it has to wait."""
SHORTEST_PASSWORD = 10
MEMORY_KIB, PASSES, AT_ONCE = 19 * 1024, 2, 2
"""OWASP's second choice for argon2id: 28 ms and 19 MiB, where the library's own costs 176 ms and 64 MiB."""


class ConsolePerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sign in. Without a password only a proxy or a one-time link says who it is."""

    name: str
    role: Role
    password: str | None = None
    added_at: datetime

    def may(self, role: Role) -> bool:
        """Whether this person may do what needs a role."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. `form_token` stands in every form of theirs."""

    name: str
    role: Role
    form_token: str
    began_at: datetime
    until: datetime
    guest: bool = False
    """Whether a one-time link signed them in, so that no person stands behind the name."""


class Passwords:
    """Hashes and checks passwords, two at once, and never faster for a name that nobody has."""

    def __init__(self) -> None:
        try:
            from argon2 import PasswordHasher
        except ImportError as error:
            raise ConfigError(
                "signing in by password needs argon2: pip install 'reviewbot[console]'"
            ) from error
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """A password as it is kept. Raises UsageError for one that is too short."""
        if len(password) < SHORTEST_PASSWORD:
            raise UsageError(f"a password has at least {SHORTEST_PASSWORD} characters")
        with self._turns:
            return self._hasher.hash(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; without a kept one it takes as long, and is not."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        with self._turns:
            try:
                return self._hasher.verify(kept or self._nobody, password) and kept is not None
            except (Argon2Error, InvalidHashError):
                return False


class Attempts:
    """Failed attempts to sign in, by name."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[datetime]] = {}
        self._mutex = threading.Lock()

    def too_many(self, name: str, now: datetime) -> bool:
        """Whether a name has to wait."""
        with self._mutex:
            failed = self._failed.get(name.casefold(), deque())
            while failed and now - failed[0] > WITHIN:
                failed.popleft()
            return len(failed) >= FAILURES

    def failed(self, name: str, now: datetime) -> None:
        """Count a failure. Names are kept few: a guesser's thousands push out only each other."""
        with self._mutex:
            if len(self._failed) > 10_000:
                self._failed.clear()
            self._failed.setdefault(name.casefold(), deque(maxlen=FAILURES)).append(now)

    def succeeded(self, name: str) -> None:
        """Forget a name's failures."""
        with self._mutex:
            self._failed.pop(name.casefold(), None)


def people(ledger: Ledger) -> list[ConsolePerson]:
    """Everybody who may sign in, by name."""
    found = [msgspec.json.decode(row.value, type=ConsolePerson) for row in ledger.kept(PERSON)]
    return sorted(found, key=lambda person: person.name.casefold())


def person_named(ledger: Ledger, name: str) -> ConsolePerson | None:
    """Who has this name, in whatever letters."""
    kept = ledger.kept_one(PERSON, name.casefold()) if name else None
    return None if kept is None else msgspec.json.decode(kept.value, type=ConsolePerson)


def add_person(
    ledger: Ledger, name: str, role: Role, password: str | None, *, by: str, now: datetime
) -> ConsolePerson:
    """Let somebody sign in. Raises UsageError where the name is taken, or is none."""
    person = ConsolePerson(name=name_of(name), role=role, password=password, added_at=now)
    if not ledger.keep(PERSON, name.casefold(), msgspec.json.encode(person), now, new=True):
        raise UsageError(f"there is somebody called {name!r} already")
    note(ledger, "person added", who=by, now=now, person=person.name, role=role)
    return person


def change_person(
    ledger: Ledger,
    person: ConsolePerson,
    *,
    by: str,
    now: datetime,
    role: Role | None = None,
    password: str | None = None,
) -> None:
    """Give somebody another role or password; their sessions end."""
    changed = msgspec.structs.replace(
        person, role=role or person.role, password=password or person.password
    )
    ledger.keep(PERSON, person.name.casefold(), msgspec.json.encode(changed), now)
    end_sessions(ledger, person.name)
    act = "role changed" if role else "password reset"
    note(ledger, act, who=by, now=now, person=person.name, role=changed.role)


def remove_person(ledger: Ledger, name: str, *, by: str, now: datetime) -> None:
    """Let somebody sign in no more; their sessions end. Raises UsageError where there is nobody."""
    if not ledger.let_go(PERSON, name.casefold()):
        raise UsageError(f"nobody is called {name!r}; see  reviewbot console user list")
    end_sessions(ledger, name)
    note(ledger, "person removed", who=by, now=now, person=name)


# Sessions ---------------------------------------------------------------------------------------


def begin_session(
    ledger: Ledger, name: str, role: Role, *, how: str, now: datetime, guest: bool = False
) -> str:
    """Begin a session; give the cookie's value, which is kept nowhere."""
    cookie = secrets.token_urlsafe(32)
    session = Session(
        name=name,
        role=role,
        form_token=secrets.token_urlsafe(24),
        began_at=now,
        until=now + SESSION_LASTS,
        guest=guest,
    )
    for row in ledger.kept(SESSION):
        if msgspec.json.decode(row.value, type=Session).until <= now:
            ledger.let_go(SESSION, row.name)
    ledger.keep(SESSION, digest(cookie), msgspec.json.encode(session), now)
    note(ledger, "signed in", who=name, now=now, how=how)
    return cookie


def session_of(ledger: Ledger, cookie: str | None, now: datetime) -> Session | None:
    """Whose session a cookie is, with the role that person has now; None where it is none, or over."""
    if not cookie:
        return None
    kept = ledger.kept_one(SESSION, digest(cookie))
    if kept is None:
        return None
    session = msgspec.json.decode(kept.value, type=Session)
    if session.until <= now:
        return None
    if session.guest:
        return session
    person = person_named(ledger, session.name)
    return None if person is None else msgspec.structs.replace(session, role=person.role)


def sessions(ledger: Ledger, now: datetime) -> list[tuple[str, Session]]:
    """Every live session with the beginning of its digest, by which it can be ended."""
    found = [
        (row.name, msgspec.json.decode(row.value, type=Session)) for row in ledger.kept(SESSION)
    ]
    return [(name, session) for name, session in found if session.until > now]


def end_session(ledger: Ledger, name: str) -> bool:
    """End one session by its digest."""
    return ledger.let_go(SESSION, name)


def end_sessions(ledger: Ledger, person: str) -> None:
    """End every session of a person."""
    for row in ledger.kept(SESSION):
        if msgspec.json.decode(row.value, type=Session).name.casefold() == person.casefold():
            ledger.let_go(SESSION, row.name)


def digest(secret: str) -> str:
    """What a secret is known by."""
    return hashlib.sha256(secret.encode()).hexdigest()


# One-time links ---------------------------------------------------------------------------------


def make_ticket(ledger: Ledger, now: datetime) -> str:
    """A link's token that signs in once, within ten minutes."""
    token = secrets.token_urlsafe(24)
    ledger.keep(TICKET, digest(token), msgspec.json.encode(now + TICKET_LASTS), now)
    return token


def take_ticket(ledger: Ledger, token: str, now: datetime) -> bool:
    """Use a token up; gives whether it was good."""
    kept = ledger.kept_one(TICKET, digest(token))
    if kept is None or not ledger.let_go(TICKET, kept.name):
        return False
    return now < msgspec.json.decode(kept.value, type=datetime)


def last_seen(ledger: Ledger, name: str) -> datetime | None:
    """When somebody last signed in, or did something that the log keeps."""
    words = ledger.story(AUDIT, name)
    return words[-1].at if words else None


def note(ledger: Ledger, act: str, *, who: str, now: datetime, **about: str | int | None) -> None:
    """Write down who did what at the console."""
    known = {name: value for name, value in about.items() if value is not None}
    ledger.note(AUDIT, who, {"act": act, "who": who, **known}, now)
