"""The app as a whole: one way to tell what is wrong, tags, headers."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient


def test_unknown_paths_are_a_problem(viewer: TestClient) -> None:
    answer = viewer.get("no/such/thing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not Found"


def test_the_description_of_the_app_is_served(viewer: TestClient) -> None:
    answer = viewer.get("openapi.json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Chartline"
    tag = answer.headers["etag"]
    assert viewer.get("openapi.json", headers={"If-None-Match": tag}).status_code == 304
    assert viewer.get("openapi.json", headers={"If-None-Match": f'W/{tag}, "other"'}).status_code == 304
    assert viewer.get("openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_browsers_are_told_to_load_nothing_from_elsewhere(anonymous: TestClient) -> None:
    headers = anonymous.get("openapi.json").headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_app_has_no_page_that_is_loaded_from_elsewhere(own: FastAPI) -> None:
    paths = {getattr(route, "path", "") for route in own.routes}
    assert not paths & {"/docs", "/redoc"}


@pytest.mark.parametrize(
    "path", ["metrics", "openapi.json", "tracks/", "no/such/thing", "sync/schedules/nowhere/", "../"]
)
def test_nothing_is_kept_on_the_way(viewer: TestClient, anonymous: TestClient, path: str) -> None:
    """Neither in a browser nor a proxy: good answers, errors, metrics, pages, 304 and redirects."""
    answers = [viewer.get(path), anonymous.get(path), viewer.post(path, json={})]
    answers += [viewer.get(path, headers={"If-None-Match": answers[0].headers.get("etag", "-")})]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 4
    redirect = viewer.get("tracks", follow_redirects=False)
    assert (redirect.status_code, redirect.headers["cache-control"]) == (307, "no-store")


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("tracks", "./tracks/"),
        ("tracks?name=a%2Fb&limit=1", "./tracks/?name=a%2Fb&limit=1"),
        ("metrics/", "../metrics"),
        ("metrics//", "../../metrics"),
        ("charts/a%3Ab", "./a%3Ab/"),
        ("charts/%68ttp:", "./http%3A/"),
        ("../charts", "./charts/"),
    ],
)
def test_a_slash_is_mended_whatever_host_is_named(viewer: TestClient, path: str, there: str) -> None:
    for host in ("testserver", "evil.example", "evil.example/x?"):
        for headers in ({"Host": host}, {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "gopher"}):
            answer = viewer.get(path, headers=headers, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (307, there)
    assert viewer.get(path).status_code in (200, 404)
    assert str(viewer.get(path).url.host) == "testserver"


def test_two_slashes_lead_nowhere_else(viewer: TestClient) -> None:
    for path in ("/chartline//evil.example", "/chartline//evil.example/..", "/chartline/api/..//evil.example"):
        answer = viewer.get(f"http://testserver{path}", follow_redirects=False)
        assert not answer.headers.get("location", "").startswith(("//", "http")), path
