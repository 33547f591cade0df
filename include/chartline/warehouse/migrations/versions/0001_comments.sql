-- What the tables are, for the reference in docs/schema.md and for whoever opens the database.

comment on table chartline.platform is
    'Platforms that the API knows, and what each serves. Kept by the catalogue DAG, and by code as charts are met.';
comment on column chartline.platform.code is 'The API''s code, as it stands in paths.';
comment on column chartline.platform.ranks_charts is 'On the list of chart platforms.';
comment on column chartline.platform.serves_artist_audience is 'On the list of social platforms.';
comment on column chartline.platform.serves_artist_listening is 'On the list of streaming platforms.';

comment on table chartline.chart is 'The catalogue of charts.';
comment on column chartline.chart.slug is 'The API''s key of the chart.';
comment on column chartline.chart.country_code is 'ISO 3166 alpha-2; empty where the chart is worldwide.';
comment on column chartline.chart.city_name is 'Empty unless it is the chart of a city.';
comment on column chartline.chart.capacity is 'Places that the chart has; a ranking may hold fewer.';
comment on column chartline.chart.metric_type is 'What the entries'' metric counts; null where the chart has none.';

comment on table chartline.chart_calendar is 'The days for which the API has a ranking of a chart.';
comment on column chartline.chart_calendar.stamp is 'The API''s own text of the time: the path of the ranking.';

comment on table chartline.chart_sync_schedule is 'The followed charts: one row becomes one DAG.';
comment on column chartline.chart_sync_schedule.sync_frequency is 'daily, weekly, monthly or custom.';
comment on column chartline.chart_sync_schedule.custom_interval_hours is 'Of a custom frequency, unless cron is set.';
comment on column chartline.chart_sync_schedule.history_days is 'How far back sync_historical_data reaches.';

comment on table chartline.chart_sync_execution is 'One row for each run of a chart''s DAG: what it stored and spent.';
comment on column chartline.chart_sync_execution.schedule_id is 'Null for a run of a chart without schedule.';
comment on column chartline.chart_sync_execution.settings is 'What the run was asked: flags, platforms, day. No secret.';
comment on column chartline.chart_sync_execution.deferred is 'Things left for the next run, to spare the quota.';
comment on column chartline.chart_sync_execution.failures is 'Failed items, counted by kind: {"not_found": 3}.';

comment on table chartline.execution_ranking is 'The rankings that an execution handled: what its later steps work on.';
comment on table chartline.execution_failure is 'What an execution failed to get, item by item, with the reason.';
comment on column chartline.execution_failure.entity is 'A uuid, or a chart''s slug.';
comment on column chartline.execution_failure.facet is 'A platform, or a ranking''s day.';

comment on table chartline.chart_ranking is 'A chart on one day. Never short: entries, or entries and left_chart together, are the total.';
comment on column chartline.chart_ranking.stamp is 'The API''s own text of the ranking''s time.';
comment on column chartline.chart_ranking.total is 'What the API says the ranking holds.';
comment on column chartline.chart_ranking.entries is 'Rows of chart_ranking_entry.';
comment on column chartline.chart_ranking.left_chart is 'Rows at position 0 (left the chart): counted, not stored.';

comment on table chartline.chart_ranking_entry is 'One row of a ranking, with every field that the API gives.';
comment on column chartline.chart_ranking_entry.old_position is '0: it had none.';
comment on column chartline.chart_ranking_entry.position_evolution is 'Places climbed; below 0: fallen.';
comment on column chartline.chart_ranking_entry.entry_date is 'First day in this chart.';
comment on column chartline.chart_ranking_entry.rank_date is 'Last day seen in this chart.';
comment on column chartline.chart_ranking_entry.time_on_chart_unit is 'DOC: days, WOC: weeks.';
comment on column chartline.chart_ranking_entry.metric is 'Of the day or week, as chart.metric_type says.';

