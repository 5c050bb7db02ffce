"""`reviewbot status`: how the bot is doing, on one screen; `--probe` is the health check."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from reviewbot.cli import each_key
from reviewbot.cli.command import (
    command,
    config_option,
    format_option,
    key_option,
    ledger_option,
    policy_option,
)
from reviewbot.cli.opening import Opening, ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.revisions import Revisions
from reviewbot.domain.errors import ConfigError, KeyRefused, LedgerError, ReviewbotError
from reviewbot.domain.text import masked, pretty, safe, safe_line
from reviewbot.insights.heartbeat import Beat, Health, Running, newest_beat
from reviewbot.insights.status import situation
from reviewbot.ledger.open import is_shared
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.testing.change import changed_rules
from reviewbot.ports.leases import Peer
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import counted, table
from reviewbot.presentation.status import OVERVIEW, health_line, lines, overview
from reviewbot.presentation.style import styled
from reviewbot.runtime.bot_health import about_of, bot_of, look, probe
from reviewbot.runtime.policy_files import PolicyFile, source_at
from reviewbot.runtime.published import SCHEME, policy_sources

NOT_HEALTHY = 1


@command
@click.option(
    "--probe", "is_probe", is_flag=True, help="Only say whether the running bot is healthy."
)
@with_settings(ledger_option, every_key=True)
@format_option("text", "json")
def status(screen: Screen, settings: Settings, is_probe: bool, form: str) -> None:
    """Show how the bot is doing: its last pass, what stops it, what waits, what silence paid.

    Of several keys it shows a line each. The probe then leaves out the keys that the API refuses,
    unless it refuses all or --key asks for them.

    $ reviewbot status  # one screen
    $ reviewbot status --format json  # the same for a script
    $ reviewbot status --probe  # exit code 0: healthy; 1: not (for a health check)
    """
    named = settings.each()
    if is_probe:
        _probe_all(screen, named)
        return
    if len(named) > 1:
        _several(screen, named, form=form)
        return
    settings = named[0]
    beat = newest_beat(settings)
    now = datetime.now(UTC)  # not before the heartbeat, which a server may have taken long to give
    health = look(settings, beat, now)
    known = _known(settings, beat, health, now)
    if form == "json":
        screen.data(pretty(known))
        return
    found, problem, policies = known["situation"], known["problem"], known["policies"]
    terminal = screen.is_terminal(sys.stdout) or "COLUMNS" in os.environ
    size = shutil.get_terminal_size() if terminal else None
    screen.data("\n".join(lines(beat, health, found, policies, now, size)))
    _show_replicas(screen, named)
    if problem is not None:
        screen.data(styled(f"THE LOG     cannot be read: {safe_line(problem, 300)}", "bad"))


def _known(settings: Settings, beat: Beat | None, health: Health, now: datetime) -> dict[str, Any]:
    """All that is known of a key's bot and its log, in the documented form."""
    found, problem, policies = None, None, None
    try:
        with ledger_at(settings) as opened:
            policies = policy_lines(beat, opened)
            found = situation(opened, now, bot_of(settings, now))
    except LedgerError as error:
        problem = str(error)
    return {
        "schema": "reviewbot.status/2",
        "key": settings.key,
        "owner": settings.owner or None,
        "healthy": health.ok,
        "health": health.word,
        "why": health.why,
        "heartbeat": beat,
        "policies": policy_lines(beat, None) if policies is None else policies,
        "situation": found,
        "problem": problem,
    }


Seen = tuple[Settings, Beat | None, Health]


def _all_well(seen: Sequence[Seen]) -> bool:
    """Whether all are healthy; one that the API refuses counts where it was asked for, or all are."""
    refused = [beat is not None and beat.key_refused for _, beat, _ in seen]
    return all(
        health.ok
        for (settings, _, health), is_refused in zip(seen, refused, strict=True)
        if settings.chosen or all(refused) or not is_refused
    )


def _several(screen: Screen, named: Sequence[Settings], *, form: str) -> None:
    """A line for each key, and what is wrong below."""
    beats = [newest_beat(settings) for settings in named]
    now = datetime.now(UTC)
    seen: list[Seen] = [
        (settings, beat, look(settings, beat, now))
        for settings, beat in zip(named, beats, strict=True)
    ]
    healthy = _all_well(seen)
    if form == "json":
        known = [_known(settings, beat, health, now) for settings, beat, health in seen]
        screen.data(each_key.as_json(known, healthy=healthy))
        return
    _show(screen, seen, now)
    _show_replicas(screen, named)


