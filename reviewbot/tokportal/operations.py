"""Operations: what a call is called in figures, by its method and the shape of its path."""

from __future__ import annotations

OPERATIONS = {
    "GET /comments": "list_comments",
    "POST /comments": "create_comments",
    "GET /comments/{id}": "get_comment",
    "DELETE /comments/{id}": "cancel",
    "POST /comments/{id}/approve": "approve",
    "POST /comments/{id}/dispute": "dispute",
    "GET /comments/{id}/verifications": "get_verifications",
    "GET /bundles": "list_bundles",
    "GET /bundles/{id}": "get_bundle",
    "GET /bundles/{id}/account": "get_bundle_account",
    "POST /bundles/{id}/account/finalize": "finalize_account",
    "POST /bundles/{id}/account/corrections": "request_corrections",
    "GET /accounts": "list_accounts",
    "GET /accounts/{id}": "get_account",
    "GET /me": "me",
}
"""Every call of `client.py`; one task and a batch of them are ordered by the same call."""


def operation_of(method: str, path: str) -> str:
    """The name of a call; `path` is below the API root, its second part is always an id."""
    parts = path.partition("?")[0].split("/")
    if len(parts) > 2:
        parts[2] = "{id}"
    return OPERATIONS.get(f"{method} {'/'.join(parts)}", "other")
