"""Hostile texts are data in the warehouse: stored as they came, found by what they are, and nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile import MEGABYTE, TEXTS, fuzzed, texts

from chartline.errors import storable
from chartline.soundcharts import models
from chartline.warehouse import artists, charts, tracks

pytestmark = pytest.mark.fuzz

AT = datetime(2026, 3, 1, tzinfo=UTC)
UUID = "0f3c1a52-77aa-4f5e-9f0b-1c2d3e4f5a6b"


def song(text: str) -> models.Song:
    """A track with it in every text that it has."""
    light = {"uuid": UUID, "slug": text, "name": text, "appUrl": text, "imageUrl": text}
    return models.Song.model_validate({
        "uuid": UUID, "name": text, "isrc": {"value": text, "countryCode": text}, "iswcs": [text], "creditName": text,
        "artists": [light], "mainArtists": [light], "copyright": text, "appUrl": text, "imageUrl": text,
        "previewUrl": text, "genres": [{"root": text, "sub": [text, f"{text}2"]}], "composers": [text],
        "producers": [text], "labels": [{"name": text, "type": text}], "languageCode": text, "distributor": text,
    })  # fmt: skip


def artist(text: str) -> models.Artist:
    """An artist, likewise."""
    fields = ("slug", "appUrl", "webUrl", "imageUrl", "countryCode", "cityName", "biography", "isni", "ipi", "gender",
              "type", "careerStage", "growthLevel")  # fmt: skip
    told = dict.fromkeys(fields, text)
    return models.Artist.model_validate({"uuid": UUID, "name": text, "genres": [{"root": text, "sub": []}], **told})


def round_trip(conn: psycopg.Connection[Any], text: str) -> None:
    """Stored, read back the same, and taken away again."""
    with conn.transaction(force_rollback=True):
        tracks.store_metadata(conn, [song(text)], AT)
        artists.store_metadata(conn, [artist(text)], AT)
        [row] = conn.execute("select name, credit_name, isrc, copyright, distributor from track").fetchall()
        kept = storable(text)
        assert row[0] == kept
        assert set(row[1:]) == {kept if kept.strip() else None}
        assert conn.execute("select name, biography from artist").fetchone() == (kept, kept if kept.strip() else None)
        found = conn.execute("select count(*) from track where name = %s", (kept,)).fetchone()
        assert found == (1,)
        assert conn.execute("select count(*) from label").fetchone() == (1 if kept.strip() else 0,)


@pytest.mark.parametrize("text", [*TEXTS, MEGABYTE, "漢" * 2**20], ids=lambda text: repr(text)[:20])
def test_a_text_that_would_be_something_elsewhere_is_stored_as_it_came(
    warehouse: psycopg.Connection[Any], text: str
) -> None:
    round_trip(warehouse, text)


@fuzzed
@given(text=texts)
def test_any_text_is_stored_as_it_came(warehouse: psycopg.Connection[Any], text: str) -> None:
    round_trip(warehouse, text)


@fuzzed
@given(names=st.lists(texts, min_size=1, max_size=3))
def test_any_chart_that_can_be_read_can_be_stored(warehouse: psycopg.Connection[Any], names: list[str]) -> None:
    listed = []
    for name in names:
        chart = {"name": name, "slug": name, "platform": name, "frequency": name, "countryCode": name, "cityName": name}
        try:
            listed.append(models.ChartLight.model_validate(chart))
        except ValueError:
            continue
    with warehouse.transaction(force_rollback=True):
        charts.upsert_charts(warehouse, list({one.slug: one for one in listed}.values()))
