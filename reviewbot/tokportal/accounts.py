"""Accounts in review as a review queue."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from reviewbot.domain.account import (
    ACCOUNT_STATUSES,
    ACCOUNT_WAITING_STATUS,
    AccountReview,
    Profile,
)
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Forbidden,
    KeyRefused,
    NotFound,
    RateLimited,
)
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ports.queue import AccountCard, Listing, Odd, UnreadRow
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.decode import Drift
from reviewbot.tokportal.pagination import PER_PAGE, read_all

MOST_UNREAD = 3
"""Accounts of one list that cannot be read on their own; with more it is the API that is away."""


class AccountsQueue:
    """The accounts that wait for us (`ports.ReviewQueue`).

    The documented list names the bundles but not their feedback, without which the round is
    unknown; so each one whose row does not hold it is read on its own.
    """

    review: ReviewKind = "accounts"

    def __init__(self, api: ReadApi) -> None:
        self._api = api
        self._drift = Drift()

    def waiting(self) -> Listing:
        """List every account in review, each with its feedback."""
        drift, self._drift = self._drift, Drift()
        found = read_all(
            lambda page, per_page: self._api.list_bundles(
                account_status=ACCOUNT_WAITING_STATUS, page=page, per_page=per_page, drift=drift
            ),
            key=lambda bundle: (bundle.id, rounds(bundle)),
            doubtful=lambda bundle: bundle.account_status != ACCOUNT_WAITING_STATUS,
        )
        items, unread = [], list(found.unread)
        for place, row in enumerate(found.rows, 1):
            try:
                bundle = self._whole(row, drift)
            except (KeyRefused, CannotConnect, RateLimited):
                raise
            except ApiError as error:
                unread.append(UnreadRow(place=place, id=row.id, why=str(error)))
                if len(unread) - len(found.unread) > MOST_UNREAD:
                    raise
                continue
            if bundle is not None:
                items.append(account_item_of(bundle))
        return Listing(
            items=tuple(items),
            agreed=found.agreed,
            counted=found.counted,
            unread=tuple(unread),
            odd=drift.odd,
        )

    def renew(self, item: ReviewItem) -> Sequence[ReviewItem]:
        """See an account again; a list page would not tell its round, so it is read itself."""
        return (self.look(item.id),)

    def odd(self) -> Odd:
        """What was odd in answers since the list was read."""
        return self._drift.odd

    def look(self, item_id: str) -> ReviewItem:
        """Read one account again, whatever its status."""
        return account_item_of(self._read(item_id, self._drift))

    def evidence(self, item: ReviewItem) -> Profile:
        """Fetch the delivered profile; nothing of it is known before an account is delivered."""
        if item.account_id is None:
            return Profile()
        try:
            return self._api.get_account(item.account_id, drift=self._drift).profile
        except (NotFound, Forbidden):
            # The account cannot be seen; that says nothing about the review.
            return Profile()

    def _whole(self, row: AccountReview, drift: Drift) -> AccountReview | None:
        """The row with its feedback; None for one that does not wait (filters may be ignored)."""
        if _is_elsewhere(row, drift):
            return None
        if row.feedback_history is not None and row.profile is not None:
            return row
        try:
            whole = self._read(row.id, drift)
        except NotFound:
            return None
        return None if _is_elsewhere(whole, drift) else whole

    def _read(self, bundle_id: str, drift: Drift) -> AccountReview:
        bundle = self._api.get_bundle(bundle_id, drift=drift)
        if bundle.feedback_history is not None and bundle.profile is not None:
            return bundle
        account = self._api.get_bundle_account(bundle_id, drift=drift)
        return msgspec.structs.replace(
            bundle,
            account_status=bundle.account_status or account.account_status,
            profile=bundle.profile or account.profile,
            feedback_history=bundle.feedback_history
            if bundle.feedback_history is not None
            else account.feedback_history,
            finalized_at=bundle.finalized_at or account.finalized_at,
        )


def account_item_of(bundle: AccountReview) -> ReviewItem:
    """Make the review of an account as last seen. Its window is ours to keep: the API states none."""
    round_ = rounds(bundle)
    return ReviewItem(
        review="accounts",
        id=bundle.id,
        epoch=None if round_ is None else str(round_),
        status=bundle.account_status,
        started_at=None,
        deadline_at=None,
        deadline_is_estimate=True,
        version=hashlib.sha256(msgspec.json.encode(bundle)).hexdigest()[:16],
        account_id=bundle.saved_account_id,
        subject=bundle,
    )


def _is_elsewhere(bundle: AccountReview, drift: Drift) -> bool:
    """Whether it is in another documented status. One that nobody has documented may be waiting."""
    status = bundle.account_status
    if status == ACCOUNT_WAITING_STATUS or status not in ACCOUNT_STATUSES:
        return False
    drift.new_value("bundle.account_status", f"{status} in a list of {ACCOUNT_WAITING_STATUS}")
    return True


def rounds(bundle: AccountReview) -> int | None:
    """Count the rounds: applied corrections plus 1; unknown where an entry cannot be told."""
    history = bundle.feedback_history
    if history is None or any(entry.type is None for entry in history):
        return None
    return sum(entry.type == "corrections_applied" for entry in history) + 1


# ------------------------------------------------------------------------------------------------
# Our accounts as the API lists them, for rules that ask for their names, their country, their
# past.


MOST_PAGES = 100
"""Pages of the list that are read at most."""
FINALIZED = "finalized"


class ApiAccountDirectory:
    """The accounts that can post (`ports.AccountDirectory`)."""

    def __init__(self, api: ReadApi) -> None:
        self._api = api

    def cards(self) -> Mapping[str, AccountCard]:
        """Read the list of accounts, page by page."""
        found: dict[str, AccountCard] = {}
        for number in range(1, MOST_PAGES + 1):
            page = self._api.list_accounts(page=number)
            for account in page.rows:
                profile = account.profile
                found[account.id] = AccountCard(
                    profile.username, profile.visible_name, account.country
                )
            if page.size < PER_PAGE or (page.total_pages or 0) == number:
                break
        return found

    def finalized(self, account_id: str) -> int | None:
        """The API's own count of finalized tasks; None where the answer is about others."""
        page = self._api.list_comments(status=FINALIZED, saved_account_id=account_id, per_page=1)
        others = any(
            row.saved_account_id != account_id or row.status != FINALIZED for row in page.rows
        )
        return None if others else page.total
