"""The commits of a repository, as a history needs them: in order, with who, when, why and which release."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.git import commit_of, git

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    hash: str
    date: int
    """Of the commit, in milliseconds since 1970."""
    author: str
    subject: str
    tags: tuple[str, ...] = ()

    @property
    def released(self) -> bool:
        """Whether a tag says so: ``v1.2.3`` or ``1.2.3``."""
        return any(re.fullmatch(r"v?\d+(\.\d+)+([-.]?(rc|a|b|post)\d*)?", tag) for tag in self.tags)


def history(repository: Path, branch: str = "HEAD") -> list[Commit]:
    """Return the commits that lead to ``branch`` along first parents, oldest first: the order in which they landed."""
    return _log(repository, ["--first-parent", branch])


def span(repository: Path, revisions: str) -> list[Commit]:
    """Return the commits of ``REV1..REV2``, both ends included, oldest first; or the one commit that is named.

    Raises:
        UsageError: if there is no such commit, or the first does not lead to the second.
    """
    first, dots, last = revisions.partition("..")
    end = commit_of(repository, (last or "HEAD") if dots else first)
    if not dots:
        return _log(repository, ["-1", end])
    start = commit_of(repository, first)
    found = _log(repository, ["--first-parent", end, f"^{start}"])
    if start != end and not found:
        raise UsageError(f"{first!r} does not lead to {last or 'HEAD'!r}")
    return [*_log(repository, ["-1", start]), *found]


def named(repository: Path, revisions: Iterable[str]) -> dict[str, Commit]:
    """Return commits by the names that they are asked for.

    Raises:
        UsageError: if there is no such commit, naming it.
    """
    hashes = {name: name if re.fullmatch(r"[0-9a-f]{40}", name) else commit_of(repository, name) for name in revisions}
    asked = sorted(set(hashes.values()))
    try:
        # One git for many commits; a line of arguments does not hold any number of them.
        found = [one for i in range(0, len(asked), _AT_ONCE)
                 for one in _log(repository, ["--no-walk", *asked[i : i + _AT_ONCE], "--"])]  # fmt: skip
    except UsageError:
        for name in asked:
            commit_of(repository, name)
        raise
    known = {one.hash: one for one in found}
    return {name: known[hash_] for name, hash_ in hashes.items()}


def _log(repository: Path, arguments: Sequence[str]) -> list[Commit]:
    form = "%H%x1f%ct%x1f%an%x1f%s%x1f%D%x1e"
    said = git(repository, "log", "--reverse", "--decorate=full", f"--format={form}", *arguments)
    text = said.decode(errors="replace")
    fields = (entry.strip("\n").split("\x1f") for entry in text.split("\x1e") if entry.strip())
    return [
        Commit(hash_, int(date) * 1000, author, subject, _tags(names)) for hash_, date, author, subject, names in fields
    ]


def _tags(names: str) -> tuple[str, ...]:
    found = (name.strip() for name in names.split(", "))
    return tuple(name.removeprefix("tag: refs/tags/") for name in found if name.startswith("tag: refs/tags/"))