comment on table chartline.track is 'Tracks (the API says song). Known by name from a ranking, in full from the metadata.';
comment on column chartline.track.credit_name is 'The artists'' names as shown: for display, not for joining.';
comment on column chartline.track.isrc is 'As the API gives it today: recordings get merged, and it changes.';
comment on column chartline.track.duration is 'Seconds.';
comment on column chartline.track.explicit is 'False may also mean unknown.';
comment on column chartline.track.musical_key is '0 (C) to 11 (B), -1 where none was found.';
comment on column chartline.track.mode is '1 major, 0 minor.';
comment on column chartline.track.loudness is 'dB.';
comment on column chartline.track.tempo is 'Beats a minute.';
comment on column chartline.track.metadata_at is 'When the metadata was last fetched; null: never.';
comment on column chartline.track.updated_at is 'When a value last changed.';

comment on table chartline.artist is 'Artists. Known by name from a track, in full from the metadata.';
comment on column chartline.artist.biography is 'HTML from the source: escape or clean it before showing it.';
comment on column chartline.artist.metadata_at is 'When the metadata was last fetched; null: never.';
comment on column chartline.artist.updated_at is 'When a value last changed.';

comment on table chartline.genre is 'The tree of genres: roots have no parent, the API''s sub genres hang below their root.';
comment on table chartline.label is 'Record labels.';
comment on column chartline.label.type is 'The major group''s name, or indie: free text of the API.';
comment on table chartline.track_artist is 'The artists of a track.';
comment on column chartline.track_artist.position is 'Order in the API''s list, from 1; not always that of the credits.';
comment on column chartline.track_artist.role is 'main where the API names main artists and this is one, else artist.';
comment on table chartline.track_genre is
    'The genres of a track: its roots and those below. A sub genre named as its root is the root itself.';
comment on table chartline.artist_genre is 'The genres of an artist, as for tracks.';
comment on table chartline.track_label is 'The labels of a track, in the API''s order.';
comment on table chartline.track_credit is 'Composers and producers of a track, by name, in the API''s order.';

comment on table chartline.track_audience is
    'Totals to date of a track on a platform, by identifier (release). Sum them with the view track_audience_daily.';
comment on column chartline.track_audience.identifier is 'The platform''s own id of the release.';
comment on table chartline.artist_audience is 'Values of an artist by platform, metric and day.';
comment on column chartline.artist_audience.metric is
    'followers, likes, following, posts, views; monthly_listeners: of the 28 days that end on the day.';
comment on table chartline.artist_city_audience is
    'Where an artist''s audience is. A city''s name may stand twice on one day, so rows are numbered, not keyed by place.';
comment on column chartline.artist_city_audience.metric is 'followers or listeners.';
comment on column chartline.artist_city_audience.place is
    'city, or country: then the sum of the listed cities, never a national total.';
comment on table chartline.radio is 'Radio stations.';
comment on column chartline.radio.reach is 'The station''s audience.';
comment on table chartline.track_airplay is 'Spins of a track by station over a window of whole days, both ends included.';

comment on table chartline.fetch_ledger is
    'What was fetched when, when it is due again, and who is fetching it now: one row for each resource, entity and facet.';
comment on column chartline.fetch_ledger.entity is 'A uuid, or a chart''s slug.';
comment on column chartline.fetch_ledger.facet is 'A platform, or a ranking''s day.';
comment on column chartline.fetch_ledger.covered_from is 'First day of the series that is here.';
comment on column chartline.fetch_ledger.covered_to is 'Last day of the series that is here.';
comment on column chartline.fetch_ledger.lease_token is 'The batch that has it, or had it when it failed.';
comment on column chartline.fetch_ledger.lease_until is 'Until then nobody else fetches it.';

comment on table chartline.api_call is 'Every request that was made, retries included.';
comment on column chartline.api_call.status is 'HTTP status; null: no answer came.';
comment on column chartline.api_call.quota_left is 'As the answer''s header says; null where it says nothing.';
comment on table chartline.raw_answer is
    'Answers as they came, kept for a while, so that the warehouse can be rebuilt without a call.';
comment on column chartline.raw_answer.part is 'Page of the answer, from 0.';
comment on column chartline.raw_answer.body is 'Deflated (zlib).';
comment on table chartline.api_budget is 'The account''s call clock (GCRA), shared by every process.';
comment on column chartline.api_budget.account is 'Host and login, no secret.';
comment on column chartline.api_budget.next_free is 'The time of the next free call.';
comment on column chartline.api_budget.blocked_until is 'The API asked for a pause until then.';
