"""The charts of the world: what they are called, on which days they appear, and when a day becomes visible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from simulator.mixing import mix, pick, salt, unit
from simulator.reference import ALBUM_CHART_PLATFORMS, CHART_COUNTRIES, CHART_METRICS, COUNTRIES, SONG_CHART_PLATFORMS

SHARED_POOL, DEMO_POOL = 0, 1
FIRST_OWN_POOL = 16
_FREQUENCIES = ("daily", "daily", "daily", "weekly", "weekly", "monthly")
_FAR_PAST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `entries` may be below `capacity` on thin charts; `overlap` of them come from `shared_pool`."""

    slug: str
    name: str
    platform: str
    country_code: str
    frequency: str
    capacity: int
    entries: int
    first_day: date
    publication_hours: float
    """Hours from 00:00 UTC of the chart's day until its ranking can be read."""
    own_pool: int
    shared_pool: int
    overlap: float
    turn: int
    """Weekly: the weekday (Monday 0); monthly: the day of the month."""
    city_name: str = ""
    web_url: str | None = None
    kind: str = "song"

    @property
    def country_name(self) -> str:
        """The country's English name; Worldwide for charts without one."""
        return COUNTRIES[self.country_code]

    @property
    def metric(self) -> tuple[str, str] | None:
        """Type and description of the measure beside each position; None on charts that have no measure."""
        return CHART_METRICS.get(self.platform) if self.kind == "song" else None

    def day_at_or_after(self, day: date) -> date:
        """The chart's first own day that is not before `day`."""
        if self.frequency == "daily":
            return day
        if self.frequency == "weekly":
            return day + timedelta(days=(self.turn - day.weekday()) % 7)
        if day.day <= self.turn:
            return day.replace(day=self.turn)
        return date(day.year + day.month // 12, day.month % 12 + 1, self.turn)

    def day_before(self, day: date) -> date:
        """The chart's last own day that is before `day`."""
        if self.frequency == "daily":
            return day - timedelta(days=1)
        if self.frequency == "weekly":
            return day - timedelta(days=(day.weekday() - self.turn - 1) % 7 + 1)
        if day.day > self.turn:
            return day.replace(day=self.turn)
        return date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, self.turn)

    def count_days(self, first: date, last: date) -> int:
        """How many of the chart's days lie from `first` to `last`, both included."""
        if last < first:
            return 0
        return self._days_until(last) - self._days_until(first - timedelta(days=1))

    def _days_until(self, day: date) -> int:
        if self.frequency == "daily":
            return day.toordinal()
        if self.frequency == "weekly":
            return (day.toordinal() - 1 - self.turn) // 7
        return day.year * 12 + day.month - (day.day < self.turn)

    def owns(self, day: date) -> bool:
        """Whether the chart appears on this day at all."""
        return day >= self.first_day and self.day_at_or_after(day) == day

    def visible_at(self, day: date) -> datetime:
        """When the ranking of `day` is published."""
        return datetime.combine(day, time(), UTC) + timedelta(hours=self.publication_hours)

    def published_until(self, now: datetime) -> date:
        """The newest day whose publication hour has passed, the chart's own or not."""
        return (now - timedelta(hours=self.publication_hours)).date()

    def newest_own_day(self, now: datetime) -> date:
        """The newest of the chart's days whose publication hour has passed (it may be before `first_day`)."""
        return self.day_before(self.published_until(now) + timedelta(days=1))

    def days_back_from(self, day: date) -> Iterator[date]:
        """The chart's days from `day` (one of them) back to its first."""
        while day >= self.first_day:
            yield day
            day = self.day_before(day)


def demo_charts(
    entries: int, overlap: float, third_overlap: float, first_day: date, hours: dict[str, float], count: int = 3
) -> list[Chart]:
    """The charts that `bin/up` follows: the first two share `overlap` of their tracks, the third `third_overlap`.

    Beyond these three come more like the first two, to follow many charts of a known overlap.
    """
    plan = (
        ("demo-global-daily", "Demo Daily 200", "spotify", "", overlap, 39.0),
        ("demo-france-daily", "Demo Daily 200", "spotify", "FR", overlap, 39.5),
        ("demo-shazam-daily", "Demo Discovery", "shazam", "US", third_overlap, 38.0),
        *(
            (f"demo-more-{number}-daily", f"Demo Daily {number}", "spotify", "", overlap, 39.0)
            for number in range(4, count + 1)
        ),
    )
    return [
        Chart(
            slug=slug,
            name=name,
            platform=platform,
            country_code=country,
            frequency="daily",
            capacity=entries,
            entries=entries,
            first_day=first_day,
            publication_hours=hours.get(slug, usual),
            own_pool=FIRST_OWN_POOL + index,
            shared_pool=DEMO_POOL,
            overlap=share,
            turn=0,
            web_url=f"https://charts.example.org/{slug}",
        )
        for index, (slug, name, platform, country, share, usual) in enumerate(plan)
    ]


def catalogue(
    seed: int, count: int, first_pool: int, overlap: float, first_day: date, hours: dict[str, float], kind: str = "song"
) -> list[Chart]:
    """`count` further charts over all platforms, countries and frequencies, on weekdays or month days of their own."""
    platforms = SONG_CHART_PLATFORMS if kind == "song" else ALBUM_CHART_PLATFORMS
    return [
        _catalogue_chart(seed, index, platforms, first_pool + index, overlap, first_day, hours, kind)
        for index in range(count)
    ]


def _catalogue_chart(
    seed: int,
    index: int,
    platforms: tuple[tuple[str, str], ...],
    pool: int,
    overlap: float,
    first_day: date,
    hours: dict[str, float],
    kind: str,
) -> Chart:
    bits = mix(seed, index, salt(f"chart {kind}"))
    platform_name, platform = platforms[index % len(platforms)]
    country = CHART_COUNTRIES[index // len(platforms) % len(CHART_COUNTRIES)]
    round_number = index // (len(platforms) * len(CHART_COUNTRIES))
    frequency = _FREQUENCIES[bits % len(_FREQUENCIES)]
    capacity = pick((50, 100, 100, 200, 200), mix(bits, 1))
    thin = mix(bits, 2) % 7 == 0
    usual = 24 + 13 + int(unit(mix(bits, 3)) * 20) / 4
    words = [platform, country.lower() or "global", frequency] + (["albums"] if kind == "album" else [])
    slug = "-".join(words + ([str(round_number + 1)] if round_number else []))
    return Chart(
        slug=slug,
        name=f"{platform_name} Top {capacity}" if mix(bits, 4) % 2 else f"Top {kind.capitalize()}s",
        platform=platform,
        country_code=country,
        frequency=frequency,
        capacity=capacity,
        entries=capacity - capacity // 8 if thin else capacity,
        first_day=max(first_day, _FAR_PAST),
        publication_hours=hours.get(slug, usual),
        own_pool=pool,
        shared_pool=SHARED_POOL,
        overlap=overlap,
        turn=(mix(bits, 5) % 7 if frequency == "weekly" else 1 + mix(bits, 5) % 28),
        web_url=f"https://charts.example.org/{slug}" if mix(bits, 6) % 4 else None,
        kind=kind,
    )
