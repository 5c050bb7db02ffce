"""What people do by a form: answers, claims, pauses, acceptance. Each goes the way its command goes."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from starlette.responses import RedirectResponse, Response

from reviewbot.core import questions
from reviewbot.core.guard_state import PAUSE_TOPIC
from reviewbot.core.questions import Round, open_rounds
from reviewbot.core.revisions import Revisions
from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import UsageError
from reviewbot.foresight.gather import Outlook
from reviewbot.insights.questions import texts_for
from reviewbot.policy.ladder import LIVE, MIDDLE, SHADOW, step_name
from reviewbot.presentation.format import dollars
from reviewbot.review import pending
from reviewbot.review.answer import PersonAnswer, answer, how_it_ended
from reviewbot.review.pending import Changed
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety import breaker, ladder, limits, pauses, rollout, seal
from reviewbot.web import task as task_pages
from reviewbot.web.console import Visit
from reviewbot.web.people import note
from reviewbot.web.render import page

LONG_AGO = timedelta(days=30)
LONGEST_REASON = 500
STEPS = {step_name(step): step for step in (SHADOW, MIDDLE, LIVE)}


def open_round(visit: Visit, task: str) -> Round:
    """The open round of a task by its whole id. Raises Changed where it has none, with how the last ended."""
    for round_ in open_rounds(visit.ledger):
        if round_.sighting.task_id == task:
            return round_
    ended = how_it_ended(visit.ledger, task, visit.now - LONG_AGO)
    raise Changed(f"too late: {ended}" if ended else "no open round has this id")


def approve(visit: Visit) -> Response:
    """Pay, for good; above a sum, and in later rounds, only after a second look."""
    return _press(visit, Action.APPROVE)


def finalize(visit: Visit) -> Response:
    """Let an account go live, for good."""
    return _press(visit, Action.FINALIZE)


def dispute(visit: Visit) -> Response:
    """Send back with own words, or with a text of the policy."""
    return _press(visit, Action.DISPUTE)


def corrections(visit: Visit) -> Response:
    """Ask for corrections, field by field."""
    return _press(visit, Action.REQUEST_CORRECTIONS)


def _press(visit: Visit, action: Action) -> Response:
    task = visit.path["task"]
    chosen = open_round(visit, task)
    if chosen.latest is None:
        raise Changed("nothing is decided yet: the bot looks at it first")
    try:
        reply = _reply(visit, chosen, action)
    except UsageError as error:
        return task_pages.shown(visit, chosen, problem=str(error), status=422)
    if action.pays and _needs_second_look(visit, chosen):
        return page(
            visit,
            "second_look.html.jinja",
            task=task,
            sum=dollars(chosen.decision.amount_micros),
            round=chosen.decision.round,
            action=action,
            seen=visit.form.get("seen", ""),
        )
    if not visit.console.live:
        return _rehearse(visit, chosen, reply)
    _refuse_if_held(visit, chosen, action)
    try:
        pending.press(
            visit.ledger,
            chosen,
            reply,
            now=visit.now,
            seen=visit.form.get("seen", ""),
            undo=visit.console.undo,
            future=visit.console.outlook().of(chosen.sighting.review, task),
        )
    except Changed as error:
        return task_pages.shown(visit, chosen, problem=str(error), status=409)
    except UsageError as error:
        return task_pages.shown(visit, chosen, problem=str(error), status=422)
    return RedirectResponse(f"/task/{task}", 303)


def _reply(visit: Visit, chosen: Round, action: Action) -> PersonAnswer:
    form = visit.form
    reply = PersonAnswer(
        action=action,
        who=visit.who.name,
        take_over=form.get("take_over") == "yes",
        repeat=form.get("repeat") == "yes",
    )
    if not action.sends_back:
        return reply
    own = form.get("reason", "").strip()
    fields = {
        name: words
        for name in CORRECTABLE_FIELDS
        if (words := form.get(f"field_{name}", "").strip())
    }
    if own:
        return msgspec.structs.replace(reply, text=own, fields=fields or None)
    name = form.get("reason_name", "")
    texts = texts_for(visit.ledger, chosen, Revisions(visit.ledger))
    for text in texts.written:
        if text.name == name:
            return msgspec.structs.replace(reply, text=text.text, fields=fields or text.fields)
    if name in texts.unwritten:
        raise UsageError(f"{name!r} cannot be sent for this task: {texts.unwritten[name]}")
    raise UsageError("choose a text of the policy, or write your own words")


def _needs_second_look(visit: Visit, chosen: Round) -> bool:
    if visit.form.get("second_look") == "yes":
        return False
    decision = chosen.decision
    above = visit.console.settings.console.second_look_micros
    return decision.round >= 2 or decision.amount_micros is None or decision.amount_micros > above


def _refuse_if_held(visit: Visit, chosen: Round, action: Action) -> None:
    """Raise Halted where a pause, or hours that bind people too, would keep the answer from being sent."""
    console = visit.console
    judge = console.revisions().judge(chosen.decision.revision)
    if judge is not None:
        limits.check_people(judge, action, visit.now)
    bot = bot_of(console.settings, visit.now)
    words = console.ledger.notes(PAUSE_TOPIC)
    pauses.check(pauses.pauses_on(words, bot.file, visit.now), action)


def _rehearse(visit: Visit, chosen: Round, reply: PersonAnswer) -> Response:
    """Everything but the sending, at once: a dry run has nothing to undo."""
    bot = visit.console.bot()
    try:
        result = answer(bot, chosen, reply)
    finally:
        bot.close()
    if result.decision is None:
        raise Changed(result.sentence)
    return task_pages.shown(visit, chosen, rehearsed=result.decision)


def undo(visit: Visit) -> Response:
    """Take an answer back before it is sent."""
    chosen = open_round(visit, visit.path["task"])
    waiting = pending.pending_on(visit.ledger, chosen.decision.id)
    if waiting is None or not pending.undo(
        visit.ledger, waiting, who=visit.who.name, now=visit.now
    ):
        raise Changed("there is nothing left to undo: it was sent")
    return RedirectResponse(f"/task/{visit.path['task']}", 303)


def cancel(visit: Visit) -> Response:
    """Keep a sealed decision from being sent."""
    chosen = open_round(visit, visit.path["task"])
    seal.cancel(
        visit.ledger, chosen, who=visit.who.name, reason=visit.form.get("reason", ""), now=visit.now
    )
    return RedirectResponse(f"/task/{visit.path['task']}", 303)


def claim(visit: Visit) -> Response:
    """Say that you look at it."""
    chosen = open_round(visit, visit.path["task"])
    if chosen.latest is None:
        raise Changed("nothing is decided yet: the bot looks at it first")
    taken = visit.form.get("take_over") == "yes"
    try:
        questions.claim(
            visit.ledger, chosen.decision.id, visit.who.name, visit.now, take_over=taken
        )
    except UsageError as error:
        words = str(error).replace("; --take-over takes it from them", "")
        return task_pages.shown(visit, chosen, problem=words, status=409)
    return RedirectResponse(_back(visit), 303)


def release(visit: Visit) -> Response:
    """Let others look at it."""
    chosen = open_round(visit, visit.path["task"])
    if chosen.latest is not None:
        questions.let_go(visit.ledger, chosen.decision.id, visit.who.name, visit.now)
    return RedirectResponse(_back(visit), 303)


def _back(visit: Visit) -> str:
    """The page that the form stood on: one of ours."""
    here = f"/task/{visit.path['task']}"
    return "/queue" if visit.form.get("back") == "queue" else here


def answer_several(visit: Visit) -> Response:
    """One answer to several questions, after a page that repeats how many and how much."""
    rounds = [open_round(visit, task) for task in dict.fromkeys(visit.several.get("task", ()))]
    if not rounds:
        raise UsageError("tick the questions first")
    if any(chosen.sighting.review != "comments" for chosen in rounds):
        raise UsageError("accounts are answered one by one")
    action = Action.APPROVE if visit.form.get("act") == "approve" else Action.DISPUTE
    if visit.form.get("confirmed") != "yes":
        return page(
            visit,
            "several.html.jinja",
            rounds=[(chosen, pending.seen_mark(visit.ledger, chosen)) for chosen in rounds],
            action=action,
            total=sum(chosen.decision.amount_micros or 0 for chosen in rounds),
            reason=visit.form.get("reason", ""),
        )
    for chosen in rounds:
        _refuse_if_held(visit, chosen, action)
    outlook = visit.console.outlook()
    seen = dict(zip(visit.several["task"], visit.several.get("seen", ()), strict=False))
    became = [
        (task, _press_one_of_several(visit, chosen, action, seen.get(task, ""), outlook))
        for chosen in rounds
        for task in [chosen.sighting.task_id]
    ]
    return page(visit, "several_done.html.jinja", told=became, action=action)


def _press_one_of_several(
    visit: Visit, chosen: Round, action: Action, seen: str, outlook: Outlook
) -> str:
    """Press one; say what became of it."""
    if not visit.console.live:
        return "dry run: nothing was sent"
    text = visit.form.get("reason", "").strip() if action.sends_back else None
    reply = PersonAnswer(action=action, who=visit.who.name, text=text)
    try:
        pending.press(
            visit.ledger,
            chosen,
            reply,
            now=visit.now,
            seen=seen,
            undo=visit.console.undo,
            future=outlook.of(chosen.sighting.review, chosen.sighting.task_id),
        )
    except UsageError as error:
        return str(error)
    return "on its way"


# Switches ---------------------------------------------------------------------------------------


def _reason(visit: Visit) -> str:
    reason = " ".join(visit.form.get("reason", "").split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(f"say why, in 1 to {LONGEST_REASON} characters")
    return reason


def _what(visit: Visit) -> str:
    what = visit.form.get("what", pauses.ALL)
    if what not in pauses.WORDS:
        raise UsageError(f"choose what: {', '.join(pauses.WORDS)}")
    return what


def pause(visit: Visit) -> Response:
    """Stop some or all actions at once, and say whom silence will pay."""
    console, reason, what = visit.console, _reason(visit), _what(visit)
    zone = console.zones().first
    pauses.pause(
        console.ledger,
        what,
        reason=reason,
        who=visit.who.name,
        until=None,
        now=visit.now,
        zone=zone,
    )
    return RedirectResponse("/status", 303)


def resume(visit: Visit) -> Response:
    """End pauses, and close every open breaker."""
    console, reason, what = visit.console, _reason(visit), _what(visit)
    who = visit.who.name
    pauses.resume(console.ledger, what, reason=reason, who=who, now=visit.now)
    if what == pauses.ALL:
        breaker.close(console.ledger, reason=reason, who=who, now=visit.now)
    return RedirectResponse("/status", 303)


def accept(visit: Visit) -> Response:
    """Let a changed policy run."""
    revision = visit.form.get("revision", "")
    left = rollout.accept(
        visit.ledger,
        revision,
        who=visit.who.name,
        now=visit.now,
        by_another=visit.console.settings.by_another,
    )
    note(
        visit.ledger,
        "policy accepted",
        who=visit.who.name,
        now=visit.now,
        revision=revision,
        left=left,
    )
    return RedirectResponse("/status", 303)


def move_stage(visit: Visit) -> Response:
    """Hold a rule on its step, let it move again, or put it on another."""
    ledger, form, who = visit.ledger, visit.form, visit.who.name
    standing = ladder.standing_of(ledger, form.get("rule", ""), visit.path["policy"])
    reason, step = form.get("reason", ""), form.get("step", "")
    if form.get("act") == "put":
        if step not in STEPS:
            raise UsageError(f"choose a step: {', '.join(STEPS)}")
        ladder.put(ledger, standing, STEPS[step], who=who, reason=reason, now=visit.now)
    else:
        held = form.get("act") == "hold"
        ladder.hold(ledger, standing, held=held, who=who, reason=reason, now=visit.now)
    return RedirectResponse(f"/policies/{visit.path['policy']}", 303)
