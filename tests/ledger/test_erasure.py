"""What people wrote can be taken out of the log: nothing of it is left, and the chain is whole."""

from __future__ import annotations

import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.decision import Action, State
from reviewbot.ledger import erasure
from reviewbot.ledger.erasure import mention_of, ranges, without_texts
from reviewbot.ledger.open import open_ledger
from reviewbot.ledger.tables import DecisionRow
from reviewbot.ports.ledger import Ending, ErasureOrder
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, after
from tests.tier import times

SECRET = "Zqx7Wv"
"""A word that stands nowhere by chance."""
MANY = times(10, 60)
"""Tasks whose texts fill more than a page of the database."""
WHO: dict[str, Any] = {"at": after(days=9), "who": "Ana", "because": "they asked for it"}


def a_review(ledger: Any, task: str, *, account: str = "a1", words: str = SECRET) -> str:
    """One round from its sight to its end, with `words` wherever people's words stand; the decision's id."""
    ledger.sight([an_item(id=task)], CONFIRMED)
    decision = a_decision(
        Action.DISPUTE,
        task_id=task,
        account_id=account,
        reason=f"the reason {words}",
        fields={"username": f"name {words}"},
        decided_by=f"Kim {words}",
        trace=f'["{words}"]'.encode(),
        facts=f'{{"task":{{"comment_text":"{words}"}},"account":{{"handle":"{words}.h"}}}}'.encode(),
    )
    ledger.record(replace(decision, held_by=f"pause {words}"), State.HELD)
    ledger.intend(decision)
    ledger.mark(decision.id, State.UNKNOWN, after(hours=2), note=f"said {words}")
    ledger.mark(decision.id, State.SETTLED, after(hours=3), note=f"read {words}")
    ended = Ending(
        review="comments", task_id=task, epoch=EPOCH, by="ours", status="x", at=after(hours=4),
        note=f"ended {words}",
    )  # fmt: skip
    ledger.end(ended)
    return decision.id


def rows_of(ledger: Any) -> bytes:
    """Everything that the tables hold, details unpacked."""
    found = []
    with ledger._engine.reading() as driver:
        for table in ("entry", "decision", "round", "note", "kept", "heartbeat"):
            for row in driver.execute(f"SELECT * FROM {table}").fetchall():
                for value in row:
                    found.append(str(value).encode())
                    if isinstance(value, bytes | memoryview):
                        found.append(bytes(value))
                        found.append(unpacked(bytes(value)))
    return b"\n".join(found)


def unpacked(value: bytes) -> bytes:
    """What is packed in it, if anything is."""
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def test_nothing_of_an_erased_task_is_left_and_the_chain_is_whole(ledger: Any) -> None:
    """Of what it was decided there remains all but the words: and all of the task beside it."""
    checkpoint = ledger.checkpoint(CONFIRMED)
    name = a_review(ledger, "t1")
    other = a_review(ledger, "t2", words="Another")
    before = ledger.decision(name)
    told = ledger.decision(other)
    assert before.decision.reason == f"the reason {SECRET}"

    erased = ledger.erase(ErasureOrder(task="t1"), **WHO)

    assert (erased.lines, erased.tasks, erased.still_open) == (5, 1, ())
    assert SECRET.encode() not in rows_of(ledger)
    assert ledger.verify(checkpoint).problems == ()
    found = ledger.decision(name)
    assert found.decision == replace(
        before.decision, reason=None, fields=None, trace=b"null", facts=b"null",
        decided_by="(erased)", held_by=None,
    )  # fmt: skip
    assert (found.note, found.state, found.tries) == (None, before.state, before.tries)
    assert ledger.endings()[0].note is None
    assert ledger.decision(other) == told
    assert ledger.memories("comments", ["t1"])["t1"].history.disputes == 1
    assert ledger.memories("comments", ["t1"])["t1"].history.texts == ()
    (word,) = ledger.notes("erased")
    assert word.value["who"] == "Ana"
    assert word.value["because"] == "they asked for it"
    assert (word.value["what"], word.value["id"]) == ("task", "t1")

    assert ledger.finish_erasures()
    assert not ledger.finish_erasures()
    assert ledger.verify(checkpoint).problems == ()
    assert ledger.erase(ErasureOrder(task="t1"), **WHO).lines == 0
    a_review(ledger, "t3")
    assert ledger.verify(checkpoint).problems == ()


def test_an_account_and_a_handle_mean_all_their_tasks(ledger: Any) -> None:
    """Whoever else is called like it in part is somebody else; what says who was meant does not say it."""
    a_review(ledger, "t1", account="a1", words="one")
    a_review(ledger, "t2", account="a1", words="two")
    a_review(ledger, "t3", account="a2", words=SECRET)
    a_review(ledger, "t4", account="a3", words=f"not{SECRET}")

    assert ledger.erase(ErasureOrder(account="a1"), **WHO).tasks == 2
    assert ledger.erase(ErasureOrder(handle=f"@{SECRET.upper()}.h"), **WHO).tasks == 1

    known = rows_of(ledger).replace(f"not{SECRET}".encode(), b"")
    assert SECRET.encode() not in known
    assert b"reason one" not in known
    assert b"reason two" not in known
    assert f"reason not{SECRET}".encode() in rows_of(ledger)
    assert SECRET not in repr([note.value for note in ledger.notes("erased")])
    assert ledger.verify().problems == ()


