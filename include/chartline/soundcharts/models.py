"""The shapes of the API's answers: snake_case attributes, the API's own names as aliases.

Unknown fields are ignored (the raw answer keeps them), newer fields may be missing, older shapes are read too. What is
optional and cannot be read is left out and counted (`lenient.py`, `drift.py`). What is left is the contract: an answer
that does not keep it is refused by endpoint and field.
Numbers, days and keys have the ranges that `ranges.py` states.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from chartline.domain.ranges import DATES, DAYS, KEY_LENGTH, LISTED, TOTAL, WHOLE, within
from chartline.errors import ChartlineError, ContractBroken, Moved, storable
from chartline.soundcharts import drift
from chartline.soundcharts.calls import Answer
from chartline.soundcharts.lenient import ESSENTIAL, Each, at, read
from chartline.wording import shown

# -- values --------------------------------------------------------------------------------------------------

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?=$|[T ])")
_PARTS = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?(?=$|[T ])")


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _none_is_blank(value: Any) -> Any:
    return "" if value is None else value


def _none_is_empty(value: Any) -> Any:
    return [] if value is None else value


def _says_nothing(value: Any) -> bool:
    return _blank_is_none(value) is None


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


def _in_range(day: dt.date) -> dt.date:
    return within(day, *DAYS)


Precision = Literal["year", "month", "day"]


def _dated(value: Any) -> tuple[dt.date, Precision] | None:
    """A date as far as it is told: 1965, 1965-05 (or 1965-05-00) and 1965-05-12 are read; None where nothing is."""
    if _says_nothing(value):
        return None
    if isinstance(value, dt.date):
        return value, "day"
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    parts = _PARTS.match(text) if isinstance(text, str) else None
    if not parts:
        raise ValueError("a date is expected, such as 2026-03-01, 2026-03 or 2026")
    year, month, day = (int(part or 0) for part in parts.groups())
    if day and not month:
        raise ValueError("a day of no month is no date")
    date = within(dt.date(year, month or 1, day or 1), *DATES)
    return date, "day" if day else "month" if month else "year"


def _date(value: Any) -> Any:
    dated = _dated(value)
    return dated[0] if dated else None


def _precision(value: Any, info: ValidationInfo) -> Any:
    """How much of a date is given; an incomplete one is reported (to the context), as it is odd."""
    dated = _dated(value)
    if dated and dated[1] != "day" and info.context is not None:
        info.context.append(info.field_name)
    return dated[1] if dated else None


def _time(value: Any) -> Any:
    """A time as told, UTC where no zone is."""
    if value is None or isinstance(value, dt.datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time is expected, such as 2026-03-01T12:00:00+00:00")
    time = dt.datetime.fromisoformat(value)
    _in_range(time.date())
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _uuid(value: str) -> str:
    """Lower-cased; version bits are not looked at, as time-based ones with odd bits exist."""
    lowered = value.lower()
    if not _UUID.fullmatch(lowered):
        raise ValueError("a uuid of 36 characters is expected")
    return lowered


def _seen(value: str) -> str:
    """Of printable characters alone: names stand in logs, and in a line of others."""
    if not value.isprintable():
        raise ValueError("printable characters are expected")
    return value


def _not_measured(item: Any) -> bool:
    """Whether its value is null: nothing was measured, which is not zero."""
    return isinstance(item, dict) and "value" in item and item["value"] is None


Text = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(storable)]
Key = Annotated[  # names a thing, in an index
    Text, Field(min_length=KEY_LENGTH.low, max_length=KEY_LENGTH.high), AfterValidator(_seen)
]
MaybeText = Annotated[Text | None, BeforeValidator(_blank_is_none)]  # "" is how the API says nothing
PlainText = Annotated[Text, BeforeValidator(_none_is_blank)]  # "" has a meaning of its own
Names = Annotated[list[Text], Each(_says_nothing, spare=True), BeforeValidator(_none_is_empty)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Day = Annotated[dt.date, AfterValidator(_in_range), BeforeValidator(_day)]
MaybeDate = Annotated[dt.date | None, BeforeValidator(_date)]  # its first day, where a month or a year is told
MaybePrecision = Annotated[Precision | None, BeforeValidator(_precision)]
MaybeTime = Annotated[dt.datetime | None, BeforeValidator(_time), BeforeValidator(_blank_is_none)]
Small = Annotated[int, Field(ge=WHOLE.low, le=WHOLE.high), BeforeValidator(_not_bool)]
Big = Annotated[int, Field(ge=TOTAL.low, le=TOTAL.high), BeforeValidator(_not_bool)]
Share = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_not_bool)]

ListCount = Annotated[int, Field(ge=LISTED.low, le=LISTED.high), BeforeValidator(_not_bool)]

_Item = TypeVar("_Item")
Listed = Annotated[list[_Item], Each(_says_nothing, spare=True), BeforeValidator(_none_is_empty)]
Measured = Annotated[list[_Item], Each(_not_measured), BeforeValidator(_none_is_empty), ESSENTIAL]


class _Shape(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore", frozen=True
    )


# -- lists and platforms ---------------------------------------------------------------------------------------


class PageInfo(_Shape):
    """Where a page stands in its list. `next` is a path with its query, None on the last page."""

    offset: ListCount = 0
    limit: ListCount | None = None
    next: MaybeText = None
    previous: MaybeText = None
    total: ListCount


class Platform(_Shape):
    """A platform's `name` for people and its `code` for paths."""

    name: Text
    code: Key