def _show(screen: Screen, seen: Sequence[Seen], now: datetime) -> None:
    screen.data(table(OVERVIEW, [overview(*row, now) for row in seen]))
    for settings, beat, health in seen:
        for why in health.why:
            screen.data(f"{settings.key}: {styled(why, 'care' if health.ok else 'bad')}")
        if beat is not None and beat.error and not health.ok:
            screen.data(f"{settings.key}: {safe_line(beat.error, 300)}")


def _show_replicas(screen: Screen, named: Sequence[Settings]) -> None:
    """Who shares the keys, where several processes may: what each holds, and why not more."""
    if not is_shared(named[0].ledger):
        return
    held: dict[str, list[str]] = {}
    peers: Sequence[Peer] = ()
    with suppress(LedgerError):
        for settings in named:
            with ledger_at(settings) as opened:
                lease, peers = opened.lease(), opened.replicas()
                if lease is not None and lease.left > 0:
                    held.setdefault(lease.holder, []).append(settings.key)
    for peer in peers:
        keys = ", ".join(held.get(peer.name, ())) or "none of these keys"
        state = f"holds {keys}" if peer.left > 0 and not about_of(peer).is_gone() else "is gone"
        screen.data(f"replica {safe_line(peer.name, 60)}: {safe_line(state, 200)}")
        for key, why in about_of(peer).refused.items() if peer.left > 0 else ():
            screen.data(f"  {safe_line(key, 60)}: {styled(safe_line(why, 200), 'care')}")


def _probe_all(screen: Screen, named: Sequence[Settings]) -> None:
    """What a health check is told of this process."""
    now = datetime.now(UTC)
    seen = probe(named, now)
    now = datetime.now(UTC)  # not before a heartbeat, which a server may have taken long to give
    if len(seen) == 1:
        _, beat, health = seen[0]
        _probe(screen, beat, health, now)
        return
    _show(screen, seen, now)
    if not _all_well(seen):
        raise click.exceptions.Exit(NOT_HEALTHY)


def _probe(screen: Screen, beat: Beat | None, health: Health, now: datetime) -> None:
    screen.say(health.word if beat is None and health.ok else health_line(beat, health, now))
    for why in health.why:
        screen.say(why)
    if beat is not None and beat.error:
        screen.say(safe_line(beat.error, 300))
    if not health.ok:
        raise click.exceptions.Exit(NOT_HEALTHY)


def policy_lines(beat: Beat | None, ledger: Ledger | None) -> list[str]:
    """Each running policy, and where the file on disk differs from it, in words."""
    revisions = None if ledger is None else Revisions(ledger)
    return [_policy(running, revisions) for running in (beat.policies if beat else ())]


def _policy(running: Running, revisions: Revisions | None) -> str:
    text = f"{safe_line(running.name)} {running.revision[:8]}"
    if running.path.startswith(SCHEME):
        return text
    on_disk = PolicyFile(running.path).load().policy
    path = safe_line(running.path, 80)
    if on_disk is None:
        return f"{text} runs; the file {path} cannot be used"
    if on_disk.revision == running.revision:
        return text
    judge = None if revisions is None else revisions.judge(running.revision)
    rules = sorted(changed_rules(judge.policy, on_disk)) if judge is not None else []
    named = ", ".join(safe_line(rule, 40) for rule in rules[:3]) + (", …" * (len(rules) > 3))
    differs = f"; it differs in: {named}" if rules else "; no rule of it differs"
    return f"{text} runs; on disk is {on_disk.revision[:8]}{differs if judge else ''}"


# `reviewbot doctor`: is everything in place to run? -----------------------------------------------

SKEW_NOTED, SKEW_TOO_LARGE = timedelta(seconds=30), timedelta(minutes=5)
FAILED = 78
BESIDE_A_LEDGER = ("-wal", "-shm", ".lock", ".status.json", ".checkpoints.jsonl")
_STYLE = {"ok": "good", "warn": "care", "fail": "bad"}

Word = Literal["ok", "warn", "fail"]


class Diagnosis(NamedTuple):
    """One answer of the doctor."""

    verdict: Word
    subject: str
    found: str
    cure: str = ""


