import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.history import record
from harness.record import read_run
from tests.history.helpers import Repository, altered


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "repository"
    root.mkdir()
    made = Repository(root)
    made.git("init", "--quiet", "--initial-branch", "main")
    config = {"version": 1, "project": "p", "project_url": "x", "repo": ".", "branches": ["main"],
              "environment_type": "virtualenv", "benchmark_dir": "benchmarks", "results_dir": "results/asv",
              "html_dir": "reports/asv", "show_commit_url": "https://example.org/commit/"}  # fmt: skip
    (root / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    return made


@pytest.fixture
def recorded(repository: Repository, small_run: Path) -> Callable[[Sequence[float]], Repository]:
    """Record one commit a value, as the accuracy of the small suite."""
    first = read_run(small_run)

    def make(values: Sequence[float]) -> Repository:
        for i, value in enumerate(values):
            hash_ = repository.commit(f"change {i} <script>", 1_700_000_000 + i * 3600)
            record.add(altered(first, hash_, value), repository.commits[-1], repository.results)
        return repository

    return make
