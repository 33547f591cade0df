"""A run whose config was refused has no ask; closing it says what failed."""

from __future__ import annotations

import pytest

from chartline.cascade import report
from chartline.cascade.run import Run
from chartline.warehouse import executions

from .conftest import Cascade


def test_a_refused_run_is_closed_by_name(cascade: Cascade) -> None:
    with cascade.connect() as conn:
        execution = executions.open_execution(
            conn, dag_id="chartline.chart_cascade", run_id="r", chart_slug="one", trigger="manual"
        )
    run = Run(execution, cascade.connect, cascade.client, cascade.settings)
    with pytest.raises(report.RunFailed, match="fetch_ranking"):
        report.report_run(run, ["fetch_ranking"])
    with cascade.connect() as conn:
        assert conn.execute("select status from chart_sync_execution").fetchone() == ("failed",)
