"""The application: a table of routes, each with the role it needs, and what every request goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from reviewbot.domain.errors import Halted, LedgerError, ReviewbotError, UsageError
from reviewbot.domain.text import safe
from reviewbot.review.pending import Changed
from reviewbot.web import acts, desk, editor, lists, policies, record, signin, status, task
from reviewbot.web.console import Console, Visit
from reviewbot.web.guard import LONGEST_BODY, SAFE, Guard
from reviewbot.web.people import ConsolePerson, Role, note, session_of
from reviewbot.web.render import page

STATIC = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
Handler = Callable[[Visit], Response]
DESK = "key"
"""What names the desk of one key of several: in an address, and from then on in a cookie."""


class WebRoute(NamedTuple):
    """A page or an act: how it is reached, the role it needs (None: nobody has to be signed in)."""

    method: str
    path: str
    role: Role | None
    handle: Handler


ROUTES: tuple[WebRoute, ...] = (
    WebRoute("GET", "/login", None, signin.form),
    WebRoute("POST", "/login", None, signin.sign_in),
    WebRoute("GET", "/login/start", None, signin.start),
    WebRoute("GET", "/login/callback", None, signin.come_back),
    WebRoute("POST", "/logout", "viewer", signin.sign_out),
    WebRoute("GET", "/", "viewer", desk.today),
    WebRoute("GET", "/queue", "viewer", desk.queue),
    WebRoute("POST", "/queue/answer", "reviewer", acts.answer_several),
    WebRoute("GET", "/task/{task}", "viewer", task.show),
    WebRoute("POST", "/task/{task}/approve", "reviewer", acts.approve),
    WebRoute("POST", "/task/{task}/dispute", "reviewer", acts.dispute),
    WebRoute("POST", "/task/{task}/finalize", "reviewer", acts.finalize),
    WebRoute("POST", "/task/{task}/corrections", "reviewer", acts.corrections),
    WebRoute("POST", "/task/{task}/undo", "reviewer", acts.undo),
    WebRoute("POST", "/task/{task}/cancel", "reviewer", acts.cancel),
    WebRoute("POST", "/task/{task}/claim", "reviewer", acts.claim),
    WebRoute("POST", "/task/{task}/release", "reviewer", acts.release),
    WebRoute("GET", "/decision/{decision}", "viewer", record.show),
    WebRoute("GET", "/decision/{decision}/pack", "viewer", record.pack),
    WebRoute("GET", "/log", "viewer", record.log),
    WebRoute("GET", "/log/export", "viewer", record.export),
    WebRoute("GET", "/policies", "viewer", policies.all_policies),
    WebRoute("GET", "/policies/{policy}", "viewer", policies.one_policy),
    WebRoute("GET", "/policies/{policy}/print", "viewer", policies.to_sign),
    WebRoute("GET", "/policies/{policy}/lists", "viewer", lists.show),
    WebRoute("POST", "/policies/{policy}/lists", "author", lists.change),
    WebRoute("GET", "/policies/{policy}/edit", "author", editor.edit),
    WebRoute("POST", "/policies/{policy}/edit", "author", editor.save),
    WebRoute("POST", "/policies/{policy}/check", "author", editor.check),
    WebRoute("POST", "/policies/{policy}/complete", "author", editor.offers),
    WebRoute("POST", "/policies/{policy}/hover", "author", editor.hovered),
    WebRoute("GET", "/policies/{policy}/patch", "author", editor.patch),
    WebRoute("POST", "/policies/{policy}/stage", "operator", acts.move_stage),
    WebRoute("GET", "/rules", "viewer", policies.rules),
    WebRoute("GET", "/status", "viewer", status.show),
    WebRoute("POST", "/pause", "operator", acts.pause),
    WebRoute("POST", "/resume", "operator", acts.resume),
    WebRoute("POST", "/accept", "operator", acts.accept),
    WebRoute("GET", "/people", "admin", signin.people_page),
    WebRoute("POST", "/people", "admin", signin.change_people),
    WebRoute("POST", "/people/session", "admin", signin.revoke),
)
"""Every page and act. A test goes through them as each role, and holds that there is no other."""


def make_app(console: Console) -> Starlette:
    """The application of one console."""
    routes = [
        Route(route.path, _endpoint(console, route), methods=[route.method]) for route in ROUTES
    ]
    routes.append(Route("/static/{name}", _static, methods=["GET"]))
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, hosts=console.hosts, scheme="https" if console.is_secure else ""),
            Middleware(GZipMiddleware, minimum_size=1000),
        ],
        exception_handlers={HTTPException: _http_error},
    )


async def _static(request: Request) -> Response:
    path = STATIC / request.path_params["name"]
    kind = KINDS.get(path.suffix)
    if path.parent != STATIC or kind is None or not path.is_file():
        return PlainTextResponse("no such file\n", 404)
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "no-cache"})


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "there is no such page", 405: "that cannot be done here"}.get(status, "no")
    return PlainTextResponse(f"{words}\n", status)


def _endpoint(console: Console, route: WebRoute) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        several = {} if route.method in SAFE else await _form(request)
        asked = request.query_params.get(DESK, "") if route.method in SAFE else ""
        name = asked if asked in console.desks else request.cookies.get(DESK, "")
        desk = console.desks.get(name, console)
        visit = Visit(
            console=desk,
            session=None,
            path=dict(request.path_params),
            query=dict(request.query_params),
            form={name: values[-1] for name, values in several.items()},
            several=several,
            now=console.now(),
            url=request.url.path,
            cookies=request.cookies,
            from_elsewhere=request.headers.get("sec-fetch-site") in ("cross-site", "same-site"),
        )
        cookie = request.cookies.get(signin.cookie_name(console))
        peer = "" if request.client is None else request.client.host
        proxied = signin.proxied_name(console, peer, request.headers)
        response = await run_in_threadpool(serve, visit, route, cookie, proxied)
        if asked in console.desks:
            response.set_cookie(
                DESK, asked, httponly=True, samesite="lax", secure=console.is_secure
            )
        return response

    return endpoint


async def _form(request: Request) -> Mapping[str, tuple[str, ...]]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise HTTPException(413)
    fields: dict[str, tuple[str, ...]] = {}
    text = body.decode("utf-8", "replace")
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=5000):
        # Browsers send CRLF for the line ends of a text.
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n"))
    return fields


def serve(
    visit: Visit, route: WebRoute, cookie: str | None, proxied: str | None = None
) -> Response:
    """Answer a visit: who it is, whether they may, and then the page or the act itself.

    `proxied` is whom a proxy of ours says it is; then nobody else is.
    """
    console = visit.console
    try:
        session = session_of(console.people, cookie, visit.now)
        if console.settings.console.sign_in == "proxy":
            if session is not None and session.name != proxied:
                session = None
            if session is None and proxied is not None:
                return signin.enter_by_proxy(visit, proxied)
    except LedgerError as error:
        return PlainTextResponse(f"the log cannot be read: {safe(str(error))}\n", 503)
    if session is not None and console.desks:
        # A form of one key's desk must not be sent at another's, which a second tab may have opened.
        token = f"{session.form_token}.{console.key}"
        session = msgspec.structs.replace(session, form_token=token)
    visit = msgspec.structs.replace(visit, session=session)
    return _answer(visit, route)


def _answer(visit: Visit, route: WebRoute) -> Response:
    session, console = visit.session, visit.console
    if route.role is not None:
        if session is None:
            return _sign_in_first(visit, route)
        person = ConsolePerson(name=session.name, role=session.role, added_at=session.began_at)
        if not person.may(route.role):
            _refused(visit, route)
            words = f"this needs the role {route.role}; you are {session.role}"
            return page(
                visit, "error.html.jinja", status=403, title="Not for your role", words=words
            )
        if route.method not in SAFE and visit.form.get("form_token") != session.form_token:
            words = "this form is not from your present session: go back, load the page again"
            return page(visit, "error.html.jinja", status=403, title="Not sent", words=words)
    try:
        return route.handle(visit)
    except ReviewbotError as error:
        return _told(visit, error)
    except Exception:  # noqa: BLE001  # the last stop: a person sees a page, and the log the fault
        console.events("page failed", level="error", path=route.path, exc_info=True)
        words = "this is a fault in reviewbot; the console's own log shows where"
        return page(visit, "error.html.jinja", status=500, title="A fault", words=words)


def _told(visit: Visit, error: ReviewbotError) -> Response:
    kinds = (
        (Changed, 409, "It is different now"),
        (UsageError, 422, "That cannot be done"),
        (Halted, 409, "Held back"),
        (LedgerError, 503, "The log cannot be used"),
    )
    for kind, code, title in kinds:
        if isinstance(error, kind):
            return page(visit, "error.html.jinja", status=code, title=title, words=str(error))
    return page(visit, "error.html.jinja", status=502, title="It did not work", words=str(error))


def _sign_in_first(visit: Visit, route: WebRoute) -> Response:
    if route.method in SAFE:
        here = visit.url + (f"?{urlencode(visit.query)}" if visit.query else "")
        if visit.from_elsewhere:
            # A browser keeps a strict cookie back from a link in a message: it comes along from here.
            return page(visit, "onward.html.jinja", here=here)
        way = "/login" if here == "/" else f"/login?{urlencode({'next': here})}"
        return RedirectResponse(way, 303)
    return PlainTextResponse("sign in first\n", 401)


def _refused(visit: Visit, route: WebRoute) -> None:
    who = visit.who.name
    note(
        visit.console.people,
        "refused",
        who=who,
        now=visit.now,
        path=f"{route.method} {route.path}",
        role=visit.who.role,
    )
