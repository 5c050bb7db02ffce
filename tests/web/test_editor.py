"""Policies in the browser: a draft is checked, tried on the past, proposed, and runs once another accepts it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewbot.domain.errors import PolicyInvalid
from reviewbot.runtime import published
from reviewbot.runtime.published import LedgerPolicy
from reviewbot.safety import rollout
from tests.builders import CONFIRMED
from tests.review.test_people import EVERYTHING_IS_ASKED
from tests.web.desk import WebDesk, web_desk

pytestmark = pytest.mark.timeout(120)
PAYS = EVERYTHING_IS_ASKED.replace(
    "rules:\n", "rules:\n  - name: everything is paid\n    always: yes\n    then: approve\n", 1
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[WebDesk]:
    """A console over three questions."""
    with web_desk(tmp_path, tasks=3) as made:
        yield made


def test_what_if_shows_what_moves_and_saves_nothing(desk: WebDesk) -> None:
    """All three questions would be paid: in the matrix, with money, and in the open queue."""
    author = desk.person("aline", "author")
    page = author.post("/policies/asks/edit", act="what if", source=PAYS)
    assert page.status_code == 200
    assert "3 escalate → approve" in page.text
    assert "a person looks → everything is paid" in page.text
    assert published.draft_of(desk.console.ledger, "asks") is None
    same = author.post("/policies/asks/edit", act="what if", source=EVERYTHING_IS_ASKED)
    assert "No review of the past would be decided otherwise" in same.text


def test_findings_and_tests_come_while_somebody_types(desk: WebDesk) -> None:
    """By place and words, as `policy check` has them."""
    author = desk.person("aline", "author")
    broken = EVERYTHING_IS_ASKED.replace("then: escalate", "then: escalat")
    found = json.loads(author.post("/policies/asks/check", source=broken).text)["findings"]
    assert [(finding["severity"], finding["from"][0]) for finding in found] == [("error", 7)]
    tested = EVERYTHING_IS_ASKED + "tests:\n  - name: it pays\n    given: {}\n    expect: approve\n"
    tests = json.loads(author.post("/policies/asks/check", source=tested).text)["tests"]
    assert [(test["name"], test["passed"]) for test in tests] == [("it pays", False)]


def test_a_draft_is_kept_and_offered_as_a_patch_where_the_policy_is_a_file(desk: WebDesk) -> None:
    """The file is never written over; whoever dropped the draft sees what runs again."""
    author = desk.person("aline", "author")
    assert (
        author.post("/policies/asks/edit", act="save", source=PAYS, note="pay").status_code == 303
    )
    draft = published.draft_of(desk.console.ledger, "asks")
    assert draft is not None and (draft.author, draft.note, draft.source) == ("aline", "pay", PAYS)
    assert "everything is paid" in author.get("/policies/asks/edit").text
    patch = author.get("/policies/asks/patch").text
    assert "+  - name: everything is paid" in patch and patch.startswith("--- a/")
    author.post("/policies/asks/edit", act="drop", source="")
    assert "everything is paid" not in author.get("/policies/asks/edit").text


def test_a_text_of_any_length_comes_back_as_it_was(desk: WebDesk) -> None:
    """A draft longer than any line of a page, with what pages show otherwise: not a character is changed."""
    author = desk.person("aline", "author")
    text = (
        PAYS + "# \u202e & <b> \u200b {{ 7 * 7 }}\n" + "# a long comment, line after line\n" * 400
    )
    author.post("/policies/asks/edit", act="save", source=text)
    page = author.get("/policies/asks/edit").text
    shown = re.search(r'<textarea name="source"[^>]*>\n?(.*?)</textarea>', page, re.S)
    assert shown is not None and html.unescape(shown[1]) == text


def test_what_cannot_run_is_not_proposed(desk: WebDesk) -> None:
    """An error, a test that fails, another name."""
    author = desk.person("aline", "author")
    for text in (
        PAYS.replace("then: approve", "then: aprove"),
        PAYS + "tests:\n  - name: it asks\n    given: {}\n    expect: escalate\n",
        PAYS.replace("policy: asks", "policy: others"),
    ):
        answer = author.post("/policies/asks/edit", act="propose", source=text)
        assert answer.status_code == 422
        assert published.draft_of(desk.console.ledger, "asks") is None


def test_a_published_policy_runs_once_somebody_accepts_it(desk: WebDesk, tmp_path: Path) -> None:
    """The one before it runs until then; `ledger:NAME` finds the accepted one."""
    ledger, now = desk.console.ledger, CONFIRMED
    source = LedgerPolicy("ledger:asks", desk.console.settings.ledger, "default")
    assert "holds no policy called asks" in source.load().findings[0].message
    first = published.publish(ledger, EVERYTHING_IS_ASKED, {}, by="aline", now=now)
    assert "is accepted yet" in source.load().findings[0].message
    assert [note.subject for note in rollout.waiting(ledger)] == [first.revision]

    operator = desk.person("otto", "operator")
    assert operator.post("/accept", revision=first.revision).status_code == 303
    assert source.changed()
    running = source.load().policy
    assert running is not None and running.revision == first.revision and not source.changed()

    second = published.publish(ledger, PAYS, {}, by="aline", now=now)
    running = source.load().policy
    assert running is not None and running.revision == first.revision
    operator.post("/accept", revision=second.revision)
    running = source.load().policy
    assert running is not None and running.revision == second.revision
    with pytest.raises(PolicyInvalid):
        published.publish(ledger, "policy: asks\n", {}, by="aline", now=now)
