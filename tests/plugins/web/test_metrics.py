"""Metrics by REST."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from fastapi.testclient import TestClient

from chartline.schedules import service

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z]+="(\\.|[^"\\\n])*"\})? (-?\d+(\.\d+)?|NaN|[+-]Inf)$')


def test_each_line_is_as_prometheus_reads_it(viewer: TestClient, conn: psycopg.Connection[Any]) -> None:
    service.add(conn, "day")
    answer = viewer.get("metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    named = set()
    for line in answer.text.splitlines():
        if line.startswith("# "):
            word, name, _ = line[2:].split(" ", 2)
            assert word in ("HELP", "TYPE")
            named.add(name)
        else:
            assert SAMPLE.match(line), line
            assert re.split("[{ ]", line)[0] in named, "a metric's HELP and TYPE come before its samples"
    assert "chartline_up 1" in answer.text.splitlines()
    assert 'chartline_chart_failures{chart="day"} 0' in answer.text.splitlines()
