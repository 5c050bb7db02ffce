"""`reviewbot policy …`: everything that needs a policy and no queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot.cli.command import Example, Lazy, LazyGroup
from reviewbot.cli.opening import settings_with
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.policy.diagnostics import Finding
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.model import Policy
from reviewbot.presentation.findings import render_text
from reviewbot.runtime.policy_files import PolicyFile, policy_paths

COMMANDS = {
    "Commands": {
        "new": Lazy("reviewbot.cli.policy_check:new", "start a policy from a template"),
        "check": Lazy("reviewbot.cli.policy_check:check", "find every mistake of a policy"),
        "facts": Lazy("reviewbot.cli.policy_check:facts", "what a rule may ask about"),
        "test": Lazy("reviewbot.cli.policy_test:test", "run the tests a policy brings"),
        "read": Lazy("reviewbot.cli.policy_check:read", "say a policy, or a change, in sentences"),
        "accept": Lazy("reviewbot.cli.policy_accept:accept", "let a changed policy run"),
        "fmt": Lazy("reviewbot.cli.policy_check:fmt", "lay policies out one way"),
        "schema": Lazy("reviewbot.cli.policy_check:schema", "completion for your editor"),
        "explain": Lazy("reviewbot.cli.policy_test:explain", "why a task is decided as it is"),
        "decide": Lazy("reviewbot.cli.policy_judge:decide", "judge recorded tasks, offline"),
        "backtest": Lazy("reviewbot.cli.policy_judge:backtest", "what it makes of the past"),
        "diff": Lazy("reviewbot.cli.policy_judge:diff", "what a change would have changed"),
    }
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    examples=[
        Example("reviewbot policy check policies/starter.yaml", "every mistake, with its cure"),
        Example("reviewbot policy test policies/starter.yaml", "do its own tests hold?"),
        Example("reviewbot policy facts last", "all facts about the checker's last try"),
    ],
)
def policy() -> None:
    """Check, test and understand policies. Needs no key and no network.

    A policy is a YAML file of ordered rules; the first rule that matches a task decides it.
    """


# ------------------------------------------------------------------------------------------------
# Policy files as a command names them.


def load_all(paths: Iterable[str]) -> list[Parsed]:
    """Read policy files, and every policy of a folder; without paths, those of the settings."""
    named = tuple(paths) or settings_with().need_policies()
    found: list[Parsed] = []
    today = datetime.now(UTC).date()
    for path in named:
        inside = policy_paths(Path(path)) if Path(path).is_dir() else (path,)
        found += [PolicyFile(one).load(today=today) for one in inside]
    return found


def load_usable(path: str) -> Policy:
    """Read one policy that has to be usable.

    Raises PolicyInvalid with its findings when it is not.
    """
    parsed = PolicyFile(path).load()
    if parsed.policy is None:
        raise PolicyInvalid(f"{path} is not usable", parsed.findings)
    return parsed.policy


def show_findings(screen: Screen, findings: Iterable[Finding], sources: dict[str, str]) -> str:
    """Write findings with the lines they concern; notes with `-v` only."""
    return render_text(
        findings, sources, verbose=screen.verbosity > 0, colour=screen.wants_color()
    ).rstrip("\n")


def sources_of(findings: Iterable[Finding]) -> dict[str, str]:
    """Read the files that findings point at once more, where that is still possible."""
    texts = {}
    for path in {finding.path for finding in findings}:
        try:
            texts[path] = Path(path).read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            continue
    return texts
