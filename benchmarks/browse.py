"""Whether ten thousand answers open and filter without stutter, in a real browser: ``python -m benchmarks.browse``."""

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import SAMPLES, large_run
from harness.report.html import write_html

if TYPE_CHECKING:
    from selenium import webdriver

SMOOTH = 100.0
"""Milliseconds up to which an answer to a key or a click is felt as immediate (Miller 1968; Nielsen 1993)."""
_ACTIONS = {
    "filter by slice": ("slice", 1),
    "filter by status": ("status", 1),
    "all again": ("slice", 0),
}
_CHOOSE = """
const [name, option, done] = arguments, select = document.querySelector(`#browser [name=${name}]`);
select.selectedIndex = option;
const start = performance.now();
select.dispatchEvent(new Event("change"));
setTimeout(() => { document.querySelector(".rows").getBoundingClientRect(); done(performance.now() - start); });
"""
_SORT = """
const done = arguments[0], start = performance.now();
document.querySelector("#browser th:nth-child(3) button").click();
document.querySelector(".rows").getBoundingClientRect();
done(performance.now() - start);
"""
_SEARCH = """
const done = arguments[0], field = document.querySelector("#browser [name=search]"), start = performance.now();
field.value = "7";
const output = document.querySelector("#browser output");
const told = new MutationObserver(() => done(performance.now() - start - 120));
told.observe(output, { childList: true, characterData: true, subtree: true });
field.dispatchEvent(new Event("input"));
"""
_SCROLL = """
const done = arguments[0], pane = document.querySelector(".rows"), frames = [];
let last = performance.now(), left = 60;
(function step(now) {
  frames.push(now - last); last = now;
  pane.scrollTop += 2000;
  if (left--) return requestAnimationFrame(step);
  frames.sort((a, b) => a - b);
  done(frames[Math.floor(frames.length * 0.95)]);
})(performance.now());
"""
_OPEN = "const n = performance.getEntriesByType('navigation')[0]; return n.loadEventEnd - n.startTime"


def measured(page: Path, browser: "webdriver.Chrome") -> dict[str, float]:
    """Return the milliseconds that each action takes until the table is laid out again."""
    browser.get(page.as_uri())
    took = {"open": float(browser.execute_script(_OPEN))}
    for said, (name, option) in _ACTIONS.items():
        took[said] = float(browser.execute_async_script(_CHOOSE, name, option))
    took["sort by question"] = float(browser.execute_async_script(_SORT))
    took["search, after its pause"] = float(browser.execute_async_script(_SEARCH))
    took["scroll, 95 % of frames within"] = float(browser.execute_async_script(_SCROLL))
    return took


@contextmanager
def _page() -> "Iterator[tuple[Path, webdriver.Chrome]]":
    from tests.browser import start

    with tempfile.TemporaryDirectory() as folder:
        run, _ = large_run(Path(folder))
        browser = start(Path(folder) / "profile")
        try:
            yield write_html(run, Path(folder) / "report.html"), browser
        finally:
            browser.quit()


class Browse:
    """The slowest of the actions on a report of 10,000 answers with thumbnails; opening it is none of them."""

    timeout = 600
    unit = "ms"

    def setup_cache(self) -> dict[str, float]:
        if find_spec("selenium") is None:
            return {}  # asv's environment has none: not a number, which asv shows as skipped
        with _page() as (page, browser):
            return measured(page, browser)

    def track_slowest(self, took: dict[str, float]) -> float:
        return max((value for name, value in took.items() if name != "open"), default=math.nan)

    track_slowest.unit = unit


def main() -> None:
    """Print what each action takes."""
    with _page() as (page, browser):
        took = measured(page, browser)
    print(json.dumps({"answers": SAMPLES, "ms": {name: round(value, 1) for name, value in took.items()}}, indent=2))


if __name__ == "__main__":
    main()
