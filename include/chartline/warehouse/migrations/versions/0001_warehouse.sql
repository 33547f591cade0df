-- The first shape of the warehouse. Facts about the source (field names, nullability) follow the API's
-- answers; natural keys (uuid, slug, code) are kept as they come.

create table chartline.platform (
    code                    text primary key,
    name                    text not null,
    ranks_charts            boolean not null default false,
    serves_artist_audience  boolean not null default false,
    serves_artist_listening boolean not null default false,
    seen_at                 timestamptz not null default now()
);

create table chartline.chart (
    id                 bigint generated always as identity primary key,
    slug               text not null unique,
    name               text not null,
    type               text not null default 'song',
    platform           text not null references chartline.platform (code),
    frequency          text not null,
    country_code       text not null default '',
    country_name       text not null default '',
    city_name          text not null default '',
    capacity           integer,
    web_url            text,
    metric_type        text,
    metric_description text,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
);
create index chart_by_platform on chartline.chart (platform, country_code);

-- The days for which the API has a ranking. stamp is the API's own text: it is the path of the ranking.
create table chartline.chart_calendar (
    chart_id      bigint not null references chartline.chart (id) on delete cascade,
    day           date not null,
    stamp         text not null,
    first_seen_at timestamptz not null default now(),
    primary key (chart_id, day)
);

-- Values are checked by the Schedule model, not here: a row that was made invalid by hand must still
-- be readable, so that its DAG can say what is wrong (quarantine).
create table chartline.chart_sync_schedule (
    id                    bigint generated always as identity primary key,
    chart_id              bigint not null unique references chartline.chart (id),
    is_active             boolean not null default true,
    sync_frequency        text not null,
    custom_interval_hours integer,
    cron                  text,
    sync_immediately      boolean not null default true,
    sync_historical_data  boolean not null default false,
    history_days          integer not null default 365,
    fetch_track_metadata  boolean not null default true,
    fetch_artist_metadata boolean not null default true,
    fetch_track_audience  boolean not null default true,
    fetch_artist_audience boolean not null default true,
    track_platforms       text[] not null,
    artist_platforms      text[] not null,
    created_by            text not null default '',
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now()
);

create table chartline.chart_sync_execution (
    id                  bigint generated always as identity primary key,
    schedule_id         bigint references chartline.chart_sync_schedule (id) on delete set null,
    chart_id            bigint references chartline.chart (id),
    chart_slug          text not null,
    dag_id              text not null,
    run_id              text not null,
    trigger             text not null default '',
    status              text not null default 'running'
        check (status in ('running', 'complete', 'partial', 'deferred', 'failed', 'lost')),
    settings            jsonb not null default '{}',
    data_interval_start timestamptz,
    data_interval_end   timestamptz,
    started_at          timestamptz not null default now(),
    finished_at         timestamptz,
    rankings_created    integer not null default 0,
    rankings_updated    integer not null default 0,
    entries_stored      integer not null default 0,
    tracks_created      integer not null default 0,
    tracks_updated      integer not null default 0,
    artists_created     integer not null default 0,
    artists_updated     integer not null default 0,
    audience_points     bigint not null default 0,
    calls               integer not null default 0,
    deferred            integer not null default 0,
    failures            jsonb not null default '{}',
    error               text,
    unique (dag_id, run_id)
);
create index chart_sync_execution_by_chart on chartline.chart_sync_execution (chart_id, started_at desc);

create table chartline.chart_ranking (
    id         bigint generated always as identity primary key,
    chart_id   bigint not null references chartline.chart (id),
    day        date not null,
    stamp      text not null,
    total      integer not null,          -- what the API says the ranking holds
    entries    integer not null,          -- rows stored
    left_chart integer not null default 0, -- rows at position 0 (left the chart): counted, not stored
    fetched_at timestamptz not null,
    unique (chart_id, day),
    check (total in (entries, entries + left_chart)) -- whether total counts those that left is not known
);

