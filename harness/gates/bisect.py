"""Find the commit that made a suite worse: ``git bisect`` with the gate as its oracle."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.comparison.decide import Decision, Overall
from harness.comparison.identity import Identity
from harness.errors import HarnessError, UsageError
from harness.gates.planned import rows_of
from harness.gates.runs import GateOptions, judge_run, plan_gate
from harness.git import commit_of, git, run_checked_out, words, worktree
from harness.record import Run, find_runs, read_run
from harness.suite.bind import Suite, load_suite
from harness.suite.looks import draw_of_run

Word = Literal["good", "bad", "skip"]

_WORDS: Final[Mapping[Overall, Word]] = {
    "pass": "good", "fail": "bad", "inconclusive": "skip", "error": "skip",
}  # fmt: skip
_FOR_PEOPLE: Final = re.compile(
    rb"\t(\.github/.*|(.*/)?(README|CHANGELOG|CONTRIBUTING|SECURITY|LICENSE)(\.(md|rst|txt))?|(.*/)?\.gitignore)\Z",
    re.DOTALL,
)
_FIRST_BAD: Final = re.compile(r"^([0-9a-f]{7,64}) is the first bad commit", re.MULTILINE)


class CannotTell(HarnessError):
    """The commits between don't say which of them it was."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One commit and what the gate said to it."""

    commit: str
    word: Word
    why: str
    asked: int = 0
    """Questions that its run asked the model."""
    like: str = ""
    """The commit whose run stands for it: all that can change an answer is the same there."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for, and where."""

    suite: str
    adapter: str
    good: str
    bad: str
    limit: int | None = None
    arguments: tuple[str, ...] = ()
    """Passed on to ``harness run``."""


def bisect(search: Search, repository: Path, told: Callable[[Tried], None]) -> str:
    """Return the first commit at which the gate fails against the good one.

    Each commit is checked out in a worktree of its own and runs its own code, model and data there;
    the working tree of ``repository`` is left alone. The gates are the good commit's. A commit that
    cannot be run, or at which the gate is inconclusive, is skipped. One that differs from an earlier one only in files
    that people read is not run: the other's run is its own.

    Raises:
        UsageError: if a commit is unknown, or the gate fails at the good one already, or not at the bad one.
        CannotTell: if skipped commits hide the answer.
    """
    good, bad = commit_of(repository, search.good), commit_of(repository, search.bad)
    with tempfile.TemporaryDirectory(prefix="harness-bisect-") as scratch:
        runs = Path(scratch) / "runs"
        with worktree(repository, Path(scratch) / "tree", good) as tree:
            reference, said = _run(search, tree, runs / good)
            if reference is None:
                raise UsageError(f"the good commit {good[:12]} cannot be run: {said}")
            oracle = _Oracle(search, tree, runs, load_suite(str(_suite_file(search.suite, tree))), reference)
            oracle.remember(good, reference)
            if failing := oracle.failing_at_first():
                raise UsageError(f"a gate fails at the good commit {good[:12]} already: {failing}")
            git(tree, "checkout", "--quiet", "--detach", bad)
            last = oracle.ask(bad)
            told(last)
            if last.word != "bad":
                raise UsageError(f"the gate does not fail at the bad commit {bad[:12]}: {last.why}")
            return _search(oracle, tree, good, bad, told)


class _Oracle:
    """Says of the commit that is checked out whether its gate fails against the good one."""

    def __init__(self, search: Search, tree: Path, runs: Path, suite: Suite, reference: Path) -> None:
        self._search = search
        self._tree = tree
        self._runs = runs
        self._suite = suite
        self._reference = reference
        self._options = GateOptions(baseline=str(reference), block=True)
        self._known: dict[str, tuple[str, Path]] = {}

    def remember(self, commit: str, folder: Path) -> None:
        """Keep a commit's run for those that come to the same."""
        self._known[_content(self._tree, commit)] = commit, folder

    def ask(self, commit: str) -> Tried:
        like, folder = self._known.get(_content(self._tree, commit), ("", None))
        if folder == self._reference:
            return Tried(commit, "good", "nothing that can change an answer differs from the good commit", 0, like)
        asked = 0
        if folder is None:
            folder, said = _run(self._search, self._tree, self._runs / commit)
            if folder is None:
                return Tried(commit, "skip", said)
            self.remember(commit, folder)
            record = read_run(folder)
            asked = sum(record.responses.values()) - record.cached
        try:
            decision = self._judge(folder)
        except HarnessError as error:
            return Tried(commit, "skip", str(error), asked, like)
        return Tried(commit, _WORDS[decision.verdict], _why(decision), asked, like)

    def failing_at_first(self) -> str:
        """Return which gates the good commit itself fails, which every later one would be blamed for."""
        decision = self._judge(self._reference)
        return "" if decision.verdict != "fail" else _why(decision)

    def _judge(self, folder: Path) -> Decision:
        run = Run(folder)
        draw = draw_of_run(self._suite, run.record)
        name = run.record.adapter.name
        planned = plan_gate(self._suite, Identity.of(run.record), name, self._options, draw, rows_of(run))
        return judge_run(planned, folder)


def _content(tree: Path, commit: str) -> str:
    """Return what tells commits apart whose runs can differ: all their files but those that only people read.

    Code decides answers in ways that no fingerprint sees, so a file counts unless its name says that it cannot.
    """
    entries = git(tree, "ls-tree", "-r", "-z", commit).split(b"\0")
    counting = [entry for entry in entries if not _FOR_PEOPLE.search(entry)]
    return hashlib.sha256(b"\0".join(counting)).hexdigest()


def _search(oracle: _Oracle, tree: Path, good: str, bad: str, told: Callable[[Tried], None]) -> str:
    said = words(tree, "bisect", "start", bad, good)
    while not (found := _FIRST_BAD.search(said)):
        if "only 'skip'ped commits" in said or "only skipped commits" in said:
            raise CannotTell(f"skipped commits hide which one it was:\n{said.strip()}")
        tried = oracle.ask(commit_of(tree, "HEAD"))
        told(tried)
        said = words(tree, "bisect", tried.word, fine=(0, 2))
    return found.group(1)


def _run(search: Search, tree: Path, out: Path) -> tuple[Path | None, str]:
    """Run the suite with the code that is checked out; return the run's folder, or nothing and why."""
    limit = [] if search.limit is None else ["--limit", str(search.limit)]
    given = ["--adapter", search.adapter, "--out", str(out), "--no-report", "--quiet", *limit, *search.arguments]
    done = run_checked_out(tree, search.suite, *given)
    folders = list(find_runs(out))
    if folders and read_run(folders[-1]).status == "complete":
        return folders[-1], ""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return None, lines[-1] if lines else f"exit code {done.returncode}"


def _suite_file(suite: str, tree: Path) -> Path:
    if not suite.endswith((".yaml", ".yml")):
        suite = f"suites/{suite}.yaml"
    file = tree / suite
    if not file.is_file():
        raise UsageError(f"there is no {suite} at the good commit; name the suite by its path in the repository")
    return file


def _why(decision: Decision) -> str:
    """Return the reasons of the rules that fail; where none does, of those that are open."""
    told = [one.gate for one in decision.gates if one.failed]
    told = told or [one.gate for one in decision.gates if one.gate.verdict != "pass"]
    return "; ".join(f"{gate.metric}: {gate.reason}" for gate in told) or "all gates pass"