class PlatformList(_Shape):
    """Answer of `song_platforms`, `social_platforms` and `streaming_platforms`."""

    items: Annotated[list[Platform], Each(_says_nothing, spare=True)]


# -- charts ----------------------------------------------------------------------------------------------------


class ChartLight(_Shape):
    """A chart of the catalogue. `country_code` and `city_name` are "" where the chart is worldwide or national.

    `max_results_count` is the chart's capacity, not what a ranking holds.
    """

    name: PlainText = ""
    type: Key = "song"
    slug: Key
    platform: Key
    frequency: Key
    country_code: PlainText = ""
    country_name: PlainText = ""
    city_name: PlainText = ""
    max_results_count: Small | None = None
    web_url: MaybeText = None
    metric_type: MaybeText = Field(None, validation_alias=AliasPath("metric", "type"))
    metric_description: MaybeText = Field(None, validation_alias=AliasPath("metric", "description"))

    def asked_as(self, slug: str) -> ChartLight:
        """The same under the slug by which it was asked."""
        return self.model_copy(update={"slug": slug})


class ChartList(_Shape):
    """Answer of `charts_by_platform`."""

    items: Annotated[list[ChartLight], Each(_says_nothing, spare=True)]
    page: PageInfo | None = None


class SongLight(_Shape):
    """A track as a ranking names it."""

    uuid: Uuid
    name: PlainText = ""
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
    entry_date: MaybeDate = None
    entry_date_precision: MaybePrecision = Field(None, validation_alias="entryDate")
    rank_date: MaybeDate = None
    rank_date_precision: MaybePrecision = Field(None, validation_alias="rankDate")
    old_position: Small | None = None
    time_on_chart: Small | None = None
    time_on_chart_unit: MaybeText = None


class RankingPage(_Shape):
    """Answer of `ranking_latest` and `ranking_at`. `stamp` is the ranking's time exactly as the API wrote it."""

    chart: ChartLight = Field(validation_alias=AliasPath("related", "chart"))
    date: Day = Field(validation_alias=AliasPath("related", "date"))
    stamp: Text = Field(validation_alias=AliasPath("related", "date"))
    items: list[RankingItem]
    page: PageInfo

    def asked_as(self, slug: str) -> RankingPage:
        """The same for the chart that was asked: the API may answer with its new slug."""
        return self if self.chart.slug == slug else self.model_copy(update={"chart": self.chart.asked_as(slug)})


def _stamp(value: str) -> str:
    _in_range(_day(value))
    return value


class AvailableRankings(_Shape):
    """Answer of `available_rankings`: the stamps in the API's own order and spelling."""

    chart: ChartLight | None = Field(
        None, validation_alias=AliasChoices(AliasPath("related", "chart"), AliasPath("related"))
    )
    stamps: Annotated[list[Annotated[Text, AfterValidator(_stamp)]], Each(_says_nothing, spare=True)] = Field(
        validation_alias="items"
    )
    page: PageInfo | None = None

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
    name: PlainText = ""
    app_url: MaybeText = None
    image_url: MaybeText = None


