"""What raw answers take, by the way in which they are compressed.

    pip install zstandard; python -m benchmarks.raw_compression [--answers 3000] [--out FOLDER]

Answers are the simulator's, in the shares in which a daily chart of 200 places brings them. `zlib 1` is what Chartline
does. A dictionary is trained on a third of the answers of each resource and used on the others; it is kept once, so its
own size counts. `pglz` and `lz4` are PostgreSQL's own, of a column of its TOAST, measured in a table.
"""

from __future__ import annotations

import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.common import machine, parser, report, table, warehouse, work_folder
from benchmarks.replay import filled

from chartline.warehouse import raw
from chartline.warehouse.connect import connect

Answers = dict[str, list[bytes]]
DICTIONARY = 64 * 1024


def kept(url: str, most: int) -> Answers:
    """Bodies of answers, by resource."""
    found: Answers = defaultdict(list)
    with connect(url) as conn:
        rows = conn.execute(
            "select id, resource from chartline.raw_answer where path <> '' order by md5(id::text) limit %s", [most]
        ).fetchall()
        bodies = {id_: raw.unpacked(body) for id_, body in raw.packed(conn, [id_ for id_, _ in rows]).items()}
    for id_, resource in rows:
        found[resource].append(bodies[id_])
    return found


def by_zlib(level: int) -> Callable[[Answers], tuple[int, float, float]]:
    """Bytes, and seconds there and back."""

    def measure(answers: Answers) -> tuple[int, float, float]:
        packed, there = _timed(lambda: [zlib.compress(body, level) for one in answers.values() for body in one])
        _, back = _timed(lambda: [zlib.decompress(body) for body in packed])
        return sum(map(len, packed)), there, back

    return measure


def by_zstandard(level: int, dictionaries: dict[str, Any] | None) -> Callable[[Answers], tuple[int, float, float]]:
    """The same with zstandard; `dictionaries`: by resource, None: without."""
    zstandard = import_module("zstandard")

    def measure(answers: Answers) -> tuple[int, float, float]:
        size, there, back = 0, 0.0, 0.0
        for resource, bodies in answers.items():
            of = {"dict_data": dictionaries[resource]} if dictionaries and resource in dictionaries else {}
            packer, opener = zstandard.ZstdCompressor(level=level, **of), zstandard.ZstdDecompressor(**of)
            packed, took = _timed(lambda: [packer.compress(body) for body in bodies])  # noqa: B023
            there += took
            back += _timed(lambda: [opener.decompress(body) for body in packed])[1]  # noqa: B023
            size += sum(map(len, packed)) + (len(of["dict_data"].as_bytes()) if of else 0)
        return size, there, back

    return measure


def trained(answers: Answers) -> dict[str, Any]:
    """A dictionary for each resource of which there are enough."""
    zstandard = import_module("zstandard")
    return {
        resource: zstandard.train_dictionary(DICTIONARY, bodies)
        for resource, bodies in answers.items()
        if len(bodies) >= 20
    }


def by_postgres(url: str, answers: Answers, method: str) -> int | None:
    """Bytes of the same bodies in a column that PostgreSQL compresses; None where it was built without the method."""
    with psycopg.connect(url, autocommit=True) as conn:
        try:
            conn.execute(f"create table chartline.by_{method} (body bytea compression {method})")
        except psycopg.Error:
            return None
        with conn.cursor() as cursor:
            cursor.executemany(
                f"insert into chartline.by_{method} values (%s)", [(body,) for one in answers.values() for body in one]
            )
        row = conn.execute(f"select sum(pg_column_size(body)) from chartline.by_{method}").fetchone()
        return int(row[0]) if row else None


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    done = work()
    return done, time.perf_counter() - begun


def measure(folder: Path, most: int) -> list[dict[str, Any]]:
    """One row for each way."""
    with warehouse(folder) as url:
        filled(url, charts=1, days=30, entries=200)
        answers = kept(url, most)
        sample = {resource: bodies[: len(bodies) // 3] for resource, bodies in answers.items()}
        rest = {resource: bodies[len(bodies) // 3 :] for resource, bodies in answers.items()}
        plain = sum(len(body) for one in rest.values() for body in one)
        count = sum(map(len, rest.values()))
        dictionaries = trained(sample)
        ways: dict[str, Callable[[Answers], tuple[int, float, float]]] = {
            "zlib 1 (as it is)": by_zlib(1),
            "zlib 6": by_zlib(6),
            "zstandard 3": by_zstandard(3, None),
            "zstandard 3, dictionary": by_zstandard(3, dictionaries),
            "zstandard 9, dictionary": by_zstandard(9, dictionaries),
        }
        found = [{"way": "as they came", "bytes": plain, "share": 1.0, "us_there": 0.0, "us_back": 0.0}]
        for name, way in ways.items():
            size, there, back = way(rest)
            found.append(
                {
                    "way": name,
                    "bytes": size,
                    "share": size / plain,
                    "us_there": 1e6 * there / count,
                    "us_back": 1e6 * back / count,
                }
            )
        for method in ("pglz", "lz4"):
            if (own := by_postgres(url, rest, method)) is not None:
                found.append({"way": f"PostgreSQL's {method}", "bytes": own, "share": own / plain})
        for resource, bodies in sorted(rest.items()):
            one = {resource: bodies}
            size, packed = sum(map(len, bodies)), by_zlib(1)(one)[0]
            better = by_zstandard(3, dictionaries)(one)[0]
            found.append({"way": f"  {resource} ({len(bodies)}): zlib 1", "bytes": packed, "share": packed / size})
            found.append({"way": f"  {resource}: dictionary", "bytes": better, "share": better / size})
    return found


def main() -> None:
    """Measure and print."""
    own = parser(__doc__)
    own.add_argument("--answers", type=int, default=3000)
    given = own.parse_args()
    on = machine()
    with work_folder(given.keep) as folder:
        found = measure(folder, given.answers)
    table(
        "Raw answers",
        ["way", "bytes", "share", "us to pack", "us to open"],
        [[f["way"], f["bytes"], f["share"], f.get("us_there"), f.get("us_back")] for f in found],
    )
    report("raw_compression", given.out, {"ways": found}, on)


if __name__ == "__main__":
    main()
