"""Write and read the folder of a run: ``run.json``, ``samples.parquet``, ``artifacts/``."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from harness.asks import ask_named
from harness.errors import UsageError
from harness.extras import install
from harness.locate import near
from harness.record.arrow import array, vectors
from harness.record.durable import settle
from harness.record.schema import SCHEMA_VERSION, FailureRecord, MetricRecord, RunRecord
from harness.record.seal import UNSIGNED, check_file, is_whole, signed
from harness.record.sources import FileSource
from harness.record.store import ResponseStore, Row
from harness.registry import registry
from harness.shown import Shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

RUN_FILE: Final = "run.json"
SAMPLES_FILE: Final = "samples.parquet"
VECTORS_FILE: Final = "vectors.parquet"
STORE_FILE: Final = "responses.sqlite"
CHANCE: Final = "chance"
"""The column of samples that were drawn with unequal chances: whoever takes a mean of them must weigh each row by one
over it."""

_VERSION: Final = re.compile(r'\{\s*"schema_version":\s*(\d{1,9}),')

_ROWS_AT_ONCE: Final = 256
"""Rows that are Python objects at the same time."""
_BATCHES_A_GROUP: Final = 16
"""Of so many rows each, as Arrow arrays, is a row group made. Every group costs a kilobyte of memory a column until
the file is closed, so that a million rows in small groups take more for the groups than for the rows."""

_OF_VECTORS: Final = ("task", "cell", "sample_id", "part", "ask")

_PAGE: Final = 128 * 1024
"""Bytes of a page before compression."""


def write_samples(
    folder: Path,
    store: Iterable[Row],
    metrics: Sequence[str],
    tags: Sequence[str],
    sums: Sequence[str] = (),
    details: Sequence[str] = (),
    *,
    former: bool = False,
    chances: Mapping[str, float] | None = None,
) -> None:
    """Write ``samples.parquet`` from the rows of a store, little by little, atomically.

    Args:
        folder: where to.
        store: the rows.
        metrics: each has a column ``score.<metric>`` and a column ``status.<metric>``.
        tags: each has a column ``tag.<tag>``.
        sums: each has a column ``score.<metric>.<sum>``; the status of its metric holds for it.
        details: metrics that have a column ``detail.<metric>``.
        former: whether there is a column for the answers that rows had before they were asked again.
        chances: by sample, where they were drawn with unequal ones; each row then has its own in ``chance``.
    """
    import pyarrow as pa

    schema = _schema(metrics, tags, sums, details)
    if former:
        schema = schema.append(pa.field("former", pa.string()))
    if chances is not None:
        schema = schema.append(pa.field(CHANCE, pa.float64()))
    temporary = folder / f".{SAMPLES_FILE}.part"
    rows = iter(store)

    def batches() -> Iterator[pa.RecordBatch]:
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            yield pa.RecordBatch.from_arrays(_columns(some, schema, chances or {}), schema=schema)

    ready = batches()
    with _thrifty_memory(), samples_writer(temporary, schema) as writer:
        while group := list(islice(ready, _BATCHES_A_GROUP)):
            # In one piece: the writer gives up dictionaries that differ between pieces.
            writer.write_table(pa.Table.from_batches(group).unify_dictionaries().combine_chunks())
    settle(temporary, folder / SAMPLES_FILE)


def samples_writer(file: Path, schema: "pa.Schema") -> "pq.ParquetWriter":
    """Return what writes samples to a file, as every run does; each table that it is given is a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Dictionaries and statistics for the columns with few values: for texts that all differ they take memory, and make
    # the file two and a half times larger.
    few = [field.name for field in schema if pa.types.is_dictionary(field.type) or field.name.startswith("tag.")]
    options = {"compression": "zstd", "use_dictionary": few, "write_statistics": few, "data_page_size": _PAGE}
    return pq.ParquetWriter(file, schema, **options, write_page_checksum=True)


@contextmanager
def _thrifty_memory() -> Iterator[None]:
    """Let Arrow take its memory from the system: its own allocator is faster, and keeps 10 MiB more for itself."""
    import pyarrow as pa

    before, system = pa.default_memory_pool(), pa.system_memory_pool()
    pa.set_memory_pool(system)
    try:
        yield
    finally:
        pa.set_memory_pool(before)
        system.release_unused()


