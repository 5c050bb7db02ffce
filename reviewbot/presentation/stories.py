"""What happened, as lines for a person: to an account, to a task, to one decision, to a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.core.replay import was_judged
from reviewbot.core.revisions import Revisions
from reviewbot.domain.account import PROFILE_FIELDS, FeedbackEntry, Profile
from reviewbot.domain.task import Attempt, CommentTask, Timeline
from reviewbot.domain.text import format_moment, format_written, safe, safe_line
from reviewbot.orders.book import OrderState, Word, stories_of
from reviewbot.orders.cancel import CancelState, CancelWord
from reviewbot.orders.cancel import story_of as cancel_story
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.facts import UNKNOWN_PROFILE, compare_profiles, correctable, in_order
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.document import explanation_text
from reviewbot.presentation.format import dollars, length, table
from reviewbot.presentation.sheets import outcome_of
from reviewbot.presentation.style import styled
from reviewbot.safety import impact
from reviewbot.safety.impact import ChangeImpact
from reviewbot.safety.second_look import marked

LONGEST = 300
"""Characters of a foreign text in one line."""
_ORDER = (
    *("comment_text", "target_video_url", "platform", "cm_payout_amount", "saved_account_id"),
    *("submitted_at", "manually_confirmed_at", "correction_required"),
)
"""What was recorded of a task that a person asks for, and in which order."""
_ABOUT_TO = "about to "
"""How the events begin that come before their request."""


def side_by_side(requested: Profile | None, delivered: Profile | None) -> str:
    """Both profiles of an account, field by field, and whether they are alike."""
    wanted, got = requested or UNKNOWN_PROFILE, delivered or UNKNOWN_PROFILE
    differs, uncompared = compare_profiles(wanted, got)
    rows = []
    for field in PROFILE_FIELDS:
        if differs is None or field in uncompared:
            mark = "cannot tell"
        else:
            mark = "DIFFERS" if field in differs else "same"
        rows.append([field, _profile_value(wanted, field), _profile_value(got, field), mark])
    return table(["FIELD", "REQUESTED", "DELIVERED", ""], rows)


def _profile_value(profile: Profile, field: str) -> str:
    value: str | None = getattr(profile, field)
    if value is None:
        return "(not set)" if field in profile.unset else "(unknown)"
    return value


def feedback_lines(
    history: tuple[FeedbackEntry, ...] | None,
    ours: Mapping[str, str] | None = None,
    zone: str = "UTC",
) -> Iterator[str]:
    """Who asked for which corrections, and what became of it, oldest first.

    `ours` names who acted through this tool, by the comment that was sent; by nothing, who
    finalized it.
    """
    if history is None:
        yield "the API does not say what was asked for so far"
    elif not history:
        yield "nothing was asked for so far"
    asked: FeedbackEntry | None = None
    for entry in in_order(history or ()):
        lines = _feedback(entry, asked, ours or {})
        yield f"{format_moment(entry.happened_at, zone)}  {next(lines)}"
        yield from (f"    {line}" for line in lines)
        asked = entry if entry.type == "corrections_requested" else None


def _feedback(
    entry: FeedbackEntry, asked: FeedbackEntry | None, ours: Mapping[str, str]
) -> Iterator[str]:
    """What one entry says, and a line for each of its fields."""
    match entry.type:
        case "corrections_requested":
            yield f"{_who(entry, ours)} asked for corrections: {_quoted(entry.comment)}"
            for field, text in (entry.fields or {}).items():
                yield f"{safe_line(field, 40)}: {_quoted(text)}"
        case "corrections_applied":
            start, end = asked and asked.happened_at, entry.happened_at
            later = f", {length(end - start)} later" if start and end and end >= start else ""
            yield f"corrections were made{later}"
            yield from _changed(entry, asked)
        case "finalized":
            yield f"{ours['']} finalized it" if "" in ours else "it was finalized"
        case _:
            yield safe_line(entry.type or "something that cannot be read", 60)


def _who(entry: FeedbackEntry, ours: Mapping[str, str]) -> str:
    known = ours.get(" ".join((entry.comment or "").split()))
    if known is not None:
        return known
    by = entry.requested_by
    return "somebody" if by is None else f"somebody (by {safe_line(by, 40)})"


def _changed(entry: FeedbackEntry, asked: FeedbackEntry | None) -> Iterator[str]:
    if entry.changes is None:
        yield "which ones, the API does not say"
        return
    for field, change in entry.changes.items():
        what = f"from {_quoted(change.before)} to {_quoted(change.after)}"
        if change.before is None and change.after is None:
            what = "changed; from what to what, the API does not say"
        yield f"{safe_line(field, 40)}: {what}"
    if asked is None or asked.fields is None:
        return
    wanted, made = set(map(correctable, asked.fields)), set(map(correctable, entry.changes))
    for words, names in (
        ("asked for, and not changed", wanted - made),
        ("changed, and not asked for", made - wanted),
    ):
        if names:
            yield f"{words}: {', '.join(safe_line(name, 40) for name in sorted(names))}"


def _quoted(text: str | None) -> str:
    return "nothing" if text is None else f"“{safe_line(text, LONGEST)}”"


def evidence_lines(facts: bytes, zone: str) -> list[str]:
    """Write logged facts (JSON) as `name  value` lines: the item, then each try of the checker."""
    try:
        record = msgspec.json.decode(facts)
        if not isinstance(record, dict):
            return ["nothing was recorded"]
        if "bundle" in record:
            return _account_evidence(facts, zone)
    except (ValueError, KeyError, msgspec.MsgspecError):
        return ["the record of what was seen cannot be read"]
    item, attempts = record.get("task") or {}, record.get("attempts")
    names = [name for name in _ORDER if name in item] or sorted(item)
    lines = [f"{name:<22} {_plain(name, item[name], zone)}" for name in names]
    if attempts is None:
        lines.append("no rule needed the checker's tries, so they were not fetched")
    elif not attempts:
        lines.append("the checker has not tried in this round")
    for attempt in attempts or ():
        seen = ", ".join(
            f"{name} {_plain(name, value, zone)}"
            for name, value in attempt.items()
            if name not in ("attempt_n", "platform")
        )
        lines.append(f"try {_plain('', attempt.get('attempt_n', '?'), zone)}: {seen}")
    return lines


def _account_evidence(record: bytes, zone: str) -> list[str]:
    """Both profiles side by side, and the feedback so far."""
    facts = facts_from_json(record)
    bundle = facts.bundle
    about = {"title": bundle.title, "platform": bundle.platform, "country": bundle.country}
    lines = [
        f"{name:<22} {_plain(name, value, zone)}"
        for name, value in about.items()
        if value is not None
    ]
    lines += side_by_side(bundle.profile, facts.delivered).split("\n")
    if facts.delivered is None:
        lines.append("no rule needed the delivered profile, so it was not fetched")
    return [*lines, *feedback_lines(bundle.feedback_history, zone=zone)]


def _plain(name: str, value: Any, zone: str) -> str:
    """A value in one line; one whose name ends with `_at` is a moment."""
    if name.endswith("_at") and isinstance(value, str):
        value = format_written(value, zone)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return safe_line(text, LONGEST)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, by whom: `api` as it shows the task, or `reviewbot`."""

    at: datetime
    by: str
    what: str

    @property
    def order(self) -> tuple[datetime, int]:
        """Sort key. The API counts whole seconds: within one, what we were about to do is first."""
        ours = self.by == "reviewbot"
        rank = 0 if ours and self.what.startswith(_ABOUT_TO) else 2 if ours else 1
        return self.at.replace(microsecond=0), rank

    def line(self, zone: str) -> str:
        """The event with its moment."""
        return f"{format_moment(self.at, zone)}  {self.by:<9}  {self.what}"


