"""Whether what is stored looks right, by the findings of the checks that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chartline.checks.registry import BY_NAME, DataCheck
from chartline.operating.conditions.verdict import Status, Subject, Verdict
from chartline.warehouse import checks
from chartline.warehouse.checks import DataFinding
from chartline.warehouse.connect import Connection
from chartline.wording import counted

ADVICE = "See them on the page Checks or with: chartline check. Each says what it means and what to do about it."
MOST = 1000


@dataclass(frozen=True)
class OpenFindings:
    """What one check found and is open, the newest first."""

    check: DataCheck
    findings: Sequence[DataFinding]

    @property
    def newest(self) -> date:
        """The day (UTC) on which the newest was found."""
        return max(finding.first_seen_at for finding in self.findings).date()


def standing(conn: Connection) -> list[OpenFindings]:
    """By check, those that found something. Findings of checks that this version does not have are left out. One
    query."""
    by_name: dict[str, list[DataFinding]] = {}
    for finding in checks.open_findings(conn, MOST):
        by_name.setdefault(finding.kind, []).append(finding)
    return [OpenFindings(BY_NAME[name], found) for name, found in sorted(by_name.items()) if name in BY_NAME]


def judge(conn: Connection) -> Verdict:
    """Of all that is open."""
    found = standing(conn)
    if not found:
        return Verdict("data", "ok", "What is stored looks right.")
    status: Status = "error" if any(one.check.severity == "error" for one in found) else "warning"
    count = sum(len(one.findings) for one in found)
    named = ", ".join(f"{len(one.findings)} {one.check.name.replace('_', ' ')}" for one in found)
    subjects = tuple(
        Subject(finding.chart_slug, finding.what)
        for one in found
        for finding in one.findings
        if finding.chart_slug is not None
    )
    what = f"{counted(count, 'thing')} in what is stored {'looks' if count == 1 else 'look'} wrong: {named}."
    return Verdict("data", status, what, ADVICE, subjects, count)
