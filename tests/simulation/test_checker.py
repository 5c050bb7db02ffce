"""The checker finds each thing that must not be, in a history of a few lines, and nothing in a good one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.simulation.checker import HIDDEN, PROMISES, check
from tests.simulation.history import (
    Acted,
    Answered,
    Effect,
    Gone,
    Heard,
    History,
    Log,
    LogMoved,
    Passed,
    PauseFile,
    Record,
    Round,
    Said,
    Scene,
    Sent,
    Shown,
    Skewed,
    Told,
    Truth,
    Wrote,
)

T0 = 1_800_000_000.0
DAY = 86400.0
EPOCH = "2027-01-15T08:00:00Z"
DEADLINE = T0 + 3 * DAY
TRUTH = Truth("couldnt_verify", 60, 0, DEADLINE)


def wrote(at: float, verb: Any, **about: Any) -> Wrote:
    """A word of the log on the one task of these histories."""
    fields: dict[str, Any] = {"task": "t", "epoch": EPOCH, "policy": "tiktok"}
    return Wrote(at=at, who=1, verb=verb, **fields | about)


def intend(at: float, **about: Any) -> Wrote:
    """An intent to dispute."""
    fields: dict[str, Any] = {
        "id": "k",
        "action": "dispute",
        "state": "intent",
        "rule": "looked at everything, not there",
        "decided_at": datetime.fromtimestamp(at, UTC),
        "amount": 240_000,
        "evidence": True,
    }
    return wrote(at, "intend", **fields | about)


def mark(at: float, state: str, key: str = "k") -> Wrote:
    """What became of an intent."""
    return Wrote(at=at, who=1, verb="mark", id=key, state=state)


def a_read(at: float, call: int, path: str = "list", **about: Any) -> list[Record]:
    """A read that showed the round."""
    shows = () if path == "verifications" else (Shown("t", EPOCH),)
    fields: dict[str, Any] = {"clear": True, "status": 200, "shows": shows}
    task = None if path == "list" else "t"
    return [
        Sent(at=at, who=1, call=call, method="GET", path=path, task=task),
        Heard(at=at, who=1, call=call, **fields | about),
    ]


def a_write(at: float, call: int, key: str = "k", **about: Any) -> list[Record]:
    """A dispute that the API took."""
    fields: dict[str, Any] = {"clear": True, "status": 200}
    return [
        Sent(
            at=at,
            who=1,
            call=call,
            method="POST",
            path="dispute",
            task="t",
            action="dispute",
            key=key,
            truth=TRUTH,
        ),
        Effect(at=at, task="t", epoch=EPOCH, action="dispute", by="client", key=key),
        Heard(at=at, who=1, call=call, **fields | about),
    ]


def a_good_history() -> list[Record]:
    """Seen, intended, sent, answered, written down, ended, in one pass; and the truth of it."""
    at = T0 + 100
    return [
        *a_read(at, 1),
        wrote(at, "sight"),
        *a_read(at + 1, 2, "verifications"),
        intend(at + 2),
        *a_write(at + 3, 3),
        mark(at + 4, "performed"),
        Passed(at=at + 5, who=1, began=at),
        wrote(at + 600, "end", by="ours"),
        Passed(at=at + 605, who=1, began=at + 600),
        *THE_TRUTH,
    ]


THE_TRUTH = (
    Round(
        at=T0 + 4 * DAY,
        task="t",
        epoch=EPOCH,
        began=T0,
        deadline=DEADLINE,
        by="client",
        policy="tiktok",
    ),
    Log(at=T0 + 4 * DAY, decisions=1),
)


def found(*lines: Sequence[Record] | Record, scene: Scene | None = None) -> set[str]:
    """The promises that a history breaks."""
    flat: list[Record] = []
    for line in lines:
        flat += [line] if isinstance(line, Record) else line
    first = scene or Scene(at=T0, every=600.0, pays=("tiktok",))
    return {violation.promise for violation in check(History([first, *flat]))}


def changed(number: int, *instead: Record) -> list[Record]:
    """The good history with one of its lines replaced or taken out."""
    lines = a_good_history()
    lines[number : number + 1] = instead
    return lines


INTENT, SENT, EFFECT = 5, 6, 7
SENT_BACK = Effect(at=T0 + 50, task="t", epoch="an earlier one", action="dispute", by="stranger")


def checked_at(at: float) -> list[Record]:
    """The good history, with the newest check made at a moment."""
    return changed(SENT, replace(a_write(T0 + 103, 3)[0], truth=replace(TRUTH, checked_at=at)))


def test_a_good_history_breaks_nothing() -> None:
    """Not one promise."""
    assert found(a_good_history()) == set()


def silent(*lines: Record, policy: str = "tiktok") -> list[Record]:
    """A round that was seen and that silence paid."""
    return [
        wrote(T0 + 10, "sight"),
        *lines,
        Passed(at=DEADLINE - 605, who=1, began=DEADLINE - 610),
        wrote(DEADLINE + 10, "end", by="silence"),
        Told(at=DEADLINE + 10, kind="silence", task="t"),
        replace(THE_TRUTH[0], by="silence", policy=policy),
        THE_TRUTH[1],
    ]


TOLD = [
    Told(at=DEADLINE - hours * 3600, kind="undecided", task="t", epoch=EPOCH, hours=hours)
    for hours in (24, 6, 1)
]
HELD = wrote(T0 + 20, "record", id="k", action="escalate", state="held", rule="r")

BROKEN: dict[str, tuple[set[str], list[Record]]] = {
    "no intent": ({"P1 write-ahead"}, changed(INTENT)),
    "the intent came after the write": (
        {"P1 write-ahead"},
        [*changed(INTENT)[:8], intend(T0 + 104), *changed(INTENT)[8:]],
    ),
    "another action": (
        {"P1 write-ahead"},
        changed(INTENT, intend(T0 + 102, action="approve")),
    ),
    "sent twice on one intent": (
        {"P2 once per round", "P2 own key", "P3 quarantine"},
        [*a_good_history()[:9], *a_write(T0 + 104, 4), *a_good_history()[9:]],
    ),
    "intended twice": (
        {"P2 once per round"},
        [*a_good_history()[:10], intend(T0 + 105, id="other"), *a_good_history()[10:]],
    ),
    "called decided while it waits": (
        {"P2 answerable"},
        [
            *a_good_history()[:8],
            Heard(at=T0 + 104, who=1, call=3, clear=True, status=404),
            mark(T0 + 104, "overtaken"),
            Answered(at=T0 + 900, task="t", epoch=EPOCH, late=True, waits=True),
            *a_good_history()[10:],
        ],
    ),
    "tried again under the same key": (
        {"P2 own key"},
        [
            *a_good_history()[:7],
            Heard(at=T0 + 104, who=1, call=3, clear=True, status=422),
            mark(T0 + 104, "void"),
            *a_read(T0 + 704, 4),
            *a_read(T0 + 704, 5, "verifications"),
            intend(T0 + 705),
            *a_write(T0 + 706, 6),
            mark(T0 + 707, "performed"),
            *a_good_history()[10:],
        ],
    ),
    "sent again in quarantine": (
        {"P3 quarantine"},
        [
            *a_good_history()[:8],
            Heard(at=T0 + 104, who=1, call=3, error="ReadTimeout"),
            mark(T0 + 104, "void"),
            *a_read(T0 + 704, 4),
            *a_read(T0 + 704, 5, "verifications"),
            intend(T0 + 705),
            a_write(T0 + 706, 6, "k-2")[0],
            mark(T0 + 707, "performed"),
            *a_good_history()[10:],
        ],
    ),
    "sent again on one reading": (
        {"P3 quarantine"},
        [
            *a_good_history()[:8],
            Heard(at=T0 + 104, who=1, call=3, error="ReadTimeout"),
            mark(T0 + 1104, "void"),
            *a_read(T0 + 1104, 4),
            *a_read(T0 + 1104, 5, "verifications"),
            intend(T0 + 1105),
            a_write(T0 + 1106, 6, "k-2")[0],
            mark(T0 + 1107, "performed"),
            *a_good_history()[10:],
        ],
    ),
    "left open": (
        {"P3 settled"},
        [*a_good_history()[:-1], Log(at=T0 + 4 * DAY, open=("t unknown",))],
    ),
    "open through a clean pass": (
        {"P3 settled"},
        [
            *a_good_history()[:9],
            Passed(at=T0 + 4000, who=1, began=T0 + 3400),
            wrote(T0 + 4001, "end", by="ours"),
            *THE_TRUTH,
        ],
    ),
    "an old sight": (
        {"P4 fresh"},
        [*a_read(T0, 1), wrote(T0, "sight"), *a_good_history()[3:]],
    ),
    "another round was seen": (
        {"P4 fresh"},
        changed(1, Heard(at=T0 + 100, who=1, call=1, clear=True, shows=(Shown("t", "other"),))),
    ),
    "landed in another round": (
        {"P4 stale effects"},
        changed(EFFECT, replace(a_write(T0 + 103, 3)[1], epoch="other")),
    ),
    "taken for another round": (
        {"P4 no false stop"},
        [*a_good_history(), Told(at=T0 + 104, kind="stale-effect", task="t", epoch=EPOCH)],
    ),
    "sent while paused": (
        {"P6 P7 stops"},
        [PauseFile(at=T0, word="all"), *a_good_history()],
    ),
    "sent while disputes are paused": (
        {"P6 P7 stops"},
        [
            wrote(T0, "note", topic="pause", subject="dispute", value={"on": True}),
            *a_good_history(),
        ],
    ),
    "sent by an open breaker": (
        {"P6 P7 stops"},
        [
            wrote(T0, "note", topic="breaker", subject="tiktok", value={"open": True}),
            *a_good_history(),
        ],
    ),
    "wrong": (
        {"P9 default"},
        changed(SENT, replace(a_write(T0 + 103, 3)[0], truth=Truth("verified", 60, 0, DEADLINE))),
    ),
    "the evidence of an earlier round": (
        {"P9 default"},
        [
            wrote(T0, "sight", epoch="an earlier one"),
            SENT_BACK,
            *checked_at(T0 + 49),
        ],
    ),
    "in a status that nobody knows": (
        {"P9 default"},
        changed(
            1,
            Heard(at=T0 + 100, who=1, call=1, clear=True, shows=(Shown("t", EPOCH, "frozen"),)),
        ),
    ),
    "silence that could have been decided": (
        {"P10 silence"},
        silent(HELD, *TOLD),
    ),
    "silence that nobody announced": (
        {"P10 alarms"},
        silent(HELD, *TOLD[:2], policy="instagram"),
    ),
    "never seen": (
        {"P12 seen"},
        [
            Passed(at=T0 + 605, who=1, began=T0 + 600),
            Passed(at=T0 + 1205, who=1, began=T0 + 1200),
            *THE_TRUTH,
        ],
    ),
    "what a screen said did not happen": (
        {"P10 screens"},
        [
            wrote(T0 + 10, "sight"),
            HELD,
            *TOLD[:2],
            Passed(at=DEADLINE - 3605, who=1, began=DEADLINE - 3610),
            Said(
                at=DEADLINE - 3604, screen="queue", task="t", epoch=EPOCH, end="fallback", due=None
            ),
            TOLD[2],
            *(
                Passed(at=DEADLINE + n * 600 + 5, who=1, began=DEADLINE + n * 600)
                for n in (-5, -4, -3, -2, -1, 0, 1)
            ),
            wrote(DEADLINE + 610, "end", by="silence"),
            Told(at=DEADLINE + 610, kind="silence", task="t"),
            replace(THE_TRUTH[0], by="silence", policy="instagram"),
            THE_TRUTH[1],
        ],
    ),
    "sent while the log was elsewhere": (
        {"P17 place"},
        [LogMoved(at=T0, away=True), *a_good_history()],
    ),
    "hidden by a list that contradicts its count": (
        {"P12 counted"},
        [
            Passed(at=T0 + 605, who=1, began=T0 + 600, faults=1, lists=1),
            Passed(at=T0 + 1205, who=1, began=T0 + 1200, faults=1, lists=1),
            *THE_TRUTH,
        ],
    ),
    "one odd thing ends the pass": (
        {"P15 alone"},
        [
            *a_good_history(),
            Passed(at=T0 + 1205, who=1, began=T0 + 1200, error="too large", spoiled=("other",)),
        ],
    ),
    "too early after a 429": (
        {"P13 retry after"},
        [
            *a_read(T0 + 90, 9, clear=False, status=429, retry_after=20.0, shows=()),
            *a_good_history(),
        ],
    ),
    "too many": (
        {"P13 rate"},
        [*(line for n in range(145) for line in a_read(T0 + n / 10, 100 + n)), *a_good_history()],
    ),
    "after the deadline": (
        {"P14 deadlines", "P9 default"},
        [
            *a_read(DEADLINE + 5, 1),
            wrote(T0, "sight"),
            *a_read(DEADLINE + 5, 2, "verifications"),
            intend(DEADLINE + 6, rule="deadline", action="dispute"),
            *a_write(DEADLINE + 7, 3),
            mark(DEADLINE + 8, "performed"),
            wrote(DEADLINE + 9, "end", by="ours"),
            *THE_TRUTH,
        ],
    ),
    "a poll that did not come": (
        {"P14 polls"},
        [*a_good_history(), Passed(at=T0 + 3000, who=1, began=T0 + 2000)],
    ),
    "ended by itself": (
        {"P16 alive"},
        [*a_good_history(), Gone(at=T0 + 4 * DAY, who=1, how="fatal", point="5")],
    ),
    "a broken log": (
        {"P19 log"},
        [*a_good_history()[:-1], Log(at=T0 + 4 * DAY, problems=("line 3 was changed",))],
    ),
    "somebody else's": (
        {"P20 attributed"},
        [*a_good_history()[:-2], replace(THE_TRUTH[0], by="stranger"), THE_TRUTH[1]],
    ),
    "judged otherwise": (
        {"P31 replay"},
        [*a_good_history()[:-1], Log(at=T0 + 4 * DAY, disagree=("t: reason",))],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_of_a_history_is_found_as_what_it_is(name: str) -> None:
    """And nothing else is said of it."""
    promises, lines = BROKEN[name]
    assert found(lines) == promises


@pytest.mark.parametrize(("who", "excused"), [(2, True), (1, False)])
def test_a_pass_in_which_a_person_was_first_could_not_decide(who: int, excused: bool) -> None:
    """Its own intent is no excuse: that one was to be sent."""
    answer = replace(intend(DEADLINE - 608, action="approve", rule="deadline"), who=who)

    assert ("P10 silence" not in found(silent(HELD, *TOLD, answer))) is excused


# Accounts ------------------------------------------------------------------------------------

SEEN = T0 + 100


def of_account(line: Record) -> Record:
    """The same line about an account: its round has a number, and the log its own words."""
    swap: dict[str, Any] = {}
    if getattr(line, "task", None) == "t" and getattr(line, "epoch", None) == EPOCH:
        swap["epoch"] = "1"
    if isinstance(line, Wrote | Round) and line.policy == "tiktok":
        swap["policy"] = "profiles"
    match line:
        case Wrote(verb="intend"):
            swap |= {"action": "request corrections", "rule": "another name", "amount": None}
        case Sent(method="POST"):
            swap |= {"path": "account/corrections", "action": "corrections", "truth": ACCOUNT}
        case Sent(path="verifications"):
            swap["path"] = "profile"
        case Effect():
            swap["action"] = "corrections"
        case Heard(shows=(_, *_)):
            swap["shows"] = (Shown("t", "1"),)
        case Round():
            swap["estimated"] = True
    return replace(line, **swap)


ACCOUNT = Truth(None, None, 0, None, ("username",))
OF_ACCOUNT = [of_account(line) for line in a_good_history()]
PROFILES = Scene(at=T0, every=600.0, pays=("tiktok", "profiles"), caps={"dispute": 1})


def of_this(number: int, **about: Any) -> list[Record]:
    """The account's history with one line told otherwise."""
    lines = list(OF_ACCOUNT)
    lines[number] = replace(lines[number], **about)
    return lines


