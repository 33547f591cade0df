-- Spins by station over a window of whole days, both ends included.
create table chartline.artist_airplay (
    artist   uuid not null references chartline.artist (uuid) on delete cascade,
    from_day date not null,
    to_day   date not null,
    radio    text not null references chartline.radio (slug),
    plays    integer not null,
    primary key (artist, from_day, to_day, radio),
    check (from_day <= to_day)
);
comment on table chartline.artist_airplay is
    'Spins of an artist by station over a window of whole days, both ends included.';
