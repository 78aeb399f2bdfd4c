"""Find a run by what a user types."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness.errors import HarnessError, UsageError

_COUNTED: Final = re.compile(r"@(latest|[1-9]\d*)(?::(.+))?")


def locate_unfinished(name: str | None, runs: Path, *, complete: bool = False, untold: bool = False) -> Path:
    """Return the folder of a run that was begun and not completed.

    Args:
        name: a folder, a part of a run's id, ``@latest`` and its like, or None for the newest.
        runs: where runs lie.
        complete: take one too that was completed and of which something can be asked again.
        untold: take one too that was completed and that nobody was told of; the newest is one that is unfinished.

    Raises:
        UsageError: if none fits, or several do.
    """
    from harness.engine.open_run import unfinished
    from harness.engine.told import told_later
    from harness.record import find_runs

    def elsewhere(wanted: str) -> str:
        done = _fitting(wanted, tuple(find_runs(runs)))
        if not done:
            return ""
        many = f"{len(done)} runs that fit {wanted!r} are" if len(done) > 1 else f"{done[0].name} is"
        return f"{many} complete, and there is nothing to continue"

    none = f"there is no unfinished run in {runs}" + (", and none with failures" if complete else "")

    def find() -> Sequence[Path]:
        last = sorted(told_later(runs)) if untold else ()
        return (*last, *tuple(unfinished(runs, complete=complete))[::-1])

    return _locate(name, runs, find, none, elsewhere)


def locate_run(name: str | None, runs: Path) -> Path:
    """Return the folder of a run.

    Args:
        name: a folder, another harness's log (:mod:`harness.imports`), a part of a run's id, or None for the newest.
            ``@latest`` is the newest too, ``@2`` the one before; ``@latest:ADAPTER`` and ``@2:ADAPTER`` count the
            adapter's runs alone.
        runs: where runs lie.

    Raises:
        UsageError: if none fits, or several do.
    """
    from harness.record import find_runs

    none = f"there are no runs in {runs}; make one: harness run robustness --adapter onnx-int8"
    return _locate(name, runs, lambda: tuple(find_runs(runs)), none)


def counted(name: str, runs: Path) -> str:
    """Return the folder that ``@latest``, ``@2`` or ``@latest:ADAPTER`` means; any other text as it is.

    Raises:
        UsageError: if there are not so many runs.
    """
    return str(locate_run(name, runs)) if _COUNTED.fullmatch(name) and not Path(name).exists() else name


def opened_run(path: Path) -> Path:
    """Return the folder of the run at a path; of another harness's log, that of a record made of it for now.

    Raises:
        UsageError: if it is neither.
    """
    from harness.record.folder import RUN_FILE, STORE_FILE

    if path.is_dir() and any((path / name).exists() for name in (RUN_FILE, STORE_FILE)):
        return path
    if path.name == RUN_FILE:
        return path.parent
    from harness.imports import opened

    return opened(path)


def _locate(
    name: str | None,
    runs: Path,
    find: Callable[[], Sequence[Path]],
    none: str,
    elsewhere: Callable[[str], str] = lambda _: "",
) -> Path:
    """Return the folder that is meant, among those that are found, which stand from oldest to newest.

    ``elsewhere`` may say of a name that none of them has what it is instead.
    """
    if name is not None and Path(name).exists():
        return opened_run(Path(name))
    folders = find()
    if name is None:
        if not folders:
            raise UsageError(none)
        return folders[-1]
    if found := _COUNTED.fullmatch(name):
        return _back(folders, 1 if found[1] == "latest" else int(found[1]), found[2], runs)
    fitting = _fitting(name, folders)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise UsageError(elsewhere(name) or f"no run in {runs} is called {name!r}")
    raise UsageError(f"{len(fitting)} runs in {runs} fit {name!r}: {', '.join(folder.name for folder in fitting[:5])}")


def _back(folders: Sequence[Path], count: int, adapter: str | None, runs: Path) -> Path:
    """Return the ``count``-th newest folder, of an adapter where one is named."""
    left = count
    for folder in reversed(folders):
        left -= adapter is None or _adapter(folder) == adapter
        if left == 0:
            return folder
    whose = f" of adapter {adapter!r}" if adapter else ""
    raise UsageError(f"there is no @{count}{whose}: {runs} holds {count - left} of them; harness list runs")


def _adapter(folder: Path) -> str:
    """Return the name of a run's adapter; of a run without a record, nothing."""
    from harness.record import read_run

    try:
        return read_run(folder).adapter.name
    except HarnessError:
        return ""


def _fitting(name: str, folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if name in folder.name]
