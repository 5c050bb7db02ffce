"""Ready-made policies to start from, each with its tests."""

from __future__ import annotations

from importlib.resources import files

import msgspec

_ABOUT = {
    "cautious": "a person looks, unless the checker was beyond doubt",
    "trusting": "we pay, unless we can show what is wrong",
    "desk": "what is sent back is sent in office hours",
    "accounts": "review of accounts: ask once for what is plainly wrong",
}


class Starter(msgspec.Struct, frozen=True):
    """A policy to start from: what it is for in one sentence, its text and its tests."""

    name: str
    about: str
    policy: str
    tests: str


def names() -> tuple[str, ...]:
    """The starters there are, in the order in which they are offered."""
    return tuple(_ABOUT)


def read(name: str) -> Starter:
    """Read a starter as it stands. Raises KeyError when there is none of that name."""
    about = _ABOUT[name]
    folder = files(__name__)
    policy, tests = (
        folder.joinpath(f"{name}.{end}").read_text("utf-8") for end in ("yaml", "tests.yaml")
    )
    return Starter(name, about, policy, tests)


def render(
    name: str, policy_name: str, *, owner: str | None = None, timezone: str | None = None
) -> Starter:
    """Make a policy called `policy_name` from a starter; without owner or zone these stay as they are.

    The values are put in as they come; reading the result tells of a name or zone that cannot be.
    Raises KeyError when there is no starter of that name.
    """
    starter = read(name)
    values = {"policy": policy_name, "owner": owner, "timezone": timezone}
    lines = [_filled(line, values) for line in starter.policy.splitlines(keepends=True)]
    return Starter(policy_name, starter.about, "".join(lines), starter.tests)


def _filled(line: str, values: dict[str, str | None]) -> str:
    key = line.partition(":")[0]
    value = values.get(key)
    return line if value is None else f"{key}: {value}\n"
