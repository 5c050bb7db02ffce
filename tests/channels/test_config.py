"""Channels in `reviewbot.toml`: what is read, what is refused, and what is never shown."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from reviewbot.channels.config import Notices, make_channels, make_ping, read_notices
from reviewbot.channels.email import Mail
from reviewbot.config import load_settings
from reviewbot.domain.alarm import AlarmKind, WeeklyHour
from reviewbot.domain.errors import ConfigError

SLACK = '[channels.ops]\ntype = "slack"\nurl = "https://hooks.example.com/T0SECRET"\n'
EMAIL = (
    '[channels.mail]\ntype = "email"\nhost = "smtp.example.com"\nfrom = "bot@example.com"\n'
    'to = ["desk@example.com"]\n'
)


def seconds(text: str) -> float:
    """A length of time in seconds, for these tests."""
    if not text.endswith("s"):
        raise ValueError("is no length of time")
    return float(text[:-1])


def read(text: str) -> tuple[Notices, list[str]]:
    """The settings of a text, and all that is wrong with it."""
    problems: list[str] = []
    return read_notices(tomllib.loads(text), "r.toml", problems, seconds=seconds), problems


def test_no_table_is_no_channel() -> None:
    """The log alone."""
    assert read("") == (Notices(), [])


def test_every_channel_carries_what_is_addressed_to_nobody() -> None:
    """Unless `[alarms] to` names some."""
    both, none_wrong = read(SLACK + EMAIL)
    one, _ = read(SLACK + EMAIL + '[alarms]\nto = ["mail"]\naway = "90s"\ndigest = "tue 07:30"\n')

    assert (both.routes.default, none_wrong) == (("ops", "mail"), [])
    assert (one.routes.default, one.away) == (("mail",), 90.0)
    assert one.digest == WeeklyHour(day=1, minute=450)


def test_a_full_description_is_made() -> None:
    """Each type with all its keys."""
    notices, problems = read(
        SLACK
        + 'targets = ["lead"]\nmin_level = "error"\nkinds = ["silence", "breaker"]\n'
        + EMAIL
        + 'tls = "tls"\n'
        + '[channels.hook]\ntype = "webhook"\nurl = "http://127.0.0.1:9/x"\n'
        + '[deadman]\nurl = "https://hc.example.com/ping/T0SECRET"\nmethod = "POST"\n'
    )

    assert problems == []
    assert [channel.name for channel in make_channels(notices)] == ["ops", "mail", "hook"]
    assert make_ping(notices) is not None
    ops = notices.routes.routes[0]
    assert (ops.least, ops.kinds) == ("error", frozenset({AlarmKind.SILENCE, AlarmKind.BREAKER}))
    assert ops.answers_to("lead")
    assert isinstance(notices.channels[1], Mail)
    assert notices.channels[1].port == 465


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    """Neither by `config` nor by `repr`; and the log knows what to mask."""
    secret = tmp_path / "pw"
    secret.write_text("T0SECRET-pw\n")
    secret.chmod(0o600)
    notices, problems = read(
        SLACK
        + EMAIL
        + f'username = "bot"\npassword_file = "{secret}"\n'
        + '[deadman]\nurl = "https://hc.example.com/T0SECRET"\n'
    )

    assert problems == []
    assert "T0SECRET" not in repr(notices) + str(notices.shown())
    assert {masked.reveal() for masked in notices.secrets} == {
        "https://hooks.example.com/T0SECRET",
        "T0SECRET-pw",
        "https://hc.example.com/T0SECRET",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[channels.a]\nurl = 'https://h/'", "channels.a.type: is missing: webhook, slack, email"),
        ("[channels.a]\ntype = 'slak'", "'slak' is not known; did you mean  slack"),
        (SLACK + "min_levl = 'info'", "channels.ops.min_levl: no setting has this name; did you"),
        (SLACK + "min_level = 'warn'", "'warn' is not known; did you mean  warning"),
        (SLACK + "kinds = ['silense']", "no kind of alarm is called 'silense'; did you mean  sil"),
        (SLACK + "targets = 7", "channels.ops.targets: is no list of texts"),
        (SLACK + "secret_file = 'x'", "channels.ops.secret_file: no setting has this name"),
        (SLACK + "url_file = 'x'", "has both url and url_file"),
        ("[channels.a]\ntype = 'slack'", "channels.a.url: is missing"),
        ("[channels.a]\ntype = 'slack'\nurl = 'http://h.example.com/x'", "only for a loopback"),
        ("[channels.a]\ntype = 'slack'\nurl = 'ftp://h/x'", "is no address"),
        ("[channels.a]\ntype = 'slack'\nurl = 'https://h:port/x'", "is no address"),
        ("[channels.a]\ntype = 'slack'\nurl = 'https:///x'", "is no address"),
        ("[channels.a]\ntype = 'slack'\nurl_file = '/nowhere/x'", "cannot be read"),
        (EMAIL + "port = 99999", "'99999' is no port"),
        (EMAIL + "port = true", "'True' is no port"),
        (EMAIL + "username = 'bot'", "username needs password_file"),
        (EMAIL + "tls = 'none'\nusername = 'b'\npassword_file='/x'", "sent in clear"),
        (EMAIL.replace("desk@", "desk\\r\\n@"), "is no e-mail address"),
        (EMAIL.replace('"desk@example.com"', '"desk"'), "'desk' is no e-mail address"),
        (EMAIL.replace('["desk@example.com"]', "[]"), "channels.mail.to: is missing"),
        (EMAIL.replace("host", "hots"), "channels.mail.host: is missing"),
        ("channels = 3", "channels: is no table"),
        ("[channels]\nops = 'slack'", "channels.ops: is no table; write"),
        (SLACK + "[alarms]\nto = ['opss']", "no channel is called 'opss'; did you mean  ops"),
        (SLACK + "[alarms]\nsend = ['ops']", "alarms.send: no setting has this name"),
        ("[alarms]\ndigest = 'monday'", "alarms.digest: 'monday' is no hour of a week"),
        ("[alarms]\ndigest = 'mon 9:00'", 'write it like "mon 09:00"'),
        ("[alarms]\naway = 'soon'", "alarms.away: 'soon' is no length of time"),
        ("[deadman]\nmethod = 'GET'", "deadman.url: is missing"),
        ("[deadman]\nurl = 'https://h/'\nmethod = 'PUT'", "deadman.method: 'PUT' is not known"),
        ("[deadman]\nuri = 'https://h/'", "deadman.uri: no setting has this name; there are url"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    """And what may have been meant; an address is never repeated."""
    _, problems = read(text)

    assert any(says in problem for problem in problems), problems
    assert all(problem.startswith("r.toml: ") for problem in problems)
    assert not any("T0SECRET" in problem for problem in problems)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With the command that mends it."""
    file = tmp_path / "url"
    file.write_text("https://hooks.example.com/T0SECRET")
    file.chmod(0o644)
    _, problems = read(f'[channels.a]\ntype = "slack"\nurl_file = "{file}"\n')

    assert problems == [
        f"r.toml: channels.a.url_file: others can read {file}; run  chmod 600 {file}"
    ]


def test_settings_hold_the_channels_and_refuse_what_is_wrong(tmp_path: Path) -> None:
    """As one ConfigError with everything that is wrong anywhere."""
    (tmp_path / "reviewbot.toml").write_text('every = "90"\n' + SLACK + 'kinds = ["nothing"]\n')
    with pytest.raises(ConfigError) as refused:
        load_settings(env={}, folder=tmp_path)

    assert "has no unit" in str(refused.value)
    assert "no kind of alarm is called 'nothing'" in str(refused.value)

    (tmp_path / "reviewbot.toml").write_text(SLACK)
    settings = load_settings(env={}, folder=tmp_path)
    assert settings.secrets() == ("https://hooks.example.com/T0SECRET",)
    assert settings.notices.routes.routes[0].channel == "ops"
