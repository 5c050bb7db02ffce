"""The front door: help, errors and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import pytest

from reviewbot.domain import errors
from tests.cli.walk import assert_parses, every_command

HEAVY = {
    *("httpx", "sqlalchemy", "alembic", "pydantic", "pydantic_settings", "jinja2"),
    *("structlog", "starlette", "uvicorn", "prometheus_client", "schedule"),
}


def imported_by(*words: str) -> set[str]:
    """Run a command in a fresh interpreter; give the top-level packages it imported."""
    code = (
        "import sys; from reviewbot.cli.main import main\n"
        f"code = main({list(words)!r})\n"
        "print('\\n' + ' '.join({name.split('.')[0] for name in sys.modules}))\n"
        "raise SystemExit(code)"
    )
    # A log in the state folder of whoever runs this would be read.
    env = os.environ | {"XDG_STATE_HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    return set(done.stdout.rsplit("\n", 2)[-2].split())


def test_help_imports_nothing_but_click() -> None:
    """`--help` must cost no more than click itself."""
    assert not imported_by("--help") & (HEAVY | {"yaml", "msgspec", "re2"})


@pytest.mark.parametrize("words", [("facts",), ("check", "policies"), ("test", "policies")])
def test_policy_commands_import_nothing_heavy(words: tuple[str, ...]) -> None:
    """Checking and testing policies need no network, database or settings library."""
    assert not imported_by("policy", *words) & HEAVY


def test_every_command_that_help_names_exists_and_explains_itself(call) -> None:
    """Every command named in a help table can be imported and has a help of its own."""
    for path, _ in every_command():
        ran = call(*path, "--help")
        assert ran.code == 0, path
        assert ran.out.startswith(f"Usage: reviewbot {' '.join(path)}"), path


def test_every_command_teaches_by_example() -> None:
    """Each command shows examples, and each example is a command line that parses."""
    for path, command in every_command():
        examples = getattr(command, "examples", ())
        assert examples, f"{' '.join(path)} has no example"
        for example in examples:
            assert_parses(example.line)


def test_a_mistyped_command_is_met_with_the_nearest_one(call) -> None:
    """Wrong usage exits 2 and offers what was probably meant."""
    ran = call("polcy", "check")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'policy'?" in ran.err


def test_a_mistyped_option_is_met_with_the_nearest_one(call) -> None:
    """Options are suggested as commands are."""
    ran = call("policy", "facts", "--fromat", "json")
    assert ran.code == 2
    assert "--format" in ran.err


def test_no_command_shows_the_help_and_is_wrong_usage(call) -> None:
    """A script that forgot its command must not look successful."""
    ran = call()
    assert ran.code == 2
    assert "Start here" in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("no key"), 78),
        (errors.PolicyInvalid("bad"), 3),
        (errors.CannotConnect("down"), 69),
        (errors.KeyRefused("revoked"), 77),
        (errors.LedgerBusy("held"), 75),
        (errors.LedgerCorrupt("cut"), 5),
        (errors.UsageError("no"), 2),
    ],
)
def test_each_error_has_its_exit_code(
    call, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    """What went wrong decides the exit code; the message goes to stderr, without a traceback."""
    fail_with(error, monkeypatch)
    ran = call("policy", "facts")
    assert (ran.code, ran.out) == (code, "")
    assert str(error) in ran.err
    assert "Traceback" not in ran.err


def test_an_unexpected_error_is_short_and_long_only_on_request(
    call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person gets one line; with -vv a developer gets the place."""
    fail_with(RuntimeError("boom \x1b[31m"), monkeypatch)
    short, long = call("policy", "facts"), call("policy", "facts", "-vv")
    assert (short.code, long.code) == (1, 1)
    assert "Traceback" not in short.err
    assert "boom" in short.err
    assert "\x1b" not in short.err
    assert "Traceback" in long.err


def test_ctrl_c_is_130(call, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted command says so in its exit code."""
    fail_with(KeyboardInterrupt(), monkeypatch)
    assert call("policy", "facts").code == 130


def test_shared_options_stand_before_or_after_the_command(call) -> None:
    """`-q` means the same on both sides."""
    before, after = call("-q", "policy", "facts", "last"), call("policy", "facts", "last", "-q")
    assert before == after
    assert before.code == 0


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `policy facts` raise."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    facts = import_module("reviewbot.cli.policy_guide").facts
    monkeypatch.setattr(facts, "callback", fail)
