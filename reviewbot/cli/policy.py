"""`reviewbot policy …`: everything that needs a policy and no queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.cli.command import Lazy, group
from reviewbot.cli.opening import Opening
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid, ReviewbotError, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.policy.diagnostics import Finding
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.findings import render_text
from reviewbot.runtime.policy_files import PolicyFile, PolicySource, policy_paths, source_at

if TYPE_CHECKING:
    from reviewbot.insights.heartbeat import Running

COMMANDS = {
    "Commands": {
        "new": Lazy("policy_new:new", "start a policy from a template"),
        "check": Lazy("policy_check:check", "find every mistake of a policy"),
        "guide": Lazy("policy_guide:guide", "the manual: ask it in your own words"),
        "facts": Lazy("policy_guide:facts", "what a rule may ask about"),
        "test": Lazy("policy_test:test", "run the tests a policy brings"),
        "read": Lazy("policy_read:read", "say a policy, or a change, in sentences"),
        "publish": Lazy("policy_accept:publish", "put a policy into the ledger"),
        "accept": Lazy("policy_accept:accept", "let a changed policy run"),
        "stage": Lazy("policy_stage:stage", "where rules with a ladder stand"),
        "watch": Lazy("policy_test:watch", "check and test again on each save"),
        "lsp": Lazy("policy_lsp:lsp", "help while typing, in your editor"),
        "fmt": Lazy("policy_check:fmt", "lay policies out one way"),
        "schema": Lazy("policy_new:schema", "completion for your editor"),
        "explain": Lazy("policy_explain:explain", "why a task is decided as it is"),
        "decide": Lazy("policy_judge:decide", "judge recorded tasks, offline"),
        "backtest": Lazy("policy_judge:backtest", "what it makes of the past"),
        "diff": Lazy("policy_judge:diff", "what a change would have changed"),
    }
}


@group(COMMANDS)
def policy() -> None:
    """Check, test and understand policies. Needs no key and no network.

    A policy is a YAML file of ordered rules; the first rule that matches a task decides it.

    $ reviewbot policy check policies/starter.yaml  # every mistake, with its cure
    $ reviewbot policy test policies/starter.yaml  # do its own tests hold?
    $ reviewbot policy guide how do I not pay at weekends  # the manual answers
    $ reviewbot policy facts last  # all facts about the checker's last try
    """


def load_all(paths: Iterable[str]) -> list[Parsed]:
    """Read policy files, and every policy of a folder; without paths, those of the settings."""
    today = datetime.now(UTC).date()
    sources: Sequence[str | PolicySource] = tuple(paths)
    if not sources:
        from reviewbot.runtime.published import policy_sources

        named = [policy_sources(key) for key in Opening().all_settings().each()]
        sources = tuple(dict.fromkeys(source for key in named for source in key))
    return [source_at(file).load(today=today) for source in sources for file in _files_of(source)]


def _files_of(source: str | PolicySource) -> Iterable[str | PolicySource]:
    """Every policy of a folder; what is none stands for itself."""
    if isinstance(source, str) and Path(source).is_dir():
        return map(str, policy_paths(Path(source)))
    return (source,)


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


def running_policies() -> Sequence[Running]:
    """The policies of the bot that last ran here; none where none ran or settings are wrong."""
    from reviewbot.insights.heartbeat import newest_beat

    try:
        beat = newest_beat(Opening().settings())
    except ReviewbotError:
        return ()
    return () if beat is None else beat.policies


def said_of_running(policy: Policy, running: Sequence[Running]) -> str | None:
    """Say how a usable policy differs from the one that runs; None where it does not, or none runs."""
    for other in running:
        if other.name == policy.name or _same_file(other.path, policy.path):
            if other.revision == policy.revision:
                return None
            return (
                f"differs from what runs: {safe_line(other.name)} revision {other.revision[:8]};"
                " a bot that watches this file takes it at its next poll"
            )
    return None


def _same_file(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:
        return False


def find_logged(ledger: Ledger, wanted: str, *, otherwise: str = "") -> Logged:
    """Give the decision of this id, or the newest on the task of this id; its beginning will do.

    Raises UsageError (with `otherwise` as a way out) when there is none, or when several tasks
    begin so.
    """
    found = ledger.decision(wanted)
    if found is not None:
        return found
    for logged in ledger.iter_decisions():
        if logged.decision.task_id.startswith(wanted):
            if found is not None and found.decision.task_id != logged.decision.task_id:
                raise UsageError(f"several tasks in the log begin with {wanted!r}")
            found = logged
    if found is None:
        hint = f"; {otherwise}" if otherwise else ""
        raise UsageError(f"no decision in the log is about {wanted!r}{hint}")
    return found
