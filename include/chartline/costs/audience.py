"""What bringing the audience of given tracks and artists up to date would cost: every call is known beforehand."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil

from chartline.cascade import audience
from chartline.cascade.audience import RefreshAsk
from chartline.cascade.resources import ARTIST_AIRPLAY, TRACK_AIRPLAY, Series
from chartline.costs.model import Estimate, Range
from chartline.costs.tally import AIRPLAY_PAGES
from chartline.settings import Settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import costs


def estimate_refresh(
    conn: Connection, ask: RefreshAsk, settings: Settings, *, per_minute: int | None = None
) -> Estimate:
    """The windows of all series that are due; airplay may have further pages. Raises as `audience.check`."""
    tracks, artists = audience.whose(conn, ask)
    asks = [
        *audience.track_asks(tracks, ask.track_platforms, ask.audience_days),
        *audience.artist_asks(artists, ask.artist_platforms, ask.audience_days, settings),
    ]
    again, today = ask.force or not ask.stale_only, datetime.now(UTC).date()
    calls: dict[str, Range] = {}
    for one in asks:
        assert isinstance(one.resource, Series)
        due = costs.due(conn, one.resource.name, one.wants, force=again, reach=one.reach(settings))
        windows = sum(len(one.resource.windows(item, today, ask.audience_days, settings)) for item in due)
        if windows:
            pages = AIRPLAY_PAGES if one.resource in (TRACK_AIRPLAY, ARTIST_AIRPLAY) else 1
            calls[one.resource.name] = Range(low=windows, high=ceil(windows * pages))
    quota = costs.quota_left(conn)
    unknown = "How much of the quota is left is not known: no answer of the API has told it yet."
    return Estimate(
        about=f"The audience of {len(tracks)} tracks and {len(artists)} artists",
        calls=calls,
        per_minute=per_minute or settings.calls_per_minute,
        quota_left=quota,
        notes=(unknown,) if quota is None else (),
    )
