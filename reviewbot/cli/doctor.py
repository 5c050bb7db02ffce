"""`reviewbot doctor`: is everything in place to run? Each line is ok, warn or fail with a way out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, ledger_option, policy_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.errors import ConfigError, KeyRefused, ReviewbotError
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.domain.secret import masked
from reviewbot.policy.findings import Severity
from reviewbot.settings import Settings

SKEW_NOTED, SKEW_TOO_LARGE = timedelta(seconds=30), timedelta(minutes=5)
FAILED = 78
BESIDE_A_LEDGER = ("-wal", "-shm", ".lock", ".status.json", ".checkpoints.jsonl")
_STYLE = {"ok": "good", "warn": "care", "fail": "bad"}


class Line(NamedTuple):
    """One answer of the doctor."""

    verdict: Literal["ok", "warn", "fail"]
    subject: str
    found: str
    cure: str = ""


Check = Callable[[Settings], Iterator[Line]]


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot doctor", "check everything; sends nothing that could change anything"),
        Example("reviewbot doctor --policy policies/starter.yaml", "with another policy"),
    ],
)
@policy_option
@ledger_option
@config_option
@click.pass_obj
def doctor(
    screen: Screen, policies: tuple[str, ...], ledger: str | None, config: str | None
) -> None:
    """Check settings, key, API, clock, policies, decision log and zone data.

    Each line is ok, warn or fail, and says what to do. Exit code: 0, 77 for a refused key, 69 for an
    API out of reach, else 78 where a line fails.
    """
    try:
        settings = settings_with(config=config, policy=policies, ledger=ledger)
    except ConfigError as error:
        _print(screen, Line("fail", "settings", safe(str(error)), "reviewbot config shows each"))
        raise click.exceptions.Exit(FAILED) from None
    codes = []
    for check in CHECKS:
        try:
            for line in check(settings):
                _print(screen, line)
                codes += [FAILED] * (line.verdict == "fail")
        except ReviewbotError as error:
            _print(screen, Line("fail", check.__name__.strip("_"), str(error), _cure(error)))
            codes.append(error.exit_code)
    if codes:
        raise click.exceptions.Exit(codes[0])
    screen.say("Everything is in place. Next: reviewbot report")


def _print(screen: Screen, line: Line) -> None:
    verdict = styled(f"{line.verdict:<4}", _STYLE[line.verdict])
    screen.data(f"{verdict}  {line.subject:<9}  {masked(safe(line.found))}")
    if line.cure:
        screen.data(f"                 {masked(safe(line.cure))}")


def _cure(error: ReviewbotError) -> str:
    if isinstance(error, KeyRefused):
        return "make a new key in TokPortal's settings and put it into the key file"
    return ""


def _settings(settings: Settings) -> Iterator[Line]:
    for warning in settings.warnings:
        yield Line("warn", "settings", warning)
    yield Line("ok", "settings", f"mode {settings.mode.value}, one pass every {settings.every:g} s")


def _zones(_settings: Settings) -> Iterator[Line]:
    try:
        ZoneInfo("Europe/Paris")
    except ZoneInfoNotFoundError:
        yield Line("fail", "zones", "there is no time zone data", "pip install tzdata")
    else:
        yield Line("ok", "zones", "time zone data is there")


def _policies(settings: Settings) -> Iterator[Line]:
    from reviewbot.policy.analysis import checked
    from reviewbot.policyfiles import PolicyFile

    if not settings.policy:
        cure = "set REVIEWBOT_POLICY, or give --policy FILE; a start: policies/starter.yaml"
        yield Line("fail", "policy", "none is named", cure)
    for path in settings.policy:
        today = datetime.now(UTC).date()
        read = PolicyFile(path).load(today=today)
        parsed = checked(read, today=today, notes=False, poll=settings.every)
        more = f"reviewbot policy check {path}"
        errors = sum(finding.severity is Severity.ERROR for finding in parsed.findings)
        warnings = sum(finding.severity is Severity.WARNING for finding in parsed.findings)
        if parsed.policy is None:
            yield Line("fail", "policy", f"{path} has {counted(errors, 'error')}", more)
        elif warnings:
            yield Line("warn", "policy", f"{path} has {counted(warnings, 'warning')}", more)
        else:
            yield Line("ok", "policy", f"{path}, version {parsed.policy.revision[:8]}")


def _channels(settings: Settings) -> Iterator[Line]:
    from reviewbot.policyfiles import PolicyFile
    from reviewbot.service.telling.routing import unheard

    notices = settings.notices
    loaded = [PolicyFile(path).load().policy for path in settings.policy]
    for sentence in unheard((one for one in loaded if one is not None), notices.routes):
        yield Line("warn", "channels", sentence, "targets = [NAME] under one of  [channels.…]")
    if notices.channels:
        names = ", ".join(one.name for one in notices.channels)
        yield Line("ok", "channels", f"{names}; try them: reviewbot notify test")
    else:
        cure = "add  [channels.NAME]  to reviewbot.toml; the README shows how"
        yield Line("warn", "channels", "none: alarms are told to the log alone", cure)


def _pause(settings: Settings) -> Iterator[Line]:
    yield Line("ok", "pause", f"the file {settings.pause_path()} would pause it at once")


def _ledger(settings: Settings) -> Iterator[Line]:
    from reviewbot.ledger.opening import open_ledger

    if settings.ledger.startswith("sqlite:///"):
        path = Path(unquote(settings.ledger.removeprefix("sqlite:///")))
        place = next(one for one in (path, *path.absolute().parents) if one.exists())
        if not os.access(place, os.W_OK):
            cure = "let the bot's user write there, or set REVIEWBOT_LEDGER"
            yield Line("fail", "ledger", f"{place} cannot be written", cure)
            return
        if not path.exists():
            yield Line("ok", "ledger", f"{path} will be made by the first run")
            return
        yield from _readable_by_others(path)
    opened = open_ledger(settings.ledger, read_only=True)
    try:
        newest = opened.decisions(newest=1)
    finally:
        opened.close()
    count = newest[-1].seq if newest else 0
    yield Line("ok", "ledger", f"can be read; {counted(count, 'line')} up to the newest decision")


def _readable_by_others(ledger: Path) -> Iterator[Line]:
    """New files are the owner's alone; older ones are left as somebody may have wanted them."""
    files = [ledger, *(ledger.with_name(ledger.name + end) for end in BESIDE_A_LEDGER)]
    wide = [path for path in files if path.exists() and path.stat().st_mode & 0o077]
    if wide:
        names = " ".join(str(path) for path in wide)
        cure = f"chmod 600 {names}"
        yield Line("warn", "ledger", f"others can read {names}, with all comments", cure)


