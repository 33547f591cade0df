"""What checks of the data ask: each a query over what is new, and the findings with their history.

Of each ranking a few numbers are kept (`ranking_check`), so that a chart's past is compared without reading its entries
again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from chartline.warehouse import watermarks
from chartline.warehouse.connect import Connection

Severity = Literal["error", "warning"]

LOCK = 0x43480007
ENOUGH = 10
"""Other rankings of a chart, below which nothing is usual."""
NEAR = 60
"""Rankings before and after a day that tell what is usual about it."""
LATENESS = timedelta(minutes=15)
"""From an answer's time to its commit, at the most."""


@dataclass(frozen=True)
class Noticed:
    """What a check found. `subject` tells it from others of the check; `facts`: numbers and names, for words."""

    subject: str
    facts: dict[str, Any]
    chart: str | None = None
    day: date | None = None


@dataclass(frozen=True)
class SeriesItem:
    """A series that was fetched: whose, of which platform, its resource's name."""

    resource: str
    entity: str
    facet: str


@dataclass(frozen=True)
class DataFinding:
    """A finding as it is kept."""

    id: int
    kind: str
    severity: Severity
    subject: str
    chart_slug: str | None
    day: date | None
    what: str
    first_seen_at: datetime
    last_seen_at: datetime
    solved_at: datetime | None
    accepted_by: str | None
    details: dict[str, Any] = field(default_factory=dict)


def lock(conn: Connection) -> None:
    """Until the transaction ends, nobody else checks."""
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])


# -- what is new ---------------------------------------------------------------------------------------------


def new_rankings(conn: Connection, limit: int, slugs: Sequence[str] = ()) -> list[int]:
    """Rankings that were stored since they were looked at, or never were, the oldest fetch first."""
    rows = conn.execute(
        """select r.id from chartline.chart_ranking r
           left join chartline.ranking_check c on c.ranking_id = r.id
           where (c.ranking_id is null or c.fetched_at < r.fetched_at)
             and (%(slugs)s::text[] = '{}'
                  or r.chart_id in (select id from chartline.chart where slug = any(%(slugs)s)))
           order by r.fetched_at, r.id limit %(limit)s""",
        {"limit": limit, "slugs": list(slugs)},
    )
    return [id_ for (id_,) in rows]


def forget(conn: Connection, slugs: Sequence[str] = ()) -> None:
    """All that is stored is new again, of these charts or of all."""
    conn.execute(
        """delete from chartline.ranking_check where %(slugs)s::text[] = '{}' or ranking_id in (
               select r.id from chartline.chart_ranking r join chartline.chart c on c.id = r.chart_id
               where c.slug = any(%(slugs)s))""",
        {"slugs": list(slugs)},
    )
    if not slugs:
        watermarks.forget(conn, watermarks.SERIES)


def with_neighbours(conn: Connection, ids: Sequence[int]) -> list[int]:
    """These rankings, the two that follow each, those of their charts that could not be judged for want of a past, and
    those with a finding that is open and was not looked at for an hour."""
    rows = conn.execute(
        """select id from unnest(%(ids)s::bigint[]) as new (id)
           union
           select later.id from chartline.chart_ranking r
           cross join lateral (select l.id from chartline.chart_ranking l
                               where l.chart_id = r.chart_id and l.day > r.day order by l.day limit 2) as later
           where r.id = any(%(ids)s)
           union
           select o.id from chartline.chart_ranking o join chartline.ranking_check c on c.ranking_id = o.id
           where not c.judged and o.chart_id in (
               select chart_id from chartline.chart_ranking where id = any(%(ids)s))
           union
           (select r.id from chartline.data_finding f join chartline.chart h on h.slug = f.chart_slug
            join chartline.chart_ranking r on r.chart_id = h.id and r.day = f.day
            where f.solved_at is null and f.last_seen_at < now() - interval '1 hour'
            order by f.last_seen_at limit 100)""",
        {"ids": list(ids)},
    )
    return sorted(id_ for (id_,) in rows)


