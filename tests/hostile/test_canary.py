"""No secret leaves by any door: canaries are looked for in every byte that the product wrote."""

from __future__ import annotations

import base64
import json
import socket
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from reviewbot.domain.errors import NoAnswer
from reviewbot.review.poll import poll_once
from tests.acceptance.house import House, house, sqlite
from tests.acceptance.process import a_world as a_small_world
from tests.acceptance.process import running
from tests.hostile.stage import POLICY, SECRETS, Stage, environment
from tests.proof import proven

KEY = SECRETS["API key"]


def forms(secret: str) -> Iterator[bytes]:
    """A secret, and what could be it: encoded, escaped, turned round, in halves that still serve."""
    raw = secret.encode()
    half = len(raw) // 2
    yield from (raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode())
    for shift in range(3):
        # The same bytes look different in base64 by where they begin; the ends depend on neighbours.
        coded = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 :].rstrip(b"=")[:-2]
        yield from (coded, coded.replace(b"+", b"-").replace(b"/", b"_"))
    yield quote(secret, safe="").encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-16-be")
    yield from (raw[half:] + raw[:half], raw[:half], raw[half:])


SOUGHT = {name: tuple(forms(secret)) for name, secret in SECRETS.items()}


def leaks(body: bytes, but: tuple[str, ...] = ()) -> list[str]:
    """The secrets that can be found in some bytes in any form."""
    return [
        name
        for name, sought in SOUGHT.items()
        if name not in but and any(form in body for form in sought)
    ]


def test_the_search_finds_what_it_looks_for() -> None:
    """In each of the forms, in the middle of other bytes."""
    for name, secret in SECRETS.items():
        for form in forms(secret):
            assert leaks(b"\x00before" + form + b"after\xff") == [name]
        for shift in range(4):
            assert leaks(base64.b64encode(b"x" * shift + secret.encode() + b"yz")) == [name]
    assert leaks(b"nothing at all") == []


def test_no_command_file_message_or_log_holds_a_secret(stage: Stage) -> None:
    """At the most talkative, tracebacks included, in every format."""
    channels = {line: "".join(texts).encode() for line, texts in stage.out.items()} | stage.bytes

    found = {name: leaks(body) for name, body in channels.items()}

    assert {name: hits for name, hits in found.items() if hits} == {}
    assert len(channels) > 100
    proven(
        "fuzz", "P29", "outputs, files and messages searched for canaries, 0 found", len(channels)
    )
    kinds = set(stage.bytes) | {line.split(" [")[0] for line in stage.out}
    assert kinds >= {
        *("file log.db", "file export.out", "file junit.xml", "library logs", "e-mails"),
        *("Slack and webhook messages", "webhook headers", "slack", "webhook", "mail"),
        *("config ", "doctor ", "status ", "log export ", "report ", "run --once --live"),
    }
    assert sum(bool(body) for body in channels.values()) > 80
    assert any(b"Traceback" in body for body in channels.values())
    assert b"httpcore" in channels["library logs"] or b"HTTP" in channels["library logs"]


