"""Who stands where on a chart, day by day.

A chart has as many slots as entries. A slot is held by one track for the slot's period, then by the next; the
holder of any day is plain arithmetic, so no day depends on having worked out another. Slots with short periods
make the daily turnover (about 7 of 200), long ones the evergreens. Charts that share a pool of slots share their
tracks. A track's number is its pool, slot and generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache

from simulator.charts import Chart
from simulator.mixing import mix, unit

_EPOCH = date(2015, 1, 1).toordinal()
_GENERATION_BITS, _SLOT_BITS = 11, 9
_SHORT = 40  # days; slots below make the daily turnover
MAX_ENTRIES = 1 << _SLOT_BITS
_TIME_UNITS = {"daily": "DOC", "weekly": "WOC", "monthly": "MOC"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a ranking. `old_position` and `evolution` are 0 for a track that was not on the chart's day before."""

    number: int
    position: int
    old_position: int
    evolution: int
    metric: int | None
    entry_day: date
    time_on_chart: int
    time_unit: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the turnover: from `_EPOCH - phase` on, each track holds it for `period` days."""

    pool: int
    index: int
    period: int
    phase: int
    base: float
    salt: int


@lru_cache(maxsize=200_000)
def _life(seed: int, pool: int, slot: int) -> tuple[int, int]:
    bits = mix(seed, pool << _SLOT_BITS | slot, 11)
    kind, spread = bits % 10, unit(mix(bits, 1))
    if kind < 3:
        period = 6 + int(9 * spread)
    elif kind < 6:
        period = 40 + int(81 * spread)
    else:
        period = 300 + int(1200 * spread)
    return period, mix(bits, 2) % period


@lru_cache(maxsize=2_000)
def _slots(seed: int, chart: Chart) -> tuple[Slot, ...]:
    order = sorted(range(chart.entries), key=lambda slot: mix(seed, slot, chart.shared_pool))
    shared = set(order[: round(chart.overlap * chart.entries)])
    slots = []
    for index in range(chart.entries):
        pool = chart.shared_pool if index in shared else chart.own_pool
        period, phase = _life(seed, pool, index)
        bits = mix(seed, chart.own_pool << _SLOT_BITS | index, 12)
        base = unit(bits) * (0.6 if period < _SHORT else 1.0) + (0.4 if period < _SHORT else 0.0)
        slots.append(Slot(pool, index, period, phase, base, bits))
    return tuple(slots)


def _returns(seed: int, place: int, period: int, generation: int) -> bool:
    """Whether the track of two generations ago comes back (so that the chart shows re-entries)."""
    return period < _SHORT and generation % 3 == 2 and mix(seed, place, generation) % 6 == 0


def _holder(seed: int, slot: Slot, day: int) -> tuple[int, int]:
    """The track that holds the slot on a day, and its age on the chart in days."""
    generation, age = divmod(day - _EPOCH + slot.phase, slot.period)
    place = slot.pool << _SLOT_BITS | slot.index
    if _returns(seed, place, slot.period, generation):
        generation -= 2
    return place << _GENERATION_BITS | generation, age


@lru_cache(maxsize=100_000)
def _stints(seed: int, number: int) -> tuple[tuple[date, date], ...]:
    """First and last day of each stay of a track in its slot."""
    place, generation = divmod(number, 1 << _GENERATION_BITS)
    period, phase = _life(seed, place >> _SLOT_BITS, place & (MAX_ENTRIES - 1))
    turns = (generation, generation + 2) if _returns(seed, place, period, generation + 2) else (generation,)
    starts = [_EPOCH - phase + turn * period for turn in turns]
    return tuple((date.fromordinal(start), date.fromordinal(start + period - 1)) for start in starts)


def first_day_of(seed: int, number: int) -> date:
    """The day on which a track first stands on any chart of its pool."""
    place, generation = divmod(number, 1 << _GENERATION_BITS)
    period, phase = _life(seed, place >> _SLOT_BITS, place & (MAX_ENTRIES - 1))
    return date.fromordinal(_EPOCH - phase + generation * period)


def exists(seed: int, number: int, pools: frozenset[int]) -> bool:
    """Whether the world has this track: its pool exists and its generation ever holds the slot before 2035."""
    place = number >> _GENERATION_BITS
    return place >> _SLOT_BITS in pools and first_day_of(seed, number).year < 2035


@lru_cache(maxsize=4_096)
def _standing(seed: int, chart: Chart, day: int) -> tuple[tuple[int, Slot], ...]:
    """Tracks of a day from first to last place, each with its slot."""
    scored = []
    for slot in _slots(seed, chart):
        number, age = _holder(seed, slot, day)
        drift = 2.0 * age / slot.period - 0.7
        noise = (mix(slot.salt, day) >> 40) / (1 << 24)
        own = (mix(slot.salt, number, 13) >> 40) / (1 << 24)
        scored.append((slot.base + 0.3 * own + 0.15 * drift * drift + 0.035 * noise, number, slot))
    scored.sort()  # numbers differ, so slots are never compared
    return tuple((number, slot) for _, number, slot in scored)


@lru_cache(maxsize=4_096)
def _positions(seed: int, chart: Chart, day: int) -> dict[int, int]:
    return {number: place for place, (number, _) in enumerate(_standing(seed, chart, day), 1)}


def numbers(seed: int, chart: Chart, day: date) -> tuple[int, ...]:
    """The tracks of a day from first to last place."""
    return tuple(number for number, _ in _standing(seed, chart, day.toordinal()))


def entries(seed: int, chart: Chart, day: date, offset: int = 0, limit: int | None = None) -> list[Entry]:
    """The rows of a ranking from place `offset` + 1 on."""
    before = chart.day_before(day)
    old = _positions(seed, chart, before.toordinal()) if before >= chart.first_day else {}
    top = 2_000_000 + mix(seed, chart.own_pool, day.toordinal()) % 400_000
    rows = []
    standing = _standing(seed, chart, day.toordinal())[offset : None if limit is None else offset + limit]
    for position, (number, _) in enumerate(standing, offset + 1):
        entered, days = _stay(seed, chart, number, day)
        old_position = old.get(number, 0)
        rows.append(
            Entry(
                number=number,
                position=position,
                old_position=old_position,
                evolution=old_position - position if old_position else 0,
                metric=int(top / (1 + 0.06 * position)) if chart.metric else None,
                entry_day=entered,
                time_on_chart=days,
                time_unit=_TIME_UNITS[chart.frequency],
            )
        )
    return rows


def _stay(seed: int, chart: Chart, number: int, day: date) -> tuple[date, int]:
    """When the track was first on this chart, and on how many of the chart's days up to `day`."""
    entered, days = day, 0
    for first, last in _stints(seed, number):
        since = max(first, chart.first_day)
        count = chart.count_days(since, min(last, day))
        if count and not days:
            entered = chart.day_at_or_after(since)
        days += count
    return entered, days


def stamp(day: date) -> datetime:
    """A ranking is stamped at noon UTC of its day."""
    return datetime.combine(day, time(12), UTC)
