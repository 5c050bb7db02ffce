"""A person's answer: the same journal as a rule's decision, once per round, or told why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.questions import LASTS, Round, claim, holder, let_go, open_questions
from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import Halted, UsageError
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.review.answer import PersonAnswer, answer, how_it_ended, name_of
from reviewbot.safety import pauses
from tests.acceptance.house import House, house

EVERYTHING_IS_ASKED = """
policy: asks
language: 1
rules:
  - name: a person looks
    always: yes
    then: escalate
    question: Is "{task.comment_text}" there?
reasons:
  not_there: Your comment is not under the video.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


@pytest.fixture
def asked() -> Iterator[House]:
    """A live bot that has asked about every task, over a world in which nothing else happens."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=3) as made:
        made.poll()
        yield made


def first(made: House) -> Round:
    """The most urgent question."""
    return open_questions(made.app.ledger, made.clock.now())[0]


def says(action: Action = Action.APPROVE, **about: Any) -> PersonAnswer:
    """Ana's answer."""
    return PersonAnswer(**({"action": action, "who": "ana"} | about))


def writes(made: House) -> list[str]:
    """What we changed over there, in order."""
    return [effect.action for effect in made.world.effects if effect.by == "client"]


def test_an_answer_is_a_decision_with_the_persons_name(asked: House) -> None:
    """It is written down before it is sent, under the rule that asked, with what was seen."""
    question = first(asked)

    told = answer(asked.app, question, says())

    logged = asked.app.ledger.decision(told.decision.id)
    assert told.done and logged.state is State.PERFORMED
    assert (logged.decision.decided_by, logged.decision.rule) == ("ana", "a person looks")
    assert logged.decision.policy == "asks"
    assert logged.decision.evidence_hash is not None and logged.decision.facts != b"null"
    assert [entry.state for entry in asked.app.ledger.entries(told.decision.id)] == [
        State.INTENT,
        State.PERFORMED,
    ]
    assert writes(asked) == ["approve"]


def test_a_persons_dispute_counts_like_a_rules(asked: House) -> None:
    """The next round knows that the task was sent back once, and with which words."""
    question = first(asked)

    told = answer(asked.app, question, says(Action.DISPUTE, text="  It is not there.  "))

    task = question.sighting.task_id
    history = asked.app.ledger.memories("comments", [task])[task].history
    assert told.done
    assert (history.disputes, history.texts) == (1, ("It is not there.",))


@pytest.mark.parametrize("text", ["", "ab", "   ab   ", "x" * 501, "\U0001f642" * 251])
def test_a_reason_that_the_api_would_not_take_is_refused_here(asked: House, text: str) -> None:
    """3 to 500 characters, in code points and in UTF-16 units; nothing is written or sent."""
    lines = asked.app.ledger.checkpoint(asked.clock.now()).count

    with pytest.raises(UsageError, match="3 to 500 fit"):
        answer(asked.app, first(asked), says(Action.DISPUTE, text=text))

    assert asked.app.ledger.checkpoint(asked.clock.now()).count == lines
    assert writes(asked) == []


def test_an_action_of_the_other_review_is_refused(asked: House) -> None:
    """A comment task is approved or disputed, never finalized."""
    with pytest.raises(UsageError, match="approve or dispute"):
        answer(asked.app, first(asked), says(Action.FINALIZE))


