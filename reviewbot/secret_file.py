"""Files with a secret in them: read only where nobody else can read them, or where a platform guards them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

LONGEST = 4096
GUARDED = ("/run/secrets", "/var/run/secrets")
"""Where container platforms put secrets, for this container alone and often readable by all in it."""
_ROOT, _HANDED_OUT, _KEPT_IN_SHAPE = 0, 0o440, 0o640


class Unusable(ValueError):
    """A secret that cannot be taken from its file, in one sentence."""


def read_secret_file(path: str, env: Mapping[str, str] = os.environ) -> str:
    """Give the text of the file. Raises Unusable."""
    try:
        with Path(path).open(encoding="utf-8") as opened:
            file = os.fstat(opened.fileno())
            if not (is_private(file, _groups(), os.geteuid()) or _is_guarded(path, env)):
                raise Unusable(f"others can read {path}; run  chmod 600 {path}")
            return opened.read(LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise Unusable(f"{path} cannot be read ({why})") from None


def is_private(file: os.stat_result, groups: Collection[int], user: int) -> bool:
    """Whether only its owner can read the file, or root hands it out to our own group to be read.

    As a secret volume does, read-only, or an administrator, who may still write it; what is our own file is
    handed out by nobody.
    """
    rights = stat.S_IMODE(file.st_mode)
    if not rights & (stat.S_IRWXG | stat.S_IRWXO):
        return True
    is_handed_out = rights == _HANDED_OUT or (rights == _KEPT_IN_SHAPE and user != _ROOT)
    return is_handed_out and file.st_uid == _ROOT and file.st_gid in groups


def _groups() -> set[int]:
    return {os.getegid(), *os.getgroups()}


def _is_guarded(path: str, env: Mapping[str, str]) -> bool:
    """Whether it really lies, links and dots followed, in a folder that a platform keeps for us."""
    real = Path(os.path.realpath(path))
    folders = (*GUARDED, env.get("CREDENTIALS_DIRECTORY", ""))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders if folder)
