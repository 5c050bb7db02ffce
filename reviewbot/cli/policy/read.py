"""`reviewbot policy read`: a policy, or the change between two, in plain sentences."""

from __future__ import annotations

import json
from typing import Any

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import format_option
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.safetext import safe
from reviewbot.policy.read_aloud import Passage, read_change, read_policy


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy read policies/starter.yaml", "the whole policy"),
        Example("reviewbot policy read policies/starter.yaml new.yaml", "what would change"),
    ],
)
@click.argument("file", type=click.Path())
@click.argument("new", type=click.Path(), required=False)
@format_option("text", "json")
@click.pass_obj
def read(screen: Screen, file: str, new: str | None, form: str) -> None:
    """Say the policy FILE in plain sentences; with NEW, only what changes from FILE to NEW."""
    policy = load_usable(file)
    if new is None:
        passages = read_policy(policy)
        plain = [{"title": one.title, "sentences": one.sentences} for one in passages]
        screen.data(_json(plain) if form == "json" else "\n\n".join(map(_passage, passages)))
        return
    changes = read_change(policy, load_usable(new))
    said = "\n".join(map(safe, changes)) or "Both mean the same."
    screen.data(_json(changes) if form == "json" else said)


def _passage(passage: Passage) -> str:
    title = styled(safe(passage.title), "strong")
    return "\n".join([title, *(f"  {safe(sentence)}" for sentence in passage.sentences)])


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
