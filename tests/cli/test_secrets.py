"""A secret is printed nowhere, wherever somebody has pasted it."""

from __future__ import annotations

import contextlib
import io
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewbot.cli.main import main
from reviewbot.config import TABLE, load_settings

LETTERS = string.ascii_letters + string.digits
KEYS = st.one_of(
    st.text(LETTERS, min_size=12, max_size=60),
    st.text(LETTERS + "_-", min_size=12, max_size=60).map("sk_live_".__add__),
    st.text(LETTERS, min_size=12, max_size=120).map("tok_live_".__add__),
)
OTHERS = [row.env for row in TABLE if row.env != "TOKPORTAL_API_KEY"]
NAMES = [
    *OTHERS,
    "TOKPORTAL_API_KEY_FILE",
    "REVIEWBOT_LEDGER_FILE",
    "REVIEWBOT_CONFIG",
    "REVIEWBOT_CHANEL",
]
AROUND = ("{}", "x{}", "/tmp/{}/x", "sqlite:///{}", "https://{}/x", "https://a.example/{}",
          "postgresql+psycopg://u:{}@127.0.0.1:1/d", "{}s", "a" * 70 + "{}", "'{}", "\\{}")  # fmt: skip
COMMANDS = (("config",), ("config", "--format", "json"), ("doctor",), ("status",),
            ("run", "--once"), ("-vv", "report"))  # fmt: skip


def said_by(monkeypatch: pytest.MonkeyPatch, folder: Path, env: dict[str, str], *words: str) -> str:
    """All that a command writes, to either stream."""
    with monkeypatch.context() as patch, contextlib.chdir(folder):
        for name in [*OTHERS, "TOKPORTAL_API_KEY", "TOKPORTAL_API_KEY_FILE", "REVIEWBOT_CONFIG"]:
            patch.delenv(name, raising=False)
        base = {"TOKPORTAL_BASE_URL": "http://127.0.0.1:9", "STATE_DIRECTORY": str(folder)}
        for name, value in (base | env).items():
            patch.setenv(name, value)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(words)
    return out.getvalue() + err.getvalue()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, name=st.sampled_from(NAMES), around=st.sampled_from(AROUND), data=st.data())
def test_the_key_in_another_variable_is_never_printed(
    key: str,
    name: str,
    around: str,
    data: st.DataObject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is wrong with it there, and whatever that setting is used for."""
    command = data.draw(st.sampled_from(COMMANDS))
    env = {"TOKPORTAL_API_KEY": key, name: around.format(key)}

    said = said_by(monkeypatch, tmp_path, env, *command)

    assert said
    assert key not in said
    assert key[:10] not in said, "nor a part of it"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, data=st.data())
def test_the_key_in_the_settings_file_is_never_printed(
    key: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any value of it, in the tables of channels, and as a name."""
    names = [*(row.name for row in TABLE if row.in_file), "api_key_file", "unheard_of", key]
    lines = [
        *(f"{name} = {json.dumps(data.draw(st.sampled_from(AROUND)).format(key))}" for name in
          data.draw(st.lists(st.sampled_from(names), unique=True, max_size=2))),
        data.draw(st.sampled_from([
            "", f'[channels.{key}]\ntype = "slack"', f'[channels.a]\ntype = "{key}"',
            f'[channels.a]\ntype = "email"\nhost = "h"\nport = "{key}"\nfrom = "{key}"\nto = "{key}"',
            f'[channels.a]\ntype = "slack"\nurl_file = "/{key}"', f'[alarms]\nto = ["{key}"]',
            f'[channels.a]\ntype = "webhook"\nurl = "http://{key}"', f'[alarms]\naway = "{key}"',
            f'[deadman]\nurl = "https://h/"\nmethod = "{key}"', f'[{key}]', f'[channels]\na = "{key}"',
        ])),
    ]  # fmt: skip
    (tmp_path / "reviewbot.toml").write_text("\n".join(lines))
    command = data.draw(st.sampled_from(COMMANDS))

    said = said_by(monkeypatch, tmp_path, {"TOKPORTAL_API_KEY": key}, *command)

    assert said
    assert key not in said
    assert key[:10] not in said, "nor a part of it"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, data=st.data())
def test_the_key_as_a_flag_is_never_printed(
    key: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags show in the list of processes, which is bad enough."""
    words = data.draw(
        st.sampled_from([
            ("config", "--ledger", key), ("config", "--policy", key), ("config", "--config", key),
            ("config", "--format", key), ("config", f"--{key}"), ("config", key), (key,),
            ("run", "--once", "--every", key), ("run", "--once", "--listen", key),
            ("run", "--once", "--policy", key), ("report", "--at", key), ("doctor", "--policy", key),
            ("policy", "check", key), ("status", "--ledger", f"sqlite:///{key}/a"),
        ])
    )  # fmt: skip

    said = said_by(monkeypatch, tmp_path, {"TOKPORTAL_API_KEY": key}, *words)

    assert key not in said
    assert key[:10] not in said, "nor a part of it"


@pytest.mark.parametrize(
    ("secret", "word"), [("hunter2-hunter2", "person"), ("https://h.example/T0/B1", "policy")]
)
def test_so_are_the_secrets_of_channels(
    secret: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password or the address of a channel, pasted into another setting."""
    (tmp_path / "password").write_text(secret)
    (tmp_path / "password").chmod(0o600)
    table = f'[channels.a]\ntype = "webhook"\nurl = "https://h.example/T0/B1"\nsecret_file = "{tmp_path}/password"'
    (tmp_path / "reviewbot.toml").write_text(f'{word} = "{secret}"\n{table}\n')

    for command in COMMANDS[:4]:
        assert secret not in said_by(monkeypatch, tmp_path, {}, *command)


def test_a_key_that_nobody_knows_is_known_by_its_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted where the name of its file belongs, it is the only key there is."""
    for key in ("sk_live_0123456789abcdef", "tok_live_0123456789abcdef"):
        said = said_by(monkeypatch, tmp_path, {"TOKPORTAL_API_KEY_FILE": key}, "config")

        assert "TOKPORTAL_API_KEY_FILE" in said
        assert "0123456789" not in said


def test_the_key_is_no_name_for_the_log(tmp_path: Path) -> None:
    """What would be written down for ever is refused before anything is."""
    flags: dict[str, Any] = {}
    for name in ("REVIEWBOT_PERSON", "REVIEWBOT_POLICY", "REVIEWBOT_LEDGER"):
        value = "sqlite:///x_hunter2hunter2"
        with pytest.raises(Exception, match=f"{name}.* holds the API key"):
            load_settings(
                flags, {"TOKPORTAL_API_KEY": "hunter2hunter2", name: value}, folder=tmp_path
            )
