"""Small repositories with a history, and runs for their commits."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.history import record
from harness.history.commits import Commit, history
from harness.record import RunRecord, read_run
from harness.record.schema import GitRecord
from tests.programs import git


@dataclass(frozen=True)
class Repository:
    """A git repository with ``asv.conf.json``."""

    root: Path

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            [git(), "-c", "user.name=Ada <b>", "-c", "user.email=ada@example.org", "-C", str(self.root), *arguments],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def commit(self, message: str, date: int) -> str:
        when = f"@{date} +0000"
        subprocess.run(
            [git(), "-c", "user.name=Ada <b>", "-c", "user.email=ada@example.org", "-C", str(self.root),
             "commit", "--quiet", "--allow-empty", "-m", message, "--date", when],
            check=True, env={"GIT_COMMITTER_DATE": when, "PATH": "/usr/bin:/bin", "HOME": str(self.root)},
        )  # fmt: skip
        return self.git("rev-parse", "HEAD").strip()

    @property
    def results(self) -> Path:
        return self.root / "results" / "asv"

    @property
    def commits(self) -> list[Commit]:
        return history(self.root)


def make_repository(root: Path) -> Repository:
    """An empty repository that asv can publish."""
    root.mkdir(parents=True)
    made = Repository(root)
    made.git("init", "--quiet", "--initial-branch", "main")
    config = {"version": 1, "project": "p", "project_url": "x", "repo": ".", "branches": ["main"],
              "environment_type": "virtualenv", "benchmark_dir": "benchmarks", "results_dir": "results/asv",
              "html_dir": "reports/asv", "show_commit_url": "https://example.org/commit/"}  # fmt: skip
    (root / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    return made


def fill(repository: Repository, small_run: Path, values: Sequence[float]) -> Repository:
    """Record one commit a value, as the accuracy of the small suite."""
    first = read_run(small_run)
    for i, value in enumerate(values):
        hash_ = repository.commit(f"change {i} <script>", 1_700_000_000 + i * 3600)
        record.add(altered(first, hash_, value), repository.commits[-1], repository.results)
    return repository


def altered(first: RunRecord, commit: str, accuracy: float, spread: float = 0.02) -> RunRecord:
    """Return the small run as if the model had been right so often, at some commit."""
    task = first.tasks["qa"]
    metric = task.metrics["relaxed_accuracy"].model_copy(
        update={"value": accuracy, "low": accuracy - spread, "high": accuracy + spread}
    )
    changed = task.model_copy(update={"metrics": {**task.metrics, "relaxed_accuracy": metric}})
    return first.model_copy(
        update={
            "tasks": {**first.tasks, "qa": changed},
            "git": GitRecord(commit=commit, dirty=False),
            "run_id": f"small-mock-{commit[:8]}",
        }
    )


def stepped(n: int, at: int, before: float, after: float, sigma: float, seed: int = 0) -> list[float]:
    """Return a noisy series with one step."""
    rng = np.random.default_rng(seed)
    return [float(v) for v in np.where(np.arange(n) < at, before, after) + rng.normal(0, sigma, n)]
