"""Lists of a policy as tables: who added what, when it ends, and a change that makes a draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewbot.policy.language.parser import parse_policy
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


IN_A_FILE = WATCHED.replace(
    """  watched:
    - {id: ada, note: "<b>a look</b>", until: 2026-01-31}
    - bob
""",
    """  watched: {file: "team <b>.csv", column: id, where: {country: [DE, AT]}}
""",
)


@pytest.mark.parametrize(
    ("path", "says"),
    [("policies/lists.yaml", "anew once it is saved"), ("ledger:lists", "policy publish FILE")],
)
def test_a_list_in_a_file_is_shown_and_says_where_it_is_changed(
    tmp_path: Path, path: str, says: str
) -> None:
    """The console writes no file: it says which one it is, which of its rows count, and what to do."""

    def read(name: str) -> bytes:
        return b"id,country,note\nada,DE,a look\nbob,FR,\n"

    with web_desk(tmp_path, tasks=1, policy=WATCHED) as desk:
        policy = parse_policy(IN_A_FILE, path=path, read=read).policy
        assert policy is not None
        desk.console.ledger.remember_policy(policy, desk.house.clock.now())
        aline, where = desk.person("aline", "author"), "/policies/lists/lists"
        text = aline.get(where).text
        assert "ada" in text and "bob" not in text and "DE or AT" in text
        assert "team &lt;b&gt;.csv" in text and says in text and "Take out" not in text
        refused = aline.post(where, list="watched", id="eve", act="put")
        assert refused.status_code == 422 and "change it there" in refused.text


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
