"""Their JSON and our values: what each kind of object holds; nobody else knows how it is nested.

No HTTP here: recorded reviews on disk (`policy decide`) are read by the same shapes. Lists may carry
less than reads, and records as little as they like: what is absent is unknown.
"""

from __future__ import annotations

import msgspec

from reviewbot.domain.account import (
    ACCOUNT_STATUSES,
    PROFILE_FIELDS,
    AccountReview,
    Change,
    FeedbackEntry,
    Profile,
)
from reviewbot.domain.task import (
    OUTCOME_KINDS,
    PLATFORMS,
    TASK_STATUSES,
    Attempt,
    CommentTask,
    Moment,
    Timeline,
)
from reviewbot.tokportal.decode import (
    MOMENT,
    TEXT,
    Drift,
    FieldReader,
    Fields,
    Json,
    Kind,
    ObjectReader,
    Shape,
    text,
    word,
)

AN_OBJECT: Kind = ("an object", lambda value: value if isinstance(value, dict) else None)


class DeliveredAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A delivered account: the one that can post, with its actual profile."""

    id: str
    platform: str | None = None
    profile: Profile = Profile()
    country: str | None = None
    profile_url: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the key belongs to."""

    email: str | None = None
    credits: float | None = None


ME = Shape(Me, "me")


# Comment tasks ------------------------------------------------------------------------------


_OF_TASK: dict[str, FieldReader] = {
    "status": word(*TASK_STATUSES),
    "platform": word(*PLATFORMS),
    "saved_account_id": word(),
    "cm_payout_amount": Fields.dollars,
}

_NOT_ALWAYS_SENT = (
    "target_type",
    "target_comment_url",
    "execution_blocked",
    "execution_block_reason",
)

TASK = Shape(
    CommentTask,
    "task",
    sent=tuple(name for name in CommentTask.__struct_fields__ if name not in _NOT_ALWAYS_SENT),
    filled=("status", "platform", "saved_account_id", "comment_text", "updated_at"),
    own=_OF_TASK,
)
"""A task as lists and reads send it."""

ANSWERED_TASK = Shape(CommentTask, "task", own=_OF_TASK)
"""A task as acts answer it: the documented examples are abbreviated, so nothing is missed."""
RECORDED_TASK = Shape(CommentTask, "task", on_record=True)

ATTEMPT = Shape(
    Attempt,
    "attempt",
    sent=Attempt.__struct_fields__,
    filled=("attempt_n", "scraped_at", "outcome_kind"),
    own={"outcome_kind": word(*OUTCOME_KINDS), "platform": word(*PLATFORMS)},
)

RECORDED_ATTEMPT = Shape(Attempt, "attempt")


class TimelineReader(ObjectReader[Timeline]):
    """Reads what the verifier saw. A row that is no object was still an attempt, all unknown."""

    def from_json(self, value: Json, drift: Drift) -> Timeline | None:
        """Read a timeline; None, with a note, when there is no list of attempts."""
        if not isinstance(value, dict):
            drift.expected("timeline", "an object", value)
            return None
        task_id, rows = text(value.get("task_id")), value.get("attempts")
        if task_id is None:
            drift.expected("timeline.task_id", "an id", value.get("task_id"))
            return None
        if not isinstance(rows, list):
            drift.expected("timeline.attempts", "a list", rows)
            return None
        return Timeline(
            task_id=task_id,
            status=text(value.get("status")),
            attempts=tuple(ATTEMPT.from_json(row, drift) or Attempt() for row in rows),
        )


TIMELINE = TimelineReader()


def attempts_of(value: Json, drift: Drift) -> tuple[Attempt, ...] | None:
    """Read recorded attempts; None when there is no list, which means: not at hand.

    What is no object was still an attempt, of which nothing is known.
    """
    if not isinstance(value, list):
        if value is not None:
            drift.expected("attempts", "a list", value)
        return None
    return tuple(RECORDED_ATTEMPT.from_json(entry, drift) or Attempt() for entry in value)


# Accounts -----------------------------------------------------------------------------------


def _account(bundle: Fields) -> Fields:
    """The account in a bundle, without any field where there is none."""
    return Fields(bundle.get("account", AN_OBJECT) or {}, bundle.name, bundle.drift)


