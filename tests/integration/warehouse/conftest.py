"""What the stores' tests share."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chartline.soundcharts.models import Artist, ChartLight, RankingPage, Song, SongAudienceItem

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 19)


class Build:
    """Answers of the API, in small."""

    AT, DAY = AT, DAY

    @staticmethod
    def uid(number: int) -> str:
        return str(uuid.UUID(int=number))

    @staticmethod
    def chart(slug: str = "demo-daily", **more: Any) -> ChartLight:
        fields = {"name": "Demo Daily", "slug": slug, "platform": "spotify", "frequency": "daily", "countryCode": "FR"}
        return ChartLight.model_validate(fields | more)

    @staticmethod
    def page(items: list[dict[str, Any]], total: int, *, day: date = DAY, slug: str = "demo-daily") -> RankingPage:
        return RankingPage.model_validate(
            {
                "related": {
                    "chart": Build.chart(slug).model_dump(by_alias=True)
                    | {"metric": {"type": "streamcount", "description": "Streams"}},
                    "date": f"{day}T12:00:00+00:00",
                },
                "items": items,
                "page": {"offset": 0, "limit": 100, "total": total},
            }
        )

    @staticmethod
    def entry(position: int, track: int, **more: Any) -> dict[str, Any]:
        return {
            "song": {
                "uuid": Build.uid(track),
                "name": f"Track {track}",
                "creditName": f"Artist {track}",
                "imageUrl": "i",
            },
            "position": position,
            "positionEvolution": 3,
            "metric": 3_000_000_000,
            "entryState": "",
            "entryDate": "2026-11-01T11:43:52+00:00",
            "rankDate": f"{DAY}T12:00:00+00:00",
            "oldPosition": position + 3,
            "timeOnChart": 19,
            "timeOnChartUnit": "DOC",
        } | more

    @staticmethod
    def light(number: int, name: str | None = None) -> dict[str, Any]:
        return {"uuid": Build.uid(number), "slug": f"artist-{number}", "name": name or f"Artist {number}"}

    @staticmethod
    def song(number: int, **more: Any) -> Song:
        return Song.model_validate({"uuid": Build.uid(number), "name": f"Track {number}"} | more)

    @staticmethod
    def artist(number: int, **more: Any) -> Artist:
        return Artist.model_validate({"uuid": Build.uid(number), "name": f"Artist {number}"} | more)

    @staticmethod
    def song_item(day: str, **values: int) -> SongAudienceItem:
        """Identifier to value on a day."""
        plots = [{"identifier": name, "value": value} for name, value in values.items()]
        return SongAudienceItem.model_validate({"date": day, "plots": plots})


@pytest.fixture
def build() -> type[Build]:
    """Makes answers of the API."""
    return Build
