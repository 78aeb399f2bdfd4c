"""Small pictures of the samples of a run, drawn again from its data set, and what a model saw in place of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain, islice, zip_longest
from pathlib import Path
from typing import Any, Final

from harness.comparison.columns import samples_of as columns_of
from harness.comparison.wrong import wrong_rows
from harness.engine.same import HasMarks
from harness.errors import HarnessError, SampleError, UsageError
from harness.images import EMBEDDED, pictures, thumbnail
from harness.record import Run
from harness.record.arrow import array
from harness.record.schema import RunRecord
from harness.spec.document import made_document
from harness.suite.bind import Suite, bind_suite, load_suite
from harness.tasks import Measures, Task
from harness.types import Sample

FILE: Final = Path("artifacts") / "thumbnails.parquet"
_UNASKED: Final = 500
"""How many of them at most: each is read again."""
_SEEN: Final = 64
"""Of how many wrong answers what the model saw is made again, where it is not the data set's picture: a corruption of a
photograph may take a tenth of a second."""

Key = tuple[str, str, str]
"""Task, cell and sample."""


def keep_thumbnails(folder: Path) -> int:
    """Write ``artifacts/thumbnails.parquet`` for a run; return how many samples have a picture.

    Its columns are sample_id, task, cell and webp. Where task and cell are null it is the data set's picture, before
    any corruption; elsewhere what the model saw, kept of the first wrong answers where it is another. A sample whose
    image cannot be read has none.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    run = Run(folder)
    wanted = dict.fromkeys(run.source().select(["sample_id"])["sample_id"].to_pylist())
    return _keep(run, _suite(run), wanted, _wrong(run)[:_UNASKED], None)


def keep_wrong(folder: Path, suite: Suite) -> int:
    """As :func:`keep_thumbnails`, of the first wrong answers alone and at most 5 MB; return how many.

    This is for a run that was just made, of ``suite``. It is no error where there can be no pictures: the page says so.
    """
    if (folder / FILE).is_file() or not _shows(suite):
        return 0
    run = Run(folder)
    try:
        wrong = _wrong(run)
        wanted = dict.fromkeys(islice(dict.fromkeys(identity for _, _, identity in wrong), _UNASKED))
        return _keep(run, suite, wanted, wrong[:_SEEN], EMBEDDED) if wanted else 0
    except (HarnessError, OSError):
        return 0


def _shows(suite: Suite) -> bool:
    """Return whether a sample may have a picture."""
    return any(not isinstance(one, HasMarks) or one.marks().shows for one in suite.datasets.values())


def _wrong(run: Run) -> list[Key]:
    """Return the first wrong answers, of each task in turn."""
    whole, found = columns_of(run.folder, run.source()), []
    for name, task in run.record.tasks.items():
        samples = whole.of(name)
        rows = samples.texts(wrong_rows(samples, task)[:_UNASKED], ("task", "cell", "sample_id"))
        found.append([(row["task"], row["cell"], row["sample_id"]) for row in rows])
    turns = chain.from_iterable(zip_longest(*found))
    return [one for one in turns if one is not None]


def samples_of(
    run: Run, wanted: Collection[tuple[str, str]], *, pictured: bool = True
) -> Iterator[tuple[str, Sample]]:  # fmt: skip
    """Yield what tasks of a run asked about, task and sample, read again from its data sets, each once.

    Ids of two data sets may be the same: a task's own is read.

    Args:
        run: which.
        wanted: task and id of each sample.
        pictured: only samples that show a picture or a clip.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    suite, tasks = _suite(run), dict[str | None, dict[str, list[str]]]()
    for task, identity in wanted:
        tasks.setdefault(_dataset_of(run.record, task), {}).setdefault(identity, []).append(task)
    for name in suite.datasets:
        of = {**tasks.get(None, {}), **tasks.pop(name, {})}
        for sample in _samples(run, suite, of, pictured=pictured, clips=True, only=name):
            yield from ((task, sample) for task in of[sample.id])


def _dataset_of(record: RunRecord, task: str) -> str | None:
    """Return the name of the data set that a task asks about; None where its record does not say."""
    config: Any = record.tasks[task].config if task in record.tasks else {}
    while isinstance(config, dict) and not isinstance(config.get("dataset"), str):
        config = config.get("of")
    told = config.get("dataset") if isinstance(config, dict) else None
    return next((name for name, digest in record.datasets.items() if told in (name, digest)), None)


def _suite(run: Run) -> Suite:
    file = Path(run.record.suite.file)
    if file.is_file() and file.suffix not in (".yaml", ".yml"):  # data without a suite of its own
        return bind_suite(made_document(run.record.suite.content, file))
    return load_suite(str(file) if file.is_file() else file.stem)


def _samples(
    run: Run, suite: Suite, wanted: Collection[str], *, pictured: bool = True, clips: bool = False, only: str = ""
) -> Iterator[Sample]:
    seen: set[str] = set()
    for name, dataset in suite.datasets.items():
        if only and name != only:
            continue
        known = run.record.datasets.get(name)
        if known is None or dataset.content_hash() != known:
            raise UsageError(f"the data of {name!r} are no longer those of {run.record.run_id}: there are no pictures")
        for sample in dataset:
            if len(seen) == len(wanted):
                break
            looked_at = sample.images or (clips and sample.clip) or not pictured
            if sample.id in wanted and sample.id not in seen and looked_at:
                seen.add(sample.id)
                yield sample


def _keep(run: Run, suite: Suite, wanted: Mapping[str, None], wrong: Sequence[Key], room: int | None) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, bytes] = {}
    for sample in _samples(run, suite, wanted):
        with suppress(SampleError):
            found[sample.id] = thumbnail(*pictures(sample.images[:1]))
    kept: list[tuple[str | None, str | None, str, bytes]] = [
        (None, None, one, found[one]) for one in wanted if one in found
    ]
    kept += [(*key, webp) for key, webp in _seen(suite.tasks, wrong) if found.get(key[2]) != webp]
    if room is not None:
        ends = accumulate(len(webp) for *_, webp in kept)
        kept = [one for one, end in zip(kept, ends, strict=True) if end <= room]
    target = run.folder / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    tasks, cells, ids, webps = zip(*kept, strict=True) if kept else ((), (), (), ())
    text = pa.string()
    columns = {"sample_id": array(ids, text), "task": array(tasks, text), "cell": array(cells, text)}
    pq.write_table(pa.table({**columns, "webp": array(webps, pa.binary())}), target)
    return sum(task is None for task in tasks)


def _seen(tasks: Mapping[str, Task], wanted: Sequence[Key]) -> Iterator[tuple[Key, bytes]]:
    """Yield the first picture of what a model was asked about some answers, made again; none where that fails."""
    by_cell: dict[tuple[str, str], list[str]] = {}
    for key in wanted:
        by_cell.setdefault(key[:2], []).append(key[2])
    for (name, cell_name), ids in by_cell.items():
        task = tasks.get(name)
        cell = next((one for one in task.cells() if one.id == cell_name), None) if task else None
        if task is None or cell is None or isinstance(task, Measures):
            continue
        left = set(ids)
        for sample in task.samples(cell):
            if not left:
                break
            if sample.id in left:
                left.discard(sample.id)
                with suppress(Exception):  # a plug-in may need what only a run has: there is no picture then
                    made = task.requests(cell, sample, oracle=False)
                    yield (name, cell_name, sample.id), thumbnail(next(one.images[0] for one in made if one.images))