class Song(_Shape):
    """A track's metadata. `duration` in seconds; `iswcs` and `main_artists` are None in older answers."""

    uuid: Uuid
    name: Text  # an answer about a track that does not even name it is of another shape
    isrc: MaybeText = Field(None, validation_alias=AliasChoices(AliasPath("isrc", "value"), "isrc"))
    isrc_country: MaybeText = Field(None, validation_alias=AliasPath("isrc", "countryCode"))
    iswcs: Annotated[list[Text], Each(_says_nothing, spare=True)] | None = None
    credit_name: MaybeText = None
    artists: Listed[ArtistLight] = []
    main_artists: Annotated[list[ArtistLight], Each(_says_nothing, spare=True)] | None = None
    release_date: MaybeDate = None
    release_date_precision: MaybePrecision = Field(None, validation_alias="releaseDate")
    copyright: MaybeText = None
    app_url: MaybeText = None
    image_url: MaybeText = None
    preview_url: MaybeText = None
    duration: Small | None = None
    explicit: bool | None = None
    genres: Listed[Genre] = []
    composers: Names = []
    producers: Names = []
    labels: Listed[Label] = []
    audio: Audio | None = None
    language_code: MaybeText = None
    distributor: MaybeText = None

    @model_validator(mode="before")
    @classmethod
    def _older_label(cls, value: Any) -> Any:
        """Before v2.25 there was one `label`, a string."""
        if isinstance(value, dict) and value.get("labels") is None and isinstance(value.get("label"), str):
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
    genres: Listed[Genre] = []
    biography: MaybeText = None
    isni: MaybeText = None
    ipi: MaybeText = None
    gender: MaybeText = None
    type: MaybeText = None
    birth_date: MaybeDate = None
    birth_date_precision: MaybePrecision = Field(None, validation_alias="birthDate")
    career_stage: MaybeText = None
    growth_level: MaybeText = None


# -- audience ------------------------------------------------------------------------------------------------------


class Dated(_Shape):
    """A series, in no order to rely on. `last_crawled_at`: when Soundcharts itself last read the platform, which may be
    far newer than the last item."""

    items: Sequence[Any]
    last_crawled_at: MaybeTime = Field(None, validation_alias=AliasPath("related", "lastCrawlDate"))
    page: PageInfo | None = None


class AudiencePlot(_Shape):
    """The total to date of one release of the track."""

    identifier: Annotated[Text, Field(max_length=KEY_LENGTH.high)]
    value: Big


class SongAudienceItem(_Shape):
    """All releases on one day; perhaps none."""

    date: Day
    plots: Measured[AudiencePlot] = []


class SongAudience(Dated):
    """Answer of `song_audience`."""

    items: list[SongAudienceItem]


class ArtistAudienceItem(_Shape):
    """The counters of one day; None where a counter does not apply."""

    date: Day
    like_count: Big | None = None
    follower_count: Big | None = None
    following_count: Big | None = None
    post_count: Big | None = None
    view_count: Big | None = None


class ArtistAudience(Dated):
    """Answer of `artist_audience`."""

    items: list[ArtistAudienceItem]


class ListeningItem(_Shape):
    """Listeners of the month that ends on `date`."""

    date: Day
    value: Big


class Listening(Dated):
    """Answer of `artist_listening`."""

    items: Measured[ListeningItem]


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


class Located(Dated):
    """Answer of `artist_local_followers` and `artist_local_streaming`."""

    items: list[LocatedItem]


class Radio(_Shape):
    """A station; `reach` is its audience."""

    slug: Key
    name: PlainText = ""
    country_code: MaybeText = None
    country_name: MaybeText = None
    city_name: MaybeText = None
    time_zone: MaybeText = None
    reach: Big | None = None
    image_url: MaybeText = None


class BroadcastGroup(_Shape):
    """Plays of one station over the whole range asked for."""

    play_count: Small
    radio: Radio


class BroadcastGroups(_Shape):
    """Answer of `song_broadcast_groups`."""

    items: list[BroadcastGroup]
    page: PageInfo | None = None


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


@dataclass(frozen=True, slots=True)
class BatchAnswer(Generic[Model]):
    """What an answer says of the uuids asked for. `told`: of each that it tells of, a model or why there is none.
    `left_out`: those that it says nothing of. `short`: its own total is of more than came."""

    told: dict[str, Model | ChartlineError]
    left_out: list[str]
    short: bool


