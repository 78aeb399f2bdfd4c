"""Checking what lies under a path, all splits of it, or the datasets of a suite."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.data import open_found
from harness.errors import UsageError
from harness.registry import registry
from harness.suite.bind import Suite
from harness.suite.checks.findings import Findings
from harness.suite.checks.inspect import Inspector
from harness.suite.checks.shown import Looked
from harness.suite.data import check_data
from harness.suite.starter import keys_for, layout
from harness.types import Dataset

Advance = Callable[[int], None]


def inspect_path(
    path: Path,
    roots: tuple[Path, ...] = (),
    *,
    kind: str | None = None,
    split: str | None = None,
    config: str | None = None,
    fields: Mapping[str, str] | None = None,
    images: str | None = None,
    advance: Advance = lambda _: None,
) -> Looked:
    """Look at all rows under a path: of all its splits where none is named, which are then compared.

    Args:
        path: a file or folder.
        roots: folders outside its own that its files may lie in.
        kind: which layout; the likeliest by default.
        split: which split.
        config: which configuration.
        fields: which column is what, of a table of the user's own.
        images: the folder that paths of images start at, relative to the path.
        advance: hears how many rows were looked at.

    Raises:
        UsageError: if there is nothing that can be read.
    """
    try:
        found, _ = layout(path, kind)
    except UsageError:
        if kind is not None or path.suffix != ".json":
            raise
        return _one(path.name, _lines(path, roots), advance)
    if found.type == "jsonl":
        return _one(path.name, _lines(path, roots), advance)
    keys = keys_for(found, path, roots, split=split, config=config, fields=fields)
    names = [] if split is not None else found.compared(keys)
    inspector = Inspector(advance=advance)
    for name in names or [keys.get("split", path.name)]:
        here = {**keys, "split": name} if names else keys
        inspector.see(name, open_found(found, path, roots, images=images, **here))
    return Looked(inspector.done(), inspector.datasets)


def check_path(path: Path, roots: tuple[Path, ...] = (), **keys: Any) -> Findings:
    """As :func:`inspect_path`, for the findings alone."""
    return inspect_path(path, roots, **keys).findings


def inspect_suite(suite: Suite, advance: Advance = lambda _: None) -> tuple[Looked, list[str]]:
    """Look at all rows of a suite's datasets; return what was found, and what its metrics cannot judge.

    Datasets that read the same files are not compared with each other: one is a part of the other.
    """
    total = Findings()
    groups: list[tuple[Inspector, set[str]]] = []
    for name, dataset in suite.datasets.items():
        place = _place(dataset)
        free = next((group for group in groups if place and place not in group[1]), None)
        if free is None:
            groups.append(free := (Inspector(advance=advance), set()))
        free[0].see(name, dataset)
        free[1].add(place)
    for inspector, _ in groups:
        told = inspector.done()
        total.rows += told.rows
        total.pictures += told.pictures
        total.datasets |= told.datasets
        for key, rows in told.found.items():
            total.found.setdefault(key, []).extend(rows)
    checked = check_data(suite, None)
    checked.broken = []
    return Looked(total, suite.datasets), checked.warnings()


def _one(name: str, dataset: Dataset, advance: Advance) -> Looked:
    inspector = Inspector(advance=advance)
    inspector.see(name, dataset)
    return Looked(inspector.done(), inspector.datasets)


def _lines(path: Path, roots: tuple[Path, ...]) -> Dataset:
    cls: Any = registry("datasets").load("jsonl")
    folder = path.resolve().parent
    dataset: Dataset = cls.from_config(cls.Config(path=path.name), folder, (folder, *roots))
    return dataset


def _place(dataset: Dataset) -> str:
    """Return what two datasets have in common that read the same rows; nothing where that cannot be told."""
    config: Any = getattr(dataset, "config", None) or getattr(dataset, "_config", None)
    told = [getattr(config, key, None) for key in ("path", "split", "config")]
    return repr(told) if told[0] is not None else ""
