"""Leases in PostgreSQL: who may act for a key, by the server's clock.

Theory of operation. A request is one statement: it says that the replica lives, gives back, renews
and takes, and tells how things stand. It waits for no row that somebody else has locked; what it
could not get it gets the next time. How many keys are a replica's share is counted in the statement
itself, so that what a dead or leaving one held is taken within one request of each of the others.
A key that has been free for longer than `GRACE` is taken beyond the share, for the others may not
want it. A token is the moment of its taking, or one more than the last: it grows also where a server
fails over to a copy that lacks the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import text

from reviewbot.domain.errors import LeaseLost
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ports.leases import How, Lease, LeaseAnswer, LeaseRequest, Peer

GRACE = 1.0
"""Seconds that a free key waits for a replica whose share it would be."""
MICROS = 1_000_000

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"

ADD = text(
    f"INSERT INTO lease (key, holder, token, until, since)"  # noqa: S608  the clock is ours
    f" SELECT key, '', 0, now, now FROM unnest(CAST(:keys AS text[])) AS key, (SELECT {_NOW} AS now) AS clock"
    " ON CONFLICT (key) DO NOTHING"
)
"""Keys that nobody has held yet."""

ASK = text(
    f"""
WITH clock AS MATERIALIZED (SELECT {_NOW} AS now),
held AS (SELECT * FROM unnest(CAST(:held_keys AS text[]), CAST(:held_tokens AS bigint[])) AS t (key, token)),
given AS (SELECT * FROM unnest(CAST(:given_keys AS text[]), CAST(:given_tokens AS bigint[])) AS t (key, token)),
dropped AS (SELECT * FROM unnest(CAST(:dropped_keys AS text[]), CAST(:dropped_tokens AS bigint[])) AS t (key, token)),
me AS (
  INSERT INTO replica (name, process, until, takes, about)
  SELECT CAST(:name AS text), :process, now + CAST(:lives AS bigint), :takes, :about
  FROM clock WHERE CAST(:due AS boolean)
  ON CONFLICT (name) DO UPDATE
  SET process = excluded.process, until = excluded.until, takes = excluded.takes, about = excluded.about
  WHERE replica.process = excluded.process OR replica.until <= (SELECT now FROM clock)
  RETURNING name
),
gives AS (
  UPDATE lease SET until = now FROM clock, given
  WHERE lease.key = given.key AND lease.token = given.token AND lease.until > now
  RETURNING lease.*, 'given' AS how
),
renews AS (
  UPDATE lease SET until = now + CAST(:ttl AS bigint) FROM clock, (
    SELECT lease.key FROM lease JOIN held USING (key, token) CROSS JOIN clock
    WHERE CAST(:due AS boolean) AND until > now FOR UPDATE OF lease SKIP LOCKED
  ) AS mine WHERE lease.key = mine.key
  RETURNING lease.*, 'kept' AS how
),
share AS (
  SELECT ceil(CAST((SELECT count(*) FROM lease) AS numeric) / (1 + count(*))) - CAST(:mine AS bigint) AS room
  FROM replica, clock WHERE until > now AND takes > 0 AND name <> CAST(:name AS text)
),
beyond AS (
  SELECT count(*) AS keys FROM lease LEFT JOIN dropped USING (key, token) CROSS JOIN clock
  WHERE key = ANY (CAST(:wants AS text[])) AND (until <= now - CAST(:grace AS bigint) OR dropped.key IS NOT NULL)
),
takes AS (
  UPDATE lease
  SET holder = :name, token = greatest(lease.token + 1, now), until = now + CAST(:ttl AS bigint), since = now
  FROM clock, (
    SELECT lease.key, dropped.key IS NOT NULL AS again
    FROM lease LEFT JOIN dropped ON dropped.key = lease.key AND dropped.token = lease.token CROSS JOIN clock
    WHERE CAST(:takes AS bigint) > 0 AND (NOT CAST(:due AS boolean) OR EXISTS (SELECT FROM me))
      AND lease.key = ANY (CAST(:wants AS text[])) AND (until <= now OR dropped.key IS NOT NULL)
    ORDER BY dropped.key IS NULL, until, md5(lease.key || CAST(:name AS text))
    LIMIT greatest(0, (SELECT room FROM share), (SELECT keys FROM beyond)) FOR UPDATE OF lease SKIP LOCKED
  ) AS free WHERE lease.key = free.key
  RETURNING lease.*, CASE WHEN free.again THEN 'again' ELSE 'taken' END AS how
),
changed AS (SELECT * FROM gives UNION ALL SELECT * FROM renews UNION ALL SELECT * FROM takes)
SELECT 'lease', key, coalesce(changed.holder, lease.holder), coalesce(changed.token, lease.token),
  coalesce(changed.until, lease.until) - now, coalesce(changed.since, lease.since), changed.how, CAST(NULL AS bytea)
