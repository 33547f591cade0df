"""A Chromium without a window, for the tests that look at pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """Its profile lies in `folder`; whatever it finds out stays on this machine."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    assert browser, "Chromium is needed, or: -m 'not browser'"
    assert chromedriver, "Chromium's driver is needed, or: -m 'not browser'"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync", "window-size=1440,1000",
        f"user-data-dir={folder / 'profile'}",
    ):  # fmt: skip
        options.add_argument(f"--{word}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    try:
        yield driver
    finally:
        driver.quit()
