-- A day that was not there yet, a chart whose past waits, a run that lacks days.
insert into chartline.chart (slug, name, platform, frequency) values ('late-songs', 'Late Songs', 'spotify', 'daily');
insert into chartline.chart_calendar (chart_id, day, stamp, not_yet_at)
select id, '2026-11-14', '2026-11-14T00:00:00+00:00', '2026-11-14 01:00' from chartline.chart where slug = 'late-songs';
insert into chartline.chart_sync_schedule
    (chart_id, sync_frequency, sync_historical_data, track_platforms, artist_platforms, history_asked_at, history_held)
select id, 'daily', true, '{}', '{}', '2026-11-01', true from chartline.chart where slug = 'late-songs';
insert into chartline.chart_sync_execution
    (chart_id, chart_slug, dag_id, run_id, trigger, status, asked_early, days_absent, days_left)
select id, slug, 'chart_sync.late-songs', 'scheduled__2026-11-14', 'scheduled', 'partial', 2, '{2026-11-12}',
       '{2026-11-13,2026-11-14}'
from chartline.chart where slug = 'late-songs';
