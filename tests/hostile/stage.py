"""The whole product on a hostile stage: every text of the API is a payload, every secret a canary.

Each command runs once, in each of its formats, at its most talkative. What came out of every sink
is kept by its name, for the tests that look through it.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reviewbot.cli.main import main
from reviewbot.simulator import middleware as simulator_app
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.middleware import FrontDesk
from reviewbot.simulator.wire import Call, HttpAnswer
from tests.channels.servers import mail_server, web_server
from tests.cli.walk import every_command

SECRETS = {
    "API key": "sk_canary" + "7Qx9Zk3Vw5Rt1Yp8" * 3,
    "Slack address": "T0CANARYslackB7hook9Zq",
    "webhook address": "W0CANARYhook4Kd8Lm2Xs",
    "webhook secret": "S0CANARYsign6Hf1Jq9Pz",
    "ping address": "P0CANARYping3Gt7Nb5Vc",
    "channel token": "C0CANARYtoken8Lr4Kx2Wq",
    "database password": "D0CANARYbase2Wm6Rx8Yd",
}
HOSTILE = (
    "=cmd|'/C calc'!A0\x1b]0;owned\x07\x1b[31m\u202egnp.exe\u2066\r\nBcc: all@example.com\r\n\r\n"
    "<script>alert(1)</script> <!channel> @everyone &lt;b&gt; {{7*7}} \x9b2J\x00\u2028 \"quoted' ::error::x"
)
STARTS = ("=", "+", "-", "@", "\t=", "  =", "＝", "\x00=", "\u200b@")
KEPT = frozenset(
    [
        "id",
        "bundle_id",
        "task_id",
        "status",
        "platform",
        "outcome_kind",
        "account_status",
        "type",
        "bundle_type",
        "target_type",
        "saved_account_id",
        "found_comment_id",
        "target_video_url",
        "code",
    ]
)
"""Fields that hold the loop together; their hostile values are the fuzzer's part."""

POLICY = """\
policy: hostile
language: 1
rules:
  - name: "=1+1 <script>x</script> <!channel> \u202e ::warning::"
    when: {last.comments_scraped: 0}
    then: approve
  - name: "@sum(1) <b>bold</b> \u2066"
    when: {last.comments_scraped: between 1 and 99, last.outcome_kind: couldnt_verify}
    then: dispute
    reason: "=not there <!here> <i>x</i> \u202e {task.comment_text, first 60}"
  - name: the rest
    always: yes
    then: escalate
    question: "<img src=x onerror=alert(1)> {task.comment_text, first 60} {task.target_author_handle}"
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: "=HYPERLINK(1) <script>y</script> \u202e"
tests:
  - name: "=t <script>z</script> \u202e]]>"
    given: {last.comments_scraped: 0}
    expect: approve
"""
CONFIG = """\
[channels."ops"]
type = "slack"
url = "{web}/{Slack address}"
min_level = "info"
[channels."hook"]
type = "webhook"
url = "{web}/{webhook address}"
secret_file = "{folder}/secret"
min_level = "info"
[channels."mail"]
type = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
from = "bot@example.com"
to = ["desk@example.com"]
min_level = "info"
[channels."phone"]
type = "ntfy"
url = "{web}/topic"
token_file = "{folder}/token"
min_level = "info"
[channels."duty"]
type = "pagerduty"
url = "{web}/enqueue"
routing_key_file = "{folder}/token"
min_level = "info"
[channels."alerts"]
type = "alertmanager"
url = "{web}"
token_file = "{folder}/token"
min_level = "info"
[alarms]
runbooks = "https://runbooks.example.com/"
[deadman]
url = "{web}/{ping address}"
"""


def spoil(value: Any, field: str = "") -> Any:
    """Put a payload into every text that says something."""
    match value:
        case dict():
            return {key: spoil(part, key) for key, part in value.items()}
        case list():
            return [spoil(part, field) for part in value]
        case str() if field.endswith("_url"):
            return f"javascript:alert(1)//{field}{HOSTILE}"
        case str() if field not in KEPT and not field.endswith(("_at", "_id")):
            return STARTS[len(field) % len(STARTS)] + field + HOSTILE
        case _:
            return value


class HostileDesk(FrontDesk):
    """Answers as the simulator does, in other words."""

    def answer(self, call: Call, *, by: Any = "client", fault: str | None = None) -> HttpAnswer:
        """Answer with payloads."""
        real = super().answer(call, by=by, fault=fault)
        if real.body:
            real.body = json.dumps(spoil(json.loads(real.body))).encode()
        return real


