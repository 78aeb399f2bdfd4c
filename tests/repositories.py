"""Git repositories of a test's own, and commits in them: by nobody, signed by nobody, whatever this machine says."""

import subprocess
from pathlib import Path

from tests import programs

_NOBODY = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    command = [programs.git(), "-C", str(folder), *_NOBODY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def begin(folder: Path) -> None:
    """Make a folder a repository, on the branch ``main``."""
    git(folder, "init", "--quiet", "--initial-branch", "main")


def commit(folder: Path, message: str) -> str:
    """Commit all that lies in a folder, nothing too, and return the commit's id."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()
