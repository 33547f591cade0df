"""What calls and runs say of the account: what is left of its quota, and whether its credentials are refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from chartline.errors import CredentialsRefused, QuotaSpent
from chartline.soundcharts.endpoints import ENDPOINTS
from chartline.warehouse.connect import Connection

NEWS_DAYS = 2
"""For so long runs that the account's trouble ended are counted."""


@dataclass(frozen=True)
class AccountStanding:
    """`left`: calls, as the newest answer said at `left_at`, 0 where it said that the quota is spent; None where none
    said. `is_warned`: an alert of the quota is open. `refused_at`: when the credentials were refused, None where a call
    went well since or none was refused; `refusal`: what the newest run that it ended says. `*_runs`: runs that it ended
    in the last `NEWS_DAYS`."""

    left: int | None
    left_at: datetime | None
    is_warned: bool
    quota_runs: int
    refused_at: datetime | None
    refusal: str | None
    refused_runs: int


def see(conn: Connection) -> AccountStanding:
    """The account, in one query: the newest calls are looked at, until one says something."""
    with conn.cursor(row_factory=class_row(AccountStanding)) as cursor:
        row = cursor.execute(
            """with well as (
                   select coalesce((select at from chartline.api_call where status between 200 and 299
                                    order by at desc, id desc limit 1), '-infinity') as at
               ), told as (
                   select at, error_kind is not distinct from %(spent)s as is_spent, quota_left from chartline.api_call
                   where quota_left is not null or error_kind = %(spent)s order by at desc, id desc limit 1
               ), known as (
                   select at, case when is_spent then 0 else greatest(quota_left, 0) end as calls from told
                   where not is_spent or at >= coalesce((  -- an API that tells no numbers may have renewed it since
                       select at from chartline.api_call
                       where status between 200 and 299 and endpoint <> all(%(free)s)
                       order by at desc, id desc limit 1), '-infinity')
               ), refused as (
                   select at from chartline.api_call where error_kind = %(refused)s and at > (select at from well)
                   order by at desc, id desc limit 1
               ), ended as (
                   select split_part(error, ':', 1) as kind, error, coalesce(finished_at, started_at) as at,
                          coalesce(finished_at, now()) > now() - make_interval(days => %(days)s) as is_news
                   from (
                       select error, started_at, finished_at from chartline.chart_sync_execution
                       where finished_at > least((select at from well), now() - make_interval(days => %(days)s))
                       union all
                       select error, started_at, null from chartline.chart_sync_execution where status = 'running'
                   ) as lately where split_part(error, ':', 1) in (%(spent)s, %(refused)s)
               ), unmended as (
                   select at, error from ended where kind = %(refused)s and at > (select at from well)
                   order by at desc limit 1
               )
               select (select calls from known) as left, (select at from known) as left_at,
                      exists (select from chartline.alert where kind = 'quota' and state = 'open') as is_warned,
                      (select count(*) from ended where kind = %(spent)s and is_news)::int as quota_runs,
                      greatest((select at from refused), (select at from unmended)) as refused_at,
                      coalesce((select error from unmended),
                               (select error from ended where kind = %(refused)s and is_news order by at desc limit 1)
                      ) as refusal,
                      (select count(*) from ended where kind = %(refused)s and is_news)::int as refused_runs""",
            {
                "spent": QuotaSpent.kind,
                "refused": CredentialsRefused.kind,
                "days": NEWS_DAYS,
                "free": [name for name, endpoint in ENDPOINTS.items() if endpoint.free],
            },
        ).fetchone()
    assert row is not None
    return row