RECIPES: dict[str, tuple[str, ...]] = {
    "run": ("--once", "--once --live"),
    "report": ("", "--since 30d"),
    "doctor": ("",),
    "config": ("",),
    "forecast": ("",),
    "status": ("", "--probe"),
    "policy check": ("{policy}", "{folder}/broken.yaml"),
    "policy publish": ("{policy} --note {hostile}",),
    "policy guide": ("", "{hostile}"),
    "policy facts": ("", "{hostile}"),
    "policy test": (
        "{policy}",
        "{policy} --coverage --mutate",
        "{policy} --junit {folder}/junit.xml",
    ),
    "policy read": ("{policy}", "{policy} {folder}/new.yaml"),
    "policy stage": ("", "{hostile} --hold --reason {hostile}"),
    "policy accept": ("{hostile}",),
    "policy fmt": ("{policy} --check",),
    "policy schema": ("",),
    "policy explain": ("{task}", "{task} --all", "{task} --over-time"),
    "policy decide": ("{policy} --records {folder}/records.jsonl",),
    "policy backtest": ("{folder}/new.yaml --over 7d", "{policy} --records {folder}/records.jsonl"),
    "policy diff": ("{policy} {folder}/new.yaml --records {folder}/records.jsonl",),
    "policy new": ("--template cautious --name {hostile} --output {folder}/made.yaml",),
    "queue list": ("",),
    "queue show": ("{task}", "{hostile}"),
    "queue claim": ("{task} --as {hostile}", "{task}"),
    "queue sealed": ("",),
    "queue cancel": ("{task} --reason {hostile}", "{hostile} --reason no"),
    "queue release": ("{task} --as {hostile}", "{task}"),
    "queue approve": ("{task}", "{task} --as {hostile} --take-over"),
    "queue dispute": ("{task} --reason {hostile}",),
    "queue finalize": ("{bundle}",),
    "queue corrections": ("{bundle} --field username={hostile} --reason {hostile}",),
    "accounts list": ("--status all", "--delivered"),
    "accounts show": ("{bundle}", "{hostile}"),
    "accounts finalize": ("{bundle}",),
    "accounts corrections": ("{bundle} --field username={hostile} --comment {hostile}",),
    "tasks list": ("--all",),
    "tasks show": ("{task}", "{hostile}"),
    "tasks create": ("--account a --url {hostile} --text {hostile}", "--csv {folder}/orders.csv"),
    "tasks cancel": ("{task}",),
    "pause": ("approve --as {hostile}", "approve --reason {hostile}"),
    "resume": ("approve --as {hostile}", "approve --reason {hostile}"),
    "shadow start": ("{folder}/new.yaml --as {hostile}", "{folder}/new.yaml"),
    "shadow show": ("",),
    "shadow stop": ("shadowed --as {hostile}",),
    "log show": ("", "--all", "--changes", "{decision}"),
    "log verify": ("",),
    "log checkpoint": ("",),
    "log replay": ("",),
    "log export": ("", "--output {folder}/export.out"),
    "notify test": ("", "--drill"),
    "notify silence": ("cap --until 2h --as {hostile} --reason {hostile}",),
    "notify ack": ("question {hostile} --as {hostile} --reason {hostile}",),
    "notify list": ("--standing",),
    "notify lift": ("cap {hostile} --reason {hostile}", "cap --as {hostile} --reason {hostile}"),
    "completion": ("bash",),
    "log erase": ("--handle {hostile} --because {hostile} --as {hostile}",),
    "log archive": ("--before 90d --to {folder}/archive --as {hostile}",),
}
"""How each command is called; its formats are added from the command itself."""
LEFT_OUT = {
    "demo": "shows the simulator's own words",
    "simulator": "is the other side: a program of its own",
    "console": "is a server; the browser's tests hold hostile texts against its pages",
    "console user add": "asks on a terminal, or takes a file",
    "console user list": "shows names that were refused unless they are plain",
    "console user remove": "says a name that is there",
    "console user reset": "asks on a terminal, or takes a file",
    "policy lsp": "speaks to an editor; the language service is tested with every mistake",
    "policy watch": "goes on until it is stopped; it says what check says",
}
"""Commands without hostile words, and why."""


class Stage:
    """What came out of every sink, by its name; `codes` are the exit codes by command line."""

    def __init__(self) -> None:
        self.out: dict[str, list[str]] = defaultdict(list)
        self.bytes: dict[str, bytes] = {}
        self.codes: dict[str, int] = {}

    def run(self, line: str, words: list[str]) -> tuple[str, str]:
        """Call a command and keep what it printed."""
        streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2)]
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            self.codes[line] = main(words)
        for stream in streams:
            stream.flush()
        out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
        self.out[line] += [out, err]
        return out, err


