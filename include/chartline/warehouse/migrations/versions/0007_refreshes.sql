-- Who asked for which refresh of an audience, and what it costs at the most.

create table chartline.refresh_booking (
    run_id text primary key,
    day    date not null,
    person text not null,
    calls  integer not null check (calls >= 0)
);
create index refresh_booking_by_day on chartline.refresh_booking (day, person);
comment on table chartline.refresh_booking is
    'Each run of audience_refresh that may go on: a person''s allowance of a day, and the approval of many small '
    'refreshes together, are worked out from it.';
comment on column chartline.refresh_booking.day is 'The UTC day on which it was asked for.';
comment on column chartline.refresh_booking.person is
    'Who asked from a page or by Chartline''s REST; empty: by Airflow, whose log says who.';
comment on column chartline.refresh_booking.calls is 'What it costs at the most, as estimated when it was asked for.';
