"""Wall time of a year's history on a real Airflow, against what no program could beat and what Airflow costs by itself.

    python -m benchmarks.history [--part one --part windows --part many] [--days 365] [--charts 10] [--out FOLDER]

one      a daily chart of 200 places is followed with its past: calls made, needed and estimated before, the latest
         ranking's time, the whole fill's time
windows  the same with runs of `--window` days (1), to show what windows are worth
many     `--charts` charts that have 60 % of their tracks in common, followed at once; and for two of them a new day is
         published meanwhile

Floor: the calls made, at the API's speed (calls x latency / connections in flight) or at its limit, whichever takes
longer, plus as many runs of the empty DAG with as many task instances, all queued at once in the same Airflow. The aim
is wall <= 1.3 x floor. Each fill is compared with the simulator's truth.

The new day: Airflow's clock cannot be moved, so the day is made to come when it suits. The two charts look as if they
had been followed yesterday and had learned that their rankings come at the next quarter of an hour; yesterday's ranking
is kept back by the simulator until then. What runs then is each chart's own regular run. Its time counts from the
moment at which it was due.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from benchmarks.common import cpu_seconds, machine, parser, report, table, work_folder
from benchmarks.runs import (
    EMPTY,
    Instance,
    Ran,
    airflow_rows,
    covered,
    dags_folder,
    instances,
    processes,
    run_many,
    unfinished,
    wait_for_dags,
)

from chartline.domain.dag_ids import CHART_SYNC
from chartline.local.stack import Stack
from chartline.settings import settings
from chartline.warehouse.connect import connect

PARTS = ("one", "windows", "many")
DAGS = CHART_SYNC.replace("_", r"\_") + "%"
"""SQL: `like` the DAGs of charts."""
MAPPED = ("track_metadata", "artist_metadata", "track_audience", "artist_audience")
PROBES = 2
SETTING_UP = 20.0  # seconds, at the most, to follow ten charts, each with its estimate
QUARTER = timedelta(minutes=15)
AIM = 1.3


@dataclass(frozen=True)
class NewDay:
    """A day that is published while charts fill."""

    slugs: tuple[str, ...]
    day: date
    due: datetime


def say(text: str) -> None:
    """What is being done, for who waits."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


# -- following -----------------------------------------------------------------------------------------------


def follow(stack: Stack, slugs: Sequence[str], days: int, steps: dict[str, bool]) -> None:
    """Follow the charts with their past, as a person does by a file."""
    file = stack.home / "followed.yaml"
    asked = {"sync_historical_data": True, "history_days": days, **steps}
    file.write_text(yaml.safe_dump({"charts": [{"chart": slug, **asked} for slug in slugs]}))
    stack.chartline("schedules", "apply", str(file))


def plan_new_day(stack: Stack, slugs: Sequence[str], lead: float) -> NewDay:
    """Keep yesterday's ranking of these charts back."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    due = midnight + -(-(now + timedelta(seconds=lead + SETTING_UP) - midnight) // QUARTER) * QUARTER
    day = midnight.date() - timedelta(days=1)
    stack.simulator_api(
        "POST",
        "/_control/world",
        {
            "publication_hours": dict.fromkeys(slugs, 24),
            "late_hours": {slug: {day.isoformat(): 1_000} for slug in slugs},
        },
    )
    return NewDay(tuple(slugs), day, due)


def make_followed_yesterday(stack: Stack, new: NewDay) -> None:
    """As if these charts had been followed a day ago and their rankings had come at that time of the day before."""
    with connect(stack.warehouse_url) as conn:
        for slug in new.slugs:
            conn.execute(
                """update chart_sync_schedule s set history_asked_at = now() - interval '1 day'
                   from chart c where c.id = s.chart_id and c.slug = %s""",
                (slug,),
            )
            for back in (5, 6, 7):
                day, seen = new.day - timedelta(days=back), new.due - timedelta(days=back, seconds=30)
                conn.execute(
                    """insert into chart_calendar (chart_id, day, stamp, first_seen_at, not_yet_at)
                       select id, %s, %s, %s, %s from chart where slug = %s
                       on conflict (chart_id, day) do update
                           set first_seen_at = excluded.first_seen_at, not_yet_at = excluded.not_yet_at""",
                    (day, f"{day}T12:00:00+00:00", seen, seen - timedelta(minutes=10), slug),
                )


def estimate(stack: Stack, slug: str, days: int) -> dict[str, Any]:
    """What following the chart would cost, by `chartline estimate`: it looks at the calendar and the latest ranking,
    and keeps both."""
    told = json.loads(stack.chartline("estimate", slug, "--history-days", str(days), "--json"))
    return {"chart": slug, **told["total"], "by_kind": told["calls"], "minutes": told["minutes"]}


# -- watching ------------------------------------------------------------------------------------------------


@dataclass
class Watched:
    """What was seen while charts filled: Unix times of the first ranking of each chart, and of the new day's."""

    first: dict[str, float]
    new: dict[str, float]


