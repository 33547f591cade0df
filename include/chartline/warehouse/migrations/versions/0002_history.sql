-- The past of a chart: when it was asked for, what the source does not have, when a new day's ranking comes.

alter table chartline.chart_sync_schedule
    add column history_asked_at timestamptz not null default now(),
    add column history_held boolean not null default false;
update chartline.chart_sync_schedule set history_asked_at = created_at;
comment on column chartline.chart_sync_schedule.history_asked_at is
    'When the chart was followed, or its past last asked for: the past that is filled lies before.';
comment on column chartline.chart_sync_schedule.history_held is
    'True while filling the past waits for a person''s approval of what it costs.';

alter table chartline.chart_calendar add column not_yet_at timestamptz;
comment on column chartline.chart_calendar.first_seen_at is 'When this day''s ranking was first found at the API.';
comment on column chartline.chart_calendar.not_yet_at is
    'When it was last asked for in vain; null: it was there the first time.';

alter table chartline.chart_sync_execution
    add column asked_early integer not null default 0,
    add column days_absent date[] not null default '{}',
    add column days_left date[] not null default '{}';
comment on column chartline.chart_sync_execution.asked_early is 'Calls for a ranking that was not published yet.';
comment on column chartline.chart_sync_execution.days_absent is 'Days of the run that the source has no ranking of.';
comment on column chartline.chart_sync_execution.days_left is
    'Days of the run whose ranking could not be had: the gap audit takes them up.';
