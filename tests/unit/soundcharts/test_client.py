"""The client against a small server on loopback: what is sent, paged, retried, counted and refused."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chartline.errors import (
    BadInput,
    ChartlineError,
    ContractBroken,
    CredentialsRefused,
    CutAnswer,
    Gone,
    Moved,
    NetworkTrouble,
    NotConfigured,
    NotFound,
    NotInPlan,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    ShortAnswer,
    UnsupportedPlatform,
)
from chartline.settings import Settings
from chartline.soundcharts import endpoints
from chartline.soundcharts.limiter import NoLimiter

from .conftest import Asked, Clients, LocalApi, Said

UUIDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(300)]
STAMP = "2026-03-01T12:00:00+00:00"


def complaint(status: int, message: str, key: str = "access") -> dict[str, Any]:
    return {"errors": [{"key": key, "code": status, "message": message}]}


class Recorder(NoLimiter):
    """A limiter that notes what it is asked and told."""

    def __init__(self) -> None:
        super().__init__(sleep=lambda seconds: None)
        self.acquired = 0
        self.learned: list[tuple[int | None, float | None]] = []
        self.paused: list[float] = []
        self.closed = False

    def acquire(self) -> None:
        self.acquired += 1

    def learn(self, remaining: int | None, reset: float | None) -> None:
        self.learned.append((remaining, reset))

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def close(self) -> None:
        self.closed = True


# -- what is sent --------------------------------------------------------------------------------------------


def test_an_answer_brings_data_body_path_and_its_call(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({"object": {"name": "Ünder & over"}}, headers={"x-quota-remaining": "812"}))
    before = datetime.now(UTC)
    answer = client_of().get(endpoints.SONG, UUIDS[1])
    assert answer.data == {"object": {"name": "Ünder & over"}}
    assert json.loads(answer.body) == answer.data
    assert (answer.endpoint, answer.path) == ("song", f"/api/v2.25/song/{UUIDS[1]}")
    (call,) = answer.calls
    assert (call.endpoint, call.entity, call.facet, call.status) == ("song", UUIDS[1], "", 200)
    assert (call.quota_left, call.error_kind, call.bytes) == (812, None, len(answer.body))
    assert before <= call.at <= answer.fetched_at
    assert call.at.tzinfo is UTC


def test_legacy_keys_go_in_headers_and_nothing_else_does(api: LocalApi, client_of: Clients) -> None:
    client_of().get(endpoints.TEAM_USAGE)
    headers = api.asked[0].headers
    assert (headers["x-app-id"], headers["x-api-key"]) == ("app-7-of-tests", "key-of-tests")
    assert headers["accept"] == "application/json"
    assert "authorization" not in headers


def test_a_netrc_file_is_not_taken_for_credentials(
    api: LocalApi, client_of: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client_of().get(endpoints.TEAM_USAGE)
    assert "authorization" not in api.asked[0].headers


def test_false_and_zero_are_sent_and_none_is_not(api: LocalApi, client_of: Clients) -> None:
    query = {"offset": 0, "currentOnly": False, "explicit": True, "sort": None, "startDate": date(2026, 3, 1)}
    answer = client_of().get(endpoints.SONG_AUDIENCE, UUIDS[1], "spotify", query)
    assert answer.path.endswith("?offset=0&currentOnly=false&explicit=true&startDate=2026-03-01")
    assert api.asked[0].path == answer.path


def test_the_plus_of_a_stamp_is_encoded_in_path_and_query(api: LocalApi, client_of: Clients) -> None:
    client_of().get(endpoints.RANKING_AT, "some-chart", STAMP, {"at": STAMP})
    assert "+" not in api.asked[0].path
    assert api.asked[0].path.count("%2B00%3A00") == 2


def test_commas_between_uuids_are_kept(api: LocalApi, client_of: Clients) -> None:
    client_of().get(endpoints.SONG, ",".join(UUIDS[:10]))
    assert api.asked[0].bare_path == f"/api/v2.25/song/{','.join(UUIDS[:10])}"


@pytest.mark.parametrize("entity", ["../team/usage", "a/b", "a?limit=1", "a#b", "a%2Fb", "a b", "ä"])
def test_an_entity_cannot_leave_its_place_in_the_path(api: LocalApi, client_of: Clients, entity: str) -> None:
    client_of().get(endpoints.AVAILABLE_RANKINGS, entity)
    path = api.asked[0].path
    assert path.startswith("/api/v2/chart/song/")
    assert path.endswith("/available-rankings")
    assert path.count("/") == 6
    assert "?" not in path
    assert "#" not in path


@pytest.mark.parametrize("entity", ["", ".", ".."])
def test_an_entity_that_no_path_can_hold_is_refused_before_any_call(
    api: LocalApi, client_of: Clients, entity: str
) -> None:
    with pytest.raises(BadInput) as refused:
        client_of().get(endpoints.SONG, entity)
    assert refused.value.field == "entity"
    assert api.asked == []


def test_a_base_url_may_have_a_path_of_its_own(api: LocalApi, client_of: Clients) -> None:
    client_of(base_url=f"{api.url}/gateway").get(endpoints.TEAM_USAGE)
    assert api.asked[0].path == "/gateway/api/v2/team/usage"


# -- connections and time ------------------------------------------------------------------------------------


def test_one_thread_keeps_one_connection_whatever_the_answers(api: LocalApi, client_of: Clients) -> None:
    client, good = client_of(), {"items": ["x" * 100_000]}
    api.says(Said(good, chunked=True, parts=3), Said(good), Said(complaint(404, "Not found."), status=404))
    for _ in range(2):
        client.get(endpoints.SOCIAL_PLATFORMS)
    for _ in range(3):
        with pytest.raises(NotFound):
            client.get(endpoints.SONG, UUIDS[1])
    assert len(api.asked) == 5
    assert api.connections == 1


def test_each_thread_has_a_session_of_its_own(api: LocalApi, client_of: Clients) -> None:
    client, together = client_of(), threading.Barrier(4)

    def ask(_: int) -> None:
        together.wait(10)
        for _ in range(5):
            client.get(endpoints.TEAM_USAGE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert len(api.asked) == 20
    assert api.connections == 4


def test_closing_ends_the_sessions_and_the_limiter(api: LocalApi, client_of: Clients) -> None:
    limiter = Recorder()
    with client_of(limiter) as client:
        client.get(endpoints.TEAM_USAGE)
    assert limiter.closed


def test_an_answer_that_does_not_come_ends_at_the_read_timeout(api: LocalApi, client_of: Clients) -> None:
    held = threading.Event()
    api.answers(lambda asked: Said({}, drop=held.wait(20)))
    try:
        with pytest.raises(NetworkTrouble, match=r"did not answer within 0\.2 s") as late:
            client_of(settings=Settings(read_timeout=0.2, call_retries=1)).get(endpoints.TEAM_USAGE)
    finally:
        held.set()
    assert [call.status for call in late.value.calls] == [None, None]
    assert {call.error_kind for call in late.value.calls} == {"network_trouble"}


def test_a_trickling_body_cannot_hold_the_worker(api: LocalApi, client_of: Clients) -> None:
    """Each byte comes well within the read timeout; all of them would take far longer."""
    pause = threading.Event()
    body = Said({"items": ["x" * 400]}, parts=400, wait=lambda: pause.wait(0.05))
    api.says(body)
    with pytest.raises(CutAnswer):
        client_of(settings=Settings(read_timeout=0.3, call_retries=0)).get(endpoints.TEAM_USAGE)
    pause.set()


def test_a_refused_connection_is_network_trouble(client_of: Clients) -> None:
    client = client_of(base_url="http://127.0.0.1:1", settings=Settings(call_retries=1))
    with pytest.raises(NetworkTrouble, match=r"127\.0\.0\.1:1 was refused"):
        client.get(endpoints.TEAM_USAGE)


def test_a_redirect_is_not_followed(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({}, status=302, headers={"Location": f"{api.url}/elsewhere"}))
    with pytest.raises(NotConfigured, match="another address"):
        client_of().get(endpoints.TEAM_USAGE)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("location", "to"),
    [
        (f"/api/v2.25/song/{UUIDS[9]}", UUIDS[9]),
        (f"https://customer.api.soundcharts.com/api/v2.25/song/{UUIDS[9].upper()}?x=1", UUIDS[9]),
        ("/api/v2.25/song/elsewhere", "/api/v2.25/song/elsewhere"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 308])
def test_a_redirect_of_one_thing_concerns_that_thing_only(
    api: LocalApi, client_of: Clients, status: int, location: str, to: str
) -> None:
    api.says(Said({}, status=status, headers={"Location": location} if location else {}))
    with pytest.raises(Moved) as moved:
        client_of().get(endpoints.SONG, UUIDS[1])
    assert moved.value.to == to
    assert to in str(moved.value)
    assert UUIDS[1] in str(moved.value)
    assert len(moved.value.calls) == len(api.asked) == 1


def test_the_same_path_on_another_host_is_the_connections_host(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({}, status=301, headers={"Location": f"https://other.example/api/v2.25/song/{UUIDS[1]}/"}))
    with pytest.raises(NotConfigured, match="another address"):
        client_of().get(endpoints.SONG, UUIDS[1])


# -- retries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"body": complaint(500, "Oops"), "status": 500},
        {"body": b"<html>Bad gateway</html>", "status": 502},
        {"body": b"", "status": 503},
        {"body": {"items": ["a" * 2000]}, "cut": 500},
        {"body": {"items": ["a" * 2000]}, "cut": 500, "chunked": True},
        {"body": b"not json"},
        {"body": b'{"items": [1, 2'},
        {"body": b'{"items": [NaN]}'},
        {"body": b""},
        {"body": gzip.compress(b'{"items": []}')[:-12], "headers": {"Content-Encoding": "gzip"}},
        {"drop": True},
    ],
)
def test_passing_trouble_is_asked_again(api: LocalApi, client_of: Clients, bad: dict[str, Any]) -> None:
    api.says(Said(**bad), Said({"items": [1]}))
    answer = client_of().get(endpoints.TEAM_USAGE)
    assert answer.data == {"items": [1]}
    assert [call.error_kind is None for call in answer.calls] == [False, True]
    assert len(client_of.slept) == 1


def test_a_compressed_answer_is_read(api: LocalApi, client_of: Clients) -> None:
    api.says(Said(gzip.compress(b'{"items": [1]}'), headers={"Content-Encoding": "gzip"}))
    assert client_of().get(endpoints.TEAM_USAGE).data == {"items": [1]}


def test_trouble_that_stays_is_raised_with_every_call(api: LocalApi, client_of: Clients) -> None:
    api.says(Said(complaint(503, "Maintenance"), status=503))
    with pytest.raises(ServerTrouble, match="Maintenance") as trouble:
        client_of().get(endpoints.SONG, UUIDS[1])
    assert [call.status for call in trouble.value.calls] == [503, 503, 503]
    assert {call.error_kind for call in trouble.value.calls} == {"server_trouble"}
    assert b"Maintenance" in trouble.value.body


def test_the_waits_grow(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({}, status=500))
    with pytest.raises(ServerTrouble):
        client_of(settings=Settings(call_retries=8)).get(endpoints.TEAM_USAGE)
    slept = client_of.slept
    assert len(slept) == 8
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(slept[:6]))
    assert all(15 <= wait <= 30 for wait in slept[6:])


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "startDate is malformed", RequestRefused),
        (400, "Unknown platform 'airplay', allowed platforms are spotify, youtube", UnsupportedPlatform),
        (403, "Not in your plan", NotInPlan),
        (401, "You are not logged in", CredentialsRefused),
        (404, "Not found.", NotFound),
        (404, "apple-music is not a social platform", UnsupportedPlatform),
        (405, "Method not allowed", RequestRefused),
        (409, "Conflict", RequestRefused),
        (410, "Blacklisted", Gone),
        (418, "Teapot", RequestRefused),
        (429, "Maximum quota reached", QuotaSpent),
    ],
)
def test_what_asking_again_does_not_mend_is_raised_at_once(
    api: LocalApi, client_of: Clients, status: int, message: str, error: type[ChartlineError]
) -> None:
    api.says(Said(complaint(status, message), status=status))
    with pytest.raises(error) as raised:
        client_of().get(endpoints.SONG_AUDIENCE, UUIDS[1], "airplay")
    assert type(raised.value) is error
    assert message in str(raised.value)
    assert len(api.asked) == len(raised.value.calls) == 1
    assert raised.value.calls[0].error_kind == error.kind
    assert client_of.slept == []


def test_errors_within_a_200_count(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({"items": [], **complaint(404, "Not found.")}))
    with pytest.raises(NotFound):
        client_of().get(endpoints.SONG, UUIDS[1])


def test_json_that_is_no_object_breaks_the_contract(api: LocalApi, client_of: Clients) -> None:
    api.says(Said(b"[1, 2]"))
    with pytest.raises(ContractBroken) as broken:
        client_of().get(endpoints.TEAM_USAGE)
    assert (broken.value.endpoint, broken.value.body) == ("team_usage", b"[1, 2]")


# -- limits ----------------------------------------------------------------------------------------------------


def test_every_attempt_takes_its_turn(api: LocalApi, client_of: Clients) -> None:
    limiter = Recorder()
    api.says(Said({}, status=500), Said({"items": []}))
    client_of(limiter).get(endpoints.SOCIAL_PLATFORMS)
    assert limiter.acquired == 2


def test_the_limiter_learns_what_the_api_says(api: LocalApi, client_of: Clients) -> None:
    limiter = Recorder()
    api.says(
        Said({}, headers={"x-ratelimit-remaining": "17", "x-ratelimit-reset": "30"}),
        Said({}, headers={"x-ratelimit-remaining": "many", "x-quota-remaining": "lots"}),
    )
    client = client_of(limiter)
    client.get(endpoints.TEAM_USAGE)
    answer = client.get(endpoints.TEAM_USAGE)
    assert limiter.learned == [(17, 31.0), (None, None)]
    assert answer.calls[0].quota_left is None


def test_the_minute_limit_pauses_the_account_and_goes_on(api: LocalApi, client_of: Clients) -> None:
    limiter = Recorder()
    minute = complaint(429, "The maximum request count has been reached")
    api.says(Said(minute, status=429, headers={"x-ratelimit-reset": "7"}), Said({"items": []}))
    answer = client_of(limiter).get(endpoints.SOCIAL_PLATFORMS)
    assert limiter.paused == [8.0]
    assert [call.error_kind for call in answer.calls] == ["rate_limited", None]
    assert client_of.slept == []


def test_a_long_wait_is_handed_back_instead_of_holding_the_worker(api: LocalApi, client_of: Clients) -> None:
    limiter = Recorder()
    minute = complaint(429, "The maximum request count has been reached")
    api.says(Said(minute, status=429, headers={"x-ratelimit-reset": "300"}))
    with pytest.raises(RateLimited) as limited:
        client_of(limiter).get(endpoints.SOCIAL_PLATFORMS)
    assert limited.value.after == 120, "as long as a minute limit can mean, and no longer"
    assert len(api.asked) == 1
    assert limiter.paused == [120.0], "the others must not ask either"


def test_a_spent_quota_is_asked_once(api: LocalApi, client_of: Clients) -> None:
    api.says(Said(complaint(429, "Maximum quota reached"), status=429, headers={"x-quota-remaining": "0"}))
    with pytest.raises(QuotaSpent) as spent:
        client_of().get(endpoints.SOCIAL_PLATFORMS)
    assert len(api.asked) == 1
    assert spent.value.calls[0].quota_left == 0


# -- pages -----------------------------------------------------------------------------------------------------


def listing(api: Any, total: int, size: int = 100, **page: Any) -> Any:
    """A list of `total` items, a page of `size` at a time."""

    def script(asked: Any) -> Any:
        offset = int(asked.query.get("offset", ["0"])[0])
        items = list(range(offset, min(offset + size, total)))
        after = f"{asked.bare_path}?offset={offset + size}&limit={size}&keep=1" if offset + size < total else None
        told = {"offset": offset, "limit": size, "next": after, "previous": None, "total": total}
        return Said({"items": items, "page": told | page})

    return script


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250, 300])
def test_all_pages_are_fetched(api: LocalApi, client_of: Clients, total: int) -> None:
    api.answers(listing(api, total))
    answers = client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert [item for answer in answers for item in answer.data["items"]] == list(range(total))
    assert len(api.asked) == len(answers) == max(1, -(-total // 100))
    assert all(len(answer.calls) == 1 for answer in answers)
    assert api.asked[0].query == {"limit": ["100"]}
    assert all(asked.query["keep"] == ["1"] for asked in api.asked[1:])


def test_a_list_without_a_page_is_one_page(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({"items": [{"name": "A", "code": "a"}]}))
    assert len(client_of().pages(endpoints.SOCIAL_PLATFORMS)) == 1


def test_more_items_than_the_limit_or_the_total_are_fine(api: LocalApi, client_of: Clients) -> None:
    page = {"offset": 0, "limit": 100, "next": None, "previous": None, "total": 112}
    api.says(Said({"items": [0] * 112, "page": page}))
    assert len(client_of().pages(endpoints.SONG_AUDIENCE, UUIDS[1], "spotify")) == 1


def test_a_short_list_is_asked_again_and_its_calls_are_not_lost(api: LocalApi, client_of: Clients) -> None:
    whole = listing(api, 150)
    cut_once = iter([True])

    def script(asked: Any) -> Any:
        said = whole(asked)
        if "offset" in asked.query and next(cut_once, False):
            said.body["items"].pop()
        return said

    api.answers(script)
    answers = client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert sum(len(answer.data["items"]) for answer in answers) == 150
    assert [len(answer.calls) for answer in answers] == [3, 1]
    assert len(api.asked) == 4


def test_a_list_that_stays_short_is_refused(api: LocalApi, client_of: Clients) -> None:
    page = {"offset": 0, "limit": 100, "next": None, "previous": None, "total": 3}
    api.says(Said({"items": [1, 2], "page": page}))
    with pytest.raises(ShortAnswer, match="2 of 3") as short:
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert len(short.value.calls) == len(api.asked) == 3
    assert json.loads(short.value.body)["items"] == [1, 2]


def test_a_dated_list_that_is_short_is_kept_and_asked_once(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({"items": [1] * 6, "page": {"total": 15, "next": None}}))
    answers, short = client_of().dated(endpoints.SONG_AUDIENCE, UUIDS[1], "spotify")
    assert len(api.asked) == len(answers) == len(answers[0].calls) == 1
    assert "6 of 15" in str(short)
    api.says(Said({"items": [1] * 6, "page": {"total": 6, "next": None}}))
    assert client_of().dated(endpoints.SONG_AUDIENCE, UUIDS[1], "spotify")[1] is None


def test_empty_pages_do_not_go_on_for_ever(api: LocalApi, client_of: Clients) -> None:
    def script(asked: Any) -> Any:
        after = f"{asked.bare_path}?offset={len(api.asked)}"
        return Said({"items": [], "page": {"offset": 0, "limit": 100, "next": after, "total": 9}})

    api.answers(script)
    with pytest.raises(ShortAnswer):
        client_of(settings=Settings(call_retries=0)).pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert len(api.asked) == 1


def test_where_a_page_says_it_begins_does_not_stand_in_for_items(api: LocalApi, client_of: Clients) -> None:
    api.says(Said({"items": [1, 2], "page": {"offset": 100, "total": 100, "next": None}}))
    with pytest.raises(ShortAnswer, match="2 of 100"):
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")


def test_a_list_without_end_is_left(api: LocalApi, client_of: Clients) -> None:
    def one_more(asked: Any) -> Any:
        page = {"offset": 0, "total": 100_000, "next": f"/api/v2/x?offset={len(api.asked)}"}
        return Said({"items": [1], "page": page})

    api.answers(one_more)
    with pytest.raises(ContractBroken, match="pages"):
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert len(api.asked) == 1000


def test_pages_that_lead_in_a_circle_are_refused(api: LocalApi, client_of: Clients) -> None:
    def script(asked: Any) -> Any:
        after = f"{asked.bare_path}?offset={'1' if asked.query.get('offset') != ['1'] else '2'}"
        return Said({"items": [0], "page": {"offset": 0, "limit": 1, "next": after, "total": 1000}})

    api.answers(script)
    with pytest.raises(ContractBroken) as broken:
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert (broken.value.endpoint, broken.value.field) == ("charts_by_platform", "page.next")
    assert len(broken.value.calls) == len(api.asked) == 4 - 1


@pytest.mark.parametrize(
    "after", ["https://elsewhere.example/api", "//elsewhere.example/api", "api/v2", "\\\\elsewhere", "/a\nb", 7, "@x"]
)
def test_the_next_page_is_never_on_another_host(api: LocalApi, client_of: Clients, after: str | int) -> None:
    api.says(Said({"items": [0], "page": {"offset": 0, "limit": 1, "next": after, "total": 10}}))
    with pytest.raises(ContractBroken) as broken:
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert broken.value.field == "page.next"
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"items": [], "page": {"total": "many"}}, "page.total"),
        ({"items": [], "page": {}}, "page.total"),
        ({"items": [], "page": {"total": -1}}, "page.total"),
        ({"items": [], "page": {"total": 10**9}}, "page.total"),
        ({"items": [], "page": {"total": 1, "offset": -5}}, "page.offset"),
        ({"items": [], "page": {"total": 1, "limit": 10**12}}, "page.limit"),
        ({"items": [], "page": []}, "page"),
        ({"page": {"total": 0}}, "items"),
        ({"items": {"a": 1}}, "items"),
    ],
)
def test_a_broken_list_names_its_field(api: LocalApi, client_of: Clients, data: dict[str, Any], field: str) -> None:
    api.says(Said(data))
    with pytest.raises(ContractBroken) as broken:
        client_of().pages(endpoints.CHARTS_BY_PLATFORM, "spotify")
    assert broken.value.field == field
    assert json.loads(broken.value.body) == data
    assert len(broken.value.calls) == 1


# -- rankings --------------------------------------------------------------------------------------------------


class Chart:
    """Rankings of one chart, by stamp; the newest is the latest."""

    def __init__(self, *days: str, size: int = 250) -> None:
        self.size = size
        self.stamps = [f"{day}T12:00:00+00:00" for day in days]
        self.spoil: Callable[[dict[str, Any], Asked], dict[str, Any]] = lambda body, asked: body

    def __call__(self, asked: Asked) -> Said:
        at = asked.bare_path.rsplit("/", 1)[1].replace("%3A", ":").replace("%2B", "+")
        stamp = self.stamps[-1] if at == "latest" else at
        if stamp not in self.stamps:
            return Said(complaint(404, "Not found."), status=404)
        offset = int(asked.query["offset"][0])
        rows = range(offset, min(offset + 100, self.size))
        after = f"{asked.bare_path}?offset={offset + 100}&limit=100" if offset + 100 < self.size else None
        chart = {"name": "Some", "slug": "some", "platform": "spotify", "frequency": "daily", "countryCode": ""}
        body = {
            "related": {"chart": chart, "date": stamp},
            "items": [{"song": {"uuid": UUIDS[n], "name": f"Song {n}"}, "position": n + 1} for n in rows],
            "page": {"offset": offset, "limit": 100, "next": after, "previous": None, "total": self.size},
        }
        return Said(self.spoil(body, asked))


def test_a_ranking_comes_whole_and_in_order(api: LocalApi, client_of: Clients) -> None:
    api.answers(Chart("2026-03-01"))
    ranking = client_of().ranking("some")
    assert (ranking.day, ranking.stamp, ranking.total, ranking.known) == (date(2026, 3, 1), STAMP, 250, False)
    assert [item.position for page in ranking.pages for item in page.items] == list(range(1, 251))
    assert [len(answer.data["items"]) for answer in ranking.answers] == [100, 100, 50]
    assert [answer.endpoint for answer in ranking.answers] == ["ranking_latest", "ranking_at", "ranking_at"]


def test_pages_after_the_first_are_asked_by_its_stamp_though_the_chart_rolls_over(
    api: LocalApi, client_of: Clients
) -> None:
    chart = Chart("2026-03-01")

    def roll(asked: Any) -> Any:
        said = chart(asked)
        if len(chart.stamps) == 1:
            chart.stamps.append("2026-03-02T12:00:00+00:00")
        return said

    api.answers(roll)
    ranking = client_of().ranking("some")
    assert ranking.day == date(2026, 3, 1)
    assert {page.date for page in ranking.pages} == {date(2026, 3, 1)}
    assert len(api.asked) == 3


def test_a_known_day_costs_one_call(api: LocalApi, client_of: Clients) -> None:
    api.answers(Chart("2026-03-01"))
    ranking = client_of().ranking("some", known={date(2026, 3, 1)}.__contains__)
    assert ranking.known
    assert len(ranking.answers) == len(api.asked) == 1
    assert ranking.total == 250


def test_a_ranking_is_asked_by_stamp(api: LocalApi, client_of: Clients) -> None:
    api.answers(Chart("2026-03-01", "2026-03-02", size=3))
    ranking = client_of().ranking("some", STAMP)
    assert (ranking.day, ranking.stamp, ranking.total) == (date(2026, 3, 1), STAMP, 3)
    assert len(api.asked) == 1


def test_another_day_than_asked_breaks_the_contract(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01")
    chart.spoil = lambda body, asked: body | {"related": body["related"] | {"date": "2026-02-28T12:00:00+00:00"}}
    api.answers(chart)
    with pytest.raises(ContractBroken) as broken:
        client_of().ranking("some", STAMP)
    assert broken.value.field == "related.date"
    assert len(broken.value.calls) == 1


def _lose_one(body: dict[str, Any]) -> None:
    del body["items"][5]


def _twice(body: dict[str, Any]) -> None:
    body["items"][0] = {"song": {"uuid": UUIDS[0], "name": "Song 0"}, "position": 1}


def _other_day(body: dict[str, Any]) -> None:
    body["related"]["date"] = "2026-03-02T12:00:00+00:00"


def _none(body: dict[str, Any]) -> None:
    body["items"] = []


@pytest.mark.parametrize("spoil", [_lose_one, _twice, _other_day, _none])
def test_pages_that_make_no_whole_ranking_are_asked_again_then_refused(
    api: LocalApi, client_of: Clients, spoil: Callable[[dict[str, Any]], None]
) -> None:
    chart = Chart("2026-03-01", size=150)
    bad = [True]

    def spoiled(body: Any, asked: Any) -> Any:
        if asked.query["offset"] == ["100"] and bad[0]:
            spoil(body)
        return body

    chart.spoil = spoiled
    api.answers(chart)
    with pytest.raises(ShortAnswer, match="some") as short:
        client_of().ranking("some")
    assert len(short.value.calls) == len(api.asked)
    assert short.value.body

    bad[0] = False
    api.asked.clear()
    assert len(client_of().ranking("some").answers) == 2


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("place", [(0, 99), (100, 0), (100, -1)])
def test_a_row_listed_twice_costs_no_day(
    api: LocalApi, client_of: Clients, counted: int, place: tuple[int, int]
) -> None:
    offset, number = place
    chart = Chart("2026-03-01", size=150)

    def spoil(body: Any, asked: Any) -> Any:
        if asked.query["offset"] == [str(offset)]:
            body["items"].append(body["items"][number])
        body["page"]["total"] += counted
        return body

    chart.spoil = spoil
    api.answers(chart)
    ranking = client_of().ranking("some")
    assert len({item.position for page in ranking.pages for item in page.items}) == 150
    assert sum(len(answer.calls) for answer in ranking.answers) == len(api.asked)
    assert len(api.asked) <= 3


class Moving(Chart):
    """A list that moves on by a row between two calls: the second page begins with the last row of the first."""

    def __call__(self, asked: Asked) -> Said:
        said = super().__call__(asked)
        offset = int(asked.query["offset"][0])
        rows = range(max(0, offset - 1), min(offset + 99, self.size)) if offset else range(100)
        items = [{"song": {"uuid": UUIDS[n], "name": f"Song {n}"}, "position": n + 1} for n in rows]
        return Said(said.body | {"items": items})


def test_a_row_that_a_double_pushed_out_is_fetched(api: LocalApi, client_of: Clients) -> None:
    api.answers(Moving("2026-03-01", size=200))
    ranking = client_of().ranking("some")
    positions = {item.position for page in ranking.pages for item in page.items}
    assert positions == set(range(1, 201))
    assert [asked.query["offset"] for asked in api.asked] == [["0"], ["100"], ["200"]]


def test_a_page_that_comes_again_and_again_is_not_asked_for_ever(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01", size=150)
    first = [{"song": {"uuid": UUIDS[n], "name": f"Song {n}"}, "position": n + 1} for n in range(100)]
    chart.spoil = lambda body, asked: body | {"items": first, "page": body["page"] | {"total": 100_000}}
    api.answers(chart)
    with pytest.raises(ShortAnswer):
        client_of().ranking("some")
    assert len(api.asked) <= 2 * (client_of()._settings.call_retries + 1)


def test_a_total_that_is_too_small_does_not_pass_for_whole(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01", size=150)

    def spoil(body: Any, asked: Any) -> Any:
        body["page"]["total"] = 100
        return body

    chart.spoil = spoil
    api.answers(chart)
    with pytest.raises(ShortAnswer, match="150 entries came, 100 is the total"):
        client_of().ranking("some")


def _with_leavers(chart: Chart, numbers: list[int]) -> None:
    """These rows of the last page stand at position 0; those beyond the chart's size are put at its end."""

    def spoil(body: Any, asked: Any) -> Any:
        if asked.query["offset"] == ["100"]:
            for number in numbers:
                row = {"song": {"uuid": UUIDS[number], "name": "Gone"}, "position": 0}
                body["items"] = [item for item in body["items"] if item["song"]["uuid"] != UUIDS[number]] + [row]
        return body

    chart.spoil = spoil


