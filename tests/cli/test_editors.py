"""The server under edits as editors send them: by the thousand, and from a real Neovim."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import pytest

from reviewbot.cli.language_features import make_server
from reviewbot.cli.language_server import PolicyServer
from reviewbot.cli.opening import Opening
from reviewbot.policy import starters
from tests.policy.language.test_mistakes import BASE
from tests.tier import times

EDITS = times(2_000, 100_000)
URI = "file:///nowhere/agency.yaml"
PIECES = (
    *("\n", "\r\n", "\r", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "#", "|", "\t"),
    *(
        "😀",
        "é",
        "\u2028",
        "\x0c",
        "\x85",
        "\ufeff",
        "then: ",
        "not ",
        "last.",
        "in list ",
        "rules:",
    ),
)
ASKED = (
    *("completion", "hover", "definition", "documentSymbol", "codeAction", "codeLens"),
    *("inlayHint", "formatting"),
)


class Buffer:
    """A text as an editor keeps it: lines of UTF-16 units, each with its own end."""

    def __init__(self, text: str) -> None:
        self.units = text.encode("utf-16-le")

    def text(self) -> str:
        """The whole text."""
        return self.units.decode("utf-16-le")

    def edit(self, chance: Random) -> dict[str, Any]:
        """Change something; give it as the protocol says it."""
        text = self.text()
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice((0, 0, 0, 1, 2, 9, 40)))
        if len(text) > 6_000:
            end = min(len(text), start + 300)
        put = "".join(chance.choice(PIECES) for _ in range(chance.choice((0, 1, 1, 1, 3))))
        start, end = (_no_middle(text, at) for at in (start, end))
        change = {"range": {"start": _place(text, start), "end": _place(text, end)}, "text": put}
        self.units = (text[:start] + put + text[end:]).encode("utf-16-le")
        return change


def _no_middle(text: str, at: int) -> int:
    """No editor puts anything into the middle of a line end."""
    return at + 1 if text[at - 1 : at + 1] == "\r\n" else at


def _place(text: str, at: int) -> dict[str, int]:
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n")
    last = before.rpartition("\n")[2]
    return {"line": before.count("\n"), "character": len(last.encode("utf-16-le")) // 2}


class Wire:
    """A server in this process, and the words to and from it as JSON."""

    def __init__(self) -> None:
        self.server: PolicyServer = make_server(Opening())
        self.server.protocol.set_writer(self, include_headers=False)
        self.answers: dict[int, Any] = {}
        self.number = 0

    def write(self, data: bytes) -> None:
        """Keep an answer."""
        message = json.loads(data)
        if "id" in message and "method" not in message:
            self.answers[message["id"]] = message

    def notify(self, method: str, **params: Any) -> None:
        """Send what needs no answer."""
        self._send({"method": method, "params": params})

    async def ask(self, method: str, **params: Any) -> Any:
        """Send a question and wait for its answer; an error in it fails the test."""
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        while self.number not in self.answers:
            await asyncio.sleep(0)
        message = self.answers.pop(self.number)
        assert "error" not in message, message
        return message["result"]

    def _send(self, message: dict[str, Any]) -> None:
        protocol = self.server.protocol
        text = json.dumps({"jsonrpc": "2.0", **message})
        protocol.handle_message(json.loads(text, object_hook=protocol.structure_message))


async def _edited(edits: int, seed: int) -> None:
    """Edit at random, compare the texts each time, and ask something now and then."""
    chance = Random(seed)
    wire, buffer = Wire(), Buffer(BASE)
    await wire.ask("initialize", capabilities={}, processId=None, rootUri=None)
    document = {"uri": URI, "languageId": "yaml", "version": 0, "text": BASE}
    wire.notify("textDocument/didOpen", textDocument=document)
    for number in range(1, edits + 1):
        changes = [buffer.edit(chance) for _ in range(chance.choice((1, 1, 1, 2)))]
        versioned = {"uri": URI, "version": number}
        wire.notify("textDocument/didChange", textDocument=versioned, contentChanges=changes)
        assert wire.server.texts[URI].text == buffer.text(), (
            f"edit {number} of seed {seed}: {changes}"
        )
        if number % 50 == 0:
            place = changes[-1]["range"]["start"]
            await wire.ask(
                f"textDocument/{chance.choice(ASKED)}",
                textDocument={"uri": URI},
                position=place,
                range={"start": place, "end": place},
                context={"diagnostics": [], "triggerKind": 1},
                options={"tabSize": 2, "insertSpaces": True},
            )
        if number % 2_000 == 0:
            buffer = Buffer(BASE)
            whole = [{"text": BASE}]
            wire.notify("textDocument/didChange", textDocument=versioned, contentChanges=whole)
    wire.server.stop()


@pytest.mark.timeout(1_500)
def test_after_any_edits_the_server_has_the_text_of_the_editor() -> None:
    """Emoji, all line ends and half-written lines; nothing that is asked meanwhile fails."""
    asyncio.run(_edited(EDITS, seed=20261201))


@pytest.mark.skipif(
    shutil.which("nvim") is None, reason="Neovim is not installed: apt install neovim"
)
@pytest.mark.timeout(120)
def test_neovim_shows_mistakes_and_offers(tmp_path: Path) -> None:
    """A real editor, typing: the mistake at its words, gone when it is mended, words to choose from."""
    starter = starters.render(name="cautious", policy_name="desk-one", owner=None, timezone=None)
    head, _, _ = starter.policy.replace("then: approve", "then: aprove", 1).partition("guardrails:")
    path, out = tmp_path / "desk-one.yaml", tmp_path / "out.json"
    path.write_text(head.rstrip() + "\n", encoding="utf-8")
    environment = os.environ | {
        "EDITOR_OUT": str(out),
        "EDITOR_POLICY": str(path),
        "EDITOR_COMMAND": json.dumps([sys.executable, "-m", "reviewbot", "policy", "lsp"]),
        "XDG_STATE_HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    script = Path(__file__).with_name("editor.lua")
    command = ["nvim", "--headless", "-u", "NONE", "-c", f"luafile {script}"]
    ran = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=110
    )

    assert out.exists(), ran.stdout + ran.stderr
    shown = json.loads(out.read_text())
    lines = path.read_text().split("\n")
    (mistake,) = shown["first"]
    assert lines[mistake["line"]][mistake["from"] : mistake["to"]] == "aprove"
    assert mistake["code"] == "P024"
    assert not shown["mended"]
    assert shown["offers"] == ["escalate", "hold"]
    assert "try again at each poll" in shown["hover"]["contents"]["value"]
    assert shown["symbols"] >= 5