def watch(stack: Stack, slugs: Sequence[str], new: NewDay | None, timeout: float = 7_200) -> Watched:
    """Wait until every chart's DAG has made all its runs and all have ended; publish the new day in time."""
    seen = Watched({}, {})
    hidden = new is not None
    deadline = time.monotonic() + timeout
    while True:
        stack.require_alive()
        if time.monotonic() > deadline:
            raise SystemExit(f"The charts were not filled after {timeout:.0f} s.")
        if new and hidden and datetime.now(UTC) > new.due - timedelta(seconds=3):
            stack.simulator_api("POST", "/_control/world", {"late_hours": {}})
            hidden = False
        with connect(stack.warehouse_url) as conn:
            query = "select c.slug, max(r.day) from chart_ranking r join chart c on c.id = r.chart_id group by 1"
            stored = dict(conn.execute(query).fetchall())
        for slug, newest in stored.items():
            seen.first.setdefault(slug, time.time())
            if new and slug in new.slugs and newest == new.day:
                seen.new.setdefault(slug, time.time())
        if not hidden and len(stored) == len(slugs) and _all_made(stack, slugs) and not unfinished(stack, DAGS):
            return seen
        time.sleep(0.25)


def _all_made(stack: Stack, slugs: Sequence[str]) -> bool:
    """Whether the next run of each DAG lies in the future: its past has been asked for."""
    query = "select count(*) from dag where dag_id like %s and next_dagrun_create_after > now()"
    return int(airflow_rows(stack, query, DAGS)[0][0]) == len(slugs)


# -- one fill ------------------------------------------------------------------------------------------------


