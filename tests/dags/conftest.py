"""DAG files parsed as Airflow's DAG processor does, over a list of schedules of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


def row(slug: str, **changes: Any) -> dict[str, Any]:
    """A schedule's row as the warehouse gives it."""
    return {
        "slug": slug,
        "name": f"Chart {slug}",
        "platform": "spotify",
        "country_code": "FR",
        "chart_id": 1,
        "frequency": "daily",
        "is_active": True,
        "sync_frequency": "daily",
        "created_at": "2026-11-01T10:00:00+00:00",
        **changes,
    }


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the list of schedules that the DAG file reads. The warehouse is away."""
    from chartline.schedules import snapshot

    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("CHARTLINE_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/none")

    def write(*rows: Mapping[str, Any]) -> None:
        snapshot.write(snapshot.default_path(), rows)

    return write


@pytest.fixture
def parse() -> Callable[..., dict[str, Any]]:
    """Parse the DAG folder, or one file of it; the DAGs by id. Fails on any import error."""

    def read(file: str = "") -> dict[str, Any]:
        from airflow.dag_processing.dagbag import BundleDagBag

        folder = REPOSITORY / "dags" / file
        bag = BundleDagBag(dag_folder=str(folder), bundle_path=REPOSITORY / "dags", bundle_name="tests")
        assert bag.import_errors == {}
        return dict(bag.dags)

    return read
