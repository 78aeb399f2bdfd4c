"""Small pictures of the samples of a run, drawn again from its data set, for its page."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import accumulate, chain, islice, zip_longest
from pathlib import Path
from typing import Final

from harness.comparison.columns import samples_of as columns_of
from harness.comparison.wrong import wrong_rows
from harness.errors import HarnessError, SampleError, UsageError
from harness.images import EMBEDDED, pictures, thumbnail
from harness.record import Run
from harness.spec.document import made_document
from harness.suite.bind import bind_suite, load_suite
from harness.types import Sample

FILE: Final = Path("artifacts") / "thumbnails.parquet"
_UNASKED: Final = 500
"""How many of them at most: each is read again."""


def keep_thumbnails(folder: Path) -> int:
    """Write ``artifacts/thumbnails.parquet`` (sample_id, webp) for a run; return how many samples have a picture.

    The pictures are those of the data set, before any corruption. A sample whose image cannot be read has none.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    run = Run(folder)
    return _keep(run, dict.fromkeys(run.table()["sample_id"].to_pylist()), None)


def keep_wrong(folder: Path) -> int:
    """As :func:`keep_thumbnails`, of the first wrong answers alone and at most 5 MB; return how many.

    This is for a run that was just made. It is no error where there can be no pictures: the page says so.
    """
    if (folder / FILE).is_file():
        return 0
    run = Run(folder)
    try:
        wanted = _wrong(run)
        return _keep(run, wanted, EMBEDDED) if wanted else 0
    except (HarnessError, OSError):
        return 0


def _wrong(run: Run) -> dict[str, None]:
    """Return the samples of the first wrong answers, of each task in turn."""
    import pyarrow.compute as pc

    table, found = run.table(), []
    for name, task in run.record.tasks.items():
        samples = columns_of(run.folder, table.filter(pc.equal(table["task"], name)))
        rows = wrong_rows(samples, task)[:_UNASKED]
        found.append(samples.text("sample_id").take(rows).to_pylist())
    turns = chain.from_iterable(zip_longest(*found))
    return dict.fromkeys(islice((one for one in turns if one is not None), _UNASKED))


def samples_of(run: Run, wanted: Collection[str]) -> Iterator[Sample]:
    """Yield the samples of a run that are asked for by id, read again from its data sets, each once.

    Raises:
        UsageError: if the suite is not there, or its data are no longer those of the run.
    """
    file = Path(run.record.suite.file)
    if file.is_file() and file.suffix not in (".yaml", ".yml"):  # data without a suite of its own
        suite = bind_suite(made_document(run.record.suite.content, file))
    else:
        suite = load_suite(str(file) if file.is_file() else file.stem)
    seen: set[str] = set()
    for name, dataset in suite.datasets.items():
        known = run.record.datasets.get(name)
        if known is None or dataset.content_hash() != known:
            raise UsageError(f"the data of {name!r} are no longer those of {run.record.run_id}: there are no pictures")
        for sample in dataset:
            if len(seen) == len(wanted):
                break
            if sample.id in wanted and sample.id not in seen and sample.images:
                seen.add(sample.id)
                yield sample


def _keep(run: Run, wanted: Mapping[str, None], room: int | None) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, bytes] = {}
    for sample in samples_of(run, wanted):
        with suppress(SampleError):
            found[sample.id] = thumbnail(*pictures(sample.images[:1]))
    kept = [one for one in wanted if one in found]
    if room is not None:
        ends = accumulate(len(found[one]) for one in kept)
        kept = [one for one, end in zip(kept, ends, strict=True) if end <= room]
    target = run.folder / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    columns = {"sample_id": kept, "webp": pa.array([found[one] for one in kept], pa.binary())}
    pq.write_table(pa.table(columns), target)
    return len(kept)
