"""What the ledger says of a request's answer: the outcome of each item, and when it is due again."""

from __future__ import annotations

from datetime import datetime, timedelta

from chartline.cascade.fetching import Fetched
from chartline.cascade.keeping import reason
from chartline.cascade.resources import EARLY, SHORT_AGAIN, Resource, Series
from chartline.errors import CameShort, ChartlineError, Gone, Moved, NotFound, UnsupportedPlatform
from chartline.settings import Settings
from chartline.warehouse.ledger import Item, Outcome, Settled


def settled(resource: Resource, got: Fetched, settings: Settings) -> list[Settled]:
    """The end of each item; what the account's trouble stopped has none, but for the days that were covered."""
    fresh_until = got.at + resource.freshness(settings) - EARLY
    failed = {item for item, _ in got.errors}
    rows = []
    for item, value in got.values:
        if item not in failed:
            outcome: Outcome = "empty" if isinstance(resource, Series) and not value else "ok"
            rows.append(_ended(got, item, outcome, fresh_until))
    for item, error in got.errors:
        if got.stop is None or item in got.covered:
            outcome, due = _verdict(error, got.at, settings)
            if isinstance(error, CameShort) and item.came_short:
                due = fresh_until
            rows.append(_ended(got, item, outcome, due, error))
    for item, why in got.put_off:
        not_asked = f"Not asked, as others were refused: {reason(why)}"
        rows.append(Settled(item.entity, item.facet, "deferred", got.at, got.at, error_kind=why.kind, error=not_asked))
    return rows


def _ended(got: Fetched, item: Item, outcome: Outcome, due: datetime, error: ChartlineError | None = None) -> Settled:
    first, last = got.covered.get(item, (None, None))
    kind, why = (error.kind, reason(error)) if error else (None, None)
    return Settled(item.entity, item.facet, outcome, got.at, due, first, last, kind, why, got.crawled.get(item))


def _verdict(error: ChartlineError, at: datetime, settings: Settings) -> tuple[Outcome, datetime]:
    """What a failure means: absence is remembered for a while, trouble is due at once."""
    if isinstance(error, CameShort):
        return "ok", at + SHORT_AGAIN - EARLY
    if isinstance(error, NotFound | Moved):
        return "absent", at + timedelta(days=settings.freshness_absent_days)
    if isinstance(error, Gone):
        return "absent", at + timedelta(days=365)
    if isinstance(error, UnsupportedPlatform):
        return "unsupported", at + timedelta(days=settings.freshness_metadata_days)
    return "failed", at