def test_a_running_bot_shows_its_key_to_nobody(tmp_path: Path) -> None:
    """Neither in the process list nor in its environment, its pages, its log or its ledger."""
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    seen: dict[str, bytes] = {}
    env = {"TOKPORTAL_API_KEY_FILE": str(key), "TOKPORTAL_API_KEY": ""}
    with running(
        a_small_world(2), tmp_path, "--live", "-vv", "--listen", f"127.0.0.1:{port}", **env
    ) as bot:
        bot.wait_for("pass")
        for page in ("-/healthy", "-/ready", "metrics"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
                seen[page] = answer.read() + str(answer.headers).encode()
        for name in ("cmdline", "environ"):
            seen[name] = Path(f"/proc/{bot.pid}/{name}").read_bytes()
        seen["log"] = json.dumps(bot.seen).encode()
    for path in tmp_path.iterdir():
        if path.is_file() and path != key:
            seen[path.name] = path.read_bytes()

    assert {name: leaks(body) for name, body in seen.items() if leaks(body)} == {}
    assert {"metrics", "cmdline", "environ", "log", "log.db"} <= set(seen)
    assert len(seen) >= 8


LAYERS: dict[str, Callable[[House], tuple[Any, str]]] = {
    "transport": lambda there: (there.transport, "handle_request"),
    "reading of answers": lambda there: (there.app.benches[0].queue, "waiting"),
    "evidence": lambda there: (there.app.benches[0].queue, "evidence"),
    "desk": lambda there: (there.app.benches[0].desk, "perform"),
    "ledger": lambda there: (there.app.ledger, "intend"),
    "clock": lambda there: (there.app.clock, "now"),
    "judge": lambda there: (there.app.benches[0].judges[0], "decide"),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, NoAnswer])
def test_no_frame_of_any_layer_shows_the_key(
    layer: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback with the values of every variable in it, as crash reporters send it."""
    monkeypatch.setattr("tests.acceptance.house.KEY", KEY)
    with house("backlog", tasks=2) as there:
        thing, name = LAYERS[layer](there)

        def fail(*about: Any, **more: Any) -> Any:
            raise error("forced")

        monkeypatch.setattr(thing, name, fail)
        monkeypatch.setattr(there.clock, "sleep", lambda seconds: there.clock.advance(3600.0))
        told = f"{there.app!r} {there.events!r}"
        try:
            poll_once(there.app)
        except Exception as raised:
            found = traceback.TracebackException.from_exception(raised, capture_locals=True)
            told += "".join(found.format(chain=True))
        assert leaks((told + repr(there.events)).encode()) == []
        monkeypatch.undo()


ADDRESSES = (
    "postgresql://bot:{}@127.0.0.1:9/log",
    "postgresql+psycopg://bot:{}@127.0.0.1:9/log",
    "postgresql+psycopg://bot:a@b/{}@127.0.0.1:9/log",
    "postgresql+psycopg://127.0.0.1:9/log?user=bot&password={}",
)
"""The first is the one that everybody mistypes."""


@pytest.mark.parametrize("command", ["config", "doctor", "status", "run --once", "log verify"])
@pytest.mark.parametrize("url", ADDRESSES)
def test_the_password_of_the_database_is_never_shown(
    command: str, url: str, tmp_path: Path
) -> None:
    """Nor the key beside it, wherever it is set and whatever fails."""
    stage = Stage()
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    values = {
        "REVIEWBOT_LEDGER": url.format(SECRETS["database password"]),
        "TOKPORTAL_API_KEY": KEY,
        "TOKPORTAL_BASE_URL": "http://127.0.0.1:9/api/ext",
        "REVIEWBOT_POLICY": str(policy),
    }
    with environment(values):
        out, err = stage.run(command, [*command.split(), "-vv"])

    assert out + err
    assert leaks((out + err).encode()) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    """The file is named, what is in it is not."""
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(mode)
    stage = Stage()
    with environment({"TOKPORTAL_API_KEY_FILE": str(key), "REVIEWBOT_POLICY": "p.yaml"}):
        _, err = stage.run("run", ["run", "--once", "-vv"])

    assert stage.codes["run"] == 78
    assert "chmod 600" in err
    assert leaks(err.encode()) == []


def test_a_copy_of_the_log_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the backup, nor the file it was made from with all that lies beside it."""
    monkeypatch.setattr("tests.acceptance.house.KEY", KEY)
    with house("backlog", tasks=3, ledger=sqlite(tmp_path)) as there:
        there.poll()
        there.app.ledger.backup(tmp_path / "copy.db")
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    assert len(files["copy.db"]) > 10_000
    assert {name: leaks(body) for name, body in files.items() if leaks(body)} == {}