def write_vectors(folder: Path, store: ResponseStore) -> None:
    """Write ``vectors.parquet`` atomically, if any answers are numbers.

    Its columns are task, cell, sample_id, part, ask, and the numbers as float32: ``vector``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = (row for row in store.payloads() if row[4] in registry("asks") and ask_named(row[4]).floats)
    first = next(rows, None)
    if first is None:
        return
    schema = pa.schema([*((name, pa.string()) for name in _OF_VECTORS), ("vector", pa.list_(pa.float32()))])
    temporary = folder / f".{VECTORS_FILE}.part"
    everything = chain([first], rows)
    with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while group := list(islice(everything, _ROWS_AT_ONCE)):
            *texts, packed = zip(*group, strict=True)
            arrays = [*(array(text, pa.string()) for text in texts), vectors(packed)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    settle(temporary, folder / VECTORS_FILE)


def write_run(folder: Path, record: RunRecord) -> None:
    """Write ``run.json`` atomically."""
    temporary = folder / f".{RUN_FILE}.part"
    with temporary.open("w", encoding="utf-8") as out:
        out.write(signed(record.model_copy(update={"checksum": UNSIGNED}).model_dump_json(indent=2) + "\n"))
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(folder / RUN_FILE)


def read_run(folder: Path) -> RunRecord:
    """Read ``run.json``.

    Raises:
        UsageError: if it is not there, not a record, or of a newer schema.
    """
    file = folder / RUN_FILE if folder.is_dir() else folder
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"{folder} is not a run: cannot read {RUN_FILE} there") from cause
    newer = _newer_schema(text)
    if newer:
        raise UsageError(f"{file} has schema {newer}; this harness reads up to {SCHEMA_VERSION}: upgrade it")
    if not is_whole(text):
        raise UsageError(f"{file} is not as it was written: its text and its checksum differ")
    try:
        # The checksum is of the file: a record in memory that is changed and written again gets a new one.
        return RunRecord.model_validate_json(text).model_copy(update={"checksum": ""})
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{file} is not a run record of schema {SCHEMA_VERSION}: {where}: {first['msg']}") from cause


def _newer_schema(text: str) -> int | None:
    """Return the record's schema version if it is newer than ours; asked first, because its keys are then unknown."""
    if told := _VERSION.match(text):  # as we write it; the whole of it as JSON takes longer than everything else here
        return version if (version := int(told[1])) > SCHEMA_VERSION else None
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return version if isinstance(version, int) and version > SCHEMA_VERSION else None


class Run(Shown):
    """A run on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = read_run(folder)

    @property
    def metrics(self) -> dict[str, MetricRecord]:
        """Every metric of every task, by ``task/metric``."""
        return {f"{name}/{key}": one for name, task in self.record.tasks.items() for key, one in task.metrics.items()}

    def failures(self) -> list[FailureRecord]:
        """Return why samples failed, the commonest reason first: what was said, how often, where, and the first.

        Raises:
            UsageError: if the record is of an earlier version, and ``samples.parquet`` cannot be read.
        """
        from harness.record.failures import LOST, failures_in

        if self.record.failures or not any(self.record.responses.get(status) for status in LOST):
            return self.record.failures
        return failures_in(self.table())

    def table(self) -> "pa.Table":
        """Return all responses as an Arrow table.

        Raises:
            UsageError: if ``samples.parquet`` is missing or unreadable.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        check_file(self.folder, self.record.files, SAMPLES_FILE)
        try:
            # Not read_table: it imports pandas where that is installed, for half a second.
            return pq.ParquetFile(self.folder / SAMPLES_FILE).read()
        except (OSError, ValueError, pa.ArrowException) as cause:
            raise UsageError(f"{self.folder / SAMPLES_FILE} cannot be read: {cause}") from cause

    def source(self) -> FileSource:
        """Return all responses, read a column or a few rows at a time when they are asked for.

        Raises:
            UsageError: if ``samples.parquet`` is missing or unreadable.
        """
        check_file(self.folder, self.record.files, SAMPLES_FILE)
        return FileSource(self.folder / SAMPLES_FILE)

    def plain_table(self) -> "pa.Table":
        """Return :meth:`table` for whoever takes plain means of it.

        Raises:
            UsageError: also if the samples were drawn with unequal chances: a plain mean would be wrong of them.
        """
        self.check_plain()
        return self.table()

    def check_plain(self) -> None:
        """See that a plain mean of the samples is right.

        Raises:
            UsageError: if they were drawn with unequal chances.
        """
        if self.record.limit_rule == "informative":
            raise UsageError(unweighted(self.folder))

    def samples(self) -> "pd.DataFrame":
        """Return all responses as a data frame: one row each, one column ``score.<metric>`` for each metric.

        Where the samples were drawn with unequal chances the column ``chance`` has each row's own, and every mean must
        weigh rows by one over it.

        Raises:
            UsageError: if pandas is not installed, or the file cannot be read.
        """
        need_pandas("samples()")
        frame: pd.DataFrame = self.table().to_pandas()
        return frame

    def frame(self) -> "pd.DataFrame":
        """Return every metric as a data frame, a row each: task, metric, value, low, high, n, total, direction, unit.

        Raises:
            UsageError: if pandas is not installed.
        """
        need_pandas("frame()")
        import pandas as pd

        kept = ("value", "low", "high", "n", "total", "direction", "unit", "method")
        rows = [
            {"task": name, "metric": key, **{column: getattr(one, column) for column in kept}}
            for name, task in self.record.tasks.items()
            for key, one in task.metrics.items()
        ]
        return pd.DataFrame(rows, columns=["task", "metric", *kept])


