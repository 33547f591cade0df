"""The shapes of the API's answers: snake_case attributes, the API's own names as aliases.

Unknown fields are ignored (the raw answer keeps them), newer fields may be missing, older shapes are read too. What is
left is the contract: an answer that does not keep it is refused by endpoint and field.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from chartline.errors import ChartlineError, ContractBroken, NotFound, storable
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.ranges import LISTED

# -- values --------------------------------------------------------------------------------------------------

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|[T ])")


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _none_is_blank(value: Any) -> Any:
    return "" if value is None else value


def _none_is_empty(value: Any) -> Any:
    return [] if value is None else value


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


def _day(value: Any) -> Any:
    """The calendar day as it stands in the text: converting zones first would move old rows by a day."""
    if not isinstance(value, str):
        return value
    if not _DATE.match(value):
        raise ValueError("a date is expected, such as 2026-03-01T12:00:00+00:00")
    return dt.date.fromisoformat(value[:10])


def _uuid(value: str) -> str:
    """Lower-cased; version bits are not looked at, as time-based ones with odd bits exist."""
    lowered = value.lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError("a uuid of 36 characters is expected")
    return lowered


def _filled(values: Any) -> Any:
    return [value for value in values if _blank_is_none(value) is not None] if isinstance(values, list) else values


def _measured(items: Any) -> Any:
    """Without those whose value is null: nothing was measured, which is not zero."""
    if not isinstance(items, list):
        return _none_is_empty(items)
    return [item for item in items if not (isinstance(item, dict) and "value" in item and item["value"] is None)]


Text = Annotated[str, AfterValidator(storable)]
MaybeText = Annotated[Text | None, BeforeValidator(_blank_is_none)]  # "" is how the API says nothing
PlainText = Annotated[Text, BeforeValidator(_none_is_blank)]  # "" has a meaning of its own
Names = Annotated[list[Text], BeforeValidator(_filled), BeforeValidator(_none_is_empty)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Day = Annotated[dt.date, BeforeValidator(_day)]
MaybeDay = Annotated[Day | None, BeforeValidator(_blank_is_none)]
Small = Annotated[int, Field(ge=-(2**31), lt=2**31), BeforeValidator(_not_bool)]
Big = Annotated[int, Field(ge=-(2**63), lt=2**63), BeforeValidator(_not_bool)]  # totals exceed 2^31
Share = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_not_bool)]

ListCount = Annotated[int, Field(ge=LISTED.low, le=LISTED.high), BeforeValidator(_not_bool)]

_Item = TypeVar("_Item")
Listed = Annotated[list[_Item], BeforeValidator(_none_is_empty)]
Measured = Annotated[list[_Item], BeforeValidator(_measured)]


class _Shape(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore", frozen=True
    )


# -- lists and platforms ---------------------------------------------------------------------------------------


class Page(_Shape):
    """Where a page stands in its list. `next` is a path with its query, None on the last page."""

    offset: ListCount = 0
    limit: ListCount | None = None
    next: MaybeText = None
    previous: MaybeText = None
    total: ListCount


class Platform(_Shape):
    """A platform's `name` for people and its `code` for paths."""

    name: Text
    code: Annotated[Text, Field(min_length=1)]


class PlatformList(_Shape):
    """Answer of `song_platforms`, `social_platforms` and `streaming_platforms`."""

    items: list[Platform]


# -- charts ----------------------------------------------------------------------------------------------------


class ChartLight(_Shape):
    """A chart of the catalogue. `country_code` and `city_name` are "" where the chart is worldwide or national.

    `max_results_count` is the chart's capacity, not what a ranking holds.
    """

    name: Text
    type: Annotated[Text, Field(min_length=1)] = "song"
    slug: Annotated[Text, Field(min_length=1)]
    platform: Annotated[Text, Field(min_length=1)]
    frequency: Annotated[Text, Field(min_length=1)]
    country_code: PlainText = ""
    country_name: PlainText = ""
    city_name: PlainText = ""
    max_results_count: Small | None = None
    web_url: MaybeText = None
    metric_type: MaybeText = Field(None, validation_alias=AliasPath("metric", "type"))
    metric_description: MaybeText = Field(None, validation_alias=AliasPath("metric", "description"))


class ChartList(_Shape):
    """Answer of `charts_by_platform`."""

    items: list[ChartLight]
    page: Page | None = None


class SongLight(_Shape):
    """A track as a ranking names it."""

    uuid: Uuid
    name: Text
    credit_name: MaybeText = None
    image_url: MaybeText = None


class RankingItem(_Shape):
    """One row of a ranking. `position` 0 means that the track left the chart; `old_position` 0 that it had none.

    `time_on_chart` is in days or weeks as `time_on_chart_unit` says (DOC, WOC).
    """

    song: SongLight
    position: Annotated[Small, Field(ge=0)]
    position_evolution: Small | None = None
    metric: Big | None = None
    entry_state: MaybeText = None
    entry_date: MaybeDay = None
    rank_date: MaybeDay = None
    old_position: Small | None = None
    time_on_chart: Small | None = None
    time_on_chart_unit: MaybeText = None


