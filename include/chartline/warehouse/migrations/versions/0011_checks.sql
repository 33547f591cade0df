-- What looks wrong in what is stored: found by checks, kept with its history.

create table chartline.ranking_check (
    ranking_id  bigint primary key references chartline.chart_ranking (id) on delete cascade,
    fetched_at  timestamptz not null,
    earlier_id  bigint,
    arrived     integer,
    contradicts integer,
    nulls       jsonb not null,
    judged      boolean not null default false
);
comment on table chartline.ranking_check is 'What checks worked out about each stored ranking, to compare others with.';
comment on column chartline.ranking_check.fetched_at is 'The ranking''s own, as it was looked at.';
comment on column chartline.ranking_check.earlier_id is 'The ranking of the chart before it; null: none is stored.';
comment on column chartline.ranking_check.arrived is 'Its tracks that are on neither of the two rankings before it; null: there is none.';
comment on column chartline.ranking_check.contradicts is
    'Its tracks of which it names another earlier position than the earlier ranking has; null: there is none.';
comment on column chartline.ranking_check.nulls is 'By field: of how many entries, or of how many tracks, it is null.';
comment on column chartline.ranking_check.judged is 'Whether enough of the chart''s past was known to judge by.';

create table chartline.data_finding (
    id            bigint generated always as identity primary key,
    kind          text not null,
    severity      text not null check (severity in ('error', 'warning')),
    subject       text not null,
    chart_slug    text,
    day           date,
    what          text not null,
    details       jsonb not null default '{}',
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    solved_at     timestamptz,
    accepted_by   text
);
create unique index data_finding_open on chartline.data_finding (kind, subject) where solved_at is null;
create index data_finding_by_time on chartline.data_finding (first_seen_at);
comment on table chartline.data_finding is 'What looks wrong in what is stored, since when, and until when.';
comment on column chartline.data_finding.kind is 'The name of the check that found it.';
comment on column chartline.data_finding.subject is 'What it is about: a chart and a day, or a series of a platform.';
comment on column chartline.data_finding.solved_at is
    'When it was not so any more, was accepted, or had stood long enough; null: it is open.';
comment on column chartline.data_finding.accepted_by is 'The person who said that it is right as it is.';

create table chartline.watermark (
    kind text primary key,
    at   timestamptz not null
);
comment on table chartline.watermark is
    'How far something regular has come: `series` (checks of series: what was fetched later is new to them), `look` (the '
    'last time that chartline.alerts looked at everything).';
