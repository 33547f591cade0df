"""What the OpenAPI allows is answered as it says, and what it does not allow is refused: tried by Schemathesis, in
process, on the app as Airflow runs it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis import Case
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks
from tests.hostile import fuzzed
from tests.plugins.web.conftest import Airflow, Caller
from tests.plugins.web.test_properties import check

from chartline.places import REPOSITORY
from chartline.schedules import service

pytestmark = pytest.mark.fuzz

load_all_checks()
CHECKS = [
    checks.response_schema_conformance,
    checks.content_type_conformance,
    checks.status_code_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]
schema = schemathesis.openapi.from_path(REPOSITORY / "docs" / "reference" / "openapi.json")


@pytest.fixture
def caller(app: FastAPI, own: FastAPI, conn: psycopg.Connection[Any], airflow: Airflow) -> Caller:
    """An editor whose server does not raise: what fails is answered with 500."""
    service.add(conn, "day")
    airflow.dags = {"chartline.chart_sync.day": False, "chartline.chart_cascade": False, "chartline.gap_audit": False}
    one = Caller(app, "editor")
    one._transport.raise_server_exceptions = False
    return one


@schema.parametrize()
@fuzzed
def test_whatever_is_asked_is_answered_as_the_openapi_says(case: Case, caller: Caller) -> None:
    asked = case.as_transport_kwargs(base_url="http://testserver/chartline")
    asked.pop("headers", None)  # those of a client that nobody has, and no login
    answer = caller.request(**asked, headers=dict(case.headers or {}), follow_redirects=False)
    check(answer, asked)
    case.validate_response(answer, checks=CHECKS)