def parse_batch(model: type[Model], answer: Answer, uuids: Iterable[str]) -> BatchAnswer[Model]:
    """What the answer says of each uuid asked for, matched by uuid: a model, `ContractBroken`, `Moved`, or nothing.

    Left out of an answer about several, a uuid is unknown, known under another uuid, or was lost on the way: only
    asked alone is it told which. The single envelope is read as a batch of one. Raises `ContractBroken` when there is
    neither object nor items.
    """
    by_uuid: dict[str, Model | ChartlineError] = {}
    nameless: list[ContractBroken] = []
    for where, item in _batch_items(answer):
        try:
            uuid = _uuid(_text(item["uuid"]))
        except (KeyError, TypeError, ValueError):
            got = item.get("uuid") if isinstance(item, dict) else item
            nameless.append(_broken(answer, f"{where}.uuid", "a uuid is expected", got))
            continue
        try:
            by_uuid[uuid] = _validate(model, item, answer, where)
        except ContractBroken as broken:
            by_uuid[uuid] = broken
    asked = list(uuids)
    told = {uuid: by_uuid[uuid.lower()] for uuid in asked if uuid.lower() in by_uuid}
    missing = [uuid for uuid in asked if uuid not in told]
    others = [uuid for uuid in by_uuid if uuid not in {one.lower() for one in asked}]
    short = _total(answer) > len(by_uuid) + len(nameless)
    if nameless and len(missing) <= len(nameless):
        told |= dict.fromkeys(missing, nameless[0])
    elif len(missing) == 1 and others and not (short and len(asked) > 1):
        told[missing[0]] = _moved(answer, missing[0], others)
    return BatchAnswer(told, [uuid for uuid in missing if uuid not in told], short)


def _batch_items(answer: Answer) -> list[tuple[str, Any]]:
    if isinstance(items := answer.data.get("items"), list):
        return [(f"items.{index}", item) for index, item in enumerate(items)]
    if isinstance(single := answer.data.get("object"), dict):
        return [("object", single)]
    raise _broken(answer, "items", "a list is expected", answer.data.get("items"))


def _total(answer: Answer) -> int:
    """How many the answer says there are; 0 where it does not say, or not so that it can be read."""
    try:
        return PageInfo.model_validate(answer.data.get("page")).total
    except ValidationError:
        return 0


def _moved(answer: Answer, uuid: str, others: list[str]) -> Moved:
    """Known under another uuid: the answer names one that was not asked for."""
    one = len(others) == 1
    return Moved(
        f"Soundcharts answered {answer.endpoint} of {uuid} with another uuid: {'' if one else 'one of '}"
        f"{', '.join(others)}.",
        to=others[0] if one else "",
        advice="The rankings to come name the new one.",
    )


def _validate(model: type[Model], value: Any, answer: Answer, *prefix: str) -> Model:
    told_in_part: list[str] = []
    try:
        parsed = read(
            model, value, lambda place, was: drift.note(answer, "unread", (*prefix, *place), was), told_in_part
        )
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False)[0]
        missing = first["type"] == "missing"
        got = "nothing" if missing else first["input"]
        drift.note(answer, "refused", (*prefix, *first["loc"]), at(value, first["loc"]))
        place = ".".join([*prefix, *(str(part) for part in first["loc"])])
        raise _broken(answer, place, first["msg"], got, missing=missing) from None
    if told_in_part:
        for where, told in _in_part(parsed, prefix):
            drift.note(answer, "in_part", where, told)
    return parsed


def _in_part(dates: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The dates of which only the year or the month is told, and which of the two."""
    if isinstance(dates, list):
        for number, element in enumerate(dates):
            yield from _in_part(element, (*place, number))
    elif isinstance(dates, BaseModel):
        for name, value in dates:
            if name.endswith("_precision"):
                if value in ("year", "month"):
                    yield (*place, to_camel(name.removesuffix("_precision"))), value
            else:
                yield from _in_part(value, (*place, to_camel(name)))


def _broken(answer: Answer, place: str, expected: str, got: Any, *, missing: bool = False) -> ContractBroken:
    what = "nothing" if missing else f"{type(got).__name__} {shown(got, _SHOWN)}"
    return ContractBroken(
        f"Soundcharts broke its contract in {answer.endpoint} at {place}: {expected}; got {what}.",
        endpoint=answer.endpoint,
        field=place,
        body=answer.body,
        advice="The raw answer is kept; the API may have changed its shape.",
    )
