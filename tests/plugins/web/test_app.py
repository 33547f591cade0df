"""The app as a whole: one way to tell what is wrong, tags, headers."""

from __future__ import annotations

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
