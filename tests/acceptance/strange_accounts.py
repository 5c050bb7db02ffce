"""Somebody else's server for accounts: the documented shapes, lower-case codes, and nothing more.

It shares no line with our simulator. Lists may ignore their filter and tell nothing but ids; the
detour has either of its two names; codes come in either case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.acceptance.stranger import ROOT, Json, Refused, stamp

FIELDS = ("username", "visible_name", "biography", "profile_picture")
WANTED: Json = {
    "username": "lumen.cooks",
    "visible_name": "Lumen Cooks",
    "biography": "One pan, one city: Lisbon.",
    "profile_picture_url": "https://cdn.example.com/p/lumen.jpg",
    "link_in_bio": None,
}


class StrangeAccounts:
    """Bundles with their accounts; `acts` is every act that took effect, `calls` every call."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        filters: bool = True,
        bare_rows: bool = False,
        detour: str = "corrections_requested",
        shout: bool = False,
    ) -> None:
        self.now = now
        self.filters, self.bare_rows, self.detour, self.shout = filters, bare_rows, detour, shout
        self.bundles: dict[str, Json] = {}
        self.delivered: dict[str, Json] = {}
        self.acts: list[tuple[str, str, Json]] = []
        self.calls: list[str] = []
        self.before_act: Callable[[str], None] = lambda bundle_id: None

    def put(
        self,
        bundle_id: str,
        delivered: Json | None,
        *,
        wanted: Json = WANTED,
        history: list[Json] | None = None,
        status: str = "in_review",
    ) -> None:
        """Let an account stand in review; `delivered` None: it cannot be read."""
        account_id = f"acc_{bundle_id}"
        if delivered is not None:
            self.delivered[account_id] = {"id": account_id, "platform": "tiktok", **delivered}
        self.bundles[bundle_id] = {
            "id": bundle_id,
            "platform": "tiktok",
            "account_status": status,
            "saved_account_id": account_id,
            "account": {"status": status, **wanted, "feedback_history": list(history or [])},
        }

    def mend(self, bundle_id: str, **changes: str) -> None:
        """The other side makes corrections: these, and no others."""
        bundle = self.bundles[bundle_id]
        actual = self.delivered[bundle["saved_account_id"]]
        made = {name: {"from": actual.get(name), "to": text} for name, text in changes.items()}
        actual.update(changes)
        bundle["account"]["feedback_history"].append(
            {"type": "corrections_applied", "applied_at": stamp(self.now()), "changes": made}
        )
        self._stand(bundle, "in_review")

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Json]:
        """Answer one call."""
        parts = urlsplit(target)
        self.calls.append(f"{method} {parts.path}")
        try:
            return 200, self._answer(method, parts.path, parse_qs(parts.query), body)
        except Refused as refused:
            code = refused.code.upper() if self.shout else refused.code
            error = {"code": code, "message": "No.", "details": refused.details}
            return refused.status, {"error": error}

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Json:
        if (method, path) == ("GET", f"{ROOT}/bundles"):
            return self._page({name: values[-1] for name, values in query.items()})
        if (found := re.fullmatch(rf"{ROOT}/accounts/(\w+)", path)) and method == "GET":
            if found[1] not in self.delivered:
                raise Refused(404, "account_not_found")
            return {"data": self.delivered[found[1]]}
        found = re.fullmatch(rf"{ROOT}/bundles/(\w+)(?:/account(?:/(\w+))?)?", path)
        if found is None or found[1] not in self.bundles:
            raise Refused(404, "bundle_not_found")
        bundle = self.bundles[found[1]]
        match method, found[2]:
            case "GET", None:
                return {"data": bundle}
            case "POST", "finalize":
                return self._finalize(bundle)
            case "POST", "corrections":
                return self._correct(bundle, json.loads(body))
        raise Refused(404, "not_found")

    def _page(self, asked: dict[str, str]) -> Json:
        page, size = int(asked.get("page", 1)), int(asked.get("per_page", 25))
        wanted = asked.get("account_status") if self.filters else None
        rows = [b for b in self.bundles.values() if wanted in (None, b["account_status"])]
        shown = [self._row(bundle) for bundle in rows]
        return {
            "data": shown[(page - 1) * size : page * size],
            "pagination": {
                "page": page,
                "per_page": size,
                "total": len(rows),
                "total_pages": -(-len(rows) // size),
            },
        }

    def _row(self, bundle: Json) -> Json:
        if self.bare_rows:
            return {"id": bundle["id"]}
        return {name: value for name, value in bundle.items() if name != "account"}

    def _check(self, bundle: Json) -> None:
        self.before_act(bundle["id"])
        if bundle["account_status"] != "in_review":
            raise Refused(409, "invalid_status", current_status=bundle["account_status"])

    def _finalize(self, bundle: Json) -> Json:
        self._check(bundle)
        self.acts.append((bundle["id"], "finalize", {}))
        now = stamp(self.now())
        self._stand(bundle, "finalized")
        bundle["account"]["finalized_at"] = now
        account = {"status": "finalized", "finalized_at": now}
        return {"data": {"id": bundle["id"], "account": account}}

    def _correct(self, bundle: Json, body: Json) -> Json:
        self._check(bundle)
        if not body.get("comment"):
            raise Refused(400, "missing_comment")
        if not body.get("fields"):
            raise Refused(400, "missing_fields")
        if set(body["fields"]) - set(FIELDS):
            raise Refused(400, "invalid_field")
        self.acts.append((bundle["id"], "corrections", body))
        asked = {**body, "requested_at": stamp(self.now())}
        history: list[Json] = bundle["account"]["feedback_history"]
        history.append({"type": "corrections_requested", **asked, "requested_by": "api"})
        self._stand(bundle, self.detour)
        account = {"status": self.detour, "corrections": asked}
        return {"data": {"id": bundle["id"], "account": account}}

    @staticmethod
    def _stand(bundle: Json, status: str) -> None:
        bundle["account_status"] = bundle["account"]["status"] = status


def a_request(hours_ago: float, now: datetime, **fields: str) -> Json:
    """An earlier request for corrections."""
    return {
        "type": "corrections_requested",
        "comment": "One thing.",
        "fields": fields,
        "requested_at": stamp(now - timedelta(hours=hours_ago)),
        "requested_by": "api",
    }


def a_correction(hours_ago: float, now: datetime, **changes: Any) -> Json:
    """Corrections that were made: field → (from, to)."""
    told = {name: {"from": before, "to": after} for name, (before, after) in changes.items()}
    applied = stamp(now - timedelta(hours=hours_ago))
    return {"type": "corrections_applied", "applied_at": applied, "changes": told}
