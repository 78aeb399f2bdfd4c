"""What a caller hands over: suites, adapters and runs, by name, by path or as they were read."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from harness.engine.named import locate_run, opened_run
from harness.errors import UsageError
from harness.record import Run
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.suite.bind import Suite
from harness.suite.bind import load_suite as read_suite

PathLike = str | os.PathLike[str]
AnySuite = Suite | PathLike
AnyAdapter = AdapterChoice | PathLike
AnyRun = Run | PathLike
_Name = TypeVar("_Name", str, os.PathLike[str], PathLike)

RUNS: Final = Path("results/runs")
"""Where runs lie, in the working directory."""


def load_suite(
    suite: AnySuite | None = None,
    roots: PathLike | Sequence[PathLike] = (),
    *,
    data: PathLike | None = None,
    fields: Mapping[str, str] | None = None,
) -> Suite:
    """Read and check a suite, or make one of data that has none.

    Args:
        suite: a YAML file, a name from ``harness list suites``, or a suite that was read.
        roots: folders outside the suite's own that its data may lie in.
        data: instead of a suite: a file or folder whose every row is asked once. The metric is that of a public set,
            and guessed for rows of your own; the suite's description says which.
        fields: of ``data``, which column is what, where that cannot be told.

    Raises:
        SpecError: with everything that is wrong, each at its place.
        UsageError: if there is no such suite, or both or neither is given.
    """
    if (suite is None) == (data is None):
        raise UsageError("give a suite, or data to make one of: harness run SUITE, or harness run --data FILE")
    if data is not None:
        from harness.suite.bare import data_document
        from harness.suite.bind import bind_suite

        places = [Path(root) for root in several(roots)]
        return bind_suite(data_document(Path(data), places, fields), places)
    if isinstance(suite, Suite):
        if roots:
            raise UsageError("roots count while a suite is read; give them to harness.load_suite")
        return suite
    assert suite is not None  # noqa: S101 - narrows the type
    return read_suite(os.fspath(suite), [Path(root) for root in several(roots)])


def load_run(run: AnyRun | None = None, runs: PathLike = RUNS) -> Run:
    """Open a run record.

    Args:
        run: the run's folder, another harness's log, or a part of its id; the newest under ``runs`` by default.
            ``@2`` is the one before, ``@latest:ADAPTER`` the newest of an adapter.
        runs: where runs lie.

    Returns:
        An object with ``record`` (what ``run.json`` holds), ``metrics`` (by ``task/metric``), ``table()`` (an Arrow
        table, a row a response) and ``samples()`` (the same as a pandas data frame).

    Raises:
        UsageError: if there is no readable record, or several fit.
    """
    if isinstance(run, Run):
        return run
    if run is None or isinstance(run, str):
        return Run(locate_run(run, Path(runs)))
    path = Path(run)
    return Run(opened_run(path) if path.exists() else path)


def adapter_of(adapter: AnyAdapter) -> AdapterChoice:
    """Return an adapter as it is, or read the one of that name or file."""
    return adapter if isinstance(adapter, AdapterChoice) else read_adapter(os.fspath(adapter))


def several(names: _Name | Sequence[_Name]) -> tuple[_Name, ...]:
    """Return names as they are, and one that stands alone as the only one: a text is no list of letters."""
    return (names,) if isinstance(names, (str, os.PathLike)) else tuple(names)
