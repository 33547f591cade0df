"""Forms and buttons in a browser, against a server that takes its time: what has not loaded cannot be sent, what is
under way cannot be sent again, and the older of two tabs does not undo what the newer saved."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from tests.browser import chromium
from tests.plugins.web.conftest import Airflow

from chartline.schedules import service
from chartline.warehouse import schedules

pytestmark = pytest.mark.browser

TRACK = "11111111-1111-1111-1111-111111111111"


class Server:
    """The app in a web server. `hold(part)`: requests that hold this part of an address wait until `let_go()`."""

    def __init__(self, app: FastAPI) -> None:
        self._app, self._held, self._go = app, "", threading.Event()
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            asked = f"{scope['method']} {scope['path']}"
            self.asked.append((scope["method"], scope["path"]))
            if self._held and self._held in asked:
                await asyncio.to_thread(self._go.wait, 60)
        await self._app(scope, receive, send)

    def hold(self, part: str) -> None:
        self._go.clear()
        self._held = part

    def let_go(self) -> None:
        self._held = ""
        self._go.set()

    def changes(self) -> list[str]:
        return [f"{method} {path}" for method, path in self.asked if method != "GET"]


@pytest.fixture
def server(app: FastAPI) -> Iterator[Server]:
    held = Server(app)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        held.url = f"http://127.0.0.1:{place.getsockname()[1]}/chartline/"
        own = uvicorn.Server(uvicorn.Config(held, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=own.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        yield held
        held.let_go()
        own.should_exit = True
        thread.join(30)


class Tabs:
    """Somebody with a browser."""

    def __init__(self, driver: webdriver.Chrome, server: Server, shots: Path) -> None:
        self.driver, self.server, self._shots = driver, server, shots

    def log_in(self, role: str) -> None:
        self.driver.get(f"{self.server.url}static/theme.js")
        self.driver.add_cookie({"name": "_token", "value": role})

    def open(self, path: str) -> None:
        self.driver.get(self.server.url + path)

    def find(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def usable(self, css: str) -> bool:
        return any(one.is_enabled() for one in self.driver.find_elements(By.CSS_SELECTOR, css))

    def says(self, text: str) -> bool:
        return text in str(self.driver.execute_script("return document.body.innerText"))

    def shown(self, name: str) -> None:
        self.driver.save_screenshot(str(self._shots / f"{name}.png"))


@pytest.fixture
def tabs(server: Server, tmp_path: Path) -> Iterator[Tabs]:
    """As an editor. Pictures go to the folder of CHARTLINE_SHOTS, else to a temporary one."""
    shots = Path(os.environ.get("CHARTLINE_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    with chromium(tmp_path) as driver:
        found = Tabs(driver, server, shots)
        found.log_in("editor")
        yield found


def until(what: str, true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def stored(conn: psycopg.Connection[Any], slug: str = "day") -> dict[str, Any]:
    return schedules.rows(conn, [slug])[0]


def test_a_form_that_has_not_loaded_cannot_be_saved(server: Server, tabs: Tabs, conn: psycopg.Connection[Any]) -> None:
    """It shows defaults until then."""
    service.add(conn, "day", {"history_days": 30, "sync_historical_data": True, "is_active": False})
    server.hold("GET /chartline/api/sync/schedules/day/")
    tabs.open("charts/day/")
    until("the request", lambda: ("GET", "/chartline/api/sync/schedules/day/") in server.asked)
    assert not tabs.usable("#settings :is(input, select, button)")
    tabs.driver.execute_script("document.getElementById('settings').requestSubmit()")
    tabs.driver.execute_script("document.getElementById('save').click()")
    tabs.shown("form-not-loaded")
    server.let_go()
    until("the form", lambda: tabs.usable("#save"))
    assert server.changes() == []
    assert not tabs.find("[name=is_active]").is_selected()
    assert tabs.find("[name=history_days]").get_attribute("value") == "30"
    Select(tabs.find("[name=sync_frequency]")).select_by_value("weekly")
    tabs.find("#save").click()
    until("the change", lambda: tabs.says("schedule change"))
    row = stored(conn)
    assert (row["sync_frequency"], row["history_days"], row["is_active"]) == ("weekly", 30, False)
    tabs.shown("form-saved")


def test_what_failed_to_load_cannot_be_saved(server: Server, tabs: Tabs, conn: psycopg.Connection[Any]) -> None:
    service.add(conn, "day", {"is_active": False})
    conn.execute("alter table chartline.chart_sync_execution rename to away")
    tabs.open("charts/day/")
    until("the failure", lambda: tabs.driver.find_elements(By.CSS_SELECTOR, "#state .note.bad"))
    assert not tabs.usable("#settings :is(input, select, button)")


def test_what_is_under_way_is_not_sent_again_nor_changed(
    server: Server, tabs: Tabs, conn: psycopg.Connection[Any]
) -> None:
    service.add(conn, "day", {"is_active": False})
    tabs.open("charts/day/")
    until("the form", lambda: tabs.usable("#save"))
    server.hold("PUT ")
    tabs.find("#save").click()
    until("the request", lambda: len(server.changes()) == 1)
    assert not tabs.usable("#settings :is(input, select, button)")
    tabs.driver.execute_script("document.getElementById('save').click(); document.getElementById('remove').click()")
    assert tabs.driver.find_elements(By.CSS_SELECTOR, "dialog[open]") == []
    server.let_go()
    until("the end", lambda: tabs.usable("#save"))
    assert len(server.changes()) == 1


def test_the_older_of_two_tabs_does_not_undo_the_newer(
    server: Server, tabs: Tabs, conn: psycopg.Connection[Any]
) -> None:
    service.add(conn, "day", {"is_active": False})
    tabs.open("charts/day/")
    until("the form", lambda: tabs.usable("#save"))
    service.change(conn, "day", {"track_platforms": ["spotify"], "fetch_artist_audience": False}, by="ada")
    tabs.find("[name=is_active]").click()
    tabs.find("#save").click()
    until("the refusal", lambda: tabs.says("were changed since you saw them: ada at "))
    assert tabs.says("fetch_artist_audience from on to off")
    row = stored(conn)
    assert (row["is_active"], row["track_platforms"], row["fetch_artist_audience"]) == (False, ["spotify"], False)
    tabs.shown("form-changed-meanwhile")
    [again] = [one for one in tabs.driver.find_elements(By.CSS_SELECTOR, "#settings button") if "Show them" in one.text]
    again.click()
    until("what stands now", lambda: not tabs.find("[name=fetch_artist_audience]").is_selected())
    until("the end", lambda: tabs.usable("#save") and not tabs.says("were changed since"))
    tabs.find("[name=is_active]").click()
    tabs.find("#save").click()
    until("the change", lambda: stored(conn)["is_active"])
    assert (stored(conn)["track_platforms"], stored(conn)["fetch_artist_audience"]) == (["spotify"], False)

    until("the end", lambda: tabs.usable("#remove"))
    service.change(conn, "day", {"history_days": 7}, by="bob")
    tabs.find("#remove").click()
    tabs.find("dialog[open] button.danger").click()
    until("the refusal", lambda: tabs.says("bob at "))
    assert stored(conn)["history_days"] == 7


def test_several_at_once_are_those_that_were_seen(server: Server, tabs: Tabs, conn: psycopg.Connection[Any]) -> None:
    for slug in ("day", "week"):
        service.add(conn, slug)
    tabs.open("charts/")
    until("the list", lambda: tabs.usable("#list thead input"))
    tabs.find("#list thead input").click()
    service.change(conn, "week", {"history_days": 7}, by="ada")
    for text, within in (("Deactivate", "#bulk"), ("Deactivate", "dialog[open]")):
        found = tabs.driver.find_elements(By.CSS_SELECTOR, f"{within} button")
        next(one for one in found if one.text == text).click()
    until("the outcome", lambda: tabs.says("Deactivate: done for 1 of 2.") and tabs.says("ada at "))
    assert (stored(conn, "day")["is_active"], stored(conn, "week")["is_active"]) == (False, True)
    tabs.shown("several-changed-meanwhile")
    for text, within in (("Deactivate", "#bulk"), ("Deactivate", "dialog[open]")):
        until(f"{within}", partial(tabs.usable, f"{within} button"))
        found = tabs.driver.find_elements(By.CSS_SELECTOR, f"{within} button")
        next(one for one in found if one.text == text).click()
    until("the other", lambda: not stored(conn, "week")["is_active"])


def test_a_refresh_is_offered_with_its_cost_to_those_who_may(
    server: Server, tabs: Tabs, conn: psycopg.Connection[Any], airflow: Airflow
) -> None:
    airflow.dags["chartline.audience_refresh"] = False
    conn.execute("insert into chartline.track (uuid, name) values (%s, 'A track')", [TRACK])
    tabs.open(f"tracks/{TRACK}/")
    until("the offer", lambda: tabs.says("Refresh (4 to 6 calls)"))
    tabs.shown("refresh-offered")
    server.hold("POST ")
    tabs.find("#actions button").click()
    until("the request", lambda: len(server.changes()) == 1)
    assert not tabs.usable("#actions button")
    server.let_go()
    until("the run", lambda: tabs.says("A refresh is running."))
    assert len(airflow.triggered) == 1
    assert tabs.driver.find_elements(By.CSS_SELECTOR, "#actions button") == []
    tabs.shown("refresh-under-way")

    conn.execute("delete from chartline.fetch_ledger")
    tabs.log_in("viewer")
    tabs.open(f"tracks/{TRACK}/")
    until("the reason", lambda: tabs.says("your Airflow login may spend none"))
    assert tabs.driver.find_elements(By.CSS_SELECTOR, "#actions button") == []
    tabs.shown("refresh-viewer")
    assert len(server.changes()) == 1


def test_another_sites_page_starts_nothing(
    server: Server, tabs: Tabs, conn: psycopg.Connection[Any], airflow: Airflow
) -> None:
    """From another port of the same host, to which the browser sends the login along; by every way that a page has."""
    airflow.dags = {
        "chartline.audience_refresh": False,
        "chartline.gap_audit": False,
        "chartline.chart_sync.day": False,
    }
    conn.execute("insert into chartline.track (uuid, name) values (%s, 'A track')", [TRACK])
    service.add(conn, "day")
    web = f"{server.url}api/"

    class Elsewhere(Server):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<title>elsewhere</title>"})

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        other = uvicorn.Server(uvicorn.Config(Elsewhere(server._app), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=other.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        tabs.driver.get(f"http://127.0.0.1:{place.getsockname()[1]}/")
        tabs.driver.set_script_timeout(60)
        tabs.driver.execute_async_script(
            """const [web, track, done] = arguments;
            const posts = [`tracks/${track}/refresh/`, "charts/day/heal/", "sync/trigger/"].map((path) => web + path);
            const reads = [`${web}tracks/${track}/audience/`];
            const json = { "Content-Type": "application/json", "X-Chartline": "1" };
            const all = { credentials: "include" };
            const tried = [
              ...reads.flatMap((url) => ["cors", "no-cors"].map((mode) => fetch(url, { ...all, mode }))),
              ...posts.flatMap((url) => [
                fetch(url, { ...all, method: "POST" }),
                fetch(url, { ...all, method: "POST", mode: "no-cors", body: "{}" }),
                fetch(url, { ...all, method: "POST", headers: json, body: "{}" }),
              ]),
            ];
            for (const url of posts) {
              const xhr = new XMLHttpRequest();
              xhr.withCredentials = true;
              xhr.open("POST", url);
              xhr.send("{}");
              const into = document.createElement("iframe");
              into.name = url;
              const form = Object.assign(document.createElement("form"), { method: "post", action: url, target: url });
              document.body.append(into, form);
              form.submit();
            }
            for (const url of reads) {
              document.body.append(Object.assign(document.createElement("iframe"), { src: url }));
              document.body.append(Object.assign(document.createElement("img"), { src: url }));
              window.open(url);
            }
            Promise.allSettled(tried).then(() => setTimeout(done, 1500));""",
            web,
            TRACK,
        )
        other.should_exit = True
        thread.join(30)
    assert any(method == "POST" for method, _ in server.asked), "nothing was tried"
    assert airflow.triggered == []
    assert conn.execute("select count(*) from chartline.refresh_booking").fetchone() == (0,)
    assert conn.execute("select action from chartline.change_log").fetchall() == [("schedule.add",)]


def test_a_number_and_its_noun_agree(server: Server, tabs: Tabs) -> None:
    """1 week and 2 weeks, never 1 weeks."""
    tabs.open("charts/")
    counted = """const done = arguments[0];
        import(new URL("../static/format.js", location)).then(({ counted, countedRange }) => done([
            counted(1, "week"), counted(2, "week"), counted(0, "week"), counted(1200, "entry", "entries"),
            counted(null, "week"),
            countedRange({ low: 1, high: 1 }, "call"), countedRange({ low: 0, high: 1 }, "call"),
        ]))"""
    assert tabs.driver.execute_async_script(counted) == [
        *("1 week", "2 weeks", "0 weeks", "1,200 entries", "–"),
        *("1 call", "0 to 1 calls"),
    ]