class RankingPage(_Shape):
    """Answer of `ranking_latest` and `ranking_at`. `stamp` is the ranking's time exactly as the API wrote it."""

    chart: ChartLight = Field(validation_alias=AliasPath("related", "chart"))
    date: Day = Field(validation_alias=AliasPath("related", "date"))
    stamp: Text = Field(validation_alias=AliasPath("related", "date"))
    items: list[RankingItem]
    page: Page


def _stamp(value: str) -> str:
    _day(value)
    return value


class AvailableRankings(_Shape):
    """Answer of `available_rankings`: the stamps in the API's own order and spelling."""

    chart: ChartLight | None = Field(
        None, validation_alias=AliasChoices(AliasPath("related", "chart"), AliasPath("related"))
    )
    stamps: list[Annotated[Text, AfterValidator(_stamp)]] = Field(validation_alias="items")
    page: Page | None = None

    @property
    def days(self) -> dict[dt.date, str]:
        """Day to stamp, in the order of days. Of two stamps on one day the later one counts."""
        return {dt.date.fromisoformat(stamp[:10]): stamp for stamp in sorted(self.stamps)}


# -- tracks and artists ------------------------------------------------------------------------------------------


class Genre(_Shape):
    """A root genre and those below it; `sub` often repeats the root. A bare string is a root."""

    root: Text
    sub: Names = []

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"root": value} if isinstance(value, str) else value


class Label(_Shape):
    """A record label; `type` is the major group's name or indie, as free text. A bare string is a name."""

    name: Text
    type: PlainText = ""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


Genres = Annotated[list[Genre], BeforeValidator(_filled), BeforeValidator(_none_is_empty)]
Labels = Annotated[list[Label], BeforeValidator(_filled), BeforeValidator(_none_is_empty)]


class Audio(_Shape):
    """Audio features: shares from 0 to 1, `key` -1..11, `loudness` in dB, `mode` 0 or 1. Each may be unknown."""

    acousticness: Share | None = None
    danceability: Share | None = None
    energy: Share | None = None
    instrumentalness: Share | None = None
    key: Small | None = None
    liveness: Share | None = None
    loudness: Share | None = None
    mode: Small | None = None
    speechiness: Share | None = None
    tempo: Share | None = None
    time_signature: Small | None = None
    valence: Share | None = None


class ArtistLight(_Shape):
    """An artist as a track names it."""

    uuid: Uuid
    slug: MaybeText = None
    name: Text
    app_url: MaybeText = None
    image_url: MaybeText = None


class Song(_Shape):
    """A track's metadata. `duration` in seconds; `iswcs` and `main_artists` are None in older answers."""

    uuid: Uuid
    name: Text
    isrc: MaybeText = Field(None, validation_alias=AliasChoices(AliasPath("isrc", "value"), "isrc"))
    isrc_country: MaybeText = Field(None, validation_alias=AliasPath("isrc", "countryCode"))
    iswcs: list[Text] | None = None
    credit_name: MaybeText = None
    artists: Listed[ArtistLight] = []
    main_artists: list[ArtistLight] | None = None
    release_date: MaybeDay = None
    copyright: MaybeText = None
    app_url: MaybeText = None
    image_url: MaybeText = None
    preview_url: MaybeText = None
    duration: Small | None = None
    explicit: bool | None = None
    genres: Genres = []
    composers: Names = []
    producers: Names = []
    labels: Labels = []
    audio: Audio | None = None
    language_code: MaybeText = None
    distributor: MaybeText = None

    @model_validator(mode="before")
    @classmethod
    def _older_label(cls, value: Any) -> Any:
        """Before v2.25 there was one `label`, a string."""
        if isinstance(value, dict) and value.get("labels") is None and value.get("label"):
            return {**value, "labels": [value["label"]]}
        return value


class Artist(_Shape):
    """An artist's metadata. `biography` is HTML as the API wrote it: data, never markup to trust."""

    uuid: Uuid
    slug: MaybeText = None
    name: Text
    app_url: MaybeText = None
    web_url: MaybeText = None
    image_url: MaybeText = None
    country_code: MaybeText = None
    city_name: MaybeText = None
    genres: Genres = []
    biography: MaybeText = None
    isni: MaybeText = None
    ipi: MaybeText = None
    gender: MaybeText = None
    type: MaybeText = None
    birth_date: MaybeDay = None
    career_stage: MaybeText = None
    growth_level: MaybeText = None


# -- audience ------------------------------------------------------------------------------------------------------


class AudiencePlot(_Shape):
    """The total to date of one release of the track."""

    identifier: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(storable)]
    value: Big


class SongAudienceItem(_Shape):
    """All releases on one day; perhaps none."""

    date: Day
    plots: Measured[AudiencePlot] = []


class SongAudience(_Shape):
    """Answer of `song_audience`, in no order to rely on."""

    items: list[SongAudienceItem]
    page: Page | None = None


