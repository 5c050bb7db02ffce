"""The raw fault server misbehaves as named, over real sockets."""

from __future__ import annotations

import httpx
import pytest

from tests.support.rawfaults import RAW_FAULTS, RawServer


def ask(server: RawServer, **how: float) -> httpx.Response:
    """One write to the server, with a short patience."""
    with httpx.Client(timeout=how.get("timeout", 2.0)) as client:
        return client.post(f"{server.url}/comments/x/approve", json={"a": 1})


def test_a_good_answer_is_good_and_the_request_is_kept() -> None:
    """Method, target, headers and body arrive whole; the connection is kept alive."""
    with RawServer(body=b'{"data": 1}') as server, httpx.Client() as client:
        for _ in range(2):
            assert client.post(f"{server.url}/me", json={"a": 1}).json() == {"data": 1}
        assert server.connections == 1
    assert (server.requests[0].method, server.requests[0].target) == ("POST", "/api/ext/me")
    assert server.requests[0].body == b'{"a":1}'
    assert len(server.applied) == 2


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        ("truncated with length", httpx.RemoteProtocolError, 1),
        ("truncated chunks", httpx.RemoteProtocolError, 1),
        ("reset before", httpx.ReadError, 0),
        ("reset after", httpx.ReadError, 1),
        ("reset in the body", httpx.ReadError, 1),
        ("closed without answer", httpx.RemoteProtocolError, 1),
        ("bad status line", httpx.RemoteProtocolError, 1),
        ("huge header", httpx.RemoteProtocolError, 1),
    ],
)
def test_a_broken_connection_raises(fault: str, error: type[Exception], applied: int) -> None:
    """What httpx makes of it, and whether the server would have applied the write."""
    with RawServer(fault) as server:
        with pytest.raises(error):
            ask(server)
        assert len(server.applied) == applied


@pytest.mark.parametrize("fault", ["hang", "hang in the body"])
def test_a_hang_ends_by_the_clients_patience(fault: str) -> None:
    """And the server lets go when it is stopped."""
    with RawServer(fault) as server, pytest.raises(httpx.ReadTimeout):
        ask(server, timeout=0.05)


@pytest.mark.parametrize("fault", ["trickle", "trickled headers"])
def test_a_trickle_outlives_a_read_time_out(fault: str) -> None:
    """Each byte comes in time, so a time-out per read never ends it."""
    with RawServer(fault, body=b"{}" * 10) as server:
        server.pause = 0.002
        assert ask(server, timeout=0.5).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ("truncated without length", 200, b'{"dat'),
        ("clean half", 200, b'{"dat'),
        ("html 200", 200, b"<title>"),
        ("204", 204, b""),
        ("redirect", 302, b""),
        ("429", 429, b"RATE_LIMIT"),
        ("html 502", 502, b"<title>"),
        ("nan", 200, b"NaN"),
        ("deep json", 200, b"[[["),
        ("duplicate keys", 200, b"finalized"),
    ],
)
def test_answers_that_arrive_whole_but_wrong(fault: str, status: int, part: bytes) -> None:
    """Status and content as named."""
    with RawServer(fault) as server:
        answer = ask(server)
    assert answer.status_code == status
    assert part in answer.content


@pytest.mark.parametrize("fault", ["gzip bomb", "huge body", "endless body"])
def test_too_much_can_be_broken_off(fault: str) -> None:
    """A client that stops after its first megabyte is through; so is the server."""
    with (
        RawServer(fault) as server,
        httpx.Client() as client,
        client.stream("GET", f"{server.url}/me") as answer,
    ):
        read = 0
        for piece in answer.iter_bytes(1 << 16):
            read += len(piece)
            if read > 1 << 20:
                break
    assert read > 1 << 20


def test_every_fault_has_a_name_that_can_be_set() -> None:
    """A fault can be changed between two requests."""
    with RawServer() as server:
        assert ask(server).status_code == 200
        server.fault = "empty 503"
        assert ask(server).status_code == 503
    assert len(RAW_FAULTS) >= 30
