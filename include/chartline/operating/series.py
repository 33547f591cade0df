"""The audience of a track or an artist over time: as stored, and filled so that days can be compared.

A track's total on a platform is the sum of its identifiers (releases), each at its last known value; each metric of an
artist stands for itself. Nothing is carried beyond the newest value of a series: what is not known is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from chartline.domain.platforms import AIRPLAY
from chartline.errors import BadInput
from chartline.operating.refresh import Age, Refresh
from chartline.warehouse.connect import Connection
from chartline.warehouse.reads import series
from chartline.warehouse.reads.series import Plays, Value

Resolution = Literal["day", "week", "month"]

DAY = timedelta(days=1)
MOST = 366
"""Points of one series in one answer."""
USUAL: dict[Resolution, int] = {"day": 90, "week": 53, "month": 24}
"""How many periods an answer has where nobody says from when."""
OLDEST = date(2000, 1, 1)


def begins(day: date, resolution: Resolution) -> date:
    """The first day of its period: the day itself, its Monday, the first of its month."""
    if resolution == "week":
        return day - day.weekday() * DAY
    return day.replace(day=1) if resolution == "month" else day


def _next(start: date, resolution: Resolution) -> date:
    if resolution == "month":
        return (start + 31 * DAY).replace(day=1)
    return start + (7 if resolution == "week" else 1) * DAY


@dataclass(frozen=True)
class Span:
    """From the beginning of a period to `last`, both included."""

    first: date
    last: date
    resolution: Resolution

    @classmethod
    def of(cls, first: date | None, last: date | None, resolution: Resolution, today: date) -> Self:
        """What was asked for, made whole: up to today, from the beginning of a period on, the usual length by default.

        Raises BadInput: fields `from` and `to`.
        """
        end = min(last or today, today)
        if end < OLDEST:
            raise BadInput(f"to: there is nothing before {OLDEST}", field="to")
        if first is None:
            start = begins(end, resolution)
            for _ in range(USUAL[resolution] - 1):
                start = begins(start - DAY, resolution)
            return cls(start, end, resolution)
        if first > end:
            what = f"to, {end}" if first <= today else "today"
            raise BadInput(f"from: {first} lies after {what}", field="from")
        if first < OLDEST:
            raise BadInput(f"from: there is nothing before {OLDEST}", field="from")
        span = cls(begins(first, resolution), end, resolution)
        if sum(1 for _ in span.periods()) > MOST:
            raise BadInput(f"from: more than {MOST} {resolution}s lie between {first} and {end}", field="from")
        return span

    def periods(self) -> Iterator[tuple[date, date]]:
        """First and last day of each period; the last one ends with the span."""
        start = self.first
        while start <= self.last:
            following = _next(start, self.resolution)
            yield start, min(following - DAY, self.last)
            start = following


class Point(BaseModel):
    """The value at the end of a period. `gain`: since the end of the period before, None at the beginning of the
    series. `carried`: no value came in this period, so it is the one before."""

    day: date
    value: int
    gain: int | None
    carried: bool


class RawPoint(BaseModel):
    """A value as the API gave it; of a week or a month its last one."""

    day: date
    value: int


def fill(values: Iterable[Value], span: Span) -> list[Point]:
    """The sum of all parts at the end of each period, each part at its last value: from the first to the newest one.

    Values before the span say what its parts were worth when it began.
    """
    ordered = sorted(values, key=lambda value: value.day)
    worth: dict[str, int] = {}
    points: list[Point] = []
    at = 0
    while at < len(ordered) and ordered[at].day < span.first:
        worth[ordered[at].part] = ordered[at].value
        at += 1
    before = sum(worth.values()) if worth else None
    for start, end in span.periods():
        if not ordered or start > ordered[-1].day:
            break
        reached = at
        while at < len(ordered) and ordered[at].day <= end:
            worth[ordered[at].part] = ordered[at].value
            at += 1
        if worth:
            total = sum(worth.values())
            gain = None if before is None else total - before
            points.append(Point(day=min(end, ordered[-1].day), value=total, gain=gain, carried=at == reached))
            before = total
    return points


def raw(values: Iterable[Value], span: Span) -> list[RawPoint]:
    """The stored values of one part in the span, one for each period that has any."""
    last = {begins(v.day, span.resolution): v for v in sorted(values, key=lambda v: v.day) if v.day >= span.first}
    return [RawPoint(day=value.day, value=value.value) for value in last.values()]


# -- what is answered ----------------------------------------------------------------------------------------


class Freshness(BaseModel):
    """How old a series is. `outcome`: of its last fetch (ok, empty, absent, unsupported, failed, deferred), never where
    there was none; `stale`: it is due to be fetched again; `crawled_at`: when Soundcharts itself last read the
    platform, None where it does not say."""

    platform: str
    outcome: str
    fetched_at: datetime | None
    age_days: float | None
    stale: bool
    crawled_at: datetime | None


class Identified(BaseModel):
    """The values of one identifier, one release of the track."""

    identifier: str
    points: list[RawPoint]


class TrackSeries(Freshness):
    """A track's totals to date on a platform: `raw` by identifier, `points` summed and filled."""

    raw: list[Identified]
    points: list[Point]


