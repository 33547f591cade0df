"""Chartline's pages inside Airflow's navigation, by a person's steps: from an empty installation to a healed chart."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from .conftest import ENTRIES, Chartline, until
from .test_web_pages import Person, person

__all__ = ["person"]

pytestmark = pytest.mark.browser

CHART = "demo-france-daily"
OTHERS = ("demo-global-daily", "demo-shazam-daily")
FRAME = "iframe[title=Chartline]"
SCRIPT = "<script>document.title = 'broken into'</script>"
LOOKS = (("", "light", 1440), ("-dark", "dark", 1440), ("-narrow", "light", 400))
DAYS_OF_PAST = 12


class Visitor:
    """Somebody on Chartline's pages, inside Airflow's."""

    def __init__(self, person: Person) -> None:
        self.person, self.driver = person, person.driver

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

    def told(self, text: str) -> None:
        """Wait until the page has said this at its foot."""
        until(text, lambda: text in self.driver.execute_script("return document.getElementById('told').innerText"), 60)

    def pictures(self, name: str) -> None:
        """Of the whole frame's page as it stands: light, dark and on a narrow screen."""
        for suffix, theme, width in LOOKS:
            self.driver.execute_script("document.documentElement.dataset.theme = arguments[0]; scrollTo(0, 0)", theme)
            self.driver.switch_to.default_content()
            self.driver.execute_script("localStorage.setItem('theme', arguments[0])", theme)
            self.driver.set_window_size(width, 1000)
            time.sleep(0.6)  # it is drawn anew
            self.person.picture(f"{name}{suffix}")
            self.enter()
        self.driver.set_window_size(1440, 1000)
        self.driver.execute_script("document.documentElement.dataset.theme = 'light'")

    def complaints(self) -> list[str]:
        """What the browser's console has to say against our pages: what their policy refused, what failed."""
        found = [str(line["message"]) for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [line for line in found if "/chartline/" in line]


@pytest.mark.timeout(600)
def test_a_chart_is_followed_watched_and_healed(chartline: Chartline, person: Person) -> None:
    chartline.stack.chartline("catalogue", "refresh")
    visitor = Visitor(person)

    visitor.driver.switch_to.default_content()
    person.open("/")
    person.see_element("a[href$='/plugin/chartline']").click()
    visitor.enter()
    person.see("Followed charts", "Needs attention", "Nothing has run yet.")

    visitor.visit("charts/", "No followed chart is like that.")
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
    until("the past", lambda: stored(chartline) >= DAYS_OF_PAST - 1, 200)
    chartline.filled(f"chart_sync.{CHART}")

    visitor.visit(f"charts/{CHART}/", "streamcount", f"{ENTRIES} places")
    visitor.pictures("page-chart")
    visitor.find("#before").click()
    earlier = str(datetime.now(UTC).date() - timedelta(days=2))
    until("the ranking before", lambda: visitor.find("#of-day [name=day]").get_attribute("value") == earlier)
    visitor.find("#ranking[aria-busy=false]")
    visitor.find(".ranking a[href*='tracks/']").click()
    person.see("ISRC", "Positions", "spotify, gain since the day before")
    assert visitor.driver.find_elements(By.CSS_SELECTOR, "#audience path.curve")
    visitor.pictures("page-track")
    visitor.find("#by a[href*='artists/']").click()
    person.see("monthly listeners", "Best place of any track")
    visitor.pictures("page-artist")

    visitor.visit("runs/", "complete")
    visitor.find("#runs td a").click()
    person.see("track metadata", "100 %", "Nothing failed.")
    visitor.pictures("page-run")

    torn = datetime.now(UTC).date() - timedelta(days=5)
    assert chartline.change("delete from chartline.chart_ranking where day = %s", torn) == 1
    visitor.visit(f"charts/{CHART}/", "1 missing")
    square = visitor.find(f".year [data-day='{torn}']")
    assert "missing" in square.get_attribute("class").split()
    visitor.press("Heal gaps")
    person.see(f"1 day is fetched again: {torn}")
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


def watch(visitor: Visitor) -> list[int]:
    """The shares that the bar of the running chart showed, until its run had ended."""
    seen: list[int] = []

    def ended() -> bool:
        for bar in visitor.driver.find_elements(By.CSS_SELECTOR, "#work [role=progressbar]"):
            share = int(bar.get_attribute("aria-valuenow") or 0)
            if not seen or seen[-1] != share:
                seen.append(share)
        return "The run is complete" in visitor.person.page()

    until("the end of the run", ended, 150, every=0.2)
    return seen


def stored(chartline: Chartline) -> int:
    [(count,)] = chartline.query("select count(*) from chartline.chart_ranking")
    return int(count)
