-- Answers to the common questions.

create view chartline.latest_ranking as
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
       named.artists
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
comment on view chartline.latest_ranking is
    'The newest stored ranking of every chart, with the names of its tracks and of their artists.';
comment on column chartline.latest_ranking.artists is
    'Names in the order of the API''s list; null until the track''s metadata is here. For display: credit_name.';

-- The sum over a track's identifiers, each at its last known value, is the running sum of all their changes.
create view chartline.track_audience_daily as
with change as (
    select track, platform, day, identifier,
           value - coalesce(lag(value) over (partition by track, platform, identifier order by day), 0) as change
    from chartline.track_audience
)
select track, platform, day,
       (sum(sum(change)) over (partition by track, platform order by day))::bigint as value,
       count(*) as identifiers
from change
group by track, platform, day;
comment on view chartline.track_audience_daily is
    'A track''s total to date on a platform, for each day with any value: its identifiers (releases) summed, '
    'each counted with its last value on the days that it misses.';
comment on column chartline.track_audience_daily.identifiers is
    'How many identifiers have a value of this very day; the others are carried forward.';

create view chartline.track_audience_gain as
select track, platform, day, value,
       value - lag(value) over before as gain,
       day - lag(day) over before as days
from chartline.track_audience_daily
window before as (partition by track, platform order by day);
comment on view chartline.track_audience_gain is
    'What a track''s total gained since the day before that has a value. Totals may fall (identifiers get re-mapped), '
    'and jump when a further release is counted.';
comment on column chartline.track_audience_gain.gain is 'Null on the first day: nothing to compare with.';
comment on column chartline.track_audience_gain.days is 'Days that the gain spans; more than 1 after a gap.';

create view chartline.artist_audience_gain as
select artist, platform, metric, day, value,
       value - lag(value) over before as gain,
       day - lag(day) over before as days
from chartline.artist_audience
window before as (partition by artist, platform, metric order by day);
comment on view chartline.artist_audience_gain is
    'What an artist''s metric gained since the day before that has a value. Days without one are normal: the source '
    'looks at small artists every few days only.';
comment on column chartline.artist_audience_gain.gain is 'Null on the first day: nothing to compare with.';
comment on column chartline.artist_audience_gain.days is 'Days that the gain spans; more than 1 after a gap.';

create view chartline.track_audience_latest as
select track, platform, max(day) as day, sum(value)::bigint as value, count(*) as identifiers
from (
    select distinct on (track, platform, identifier) track, platform, identifier, day, value
    from chartline.track_audience
    order by track, platform, identifier, day desc
) as last_of_identifier
group by track, platform;
comment on view chartline.track_audience_latest is
    'A track''s newest total on each platform: the last value of every identifier, summed.';
comment on column chartline.track_audience_latest.day is 'The newest day with a value of any identifier.';

create view chartline.artist_audience_latest as
select distinct on (artist, platform, metric) artist, platform, metric, day, value
from chartline.artist_audience
order by artist, platform, metric, day desc;
comment on view chartline.artist_audience_latest is 'An artist''s newest value of each platform and metric.';

create view chartline.chart_completeness as
select chart.slug as chart,
       chart.platform,
       coalesce(stored.rankings, 0) as rankings,
       coalesce(stored.entries, 0) as entries,
       stored.first_day,
       stored.last_day,
       coalesce(calendar.days, 0) as calendar_days,
       calendar.first_day as calendar_first_day,
       calendar.last_day as calendar_last_day,
       coalesce(calendar.missing, 0) as missing
from chartline.chart
left join (
    select chart_id, count(*) as rankings, sum(entries) as entries, min(day) as first_day, max(day) as last_day
    from chartline.chart_ranking
    group by chart_id
) as stored on stored.chart_id = chart.id
left join (
    select listed.chart_id, count(*) as days, min(listed.day) as first_day, max(listed.day) as last_day,
           count(*) filter (where ranking.id is null) as missing
    from chartline.chart_calendar as listed
    left join chartline.chart_ranking as ranking on ranking.chart_id = listed.chart_id and ranking.day = listed.day
    group by listed.chart_id
) as calendar on calendar.chart_id = chart.id;
comment on view chartline.chart_completeness is
    'For each chart: what is stored, what the API is known to have, and how many of those days are missing.';
comment on column chartline.chart_completeness.missing is 'Days of the calendar without a stored ranking.';

create view chartline.api_cost_daily as
select (api_call.at at time zone 'UTC')::date as day,
       api_call.endpoint,
       coalesce(execution.chart_slug, '') as chart,
       count(*) as calls,
       count(*) filter (
           where api_call.status < 500 and api_call.status <> 429 and api_call.endpoint <> 'team_usage'
       ) as billed,
       count(*) filter (where api_call.status is null or api_call.status >= 400) as failed,
       sum(api_call.bytes) as bytes,
       round(avg(api_call.ms))::integer as mean_ms
from chartline.api_call
left join chartline.chart_sync_execution as execution on execution.id = api_call.execution_id
group by 1, 2, 3;
comment on view chartline.api_cost_daily is
    'Requests by UTC day, endpoint and chart.';
comment on column chartline.api_cost_daily.chart is 'The chart whose run asked; empty for calls that belong to no chart.';
comment on column chartline.api_cost_daily.billed is
    'Calls that count against the quota, estimated from above: all but server errors, refusals for pace or quota, calls '
    'without an answer and the free usage endpoint. Refused requests (4xx) are counted, as the API does not say.';
