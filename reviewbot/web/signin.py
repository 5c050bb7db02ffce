"""Signing in and out, and who may: the one way that the settings name."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from reviewbot.domain.errors import UsageError
from reviewbot.web import people
from reviewbot.web.console import Console, Visit
from reviewbot.web.oidc import LASTS, SignInBegun, SignInFailed
from reviewbot.web.people import ROLES, Role
from reviewbot.web.render import page


def cookie_name(console: Console) -> str:
    """The prefix makes a browser hold the cookie to this host and to https; plain loopback has none."""
    return "__Host-reviewbot" if console.is_secure else "reviewbot"


def form(visit: Visit) -> Response:
    """The form; with the token of a one-time link, the session that it opens."""
    token = visit.query.get("token")
    if token is None:
        return _form(visit)
    if not people.take_ticket(visit.console.people, token, visit.now):
        people.note(visit.console.people, "sign-in refused", who="admin", now=visit.now, how="link")
        words = "this link was used, or is older than ten minutes; start the console again"
        return _form(visit, problem=words, status=403)
    return _begin(visit, "admin", "admin", how="one-time link", guest=True)


def start(visit: Visit) -> Response:
    """Send the browser to the provider; what the sign-in began with goes along in a cookie."""
    provider = visit.console.provider
    if provider is None:
        return _form(visit, problem="nobody signs in that way here", status=404)
    try:
        url, begun = provider.begin(_ours(visit.query.get("next", "/")))
    except SignInFailed as error:
        return _form(visit, problem=str(error), status=502)
    answer = RedirectResponse(url, 303)
    kept = base64.urlsafe_b64encode(msgspec.json.encode(begun)).decode()
    # Lax: the provider's page leads back here, and a strict cookie would stay behind.
    answer.set_cookie(
        _begun_name(visit.console),
        kept,
        max_age=LASTS,
        httponly=True,
        samesite="lax",
        secure=visit.console.is_secure,
        path="/",
    )
    return answer


def come_back(visit: Visit) -> Response:
    """Whoever the provider sends back: only who was added may enter."""
    console = visit.console
    if console.provider is None:
        return _form(visit, problem="nobody signs in that way here", status=404)
    try:
        kept = base64.urlsafe_b64decode(visit.cookies.get(_begun_name(console), ""))
        begun = msgspec.json.decode(kept, type=SignInBegun)
    except (ValueError, msgspec.MsgspecError):
        return _form(visit, problem="this browser began no sign-in; begin again", status=403)
    try:
        name = console.provider.finish(begun, visit.query)
    except SignInFailed as error:
        people.note(
            console.people, "sign-in refused", who="nobody we know", now=visit.now, how="oidc"
        )
        return _form(visit, problem=str(error), status=403)
    person = people.person_named(console.people, name)
    if person is None:
        words = f"{name!r} may not use this console: an admin has to add the name"
        return page(visit, "error.html.jinja", status=403, title="Not yet", words=words)
    answer = _begin(visit, person.name, person.role, how="oidc", way=begun.way)
    answer.delete_cookie(_begun_name(console), path="/")
    return answer


def _begun_name(console: Console) -> str:
    return f"{cookie_name(console)}-begun"


def proxied_name(console: Console, peer: str, headers: Mapping[str, str]) -> str | None:
    """Whom a proxy says it is: by its header, which is believed only from the addresses that are set."""
    settings = console.settings.console
    believed = peer in settings.proxy_peers or (console.on_socket and not peer)
    if settings.sign_in != "proxy" or not believed:
        return None
    return headers.get(settings.proxy_header.lower(), "").strip() or None


def enter_by_proxy(visit: Visit, name: str) -> Response:
    """Begin the session of somebody whom the proxy knows; only who was added may enter."""
    person = people.person_named(visit.console.people, name)
    if person is None:
        words = f"{name!r} may not use this console: an admin has to add the name"
        return page(visit, "error.html.jinja", status=403, title="Not yet", words=words)
    return _begin(visit, person.name, person.role, how="proxy", way=visit.url)


def sign_in(visit: Visit) -> Response:
    """Look at name and password."""
    console, name = visit.console, visit.form.get("name", "").strip()
    if console.passwords is None or console.settings.console.sign_in not in (None, "local"):
        return _form(visit, problem="nobody can sign in by password here", status=403)
    if console.attempts.too_many(name, visit.now):
        return _form(visit, problem="too many attempts: wait five minutes", status=429)
    person = people.person_named(console.people, name)
    kept = None if person is None else person.password
    if not console.passwords.fits(kept, visit.form.get("password", "")) or person is None:
        console.attempts.failed(name, visit.now)
        known = "nobody we know" if person is None else person.name
        people.note(console.people, "sign-in refused", who=known, now=visit.now, how="password")
        return _form(visit, problem="name and password do not fit", status=403)
    console.attempts.succeeded(name)
    return _begin(visit, person.name, person.role, how="password")


def _form(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    way = visit.query.get("next") or visit.form.get("next") or "/"
    return page(
        visit,
        "login.html.jinja",
        status=status,
        problem=problem,
        way=_ours(way),
        how=visit.console.settings.console.sign_in or "local",
        provider=visit.console.provider,
    )


def _ours(way: str) -> str:
    """Where to go on: a path of ours, nothing else."""
    plain = way.startswith("/") and not way.startswith(("//", "/\\")) and way.isprintable()
    return way if plain and "\\" not in way else "/"


def _begin(
    visit: Visit, name: str, role: Role, *, how: str, guest: bool = False, way: str | None = None
) -> Response:
    console = visit.console
    cookie = people.begin_session(console.people, name, role, how=how, now=visit.now, guest=guest)
    answer = RedirectResponse(_ours(way or visit.form.get("next", "/")), 303)
    answer.set_cookie(
        cookie_name(console),
        cookie,
        max_age=int(people.SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=console.is_secure,
        path="/",
    )
    return answer


def sign_out(visit: Visit) -> Response:
    """End the session."""
    for name, session in people.sessions(visit.console.people, visit.now):
        if session.form_token == visit.who.form_token:
            people.end_session(visit.console.people, name)
    people.note(visit.console.people, "signed out", who=visit.who.name, now=visit.now)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie_name(visit.console), path="/")
    return answer


def people_page(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """Who may sign in, and who is."""
    ledger = visit.console.people
    known = people.people(ledger)
    return page(
        visit,
        "people.html.jinja",
        status=status,
        people=[(person, people.last_seen(ledger, person.name)) for person in known],
        sessions=people.sessions(ledger, visit.now),
        roles=ROLES,
        problem=problem,
        can_add=visit.console.passwords is not None,
    )


def change_people(visit: Visit) -> Response:
    """Add, remove, or give another role or password."""
    ledger, by, form = visit.console.people, visit.who.name, visit.form
    name, act = form.get("name", "").strip(), form.get("act", "")
    role, password = form.get("role", ""), form.get("password", "")
    passwords = visit.console.passwords
    try:
        hashed = passwords.hash(password) if password and passwords is not None else None
        known = people.person_named(ledger, name)
        if act == "add":
            people.add_person(ledger, name, _role(role), hashed, by=by, now=visit.now)
        elif known is None:
            raise UsageError("there is nobody of that name")
        elif act == "remove":
            people.remove_person(ledger, known.name, by=by, now=visit.now)
        elif act == "change":
            people.change_person(
                ledger,
                known,
                by=by,
                now=visit.now,
                role=_role(role) if role != known.role else None,
                password=hashed,
            )
        else:
            return PlainTextResponse("no such act\n", 422)
    except UsageError as error:
        return people_page(visit, problem=str(error), status=422)
    return RedirectResponse("/people", 303)


def _role(word: str) -> Role:
    for role in ROLES:
        if role == word:
            return role
    raise UsageError(f"choose a role: {', '.join(ROLES)}")


def revoke(visit: Visit) -> Response:
    """End somebody's session."""
    for name, session in people.sessions(visit.console.people, visit.now):
        if name == visit.form.get("session"):
            people.end_session(visit.console.people, name)
            people.note(
                visit.console.people,
                "session ended",
                who=visit.who.name,
                now=visit.now,
                person=session.name,
            )
    return RedirectResponse("/people", 303)
