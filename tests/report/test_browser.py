"""The report in a real browser: nothing fetched, nothing complained about, nothing cut off."""

import base64
import io
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

_BROKEN_OUT = """
    const inside = e => e.closest('.scroll, .rows, svg, pre, .u-legend, nav, .shots');
    return [...document.body.querySelectorAll('*')]
        .filter(e => !inside(e) && !e.matches('a.skip') && e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 80))"""


def style(browser, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    return str(browser.execute_script(script, selector, name))


def test_the_page_loads_without_a_complaint_and_without_fetching_anything(show, page: str) -> None:
    browser = show(page)
    assert browser.get_log("browser") == []
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(r => r.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


def test_the_page_forbids_itself_every_request_and_every_script_but_its_own(show, page: str) -> None:
    browser = show(page)
    policy = browser.find_element(By.CSS_SELECTOR, "meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1]
    browser.execute_script("""
        const script = document.createElement('script');
        script.textContent = 'window.reached = 1';
        document.body.append(script);
        const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);""")
    assert browser.execute_script("return window.reached") is None
    assert sum("Content Security Policy" in entry["message"] for entry in browser.get_log("browser")) == 2


def test_landmarks_and_headings_are_there_in_order(show, page: str) -> None:
    browser = show(page)
    for landmark in ("main", "header", "nav"):
        assert len(browser.find_elements(By.TAG_NAME, landmark)) == 1
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    levels = [int(e.tag_name[1]) for e in browser.find_elements(By.CSS_SELECTOR, "h1, h2, h3, h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.find_element(By.TAG_NAME, "h1").text == "small on mock (simulated)"


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_the_page_never_scrolls_sideways(show, page: str, picture, width: int) -> None:
    browser = show(page, width=width)
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(_BROKEN_OUT) == []
    picture(browser, f"run-{width}")


def test_nothing_jumps_while_the_page_is_read_on_a_phone(show, page: str) -> None:
    browser = show(page, width=360)
    browser.execute_script("""
        window.shift = 0;
        new PerformanceObserver(list => list.getEntries().forEach(e => { if (!e.hadRecentInput) shift += e.value; }))
            .observe({type: 'layout-shift', buffered: true});""")
    for place in range(0, 6000, 600):
        browser.execute_script("scrollTo(0, arguments[0])", place)
        browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert browser.execute_script("return shift") < 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_audit_finds_nothing_serious(show, audit, page: str, picture, scheme: str) -> None:
    browser = show(page, scheme=scheme)
    assert audit(browser) == []
    for section in ("task-2", "samples", "glossary"):
        browser.execute_script("document.getElementById(arguments[0]).scrollIntoView()", section)
        picture(browser, f"run-{section}-{scheme}")


def test_every_chart_is_drawn_before_anybody_scrolls_and_can_be_pointed_at(show, page: str) -> None:
    browser = show(page)
    figure = browser.find_element(By.CSS_SELECTOR, "figure[data-chart]")
    assert figure.find_element(By.TAG_NAME, "svg").size["width"] > 300
    browser.execute_script("arguments[0].click()", figure.find_element(By.CSS_SELECTOR, "button.zoom"))
    canvas = figure.find_element(By.TAG_NAME, "canvas")
    assert canvas.size["width"] > 300
    assert not figure.find_element(By.TAG_NAME, "svg").is_displayed()
    legend = [row.text.strip() for row in figure.find_elements(By.CSS_SELECTOR, ".u-legend .u-label")]
    assert legend == ["severity", "brightness", "rotation"]
    drawn = browser.execute_script(
        "return new Set(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 600, 200).data).size"
    )
    assert drawn > 10
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    loaded: list[Any] = browser.execute_script("return [...document.images].map(i => i.complete && i.naturalWidth)")
    assert loaded
    assert all(loaded)


def test_without_scripts_there_are_static_charts_and_the_first_wrong_answers(show, browser, page: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(page)
        assert browser.find_element(By.CSS_SELECTOR, "figure[data-chart] svg").size["width"] > 300
        assert browser.find_element(By.CSS_SELECTOR, ".fallback").is_displayed()
        assert not browser.find_element(By.ID, "browser").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_it_prints_with_the_static_pictures_and_without_the_controls(show, page: str) -> None:
    browser = show(page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = {
            name: style(browser, name, "display") for name in (".static", "figure .plot", "#browser", "nav.sections")
        }
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == {".static": "block", "figure .plot": "none", "#browser": "none", "nav.sections": "none"}
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 40


def test_dark_mode_changes_background_text_and_the_ink_of_the_charts(show, page: str) -> None:
    colours = []
    for scheme in ("light", "dark"):
        browser = show(page, scheme=scheme)
        colours.append([style(browser, "body", name) for name in ("backgroundColor", "color")])
        colours[-1].append(style(browser, "main svg", "color"))
    light, dark = colours
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert dark[2] == dark[1]


def test_the_first_stop_of_the_tab_key_skips_to_the_content(show, page: str) -> None:
    browser = show(page)
    skip = browser.find_element(By.CSS_SELECTOR, "a.skip")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    WebDriverWait(browser, 20).until(lambda _: skip.rect["x"] >= 0)
    assert browser.switch_to.active_element == skip
    assert browser.find_elements(By.CSS_SELECTOR, "a, button, summary, input")[0] == skip
    assert skip.get_attribute("href").endswith("#main")


def test_every_section_has_something_to_show(show, page: str, keep) -> None:
    browser = show(page)
    sections = browser.find_elements(By.CSS_SELECTOR, "main > section")
    assert len(sections) >= 6
    for section in sections:
        name = section.get_attribute("aria-labelledby")
        pixels = section.screenshot_as_png
        assert len(Image.open(io.BytesIO(pixels)).convert("RGB").getcolors(1 << 24)) > 10, name
        keep(pixels, f"section-{name}")
