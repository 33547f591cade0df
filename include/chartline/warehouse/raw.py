"""Raw answers: kept as they came (deflated), so that the warehouse can be rebuilt without a call."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chartline.soundcharts.calls import Answer
from chartline.warehouse.connect import Connection


@dataclass(frozen=True)
class RawAnswer:
    """One answer's body; `part` counts the pages or windows of one fetch from 0."""

    resource: str
    entity: str
    facet: str
    part: int
    endpoint: str
    path: str
    fetched_at: datetime
    body: bytes

    @classmethod
    def of(
        cls, resource: str, entity: str, facet: str, part: int, answer: Answer, fetched_at: datetime | None = None
    ) -> RawAnswer:
        """A good answer's raw form. `fetched_at`: one time for all the parts of a fetch that is read back whole."""
        at = fetched_at or answer.fetched_at
        return cls(resource, entity, facet, part, answer.endpoint, answer.path, at, answer.body)

    def answer(self) -> Answer:
        """The good answer that it was, to be read again; its calls were recorded when it came."""
        return Answer(self.endpoint, self.path, json.loads(self.body), self.body, (), self.fetched_at)


def keep(conn: Connection, answers: Iterable[RawAnswer], execution_id: int | None) -> None:
    """Store the answers in the caller's transaction."""
    with (
        conn.cursor() as cursor,
        cursor.copy(
            """copy chartline.raw_answer
               (resource, entity, facet, part, endpoint, path, fetched_at, execution_id, body) from stdin"""
        ) as copy,
    ):
        for a in answers:
            # Level 1: three quarters of the saving at a fifth of the time, in the path of every call.
            body = zlib.compress(a.body, 1)
            copy.write_row(
                (a.resource, a.entity, a.facet, a.part, a.endpoint, a.path, a.fetched_at, execution_id, body)
            )


def latest(conn: Connection, resource: str, entity: str, facet: str) -> list[RawAnswer]:
    """The parts of the newest kept fetch, in order; empty when none is kept."""
    rows = conn.execute(
        """select part, endpoint, path, fetched_at, body from chartline.raw_answer
           where resource = %s and entity = %s and facet = %s
             and fetched_at = (select max(fetched_at) from chartline.raw_answer
                               where resource = %s and entity = %s and facet = %s)
           order by part, id""",
        (resource, entity, facet) * 2,
    ).fetchall()
    return [
        RawAnswer(resource, entity, facet, part, endpoint, path, at, unpacked(body))
        for part, endpoint, path, at, body in rows
    ]


def set_aside(conn: Connection, resource: str, entity: str, facet: str, name: str) -> None:
    """File the newest kept fetch under the resource `name` instead: kept for a look, taken for an answer no more."""
    conn.execute(
        """update chartline.raw_answer set resource = %s
           where resource = %s and entity = %s and facet = %s
             and fetched_at = (select max(fetched_at) from chartline.raw_answer
                               where resource = %s and entity = %s and facet = %s)""",
        (name, *(resource, entity, facet) * 2),
    )


def facets(conn: Connection, resource: str, entity: str, since: datetime | None = None) -> list[str]:
    """The facets of which answers (fetched after `since`) are kept, sorted."""
    rows = conn.execute(
        """select distinct facet from chartline.raw_answer
           where resource = %s and entity = %s and fetched_at > coalesce(%s, '-infinity'::timestamptz) order by 1""",
        (resource, entity, since),
    )
    return [facet for (facet,) in rows]


def times(conn: Connection, resource: str, entity: str, facets: Iterable[str]) -> dict[str, datetime]:
    """When the newest kept fetch of each of `facets` was made; those of which none is kept are left out."""
    rows = conn.execute(
        """select facet, max(fetched_at) from chartline.raw_answer
           where resource = %s and entity = %s and facet = any(%s) group by facet""",
        (resource, entity, list(facets)),
    )
    return dict(rows.fetchall())


@dataclass(frozen=True)
class KeptPart:
    """One kept answer, without its body."""

    id: int
    endpoint: str
    path: str


@dataclass(frozen=True)
class KeptFetch:
    """The parts of one fetch, in order. `path` of a part is "" where what is kept is no good answer."""

    resource: str
    entity: str
    facet: str
    fetched_at: datetime
    parts: tuple[KeptPart, ...]