class ArtistAudienceItem(_Shape):
    """The counters of one day; None where a counter does not apply."""

    date: Day
    like_count: Big | None = None
    follower_count: Big | None = None
    following_count: Big | None = None
    post_count: Big | None = None
    view_count: Big | None = None


class ArtistAudience(_Shape):
    """Answer of `artist_audience`. `last_crawl_date` may be far newer than the last item."""

    items: list[ArtistAudienceItem]
    last_crawl_date: MaybeDay = Field(None, validation_alias=AliasPath("related", "lastCrawlDate"))
    page: Page | None = None


class ListeningItem(_Shape):
    """Listeners of the month that ends on `date`."""

    date: Day
    value: Big


class Listening(_Shape):
    """Answer of `artist_listening`."""

    items: Measured[ListeningItem]
    page: Page | None = None


class LocatedPlot(_Shape):
    """The value of a city, or of a country: then the sum of the listed cities only, with `city_name` "".

    The same city's name may stand twice on a day.
    """

    value: Big
    country_code: PlainText = ""
    country_name: PlainText = ""
    region: PlainText = ""
    city_name: PlainText = ""


class LocatedItem(_Shape):
    """One day: the value everywhere, and on about one day a month where it comes from."""

    date: Day
    value: Big | None = None
    city_plots: Measured[LocatedPlot] = []
    country_plots: Measured[LocatedPlot] = []


class Located(_Shape):
    """Answer of `artist_local_followers` and `artist_local_streaming`."""

    items: list[LocatedItem]
    page: Page | None = None


class Radio(_Shape):
    """A station; `reach` is its audience."""

    slug: Annotated[Text, Field(min_length=1)]
    name: Text
    country_code: MaybeText = None
    country_name: MaybeText = None
    city_name: MaybeText = None
    time_zone: MaybeText = None
    reach: Big | None = None
    image_url: MaybeText = None


class BroadcastGroup(_Shape):
    """Spins of one station over the whole range asked for."""

    play_count: Small
    radio: Radio


class BroadcastGroups(_Shape):
    """Answer of `song_broadcast_groups`."""

    items: list[BroadcastGroup]
    page: Page | None = None


# -- from answer to model --------------------------------------------------------------------------------------------

Model = TypeVar("Model", bound=BaseModel)

_SINGLE = (Song, Artist)
_SHOWN = 60


def parse(model: type[Model], answer: Answer) -> Model:
    """The answer as `model`. Raises `ContractBroken` with the endpoint, the field (`items.3.song.uuid`) and the body.

    The error has no `calls`: those are the answer's, and must not be recorded twice.
    """
    if issubclass(model, _SINGLE):
        return _validate(model, answer.data.get("object"), answer, "object")
    return _validate(model, answer.data, answer)


def parse_batch(model: type[Model], answer: Answer, uuids: Iterable[str]) -> dict[str, Model | ChartlineError]:
    """What the answer says of each uuid asked for, matched by uuid: a model, `NotFound` or `ContractBroken`.

    The single envelope is read as a batch of one. Raises `ContractBroken` when there is neither object nor items.
    """
    found: dict[str, Model | ChartlineError] = {}
    nameless: ContractBroken | None = None
    for where, item in _batch_items(answer):
        try:
            uuid = _uuid(str(item["uuid"]))
        except (KeyError, TypeError, ValueError):
            got = item.get("uuid") if isinstance(item, dict) else item
            nameless = _broken(answer, f"{where}.uuid", "a uuid is expected", got)
            continue
        try:
            found[uuid] = _validate(model, item, answer, where)
        except ContractBroken as broken:
            found[uuid] = broken
    return {uuid: found.get(uuid.lower()) or nameless or _left_out(answer, uuid) for uuid in uuids}


def _batch_items(answer: Answer) -> list[tuple[str, Any]]:
    if isinstance(items := answer.data.get("items"), list):
        return [(f"items.{index}", item) for index, item in enumerate(items)]
    if isinstance(single := answer.data.get("object"), dict):
        return [("object", single)]
    raise _broken(answer, "items", "a list is expected", answer.data.get("items"))


def _left_out(answer: Answer, uuid: str) -> NotFound:
    return NotFound(f"Soundcharts left {uuid} out of its answer of {answer.endpoint}: it does not know it.")


def _validate(model: type[Model], value: Any, answer: Answer, *prefix: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False)[0]
        place = ".".join([*prefix, *(str(part) for part in first["loc"])])
        got = "nothing" if first["type"] == "missing" else first["input"]
        raise _broken(answer, place, first["msg"], got, missing=first["type"] == "missing") from None


def _broken(answer: Answer, place: str, expected: str, got: Any, *, missing: bool = False) -> ContractBroken:
    text = repr(got)
    shown = "nothing" if missing else f"{type(got).__name__} {text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}"
    return ContractBroken(
        f"Soundcharts broke its contract in {answer.endpoint} at {place}: {expected}; got {shown}.",
        endpoint=answer.endpoint,
        field=place,
        body=answer.body,
        advice="The raw answer is kept; the API may have changed its shape.",
    )