@pytest.mark.parametrize("too", [True, False])
def test_hours_hold_a_persons_answer_where_they_bind_people_too(too: bool) -> None:
    """Nothing is written or sent, and she is told when they open; then, and of any other kind, it goes."""
    hours = "hours:\n  late: {open: mon-sun 22:00-23:00}\nrules:"
    rails = "guardrails:\n  disputes during: late\n" + "  people too: yes\n" * too
    says_no = says(Action.DISPUTE, text="I looked: it is not there.")
    with house(policy=EVERYTHING_IS_ASKED.replace("rules:", hours, 1) + rails, tasks=2) as made:
        made.poll()
        if not too:
            assert answer(made.app, first(made), says_no).done
            return
        lines = made.app.ledger.checkpoint(made.clock.now()).count
        with pytest.raises(Halted, match='hours "late" are open: answer again from') as held:
            answer(made.app, first(made), says_no)
        assert made.app.ledger.checkpoint(made.clock.now()).count == lines
        assert writes(made) == []
        assert answer(made.app, first(made), says()).done

        opens = held.value.room_at
        assert opens is not None
        made.clock.sleep((opens - made.clock.now()).total_seconds())
        assert answer(made.app, first(made), says_no).done
        assert writes(made) == ["approve", "dispute"]


def test_the_second_answer_is_told_who_was_first_and_when(asked: House) -> None:
    """Two people cannot answer twice; what was shown to the second is no longer open."""
    question = first(asked)
    answer(asked.app, question, says())

    told = answer(asked.app, question, says(Action.DISPUTE, who="ben", text="It is not there."))

    assert told.too_late
    assert told.sentence.startswith("ana answered approve at ")
    assert writes(asked) == ["approve"]


def test_an_answer_after_the_fallback_is_told_so(asked: House) -> None:
    """Where the policy's deadline decided first, it says that nobody had answered."""
    question = first(asked)
    wait_until(asked, question.deadline_at - timedelta(hours=2))
    asked.poll()

    told = answer(asked.app, question, says())

    assert told.too_late
    assert "the policy's deadline decided approve" in told.sentence
    assert "nobody had answered" in told.sentence


def test_an_answer_after_the_timer_is_told_so(asked: House) -> None:
    """Where silence paid while nobody looked, the person hears when."""
    question = first(asked)
    wait_until(asked, question.deadline_at + timedelta(minutes=20))

    told = answer(asked.app, question, says())

    assert told.sentence.startswith("it was finalized by the timer at ")
    assert writes(asked) == []


def test_an_answer_to_what_the_api_no_longer_knows_is_told_so(asked: House) -> None:
    """Nobody was first, it is only gone."""
    question = first(asked)
    del asked.world.tasks[question.sighting.task_id]

    told = answer(asked.app, question, says())

    assert told.too_late
    assert told.sentence == "it is gone: the API no longer knows it"
    assert writes(asked) == []


def test_an_answer_at_the_deadline_does_not_cross_it(asked: House) -> None:
    """From the deadline on nothing of ours may arrive."""
    question = first(asked)
    wait_until(asked, question.deadline_at)

    told = answer(asked.app, question, says())

    assert told.too_late and writes(asked) == []


def test_after_the_round_has_ended_its_end_can_be_told(asked: House) -> None:
    """Also when it is no question any more: by whom it ended, and when."""
    question = first(asked)
    answer(asked.app, question, says())
    asked.poll(minutes=1)
    since = asked.clock.now() - timedelta(days=1)

    ended = how_it_ended(asked.app.ledger, question.sighting.task_id[:8], since)

    assert ended is not None and ended.startswith("ana answered approve at ")
    assert how_it_ended(asked.app.ledger, "no such task", since) is None


