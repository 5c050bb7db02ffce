"""Health: in one word how the bot stands, and why it is not well; the same for every screen and the probe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec

from reviewbot.config import Settings
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.text import safe_line
from reviewbot.foresight.gather import REHEARSES, Bot
from reviewbot.insights.heartbeat import Beat, Health, is_gone, newest_beat, own_beat, room
from reviewbot.insights.status import not_used
from reviewbot.ledger.open import is_shared, open_ledger
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.leases import Lease, Peer
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import ago
from reviewbot.runtime.state_files import PauseFiles
from reviewbot.safety import rollout
from reviewbot.safety.pauses import Hold, holds_on, nothing_is_sent

LONGEST = 300
ADVERTISED, SHARE = 120.0, 0.8
"""Requests a minute that the API allows, and our part of them, where no setting says otherwise."""


def health_of(
    beat: Beat | None,
    ledger: Ledger | None,
    now: datetime,
    *,
    file: str | None = None,
    problem: str | None = None,
) -> Health:
    """Judge by the heartbeat and the log (None: it cannot be read, as `problem` says).

    Not healthy is a bot without a good pass for a while, one of which nothing is sent (a pause, a
    breaker, a brake, a refused key), and one that goes by other rules than those on disk.
    """
    why = [*_of_the_bot(beat, now)]
    partly: list[str] = []
    if problem is not None:
        why.append(f"the decision log cannot be read: {safe_line(problem, LONGEST)}")
    if ledger is not None:
        stopped, partly = _held(beat, ledger, now, file)
        why += [*stopped, *_stale(ledger)]
    if beat is None and (why or partly):
        why.insert(0, "no bot has run on this log yet")
    if beat is None or beat.is_gone():
        return Health(word="not running", why=(*why, *partly))
    if why:
        return Health(word="not healthy", why=(*why, *partly))
    return Health(word="partly healthy" if partly else "healthy", why=(*partly,))


def look(settings: Settings, beat: Beat | None, now: datetime) -> Health:
    """The health of the bot on the log of the settings, by its newest heartbeat."""
    file = PauseFiles(settings.pause_paths()).read()
    try:
        with closing(open_ledger(settings.ledger, key=settings.key, read_only=True)) as opened:
            health = health_of(beat, opened, now, file=file)
            lease = opened.lease() if is_shared(settings.ledger) else None
            if lease is not None and lease.left <= 0:
                why = f"no replica holds the key; the last was {safe_line(lease.holder or '-', 60)}"
                return Health(word="not running", why=(why, *health.why))
            return health
    except LedgerError as error:
        return health_of(beat, None, now, problem=str(error))


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica says of itself where it holds nothing as well."""

    pid: int = 0
    room: str = ""
    born: int | None = None
    version: str = ""
    refused: dict[str, str] = {}
    """The keys that it does not take, and why."""

    def is_gone(self) -> bool:
        """Whether its process has ended, as far as can be told from here."""
        return self.room == room() and is_gone(self.pid, self.born)


def about_of(peer: Peer) -> About:
    """What a replica says of itself; nothing where that cannot be read."""
    try:
        return msgspec.json.decode(peer.about, type=About)
    except msgspec.DecodeError:
        return About()


def probe(named: Sequence[Settings], now: datetime) -> list[tuple[Settings, Beat | None, Health]]:
    """The health of this process: by its name and number, and the keys that it holds.

    On a file that is every key. A replica that holds none is healthy as long as it lives and could.
    """
    first = named[0]
    if not is_shared(first.ledger):
        beats = [newest_beat(settings) for settings in named]
        return [
            (settings, beat, look(settings, beat, now))
            for settings, beat in zip(named, beats, strict=True)
        ]
    held: list[tuple[Settings, Lease]] = []
    try:
        for settings in named:
            with closing(open_ledger(first.ledger, key=settings.key, read_only=True)) as ledger:
                lease = ledger.lease()
                if lease is not None and lease.holder == first.name and lease.left > 0:
                    held.append((settings, lease))
                us = next((peer for peer in ledger.replicas() if peer.name == first.name), None)
    except LedgerError as error:
        return [(first, None, health_of(None, None, now, problem=str(error)))]
    standing = _of_the_process(us, first.name)
    if not standing.ok or not held:
        return [(first, None, standing)]
    beats = [_since(own_beat(settings), lease) for settings, lease in held]
    return [
        (settings, beat, standing if beat is None else look(settings, beat, now))
        for (settings, _), beat in zip(held, beats, strict=True)
    ]


