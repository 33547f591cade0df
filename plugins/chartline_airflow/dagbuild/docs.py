"""The text that a person reads on a DAG's page: what it does, and what to do when it fails."""

from __future__ import annotations

import re

from chartline.domain.schedule import Schedule

_STEPS = """
1. **fetch_ranking** asks for the rankings of the run's days that are not here, side by side, and keeps them raw. For a
   ranking that is late it waits without a slot, and looks again after 15, 30, 60, 120 minutes.
2. **upsert_tracks** stores rankings, entries and tracks, and plans the track metadata that is due.
3. **track_metadata** (10 tracks a call) brings artists, genres, labels, credits, audio features.
4. **dedupe_artists** takes the distinct artists; it waits, without a slot, while another run fetches the same tracks.
5. **artist_metadata** (10 artists a call).
6. **plan_track_audience**, **plan_artist_audience**, then **track_audience** and **artist_audience**: what is due.
7. **report_run** closes the execution: counts, calls, failures by kind. It is red only when the failures matter.
"""

_TRIAGE = """
### When it is red
Read the log of `report_run`, or the run's row:
`select status, error, failures from chartline.chart_sync_execution where dag_id = '<dag>' order by id desc limit 5`,
and what could not be fetched: `select * from chartline.execution_failure where execution_id = <id>`.

| it says | do |
|---|---|
| `credentials_refused` | correct the connection `soundcharts`, then clear the failed task |
| `not_in_plan` | the account's plan does not serve this endpoint: switch the step off in the schedule |
| `quota_spent` | nothing is lost: what is left is *deferred* and taken up by the next run once calls are available |
| `came_short` | a series with fewer values than its own total: they are kept; the next run about it asks once more |
| `moved` | the API knows it under another uuid, which the reason names; the rankings to come name that one |
| `short_answer`, `ranking_incomplete` | the API gave less than its own total; nothing of it is stored: clear it later |
| `answer_too_large` | something else than the API answers at this address: see the connection `soundcharts` |
| `server_trouble`, `network_trouble`, `cut_answer`, `rate_limited` | the API was away or busy: clear the task |
| `not_yet` | nothing: what the run waits for is not published yet, or another run is fetching it |
| `left_behind` | another run died over items of this one: trigger a run, only what is left is asked |
| `contract_broken` | the API changed: the field is named, the answer is kept in `chartline.raw_answer` |
| `schema_mismatch` | run `chartline migrate` |
| `bad_input`, `unknown_chart` | the config is wrong: the field is named; trigger again with a right one |
| `not_followed`, `already_followed` | `chartline schedules list` says what is followed |
| `changed_meanwhile`, `not_allowed` | no run meets them: a page or REST told what to do |
| `not_configured` | a connection or variable is missing: it is named |
| `warehouse_unavailable` | start PostgreSQL, then clear the task |

Clearing any task or run is safe: what is stored and fresh is not fetched again.
"""

ON_DEMAND = f"""
Fetch any chart of the catalogue, followed or not, for its latest ranking or one day. Trigger it with the form, or with
a config such as `{{"chart": "demo-global-daily", "day": "2026-11-01", "steps": ["track_metadata"]}}`.

**estimate** comes first: it logs what the run would cost, and waits for a person under *Required actions* when that is
more than `CHARTLINE_APPROVAL_SHARE` (20 %) of the quota left. With `dry_run` nothing else is done.
{_STEPS}{_TRIAGE}"""


AUDIENCE_REFRESH = f"""
Brings the audience of tracks, of artists, or of the tracks and artists of a chart's newest ranking up to date. Trigger
it with the form, or with a config such as `{{"tracks": ["<uuid>"], "platforms": ["spotify"]}}`. The pages
trigger it too, when somebody presses *Refresh* beside a series older than `CHARTLINE_FRESHNESS_AUDIENCE_DAYS` (7).

1. **estimate** logs what it would cost, and waits for a person under *Required actions* when that is more than
   `CHARTLINE_APPROVAL_SHARE` (20 %) of the quota left, together with the refreshes of the day (UTC) before it. With
   `dry_run` nothing else is done.
2. **plan_audience** refuses by name what is not in the warehouse, and leases what is due; with `stale_only` off all
   that was not fetched today; with `force` everything.
3. **fetch_audience** fetches it.
4. **report_run** closes the execution: counts, calls, failures by kind. It is red only when the failures matter.
{_TRIAGE}"""


REPLAY = f"""
Rebuilds tables from the raw answers that are kept for `CHARTLINE_RAW_DAYS` (30), without a call: after the reading of
answers was mended, or to fill a new warehouse from an old one. Trigger it with the form; nothing chosen means all. Safe
to run again, and while runs go on: what came last stands in the end.

To fill this warehouse from another one, make an Airflow connection of type postgres to that one and name it in the
form; its raw answers are kept here too, and what was fetched there is not fetched again.

It is red when something could not be read or stored; the log names it, and what no answer is kept of any more.
{_TRIAGE}"""


