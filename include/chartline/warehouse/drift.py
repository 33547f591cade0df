"""What the API's answers look like and what was odd in them, summed up over all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, LiteralString

from psycopg.rows import class_row

from chartline.soundcharts.drift import DriftCounts
from chartline.warehouse.connect import Connection

Kind = Literal["appeared", "gone", "type", "unread", "in_part", "refused"]

LOCK = 0x43480007
LEARNED = timedelta(days=1)
"""For so long an endpoint's answers are learned: what comes first after that is new."""
HALF = 300
"""Objects after which the share of recent ones has gone half the way to a new value."""
ENOUGH = 200
"""Objects below which nothing is said to come always."""
ALWAYS, MOST, BACK = 0.99, 0.5, 0.9
"""Shares: of all objects, for a field that always comes; of recent ones, below which it is gone, and above which it is
back."""
PATHS, ODDITIES = 1000, 300
"""Kept of an endpoint: an answer with names for keys must not fill the warehouse."""
OTHERS = "others"


@dataclass(frozen=True)
class Drift:
    """One thing about the answers of an endpoint that is not as it was, or not as agreed.

    `path`: such as `items[].song.name`; `found`: type and shape of what came, no value; `seen`: how often, None where a
    field is gone; `example`: the path of the last such request.
    """

    endpoint: str
    path: str
    kind: Kind
    found: str
    seen: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    example: str


def keep(conn: Connection, seen: DriftCounts) -> None:
    """Add what was counted, in the caller's transaction; one process at a time, for a moment."""
    if not (seen.came or seen.odd):
        return
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    if seen.came:
        _keep_fields(conn, seen)
    if seen.odd:
        _keep_odd(conn, seen)


def _keep_fields(conn: Connection, seen: DriftCounts) -> None:
    fields = list(seen.parents)
    conn.execute(
        """insert into chartline.answer_field as f
               (endpoint, path, parent, objects, came, recent, first_seen_at, last_seen_at)
           select w.endpoint, w.path, w.parent, 0, 0, 1, now(), now()
           from unnest(%s::text[], %s::text[], %s::text[]) as w (endpoint, path, parent)
           where (select count(*) from chartline.answer_field as known where known.endpoint = w.endpoint) < %s
              or exists (select from chartline.answer_field as known
                         where (known.endpoint, known.path) = (w.endpoint, w.path))
           on conflict (endpoint, path) do update set last_seen_at = excluded.last_seen_at""",
        [[e for e, _ in fields], [p for _, p in fields], [seen.parents[f] for f in fields], PATHS],
    )
    counts = list(seen.came)
    conn.execute(
        """with counted as (
               select * from unnest(%(endpoints)s::text[], %(paths)s::text[], %(counts)s::bigint[])
                   as c (endpoint, path, n)
           ), now_so as (
               select f.endpoint, f.path, of.n as objects, least(coalesce(c.n, 0), of.n) as came,
                      f.recent * power(0.5, of.n / %(half)s)
                          + (1 - power(0.5, of.n / %(half)s)) * least(coalesce(c.n, 0), of.n) / of.n as recent
               from chartline.answer_field as f
               join counted as of on of.endpoint = f.endpoint and of.path = f.parent
               left join counted as c on c.endpoint = f.endpoint and c.path = f.path
           )
           update chartline.answer_field as f set
               objects = f.objects + s.objects,
               came = f.came + s.came,
               recent = s.recent,
               always = f.always or (
                   f.objects + s.objects >= %(enough)s and f.came + s.came >= %(always)s * (f.objects + s.objects)
                   and f.first_seen_at < now() - %(learned)s),
               gone_since = case when s.recent >= %(back)s then null
                                 when f.always and s.recent < %(most)s then coalesce(f.gone_since, now())
                                 else f.gone_since end
           from now_so as s where (f.endpoint, f.path) = (s.endpoint, s.path)""",
        {
            "endpoints": [e for e, _ in counts],
            "paths": [p for _, p in counts],
            "counts": [seen.came[c] for c in counts],
            "half": float(HALF),
            "enough": ENOUGH,
            "always": ALWAYS,
            "learned": LEARNED,
            "back": BACK,
            "most": MOST,
        },
    )
    types = list(seen.types)
    conn.execute(
        """insert into chartline.answer_field_type as t
               (endpoint, path, type, seen, sample, first_seen_at, last_seen_at)
           select w.endpoint, w.path, w.type, w.seen, w.sample, now(), now()
           from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
               as w (endpoint, path, type, seen, sample)
           where exists (select from chartline.answer_field as f
                         where (f.endpoint, f.path) = (w.endpoint, regexp_replace(w.path, '(\\[\\])+$', '')))
           on conflict (endpoint, path, type) do update
               set seen = t.seen + excluded.seen, last_seen_at = excluded.last_seen_at""",
        [
            [e for e, _, _ in types],
            [p for _, p, _ in types],
            [t for _, _, t in types],
            [seen.types[one] for one in types],
            [seen.samples[one] for one in types],
        ],
    )