def unweighted(folder: Path) -> str:
    """Return why something that takes plain means says nothing of a run whose samples had unequal chances."""
    return (
        f"the samples of {near(folder)} were drawn with unequal chances (--sample informative): this command takes "
        "plain means, which would be wrong of them. show, compare, gate, report and verify weigh them"
    )


def need_pandas(what: str) -> None:
    """See that pandas is there for what was called.

    Raises:
        UsageError: if it is not installed.
    """
    if find_spec("pandas") is None:
        raise UsageError(f"{what} needs pandas: {install('pandas')}")


def find_runs(root: Path) -> Iterator[Path]:
    """Yield the folders of finished runs under ``root``, oldest first."""
    # The record's own time, not the folder's: a report that is written later does not make a run newer.
    files = sorted(root.glob(f"*/{RUN_FILE}"), key=lambda file: (file.stat().st_mtime_ns, file))
    yield from (file.parent for file in files)


def _schema(metrics: Sequence[str], tags: Sequence[str], sums: Sequence[str], details: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    fixed = [
        ("task", pa.dictionary(pa.int32(), pa.string())),
        ("cell", pa.dictionary(pa.int32(), pa.string())),
        ("sample_id", pa.string()),
        ("cluster", pa.string()),
        ("batch", pa.int64()),
        ("status", pa.dictionary(pa.int32(), pa.string())),
        ("error", pa.string()),
        ("request_hash", pa.string()),
        ("prompt", pa.string()),
        ("references", pa.list_(pa.string())),
        ("evidence", pa.string()),
        ("facts", pa.string()),
        ("response", pa.string()),
        ("tokens_in", pa.int64()),
        ("image_tokens", pa.int64()),
        ("tokens_out", pa.int64()),
        ("batch_seconds", pa.float64()),
        ("parts", pa.string()),
        ("finish", pa.dictionary(pa.int32(), pa.string())),
        ("sent", pa.dictionary(pa.int32(), pa.string())),
        ("seconds", pa.float32()),
        ("attempts", pa.int32()),
        ("reasoning_tokens", pa.int64()),
        ("served", pa.dictionary(pa.int32(), pa.string())),
        ("mean_logprob", pa.float32()),
        ("min_logprob", pa.float32()),
    ]
    scored = [
        field
        for name in metrics
        for field in ((f"score.{name}", pa.float64()), (f"status.{name}", pa.dictionary(pa.int32(), pa.string())))
    ]
    tagged = [(f"tag.{name}", pa.string()) for name in tags]
    summed = [(f"score.{name}", pa.float64()) for name in sums]
    return pa.schema([*fixed, *tagged, *scored, *summed, *((f"detail.{name}", pa.string()) for name in details)])


def _columns(rows: Sequence[Row], schema: "pa.Schema", chances: Mapping[str, float]) -> list[Any]:
    own = [name for name in schema.names if "." not in name and name != CHANCE]
    values: dict[str, Iterable[Any]] = {name: [getattr(row, name) for row in rows] for name in own}
    if CHANCE in schema.names:
        values[CHANCE] = [chances[row.sample_id] for row in rows]
    values["facts"] = [json.dumps(row.facts) if row.facts else None for row in rows]
    for column in schema.names:
        kind, _, name = column.partition(".")
        if kind == "tag":
            values[column] = [row.tags.get(name) for row in rows]
        elif kind == "detail":
            values[column] = [row.details.get(name) for row in rows]
        elif kind in ("score", "status") and name:
            values[column] = [row.scores.get(name, (None, None))[kind == "status"] for row in rows]
    return [array(list(values[field.name]), field.type) for field in schema]
