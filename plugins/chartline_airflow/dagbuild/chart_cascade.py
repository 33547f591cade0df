"""`chartline.chart_cascade`: the same chain for any chart, on demand, with a form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import DAG, AssetAlias, Context, Param

from chartline.cascade.run import Run
from chartline.costs.estimate import estimate_cascade
from chartline.costs.model import Estimate
from chartline.domain import dag_ids, platforms
from chartline.domain.asks import STEPS, CascadeAsk
from chartline.domain.schedule import MAX_HISTORY_DAYS
from chartline.identifiers import MAX_SLUG, SLUG, in_form
from chartline.settings import settings
from chartline.warehouse.connect import Connection
from chartline_airflow.dagbuild import docs, runtime
from chartline_airflow.dagbuild.approval import EstimateGate, by_config, config
from chartline_airflow.dagbuild.cascade import DAY_PARAMS, add_cascade, add_form
from chartline_airflow.dagbuild.standing import standing_dag

RANKINGS = AssetAlias("chartline/rankings")


def _choice(values: tuple[str, ...], chosen: tuple[str, ...], title: str, description: str, section: str) -> Param:
    """Several of a fixed list: `items` makes Airflow check the values, `examples` makes the form offer them."""
    return Param(
        list(chosen),
        type="array",
        title=title,
        description=description,
        section=section,
        items={"type": "string", "enum": sorted(values)},
        uniqueItems=True,
        examples=sorted(values),
    )


PARAMS = {
    "chart": Param(
        type="string",
        title="Chart",
        description="The chart's slug, as in its Soundcharts address. Find it with: chartline charts search",
        pattern=in_form(SLUG),
        minLength=1,
        maxLength=MAX_SLUG,
    ),
    **DAY_PARAMS,
    "steps": _choice(
        STEPS, STEPS, "Steps", "What to fetch after the ranking. What is still fresh costs no call.", "What follows"
    ),
    "track_platforms": _choice(
        platforms.TRACK_PLATFORMS,
        platforms.DEFAULT_TRACK_PLATFORMS,
        "Track platforms",
        "Audience of the tracks on these platforms.",
        "What follows",
    ),
    "artist_platforms": _choice(
        platforms.ARTIST_PLATFORMS,
        platforms.DEFAULT_ARTIST_PLATFORMS,
        "Artist platforms",
        "Audience of the artists on these platforms; spotify brings monthly listeners too.",
        "What follows",
    ),
    "audience_days": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=MAX_HISTORY_DAYS,
        title="Days of audience",
        description="How far back a series goes the first time it is fetched. Empty: as far as one call brings.",
        section="What follows",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Fetch again",
        description="Ask again for what is stored and fresh. Each call is billed.",
        section="What follows",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Only estimate",
        description="Say what the run would cost and fetch nothing. Only the calendar is fetched, where it does not "
        "list a named day.",
    ),
}


@contextmanager
def open_run(context: Context) -> Iterator[Run]:
    """The run that the form or the config asks for. Raises BadInput for a wrong value or an unknown key."""
    asked = config(context)
    with runtime.opened_run(context, str(asked.get("chart", "")), lambda *_: CascadeAsk.from_config(asked)) as run:
        yield run


def _cost(conn: Connection, ask: CascadeAsk) -> Estimate:
    return estimate_cascade(conn, ask, settings(), look=runtime.api_client, per_minute=runtime.per_minute())


def build(dag_id: str = dag_ids.CHART_CASCADE) -> DAG:
    """The DAG."""
    dag = standing_dag(
        dag_id,
        description="Any chart's ranking with its tracks, artists and audience, on demand",
        doc_md=docs.ON_DEMAND,
        max_active_runs=16,  # some of them may wait for a person's approval
    )
    add_cascade(dag, open_run, RANKINGS)
    with dag:
        EstimateGate(
            task_id="estimate", estimate=by_config(CascadeAsk.from_config, _cost), priority_weight=100
        ) >> dag.get_task("fetch_ranking")
    add_form(dag, PARAMS)
    return dag
