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
comment on column chartline.alert_delivery.channel is 'The Airflow connection by which it was sent; its secret is kept there.';
comment on column chartline.alert_delivery.event is 'opened, changed, solved or test.';
comment on column chartline.alert_delivery.status is 'The receiver''s HTTP status; null when there was no answer.';
