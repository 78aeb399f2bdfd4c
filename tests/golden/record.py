"""What is frozen of a run and of a comparison: read from the files that the command line leaves, not from the code."""

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]
Frozen = dict[str, dict[str, Row]]
"""Part, then name, then the numbers under that name."""

DIGITS = 12
"""After the point, to which scores are rounded before they are hashed."""
SIGNIFICANT = 11
"""Digits of a number in the file: enough for a relative 1e-9."""
SHARE_TOLERANCE = 0.02
"""What the bound of a bootstrap interval of a share may move by: draws may be made another way."""
STEP_TOLERANCE = 0.051
"""The same where each of two groups of 20 is drawn by itself: such a share moves in steps of 1/20."""
WIDTH_TOLERANCE = 0.05
"""The same as a share of the interval's width, where that is more: three standard errors of a bound at 2000 draws."""
P_TOLERANCE = 0.04


def frozen_run(folder: Path, timed: bool) -> Frozen:
    """Return what is frozen of a finished run. Of a `timed` one nothing that depends on the machine's speed."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    frozen: Frozen = {"metrics": {}, "cells": {}, "gates": {}, "findings": {}, "scores": {}}
    for task, made in record["tasks"].items():
        for name, metric in made["metrics"].items():
            frozen["metrics"][f"{task}/{name}"] = _metric(metric, timed)
        for cell, point in made["cells"].items():
            for name, metric in point["metrics"].items():
                frozen["cells"][f"{task}/{name} @ {cell}"] = _point(metric, timed)
        if not timed:
            frozen["findings"][task] = {one["text"]: one["level"] for one in made["findings"]}
    for gate in record["gates"]:
        frozen["gates"][f"{gate['metric']} {gate['rule']}"] = {"verdict": gate["verdict"]}
    frozen["scores"] = {} if timed else _scores(folder / "samples.parquet")
    return frozen


def frozen_comparison(compared: list[Row], decision: Row) -> Frozen:
    """Return what is frozen of ``harness compare --json`` (one candidate) and ``harness gate --json``."""
    (one,) = compared
    deltas = {f"{row['task']}/{row['metric']}": _delta(row) for row in one["metrics"]}
    gates = {f"{gate['metric']} {gate['rule']}": {"verdict": gate["verdict"]} for gate in decision["gates"]}
    return {"deltas": deltas, "gates": gates, "decision": {"gate": {"verdict": decision["verdict"]}}}


def dump(frozen: Frozen) -> str:
    """Return the JSON, a line an entry, so that a difference reads as one."""
    parts = []
    for part, rows in frozen.items():
        lines = [f"    {_text(name)}: {_text(row)}" for name, row in rows.items()]
        parts.append(f"  {_text(part)}: {{\n" + ",\n".join(lines) + "\n  }" if lines else f"  {_text(part)}: {{}}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _metric(metric: Row, timed: bool) -> Row:
    named = {key: metric[key] for key in ("n", "total", "direction", "unit")}
    if timed:
        return named
    return {**_interval(metric, "value"), **named, "method": metric["method"], **_tolerance(metric, metric)}


def _point(metric: Row, timed: bool) -> Row:
    counted = {"n": metric["n"]}
    return counted if timed else {**_interval(metric, "value"), **counted, **_tolerance(metric, metric)}


def _delta(row: Row) -> Row:
    comparison = row["comparison"] or {}
    frozen = {"before": _short(row["before"]), "after": _short(row["after"])}
    if comparison:
        frozen |= {**_interval(comparison, "estimate"), "p_value": _short(comparison["p_value"])}
        frozen |= {"n": comparison["n"], "method": comparison["method"], **_tolerance(row, comparison)}
        if "tolerance" in frozen:
            frozen["p_tolerance"] = P_TOLERANCE
    return frozen


def _interval(of: Row, value: str) -> Row:
    return {key: _short(of[key]) for key in (value, "low", "high")}


def _tolerance(named: Row, of: Row) -> Row:
    drawn = "bootstrap" in of["method"] or "draws" in of["method"]
    if not drawn or of["low"] is None or of["high"] is None:
        return {}
    width = WIDTH_TOLERANCE * (of["high"] - of["low"])
    share = STEP_TOLERANCE if "stratified" in of["method"] else SHARE_TOLERANCE
    return {"tolerance": round(max(width, share if named["unit"] == "share" else 0.0), 4)}


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{SIGNIFICANT}g}")


def _scores(file: Path) -> dict[str, Row]:
    """Return for each task how many rows it has and a hash of which, and for each of its metrics a hash of the scores.

    Sums stand beside the hashes, so that a difference says more than that there is one.
    """
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    sums: dict[str, float] = defaultdict(float)
    table = pq.read_table(file)
    metrics = [name.removeprefix("score.") for name in table.column_names if name.startswith("score.")]
    for row in table.to_pylist():
        asked = (row["cell"], row["sample_id"])
        rows[row["task"]].append((*asked, row["status"]))
        for metric in metrics:
            score, status = row[f"score.{metric}"], row[f"status.{metric}"]
            if score is not None or status is not None:
                rounded = None if score is None else round(score, DIGITS) + 0.0
                rows[f"{row['task']}/{metric}"].append((*asked, rounded, status))
                sums[f"{row['task']}/{metric}"] += score or 0.0
    return {
        name: {"rows": len(found), **({"sum": _short(sums[name])} if name in sums else {}), "hash": _hash(found)}
        for name, found in rows.items()
    }


def _hash(rows: list[tuple[Any, ...]]) -> str:
    lines = sorted("\t".join(map(str, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