@pytest.mark.parametrize(("leavers", "rows"), [([149], 150), ([148, 149], 150), ([200], 151), ([200, 201], 152)])
def test_rows_that_left_the_chart_may_be_within_the_total_or_beyond_it(
    api: LocalApi, client_of: Clients, leavers: list[int], rows: int
) -> None:
    chart = Chart("2026-03-01", size=150)
    _with_leavers(chart, leavers)
    api.answers(chart)
    ranking = client_of().ranking("some")
    assert sum(len(page.items) for page in ranking.pages) == rows


def test_a_row_that_left_the_chart_does_not_stand_in_for_a_missing_one(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01", size=150)
    _with_leavers(chart, [120])
    api.answers(chart)
    with pytest.raises(ShortAnswer):
        client_of().ranking("some")


def test_a_short_ranking_heals_by_stamp_and_keeps_its_calls(api: LocalApi, client_of: Clients) -> None:
    chart, once = Chart("2026-03-01", size=150), iter([True])

    def spoil(body: Any, asked: Any) -> Any:
        if asked.query["offset"] == ["100"] and next(once, False):
            del body["items"][5]
        return body

    chart.spoil = spoil
    api.answers(chart)
    ranking = client_of().ranking("some")
    assert sum(len(page.items) for page in ranking.pages) == 150
    assert [answer.endpoint for answer in ranking.answers] == ["ranking_at", "ranking_at"]
    assert sum(len(answer.calls) for answer in ranking.answers) == len(api.asked) == 5


def test_a_page_that_ends_early_is_gone_on_from_where_it_ended(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01", size=150)
    chart.spoil = lambda body, asked: body | {"items": body["items"][:60]}
    api.answers(chart)
    ranking = client_of().ranking("some")
    assert [item.position for page in ranking.pages for item in page.items] == list(range(1, 151))
    assert [asked.query["offset"] for asked in api.asked] == [["0"], ["60"], ["120"]]


def test_a_broken_ranking_names_the_field_and_carries_its_calls(api: LocalApi, client_of: Clients) -> None:
    chart = Chart("2026-03-01", size=150)

    def spoil(body: Any, asked: Any) -> Any:
        if asked.query["offset"] == ["100"]:
            body["items"][3]["song"]["uuid"] = 12
        return body

    chart.spoil = spoil
    api.answers(chart)
    with pytest.raises(ContractBroken) as broken:
        client_of().ranking("some")
    assert (broken.value.endpoint, broken.value.field) == ("ranking_at", "items.3.song.uuid")
    assert len(broken.value.calls) == 2


def test_an_unknown_chart_is_not_found(api: LocalApi, client_of: Clients) -> None:
    api.answers(lambda asked: Said(complaint(404, "Not found."), status=404))
    with pytest.raises(NotFound):
        client_of().ranking("no-such-chart")


# -- secrets -----------------------------------------------------------------------------------------------------


def test_an_answer_that_repeats_the_request_is_read_and_kept_without_its_secrets(
    api: LocalApi, client_of: Clients
) -> None:
    basic = base64.b64encode(b"app-7-of-tests:key-of-tests").decode()

    def echo(asked: Any) -> bytes:
        body = {"errors": [{"code": 400, "message": f"wrong: {asked.headers}"}], "asked": asked.headers,
                "again": json.dumps(asked.headers), "basic": basic}  # fmt: skip
        return json.dumps(body).encode()

    def answered(asked: Asked, *, status: int, cut: int) -> Said:
        return Said(echo(asked), status=status, cut=cut)

    client = client_of()
    for status, cut in ((400, 0), (200, 0), (200, 3), (500, 0), (500, 3)):
        api.answers(partial(answered, status=status, cut=cut))
        with pytest.raises(ChartlineError) as refused:
            client.get(endpoints.SONG, UUIDS[1])
        kept = refused.value.body.decode()
        assert '"***"' in kept
        for secret in ("key-of-tests", "app-7-of-tests", basic):
            assert secret not in kept
            assert secret not in str(refused.value)
    api.answers(lambda asked: Said({"items": [{"asked": asked.headers}]}))
    answer = client.get(endpoints.SONG, UUIDS[1])
    assert b"key-of-tests" not in answer.body
    assert answer.data["items"][0]["asked"]["x-api-key"] == "***"


def test_no_log_error_or_repr_shows_a_credential(
    api: LocalApi, client_of: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = "the key key-of-tests of app-7-of-tests is wrong"
    api.says(Said({}, status=500), Said(complaint(401, said), status=401))
    client = client_of()
    with pytest.raises(CredentialsRefused) as refused:
        client.get(endpoints.SONG, UUIDS[1])
    shown = "".join([caplog.text, str(refused.value), repr(refused.value), repr(client.account), repr(client)])
    assert "GET song" in caplog.text
    assert "the key *** of *** is wrong" in str(refused.value)
    assert "key-of-tests" not in shown
    assert "app-7-of-tests" not in shown


def test_a_call_logs_one_line(api: LocalApi, client_of: Clients, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="chartline")
    client_of().get(endpoints.SONG, UUIDS[1], query={"token": "in-the-query"})
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("chartline")]
    assert UUIDS[1] in line
    assert "in-the-query" not in line
