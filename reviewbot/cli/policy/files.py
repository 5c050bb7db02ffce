"""Policy files as a command names them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from reviewbot.cli.opening import settings_with
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.policy.findings import Finding
from reviewbot.policy.model import Policy
from reviewbot.policy.parse import Parsed
from reviewbot.policy.render import render_text
from reviewbot.policyfiles import PolicyFile, policy_paths


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