def _status(bundle: Fields, field: str) -> str | None:
    """The account's own status before the bundle's computed one; neither where the two differ."""
    outer = bundle.word(field, ACCOUNT_STATUSES)
    inner = _account(bundle).word("status", ACCOUNT_STATUSES)
    if outer is not None and inner is not None and outer != inner:
        both = f"{outer}, while account.status is {inner}"
        bundle.drift.new_value(f"{bundle.name}.{field}", both)
        return None
    return inner or outer


def profile_of(sent: Fields) -> Profile:
    """The fields of a profile, wherever they stand among others."""
    fields = Fields(sent.value, "profile", sent.drift)
    return Profile(
        **{field: fields.get(field, TEXT) for field in PROFILE_FIELDS},
        unset=tuple(f for f in PROFILE_FIELDS if f in sent.value and sent.value[f] is None),
    )


def _requested(bundle: Fields, _field: str) -> Profile | None:
    account = _account(bundle)
    return profile_of(account) if any(f in account.value for f in PROFILE_FIELDS) else None


def _history(bundle: Fields, field: str) -> tuple[FeedbackEntry, ...] | None:
    account = _account(bundle)
    if field not in account.value:
        return None
    entries = account.value[field]
    if not isinstance(entries, list):
        account.drift.expected("account.feedback_history", "a list", entries)
        return None
    return tuple(_FEEDBACK.from_json(entry, account.drift) or FeedbackEntry() for entry in entries)


_FEEDBACK_TYPES = ("corrections_requested", "corrections_applied", "finalized")


def _feedback_type(entry: Fields, field: str) -> str | None:
    """Its type, where it is a documented one.

    Under a new name it may be a request of ours: whoever counts requests must not know better.
    """
    found = entry.word(field, _FEEDBACK_TYPES)
    return found if found in _FEEDBACK_TYPES else None


def _texts(value: Json) -> dict[str, str] | None:
    is_read = isinstance(value, dict) and all(text(part) is not None for part in value.values())
    return dict(value) if is_read else None


def _changes(entry: Fields, field: str) -> dict[str, Change] | None:
    """The changed fields; that one changed is known also where its values cannot be read."""
    changes = entry.get(field, ("changes by field", AN_OBJECT[1]))
    if changes is None:
        return None
    return {name: _change(change, entry.drift) for name, change in changes.items()}


def _change(value: Json, drift: Drift) -> Change:
    if not isinstance(value, dict):
        drift.expected("feedback.changes", "from and to by field", value)
        return Change()
    fields = Fields(value, "feedback.changes", drift)
    return Change(before=fields.get("from", TEXT), after=fields.get("to", TEXT))


_FEEDBACK = Shape(
    FeedbackEntry,
    "feedback",
    own={
        "type": _feedback_type,
        "fields": lambda entry, field: entry.get(field, ("texts by field", _texts)),
        "changes": _changes,
    },
)

_OF_BUNDLE: dict[str, FieldReader] = {
    "platform": word(*PLATFORMS),
    "saved_account_id": word(),
    "account_status": _status,
    "profile": _requested,
    "feedback_history": _history,
    "finalized_at": lambda bundle, field: _account(bundle).get(field, MOMENT),
}

BUNDLE = Shape(AccountReview, "bundle", ids=("id", "bundle_id"), own=_OF_BUNDLE)
"""A bundle with its account, from a list or a read."""
RECORDED_BUNDLE = Shape(
    AccountReview, "bundle", ids=("id", "bundle_id"), own=_OF_BUNDLE, on_record=True
)


class AccountReader(ObjectReader[AccountReview]):
    """Reads `GET /bundles/{id}/account`: nested in its bundle or bare, for an id that we know."""

    def __init__(self, bundle_id: str) -> None:
        super().__init__()
        self._bundle_id = bundle_id

    def from_json(self, value: Json, drift: Drift) -> AccountReview | None:
        """Read the account of one bundle."""
        if isinstance(value, dict):
            is_nested = isinstance(value.get("account"), dict)
            value = {"id": self._bundle_id} | (value if is_nested else {"account": value})
        return BUNDLE.from_json(value, drift)


DELIVERED = Shape(
    DeliveredAccount,
    "account",
    own={"platform": word(*PLATFORMS), "profile": lambda account, _: profile_of(account)},
)
