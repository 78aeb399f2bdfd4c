"""The documents build as a site: no link, anchor or page is missing, and a browser fetches nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

_FETCHED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//|<link[^>]*stylesheet[^>]*href="(?:https?:)?//"""
)


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {page.stem: page.read_text(encoding="utf-8") for page in tmp_path.glob("*.html")}
    assert {"index", "vqa", "gate", "statistics"} <= pages.keys()
    assert [name for name, page in pages.items() if _FETCHED.search(page)] == []
    assert "tasks" in (tmp_path / "search" / "search_index.json").read_text(encoding="utf-8")