def fill(
    stack: Stack,
    slugs: Sequence[str],
    days: int,
    latency_ms: float,
    steps: dict[str, bool],
    lead: float | None = None,
) -> dict[str, Any]:
    """Follow charts with their past, wait until they are full, compare with the truth, measure the floor.

    `steps`: those of the schedules that are switched off. `lead`: seconds of filling before a new day is published;
    None: none is.
    """
    stack.simulator_api("POST", "/_control/reset", None)
    estimated = [estimate(stack, slug, days) for slug in slugs if len(slugs) == 1]
    looked_up = stack.simulator_api("GET", "/_control/counts")["total"]
    new = None
    if lead is not None:
        stack.airflow.stop("dag-processor")  # nothing begins before all is ready
        new = plan_new_day(stack, slugs[:PROBES], lead)
    follow(stack, slugs, days, steps)
    if new and lead is not None:
        make_followed_yesterday(stack, new)
        say(f"A new day is due at {new.due:%H:%M}")
        time.sleep(max(0.0, new.due.timestamp() - lead - time.time()))
        stack.airflow.start("dag-processor")
    before = {name: cpu_seconds(pid) for name, pid in processes(stack).items()}
    followed = time.time()
    say(f"Following {', '.join(slugs)}")
    seen = watch(stack, slugs, new)
    cpu = {name: cpu_seconds(pid) - before.get(name, 0.0) for name, pid in processes(stack).items()}
    say("Comparing with the truth")
    begun = time.time()
    verified = stack.chartline("verify")
    verify_seconds = time.time() - begun
    ran = instances(stack, DAGS)
    runs = airflow_rows(
        stack,
        "select dag_id, run_id, state, run_after, start_date, end_date from dag_run where dag_id like %s",
        DAGS,
    )
    calls = made(stack)
    say("Empty runs")
    empty = run_many(stack, EMPTY, [_as_many(ran, *run[:2]) for run in runs])
    numbers = settings()
    in_flight = (numbers.pool_fetch + numbers.pool_rankings) * numbers.connections
    speed, limit = calls["made"] * latency_ms / 1000 / in_flight, calls["made"] / numbers.calls_per_minute * 60
    end = max(run[-1].timestamp() for run in runs)
    first_task = min(one.start.timestamp() for one in ran if one.start)
    wall = end - followed
    return {
        "charts": list(slugs),
        "days": days,
        "latency_ms": latency_ms,
        "runs": len(runs),
        "runs_by_state": dict(Counter(run[2] for run in runs)),
        "task_instances": sum(1 for one in ran if one.start),
        "wall": wall,
        "wall_from_first_task": end - first_task,
        "floor_calls": max(speed, limit),
        "empty": empty,
        "ratio": wall / (max(speed, limit) + empty),
        "limit_used": calls["made"] / numbers.calls_per_minute * 60 / (end - first_task),
        "latest_after": {slug: at - followed for slug, at in seen.first.items()},
        "latest_run_after": _first_run_ends(runs, followed),
        "new_day_after": {slug: at - new.due.timestamp() for slug, at in seen.new.items()} if new else {},
        "estimated": estimated,
        "looked_up": looked_up,
        "calls": calls,
        "needed": needed(stack, slugs, days, steps),
        "verified": verified,
        "verify_seconds": verify_seconds,
        "cpu_seconds": cpu,
        "where": where(ran, first_task, end, in_flight),
        "rate": rate(stack, first_task),
        **stored(stack),
    }


def _as_many(ran: Iterable[Ran], dag_id: str, run_id: str) -> dict[str, int]:
    """The config of an empty run with as many task instances as that run had."""
    tasks = Counter(one.task for one in ran if (one.dag_id, one.run_id) == (dag_id, run_id) and one.start)
    return {task: tasks[task] for task in MAPPED}


def _first_run_ends(runs: Sequence[Sequence[Any]], followed: float) -> float:
    """Seconds until the last of the charts' first runs had ended, with metadata and audience."""
    first: dict[str, datetime] = {}
    for dag_id, *_, end in sorted(runs, key=lambda run: run[4]):
        first.setdefault(dag_id, end)
    return float(max(end.timestamp() for end in first.values()) - followed)


def made(stack: Stack) -> dict[str, Any]:
    """Calls by the simulator's own count."""
    counts = stack.simulator_api("GET", "/_control/counts")
    endpoints = counts["endpoints"]
    return {
        "made": counts["total"],
        "by_endpoint": {name: row["calls"] for name, row in endpoints.items()},
        "entities": {name: row["entities"] for name, row in endpoints.items()},
        "again": counts["duplicates"],
        "again_examples": counts["duplicate_examples"],
        "refused_429": sum(row["statuses"].get("429", 0) for row in endpoints.values()),
        "busiest_minute": counts["busiest_minute"],
    }


def needed(stack: Stack, slugs: Sequence[str], days: int, steps: dict[str, bool]) -> dict[str, Any]:
    """Calls that the truth says are needed, all charts together; metadata in full batches."""
    asks = [{"slug": slug, "history_days": days, **steps} for slug in slugs]
    found = stack.simulator_api("POST", "/_truth/needed-history", {"charts": asks})
    together = sum((Counter(own) for own in found["charts"].values()), Counter()) + Counter(found["at_least"])
    return {"calls": together.total(), "by_endpoint": dict(together), **found}


