"""What pages hold besides answers: limits in use, exports, a policy to sign, and acceptance by another."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from reviewbot.alarms.mutes import mute
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.text import iso
from reviewbot.key_settings import KeyTable
from reviewbot.ports.ledger import ErasureOrder
from reviewbot.runtime import published
from reviewbot.safety import rollout
from reviewbot.safety.pauses import pause
from reviewbot.web.console import Figures, MonthFigures
from tests.review.test_people import EVERYTHING_IS_ASKED
from tests.web.desk import WebDesk, web_desk

pytestmark = pytest.mark.timeout(120)
LIMITED = """
policy: limited
language: 1
never:
  - name: nothing is left to the timer
    when: {task.round: at least 1}
    then: leave
rules:
  - name: pay two a day
    always: yes
    then: approve
    limit: at most 2 per day
deadline:
  decide by: 1h before deadline
  if undecided: escalate
  because: People decide.
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDesk]:
    """Four tasks of which the policy pays two; the rest are questions."""
    with web_desk(tmp_path_factory.mktemp("desk"), tasks=4, policy=LIMITED) as made:
        yield made


def test_limits_are_shown_with_what_is_used_of_them(desk: WebDesk) -> None:
    """Two of two, full, on Today and on the status; in words for whoever sees no bar."""
    somebody = desk.person("vic", "viewer")
    for path in ("/", "/status"):
        text = somebody.get(path).text
        assert (
            "2 of 2" in text and 'aria-label="100 % used"' in text and "at most 2 per day" in text
        )


def test_the_status_is_plain_text(desk: WebDesk) -> None:
    """What colours words on a terminal is not shown as letters on a page."""
    text = desk.person("vic", "viewer").get("/status").text
    assert '<pre class="status"' in text
    assert "[32m" not in text and "[0m" not in text


def test_a_rule_has_its_month_on_its_card(desk: WebDesk) -> None:
    """What it decided in money, that nothing came back on it, and what is used of its own limit."""
    somebody = desk.person("vic", "viewer")
    card = somebody.get("/policies/limited").text.partition('class="approve"')[2]
    assert "approve: 4 in 30 days, 1.05 USD; nothing came back" in card
    assert "2 of 2" in card.partition("</li>\n<li")[0]
    rules = somebody.get("/rules").text
    assert "By week, oldest first" in rules and "0 · 0 · 0 · 4" in rules


def test_a_name_that_two_policies_have_gets_no_figures(desk: WebDesk) -> None:
    """What another policy's rule of that name decided is not this one's money."""
    counted = desk.console.figures
    month = counted.month()
    both = replace(month, counts={**month.counts, "another": month.counts["limited"]})

    class Fixed(Figures):
        def month(self) -> MonthFigures:
            return both

    desk.console.figures = Fixed(desk.console.ledger, desk.console.now)
    try:
        text = desk.person("vic", "viewer").get("/policies/limited").text
    finally:
        desk.console.figures = counted
    assert "4 decided" in text
    assert "in 30 days, 1.05 USD" not in text


def test_what_holds_beside_the_rules_stands_on_the_ladder(tmp_path: Path) -> None:
    """The limit of the rule that decided, its hours, and a pause with who ordered it."""
    policy = LIMITED.replace(
        "    limit:", "    act during: new year\n    when over: escalate\n    limit:"
    ).replace("rules:", "hours: {new year: {open: mon-sun 01:00-02:00}}\nrules:", 1)
    with web_desk(tmp_path, tasks=1, policy=policy) as made:
        now = made.console.now()
        pause(made.console.ledger, "dispute", reason="a test", who="ana", until=None, now=now)
        (task,) = (seen.task_id for seen in made.console.ledger.unended("comments"))
        text = made.person("vic", "viewer").get(f"/task/{task}").text
        rungs = text.partition('class="ladder"')[2].partition("What happens when")[0]
        assert "hours new year" in rungs and "closed" in rungs and "01:00" in rungs
        assert "dispute is paused by ana: a test" in rungs
        assert "0 of 2" in rungs


def test_the_log_says_how_it_stands_against_its_checkpoints(desk: WebDesk) -> None:
    """None yet; one that it holds; and one that it departs from, said as what is wrong."""
    somebody, book = desk.person("vic", "viewer"), desk.console.book
    assert book is not None
    assert "No checkpoint of this log is kept yet." in somebody.get("/log").text
    kept = book.add(desk.console.ledger.checkpoint(desk.console.now()))
    text = somebody.get("/log").text
    assert f"Newest of 1 checkpoint: {kept.count} lines" in text
    assert "the log holds what it says" in text
    book.add(replace(kept, count=kept.count + 100_000))
    text = somebody.get("/log").text
    assert 'class="problem"' in text and "the log holds what it says" not in text
    Path(book.place).unlink()
    Path(book.place).mkdir()  # nobody can read it
    text = somebody.get("/log").text
    assert 'class="problem"' in text and "No checkpoint of this log" not in text


def test_who_may_sign_in_was_last_seen_then(desk: WebDesk) -> None:
    """The moment of the last thing of theirs that the log keeps."""
    admin = desk.person("root", "admin")
    text = admin.get("/people").text
    assert (
        "Last seen" in text and "never" not in text.partition("<tbody>")[2].partition("</table>")[0]
    )


