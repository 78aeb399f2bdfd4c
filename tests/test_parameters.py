"""Every parameter of a metric or a detector changes some number; one that is ignored is an error."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from harness.detect import OodDetector, Views
from harness.detect.energy import Energy
from harness.detect.msp import MaximumSoftmaxProbability
from harness.metrics import SampleMetric
from harness.registry import registry
from harness.testing import strategies
from harness.testing.metrics import Case, cases
from harness.testing.parameters import alternatives, check_metric_parameters, check_parameters

NEAR = st.builds(
    lambda wanted, times: Case(f"{wanted * times:g}", (f"{wanted}",)),
    st.integers(1, 3000),
    st.sampled_from([0.97, 0.99, 1.0, 1.01, 1.015, 1.03, 1.04, 1.07, 1.2]),
)
NUMBERS = st.builds(
    lambda wanted, times: Case(f"{wanted * times:g} bars", (f"{wanted} bars",), {"evidence": f"{wanted} red"}),
    st.integers(1, 3000),
    st.sampled_from([0.99, 1.0, 1.015, 1.03]),
)
BOXES = st.builds(
    lambda answer, wanted: Case(str(list(answer)), (str(list(wanted)),), {"size": [10, 10]}),
    strategies.boxes(10),
    strategies.boxes(10),
)
WINDOWS = st.builds(Case, strategies.window_texts(), strategies.window_texts().map(lambda text: (text,)))
DOCUMENTS = st.builds(
    lambda a, b: Case(f'{{"total": {a}}}', (f'{{"total": {b}}}',)), st.integers(98, 102), st.integers(98, 102)
)

METRICS: dict[str, tuple[Any, dict[str, Any], set[str]]] = {
    "acc_at_iou": (BOXES, {"frame": ["pixel", "unit"]}, {"resized", "coordinates", "take"}),
    "exact_match": (cases(), {}, set()),
    "faithfulness": (NUMBERS, {"weights": [(0.6, 0.4), (0.1, 0.9)]}, set()),
    "field_accuracy": (DOCUMENTS, {}, set()),
    "numeric_accuracy": (NEAR, {}, {"locale"}),
    "recall_at_1_iou": (WINDOWS, {}, set()),
    "relaxed_accuracy": (NEAR, {}, {"locale"}),
}
"""Data in which parameters show, values where a signature tells none, and what other tests are for."""


@pytest.mark.parametrize("name", METRICS)
def test_each_parameter_of_a_metric_counts(name: str) -> None:
    data, values, without = METRICS[name]
    check_metric_parameters(registry("metrics").load(name), data, values, without)


def is_ood(name: str) -> bool:
    target = registry("detectors").load(name)
    return isinstance(target, type) and issubclass(target, OodDetector)


DETECTORS = [
    name
    for name in registry("detectors").names()
    if is_ood(name) and inspect.signature(registry("detectors").load(name)).parameters and name != "column"
]
VALUES: dict[str, Any] = {"dimensions": [2, 3]}
HEAD = np.random.default_rng(3).normal(size=(6, 4))


def views(rng: np.random.Generator, rows: int) -> Views:
    labels = np.arange(rows) % 3
    features = rng.normal(size=(rows, 6)) + 3 * np.eye(6)[labels]
    return Views(features.astype(np.float32), (features @ HEAD).astype(np.float32), features[:, 0], labels)


def scores(detector: OodDetector, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(one) for one in detector.fit(views(rng, 60)).score(views(rng, 9))]


@pytest.mark.parametrize("name", DETECTORS)
def test_each_parameter_of_a_detector_counts(name: str) -> None:
    check_parameters(registry("detectors").load(name), scores, st.integers(0, 5), VALUES, examples=5)


class Deaf(Energy):
    """Broken on purpose: ignores its temperature."""

    def _score(self, data: Views) -> Any:
        self.temperature = 1.0
        return super()._score(data)


class Numb(MaximumSoftmaxProbability):
    """Broken on purpose: ignores its temperature."""

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(1.0)


@pytest.mark.parametrize("detector", [Deaf, Numb])
def test_a_temperature_that_is_ignored_is_found(detector: type[OodDetector]) -> None:
    with pytest.raises(AssertionError, match=r"parameter 'temperature' changes nothing: 1\.0, 0\.5, 2\.0"):
        check_parameters(detector, scores, st.integers(0, 5), examples=5)


def test_a_tolerance_that_is_ignored_is_found() -> None:
    relaxed = registry("metrics").load("relaxed_accuracy")

    def fixed(tolerance: float = 0.05) -> SampleMetric:
        metric: SampleMetric = relaxed()
        return metric

    with pytest.raises(AssertionError, match="parameter 'tolerance' changes nothing"):
        check_metric_parameters(fixed, NEAR, examples=20)


def test_a_parameter_without_two_values_to_try_is_named() -> None:
    def named(model: str = "a") -> str:
        return model

    assert alternatives(named, inspect.signature(named).parameters["model"]) == []
    with pytest.raises(AssertionError, match="parameter 'model': there are no two values"):
        check_parameters(named, lambda it, _: it, st.none())
    check_parameters(named, lambda it, _: it, st.none(), {"model": ["a", "b"]})
