"""Chartline's pages inside Airflow's navigation, by a person's steps: from an empty installation to a healed chart."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from .conftest import ENTRIES, Chartline, until
from .test_web_pages import Person, person

__all__ = ["person"]

pytestmark = pytest.mark.browser

CHART = "demo-france-daily"
WORLDWIDE = "demo-global-daily"
OTHERS = (WORLDWIDE, "demo-shazam-daily")
FRAME = "iframe[title=Chartline]"
SCRIPT = "<script>document.title = 'broken into'</script>"
LOOKS = (("", "light", 1440), ("-dark", "dark", 1440), ("-narrow", "light", 400))
DAYS_OF_PAST = 12
NO_RANKING = "/rankings/20"  # a day that a person asks for may have none
CHANGES = {
    "Activate", "Deactivate", "Fill cascade", "Follow", "Follow a chart", "Heal gaps", "Look closer",
    "Refresh", "Retry failed items", "Save", "Stop following", "Sync now",
}  # fmt: skip
"""The buttons that change or cost something."""


class Visitor:
    """Somebody on Chartline's pages, inside Airflow's."""

    def __init__(self, person: Person) -> None:
        self.person, self.driver = person, person.driver
        self.pressed: set[str] = set()

    def enter(self) -> None:
        """Into Chartline's frame."""
        self.driver.switch_to.default_content()
        self.driver.switch_to.frame(self.person.see_element(FRAME))

    def visit(self, path: str, *texts: str) -> None:
        """A page below Chartline's own address, by Airflow's link to it; waits for these texts."""
        self.driver.switch_to.default_content()
        self.person.open(f"/plugin/chartline/chartline/{path}")
        self.enter()
        self.person.see(*texts)

    def find(self, css: str) -> WebElement:
        return self.person.see_element(css)

    def press(self, label: str, within: str = "") -> None:
        self.person.button(label, within).click()
        self.pressed.add(label.partition(" (")[0])

    def choose(self, name: str, value: str | bool) -> None:
        """Set a field of the settings once it can be used, and see that it has taken the choice."""
        field = self.find(f"#settings [name={name}]:enabled")
        if isinstance(value, bool):
            if field.is_selected() != value:
                field.click()
            until(f"{name}", lambda: self.find(f"#settings [name={name}]:enabled").is_selected() == value)
        else:
            Select(field).select_by_value(value)
            until(f"{name}", lambda: self.read(f"#settings [name={name}]", "value") == value)

    def confirm(self, label: str, yes: str = "") -> None:
        """Press a button, and in the question that follows the one that means yes."""
        self.press(label)
        self.person.button(yes or label, within="dialog[open]").click()

    def keys(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def read(self, css: str, what: str = "innerText") -> str:
        """What an element says, or is; "" where there is none."""
        script = "return document.querySelector(arguments[0])?.[arguments[1]] ?? ''"
        return str(self.driver.execute_script(script, css, what))

    def await_outcome(self, state: str) -> None:
        """Wait until the chart's page says what came of the run that it started."""
        until(f"a run that is {state}", lambda: f"The run is {state}" in self.person.page(), 150)

    def told(self, text: str) -> None:
        """Wait until the page has said this at its foot."""
        until(text, lambda: text in self.driver.execute_script("return document.getElementById('told').innerText"), 60)

    def pictures(self, name: str) -> None:
        """Of the page as it stands: light, dark and on a narrow screen; for those who look, also its whole length."""
        for suffix, theme, width in LOOKS:
            self.wear(theme)
            self.driver.execute_script("scrollTo(0, 0)")
            self.show(f"{name}{suffix}", width, 1000)
            if os.environ.get("CHARTLINE_SHOTS"):
                self.show(f"{name}{suffix}-whole", width, int(self.read("html", "scrollHeight")) + 200)
        self.wear("light")
        self.driver.set_window_size(1440, 1000)

    def wear(self, theme: str) -> None:
        """Choose Airflow's colours, as its own switch stores them; the page follows."""
        self.driver.switch_to.default_content()
        self.driver.execute_script(
            """localStorage.setItem('theme', arguments[0]);
               document.documentElement.className = document.documentElement.style.colorScheme = arguments[0]""",
            theme,
        )
        self.enter()
        worn = "return document.documentElement.dataset.theme"
        until(f"the page in {theme}", lambda: self.driver.execute_script(worn) == theme)

    def show(self, name: str, width: int, height: int) -> None:
        self.driver.set_window_size(width, height)
        time.sleep(0.6)  # it is drawn anew
        self.person.picture(name)

    def _log(self) -> list[dict[str, Any]]:
        return list(self.driver.get_log("browser"))  # type: ignore[no-untyped-call]

    def complaints(self) -> list[str]:
        """What the browser's console has to say against our pages: what their policy refused, what failed."""
        found = [str(line["message"]) for line in self._log() if line["level"] == "SEVERE"]
        return [line for line in found if "/chartline/" in line and not (NO_RANKING in line and "404" in line)]


@pytest.mark.timeout(600)
def test_a_chart_is_followed_watched_and_healed(chartline: Chartline, person: Person) -> None:
    chartline.stack.chartline("catalogue", "refresh")
    visitor = Visitor(person)

    visitor.driver.switch_to.default_content()
    person.open("/")
    person.see_element("a[href$='/plugin/chartline']").click()
    visitor.enter()
    person.see("Followed charts", "Needs attention", "Nothing has run yet.")

    visitor.visit("charts/", "No followed chart matches.")
    visitor.press("Follow a chart")
    visitor.find("#look input").send_keys("daily france")
    until("the chart", lambda: CHART in person.page())
    visitor.find("#found .pick:not(:disabled)").click()
    person.see("calls", "Audience of tracks")
    visitor.find("[name=sync_historical_data]").click()
    days = visitor.find("[name=history_days]")
    days.clear()
    days.send_keys(f"{DAYS_OF_PAST}\t")
    person.see("Calls by kind")
    visitor.pictures("page-follow")
    visitor.press("Follow")
    visitor.told(f"{CHART} is followed")
    person.see("active", "daily")

    visitor.visit(f"charts/{CHART}/", "Demo Daily 200")
    moved = watch(visitor)
    assert len(moved) > 2, f"the bar has hardly moved: {moved}"
    assert moved[0] < moved[-1]
    now = datetime.now(UTC)
    past = [day for day in chartline.world.days(CHART, now) if day >= now.date() - timedelta(days=DAYS_OF_PAST)]
    until("the past", lambda: stored(chartline) >= len(past), 200)
    chartline.filled(f"chartline.chart_sync.{CHART}")

    visitor.visit(f"charts/{CHART}/", "streamcount", f"{ENTRIES} entries")
    visitor.pictures("page-chart")
    visitor.find("#before").click()
    earlier = str(sorted(past)[-2])  # in the first hours of a day yesterday's is not out yet
    until("the ranking before", lambda: visitor.find("#of-day [name=day]").get_attribute("value") == earlier)
    visitor.find("#ranking[aria-busy=false]")
    visitor.find(".ranking a[href*='tracks/']").click()
    person.see("ISRC", "Positions", "spotify, gain since the day before")
    assert visitor.driver.find_elements(By.CSS_SELECTOR, "#audience path.curve")
    visitor.pictures("page-track")
    visitor.find("#by a[href*='artists/']").click()
    person.see("monthly listeners", "Best position of any track")
    visitor.pictures("page-artist")

    visitor.visit("runs/", "complete")
    visitor.find("#runs td a").click()
    person.see("track metadata", "100 %", "Nothing failed.")
    visitor.pictures("page-run")

    torn = datetime.now(UTC).date() - timedelta(days=5)
    assert chartline.change("delete from chartline.chart_ranking where day = %s", torn) == 1
    visitor.visit(f"charts/{CHART}/", "1 missing")
    square = visitor.find(f".year [data-day='{torn}']")
    assert "missing" in (square.get_attribute("class") or "").split()
    visitor.press("Heal gaps")
    person.see(f"1 day will be fetched: {torn}")
    visitor.press("Heal gaps", within="dialog")
    visitor.told("to find and fetch what is missing")
    until("the day", lambda: chartline.query("select 1 from chartline.chart_ranking where day = %s", torn), 120)
    until("the outcome", lambda: "The run is complete" in person.page(), 90)
    person.see("0 missing")

    chartline.follow(CHART, *OTHERS)
    visitor.visit("charts/", "3 followed", "Demo Discovery")
    visitor.find("#list thead input").click()
    person.see("3 chosen")
    visitor.pictures("page-charts")
    visitor.press("Deactivate")
    visitor.press("Deactivate", within="dialog")
    visitor.told("Deactivate: done for 3 of 3.")
    person.see("3 paused")
    assert chartline.query("select count(*) from chartline.chart_sync_schedule where not is_active") == [(3,)]

    visitor.visit("", "Last runs", "All runs")
    person.see("spent this month")
    visitor.pictures("page-overview")
    assert visitor.complaints() == []


def test_what_looks_like_a_script_is_text(chartline: Chartline, person: Person) -> None:
    chartline.run(chart=CHART)
    chartline.change("update chartline.chart set name = %s", SCRIPT)
    chartline.change("update chartline.track set name = %s, credit_name = %s", SCRIPT, SCRIPT)
    chartline.change("update chartline.artist set name = %s, biography = %s", SCRIPT, SCRIPT)
    chartline.change("update chartline.chart_sync_execution set error = %s", SCRIPT)
    chartline.follow(CHART, is_active=False)
    [(track, artist)] = chartline.query("select track, artist from chartline.track_artist limit 1")
    [(run,)] = chartline.query("select id from chartline.chart_sync_execution")
    visitor = Visitor(person)
    pages = ("", "charts/", f"charts/{CHART}/", f"tracks/{track}/", f"artists/{artist}/", "runs/", f"runs/{run}/")
    for path in pages:
        visitor.visit(path, SCRIPT)
        assert visitor.driver.execute_script("return document.title") != "broken into"
        scripts = visitor.driver.find_elements(By.CSS_SELECTOR, "script:not([src])")
        assert scripts == []
    assert visitor.complaints() == []


@pytest.mark.timeout(600)
def test_every_button_does_what_it_says_and_viewers_have_none(chartline: Chartline, person: Person) -> None:
    chartline.stack.chartline("catalogue", "refresh")
    cut = {"match": {"endpoint": "song_audience", "facet": "youtube"}, "share": 0.3, "per": "entity", "kind": "cut"}
    chartline.simulate(faults=[cut])
    visitor = Visitor(person)
    find_by_keyboard(visitor)
    follow_after_a_closer_look(chartline, visitor)
    until("the chart's DAG", lambda: CHART in chartline.chart_dags())

    visitor.visit(f"charts/{CHART}/", "paused")
    visitor.press("Sync now")
    visitor.told("Sync has started")
    visitor.await_outcome("partial")
    person.see("cut answer")
    retry_what_failed(chartline, visitor)

    visitor.visit(f"charts/{CHART}/", f"{ENTRIES} entries")
    visitor.confirm("Fill cascade")
    visitor.told(f"A run of {CHART} has started by its schedule's settings; {ENTRIES} tracks")
    visitor.await_outcome("complete")
    visitor.press("Heal gaps")
    visitor.told("There is no gap to heal.")
    move_through_the_year(visitor)
    refresh_the_audience(chartline, visitor)

    visitor.visit("charts/", "1 followed")
    for_all_of_the_list(visitor, "Sync now")
    until("the end of the run", lambda: runs_ended(chartline, f"chartline.chart_sync.{CHART}") == 3, 150)
    for_all_of_the_list(visitor, "Activate")
    person.see("1 active")
    for_all_of_the_list(visitor, "Deactivate")
    person.see("1 paused")
    for_all_of_the_list(visitor, "Stop following")
    person.see("No followed chart matches.")
    assert chartline.query("select 1 from chartline.chart_sync_schedule") == []

    visitor.visit(f"charts/{CHART}/", "This chart is not followed.", "calls")
    visitor.choose("is_active", False)
    visitor.press("Follow")
    visitor.told(f"{CHART} is followed")
    visitor.choose("sync_frequency", "weekly")
    visitor.press("Save")
    saved = "select sync_frequency, is_active from chartline.chart_sync_schedule"
    until("the change", lambda: chartline.query(saved) == [("weekly", False)])
    visitor.confirm("Stop following")
    visitor.told("The chart is no longer followed")
    until("its end", lambda: "schedule remove" in visitor.read("#changes tbody tr"))
    assert chartline.query("select 1 from chartline.chart_sync_schedule") == []
    assert visitor.pressed == CHANGES
    assert visitor.complaints() == []

    chartline.follow(CHART, is_active=False)
    nothing_to_press_for_a_viewer(chartline, visitor)


def find_by_keyboard(visitor: Visitor) -> None:
    """The search in the head, the whole catalogue, what is worldwide; and a dialog that is closed again."""
    visitor.visit("", "Followed charts")
    visitor.find("#find input").send_keys("france", Keys.ENTER)
    visitor.person.see("No followed chart matches.")
    assert visitor.read("#filter [name=q]", "value") == "france"
    visitor.person.button("Search the whole catalogue").click()
    visitor.person.see(CHART)
    visitor.find("#filter [name=q]").clear()
    visitor.person.see(WORLDWIDE)
    visitor.find("#filter [name=country]").send_keys("Worldwide")
    visitor.person.see_no_more(CHART)
    visitor.person.see(WORLDWIDE)
    visitor.press("Follow a chart")
    visitor.find("dialog[open]")
    visitor.keys(Keys.ESCAPE)
    until("the dialog's end", lambda: not visitor.driver.find_elements(By.CSS_SELECTOR, "dialog[open]"))


def follow_after_a_closer_look(chartline: Chartline, visitor: Visitor) -> None:
    """Paused, chosen by keyboard. The closer look costs a few calls, narrows the estimate and changes nothing."""
    visitor.press("Follow a chart")
    visitor.find("#look input").send_keys("daily france")
    until("the chart", lambda: CHART in visitor.read("#found"))
    visitor.keys(Keys.TAB, Keys.ENTER)
    visitor.person.see("Audience of tracks", "calls")
    visitor.choose("is_active", False)
    calls, (low, high) = chartline.made().total(), estimated(visitor)
    visitor.press("Look closer")
    visitor.person.see("made for this estimate")
    closer = estimated(visitor)
    assert low < closer[0] <= closer[1] <= high
    assert 0 < chartline.made().total() - calls <= 20
    assert chartline.query("select 1 from chartline.chart_sync_schedule") == []
    visitor.pictures("page-look-closer")

    ticked = visitor.driver.find_elements(By.CSS_SELECTOR, "[name=track_platforms]:checked")
    assert "track audience spotify" in visitor.read("#estimate", "textContent")
    for box in ticked:
        box.click()
    until("none", lambda: "track audience" not in visitor.read("#estimate", "textContent"))
    assert estimated(visitor)[1] < closer[1]
    for box in ticked:
        box.click()
    until("all", lambda: "track audience youtube" in visitor.read("#estimate", "textContent"))
    visitor.press("Follow", within="#follow")
    visitor.told(f"{CHART} is followed")
    [(active, platforms)] = chartline.query("select is_active, track_platforms from chartline.chart_sync_schedule")
    assert (active, len(platforms)) == (False, len(ticked))


def estimated(visitor: Visitor) -> tuple[int, int]:
    """The calls that the settings form names, at least and at most."""
    until("the estimate", lambda: visitor.read("#estimate", "ariaBusy") == "false")
    found = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", visitor.read("#estimate strong"))]
    return found[0], found[-1]


def retry_what_failed(chartline: Chartline, visitor: Visitor) -> None:
    visitor.visit("runs/", "partial")
    visitor.find("#runs td a").click()
    visitor.person.see("Failed items", "track audience, youtube", "cut answer")
    visitor.pictures("page-run-failed")
    failed = len(visitor.driver.find_elements(By.CSS_SELECTOR, "#failed tbody tr"))
    chartline.simulate(faults=[])
    visitor.confirm("Retry failed items", "Retry")
    visitor.told(f"for {failed} items that failed")
    visitor.find("#retried a").click()
    visitor.person.see("Nothing failed.")
    until("a complete run", lambda: visitor.read("#state .badge") == "complete", 150)
    [(calls,)] = chartline.query("select calls from chartline.chart_sync_execution order by id desc limit 1")
    assert calls == failed


def move_through_the_year(visitor: Visitor) -> None:
    """By the arrow keys, within the year that is shown; Enter opens the day."""
    visitor.find("#days[aria-busy=false] .year [aria-current]")
    shown = visitor.read(".year [aria-current]", "title")[:10]
    visitor.driver.execute_script("document.querySelector(`.year [tabindex='0']`).focus()")
    assert visitor.read(":focus", "title")[:10] == shown
    visitor.keys(Keys.ARROW_LEFT)
    left = max(date.fromisoformat(shown) - timedelta(days=7), date(int(shown[:4]), 1, 1))
    assert visitor.read(":focus", "title")[:10] == str(left)
    visitor.keys(Keys.ENTER)
    if str(left) != shown:  # on the second of January it is the same day
        visitor.person.see(f"No ranking is stored for {left}.")
    visitor.keys(Keys.ARROW_RIGHT, Keys.ENTER)
    right = str(left + timedelta(days=7))
    until("the day", lambda: visitor.read("#of-day [name=day]", "value") == right)


def refresh_the_audience(chartline: Chartline, visitor: Visitor) -> None:
    """Of the first track: nothing to do while it is fresh; then it grows old, and says what a refresh costs."""
    visitor.find(".ranking a[href*='tracks/']").click()
    visitor.person.see("ISRC", "All of it is less than a day old.")
    assert visitor.read("#actions") == "", "what is fresh is not to be refreshed"
    track = visitor.read("html", "baseURI").rstrip("/").split("/")[-1]
    aged = """update chartline.fetch_ledger set fetched_at = fetched_at - interval '9 days', due_at = now()
              where resource in ('track_audience', 'track_airplay') and entity = %s"""
    assert chartline.change(aged, track) == 4
    visitor.driver.refresh()
    visitor.enter()
    visitor.person.see("The oldest series is 9 days old.", "Refresh (4 to 6 calls)")
    visitor.pictures("page-track-stale")
    visitor.press("Refresh (4 to 6 calls)")
    visitor.told("The refresh has started.")
    visitor.person.see("A refresh is running.")
    until("the new series", lambda: "All of it is less than a day old." in visitor.read("#age"), 120)


def for_all_of_the_list(visitor: Visitor, action: str) -> None:
    """One of the buttons for several charts."""
    visitor.find("#list thead input").click()
    visitor.confirm(action)
    visitor.told(f"{action}: done for 1 of 1.")


def nothing_to_press_for_a_viewer(chartline: Chartline, visitor: Visitor) -> None:
    """Where an editor has what to press, on the same pages."""
    [(track, artist)] = chartline.query("select track, artist from chartline.track_artist limit 1")
    [(run,)] = chartline.query("select min(id) from chartline.chart_sync_execution")
    chartline.change("update chartline.chart_sync_execution set status = 'failed' where id = %s", run)
    aged = "update chartline.fetch_ledger set due_at = now() where entity = any(%s) and resource <> 'refresh'"
    assert chartline.change(aged, [str(track), str(artist)]) > 4
    pages = {
        "": ("Followed charts", "spent this month"),
        "charts/": ("1 followed", "Demo Daily 200"),
        f"charts/{CHART}/": (f"{ENTRIES} entries", "Settings", "schedule add"),
        f"tracks/{track}/": ("ISRC", "spotify: "),
        f"artists/{artist}/": ("Tracks stored", "spotify: "),
        "runs/": ("complete",),
        f"runs/{run}/": ("cut answer",),
    }
    of_editors = {label for path, texts in pages.items() for label in offered(visitor, path, *texts)}
    assert {"Follow a chart", "Save", "Sync now", "Refresh", "Retry failed items"} <= of_editors

    visitor.driver.switch_to.default_content()
    visitor.driver.delete_all_cookies()
    visitor.person.log_in("viewer", json.loads(chartline.stack.logins.read_text())["viewer"])
    for path, texts in pages.items():
        assert offered(visitor, path, *texts) & CHANGES == set(), path
    visitor.visit("charts/", "Demo Daily 200")
    assert visitor.driver.find_elements(By.CSS_SELECTOR, "#list input") == []
    visitor.visit(f"charts/{CHART}/", "Settings")
    assert visitor.driver.find_elements(By.CSS_SELECTOR, "#settings :is(input, select, button):enabled") == []
    assert visitor.complaints() == []


def offered(visitor: Visitor, path: str, *texts: str) -> set[str]:
    """The labels of the buttons that a page shows."""
    visitor.visit(path, *texts)
    visible = "return [...document.querySelectorAll('button')].filter((one) => one.checkVisibility())"
    found = visitor.driver.execute_script(f"{visible}.map((one) => one.innerText.trim())")
    return {label.partition(" (")[0] for label in found}


def watch(visitor: Visitor) -> list[int]:
    """The shares that the bar of the running chart showed, until its run had ended."""
    seen: list[int] = []

    def ended() -> bool:
        share = visitor.read("#work [role=progressbar]", "ariaValueNow")
        if share and (not seen or seen[-1] != int(share)):
            seen.append(int(share))
        return "The run is complete" in visitor.person.page()

    until("the end of the run", ended, 150, every=0.2)
    return seen


def runs_ended(chartline: Chartline, dag_id: str) -> int:
    ended = "select count(*) from chartline.chart_sync_execution where status <> 'running' and dag_id = %s"
    [(count,)] = chartline.query(ended, dag_id)
    return int(count)


def stored(chartline: Chartline) -> int:
    [(count,)] = chartline.query("select count(*) from chartline.chart_ranking")
    return int(count)