class Airplay(BaseModel):
    """Plays on so many stations over whole days, both ends included."""

    model_config = ConfigDict(populate_by_name=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    plays: int
    stations: int


class AirplaySeries(Freshness):
    """Airplay of a track or an artist, by the windows in which it was fetched."""

    windows: list[Airplay]


class MetricSeries(BaseModel):
    """One metric of an artist on a platform, such as followers."""

    metric: str
    raw: list[RawPoint]
    points: list[Point]


class ArtistSeries(Freshness):
    """An artist's metrics on a platform."""

    metrics: list[MetricSeries]


class Audience(BaseModel):
    """What is stored, how old it is, and what is done about it. `age_days`: of the oldest series asked for, None when
    none was ever fetched; `stale`: at least one is due."""

    model_config = ConfigDict(populate_by_name=True)

    uuid: str
    name: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    resolution: Resolution
    age_days: float | None
    stale: bool
    refresh: Refresh


class AudienceOfTrack(Audience):
    """A track's audience; `airplay` where it is asked for."""

    platforms: list[TrackSeries]
    airplay: AirplaySeries | None


class AudienceOfArtist(Audience):
    """An artist's audience; `airplay` where it is asked for."""

    platforms: list[ArtistSeries]
    airplay: AirplaySeries | None


def of_track(
    conn: Connection, uuid: str, name: str, ages: Sequence[Age], span: Span, refresh: Refresh, now: datetime
) -> AudienceOfTrack:
    """A track's audience on the platforms of `ages`, in their order."""
    known = {age.platform: age for age in ages}
    plots = [code for code in known if code != AIRPLAY]
    values = _grouped(series.of_track(conn, uuid, plots, span.first, span.last))
    return AudienceOfTrack(
        **_about(uuid, name, ages, span, refresh, now),
        platforms=[
            TrackSeries(
                **_freshness(known[code], now),
                raw=[
                    Identified(identifier=part, points=points)
                    for part, found in values.get(code, {}).items()
                    if (points := raw(found, span))
                ],
                points=fill((v for found in values.get(code, {}).values() for v in found), span),
            )
            for code in plots
        ],
        airplay=_airplay_series(series.track_airplay, conn, uuid, known.get(AIRPLAY), span, now),
    )


def of_artist(
    conn: Connection, uuid: str, name: str, ages: Sequence[Age], span: Span, refresh: Refresh, now: datetime
) -> AudienceOfArtist:
    """An artist's audience on the platforms of `ages`, in their order."""
    known = {age.platform: age for age in ages}
    dated = [age for age in ages if age.platform != AIRPLAY]
    values = _grouped(series.of_artist(conn, uuid, [age.platform for age in dated], span.first, span.last))
    return AudienceOfArtist(
        **_about(uuid, name, ages, span, refresh, now),
        platforms=[
            ArtistSeries(
                **_freshness(age, now),
                metrics=[
                    MetricSeries(metric=part, raw=raw(found, span), points=points)
                    for part, found in values.get(age.platform, {}).items()
                    if (points := fill(found, span))
                ],
            )
            for age in dated
        ],
        airplay=_airplay_series(series.artist_airplay, conn, uuid, known.get(AIRPLAY), span, now),
    )


def _airplay_series(
    read: Callable[[Connection, str, date, date], list[Plays]],
    conn: Connection,
    uuid: str,
    age: Age | None,
    span: Span,
    now: datetime,
) -> AirplaySeries | None:
    """None where airplay was not asked for."""
    if age is None:
        return None
    windows = [_airplay(one) for one in read(conn, uuid, span.first, span.last)]
    return AirplaySeries(**_freshness(age, now), windows=windows)


def _grouped(values: Sequence[Value]) -> Mapping[str, dict[str, list[Value]]]:
    """By platform and part, as they come sorted."""
    return {
        platform: {part: list(same) for part, same in groupby(of, key=lambda v: v.part)}
        for platform, of in groupby(values, key=lambda v: v.platform)
    }


def _about(uuid: str, name: str, ages: Sequence[Age], span: Span, refresh: Refresh, now: datetime) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "name": name,
        "first": span.first,
        "last": span.last,
        "resolution": span.resolution,
        "age_days": max((days for age in ages if (days := age.days(now)) is not None), default=None),
        "stale": any(age.stale for age in ages),
        "refresh": refresh,
    }


def _freshness(age: Age, now: datetime) -> dict[str, Any]:
    return {
        "platform": age.platform,
        "outcome": age.outcome,
        "fetched_at": age.fetched_at,
        "age_days": age.days(now),
        "stale": age.stale,
        "crawled_at": age.crawled_at,
    }


def _airplay(one: Plays) -> Airplay:
    return Airplay(first=one.first, last=one.last, plays=one.plays, stations=one.stations)
