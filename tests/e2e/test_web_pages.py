"""A chart fetched by a person's steps in Airflow's web pages: log in, look, fill the form in, watch the run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser import chromium

from .conftest import ENTRIES, ON_DEMAND, Chartline, until

pytestmark = pytest.mark.browser

CHART = "demo-france-daily"


class Person:
    """Someone in front of a browser. Pictures go to `shots`: the folder of CHARTLINE_SHOTS, else a temporary one."""

    def __init__(self, driver: webdriver.Chrome, web: str, shots: Path) -> None:
        self.driver, self._web, self._shots = driver, web, shots
        # The pages draw themselves anew at any time.
        self._wait = WebDriverWait(driver, 45, poll_frequency=0.2, ignored_exceptions=[StaleElementReferenceException])

    def open(self, path: str) -> None:
        self.driver.get(self._web + path)

    def log_in(self, user: str, password: str) -> None:
        self.open("/auth/login")
        self.see_element("input[name=username]").send_keys(user)
        self.see_element("input[name=password]").send_keys(password)
        self.see_element("button[type=submit]").click()
        self._wait.until(lambda driver: "/auth/login" not in driver.current_url)

    def see_element(self, css: str) -> WebElement:
        """The first visible element, waited for."""

        def visible(driver: webdriver.Chrome) -> WebElement | Literal[False]:
            return next((e for e in driver.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()), False)

        return self._wait.until(visible, f"{css} is not to be seen")

    def see(self, *texts: str) -> None:
        """Wait until the page shows these texts."""
        for text in texts:
            self._see(text)

    def _see(self, text: str) -> None:
        self._wait.until(lambda driver: text in self.page(), f"{text!r} is not to be seen")

    def see_no_more(self, text: str) -> None:
        """Wait until the page does not show it any more."""
        self._wait.until(lambda driver: text not in self.page(), f"{text!r} is still to be seen")

    def page(self) -> str:
        """All that the page says."""
        return str(self.driver.execute_script("return document.body.innerText"))

    def button(self, label: str, within: str = "") -> WebElement:
        """The last visible, usable button of that label (a dialog's own comes after the page's)."""

        def usable(driver: webdriver.Chrome) -> WebElement | Literal[False]:
            found = [
                button
                for button in driver.find_elements(By.CSS_SELECTOR, f"{within} button")
                if button.is_displayed() and button.is_enabled() and button.text.strip() == label
            ]
            return found[-1] if found else False

        return self._wait.until(usable, f"no button {label}")

    def pick_day(self, number: int, day: date) -> None:
        """Fill a day into the dialog's date field of that number, as a person types it."""
        field = self.driver.find_elements(By.CSS_SELECTOR, "[role=dialog] [data-testid=datetime-input]")[number]
        field.click()
        self.see_element("input[placeholder='YYYY/MM/DD']").send_keys(f"{day:%Y/%m/%d}")
        field.click()  # the calendar closes
        self._wait.until(lambda driver: not driver.find_elements(By.CSS_SELECTOR, "input[placeholder='YYYY/MM/DD']"))

    def picture(self, name: str) -> None:
        self.driver.save_screenshot(str(self._shots / f"{name}.png"))


@pytest.fixture
def person(chartline: Chartline, tmp_path: Path) -> Iterator[Person]:
    """Logged in as admin."""
    shots = Path(os.environ.get("CHARTLINE_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    with chromium(tmp_path) as driver:
        someone = Person(driver, chartline.stack.airflow.web, shots)
        logins = json.loads(chartline.stack.logins.read_text())
        someone.log_in("admin", logins["admin"])
        yield someone


def test_a_chart_is_fetched_with_the_form(chartline: Chartline, person: Person) -> None:
    chartline.follow(CHART, is_active=False)
    until("the chart's DAG", lambda: CHART in chartline.chart_dags())
    before = {run["dag_run_id"] for run in runs(chartline)}

    person.open("/dags")
    person.see(ON_DEMAND, f"chartline.chart_sync.{CHART}", "chart_sync")
    person.picture("dag-list")

    person.open(f"/dags/{ON_DEMAND}")
    person.button("Trigger").click()
    person.see("Chart", "Day", "What follows")
    person.picture("form-empty")
    field = person.see_element("input[name=element_chart]")
    field.send_keys(CHART)
    person.button("What follows", within="[role=dialog]").click()
    person.see("Days of audience")
    person.picture("form-what-follows")
    person.see_element("[aria-label='Remove shazam']").click()
    person.button("Run Parameters", within="[role=dialog]").click()
    person.see_no_more("Days of audience")
    person.picture("form-filled")
    person.button("Trigger", within="[role=dialog]").click()

    new = until("the run", lambda: {run["dag_run_id"] for run in runs(chartline)} - before)
    [run_id] = new
    row = chartline.succeed(ON_DEMAND, run_id)
    assert (row["status"], row["entries_stored"]) == ("complete", ENTRIES)
    assert row["settings"]["chart"] == CHART
    assert row["settings"]["track_platforms"] == ["spotify", "youtube", "airplay"]
    assert chartline.differences() == {}

    person.open(f"/dags/{ON_DEMAND}/runs/{run_id}")
    person.see("fetch_ranking", "track_metadata", "report_run")
    person.picture("finished-run")
    person.open(f"/dags/{ON_DEMAND}/runs/{run_id}/tasks/track_audience/mapped")
    person.see("airplay 1/2 · ", "airplay 2/2 · ")
    person.picture("map-labels")

    person.open(f"/dags/chartline.chart_sync.{CHART}")
    person.see_element("[aria-label='Dag Docs']").click()
    person.see("Demo Daily 200", "When it is red")
    person.picture("docs")


def runs(chartline: Chartline) -> list[dict[str, str]]:
    found: list[dict[str, str]] = chartline.stack.airflow.api(
        "GET", f"dags/{ON_DEMAND}/dagRuns", params={"limit": 100, "order_by": "-run_after"}
    )["dag_runs"]
    return found
