"""asv's result files (schema v2): written and read without asv, so that recording a run needs no extra package."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.history.measure import PREFIX, Measured, Place, as_statistics, from_statistics
from harness.record.schema import MachineRecord

ENVIRONMENT: Final = "harness"
"""The one spelling of our environment; another would split every series."""
BENCHMARKS: Final = "benchmarks.json"
_COLUMNS: Final = (
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
    "profile",
)
_STATISTICS: Final = ("ci_99_a", "ci_99_b", "q_25", "q_75", "number", "repeat")

Values = dict[tuple[str, str], Measured]
"""By adapter and cell."""


@dataclass(slots=True)
class ResultFile:
    """What is known about one commit on one machine."""

    commit: str
    date: int
    """Of the commit, in milliseconds since 1970."""
    machine: MachineRecord
    benchmarks: dict[str, Values] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it lies, below ``results_dir``."""
        return Path(machine_name(self.machine)) / f"{self.commit[:8]}-{ENVIRONMENT}.json"

    def add(self, places: Iterable[tuple[Place, Measured]], started: int, version: str) -> None:
        """Put values in; those of the same place are replaced, those of other adapters and suites stay."""
        for place, found in places:
            self.benchmarks.setdefault(place.benchmark, {})[place.adapter, place.cell] = found
            self.started[place.benchmark] = started
            self.versions[place.benchmark] = version


def machine_name(machine: MachineRecord) -> str:
    """Return a name that says what kind of machine it is, and not which."""
    slug = re.sub(r"[^a-z0-9]+", "-", machine.processor.lower()).strip("-") or "unknown"
    return f"{slug[:48]}-{machine.cores}"


def write(results: Path, file: ResultFile) -> Path:
    """Write a result file, merged into what is there, and ``machine.json`` beside it."""
    target = results / file.path
    known = read_file(target) if target.is_file() else {}
    merged = {**known, **{name: {**known.get(name, {}), **found} for name, found in file.benchmarks.items()}}
    old = _load(target)["results"] if target.is_file() else {}
    rows = {
        name: _row(values, file.versions.get(name) or old[name][2], file.started.get(name) or old[name][3])
        for name, values in sorted(merged.items())
    }
    machine = _machine(file.machine)
    content = {
        "commit_hash": file.commit,
        "env_name": ENVIRONMENT,
        "date": file.date,
        "params": {**machine, "python": ".".join(file.machine.python.split(".")[:2])},
        "python": ".".join(file.machine.python.split(".")[:2]),
        "requirements": {},
        "env_vars": {},
        "result_columns": list(_COLUMNS),
        "results": rows,
        "durations": {},
        "version": 2,
    }
    _save(target.parent / "machine.json", {**machine, "version": 1})
    _save(target, content)
    return target


def write_benchmarks(results: Path, units: Mapping[str, str]) -> None:
    """Write ``benchmarks.json``: our benchmarks with the parameters of all result files, beside those of asv itself.

    ``asv run`` writes that file anew from the functions that it finds, so it is made again before publishing.

    Args:
        results: asv's ``results_dir``.
        units: unit by benchmark.
    """
    target = results / BENCHMARKS
    others = {}
    if target.is_file():
        others = {name: body for name, body in _load(target).items() if not _ours(name)}
    found: dict[str, Any] = {}
    for file in result_files(results):
        for name, row in _load(file)["results"].items():
            if _ours(name):
                one = found.setdefault(name, {"adapters": {}, "cells": {}, "version": row[2]})
                one["adapters"] |= dict.fromkeys(row[1][0])
                one["cells"] |= dict.fromkeys(row[1][1])
                one["version"] = max(one["version"], row[2], key=int)
    ours = {
        name: {
            "code": "",
            "name": name,
            "param_names": ["adapter", "cell"],
            "params": [list(one["adapters"]), list(one["cells"])],
            "timeout": 60.0,
            "type": "track",
            "unit": units.get(name, "unit"),
            "version": one["version"],
        }
        for name, one in sorted(found.items())
    }
    _save(target, {**others, **ours, "version": 2})


