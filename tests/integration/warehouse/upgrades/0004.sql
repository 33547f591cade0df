insert into chartline.artist_airplay values
    ('00000000-0000-0000-0000-00000000000a', '2026-10-01', '2026-11-06', 'a-radio', 99);
