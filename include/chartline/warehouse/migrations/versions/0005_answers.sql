-- What odd answers need: dates known in part, names of any length, the figure of the whole world, and what was odd.

-- A date of which only the year or the month is known stands for its first day.
alter table chartline.track add column release_date_precision text;
update chartline.track set release_date_precision = 'day' where release_date is not null;
comment on column chartline.track.release_date is 'The first day of it, where only the month or the year is known.';
comment on column chartline.track.release_date_precision is 'How far the date is known: day, month or year.';
alter table chartline.artist add column birth_date_precision text;
update chartline.artist set birth_date_precision = 'day' where birth_date is not null;
comment on column chartline.artist.birth_date is 'The first day of it, where only the month or the year is known.';
comment on column chartline.artist.birth_date_precision is 'How far the date is known: day, month or year.';
alter table chartline.chart_ranking_entry
    add column entry_date_precision text,
    add column rank_date_precision text;
comment on column chartline.chart_ranking_entry.entry_date_precision is
    'month or year where the date is known no further, and stands for its first day; null: it is the day.';
comment on column chartline.chart_ranking_entry.rank_date_precision is 'As entry_date_precision.';

create or replace view chartline.latest_ranking as
select chart.slug as chart,
       chart.name as chart_name,
       chart.platform,
       chart.country_code,
       ranking.day,
       entry.position,
       entry.old_position,
       entry.position_evolution,
       entry.entry_state,
       entry.entry_date,
       entry.time_on_chart,
       entry.time_on_chart_unit,
       entry.metric,
       entry.track,
       track.name as track_name,
       track.credit_name,
       named.artists,
       entry.entry_date_precision
from chartline.chart
join lateral (
    select id, day from chartline.chart_ranking where chart_id = chart.id order by day desc limit 1
) as ranking on true
join chartline.chart_ranking_entry as entry on entry.ranking_id = ranking.id
join chartline.track on track.uuid = entry.track
left join lateral (
    select array_agg(artist.name order by link.position) as artists
    from chartline.track_artist as link
    join chartline.artist on artist.uuid = link.artist
    where link.track = entry.track
) as named on true;
comment on column chartline.latest_ranking.entry_date_precision is
    'month or year where the entry date is known no further; null: it is the day.';

-- An index holds about 2,700 bytes; a name may be longer. What names a thing (slugs, codes) is limited when it is read.
alter table chartline.label drop constraint label_name_type_key;
create unique index label_by_name on chartline.label (md5(name), md5(type));
alter table chartline.genre drop constraint genre_parent_id_name_key;
create unique index genre_by_name on chartline.genre (parent_id, md5(name)) nulls not distinct;
drop index chartline.chart_by_platform;
create index chart_by_platform on chartline.chart (platform);
drop index chartline.track_by_name;
create index track_by_name on chartline.track (left(lower(name), 200), uuid);
drop index chartline.artist_by_name;
create index artist_by_name on chartline.artist (left(lower(name), 200), uuid);
drop index chartline.track_by_isrc;
create index track_by_isrc on chartline.track using hash (isrc);
drop index chartline.track_by_word;
create index track_by_word on chartline.track
    using gin (to_tsvector('simple', left(name, 10000) || ' ' || left(coalesce(credit_name, ''), 10000)));
drop index chartline.artist_by_word;
create index artist_by_word on chartline.artist using gin (to_tsvector('simple', left(name, 10000)));

-- The figure of the whole world stands beside those of the places that it is made of.
alter table chartline.artist_city_audience drop constraint artist_city_audience_place_check;
alter table chartline.artist_city_audience
    add constraint artist_city_audience_place_check check (place in ('city', 'country', 'world')),
    add column country_name text not null default '';
comment on table chartline.artist_city_audience is
    'Where an artist''s audience is, and how large it is in all. A city''s name may stand twice on one day, so rows are '
    'numbered, not keyed by place.';
