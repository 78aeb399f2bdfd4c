from pathlib import Path

import pytest

from harness.report.html import write_html
from tests.browser import audit, browser, keep, picture, show

__all__ = ["audit", "browser", "keep", "picture", "show"]


@pytest.fixture(scope="session")
def page(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_html(small_run, tmp_path_factory.mktemp("report") / "report.html").as_uri()
