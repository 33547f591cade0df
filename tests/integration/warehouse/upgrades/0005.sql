-- Dates known in part, long names, the figure of the whole world, and what answers looked like.
insert into chartline.track (uuid, name, release_date, release_date_precision)
values ('00000000-0000-0000-0000-000000000003', repeat('Long ', 1000), '1999-01-01', 'year');
insert into chartline.artist (uuid, name, birth_date, birth_date_precision)
values ('00000000-0000-0000-0000-00000000000c', 'Of A Month', '1980-03-01', 'month');
insert into chartline.label (name, type) values (repeat('Label ', 600), 'indie');
insert into chartline.artist_city_audience values
    ('00000000-0000-0000-0000-00000000000a', 'spotify', 'listeners', '2026-11-06', 'world', 1, '', '', '', 900, 'World');
insert into chartline.fetch_ledger (resource, entity, facet, outcome, fetched_at, crawled_at)
values ('artist_listeners', '00000000-0000-0000-0000-00000000000a', 'spotify', 'ok', '2026-11-13', '2026-11-12');
insert into chartline.answer_field (endpoint, path, parent, objects, came, recent, first_seen_at, last_seen_at, always)
values ('ranking', 'items[].song.name', 'items[].song', 400, 400, 1, '2026-11-01', '2026-11-13', true);
insert into chartline.answer_field_type values
    ('ranking', 'items[].song.name', 'string', 400, 'Aaaaa Aaaa', '2026-11-01', '2026-11-13');
insert into chartline.answer_oddity values
    ('song', 'object.releaseDate', 'in_part', 'string 9999', 2, '/api/v2.25/song/x', '2026-11-01', '2026-11-13');
