"""Several runs on one page, and the samples that went from right to wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import UsageError
from harness.report.html import write_html
from harness.report.overview import write_overview
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite

SUITE = """
suite: page
version: 1
seed: 5
datasets: {charts: {type: charts, limit: 30}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep:
    kind: sweep
    of: qa
    corruptions: [rotation, {chain: [brightness, occlusion], as: both}]
    severities: [1, 5]
"""


@pytest.fixture
def runs(bind: Callable[[str], Suite], write: Callable[..., Path], tmp_path: Path) -> list[Path]:
    """One suite on two mocks, one of which errs more under corruptions."""
    names = {"calm": 0.02, "nervous": 0.15}
    folders = []
    for name, rate in names.items():
        adapter = write(f"{name}.yaml", f"adapter: {name}\ntype: mock\nerror_rate: 0\nerror_per_severity: {rate}\n")
        folders.append(run_suite(bind(SUITE), read_adapter(str(adapter)), RunOptions(tmp_path / "runs"), Silent())[0])
    return folders


def test_the_page_has_a_column_a_run_and_a_heat_map_of_adapters_and_corruptions(
    runs: list[Path], tmp_path: Path
) -> None:
    html = write_overview(runs, tmp_path / "overview.html").read_text(encoding="utf-8")
    tables = re.findall(r"<table.*?</table>", html, re.DOTALL)
    heat, metrics = (
        next(one for one in tables if mark in one) for mark in ("<caption>retained accuracy", "better</th>")
    )
    for folder, name in zip(runs, ("calm", "nervous"), strict=True):
        assert f"{name} (simulated)" in metrics
        row = re.search(rf"{name} \(simulated\)</th>(.*?)</tr>", heat)
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))["tasks"]["sweep"]["metrics"]
        wanted = [f"{told[f'retained_accuracy[{corruption}]']['value']:.3f}" for corruption in ("rotation", "both")]
        assert row is not None
        assert re.findall(r">(\d\.\d{3})<", row[1]) == wanted
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)


def test_runs_of_different_suites_are_refused(runs: list[Path], small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"different suites: page 1, small 1"):
        write_overview([runs[0], small_run], tmp_path / "overview.html")


def test_flips_were_right_on_the_clean_image_and_wrong_on_the_corrupted_one(runs: list[Path]) -> None:
    folder = runs[1]
    flips = json.loads((folder / "artifacts" / "flips.json").read_text(encoding="utf-8"))
    assert {flip["cell"].split("@")[0] for flip in flips} == {"rotation", "both"}
    for flip in flips:
        assert flip["before"] in flip["references"]
        assert flip["after"] not in flip["references"]
        assert all((folder / picture).is_file() for picture in flip["pictures"])
        assert len(flip["pictures"]) == 2
    per_corruption = [flip["cell"].split("@")[0] for flip in flips]
    assert max(per_corruption.count(name) for name in set(per_corruption)) <= 3
    html = write_html(folder, folder / "report.html").read_text(encoding="utf-8")
    assert all(flip["sample_id"] in html for flip in flips)


def test_a_picture_outside_the_run_is_not_read_into_the_report(runs: list[Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    file = runs[1] / "artifacts" / "flips.json"
    flips = json.loads(file.read_text(encoding="utf-8"))
    flips[0]["pictures"] = ["../../secret.png", str(secret)]
    file.write_text(json.dumps(flips), encoding="utf-8")
    html = write_html(runs[1], runs[1] / "report.html").read_text(encoding="utf-8")
    assert "c2VjcmV0" not in html


def test_samples_that_cannot_be_read_cost_the_ranking_and_no_number(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "samples.parquet").unlink()
    html = write_overview(runs, tmp_path / "overview.html").read_text(encoding="utf-8")
    assert "There is no ranking: " in html
    assert "nervous (simulated)" in html
    assert "Leaderboard" not in html