def test_what_is_still_open_is_left_and_named(ledger: Any) -> None:
    """A round that has not ended, and a write of which nobody knows: the bot goes by both."""
    ledger.sight([an_item(id="t1")], CONFIRMED)
    ledger.intend(a_decision(task_id="t2", reason=SECRET))

    for task in ("t1", "t2"):
        erased = ledger.erase(ErasureOrder(task=task), **WHO)
        assert (erased.lines, erased.still_open) == (0, (task,))
    assert SECRET.encode() in rows_of(ledger)


def test_a_word_that_others_build_on_is_said_again_without_its_texts(ledger: Any) -> None:
    """An order that was placed stays placed, and its older words are gone."""
    order = {"saved_account_id": "a1", "comment_text": SECRET, "target_video_url": "https://x/@y"}
    for state in ("intended", "created"):
        word = {"state": state, "order": order, "attempt": 1, "task_id": "t1"}
        ledger.note("order", "digest", word, CONFIRMED)
    ledger.note("claim", "other", {"who": "Kim"}, CONFIRMED)
    a_review(ledger, "t1")

    ledger.erase(ErasureOrder(task="t1"), **WHO)

    assert SECRET.encode() not in rows_of(ledger)
    (note,) = ledger.story("order", "digest")
    gone = {"saved_account_id": "a1"} | dict.fromkeys(
        ("comment_text", "target_video_url"), "(erased)"
    )
    assert note.value == {"state": "created", "order": gone, "attempt": 1, "task_id": "(erased)"}
    assert ledger.notes("claim")[0].value == {"who": "Kim"}
    assert ledger.verify().problems == ()


def test_by_age_what_ended_before_is_erased_once(ledger: Any) -> None:
    """And of words all but those that still count."""
    a_review(ledger, "t1")
    ledger.note("pause", "all", {"why": SECRET}, CONFIRMED)
    ledger.note("pause", "all", {"why": "because"}, CONFIRMED)
    ledger.sight([an_item(id="t2")], CONFIRMED)
    late = after(days=400)

    assert ledger.erase(ErasureOrder(before=after(hours=4)), **WHO).tasks == 0
    assert ledger.erase(ErasureOrder(before=after(hours=5)), **WHO).tasks == 1
    assert SECRET.encode() not in rows_of(ledger)
    assert ledger.notes("pause")[0].value == {"why": "because"}
    ledger.keep_retained(after(hours=5))
    assert ledger.erase(ErasureOrder(before=late), **WHO).lines == 0
    assert ledger.verify().problems == ()


def test_a_text_that_somebody_took_away_without_a_word_is_found(tmp_path: Path) -> None:
    """The mark of an erasure alone is no leave."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        name = a_review(ledger, "t1")
        row = ledger._first(DecisionRow, erasure.statements.DECISION_ROW, {"id": name})
        story = ledger._chain.back_from(row.last)
        with ledger._engine.writing():
            ledger._erase_line(story[-1])
            ledger._put(erasure.tables.decision, replace(row, note=None), row)

        (problem,) = ledger.verify().problems
        assert problem == f"line {story[-1].seq} lost its text, and no word of erasure says so"


def test_a_word_of_erasure_that_cannot_be_read_gives_no_leave(tmp_path: Path) -> None:
    """It is found, and so is each line whose missing text it had accounted for."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        a_review(ledger, "t1")
        ledger.erase(ErasureOrder(task="t1"), **WHO)
        (word,) = ledger.notes("erased")
        (erased,) = word.value["lines"]
        with ledger._engine.writing() as driver:
            driver.execute("UPDATE entry SET body = X'7b' WHERE seq = ?", (word.seq,))

        assert ledger.verify().problems == (
            f"line {word.seq} or the one before it was changed: its hash does not fit",
            "a word of erasure cannot be read",
            *(
                f"line {seq} lost its text, and no word of erasure says so"
                for seq in range(erased[0], erased[1] + 1)
            ),
        )


# The files -----------------------------------------------------------------------------------