def work_out(conn: Connection, ids: Sequence[int]) -> None:
    """Keep the numbers of these rankings."""
    conn.execute(
        """with wanted as (
               select r.id, r.fetched_at, earlier.ids[1] as earlier_id, earlier.ids[2] as before_id
               from chartline.chart_ranking r
               cross join lateral (select array(select e.id from chartline.chart_ranking e
                                                where e.chart_id = r.chart_id and e.day < r.day
                                                order by e.day desc limit 2) as ids) as earlier
               where r.id = any(%(ids)s)
           ), before as (
               select w.id, p.track, array_agg(p.position) as positions from wanted w
               join chartline.chart_ranking_entry p on p.ranking_id = w.earlier_id group by 1, 2
           ), known as (
               select distinct w.id, p.track from wanted w
               join chartline.chart_ranking_entry p on p.ranking_id in (w.earlier_id, w.before_id)
           )
           insert into chartline.ranking_check as c
               (ranking_id, fetched_at, earlier_id, arrived, contradicts, nulls)
           select w.id, w.fetched_at, w.earlier_id,
                  case when w.earlier_id is not null then count(e.track) filter (where k.track is null) end,
                  case when w.earlier_id is not null then count(e.track) filter (
                      where e.old_position > 0 and b.track is not null and e.old_position <> all(b.positions)) end,
                  jsonb_build_object(
                      'entries', count(e.track),
                      'metric', count(e.track) filter (where e.metric is null),
                      'time_on_chart', count(e.track) filter (where e.time_on_chart is null),
                      'entry_date', count(e.track) filter (where e.entry_date is null),
                      'tracks', count(t.metadata_at),
                      'isrc', count(t.metadata_at) filter (where t.isrc is null),
                      'release_date', count(t.metadata_at) filter (where t.release_date is null),
                      'duration', count(t.metadata_at) filter (where t.duration is null))
           from wanted w
           left join chartline.chart_ranking_entry e on e.ranking_id = w.id
           left join chartline.track t on t.uuid = e.track
           left join before b on b.id = w.id and b.track = e.track
           left join known k on k.id = w.id and k.track = e.track
           group by w.id, w.fetched_at, w.earlier_id order by w.id
           on conflict (ranking_id) do update set
               fetched_at = excluded.fetched_at, earlier_id = excluded.earlier_id, arrived = excluded.arrived,
               contradicts = excluded.contradicts, nulls = excluded.nulls, judged = false""",
        {"ids": list(ids)},
    )


def note_judged(conn: Connection, ids: Sequence[int]) -> None:
    """Those of these rankings for which enough of the chart's past is known are judged for good."""
    conn.execute(
        """update chartline.ranking_check c set judged = true
           from chartline.chart_ranking r where r.id = c.ranking_id and c.ranking_id = any(%(ids)s)
             and (select count(*) from (
                      select from chartline.ranking_check o join chartline.chart_ranking q on q.id = o.ranking_id
                      where q.chart_id = r.chart_id and q.id <> r.id and o.arrived is not null
                        and q.day between r.day - %(near)s and r.day + %(near)s
                      limit %(enough)s) as n) >= %(enough)s""",
        {"ids": list(ids), "enough": ENOUGH, "near": NEAR},
    )


def fetched_since(conn: Connection, resources: Sequence[str], limit: int) -> tuple[list[SeriesItem], datetime | None]:
    """The series that were fetched since the last look, the oldest first, and up to when that goes."""
    rows = conn.execute(
        """select resource, entity, facet, fetched_at from chartline.fetch_ledger
           where resource = any(%(resources)s) and outcome = 'ok'
             and fetched_at > coalesce((select at from chartline.watermark where kind = 'series'), '-infinity')
           order by fetched_at limit %(limit)s""",
        {"resources": list(resources), "limit": limit},
    ).fetchall()
    return [SeriesItem(*row[:3]) for row in rows], rows[-1][3] if rows else None


def note_progress(conn: Connection, at: datetime) -> None:
    """Series fetched up to then are looked at; those of the last minutes are, once more, the next time, as what was
    fetched then may not be committed yet."""
    row = conn.execute("select least(%s, now() - %s)", (at, LATENESS)).fetchone()
    assert row
    watermarks.advance(conn, watermarks.SERIES, row[0])


# -- checks of rankings: each gives those of `ids` that look wrong --------------------------------------------


_OF: LiteralString = """from chartline.chart_ranking r join chartline.chart h on h.id = r.chart_id
    join chartline.ranking_check c on c.ranking_id = r.id"""

