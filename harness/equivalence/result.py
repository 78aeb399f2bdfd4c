"""What a comparison of two adapters found, as values that a terminal, a page or JSON can show."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.errors import ExitCode
from harness.stats.equivalence import Sameness, Tost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class State(StrEnum):
    """What can be said of one stage."""

    EQUAL = "equal"
    NOISE = "within float noise"
    PARTED = "parted"
    NOT_SEEN = "not seen"
    """One of the adapters does not show it."""
    NOT_COMPARED = "not compared"
    """Both show it, and an earlier stage has left nothing to compare: images of other sizes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of all samples."""

    name: str
    state: State
    n: int = 0
    """Samples in which both adapters show it."""
    parted: int = 0
    """Samples in which it is another."""
    size: float | None = None
    """The largest difference, where it is a number; in the unit of ``tolerance``."""
    tolerance: float | None = None
    """What float noise may make of it, for the worst sample."""
    source: str = ""
    """Where the tolerance comes from."""
    worst: str = ""
    """The sample that differs most."""
    said: str = ""
    """What the difference is, as far as the numbers say."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What both adapters feed for one image of the worst sample, [height, width, channels]."""

    sample: str
    a: "NDArray[np.float32]"
    b: "NDArray[np.float32]"


@dataclass(frozen=True, slots=True, eq=False)
class Equivalence:
    """The whole finding."""

    a: str
    b: str
    suite: str
    task: str
    on: str
    """What the verdict is about: ``agreement``, or ``score``."""
    stages: tuple[Stage, ...]
    agreement: Tost | None
    """Of B's answers with A's: 1 where the parsed answers are the same. None where nothing was answered."""
    score: Tost | None
    """Of the scores of both, where the task has references."""
    metric: str
    scores: tuple[float, float] | None
    """The mean scores of A and of B."""
    notes: tuple[str, ...] = ()
    simulated: bool = False
    failed: tuple[int, int] = (0, 0)
    """Samples that A, and B, could not answer."""
    picture: Picture | None = field(default=None, repr=False)

    @property
    def first(self) -> Stage | None:
        """The first stage at which they part."""
        return next((stage for stage in self.stages if stage.state is State.PARTED), None)

    @property
    def causes(self) -> tuple[Stage, ...]:
        """The stages at which they part and of which there is something to say; answers once, where they count."""
        said = {stage.name: stage for stage in self.stages if stage.said}
        if "answer" in said and "parsed answer" in said:
            del said["parsed answer" if said["answer"] is self.first else "answer"]
        return tuple(said.values())

    @property
    def judged(self) -> Tost | None:
        """The test that the verdict rests on."""
        return self.score if self.on == "score" else self.agreement

    @property
    def verdict(self) -> Sameness:
        """What the test says; undecided without one."""
        return self.judged.outcome if self.judged else Sameness.UNDECIDED

    @property
    def exit_code(self) -> ExitCode:
        """0 equivalent, 1 not, 3 undecided."""
        codes = {Sameness.EQUIVALENT: ExitCode.OK, Sameness.DIFFERENT: ExitCode.REGRESSION}
        return codes.get(self.verdict, ExitCode.INCONCLUSIVE)

    def __str__(self) -> str:
        """Return the verdict as one sentence."""
        return sentence(self)

    def as_data(self) -> Mapping[str, Any]:
        """Return all but the picture as plain JSON values."""
        first = self.first
        return {
            "a": self.a,
            "b": self.b,
            "suite": self.suite,
            "task": self.task,
            "simulated": self.simulated,
            "verdict": str(self.verdict),
            "on": self.on,
            "first_parted": first.name if first else None,
            "stages": [_finite({**asdict(stage), "state": str(stage.state)}) for stage in self.stages],
            "agreement": _plain(self.agreement),
            "metric": self.metric or None,
            "scores": list(self.scores) if self.scores else None,
            "score": _plain(self.score),
            "failed": list(self.failed),
            "notes": list(self.notes),
            "said": str(self),
        }


def _plain(test: Tost | None) -> dict[str, Any] | None:
    if test is None:
        return None
    return _finite({**asdict(test), "outcome": str(test.outcome), "level": test.level})


def _finite(told: dict[str, Any]) -> dict[str, Any]:
    """Return values of which those that are no finite number are None, as JSON has it."""
    return {k: None if isinstance(one, float) and not math.isfinite(one) else one for k, one in told.items()}


def sentence(found: Equivalence) -> str:
    """Return the verdict: what is shown, about what, with the interval and n."""
    test = found.judged
    if test is None:
        return "undecided: no sample has an answer of both"
    about = "answers" if found.on == "agreement" else f"{found.metric or 'score'}"
    head = f"{test.outcome} at ±{test.margin:g} in {about}"
    return f"{head} ({told(found, found.on)}){_more(test)}"


def told(found: Equivalence, on: str) -> str:
    """Return what was observed, with its interval and n: of the ``agreement``, or of the ``score``."""
    test = found.agreement if on == "agreement" else found.score
    if test is None:
        return "nothing to compare"
    units = f", {test.units} independent" if test.units != test.n else ""
    if on == "agreement":
        low, high = max(0.0, -test.high), -test.low
        return (
            f"{abs(test.estimate):.1%} differ, {test.level:.0%} interval {low:.1%} to {high:.1%}, n = {test.n}{units}"
        )
    values = f"{found.scores[0]:.3f} and {found.scores[1]:.3f}, " if found.scores else ""
    interval = f"{test.level:.0%} interval {test.low:+.3f} to {test.high:+.3f}"
    return f"{values}difference {test.estimate:+.3f}, {interval}, n = {test.n}{units}"


def _more(test: Tost) -> str:
    if test.outcome is not Sameness.UNDECIDED:
        return ""
    if math.isnan(test.low):
        return "; all samples belong together, as one image, table or clip does: take some that do not"
    if test.n_needed is None:
        return "; what is observed lies beyond the margin, so that more samples alone would not show equivalence"
    return f"; {test.n_needed:,} samples would suffice if what is observed is the truth"
