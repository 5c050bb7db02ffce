"""Ready-made policies to start from, each with its tests."""

from __future__ import annotations

from importlib.resources import files

import msgspec

_ABOUT = {
    "cautious": "a person looks wherever the checker or the account gives a reason to",
    "trusting": "we pay, unless we can show what is wrong; people are hardly asked",
    "first-week": "before the log knows anybody: small sums, and a person wherever there is doubt",
    "desk": "what is sent back is sent in office hours",
    "agency": "several clients' desks: who is asked, who is reminded, and in which hours",
    "languages": "what managers read is German for the accounts of a list, English for the rest",
    "watch-list": "accounts of a list are never paid or sent back by a rule, and that is proved",
    "new-accounts": "what is dear and comes from an account that has finished little goes to a person",
    "rings": "who is sent back again and again is believed nothing that the checker did not see",
    "accounts": "review of accounts: ask once for what is plainly wrong",
}
_BESIDE = {"languages": ("german.csv",), "watch-list": ("watched.csv",)}
"""The lists that a policy reads from files beside it."""


class Starter(msgspec.Struct, frozen=True):
    """A policy to start from: what it is for in one sentence, its text, its tests, and its lists."""

    name: str
    about: str
    policy: str
    tests: str
    beside: dict[str, str] = {}
    """The text of each file that the policy reads, by the file's name."""


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
    beside = {file: folder.joinpath(file).read_text("utf-8") for file in _BESIDE.get(name, ())}
    return Starter(name, about, policy, tests, beside)


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
    return msgspec.structs.replace(starter, name=policy_name, policy="".join(lines))


def _filled(line: str, values: dict[str, str | None]) -> str:
    key = line.partition(":")[0]
    value = values.get(key)
    return line if value is None else f"{key}: {value}\n"
