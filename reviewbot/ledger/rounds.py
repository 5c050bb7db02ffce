"""Rounds in the log, when each was first seen and how it ended; and what is looked up by name: policies, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from reviewbot.domain.errors import NotRecordable, OutOfDate
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import events, statements, tables
from reviewbot.ledger.chain import LogPart
from reviewbot.ledger.clauses import names_of
from reviewbot.ledger.mapping import (
    first_seen,
    noted_from_line,
    open_round,
    round_ending,
    says,
    seen_round,
    stored_policy,
)
from reviewbot.ledger.tables import BeatRow, ChainLine, NoteRow, PolicyRow, RoundRow
from reviewbot.policy.model import Policy
from reviewbot.ports.leases import Lease, Peer
from reviewbot.ports.ledger import Ending, LogNote, OpenRound, SeenRound, StoredPolicy

_Key = tuple[str, str, str]
BOT = "bot"
"""The name of the one instance that works on a file."""


class RoundLog(LogPart):
    """The rounds of a log."""

    def sight(
        self, items: Iterable[ReviewItem], at: datetime
    ) -> Mapping[tuple[str, str], datetime]:
        """Note rounds seen for the first time; give when each was first seen.

        One that was taken for ended, and is seen again, has not ended. An item without an epoch is no
        round, and one that cannot be written down is none that the log could know: both are left out.
        Read-only, nothing is noted.
        """
        waiting = {(item.review, item.id, item.epoch): item for item in items if item.epoch}
        if self._engine.read_only:
            with self._engine.reading():
                rows = self._rows(waiting)
            return {key[1:]: first_seen(rows[key]) if key in rows else at for key in waiting}
        seen: dict[tuple[str, str], datetime] = {}
        with self._chain.adding() as end:
            rows = self._rows(waiting)
            for key, item in waiting.items():
                before = row = rows.get(key)
                if row is None or row.ended_at is not None:
                    try:
                        line, row = events.seen(item, at, end.next, before)
                    except NotRecordable:
                        continue  # its own review says so; the others of the list are seen
                    end.add(line)
                    self._put(tables.round_, row, before)
                seen[key[1:]] = first_seen(row)
        return seen

    def end(self, *endings: Ending) -> None:
        """Note how rounds ended, in one transaction; a second ending of one changes nothing."""
        ended: dict[_Key, Ending] = {}
        for ending in endings:
            ended.setdefault((ending.review, ending.task_id, ending.epoch), ending)
        with self._chain.adding() as end:
            rows = self._rows(ended)
            for key, ending in ended.items():
                before = rows.get(key)
                if before is None or before.ended_at is None:
                    line, row = events.ended(ending, end.next, before)
                    end.add(line)
                    self._put(tables.round_, row, before)

    def rounds(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Sequence[SeenRound]]:
        """Every round of these things that was seen."""
        found: dict[str, list[SeenRound]] = {}
        with self._engine.reading():
            for row in self._rows((review, task_id, "") for task_id in ids).values():
                found.setdefault(row.task_id, []).append(seen_round(row))
        return found

    def unended(self, review: ReviewKind) -> Sequence[OpenRound]:
        """Rounds seen waiting that have no ending, in the order they were seen."""
        with self._engine.reading():
            rows = self._run(statements.ROUNDS_OPEN, {"review": review})
            return [open_round(RoundRow(*row)) for row in rows]

    def endings(self, since: datetime | None = None) -> Sequence[Ending]:
        """How rounds ended, oldest first."""
        start = 0 if since is None else events.to_micros(since)
        with self._engine.reading():
            rows = self._run(statements.ROUNDS_ENDED, {"since": start})
            return [round_ending(RoundRow(*row)) for row in rows]

    def _rows(self, keys: Iterable[_Key]) -> dict[_Key, RoundRow]:
        """The rows of these rounds, and perhaps of others of the same things."""
        things: dict[str, list[str]] = {}
        for review, task_id, _ in keys:
            things.setdefault(review, []).append(task_id)
        rows: dict[_Key, RoundRow] = {}
        for review, ids in things.items():
            asked = {"review": review, "names": names_of(ids)}
            for columns in self._run(statements.ROUNDS, asked):
                row = RoundRow(*columns)
                rows[row.review, row.task_id, row.epoch] = row
        return rows


class NoteLog(LogPart):
    """What a log keeps by name: policies as they ran, words on subjects, and how the bot is."""

    def remember_policy(self, policy: Policy, at: datetime) -> None:
        """Keep the text of a revision, once."""
        known = {"revision": policy.revision}
        with self._engine.reading():
            if self._run(statements.POLICY_SEQ, known).fetchone():
                return
        with self._chain.adding() as end:
            if self._run(statements.POLICY_SEQ, known).fetchone():
                return
            line = events.remembered(policy, at, end.next)
            end.add(line)
            self._put(tables.policy, PolicyRow(policy.revision, line.seq), None)

    def policy(self, revision: str) -> StoredPolicy | None:
        """A revision's text by it or an unambiguous beginning of it."""
        matches = [stored for stored in self.policies() if stored.revision.startswith(revision)]
        return matches[0] if len(matches) == 1 else None

    def policies(self) -> Sequence[StoredPolicy]:
        """Every revision that ever ran, oldest first."""
        with self._engine.reading():
            rows = self._run(statements.POLICIES)
            return [stored_policy(body, detail, at) for _, body, detail, at in rows]

    def note(self, topic: str, subject: str, value: Mapping[str, Any], at: datetime) -> None:
        """Add a word on something that is neither a decision nor a round."""
        self.note_all(topic, {subject: value}, at)

    def note_all(
        self,
        topic: str,
        words: Mapping[str, Mapping[str, Any]],
        at: datetime,
        *,
        last: Mapping[str, int] | None = None,
    ) -> None:
        """Add a word on each subject, all or none; OutOfDate where one has a newer word than `last`."""
        known = last or {}
        with self._chain.adding() as end:
            for subject, value in words.items():
                asked = {"topic": topic, "subject": subject}
                row = self._first(NoteRow, statements.NOTE_ROW, asked)
                before = row.last if row else 0
                if known.get(subject, before) != before:
                    raise OutOfDate(f"somebody else wrote on {topic} {subject[:12]} meanwhile")
                line = events.noted(topic, subject, value, at, end.next, before)
                end.add(line)
                self._put(tables.note, NoteRow(topic, subject, line.seq), row)

    def notes(self, *topics: str) -> Sequence[LogNote]:
        """The newest word on each subject of some topics."""
        with self._engine.reading():
            rows = self._run(statements.NOTES, {"names": names_of(topics)})
            return [noted_from_line(line) for row in rows if says(line := ChainLine(*row))]

    def story(self, topic: str, subject: str) -> Sequence[LogNote]:
        """Every word on one subject, oldest first."""
        with self._engine.reading():
            asked = {"topic": topic, "subject": subject}
            row = self._first(NoteRow, statements.NOTE_ROW, asked)
            lines = self._chain.back_from(row.last if row else 0)
            return [noted_from_line(line) for line in lines if says(line)]

    def beat(self, text: bytes, name: str = BOT) -> None:
        """Leave a replica's word on itself in the place of the one before; no line of the log."""
        with self._engine.writing():
            before = self._first(BeatRow, statements.BEAT, {"name": name})
            self._put(tables.heartbeat, BeatRow(name, self._now(), text), before)

    def last_beat(self, name: str | None = None) -> tuple[bytes, float] | None:
        """The newest word of a replica, or of any, and how many seconds ago it was left by the database's clock."""
        with self._engine.reading():
            asked = statements.NEWEST_BEAT if name is None else statements.BEAT
            beat = self._first(BeatRow, asked, {"name": name})
            return None if beat is None else (beat.beat, (self._now() - beat.at) / 1_000_000)

    def lease(self) -> Lease | None:
        """Who holds this key, or held it last; None where nobody ever needed to."""
        with self._engine.reading():
            row = self._run(statements.LEASE).fetchone()
            if row is None:
                return None
            left = (row[2] - self._now()) / 1_000_000
            return Lease(key=self._key, holder=row[0], token=row[1], left=left, since=row[3])

    def replicas(self) -> Sequence[Peer]:
        """The processes that share the keys of this database, as each last said of itself."""
        with self._engine.reading():
            rows, now = self._engine.run(statements.REPLICAS).fetchall(), self._now()
            return [
                Peer(
                    name=name,
                    process=process,
                    left=(until - now) / 1_000_000,
                    takes=bool(takes),
                    about=bytes(about),
                )
                for name, process, until, takes, about in rows
            ]

    def _now(self) -> int:
        """The database's own clock, in microseconds since 1970."""
        (now,) = self._engine.driver().execute(self._engine.backend.clock).fetchone()
        return int(now)