def an_account_paid_by_silence(*lines: Record, late: float = 0.0) -> list[Record]:
    """Seen so long after its review began, and accepted by nobody at its end."""
    end = DEADLINE + 60
    silence = [
        Told(at=end + 10, kind="silence", task="t"),
        of_account(replace(THE_TRUTH[0], by="silence")),
        THE_TRUTH[1],
    ]
    return [
        of_account(wrote(T0 + 10 + late, "sight")),
        *(of_account(line) for line in lines),
        Passed(at=DEADLINE - 605, who=1, began=DEADLINE - 610),
        of_account(wrote(end + 10, "end", by="silence")),
        *silence,
    ]


@pytest.mark.parametrize("late", [0.0, 2 * DAY])
def test_a_good_history_of_an_account_breaks_nothing(late: float) -> None:
    """Nor does one that was seen so late that silence paid long before the deadline it was given."""
    assert found(OF_ACCOUNT, scene=PROFILES) == set()
    if late:
        assert found(an_account_paid_by_silence(HELD, late=late), scene=PROFILES) == set()


BROKEN_ACCOUNTS: dict[str, tuple[set[str], list[Record]]] = {
    "no intent": ({"P1 write-ahead"}, [*OF_ACCOUNT[:INTENT], *OF_ACCOUNT[INTENT + 1 :]]),
    "another action": ({"P1 write-ahead", "P9 default"}, of_this(SENT, action="finalize")),
    "sent twice on one intent": (
        {"P2 once per round", "P2 own key", "P3 quarantine"},
        [
            *OF_ACCOUNT[:9],
            *(of_account(line) for line in a_write(T0 + 104, 4)),
            *OF_ACCOUNT[9:],
        ],
    ),
    "another round was seen": (
        {"P4 fresh"},
        of_this(1, shows=(Shown("t", "2"),)),
    ),
    "the delivered profile was not read": (
        {"P4 fresh"},
        [*OF_ACCOUNT[:3], *OF_ACCOUNT[INTENT:]],
    ),
    "landed in another round": ({"P4 stale effects"}, of_this(EFFECT, epoch="2")),
    "sent back once too often in an hour": (
        {"P5 caps"},
        [
            *OF_ACCOUNT,
            of_account(intend(T0 + 200, id="other", task="other")),
            mark(T0 + 300, "void", "other"),
            of_account(intend(T0 + 400, id="third", task="third")),
            mark(T0 + 500, "performed", "third"),
        ],
    ),
    "sent while disputes are paused": (
        {"P6 P7 stops"},
        [
            wrote(T0, "note", topic="pause", subject="dispute", value={"on": True}),
            *OF_ACCOUNT,
        ],
    ),
    "what differs is another field": (
        {"P9 default"},
        of_this(SENT, truth=replace(ACCOUNT, differs=("biography",))),
    ),
    "sent back before, twice": ({"P9 default"}, of_this(SENT, truth=replace(ACCOUNT, disputes=2))),
    "silence that could have been decided": (
        {"P10 silence"},
        an_account_paid_by_silence(HELD, *TOLD),
    ),
    "silence that nobody announced": (
        {"P10 alarms", "P10 silence"},
        an_account_paid_by_silence(HELD, *TOLD[:2]),
    ),
    "never seen": (
        {"P12 seen"},
        [
            Passed(at=T0 + 605, who=1, began=T0 + 600),
            Passed(at=T0 + 1205, who=1, began=T0 + 1200),
            *OF_ACCOUNT[-2:],
        ],
    ),
    "silence, taken for somebody else's": (
        {"P10 silence", "P20 attributed"},
        [
            replace(line, by="other") if isinstance(line, Wrote) and line.verb == "end" else line
            for line in an_account_paid_by_silence(HELD, *TOLD, late=1800.0)
        ],
    ),
    "somebody else's, taken for silence": (
        {"P20 attributed"},
        [
            replace(line, by="silence") if isinstance(line, Wrote) and line.verb == "end" else line
            for line in [
                *OF_ACCOUNT[:-2],
                of_account(replace(THE_TRUTH[0], by="stranger")),
                THE_TRUTH[1],
            ]
        ],
    ),
    "somebody else's": (
        {"P20 attributed"},
        [*OF_ACCOUNT[:-2], of_account(replace(THE_TRUTH[0], by="stranger")), THE_TRUTH[1]],
    ),
}