def stored(stack: Stack) -> dict[str, Any]:
    """How much there is, and how far it is from complete by the runs' own account."""
    with connect(stack.warehouse_url) as conn:
        counts = conn.execute(
            """select (select count(*) from chart_ranking), (select count(*) from chart_ranking_entry),
                      (select count(*) from track where metadata_at is not null),
                      (select count(*) from artist where metadata_at is not null)"""
        ).fetchone()
        statuses = conn.execute("select status, count(*) from chart_sync_execution group by 1").fetchall()
        ms = conn.execute("select percentile_cont(0.5) within group (order by ms) from api_call").fetchone()
    assert counts is not None
    assert ms is not None
    names = ("rankings", "entries", "tracks", "artists")
    return {"stored": dict(zip(names, counts, strict=True)), "executions": dict(statuses), "call_ms": ms[0]}


def where(ran: Sequence[Ran], begin: float, end: float, in_flight: int) -> list[dict[str, Any]]:
    """One row a task: instances, seconds in all of them, seconds in which at least one ran."""
    rows = []
    for task in dict.fromkeys(one.task for one in ran):
        own = [Instance(task, one.start, one.end) for one in ran if one.task == task and one.start and one.end]
        if own:
            starts = min(one.start.timestamp() for one in own) - begin
            busy = sum(one.seconds for one in own)
            rows.append({"task": task, "instances": len(own), "begins": starts, "busy": busy, "wall": covered(own)})
    everything = [Instance(one.task, one.start, one.end) for one in ran if one.start and one.end]
    idle = end - begin - covered(everything)
    return [*rows, {"task": "(no task at work)", "instances": None, "begins": None, "busy": None, "wall": idle}]