_USUAL: LiteralString = f"""
    with usual as (
        select r.id, count(o.ranking_id) as others,
               percentile_cont(0.5) within group (order by 1.0 * o.arrived / nullif(q.entries, 0)) as arrived,
               percentile_cont(0.9) within group (order by 1.0 * o.arrived / nullif(q.entries, 0)) as most,
               percentile_cont(0.5) within group (order by q.entries) as entries
        from chartline.chart_ranking r
        join chartline.chart_ranking q on q.chart_id = r.chart_id and q.id <> r.id
             and q.day between r.day - {NEAR} and r.day + {NEAR}
        join chartline.ranking_check o on o.ranking_id = q.id
        where r.id = any(%(ids)s) group by r.id
    )"""


def wrong_totals(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings of which not as many entries are stored as the API said."""
    rows = conn.execute(
        f"""select h.slug, r.day, r.entries, (c.nulls ->> 'entries')::int
           {_OF} where r.id = any(%(ids)s) and (c.nulls ->> 'entries')::int <> r.entries""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, expected=expected, stored=stored) for slug, day, expected, stored in rows]


def missing_positions(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings with a position above their number of entries: a tie leaves none out, a loss does."""
    rows = conn.execute(
        f"""select h.slug, r.day, max(e.position), count(*) {_OF}
            join chartline.chart_ranking_entry e on e.ranking_id = r.id
            where r.id = any(%(ids)s) group by 1, 2 having max(e.position) > count(*)""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, last=last, stored=stored) for slug, day, last, stored in rows]


def doubled_tracks(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings that list a track at more than one position."""
    rows = conn.execute(
        f"""select slug, day, count(*), min(track::text) from (
                select h.slug, r.day, e.track {_OF}
                join chartline.chart_ranking_entry e on e.ranking_id = r.id
                where r.id = any(%(ids)s) group by 1, 2, 3 having count(*) > 1) as doubled
            group by 1, 2""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, tracks=tracks, example=example) for slug, day, tracks, example in rows]


def much_turnover(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings with far more new tracks than the chart's others nearby have: by 0.3 of all entries, and four times as
    far from the median as the tenth with the most is. After days that are not stored more is new, so these are not
    judged."""
    rows = conn.execute(
        f"""{_USUAL}, steps as (
                select r.id, r.day - e.day as days, percentile_cont(0.5) within group (order by q.day - f.day) as usual
                from chartline.chart_ranking r join chartline.ranking_check c on c.ranking_id = r.id
                join chartline.chart_ranking e on e.id = c.earlier_id
                join chartline.chart_ranking q
                     on q.chart_id = r.chart_id and q.day between r.day - {NEAR} and r.day + {NEAR}
                join chartline.ranking_check o on o.ranking_id = q.id
                join chartline.chart_ranking f on f.id = o.earlier_id
                where r.id = any(%(ids)s) group by r.id, r.day, e.day
            )
            select h.slug, r.day, c.arrived, r.entries, round(100 * u.arrived)::int {_OF}
            join usual u on u.id = r.id join steps s on s.id = r.id
            where u.others >= {ENOUGH} and r.entries > 0 and s.days <= 2 * s.usual
              and 1.0 * c.arrived / r.entries > u.arrived + greatest(4 * (u.most - u.arrived), 0.3)""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, arrived=n, entries=of, usual=usual) for slug, day, n, of, usual in rows]


