"""The same records give the same result, byte for byte, however they are cut, ordered, kept and shared."""

from __future__ import annotations

import gzip
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.history import batch, files
from reviewbot.history.batch import count_batches, count_files
from reviewbot.history.files import find_files
from reviewbot.history.partial import Counting, JudgingJob, MixedResults, Partial, PastTotals, Sums
from reviewbot.history.records import Source
from reviewbot.insights import spill
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import SAMPLES, Impact
from reviewbot.tokportal.records import decode_record
from tests.builders import CONFIRMED
from tests.policy.chance import a_random_policy, a_random_task, random_attempts
from tests.policy.interpreter import Interpreter
from tests.policy.judging import judge_of
from tests.tier import times

OLD = """
rules:
  - name: nothing read
    when:
      last.comments_scraped: 0
    then: approve
  - name: all read
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: Our check read every comment and yours was not among them.
guardrails:
  disputes: at most 3 per day
  when over: escalate
"""
NEW = OLD.replace("between 1 and 99", "between 20 and 99").replace("at most 3", "at most 2")


def random_lines(chance: Random, count: int) -> list[bytes]:
    """Recorded tasks; one in eight is none, one in eight has a field of the wrong kind."""
    found = []
    for _ in range(count):
        record: dict[str, Any] = {
            "task": msgspec.to_builtins(a_random_task(chance)),
            "attempts": random_attempts(chance),
            "history": {"disputes": chance.choice((0, 0, 1, None))},
            "at": chance.choice(("2026-06-02T13:00:00Z", "2026-06-05T10:30:00Z", None)),
        }
        if chance.random() < 0.125:
            record["task"][chance.choice([*record["task"]])] = [5]
        if chance.random() < 0.125:
            del record["task"]
        found.append(msgspec.json.encode(record))
    return found


def canonical(totals: PastTotals) -> bytes:
    """The result but for how many parts it came in."""
    return msgspec.json.encode(
        {
            "moves": sorted(
                (*key, cell.count, cell.micros, cell.kept)
                for key, cell in totals.impact.moves.items()
            ),
            "flips": [(*key, cell.samples) for key, cell in totals.impact.flips().items()],
            "untold": sorted(totals.impact.could_not_tell.items()),
            "accounts": sorted(totals.accounts.items()),
            "rest": (totals.kept, totals.read, totals.judged, totals.impact.others),
            "unreadable": (totals.unread, totals.unreadable),
            "by": (totals.version, totals.revision),
        }
    )


def summed(judges: tuple[Judge, Judge], parts: Sequence[Sequence[Partial]]) -> PastTotals:
    """What parts add up to."""
    sums = Sums(judges)
    for rows in parts:
        sums.merge(rows)
    totals = sums.finish()
    sums.close()
    return totals


def counted(
    judges: tuple[Judge, Judge], where: Path | str, workers: int = 1, **more: Any
) -> PastTotals:
    """What the records of a place come to."""
    job = JudgingJob.of(judges[1], CONFIRMED, judges[0])
    found = count_files(job, find_files(str(where)), workers=workers, **more)
    return summed(judges, [part.sums for part in found])


def in_one(judges: tuple[Judge, Judge], lines: Sequence[bytes]) -> PastTotals:
    """What they come to one after the other."""
    counting = Counting(JudgingJob.of(judges[1], CONFIRMED, judges[0]))
    batch.each_record(Source(lines, counting.reader), counting.count, counting.give_up)
    return summed(judges, [counting.rows()])


