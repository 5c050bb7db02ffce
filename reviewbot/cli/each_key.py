"""Commands over several keys: the same for each, under its name, and one exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import ReviewbotError, UsageError
from reviewbot.domain.text import pretty, safe
from reviewbot.presentation.style import styled

SCHEMA = "reviewbot.keys/1"


def for_each_key(
    screen: Screen, settings: Settings, act: Callable[[Settings], None], *, heads: bool = True
) -> None:
    """Do it for each key that was asked for; where there are several, under the name of each.

    What fails for one is told, and the others follow; the first code that is not 0 ends the command.
    """
    named = settings.each()
    if len(named) == 1:
        act(named[0])
        return
    codes = []
    for number, key in enumerate(named):
        if heads:
            screen.data("\n" * (number > 0) + styled(f"key {key.key}", "strong"))
        try:
            act(key)
        except UsageError:
            raise
        except click.exceptions.Exit as end:
            codes.append(end.exit_code)
        except ReviewbotError as error:
            screen.complain(styled(f"{key.key}: ", "bad") + safe(str(error)))
            codes.append(error.exit_code)
    end_with(codes)


def end_with(codes: list[int]) -> None:
    """End with the first code that is not 0; go on where there is none."""
    code = next(filter(None, codes), 0)
    if code:
        raise click.exceptions.Exit(code)


def as_json(objects: list[Any], **about: object) -> str:
    """The objects of several keys as one; what is said about all of them stands beside."""
    return pretty({"schema": SCHEMA, **about, "keys": objects})
