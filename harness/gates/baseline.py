"""Named runs to compare with: what a comparison needs of a run, small enough to lie in the repository."""

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.comparison.columns import HASH_LENGTH
from harness.comparison.identity import Identity, NoBaseline, conflicts, unfinished
from harness.comparison.sets import NO_ROWS, Rows, apart
from harness.errors import UsageError, did_you_mean
from harness.record import Run, RunRecord, read_run
from harness.record.folder import RUN_FILE, SAMPLES_FILE, write_run
from harness.record.marks import MARKS_FILE, read_marks, write_marks
from harness.record.rows import ROWS_FILE, read_rows, write_rows
from harness.record.seal import digests

if TYPE_CHECKING:
    import pyarrow as pa

ROOT: Final = Path("baselines")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_KEPT: Final = ("task", "cell", "sample_id", "cluster", "request_hash", "status", "response", "finish", "chance")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run under a name. Its folder holds ``run.json`` and a trimmed ``samples.parquet``."""

    name: str
    folder: Path
    record: RunRecord

    @property
    def key(self) -> str:
        """A short hash of suite, data and configuration."""
        return Identity.of(self.record).key

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def __str__(self) -> str:
        return f"baseline {self.name!r} ({self.record.suite.name} on {self.record.adapter.name})"


def save(run: Path, name: str, root: Path = ROOT) -> Baseline:
    """Keep a run as the baseline ``name`` for its suite and adapter; an older one is replaced.

    Raises:
        UsageError: if the name is impossible, or the run was not completed.
    """
    import pyarrow.parquet as pq

    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a baseline: use letters, digits, '.', '_' and '-'")
    opened = Run(run)
    wrong = unfinished(opened.record, "run")
    if wrong:
        raise UsageError(f"{wrong[0]}; only a complete run can be a baseline")
    folder = root / name / f"{opened.record.suite.name}-{opened.record.adapter.name}"
    table = _trimmed(opened.table())
    record = _without_curves(opened.record)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SAMPLES_FILE}.part"
    pq.write_table(table, temporary, compression="zstd", compression_level=19)
    temporary.replace(folder / SAMPLES_FILE)
    for left in (ROWS_FILE, MARKS_FILE):  # of an older self: not every run has them
        (folder / left).unlink(missing_ok=True)
    write_rows(folder, read_rows(run, opened.record.files))
    write_marks(folder, read_marks(run))
    record = record.model_copy(update={"files": digests(folder)})
    write_run(folder, record)
    return Baseline(name, folder, record)


def baselines(root: Path = ROOT, name: str | None = None) -> Iterator[Baseline]:
    """Yield all baselines, or those of one name."""
    for file in sorted(root.glob(f"{name or '*'}/*/{RUN_FILE}")):
        yield Baseline(file.parent.parent.name, file.parent, read_run(file.parent))


def remove(name: str, root: Path = ROOT) -> list[Path]:
    """Remove all baselines of one name; return their folders.

    Raises:
        UsageError: if there is none.
    """
    found = [baseline.folder for baseline in baselines(root, name)] if _NAME.fullmatch(name) else []
    if not found:
        raise UsageError(f"there is no baseline {name!r} in {root}; {did_you_mean(name, _names(root))}")
    for folder in found:
        shutil.rmtree(folder)
    parent = root / name
    if not any(parent.iterdir()):
        parent.rmdir()
    return found


def find(name: str, suite: str, adapter: str, simulated: bool, root: Path = ROOT) -> Baseline:
    """Return the baseline ``name`` of a suite: the adapter's own, or the only one of its kind.

    Args:
        name: of a baseline, or the folder of a run.
        suite: its name.
        adapter: its name.
        simulated: whether the adapter is; a simulated run is no baseline for a real one.
        root: where baselines lie.

    Raises:
        NoBaseline: if there is none, or several and none is the adapter's.
    """
    if (Path(name) / RUN_FILE).is_file():
        return Baseline(name, Path(name), read_run(Path(name)))
    fitting = [one for one in baselines(root, name) if one.record.suite.name == suite] if _NAME.fullmatch(name) else []
    own = [one for one in fitting if one.record.adapter.name == adapter]
    alike = [one for one in fitting if one.record.adapter.simulated == simulated]
    for choice in (own, alike, fitting):
        if len(choice) == 1:
            return choice[0]
    if fitting:
        known = ", ".join(one.record.adapter.name for one in fitting)
        said = f"baseline {name!r} of suite {suite!r} has no run on {adapter!r}, but on {known}"
        raise NoBaseline(f"{said}; name the one you mean by its folder: --baseline {fitting[0].folder}")
    raise NoBaseline(
        f"there is no baseline {name!r} of suite {suite!r} in {root}; "
        f"make one: harness run {suite} --adapter {adapter} && harness baseline save {name}"
    )


def check(
    baseline: Baseline, planned: Identity, tasks: Collection[str], rows: Rows = NO_ROWS, allow_missing: float = 1.0
) -> None:
    """See that a baseline still fits what is to be run.

    Args:
        baseline: the baseline.
        planned: what the candidate is or will be.
        tasks: tasks whose gates need the baseline.
        rows: of the candidate's data: where both sides know theirs, other data are compared row by row.
        allow_missing: the share of the baseline's rows that may be gone or changed.

    Raises:
        NoBaseline: with every reason.
    """
    identity = Identity.of(baseline.record)
    by_row = apart(identity, Rows(baseline.record.datasets, baseline.folder), planned, rows)
    reasons = unfinished(baseline.record, "baseline") + [str(found) for found in conflicts(identity, planned, by_row)]
    reasons += [
        f"data of {task}: {one}: {one.lost:.2%} of {one.of:,} rows have no partner (--allow-missing {allow_missing:g})"
        for task, one in by_row.items()
        if task in tasks and one.lost > allow_missing
    ]
    reasons += [f"task {task!r} is not in it" for task in dict.fromkeys(tasks) if task not in identity.tasks]
    if reasons:
        lines = "".join(f"\n  {reason}" for reason in reasons)
        raise NoBaseline(f"{baseline} no longer fits:{lines}\n  save a new one: harness baseline save {baseline.name}")


def _names(root: Path) -> list[str]:
    return sorted({baseline.name for baseline in baselines(root)})


def _trimmed(table: "pa.Table") -> "pa.Table":
    """Return what a comparison reads, with repeated texts as dictionaries and hashes cut short."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = [name for name in table.column_names if name in _KEPT or name.split(".")[0] in ("score", "status", "tag")]
    columns = {}
    for name in kept:
        column = table[name]
        if name == "request_hash":
            column = pc.utf8_slice_codeunits(column, 0, HASH_LENGTH)
        elif name in ("sample_id", "cluster", "response") or name.startswith("tag."):
            column = column.dictionary_encode()
        columns[name] = column
    return pa.table(columns)


def _without_curves(record: RunRecord) -> RunRecord:
    tasks = {
        name: task.model_copy(update={"curves": [], "findings": [], "charts": [], "tables": []})
        for name, task in record.tasks.items()
    }
    return record.model_copy(update={"tasks": tasks})
