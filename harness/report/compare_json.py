"""Comparisons and decisions as JSON: everything, with null where a number is undefined."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.causes.results import Why, plain
from harness.comparison.compare import Compared, Delta
from harness.comparison.decide import Decision, Judged
from harness.comparison.forecast import Forecast
from harness.comparison.labelled import Labelled
from harness.record.schema import RunRecord


def compare_json(compared: Compared) -> dict[str, Any]:
    """Return a comparison as plain JSON values."""
    return {
        "baseline": _run(compared.baseline),
        "candidate": _run(compared.candidate),
        "simulated": compared.simulated,
        "forced": list(compared.forced),
        "warnings": list(compared.warnings),
        "resamples": compared.resamples,
        "seed": compared.seed,
        "metrics": [_delta(delta) for delta in compared.deltas],
        "cells": [_delta(delta) for delta in compared.cells],
        "slices": [defined(asdict(one)) for one in compared.slices],
        "flips": [defined(asdict(one)) for one in compared.flips],
        "lineage": [asdict(one) for one in compared.lineage],
        "unpaired": [defined(asdict(one)) | {"lost": one.lost} for one in compared.unpaired],
        "allow_missing": compared.allow_missing,
        "cut_off": [_delta(delta) for delta in compared.cut_off],
        "labels_file": compared.labels_file,
        "labelled": [_labelled(one) for one in compared.labelled],
    }


def decision_json(decision: Decision, forecasts: Sequence[Forecast] = (), why: Why | None = None) -> dict[str, Any]:
    """Return a gate's decision as plain JSON values, and which change made it fail, where that was looked for."""
    return {
        "verdict": decision.verdict,
        "exit_code": int(decision.exit_code),
        "blocking": decision.blocking,
        "tier": decision.candidate.suite.tier,
        "candidate": _run(decision.candidate),
        "planned": [defined(asdict(one)) for one in forecasts],
        "gates": [_judged(one) for one in decision.gates],
        "comparison": compare_json(decision.compared) if decision.compared else None,
        "looks": _looks(decision),
        "tries": decision.tries.model_dump(mode="json") if decision.tries else None,
        "why": plain(why) if why else None,
    }


def _looks(decision: Decision) -> dict[str, Any] | None:
    if (looked := decision.looked) is None:
        return None
    names = ("look", "looks", "samples", "planned", "spared")
    return {name: getattr(looked, name) for name in names}


def defined(value: Any) -> Any:
    """Return ``value`` with null for every number that JSON cannot hold, and lists for tuples."""
    if isinstance(value, dict):
        return {key: defined(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _delta(delta: Delta) -> dict[str, Any]:
    told: dict[str, Any] = defined(asdict(delta))
    return {**told, "moved": delta.moved}


def _labelled(one: Labelled) -> dict[str, Any]:
    told: dict[str, Any] = asdict(one)
    del told["verdict"]
    for number in (told, *told["slices"]["listed"]):
        del number["found"]["drawn"]  # what it was made of: arrays
    return {**defined(told), "verdict": one.word, "said": one.said}


def _judged(judged: Judged) -> dict[str, Any]:
    told: dict[str, Any] = judged.gate.model_dump(mode="json")
    told |= {"strict": judged.strict, "failed": judged.failed}
    if judged.statistics is None:
        return told
    numbers = judged.statistics
    plan = {
        "adjusted_p": numbers.adjusted_p,
        "minimum_effect": numbers.minimum_effect,
        "n_needed": numbers.n_needed,
        "n_if_unchanged": numbers.n_if_unchanged,
    }
    return {**told, **defined(plan)}


def _run(record: RunRecord) -> dict[str, Any]:
    adapter = record.adapter
    return {
        "run_id": record.run_id,
        "adapter": adapter.name,
        "fingerprint": adapter.fingerprint,
        "simulated": adapter.simulated,
        "commit": record.git.commit if record.git else None,
        "status": record.status,
        "reason": record.reason,
        "failures": [one.model_dump(mode="json") for one in record.failures],
        "served": record.served,
        "finishes": {name: task.finishes for name, task in record.tasks.items()},
    }
