"""What a decision was based on, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.core.recorded_facts import facts_from_json
from reviewbot.domain.account import PROFILE_FIELDS, Change, FeedbackEntry, Profile
from reviewbot.domain.decision import Decision
from reviewbot.domain.task import Attempt, CommentTask, Timeline
from reviewbot.domain.text import format_moment, format_written, safe, safe_line
from reviewbot.orders.book import OrderState, Word, stories_of
from reviewbot.orders.cancel import CancelState, CancelWord
from reviewbot.orders.cancel import story_of as cancel_story
from reviewbot.policy.facts import UNKNOWN_PROFILE, compare_profiles, correctable, in_order
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.format import dollars, length, table
from reviewbot.presentation.machine_forms import outcome_of
from reviewbot.presentation.style import styled
from reviewbot.safety.second_look import marked

# ------------------------------------------------------------------------------------------------
# An account's profile side by side, and its feedback told as a story.


LONGEST = 300


def side_by_side(requested: Profile | None, delivered: Profile | None) -> str:
    """Both profiles, field by field, and whether they are alike."""
    wanted, got = requested or UNKNOWN_PROFILE, delivered or UNKNOWN_PROFILE
    differs, uncompared = compare_profiles(wanted, got)
    rows = []
    for field in PROFILE_FIELDS:
        if differs is None or field in uncompared:
            mark = "cannot tell"
        else:
            mark = "DIFFERS" if field in differs else "same"
        rows.append([field, _value(wanted, field), _value(got, field), mark])
    return table(["FIELD", "REQUESTED", "DELIVERED", ""], rows)


def story(
    history: tuple[FeedbackEntry, ...] | None,
    ours: Mapping[str, str] | None = None,
    zone: str = "UTC",
) -> Iterator[str]:
    """Who asked for what, and what became of it, oldest first.

    `ours` names who acted through this tool, by the comment that was sent; by nothing, who
    finalized it.
    """
    if history is None:
        yield "the API does not say what was asked for so far"
    elif not history:
        yield "nothing was asked for so far"
    asked: FeedbackEntry | None = None
    for entry in in_order(history or ()):
        yield from _told(entry, asked, ours or {}, zone)
        asked = entry if entry.type == "corrections_requested" else None


def _told(
    entry: FeedbackEntry, asked: FeedbackEntry | None, ours: Mapping[str, str], zone: str
) -> Iterator[str]:
    when = format_moment(entry.happened_at, zone)
    match entry.type:
        case "corrections_requested":
            yield f"{when}  {_who(entry, ours)} asked for corrections: {_quoted(entry.comment)}"
            for field, text in (entry.fields or {}).items():
                yield f"    {safe_line(field, 40)}: {_quoted(text)}"
        case "corrections_applied":
            yield f"{when}  corrections were made{_after(entry, asked)}"
            yield from _changed(entry, asked)
        case "finalized":
            by = ours.get("")
            yield f"{when}  {'it was finalized' if by is None else f'{by} finalized it'}"
        case _:
            yield f"{when}  {safe_line(entry.type or 'something that cannot be read', 60)}"


def _who(entry: FeedbackEntry, ours: Mapping[str, str]) -> str:
    known = ours.get(" ".join((entry.comment or "").split()))
    if known is not None:
        return known
    by = entry.requested_by
    return "somebody" if by is None else f"somebody (by {safe_line(by, 40)})"


def _after(entry: FeedbackEntry, asked: FeedbackEntry | None) -> str:
    start, end = asked and asked.happened_at, entry.happened_at
    return f", {length(end - start)} later" if start and end and end >= start else ""


def _changed(entry: FeedbackEntry, asked: FeedbackEntry | None) -> Iterator[str]:
    if entry.changes is None:
        yield "    which ones, the API does not say"
        return
    for field, change in entry.changes.items():
        yield f"    {safe_line(field, 40)}: {_from_to(change)}"
    if asked is None or asked.fields is None:
        return
    wanted, made = set(map(correctable, asked.fields)), set(map(correctable, entry.changes))
    for words, names in (
        ("asked for, and not changed", wanted - made),
        ("changed, and not asked for", made - wanted),
    ):
        if names:
            yield f"    {words}: {', '.join(safe_line(name, 40) for name in sorted(names))}"


def _from_to(change: Change) -> str:
    if change.before is None and change.after is None:
        return "changed; from what to what, the API does not say"
    return f"from {_quoted(change.before)} to {_quoted(change.after)}"


def _value(profile: Profile, field: str) -> str:
    value: str | None = getattr(profile, field)
    if value is None:
        return "(not set)" if field in profile.unset else "(unknown)"
    return value


def _quoted(text: str | None) -> str:
    return "nothing" if text is None else f"“{safe_line(text, LONGEST)}”"


_ORDER = (
    "comment_text",
    "target_video_url",
    "platform",
    "cm_payout_amount",
    "saved_account_id",
    "submitted_at",
    "manually_confirmed_at",
    "correction_required",
)


_AT = "_at"
"""How the names of moments end."""


def evidence_lines(facts: bytes, zone: str) -> list[str]:
    """Write logged facts (JSON) as `name  value` lines: the thing, then each try of the checker."""
    try:
        record = msgspec.json.decode(facts)
    except msgspec.DecodeError:
        return ["the record of what was seen cannot be read"]
    if not isinstance(record, dict):
        return ["nothing was recorded"]
    if "bundle" in record:
        return _account(facts, zone)
    thing = record.get("task") or {}
    names = [name for name in _ORDER if name in thing] or sorted(thing)
    lines = [_pair(name, thing[name], zone) for name in names]
    attempts = record.get("attempts")
    if attempts is None:
        lines.append("no rule needed the checker's tries, so they were not fetched")
    elif not attempts:
        lines.append("the checker has not tried in this round")
    for attempt in attempts or ():
        lines.append(
            f"try {_plain(attempt.get('attempt_n', '?'), None)}: {_attempt(attempt, zone)}"
        )
    return lines


def _account(record: bytes, zone: str) -> list[str]:
    """Both profiles side by side, and the feedback so far."""
    try:
        facts = facts_from_json(record)
    except (ValueError, KeyError):
        return ["the record of what was seen cannot be read"]
    bundle = facts.bundle
    about = {"title": bundle.title, "platform": bundle.platform, "country": bundle.country}
    lines = [_pair(name, value, zone) for name, value in about.items() if value is not None]
    lines += side_by_side(bundle.profile, facts.delivered).split("\n")
    if facts.delivered is None:
        lines.append("no rule needed the delivered profile, so it was not fetched")
    return [*lines, *story(bundle.feedback_history, zone=zone)]


def _attempt(attempt: dict[str, Any], zone: str) -> str:
    rest = {name: value for name, value in attempt.items() if name not in ("attempt_n", "platform")}
    return ", ".join(
        f"{name} {_plain(value, zone if name.endswith(_AT) else None)}"
        for name, value in rest.items()
    )


def _pair(name: str, value: Any, zone: str) -> str:
    return f"{name:<22} {_plain(value, zone if name.endswith(_AT) else None)}"


def _plain(value: Any, zone: str | None) -> str:
    """A value in one line; with a zone it is a moment."""
    if zone is not None and isinstance(value, str):
        value = format_written(value, zone)
    return safe_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), 300)


# ------------------------------------------------------------------------------------------------
# The life of one task as a story: what the API shows of it, and what our log says we did.


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, by whom: `api` as it shows the task, or `reviewbot`."""

    at: datetime
    by: str
    what: str


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one task. `events` are in the order of time."""

    task: CommentTask
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]


def life_of(
    task: CommentTask, timeline: Timeline | None, ledger: Ledger, zone: str = "UTC"
) -> Life:
    """Tell the story of a task; moments within a sentence are in this zone."""
    attempts = timeline.attempts if timeline else ()
    events = [
        *_of_task(task, zone),
        *_of_checks(attempts),
        *_of_order(stories_of(ledger, task.id)),
        *_of_cancellation([(note.at, word) for note, word in cancel_story(ledger, task.id)]),
        *_of_decisions(ledger, ledger.decisions(task_id=task.id)),
    ]
    return Life(task=task, attempts=tuple(attempts), events=tuple(sorted(events, key=_in_time)))


def in_words(event: Event, zone: str) -> str:
    """One line of the story."""
    return f"{format_moment(event.at, zone)}  {event.by:<9}  {event.what}"


def _in_time(event: Event) -> tuple[datetime, int]:
    """Sort key. The API counts whole seconds, so within one what we were about to do comes first."""
    ours = event.by == "reviewbot"
    rank = 0 if ours and event.what.startswith(_ABOUT_TO) else 2 if ours else 1
    return event.at.replace(microsecond=0), rank


_ABOUT_TO = "about to "


def _of_task(task: CommentTask, zone: str) -> Iterator[Event]:
    told = (
        (task.created_at, "ordered; until the manager posts it, it can be cancelled"),
        (task.submitted_at, "the manager says that it is posted"),
        (task.verified_at, "the checker found it; it is paid 24 h later"),
        (
            task.manually_confirmed_at,
            "the checker did not find it and the manager insists; silence pays at "
            + format_moment(task.client_dispute_deadline_at, zone),
        ),
        (task.finalized_at, "final: the manager is paid"),
        (
            task.updated_at if task.status == "cancelled" else None,
            _cancelled(task),
        ),
        (
            task.updated_at if task.status == "pending_corrections" else None,
            "with the manager for a correction",
        ),
    )
    for at, what in told:
        if at is not None:
            yield Event(at=at, by="api", what=what)


def _cancelled(task: CommentTask) -> str:
    """The API sweeps up what is still pending at its deadline; either way its credit comes back."""
    late = task.updated_at and task.deadline_at and task.updated_at >= task.deadline_at
    if late and task.submitted_at is None:
        return "cancelled by itself, as nobody had posted it in 72 h; its credit came back"
    return "cancelled before it was posted; its credit came back"


def _of_checks(attempts: Sequence[Attempt]) -> Iterator[Event]:
    for attempt in attempts:
        if attempt.scraped_at is None:
            continue
        number = "?" if attempt.attempt_n is None else attempt.attempt_n
        read = (
            "an unknown number of" if attempt.comments_scraped is None else attempt.comments_scraped
        )
        what = f"check {number}: {safe_line(attempt.outcome_kind or 'unknown', 40)}, {read} comments read"
        if attempt.match_score is not None:
            what += f", best match {attempt.match_score:g}"
        if attempt.reason:
            what += f" ({safe_line(attempt.reason, 60)})"
        yield Event(at=attempt.scraped_at, by="api", what=what)


def _of_order(story: Sequence[tuple[datetime, Word]]) -> Iterator[Event]:
    for at, word in story:
        if word.state is OrderState.INTENDED:
            what = (
                f"{_ABOUT_TO}order it (attempt {word.attempt}, {safe_line(word.source or '', 80)})"
            )
        else:
            why = f": {safe_line(word.reason, 160)}" if word.reason else ""
            what = f"the order is {word.state.value}{why}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_cancellation(story: Sequence[tuple[datetime, CancelWord]]) -> Iterator[Event]:
    for at, word in story:
        if word.state is CancelState.INTENDED:
            what = f"{_ABOUT_TO}cancel it"
        else:
            what = f"the cancellation is {word.state.value}"
        if word.credits is not None:
            what += f", credits back: {word.credits:g}"
        if word.status:
            what += f"; the task is {safe_line(word.status, 40)}"
        if word.reason:
            what += f": {safe_line(word.reason, 160)}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_decisions(ledger: Ledger, found: Sequence[Logged]) -> Iterator[Event]:
    for logged in found:
        decision = logged.decision
        who = decision.decided_by or f"rule {decision.rule!r} of {decision.policy}"
        reason = f': "{safe_line(decision.reason, 200)}"' if decision.reason else ""
        for entry in ledger.entries(decision.id):
            what = f"round {decision.round}: {decision.action.value} {entry.state.value}"
            first = entry.at == decision.decided_at
            tail = f", by {safe_line(who, 120)}{reason}" if first else ""
            note = f" ({safe_line(entry.note, 160)})" if entry.note else ""
            yield Event(at=entry.at, by="reviewbot", what=what + tail + note)


# ------------------------------------------------------------------------------------------------
# One decision told in full: what it was, what became of it, and why, from the log alone.


def told_in_full(ledger: Ledger, logged: Logged, zone: str) -> Iterator[str]:
    """Give the lines about one decision; moments are read in this zone."""
    decision = logged.decision
    yield styled(f"{decision.action.value.upper()}  {outcome_of(logged)}", "strong")
    by = f"{decision.decided_by}, a person" if decision.decided_by else f"rule {decision.rule!r}"
    epoch = format_written(decision.epoch or "unknown", zone)
    facts = (
        ("decision", decision.id),
        ("by", f"{by}, policy {decision.policy or 'none'} {decision.revision[:8]}"),
        (decision.review, f"{decision.task_id}, round {decision.round} ({epoch})"),
        ("decided", f"{format_moment(decision.decided_at, zone)}, {decision.mode.value}"),
        ("deadline", format_moment(decision.deadline_at, zone) + _estimate(decision)),
        ("until", format_moment(decision.until, zone) if decision.until else None),
        ("pays", dollars(decision.amount_micros) if decision.action.pays else None),
        ("second look", marked(ledger).get(decision.id)),
        ("passed over", ", ".join(decision.cannot_tell) or None),
    )
    for name, value in facts:
        if value is not None:
            yield f"{name:12}{safe_line(value, 200)}"
    if decision.reason:
        yield "text"
        yield from (f"  {line}" for line in safe(decision.reason).splitlines())
    yield ""
    yield from _story(ledger, logged, zone)
    yield ""
    yield from _why(ledger, logged)


def _estimate(decision: Decision) -> str:
    return ", an estimate: the API states none" if decision.deadline_is_estimate else ""


def _story(ledger: Ledger, logged: Logged, zone: str) -> Iterator[str]:
    yield styled("What became of it", "strong")
    for entry in ledger.entries(logged.decision.id):
        about = [entry.note, f"request id {entry.request_id}" if entry.request_id else None]
        tail = safe_line("; ".join(part for part in about if part), 200)
        line = f"  line {entry.seq}  {format_moment(entry.at, zone)}  {entry.state.value}"
        yield f"{line}  {tail}" if tail else line


def _why(ledger: Ledger, logged: Logged) -> Iterator[str]:
    from reviewbot.core.recorded_facts import Revisions, facts_from_json
    from reviewbot.core.replay import was_judged
    from reviewbot.policy.explain.explain import explain
    from reviewbot.presentation.document import explanation_text

    if not was_judged(logged.decision):
        yield "No policy judged this, so there is nothing to explain."
        return
    judge = Revisions(ledger).judge(logged.decision.revision)
    if judge is None:
        yield f"Revision {logged.decision.revision[:8]} is not in the log, so it cannot be explained."
        return
    try:
        facts = facts_from_json(logged.decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        yield f"Its facts cannot be read: {safe_line(str(error))}"
        return
    yield styled("Why", "strong")
    yield explanation_text(explain(judge, facts), everything=True)
