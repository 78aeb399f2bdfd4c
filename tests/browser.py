"""A real browser without a network: fixtures for the tests of pages."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from tests.programs import program, without

_GET = "apt-get install chromium chromium-driver"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium whose every connection fails, and which writes down what a page complains about."""
    try:
        driver = start(tmp_path_factory.mktemp("profile"))
    except WebDriverException as cause:  # a stub that only says how to install it, or two that do not fit together
        without(f"no browser that starts ({(cause.msg or '').partition(chr(10))[0]})", _GET)
    yield driver
    driver.quit()


def start(profile: Path) -> webdriver.Chrome:
    """Start the browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "google-chrome", "chromium-browser", get=_GET)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(program("chromedriver", get=_GET)))


@pytest.fixture(scope="session")
def show(browser: webdriver.Chrome) -> Callable[..., webdriver.Chrome]:
    """Show a page at some width, light or dark; complaints of earlier pages are forgotten."""

    def go(page: str, width: int = 1200, scheme: str = "light") -> webdriver.Chrome:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get("about:blank")  # so that an address that differs in its fragment alone loads again
        browser.get_log("browser")
        browser.get(page)
        return browser

    return go


@pytest.fixture(scope="session")
def audit() -> Callable[[webdriver.Chrome], list[dict[str, Any]]]:
    """Return what axe-core finds that is serious or critical, with the elements."""
    import axe_core_python

    script = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

    def run(browser: webdriver.Chrome) -> list[dict[str, Any]]:
        browser.execute_script(script)
        found = browser.execute_async_script("axe.run().then(arguments[0])")
        assert len(found["passes"]) > 10, "axe looked at next to nothing"
        return [
            {"rule": one["id"], "impact": one["impact"], "nodes": [node["html"][:200] for node in one["nodes"]]}
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    return run


@pytest.fixture
def keep() -> Callable[[bytes, str], None]:
    """Keep a screenshot (PNG) where HARNESS_SCREENSHOTS names a folder, as CI does for its artefacts."""

    def write(png: bytes, name: str) -> None:
        if folder := os.environ.get("HARNESS_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{name}.png").write_bytes(png)

    return write


@pytest.fixture
def picture(keep: Callable[[bytes, str], None]) -> Callable[[webdriver.Chrome, str], None]:
    """Keep a screenshot of the page as it stands."""

    def take(browser: webdriver.Chrome, name: str) -> None:
        keep(browser.get_screenshot_as_png(), name)

    return take
