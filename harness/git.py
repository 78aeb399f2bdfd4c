"""The user's own git, run as a program; and the harness of a commit that it checked out."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UsageError


def git(
    folder: Path,
    *arguments: str,
    fine: tuple[int, ...] = (0,),
    more: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> bytes:
    """Run git and return what it wrote to its output.

    Args:
        folder: in the repository.
        arguments: of git.
        fine: exit codes that are no failure.
        more: environment variables to set.
        timeout: seconds that it may take.

    Raises:
        UsageError: if it fails, with its own words; if it is not installed, or takes too long.
    """
    return _run(folder, arguments, fine, more, timeout).stdout


def words(folder: Path, *arguments: str, fine: tuple[int, ...] = (0,)) -> str:
    """Run git and return all that it said, complaints too: bytes that are no text are replaced.

    Raises:
        UsageError: as :func:`git`.
    """
    done = _run(folder, arguments, fine, None, None)
    return (done.stdout + done.stderr).decode(errors="replace")


def commit_of(repository: Path, name: str) -> str:
    """Return the full hash of a commit.

    Raises:
        UsageError: if there is none of that name.
    """
    ref = f"{name}^{{commit}}"
    found = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", ref, fine=(0, 1))
    if not found:
        raise UsageError(f"there is no commit {name!r}")
    return found.decode().strip()


def branch_of(repository: Path) -> str:
    """Return the branch that changes go to: the origin's own, else the one that is checked out, else ``main``."""
    for ref in ("refs/remotes/origin/HEAD", "HEAD"):
        said = git(repository, "symbolic-ref", "--short", ref, fine=(0, 1, 128)).decode().strip()
        if said:
            return said.removeprefix("origin/")
    return "main"


@contextmanager
def worktree(repository: Path, tree: Path, commit: str) -> Iterator[Path]:
    """Check a commit out beside the working tree, and take it away again.

    Raises:
        UsageError: as :func:`git`.
    """
    git(repository, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        yield tree
    finally:
        git(repository, "worktree", "remove", "--force", str(tree))


def run_checked_out(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``harness run`` with the code of a worktree, whatever is installed; return how it ended and what it said."""
    first = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    return subprocess.run(  # noqa: S603 - this interpreter, with the user's own arguments
        [sys.executable, "-m", "harness", "run", *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": first, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _run(
    folder: Path,
    arguments: tuple[str, ...],
    fine: tuple[int, ...],
    more: Mapping[str, str] | None,
    timeout: float | None,
) -> "subprocess.CompletedProcess[bytes]":
    try:
        done = subprocess.run(  # noqa: S603 - fixed program
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(more or {})},
            timeout=timeout,
        )
    except OSError as cause:
        raise UsageError(f"this needs git, which cannot be started: {cause.strerror}") from cause
    except subprocess.TimeoutExpired as cause:
        raise UsageError(f"git {arguments[0]} took longer than {timeout:g} s") from cause
    if done.returncode not in fine:
        raise UsageError(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return done
