"""Raw answers: kept as they came (deflated), so that the warehouse can be rebuilt without a call."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

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
        RawAnswer(resource, entity, facet, part, endpoint, path, at, zlib.decompress(body))
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
