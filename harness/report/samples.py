"""The answers of a run in the compact form that the sample browser reads: columns, and every text once."""

import base64
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import Samples
from harness.comparison.described import described
from harness.comparison.flips import Way, ways
from harness.record.arrow import where
from harness.record.datasets import dataset_of
from harness.record.schema import RunRecord, TaskRecord
from harness.record.sources import TableSource
from harness.record.thumbnails import Own, Thumbnails
from harness.report.exchanges import READ, Exchanges, Texts, clipped
from harness.report.label_marks import NO_MARKS, Key, Mark
from harness.report.pieces import pieces

if TYPE_CHECKING:
    import pyarrow as pa

_URI: Final = "data:image/webp;base64,"
_ROW: Final = ("task", "cell", "sample_id", "status", "error", "prompt", "references", "evidence", "response")
SIDES: Final[Mapping[Way, int]] = {"lost": 1, "gained": 2}
"""What stands for a flip in the data; 0 is none."""


def read_columns(names: Sequence[str], record: RunRecord) -> list[str]:
    """Return which of a run's columns :func:`browser_data` reads."""
    primary = [f"status.{task.primary}." for task in record.tasks.values()]  # that of a sum is its metric's
    judged = [name for name in names if any(one.startswith(f"{name}.") for one in primary)]
    return [name for name in names if name in (*_ROW, *READ, *judged) or name.startswith(("tag.", "score."))]


def browser_data(
    folder: Path, record: RunRecord, table: "pa.Table", marks: Mapping[Key, Mark] = NO_MARKS
) -> dict[str, Any]:
    """Return everything that the sample browser shows, as JSON values.

    Rows stand by task, in blocks; a sample's question, target, evidence and tags stand once, however many
    cells it was asked in. What people's labels say stands there where there are any.
    """
    tags = [name for name in table.column_names if name.startswith("tag.")]
    tasks, cells, statuses, prompts, responses, errors = (Texts() for _ in range(6))
    errors.code("")
    samples: dict[tuple[Hashable, ...], int] = {}
    rows: dict[str, list[Any]] = {name: [] for name in ("task", "cell", "sample", "status", "response", "error")}
    blocks, sides, exchanges = [], [], Exchanges(record)
    for name in dict.fromkeys([*record.tasks, *_distinct(table)]):
        part = where(table, "task", name)
        if not part.num_rows:
            continue
        dataset = dataset_of(record, name)
        asked = zip(*(_texts(part, column) for column in ("sample_id", "prompt", "evidence")), strict=True)
        references = (tuple(map(clipped, row)) for row in part["references"].to_pylist())
        slices = zip(*(part[tag].to_pylist() for tag in tags), strict=True) if tags else ((),) * part.num_rows
        for (sample_id, prompt, evidence), targets, values in zip(asked, references, slices, strict=True):
            key = (dataset, sample_id, prompts.code(prompt), targets, evidence, values)
            rows["sample"].append(samples.setdefault(key, len(samples)))
        rows["task"] += [tasks.code(name)] * part.num_rows
        for column, texts in (("cell", cells), ("status", statuses), ("response", responses), ("error", errors)):
            rows[column] += [texts.code(text) for text in _texts(part, column)]
        sides += _sides(folder, part, record.tasks.get(name))
        exchanges.add(name, part)
        blocks.append(_block(part, record.tasks.get(name), len(rows["task"]) - part.num_rows))
    datasets, ids, asked_prompts, targets_of, evidence_of, tags_of = (
        zip(*samples, strict=True) if samples else ((),) * 6
    )
    return {
        "simulated": record.adapter.simulated,
        "against": "its baseline cell",
        "tasks": tasks.values,
        "cells": cells.values,
        "statuses": statuses.values,
        "tags": [tag.removeprefix("tag.") for tag in tags],
        "prompts": prompts.values,
        "responses": responses.values,
        "errors": errors.values,
        "samples": {
            "id": ids,
            "prompt": asked_prompts,
            "references": targets_of,
            "evidence": evidence_of,
            "tags": tags_of,
        },
        "rows": {**rows, "flip": sides},
        "blocks": blocks,
        "exchanges": exchanges.data(),
        "pictures": _pictures(Thumbnails.read(folder, record), zip(datasets, ids, strict=True)),
        **_labels(marks, tasks.values, cells.values, ids, rows),
    }


