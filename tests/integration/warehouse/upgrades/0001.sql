-- Rows of every table, as the first version wrote them: a followed chart, its runs of all kinds, what they brought.
insert into chartline.platform (code, name, ranks_charts, serves_artist_audience) values ('spotify', 'Spotify', true, true);
insert into chartline.chart (slug, name, platform, frequency, country_code, capacity)
values ('top-songs', 'Top Songs', 'spotify', 'weekly', 'US', 200), ('old-songs', 'Old Songs', 'spotify', 'daily', '', null);
insert into chartline.chart_calendar (chart_id, day, stamp)
select id, day, day || 'T00:00:00+00:00'
from chartline.chart, (values (date '2026-11-06'), (date '2026-11-13')) as known (day) where slug = 'top-songs';
insert into chartline.chart_sync_schedule
    (chart_id, sync_frequency, sync_historical_data, track_platforms, artist_platforms, created_by, created_at)
select id, 'weekly', true, '{spotify,airplay}', '{spotify,instagram}', 'admin', '2026-10-01' from chartline.chart
where slug = 'top-songs';
insert into chartline.chart_sync_schedule
    (chart_id, is_active, sync_frequency, custom_interval_hours, track_platforms, artist_platforms, created_at)
select id, false, 'custom', 36, '{}', '{}', '2026-09-01' from chartline.chart where slug = 'old-songs';

insert into chartline.chart_sync_execution
    (chart_id, chart_slug, dag_id, run_id, trigger, status, settings, started_at, finished_at, calls, failures, error)
select id, slug, dag_id, run_id, trigger, status, '{"sync_frequency": "weekly"}', started_at, finished_at, 17,
       '{"not_found": 2}', case status when 'failed' then 'Three rankings could not be had.' end
from chartline.chart, (values
    ('chart_sync.top-songs', 'scheduled__2026-11-06', 'scheduled', 'complete', timestamptz '2026-11-13', timestamptz '2026-11-13 00:10'),
    ('chart_sync.top-songs', 'scheduled__2026-11-13', 'scheduled', 'running', '2026-11-20', null),
    ('chart_sync.top-songs', 'scheduled__2026-01-02_to_2026-03-06_1', 'scheduled', 'deferred', '2026-11-12', '2026-11-12 00:20'),
    ('chart_sync.top-songs', 'backfill__2026-05-01T00:00:00+00:00', 'backfill', 'partial', '2026-11-10', '2026-11-10 00:20'),
    ('chart_sync.top-songs', 'heal__top-songs_2026-10-02_20261110T030000', 'manual', 'failed', '2026-11-10', '2026-11-10 00:30'),
    ('chart_sync.top-songs', 'manual__2026-11-09T08:00:00+00:00', 'manual', 'lost', '2026-11-09', '2026-11-09 10:00'),
    ('chart_cascade', 'manual__2026-11-09T09:00:00+00:00', 'manual', 'complete', '2026-11-09', '2026-11-09 10:00')
) as run (dag_id, run_id, trigger, status, started_at, finished_at)
where slug = 'top-songs';
update chartline.chart_sync_execution set schedule_id = schedule.id
from chartline.chart_sync_schedule as schedule where schedule.chart_id = chart_sync_execution.chart_id;

insert into chartline.track (uuid, name, credit_name, isrc, release_date, duration, metadata_at) values
    ('00000000-0000-0000-0000-000000000001', 'First Song', 'Somebody', 'USA000000001', '2026-02-03', 201, '2026-11-13'),
    ('00000000-0000-0000-0000-000000000002', 'Second Song', null, null, null, null, null);
insert into chartline.artist (uuid, slug, name, country_code, birth_date, metadata_at) values
    ('00000000-0000-0000-0000-00000000000a', 'somebody', 'Somebody', 'US', '1990-05-06', '2026-11-13'),
    ('00000000-0000-0000-0000-00000000000b', null, 'Nobody', null, null, null);
insert into chartline.chart_ranking (chart_id, day, stamp, total, entries, left_chart, fetched_at)
select chart_id, day, stamp, 3, 2, 1, '2026-11-13' from chartline.chart_calendar where day = '2026-11-06';
insert into chartline.chart_ranking_entry
    (ranking_id, position, track, old_position, entry_date, entry_state, rank_date, metric)