@pytest.mark.parametrize("name", BROKEN_ACCOUNTS)
def test_each_fault_of_an_accounts_history_is_found_as_what_it_is(name: str) -> None:
    """By the same promises; those that are not about tasks are broken above."""
    promises, lines = BROKEN_ACCOUNTS[name]
    assert found(lines, scene=PROFILES) == promises


@pytest.mark.parametrize(
    ("clear", "broken"), [(False, set()), (True, {"P10 alarms", "P20 attributed"})]
)
def test_our_write_and_silence_may_be_taken_for_each_other_where_nothing_tells_them_apart(
    clear: bool, broken: set[str]
) -> None:
    """The answer to the write was lost, and the API does not say when silence accepts an account."""
    at = DEADLINE - 60
    lines = [
        *OF_ACCOUNT[:3],
        *(of_account(line) for line in a_read(at, 2)),
        *(of_account(line) for line in a_read(at, 3, "verifications")),
        of_account(intend(at)),
        of_account(a_write(at, 4)[0]),
        Heard(at=at, who=1, call=4, clear=clear, status=200 if clear else 504),
        mark(DEADLINE + 900, "settled"),
        of_account(wrote(DEADLINE + 900, "end", by="ours")),
        of_account(replace(THE_TRUTH[0], by="silence")),
        THE_TRUTH[1],
    ]
    assert found(lines, scene=PROFILES) == broken


