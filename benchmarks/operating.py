"""How long the pages and routes of Operating take on a large warehouse, and how many queries each makes.

    python -m benchmarks.operating [--scale 1.0] [--repeat 5] [--only NAME ...] [--out FOLDER] [--keep FOLDER]

The warehouse is made by the database itself (`generate_series`): 1,000 followed charts of 11,000, 100,000 tracks,
10 million audience points, 100,000 executions, 3 million call records, at `--scale` 1. Whatever is asked is then asked
`--repeat` times, after once to warm up; the median counts. With --keep the warehouse stays and is taken up again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any, LiteralString

import psycopg
from benchmarks.common import machine, parser, report, table, work_folder

from chartline.local.postgres import LocalPostgres
from chartline.operating import charts, executions, metrics, progress, quota, standing
from chartline.settings import settings
from chartline.warehouse import chart_lists, execution_lists, partitions, schema
from chartline.warehouse import health as health_rows
from chartline.warehouse import quota as quota_rows
from chartline.warehouse.chart_lists import Wanted
from chartline.warehouse.connect import connect

Connection = psycopg.Connection[Any]

CHARTS, FOLLOWED, TRACKS, POINTS, EXECUTIONS, CALLS = 11_000, 1_000, 100_000, 10_000_000, 100_000, 3_000_000
PLACES = 100
RANKING_DAYS = 30
AUDIENCE_DAYS = 31
CALL_DAYS = 60
PLATFORMS = ("spotify", "youtube", "shazam")


# -- the warehouse -----------------------------------------------------------------------------------------------


def seed(conn: Connection, scale: float = 1.0, *, today: date | None = None) -> dict[str, int]:
    """Fill an empty, migrated warehouse (a connection in autocommit); returns what is in it, table by table.

    The charts are chart-1 and so on, the first of them followed; half of these have weekly rankings. Track n has the
    uuid of the number n, its artists are n % (tracks / 2), as uuid of 10 million and more.
    """
    last = (today or datetime.now(UTC).date()) - timedelta(days=1)
    sizes = {
        "charts": max(int(CHARTS * scale), 20),
        "followed": max(int(FOLLOWED * scale), 10),
        "tracks": max(int(TRACKS * scale), 1_000),
        "points": int(POINTS * scale),
        "executions": max(int(EXECUTIONS * scale), 100),
        "calls": max(int(CALLS * scale), 1_000),
    }
    values: dict[str, Any] = sizes | {
        "last": last,
        "places": PLACES,
        "days": RANKING_DAYS,
        "audience_days": AUDIENCE_DAYS,
        "call_days": CALL_DAYS,
        "audience_tracks": max(int(POINTS * scale) // (AUDIENCE_DAYS * len(PLATFORMS)), 1),
        "platforms": list(PLATFORMS),
    }
    first = last - timedelta(days=max(AUDIENCE_DAYS, CALL_DAYS) + 2)
    months = [first + timedelta(days=number) for number in range((last - first).days + 3)]
    for name in partitions.PARTITIONED:
        partitions.ensure_months(conn, name, months)
    for name, statement in SEED.items():
        started = time.monotonic()
        conn.execute(statement, values)
        print(f"  {name:<12} {time.monotonic() - started:6.1f} s", flush=True)
    conn.execute("vacuum (analyze)")
    return sizes


SEED: dict[str, LiteralString] = {
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
             ) as country""",
    "schedules": """
        insert into chartline.chart_sync_schedule
            (chart_id, is_active, sync_frequency, sync_historical_data, history_days, track_platforms,
             artist_platforms, created_at, history_asked_at)
        select id, id %% 20 <> 0, case when id %% 97 = 0 then 'never' else frequency end, true, 365,
               %(platforms)s::text[], '{spotify,youtube}', now() - interval '60 days', now() - interval '60 days'
        from chartline.chart where id <= %(followed)s""",
    "calendar": """
        insert into chartline.chart_calendar (chart_id, day, stamp, first_seen_at)
        select id, day, day || 'T12:00:00+00:00', day + interval '36 hours'
        from chartline.chart,
             lateral (select %(last)s::date - n * case frequency when 'daily' then 1 else 7 end as day
                      from generate_series(0, case frequency when 'daily' then 364 else 51 end) as n) as of_day
        where id <= %(followed)s""",
    "rankings": """
        insert into chartline.chart_ranking (chart_id, day, stamp, total, entries, fetched_at)
        select chart_id, day, stamp, %(places)s, %(places)s, day + interval '36 hours'
        from (select *, row_number() over (partition by chart_id order by day desc) as back
              from chartline.chart_calendar) as listed
        where back <= %(days)s and (chart_id + back) %% 50 <> 0 and (back > 1 or chart_id %% 13 <> 0)""",
    "tracks": """
        insert into chartline.track (uuid, name, credit_name, metadata_at)
        select lpad(to_hex(n), 32, '0')::uuid, 'Track ' || n, 'Artist ' || n %% (%(tracks)s / 2), now()
        from generate_series(1, %(tracks)s) as n""",
    "artists": """
        with made as (
            insert into chartline.artist (uuid, name, metadata_at)
            select lpad(to_hex(10000000 + n), 32, '0')::uuid, 'Artist ' || n, now()
            from generate_series(0, %(tracks)s / 2) as n returning uuid
        )
        select count(*) from made""",
    "credits": """
        insert into chartline.track_artist (track, artist, position)
        select lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(10000000 + n %% (%(tracks)s / 2)), 32, '0')::uuid, 1
        from generate_series(1, %(tracks)s) as n""",
    "entries": """
        insert into chartline.chart_ranking_entry
            (ranking_id, position, track, old_position, position_evolution, entry_date, time_on_chart,
             time_on_chart_unit, metric)
        select r.id, place,
               lpad(to_hex(1 + (r.chart_id * 97 + place * 13 + (r.day - date '2020-01-01') / 3 * 7)
                           %% %(tracks)s), 32, '0')::uuid,
               place + 1, 1, r.day - 5, 5, 'DOC', 1000000 / place
        from chartline.chart_ranking r, generate_series(1, %(places)s) as place""",
    "audience": """
        insert into chartline.track_audience (track, platform, day, identifier, value)
        select lpad(to_hex(n), 32, '0')::uuid, platform, %(last)s::date - back, 'one', n * 1000 - back
        from generate_series(1, %(audience_tracks)s) as n, unnest(%(platforms)s::text[]) as platform,
             generate_series(0, %(audience_days)s - 1) as back""",
    "ledger": """
        insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, due_at, covered_to)
        select resource, entity, facet, case when n %% 100 = 0 then 'failed' else 'ok' end,
               now() - n %% 10 * interval '1 day',
               now() + (7 - n %% 10) * interval '1 day', %(last)s::date
        from (
            select n, 'track_metadata' as resource, lpad(to_hex(n), 32, '0')::uuid::text as entity, '' as facet
            from generate_series(1, %(tracks)s) as n
            union all
            select n, 'track_audience', lpad(to_hex(n), 32, '0')::uuid::text, platform
            from generate_series(1, %(tracks)s) as n, unnest(%(platforms)s::text[]) as platform
            union all
            select n, 'artist_metadata', lpad(to_hex(10000000 + n), 32, '0')::uuid::text, ''
            from generate_series(0, %(tracks)s / 2) as n
            union all
            select n, 'artist_audience', lpad(to_hex(10000000 + n), 32, '0')::uuid::text, platform
            from generate_series(0, %(tracks)s / 2) as n, unnest(array['spotify', 'youtube']) as platform
        ) as thing""",
    "executions": """
        insert into chartline.chart_sync_execution
            (schedule_id, chart_id, chart_slug, dag_id, run_id, trigger, status, settings, started_at, finished_at,
             rankings_created, entries_stored, calls, failures, error)
        select s.id, c.id, c.slug, 'chart_sync.' || c.slug, 'scheduled__' || n, 'scheduled',
               case when n > %(executions)s - 5 then 'running' when n %% 23 = 0 then 'failed'
                    when n %% 7 = 0 then 'partial' else 'complete' end,
               jsonb_build_object('chart', c.slug, 'day', null, 'days', null, 'interval', null, 'current', false,
                   'steps', array['track_metadata', 'artist_metadata', 'track_audience', 'artist_audience'],
                   'track_platforms', %(platforms)s::text[], 'artist_platforms', array['spotify', 'youtube'],
                   'audience_days', 90, 'force', false),
               at, case when n <= %(executions)s - 5 then at + interval '90 seconds' end, 1, %(places)s, 80,
               case when n %% 7 = 0 then '{"server_trouble": 3}'::jsonb else '{}' end,
               case when n %% 23 = 0 then 'Failed: fetch_ranking.' end
        from generate_series(1, %(executions)s) as n
        join chartline.chart c on c.id = 1 + n %% %(followed)s
        left join chartline.chart_sync_schedule s on s.chart_id = c.id,
             lateral (select now() - (%(executions)s - n) * interval '60 days' / %(executions)s as at) as began""",
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
        from chartline.chart_sync_execution x, generate_series(1, 3) as k where x.failures <> '{}'""",
    "calls": """
        insert into chartline.api_call (at, endpoint, entity, facet, status, ms, bytes, quota_left, execution_id)
        select %(last)s::date + interval '30 hours' - (%(calls)s - n) * (%(call_days)s * interval '1 day') / %(calls)s,
               (array['song_audience', 'artist_audience', 'song', 'artist', 'ranking_latest'])[1 + n %% 5],
               lpad(to_hex(n %% %(tracks)s), 32, '0')::uuid::text, 'spotify',
               case when n %% 200 = 0 then 503 else 200 end, 180 + n %% 90, 4000, 5000000 - n,
               1 + n / greatest(%(calls)s / %(executions)s, 1) %% %(executions)s
        from generate_series(1, %(calls)s) as n""",
}


# -- what is asked -----------------------------------------------------------------------------------------------


class Counting:
    """Counts the statements that a connection is asked."""

    def __init__(self, conn: Connection) -> None:
        self.count = 0
        self._conn = conn
        self._cursor_factory = conn.cursor_factory
        counter = self

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, *args: Any, **kwargs: Any) -> Any:
                counter.count += 1
                return super().execute(*args, **kwargs)

        conn.cursor_factory = Cursor

    def close(self) -> None:
        self._conn.cursor_factory = self._cursor_factory


@contextmanager
def counting(conn: Connection) -> Iterator[Counting]:
    """The statements asked of `conn` meanwhile."""
    counter = Counting(conn)
    try:
        yield counter
    finally:
        counter.close()


def questions(conn: Connection, now: datetime) -> Mapping[str, Callable[[], Any]]:
    """What is timed, by name."""
    own = settings()
    slug = "chart-2"
    newest = execution_lists.newest(conn, slug)
    assert newest is not None
    today = now.date()

    def listed(**wanted: Any) -> Callable[[], Any]:
        more = {name: wanted.pop(name) for name in ("state", "sort", "limit", "offset") if name in wanted}
        return lambda: charts.find(conn, Wanted(**wanted), own, now, **more)

    return {
        "charts: first page": listed(),
        "charts: followed": listed(followed=True),
        "charts: followed, 500": listed(followed=True, limit=500),
        "charts: search": listed(text="top 77 fra", platform="spotify"),
        "charts: deep page": listed(sort="-platform", offset=10_000),
        "charts: overdue": listed(state="overdue"),
        "chart": lambda: charts.one(conn, slug, own, now),
        "chart: facets": lambda: chart_lists.facets(conn, "country"),
        "chart: ranking, 200": lambda: charts.ranking(conn, slug, None),
        "chart: calendar": lambda: charts.calendar(conn, slug, today.year),
        "chart: completeness": lambda: charts.completeness(conn, slug, own, now),
        "chart: progress": lambda: progress.of(conn, newest, own),
        "executions: first page": lambda: executions.find(conn, execution_lists.Wanted(), now),
        "executions: failed": lambda: executions.find(conn, execution_lists.Wanted(statuses=["failed"]), now),
        "executions: of a chart": lambda: executions.find(conn, execution_lists.Wanted(chart=slug), now),
        "executions: deep page": lambda: executions.find(conn, execution_lists.Wanted(), now, offset=90_000),
        "execution": lambda: executions.detail(conn, newest.id, own, now),
        "executions: by day": lambda: execution_lists.activity(conn, today - timedelta(days=30), today),
        "standing of all": lambda: standing.followed(conn, own, now),
        "health: totals": lambda: health_rows.totals(conn),
        "quota, 31 days": lambda: quota.look(conn, now),
        "quota, 366 days": lambda: quota.look(conn, now, 366),
        "quota: by chart": lambda: quota_rows.by_chart(conn, today - timedelta(days=30), today),
        "quota: forecast": lambda: quota.forecast(conn, now),
        "metrics": lambda: metrics.text(conn, own, now),
    }


def time_of(ask: Callable[[], Any], conn: Connection, repeat: int) -> tuple[list[float], int]:
    """Seconds of each repeat, and the statements of one."""
    with counting(conn) as counter:
        ask()
        queries = counter.count
    taken = []
    for _ in range(repeat):
        started = time.monotonic()
        ask()
        taken.append(time.monotonic() - started)
    return taken, queries


def main() -> int:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--scale", type=float, default=1.0, help="of the warehouse's size, default 1.0")
    options.add_argument("--repeat", type=int, default=5, help="times that each is asked, default 5")
    options.add_argument("--only", nargs="*", default=(), help="those whose name holds one of these")
    given = options.parse_args()
    on = machine()
    with work_folder(given.keep) as folder, LocalPostgres(folder / "postgres", durable=False) as server:
        url = server.url("postgres")
        schema.migrate(url)
        with connect(url) as conn:
            conn.autocommit = True
            sizes: dict[str, int] = {}
            if conn.execute("select from chartline.chart limit 1").fetchone() is None:
                print("seeding", flush=True)
                sizes = seed(conn, given.scale)
            now = datetime.now(UTC)
            started = time.monotonic()
            days = quota_rows.roll_up(conn, now.date())
            rolled = time.monotonic() - started
            conn.execute("analyze chartline.api_usage")
            rows, results = [], []
            for name, ask in questions(conn, now).items():
                if given.only and not any(part in name for part in given.only):
                    continue
                taken, queries = time_of(ask, conn, given.repeat)
                rows.append((name, 1000 * median(taken), 1000 * max(taken), queries))
                results.append({"name": name, "seconds": taken, "queries": queries})
            table("asked", ("", "median ms", "most ms", "queries"), rows)
            print(f"\n{days} days of calls summed up in {rolled:.1f} s")
    report("operating", given.out, {"sizes": sizes, "roll_up": rolled, "results": results}, on)
    return 0


if __name__ == "__main__":
    sys.exit(main())
