"""What the ledger says of each way in which an item can end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chartline.cascade import outcomes
from chartline.cascade.fetching import Fetched
from chartline.cascade.resources import EARLY, SHORT_AGAIN, TRACK_AUDIENCE, TRACK_METADATA
from chartline.errors import (
    CameShort,
    ChartlineError,
    CredentialsRefused,
    Gone,
    Moved,
    NotFound,
    RequestRefused,
    ServerTrouble,
    UnsupportedPlatform,
)
from chartline.settings import Settings
from chartline.warehouse.ledger import Item

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = Settings()
ITEM = Item("x", "spotify")
FRESH = timedelta(days=SETTINGS.freshness_audience_days) - EARLY


@pytest.mark.parametrize(
    ("error", "outcome", "after"),
    [
        (NotFound("no"), "absent", timedelta(days=SETTINGS.freshness_absent_days)),
        (Moved("no"), "absent", timedelta(days=SETTINGS.freshness_absent_days)),
        (Gone("no"), "absent", timedelta(days=365)),
        (UnsupportedPlatform("no"), "unsupported", timedelta(days=SETTINGS.freshness_metadata_days)),
        (CameShort("no"), "ok", SHORT_AGAIN - EARLY),
        (ServerTrouble("no"), "failed", timedelta(0)),
        (RequestRefused("no"), "failed", timedelta(0)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, ChartlineError) else None,
)
def test_what_a_failure_means(error: ChartlineError, outcome: str, after: timedelta) -> None:
    [end] = outcomes.settled(TRACK_AUDIENCE, Fetched(AT, errors=[(ITEM, error)]), SETTINGS)
    assert (end.outcome, end.due_at - AT, end.error_kind, end.error) == (outcome, after, error.kind, "no")


def test_what_came_short_twice_is_not_asked_again_for_it() -> None:
    again = Item("x", "spotify", came_short=True)
    [end] = outcomes.settled(TRACK_AUDIENCE, Fetched(AT, errors=[(again, CameShort("no"))]), SETTINGS)
    assert (end.outcome, end.due_at - AT) == ("ok", FRESH)


def test_values_are_fresh_for_their_time_and_a_series_without_any_is_empty() -> None:
    got = Fetched(AT, values=[(ITEM, [1]), (Item("y", "spotify"), [])], covered={ITEM: (date(2026, 9, 1), None)})
    some, none = outcomes.settled(TRACK_AUDIENCE, got, SETTINGS)
    assert (some.outcome, none.outcome) == ("ok", "empty")
    assert some.due_at - AT == none.due_at - AT == FRESH
    assert (some.covered_from, none.covered_from) == (date(2026, 9, 1), None)
    [facts] = outcomes.settled(TRACK_METADATA, Fetched(AT, values=[(Item("x", ""), object())]), SETTINGS)
    assert facts.due_at - AT == timedelta(days=SETTINGS.freshness_metadata_days) - EARLY


def test_what_the_accounts_trouble_stopped_has_no_end_but_for_the_days_that_came() -> None:
    stop = CredentialsRefused("no")
    covered: dict[Item, tuple[date, date | None]] = {ITEM: (date(2026, 9, 1), date(2026, 9, 30))}
    none = Fetched(AT, errors=[(ITEM, stop)], stop=stop)
    assert outcomes.settled(TRACK_AUDIENCE, none, SETTINGS) == []
    part = Fetched(AT, values=[(ITEM, [1])], errors=[(ITEM, stop)], stop=stop, covered=covered)
    [end] = outcomes.settled(TRACK_AUDIENCE, part, SETTINGS)
    assert (end.outcome, end.covered_to) == ("failed", date(2026, 9, 30))


def test_what_was_not_asked_is_deferred_and_says_why() -> None:
    refused = RequestRefused("x" * 3000)
    [end] = outcomes.settled(TRACK_AUDIENCE, Fetched(AT, put_off=[(ITEM, refused)]), SETTINGS)
    assert (end.outcome, end.due_at, end.error_kind) == ("deferred", AT, "request_refused")
    assert end.error is not None
    assert end.error.startswith("Not asked, as others were refused: xxx")
    assert len(end.error) < 2100
