"""Make the pictures of the README from real runs: ``python -m tests.report.screenshots RUN HISTORY COMPARISON``."""

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver

from harness.record import read_run
from harness.report.html import write_html
from tests.browser import start

OUT = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1100, 800


def main() -> None:
    """Write five WebP files of at most 90 kB each."""
    run, history, comparison = map(Path, sys.argv[1:4])
    if read_run(run).adapter.simulated:
        sys.exit("the README shows real runs; this one is simulated")
    with tempfile.TemporaryDirectory() as folder:
        browser = start(Path(folder) / "profile")
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        page = write_html(run, Path(folder) / "report.html").as_uri()
        take(browser, page, "", "report-verdict")
        sweep = next(i for i, task in enumerate(read_run(run).tasks.values(), 1) if task.curves)
        take(browser, page, f"document.getElementById('task-{sweep}').scrollIntoView()", "report-severity")
        flip = "document.querySelector('[data-flip*=rotation]').dataset.flip"
        browser.get(page)
        chosen = browser.execute_script(f"return {flip}")
        take(browser, f"{page}#samples?flipped=1&at={chosen}", "document.getElementById('samples').scrollIntoView()",
             "report-samples")  # fmt: skip
        opened = (
            "const s = [...document.querySelectorAll('details.series')].find(d => /severity_auc/.test(d.dataset.name));"
        )
        take(browser, history.resolve().as_uri(), opened + "s.open = true; s.scrollIntoView()", "history", 480)
        take(browser, comparison.resolve().as_uri(), "", "comparison", 800)
        browser.quit()


def take(browser: webdriver.Chrome, page: str, script: str, name: str, height: int = HEIGHT) -> None:
    """Show a page, run a script, keep the picture down to ``height``."""
    browser.get("about:blank")
    browser.get(page)
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto';" + script)
    time.sleep(1)
    image = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB").crop((0, 0, WIDTH, height))
    OUT.mkdir(parents=True, exist_ok=True)
    image.save(OUT / f"{name}.webp", quality=80, method=6)
    assert (OUT / f"{name}.webp").stat().st_size < 90_000, name


if __name__ == "__main__":
    main()