def _keep_odd(conn: Connection, seen: DriftCounts) -> None:
    rows = list(seen.odd)
    conn.execute(
        """insert into chartline.answer_oddity as o
               (endpoint, path, kind, found, seen, example, first_seen_at, last_seen_at)
           select endpoint, path, kind, found, sum(seen), max(example), now(), now()
           from (
               select w.endpoint, w.kind, w.seen, w.example,
                      case when fits then w.path else '' end as path, case when fits then w.found else %s end as found
               from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
                   as w (endpoint, path, kind, found, seen, example)
               cross join lateral (
                   select (select count(*) from chartline.answer_oddity as k where k.endpoint = w.endpoint) < %s
                       or exists (select from chartline.answer_oddity as k
                                  where (k.endpoint, k.path, k.kind, k.found) = (w.endpoint, w.path, w.kind, w.found))
                       as fits
               ) as room
           ) as fitting
           group by 1, 2, 3, 4
           on conflict (endpoint, path, kind, found) do update
               set seen = o.seen + excluded.seen, example = excluded.example, last_seen_at = excluded.last_seen_at""",
        [
            OTHERS,
            [e for e, _, _, _ in rows],
            [p for _, p, _, _ in rows],
            [k for _, _, k, _ in rows],
            [f for _, _, _, f in rows],
            [seen.odd[one] for one in rows],
            [seen.examples[one] for one in rows],
            ODDITIES,
        ],
    )


_DRIFT: LiteralString = """
    with known as (select endpoint, min(first_seen_at) as since from chartline.answer_field group by endpoint),
    drift as (
        select f.endpoint, f.path, 'appeared' as kind, coalesce(t.found, '') as found, f.came as seen,
               f.first_seen_at, f.last_seen_at, '' as example
        from chartline.answer_field as f join known using (endpoint)
        left join lateral (
            select string_agg(sample, ', ' order by seen desc, type) as found
            from chartline.answer_field_type as t where (t.endpoint, t.path) = (f.endpoint, f.path)
        ) as t on true
        where f.first_seen_at > known.since + %(learned)s
        union all
        select endpoint, path, 'gone', '', null, gone_since, last_seen_at, ''
        from chartline.answer_field where gone_since is not null
        union all
        select t.endpoint, t.path, 'type', t.sample, t.seen, t.first_seen_at, t.last_seen_at, ''
        from chartline.answer_field_type as t
        where t.type <> 'null' and exists (
            select from chartline.answer_field_type as before
            where (before.endpoint, before.path) = (t.endpoint, t.path) and before.type not in ('null', t.type)
              and before.first_seen_at < t.first_seen_at - %(learned)s)
        union all
        select endpoint, path, kind, found, seen, first_seen_at, last_seen_at, example from chartline.answer_oddity
    )
"""


def listed(
    conn: Connection,
    *,
    endpoint: str = "",
    kind: Sequence[Kind] = (),
    since: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Drift], int]:
    """What is not as it was or not as agreed, what was last noticed first, and how much of it there is.

    `since`: only what was seen, or went missing, after it.
    """
    where: LiteralString = """
        where (%(endpoint)s = '' or endpoint = %(endpoint)s)
          and (cardinality(%(kinds)s::text[]) = 0 or kind = any(%(kinds)s))
          and (%(since)s::timestamptz is null or greatest(first_seen_at, last_seen_at) > %(since)s)
    """
    asked = {
        "learned": LEARNED,
        "endpoint": endpoint,
        "kinds": list(kind),
        "since": since,
        "limit": limit,
        "offset": offset,
    }
    with conn.cursor(row_factory=class_row(Drift)) as cursor:
        rows = cursor.execute(
            f"""{_DRIFT} select * from drift {where}
                order by greatest(first_seen_at, last_seen_at) desc, endpoint, path, kind, found
                limit %(limit)s offset %(offset)s""",
            asked,
        ).fetchall()
    counted = conn.execute(f"{_DRIFT} select count(*) from drift {where}", asked).fetchone()
    return rows, int(counted[0]) if counted else 0


@dataclass(frozen=True)
class DriftStanding:
    """How much of a kind was noticed lately; `names`: the first of them, as endpoint and path."""

    kind: Kind
    count: int
    names: list[str]


def standing(conn: Connection, since: datetime, gone_since: datetime) -> list[DriftStanding]:
    """What was noticed since then, by kind; of fields that are gone, those that went since `gone_since`."""
    with conn.cursor(row_factory=class_row(DriftStanding)) as cursor:
        return cursor.execute(
            f"""{_DRIFT}
                select kind, count(*), (array_agg(endpoint || ' ' || path order by first_seen_at desc))[:5] as names
                from drift where case kind when 'gone' then first_seen_at > %(gone_since)s
                                           else last_seen_at > %(since)s end
                group by kind order by kind""",
            {"learned": LEARNED, "since": since, "gone_since": gone_since},
        ).fetchall()
