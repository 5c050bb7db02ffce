"""Policies that change under a running bot: taken over whole, or not at all and told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewbot.core.context import BotContext
from reviewbot.domain.errors import LedgerUnwritable, PolicyInvalid
from reviewbot.domain.text import iso
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.policy_files import LOOKS, SETTLING, PolicyWatch
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World
from tests.acceptance.house import a_setting
from tests.builders import CONFIRMED

GOOD = """policy: watched
language: 1
lists:
  known: {file: known.csv}
rules:
  - name: a known author
    when: {task.target_author_handle: in list known}
    then: approve
deadline: {decide by: 3h before deadline, if undecided: escalate}
"""
TESTS = """
tests:
  - name: lumen is known
    given: {task.target_author_handle: lumen}
    expect: approve
"""


class Watched:
    """A policy on disk, a bot that is judged by it, and what the bot said."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "watched.yaml"
        self.list, self.tests = folder / "known.csv", folder / "watched.tests.yaml"
        self.file.write_text(GOOD)
        self.list.write_text("id\nlumen\n")
        self.tests.write_text(TESTS)
        self.said: list[tuple[str, dict[str, Any]]] = []
        world: World = build_world("backlog", tasks=1)
        assert isinstance(world.clock, VirtualClock)
        self.watch = PolicyWatch([str(self.file)])
        self.app: BotContext = build(
            a_setting(live=True, ledger="memory:"),
            judges=self.watch.load(),
            transport=SimulatorTransport(world),
            clock=world.clock,
            events=self.say,
        )
        self.watch.attach(self.app)

    @property
    def revision(self) -> str:
        """What judges now."""
        ((judge,),) = (bench.judges for bench in self.app.benches)
        return judge.policy.revision

    def say(self, event: str, /, *, level: str = "info", **about: Any) -> None:
        """Keep an event, with its level where that is not the usual one."""
        self.said.append((event, about if level == "info" else about | {"level": level}))

    def named(self, event: str) -> list[dict[str, Any]]:
        """What was said under one name."""
        return [about for name, about in self.said if name == event]

    def noted(self) -> dict[str, Any]:
        """What the log says of what runs."""
        (note,) = self.app.ledger.notes("running")
        return note.value


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A bot that runs by a good policy."""
    watched = Watched(tmp_path)
    yield watched
    watched.app.close()


NARROW = """policy: {platform}
language: 1
applies to: {{review: comments, platform: {platform}}}
rules: [{{name: all, always: yes, then: approve}}]
deadline: {{decide by: 3h before deadline, if undecided: escalate}}
"""


class Pair:
    """Two policies on disk, a bot that is judged by both, and what its log says of them."""

    def __init__(self, folder: Path) -> None:
        self.files = {name: folder / f"{name}.yaml" for name in ("instagram", "tiktok")}
        for name, file in self.files.items():
            file.write_text(NARROW.format(platform=name))
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.watch = PolicyWatch(map(str, self.files.values()))
        self.app: BotContext = build(
            a_setting(live=False, ledger="memory:"),
            judges=self.watch.load(),
            clock=VirtualClock(CONFIRMED),
            events=lambda event, /, *, level="info", **about: self.said.append((event, about)),
        )
        self.watch.attach(self.app)

    def running(self) -> dict[str, str]:
        """The start of each policy's revision, by its name."""
        judges = [judge for bench in self.app.benches for judge in bench.judges]
        return {judge.policy.name: judge.policy.revision[:8] for judge in judges}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A bot that runs by two good policies."""
    pair = Pair(tmp_path)
    yield pair
    pair.app.close()


def replace(path: Path, text: str) -> None:
    """Replace a file as editors do."""
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def test_nothing_happens_while_nothing_changes(watched: Watched) -> None:
    """No event, no line in the log, the same judge."""
    before = watched.app.benches[0].judges, watched.app.ledger.checkpoint(watched.app.clock.now())

    watched.watch.refresh()

    after = watched.app.benches[0].judges, watched.app.ledger.checkpoint(watched.app.clock.now())
    assert (before[0][0], before[1].count) == (after[0][0], after[1].count)
    assert not watched.named("policy reloaded")


@pytest.mark.parametrize("what", ["file", "list", "tests"])
def test_a_change_of_any_of_its_files_is_taken_over(watched: Watched, what: str) -> None:
    """The policy, a list it names, or its tests; the revision is that of policy and lists."""
    before = watched.revision
    path = {"file": watched.file, "list": watched.list, "tests": watched.tests}[what]
    replace(path, path.read_text() + {"file": "# more\n", "list": "aya\n", "tests": "\n"}[what])

    watched.watch.refresh()

    assert (watched.revision == before) is (what == "tests")
    assert watched.watch.problem is None
    assert watched.noted()["revision"] == watched.revision
    assert watched.app.ledger.policy(watched.revision) is not None


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda w: w.file.write_text(GOOD[:120]), "watched.yaml:"),
        (lambda w: w.file.write_text(GOOD.replace("approve", "aprove")), "aprove"),
        (lambda w: w.file.unlink(), "cannot be read"),
        (lambda w: w.list.unlink(), "known.csv"),
        (lambda w: (w.file.unlink(), w.file.mkdir()), "cannot be read"),
        (lambda w: w.tests.write_text(TESTS.replace("approve", "dispute")), "1 of its 1 tests fail"),
    ],
    ids=["half-written", "mistyped", "gone", "list gone", "a folder", "fails its tests"],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_told_and_then_mended(
    watched: Watched, spoil: Any, why: str
) -> None:
    """The old one keeps judging: in the events once, in the log, as an alarm; until it is mended."""
    good = watched.revision
    spoil(watched)

    for _ in range(3):
        watched.watch.refresh()

    assert watched.revision == good
    assert why in str(watched.watch.problem)
    assert len(watched.named("policy not reloaded")) == 1
    assert why in watched.noted()["problem"]
    assert [about for about in watched.named("alarm") if about["kind"] == "reload"]

    if watched.file.is_dir():
        watched.file.rmdir()
    watched.file.write_text(GOOD)
    watched.list.write_text("id\nlumen\n")
    watched.tests.write_text(TESTS)
    watched.watch.refresh()

    assert watched.watch.problem is None
    assert watched.noted()["problem"] is None
    assert watched.revision == good
    assert len(watched.named("policy reloaded")) == 1


def test_a_swapped_link_is_seen(tmp_path: Path) -> None:
    """As a mounted ConfigMap changes: one link, and all files behind it at once."""
    (tmp_path / "one").mkdir()
    Watched(tmp_path / "one").app.close()
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "two").mkdir()
    other = Watched(tmp_path / "two")
    other.file.write_text(GOOD + "# two\n")
    other.app.close()
    watch = PolicyWatch([str(tmp_path / "data" / "watched.yaml")])
    before = watch.load()[0].policy.revision
    app = build(a_setting(live=False, ledger="memory:"), judges=watch.load())
    watch.attach(app)

    os.symlink("two", tmp_path / "next")
    (tmp_path / "next").replace(tmp_path / "data")
    watch.refresh()

    assert app.benches[0].judges[0].policy.revision != before
    app.close()


def test_a_file_that_is_being_written_is_left_for_the_next_pass(watched: Watched) -> None:
    """It is read only once it rests."""
    before, text = watched.revision, GOOD + "# longer\n"
    looks = 0

    def write_on(seconds: float) -> None:
        nonlocal looks
        looks += 1
        watched.file.write_text(text[: 40 + looks])

    watched.file.write_text(text[:40])
    watched.app.clock.sleep = write_on  # type: ignore[method-assign]
    watched.watch.refresh()
    assert (watched.revision, watched.watch.problem, looks) == (before, None, LOOKS)

    watched.app.clock.sleep = lambda seconds: None  # type: ignore[method-assign]
    watched.file.write_text(text)
    watched.watch.refresh()
    assert watched.revision != before


def test_a_file_is_read_as_soon_as_it_rests(watched: Watched) -> None:
    """Two looks that see the same are enough, the first of them before any wait."""
    waits: list[float] = []

    def write_once(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            replace(watched.file, GOOD + "# longer\n")

    watched.app.clock.sleep = write_once  # type: ignore[method-assign]
    watched.watch.refresh(asked=True)
    assert waits == [SETTLING] * 2

    waits[:] = [0.0]
    watched.watch.refresh(asked=True)
    assert waits == [0.0, SETTLING]


def test_a_refusal_names_every_mistake_in_the_log_and_the_first_in_its_sentence(
    watched: Watched,
) -> None:
    """The event lists them, the alarm and the note say one and how many more; then it is over."""
    running = f"watched {watched.revision[:8]}"
    path = watched.file
    watched.file.write_text(GOOD.replace("approve", "pay").replace("escalate", "wait"))
    watched.watch.refresh()

    ((_, refused),) = [event for event in watched.said if event[0] == "policy not reloaded"]
    first, second = refused["findings"]
    assert first.startswith(f"{path}:8:11: ")
    assert second.startswith(f"{path}:9:")
    problem = f"a policy is not usable: {first} (and 1 more)"
    assert refused == {"error": problem, "findings": [first, second], "level": "error"}
    (told,) = watched.named("alarm")
    assert (told["kind"], told["mended"]) == ("reload", False)
    assert told["sentence"] == (
        f"A changed policy is not used, the old one keeps judging: {problem}"
    )
    assert told["facts"] == {"running": [running]}

    watched.file.write_text(GOOD)
    watched.watch.refresh()

    over = watched.named("alarm")[-1]
    assert (over["kind"], over["mended"]) == ("reload", True)
    assert over["sentence"] == f"The policies on disk are used: {running}."
    assert watched.named("policy reloaded") == [{"revisions": [running]}]


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        (0, "a policy is not usable"),
        (1, "a policy is not usable: p.yaml:3:7: wrong 0"),
        (2, "a policy is not usable: p.yaml:3:7: wrong 0 (and 1 more)"),
        (3, "a policy is not usable: p.yaml:3:7: wrong 0 (and 2 more)"),
    ],
)
def test_a_refusal_counts_what_it_leaves_out(watched: Watched, findings: int, said: str) -> None:
    """One mistake alone has no more beside it."""
    span = Span(3, 7, 3, 9)
    wrong = tuple(
        Finding(
            code="P001", severity=Severity.ERROR, span=span, message=f"wrong {n}", path="p.yaml"
        )
        for n in range(findings)
    )

    def refuse(_: Any) -> Any:
        raise PolicyInvalid("a policy is not usable", wrong)

    watched.watch.admit = refuse
    watched.watch.refresh(asked=True)

    assert watched.watch.problem == said


def test_what_changes_no_revision_is_not_called_a_reload(watched: Watched) -> None:
    """Other tests judge nothing; another text does."""
    replace(watched.tests, TESTS + "\n")
    watched.watch.refresh()
    assert watched.named("policy reloaded") == []

    replace(watched.file, GOOD + "# more\n")
    watched.watch.refresh()
    assert watched.named("policy reloaded") == [{"revisions": [f"watched {watched.revision[:8]}"]}]


def test_the_log_says_what_runs_from_where_and_since_when(watched: Watched) -> None:
    """Once: a bot that starts again by the same policy adds nothing."""
    now = watched.app.clock.now()
    assert watched.noted() == {
        "revision": watched.revision,
        "path": str(watched.file),
        "problem": None,
        "since": iso(now),
    }

    again = PolicyWatch([str(watched.file)])
    again.load()
    again.attach(watched.app)
    again.refresh(asked=True)

    assert len(watched.app.ledger.story("running", "watched")) == 1


def test_of_several_policies_the_changed_one_is_noted(pair: Pair) -> None:
    """All of them are named where something is said of what runs."""
    before = pair.running()
    replace(pair.files["tiktok"], NARROW.format(platform="tiktok") + "# more\n")
    pair.watch.refresh()

    after = pair.running()
    assert before["instagram"] == after["instagram"]
    assert before["tiktok"] != after["tiktok"]
    stories = {name: len(pair.app.ledger.story("running", name)) for name in after}
    assert stories == {"instagram": 1, "tiktok": 2}

    pair.files["tiktok"].write_text("policy: [")
    pair.watch.refresh()
    replace(pair.files["tiktok"], NARROW.format(platform="tiktok"))
    pair.watch.refresh()
    (*_, over) = (about for event, about in pair.said if event == "alarm")
    running = ", ".join(f"{name} {revision}" for name, revision in pair.running().items())
    assert over["sentence"] == f"The policies on disk are used: {running}."


def test_asked_for_it_reads_again_and_says_so(watched: Watched) -> None:
    """SIGHUP is answered also where nothing changed."""
    watched.watch.refresh(asked=True)

    assert watched.named("policy reloaded") == [{"revisions": [f"watched {watched.revision[:8]}"]}]


def test_a_log_that_cannot_be_written_keeps_the_old_policy(watched: Watched) -> None:
    """A revision judges only once its text is kept; it is taken over when that is possible."""
    before = watched.revision
    remember = watched.app.ledger.remember_policy

    def full(*_: Any) -> None:
        raise LedgerUnwritable("the disk is full")

    watched.app.ledger.remember_policy = full  # type: ignore[method-assign,assignment]
    replace(watched.file, GOOD + "# more\n")
    watched.watch.refresh()
    assert watched.revision == before
    assert "full" in str(watched.watch.problem)

    watched.app.ledger.remember_policy = remember  # type: ignore[method-assign]
    watched.watch.refresh()
    assert watched.revision != before


def test_a_refusal_is_written_down_once_the_log_takes_it(watched: Watched) -> None:
    """A note that fails is told, stops nothing, and is tried again at the next look."""
    note = watched.app.ledger.note

    def full(*_: Any) -> None:
        raise LedgerUnwritable("the disk is full")

    replace(watched.file, "policy: [")
    watched.app.ledger.note = full  # type: ignore[method-assign,assignment]
    watched.watch.refresh()
    assert watched.named("chore failed")[-1] == {"error": "the disk is full", "level": "error"}
    assert watched.noted()["problem"] is None

    watched.app.ledger.note = note  # type: ignore[method-assign]
    watched.watch.refresh()
    assert watched.noted()["problem"] == watched.watch.problem is not None


def test_a_bot_does_not_start_with_a_policy_that_fails_its_tests(tmp_path: Path) -> None:
    """Exit code 3, and nothing falls back to anything."""
    watched = Watched(tmp_path)
    watched.app.close()
    watched.tests.write_text(TESTS.replace("approve", "dispute"))

    with pytest.raises(PolicyInvalid) as refused:
        PolicyWatch([str(watched.file)]).load()
    assert refused.value.exit_code == 3
    assert str(refused.value) == (
        f"{watched.file}: 1 of its 1 tests fail, the first is 'lumen is known':"
        ' expected dispute, got approve by "a known author":'
        " line 7 `in list known` was met by lumen"
    )


def test_another_may_put_off_what_is_sound(watched: Watched) -> None:
    """`admit` gives the policies that may judge instead."""
    before = watched.app.benches[0].judges
    watched.watch.admit = lambda judges: before
    replace(watched.file, GOOD + "# more\n")

    watched.watch.refresh()

    assert watched.app.benches[0].judges == before
    assert watched.watch.problem is None
