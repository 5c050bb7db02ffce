"""The status: what `reviewbot status` shows, with the switches of an operator."""

from __future__ import annotations

from click import unstyle
from starlette.responses import Response

from reviewbot.core.guard_state import PAUSE_TOPIC
from reviewbot.foresight.gather import outlook_of
from reviewbot.insights.limits_forecast import bites_of
from reviewbot.insights.status import situation
from reviewbot.presentation.status import lines
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety import pauses, rollout
from reviewbot.safety.pauses import WORDS
from reviewbot.web.console import Visit
from reviewbot.web.people import people
from reviewbot.web.render import page


def show(visit: Visit) -> Response:
    """How the bot stands, what is held back, what a limit will keep back, and what waits for acceptance."""
    console = visit.console
    bot = bot_of(console.settings, visit.now)
    outlook = outlook_of(console.ledger, visit.now, bot)
    found = situation(console.ledger, visit.now, bot, outlook)
    words = console.ledger.notes(PAUSE_TOPIC)
    told = lines(console.beat(), console.health(), found, [], visit.now, None)
    return page(
        visit,
        "status.html.jinja",
        lines=[unstyle(line) for line in told],
        found=found,
        limits=console.limits(),
        pauses=pauses.pauses_on(words, bot.file, visit.now),
        words=tuple(WORDS),
        caps=[bite.summary for bite in bites_of(outlook.futures.values())],
        unread=[future for future in outlook.futures.values() if future.is_unread],
        waiting=rollout.waiting(console.ledger),
        has_people=bool(people(console.ledger)),
    )