comment on column chartline.artist_city_audience.place is
    'city; country: then the sum of the listed cities, never a national total; world: everywhere, on days without places too.';

-- How new a series can be is the source's matter.
alter table chartline.fetch_ledger add column crawled_at timestamptz;
comment on column chartline.fetch_ledger.crawled_at is
    'When the source itself last looked at the platform for this series (lastCrawlDate); null where it does not say.';
create view chartline.series_state as
select resource, entity as uuid, facet as platform, outcome, fetched_at, covered_from, covered_to, crawled_at,
       nullif(due_at, '-infinity') as due_at
from chartline.fetch_ledger
where resource in (
    'track_audience', 'track_airplay', 'artist_audience', 'artist_listeners', 'artist_airplay', 'artist_local_followers',
    'artist_local_streaming'
) and outcome <> 'never';
comment on view chartline.series_state is
    'Each series of a track or an artist on a platform: which days are here, when it was fetched, and how new the source '
    'itself is.';
comment on column chartline.series_state.outcome is
    'Of the last fetch: ok, empty, absent, unsupported, failed or deferred.';
comment on column chartline.series_state.crawled_at is
    'When the source itself last looked: a series that ends before it has had no value since. Null where it does not say.';
comment on column chartline.series_state.due_at is 'When it is fetched again, at the earliest.';

-- What the answers look like, learned as they come.
create table chartline.answer_field (
    endpoint      text not null,
    path          text not null,
    parent        text not null,
    objects       bigint not null,
    came          bigint not null,
    recent        double precision not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    always        boolean not null default false,
    gone_since    timestamptz,
    primary key (endpoint, path)
);
comment on table chartline.answer_field is 'The fields of the API''s answers, by endpoint; of long lists a few elements are looked at.';
comment on column chartline.answer_field.path is 'Such as items[].song.name; * stands for keys that are no plain names.';
comment on column chartline.answer_field.parent is 'The path of the object that it is a field of; empty: the answer itself.';
comment on column chartline.answer_field.objects is 'Objects looked at since the field was first seen.';
comment on column chartline.answer_field.came is 'Those of them that had the field.';
comment on column chartline.answer_field.recent is 'Share of the last few hundred objects that had it.';
comment on column chartline.answer_field.always is 'Once nearly every object had it, for more than a day.';
comment on column chartline.answer_field.gone_since is
    'A field that always came and is missing in most answers since then; null: it comes as before.';
create table chartline.answer_field_type (
    endpoint      text not null,
    path          text not null,
    type          text not null,
    seen          bigint not null,
    sample        text not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    primary key (endpoint, path, type)
);
comment on table chartline.answer_field_type is 'Of which types the fields of answers are.';
comment on column chartline.answer_field_type.type is 'As JSON names it: string, number, boolean, object, array, null.';
comment on column chartline.answer_field_type.sample is 'Its shape when it was first seen: letters as a, digits as 9. No value is kept.';
create table chartline.answer_oddity (
    endpoint      text not null,
    path          text not null,
    kind          text not null check (kind in ('unread', 'in_part', 'refused')),
    found         text not null,
    seen          bigint not null,
    example       text not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    primary key (endpoint, path, kind, found)
);
comment on table chartline.answer_oddity is 'What of the API''s answers could not be read as agreed, counted.';
comment on column chartline.answer_oddity.kind is
    'unread: optional, left out, the rest is stored; in_part: a date of which only the year or month is told; refused: '
    'the item (a ranking, a track, a series) was not stored.';
comment on column chartline.answer_oddity.found is 'What stood there, by type and shape: letters as a, digits as 9. No value is kept.';
comment on column chartline.answer_oddity.example is 'The path of the last request whose answer had it; its raw answer is kept for a while.';
comment on column chartline.alert.kind is
    'failed_run, overdue, quota, quarantine, credentials, slow_run or field_gone.';
