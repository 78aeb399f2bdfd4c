"""Baselines on a branch of their own: ``branch:NAME`` in place of a folder, without touching what is checked out."""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.comparison.identity import NoBaseline
from harness.errors import UsageError
from harness.git import git

PREFIX: Final = "branch:"


@contextmanager
def reading(root: Path, repository: Path | None = None) -> Iterator[Path]:
    """Yield the folder of baselines that ``root`` names: itself, or what the branch holds, in a temporary folder.

    Args:
        root: a folder, or ``branch:NAME``. A branch that is not here is looked for on ``origin``.
        repository: a folder of the git repository; the working directory by default.

    Raises:
        NoBaseline: if there is no such branch.
        UsageError: if there is no git, or no repository.
    """
    branch = _branch(root)
    if branch is None:
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="harness-baselines-") as scratch:
        folder = Path(scratch)
        commit = _tip(repository or Path.cwd(), branch)
        if commit is None:
            said = f"there is no branch {branch!r}, here or on origin"
            raise NoBaseline(f"{said}; make it: harness baseline save main --baselines {root}")
        _unpack(repository or Path.cwd(), commit, folder)
        try:
            yield folder
        except NoBaseline as error:
            # Its sentence speaks of the folder; the user named the branch.
            raise NoBaseline(str(error).replace(str(folder), str(root))) from error


@contextmanager
def writing(root: Path, message: str, repository: Path | None = None) -> Iterator[Path]:
    """As :func:`reading`; what is changed in the folder becomes one commit on the branch, which may be new.

    The branch has a history of its own (it is an orphan), so that baselines never weigh on a clone of the code
    that leaves it out.
    """
    branch = _branch(root)
    if branch is None:
        yield root
        return
    where = repository or Path.cwd()
    with tempfile.TemporaryDirectory(prefix="harness-baselines-") as scratch:
        folder = Path(scratch) / "tree"
        folder.mkdir()
        parent = _tip(where, branch)
        if parent is not None:
            _unpack(where, parent, folder)
        yield folder
        _commit(where, branch, parent, folder, Path(scratch) / "index", message)


def _branch(root: Path) -> str | None:
    text = str(root)
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def _tip(repository: Path, branch: str) -> str | None:
    """Return the newest commit of the branch, here or on ``origin``."""
    _git(repository, "check-ref-format", "--branch", branch)
    for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
        found = _git(repository, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", fine=(0, 1)).decode().strip()
        if found:
            return found
    return None


def _unpack(repository: Path, commit: str, folder: Path) -> None:
    if not _git(repository, "ls-tree", commit):
        return  # all baselines were removed; an archive of nothing is no archive
    packed = _git(repository, "archive", "--format=tar", commit)
    root = folder.resolve()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:  # by hand: `extractall` knows no filter before Python 3.11.4
            target = (root / member.name).resolve()
            source = archive.extractfile(member) if member.isfile() else None
            if source is not None and target.is_relative_to(root):  # links, and what leads elsewhere, are no baselines
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read())


def _commit(repository: Path, branch: str, parent: str | None, folder: Path, index: Path, message: str) -> None:
    alone = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
    top = Path(_git(repository, "rev-parse", "--absolute-git-dir").decode().strip())
    alone["GIT_DIR"] = str(top)
    # The repository's ignore rules are about its own files, not about these.
    _git(folder, "add", "--all", "--force", ".", more=alone)
    tree = _git(folder, "write-tree", more=alone).decode().strip()
    if parent is not None and tree == _git(repository, "rev-parse", f"{parent}^{{tree}}").decode().strip():
        return
    parents = [] if parent is None else ["-p", parent]
    made = _git(repository, "commit-tree", tree, *parents, "-m", message).decode().strip()
    local = _git(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", fine=(0, 1)).decode().strip()
    # The old value guards against another writer in between.
    _git(repository, "update-ref", f"refs/heads/{branch}", made, local or "0" * 40)


def _git(folder: Path, *arguments: str, fine: tuple[int, ...] = (0,), more: Mapping[str, str] | None = None) -> bytes:
    try:
        return git(folder, *arguments, fine=fine, more=more)
    except UsageError as cause:
        raise UsageError(f"baselines on a branch: {cause}") from cause
