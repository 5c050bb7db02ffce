"""Who gets in, and from where: hosts, origins, sessions, roles, and what every answer carries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from reviewbot.console_settings import ConsoleSettings
from reviewbot.domain.errors import ConfigError
from reviewbot.web import people
from reviewbot.web.app import ROUTES, WebRoute
from reviewbot.web.guard import HEADERS, SAFE
from reviewbot.web.people import ROLES, Passwords, Role
from reviewbot.web.server import first_look, refuse_without_sign_in
from tests.acceptance.house import KEY
from tests.web.desk import PASSWORD, WebDesk, web_desk

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDesk]:
    """A live console over two questions, with passwords."""
    with web_desk(tmp_path_factory.mktemp("desk"), tasks=2, passwords=True) as made:
        yield made


def path_of(route: WebRoute, desk: WebDesk) -> str:
    """A route with real names in its holes."""
    question = desk.questions()[0]
    holes = {"task": question.sighting.task_id, "decision": question.decision.id, "policy": "asks"}
    return route.path.format(**holes)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_it_needs_and_nothing_else(desk: WebDesk, role: Role) -> None:
    """The table of routes, both ways: 403 exactly above one's role, and nothing outside the table."""
    somebody = desk.person(f"a {role}", role)
    for route in ROUTES:
        if route.role is None or route.path == "/logout":
            continue
        may = ROLES.index(role) >= ROLES.index(route.role)
        if route.method == "GET":
            status = somebody.get(path_of(route, desk)).status_code
        else:
            status = somebody.client.post(path_of(route, desk), data={}).status_code
            may = False  # without its token no form is taken, whoever sends it
        assert (status != 403) == may, route
    for path in ("/admin", "/queue/1", "/static/../app.py", "/static/app.py", "/task"):
        assert somebody.get(path).status_code == 404


def test_without_a_session_pages_lead_to_the_door_and_acts_are_refused(desk: WebDesk) -> None:
    """GET 303 to /login, everything else 401."""
    with desk.client() as stranger:
        for route in ROUTES:
            if route.role is None:
                continue
            answer = stranger.request(route.method, path_of(route, desk))
            expected = 303 if route.method in SAFE else 401
            assert answer.status_code == expected, route
            if expected == 303:
                assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize(
    ("site", "origin"),
    list(
        itertools.product(
            (None, "same-origin", "none", "same-site", "cross-site"),
            (None, "null", "ours", "https://evil.example", "http://127.0.0.1:1"),
        )
    ),
)
def test_what_changes_something_comes_from_our_own_page(
    desk: WebDesk, site: str | None, origin: str | None
) -> None:
    """Sec-Fetch-Site decides where it is sent; without it the origin is ours or absent."""
    headers = {} if site is None else {"sec-fetch-site": site}
    if origin is not None:
        headers["origin"] = desk.url if origin == "ours" else origin
    passes = site in ("same-origin", "none") or (site is None and origin in (None, "ours"))
    with desk.client(headers=headers) as stranger:
        assert stranger.post("/pause").status_code == (401 if passes else 403)
        assert stranger.get("/login").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_a_foreign_host_is_refused(desk: WebDesk, host: str) -> None:
    """A name that was made to lead here is not ours."""
    assert httpx.get(f"{desk.url}/login", headers={"host": host}).status_code == 400


def test_every_answer_carries_the_headers(desk: WebDesk) -> None:
    """Also a refusal, a page that is not there, and a file."""
    ana = desk.person("ana", "viewer")
    for path in ("/", "/login", "/nothing", "/static/console.css", "/people"):
        answer = ana.get(path)
        for name, value in HEADERS.items():
            if name == "Cache-Control" and path.startswith("/static"):
                continue
            assert answer.headers[name] == value, (path, name)
        assert "'unsafe" not in answer.headers["Content-Security-Policy"]


def test_a_page_on_a_kept_connection_waits_for_no_acknowledgement(desk: WebDesk) -> None:
    """The system would hold each body back for 40 ms, once a connection is no longer new."""
    with desk.client() as stranger:
        took = [stranger.get("/login").elapsed for _ in range(20)]
    assert min(took[10:]) < timedelta(milliseconds=35)


def test_passwords_let_in_and_failures_are_slowed(desk: WebDesk) -> None:
    """Ten failures of a name within five minutes, and even the right password waits."""
    now = desk.house.clock.now()
    ledger = desk.console.ledger
    hashed = Passwords().hash(PASSWORD)
    people.add_person(ledger, "Cleo", "reviewer", hashed, by="test", now=now)
    with desk.client() as browser:
        right = {"name": "cleo", "password": PASSWORD, "next": "/queue"}
        answer = browser.post("/login", data=right)
        assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert browser.get("/queue").status_code == 200
        for _ in range(10):
            assert browser.post("/login", data=right | {"password": "x"}).status_code == 403
        assert browser.post("/login", data=right).status_code == 429
        desk.house.clock.sleep(301)
        assert browser.post("/login", data=right).status_code == 303


