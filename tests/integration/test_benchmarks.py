"""What a benchmark waits for must be there: with a name of before it would wait for ever."""

from __future__ import annotations

from benchmarks.history import DAGS

from chartline.domain import dag_ids
from chartline.warehouse.connect import Connection


def test_the_history_waits_for_the_dags_of_charts_and_no_others(warehouse: Connection) -> None:
    ours = [dag_ids.of_chart("spotify-global"), *dag_ids.STANDING]
    found = warehouse.execute("select id from unnest(%s::text[]) as ids (id) where id like %s", (ours, DAGS)).fetchall()

    assert found == [(dag_ids.of_chart("spotify-global"),)]
