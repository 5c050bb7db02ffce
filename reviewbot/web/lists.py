"""The lists of a policy as tables: what stands in them, who added it, when it ends; a change makes a draft."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import RedirectResponse, Response

from reviewbot.domain.errors import UsageError
from reviewbot.policy.model import ListEntry, NamedList, Policy
from reviewbot.policy.service.list_edit import CannotEdit, read_until, with_entry, without_entry
from reviewbot.ports.ledger import StoredPolicy
from reviewbot.runtime import published
from reviewbot.runtime.published import PolicyDraft, draft_of, read_text, save_draft
from reviewbot.web.console import Visit
from reviewbot.web.people import note
from reviewbot.web.policies import running_policy
from reviewbot.web.render import page

LOOKED_AT = 40
"""Revisions, the newest, in which an entry's beginning is looked for."""


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, and in which revision it came in; who published that, where the ledger knows."""

    entry: ListEntry
    since: StoredPolicy | None
    who: str
    ended: bool


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """Every list of the policy that runs."""
    judge, stored = running_policy(visit)
    today = visit.now.astimezone(ZoneInfo(judge.policy.timezone)).date()
    came = _came_in(visit, stored[:LOOKED_AT])
    publishers = {
        policy.revision: policy.by
        for policy in published.published(visit.ledger, judge.policy.name)
    }
    return page(
        visit,
        "lists.html.jinja",
        status=status,
        policy=judge.policy,
        lists=[(named, _rows(named, came, publishers, today)) for named in judge.policy.lists],
        draft=draft_of(visit.ledger, judge.policy.name),
        from_ledger=stored[0].path.startswith(published.SCHEME),
        problem=problem,
    )


def _came_in(visit: Visit, newest_first: list[StoredPolicy]) -> dict[tuple[str, str], StoredPolicy]:
    """The revision with which each entry came in and stayed, by list and value."""
    revisions = visit.console.revisions()
    came: dict[tuple[str, str], StoredPolicy] = {}
    still: set[tuple[str, str]] | None = None
    for stored in newest_first:
        judge = revisions.judge(stored.revision)
        if judge is None:
            break
        there = {(named.name, entry.id) for named in judge.policy.lists for entry in named.entries}
        still = there if still is None else still & there
        came |= dict.fromkeys(still, stored)
    return came


def _rows(
    named: NamedList,
    came: dict[tuple[str, str], StoredPolicy],
    publishers: dict[str, str],
    today: date,
) -> list[EntryRow]:
    rows = []
    for entry in named.entries:
        since = came.get((named.name, entry.id))
        rows.append(
            EntryRow(
                entry=entry,
                since=since,
                who="" if since is None else publishers.get(since.revision, ""),
                ended=entry.until is not None and entry.until < today,
            )
        )
    return rows


def change(visit: Visit) -> Response:
    """Add an entry, change when it ends, or take it out: in the draft, which others then look at."""
    ledger, form, who = visit.ledger, visit.form, visit.who.name
    judge, stored = running_policy(visit)
    name, chosen = form.get("list", ""), stored[0]
    draft = draft_of(ledger, judge.policy.name)

    def read(source: str) -> Any:
        return read_text(source, chosen.path, chosen.files, today=visit.now.date(), tests=None)

    policy = judge.policy if draft is None else read(draft.source).policy
    try:
        if policy is None:
            raise CannotEdit("the draft has an error: mend it in the editor first")
        text = _changed(visit, policy, name, read)
    except CannotEdit as error:
        return show(visit, problem=str(error), status=422)
    value = form.get("id", "").strip()
    words = f"{name}: {'without' if form.get('act') == 'remove' else 'with'} {value}"[:200]
    save_draft(
        ledger,
        PolicyDraft(
            name=policy.name,
            source=text,
            author=who,
            saved_at=visit.now,
            note=words,
            base=chosen.revision,
        ),
    )
    note(ledger, "draft saved", who=who, now=visit.now, policy=policy.name, note=words)
    return RedirectResponse(f"/policies/{policy.name}/edit", 303)


def _changed(visit: Visit, policy: Policy, name: str, read: Any) -> str:
    value = visit.form.get("id", "").strip()
    if not value:
        raise UsageError("an entry needs a value")
    if visit.form.get("act") == "remove":
        return without_entry(policy, name, value, read)
    entry = ListEntry(
        id=value,
        note=visit.form.get("note", "").strip() or None,
        until=read_until(visit.form.get("until", "")),
    )
    return with_entry(policy, name, entry, read)
