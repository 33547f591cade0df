"""A large warehouse, made by the database itself: charts, rankings, tracks, artists, audience, runs, calls, alerts.

Chart n is `chart-n`, the first of them followed; even ones are daily, the others weekly. Track n has the uuid of the
number n, artist n that of 10 million and n. `CHART`, `TRACK` and `ARTIST` are those to look at: on any day
the track leads the newest ranking of chart 1, and its artist is ARTIST; their audience is fresh; that of `STALE_TRACK`
and `STALE_ARTIST` is old, and somebody is fetching it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.types.numeric import Int4

from chartline.domain import platforms
from chartline.warehouse import partitions
from chartline.warehouse.connect import Connection, sibling

ARTISTS = 10_000_000
CHART = "chart-2"
TRACK, STALE_TRACK = str(UUID(int=1)), str(UUID(int=2))
ARTIST, STALE_ARTIST = str(UUID(int=ARTISTS + 1)), str(UUID(int=ARTISTS + 2))
TRACK_PLATFORMS = [code for code in platforms.DEFAULT_TRACK_PLATFORMS if code != platforms.AIRPLAY]
ARTIST_PLATFORMS = ["spotify", "youtube"]


@dataclass(frozen=True)
class Sizes:
    """How much there is: `charts` of the catalogue, `followed` of them, each with `listed` days (of daily charts), its
    newest `rankings` stored, of `places`, and `runs`, of which a seventh has `failures` failed items. Half as many
    artists as `tracks`; each track has `each` artists, genres, labels and credits. `sounded` tracks, and half as many
    artists, have an audience of `heard` days on three and two platforms. `calls` in the last `call_days`."""

    charts: int = 11_000
    followed: int = 1_000
    listed: int = 365
    rankings: int = 30
    places: int = 100
    runs: int = 100
    failures: int = 5
    tracks: int = 100_000
    each: int = 2
    sounded: int = 27_778
    heard: int = 90
    calls: int = 3_000_000
    call_days: int = 60
    alerts: int = 500
    changes: int = 10_000

    def scaled(self, scale: float) -> Sizes:
        """With as many days and places, and so much of all else."""
        much = ("charts", "followed", "tracks", "sounded", "calls", "alerts", "changes")
        return replace(self, **{name: max(int(getattr(self, name) * scale), 20) for name in much})

    def times(self, factor: int) -> Sizes:
        """With so much more of everything."""
        return Sizes(**{field.name: getattr(self, field.name) * factor for field in fields(self)})

    @property
    def points(self) -> int:
        """Audience points, of tracks and artists."""
        return self.heard * (self.sounded * len(TRACK_PLATFORMS) + self.sounded // 2 * len(ARTIST_PLATFORMS))

    @property
    def execution(self) -> int:
        """The newest run of `CHART`, which failed in part."""
        return self.followed * (self.runs - 1) + 2


def seed(conn: Connection, sizes: Sizes, *, told: bool = False) -> dict[str, float]:
    """Fill an empty, migrated warehouse; returns the seconds that each part took. `told`: print them as well.

    conn: a superuser's, in autocommit. Days end yesterday, runs and calls now. References are not checked and indexes
    made afterwards, by two connections, so that it takes a minute or two.
    """
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=max(sizes.heard, sizes.call_days) + 2)
    for name in partitions.PARTITIONED:
        partitions.ensure_months(conn, name, [first + timedelta(days=n) for n in range((last - first).days + 3)])
    values = {name: Int4(size) for name, size in asdict(sizes).items()} | {
        "last": last,
        "artists": Int4(ARTISTS),
        "execution": Int4(sizes.execution),
        "track_platforms": TRACK_PLATFORMS,
        "artist_platforms": ARTIST_PLATFORMS,
        "default_track_platforms": list(platforms.DEFAULT_TRACK_PLATFORMS),
        "default_artist_platforms": list(platforms.DEFAULT_ARTIST_PLATFORMS),
    }
    with without_indexes(conn), ThreadPoolExecutor(2) as pool:
        parts = [pool.submit(_run, conn, part, values, told) for part in (THINGS, SERIES)]
        taken = {name: seconds for part in parts for name, seconds in part.result().items()}
    conn.execute("vacuum (analyze)")
    return taken


def _run(
    conn: Connection, parts: Mapping[str, LiteralString], values: Mapping[str, Any], told: bool
) -> dict[str, float]:
    taken = {}
    with sibling(conn) as own:
        own.autocommit = True
        own.execute("set session_replication_role = replica")  # no reference is checked
        own.execute("set jit = off")
        for name, statement in parts.items():
            started = time.monotonic()
            own.execute(statement, values)
            taken[name] = time.monotonic() - started
            if told:
                print(f"  {name:<16} {taken[name]:6.1f} s", flush=True)
    return taken


LARGE = (
    "chart_ranking_entry",
    "track",
    "artist",
    "track_artist",
    "chart_sync_execution",
    "execution_failure",
    "api_call",
)


@contextmanager
def without_indexes(conn: Connection) -> Iterator[None]:
    """Meanwhile the large tables have their keys alone."""
    found = conn.execute(
        """select i.indexrelid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
           from pg_index i join pg_class c on c.oid = i.indrelid
           where c.relnamespace = 'chartline'::regnamespace and c.relname = any(%s)
             and not exists (select from pg_constraint where conindid = i.indexrelid)""",
        [list(LARGE)],
    ).fetchall()
    for name, _ in found:
        conn.execute(sql.SQL("drop index {}").format(sql.Identifier(*name.split("."))))
    try:
        yield
    finally:
        conn.execute("set maintenance_work_mem = '512MB'")
        for _, definition in found:
            conn.execute(definition)


THINGS: dict[str, LiteralString] = {
    "charts": """
        with made as (
            insert into chartline.platform (code, name, ranks_charts)
            select code, initcap(code), true
            from unnest(array['spotify', 'apple-music', 'deezer', 'shazam', 'youtube']) as code
            on conflict do nothing
        )
        insert into chartline.chart (slug, name, platform, frequency, country_code, country_name, capacity)
        select 'chart-' || n, 'Top ' || n || ' ' || country.name,
               (array['spotify', 'apple-music', 'deezer', 'shazam', 'youtube'])[1 + n %% 5],
               case when n %% 2 = 0 then 'daily' else 'weekly' end, country.code, country.name, %(places)s
        from generate_series(1, %(charts)s) as n,
             lateral (select (array['FR', 'DE', 'US', 'GB', ''])[1 + n / 5 %% 5] as code,
                             (array['France', 'Germany', 'United States', 'United Kingdom', ''])[1 + n / 5 %% 5] as name
             ) as country
        order by n""",
    "schedules": """
        insert into chartline.chart_sync_schedule
            (chart_id, is_active, sync_frequency, sync_historical_data, history_days, track_platforms,
             artist_platforms, created_at, history_asked_at)
        select id, id %% 20 <> 0, case when id %% 97 = 0 then 'never' else frequency end, true, 365,
               %(default_track_platforms)s::text[], %(default_artist_platforms)s::text[],
               now() - interval '60 days', now() - interval '60 days'
        from chartline.chart where id <= %(followed)s""",
    "calendar": """
        insert into chartline.chart_calendar (chart_id, day, stamp, first_seen_at)
        select id, day, day || 'T12:00:00+00:00', day + interval '36 hours'
        from chartline.chart,
             lateral (select %(last)s::date - n * case frequency when 'daily' then 1 else 7 end as day
                      from generate_series(0, case frequency when 'daily' then %(listed)s
                                                   else 1 + %(listed)s / 7 end - 1) as n) as of_day
        where id <= %(followed)s""",
    "rankings": """
        insert into chartline.chart_ranking (chart_id, day, stamp, total, entries, fetched_at)
        select chart_id, day, stamp, %(places)s, %(places)s, day + interval '36 hours'
        from (select *, row_number() over (partition by chart_id order by day desc) as back
              from chartline.chart_calendar) as listed
        where back <= %(rankings)s and (chart_id + back) %% 50 <> 0 and (back > 2 or chart_id %% 11 <> 5)""",
    "tracks": """
        insert into chartline.track (uuid, name, credit_name, isrc, release_date, metadata_at)
        select lpad(to_hex(n), 32, '0')::uuid, 'Track ' || n, 'Artist ' || n %% (%(tracks)s / 2),
               'FRX26' || lpad(n::text, 7, '0'), date '2026-01-01' - n %% 3000, now()
        from generate_series(1, %(tracks)s) as n""",
    "artists": """
        insert into chartline.artist (uuid, slug, name, country_code, biography, metadata_at)
        select lpad(to_hex(%(artists)s + n), 32, '0')::uuid, 'artist-' || n, 'Artist ' || n, 'FR',
               repeat('Sang and played. ', 50), now()
        from generate_series(0, %(tracks)s / 2) as n""",
    "credits": """
        insert into chartline.track_artist (track, artist, position)
        select lpad(to_hex(n), 32, '0')::uuid,
               lpad(to_hex(%(artists)s + (n + k - 1) %% (%(tracks)s / 2)), 32, '0')::uuid, k
        from generate_series(1, %(tracks)s) as n, generate_series(1, %(each)s) as k""",
    "names": """
        with genres as (
            insert into chartline.genre (name) select 'Genre ' || n from generate_series(1, %(each)s * 20) as n
        ), labels as (
            insert into chartline.label (name, type) select 'Label ' || n, 'indie'
            from generate_series(1, %(each)s * 20) as n
        ), radios as (
            insert into chartline.radio (slug, name) select 'radio-' || n, 'Radio ' || n
            from generate_series(1, %(each)s * 20) as n
        ), of_tracks as (
            insert into chartline.track_genre (track, genre_id)
            select lpad(to_hex(n), 32, '0')::uuid, 1 + (n + k) %% (%(each)s * 20)
            from generate_series(1, %(tracks)s) as n, generate_series(1, %(each)s) as k
        ), of_artists as (
            insert into chartline.artist_genre (artist, genre_id)
            select lpad(to_hex(%(artists)s + n), 32, '0')::uuid, 1 + (n + k) %% (%(each)s * 20)
            from generate_series(0, %(tracks)s / 2) as n, generate_series(1, %(each)s) as k
        ), published as (
            insert into chartline.track_label (track, label_id, position)
            select lpad(to_hex(n), 32, '0')::uuid, 1 + (n + k) %% (%(each)s * 20), k
            from generate_series(1, %(tracks)s) as n, generate_series(1, %(each)s) as k
        ), played as (
            insert into chartline.track_airplay (track, from_day, to_day, radio, plays)
            select lpad(to_hex(n), 32, '0')::uuid, %(last)s::date - 7 * k - 6, %(last)s::date - 7 * k,
                   'radio-' || station, n + k
            from generate_series(1, least(%(tracks)s, 1000)) as n, generate_series(1, %(each)s) as k,
                 generate_series(1, %(each)s) as station
        )
        insert into chartline.track_credit (track, role, position, name)
        select lpad(to_hex(n), 32, '0')::uuid, 'composer', k, 'Composer ' || (n + k)
        from generate_series(1, %(tracks)s) as n, generate_series(1, %(each)s) as k""",
    "entries": """
        insert into chartline.chart_ranking_entry
            (ranking_id, position, track, old_position, position_evolution, entry_date, time_on_chart,
             time_on_chart_unit, metric)
        select r.id, place,
               lpad(to_hex(1 + ((r.chart_id - 1) * 97 + (place - 1) * 13 + (%(last)s::date - r.day) / 3 * 7)
                           %% %(tracks)s), 32, '0')::uuid,
               place + 1, 1, r.day - 5, 5, 'DOC', 1000000 / place
        from chartline.chart_ranking r, generate_series(1, %(places)s) as place
        order by r.id, place""",
    "ledger": """
        insert into chartline.fetch_ledger
            (resource, entity, facet, outcome, fetched_at, due_at, covered_to, lease_owner, lease_until)
        select resource, uuid::text, facet, case when n %% 100 = 0 then 'failed' else 'ok' end,
               now() - n %% 10 * interval '1 day',
               now() + case when n = 2 then -1 else 7 - n %% 10 end * interval '1 day', %(last)s::date,
               case when n = 2 then 'chartline.audience_refresh/other' end,
               case when n = 2 then now() + interval '30 days' end
        from (
            select n, 'track_metadata' as resource, lpad(to_hex(n), 32, '0')::uuid as uuid, '' as facet
            from generate_series(1, %(tracks)s) as n
            union all
            select n, case platform when 'airplay' then 'track_airplay' else 'track_audience' end,
                   lpad(to_hex(n), 32, '0')::uuid, platform
            from generate_series(1, %(tracks)s) as n, unnest(%(default_track_platforms)s::text[]) as platform
            union all
            select n, 'artist_metadata', lpad(to_hex(%(artists)s + n), 32, '0')::uuid, ''
            from generate_series(0, %(tracks)s / 2) as n
            union all
            select n, 'artist_audience', lpad(to_hex(%(artists)s + n), 32, '0')::uuid, platform
            from generate_series(0, %(tracks)s / 2) as n, unnest(%(default_artist_platforms)s::text[]) as platform
            union all
            select n, 'artist_listeners', lpad(to_hex(%(artists)s + n), 32, '0')::uuid, 'spotify'
            from generate_series(0, %(tracks)s / 2) as n
        ) as thing""",
    "executions": """
        insert into chartline.chart_sync_execution
            (schedule_id, chart_id, chart_slug, dag_id, run_id, trigger, status, settings, started_at, finished_at,
             rankings_created, entries_stored, calls, failures, error)
        select s.id, c.id, c.slug, 'chartline.chart_sync.' || c.slug, 'scheduled__' || n, 'scheduled', outcome.status,
               jsonb_build_object('chart', c.slug, 'day', null, 'days', null, 'interval', null, 'current', false,
                   'steps', array['track_metadata', 'artist_metadata', 'track_audience', 'artist_audience'],
                   'track_platforms', %(default_track_platforms)s::text[],
                   'artist_platforms', %(default_artist_platforms)s::text[], 'audience_days', 90, 'force', false),
               began.at, case when outcome.status <> 'running' then began.at + interval '90 seconds' end,
               1, %(places)s, 80,
               case when outcome.status = 'partial' then jsonb_build_object('server_trouble', %(failures)s)
                    else '{}' end,
               case when outcome.status = 'failed' then 'Failed: fetch_ranking.' end
        from generate_series(1, %(followed)s * %(runs)s) as n
        join chartline.chart c on c.id = 1 + (n - 1) %% %(followed)s
        left join chartline.chart_sync_schedule s on s.chart_id = c.id,
        lateral (select now() - (%(followed)s * %(runs)s - n) * (%(call_days)s * interval '1 day')
                                / (%(followed)s * %(runs)s) as at) as began,
        lateral (select case when n = %(execution)s then 'partial'
                             when n > %(followed)s * (%(runs)s - 1) and c.id %% 200 = 3 then 'running'
                             when n %% 23 = 0 then 'failed' when n %% 7 = 0 then 'partial' else 'complete' end as status
        ) as outcome
        order by n""",
    "handled": """
        insert into chartline.execution_ranking (execution_id, ranking_id)
        select x.id, r.id
        from (select id, chart_id, row_number() over (partition by chart_id order by id desc) as back
              from chartline.chart_sync_execution) as x
        join (select id, chart_id, row_number() over (partition by chart_id order by day desc) as back
              from chartline.chart_ranking) as r using (chart_id, back)""",
    "failures": """
        insert into chartline.execution_failure (execution_id, resource, entity, facet, kind, reason)
        select x.id, 'track_audience', lpad(to_hex(1 + (x.id * 7 + k) %% %(tracks)s), 32, '0')::uuid::text, 'spotify',
               'server_trouble', 'Soundcharts answered 503.'
        from chartline.chart_sync_execution x, generate_series(1, %(failures)s) as k where x.status = 'partial'""",
    "alerts": """
        with made as (
            insert into chartline.alert
                (kind, subject, state, title, advice, details, fingerprint, opened_at, solved_at)
            select (array['failed_run', 'overdue', 'quarantine', 'slow_run'])[1 + n %% 4], 'chart-' || n,
                   case when n %% 10 = 0 then 'open' else 'solved' end, 'Chart ' || n || ' is in trouble',
                   'Look at its newest run.', '{"lines": ["No ranking came."]}', n::text,
                   now() - n * interval '1 hour',
                   case when n %% 10 <> 0 then now() - n * interval '50 minutes' end
            from generate_series(1, %(alerts)s) as n returning id, opened_at
        )
        insert into chartline.alert_delivery (alert_id, channel, event, at, status, ms)
        select id, channel, 'opened', opened_at, 200, 30
        from made, unnest(array['mail', 'hook', 'pager']) as channel""",
    "changes": """
        insert into chartline.change_log (at, who, action, subject, before, after)
        select now() - (%(changes)s - n) * interval '5 minutes', 'person-' || n %% 7, 'schedule.change',
               'chart-' || 1 + n %% least(%(followed)s, 20), '{"history_days": 90}', '{"history_days": 365}'
        from generate_series(1, %(changes)s) as n""",
    "findings": """
        insert into chartline.data_finding
            (kind, severity, subject, chart_slug, day, what, first_seen_at, last_seen_at, solved_at)
        select 'turnover', 'warning', 'chart-' || 1 + n %% 20 || ' ' || n, 'chart-' || 1 + n %% 20,
               now()::date - n %% 300, 'Half of the tracks are new.', now() - n * interval '1 hour',
               now() - n * interval '1 hour', case when n %% 10 <> 0 then now() - n * interval '30 minutes' end
        from generate_series(1, %(changes)s) as n""",
    "drift": """
        insert into chartline.answer_oddity (endpoint, path, kind, found, seen, example, first_seen_at, last_seen_at)
        select 'song', 'object.field' || n, 'unread', 'empty array', n, '/api/v2.25/song/x', now(), now()
        from generate_series(1, least(%(changes)s, 300)) as n""",
}

SERIES: dict[str, LiteralString] = {
    "track audience": """
        with of_track as materialized (
            select lpad(to_hex(n), 32, '0')::uuid as track, n from generate_series(1, %(sounded)s) as n
        )
        insert into chartline.track_audience (track, platform, day, identifier, value)
        select track, platform, %(last)s::date - back, 'one', n * 1000 - back
        from of_track, unnest(%(track_platforms)s::text[]) as platform, generate_series(0, %(heard)s - 1) as back""",
    "artist audience": """
        with of_artist as materialized (
            select lpad(to_hex(%(artists)s + n), 32, '0')::uuid as artist, n
            from generate_series(1, %(sounded)s / 2) as n
        )
        insert into chartline.artist_audience (artist, platform, metric, day, value)
        select artist, platform, 'followers', %(last)s::date - back, n * 1000 - back
        from of_artist, unnest(%(artist_platforms)s::text[]) as platform, generate_series(0, %(heard)s - 1) as back""",
    "calls": """
        insert into chartline.api_call (at, endpoint, entity, facet, status, ms, bytes, quota_left, execution_id)
        select now() - (%(calls)s - n) * (%(call_days)s * interval '1 day') / %(calls)s,
               (array['song_audience', 'artist_audience', 'song', 'artist', 'ranking_latest'])[1 + n %% 5],
               lpad(to_hex(n %% %(tracks)s), 32, '0')::uuid::text, 'spotify',
               case when n %% 200 = 0 then 503 else 200 end, 180 + n %% 90, 4000, 5000000 - n,
               1 + n / greatest(%(calls)s / (%(followed)s * %(runs)s), 1) %% (%(followed)s * %(runs)s)
        from generate_series(1, %(calls)s) as n""",
}
