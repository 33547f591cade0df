-- What kind of run an execution is of was read from the text of its run id; here once more, for those there are.
alter table chartline.chart_sync_execution
    add column kind text not null default 'manual'
        check (kind in ('scheduled', 'window', 'backfill', 'heal', 'manual', 'on_demand', 'refresh'));
comment on column chartline.chart_sync_execution.kind is
    'scheduled: one interval of a schedule; window: several at once; backfill: asked of Airflow; heal: days that the gap '
    'audit found missing; manual: by hand; on_demand: any chart, followed or not; refresh: an audience without a ranking.';
update chartline.chart_sync_execution set kind = case
    when dag_id = 'chart_cascade' then 'on_demand'
    when dag_id = 'audience_refresh' then 'refresh'
    when run_id like 'heal\_\_%' then 'heal'
    when trigger = 'scheduled' and run_id like '%\_to\_%' then 'window'
    when trigger in ('scheduled', 'backfill') then trigger
    else 'manual' end;

-- Alerts of slow runs are told apart by chart and kind; they were by the DAG's id too. Of two that are now about the
-- same the newer one stays.
with named as (
    select id, details ->> 'chart' as chart, word,
           row_number() over (partition by details ->> 'chart', word order by id desc) = 1 as newest
    from (
        select id, details, case
            when details ->> 'dag_id' = 'chart_cascade' then 'on_demand'
            when details ->> 'dag_id' = 'audience_refresh' then 'refresh'
            when details ->> 'kind' = 'past' then 'window'
            when details ->> 'kind' in ('scheduled', 'backfill', 'heal') then details ->> 'kind'
            else 'manual' end as word
        from chartline.alert where kind = 'slow_run' and state = 'open'
    ) as open
)
update chartline.alert set
    details = jsonb_set(details, '{kind}', to_jsonb(word)),
    subject = chart || ' ' || word,
    state = case when newest then 'open' else 'solved' end,
    solved_at = case when not newest then now() end
from named where alert.id = named.id;
