"""What work would cost, said before it is done: calls by kind, minutes, share of the quota, storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import ceil

from chartline.cascade import audience
from chartline.cascade.audience import RefreshAsk
from chartline.costs import chart, outlook
from chartline.costs.model import Estimate
from chartline.costs.outlook import PERIOD_DAYS, Look
from chartline.costs.tally import Tally
from chartline.domain.asks import METADATA, CascadeAsk, Step
from chartline.domain.schedule import Schedule
from chartline.settings import Settings
from chartline.warehouse.connect import Connection
from chartline.warehouse.ledger import FOREVER


def estimate_schedule(
    conn: Connection,
    schedule: Schedule,
    settings: Settings,
    *,
    look: Look | None = None,
    per_minute: int | None = None,
    now: datetime | None = None,
) -> Estimate:
    """A followed or proposed schedule: its latest ranking with all that follows, and its past where it asks for it.

    look: opens the API for what is not known (see `outlook.see`); None: no call. Raises the errors of the account and
    UnknownChart with it, none without.
    """
    moment = now or datetime.now(UTC)
    since = schedule.start_date.date() if schedule.sync_historical_data else None
    seen = outlook.see(conn, schedule.slug, settings, look, since=since)
    tally = Tally(conn, settings, moment.date(), notes=[*seen.notes])
    ask = CascadeAsk.from_schedule(schedule.model_copy(update={"history_held": False}), {})
    chart.latest(tally, seen, ask)
    about = schedule.slug
    if schedule.sync_historical_data:
        period = PERIOD_DAYS.get(schedule.sync_frequency, 1)
        runs = ceil(schedule.history_days / period / settings.history_window) + 1
        seen, days = chart.listed(tally, seen, schedule.start_date.date(), moment.date())
        chart.past(tally, seen, days, ask.steps, runs)
        about += f" with {schedule.history_days} days of history"
    return tally.estimate(about, per_minute, seen.places[1])


def estimate_range(
    conn: Connection,
    slug: str,
    first: date,
    last: date,
    settings: Settings,
    *,
    look: Look | None = None,
    per_minute: int | None = None,
) -> Estimate:
    """The rankings of a chart from `first` to `last`, and their metadata: what a backfill of them costs."""
    seen = outlook.see(conn, slug, settings, look, since=first)
    tally = Tally(conn, settings, datetime.now(UTC).date(), notes=[*seen.notes])
    seen, days = chart.listed(tally, seen, first, last)
    runs = ceil(((last - first).days + 1) / settings.history_window) + 1
    chart.past(tally, seen, days, METADATA, runs)
    return tally.estimate(f"{slug} from {first} to {last}", per_minute, seen.places[1])


def estimate_days(
    conn: Connection,
    slug: str,
    days: Sequence[date],
    settings: Settings,
    *,
    steps: Sequence[Step] = METADATA,
    runs: int = 0,
    per_minute: int | None = None,
) -> Estimate:
    """Exactly these days of a chart and their metadata, as gap healing fetches them; no call.

    runs: how many runs share them; 0: as few as `history_window` says. Days that the calendar lacks cost nothing.
    """
    seen = outlook.see(conn, slug, settings)
    tally = Tally(conn, settings, datetime.now(UTC).date(), notes=[*seen.notes])
    chart.past(tally, seen, days, steps, runs or ceil(len(days) / settings.history_window))
    about = f"{slug}, {len(days)} days" if len(days) != 1 else f"{slug} of {days[0]}"
    return tally.estimate(about, per_minute, seen.places[1])


def estimate_cascade(
    conn: Connection,
    ask: CascadeAsk,
    settings: Settings,
    *,
    look: Look | None = None,
    per_minute: int | None = None,
) -> Estimate:
    """One run by hand: the latest ranking, one day or some, with the steps and platforms asked for.

    look: asks for the calendar, and only where a day is asked for that it does not have.
    """
    seen = outlook.see(conn, ask.chart, settings)
    days = {*(ask.days or ()), *([ask.day] if ask.day else ())}
    if look is not None and days - set(seen.calendar) - seen.here:
        seen = outlook.see(conn, ask.chart, settings, look, latest=False, named=days)
    stale_before = FOREVER if ask.force else None
    tally = Tally(conn, settings, datetime.now(UTC).date(), stale_before, notes=[*seen.notes])
    if ask.past is not None:
        chart.past(tally, seen, ask.past, ask.steps, 1, force=ask.force)
        about = f"{ask.chart}, {len(ask.past)} days"
    else:
        chart.latest(tally, seen, ask, by_hand=True)
        about = f"{ask.chart} of {ask.day}" if ask.day else f"{ask.chart}, latest"
    return tally.estimate(about, per_minute, seen.places[1])


def estimate_refresh(
    conn: Connection, ask: RefreshAsk, settings: Settings, *, per_minute: int | None = None
) -> Estimate:
    """The audience of given tracks and artists, begun now: every call is known beforehand, but for further pages of
    airplay. Raises as `audience.check`."""
    tracks, artists = audience.whose(conn, ask)
    now = datetime.now(UTC)
    tally = Tally(conn, settings, now.date(), ask.stale_before(now))
    for one in audience.asks(ask, tracks, artists, settings):
        tally.price(one)
    return tally.estimate(f"The audience of {len(tracks)} tracks and {len(artists)} artists", per_minute)