def fetches(conn: Connection, resources: Sequence[str], since: datetime, until: datetime) -> list[KeptFetch]:
    """What was fetched of these resources from `since` on and before `until`, in the order in which it came."""
    # Parts of one fetch have one time; those kept by version 0.1 each had its own, within minutes of the first.
    near = timedelta(hours=1)
    rows = conn.execute(
        """with kept as (
               select id, resource, entity, facet, part, endpoint, path, fetched_at,
                      sum((part = 0)::int) over (
                          partition by resource, entity, facet order by fetched_at, part, id) as number
               from chartline.raw_answer
               where resource = any(%(resources)s) and (path <> '' or resource like 'broken\\_%%')
                 and fetched_at >= %(since)s - %(near)s::interval
                 and fetched_at < %(until)s + %(near)s::interval
           )
           select resource, entity, facet, min(fetched_at), array_agg(id order by part, id),
                  array_agg(endpoint order by part, id), array_agg(path order by part, id)
           from kept group by resource, entity, facet, number
           having min(fetched_at) >= %(since)s and min(fetched_at) < %(until)s
           order by min(fetched_at), min(id)""",
        {"resources": list(resources), "since": since, "until": until, "near": near},
    )
    return [
        KeptFetch(resource, entity, facet, at, tuple(map(KeptPart, *parts)))
        for resource, entity, facet, at, *parts in rows
    ]


def span(conn: Connection, resources: Sequence[str]) -> tuple[datetime, datetime] | None:
    """When the oldest and the newest kept answer of these resources came; None where none is kept."""
    row = conn.execute(
        "select min(fetched_at), max(fetched_at) from chartline.raw_answer where resource = any(%s)", [list(resources)]
    ).fetchone()
    return (row[0], row[1]) if row and row[0] else None


def newest_id(conn: Connection) -> int:
    """Of the answer that was kept last; 0 where there is none."""
    row = conn.execute("select coalesce(max(id), 0) from chartline.raw_answer").fetchone()
    return int(row[0]) if row else 0


def packed(conn: Connection, ids: Sequence[int]) -> dict[int, bytes]:
    """The bodies of these answers as they are kept, by id; those that were dropped meanwhile are left out."""
    return dict(conn.execute("select id, body from chartline.raw_answer where id = any(%s)", [list(ids)]).fetchall())


def unpacked(body: bytes) -> bytes:
    """A kept body as it came. Raises zlib.error."""
    return zlib.decompress(body)


def copy(source: Connection, target: Connection, ids: Sequence[int]) -> int:
    """Keep these answers of another warehouse here too, in the caller's transaction; those that are here already are
    left out. Returns how many were new. They are of no execution here."""
    rows = source.execute(
        """select resource, entity, facet, part, endpoint, path, fetched_at, body from chartline.raw_answer
           where id = any(%s) order by id""",
        [list(ids)],
    ).fetchall()
    with target.cursor() as cursor:
        cursor.executemany(
            """insert into chartline.raw_answer (resource, entity, facet, part, endpoint, path, fetched_at, body)
               select * from (values (%s, %s, %s, %s::int, %s, %s, %s::timestamptz, %s::bytea))
                   as n (resource, entity, facet, part, endpoint, path, fetched_at, body)
               where not exists (
                   select from chartline.raw_answer r
                   where (r.resource, r.entity, r.facet, r.fetched_at, r.part, r.path)
                       = (n.resource, n.entity, n.facet, n.fetched_at, n.part, n.path))""",
            rows,
        )
        return max(cursor.rowcount, 0)


@dataclass(frozen=True)
class NotKept:
    """What the ledger says was fetched and no kept answer brings: `items` of a resource, fetched from `first` to
    `last`; `shorter`: series of which answers are kept, but not those of their first days."""

    resource: str
    items: int
    first: datetime | None
    last: datetime | None
    shorter: int


def not_kept(conn: Connection, resources: Sequence[str]) -> list[NotKept]:
    """Of these resources, as far as there is anything, by name."""
    rows = conn.execute(
        """with kept as (
               select resource, unnest(string_to_array(entity, ',')) as entity, facet,
                      min(substring(path from 'startDate=([0-9]{4}-[0-9]{2}-[0-9]{2})')::date) as first_day
               from chartline.raw_answer where resource = any(%(resources)s) and path <> '' group by 1, 2, 3
           ), lacking as (
               select l.resource, l.fetched_at, k.entity is null as gone,
                      k.entity is not null and l.covered_from < k.first_day as shorter
               from chartline.fetch_ledger l left join kept k using (resource, entity, facet)
               where l.resource = any(%(resources)s) and l.fetched_at is not null and l.outcome in ('ok', 'empty')
                 and (l.resource, l.facet) <> ('ranking', 'latest')
           )
           select resource, count(*) filter (where gone), min(fetched_at) filter (where gone),
                  max(fetched_at) filter (where gone), count(*) filter (where shorter)
           from lacking where gone or shorter group by 1 order by 1""",
        {"resources": list(resources)},
    )
    return [NotKept(*row) for row in rows]


def prune(conn: Connection, days: int, batch: int = 5000) -> int:
    """Remove answers older than `days`, a batch to a transaction so that no lock is held for long; how many."""
    removed = 0
    while True:
        gone = conn.execute(
            """delete from chartline.raw_answer where id in (
                   select id from chartline.raw_answer
                   where fetched_at < now() - make_interval(days => %s) limit %s)""",
            (days, batch),
        ).rowcount
        removed += gone
        if gone < batch:
            return removed