@pytest.mark.parametrize(("who", "broken"), [(1, {"P20 attributed"}), (2, set())])
def test_what_a_process_heard_and_could_not_write_down_nobody_knows(
    who: int, broken: set[str]
) -> None:
    """The API refused, the process died, a stranger did the same: the next one finds what we meant."""
    at = T0 + 100
    lines = [
        *a_good_history()[:5],
        intend(at + 2),
        a_write(at + 3, 3)[0],
        Heard(at=at + 3, who=1, call=3, clear=True, status=425),
        Effect(at=at + 60, task="t", epoch=EPOCH, action="dispute", by="stranger"),
        replace(mark(at + 600, "settled"), who=who),
        wrote(at + 600, "end", by="ours"),
        replace(THE_TRUTH[0], by="stranger"),
        THE_TRUTH[1],
    ]
    assert found(lines) == broken


@pytest.mark.parametrize("cap", [{"dispute": 1}, {"micros": 400_000}])
def test_more_than_a_cap_allows_is_found(cap: dict[str, int]) -> None:
    """Two in an hour where one is allowed, or 0.48 USD in a day where 0.40 is."""
    action = "dispute" if "dispute" in cap else "approve"
    words = [intend(T0 + n * 60, id=f"k{n}", task=f"t{n}", action=action) for n in range(2)]
    closed = [mark(T0 + 200, "performed", f"k{n}") for n in range(2)]
    scene = Scene(at=T0, every=600.0, caps=cap)

    assert found(words, closed, scene=scene) == {"P5 caps"}