def write_cut(folder: Path, lines: Sequence[bytes], chance: Random) -> None:
    """Into files of each kind, cut anywhere, in any order."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    left, number = list(lines), 0
    chance.shuffle(left)
    while left:
        some = [left.pop() for _ in range(min(len(left), chance.randint(1, 40)))]
        text = b"\n".join(some) + chance.choice((b"", b"\n"))
        match chance.choice(("lines", "packed", "parquet")):
            case "lines":
                (folder / f"{number}.jsonl").write_bytes(text)
            case "packed":
                (folder / f"{number}.jsonl.gz").write_bytes(gzip.compress(text))
            case _:
                kind = chance.choice((arrow.string(), arrow.large_string(), arrow.binary()))
                column = arrow.array([line.decode() for line in some]).cast(kind)
                table = arrow.table({"other": range(len(some)), "record": column})
                size = chance.randint(1, len(some))
                parquet.write_table(table, folder / f"{number}.parquet", row_group_size=size)
        number += 1


@settings(max_examples=times(12, 300), deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_no_cut_and_no_order_changes_a_byte(seed: int, alone: bool) -> None:
    """Over files of every kind, with limits, for a back-test and for a diff; parts in any order."""
    chance = Random(seed)
    new = judge_of(NEW)
    judges = (new, new) if alone else (judge_of(OLD), new)
    lines = random_lines(chance, chance.randint(1, 120))
    whole = canonical(in_one(judges, lines))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SIZE", chance.choice((300, 5000, 4 << 20)))
        patch.setattr(spill.SortedRuns.__init__, "__defaults__", (chance.choice((3, 100_000)),))
        patch.setattr(spill.DistinctAccounts.__init__, "__defaults__", (chance.choice((2, 99)),))
        write_cut(Path(name), lines, chance)
        job = JudgingJob.of(judges[1], CONFIRMED, judges[0])
        parts = [part.sums for part in count_files(job, find_files(name), workers=1)]
        chance.shuffle(parts)
        assert canonical(summed(judges, parts)) == whole


@pytest.mark.parametrize("partitions", [1, 2, 16])
def test_partitions_of_record_batches_come_to_the_same(partitions: int) -> None:
    """As a cluster maps the function over them."""
    arrow = pytest.importorskip("pyarrow")
    judges = judge_of(OLD), judge_of(NEW)
    lines = random_lines(Random(3), 200)
    job = JudgingJob.of(judges[1], CONFIRMED, judges[0])
    parts = []
    for n in range(partitions):
        table = arrow.table({"record": [line.decode() for line in lines[n::partitions]]})
        parts += count_batches(job, None, table.to_batches(max_chunksize=7))
    assert canonical(summed(judges, parts)) == canonical(in_one(judges, lines))


@pytest.mark.parametrize("workers", [1, 2, pytest.param(16, marks=pytest.mark.slow)])
def test_real_processes_come_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """However many share the work."""
    monkeypatch.setattr("reviewbot.history.crew.threading.active_count", lambda: 1)
    monkeypatch.setattr(files, "SIZE", 20_000)
    judges = judge_of(OLD), judge_of(NEW)
    lines = random_lines(Random(4), 300)
    write_cut(tmp_path, lines, Random(4))
    assert canonical(counted(judges, tmp_path, workers)) == canonical(in_one(judges, lines))


KILLS = times(10, 50)


class _Killing(Counting):
    """Counts, but whoever first takes up one of so many records is killed over it."""

    folder: Path

    def _counter(self) -> Callable[[Any], bool]:
        plain = super()._counter()

        def count(record: Any) -> bool:
            mark = self.folder / record.subject.id.replace("/", "_")
            if not mark.exists() and self._claims_a_kill():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(record)

        return count

    def _claims_a_kill(self) -> bool:
        """Take one of the kills for this process alone: several count at the same time."""
        for number in range(KILLS):
            with suppress(FileExistsError):
                (self.folder / f"kill {number}").touch(exist_ok=False)
                return True
        return False


def test_workers_killed_again_and_again_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is replaced, its part is judged again, and the loss is told."""
    monkeypatch.setattr("reviewbot.history.crew.threading.active_count", lambda: 1)
    monkeypatch.setattr(files, "SIZE", 1500)
    _Killing.folder = tmp_path / "killed"
    _Killing.folder.mkdir()
    judges = judge_of(OLD), judge_of(NEW)
    lines = random_lines(Random(5), 300)
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(lines))
    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(batch, "Counting", _Killing)
        found = counted(judges, tmp_path / "records.jsonl", 3, lost=told.append)
    assert len(told) == KILLS
    assert canonical(found) == canonical(in_one(judges, lines))


def test_a_mix_of_versions_or_revisions_is_refused() -> None:
    """A worker that runs something else spoils no sum."""
    old, new = judge_of(OLD), judge_of(NEW)
    sums = Sums((new, new))
    counting = Counting(JudgingJob.of(old, CONFIRMED))
    with pytest.raises(MixedResults, match="the same must run everywhere"):
        sums.merge(counting.rows())
    row = Counting(JudgingJob.of(new, CONFIRMED)).rows()[0]
    sums.merge([row])
    with pytest.raises(MixedResults, match=r"reviewbot 0\.0\.0"):
        sums.merge([(*row[:-2], "0.0.0", row[-1])])
    sums.close()


def plainly(old: Policy, new: Policy, lines: list[bytes], alone: bool) -> tuple[Any, ...]:
    """Count each line as the plain interpreter judges it in full."""
    impact, tells, unread = Impact(), Counter[str](), 0
    accounts: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        try:
            record = decode_record(line)
        except ValueError:
            unread += 1
            continue
        facts, subject = record.facts(CONFIRMED), record.subject
        before, after = (Interpreter(policy, facts).guarded() for policy in (old, new))
        tells.update(after["cannot_tell"])
        was, is_now = (before["action"], before["rule"]), (after["action"], after["rule"])
        impact.add(was, is_now, subject.id, record.amount_micros)
        if subject.saved_account_id is not None:
            group = is_now if alone else (was[0], is_now[0])
            accounts.setdefault(group, set()).add(subject.saved_account_id)
    impact.could_not_tell = dict(tells)
    return impact, unread, {group: len(ids) for group, ids in accounts.items()}


def unlimited(policy: Policy) -> Policy:
    """Without limits, which are held against all reviews together."""
    rules = tuple(msgspec.structs.replace(rule, limit=()) for rule in policy.rules)
    return msgspec.structs.replace(policy, rules=rules)


def test_the_quick_way_counts_what_the_plain_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random policies and records, good and bad, alone (a back-test) and old beside new."""
    chance = Random(7)
    for _ in range(times(4, 500)):
        old, new = unlimited(a_random_policy(chance)), unlimited(a_random_policy(chance))
        lines = random_lines(chance, 40)
        after = compile_policy(new)
        for before in (after, compile_policy(old)):
            judges = (before, after)
            monkeypatch.setattr(JudgingJob, "judges", lambda _, judges=judges: judges)
            totals = in_one(judges, lines)
            was = new if before is after else old
            found = totals.impact, totals.unread, dict(totals.accounts)
            assert found == plainly(was, new, lines, before is after)
    assert max(len(cell.samples) for cell in totals.impact.moves.values()) <= SAMPLES