def odd_lengths(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings that are less than half, or more than twice, as long as the chart's others nearby."""
    rows = conn.execute(
        f"""{_USUAL} select h.slug, r.day, r.entries, round(u.entries::numeric)::int {_OF} join usual u on u.id = r.id
            where u.others >= {ENOUGH} and u.entries >= 10
              and not r.entries between u.entries / 2 and u.entries * 2""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, entries=entries, usual=usual) for slug, day, entries, usual in rows]


def many_nulls(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings in which a field is null for half of the entries or tracks, which it is for hardly any elsewhere."""
    rows = conn.execute(
        f"""with share as (
                select c.ranking_id, f.name, n::float / nullif(least(of, 1e9), 0) as share
                from chartline.ranking_check c
                cross join lateral jsonb_each_text(c.nulls) as f (name, text)
                cross join lateral (select f.text::int as n, (c.nulls ->> case
                    when f.name in ('isrc', 'release_date', 'duration') then 'tracks'
                    else 'entries' end)::int as of) as v
                where f.name not in ('entries', 'tracks') and c.ranking_id in (
                    select q.id from chartline.chart_ranking r
                    join chartline.chart_ranking q on q.chart_id = r.chart_id
                         and q.day between r.day - {NEAR} and r.day + {NEAR}
                    where r.id = any(%(ids)s))
            )
            select h.slug, r.day, s.name, round(100 * s.share)::int, round(100 * avg(o.share))::int
            {_OF} join share s on s.ranking_id = r.id
            join chartline.chart_ranking q on q.chart_id = r.chart_id and q.id <> r.id
                 and q.day between r.day - {NEAR} and r.day + {NEAR}
            join share o on o.ranking_id = q.id and o.name = s.name
            where r.id = any(%(ids)s) and s.share >= 0.5 and o.share is not null
            group by 1, 2, 3, s.share having count(*) >= {ENOUGH} and avg(o.share) <= 0.1""",
        {"ids": list(ids)},
    )
    return [
        Noticed(f"{slug} {day} {name}", {"field": name, "share": share, "usual": usual}, slug, day)
        for slug, day, name, share, usual in rows
    ]


def contradictions(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings that name earlier positions which the stored earlier ranking does not have: two answers about one day
    that disagree, of a fifth of the tracks or more. Judged where that ranking is the one of the step before."""
    rows = conn.execute(
        f"""with steps as (
                select r.id, percentile_cont(0.5) within group (order by q.day - f.day) as usual
                from chartline.chart_ranking r
                join chartline.chart_ranking q
                     on q.chart_id = r.chart_id and q.day between r.day - {NEAR} and r.day + {NEAR}
                join chartline.ranking_check o on o.ranking_id = q.id
                join chartline.chart_ranking f on f.id = o.earlier_id
                where r.id = any(%(ids)s) group by 1
            )
            select h.slug, r.day, e.day, c.contradicts, r.entries {_OF}
            join chartline.chart_ranking e on e.id = c.earlier_id join steps s on s.id = r.id
            where r.id = any(%(ids)s) and r.day - e.day <= s.usual and c.contradicts >= greatest(2, 0.2 * r.entries)""",
        {"ids": list(ids)},
    )
    return [
        _of_day(slug, day, earlier=earlier.isoformat(), tracks=tracks, entries=entries)
        for slug, day, earlier, tracks, entries in rows
    ]


def not_in_calendar(conn: Connection, ids: Sequence[int]) -> list[Noticed]:
    """Rankings of a day that the calendar does not list, or lists by another stamp."""
    rows = conn.execute(
        f"""select h.slug, r.day, r.stamp, l.stamp {_OF}
            left join chartline.chart_calendar l on l.chart_id = r.chart_id and l.day = r.day
            where r.id = any(%(ids)s) and l.stamp is distinct from r.stamp""",
        {"ids": list(ids)},
    )
    return [_of_day(slug, day, stamp=stamp, listed=listed) for slug, day, stamp, listed in rows]


def _of_day(slug: str, day: date, **facts: Any) -> Noticed:
    return Noticed(f"{slug} {day}", facts, slug, day)


# -- checks of series: each looks at those of `items` that it is about -----------------------------------------


def falling_counts(conn: Connection, items: Sequence[SeriesItem], days: int) -> list[Noticed]:
    """By platform and day, totals to date that are by a twentieth lower than the day before: of three series or more,
    and of a tenth of all. Of one or two they are when an identifier of the track changes."""
    found = []
    for what, query in _TOTALS.items():
        mine = [item for item in items if item.resource == what]
        if mine:
            rows = conn.execute(query, {**_columns(mine), "days": days})
            found += [
                Noticed(
                    f"{what} {platform} {day}", {"platform": platform, "series": n, "of": of, "example": ex}, day=day
                )
                for platform, day, n, of, ex in rows
            ]
    return found


_FALLS: LiteralString = """
    select platform, day, count(*) filter (where fell), count(*), min(whose::text) filter (where fell)
    from (select *, value < 0.95 * before and before - value >= 100 as fell from values where before is not null) as v
    group by 1, 2 having count(*) filter (where fell) >= greatest(3, 0.1 * count(*))"""
_TOTALS: dict[str, LiteralString] = {
    "track_audience": f"""with values as (
        select a.platform, a.day, a.track as whose, a.value,
               lag(a.value) over (partition by a.track, a.platform, a.identifier order by a.day) as before
        from unnest(%(entities)s::uuid[], %(facets)s::text[]) as w (entity, facet)
        join chartline.track_audience a on a.track = w.entity and a.platform = w.facet
        where a.day > (now() at time zone 'UTC')::date - %(days)s) {_FALLS}""",
    "artist_audience": f"""with values as (
        select a.platform, a.day, a.artist as whose, a.value,
               lag(a.value) over (partition by a.artist, a.platform, a.metric order by a.day) as before
        from unnest(%(entities)s::uuid[], %(facets)s::text[]) as w (entity, facet)
        join chartline.artist_audience a on a.artist = w.entity and a.platform = w.facet and a.metric = 'views'
        where a.day > (now() at time zone 'UTC')::date - %(days)s) {_FALLS}""",
}


def stopped_series(conn: Connection, items: Sequence[SeriesItem], days: int) -> list[Noticed]:
    """Platforms of which, of 20 series or more that were fetched in the last week, most end `days` before they were
    fetched or earlier, although they have values of before."""
    resources = sorted({item.resource for item in items})
    rows = conn.execute(
        """select resource, facet, count(*) filter (where late), count(*), max(covered_to) filter (where late)
           from (select resource, facet, covered_to,
                        covered_to < (fetched_at at time zone 'UTC')::date - %(days)s as late
                 from chartline.fetch_ledger
                 where resource = any(%(resources)s) and outcome in ('ok', 'empty') and covered_to is not null
                   and fetched_at > now() - interval '8 days') as fetched
           group by 1, 2 having count(*) >= 20 and count(*) filter (where late) > 0.5 * count(*)""",
        {"resources": resources, "days": days},
    )
    return [
        Noticed(f"{resource} {facet}", {"platform": facet, "series": n, "of": of, "last": last.isoformat()})
        for resource, facet, n, of, last in rows
    ]


def doubled_airplay(conn: Connection, items: Sequence[SeriesItem]) -> list[Noticed]:
    """Plays of the same days, counted in two windows of one track or artist."""
    found = []
    for resource, query in _OVERLAPS.items():
        mine = [item for item in items if item.resource == resource]
        if mine:
            for things, example, first in conn.execute(query, _columns(mine)):
                if things:
                    facts = {"things": things, "example": example, "first": first.isoformat()}
                    found.append(Noticed(resource, facts))
    return found


_OVERLAP: LiteralString = """
    select count(distinct a.whose), min(a.whose::text), min(b.from_day) from windows a
    join windows b on b.whose = a.whose and (b.from_day, b.to_day) <> (a.from_day, a.to_day)
        and b.from_day >= a.from_day and b.from_day <= a.to_day"""
_OVERLAPS: dict[str, LiteralString] = {
    "track_airplay": f"""with windows as (
        select distinct p.track as whose, p.from_day, p.to_day
        from unnest(%(entities)s::uuid[], %(facets)s::text[]) as w (entity, facet)
        join chartline.track_airplay p on p.track = w.entity) {_OVERLAP}""",
    "artist_airplay": f"""with windows as (
        select distinct p.artist as whose, p.from_day, p.to_day
        from unnest(%(entities)s::uuid[], %(facets)s::text[]) as w (entity, facet)
        join chartline.artist_airplay p on p.artist = w.entity) {_OVERLAP}""",
}


def _columns(items: Sequence[SeriesItem]) -> dict[str, list[str]]:
    return {"entities": [item.entity for item in items], "facets": [item.facet for item in items]}


# -- findings ------------------------------------------------------------------------------------------------


def put(conn: Connection, name: str, severity: Severity, seen: Noticed, what: str) -> bool:
    """Keep what a check found; whether it is new. What a person accepted as it is stays accepted."""
    row = conn.execute(
        """with known as (
               update chartline.data_finding set last_seen_at = now()
               where kind = %(name)s and subject = %(subject)s and accepted_by is not null and details = %(details)s
               returning id
           )
           insert into chartline.data_finding as f (kind, severity, subject, chart_slug, day, what, details)
           select %(name)s, %(severity)s, %(subject)s, %(chart)s, %(day)s, %(what)s, %(details)s
           where not exists (select from known)
           on conflict (kind, subject) where solved_at is null do update set
               severity = excluded.severity, what = excluded.what, details = excluded.details, last_seen_at = now()
           returning f.xmax = 0""",
        {
            "name": name,
            "severity": severity,
            "subject": seen.subject,
            "chart": seen.chart,
            "day": seen.day,
            "what": what,
            "details": Jsonb(seen.facts),
        },
    ).fetchone()
    return bool(row and row[0])


def solve_of_rankings(conn: Connection, name: str, ids: Sequence[int], subjects: Collection[str]) -> int:
    """Close the findings of a check about these rankings that it did not find again (`subjects`: those it did), and
    those whose ranking is not stored any more."""
    return conn.execute(
        """update chartline.data_finding f set solved_at = now()
           where f.kind = %(name)s and f.solved_at is null and f.subject <> all(%(subjects)s) and (
               (f.chart_slug, f.day) in (select h.slug, r.day from chartline.chart_ranking r
                                         join chartline.chart h on h.id = r.chart_id where r.id = any(%(ids)s))
               or not exists (select from chartline.chart_ranking r join chartline.chart h on h.id = r.chart_id
                              where h.slug = f.chart_slug and r.day = f.day))""",
        {"name": name, "ids": list(ids), "subjects": list(subjects)},
    ).rowcount


def solve_others(conn: Connection, name: str, subjects: Collection[str], resources: Collection[str]) -> int:
    """Close the findings of a check about series of these resources that it did not find again."""
    return conn.execute(
        """update chartline.data_finding set solved_at = now()
           where kind = %s and solved_at is null and subject <> all(%s) and split_part(subject, ' ', 1) = any(%s)""",
        (name, list(subjects), list(resources)),
    ).rowcount


def expire(conn: Connection, names: Collection[str], after: timedelta) -> int:
    """Close the findings of these checks that were found so long ago: what happened then is history."""
    return conn.execute(
        """update chartline.data_finding set solved_at = now()
           where kind = any(%s) and solved_at is null and first_seen_at < now() - %s""",
        (list(names), after),
    ).rowcount


def prune(conn: Connection, days: int) -> int:
    """Remove findings that were solved so many days ago; what was accepted is kept."""
    return conn.execute(
        """delete from chartline.data_finding
           where solved_at < now() - make_interval(days => %s) and accepted_by is null""",
        [days],
    ).rowcount


def accept(conn: Connection, id_: int, who: str) -> DataFinding | None:
    """A person says that it is right as it is; None when there is no such finding, or it is not open."""
    with conn.cursor(row_factory=class_row(DataFinding)) as cursor:
        return cursor.execute(
            f"""update chartline.data_finding set solved_at = now(), accepted_by = %s
                where id = %s and solved_at is null returning {_COLUMNS}""",
            (who, id_),
        ).fetchone()


_COLUMNS: LiteralString = (
    "id, kind, severity, subject, chart_slug, day, what, first_seen_at, last_seen_at, solved_at, accepted_by, details"
)


def listed(
    conn: Connection,
    *,
    state: str = "open",
    name: str = "",
    chart: str = "",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[DataFinding], int]:
    """Findings, errors first, then the newest, and how many there are. state: open, solved, or "" for both."""
    where: LiteralString = """from chartline.data_finding
        where (%(state)s = '' or (solved_at is null) = (%(state)s = 'open'))
          and (%(name)s = '' or kind = %(name)s) and (%(chart)s = '' or chart_slug = %(chart)s)"""
    asked = {"state": state, "name": name, "chart": chart, "limit": limit, "offset": offset}
    with conn.cursor(row_factory=class_row(DataFinding)) as cursor:
        rows = cursor.execute(
            f"""select {_COLUMNS} {where}
                order by solved_at is not null, severity, first_seen_at desc, id desc
                limit %(limit)s offset %(offset)s""",
            asked,
        ).fetchall()
    row = conn.execute(f"select count(*) {where}", asked).fetchone()
    return rows, int(row[0]) if row else 0


def open_findings(conn: Connection, limit: int) -> list[DataFinding]:
    """Those that are open, the newest first."""
    with conn.cursor(row_factory=class_row(DataFinding)) as cursor:
        return cursor.execute(
            f"""select {_COLUMNS} from chartline.data_finding where solved_at is null
                order by first_seen_at desc, id desc limit %s""",
            [limit],
        ).fetchall()


def open_counts(conn: Connection) -> dict[str, int]:
    """How many are open, by check."""
    rows = conn.execute("select kind, count(*) from chartline.data_finding where solved_at is null group by 1")
    return dict(rows.fetchall())