create table chartline.track (
    uuid             uuid primary key,
    name             text not null,
    credit_name      text,
    image_url        text,
    app_url          text,
    preview_url      text,
    isrc             text,
    isrc_country     text,
    iswcs            text[],
    release_date     date,
    copyright        text,
    duration         integer,              -- seconds
    explicit         boolean,
    language_code    text,
    distributor      text,
    acousticness     double precision,
    danceability     double precision,
    energy           double precision,
    instrumentalness double precision,
    musical_key      integer,              -- -1..11
    liveness         double precision,
    loudness         double precision,     -- dB
    mode             integer,
    speechiness      double precision,
    tempo            double precision,
    time_signature   integer,
    valence          double precision,
    metadata_at      timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now()
);

create table chartline.chart_ranking_entry (
    ranking_id         bigint not null references chartline.chart_ranking (id) on delete cascade,
    position           integer not null,
    track              uuid not null references chartline.track (uuid),
    old_position       integer,
    position_evolution integer,
    entry_date         date,
    entry_state        text,
    rank_date          date,
    time_on_chart      integer,
    time_on_chart_unit text,
    metric             bigint,
    primary key (ranking_id, position, track)
);
create index chart_ranking_entry_by_track on chartline.chart_ranking_entry (track);

-- Which rankings an execution handled: what its later steps work on.
create table chartline.execution_ranking (
    execution_id bigint not null references chartline.chart_sync_execution (id) on delete cascade,
    ranking_id   bigint not null references chartline.chart_ranking (id) on delete cascade,
    primary key (execution_id, ranking_id)
);

create table chartline.execution_failure (
    id           bigint generated always as identity primary key,
    execution_id bigint references chartline.chart_sync_execution (id) on delete cascade,
    resource     text not null,
    entity       text not null,
    facet        text not null default '',
    kind         text not null,
    reason       text not null,
    at           timestamptz not null default now()
);
create index execution_failure_by_execution on chartline.execution_failure (execution_id);

create table chartline.artist (
    uuid         uuid primary key,
    slug         text,
    name         text not null,
    app_url      text,
    web_url      text,
    image_url    text,
    country_code text,
    city_name    text,
    biography    text,
    isni         text,
    ipi          text,
    gender       text,
    type         text,
    birth_date   date,
    career_stage text,
    growth_level text,
    metadata_at  timestamptz,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);

-- A tree: roots have no parent, the API's "sub" genres hang below their root.
create table chartline.genre (
    id        bigint generated always as identity primary key,
    parent_id bigint references chartline.genre (id),
    name      text not null,
    unique nulls not distinct (parent_id, name)
);

create table chartline.label (
    id   bigint generated always as identity primary key,
    name text not null,
    type text not null default '',        -- the major's name, or indie: the API's free text
    unique (name, type)
);

create table chartline.track_artist (
    track    uuid not null references chartline.track (uuid) on delete cascade,
    artist   uuid not null references chartline.artist (uuid),
    position integer not null,            -- order in the API's list, from 1
    role     text not null default 'artist' check (role in ('artist', 'main')),
    primary key (track, artist)
);
create index track_artist_by_artist on chartline.track_artist (artist);

create table chartline.track_genre (
    track    uuid not null references chartline.track (uuid) on delete cascade,
    genre_id bigint not null references chartline.genre (id),
    primary key (track, genre_id)
);

create table chartline.artist_genre (
    artist   uuid not null references chartline.artist (uuid) on delete cascade,
    genre_id bigint not null references chartline.genre (id),
    primary key (artist, genre_id)
);

create table chartline.track_label (
    track    uuid not null references chartline.track (uuid) on delete cascade,
    label_id bigint not null references chartline.label (id),
    position integer not null,
    primary key (track, label_id)
);

create table chartline.track_credit (
    track    uuid not null references chartline.track (uuid) on delete cascade,
    role     text not null check (role in ('composer', 'producer')),
    position integer not null,
    name     text not null,
    primary key (track, role, position)
);

