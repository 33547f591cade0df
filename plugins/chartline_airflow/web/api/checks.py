"""Whether what is stored looks right: the checks, what they found, and a person's word that it is right as it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from chartline.checks.registry import BY_NAME, CHECKS, RankingCheck
from chartline.warehouse import changes, checks
from chartline.warehouse.checks import DataFinding
from chartline_airflow.web.access import Editor, Reader
from chartline_airflow.web.paging import Page, PageQuery, Text
from chartline_airflow.web.problems import Problem
from chartline_airflow.web.warehouse import Warehouse

router = APIRouter(tags=["checks"])

Severity = Literal["error", "warning"]


class CheckLine(BaseModel):
    """A check: what it means when it finds something, and what its owner does. `of`: rankings or series; `open`:
    findings that are open; `passes`: they are about something that happened once, and are closed after two weeks."""

    name: str
    severity: Severity
    of: Literal["rankings", "series"]
    meaning: str
    advice: str
    passes: bool
    open: int


class FindingLine(BaseModel):
    """What looks, or looked, wrong. `what`: in a sentence; `facts`: its numbers, by check; `meaning`, `advice`: of its
    check, empty where this version has it no more."""

    id: int
    check: str
    severity: Severity
    state: Literal["open", "solved", "accepted"]
    subject: str
    chart: str | None
    day: date | None
    what: str
    meaning: str
    advice: str
    facts: dict[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime
    solved_at: datetime | None
    accepted_by: str | None

    @classmethod
    def of(cls, one: DataFinding) -> FindingLine:
        """A finding, with what its check says."""
        check = BY_NAME.get(one.kind)
        return cls(
            id=one.id,
            check=one.kind,
            severity=one.severity,
            state="accepted" if one.accepted_by else "solved" if one.solved_at else "open",
            subject=one.subject,
            chart=one.chart_slug,
            day=one.day,
            what=one.what,
            meaning=check.meaning if check else "",
            advice=check.advice if check else "",
            facts=one.details,
            first_seen_at=one.first_seen_at,
            last_seen_at=one.last_seen_at,
            solved_at=one.solved_at,
            accepted_by=one.accepted_by,
        )


class FindingQuery(PageQuery):
    """Which findings."""

    state: Literal["", "open", "solved"] = Field("open", description="solved: accepted ones too; empty: all")
    check: Text = Field("", description="only of this one, such as turnover")
    chart: Text = Field("", description="a chart's slug")


@router.get("/checks/")
def list_checks(conn: Warehouse, _: Reader) -> list[CheckLine]:
    """Every check of what is stored, with how many findings of it are open."""
    counts = checks.open_counts(conn)
    return [
        CheckLine(
            name=one.name,
            severity=one.severity,
            of="rankings" if isinstance(one, RankingCheck) else "series",
            meaning=one.meaning,
            advice=one.advice,
            passes=one.passes,
            open=counts.get(one.name, 0),
        )
        for one in CHECKS
    ]


@router.get("/findings/")
def list_findings(query: Annotated[FindingQuery, Query()], conn: Warehouse, _: Reader) -> Page[FindingLine]:
    """What looks wrong in what is stored: errors first, then the newest."""
    rows, total = checks.listed(
        conn, state=query.state, name=query.check, chart=query.chart, limit=query.limit, offset=query.offset
    )
    return Page[FindingLine].of([FindingLine.of(one) for one in rows], total, query)


@router.post("/findings/{finding}/accept/")
def accept_finding(finding: Annotated[int, InPath(ge=1, le=2**62)], conn: Warehouse, person: Editor) -> FindingLine:
    """Says that it is right as it is: it is closed, and not found again unless it changes. 404: none such is open."""
    with conn.transaction():
        accepted = checks.accept(conn, finding, person.name)
        if accepted is None:
            raise Problem(404, f"No finding {finding} is open.", kind="not_found")
        changes.add(conn, person.name, "finding.accept", accepted.subject, None, {"check": accepted.kind})
    return FindingLine.of(accepted)
