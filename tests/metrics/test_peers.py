"""Our variants beside what the code that they name gives for generated answers; ``peers/make.py`` asked it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.metrics import SampleMetric, Score, Status, Variant, get
from harness.registry import registry

FILES = sorted((Path(__file__).parent / "peers").glob("*-*.json"))


def told(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def metric_of(content: dict[str, Any]) -> SampleMetric:
    metric = get(content["metric"], f"{content['variant']}@{content['commit']}", **content.get("params", {}))
    assert isinstance(metric, SampleMetric)
    return metric


def worth(score: Score) -> float:
    """Return what the published code makes of it: an answer that says nothing is worth nothing."""
    return 0.0 if math.isnan(score.value) else score.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_variant_gives_the_numbers_of_the_code_that_it_names(file: Path) -> None:
    content = told(file)
    metric, wrong = metric_of(content), []
    near = 10.0 ** -content.get("digits", 9)
    for case in content["cases"]:
        known = {name: case[name] for name in ("tags", "objects", "evidence") if name in case}
        score = metric.score(case["prediction"], case["references"], **known)
        assert score.status in (Status.OK, Status.UNPARSED)
        if worth(score) != pytest.approx(case["value"], abs=near):
            wrong.append((case, worth(score)))
    assert not wrong, f"{len(wrong)} of {len(content['cases'])}: {wrong[:5]}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_numbers_are_of_the_revision_that_is_registered_and_say_something(file: Path) -> None:
    content = told(file)
    entry = registry("metrics").load(content["metric"]).variants[content["variant"]]
    assert isinstance(entry, Variant)
    assert {name: getattr(entry, name) for name in ("repository", "path", "commit")} == {
        name: content[name] for name in ("repository", "path", "commit")
    }
    values = [case["value"] for case in content["cases"]]
    assert len(values) >= 250
    assert min(values) == 0
    assert max(values) >= 1
    assert file.stat().st_size < 200_000