-- Cumulative totals; several identifiers (releases) of one track may have a value on one day.
create table chartline.track_audience (
    track      uuid not null,
    platform   text not null,
    day        date not null,
    identifier text not null,
    value      bigint not null,
    primary key (track, platform, day, identifier)
) partition by range (day);

create table chartline.artist_audience (
    artist   uuid not null,
    platform text not null,
    metric   text not null,   -- followers, likes, following, posts, views, monthly_listeners
    day      date not null,
    value    bigint not null,
    primary key (artist, platform, metric, day)
) partition by range (day);

-- Located values. A city's name may stand twice on one day, so rows are numbered, not keyed by place.
-- Country values are sums of the listed cities, never national totals.
create table chartline.artist_city_audience (
    artist       uuid not null,
    platform     text not null,
    metric       text not null,           -- followers, listeners
    day          date not null,
    place        text not null check (place in ('city', 'country')),
    seq          integer not null,
    country_code text not null default '',
    region       text not null default '',
    city_name    text not null default '',
    value        bigint not null,
    primary key (artist, platform, metric, day, place, seq)
) partition by range (day);

create table chartline.radio (
    slug         text primary key,
    name         text not null,
    country_code text,
    country_name text,
    city_name    text,
    time_zone    text,
    reach        bigint,
    image_url    text
);

-- Spins by station over a window of whole days, both ends included.
create table chartline.track_airplay (
    track    uuid not null references chartline.track (uuid) on delete cascade,
    from_day date not null,
    to_day   date not null,
    radio    text not null references chartline.radio (slug),
    plays    integer not null,
    primary key (track, from_day, to_day, radio),
    check (from_day <= to_day)
);

-- One row for each thing that is fetched: resource, entity (uuid or slug), facet (platform, or a ranking's day).
create table chartline.fetch_ledger (
    resource     text not null,
    entity       text not null,
    facet        text not null default '',
    outcome      text not null default 'never'
        check (outcome in ('never', 'ok', 'empty', 'absent', 'unsupported', 'failed', 'deferred')),
    fetched_at   timestamptz,
    due_at       timestamptz not null default '-infinity',
    covered_from date,
    covered_to   date,
    attempts     integer not null default 0,
    error_kind   text,
    error        text,
    lease_token  uuid,
    lease_owner  text,
    lease_until  timestamptz,
    primary key (resource, entity, facet)
);
create index fetch_ledger_by_lease on chartline.fetch_ledger (lease_token) where lease_token is not null;

create table chartline.api_call (
    id           bigint generated always as identity,
    at           timestamptz not null,
    endpoint     text not null,
    entity       text not null default '',
    facet        text not null default '',
    status       integer,                 -- null: no answer came
    ms           integer not null,
    bytes        integer not null default 0,
    quota_left   bigint,
    error_kind   text,
    execution_id bigint,
    primary key (id, at)
) partition by range (at);
create index api_call_by_execution on chartline.api_call (execution_id);
create index api_call_by_time on chartline.api_call using brin (at);

-- Answers as they came, deflated (zlib), kept for a while so that the warehouse can be rebuilt without a call.
create table chartline.raw_answer (
    id           bigint generated always as identity primary key,
    resource     text not null,
    entity       text not null,
    facet        text not null default '',
    part         integer not null default 0,
    endpoint     text not null,
    path         text not null,
    fetched_at   timestamptz not null,
    execution_id bigint,
    body         bytea not null
);
create index raw_answer_by_entity on chartline.raw_answer (resource, entity, facet, fetched_at desc);
create index raw_answer_by_age on chartline.raw_answer (fetched_at);

-- The account's call clock: the time of the next free call (GCRA), shared by every process.
create table chartline.api_budget (
    account       text primary key,
    per_minute    integer not null check (per_minute > 0),
    next_free     timestamptz not null default '-infinity',
    blocked_until timestamptz not null default '-infinity'
);
