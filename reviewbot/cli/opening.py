"""What commands open: the settings with their flags, the decision log to read, its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reviewbot.cli.command import Decorator, config_option, key_option, ledger_option, policy_option
from reviewbot.cli.screen import Screen

if TYPE_CHECKING:
    from reviewbot.config import Settings
    from reviewbot.ports.ledger import CheckpointBook, Ledger
    from reviewbot.runtime.logging import Log


class Opening(NamedTuple):
    """What --policy, --ledger, --config and --key name, opened where a command asks for it."""

    policies: tuple[str, ...] = ()
    ledger: str | None = None
    config: str | None = None
    keys: tuple[str, ...] = ()

    def settings(self, **flags: Any) -> Settings:
        """Read every setting, the flags first; of the one key where there is only one to choose.

        Raises ConfigError, and UsageError where it is not clear which key is meant.
        """
        return self.all_settings(**flags).one()

    def all_settings(self, **flags: Any) -> Settings:
        """Read every setting; `each` gives those of each key that was asked for."""
        from reviewbot.config import load_settings

        flags |= {"policy": self.policies, "ledger": self.ledger}
        return load_settings(flags, config=self.config, keys=self.keys)

    @contextmanager
    def log(self) -> Iterator[Ledger]:
        """Open the decision log without locking it, also beside a running bot.

        One that does not exist yet is an empty history, and is not made.
        """
        with ledger_at(self.settings()) as opened:
            yield opened


_OPENING = {
    "policies": policy_option,
    "ledger": ledger_option,
    "config": config_option,
    "keys": key_option,
}


def opens(*names: str) -> Decorator:
    """Add these of `policies`, `ledger`, `config`, `keys`; the command takes them as one `opening`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            flags = {name: values.pop(name) for name in names}
            return function(*args, opening=Opening(**flags), **values)

        decorated: Callable[..., Any] = call
        for name in reversed(names):
            decorated = _OPENING[name](decorated)
        return decorated

    return decorate


opens_log = opens("ledger", "config", "keys")


def with_settings(*options: Decorator, every_key: bool = False) -> Decorator:
    """Give a command these options, --config and --key, and hand it the settings in their place.

    They are those of one key, or with `every_key` the whole, whose `each` gives those of each key
    that was asked for. The settings stand for --policy, --ledger, --as, --live and --config. A command that may do
    without settings, or that knows more flags of them, takes an `opening` instead.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., Any]:
        @wraps(function)
        def with_them(
            screen: Screen,
            *,
            config: str | None = None,
            keys: tuple[str, ...] = (),
            policies: tuple[str, ...] = (),
            ledger: str | None = None,
            person: str | None = None,
            live: bool = False,
            **more: Any,
        ) -> None:
            mode = "live" if live else None
            opening = Opening(policies, ledger, config, keys)
            settings = opening.all_settings(person=person, mode=mode)
            function(screen, settings if every_key else settings.one(), **more)

        decorated: Callable[..., Any] = with_them
        for option in (key_option, config_option, *reversed(options)):
            decorated = option(decorated)
        return decorated

    return decorate


def logs_for(screen: Screen, settings: Settings, least: str = "info") -> Log:
    """Set up the logs of this process: `least` and above, or as `-q` and `-v` say."""
    from reviewbot.runtime.logging import configure_logs

    level = {-1: "warning", 0: least}.get(screen.verbosity, "debug")
    return configure_logs(level=level, secrets=settings.secrets(), colour=screen.wants_color())


def checkpoints_of(settings: Settings) -> CheckpointBook | None:
    """Open the second place, where the checkpoints of the settings' log are kept."""
    from reviewbot.core.paths import state_folder
    from reviewbot.ledger.open import open_checkpoints

    return open_checkpoints(
        settings.ledger,
        key=settings.key,
        file=settings.checkpoint_file,
        key_file=settings.checkpoint_key_file,
        folder=state_folder(),
    )


def signing_key_of(settings: Settings) -> bytes | None:
    """The key that signs checkpoints and archived segments, where there is one."""
    from reviewbot.ledger.open import signing_key

    file = settings.checkpoint_key_file
    return None if file is None else signing_key(Path(file))


@contextmanager
def ledger_at(settings: Settings, *, must_exist: bool = False) -> Iterator[Ledger]:
    """The decision log of a key, to be read only; one that does not exist is empty, or ConfigError."""
    from reviewbot.ledger.open import open_ledger

    opened = open_ledger(settings.ledger, key=settings.key, read_only=True, must_exist=must_exist)
    try:
        yield opened
    finally:
        opened.close()
