"""What every detector of out-of-distribution samples says about itself, and how one is made by name."""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import UsageError, did_you_mean
from harness.registry import registry

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Index = NDArray[np.int64]
View = Literal["features", "logits", "column"]

BLOCK: Final = 1024
"""Rows that are scored at a time: memory does not grow with the number of samples."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What is known of some samples. A detector says in ``uses`` which of it it looks at."""

    features: Matrix | None = None
    """[n, width], finite."""
    logits: Matrix | None = None
    """[n, classes], finite."""
    column: Floats | None = None
    """Scores that were computed elsewhere, [n]."""
    labels: Index | None = None
    """Class of each sample, from 0, [n]; where a detector is fitted only."""

    def need(self, view: View) -> NDArray[Any]:
        """Return one view.

        Raises:
            ValueError: if it is not there, is empty, or holds NaN or an infinity.
        """
        values: NDArray[Any] | None = getattr(self, view)
        if values is None:
            raise ValueError(f"{view}: this detector needs them and there are none")
        if values.ndim != (1 if view == "column" else 2):
            raise ValueError(f"{view}: got shape {values.shape}")
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise ValueError(f"{view}: row {row} holds NaN or an infinite value")
        return values


class OodDetector(ABC):
    """Scores samples: the higher, the further out of distribution.

    A subclass states ``name``, ``uses`` (the views that it looks at) and ``labelled`` (whether it is
    fitted with classes), and implements :meth:`_fit` and :meth:`_score`. Its keyword parameters are its
    ``__init__``'s. Every detector's score is turned so that higher means more out of distribution,
    whatever its paper does.
    """

    name: ClassVar[str]
    uses: ClassVar[tuple[View, ...]] = ("features",)
    labelled: ClassVar[bool] = False
    leaves_out: ClassVar[bool] = False
    """Whether it can judge each sample of the fit by all others, and so be calibrated without a further split."""
    least: ClassVar[int] = 2
    """The fewest samples that it can be fitted on."""

    def fit(self, data: Views) -> "Fitted":
        """Learn what in-distribution samples look like.

        Args:
            data: the views named in ``uses``, of in-distribution samples; with labels where ``labelled``.

        Raises:
            ValueError: if a view is missing or not finite, there are too few samples or only one class.
        """
        rows = len(data.need(self.uses[0]))
        if rows < self.least:
            raise ValueError(f"{self.name}: needs {self.least} samples or more to be fitted on, got {rows}")
        if self.labelled:
            if data.labels is None:
                raise ValueError(f"{self.name}: needs the classes of the samples that it is fitted on")
            if len(np.unique(data.labels)) < 2:
                raise ValueError(f"{self.name}: the samples that it is fitted on are all of a single class")
        self._fit(data)
        return Fitted(self)

    @abstractmethod
    def _fit(self, data: Views) -> None: ...

    @abstractmethod
    def _score(self, data: Views) -> Floats: ...

    def _score_left_out(self) -> Floats | None:
        """Return the score of each sample of the fit as if it had not been there; None where there is no short way."""
        return None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A detector that was fitted."""

    detector: OodDetector

    def score(self, data: Views) -> Floats:
        """Return scores [n], higher = more out of distribution.

        Raises:
            ValueError: if a view is missing, not finite, or of another width than in the fit, or a score is NaN.
        """
        detector = self.detector
        rows = len(data.need(detector.uses[0]))
        for view in detector.uses[1:]:
            if len(data.need(view)) != rows:
                raise ValueError(f"{view}: lengths differ from {detector.uses[0]}")
        parts = [detector._score(_rows(data, start)) for start in range(0, rows, BLOCK)]
        return checked(detector.name, np.concatenate(parts) if parts else np.zeros(0))

    def score_left_out(self) -> Floats | None:
        """Return the score of each sample of the fit, judged by all others, [n]; None where the detector cannot."""
        found = self.detector._score_left_out()
        return None if found is None else checked(self.detector.name, found)


def checked(name: str, scores: Floats) -> Floats:
    """Return ``scores``.

    Raises:
        ValueError: if one is NaN, naming the detector and the row.
    """
    nan = np.isnan(scores)
    if nan.any():
        raise ValueError(f"{name}: the score of row {int(nan.argmax())} is NaN ({int(nan.sum())} in all)")
    return scores


def _rows(data: Views, start: int) -> Views:
    def part(values: Any) -> Any:
        return None if values is None else values[start : start + BLOCK]

    return Views(part(data.features), part(data.logits), part(data.column))


def unit_rows(features: ArrayLike) -> Matrix:
    """Return every row at length 1; a row of zeros stays one.

    >>> unit_rows([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    rows = np.asarray(features, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def params_of(detector: object) -> dict[str, Any]:
    """Return the keyword arguments that rebuild a detector, defaults included."""
    return {name: getattr(detector, name) for name in inspect.signature(type(detector)).parameters}


def make(name: str, base: type[T], kind: str, params: dict[str, Any]) -> T:
    """Return the detector called ``name``.

    Raises:
        UsageError: if there is none, it is of the other kind, or a parameter is unknown or impossible.
    """
    target = registry("detectors").load(name)
    if not (isinstance(target, type) and issubclass(target, base)):
        known = [e.name for e in registry("detectors") if _is(e.load(), base)]
        raise UsageError(f"{name!r} is no detector of {kind}; {did_you_mean(name, known)}")
    unknown = [key for key in params if key not in inspect.signature(target).parameters]
    if unknown:
        hint = did_you_mean(unknown[0], inspect.signature(target).parameters)
        raise UsageError(f"detector {name!r} has no parameter {unknown[0]!r}; {hint}")
    try:
        return target(**params)
    except (TypeError, ValueError) as cause:
        raise UsageError(f"detector {name!r}: {cause}") from cause


def _is(target: Any, base: type) -> bool:
    return isinstance(target, type) and issubclass(target, base)


def ood_detector(name: str, **params: Any) -> OodDetector:
    """Return a new detector of samples out of distribution, built in or from a plug-in.

    Raises:
        UsageError: if there is none of that name, or a parameter is unknown or impossible.

    >>> ood_detector("knn", k=3).uses
    ('features',)
    """
    return make(name, OodDetector, "samples out of distribution", params)  # type: ignore[type-abstract]


def whole(name: str, value: int, low: int) -> int:
    """Return ``value``, an integer of ``low`` or more.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} is an integer of {low} or more, not {value!r}")
    return value


def positive(name: str, value: float) -> float:
    """Return ``value`` as a float above 0 and finite.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"{name} is a number above 0, not {value!r}")
    return float(value)