FROM lease LEFT JOIN changed USING (key) CROSS JOIN clock
UNION ALL SELECT 'peer', name, process, takes, until - now, 0, NULL, about
FROM replica CROSS JOIN clock WHERE until > now - {86_400 * MICROS}
UNION ALL SELECT 'name', name, '', 0, 0, 0, NULL, NULL FROM me
UNION ALL SELECT 'schema', version_num, '', 0, 0, 0, NULL, NULL FROM alembic_version
"""  # noqa: S608  nothing of it comes from outside
)
"""Everything that a replica asks at once."""

FENCE = text(
    f"SELECT holder, until - {_NOW}, token = :token AND since = :since,"  # noqa: S608
    " (SELECT version_num FROM alembic_version) FROM lease WHERE key = :key"
)
"""Whether a lease is still the one that was taken, and the tables are those that we know."""


class LeaseTable:
    """The leases of one database, on a connection of its own: no slow question of a key delays it."""

    def __init__(self, engine: LedgerEngine, *, patience: float) -> None:
        """`patience` is how many seconds the server may take."""
        self._engine = engine
        self._limit = f"SET LOCAL statement_timeout = {int(patience * 1000)}"

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys be held; one that is known stays as it is."""
        with self._engine.writing():
            self._engine.run(ADD, {"keys": sorted(keys)})

    def ask(self, request: LeaseRequest) -> LeaseAnswer:
        """Give back, renew and take in one statement, and say how things stand."""
        with self._engine.writing() as driver:
            driver.execute(self._limit)
            rows = self._engine.run(ASK, _parameters(request)).fetchall()
        return _answer(rows)

    def close(self) -> None:
        """Let go of the connection."""
        self._engine.close()


def _parameters(request: LeaseRequest) -> dict[str, Any]:
    def pairs(name: str, tokens: Mapping[str, int]) -> dict[str, Any]:
        return {f"{name}_keys": list(tokens), f"{name}_tokens": list(tokens.values())}

    return {
        "name": request.name,
        "process": request.process,
        "ttl": int(request.ttl * MICROS),
        "lives": int(request.ttl * MICROS) if request.lives else 0,
        "due": request.is_due,
        "takes": int(request.takes and request.lives),
        "about": request.about,
        "mine": len(request.holds),
        "wants": list(request.wants),
        "grace": int(GRACE * MICROS),
        **pairs("held", request.holds),
        **pairs("given", request.gives),
        **pairs("dropped", request.dropped),
    }


def _answer(rows: Iterable[Any]) -> LeaseAnswer:
    leases, peers, granted, named, schema = [], [], dict[str, How](), False, ""
    for what, name, word, number, left, since, how, about in rows:
        match what:
            case "lease":
                seconds = left / MICROS
                leases.append(Lease(key=name, holder=word, token=number, left=seconds, since=since))
                if how not in (None, "given"):
                    granted[name] = how
            case "peer":
                alive = left / MICROS
                peer = Peer(name=name, process=word, takes=bool(number), left=alive, about=about)
                peers.append(peer)
            case "name":
                named = True
            case _:
                schema = name
    return LeaseAnswer(
        schema=schema, leases=tuple(leases), peers=tuple(peers), is_named=named, granted=granted
    )


class LeaseFence:
    """Refuses what is written by a lease that has run out, was taken since, or is of other tables."""

    def __init__(
        self, engine: LedgerEngine, key: str, lease: Callable[[], Lease | None], schema: str
    ) -> None:
        """`lease` gives the one that is held now; `schema` is the version of the tables that we know."""
        self._engine, self._key, self._lease, self._schema = engine, key, lease, schema

    def check(self) -> None:
        """Raise LeaseLost; for use in the transaction of what is written."""
        key, lease = self._key, self._lease()
        if lease is None:
            raise LeaseLost(f"{key}: this process holds no lease of the key")
        asked = {"key": key, "token": lease.token, "since": lease.since}
        holder, left, is_ours, schema = self._engine.run(FENCE, asked).fetchone()
        if not is_ours:
            raise LeaseLost(f"{key}: {holder or 'nobody'} holds the key now, with a newer token")
        if left <= 0:
            raise LeaseLost(f"{key}: our lease ran out {-left / MICROS:.1f} s ago")
        if schema != self._schema:
            raise LeaseLost(f"{key}: the ledger has the schema {schema} now, we {self._schema}")
