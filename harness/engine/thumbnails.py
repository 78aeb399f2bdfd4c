"""Small pictures of the samples of a run, drawn again from its data set, and what a model saw in place of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain, islice, zip_longest
from pathlib import Path
from typing import Final

from harness.comparison.columns import samples_of as columns_of
from harness.comparison.wrong import wrong_rows
from harness.engine.same import HasMarks
from harness.errors import HarnessError, SampleError, UsageError
from harness.images import EMBEDDED, pictures, thumbnail
from harness.record import Run
from harness.record.datasets import dataset_of
from harness.record.thumbnails import THUMBNAILS_FILE, Own, Shown, Thumbnails
from harness.spec.document import made_document
from harness.suite.bind import Suite, bind_suite, load_suite
from harness.tasks import Measures, Task
from harness.types import Sample

_UNASKED: Final = 500
"""How many of them at most: each is read again."""
_SEEN: Final = 64
"""Of how many wrong answers what the model saw is made again, where it is not the data set's picture: a corruption of a
photograph may take a tenth of a second."""


def keep_thumbnails(folder: Path) -> int:
    """Write ``artifacts/thumbnails.parquet`` for a run; return how many samples have a picture.

    They are the data sets' pictures, before any corruption, and of the first wrong answers what the model saw, where it
    was another. A sample whose image cannot be read has none.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    run = Run(folder)
    asked = run.source().select(["task", "sample_id"]).group_by(["task", "sample_id"], use_threads=False).aggregate([])
    wanted = zip(asked["task"].to_pylist(), asked["sample_id"].to_pylist(), strict=True)
    found = _drawn(run, _suite(run), list(wanted), _wrong(run)[:_UNASKED])
    found.write(folder)
    return len(found.own)


def keep_wrong(folder: Path, suite: Suite) -> int:
    """As :func:`keep_thumbnails`, of the first wrong answers alone and at most 5 MB; return how many.

    This is for a run that was just made, of ``suite``. It is no error where there can be no pictures: the page says so.
    """
    if (folder / THUMBNAILS_FILE).is_file() or not _shows(suite):
        return 0
    run = Run(folder)
    try:
        wrong = _wrong(run)
        wanted = islice(dict.fromkeys((task, identity) for task, _, identity in wrong), _UNASKED)
        found = _within(_drawn(run, suite, list(wanted), wrong[:_SEEN]), EMBEDDED) if wrong else Thumbnails()
        if wrong:
            found.write(folder)
    except (HarnessError, OSError):
        return 0
    return len(found.own)


def keep_also(folder: Path, wanted: Sequence[Shown]) -> None:
    """Keep the pictures of some answers, and of the first wrong ones, beside those that a run keeps.

    It is no error where there can be none.

    Args:
        folder: of the run.
        wanted: the answers.
    """
    run = Run(folder)
    kept = Thumbnails.read(folder, run.record)
    wrong = _wrong(run) if not kept else []
    lacking = [key for key in (*wanted[:_SEEN], *wrong[:_SEEN]) if kept.of(key[0], key[2]) is None]
    if not lacking:
        return
    with suppress(HarnessError, OSError):
        found = _drawn(run, _suite(run), [(task, identity) for task, _, identity in lacking], lacking)
        Thumbnails({**kept.own, **found.own}, {**kept.shown, **found.shown}).write(folder)


def _shows(suite: Suite) -> bool:
    """Return whether a sample may have a picture."""
    return any(not isinstance(one, HasMarks) or one.marks().shows for one in suite.datasets.values())


def _wrong(run: Run) -> list[Shown]:
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
    for of, sample in _samples(run, _suite(run), _by_dataset(run, wanted), pictured=pictured, clips=True):
        yield from ((task, sample) for task in of)


_Wanted = dict[str | None, dict[str, list[str]]]
"""By data set, None for any, and by sample: the tasks that ask about it."""


def _by_dataset(run: Run, wanted: Iterable[tuple[str, str]]) -> _Wanted:
    datasets = {task: dataset_of(run.record, task) for task in run.record.tasks}
    found: _Wanted = {}
    for task, identity in wanted:
        found.setdefault(datasets.get(task), {}).setdefault(identity, []).append(task)
    return found


def _suite(run: Run) -> Suite:
    file = Path(run.record.suite.file)
    if file.is_file() and file.suffix not in (".yaml", ".yml"):  # data without a suite of its own
        return bind_suite(made_document(run.record.suite.content, file))
    return load_suite(str(file) if file.is_file() else file.stem)


def _samples(
    run: Run, suite: Suite, wanted: _Wanted, *, pictured: bool = True, clips: bool = False
) -> Iterator[tuple[list[str], Sample]]:
    """Yield each wanted sample of each data set, with the tasks that ask about it."""
    anywhere = dict(wanted.get(None, {}))
    for name, dataset in suite.datasets.items():
        known = run.record.datasets.get(name)
        if known is None or dataset.content_hash() != known:
            raise UsageError(f"the data of {name!r} are no longer those of {run.record.run_id}: there are no pictures")
        left = dict(wanted.get(name, {}))
        for sample in dataset:
            if not (left or anywhere):
                break
            looked_at = sample.images or (clips and sample.clip) or not pictured
            if looked_at and (of := [*left.pop(sample.id, ()), *anywhere.pop(sample.id, ())]):
                yield of, sample


def _drawn(run: Run, suite: Suite, wanted: Sequence[tuple[str, str]], answers: Sequence[Shown]) -> Thumbnails:
    """Return the pictures of some samples, and what the model saw of some answers, in the order of ``wanted``."""
    datasets = {task: dataset_of(run.record, task) for task in run.record.tasks}
    drawn: dict[Own, bytes] = {}
    for of, sample in _samples(run, suite, _by_dataset(run, wanted)):
        with suppress(SampleError):
            drawn |= dict.fromkeys(
                ((datasets.get(task), sample.id) for task in of), thumbnail(*pictures(sample.images[:1]))
            )
    own = {key: drawn[key] for task, one in wanted if (key := (datasets.get(task), one)) in drawn}
    seen = _seen(suite.tasks, answers)
    return Thumbnails(own, {key: webp for key, webp in seen if own.get((datasets.get(key[0]), key[2])) != webp})


def _within(found: Thumbnails, room: int) -> Thumbnails:
    """Return the first pictures, as many as there is room for in bytes."""
    ends = accumulate(map(len, (*found.own.values(), *found.shown.values())))
    count = sum(end <= room for end in ends)
    own = dict(islice(found.own.items(), count))
    return Thumbnails(own, dict(islice(found.shown.items(), count - len(own))))


def _seen(tasks: Mapping[str, Task], wanted: Sequence[Shown]) -> Iterator[tuple[Shown, bytes]]:
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
