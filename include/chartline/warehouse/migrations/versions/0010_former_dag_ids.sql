-- DAGs have other ids now, and Airflow knows of nothing that was run under the former ones. Where the history is here and
-- no run is fetching it, a schedule's DAG goes on with the interval after the last one that was begun.
alter table chartline.chart_sync_schedule add column resumes_at timestamptz;
comment on column chartline.chart_sync_schedule.resumes_at is
    'Where its DAG begins, as the intervals before were run under a former id; null: with the latest interval, and the history.';
update chartline.chart_sync_schedule as schedule set resumes_at = (
    select max(data_interval_end) from chartline.chart_sync_execution as run
    where run.schedule_id = schedule.id and run.kind in ('scheduled', 'window')
)
where not schedule.sync_historical_data or schedule.history_held or (
    schedule.created_at - make_interval(days => schedule.history_days) >= (
        select min(data_interval_start) from chartline.chart_sync_execution as run
        where run.schedule_id = schedule.id and run.kind in ('scheduled', 'window')
          and run.started_at >= coalesce(schedule.history_asked_at, schedule.created_at)
    )
    and not exists (
        select from chartline.chart_sync_execution as run
        where run.schedule_id = schedule.id and run.kind = 'window' and run.status = 'running'
    )
    and not exists (
        select from chartline.chart_calendar as listed join chartline.chart as chart on chart.id = listed.chart_id
        where listed.chart_id = schedule.chart_id
          and listed.day between (schedule.created_at - make_interval(days => schedule.history_days))::date
                             and (schedule.created_at)::date
          and not exists (
              select from chartline.chart_ranking as stored
              where stored.chart_id = listed.chart_id and stored.day = listed.day)
          and not exists (
              select from chartline.fetch_ledger as asked
              where asked.resource = 'ranking' and asked.entity = chart.slug and asked.facet = listed.day::text
                and asked.outcome = 'absent')
    )
);