def _proxy(settings: Settings) -> Iterator[Line]:
    from reviewbot.network import way_to

    if settings.proxy is None:
        return
    origin = safe_line(settings.origins["proxy"])
    if way_to(settings.base_url, settings.proxy) is None:
        found = f"{settings.proxy} (from {origin}) is not used for {settings.base_url}"
    else:
        found = f"{settings.proxy} (from {origin}) leads to {settings.base_url}"
    yield Line("ok", "proxy", found)


def _key(settings: Settings) -> Iterator[Line]:
    settings.need_key()
    yield Line("ok", "key", f"is set, from {safe_line(settings.origins['api_key'])}")


def _api(settings: Settings) -> Iterator[Line]:
    from reviewbot.bootstrap import reach

    if settings.api_key is None:
        yield Line("warn", "api", "not asked: there is no key")
        return
    reached = reach(settings)
    yield Line("ok", "api", f"{settings.base_url} answers and takes the key")
    skew = abs(reached or timedelta(0))
    seconds = f"{skew.total_seconds():.0f} s"
    if skew > SKEW_TOO_LARGE:
        yield Line("fail", "clock", f"{seconds} off the API's", "set this machine's clock (NTP)")
    elif skew > SKEW_NOTED:
        yield Line("warn", "clock", f"{seconds} off the API's", "set this machine's clock (NTP)")
    else:
        yield Line("ok", "clock", "agrees with the API's")


CHECKS: tuple[Check, ...] = (
    _settings,
    _zones,
    _policies,
    _channels,
    _ledger,
    _pause,
    _proxy,
    _key,
    _api,
)