def files_of(folder: Path) -> bytes:
    """Every byte that lies in a folder."""
    return b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_no_byte_is_left_in_the_files_while_others_have_them_open(tmp_path: Path) -> None:
    """Neither in free pages nor in what is not written back yet; the text was in clear before."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with closing(open_ledger(url, lock=True)) as bot, closing(open_ledger(url)) as ledger:
        for n in range(MANY):
            a_review(bot, f"t{n}", words=f"{SECRET}-{n}-" + "x" * 300)
        assert SECRET.encode() in files_of(tmp_path)
        for n in range(MANY):
            ledger.erase(ErasureOrder(task=f"t{n}"), **WHO)
        assert ledger.finish_erasures()

        assert SECRET.encode() not in files_of(tmp_path)
        assert b"x" * 20 not in files_of(tmp_path)
        a_review(bot, "t99", words="later")
        assert bot.verify().problems == ()
    assert SECRET.encode() not in files_of(tmp_path)


def test_a_reader_in_the_way_leaves_the_erasure_unfinished(tmp_path: Path) -> None:
    """It is said, and the next try finishes it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with closing(open_ledger(url)) as ledger, closing(open_ledger(url)) as reader:
        a_review(ledger, "t1")
        ledger._engine.driver().execute("PRAGMA busy_timeout = 1")
        with reader._engine.snapshot():
            reader.decisions()
            ledger.erase(ErasureOrder(task="t1"), **WHO)
            with pytest.raises(Exception, match="somebody reads the log"):
                ledger.finish_erasures()

        assert ledger.finish_erasures()
        assert SECRET.encode() not in files_of(tmp_path)


def test_an_erasure_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    """Before its transaction nothing has happened; behind it the mark stands until the files are clean."""
    for stop in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "DELETE FROM kept"):
        folder = tmp_path / stop.split("(")[0].replace(" ", "-")
        folder.mkdir()
        url = f"sqlite:///{folder}/ledger.db"
        ledger = open_ledger(url)
        a_review(ledger, "t1")
        ledger.erase(ErasureOrder(task="t1"), **WHO)
        die_before(ledger, stop)
        with pytest.raises(KeyboardInterrupt):
            ledger.finish_erasures()
        ledger._engine._driver = None  # as a killed process leaves it

        with closing(open_ledger(url)) as again:
            assert again.verify().problems == ()
            assert again.finish_erasures()
            assert SECRET.encode() not in files_of(folder)
            assert not again.finish_erasures()


def die_before(ledger: Any, statement: str) -> None:
    """Stop at a statement."""
    real = ledger._engine.driver()

    class Deadly:
        def execute(self, text: str, *more: Any) -> Any:
            if text.startswith(statement):
                raise KeyboardInterrupt
            return real.execute(text, *more)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    ledger._engine._driver = Deadly()


# Parts ---------------------------------------------------------------------------------------


@settings(max_examples=times(15, 300), deadline=None)
@given(st.data())
def test_whatever_is_erased_the_chain_is_whole(data: st.DataObject) -> None:
    """Reviews and erasures in any order, and a changed byte is found as before."""
    with closing(open_ledger("memory:")) as ledger:
        done: set[str] = set()
        for _ in range(data.draw(st.integers(1, 8))):
            task = f"t{data.draw(st.integers(0, 4))}"
            if task not in done:
                a_review(
                    ledger, task, account=f"a{data.draw(st.integers(0, 1))}", words=f"w-{task}"
                )
                done.add(task)
            order = data.draw(
                st.sampled_from(
                    [
                        ErasureOrder(task=task),
                        ErasureOrder(account="a1"),
                        ErasureOrder(handle=f"w-{task}.h"),
                        ErasureOrder(before=after(days=1)),
                        None,
                    ]
                )
            )
            if order is not None:
                ledger.erase(order, **WHO)
            assert ledger.verify().problems == ()
        count = ledger.checkpoint(CONFIRMED).count
        seq = data.draw(st.integers(1, count))
        line = ledger._chain.line(seq)
        with ledger._engine.writing():
            changed = replace(line, body=line.body.replace(b"1", b"2", 1) + b" ")
            ledger._put(erasure.tables.entry, changed, line)
        assert ledger.verify().problems


def test_a_mention_is_a_whole_word() -> None:
    """Of any case, with or without the sign before a handle, also in an address."""
    wanted = mention_of(ErasureOrder(handle="@ana.b"))
    assert wanted is not None
    for text in ('"ana.b"', "@Ana.B", "https://www.tiktok.com/@ana.b/video/1", "by ana.b."):
        assert wanted.search(text)
    for text in ("ana.bc", "xana.b", "ana-b", "ana.b.c", "ana.b_x"):
        assert not wanted.search(text)


def test_a_word_keeps_what_is_nobodys() -> None:
    """Numbers, states and ids stay; prose, addresses, and a row of names with one of them go."""
    wanted = mention_of(ErasureOrder(handle="ana"))
    word = {"cards": {"a1": ["ana", "Ana B", "DE"], "a2": ["kim", None, "FR"]}, "n": 1, "why": "x"}
    assert without_texts(word, wanted) == {
        "cards": {"a1": [None, None, None], "a2": ["kim", None, "FR"]},
        "n": 1,
        "why": "(erased)",
    }


def test_ranges_name_runs() -> None:
    """First and last of each."""
    assert list(ranges([5, 1, 2, 3, 9, 2])) == [[1, 3], [5, 5], [9, 9]]
