"""Our accounts as the API lists them, for rules that ask for their names, their country, their past."""

from __future__ import annotations

from collections.abc import Mapping

from reviewbot.ports.queue import AccountCard
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.pagination import PER_PAGE

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
