"""An account's profile side by side, and its feedback told as a story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reviewbot.cli.words import length, table
from reviewbot.domain.accounts import PROFILE_FIELDS, Change, FeedbackEntry, Profile
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.facts import UNKNOWN_PROFILE, compare_profiles, correctable, in_order

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
