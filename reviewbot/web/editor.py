"""The editor of a policy: its text with findings and tests, and what a change would have moved."""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import JSONResponse, RedirectResponse, Response

from reviewbot.core.replay import past_reviews
from reviewbot.domain.decision import ACTIONS_OF
from reviewbot.domain.errors import UsageError
from reviewbot.foresight.gather import outlook_of
from reviewbot.insights.limited import TimedReviews
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.service.completion import complete
from reviewbot.policy.service.draft import Draft
from reviewbot.policy.service.hover import hover
from reviewbot.policy.service.numbers import MovableNumber, numbers_of
from reviewbot.policy.testing.cases import CaseResult, run_cases
from reviewbot.policy.testing.compare import Impact, counter
from reviewbot.ports.ledger import StoredPolicy
from reviewbot.presentation.format import dollars
from reviewbot.runtime import published
from reviewbot.runtime.bot_health import bot_of
from reviewbot.runtime.published import SCHEME, PolicyDraft, draft_of, read_text, save_draft
from reviewbot.web.console import Visit
from reviewbot.web.people import note
from reviewbot.web.render import page

WINDOW = timedelta(days=30)
MOST_CAUSES = 3
LONGEST_NOTE = 200


class MovedReviews(msgspec.Struct, frozen=True, kw_only=True):
    """How many reviews would go from one action to another."""

    old: str
    new: str
    count: int
    money: str
    causes: tuple[tuple[str, str, int], ...]
    samples: tuple[str, ...]


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft would have decided otherwise, and what it would make of the open queue."""

    total: int
    days: int
    actions: tuple[str, ...]
    matrix: dict[tuple[str, str], int]
    moves: tuple[MovedReviews, ...]
    queue: tuple[tuple[str, str, str], ...]
    """Open tasks that would be decided otherwise: id, now, then."""
    limits: tuple[str, ...]

    @property
    def moved(self) -> int:
        """How many of the past reviews would be decided otherwise."""
        return sum(cell.count for cell in self.moves)


def edit(visit: Visit) -> Response:
    """The editor: the draft where there is one, else the text that runs."""
    stored = _stored(visit)
    draft = draft_of(visit.ledger, stored.name)
    text = stored.source if draft is None else draft.source
    return _shown(visit, stored, text, draft)


def save(visit: Visit) -> Response:
    """Check the text, try it on the past, save it as a draft, or propose it to the others."""
    stored, act = _stored(visit), visit.form.get("act", "check")
    text = visit.form.get("source", "")
    ledger, who = visit.ledger, visit.who.name
    draft = draft_of(ledger, stored.name)
    if act in ("save", "propose"):
        parsed = read_text(text, f"{stored.name}.yaml", stored.files, today=visit.now.date())
        if act == "propose" and (parsed.policy is None or _failing(parsed)):
            return _shown(
                visit,
                stored,
                text,
                draft,
                problem="It is proposed once it has no error and its tests pass.",
                status=422,
            )
        if parsed.policy is not None and parsed.policy.name != stored.name:
            return _shown(
                visit,
                stored,
                text,
                draft,
                problem=f"Keep its name: policy: {stored.name}",
                status=422,
            )
        draft = PolicyDraft(
            name=stored.name,
            source=text,
            author=who,
            saved_at=visit.now,
            note=" ".join(visit.form.get("note", "").split())[:LONGEST_NOTE],
            base=stored.revision,
            proposed=act == "propose",
        )
        save_draft(ledger, draft)
        revision = None if parsed.policy is None else parsed.policy.revision
        about = {"policy": stored.name, "revision": revision, "note": draft.note}
        note(
            ledger,
            f"draft {'proposed' if draft.proposed else 'saved'}",
            who=who,
            now=visit.now,
            **about,
        )
        if draft.proposed and _is_in_ledger(stored):
            published.publish(ledger, text, stored.files, by=who, now=visit.now, note=draft.note)
        return RedirectResponse(f"/policies/{stored.name}/edit", 303)
    if act == "drop":
        published.drop_draft(ledger, stored.name)
        note(ledger, "draft dropped", who=who, now=visit.now, policy=stored.name)
        return RedirectResponse(f"/policies/{stored.name}", 303)
    return _shown(visit, stored, text, draft, tried=act == "what if")


def check(visit: Visit) -> Response:
    """Findings and tests of a text, for the editor while somebody types."""
    stored = _stored(visit)
    parsed = read_text(
        visit.form.get("source", ""), f"{stored.name}.yaml", stored.files, today=visit.now.date()
    )
    results = () if parsed.policy is None else run_cases(compile_policy(parsed.policy))
    return JSONResponse(
        {
            "findings": [_plain(finding) for finding in parsed.findings],
            "tests": [_test(result) for result in results],
            "numbers": [] if parsed.policy is None else [*map(_number, numbers_of(parsed.policy))],
        }
    )


def offers(visit: Visit) -> Response:
    """What can stand at a place of the text."""
    draft = Draft(visit.form.get("source", ""), f"{_stored(visit).name}.yaml")
    return JSONResponse(
        [
            {
                "label": offer.label,
                "kind": offer.kind,
                "insert": offer.insert,
                "detail": offer.detail,
                "sentence": offer.sentence,
                **_place_of(offer.span),
            }
            for offer in complete(draft, *_asked_at(visit))
        ]
    )


def hovered(visit: Visit) -> Response:
    """What can be said of the word at a place of the text."""
    stored = _stored(visit)
    draft = Draft(visit.form.get("source", ""), f"{stored.name}.yaml")
    policy = read_text(draft.text, draft.path, stored.files, today=visit.now.date()).policy
    found = hover(draft, *_asked_at(visit), policy)
    if found is None:
        return JSONResponse(None)
    about = {"title": found.title, "sentences": found.sentences}
    return JSONResponse(about | _place_of(found.span))


def _asked_at(visit: Visit) -> tuple[int, int]:
    """The place that was asked about: line and column from 1, in characters."""
    line, column = visit.form.get("line", ""), visit.form.get("column", "")
    if not (line.isdecimal() and column.isdecimal()):
        raise UsageError("a place is a line and a column")
    return int(line), int(column)


def _place_of(span: Span) -> dict[str, list[int]]:
    return {"from": [span.line, span.column], "to": [span.end_line, span.end_column]}


def patch(visit: Visit) -> Response:
    """The draft as a patch of the file that the policy comes from."""
    stored = _stored(visit)
    draft = draft_of(visit.ledger, stored.name)
    if draft is None:
        raise UsageError("there is no draft of it")
    path = stored.path.lstrip("/")
    lines = difflib.unified_diff(
        stored.source.splitlines(keepends=True),
        draft.source.splitlines(keepends=True),
        f"a/{path}",
        f"b/{path}",
    )
    headers = {"Content-Disposition": f'attachment; filename="{stored.name}.patch"'}
    return Response("".join(lines), media_type="text/x-diff", headers=headers)


def _stored(visit: Visit) -> StoredPolicy:
    """The revision that runs, else the newest that ran."""
    name = visit.path["policy"]
    beat = visit.console.beat()
    running = {} if beat is None else {policy.name: policy.revision for policy in beat.policies}
    found = [stored for stored in visit.ledger.policies() if stored.name == name]
    if not found:
        raise UsageError(f"no policy is called {name!r}")
    return next((stored for stored in found if stored.revision == running.get(name)), found[-1])


def _is_in_ledger(stored: StoredPolicy) -> bool:
    return stored.path.startswith(SCHEME)


def _failing(parsed: Parsed) -> bool:
    assert parsed.policy is not None
    return any(not result.passed for result in run_cases(compile_policy(parsed.policy)))


def _shown(
    visit: Visit,
    stored: StoredPolicy,
    text: str,
    draft: PolicyDraft | None,
    *,
    problem: str = "",
    status: int = 200,
    tried: bool = False,
) -> Response:
    parsed = read_text(text, f"{stored.name}.yaml", stored.files, today=visit.now.date())
    judge = None if parsed.policy is None else compile_policy(parsed.policy)
    running = visit.console.revisions().judge(stored.revision)
    what_if = None
    if tried and judge is not None and running is not None:
        what_if = try_on_the_past(visit, running, judge)
    return page(
        visit,
        "edit.html.jinja",
        status=status,
        stored=stored,
        text=text,
        draft=draft,
        problem=problem,
        findings=parsed.findings,
        tests=() if judge is None else run_cases(judge),
        what_if=what_if,
        tried=tried,
        in_ledger=_is_in_ledger(stored),
        lines=text.count("\n") + 1,
        errors=sum(finding.severity is Severity.ERROR for finding in parsed.findings),
    )


def try_on_the_past(visit: Visit, running: Judge, draft: Judge) -> WhatIf:
    """The last 30 days and the open queue by both, limits included."""
    since = visit.now - WINDOW
    impact = Impact()
    timed = TimedReviews()
    judged = counter(impact, running, draft, visit.now, timed=timed.add)
    for review in past_reviews(visit.ledger.iter_decisions(since), since, lambda _: None):
        judged(review)
    kept = timed.hold(impact, running, draft)
    timed.close()
    flips = impact.flips()
    met = {action for pair in flips for action in pair}
    usual = [action.value for action in ACTIONS_OF[draft.policy.applies_to.review]]
    return WhatIf(
        total=impact.total,
        days=WINDOW.days,
        actions=tuple([word for word in usual if word in met] + sorted(met - set(usual))),
        matrix={pair: cell.count for pair, cell in flips.items()},
        moves=tuple(
            MovedReviews(
                old=old,
                new=new,
                count=cell.count,
                money=dollars(cell.micros),
                causes=tuple(
                    (before, after, part.count)
                    for before, after, part in impact.causes(old, new)[:MOST_CAUSES]
                ),
                samples=cell.samples,
            )
            for (old, new), cell in flips.items()
            if old != new
        ),
        queue=_queue(visit, running, draft),
        limits=tuple(f"{limit.limit} would keep back {limit.count}" for limit in kept[1]),
    )


def _queue(visit: Visit, running: Judge, draft: Judge) -> tuple[tuple[str, str, str], ...]:
    """What would become otherwise of what is open now."""
    bot = bot_of(visit.console.settings, visit.now)
    before, after = (
        outlook_of(visit.ledger, visit.now, bot, judges=[judge]) for judge in (running, draft)
    )
    return tuple(
        (key[1], future.end, after.futures[key].end)
        for key, future in before.futures.items()
        if key in after.futures and after.futures[key].end != future.end
    )


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        **_place_of(finding.span),
        "message": finding.message,
        "cure": finding.cure,
    }


def _number(number: MovableNumber) -> dict[str, Any]:
    return msgspec.structs.asdict(number)


def _test(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.test.name,
        "passed": result.passed,
        "problems": list(result.problems),
        "line": result.test.span.line,
    }