@pytest.mark.parametrize(
    "way", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x"]
)
def test_signing_in_leads_to_a_page_of_ours(desk: WebDesk, way: str) -> None:
    """Whatever a link asked for."""
    page = httpx.get(f"{desk.url}/login", params={"next": way})
    assert 'name="next" value="/"' in page.text


def test_a_one_time_link_works_once_and_for_ten_minutes(tmp_path: Path) -> None:
    """It signs in as admin; afterwards it is no link."""
    with web_desk(tmp_path, tasks=1) as desk:
        link = first_look(desk.console, ("127.0.0.1", 0), desk.server.url)
        assert link is not None
        with httpx.Client() as browser:
            assert browser.get(link).status_code == 303
            assert browser.get(f"{desk.url}/people").status_code == 200
        assert httpx.get(link).status_code == 403
        old = first_look(desk.console, ("127.0.0.1", 0), desk.server.url)
        desk.house.clock.sleep(601)
        assert old is not None and httpx.get(old).status_code == 403
        desk.person("ana", "admin")
        assert first_look(desk.console, ("127.0.0.1", 0), desk.server.url) is None


def test_elsewhere_than_on_loopback_it_does_not_start_without_a_sign_in(desk: WebDesk) -> None:
    """With the cure in its words."""
    with pytest.raises(ConfigError, match="sign_in"):
        refuse_without_sign_in(desk.console, ("0.0.0.0", 8090))
    refuse_without_sign_in(desk.console, ("127.0.0.1", 8090))


def test_sessions_end_by_time_by_removal_and_by_hand(desk: WebDesk) -> None:
    """And a cookie that nobody was given is none."""
    now, ledger = desk.house.clock.now(), desk.console.ledger
    dora, admin = desk.person("dora", "reviewer"), desk.person("root", "admin")
    assert dora.get("/").status_code == 200
    made_up = httpx.get(f"{desk.url}/", cookies={"reviewbot": "made-up"})
    assert made_up.status_code == 303

    (name,) = [n for n, session in people.sessions(ledger, now) if session.name == "dora"]
    assert admin.post("/people/session", session=name).status_code == 303
    assert dora.get("/").status_code == 303

    again = desk.person("dora", "reviewer")
    people.remove_person(ledger, "dora", by="root", now=now)
    assert again.get("/").status_code == 303

    once_more = desk.person("dora", "reviewer")
    desk.house.clock.sleep(timedelta(hours=12, seconds=1).total_seconds())
    assert once_more.get("/").status_code == 303


def test_signing_in_and_refusals_are_lines_of_the_chain(desk: WebDesk) -> None:
    """With the person's name, and never a cookie or a password."""
    eve = desk.person("eve", "viewer")
    eve.get("/people")
    story = [note.value["act"] for note in desk.console.ledger.story("console", "eve")]
    assert story == ["signed in", "refused"]
    written = str([note.value for note in desk.console.ledger.notes("console")])
    assert eve.cookie not in written and PASSWORD not in written
    assert desk.console.ledger.verify().whole


def test_a_proxy_is_believed_only_from_its_own_address(tmp_path: Path) -> None:
    """And only of people who were added; a cookie of somebody else is not theirs."""
    settings = ConsoleSettings(sign_in="proxy", proxy_peers=("127.0.0.1",))
    for peers, allowed in ((("127.0.0.1",), True), (("10.0.0.1",), False)):
        folder = tmp_path / peers[0]
        folder.mkdir()
        chosen = msgspec.structs.replace(settings, proxy_peers=peers)
        with web_desk(folder, tasks=1, settings=chosen) as desk:
            now = desk.house.clock.now()
            people.add_person(desk.console.ledger, "ana", "viewer", None, by="test", now=now)
            said = {"x-forwarded-user": "ana"}
            with desk.client(headers=said, follow_redirects=True) as browser:
                page = browser.get("/queue")
                assert (page.url.path == "/queue") == allowed
                if allowed:
                    stranger = browser.get("/queue", headers={"x-forwarded-user": "eve"})
                    assert stranger.status_code == 403
                    assert browser.get("/people").status_code == 403


def test_no_page_shows_the_key_a_cookie_or_a_hash(desk: WebDesk) -> None:
    """Every page that an admin can open, with somebody whose password is kept."""
    now = desk.house.clock.now()
    hashed = Passwords().hash(PASSWORD)
    people.add_person(desk.console.ledger, "greta", "viewer", hashed, by="test", now=now)
    admin = desk.person("an admin", "admin")
    for route in ROUTES:
        if route.method == "GET" and route.role is not None:
            text = admin.get(path_of(route, desk)).text
            for secret in (KEY, hashed, admin.cookie, PASSWORD):
                assert secret not in text, route