def _labels(
    marks: Mapping[Key, Mark], tasks: Sequence[str], cells: Sequence[str], ids: Sequence[str], rows: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what people say, each thing once, and for every row which, −1 where they say nothing."""
    if not marks:
        return {}
    codes: dict[Mark, int] = {}
    of = []
    for task, cell, sample in zip(rows["task"], rows["cell"], rows["sample"], strict=True):
        mark = marks.get((tasks[task], cells[cell], ids[sample]))
        of.append(-1 if mark is None else codes.setdefault(mark, len(codes)))
    return {"labels": {"said": [mark.plain() for mark in codes], "of": of}}


def _distinct(table: "pa.Table") -> list[str]:
    import pyarrow.compute as pc

    return [str(name) for name in pc.unique(table["task"]).to_pylist()]


def _texts(part: "pa.Table", column: str) -> Iterable[str]:
    return map(clipped, part[column].to_pylist())


def _block(part: "pa.Table", task: TaskRecord | None, start: int) -> Any:
    scores = {}
    for name in part.column_names:
        if name.startswith("score.") and part[name].null_count < part.num_rows:
            scores[name.removeprefix("score.")] = [_rounded(value) for value in part[name].to_pylist()]
    return {"from": start, "to": start + part.num_rows, "primary": task.primary if task else "", "scores": scores}


def _rounded(value: float | None) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    short = round(value, 4)
    return int(short) if short == int(short) else short


def _sides(folder: Path, part: "pa.Table", task: TaskRecord | None) -> list[int]:
    """Return for each row of a task whether its answer changed sides against the task's cell of severity 0."""
    sides = [0] * part.num_rows
    baseline = _baseline(task)
    column = f"score.{task.primary}" if task else ""
    if task is None or baseline is None or column not in part.column_names:
        return sides
    known = described(task, [task.primary])
    if not known.flips(task.primary):
        return sides
    worths = Samples(folder, TableSource(part), {}).worths(task.primary, known.columns[task.primary])
    ids, cells = part["sample_id"].to_pylist(), part["cell"].to_pylist()
    before = {id_: worth for id_, cell, worth in zip(ids, cells, worths, strict=True) if cell == baseline}
    for way, mask in ways(np.array([before.get(id_, math.nan) for id_ in ids]), worths):
        for row in np.flatnonzero(mask):
            sides[row] = SIDES[way]
    return sides


def _baseline(task: TaskRecord | None) -> str | None:
    cells = task.cells if task else {}
    return next((name for name, cell in cells.items() if cell.labels.get("severity") == 0), None)


def as_uri(webp: bytes | None) -> str:
    """Return a picture as a data URI; nothing where there is none."""
    return _URI + base64.b64encode(webp).decode("ascii") if webp else ""


def _pictures(kept: Thumbnails, samples: Iterable[Own]) -> dict[str, Any]:
    """Return the kept pictures: each once, for every sample which one, −1 where there is none, and what models saw."""
    codes: dict[bytes, int] = {}
    own = [kept.own.get(one) or kept.own.get((None, one[1])) for one in samples] if kept else []
    of = [-1 if webp is None else codes.setdefault(webp, len(codes)) for webp in own]
    instead = {"/".join(key): codes.setdefault(webp, len(codes)) for key, webp in kept.shown.items()}
    return {"webp": [base64.b64encode(webp).decode("ascii") for webp in codes], "of": of, "seen": instead}


def sidecar(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield, piece by piece, the script that lies beside a page whose data would make it slow to open."""
    yield "window.harnessSamples="
    for piece in pieces(data):
        yield piece.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    yield ";\n"
