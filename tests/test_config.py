"""Settings: five sources in order, every mistake told at once, and no secret on any screen."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from reviewbot.config import TABLE, Settings, load_settings
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError
from reviewbot.setting_values import read_seconds

KEY = "sk_" + "ab12" * 16


def load(tmp_path: Path, env: dict[str, str] | None = None, **flags: object) -> Settings:
    """Load in an empty folder with only this environment."""
    base = {"STATE_DIRECTORY": "/var/lib/reviewbot"}
    return load_settings(flags, base | (env or {}), folder=tmp_path)


def test_the_defaults_send_nothing(tmp_path: Path) -> None:
    """Without any setting: dry run, a minute, the real address, all from `default`."""
    settings = load(tmp_path)

    assert settings.mode is Mode.DRY_RUN
    assert (settings.every, settings.quarantine, settings.freshness) == (60.0, 900.0, 60.0)
    assert settings.base_url == "https://app.tokportal.com/api/ext"
    assert settings.ledger == "sqlite:////var/lib/reviewbot/reviewbot.db"
    assert set(settings.origins.values()) == {"default"}


def test_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    """Each source wins over the next, and the origin says which it was."""
    (tmp_path / "reviewbot.toml").write_text('every = "5m"\nfreshness = "30s"\nmode = "live"\n')

    settings = load(tmp_path, {"REVIEWBOT_EVERY": "2m", "REVIEWBOT_FRESHNESS": "20s"}, every="1m")

    assert (settings.every, settings.freshness, settings.mode) == (60.0, 20.0, Mode.LIVE)
    assert settings.origins["every"] == "--every"
    assert settings.origins["freshness"] == "REVIEWBOT_FRESHNESS"
    assert settings.origins["mode"].endswith("reviewbot.toml: mode")


def test_a_mistyped_name_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    """`REVIEWBOT_FRESHNES` would otherwise be ignored in silence."""
    with pytest.raises(ConfigError, match=r"REVIEWBOT_FRESHNES.*REVIEWBOT_FRESHNESS"):
        load(tmp_path, {"REVIEWBOT_FRESHNES": "5s"})


def test_a_mistyped_key_of_the_file_is_an_error(tmp_path: Path) -> None:
    """The same for the file."""
    (tmp_path / "reviewbot.toml").write_text('evry = "5m"\n')

    with pytest.raises(ConfigError, match=r"evry.*every"):
        load(tmp_path)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Three wrong values give three lines, each with its place."""
    env = {
        "REVIEWBOT_MODE": "on",
        "REVIEWBOT_EVERY": "60",
        "TOKPORTAL_BASE_URL": "http://example.com/api",
    }
    with pytest.raises(ConfigError) as told:
        load(tmp_path, env)

    lines = str(told.value).splitlines()
    assert len(lines) == 3
    assert "did you mean 60s, 60m or 60h?" in str(told.value)
    assert told.value.exit_code == 78


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api/ext", "http://localhost:8080/", "http://[::1]:8080/x"]
)
def test_plain_http_is_for_loopback(tmp_path: Path, url: str) -> None:
    """The simulator may be spoken to without TLS."""
    assert load(tmp_path, {"TOKPORTAL_BASE_URL": url}).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1.example.com/", "ftp://x/", "https://u:p@host/", "app.tokportal.com"),
        *("", "http://app.tokportal.com/api", "https://x.test/api?key=1", "https://x.test:port/"),
        "http://[::1",
    ],
)
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    """The key never travels in clear, and never to a mistyped place."""
    flags = {"base_url": url or " "}
    with pytest.raises(ConfigError):
        load_settings(flags, {}, folder=tmp_path)


@pytest.mark.parametrize("key", ["sk with space", "sk_\r\nX-Evil: 1", "sk_ключ", "sk_\x00"])
def test_a_key_that_cannot_be_a_header_is_refused(tmp_path: Path, key: str) -> None:
    """Before anything is sent, and it is not shown."""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {"TOKPORTAL_API_KEY": key})
    assert key not in str(refused.value)


def test_a_key_file_must_be_private(tmp_path: Path) -> None:
    """Group or world readable is refused with the command that mends it."""
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(tmp_path, {"TOKPORTAL_API_KEY_FILE": str(file)})

    file.chmod(0o600)
    assert load(tmp_path, {"TOKPORTAL_API_KEY_FILE": str(file)}).need_key().reveal() == KEY


