"""Client and simulator, over the wire: every endpoint of the table, every login, every named failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from chartline.errors import (
    ChartlineError,
    CredentialsRefused,
    CutAnswer,
    NotFound,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    ShortAnswer,
    UnsupportedPlatform,
)
from chartline.soundcharts import endpoints, models
from chartline.soundcharts.calls import Answer, Call
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import ENDPOINTS, Endpoint
from chartline.soundcharts.limiter import NoLimiter
from simulator.oddities import NATURAL

from .conftest import Simulator

CHART = "demo-global-daily"
UNKNOWN = "ffffffff-ffff-4fff-bfff-ffffffffffff"

MODELS: dict[str, type[BaseModel]] = {
    "song_platforms": models.PlatformList,
    "charts_by_platform": models.ChartList,
    "ranking_latest": models.RankingPage,
    "ranking_at": models.RankingPage,
    "available_rankings": models.AvailableRankings,
    "song": models.Song,
    "artist": models.Artist,
    "song_audience": models.SongAudience,
    "song_broadcast_groups": models.BroadcastGroups,
    "artist_audience": models.ArtistAudience,
    "artist_broadcast_groups": models.BroadcastGroups,
    "artist_listening": models.Listening,
    "artist_local_followers": models.Located,
    "artist_local_streaming": models.Located,
    "social_platforms": models.PlatformList,
    "streaming_platforms": models.PlatformList,
}
FACETS = {
    "song_audience": "spotify",
    "artist_audience": "instagram",
    "artist_listening": "spotify",
    "artist_local_followers": "instagram",
    "artist_local_streaming": "spotify",
}
SPAN = {"startDate": "2026-09-01", "endDate": "2026-11-15"}


def entity_of(name: str, simulator: Simulator) -> str:
    if name in ("ranking_latest", "ranking_at", "available_rankings"):
        return CHART
    if name == "charts_by_platform":
        return "spotify"
    if name.startswith("song") and name != "song_platforms":
        return simulator.tracks()[0]
    return simulator.artists()[0] if name.startswith("artist") else ""


def ask(client: Any, simulator: Any, name: str) -> Any:
    facet = FACETS.get(name, "")
    if name == "ranking_at":
        calendar = models.parse(models.AvailableRankings, client.get(endpoints.AVAILABLE_RANKINGS, CHART))
        facet = calendar.stamps[-1]
    query = SPAN if "audience" in name or "listening" in name or "local" in name or "broadcast" in name else {}
    return client.get(ENDPOINTS[name], entity_of(name, simulator), facet, query)


def test_every_endpoint_of_the_table_has_a_model_but_the_usage() -> None:
    assert MODELS.keys() == ENDPOINTS.keys() - {"team_usage"}


@pytest.mark.parametrize("name", MODELS)
def test_every_endpoint_is_asked_and_read(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], name: str
) -> None:
    answer = ask(client_of(), simulator, name)
    read: Any = models.parse(MODELS[name], answer)
    assert answer.calls[-1].status == 200
    assert answer.calls[-1].quota_left is not None
    if isinstance(read, models.Song | models.Artist):
        assert read.uuid == entity_of(name, simulator)
        return
    got = read.stamps if isinstance(read, models.AvailableRankings) else read.items
    assert len(got) == len(answer.data["items"]) > 0


@pytest.mark.parametrize("oddity", sorted(NATURAL))
def test_every_oddity_is_survived_by_every_endpoint(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], oddity: str
) -> None:
    simulator.configure(oddities=[oddity])
    client = client_of()
    for name, model in MODELS.items():
        models.parse(model, ask(client, simulator, name))


def test_all_oddities_at_once(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    simulator.configure(oddities=sorted(NATURAL))
    client = client_of()
    for name, model in MODELS.items():
        models.parse(model, ask(client, simulator, name))


def test_usage_is_free(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    client = client_of()
    before = client.get(endpoints.TEAM_USAGE).calls[0].quota_left
    assert client.get(endpoints.TEAM_USAGE).calls[0].quota_left == before


# -- rankings and lists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("oddities", [[], ["position_zero"], ["entry_minutes", "entry_state", "no_errors_key"]])
def test_a_ranking_equals_the_truth(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], oddities: list[Any]
) -> None:
    simulator.configure(oddities=oddities)
    ranking = client_of().ranking(CHART)
    entries = [item for page in ranking.pages for item in page.items if item.position]
    assert [entry.song.uuid for entry in entries] == list(simulator.tracks())
    assert len(entries) == ranking.total


def test_an_older_ranking_by_its_stamp(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    client = client_of()
    answers = client.pages(endpoints.AVAILABLE_RANKINGS, CHART)
    stamps = {
        day: stamp for answer in answers for day, stamp in models.parse(models.AvailableRankings, answer).days.items()
    }
    day = sorted(stamps)[-30]
    ranking = client.ranking(CHART, stamps[day])
    assert ranking.day == day
    entries = [item.song.uuid for page in ranking.pages for item in page.items]
    assert entries == list(simulator.world.tracks_of(CHART, day))


def test_all_pages_of_a_long_list(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    answers = client_of().pages(endpoints.AVAILABLE_RANKINGS, CHART)
    assert len(answers) > 1
    stamps = [stamp for answer in answers for stamp in models.parse(models.AvailableRankings, answer).stamps]
    assert len(stamps) == len(set(stamps)) == answers[0].data["page"]["total"]


# -- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("endpoint", "model"), [(endpoints.SONG, models.Song), (endpoints.ARTIST, models.Artist)])
def test_a_batch_of_ten_with_one_that_nobody_knows(
    simulator: Simulator,
    client_of: Callable[..., SoundchartsClient],
    endpoint: Endpoint,
    model: type[models.Song] | type[models.Artist],
) -> None:
    known = (simulator.tracks() if endpoint is endpoints.SONG else simulator.artists())[:9]
    asked = [*known[:4], UNKNOWN, *known[4:]]
    answer = client_of().get(endpoint, ",".join(asked))
    found = models.parse_batch(model, answer, asked)
    assert (found.left_out, found.short) == ([UNKNOWN], False)
    assert list(found.told) == list(known)
    assert all(isinstance(value, model) and value.uuid == uuid for uuid, value in found.told.items())
    assert len(answer.calls) == 1


def test_a_batch_of_one(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    uuid = simulator.tracks()[0]
    found = models.parse_batch(models.Song, client_of().get(endpoints.SONG, uuid), [uuid])
    song = found.told[uuid]
    assert isinstance(song, models.Song)
    assert song.uuid == uuid


# -- logins ---------------------------------------------------------------------------------------------------------


def oauth(simulator: Any) -> dict[str, Any]:
    return {"auth": "oauth", "login": "some-client", "password": "some-secret",
            "token_url": f"{simulator.url}/oauth/token"}  # fmt: skip


def test_oauth_with_a_team(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    simulator.configure(teams=["team-1", "team-2"])
    client = client_of(**oauth(simulator), team_id="team-2")
    assert client.get(endpoints.SONG_PLATFORMS).data["items"]


@pytest.mark.parametrize("wrong", [{"password": "no-secret"}, {"login": "no-client"}, {"team_id": "no-team"}])
def test_wrong_oauth_credentials_stop_without_a_call(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], wrong: dict[str, str]
) -> None:
    with pytest.raises(CredentialsRefused, match="connection soundcharts") as refused:
        client_of(**(oauth(simulator) | wrong)).get(endpoints.SONG_PLATFORMS)
    assert refused.value.calls == ()


def test_wrong_keys_stop_after_one_call(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    simulator.configure(key_pairs={"some-app": "another-key"})
    with pytest.raises(CredentialsRefused) as refused:
        client_of().get(endpoints.SONG_PLATFORMS)
    assert [call.status for call in refused.value.calls] == [401]


def test_a_token_that_ends_in_mid_run_is_renewed_for_all_threads(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient]
) -> None:
    client = client_of(**oauth(simulator))
    client.get(endpoints.SONG_PLATFORMS)
    simulator.configure(faults=[{"kind": "expired_token", "share": 1, "times": 1}])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda uuid: client.get(endpoints.SONG, uuid), simulator.tracks()[:12]))
    statuses = Counter(call.status for answer in answers for call in answer.calls)
    assert statuses[200] == 12
    assert 1 <= statuses[401] <= 4


# -- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404])
def test_an_unsupported_platform_is_not_a_missing_song(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], status: int
) -> None:
    simulator.configure(invalid_platform_song=status, invalid_platform_artist=status)
    client, track, artist = client_of(), simulator.tracks()[0], simulator.artists()[0]
    for endpoint, entity, facet in (
        (endpoints.SONG_AUDIENCE, track, "airplay"),
        (endpoints.SONG_AUDIENCE, track, "apple-music"),
        (endpoints.ARTIST_AUDIENCE, artist, "shazam"),
        (endpoints.ARTIST_LISTENING, artist, "tiktok"),
    ):
        with pytest.raises(UnsupportedPlatform):
            client.pages(endpoint, entity, facet, SPAN)


@pytest.mark.parametrize(
    ("endpoint", "entity", "facet"),
    [
        (endpoints.SONG, UNKNOWN, ""),
        (endpoints.ARTIST, UNKNOWN, ""),
        (endpoints.SONG_AUDIENCE, UNKNOWN, "spotify"),
        (endpoints.ARTIST_AUDIENCE, UNKNOWN, "spotify"),
        (endpoints.RANKING_LATEST, "no-such-chart", ""),
        (endpoints.AVAILABLE_RANKINGS, "no-such-chart", ""),
        (endpoints.RANKING_AT, CHART, "1999-01-01T12:00:00+00:00"),
    ],
)
def test_what_nobody_knows_is_not_found(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], endpoint: Endpoint, entity: str, facet: str
) -> None:
    with pytest.raises(NotFound):
        client_of().get(endpoint, entity, facet)


def test_a_wrong_request_is_refused(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    with pytest.raises(RequestRefused):
        client_of().get(endpoints.SONG_AUDIENCE, simulator.tracks()[0], "spotify", {"startDate": "soon"})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500}, ServerTrouble),
        ({"kind": "status", "status": 503}, ServerTrouble),
        ({"kind": "cut"}, CutAnswer),
        ({"kind": "malformed"}, CutAnswer),
    ],
)
def test_faults_of_the_server_pass_or_are_named(
    simulator: Simulator,
    client_of: Callable[..., SoundchartsClient],
    fault: dict[str, Any],
    error: type[ChartlineError],
) -> None:
    simulator.configure(faults=[{"share": 1, "times": 2, **fault}])
    answer = client_of().get(endpoints.SONG_PLATFORMS)
    assert [call.error_kind for call in answer.calls] == [error.kind, error.kind, None]

    simulator.configure(faults=[{"share": 1, **fault}])
    with pytest.raises(error) as raised:
        client_of().get(endpoints.SONG_PLATFORMS)
    assert len(raised.value.calls) == 4


@pytest.mark.parametrize("kind", ["short_page", "wrong_total"])
def test_a_list_that_is_not_whole_is_never_taken_for_it(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient], kind: str
) -> None:
    simulator.configure(faults=[{"kind": kind, "share": 1, "match": {"endpoint": "*ranking*"}}])
    with pytest.raises(ShortAnswer):
        client_of().pages(endpoints.AVAILABLE_RANKINGS, CHART)
    simulator.configure(faults=[{"kind": kind, "share": 1, "times": 1, "match": {"endpoint": "*ranking*"}}])
    ranking = client_of().ranking(CHART)
    assert {item.song.uuid for page in ranking.pages for item in page.items} == set(simulator.tracks())


def test_a_total_that_stays_wrong_is_no_ranking(
    simulator: Simulator, client_of: Callable[..., SoundchartsClient]
) -> None:
    simulator.configure(faults=[{"kind": "wrong_total", "share": 1, "match": {"endpoint": "*ranking*"}}])
    with pytest.raises(ShortAnswer, match=CHART):
        client_of().ranking(CHART)


class Pauses(NoLimiter):
    """Notes pauses and does not keep them."""

    def __init__(self) -> None:
        super().__init__(sleep=lambda seconds: None)
        self.noted: list[float] = []

    def pause(self, seconds: float) -> None:
        self.noted.append(seconds)


def test_the_two_kinds_of_429(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    simulator.configure(rate_limit_per_minute=2)
    limiter = Pauses()
    client = client_of(limiter)
    client.get(endpoints.SONG_PLATFORMS)
    client.get(endpoints.SONG_PLATFORMS)
    with pytest.raises(RateLimited) as limited:
        client.get(endpoints.SONG_PLATFORMS)
    assert 1 < limited.value.after <= 61
    assert limiter.noted
    simulator.configure(rate_limit_per_minute=5000, quota=1)
    client.get(endpoints.SONG_PLATFORMS)
    with pytest.raises(QuotaSpent) as spent:
        client.get(endpoints.SONG_PLATFORMS)
    assert len(spent.value.calls) == 1


def test_calls_recorded_are_calls_counted(simulator: Simulator, client_of: Callable[..., SoundchartsClient]) -> None:
    """Through faults, pages and batches: the records hold what the other side saw, no more and no less."""
    simulator.configure(faults=[{"kind": "status", "status": 503, "share": 0.2}, {"kind": "cut", "share": 0.1}])
    client = client_of()
    calls: list[Call] = []
    wishes: list[Callable[[], Sequence[Answer]]] = [
        lambda: client.ranking(CHART).answers,
        lambda: client.pages(endpoints.AVAILABLE_RANKINGS, CHART),
        lambda: [client.get(endpoints.SONG, ",".join(simulator.tracks()[:10]))],
        *[partial(client.pages, endpoints.SONG_AUDIENCE, uuid, "spotify", SPAN) for uuid in simulator.tracks()[:15]],
        lambda: client.pages(endpoints.SONG_AUDIENCE, UNKNOWN, "spotify"),
    ]
    for wish in wishes:
        try:
            calls += [call for answer in wish() for call in answer.calls]
        except ChartlineError as error:
            calls += error.calls
    counted = simulator.service.counts.summary()
    assert Counter(call.endpoint for call in calls) == {
        name: row["calls"] for name, row in counted["endpoints"].items()
    }
    assert {call.error_kind for call in calls} >= {None, "server_trouble", "not_found"}
