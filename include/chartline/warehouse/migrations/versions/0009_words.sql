-- Comments in the words of docs/glossary.md.

comment on column chartline.artist.biography is 'HTML from Soundcharts: escape or clean it before showing it.';
comment on table chartline.track_airplay is
    'Plays of a track by station over a window of whole days, both ends included.';
comment on table chartline.artist_airplay is
    'Plays of an artist by station over a window of whole days, both ends included.';
comment on column chartline.chart_calendar.not_yet_at is
    'When it was last asked for too early; null: it was there the first time.';
comment on column chartline.chart_sync_schedule.history_asked_at is
    'When the chart was followed, or its history last asked for: the history lies before that.';
comment on column chartline.chart_sync_schedule.history_held is
    'True while the history waits for a person''s approval of what it costs.';
comment on column chartline.chart_sync_execution.days_absent is 'Days of the run for which Soundcharts has no ranking.';
comment on column chartline.chart_sync_execution.days_left is
    'Days of the run whose ranking could not be fetched: the gap audit takes them up.';
comment on column chartline.api_usage.regular is
    'Made for a chart''s new day, or to check the charts; false: for the history, or asked for by a person.';
comment on table chartline.alert_outbox is 'Alerts that are still to be sent; a row goes when it is sent or given up.';
comment on table chartline.refresh_booking is
    'Each run of audience_refresh that may go on: the calls that a person may still spend today, and the approval of '
    'many small refreshes together, are worked out from it.';
comment on column chartline.fetch_ledger.crawled_at is
    'When Soundcharts itself last read the platform for this series (lastCrawlDate); null where it does not say.';
comment on view chartline.series_state is
    'Each series of a track or an artist on a platform: which days are stored, when it was fetched, and how new it is '
    'in Soundcharts.';
comment on column chartline.series_state.crawled_at is
    'When Soundcharts itself last read the platform: a series that ends before it has had no value since. Null where it '
    'does not say.';
comment on view chartline.artist_audience_gain is
    'What an artist''s metric gained since the day before that has a value. Days without one are normal: Soundcharts '
    'reads small artists every few days only.';
