"""Run a suite at commits of the past, each with its own code in a worktree of its own."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.git import run_checked_out, worktree
from harness.history import record, runs
from harness.history.commits import Commit
from harness.history.files import machine_name
from harness.history.runs import Recorded
from harness.record import find_runs, read_run
from harness.record.lineage import machine


@dataclass(frozen=True, slots=True)
class Replay:
    """What to run at every commit."""

    suite: str
    """A name, or a path in the repository: the suite is the commit's own."""
    adapter: str
    limit: int | None = None
    head: bool = False
    """Let the limit take the first samples; harnesses before that option did no other."""
    arguments: tuple[str, ...] = ()
    """Passed on to ``harness run``."""
    again: bool = False
    """Run commits that have a run already."""


def replay(
    what: Replay, commits: Sequence[Commit], repository: Path, results: Path, told: Callable[[Commit, str], None]
) -> int:
    """Record every commit; return how many could be run. One that fails is written down as null.

    ``repository``'s own working tree is left alone.
    """
    done = 0
    asked = f"{what.suite} {what.adapter}"
    known = {one.commit for one in runs.read(results) if one.run and one.asked == asked}
    with tempfile.TemporaryDirectory(prefix="harness-history-") as scratch:
        for commit in commits:
            if not what.again and commit.hash in known:
                told(commit, "known")
                done += 1
                continue
            why = _one(what, commit, repository, results, Path(scratch))
            told(commit, why or "recorded")
            if why:
                suite, adapter = Path(what.suite).stem, Path(what.adapter).stem
                record.add_failure(suite, adapter, commit, why, results, asked)
            else:
                done += 1
    return done


def measure_again(run: Recorded, commit: Commit, repository: Path, results: Path) -> str:
    """Run a commit once more as ``harness history run`` ran it, and record it; return why not, or nothing.

    What is recorded of the commit stays where it cannot be run again.
    """
    suite, _, adapter = run.asked.partition(" ")
    if not adapter or " " in adapter or (run.part and run.limit is None):
        return "it was recorded by hand: run it again, then harness history record RUN"
    here = machine_name(machine())
    if run.machine != here:
        return f"it was measured on {run.machine}, and this is {here}: measure it again there"
    with tempfile.TemporaryDirectory(prefix="harness-history-") as scratch:
        return _one(
            Replay(suite, adapter, run.limit, run.part == runs.part_of(run.limit, "head")),
            commit,
            repository,
            results,
            Path(scratch),
        )


def _one(what: Replay, commit: Commit, repository: Path, results: Path, scratch: Path) -> str:
    """Run one commit and record it; return why it could not be run, or nothing."""
    out = scratch / f"runs-{commit.hash}"
    with worktree(repository, scratch / "tree", commit.hash) as tree:
        limit = [] if what.limit is None else ["--limit", str(what.limit), *(["--head"] if what.head else [])]
        given = ["--adapter", what.adapter, "--out", str(out), "--quiet", *limit, *what.arguments]
        done = run_checked_out(tree, what.suite, *given)
    folders = list(find_runs(out))
    if not folders:
        said = (done.stderr or done.stdout).split()
        return " ".join(said)[:300] or f"exit code {done.returncode}"
    try:
        one = read_run(folders[-1])
    except HarnessError as error:
        return str(error)
    if one.status != "complete":
        return f"the run {one.status}: {one.reason}"
    record.add(one, commit, results, f"{what.suite} {what.adapter}")
    return ""
