"""Lists of a policy as tables: who added what, when it ends, and a change that makes a draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewbot.runtime.published import draft_of, publish
from tests.web.desk import web_desk

pytestmark = pytest.mark.timeout(120)
WATCHED = """policy: lists
language: 1
lists:
  watched:
    - {id: ada, note: "<b>a look</b>", until: 2026-01-31}
    - bob
rules:
  - name: watched
    when: {task.saved_account_id: in list watched}
    then: escalate
  - name: the rest
    always: yes
    then: escalate
deadline: {decide by: 3h before deadline, if undecided: approve, because: In time.}
"""


def test_a_list_is_a_table_and_a_change_of_it_a_draft(tmp_path: Path) -> None:
    """A viewer reads it; an author adds, ends and takes out, one after the other in the same draft."""
    with web_desk(tmp_path, tasks=1, policy=WATCHED) as desk:
        ledger, now = desk.console.ledger, desk.house.clock.now()
        publish(ledger, WATCHED, {}, by="opal", now=now)
        vic, aline = desk.person("vic", "viewer"), desk.person("aline", "author")
        where = "/policies/lists/lists"
        text = vic.get(where).text
        assert "&lt;b&gt;a look&lt;/b&gt;" in text and "2026-01-31 (over)" in text
        assert "opal" in text and "Take out" not in text
        assert vic.post(where, list="watched", id="eve", act="put").status_code == 403

        made = aline.post(
            where, list="watched", id="eve", note="new", until="2027-01-31", act="put"
        )
        assert made.headers["location"] == "/policies/lists/edit"
        assert aline.post(where, list="watched", id="bob", act="remove").status_code == 303
        draft = draft_of(ledger, "lists")
        assert draft is not None and draft.author == "aline"
        assert '- {id: eve, note: "new", until: 2027-01-31}' in draft.source
        assert "bob" not in draft.source and "There is a draft" in vic.get(where).text
        assert "watched" in aline.get("/policies/lists/edit").text
        for wrong in ({"until": "soon"}, {"list": "nothing"}, {"id": " "}):
            fields = {"list": "watched", "id": "x", "act": "put"} | wrong
            assert aline.post(where, **fields).status_code == 422
