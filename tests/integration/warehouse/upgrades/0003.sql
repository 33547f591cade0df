-- Changes, alerts and what was sent of them, a day's usage summed up.
insert into chartline.change_log (at, who, action, subject, before, after)
values ('2026-11-15', 'admin', 'schedule.change', 'top-songs', '{"is_active": false}', '{"is_active": true}');
insert into chartline.alert (kind, subject, state, title, details, fingerprint, opened_at, solved_at) values
    ('overdue', 'top-songs', 'open', 'top-songs is overdue', '{"chart": "top-songs"}', '2026-11-13', '2026-11-15', null),
    ('quota', '', 'solved', 'The quota runs low', '{}', 'low', '2026-11-01', '2026-11-02');
insert into chartline.alert_delivery (alert_id, channel, event, at, status, ms)
select id, 'pager', 'opened', '2026-11-15', 204, 80 from chartline.alert where kind = 'overdue';
insert into chartline.alert_outbox (alert_id, channel, event, message)
select id, 'chat', 'opened', '{"title": "top-songs is overdue"}' from chartline.alert where kind = 'overdue';
insert into chartline.api_usage values ('2026-11-13', 'top-songs', 'ranking', true, 17, 16, 1, 85000);