ALERTS = f"""
Looks every five minutes at what is wrong, in the warehouse: failed runs, overdue and unusable schedules, a quota that
will not last, refused credentials, runs much slower than usual. First it closes as `lost` the executions that say they
are running and whose Airflow run is over or gone (it asks Airflow), and frees what they had leased. Then it checks what
was stored since the last look (for 30 seconds at the most; the page *Checks* shows what it found). What is new is told
to the channels of `CHARTLINE_ALERT_WEBHOOKS` and `CHARTLINE_ALERT_NOTIFIERS`, once; and once more when it is solved. A
failed run is told by its own DAG within seconds, and so is work that waits for a person's approval; this DAG tries
again what could not be told (waits grow from 15 seconds to 12 hours). While it is red nothing is noticed and nothing
told again; nothing else depends on it.
{_TRIAGE}"""

HOUSEKEEPING = f"""
Removes raw answers older than `CHARTLINE_RAW_DAYS` (30), makes the partitions of the coming months and sums up the
calls of past days. Without it the warehouse grows, rows of months without a partition are made room for one by one,
and the quota is counted call by call, which takes longer; nothing else depends on it.
{_TRIAGE}"""

CATALOGUE = f"""
Fetches the lists of platforms and the charts of each (100 charts a call) into `chartline.platform` and
`chartline.chart`, so that charts can be searched and followed without a call. Lists younger than seven days are left
alone. One platform's failure does not stop the others; it is in the log, and due again at once.
{_TRIAGE}"""

GAP_AUDIT = f"""
Finds what the followed charts lack and has exactly that fetched: days that the API's calendar lists and the warehouse
does not have, and rankings that lost rows. A day that the API itself lacks is named and left alone. Runs daily at 04:15
UTC; trigger it by hand for one chart, or with `dry_run` to see what is missing and what it would cost.

1. **refresh_calendars** brings the charts' calendars up to date; one chart's trouble does not stop the others.
2. **find_gaps** compares, closes executions whose Airflow run is over as `lost` (and frees what they had leased), and
   plans: the newest days first, at most `CHARTLINE_HEAL_DAYS` (100) an audit. Its log has a table.
3. **approve_healing**, **approve_histories** pass unless the work would cost more than `CHARTLINE_APPROVAL_SHARE`
   (20 %) of the quota left; then a person answers under *Required actions*.
4. **heal** triggers the charts' own DAGs with `{{"days": [...]}}`. **release_histories** starts the
   approved histories that were held for their cost.
5. **report** says what was missing, triggered, left for the next audit, absent from the calendar, overdue, lost. It is
   red only when a task of the audit itself failed.

It is safe to run at any time: days that are being fetched are left alone, a chart whose DAG is paused is only named.
{_TRIAGE}"""


def chart_sync(schedule: Schedule) -> str:
    """The page of a scheduled chart."""
    steps = [
        name
        for name, on in (
            ("track metadata", schedule.fetch_track_metadata),
            ("artist metadata", schedule.fetch_artist_metadata),
            (f"track audience ({', '.join(schedule.track_platforms)})", schedule.fetch_track_audience),
            (f"artist audience ({', '.join(schedule.artist_platforms)})", schedule.fetch_artist_audience),
        )
        if on
    ]
    return f"""
Keeps **{plain(schedule.name)}** (`{schedule.slug}`) in the warehouse: every ranking,
then {", ".join(steps) or "nothing else"}. Runs {schedule.grid.text() if schedule.is_active else "by hand only"}.
Change it with `chartline schedules change {schedule.slug} ...`.
{_STEPS}{_TRIAGE}"""


def ending(slug: str) -> str:
    """The page of a chart that is not followed any more."""
    return f"""
{code(slug)} is **no longer followed**. What was stored of it stays. This DAG ends the runs that were running, with
the reason in their log and on their page, and disappears within the hour. Follow the chart again with
{code(f"chartline schedules add {slug}")}, and it is itself again.
"""


def quarantine(slug: str, error: str) -> str:
    """The page of a schedule that cannot be built."""
    return f"""
**The schedule of {code(slug)} cannot be used**, so this DAG does nothing but fail with the reason:

    {" ".join(error.split())}

Correct it with {code(f"chartline schedules change {slug} ...")} (or in
`chartline.chart_sync_schedule`); the DAG is itself again at the next parse. No other schedule is touched, and nothing
that was stored is lost.
"""


def plain(text: str) -> str:
    """Text from elsewhere, so that it stays text in Markdown: no mark-up, and no link.

    Addresses are made links by what they look like after all else was read, escapes included, so a joiner, which is not
    seen, is put where they would be known by: after `:`, `www` and `@`.
    """
    parted = _ADDRESS.sub(lambda match: match[0] + JOINER, " ".join(text.split()))
    return "".join(f"\\{c}" if c in MARKS else c for c in parted).replace("&", "&amp;").replace("<", "&lt;")


def code(text: str) -> str:
    """Text from elsewhere in Markdown as code, where nothing is read as mark-up: one line, without its backticks."""
    return f"`{' '.join(text.replace('`', ' ').split())}`"


JOINER = "\u2060"
MARKS = "\\`*_[]()#!|~>"
_ADDRESS = re.compile(r":(?=/)|www(?=\.)|@", re.IGNORECASE)
