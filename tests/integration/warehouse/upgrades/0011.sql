insert into chartline.ranking_check (ranking_id, fetched_at, earlier_id, arrived, contradicts, nulls, judged)
select id, fetched_at, null, null, null, '{"entries": 1, "tracks": 0}', false from chartline.chart_ranking order by id limit 1;
insert into chartline.data_finding (kind, severity, subject, chart_slug, day, what, details, solved_at, accepted_by)
values ('turnover', 'warning', 'a 2026-11-01', 'a', '2026-11-01', 'a 2026-11-01: 9 of 10 tracks are new.', '{"arrived": 9}',
        '2026-11-02', 'ada');
insert into chartline.watermark (kind, at) values ('series', '2026-11-02');
