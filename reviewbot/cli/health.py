"""Health: in one word how the bot stands, and why it is not well; the same for every screen and the probe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from reviewbot.cli.heartbeat import Beat, newest_beat
from reviewbot.cli.opening import ledger_at
from reviewbot.cli.words import counted, length
from reviewbot.cli.zones import zones_by
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line

if TYPE_CHECKING:
    from reviewbot.cli.screen import Screen
    from reviewbot.ports import Ledger
    from reviewbot.settings import Settings

Word = Literal["healthy", "partly healthy", "not healthy", "not running"]
LONGEST = 300
_CLOSE = timedelta(seconds=5)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The word, and in a sentence each what is wrong, the most pressing first.

    `partly healthy` is a bot of whose writes some are kept back, and the rest go out as they should.
    """

    word: Word
    why: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a health check passes."""
        return self.word in ("healthy", "partly healthy")


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
    if beat is None or beat.is_gone():
        return Health(word="not running", why=(*why, *partly))
    word: Word = "not healthy" if why else "partly healthy" if partly else "healthy"
    return Health(word=word, why=(*why, *partly))


def look(settings: Settings, beat: Beat | None, now: datetime) -> Health:
    """The health of the bot on the log of the settings, by its newest heartbeat."""
    from reviewbot.pausefile import PauseFile

    file = PauseFile(settings.pause_path()).read()
    try:
        with ledger_at(settings.ledger) as opened:
            return health_of(beat, opened, now, file=file)
    except LedgerError as error:
        return health_of(beat, None, now, file=file, problem=str(error))


def say_health(screen: Screen, settings: Settings, form: str) -> None:
    """One line beside the data of a command that shows tasks, where the bot is not well.

    Only where a person reads; nothing of a log on which no bot has ever run.
    """
    from reviewbot.cli.screen import styled

    if form != "text":
        return
    health = look(settings, newest_beat(settings), datetime.now(UTC))
    if not health.why:
        return
    more = len(health.why) - 1
    rest = f" (and {counted(more, 'more reason')}: reviewbot status)" if more else ""
    screen.say(styled(f"{health.word}: ", "care" if health.ok else "bad") + health.why[0] + rest)


def ago(moment: datetime, now: datetime, zone: str = "UTC") -> str:
    """How long ago something was; never less than nothing, whoever's clock is wrong."""
    if moment <= now:
        return f"{length(now - moment)} ago"
    if moment - now < _CLOSE:
        return "just now"
    return f"at {format_moment(moment, zone)}, which by this machine's clock is yet to come"


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
        why.append(f"the last good pass was {ago(beat.good_at, now, zones_by(beat).first)}")
    return why


def _held(
    beat: Beat | None, ledger: Ledger, now: datetime, file: str | None
) -> tuple[list[str], list[str]]:
    """What keeps everything back, and what keeps back only some of it."""
    from reviewbot.service.guards.holds import holds_on, nothing_is_sent

    holds = holds_on(ledger, now, file)
    sentences = [safe_line(hold.sentence, LONGEST) for hold in holds]
    policies = [one.name for one in beat.policies] if beat is not None else []
    if nothing_is_sent(holds, policies, now):
        return [f"nothing is sent: {sentence}" for sentence in sentences], []
    return [], sentences


def _stale(ledger: Ledger) -> list[str]:
    from reviewbot.service.guards import acceptance
    from reviewbot.service.outlook.situation import not_used

    return [
        *(f"the rules on disk are not used: {why}" for why in not_used(ledger)),
        *(
            f"the rules on disk are not used: {safe_line(str(one.value.get('policy') or '?'), 60)}"
            f" {one.subject[:8]} waits to be accepted"
            for one in acceptance.waiting(ledger)
        ),
    ]
