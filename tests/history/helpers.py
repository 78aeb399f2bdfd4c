"""Small repositories with a history, and runs for their commits."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.history.commits import Commit, history
from harness.record import RunRecord
from harness.record.schema import GitRecord


@dataclass(frozen=True)
class Repository:
    """A git repository with ``asv.conf.json``."""

    root: Path

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=Ada <b>", "-c", "user.email=ada@example.org", "-C", str(self.root), *arguments],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def commit(self, message: str, date: int) -> str:
        when = f"@{date} +0000"
        subprocess.run(
            ["git", "-c", "user.name=Ada <b>", "-c", "user.email=ada@example.org", "-C", str(self.root),
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
