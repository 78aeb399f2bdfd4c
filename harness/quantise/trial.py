"""Try recipes on a model: how fast, how small, how near to float; and which of them are worth having."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.errors import UsageError
from harness.quantise import facts
from harness.quantise.by_nncf import open_openvino
from harness.quantise.inputs import open_session
from harness.quantise.recipes import Feed, Quantised, Recipe, Weights, default_weights, quantise
from harness.seeds import derive_seed, generator
from harness.stats.quantiles import median_ratio
from harness.timing.clock import Call, interleaved
from harness.timing.energy import Meter

ROUNDS: Final = 40
_WARMUP: Final = 3

_Runs = Callable[[Feed], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near a model's outputs are to those of the float model, over inputs."""

    n: int
    cosine: float
    """Mean over inputs, of the output that agrees least."""
    lowest_cosine: float
    top1: float | None
    """Share of inputs with the same largest value of ``logits``, or else of the first output, if it is a row."""


@dataclass(frozen=True, slots=True)
class Speed:
    """The ratio of median CPU times, float by quantised, on one thread at the inputs' own batch."""

    ratio: float
    low: float
    high: float
    float_ms: float
    quantised_ms: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe on one model."""

    name: str
    made: Quantised | None
    agreement: Agreement | None
    speed: Speed | None
    refused: str = ""
    """Why there is nothing, where the recipe does not fit."""
    pareto: bool = False
    """Whether no other trial is at least as good in speed, size and agreement, and better in one."""


def agreement(source: Path, target: Path, feeds: Sequence[Feed], *, openvino: bool = False) -> Agreement:
    """Run both models on the same inputs; the quantised one where it is to run, since runtimes round differently.

    Raises:
        UsageError: if an output is not finite, or a model cannot be run.
    """
    before = open_session(source)
    names = [value.name for value in before.get_outputs()]
    sides = [_runs(source), _runs(target, openvino)]
    scores = names.index("logits") if "logits" in names else 0
    cosines: list[float] = []
    same: list[bool] = []
    for feed in feeds:
        a, b = (_outputs(run, names, feed) for run in sides)
        cosines.append(min(_cosine(x, y) for x, y in zip(a, b, strict=True)))
        if a[scores].ndim == 2 and a[scores].shape[1] > 1:
            same += (a[scores].argmax(1) == b[scores].argmax(1)).tolist()
    top1 = float(np.mean(same)) if same else None
    return Agreement(len(cosines), float(np.mean(cosines)), min(cosines), top1)


def speed(
    source: Path, target: Path, feeds: Sequence[Feed], rounds: int = ROUNDS, seed: int = 0, *, openvino: bool = False
) -> Speed:
    """Time both models on the same inputs, calls interleaved, in CPU time.

    Args:
        source: the float model, on ONNX Runtime.
        target: the quantised one, there too, or on OpenVINO.
        feeds: inputs, in turn.
        rounds: calls of each.
        seed: of the order.
        openvino: whether the quantised model runs there.
    """

    def side(path: Path, elsewhere: bool) -> Call:
        if elsewhere:
            run = open_openvino(path)
            return lambda number: lambda: run(dict(feeds[number % len(feeds)]))
        session = open_session(path)
        return lambda number: lambda: session.run(None, dict(feeds[number % len(feeds)]))

    times: tuple[list[float], list[float]] = ([], [])
    for timed in interleaved(
        [side(source, False), side(target, openvino)], rounds, _WARMUP, derive_seed(seed, "quantise"), Meter(None)
    ):
        if timed.error:
            raise UsageError(f"a timed call failed: {timed.error}")
        times[timed.side].append(timed.cpu)
    found = median_ratio(times[1], times[0], generator(seed, "quantise", "ratio"))
    medians = [float(np.median(values)) for values in times]
    return Speed(found.estimate, found.low, found.high, medians[0], medians[1], rounds)


def candidates(source: Path, calibrated: bool) -> list[tuple[str, Recipe, Weights | None]]:
    """Return what is worth trying: every recipe, and every way to keep weights that this CPU may prefer."""
    ways: list[Weights] = list(dict.fromkeys((default_weights(), "int8", "uint8")))
    found: list[tuple[str, Recipe, Weights | None]] = []
    for recipe in ("transformer", "cnn"):
        if recipe == "transformer" or calibrated:
            found += [(f"{recipe} {way}", recipe, way) for way in ways]
    if calibrated and find_spec("nncf") and find_spec("openvino"):
        found.append(("openvino", "openvino", None))
    dense = facts.weighted(facts.load(source))
    if dense["MatMul"] + dense["Gemm"]:
        found += [("weight-only-8", "weight-only-8", None), ("weight-only-4", "weight-only-4", None)]
    return found


def try_all(
    source: Path,
    folder: Path,
    calibration: Sequence[Feed],
    evaluation: Sequence[Feed],
    rounds: int = ROUNDS,
    seed: int = 0,
    keep: Collection[str] = (),
) -> list[Trial]:
    """Write every candidate into ``folder`` and measure it; recipes that do not fit say why.

    Operators in ``keep`` stay in float.

    Raises:
        UsageError: if the model cannot be run.
    """
    trials = []
    for name, recipe, weights in candidates(source, bool(calibration)):
        target = folder / f"{source.stem}-{name.replace(' ', '-')}.onnx"
        try:
            made = quantise(source, target, recipe, calibration, weights, keep=keep)
            there = recipe == "openvino"
            near = agreement(source, target, evaluation, openvino=there)
            took = speed(source, target, evaluation, rounds, seed, openvino=there)
            trials.append(Trial(name, made, near, took))
        except (UsageError, RuntimeError) as cause:
            trials.append(Trial(name, None, None, None, str(cause)))
    return mark_pareto(trials)


def mark_pareto(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials with those marked that nothing dominates."""
    from dataclasses import replace

    found = list(trials)
    points = {trial.name: _point(trial) for trial in found if trial.made}

    def dominated(name: str) -> bool:
        own = points[name]
        return any(
            all(x >= y for x, y in zip(other, own, strict=True)) and other != own
            for rival, other in points.items()
            if rival != name
        )

    return [replace(trial, pareto=trial.name in points and not dominated(trial.name)) for trial in found]


def _point(trial: Trial) -> tuple[float, float, float]:
    assert trial.made and trial.speed and trial.agreement  # noqa: S101, PT018 - only finished trials have points
    return trial.speed.ratio, -trial.made.bytes_after, trial.agreement.cosine


def _runs(path: Path, openvino: bool = False) -> _Runs:
    """Return what gives a model's outputs by name."""
    if openvino:
        return open_openvino(path)
    session = open_session(path)
    names = [value.name for value in session.get_outputs()]
    return lambda feed: dict(zip(names, session.run(None, dict(feed)), strict=True))


def _outputs(run: _Runs, names: Sequence[str], feed: Feed) -> list[np.ndarray]:
    try:
        told = run(feed)
        found = [np.asarray(told[name], np.float64) for name in names]
    except Exception as cause:  # runtimes' exceptions share no base class
        raise UsageError(f"the model does not run on these inputs: {cause}") from cause
    if not all(np.isfinite(value).all() for value in found):
        raise UsageError("the model's outputs are not finite (NaN or infinite)")
    return found


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / length) if length else float(np.array_equal(a, b))