def rate(stack: Stack, begin: float, step: float = 10.0) -> list[float]:
    """Calls a second, for each ten seconds of the fill."""
    log = stack.simulator_api("GET", f"/_control/log?limit=1000000&since={begin}")
    at = log["columns"].index("at")
    slices = Counter(int((row[at] - begin) // step) for row in log["rows"])
    return [slices[n] / step for n in range(max(slices, default=-1) + 1)]


# -- the parts -----------------------------------------------------------------------------------------------


def installation(folder: Path, name: str, latency_ms: float, env: dict[str, str]) -> Stack:
    """One installation for one part, in a folder of its own."""
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    own.chmod(0o711)
    return Stack(
        own / "home",
        simulator_options=["--latency-ms", str(latency_ms)],
        extra_env={"AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder(own))} | env,
        say=say,
    )


def run_part(folder: Path, part: str, given: Any) -> dict[str, Any]:
    """One part from nothing."""
    env = {"CHARTLINE_HISTORY_WINDOW": str(given.window)} if part == "windows" else {}
    with installation(folder, part, given.latency_ms, env) as stack:
        wait_for_dags(stack, EMPTY)
        run_many(stack, EMPTY, [dict.fromkeys(MAPPED, 1)])  # Airflow is slow the first time
        steps = dict.fromkeys(("fetch_track_audience", "fetch_artist_audience"), False) if given.no_audience else {}
        if part != "many":
            return fill(stack, ["demo-global-daily"], given.days, given.latency_ms, steps)
        stack.simulator_api("POST", "/_control/world", {"demo_charts": given.charts + 1})
        more = [f"demo-more-{number}-daily" for number in range(4, given.charts + 2)]
        slugs = ["demo-global-daily", "demo-france-daily", *more][: given.charts]
        return fill(stack, slugs, given.days, given.latency_ms, steps, given.lead or None)


def show(part: str, got: dict[str, Any]) -> None:
    """Print one part."""
    calls, want = got["calls"], got["needed"]
    table(
        f"{part}: {len(got['charts'])} charts, {got['days']} days, {got['latency_ms']:.0f} ms",
        ["runs", "instances", "wall", "floor: calls", "floor: empty", "wall / floor", "aim", "limit used"],
        [[str(got["runs"]), got["task_instances"], got["wall"], got["floor_calls"], got["empty"], got["ratio"], AIM,
          f"{got['limit_used']:.0%}"]],
    )  # fmt: skip
    names = list(dict.fromkeys([*want["by_endpoint"], *calls["by_endpoint"]]))
    rows = [
        [name, want["by_endpoint"].get(name, 0), calls["by_endpoint"].get(name, 0), want["distinct"].get(name),
         calls["entities"].get(name)]
        for name in names
    ]  # fmt: skip
    table("Calls", ["endpoint", "needed", "made", "distinct needed", "distinct fetched"],
          [*rows, ["together", want["calls"], calls["made"], None, None]])  # fmt: skip
    after = calls["made"] - got["looked_up"]
    for told in got["estimated"]:
        print(f"\n  estimated: {told['low']:,} to {told['high']:,} calls; made after that: {after:,} (for the estimate "
              f"itself: {got['looked_up']})")  # fmt: skip
        kinds = [[kind, one["low"], one["high"]] for kind, one in told["by_kind"].items()]
        table("Estimate", ["kind", "low", "high"], kinds)
    print(f"  asked again after a good answer: {calls['again']}; 429: {calls['refused_429']}; busiest minute: "
          f"{calls['busiest_minute']:,}")  # fmt: skip
    print(f"  stored: {got['stored']}; executions: {got['executions']}; ms a call: {got['call_ms']}")
    latest = sorted(got["latest_after"].values())
    print(f"  latest ranking stored after {latest[0]:.1f} to {latest[-1]:.1f} s; the first runs' end after "
          f"{got['latest_run_after']:.1f} s")  # fmt: skip
    for slug, seconds in got["new_day_after"].items():
        print(f"  new day of {slug} stored {seconds:.1f} s after it was due")
    print(f"  calls a second, every 10 s: {' '.join(f'{one:.0f}' for one in got['rate'])}")
    names = ["task", "instances", "begins", "busy", "wall"]
    table("Where it goes, seconds", names, [[row[name] for name in names] for row in got["where"]])
    table("CPU", ["program", "CPU-s", "cores"],
          [[name, spent, spent / got["wall"]] for name, spent in got["cpu_seconds"].items()])  # fmt: skip
    print(f"\nAgainst the truth ({got['verify_seconds']:.0f} s):\n{got['verified']}", flush=True)


def main() -> None:
    """Measure the asked parts, each in an installation of its own."""
    own = parser(__doc__)
    own.add_argument("--part", action="append", choices=PARTS, help="only this one; may be repeated")
    own.add_argument("--days", type=int, default=365)
    own.add_argument("--charts", type=int, default=10, help="of the part many")
    own.add_argument("--window", type=int, default=1, help="days of a run, of the part windows")
    own.add_argument(
        "--lead", type=float, default=60, help="seconds of filling before the new day, of the part many; 0: no new day"
    )
    own.add_argument("--no-audience", action="store_true", help="rankings and metadata alone")
    own.add_argument("--latency-ms", type=float, default=200)
    given = own.parse_args()
    on = machine()
    results = {}
    with work_folder(given.keep) as folder:
        for part in given.part or PARTS:
            results[part] = run_part(folder, part, given)
            show(part, results[part])
            if given.out:
                report(f"history-{part}", given.out, results[part], on)
    if {"one", "many"} <= set(results):
        growth(results["one"], results["many"])
    report("history", given.out, results, on)


def growth(one: dict[str, Any], many: dict[str, Any]) -> None:
    """What a chart more costs, and so a hundred."""
    more = len(many["charts"]) - 1
    calls = (many["calls"]["made"] - one["calls"]["made"]) / more
    seconds = (many["wall"] - one["wall"]) / more
    hundred = one["calls"]["made"] + 99 * calls
    table("Growth", ["charts", "calls", "wall"],
          [["1", one["calls"]["made"], one["wall"]], [str(more + 1), many["calls"]["made"], many["wall"]],
           ["each more", calls, seconds],
           ["100, if it goes on so", hundred, one["wall"] + 99 * seconds]])  # fmt: skip


if __name__ == "__main__":
    main()
