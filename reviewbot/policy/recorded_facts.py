"""Facts as the log keeps them: small JSON, from which the very same facts can be built again.

The form is that of `policy decide` records, with what our own log knew beside it, so that a logged
decision can be judged again by any policy. What is null is left out.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from reviewbot.domain.account import PROFILE_FIELDS, AccountReview, Profile
from reviewbot.domain.review import Subject
from reviewbot.domain.task import Attempt, CommentTask, Moment
from reviewbot.policy.facts import (
    NO_ACCOUNT_HISTORY,
    NO_FLEET,
    UNKNOWN_PROFILE,
    UNKNOWN_TASK,
    AccountHistory,
    Facts,
    Fleet,
    History,
    about_account,
    about_task,
)

_encode = msgspec.json.Encoder().encode


def facts_to_json(facts: Facts) -> bytes:
    """Write facts down, compactly."""
    record: dict[str, Any] = {"at": facts.now}
    if facts.started_at is not None:
        record["first_seen"] = facts.started_at
    if facts.deadline_at is not None:
        record["deadline_at"] = facts.deadline_at
    if facts.task.id:
        record["task"] = _known(facts.task)
    if facts.bundle.id:
        record["bundle"] = bundle_json(facts.bundle)
    if facts.attempts is not None:
        record["attempts"] = [_known(attempt) for attempt in facts.attempts]
    if facts.delivered is not None:
        record["delivered"] = _profile_json(facts.delivered)
    record["history"] = _known(facts.past)
    for name, part in (("account", facts.account), ("fleet", facts.fleet)):
        if known := _known(part):
            record[name] = known
    if facts.full:
        record["full"] = facts.full
    if facts.stages:
        record["stages"] = dict(facts.stages)
    return _encode(record)


class _WrittenHistory(msgspec.Struct, kw_only=True):
    """A history in which what is left out is unknown, the number of disputes too."""

    disputes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    last_dispute_at: Moment | None = None
    texts: tuple[str, ...] = ()
    rounds_before: Annotated[int, msgspec.Meta(ge=0)] = 0
    round_before_until: Moment | None = None

    def read(self) -> History:
        """The history itself."""
        return History(**msgspec.structs.asdict(self))


class _WrittenFacts(msgspec.Struct, kw_only=True):
    """Facts as they were written down; an account with the names of the API."""

    at: Moment
    history: _WrittenHistory
    first_seen: Moment | None = None
    deadline_at: Moment | None = None
    task: CommentTask = UNKNOWN_TASK
    attempts: tuple[Attempt, ...] | None = None
    bundle: dict[str, Any] | None = None
    delivered: dict[str, Any] | None = None
    account: AccountHistory = NO_ACCOUNT_HISTORY
    fleet: Fleet = NO_FLEET
    full: tuple[str, ...] = ()
    stages: dict[str, float] = {}


_decode = msgspec.json.Decoder(_WrittenFacts).decode


def facts_from_json(text: bytes) -> Facts:
    """Build the facts again that were written down.

    Raises ValueError (of msgspec too) when the text is not such a record.
    """
    if text == b"null":
        raise ValueError("nothing was recorded, or it was erased")
    written = _decode(text)
    if written.bundle is None:
        about = about_task(written.task, written.attempts)
    else:
        delivered = None if written.delivered is None else _profile(written.delivered)
        about = about_account(_bundle(written.bundle), delivered)
    return Facts(
        now=written.at,
        started_at=written.first_seen,
        deadline_at=written.deadline_at,
        past=written.history.read(),
        account=written.account,
        fleet=written.fleet,
        full=written.full,
        stages=tuple(written.stages.items()),
        **about,
    )


def _known(value: msgspec.Struct) -> dict[str, Any]:
    """Keep what is not null, by name."""
    return {
        name: part
        for name, part in msgspec.structs.asdict(value).items()
        if part is not None and part != ()
    }


def subject_json(subject: Subject) -> dict[str, Any]:
    """A thing under the name of its kind, as records and reports hold it."""
    if isinstance(subject, CommentTask):
        return {"task": msgspec.to_builtins(subject)}
    return {"bundle": msgspec.to_builtins(bundle_json(subject))}


def bundle_json(bundle: AccountReview) -> dict[str, Any]:
    """A bundle with its account nested in it, as the API sends it; what is unknown is left out."""
    plain = _known(bundle)
    account: dict[str, Any] = {}
    if bundle.account_status is not None:
        account["status"] = bundle.account_status
    if plain.pop("profile", None) is not None:
        account |= _profile_json(bundle.profile or UNKNOWN_PROFILE)
    if plain.pop("finalized_at", None) is not None:
        account["finalized_at"] = bundle.finalized_at
    plain.pop("feedback_history", None)
    if bundle.feedback_history is not None:
        account["feedback_history"] = [_known(entry) for entry in bundle.feedback_history]
    return plain | ({"account": account} if account else {})


def _bundle(plain: dict[str, Any]) -> AccountReview:
    account = plain.get("account", {})
    stated = any(field in account for field in PROFILE_FIELDS)
    return msgspec.convert(
        {name: value for name, value in plain.items() if name != "account"}
        | {
            "profile": _profile(account) if stated else None,
            "finalized_at": account.get("finalized_at"),
            "feedback_history": account.get("feedback_history"),
        },
        AccountReview,
        strict=False,
    )


def _profile_json(profile: Profile) -> dict[str, str | None]:
    """The fields that are known; one that is known not to be set is null."""
    return {
        field: value
        for field in PROFILE_FIELDS
        if (value := getattr(profile, field)) is not None or field in profile.unset
    }


def _profile(plain: dict[str, Any]) -> Profile:
    return Profile(
        **{field: plain.get(field) for field in PROFILE_FIELDS},
        unset=tuple(f for f in PROFILE_FIELDS if f in plain and plain[f] is None),
    )