select ranking.id, entry.position, entry.track, 1, '2026-10-30', 'up', '2026-11-06', 12345678901
from chartline.chart_ranking as ranking, (values
    (1, uuid '00000000-0000-0000-0000-000000000001'), (2, '00000000-0000-0000-0000-000000000002')
) as entry (position, track);
insert into chartline.execution_ranking (execution_id, ranking_id)
select execution.id, ranking.id from chartline.chart_sync_execution as execution, chartline.chart_ranking as ranking
where run_id = 'scheduled__2026-11-06';
insert into chartline.execution_failure (execution_id, resource, entity, facet, kind, reason, at)
select id, 'track_audience', '00000000-0000-0000-0000-000000000002', 'spotify', 'not_found', 'No such song.', '2026-11-13'
from chartline.chart_sync_execution where run_id = 'scheduled__2026-11-06';

insert into chartline.genre (name) values ('pop');
insert into chartline.genre (parent_id, name) select id, 'dance pop' from chartline.genre;
insert into chartline.label (name, type) values ('A Label', 'indie');
insert into chartline.track_artist (track, artist, position, role) values
    ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', 1, 'main'),
    ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000b', 2, 'artist');
insert into chartline.track_genre select uuid, genre.id from chartline.track, chartline.genre where track.name = 'First Song';
insert into chartline.artist_genre select uuid, genre.id from chartline.artist, chartline.genre where slug = 'somebody';
insert into chartline.track_label select uuid, label.id, 1 from chartline.track, chartline.label where track.name = 'First Song';
insert into chartline.track_credit select uuid, 'composer', 1, 'A Composer' from chartline.track where name = 'First Song';

insert into chartline.track_audience values
    ('00000000-0000-0000-0000-000000000001', 'spotify', '2026-11-06', 'release-1', 1000000),
    ('00000000-0000-0000-0000-000000000001', 'spotify', '2026-11-06', 'release-2', 20);
insert into chartline.artist_audience values
    ('00000000-0000-0000-0000-00000000000a', 'spotify', 'followers', '2026-11-06', 5000),
    ('00000000-0000-0000-0000-00000000000a', 'spotify', 'monthly_listeners', '2026-11-06', 70000);
insert into chartline.artist_city_audience values
    ('00000000-0000-0000-0000-00000000000a', 'spotify', 'listeners', '2026-11-06', 'city', 1, 'US', '', 'Boston', 100),
    ('00000000-0000-0000-0000-00000000000a', 'spotify', 'listeners', '2026-11-06', 'country', 1, 'US', '', '', 300);
insert into chartline.radio (slug, name, country_code) values ('a-radio', 'A Radio', 'US');
insert into chartline.track_airplay values
    ('00000000-0000-0000-0000-000000000001', '2026-10-01', '2026-11-06', 'a-radio', 42);

insert into chartline.fetch_ledger
    (resource, entity, facet, outcome, fetched_at, due_at, covered_from, covered_to, attempts, error_kind, lease_token,
     lease_owner, lease_until)
values
    ('ranking', 'top-songs', '2026-11-06', 'ok', '2026-11-13', 'infinity', null, null, 1, null, null, null, null),
    ('track_audience', '00000000-0000-0000-0000-000000000001', 'spotify', 'ok', '2026-11-13', '2026-11-14', '2026-08-16',
     '2026-11-06', 1, null, null, null, null),
    ('track_audience', '00000000-0000-0000-0000-000000000002', 'spotify', 'failed', '2026-11-13', '2026-11-14', null, null,
     3, 'not_found', null, null, null),
    ('track_metadata', '00000000-0000-0000-0000-000000000002', '', 'never', null, '-infinity', null, null, 0, null,
     '00000000-0000-0000-0000-0000000000ff', 'chart_sync.top-songs/scheduled__2026-11-13', '2026-11-20 00:30');
insert into chartline.api_call (at, endpoint, entity, facet, status, ms, bytes, quota_left, execution_id)
select '2026-11-13', 'ranking', 'top-songs', '2026-11-06', 200, 120, 5000, 900000, min(id)
from chartline.chart_sync_execution;
insert into chartline.raw_answer (resource, entity, facet, endpoint, path, fetched_at, body)
values ('ranking', 'top-songs', '2026-11-06', 'ranking', '/api/v2/chart/song/top-songs/ranking/2026-11-06', '2026-11-13',
        decode('789c030000000001', 'hex'));
insert into chartline.api_budget values ('app', 10000, '2026-11-20', '-infinity');