@command
@policy_option
@ledger_option
@config_option
@key_option
def doctor(
    screen: Screen,
    policies: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    keys: tuple[str, ...],
) -> None:
    """Check settings, key, API, clock, policies, decision log and zone data.

    Each line is ok, warn or fail, and says what to do. Exit code: 0, 77 for a refused key, 69 for an
    API out of reach, else 78 where a line fails. Of several keys each is checked.

    $ reviewbot doctor  # check everything; sends nothing that could change anything
    $ reviewbot doctor --policy policies/starter.yaml  # with another policy
    """
    try:
        named = Opening(policies, ledger, config, keys).all_settings().each()
    except ConfigError as error:
        _print(
            screen, Diagnosis("fail", "settings", safe(str(error)), "reviewbot config shows each")
        )
        raise click.exceptions.Exit(FAILED) from None
    codes = _examined(screen, named[0], OF_ALL)
    for settings in named:
        if settings.keys:
            screen.data(styled(f"key {settings.key}", "strong"))
        codes += _examined(screen, settings, OF_EACH)
    if codes:
        raise click.exceptions.Exit(codes[0])
    screen.say("Everything is in place. Next: reviewbot report")


def _examined(screen: Screen, settings: Settings, checks: Iterable[Check]) -> list[int]:
    """Print what these checks find; give the exit code of each line that fails."""
    codes = []
    for check in checks:
        try:
            for line in check(settings):
                _print(screen, line)
                codes += [FAILED] * (line.verdict == "fail")
        except ReviewbotError as error:
            _print(screen, Diagnosis("fail", check.__name__.strip("_"), str(error), _cure(error)))
            codes.append(error.exit_code)
    return codes


def _print(screen: Screen, line: Diagnosis) -> None:
    verdict = styled(f"{line.verdict:<4}", _STYLE[line.verdict])
    screen.data(f"{verdict}  {line.subject:<9}  {masked(safe(line.found))}")
    if line.cure:
        screen.data(f"                 {masked(safe(line.cure))}")


def _cure(error: ReviewbotError) -> str:
    if isinstance(error, KeyRefused):
        return "make a new key in TokPortal's settings and put it into the key file"
    return ""


def _settings(settings: Settings) -> Iterator[Diagnosis]:
    for warning in settings.warnings:
        yield Diagnosis("warn", "settings", warning)
    yield Diagnosis(
        "ok", "settings", f"mode {settings.mode.value}, one pass every {settings.every:g} s"
    )


def _zones(_settings: Settings) -> Iterator[Diagnosis]:
    try:
        ZoneInfo("Europe/Paris")
    except ZoneInfoNotFoundError:
        yield Diagnosis("fail", "zones", "there is no time zone data", "pip install tzdata")
    else:
        yield Diagnosis("ok", "zones", "time zone data is there")


def _policies(settings: Settings) -> Iterator[Diagnosis]:
    from reviewbot.policy.testing.check import checked

    if not settings.policy:
        cure = "set REVIEWBOT_POLICY, or give --policy FILE; a start: policies/starter.yaml"
        yield Diagnosis("fail", "policy", "none is named", cure)
    today = datetime.now(UTC).date()
    sources = policy_sources(settings) if settings.policy else []
    for path, source in zip(settings.policy, sources, strict=True):
        read = source_at(source).load(today=today)
        parsed = checked(read, today=today, poll=settings.every)
        more = f"reviewbot policy check {path}"
        severities = Counter(finding.severity for finding in parsed.findings)
        if parsed.policy is None:
            errors = counted(severities[Severity.ERROR], "error")
            yield Diagnosis("fail", "policy", f"{path} has {errors}", more)
        elif warnings := severities[Severity.WARNING]:
            yield Diagnosis("warn", "policy", f"{path} has {counted(warnings, 'warning')}", more)
        else:
            yield Diagnosis("ok", "policy", f"{path}, version {parsed.policy.revision[:8]}")


def _channels(settings: Settings) -> Iterator[Diagnosis]:
    from reviewbot.alarms.routing import unheard

    notices = settings.notices
    loaded = [
        source_at(path).load().policy
        for path in (policy_sources(settings) if settings.policy else ())
    ]
    for sentence in unheard((policy for policy in loaded if policy is not None), notices.routes):
        yield Diagnosis("warn", "channels", sentence, "targets = [NAME] under one of  [channels.…]")
    if notices.channels:
        names = ", ".join(channel.name for channel in notices.channels)
        yield Diagnosis("ok", "channels", f"{names}; try them: reviewbot notify test")
    else:
        cure = "add  [channels.NAME]  to reviewbot.toml; docs/operations.md shows how"
        yield Diagnosis("warn", "channels", "none: alarms are told to the log alone", cure)