@pytest.mark.parametrize(
    ("cap", "rule", "broken"),
    [
        ({"nothing could be read": 1}, "nothing could be read", {"P5 caps"}),
        ({"nothing could be read": 2}, "nothing could be read", set()),
        ({"nothing could be read": 1}, "deadline", set()),
    ],
)
def test_more_than_a_rule_may_is_found(cap: dict[str, int], rule: str, broken: set[str]) -> None:
    """Two on one day by a rule that may send one; what the deadline decides it does not limit."""
    words = [intend(T0 + n * 60, id=f"k{n}", task=f"t{n}", rule=rule) for n in range(2)]
    closed = [mark(T0 + 200, "performed", f"k{n}") for n in range(2)]
    scene = Scene(at=T0, every=600.0, caps=cap)

    assert found(words, closed, scene=scene) & {"P5 caps"} == broken


# What a rule holds ---------------------------------------------------------------------------

HOLDS = Scene(
    at=T0,
    every=600.0,
    pays=("tiktok",),
    decide_by=DAY,
    holds={"looked at everything, not there": 2400.0},
)
DUE = DEADLINE - DAY


def seal(at: float, until: float | None = None, **about: Any) -> Wrote:
    """A decision that lies sealed."""
    end = datetime.fromtimestamp(at + 2400 if until is None else until, UTC)
    word = replace(intend(at), verb="record", state="held", held_by="sealed: its rule", until=end)
    return replace(word, **about)


def cancel(at: float) -> Wrote:
    """A person's word on the round."""
    return wrote(at, "note", topic="seal", subject="r", rule="looked at everything, not there")


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        ([], True),
        ([seal(DUE - 2500)], False),
        ([seal(DUE - 2420)], False),
        ([seal(DUE - 2415)], True),
        ([seal(DUE - 2600), seal(DUE - 200, DUE)], False),
        (
            [seal(DUE - 2600), seal(DUE - 900, action="escalate", held_by="the cap is reached")],
            True,
        ),
        (
            [
                seal(DUE - 2600),
                seal(DUE - 900, held_by="paused: a look", until=None),
                seal(DUE - 800, DUE),
            ],
            True,
        ),
        ([seal(DUE - 2600, rule="nothing could be read")], True),
        ([seal(DUE - 2500, action="approve")], True),
        ([seal(DUE - 2600), intend(DUE - 120), mark(DUE - 119, "void")], False),
        ([intend(DUE - 120, action="approve", id="o"), mark(DUE - 119, "void", "o")], True),
        (
            [
                seal(DUE - 2600),
                intend(DUE - 120, decided_by="ana", action="approve", id="o"),
                mark(DUE - 119, "void", "o"),
            ],
            False,
        ),
        ([seal(DUE - 600), intend(DUE - 120, decided_by="ana"), mark(DUE - 119, "void")], True),
    ],
)
def test_what_a_rule_holds_must_have_lain_its_while(words: list[Record], broken: bool) -> None:
    """Without a break, for the same wish; what was tried before, and came to nothing, has had it."""
    lines = [*words, intend(DUE - 20), mark(DUE - 19, "performed"), *THE_TRUTH]
    assert ("P30 held" in found(lines, scene=HOLDS)) is broken
    assert "P30 held" not in found(lines)