class TaskHistory(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one task. `events` are in the order of time."""

    task: CommentTask
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]


def task_history(
    task: CommentTask, timeline: Timeline | None, ledger: Ledger, zone: str = "UTC"
) -> TaskHistory:
    """What the API shows of a task and what the log says we did; moments in a sentence are in `zone`."""
    attempts = tuple(timeline.attempts) if timeline else ()
    events = [
        *(Event(at=at, by="api", what=what) for at, what in _of_task(task, zone) if at is not None),
        *_of_checks(attempts),
        *_of_order(stories_of(ledger, task.id)),
        *_of_cancellation([(note.at, word) for note, word in cancel_story(ledger, task.id)]),
        *_of_decisions(ledger, ledger.decisions(task_id=task.id)),
    ]
    ordered = sorted(events, key=lambda event: event.order)
    return TaskHistory(task=task, attempts=attempts, events=tuple(ordered))


def _of_task(task: CommentTask, zone: str) -> Iterator[tuple[datetime | None, str]]:
    yield task.created_at, "ordered; until the manager posts it, it can be cancelled"
    yield task.submitted_at, "the manager says that it is posted"
    yield task.verified_at, "the checker found it; it is paid 24 h later"
    paid_at = format_moment(task.client_dispute_deadline_at, zone)
    yield (
        task.manually_confirmed_at,
        f"the checker did not find it and the manager insists; silence pays at {paid_at}",
    )
    yield task.finalized_at, "final: the manager is paid"
    if task.status == "cancelled":
        yield task.updated_at, _cancelled(task)
    if task.status == "pending_corrections":
        yield task.updated_at, "with the manager for a correction"


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
        scraped = attempt.comments_scraped
        read = "an unknown number of" if scraped is None else scraped
        kind = safe_line(attempt.outcome_kind or "unknown", 40)
        what = f"check {number}: {kind}, {read} comments read"
        if attempt.match_score is not None:
            what += f", best match {attempt.match_score:g}"
        if attempt.reason:
            what += f" ({safe_line(attempt.reason, 60)})"
        yield Event(at=attempt.scraped_at, by="api", what=what)


def _of_order(words: Sequence[tuple[datetime, Word]]) -> Iterator[Event]:
    for at, word in words:
        if word.state is OrderState.INTENDED:
            source = safe_line(word.source or "", 80)
            what = f"{_ABOUT_TO}order it (attempt {word.attempt}, {source})"
        else:
            why = f": {safe_line(word.reason, 160)}" if word.reason else ""
            what = f"the order is {word.state.value}{why}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_cancellation(words: Sequence[tuple[datetime, CancelWord]]) -> Iterator[Event]:
    for at, word in words:
        what = f"the cancellation is {word.state.value}"
        if word.state is CancelState.INTENDED:
            what = f"{_ABOUT_TO}cancel it"
        if word.credits is not None:
            what += f", credits back: {word.credits:g}"
        if word.status:
            what += f"; the task is {safe_line(word.status, 40)}"
        if word.reason:
            what += f": {safe_line(word.reason, 160)}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_decisions(ledger: Ledger, decisions: Sequence[Logged]) -> Iterator[Event]:
    for logged in decisions:
        decision = logged.decision
        who = decision.decided_by or f"rule {decision.rule!r} of {decision.policy}"
        reason = f': "{safe_line(decision.reason, 200)}"' if decision.reason else ""
        for entry in ledger.entries(decision.id):
            what = f"round {decision.round}: {decision.action.value} {entry.state.value}"
            first = entry.at == decision.decided_at
            tail = f", by {safe_line(who, 120)}{reason}" if first else ""
            note = f" ({safe_line(entry.note, 160)})" if entry.note else ""
            yield Event(at=entry.at, by="reviewbot", what=what + tail + note)


def decision_lines(ledger: Ledger, logged: Logged, zone: str) -> Iterator[str]:
    """One decision in full: what it was, what became of it, and why, from the log alone."""
    decision = logged.decision
    yield styled(f"{decision.action.value.upper()}  {outcome_of(logged)}", "strong")
    by = f"{decision.decided_by}, a person" if decision.decided_by else f"rule {decision.rule!r}"
    epoch = format_written(decision.epoch or "unknown", zone)
    estimate = ", an estimate: the API states none" if decision.deadline_is_estimate else ""
    facts = (
        ("decision", decision.id),
        ("by", f"{by}, policy {decision.policy or 'none'} {decision.revision[:8]}"),
        (decision.review, f"{decision.task_id}, round {decision.round} ({epoch})"),
        ("decided", f"{format_moment(decision.decided_at, zone)}, {decision.mode.value}"),
        ("deadline", format_moment(decision.deadline_at, zone) + estimate),
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
    yield styled("What became of it", "strong")
    for entry in ledger.entries(decision.id):
        request = f"request id {entry.request_id}" if entry.request_id else None
        tail = safe_line("; ".join(filter(None, (entry.note, request))), 200)
        line = f"  line {entry.seq}  {format_moment(entry.at, zone)}  {entry.state.value}"
        yield f"{line}  {tail}" if tail else line
    yield ""
    yield from _why(ledger, logged)


def _why(ledger: Ledger, logged: Logged) -> Iterator[str]:
    decision = logged.decision
    if logged.erased:
        yield "Its texts and facts were erased, so it cannot be explained."
        return
    if not was_judged(decision):
        yield "No policy judged this, so there is nothing to explain."
        return
    judge = Revisions(ledger).judge(decision.revision)
    if judge is None:
        yield f"Revision {decision.revision[:8]} is not in the log, so it cannot be explained."
        return
    try:
        facts = facts_from_json(decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        yield f"Its facts cannot be read: {safe_line(str(error))}"
        return
    yield styled("Why", "strong")
    yield explanation_text(explain(judge, facts), everything=True)


def impact_lines(change: ChangeImpact) -> Iterator[str]:
    """What a changed policy would decide otherwise, and which rules cause it."""
    yield from (safe_line(sentence, 500) for sentence in change.sentences())
    yield from (f"  {safe_line(cause, 200)}" for cause in impact.causes(change))
