"""The tables that answers of the API are merged into, and what becomes of each of their columns.

Tables that Chartline writes about itself (schedules, executions, ledger, calls, raw answers, budget) are not merged
and not here.
"""

from __future__ import annotations

from chartline.warehouse.merge import MergeRule, MergeTable

FILL, NAMED, REPLACE, FIRST, LATEST = (
    MergeRule.FILL,
    MergeRule.NAMED,
    MergeRule.REPLACE,
    MergeRule.FIRST,
    MergeRule.LATEST,
)
MADE = {"created_at": MergeRule.GENERATED, "updated_at": MergeRule.STAMP}

PLATFORM = MergeTable(
    "platform",
    ("code",),
    {
        "name": REPLACE,
        "ranks_charts": FILL,
        "serves_artist_audience": FILL,
        "serves_artist_listening": FILL,
        "seen_at": LATEST,
    },
)
CHART = MergeTable(
    "chart",
    ("slug",),
    {
        "id": MergeRule.GENERATED,
        "name": NAMED,
        "type": FILL,
        "platform": REPLACE,
        "frequency": REPLACE,
        "country_code": REPLACE,
        "country_name": REPLACE,
        "city_name": REPLACE,
        "capacity": FILL,
        "web_url": FILL,
        "metric_type": FILL,
        "metric_description": FILL,
        **MADE,
    },
)
CHART_CALENDAR = MergeTable(
    "chart_calendar", ("chart_id", "day"), {"stamp": REPLACE, "first_seen_at": FIRST, "not_yet_at": FILL}
)
CHART_RANKING = MergeTable(
    "chart_ranking",
    ("chart_id", "day"),
    {
        "id": MergeRule.GENERATED,
        "stamp": REPLACE,
        "total": REPLACE,
        "entries": REPLACE,
        "left_chart": REPLACE,
        "fetched_at": LATEST,
    },
)
CHART_RANKING_ENTRY = MergeTable(
    "chart_ranking_entry",
    ("ranking_id", "position", "track"),
    dict.fromkeys(
        (
            "old_position",
            "position_evolution",
            "entry_date",
            "entry_date_precision",
            "entry_state",
            "rank_date",
            "rank_date_precision",
            "time_on_chart",
            "time_on_chart_unit",
            "metric",
        ),
        REPLACE,
    ),
)
AUDIO = {  # column: attribute of the API's audio object
    "acousticness": "acousticness",
    "danceability": "danceability",
    "energy": "energy",
    "instrumentalness": "instrumentalness",
    "musical_key": "key",
    "liveness": "liveness",
    "loudness": "loudness",
    "mode": "mode",
    "speechiness": "speechiness",
    "tempo": "tempo",
    "time_signature": "time_signature",
    "valence": "valence",
}
TRACK = MergeTable(
    "track",
    ("uuid",),
    {
        "name": NAMED,
        **dict.fromkeys(
            (
                "credit_name",
                "image_url",
                "app_url",
                "preview_url",
                "isrc",
                "isrc_country",
                "iswcs",
                "release_date",
                "release_date_precision",
                "copyright",
                "duration",
                "explicit",
                "language_code",
                "distributor",
                *AUDIO,
            ),
            FILL,
        ),
        "metadata_at": LATEST,
        **MADE,
    },
)
ARTIST = MergeTable(
    "artist",
    ("uuid",),
    {
        "name": NAMED,
        **dict.fromkeys(
            (
                "slug",
                "app_url",
                "web_url",
                "image_url",
                "country_code",
                "city_name",
                "biography",
                "isni",
                "ipi",
                "gender",
                "type",
                "birth_date",
                "birth_date_precision",
                "career_stage",
                "growth_level",
            ),
            FILL,
        ),
        "metadata_at": LATEST,
        **MADE,
    },
)
GENRE = MergeTable("genre", ("parent_id", "name"), {"id": MergeRule.GENERATED}, hashed=("name",))
LABEL = MergeTable("label", ("name", "type"), {"id": MergeRule.GENERATED}, hashed=("name", "type"))
RADIO = MergeTable(
    "radio",
    ("slug",),
    {"name": NAMED}
    | dict.fromkeys(("country_code", "country_name", "city_name", "time_zone", "reach", "image_url"), FILL),
)

# Links: a list that is not empty replaces the one before (merge.replace), an empty one takes nothing away.
TRACK_ARTIST = MergeTable("track_artist", ("track", "artist"), {"position": REPLACE, "role": FILL})
TRACK_GENRE = MergeTable("track_genre", ("track", "genre_id"))
ARTIST_GENRE = MergeTable("artist_genre", ("artist", "genre_id"))
TRACK_LABEL = MergeTable("track_label", ("track", "label_id"), {"position": REPLACE})
TRACK_CREDIT = MergeTable("track_credit", ("track", "role", "position"), {"name": REPLACE})

# Series: the newest answer about a day is the true one.
TRACK_AUDIENCE = MergeTable("track_audience", ("track", "platform", "day", "identifier"), {"value": REPLACE})
ARTIST_AUDIENCE = MergeTable("artist_audience", ("artist", "platform", "metric", "day"), {"value": REPLACE})
ARTIST_CITY_AUDIENCE = MergeTable(
    "artist_city_audience",
    ("artist", "platform", "metric", "day", "place", "seq"),
    dict.fromkeys(("country_code", "country_name", "region", "city_name", "value"), REPLACE),
)
TRACK_AIRPLAY = MergeTable("track_airplay", ("track", "from_day", "to_day", "radio"), {"plays": REPLACE})
ARTIST_AIRPLAY = MergeTable("artist_airplay", ("artist", "from_day", "to_day", "radio"), {"plays": REPLACE})

MERGED: dict[str, MergeTable] = {
    table.name: table
    for table in (
        PLATFORM, CHART, CHART_CALENDAR, CHART_RANKING, CHART_RANKING_ENTRY, TRACK, ARTIST, GENRE, LABEL, TRACK_ARTIST,
        TRACK_GENRE, ARTIST_GENRE, TRACK_LABEL, TRACK_CREDIT, TRACK_AUDIENCE, ARTIST_AUDIENCE, ARTIST_CITY_AUDIENCE,
        RADIO, TRACK_AIRPLAY, ARTIST_AIRPLAY,
    )
}  # fmt: skip
OWN = (
    "chart_sync_schedule", "chart_sync_execution", "execution_ranking", "execution_failure", "fetch_ledger",
    "api_call", "raw_answer", "api_budget",
    "change_log", "alert", "alert_delivery", "alert_outbox", "api_usage",
    "answer_field", "answer_field_type", "answer_oddity", "refresh_booking",
    "ranking_check", "data_finding", "watermark",
)  # fmt: skip