def leaves() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every command that does something, with its formats."""
    for path, command in every_command():
        if isinstance(command, click.Group) and not command.invoke_without_command:
            continue
        formats = next(
            (p.type.choices for p in command.params if p.name == "format_" or "--format" in p.opts),
            (),
        )  # type: ignore[attr-defined]
        yield " ".join(path), tuple(map(str, formats))


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set the settings, and nothing that whoever runs the tests has set."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("REVIEWBOT_", "TOKPORTAL_")):
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def perform(folder: Path) -> Stage:
    """Run the whole play in a folder."""
    stage = Stage()
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "httpcore")}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    now = datetime.now(UTC)
    world = scenarios.build(
        "default", now=now, clock=PacedClock(now), waiting=14, per_hour=0.0, seed=3
    )
    real = simulator_app.FrontDesk
    simulator_app.FrontDesk = HostileDesk  # type: ignore[misc]
    try:
        with Served(world) as served, web_server() as web, mail_server() as mail:
            known = _furnish(folder, web.url(""), mail.port)
            values = {
                "TOKPORTAL_API_KEY_FILE": str(folder / "key"),
                "TOKPORTAL_BASE_URL": served.url,
                "REVIEWBOT_POLICY": str(folder / "policy.yaml"),
                "REVIEWBOT_LEDGER": f"sqlite:///{folder / 'log.db'}",
                "REVIEWBOT_CONFIG": str(folder / "reviewbot.toml"),
                "REVIEWBOT_PERSON": "ana",
                "NO_COLOR": "1",
            }
            with environment(values):
                _play(stage, known, world)
            sent = [got for got in web.got if got.path != "/enqueue"]
            stage.bytes["Slack and webhook messages"] = b"\n".join(got.body for got in sent)
            stage.bytes["webhook headers"] = b"\n".join(
                str(sorted(_but(got.headers, "authorization").items())).encode() for got in web.got
            )
            # The token belongs into each event, and nowhere else in it.
            events = [json.loads(got.body) for got in web.got if got.path == "/enqueue"]
            stage.out["pagerduty"] = [json.dumps(_but(event, "routing_key")) for event in events]
            for name, path in (("ntfy", "/"), ("alertmanager", "/api/v2/alerts")):
                stage.out[name] = [got.body.decode() for got in web.got if got.path == path]
            stage.out["slack"] = [
                g.body.decode() for g in web.got if SECRETS["Slack address"] in g.path
            ]
            stage.out["webhook"] = [
                g.body.decode() for g in web.got if SECRETS["webhook address"] in g.path
            ]
            stage.out["mail"] = [letter.get_content() for letter in mail.mails]
            stage.bytes["e-mails"] = b"\n".join(letter.as_bytes() for letter in mail.mails)
    finally:
        simulator_app.FrontDesk = real  # type: ignore[misc]
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    stage.bytes["library logs"] = log.getvalue().encode()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("key", "secret", "token", "reviewbot.toml"):
            stage.bytes[f"file {path.name}"] = path.read_bytes()
    return stage


def _but(table: Mapping[str, Any], left_out: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != left_out}


def _furnish(folder: Path, web: str, port: int) -> dict[str, str]:
    """Write the policies, the settings and the secrets."""
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "new.yaml").write_text(POLICY.replace("between 1 and 99", "between 2 and 98"))
    (folder / "broken.yaml").write_text(POLICY.replace("last.comments", "last.\u202e<b>comments"))
    (folder / "key").write_text(SECRETS["API key"])
    (folder / "secret").write_text(SECRETS["webhook secret"])
    (folder / "token").write_text(SECRETS["channel token"])
    for name in ("key", "secret", "token"):
        (folder / name).chmod(0o600)
    text = CONFIG.format(web=web.rstrip("/"), folder=folder, port=port, **SECRETS)
    (folder / "reviewbot.toml").write_text(text)
    (folder / "reviewbot.toml").chmod(0o600)
    (folder / "orders.csv").write_text(
        f'saved_account_id,target_video_url,comment_text\n"{HOSTILE}",x,y\n'
    )
    task = {
        "id": "t-1",
        "status": "manually_confirmed",
        "comment_text": HOSTILE,
        "platform": "tiktok",
    }
    attempts = [{"attempt_n": 1, "comments_scraped": 0, "outcome_kind": HOSTILE, "reason": HOSTILE}]
    record = json.dumps({"task": task, "attempts": attempts, "at": "2026-06-02T12:00:00Z"})
    (folder / "records.jsonl").write_text(record + "\n")
    return {
        "folder": str(folder),
        "policy": str(folder / "policy.yaml"),
        "hostile": HOSTILE.replace("\x00", ""),
    }


def _play(stage: Stage, known: dict[str, str], world: Any) -> None:
    """Every recipe, the first pass first; ids are taken from what is really there."""
    known["bundle"] = next(b.id for b in world.bundles.values() if b.account_status == "in_review")
    known["task"] = next(task.id for task in world.waiting())
    known["decision"] = "0"
    formats = dict(leaves())
    for command, lines in RECIPES.items():
        for line in lines:
            words = [word.format(**known) for word in line.split()]
            for form in formats[command] or ("",):
                asked = [*command.split(), "-vv", *words, *(["--format", form] if form else [])]
                if form == "parquet":
                    continue
                stage.run(f"{command} {line} [{form}]", asked)
        if command == "run":
            out, _ = stage.run("queue list [json] first", ["queue", "list", "--format", "json"])
            asked_about = [json.loads(text)["task_id"] for text in out.split("\n") if text]
            known["task"] = next(iter(asked_about), known["task"])
            out, _ = stage.run("log show [json] first", ["log", "show", "--format", "json"])
            known["decision"] = json.loads(out.split("\n")[0])["id"]
