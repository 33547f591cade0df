"""Which days' rankings a run is to have: by its ask, by what is here, by the API's calendar and the chart's rhythm.

Nothing here fetches a ranking or leases one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from chartline.cascade import calendar
from chartline.cascade.keeping import Owner
from chartline.cascade.ranking_pages import RESOURCE
from chartline.cascade.run import Run
from chartline.domain import due_days
from chartline.domain.due_days import Rhythm
from chartline.soundcharts.client import SoundchartsClient
from chartline.warehouse import charts, rankings, raw
from chartline.warehouse.charts import ChartRow
from chartline.warehouse.connect import Connection

LAG = timedelta(days=3)  # so long after its day, at most, a ranking is taken to come out
TAIL = 7
"""A run of the present takes up the rankings that were missed since the newest one, if they are no more than these."""


@dataclass(frozen=True)
class WantedDays:
    """The days of one run's chart. Each method reads the warehouse anew; `client` opens the API."""

    run: Run
    conn: Connection
    client: Callable[[], SoundchartsClient]

    @property
    def slug(self) -> str:
        """The chart's."""
        return self.run.ask.chart

    @property
    def chart(self) -> ChartRow | None:
        """The chart, where the warehouse has met it."""
        return charts.find(self.conn, self.slug)

    # -- what is here --------------------------------------------------------------------------------------------

    def here(self, days: Iterable[date]) -> set[date]:
        """Those of `days` that need no call: stored whole, or kept raw by a run that did not come to store them.

        A forced run takes only what it fetched itself, before a retry.
        """
        asked = set(days)
        forced_since = self.run.execution.started_at if self.run.ask.force else None
        kept = {date.fromisoformat(day) for day in raw.facets(self.conn, RESOURCE, self.slug, forced_since)} & asked
        chart = None if forced_since else self.chart
        return kept | set(rankings.whole(self.conn, chart.id, asked - kept)) if chart else kept

    def newest(self) -> date | None:
        """The newest day that is stored or kept; None also for a forced run, which is to ask."""
        if self.run.ask.force:
            return None
        kept = raw.facets(self.conn, RESOURCE, self.slug)
        days = [self._newest_stored(), date.fromisoformat(kept[-1]) if kept else None]
        return max((day for day in days if day), default=None)

    def has_any(self) -> bool:
        """Whether a ranking of the chart is stored."""
        return self._newest_stored() is not None

    def nearest(self, day: date) -> list[date]:
        """The days nearest to `day` of which there is a ranking, as far as is known."""
        chart = self.chart
        return [near for near in rankings.nearest_days(self.conn, chart.id, day) if near != day] if chart else []

    def _newest_stored(self) -> date | None:
        chart = self.chart
        return rankings.newest(self.conn, chart.id) if chart else None

    # -- what is due ---------------------------------------------------------------------------------------------

    def late(self, newest: date, interval: Sequence[date]) -> list[date]:
        """The days of the interval that the chart's rhythm expects and that are not out, `newest` being the latest."""
        return self._rhythm_at(newest).expected(newest, interval)

    def may_be_out(self, newest: date, interval: Sequence[date]) -> bool:
        """Whether the interval, or one that ended before it and owns a day, expects a ranking after the newest."""
        due = self.run.ask.due
        if not interval:
            interval = [newest + timedelta(days=1), due] if due else [newest + timedelta(days=1)]
        return bool(self.late(newest, interval))

    def may_be_the_latest(self, day: date) -> bool:
        """Whether another run may be fetching this day's ranking as the latest, not knowing yet what day that is."""
        newest = self._newest_stored()
        recent = self.run.now().date() - LAG - due_days.step(self._frequency())
        return day >= recent and (newest is None or day > newest)

    def of_the_present(self, newest: date, interval: Iterable[date]) -> set[date]:
        """The latest, those of the interval, and what was missed before; of a followed chart whose past is not wanted,
        only those since it was followed."""
        ask, wanted = self.run.ask, {day for day in interval if day <= newest} | self._missed_before(newest)
        if ask.followed and not ask.past_wanted:
            since = self._since(newest, ask.followed)
            wanted = {day for day in wanted if day >= since}
        return {newest, *wanted}

    def _missed_before(self, newest: date) -> set[date]:
        """The days between the newest stored ranking and this one, when they are few."""
        chart = self.chart
        stored = rankings.newest(self.conn, chart.id, before=newest) if chart else None
        between = (newest - stored).days - 1 if stored else 0
        if not stored or between > TAIL * due_days.step(self._frequency()).days:
            return set()
        return {stored + timedelta(days=n) for n in range(1, between + 1)}

    def _since(self, newest: date, followed: date) -> date:
        """The day from which on the chart's rankings are of the present: that of the first that came, which was the
        latest when the chart was followed."""
        chart = self.chart
        stored = rankings.oldest(self.conn, chart.id) if chart else None
        return stored or min(newest, followed)

    # -- what the calendar says ----------------------------------------------------------------------------------

    def stamps(self, days: Sequence[date], *, by_name: bool = False, now: bool = False) -> dict[date, str]:
        """The API's stamps of `days` and beside them; the calendar is fetched if it may lack any of them: a day that is
        due, and any day that a person named (`by_name`; `now`: no list of a while ago will do). Raises as
        `calendar.bring_up_to_date`."""
        stamps = self._stamps_here(days)
        unknown = [day for day in days if day not in stamps]
        rhythm = self._rhythm(stamps, days)
        if rhythm.is_known and not by_name:
            unknown = rhythm.lacking(days, stamps)
        if unknown:
            owner = Owner.of(self.run)
            calendar.bring_up_to_date(owner, self.conn, self.client(), self.slug, unknown, by_name=by_name, now=now)
            stamps = self._stamps_here(days)
        return stamps

    def lacking(self, days: Sequence[date], stamps: Collection[date], else_of: Iterable[date]) -> list[date]:
        """Those of `days` that the rhythm of `stamps` (where there are none: of `else_of`) expects, and that the
        calendar does not have."""
        return self._rhythm(stamps, else_of).lacking(days, stamps)

    def _stamps_here(self, days: Sequence[date]) -> dict[date, str]:
        chart = self.chart
        if chart is None:
            return {}
        return rankings.stamps(self.conn, chart.id, min(days), max(days), beside=due_days.TELLING)

    def _frequency(self) -> str:
        chart = self.chart
        return chart.frequency if chart else ""

    def _rhythm(self, there: Iterable[date], else_of: Iterable[date]) -> Rhythm:
        return Rhythm.of(self._frequency(), list(there) or [max(else_of)])

    def _rhythm_at(self, newest: date) -> Rhythm:
        """The chart's rhythm as its calendar's newest days tell it, `newest` among them."""
        chart = self.chart
        if chart is None or Rhythm.of(chart.frequency, ()).is_known:
            return Rhythm.of(chart.frequency if chart else "", [newest])
        return Rhythm.of(chart.frequency, {newest, *rankings.newest_listed(self.conn, chart.id, due_days.TELLING)})
