"""Reading what is stored of an audience, how old it is, and who is at it; one of many askers may refresh it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from psycopg.rows import class_row

from chartline.warehouse.connect import Connection

LOCK = 0x43480005
REFRESH = "refresh"
"""The ledger's resource of refreshes: entity is the track or artist, facet the platform."""


@dataclass(frozen=True)
class Value:
    """One stored value. `part`: the identifier of a track's release, or an artist's metric."""

    platform: str
    part: str
    day: date
    value: int


@dataclass(frozen=True)
class Plays:
    """Plays of a track or an artist over whole days, both ends included, on so many stations."""

    first: date
    last: date
    plays: int
    stations: int


@dataclass(frozen=True)
class Known:
    """What the ledger says of one series. `fetched_at` is None when it was never had; `owner`: who is at it now."""

    resource: str
    platform: str
    outcome: str
    fetched_at: datetime | None
    due: bool
    due_at: datetime | None
    error_kind: str | None
    owner: str | None
    crawled_at: datetime | None


# A look into the index for each platform; of what lies before, only the last value of each part.
_VALUES = """
    select platform, {part} as part, day, value from chartline.{table}
    where {owner} = %(uuid)s and platform = any(%(platforms)s) and day between %(first)s and %(last)s
    union all
    select * from (
        select distinct on (platform, {part}) platform, {part} as part, day, value from chartline.{table}
        where {owner} = %(uuid)s and platform = any(%(platforms)s) and day < %(first)s
        order by platform, {part}, day desc
    ) as before
    order by platform, part, day
"""
_TRACK = _VALUES.format(table="track_audience", owner="track", part="identifier")
_ARTIST = _VALUES.format(table="artist_audience", owner="artist", part="metric")


def of_track(conn: Connection, uuid: str, platforms: Sequence[str], first: date, last: date) -> list[Value]:
    """A track's values from `first` to `last` and, of each identifier, its last one before; by platform, part, day."""
    return _values(conn, _TRACK, uuid, platforms, first, last)


def of_artist(conn: Connection, uuid: str, platforms: Sequence[str], first: date, last: date) -> list[Value]:
    """An artist's values from `first` to `last` and, of each metric, its last one before; by platform, part, day."""
    return _values(conn, _ARTIST, uuid, platforms, first, last)


def _values(conn: Connection, query: str, uuid: str, platforms: Sequence[str], first: date, last: date) -> list[Value]:
    asked = {"uuid": uuid, "platforms": list(platforms), "first": first, "last": last}
    with conn.cursor(row_factory=class_row(Value)) as cursor:
        return cursor.execute(query, asked).fetchall()


_AIRPLAY = """
    select from_day as first, to_day as last, sum(plays)::bigint as plays, count(*) as stations
    from chartline.{table} where {owner} = %s and to_day between %s and %s
    group by from_day, to_day order by to_day, from_day
"""
_TRACK_AIRPLAY = _AIRPLAY.format(table="track_airplay", owner="track")
_ARTIST_AIRPLAY = _AIRPLAY.format(table="artist_airplay", owner="artist")


def track_airplay(conn: Connection, uuid: str, first: date, last: date) -> list[Plays]:
    """A track's airplay in the windows that end from `first` to `last`, oldest first."""
    with conn.cursor(row_factory=class_row(Plays)) as cursor:
        return cursor.execute(_TRACK_AIRPLAY, [uuid, first, last]).fetchall()


def artist_airplay(conn: Connection, uuid: str, first: date, last: date) -> list[Plays]:
    """An artist's airplay, likewise."""
    with conn.cursor(row_factory=class_row(Plays)) as cursor:
        return cursor.execute(_ARTIST_AIRPLAY, [uuid, first, last]).fetchall()


def known(conn: Connection, uuid: str, resources: Sequence[str], platforms: Iterable[str]) -> list[Known]:
    """What the ledger has of these series of one track or artist, and of their refreshes."""
    with conn.cursor(row_factory=class_row(Known)) as cursor:
        return cursor.execute(
            """select resource, facet as platform, outcome, fetched_at, due_at <= now() as due,
                      nullif(due_at, '-infinity') as due_at, error_kind,
                      case when lease_until > now() then lease_owner end as owner, crawled_at
               from chartline.fetch_ledger
               where resource = any(%s) and entity = %s and facet = any(%s)""",
            [[*resources, REFRESH], uuid, list(platforms)],
        ).fetchall()


def claim_refresh(
    conn: Connection, uuid: str, platforms: Iterable[str], *, owner: str, lease: timedelta, at_once: int
) -> list[str]:
    """Become the one who refreshes these platforms of a track or artist; those that it fell to, sorted.

    One at a time, until the caller's transaction ends: of any number of askers, in any number of processes, a platform
    falls to one. It is not free while another's `lease` lasts, nor while `at_once` are running.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    rows = conn.execute(
        """insert into chartline.fetch_ledger as l
               (resource, entity, facet, outcome, fetched_at, lease_owner, lease_until)
           select %(resource)s, %(uuid)s, w.platform, 'ok', now(), %(owner)s, now() + %(lease)s
           from (select distinct unnest(%(platforms)s::text[]) as platform order by 1) as w
           where (select count(distinct lease_owner) from chartline.fetch_ledger
                  where resource = 'refresh' and lease_until > now()) < %(at_once)s
           on conflict (resource, entity, facet) do update
               set fetched_at = now(), lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
               where l.lease_until is null or l.lease_until < now()
           returning facet""",
        {
            "resource": REFRESH,
            "uuid": uuid,
            "platforms": list(platforms),
            "owner": owner,
            "lease": lease,
            "at_once": at_once,
        },
    )
    return sorted(platform for (platform,) in rows)


def give_back_refresh(conn: Connection, uuid: str, platforms: Iterable[str], *, owner: str) -> None:
    """A refresh that did not start: another may ask for it."""
    conn.execute(
        """update chartline.fetch_ledger set lease_owner = null, lease_until = null
           where resource = %s and entity = %s and facet = any(%s) and lease_owner = %s""",
        (REFRESH, uuid, list(platforms), owner),
    )