@pytest.mark.parametrize(("early", "broken"), [(3, True), (1, False), (-60, False)])
def test_from_when_the_deadline_decides_nothing_is_held(early: float, broken: bool) -> None:
    """Nor is anything sealed beyond that moment."""
    lines = [seal(DUE - 600, DUE), intend(DUE - early), mark(DUE, "performed"), *THE_TRUTH]
    assert ("P30 held" in found(lines, scene=HOLDS)) is broken
    across = [seal(DUE - 600, DUE + 3), *THE_TRUTH]
    assert "P30 held" in found(across, scene=HOLDS)


@pytest.mark.parametrize("about", [{"decided_by": "ana"}, {"rule": "deadline"}])
def test_people_and_the_deadline_are_not_held(about: dict[str, Any]) -> None:
    """They may send at once, and what somebody cancelled as well."""
    lines = [seal(DUE - 6000), cancel(DUE - 5000)]
    lines += [intend(DUE - 4000, **about), a_write(DUE - 3999, 3)[0]]
    assert found(lines, THE_TRUTH, scene=HOLDS).isdisjoint({"P30 held", "P30 cancelled"})


@pytest.mark.parametrize(
    ("cancelled", "epoch", "sent", "broken"),
    [
        (T0 + 101, EPOCH, True, True),
        (T0 + 102.5, EPOCH, True, False),
        (T0 + 101, "another", True, False),
        (T0 + 101, EPOCH, False, False),
    ],
)
def test_what_a_person_cancelled_must_not_leave(
    cancelled: float, epoch: str, sent: bool, broken: bool
) -> None:
    """In that round, by an intent that came after; who came after it was told to be too late."""
    lines = [
        line for line in a_good_history() if sent or not isinstance(line, Sent) or line.key is None
    ]
    place = next(n for n, line in enumerate(lines) if line.at > cancelled)
    lines.insert(place, replace(cancel(cancelled), epoch=epoch))
    assert ("P30 cancelled" in found(lines)) is broken


@pytest.mark.parametrize("broke_off", [{"stopped": "3 writes got no clear answer"}, {"error": "e"}])
@pytest.mark.parametrize(("hours", "broken"), [(24, set()), (6, set()), (1, {"P10 alarms"})])
def test_what_a_broken_pass_left_is_told_by_the_next_while_there_are_hours(
    hours: int, broken: set[str], broke_off: dict[str, str]
) -> None:
    """It waits for its turn, which is no alarm; in the last hour it is one all the same."""
    due = DEADLINE - hours * 3600
    stopped = Passed(at=due + 15, who=2, began=due + 10, faults=1, **broke_off)
    later = Passed(at=due + 615, who=2, began=due + 610)
    late = [replace(line, at=due + 614) if line.hours == hours else line for line in TOLD]
    assert found(silent(HELD, stopped, later, *late, policy="instagram")) == broken


@pytest.mark.parametrize(("early", "broken"), [(3599, set()), (3601, {"P10 alarms"})])
def test_an_alarm_that_could_not_name_the_round_counts_in_its_hour(
    early: float, broken: set[str]
) -> None:
    """The API left the round out just then; one long before was about another round."""
    nameless = Told(at=TOLD[2].at - early, kind="undecided", task="t", hours=1)
    assert found(silent(HELD, *TOLD[:2], nameless, policy="instagram")) == broken


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (
            [
                Answered(at=T0 + 103, task="t", epoch=EPOCH, late=True, waits=True),
            ],
            "P2 answerable",
        ),
        ([Answered(at=T0 + 700, task="t", epoch=EPOCH, late=True, waits=False)], "P2 answerable"),
        (
            [Passed(at=T0 + 1205, who=1, began=T0 + 1200, error="away", faults=1, spoiled=("o",))],
            "P15 alone",
        ),
    ],
)
def test_what_nobody_could_do_better_breaks_nothing(lines: list[Record], name: str) -> None:
    """An answer is on its way, the round is over, or the pass met something that hurts all of it."""
    history = a_good_history()
    assert name not in found(history[:9], lines, history[9:])


def test_what_somebody_changed_makes_no_screen_untrue() -> None:
    """A person stepped in between what was said and what happened."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    for stepped_in in (
        Acted(at=DEADLINE - 3600, deed="pause"),
        PauseFile(at=DEADLINE - 3600, word="all"),
        wrote(DEADLINE - 3600, "note", topic="breaker", subject="tiktok", value={"open": True}),
        Effect(at=DEADLINE - 3600, task="t", epoch="other", action="approve", by="stranger"),
        Passed(at=DEADLINE - 3600, who=1, began=DEADLINE - 3601, spoiled=("t",)),
    ):
        assert "P10 screens" not in found([*lines[: said + 1], stepped_in, *lines[said + 1 :]])


@pytest.mark.parametrize(("capped", "broken"), [(True, False), (False, True)])
def test_while_it_is_braked_room_goes_to_others_than_was_said(capped: bool, broken: bool) -> None:
    """Nothing takes the room that it was to take; without limits a brake is only a delay."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    braked = Passed(at=DEADLINE - 3600, who=1, began=DEADLINE - 3601, braked=True)
    caps = {"approvals: at most 2 per hour": 2} if capped else {}
    scene = Scene(at=T0, every=600.0, pays=("tiktok",), caps=caps)
    found_there = found([*lines[: said + 1], braked, *lines[said + 1 :]], scene=scene)
    assert ("P10 screens" in found_there) is broken


