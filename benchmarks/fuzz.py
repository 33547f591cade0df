"""Random input for whatever takes any: how many were tried, how long, and what was found.

    python -m benchmarks.fuzz --minutes 20

Runs the tests marked `fuzz` (answers of the API and the models that read them, asks and schedules, REST bodies and
parameters by the OpenAPI, texts on their way into the warehouse) with as many examples as the time allows. A finding
is a test that failed; Hypothesis says the smallest input that does it, and tries it first from then on. Ends with 0
only if there is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from benchmarks.common import REPOSITORY, machine, parser, report, table

EXAMPLES = 60
"""Of each property in the suite: what the first round tries, by which the others are sized."""
TARGETS = {
    "answers": "tests/unit/soundcharts/test_models_fuzz.py",
    "asks": "tests/unit/domain/test_asks_fuzz.py",
    "storing": "tests/integration/warehouse/test_hostile.py",
    "rest: odd": "tests/plugins/web/test_properties.py",
    "rest: openapi": "tests/plugins/web/test_openapi_fuzz.py",
}
COUNT = re.compile(r"(\d+) passing examples?, (\d+) failing examples?, (\d+) invalid examples?")
FINDING = re.compile(r"^(?:FAILED|ERROR) (\S+)(?: - (.*))?$", re.MULTILINE)


@dataclass
class Tried:
    """What became of a target: inputs tried, seconds, and the tests that failed, each with the first line of why."""

    executions: int = 0
    seconds: float = 0.0
    findings: tuple[str, ...] = ()

    def __add__(self, other: Tried) -> Tried:
        findings = tuple(dict.fromkeys((*self.findings, *other.findings)))
        return Tried(self.executions + other.executions, self.seconds + other.seconds, findings)


def run(path: str, examples: int) -> Tried:
    """One target, with so many examples of each property; what pytest says of a finding goes to stderr."""
    begun = time.monotonic()
    words = ["bash", "bin/test", path, "-m", "not browser", "-n", "0", "-q", "--hypothesis-show-statistics"]
    done = subprocess.run(
        [*words, "--timeout", "0", "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        env=os.environ | {"CHARTLINE_TEST_EXAMPLES": str(examples)},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = tuple(f"{name}: {why}"[:200] for name, why in FINDING.findall(done.stdout))
    if done.returncode and not findings:
        findings = (f"{path} could not be run: {done.stdout[-300:]}{done.stderr[-300:]}",)
    if findings:
        sys.stderr.write(done.stdout)
    tried = sum(sum(map(int, counts)) for counts in COUNT.findall(done.stdout))
    return Tried(tried, time.monotonic() - begun, findings)


def measure(targets: Iterable[str], minutes: float) -> dict[str, Tried]:
    """Each target as the suite runs it, then with as many examples as its share of the time allows."""
    names = list(targets)
    share = minutes * 60 / len(names)
    found = {}
    for name in names:
        first = run(TARGETS[name], EXAMPLES)
        rounds = int((share - first.seconds) / first.seconds)
        print(f"{name}: {first.executions:,} in {first.seconds:.0f} s", file=sys.stderr, flush=True)
        found[name] = first + run(TARGETS[name], EXAMPLES * rounds) if rounds > 1 else first
    return found


def main() -> None:
    """Try and print."""
    own = parser(__doc__)
    own.add_argument("--minutes", type=float, default=20, help="for all targets together, about")
    own.add_argument("--target", choices=TARGETS, action="append", help="default: all")
    given = own.parse_args()
    on = machine()
    found = measure(given.target or TARGETS, given.minutes)
    rows = [[name, tried.executions, tried.seconds, len(tried.findings)] for name, tried in found.items()]
    total = sum(found.values(), Tried())
    table("Tried", ["target", "executions", "seconds", "findings"],
          [*rows, ["all", total.executions, total.seconds, len(total.findings)]])  # fmt: skip
    for finding in total.findings:
        print(f"  {finding}")
    report("fuzz", given.out, {"targets": {name: asdict(tried) for name, tried in found.items()}}, on)
    sys.exit(1 if total.findings else 0)


if __name__ == "__main__":
    main()
