"""Three charts filled on a real Airflow while 2 % of the answers are odd, in each way that was ever seen.

    python -m benchmarks.odd_answers [--share 0.02] [--days 60] [--seed 1]

First a chart as the API usually answers: what its answers look like is kept, as if they had come so for days, the rest
is forgotten. Then the odd answers are switched on, and two daily charts and a weekly one are filled: the newest
ranking with all that follows, then those of the `--days` before it. Shapes of charts and of their days strike what is
named here, as 2 % of three charts are none, and a field is gone from all answers, as one is gone only then.

All that is stored is compared with the simulator's truth, which knows what is right for each odd answer. Ends with 0
only if nothing differs, every shape has struck, the drift report names each change of shape, and as many calls were
made as are needed. Beyond these only: one where a minute's refusal stood in the way; what failed by name and was asked
for again by the run of another chart; and metadata of tracks, as a call for ten that is redirected for one of them is
made again in parts.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.common import machine, parser, report, table, work_folder
from benchmarks.runs import run, wait_for_dags

from chartline.local.stack import Stack
from chartline.warehouse.connect import connect
from chartline.warehouse.drift import Drift, listed
from chartline.warehouse.tables import MERGED, OWN
from simulator.compare import compare
from simulator.counts import Noted
from simulator.needed import AIRPLAY, BATCH, ChartAsk, needed_calls, ranking_pages
from simulator.odd_answers import SHAPES, OddAnswers
from simulator.world import World

CASCADE = "chartline.chart_cascade"
BEFORE, DAILY, OTHER = "demo-shazam-daily", "demo-global-daily", "demo-france-daily"
IN_PARTS = ("song", "artist")
"""Batches of ten: how many there are depends on how the runs share them out, and on redirects."""
RESOURCES = {"song": "track_metadata", "song_audience": "track_audience", "artist_audience": "artist_audience"}
"""Endpoints of what can fail by name."""
LEARNED = ("answer_field", "answer_field_type")
"""Tables of what answers look like."""
TOLD_AS: dict[str, tuple[str, str, str]] = {  # endpoint, field, kind of the drift report
    "point-far-future": ("song_audience", "date", "refused"),
    "point-year-one": ("artist_audience", "date", "refused"),
    "release-year": ("song", "releaseDate", "in_part"),
    "release-month": ("song", "releaseDate", "in_part"),
    "birth-year": ("artist", "birthDate", "in_part"),
    "zero-date": ("song", "releaseDate", "unread"),
    "php-null-date": ("ranking_", "entryDate", "unread"),
    "empty-list-for-object": ("song", "audio", "unread"),
    "empty-object-for-list": ("song", "genres", "unread"),
    "empty-isrc": ("song", "isrc", "unread"),
    "field-new": ("song", "simulatedField", "appeared"),
    "field-gone": ("song", "copyright", "gone"),
    "field-retyped": ("song", "duration", "type"),
}
"""The others change what is said, not its shape."""

Odd = dict[str, float | list[str]]


def say(text: str) -> None:
    """What is being done, for who waits."""
    print(text, file=sys.stderr, flush=True)


# -- what is asked for and what strikes --------------------------------------------------------------------------


def weekly_chart(world: World) -> str:
    """A weekly chart of a hundred places or more."""
    return next(chart.slug for chart in world.charts() if chart.frequency == "weekly" and chart.entries >= 100)


def odd_answers(world: World, now: datetime, weekly: str, share: float) -> Odd:
    """Each shape at `share`; those of charts and days at what is named."""
    first, other = (world.days(slug, now) for slug in (DAILY, OTHER))
    every = max(2, round(1 / share))
    shares: Odd = dict.fromkeys(SHAPES, share)
    return shares | {
        "row-twice-total-distinct": [f"{DAILY} {day}" for day in first[::every]],
        "row-twice-total-rows": [f"{OTHER} {day}" for day in other[::every]],
        "renamed-chart": [OTHER],
        "off-weekday": [weekly],
        "field-gone": 1.0,
        "reset-huge": ["*"],
        "echo": ["*"],
    }


class Struck:
    """How many things of the fill each shape strikes, by the truth."""

    def __init__(self, world: World, days: dict[str, list[date]], platforms: tuple[tuple[str, ...], ...]) -> None:
        self._world, self._days = world, days
        self._on_tracks, self._on_artists = platforms

    def count(self) -> Counter[str]:
        """By shape."""
        return Counter(name for name in SHAPES for key in self._keys(SHAPES[name]) if self._odd.strikes(name, *key))

    @property
    def _odd(self) -> OddAnswers:
        return self._world.odd

    def _keys(self, kind: str) -> Iterator[tuple[str, ...]]:
        world = self._world
        newest = {uuid for slug, days in self._days.items() for uuid in world.tracks_of(slug, days[0])}
        tracks = {uuid for slug, days in self._days.items() for day in days for uuid in world.tracks_of(slug, day)}
        if kind == "chart":
            yield from ((slug,) for slug in self._days)
        elif kind == "chart day":
            yield from ((slug, day.isoformat()) for slug, days in self._days.items() for day in days)
        elif kind == "chart track":
            yield from {
                (slug, uuid) for slug, days in self._days.items() for day in days for uuid in world.tracks_of(slug, day)
            }
        elif kind == "track":
            yield from ((uuid,) for uuid in tracks)
        elif kind == "artist":
            yield from ((uuid,) for uuid in self._artists(tracks))
        elif kind == "track platform":
            yield from ((uuid, code) for uuid in newest for code in self._on_tracks if code != AIRPLAY)
        elif kind == "artist platform":
            yield from ((uuid, code) for uuid in self._artists(newest) for code in self._on_artists)

    def _artists(self, tracks: set[str]) -> set[str]:
        return {uuid for track in map(self._world.song, tracks) if track for uuid in track.artist_uuids}


# -- the fill ----------------------------------------------------------------------------------------------------


def fill(stack: Stack, slug: str, days: list[date]) -> str:
    """The newest ranking with all that follows, then the others with their metadata. What the runs came to."""
    say(f"Filling {slug}: the newest ranking, then {len(days) - 1} before it")
    states = [run(stack, CASCADE, {"chart": slug}).state]
    past = [day.isoformat() for day in days[1:]]
    states += [run(stack, CASCADE, {"chart": slug, "days": past}).state] if past else []
    return ", ".join(states)


def measure(folder: Path, seed: int, share: float, days: int) -> dict[str, Any]:
    """Start everything, fill, compare."""
    stack = Stack(
        folder / "home",
        simulator_options=["--seed", str(seed)],
        extra_env={"CHARTLINE_ARTIST_CITIES": "true"},
        say=say,
    )
    with stack:
        wait_for_dags(stack, CASCADE)
        world = World(**stack.simulator_api("GET", "/_control/world"))
        now = datetime.fromisoformat(stack.simulator_api("GET", "/_control/clock")["now"])
        weekly = weekly_chart(world)
        learn(stack)
        wanted = odd_answers(world, now, weekly, share)
        refused = {"kind": "minute_limit", "match": {"endpoint": "song_audience"}, "times": 1}
        stack.simulator_api("POST", "/_control/settings", {"odd_answers": wanted, "faults": [refused]})
        world.odd = OddAnswers(world.seed, wanted)
        asked = {slug: _days(world, slug, now, days) for slug in (DAILY, OTHER, weekly)}
        states = {slug: fill(stack, slug, own) for slug, own in asked.items()}
        told = stack.simulator_api("GET", "/_control/log?limit=1000000")
        log = [Noted(*row) for row in told["rows"]]
        say("Comparing with the truth")
        parts = compare(world, stack.warehouse_url)
        with connect(stack.warehouse_url) as conn:
            failures = conn.execute(
                "select resource, kind, count(*) from execution_failure group by 1, 2 order by 1, 2"
            ).fetchall()
            drift = listed(conn, limit=10_000)[0]
    platforms = ("spotify", "youtube", "shazam", AIRPLAY), ("spotify", "youtube", "instagram", "tiktok")
    struck = Struck(world, asked, platforms).count()
    struck["reset-huge"] = sum(call.status == 429 for call in log)
    struck["echo"] = sum(call.status >= 400 for call in log)
    return {
        "seed": seed,
        "share": share,
        "states": states,
        "rankings": {slug: len(own) for slug, own in asked.items()},
        "parts": [vars(part) for part in parts],
        "shapes": [_shape(name, struck[name], drift) for name in SHAPES],
        "drift": [asdict(one) for one in drift],
        "failures": failures,
        "calls": calls(world, now, asked, log),
    }


def learn(stack: Stack) -> None:
    """What the usual answers look like, as if they had come for days; all else that was fetched is forgotten."""
    say(f"Filling {BEFORE} as the API usually answers")
    run(stack, CASCADE, {"chart": BEFORE})
    with connect(stack.warehouse_url) as conn:
        for name in LEARNED:
            conn.execute(f"update {name} set first_seen_at = first_seen_at - interval '2 days'")
        conn.execute("update answer_field set always = came >= 0.99 * objects")
        forgotten = ", ".join(sorted({*MERGED, *OWN} - {*LEARNED, "platform"}))
        conn.execute(f"truncate {forgotten}")
    stack.simulator_api("POST", "/_control/reset")


def _days(world: World, slug: str, now: datetime, days: int) -> list[date]:
    """Newest first: the newest of all, and those that are not older than `days`."""
    since = now.date() - timedelta(days=days)
    return [day for number, day in enumerate(world.days(slug, now)) if not number or day >= since]


# -- what came of it ---------------------------------------------------------------------------------------------


def _shape(name: str, struck: int, drift: Sequence[Drift]) -> dict[str, Any]:
    """How often a shape struck, and how the drift report tells of it (None where it has nothing to tell)."""
    told = None
    if name in TOLD_AS:
        endpoint, field, kind = TOLD_AS[name]
        found = [
            d for d in drift
            if d.endpoint.startswith(endpoint) and d.path.split(".")[-1] == field and d.kind == kind
        ]  # fmt: skip
        told = "; ".join(f"{d.endpoint} {d.path} {d.kind} {d.found} ({d.seen})" for d in found)
    return {"shape": name, "struck": struck, "told": told}


def calls(world: World, now: datetime, asked: dict[str, list[date]], log: Sequence[Noted]) -> list[dict[str, Any]]:
    """By endpoint: calls made; those of them that were refused; those needed, by the truth; and those that asked again,
    for what fails by name or for what was had."""
    asks = [ChartAsk(slug=slug, cities=True) for slug in asked]
    needed = Counter[str]()
    for own in needed_calls(world, now, asks).values():
        needed.update(own)
    needed["ranking_at"] += sum(ranking_pages(world, slug, day) for slug, days in asked.items() for day in days[1:])
    needed["available_rankings"] = sum(len(days) > 1 for days in asked.values())
    tracks = {uuid for slug, days in asked.items() for day in days for uuid in world.tracks_of(slug, day)}
    had = [world.song(uuid) for uuid in tracks if not world.odd.fails("track_metadata", uuid)]
    artists = {uuid for track in had if track for uuid in track.artist_uuids}
    needed |= {"song": ceil(len(tracks) / BATCH), "artist": ceil(len(artists) / BATCH)}
    made = Counter(call.endpoint for call in log)
    refused = Counter(call.endpoint for call in log if call.status != 200)
    waited = Counter(call.endpoint for call in log if call.status == 429)
    failed, had_before = asked_again(world.odd, log)
    return [
        {
            "endpoint": name,
            "made": made[name],
            "refused": refused[name],
            "needed": needed[name],
            "waited": waited[name],
            "failed_again": failed[name],
            "had_again": had_before[name],
        }
        for name in sorted(made)
    ]


def asked_again(odd: OddAnswers, log: Sequence[Noted]) -> tuple[Counter[str], Counter[str]]:
    """By endpoint: calls for what fails by name beyond the first, and calls for what was answered well before."""
    asked = Counter[tuple[str, str, str, str, int]]()
    failed, had = Counter[str](), Counter[str]()
    for call in log:
        for entity in call.entity.split(","):
            key = (call.endpoint, entity, call.facet, call.window, call.offset)
            fails = odd.fails(RESOURCES.get(call.endpoint, ""), entity, call.facet)
            if call.status == 200 or (fails and call.status != 429):
                (failed if fails else had)[call.endpoint] += asked[key] > 0
                asked[key] += 1
    return failed, had


def faults(got: dict[str, Any]) -> list[str]:
    """What is not right, in words."""
    found = [f"{part['name']}: {part['differences']} differences" for part in got["parts"] if part["differences"]]
    found += [f"{one['shape']} struck nothing" for one in got["shapes"] if not one["struck"]]
    found += [f"the drift report does not tell of {one['shape']}" for one in got["shapes"] if one["told"] == ""]
    for row in got["calls"]:
        if row["had_again"]:
            found.append(f"{row['endpoint']}: {row['had_again']} good answers were asked for again")
        explained = row["needed"] + row["waited"] + row["failed_again"]
        most = row["made"] if row["endpoint"] in IN_PARTS else explained
        if not row["needed"] <= row["made"] <= most:
            found.append(f"{row['endpoint']}: {row['made']} calls made, {explained} can be explained")
    return found


def main() -> int:
    """Fill once and print. Returns 1 when anything is not right."""
    own = parser(__doc__)
    own.add_argument("--share", type=float, default=0.02, help="of what each shape can strike")
    own.add_argument("--days", type=int, default=60, help="of the past, for each chart")
    own.add_argument("--seed", type=int, default=1, help="another seed is another world")
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        got = measure(folder, given.seed, given.share, given.days)
    runs = "; ".join(f"{slug} {got['rankings'][slug]} rankings ({state})" for slug, state in got["states"].items())
    print(f"\n{runs}")
    table(
        "Against the truth",
        ["part", "in truth", "stored", "differences"],
        [[p["name"], str(p["expected"]), str(p["found"]), str(p["differences"])] for p in got["parts"]],
    )
    for part in got["parts"]:
        for what in ("missing", "unexpected", "different"):
            for line in part[what]:
                print(f"  {part['name']}, {what}: {line[:300]}")
    table(
        "Odd answers",
        ["shape", "struck", "in the drift report"],
        [[s["shape"], str(s["struck"]), "-" if s["told"] is None else s["told"][:110]] for s in got["shapes"]],
    )
    table("Items that failed", ["resource", "why", "items"], [[r, k, str(n)] for r, k, n in got["failures"]])
    table(
        "Calls",
        ["endpoint", "made", "needed", "refused", "after a minute's refusal", "failed before", "had before"],
        [
            [
                c["endpoint"],
                *(str(c[name]) for name in ("made", "needed", "refused", "waited", "failed_again", "had_again")),
            ]
            for c in got["calls"]
        ],
    )
    report("odd_answers", given.out, got, on)
    wrong = faults(got)
    print("\n" + ("All is right." if not wrong else "Not right:\n  " + "\n  ".join(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
