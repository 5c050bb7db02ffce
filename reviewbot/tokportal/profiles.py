"""Bundles and delivered accounts: their JSON and our values."""

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
from reviewbot.domain.task import PLATFORMS
from reviewbot.tokportal.decode import Drift, Json, Shape, moment, parse_json, text, usable_id
from reviewbot.tokportal.envelope import DeliveredAccount, Me

ME: Shape[Me] = Shape(Me, "me")


_FEEDBACK_TYPES = frozenset({"corrections_requested", "corrections_applied", "finalized"})


class BundleReader:
    """Reads a bundle with its account, from a list or a read.

    Lists may carry less than reads: what is absent is unknown. The account's own status counts
    before the bundle's computed `account_status`; where both stand and differ, neither is believed.
    A recorded one (`any_id`) may lack the id.
    """

    def __init__(self, *, any_id: bool = False) -> None:
        self._any_id = any_id

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> AccountReview | None:
        """Read a bundle's bytes."""
        return self.from_json(parse_json(bytes(raw)), drift)

    def from_json(self, value: Json, drift: Drift) -> AccountReview | None:
        """Read a bundle; None, with a note, when it is none or has no id."""
        if not isinstance(value, dict):
            drift.expected("bundle", "an object", value)
            return None
        bundle_id = text(value.get("id")) or text(value.get("bundle_id"))
        if not self._any_id and not (bundle_id and usable_id(bundle_id)):
            drift.missing("bundle.id")
            return None
        account = value.get("account")
        if account is not None and not isinstance(account, dict):
            drift.expected("bundle.account", "an object", account)
            account = None
        return AccountReview(
            id=bundle_id or "",
            platform=_choice(value, "platform", PLATFORMS, drift),
            country=_text(value, "country", drift),
            title=_text(value, "title", drift),
            external_ref=_text(value, "external_ref", drift),
            created_at=_moment(value, "created_at", drift),
            saved_account_id=_name(value, "saved_account_id", drift),
            account_status=_status(value, account, drift),
            profile=None if account is None else _requested(account, drift),
            feedback_history=_history(account, drift),
            finalized_at=None if account is None else _moment(account, "finalized_at", drift),
        )


class AccountReader(BundleReader):
    """Reads `GET /bundles/{id}/account`: the account alone, for a bundle we know the id of."""

    def __init__(self, bundle_id: str) -> None:
        super().__init__()
        self._bundle_id = bundle_id

    def from_json(self, value: Json, drift: Drift) -> AccountReview | None:
        """Read the account of one bundle, nested in the bundle or bare."""
        if isinstance(value, dict) and not isinstance(value.get("account"), dict):
            value = {"id": self._bundle_id, "account": value}
        elif isinstance(value, dict):
            value = {"id": self._bundle_id} | value
        return super().from_json(value, drift)


class DeliveredReader:
    """Reads a delivered account, from a list or a read."""

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> DeliveredAccount | None:
        """Read an account's bytes."""
        return self.from_json(parse_json(bytes(raw)), drift)

    def from_json(self, value: Json, drift: Drift) -> DeliveredAccount | None:
        """Read an account; None, with a note, when it is none or has no id."""
        if not isinstance(value, dict):
            drift.expected("account", "an object", value)
            return None
        account_id = text(value.get("id"))
        if not account_id or not usable_id(account_id):
            drift.missing("account.id")
            return None
        return DeliveredAccount(
            id=account_id,
            platform=_choice(value, "platform", PLATFORMS, drift, "account"),
            profile=profile_from_json(value, drift),
            country=_text(value, "country", drift, "account"),
            profile_url=_text(value, "profile_url", drift, "account"),
            created_at=_moment(value, "created_at", drift, "account"),
            updated_at=_moment(value, "updated_at", drift, "account"),
        )


BUNDLE = BundleReader()


DELIVERED = DeliveredReader()