def test_a_rehearsal_looks_and_sends_nothing(tmp_path: Any) -> None:
    """A dry run checks everything, and leaves no trace."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=1, live=False) as made:
        made.poll()
        lines = made.app.ledger.checkpoint(made.clock.now()).count

        told = answer(made.app, first(made), says())

        assert told.state is None and not told.done and told.decision is not None
        assert told.decision.decided_by == "ana"
        assert made.app.ledger.checkpoint(made.clock.now()).count == lines
        assert writes(made) == []


@pytest.mark.parametrize(
    ("state", "hours", "open_again"),
    [
        (State.OVERTAKEN, 0, True),
        (State.PERFORMED, 0, False),
        (State.PERFORMED, 1, True),
        (State.REFUSED, 0, True),
        (State.VOID, 0, True),
        (State.UNKNOWN, 1, False),
    ],
)
def test_what_waits_can_be_answered_whatever_the_log_says(
    asked: House, state: State, hours: int, open_again: bool
) -> None:
    """Only a write of ours that may still arrive keeps a person from it."""
    question, app = first(asked), asked.app
    bench = app.bench("comments")
    assert bench is not None
    desk, bench.desk = bench.desk, None
    decision = answer(app, question, says()).decision
    assert decision is not None
    decision = replace(decision, rule="the rule", decided_by=None)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, state, asked.clock.now(), note="as it seemed")
    asked.clock.sleep(hours * 3600)
    rehearsed = answer(app, question, says())
    assert (rehearsed.decision is not None) is open_again
    assert app.ledger.decision(decision.id).state is state  # type: ignore[union-attr]
    bench.desk = desk

    told = answer(app, question, says())

    assert told.done is open_again
    assert writes(asked) == ["approve"] * open_again
    assert told.too_late is not open_again


def test_an_answer_that_the_bot_settles_first_is_done(asked: House) -> None:
    """A pass beside it has read what became of it, before its answer was written down."""
    app = asked.app

    def read(name: str) -> None:
        if name == "write.answered":
            on_fault_point(None)
            (logged,) = app.ledger.open_intents()
            app.ledger.mark(logged.decision.id, State.SETTLED, asked.clock.now())

    on_fault_point(read)
    try:
        told = answer(app, first(asked), says())
    finally:
        on_fault_point(None)
    assert (told.done, told.state, told.sentence) == (True, State.SETTLED, "done")


def test_a_pause_holds_for_people_too(asked: House) -> None:
    """Who pauses approvals means everybody's."""
    now = asked.clock.now()
    pauses.pause(asked.app.ledger, "approve", reason="a strike", who="lea", until=None, now=now)

    with pytest.raises(Halted, match="paused by lea"):
        answer(asked.app, first(asked), says())

    assert writes(asked) == []


def test_a_claimed_question_is_its_holders(asked: House) -> None:
    """Another person is told who looks at it; taking it over is a word of its own."""
    question = first(asked)
    claim(asked.app.ledger, question.decision.id, "ben", asked.clock.now())

    with pytest.raises(UsageError, match="ben is looking at it"):
        answer(asked.app, question, says())

    assert answer(asked.app, question, says(take_over=True)).done


def test_a_claim_runs_out_is_prolonged_let_go_and_taken_over(asked: House) -> None:
    """The first live claim stands; later words of others change nothing unless they take over."""
    ledger, subject, start = asked.app.ledger, first(asked).decision.id, asked.clock.now()
    minute = timedelta(minutes=1)

    assert claim(ledger, subject, "ana", start).until == start + LASTS
    with pytest.raises(UsageError):
        claim(ledger, subject, "ben", start + minute)
    assert claim(ledger, subject, "ana", start + 10 * minute).since == start
    assert holder(ledger, subject, start + 20 * minute).who == "ana"
    assert claim(ledger, subject, "ben", start + 20 * minute, take_over=True).who == "ben"
    let_go(ledger, subject, "ben", start + 21 * minute)
    assert holder(ledger, subject, start + 21 * minute) is None
    assert claim(ledger, subject, "ana", start + 22 * minute).who == "ana"
    assert holder(ledger, subject, start + 22 * minute + LASTS) is None


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "ana\x1b[2J", "a\u202enna"])
def test_a_name_is_a_line_of_plain_characters(name: str) -> None:
    """What would stand in the log for ever is checked before."""
    with pytest.raises(UsageError, match="is no name"):
        name_of(name)


def wait_until(made: House, moment: Any) -> None:
    """Let the world live on without us."""
    made.clock.sleep((moment - made.clock.now()).total_seconds())