@pytest.mark.parametrize(("spoiled", "broken"), [("t", False), ("u", True)])
def test_what_was_read_as_something_absurd_is_no_ground_for_a_screen(
    spoiled: str, broken: bool
) -> None:
    """In the pass before it spoke: of this very task, not of another."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    at = lines[said].at
    last = Passed(at=at, who=1, began=at - 1, spoiled=(spoiled,))
    assert ("P10 screens" in found([*lines[:said], last, *lines[said:]])) is broken


@pytest.mark.parametrize(("account", "broken"), [("a", False), ("b", True)])
def test_what_its_account_has_had_decided_since_may_be_asked_for(
    account: str, broken: bool
) -> None:
    """A rule goes by it; what was decided for another account changes nothing."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    whose = [
        replace(line, account="a") if isinstance(line, Round) else line for line in lines[said:]
    ]
    other = replace(THE_TRUTH[0], task="u", account=account, by=None)
    decided = wrote(DEADLINE - 3600, "intend", task="u", action="approve", state="intent")
    assert ("P10 screens" in found([*lines[:said], whose[0], decided, *whose[1:], other])) is broken


def test_what_the_api_refused_since_makes_no_screen_untrue() -> None:
    """Though the question that a person was then asked is the newest word on it."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    at = DEADLINE - 3600
    refused = [intend(at), mark(at, "refused"), wrote(at, "record", action="escalate", id="q")]
    assert "P10 screens" in found(lines)
    assert "P10 screens" not in found([*lines[: said + 1], *refused, *lines[said + 1 :]])


@pytest.mark.parametrize(
    ("state", "caps", "broken"),
    [
        ("void", {"": 2}, False),
        ("unknown", {"": 2}, False),
        ("performed", {"": 2}, True),
        ("void", {}, True),
    ],
)
def test_under_a_cap_a_write_of_another_that_came_to_nothing_changes_what_is_foreseen(
    state: str, caps: dict[str, int], broken: bool
) -> None:
    """It takes its room later than it was to, and what was said to come then has none."""
    lines = BROKEN["what a screen said did not happen"][1]
    said = next(place for place, line in enumerate(lines) if isinstance(line, Said))
    at = DEADLINE - 3600
    another = [intend(at, id="o", task="o"), mark(at, state, "o")]
    scene = Scene(at=T0, every=600.0, pays=("tiktok",), caps=caps)
    history = [*lines[: said + 1], *another, *lines[said + 1 :]]
    assert ("P10 screens" in found(history, scene=scene)) is broken


@pytest.mark.parametrize(("late", "broken"), [(0.0, True), (7200.0, False)])
def test_an_estimated_deadline_may_come_before_what_was_said(late: float, broken: bool) -> None:
    """Only where the round was first seen so late that nobody could know better."""
    said = Said(
        at=DEADLINE - 3604,
        screen="queue",
        task="t",
        epoch=EPOCH,
        end="fallback",
        due=DEADLINE + 3600,
    )
    lines = [
        wrote(T0 + late, "sight"),
        Passed(at=DEADLINE - 3605, who=1, began=DEADLINE - 3610),
        said,
        *(Passed(at=DEADLINE + n + 5, who=1, began=DEADLINE + n) for n in range(0, 9000, 600)),
        replace(THE_TRUTH[0], by="silence", estimated=True),
        THE_TRUTH[1],
    ]
    assert ("P10 screens" in found(lines)) is broken


@pytest.mark.parametrize(("status", "broken"), [(200, True), (410, False)])
def test_a_task_of_which_a_read_was_refused_is_left_alone(status: int, broken: bool) -> None:
    """The pass after it does not try, so it could not decide."""
    read = a_read(DEADLINE - 900, 9, "verifications", status=status)
    only = Passed(at=DEADLINE - 595, who=1, began=DEADLINE - 600)
    assert ("P10 silence" in found([HELD, *TOLD, *read, only, *silent()[2:]])) is broken


@pytest.mark.parametrize(("skew", "broken"), [(30.0, True), (-1740.0, False)])
def test_what_a_screen_said_may_come_as_late_as_the_clock_of_the_api(
    skew: float, broken: bool
) -> None:
    """Where its `Date` has jumped by half an hour meanwhile, that moment comes later."""
    lines = BROKEN["what a screen said did not happen"][1]
    jump = Skewed(at=T0, start=DEADLINE - 600, end=DEADLINE + 600, skew=skew)
    more = Passed(at=DEADLINE + 1205, who=1, began=DEADLINE + 1200)
    assert ("P10 screens" in found([jump, *lines, more])) is broken


@pytest.mark.parametrize(("skew", "broken"), [(-300.0, True), (-1740.0, False)])
def test_what_was_not_due_by_the_hour_that_the_api_told_could_not_be_decided(
    skew: float, broken: bool
) -> None:
    """Its `Date` lay so far behind that the fallback was still to come, in the only pass that was made."""
    left = 7200.0 - 600  # the fallback decides two hours before the end, by the scene
    at = DEADLINE - left
    jump = Skewed(at=T0, start=at - 60, end=at + 60, skew=skew)
    only = Passed(at=at + 5, who=1, began=at)
    lines = [jump, wrote(T0 + 10, "sight"), HELD, *TOLD, only, *silent()[2:]]
    scene = Scene(at=T0, every=600.0, pays=("tiktok",), decide_by=7200.0)
    assert ("P10 silence" in found(lines, scene=scene)) is broken


@pytest.mark.parametrize(
    ("rule", "spoiled", "broken"),
    [("deadline", ("t",), False), ("deadline", ("o",), True), ("as ordered", ("t",), True)],
)
def test_only_the_fallback_may_go_without_the_profile_of_an_account_that_an_answer_left_out(
    rule: str, spoiled: tuple[str, ...], broken: bool
) -> None:
    """There was nothing to read it of; a rule that rests on evidence has no such excuse."""
    lines = [line for line in OF_ACCOUNT if getattr(line, "path", "") != "profile"]
    lines = [
        replace(line, rule=rule) if isinstance(line, Wrote) and line.verb == "intend" else line
        for line in lines
    ]
    sent = next(line.at for line in lines if isinstance(line, Sent) and line.method == "POST")
    around = Passed(at=sent + 1, who=1, began=sent - 1, spoiled=spoiled)
    assert ("P4 fresh" in found(lines, around, scene=PROFILES)) is broken


def test_evidence_is_as_old_as_the_log_can_know() -> None:
    """A round that came and went while nothing could be read nobody knows: the first one, or one
    between two that were seen."""
    unseen = replace(SENT_BACK, at=T0 + 90, epoch="one between")
    assert found([SENT_BACK, *checked_at(T0 + 49)]) == set()
    first = [wrote(T0, "sight", epoch="an earlier one"), SENT_BACK]
    assert found([*first, unseen, *checked_at(T0 + 51)]) == set()
    seen = wrote(T0 + 60, "sight", epoch="one between")
    assert found([*first, seen, unseen, *checked_at(T0 + 51)]) == {"P9 default"}


def test_a_thing_that_absurd_values_hit_may_be_left_undecided() -> None:
    """Its silence is announced all the same."""
    lines = silent(HELD, *TOLD)
    spoiled = Passed(at=DEADLINE - 605, who=1, began=DEADLINE - 610, spoiled=("t",))
    assert found([spoiled if isinstance(line, Passed) else line for line in lines]) == set()


@pytest.mark.parametrize("since", [-600.0, 10.0])
@pytest.mark.parametrize(("skew", "broken"), [(30.0, True), (900.0, False)])
def test_alarms_may_be_off_by_as_much_as_the_clock_of_the_api(
    skew: float, broken: bool, since: float
) -> None:
    """Where its `Date` had jumped by 15 minutes just then, or before the next pass, nobody can know."""
    late = replace(TOLD[1], at=TOLD[1].at + 700)
    first = Passed(at=TOLD[1].at + 65, who=1, began=TOLD[1].at + 60)
    then = Passed(at=TOLD[1].at + 705, who=1, began=TOLD[1].at + 660)
    jump = Skewed(at=T0, start=TOLD[1].at + since, end=TOLD[1].at + 600, skew=skew)
    lines = silent(HELD, TOLD[0], TOLD[2], late, policy="instagram")
    assert ("P10 alarms" in found([jump, *lines[:2], first, then, *lines[2:]])) is broken


@pytest.mark.parametrize(("answers", "broken"), [(0, False), (4, False), (5, True)])
def test_a_wrong_hour_is_believed_until_answers_tell_another(answers: int, broken: bool) -> None:
    """Also through an outage of hours that began under it."""
    late = replace(TOLD[1], at=TOLD[1].at + 640)
    first = Passed(at=TOLD[1].at + 30, who=1, began=TOLD[1].at + 20)
    then = Passed(at=TOLD[1].at + 645, who=1, began=TOLD[1].at + 620)
    jump = Skewed(at=T0, start=T0 + 40, end=T0 + 60, skew=-60.0)
    heard = [
        Heard(at=T0 + 50 + 20 * n, who=1, call=50 + n, clear=True, status=200)
        for n in range(answers + 1)
    ]
    lines = silent(HELD, *heard, TOLD[0], TOLD[2], late, policy="instagram")
    history = [jump, *lines[: 2 + len(heard)], first, then, *lines[2 + len(heard) :]]
    assert ("P10 alarms" in found(history)) is broken


@pytest.mark.parametrize("machine", [True, False])
def test_a_quarantine_lasts_by_the_later_of_both_clocks(*, machine: bool) -> None:
    """Whichever was wrong when the intent was written: who takes over has only that word."""
    jump = Skewed(at=T0, start=T0 + 90, end=T0 + 120, skew=3000.0, machine=machine)
    assert found([jump, *BROKEN["open through a clean pass"][1]]) == set()


def test_a_list_that_hides_rows_may_be_told() -> None:
    """Then somebody knows that there is more."""
    passes = [
        Passed(at=T0 + 605 + n, who=1, began=T0 + 600 + n, faults=1, lists=1) for n in (0, 600)
    ]
    assert found([*passes, Told(at=T0 + 700, kind=HIDDEN[0]), *THE_TRUTH]) == set()


def test_every_promise_has_a_history_that_breaks_it() -> None:
    """A promise that nothing breaks is a check that cannot fail."""
    broken = {promise for promises, _ in BROKEN.values() for promise in promises}
    assert broken | {"P5 caps", "P30 held", "P30 cancelled"} == set(PROMISES)


def test_a_history_can_be_kept_and_read_back(tmp_path: Path) -> None:
    """As NDJSON, line by line the same."""
    lines = History([Scene(at=T0, every=600.0), *a_good_history()])
    lines.dump(tmp_path / "history.ndjson")

    assert History.load(tmp_path / "history.ndjson") == lines
