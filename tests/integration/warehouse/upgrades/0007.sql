insert into chartline.chart_sync_execution (chart_slug, dag_id, run_id, trigger, status, settings)
values ('', 'audience_refresh', 'refresh__track_00000000-0000-0000-0000-000000000001_20261115T120000000000', 'manual',
        'running', '{}');
insert into chartline.refresh_booking
values ('refresh__track_00000000-0000-0000-0000-000000000001_20261115T120000000000', '2026-11-15', 'viewer', 31);
insert into chartline.alert (kind, subject, title, details, fingerprint)
values ('approval', 'top-songs', 'Work waits for an answer', '{}', 'run');
