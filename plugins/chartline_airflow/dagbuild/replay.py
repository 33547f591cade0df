"""`chartline.replay`: tables rebuilt from the raw answers that are kept, on demand, without a call."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from chartline.cascade import replay
from chartline.cascade.replay import ReplayAsk
from chartline.domain import dag_ids
from chartline.errors import BadInput
from chartline.identifiers import MAX_SLUG, SLUG, in_form
from chartline.settings import settings
from chartline.warehouse import schema
from chartline.warehouse.connect import connect
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.cascade import DEFAULT_ARGS, add_form
from chartline_airflow.dagbuild.standing import standing_dag

log = logging.getLogger(__name__)


def _params() -> dict[str, Param]:
    names = replay.names()
    return {
        "charts": Param(
            [],
            type="array",
            items={"type": "string", "pattern": in_form(SLUG), "maxLength": MAX_SLUG},
            title="Charts",
            description="Slugs, a line each: their rankings, and the tracks and artists on them. None: all.",
        ),
        "resources": Param(
            [],
            type="array",
            items={"type": "string", "enum": names},
            uniqueItems=True,
            examples=names,
            title="Resources or tables",
            description="What to rebuild: resources, or tables that they fill. None: all.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            title="From",
            description="The first day (YYYY-MM-DD, UTC): of rankings and series their own, of anything else the day "
            "on which it came.",
        ),
        "until": Param(
            None, type=["null", "string"], format="date", title="To", description="The last day (YYYY-MM-DD, UTC)."
        ),
        "from_connection": Param(
            "",
            type="string",
            pattern=in_form(r"^[A-Za-z0-9_.-]{0,200}$"),
            title="From another warehouse",
            description="The Airflow connection (type postgres) of the warehouse whose raw answers are read. Empty: "
            "this one.",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Read all and say what cannot be read; store nothing."
        ),
    }


def build() -> DAG:
    """The DAG."""
    params = _params()
    dag = standing_dag(
        dag_ids.REPLAY,
        description="Rebuilds tables from the raw answers that are kept, without a call",
        doc_md=docs.REPLAY,
        max_active_runs=1,
        solves=True,
        default_args=DEFAULT_ARGS | {"retries": 1, "execution_timeout": timedelta(hours=12)},
    )
    with dag:

        @task
        def read_answers() -> dict[str, Any]:
            config = dict(get_current_context()["params"])
            if unknown := sorted(set(config) - set(params)):
                raise BadInput(f"config: unknown key {', '.join(unknown)}.", field=unknown[0])
            ask = ReplayAsk(
                tuple(config["charts"]),
                tuple(config["resources"]),
                _day(config["since"]),
                _day(config["until"]),
                config["dry_run"],
            )
            other = str(config["from_connection"])
            with ExitStack() as open_:
                source, target = (
                    open_.enter_context(connect(dsn))
                    for dsn in (runtime.warehouse_dsn(other or runtime.WAREHOUSE), runtime.warehouse_dsn())
                )
                source.autocommit = target.autocommit = True
                schema.check(target)
                report = replay.replay(source, target, ask, settings(), moves=bool(other))
            for line in (*report.lines(dry_run=ask.dry_run), *report.unread):
                log.info("%s", line)
            for name, done in report.resources.items():
                log.info("%s: %d fetches, %d rows, %d not read", name, done.fetches, done.rows, done.unread)
            if report.failed:
                raise AirflowFailException(f"{report.failed} fetches could not be read or stored: the log names them.")
            return {name: {"fetches": done.fetches, "rows": done.rows} for name, done in report.resources.items()}

        read_answers()
    add_form(dag, params)
    return dag


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
