-- Completeness by chart and month: what the API has, what is stored, and what of it is not whole.

-- Laterals, so that the question about one chart reads only that chart's rows.
create view chartline.chart_completeness_monthly as
select chart.slug as chart, by_month.*
from chartline.chart
cross join lateral (
    select date_trunc('month', day)::date as month,
           count(*) filter (where listed) as calendar_days,
           count(*) filter (where stored) as stored,
           count(*) filter (where listed and not stored) as missing,
           count(*) filter (where short) as short
    from (
        select day, calendar.day is not null as listed, ranking.id is not null as stored,
               ranking.entries <> (
                   select count(*) from chartline.chart_ranking_entry as entry where entry.ranking_id = ranking.id
               ) as short
        from (select day from chartline.chart_calendar where chart_id = chart.id) as calendar
        full join (
            select id, day, entries from chartline.chart_ranking where chart_id = chart.id
        ) as ranking using (day)
    ) as of_day
    group by 1
) as by_month;
comment on view chartline.chart_completeness_monthly is
    'For each chart and month: the days for which the API has a ranking, and what of them is stored, and whole.';
comment on column chartline.chart_completeness_monthly.month is 'The month''s first day.';
comment on column chartline.chart_completeness_monthly.calendar_days is
    'Days for which the API is known to have a ranking; as new as the calendar, which every gap audit brings up to date.';
comment on column chartline.chart_completeness_monthly.stored is 'Rankings here, short ones among them.';
comment on column chartline.chart_completeness_monthly.missing is
    'Days of the calendar without a stored ranking, also those that no schedule asks for.';
comment on column chartline.chart_completeness_monthly.short is
    'Stored rankings with another number of entries than they were stored with: rows were lost.';

drop view chartline.chart_completeness;
create view chartline.chart_completeness as
select chart.slug as chart,
       chart.platform,
       coalesce(sum(monthly.stored), 0)::bigint as rankings,
       stored.entries,
       stored.first_day,
       stored.last_day,
       coalesce(sum(monthly.calendar_days), 0)::bigint as calendar_days,
       calendar.first_day as calendar_first_day,
       calendar.last_day as calendar_last_day,
       coalesce(sum(monthly.missing), 0)::bigint as missing,
       coalesce(sum(monthly.short), 0)::bigint as short
from chartline.chart
left join chartline.chart_completeness_monthly as monthly on monthly.chart = chart.slug
cross join lateral (
    select coalesce(sum(entries), 0) as entries, min(day) as first_day, max(day) as last_day
    from chartline.chart_ranking where chart_id = chart.id
) as stored
cross join lateral (
    select min(day) as first_day, max(day) as last_day from chartline.chart_calendar where chart_id = chart.id
) as calendar
group by chart.id, stored.entries, stored.first_day, stored.last_day, calendar.first_day, calendar.last_day;
comment on view chartline.chart_completeness is
    'For each chart: what is stored, what the API is known to have, how many of those days are missing, and how many '
    'rankings are not whole.';
comment on column chartline.chart_completeness.missing is 'Days of the calendar without a stored ranking.';
comment on column chartline.chart_completeness.short is
    'Stored rankings with another number of entries than they were stored with: rows were lost.';