def _pause(settings: Settings) -> Iterator[Diagnosis]:
    named = " or ".join(map(str, settings.pause_paths()))
    yield Diagnosis("ok", "pause", f"the file {named} would pause it at once")


def _ledger(settings: Settings) -> Iterator[Diagnosis]:
    if settings.ledger.startswith("sqlite:///"):
        path = Path(unquote(settings.ledger.removeprefix("sqlite:///")))
        place = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not os.access(place, os.W_OK):
            cure = "let the bot's user write there, or set REVIEWBOT_LEDGER"
            yield Diagnosis("fail", "ledger", f"{place} cannot be written", cure)
            return
        if not path.exists():
            yield Diagnosis("ok", "ledger", f"{path} will be made by the first run")
            return
        yield from _readable_by_others(path)
    with ledger_at(settings) as opened:
        newest = opened.decisions(newest=1)
    lines = counted(newest[-1].seq if newest else 0, "line")
    yield Diagnosis("ok", "ledger", f"can be read; {lines} up to the newest decision")


def _readable_by_others(ledger: Path) -> Iterator[Diagnosis]:
    """New files are the owner's alone; older ones are left as somebody may have wanted them."""
    files = [ledger, *(ledger.with_name(ledger.name + end) for end in BESIDE_A_LEDGER)]
    wide = [path for path in files if path.exists() and path.stat().st_mode & 0o077]
    if wide:
        names = " ".join(str(path) for path in wide)
        cure = f"chmod 600 {names}"
        yield Diagnosis("warn", "ledger", f"others can read {names}, with all comments", cure)


def _proxy(settings: Settings) -> Iterator[Diagnosis]:
    from reviewbot.network import way_to

    if settings.proxy is None:
        return
    proxy = f"{settings.proxy} (from {safe_line(settings.origins['proxy'])})"
    used = way_to(settings.base_url, settings.proxy) is not None
    does = "leads to" if used else "is not used for"
    yield Diagnosis("ok", "proxy", f"{proxy} {does} {settings.base_url}")


def _key(settings: Settings) -> Iterator[Diagnosis]:
    settings.need_key()
    yield Diagnosis("ok", "key", f"is set, from {safe_line(settings.origins['api_key'])}")


def _api(settings: Settings) -> Iterator[Diagnosis]:
    from reviewbot.runtime.bootstrap import reach

    if not settings.has_key:
        yield Diagnosis("warn", "api", "not asked: there is no key")
        return
    reached = reach(settings)
    yield Diagnosis("ok", "api", f"{settings.base_url} answers and takes the key")
    skew = abs(reached or timedelta(0))
    if skew <= SKEW_NOTED:
        yield Diagnosis("ok", "clock", "agrees with the API's")
        return
    found = f"{skew.total_seconds():.0f} s off the API's"
    verdict: Word = "fail" if skew > SKEW_TOO_LARGE else "warn"
    yield Diagnosis(verdict, "clock", found, "set this machine's clock (NTP)")


Check = Callable[[Settings], Iterator[Diagnosis]]
OF_ALL: tuple[Check, ...] = (_settings, _zones, _proxy)
OF_EACH: tuple[Check, ...] = (_policies, _channels, _ledger, _pause, _key, _api)


@command
@with_settings(policy_option, ledger_option, every_key=True)
@format_option("text", "json")
def config(screen: Screen, settings: Settings, form: str) -> None:
    """Show each setting, its value and where that came from. Secrets are not shown.

    A flag wins over the environment, that over a secret file, that over reviewbot.toml, that over
    the default.

    $ reviewbot config  # every setting and its origin
    $ reviewbot config --format json  # the same for a script
    """
    rows = [
        *settings.shown(),
        *((name, value, "reviewbot.toml") for name, value in settings.notices.shown()),
    ]
    if form == "json":
        screen.data(
            json.dumps(
                [dict(zip(("name", "value", "origin"), row, strict=True)) for row in rows], indent=2
            )
        )
    else:
        screen.data(table(("setting", "value", "from"), rows, longest=100))
    for warning in settings.warnings:
        screen.say(styled("warning: ", "care") + warning)
