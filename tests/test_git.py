"""Git as a program: its own words where it fails, and a worktree that is gone afterwards."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.git import commit_of, git, words, worktree

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "name").write_bytes(b"caf\xe9\n")
    git(tmp_path, "add", ".")
    git(tmp_path, *IDENTITY, "commit", "--quiet", "-m", "First")
    return tmp_path


def test_a_commit_is_found_by_any_name_it_has(repository: Path) -> None:
    full = commit_of(repository, "HEAD")
    assert len(full) == 40
    assert commit_of(repository, full[:8]) == full


@pytest.mark.parametrize("name", ["nobody", "--help", "", "HEAD~1"])
def test_a_commit_that_is_not_there_is_named(repository: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no commit {name!r}"):
        commit_of(repository, name)


def test_outside_a_repository_git_itself_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        commit_of(tmp_path, "HEAD")


def test_output_is_bytes_and_words_are_text_whatever_they_hold(repository: Path) -> None:
    assert git(repository, "show", "HEAD:name") == b"caf\xe9\n"
    assert words(repository, "show", "HEAD:name") == "caf\ufffd\n"


def test_a_worktree_is_taken_away_even_if_its_use_fails(repository: Path, tmp_path: Path) -> None:
    tree = tmp_path / "beside"
    with pytest.raises(FileNotFoundError), worktree(repository, tree, "HEAD") as inside:
        [(inside / name).read_bytes() for name in ("name", "absent")]
    assert not tree.exists()
    assert words(repository, "worktree", "list").count("\n") == 1


def test_without_git_it_is_said_what_is_needed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(UsageError, match="needs git"):
        git(repository, "status")