def result_files(results: Path) -> list[Path]:
    """Return the result files that we wrote."""
    return sorted(results.glob(f"*/*-{ENVIRONMENT}.json"))


def read_file(file: Path) -> dict[str, Values]:
    """Return the values of a result file by benchmark.

    Raises:
        UsageError: if it is not a result file of schema 2.
    """
    content = _load(file)
    try:
        columns = content["result_columns"]
        return {
            name: _values(dict(zip(columns, row, strict=False)))
            for name, row in content["results"].items()
            if _ours(name)
        }
    except (KeyError, TypeError, ValueError, IndexError) as cause:
        raise UsageError(f"{file} is not a result file of asv's schema 2: {type(cause).__name__} {cause}") from cause


def version_of(file: Path, benchmark: str) -> str | None:
    """Return the version of a benchmark in a result file; None where it has no results."""
    row = _load(file)["results"].get(benchmark)
    return str(row[2]) if row else None


def read_commit(file: Path) -> tuple[str, int]:
    """Return the commit of a result file, and its date in milliseconds."""
    content = _load(file)
    return str(content["commit_hash"]), int(content["date"])


def _row(values: Values, version: str, started: int) -> list[Any]:
    adapters = list(dict.fromkeys(adapter for adapter, _ in values))
    cells = list(dict.fromkeys(cell for _, cell in values))
    grid = [values.get(place, Measured(math.nan)) for place in product(adapters, cells)]
    told = [as_statistics(one) for one in grid]
    columns = [[one[name] if one else None for one in told] for name in _STATISTICS]
    statistics = [column if any(v is not None for v in column) else None for column in columns]
    parameters = [[repr(adapter) for adapter in adapters], [repr(cell) for cell in cells]]
    return [[_asv(one.value) for one in grid], parameters, version, started, None, *statistics]


def _asv(value: float | None) -> float | None:
    return value if value is None or not math.isinf(value) else math.nan


def _values(row: Mapping[str, Any]) -> Values:
    adapters, cells = ([_plain(text) for text in texts] for texts in row["params"])
    results = row["result"]
    ends = [row.get(f"stats_{name}") or [None] * len(results) for name in ("ci_99_a", "ci_99_b", "repeat")]
    grid = list(product(adapters, cells))
    if results is None:  # asv shortens a column of nulls
        results = [None] * len(grid)
    found = map(from_statistics, results, *ends)
    return dict(zip(grid, found, strict=True))


def _plain(text: str) -> str:
    """Return the string that a repr stands for, without evaluating it as code."""
    import ast

    value = ast.literal_eval(text)
    return str(value)


def _machine(machine: MachineRecord) -> dict[str, str]:
    """Return what asv's ``machine.json`` holds. Nothing in it names the machine."""
    system, _, _ = machine.platform.partition("-")
    arch = next((part for part in ("x86_64", "aarch64", "arm64", "AMD64") if part in machine.platform), "")
    return {
        "arch": arch,
        "cpu": machine.processor,
        "machine": machine_name(machine),
        "num_cpu": str(machine.cores),
        "os": system,
        "ram": "",
    }


def _ours(name: str) -> bool:
    return name.startswith(f"{PREFIX}.")


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise UsageError(f"{file} cannot be read as JSON: {cause}") from cause
    if not isinstance(content, dict):
        raise UsageError(f"{file} is not a JSON object")
    content.pop("version", None) if file.name == BENCHMARKS else None
    return content


def _save(file: Path, content: Mapping[str, Any]) -> None:
    """Write compact JSON atomically; NaN is written as asv writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text(json.dumps(content, separators=(", ", ": ")) + "\n", encoding="utf-8")
    temporary.replace(file)
