"""Baselines on a branch of their own."""

import subprocess
from pathlib import Path

import pytest

from harness.comparison.identity import NoBaseline
from harness.errors import UsageError
from harness.gates.branch import reading, writing
from tests import programs
from tests.repositories import begin, commit, git

WHERE = Path("branch:baselines")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit and an untracked file."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "t")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@example.org")
    folder = tmp_path / "repository"
    folder.mkdir()
    begin(folder)
    (folder / "code.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("*.parquet\n")
    commit(folder, "first")
    (folder / "loose.txt").write_text("mine\n")
    return folder


def put(repository: Path, name: str, text: str) -> None:
    with writing(WHERE, f"Save {name}", repository) as folder:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_what_is_written_is_read_again_and_the_working_tree_stays_as_it_was(repository: Path) -> None:
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    put(repository, "main/suite/run.json", "one")
    put(repository, "main/suite/samples.parquet", "ignored by the code's rules, kept here")
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before
    with reading(WHERE, repository) as folder:
        kept = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert kept == ["main/suite/run.json", "main/suite/samples.parquet"]


def test_the_branch_shares_no_history_with_the_code_and_grows_by_a_commit_a_change(repository: Path) -> None:
    put(repository, "a", "1")
    put(repository, "a", "2")
    put(repository, "a", "2")  # nothing new: no commit
    assert git(repository, "log", "--format=%s", "baselines").split("\n")[:-1] == ["Save a", "Save a"]
    common = subprocess.run([programs.git(), "-C", repository, "merge-base", "main", "baselines"], check=False)
    assert common.returncode == 1


def test_a_clone_reads_the_branch_from_origin_and_continues_it(repository: Path, tmp_path: Path) -> None:
    put(repository, "a", "1")
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    with reading(WHERE, tmp_path / "clone") as folder:
        assert (folder / "a").read_text() == "1"
    put(tmp_path / "clone", "b", "2")
    git(tmp_path / "clone", "push", "--quiet", "origin", "baselines")
    with reading(WHERE, repository) as folder:
        assert {file.name for file in folder.iterdir()} == {"a", "b"}


def test_a_branch_that_is_not_there_is_no_baseline(repository: Path) -> None:
    with pytest.raises(NoBaseline, match="no branch 'baselines', here or on origin"), reading(WHERE, repository):
        pass


def test_a_name_that_git_refuses_is_a_mistake_and_no_option(repository: Path) -> None:
    with pytest.raises(UsageError), reading(Path("branch:--upload-pack=x"), repository):
        pass


def test_outside_a_repository_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="baselines on a branch"), writing(WHERE, "m", tmp_path):
        pass


def test_a_plain_folder_stays_a_plain_folder(tmp_path: Path) -> None:
    with reading(tmp_path) as read, writing(tmp_path, "m") as written:
        assert read == written == tmp_path


def test_save_list_gate_and_rm_work_on_a_branch(repository: Path, run_apart) -> None:
    (repository / "s.yaml").write_text(
        "suite: s\nversion: 1\ndatasets: {c: {type: charts, limit: 150}}\n"
        "tasks: {qa: {kind: qa, dataset: c, metrics: [relaxed_accuracy]}}\n"
        "gates: [{metric: qa/relaxed_accuracy, max_drop: 0.05}]\n"
    )
    gate = ("gate", "s.yaml", "-a", "mock", "-q", "--baselines", WHERE)
    assert run_apart(*gate, cwd=repository).code == 3
    assert run_apart("run", "s.yaml", "-a", "mock", "-q", "--no-report", cwd=repository).code == 0
    saved = run_apart("baseline", "save", "main", "--baselines", WHERE, cwd=repository)
    assert saved.code == 0, saved.err
    assert saved.out.startswith("branch:baselines/main/s-mock: ")
    assert run_apart(*gate, cwd=repository).code == 0
    (repository / "worse.yaml").write_text("adapter: mock\ntype: mock\nerror_rate: 0.6\n")
    why = run_apart(*gate, "-a", "worse.yaml", "--why", cwd=repository)
    assert (why.code, "the cause is error_rate" in why.out) == (1, True), why.out + why.err
    missing = run_apart(*gate, "--baseline", "other", cwd=repository)
    assert missing.code == 3
    assert "in branch:baselines" in missing.err
    assert '"name": "main"' in run_apart("baseline", "list", "--baselines", WHERE, "--json", cwd=repository).out
    assert run_apart("baseline", "rm", "main", "--baselines", WHERE, cwd=repository).code == 0
    assert run_apart(*gate, cwd=repository).code == 3
    assert not (repository / "baselines").exists()
