"""Files with secrets: who else may read them, and where a platform guards them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reviewbot import secret_file
from reviewbot.secret_file import Unusable, is_private, read_secret_file

ROOT, OURS, THEIRS = 0, 2000, 3000


def a_file(mode: int, owner: int = ROOT, group: int = OURS) -> os.stat_result:
    """What the system says of such a file."""
    return os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, group, 3, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "owner", "group", "private"),
    [
        (0o400, 10001, OURS, True),
        (0o600, 10001, THEIRS, True),
        (0o440, ROOT, OURS, True),
        (0o640, ROOT, OURS, True),
        (0o640, ROOT, THEIRS, False),
        (0o640, 10001, OURS, False),
        (0o660, ROOT, OURS, False),
        (0o440, ROOT, THEIRS, False),
        (0o440, 10001, OURS, False),
        (0o444, ROOT, OURS, False),
        (0o460, ROOT, OURS, False),
        (0o450, ROOT, OURS, False),
        (0o644, 10001, OURS, False),
        (0o604, ROOT, OURS, False),
    ],
)
def test_root_may_hand_a_file_to_our_group_and_nobody_else(
    mode: int, owner: int, group: int, private: bool
) -> None:
    """As a secret volume with `fsGroup` does; a file of anybody else stays its owner's alone."""
    assert is_private(a_file(mode, owner, group), {OURS, 5}, 10001) is private


def test_what_is_roots_own_is_handed_out_by_nobody() -> None:
    """A bot that runs as root keeps its own files for itself."""
    assert not is_private(a_file(0o640), {OURS}, ROOT)
    assert is_private(a_file(0o440), {OURS}, ROOT)


@pytest.mark.parametrize("link", [False, True])
def test_what_a_platform_guards_may_be_readable_by_all(
    link: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below /run/secrets and where the service manager puts credentials, by whatever way it is named."""
    guarded = tmp_path / "secrets"
    guarded.mkdir()
    (guarded / "key").write_text("sk_test_guarded")
    (guarded / "key").chmod(0o444)
    named = tmp_path / "key"
    if link:
        named.symlink_to(guarded / "key")
    else:
        named = guarded / "key"

    with pytest.raises(Unusable, match="chmod 600"):
        read_secret_file(str(named), {})
    assert read_secret_file(str(named), {"CREDENTIALS_DIRECTORY": str(guarded)})
    monkeypatch.setattr(secret_file, "GUARDED", (str(guarded),))
    assert read_secret_file(str(named), {}) == "sk_test_guarded"


def test_a_path_that_only_begins_there_is_not_guarded(tmp_path: Path) -> None:
    """Dots and links are followed before it is believed."""
    guarded = tmp_path / "secrets"
    guarded.mkdir()
    (tmp_path / "key").write_text("sk_test_outside")
    (tmp_path / "key").chmod(0o444)
    (guarded / "out").symlink_to(tmp_path / "key")

    for path in (f"{guarded}/../key", str(guarded / "out")):
        with pytest.raises(Unusable, match="chmod 600"):
            read_secret_file(path, {"CREDENTIALS_DIRECTORY": str(guarded)})


def test_the_usual_folders_are_guarded() -> None:
    """Those of Docker, Swarm and Kubernetes' usual mounts."""
    assert secret_file.GUARDED == ("/run/secrets", "/var/run/secrets")
