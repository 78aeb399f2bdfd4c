import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from harness.report.html import write_html
from tests.browser import audit, browser, keep, picture, show
from tests.edited import sign
from tests.made_runs import make_run
from tests.report.labelling import start

__all__ = ["audit", "browser", "keep", "make_run", "picture", "show", "start"]


@pytest.fixture(scope="session")
def page(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_html(small_run, tmp_path_factory.mktemp("report") / "report.html").as_uri()


@pytest.fixture
def failed_run(small_run: Path, tmp_path: Path) -> Path:
    """The small run, in which every answer about pictures that are turned a little failed."""
    folder = tmp_path / "failed"
    shutil.copytree(small_run, folder)
    table = Run(folder).table()
    rows = table.to_pylist()
    for row in rows:
        if (row["task"], row["cell"]) == ("sweep", "rotation@1"):
            row |= {"status": "error", "response": None}
            row |= {"score.relaxed_accuracy": None, "status.relaxed_accuracy": "error"}
    pq.write_table(pa.Table.from_pylist(rows, table.schema), folder / SAMPLES_FILE)
    sign(folder)
    return folder