def _since(beat: Beat | None, lease: Lease) -> Beat | None:
    """What was said since the key was taken; before the first pass there is nothing yet."""
    taken_at = datetime.fromtimestamp(lease.since / 1_000_000, UTC)
    return None if beat is None or beat.at < taken_at else beat


def _of_the_process(us: Peer | None, name: str) -> Health:
    if us is None or us.left <= 0:
        return Health(word="not running", why=(f"no replica called {safe_line(name, 60)} lives",))
    if about_of(us).is_gone():
        return Health(word="not running", why=("its process has ended",))
    if not us.takes:
        why = "it can hold no key: its tables are of another version, or it is about to end"
        return Health(word="not healthy", why=(why,))
    return Health(word="healthy")


def _of_the_bot(beat: Beat | None, now: datetime) -> list[str]:
    if beat is None:
        return []
    why = []
    if beat.brake is not None:
        why.append(f"nothing is sent: {safe_line(beat.brake, LONGEST)}")
    if beat.key_refused:
        why.append("nothing is sent: the API refuses our key")
    if beat.is_gone():
        why.append("its process has ended")
    elif beat.good_at is None:
        why.append("no pass has ever gone through")
    elif not beat.is_healthy(now):
        why.append(f"the last good pass was {ago(beat.good_at, now, beat.zone)}")
    return why


def _held(
    beat: Beat | None, ledger: Ledger, now: datetime, file: str | None
) -> tuple[list[str], list[str]]:
    """What keeps everything back, and what keeps back only some of it."""
    holds = holds_on(ledger, now, file)
    sentences = [safe_line(hold.sentence, LONGEST) for hold in holds]
    policies = [policy.name for policy in beat.policies] if beat is not None else []
    if nothing_is_sent(holds, policies, now):
        return [f"nothing is sent: {sentence}" for sentence in sentences], []
    return [], sentences


def _stale(ledger: Ledger) -> list[str]:
    waiting = [
        f"{safe_line(str(note.value.get('policy') or '?'), 60)} {note.subject[:8]} waits to be accepted"
        for note in rollout.waiting(ledger)
    ]
    return [f"the rules on disk are not used: {why}" for why in (*not_used(ledger), *waiting)]


def bot_of(settings: Settings, now: datetime) -> Bot:
    """The bot as its heartbeat left it. Where none was ever left a live one is taken for granted."""
    beat = newest_beat(settings)
    alone = Bot(
        every=settings.every,
        requests_per_minute=settings.rate_per_minute or ADVERTISED * SHARE,
        quarantine=timedelta(seconds=settings.quarantine),
        file=PauseFiles(settings.pause_paths()).read(),
    )
    if beat is None:
        return alone
    return msgspec.structs.replace(
        alone,
        hold=_hold(beat, now),
        revisions=tuple(policy.revision for policy in beat.policies),
        every=beat.every,
        passed_at=beat.at,
        brake=beat.brake,
    )


def bot_by(bot: Bot, judges: Iterable[Judge]) -> Bot:
    """The same for a look ahead by these policies: one that runs others is taken to run these."""
    running = {judge.policy.revision for judge in judges} <= set(bot.revisions)
    return bot if running else msgspec.structs.replace(bot, hold=None)


def _hold(beat: Beat, now: datetime) -> Hold | None:
    """Why it does not act, where it does not."""
    if not beat.is_alive(now):
        return Hold(
            sentence=f"no bot runs: its last pass ended {ago(beat.at, now, beat.zone)}", by="bot"
        )
    if beat.key_refused:
        return Hold(sentence="the API refuses our key, so the bot does nothing", by="bot")
    return REHEARSES if beat.mode != "live" else None
