from __future__ import annotations

import psycopg
import pytest

from chartline.errors import NotConfigured, WarehouseUnavailable
from chartline.warehouse.connect import connect, sibling


def test_a_session_is_in_the_schema_and_in_utc(warehouse: psycopg.Connection) -> None:
    found = warehouse.execute(
        "select current_schema(), current_setting('timezone'), current_setting('application_name')"
    )
    assert found.fetchone() == ("chartline", "UTC", "chartline")


def test_a_sibling_is_another_session_of_the_same_database(warehouse: psycopg.Connection) -> None:
    with sibling(warehouse) as other:
        query = "select current_database(), pg_backend_pid()"
        (database, pid), (other_database, other_pid) = (c.execute(query).fetchone() or () for c in (warehouse, other))
        assert database == other_database
        assert pid != other_pid


def test_a_refused_login_and_a_missing_database_are_named_without_the_password(warehouse_url: str) -> None:
    place, _, _ = warehouse_url.rpartition("/")
    server = place.rpartition("@")[2]
    for url, word in (
        (f"{place}/no_such_database", "no_such_database"),
        (f"postgresql://postgres:Wrong-Secret@{server}/postgres", "password authentication failed"),
    ):
        with pytest.raises(WarehouseUnavailable, match=word) as refused:
            connect(url)
        assert "Wrong-Secret" not in str(refused.value)
        assert "try again" in str(refused.value)


def test_no_server_says_where_and_what_to_do() -> None:
    with pytest.raises(WarehouseUnavailable, match=r"127\.0\.0\.1:1/w does not answer: .* Check that PostgreSQL runs"):
        connect("postgresql://user:Hidden-Secret@127.0.0.1:1/w")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:Hidden@Secret@127.0.0.1:5432/w",
        "postgresql://user:x@127.0.0.1:Hidden/w",
        "postgresql://user:Hidden%zzSecret@127.0.0.1/w",  # pragma: allowlist secret
        "Hidden Secret",
    ],
)
def test_a_dsn_that_cannot_be_read_is_refused_without_quoting_it(dsn: str) -> None:
    with pytest.raises(NotConfigured, match="percent-encoded") as refused:
        connect(dsn)
    assert "Hidden" not in str(refused.value)
    assert "Secret" not in str(refused.value)