def _status(bundle: dict[str, Json], account: dict[str, Json] | None, drift: Drift) -> str | None:
    outer = _choice(bundle, "account_status", ACCOUNT_STATUSES, drift)
    inner = None if account is None else _choice(account, "status", ACCOUNT_STATUSES, drift)
    if outer is not None and inner is not None and outer != inner:
        drift.new_value("bundle.account_status", f"{outer}, while account.status is {inner}")
        return None
    return inner or outer


def profile_from_json(value: dict[str, Json], drift: Drift) -> Profile:
    """Read the fields of a profile wherever they stand among others."""
    return Profile(
        **{field: _text(value, field, drift, "profile") for field in PROFILE_FIELDS},
        unset=tuple(f for f in PROFILE_FIELDS if f in value and value[f] is None),
    )


def _requested(account: dict[str, Json], drift: Drift) -> Profile | None:
    stated = any(field in account for field in PROFILE_FIELDS)
    return profile_from_json(account, drift) if stated else None


def _history(account: dict[str, Json] | None, drift: Drift) -> tuple[FeedbackEntry, ...] | None:
    if account is None or "feedback_history" not in account:
        return None
    entries = account["feedback_history"]
    if not isinstance(entries, list):
        drift.expected("account.feedback_history", "a list", entries)
        return None
    return tuple(_entry(entry, drift) for entry in entries)


def _entry(entry: Json, drift: Drift) -> FeedbackEntry:
    if not isinstance(entry, dict):
        drift.expected("feedback", "an object", entry)
        return FeedbackEntry()
    kind = _choice(entry, "type", _FEEDBACK_TYPES, drift, "feedback")
    return FeedbackEntry(
        # Under a new name it may be a request of ours: whoever counts requests must not know better.
        type=kind if kind in _FEEDBACK_TYPES else None,
        comment=_text(entry, "comment", drift, "feedback"),
        fields=_texts(entry.get("fields"), drift),
        requested_at=_moment(entry, "requested_at", drift, "feedback"),
        requested_by=_text(entry, "requested_by", drift, "feedback"),
        applied_at=_moment(entry, "applied_at", drift, "feedback"),
        changes=_changes(entry.get("changes"), drift),
        finalized_at=_moment(entry, "finalized_at", drift, "feedback"),
    )


def _texts(value: Json, drift: Drift) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(text(said) is not None for said in value.values()):
        drift.expected("feedback.fields", "texts by field", value)
        return None
    return dict(value)


def _changes(value: Json, drift: Drift) -> dict[str, Change] | None:
    """Read the changed fields; that one changed is known also where its values cannot be read."""
    if value is None:
        return None
    if not isinstance(value, dict):
        drift.expected("feedback.changes", "changes by field", value)
        return None
    return {name: _change(told, drift) for name, told in value.items()}


def _change(value: Json, drift: Drift) -> Change:
    if not isinstance(value, dict):
        drift.expected("feedback.changes", "from and to by field", value)
        return Change()
    return Change(
        before=_text(value, "from", drift, "feedback.changes"),
        after=_text(value, "to", drift, "feedback.changes"),
    )


def _text(value: dict[str, Json], field: str, drift: Drift, name: str = "bundle") -> str | None:
    got = value.get(field)
    found = text(got)
    if found is None and got is not None:
        drift.expected(f"{name}.{field}", "a text", got)
    return found


def _name(value: dict[str, Json], field: str, drift: Drift, name: str = "bundle") -> str | None:
    """A text that names something, and can be kept and asked for."""
    found = _text(value, field, drift, name)
    if found is None or usable_id(found):
        return found
    drift.expected(f"{name}.{field}", "a word that can be kept", found)
    return None


def _choice(
    value: dict[str, Json],
    field: str,
    known: tuple[str, ...] | frozenset[str],
    drift: Drift,
    name: str = "bundle",
) -> str | None:
    found = _name(value, field, drift, name)
    if found is not None and found not in known:
        drift.new_value(f"{name}.{field}", found)
    return found


def _moment(value: dict[str, Json], field: str, drift: Drift, name: str = "bundle") -> Json:
    got = value.get(field)
    found = moment(got)
    if found is None and got is not None:
        drift.expected(f"{name}.{field}", "a moment with a zone", got)
    return found
