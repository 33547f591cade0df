"""The pages' shells: what they load, who gets them, and that nothing of what they show is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chartline_airflow.web import pages

PAGES = ("", "charts/", "charts/day/", "tracks/x/", "artists/x/", "runs/", "runs/1/", "checks/")
STATIC = Path(pages.__file__).parent / "static"


class Markup(HTMLParser):
    """The elements of a page, and the text within each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data)


def visitor(app: FastAPI, role: str = "editor") -> TestClient:
    return TestClient(app, base_url="http://testserver/chartline/", headers={"Authorization": f"Bearer {role}"})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_only_our_own_files(app: FastAPI, path: str) -> None:
    browser = visitor(app)
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = Markup(answer.text)
    assert page.inline == []
    loaded = [told.get("src") or told.get("href") for tag, told in page.elements if tag in ("script", "link", "img")]
    assert sum("static/" in str(one) for one in loaded) == 3
    for one in loaded:
        assert one
        assert one == "data:," or (not re.match(r"\w+:|//|/", one) and browser.get(f"{path}{one}").status_code == 200)
    assert not [told for _, told in page.elements for name in told if name.startswith("on") or name == "style"]
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "http" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("role", ["editor", "viewer"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_can_be_pressed_before_the_page_has_loaded(app: FastAPI, path: str, role: str) -> None:
    """Each control of a shell is disabled, by itself or its fieldset, until the scripts say that it is ready."""
    waiting: list[bool] = []
    controls = 0
    for line in re.findall(
        r"<(/?)(fieldset|button|input|select|textarea)\b([^>]*)>", visitor(app, role).get(path).text
    ):
        closing, tag, attributes = line
        disabled = re.search(r"\bdisabled\b", attributes) is not None
        if tag == "fieldset":
            if closing:
                waiting.pop()
            else:
                waiting.append(disabled)
        elif not closing:
            controls += 1
            assert disabled or any(waiting), line
    assert controls
    assert waiting == []


def test_an_upgrade_reaches_the_browser_at_once(app: FastAPI) -> None:
    browser = visitor(app)
    first = browser.get("static/ui.js")
    assert first.headers["cache-control"] == "private, no-cache"
    again = browser.get("static/ui.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "private, no-cache")


def test_what_is_asked_for_in_the_address_is_text(app: FastAPI) -> None:
    page = Markup(visitor(app).get("charts/%22%3E%3Cscript%3Ealert(1)/").text)
    assert (
        "html",
        {"lang": "en", "data-root": "../../", "data-subject": '"><script>alert(1)', "data-may-edit": None},
    ) in (page.elements)


def test_viewers_get_no_means_to_change_anything(app: FastAPI) -> None:
    for path in PAGES:
        page = Markup(visitor(app, "viewer").get(path).text)
        told: dict[str, Any] = next(told for tag, told in page.elements if tag == "html")
        assert "data-may-edit" not in told
        assert not [one for tag, one in page.elements if tag == "button" and one.get("id") in ("save", "remove", "add")]
    assert (
        Markup(visitor(app).get("charts/").text).elements != Markup(visitor(app, "viewer").get("charts/").text).elements
    )


def test_nobody_gets_a_page_without_a_login(app: FastAPI) -> None:
    stranger = TestClient(app, base_url="http://testserver/chartline/")
    assert {stranger.get(path).status_code for path in (*PAGES, "static/api.js")} == {401}


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_never_read_text_as_markup(script: Path) -> None:
    code = script.read_text()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"):
        assert way not in code
    for way in ("confirm(", "alert(", "_blank"):  # Airflow's frame does not allow them
        assert not re.search(rf"(?<![\w.]){re.escape(way)}", code.replace("no confirm()", ""))
    assert not re.findall(r"""["'`](?:https?:)?//(?!www\.w3\.org/2000/svg)""", code)


def test_what_scripts_import_is_there() -> None:
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([\w.]+)"', script.read_text()):
            assert (STATIC / name).exists(), f"{script.name} imports {name}"


def test_the_first_requests_of_a_page_may_come_side_by_side(app: FastAPI, warehouse_url: str) -> None:
    """Each looks up which parameters its route has, in a description of the app that must be ready by then."""
    assert app.state.chartline.openapi_schema is not None
