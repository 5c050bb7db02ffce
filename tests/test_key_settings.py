"""Many keys: tables, a folder of keys, defaults, and what each key ends up with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reviewbot.config import Settings, load_settings
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError, UsageError

KEY = "sk_" + "ab12" * 16
TWO = """
policy = "house.yaml"
[channels.ops]
type = "webhook"
url = "https://a.example/x"
[channels.lead]
type = "webhook"
url = "https://b.example/x"
[keys.orbit]
api_key_file = "keys/orbit"
[keys.acme]
api_key_file = "keys/acme"
policy = ["acme.yaml"]
mode = "live"
owner = "Ana"
channels = ["ops"]
"""


def load(
    folder: Path, text: str, env: dict[str, str] | None = None, *keys: str, **flags: str
) -> Settings:
    """Load from a settings file with this text alone."""
    (folder / "reviewbot.toml").write_text(text)
    return load_settings(flags, {"STATE_DIRECTORY": "/s"} | (env or {}), folder=folder, keys=keys)


def wrong(folder: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    """What is wrong with such a file, a line each."""
    with pytest.raises(ConfigError) as told:
        load(folder, text, env)
    assert told.value.exit_code == 78
    return str(told.value).splitlines()


def keys_in(folder: Path, *names: str) -> str:
    """A folder with a key for each name."""
    for name in names:
        file = folder / "keys" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{KEY}{name}\n")
        file.chmod(0o600)
    return str(folder / "keys")


def test_each_key_has_its_own_settings_and_the_common_ones(tmp_path: Path) -> None:
    """Policy, mode, owner and channels where it says so, and the common ones where it does not."""
    acme, orbit = load(tmp_path, TWO).each()

    assert (acme.key, acme.policy, acme.mode, acme.owner) == (
        "acme",
        ("acme.yaml",),
        Mode.LIVE,
        "Ana",
    )
    assert [channel.name for channel in acme.notices.channels] == ["ops"]
    assert acme.notices.routes.default == ("ops",)
    assert (orbit.policy, orbit.mode, orbit.owner) == (("house.yaml",), Mode.DRY_RUN, "")
    assert [channel.name for channel in orbit.notices.channels] == ["ops", "lead"]


def test_without_tables_there_is_one_key_called_default(tmp_path: Path) -> None:
    """Whoever has one key sees no change."""
    settings = load(tmp_path, "", {"TOKPORTAL_API_KEY": KEY})

    assert settings.each() == (settings,)
    assert settings.one() is settings
    assert settings.key == "default"
    assert settings.need_key().reveal() == KEY
    assert load(tmp_path, "", {}, "default").chosen == ("default",)


@pytest.mark.parametrize("name", ["TOKPORTAL_API_KEY", "TOKPORTAL_API_KEY_FILE", "api_key_file"])
def test_a_key_with_and_one_without_a_name_are_refused(tmp_path: Path, name: str) -> None:
    """Nobody can say which of them the bot would go by."""
    file = str(Path(keys_in(tmp_path, "old")) / "old")
    env = {name: KEY if name == "TOKPORTAL_API_KEY" else file} if name.isupper() else {}
    text = TWO if env else f'api_key_file = "{file}"\n{TWO}'

    (line,) = wrong(tmp_path, text, env)

    assert name in line
    assert "keys.acme names keys as well" in line
    assert KEY not in line


def test_a_folder_makes_a_key_of_each_file(tmp_path: Path) -> None:
    """By the defaults; what a platform keeps there under a dot is none."""
    folder = keys_in(tmp_path, "acme", "orbit", "..data")
    text = f'keys_dir = "{folder}"\n[key_defaults]\npolicy = "house.yaml"\nmode = "live"\n'

    acme, orbit = load(tmp_path, text + '[keys.orbit]\nmode = "dry-run"\n').each()

    assert (acme.key, acme.mode, acme.policy) == ("acme", Mode.LIVE, ("house.yaml",))
    assert acme.need_key().reveal() == f"{KEY}acme"
    assert (orbit.mode, orbit.key_file) == (Mode.DRY_RUN, f"{folder}/orbit")
    assert len(load(tmp_path, "", {"REVIEWBOT_KEYS_DIR": folder}).keys) == 2


@pytest.mark.parametrize(
    ("flag", "own", "mode"),
    [
        ("live", "", Mode.LIVE),
        ("live", 'mode = "dry-run"', Mode.DRY_RUN),
        ("dry-run", 'mode = "live"', Mode.DRY_RUN),
        ("", 'mode = "live"', Mode.LIVE),
        ("", "", Mode.DRY_RUN),
    ],
)
def test_a_dry_run_wins_whoever_says_it(tmp_path: Path, flag: str, own: str, mode: Mode) -> None:
    """`run --live` does not send for a new customer whose table says dry run."""
    (key,) = load(tmp_path, f'[keys.a]\napi_key_file = "a"\n{own}', mode=flag).each()

    assert key.mode is mode


def test_a_policy_by_flag_is_that_of_every_key(tmp_path: Path) -> None:
    """A flag wins, as everywhere."""
    assert {key.policy for key in load(tmp_path, TWO, policy="x.yaml").each()} == {("x.yaml",)}


def test_some_keys_are_chosen_by_name(tmp_path: Path) -> None:
    """One is needed where a command is about one; a name that is none offers the nearest."""
    assert load(tmp_path, TWO, {}, "orbit").one().key == "orbit"
    with pytest.raises(UsageError, match=r"--key NAME; there are acme, orbit"):
        load(tmp_path, TWO).one()
    with pytest.raises(UsageError, match=r"no key is called 'acne'.*acme"):
        load(tmp_path, TWO, {}, "acne")


def test_a_key_is_read_where_it_is_used(tmp_path: Path) -> None:
    """A file that is not there is the trouble of that key alone, and says so with the file."""
    keys_in(tmp_path, "acme")
    text = TWO.replace('"keys/', f'"{tmp_path}/keys/')
    acme, orbit = load(tmp_path, text).each()

    assert acme.need_key().reveal() == f"{KEY}acme"
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}/keys/orbit cannot be read")):
        orbit.need_key()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('api_key_fil = "a"', r"keys\.a\.api_key_fil: no setting has this name.*api_key_file"),
        ('api_key_file = "a"\nmode = "on"', r"keys\.a\.mode: 'on' is not known"),
        ('api_key_file = "a"\nchannels = ["opps"]', r"keys\.a\.channels: no channel.*none"),
        ('api_key = "x"', r"keys\.a\.api_key: does not belong in this file; use api_key_file"),
        ("", r"keys\.a\.api_key_file: is missing"),
        ('api_key_file = "b"', r"reads the same file as a, b"),
    ],
)
def test_what_is_wrong_with_a_table_has_its_place_and_a_cure(
    tmp_path: Path, table: str, said: str
) -> None:
    """The file, the key, the field, and what would be right."""
    lines = wrong(tmp_path, f'[keys.a]\n{table}\n[keys.b]\napi_key_file = "b"\n')

    assert any(re.search(said, line) and "reviewbot.toml" in line for line in lines), lines


def test_a_name_is_a_word_and_no_key(tmp_path: Path) -> None:
    """It stands in file names, headers and on every screen."""
    lines = wrong(
        tmp_path, f'[keys."a b"]\napi_key_file = "a"\n[keys.{KEY[:40]}]\napi_key_file = "b"\n'
    )

    assert "is no name of a key" in lines[0]
    assert "looks like a key itself" in lines[1]
    assert KEY[:40] not in "".join(lines)
    (line,) = wrong(tmp_path, f'keys_dir = "{keys_in(tmp_path, "a b")}"')
    assert "'a b'" in line


def test_a_folder_without_keys_and_defaults_for_nobody_are_mistakes(tmp_path: Path) -> None:
    """Both would let a bot run that reviews nothing."""
    (tmp_path / "empty").mkdir()

    assert "holds no key" in wrong(tmp_path, f'keys_dir = "{tmp_path}/empty"')[0]
    assert "cannot be read" in wrong(tmp_path, f'keys_dir = "{tmp_path}/gone"')[0]
    assert "there is no key that it is for" in wrong(tmp_path, '[key_defaults]\nowner = "Ana"')[0]


def test_the_keys_are_shown_and_their_secrets_are_not(tmp_path: Path) -> None:
    """`config` lists each with what it comes to."""
    keys_in(tmp_path, "acme", "orbit")
    settings = load(tmp_path, TWO.replace('"keys/', f'"{tmp_path}/keys/'))
    rows = {name: value for name, value, _ in settings.shown()}

    assert rows["keys.acme"].startswith("live; by acme.yaml; for Ana; told by ops; its key is in")
    assert KEY not in str(rows)