def test_a_service_credential_is_used(tmp_path: Path) -> None:
    """systemd hands the key over in a directory of its own."""
    (tmp_path / "api_key").write_text(KEY)
    os.chmod(tmp_path / "api_key", 0o440)

    settings = load(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert settings.need_key().reveal() == KEY


def test_a_missing_key_file_says_so(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ConfigError, match="nowhere"):
        load(tmp_path, {"TOKPORTAL_API_KEY_FILE": str(tmp_path / "nowhere")})


def test_the_key_is_shown_nowhere(tmp_path: Path) -> None:
    """Neither in `repr`, nor on the screen, nor in an error."""
    settings = load(tmp_path, {"TOKPORTAL_API_KEY": KEY})
    assert KEY not in repr(settings) + str(settings) + str(settings.shown())

    with pytest.raises(ConfigError) as told:
        load(tmp_path, {"TOKPORTAL_API_KEY": KEY + " \n x"})
    assert KEY not in str(told.value)


def test_the_url_of_the_ledger_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Guarded like a key's; a variable wins over it, and its password is shown nowhere."""
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://bot:hunter2@db/reviews\n")
    file.chmod(0o644)
    env = {"REVIEWBOT_LEDGER_FILE": str(file)}
    with pytest.raises(ConfigError, match=r"REVIEWBOT_LEDGER_FILE.*chmod 600"):
        load(tmp_path, env)

    file.chmod(0o600)
    settings = load(tmp_path, env)
    assert settings.ledger == "postgresql+psycopg://bot:hunter2@db/reviews"
    assert "hunter2" not in str(settings.shown())
    assert load(tmp_path, env | {"REVIEWBOT_LEDGER": "sqlite:///x.db"}).ledger == "sqlite:///x.db"


def test_a_password_of_the_ledger_is_shown_nowhere(tmp_path: Path) -> None:
    """The URL is shown without it."""
    settings = load(tmp_path, {"REVIEWBOT_LEDGER": "postgresql+psycopg://bot:hunter2@db/reviews"})

    assert "hunter2" not in str(settings.shown())


def test_the_key_does_not_belong_in_the_file(tmp_path: Path) -> None:
    """The file is copied around; the key has a file of its own."""
    (tmp_path / "reviewbot.toml").write_text(f'api_key = "{KEY}"\n')

    with pytest.raises(ConfigError, match="api_key_file") as told:
        load(tmp_path)
    assert KEY not in str(told.value)


def test_a_short_quarantine_is_accepted_with_a_warning(tmp_path: Path) -> None:
    """Under ten minutes it works, but is said."""
    settings = load(tmp_path, {"REVIEWBOT_QUARANTINE": "60s"})

    assert settings.quarantine == 60.0
    assert "under 10m" in settings.warnings[0]


def test_several_policies(tmp_path: Path) -> None:
    """From a repeated flag or a list in the file."""
    assert load(tmp_path, policy=("a.yaml", "b.yaml")).policy == ("a.yaml", "b.yaml")
    (tmp_path / "reviewbot.toml").write_text('policy = ["c.yaml", "d.yaml"]\n')
    assert load(tmp_path).policy == ("c.yaml", "d.yaml")


def test_what_is_missing_says_where_to_put_it(tmp_path: Path) -> None:
    """No key and no policy are clear errors, only where they are needed."""
    settings = load(tmp_path)
    with pytest.raises(ConfigError, match="TOKPORTAL_API_KEY_FILE"):
        settings.need_key()
    with pytest.raises(ConfigError, match="--policy"):
        settings.need_policies()


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("15m", 900), ("1h30m", 5400), ("2d", 172800)]
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    """As in a policy."""
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "60", "1.5h", "h", "-5s", "90d", "5 m"])
def test_other_lengths_are_refused(text: str) -> None:
    """Zero, negative, without a unit, too long."""
    with pytest.raises(ConfigError):
        read_seconds(text)


def test_every_row_is_a_field() -> None:
    """The table and the settings name the same things."""
    assert {row.name for row in TABLE} <= set(Settings.__struct_fields__)


@pytest.mark.parametrize(
    ("base_url", "given", "brake"),
    [
        ("https://app.tokportal.com/api/ext", {}, 1800.0),
        ("http://127.0.0.1:8080/api/ext", {}, math.inf),
        ("http://127.0.0.1:8080/api/ext", {"REVIEWBOT_CLOCK_BRAKE": "30m"}, 1800.0),
        ("https://app.tokportal.com/api/ext", {"REVIEWBOT_CLOCK_BRAKE": "5m"}, 300.0),
    ],
)
def test_the_clock_brake_is_for_real_clocks(
    base_url: str, given: dict[str, str], brake: float
) -> None:
    """A simulator's time may run fast; a real API whose clock is far off stops every write."""
    assert load_settings({}, env={"TOKPORTAL_BASE_URL": base_url} | given).brake_at() == brake