def test_what_people_are_not_told_of_is_said_first(desk: WebDesk) -> None:
    """Whoever looks at the desk knows that alarms are silenced, and until when."""
    somebody = desk.person("vic", "viewer")
    assert "nobody is told" not in somebody.get("/").text
    now = desk.console.now()
    until = now + timedelta(hours=2)
    cap, why = AlarmKind.CAP, "a large campaign"
    mute(desk.console.ledger, cap, by="silence", who="ana", reason=why, until=until, now=now)

    assert f"nobody is told: cap until {iso(until)}" in somebody.get("/").text


def test_the_log_is_exported_as_filtered_in_three_forms(desk: WebDesk) -> None:
    """The same decisions by lines and by cells, each export a line of the chain."""
    somebody = desk.person("vic", "viewer")
    lines = [
        json.loads(line) for line in somebody.get("/log/export?action=approve").text.splitlines()
    ]
    cells = list(
        csv.DictReader(io.StringIO(somebody.get("/log/export?action=approve&form=csv").text))
    )
    assert [line["id"] for line in lines] == [cell["id"] for cell in cells] and len(lines) == 2
    pytest.importorskip("pyarrow", reason="pip install 'reviewbot[parquet]'")
    import pyarrow.parquet as parquet

    body = somebody.get("/log/export?action=approve&form=parquet").content
    table = parquet.read_table(io.BytesIO(body))
    assert table.column("id").to_pylist() == [line["id"] for line in lines]
    assert somebody.get("/log/export?form=xml").status_code == 422
    acts = [
        word.value.get("form")
        for word in desk.console.ledger.story("console", "vic")
        if word.value["act"] == "export"
    ]
    assert acts == ["jsonl", "csv", "parquet"]


def test_the_log_is_filtered_by_day_and_looks_only_so_long(
    desk: WebDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clocks of the policy; a page that found nothing in its time offers to look further back."""
    somebody = desk.person("vic", "viewer")
    day = desk.house.clock.now().date().isoformat()
    assert "<tr data-task-id" in somebody.get(f"/log?since={day}&until={day}").text
    assert "No decision fits" in somebody.get("/log?since=2999-01-01").text
    monkeypatch.setattr("reviewbot.web.record.PATIENCE", -1.0)
    page = somebody.get("/log?text=nothing-is-called-so").text
    assert "No decision up to here fits" in page and "before=" in page


def test_a_policy_is_a_page_to_print_and_sign(desk: WebDesk) -> None:
    """With what must never be, every rule in sentences, the whole revision and places to sign."""
    text = desk.person("vic", "viewer").get("/policies/limited/print").text
    for words in (
        "nothing is left to the timer",
        "pay two a day",
        "Signature",
        "What is signed here",
    ):
        assert words in text


def test_where_two_people_are_asked_nobody_accepts_their_own(tmp_path: Path) -> None:
    """Whoever proposed it is refused, by the page and by the order itself; another may."""
    with web_desk(tmp_path, tasks=1) as desk:
        console = desk.console
        console.settings = replace(console.settings, require_ack=True)
        made = published.publish(
            console.ledger, EVERYTHING_IS_ASKED, {}, by="opal", now=desk.house.clock.now()
        )
        opal, omar = desk.person("opal", "operator"), desk.person("omar", "operator")
        refused = opal.post("/accept", revision=made.revision)
        assert refused.status_code == 422 and "another person" in refused.text
        assert omar.post("/accept", revision=made.revision).status_code == 303
        assert rollout.is_accepted(console.ledger, made.revision, 1)


def test_a_desk_of_one_key_of_several_says_whose_it_is(desk: WebDesk) -> None:
    """Its name stands beside the brand; without names there is none."""
    somebody = desk.person("vic", "viewer")
    assert 'class="key"' not in somebody.get("/").text
    kept, console = desk.console.settings, desk.console
    table = KeyTable(name="acme", file="/nowhere", place="keys.acme")
    console.settings = replace(kept, keys=(table,), key="acme")
    try:
        assert '<span class="key">acme</span>' in somebody.get("/queue").text
    finally:
        console.settings = kept


def test_what_takes_long_to_count_is_counted_beside_the_pages(
    desk: WebDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quick figures are those of now; slow ones are shown with their moment, and renewed when they are stale."""
    figures, somebody = desk.console.figures, desk.person("vic", "viewer")
    counted: list[int] = []
    count = figures._count

    def counting() -> object:
        counted.append(1)
        return count()

    monkeypatch.setattr(figures, "_count", counting)
    somebody.get("/rules")
    assert counted == [1]
    figures._took = 9.0
    somebody.get("/rules")
    figures.count_if_wanted()
    assert counted == [1]
    figures._counted_at -= 3600
    assert "counted" in somebody.get("/rules").text
    assert counted == [1]
    figures.count_if_wanted()
    figures.count_if_wanted()
    assert counted == [1, 1]


def test_what_was_erased_still_has_its_pages(desk: WebDesk) -> None:
    """The decision and its task, without what was taken out; and the list that names them."""
    ledger = desk.console.ledger
    desk.house.poll(minutes=90)
    ended = {ending.task_id for ending in ledger.endings()}
    erased = next(logged for logged in ledger.decisions() if logged.decision.task_id in ended)
    task, name = erased.decision.task_id, erased.decision.id
    words = json.loads(erased.decision.facts)["task"]["comment_text"]
    done = ledger.erase(
        ErasureOrder(task=task), desk.house.clock.now(), who="Ana", because="they asked"
    )
    assert done.lines
    somebody = desk.person("vic", "viewer")
    for path in (f"/decision/{name}", f"/task/{task}", "/log", "/"):
        page = somebody.get(path)
        assert page.status_code == 200, path
        assert words not in page.text
