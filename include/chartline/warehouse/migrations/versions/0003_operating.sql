-- Who changed what, and what people were told.

create table chartline.change_log (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    who     text not null,
    action  text not null,
    subject text not null default '',
    before  jsonb,
    after   jsonb
);
create index change_log_by_subject on chartline.change_log (subject, at desc);
create index change_log_by_time on chartline.change_log (at desc);
comment on table chartline.change_log is 'Each change that a person made: who, when, before and after.';
comment on column chartline.change_log.action is 'What was done: schedule.add, schedule.change, run.trigger and so on.';
comment on column chartline.change_log.subject is 'A chart''s slug, or what else was changed.';
comment on column chartline.change_log.before is 'The values that changed, as they were; null where there was nothing.';
comment on column chartline.change_log.after is 'The values that changed, as they became; null where nothing was left.';

create table chartline.alert (
    id           bigint generated always as identity primary key,
    kind         text not null,
    subject      text not null default '',
    state        text not null default 'open' check (state in ('open', 'solved')),
    title        text not null,
    advice       text not null default '',
    details      jsonb not null default '{}',
    fingerprint  text not null,
    opened_at    timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    solved_at    timestamptz
);
create unique index alert_open on chartline.alert (kind, subject) where state = 'open';
create index alert_by_time on chartline.alert (opened_at desc);
comment on table chartline.alert is 'What is or was wrong: one row from when it was noticed until it was solved.';
comment on column chartline.alert.kind is 'failed_run, overdue, quota, quarantine, credentials or slow_run.';
comment on column chartline.alert.subject is 'What it is about: a chart''s slug, a run, or empty for the account.';
comment on column chartline.alert.advice is 'What to do about it.';
comment on column chartline.alert.fingerprint is 'Changes when there is something new to tell: until then nothing is sent again.';

create table chartline.alert_delivery (
    id       bigint generated always as identity primary key,
    alert_id bigint references chartline.alert (id) on delete cascade,
    channel  text not null,
    event    text not null,
    attempt  integer not null default 1,
    at       timestamptz not null default now(),
    status   integer,
    ms       integer,
    error    text
);
create index alert_delivery_by_alert on chartline.alert_delivery (alert_id, at desc);
create index alert_delivery_by_time on chartline.alert_delivery (at desc);
comment on table chartline.alert_delivery is 'Each attempt to tell somebody of an alert.';
comment on column chartline.alert_delivery.alert_id is 'Null for a test.';
comment on column chartline.alert_delivery.channel is 'The webhook''s Airflow connection, or the notifier''s name; secrets are kept there.';
comment on column chartline.alert_delivery.event is 'opened, changed, solved or test.';
comment on column chartline.alert_delivery.status is 'The receiver''s HTTP status; null when there was no answer.';

-- Calls summed up by day, so that what was spent is told without reading millions of call records.
create table chartline.api_usage (
    day      date not null,
    chart    text not null default '',
    endpoint text not null,
    regular  boolean not null,
    calls    integer not null,
    billed   integer not null,
    failed   integer not null,
    bytes    bigint not null,
    primary key (day, chart, endpoint, regular)
);
comment on table chartline.api_usage is
    'The calls of past UTC days, summed up by housekeeping. Days after the newest one are still to be counted from '
    'api_call.';
comment on column chartline.api_usage.chart is 'The chart whose run asked; empty for calls that belong to no chart.';
comment on column chartline.api_usage.regular is
    'Made for a chart''s new day, or to look after the charts; false: for the past, or asked for by a person.';
comment on column chartline.api_usage.billed is 'As in api_cost_daily: estimated from above.';
create index api_call_newest on chartline.api_call (at desc, id desc);

-- Lists of executions: the newest first, of all, of a chart, of a status; and those at work.
create index chart_sync_execution_by_time on chartline.chart_sync_execution (started_at desc, id desc);
create index chart_sync_execution_by_slug on chartline.chart_sync_execution (chart_slug, started_at desc, id desc)
    include (status, finished_at);
create index chart_sync_execution_by_status on chartline.chart_sync_execution (status, started_at desc, id desc);

-- What people are still to be told: one row for each alert, event and channel, gone when it is told or given up.
create table chartline.alert_outbox (
    id         bigint generated always as identity primary key,
    alert_id   bigint not null references chartline.alert (id) on delete cascade,
    channel    text not null,
    event      text not null check (event in ('opened', 'changed', 'solved')),
    message    jsonb not null,
    attempts   integer not null default 0,
    due_at     timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create index alert_outbox_by_alert on chartline.alert_outbox (alert_id, channel, id);
comment on table chartline.alert_outbox is 'What people are still to be told of alerts; gone when it is told or given up.';
comment on column chartline.alert_outbox.message is 'The alert as it stood then, as it is sent.';
comment on column chartline.alert_outbox.due_at is 'When it is tried next.';
create index chart_sync_execution_by_end on chartline.chart_sync_execution (finished_at desc);

-- Tracks and artists are found by words of their names, and listed by name.
create index track_by_name on chartline.track (lower(name), uuid);
create index track_by_word on chartline.track
    using gin (to_tsvector('simple', name || ' ' || coalesce(credit_name, '')));
create index track_by_isrc on chartline.track (isrc);
create index artist_by_name on chartline.artist (lower(name), uuid);
create index artist_by_word on chartline.artist using gin (to_tsvector('simple', name));
create index fetch_ledger_by_refresh on chartline.fetch_ledger (lease_until) where resource = 'refresh';
