"""A question-answering task under attack: PGD on the pixels, with noise of the same budget beside it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError
from harness.seeds import derive_seed, generator
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell
from harness.tasks._graded import GradedTask, Grades, find_base
from harness.tasks._pictured import Figures, Finding
from harness.tasks.qa import QaTask, Transform
from harness.tasks.severity import Point
from harness.types import Adapter, GradientAdapter, Request

ENTRIES: Final = {"adversarial": "AdversarialTask"}

ATTACK: Final = "pgd"
CONTROL: Final = "noise"

Floats = NDArray[np.float32]


class AdversarialConfig(Model):
    """Keys of a task of ``kind: adversarial``."""

    of: str
    """A `qa` task that stands before this one."""
    metric: str | None = None
    """The metric whose curve is drawn; the first of the `qa` task by default."""
    epsilons: tuple[float, ...] = Field(default=(1.0, 2.0, 4.0, 8.0), min_length=1)
    """Budgets: how many grey levels of 255 any pixel may change by, in L∞; growing."""
    steps: int = Field(default=10, ge=1, le=1000)
    """Gradient steps of each attack."""
    restarts: int = Field(default=1, ge=1, le=100)
    """Attacks from different random starts, of which the one with the largest loss is kept."""
    step_size: float = Field(default=2.5, gt=0)
    """Length of a step, as a multiple of ε divided by the number of steps."""
    floor: float = Field(default=0.5, gt=0, lt=1)
    """The attack breaks the model at the first budget whose whole interval lies below this score."""


class AdversarialTask(GradedTask):
    """How little it takes to change an answer: pixels moved against it by PGD, beside random ones, by budget.

    The attack is white-box (Madry et al. 2018): it climbs the loss of the model's own greedy answer
    to the clean image. The control moves every channel of every pixel by the whole budget in a random
    direction: what the attack does beyond that is the attack's doing.
    """

    Config: ClassVar[type[BaseModel]] = AdversarialConfig
    kind = "adversarial"
    requires = frozenset({"generate", "gradient", "score_text"})

    def __init__(self, name: str, config: AdversarialConfig, base: QaTask, seed: int) -> None:
        severities = tuple(range(1, len(config.epsilons) + 1))
        grades = Grades((ATTACK, CONTROL), severities, config.metric or base.primary, config.floor)
        super().__init__(name, base, grades, seed)
        self._config = config
        self._turn: Callable[[], AbstractContextManager[Adapter]] = _nobody

    @classmethod
    def build(cls, name: str, config: AdversarialConfig, context: BuildContext) -> Self:
        base, issues = find_base(config.of, config.metric, context)
        if not _grows(config.epsilons):
            issues.append(Issue(("epsilons",), "budgets lie above 0, up to 255, and grow"))
        if issues or base is None:
            raise ConfigError(*issues)
        return cls(name, config, base, context.seed)

    def attach(self, turn: Callable[[], AbstractContextManager[Adapter]]) -> None:
        """Take what lends the model that is attacked; the engine calls this before the first request."""
        self._turn = turn

    def cells(self) -> Sequence[Cell]:
        return [
            replace(cell, labels={**cell.labels, "epsilon": self._epsilon(int(cell.labels["severity"]))})
            for cell in super().cells()
        ]

    def describe(self) -> Mapping[str, Any]:
        return {**super().describe(), "attack": self._config.model_dump(mode="json")}

    def _epsilon(self, severity: int) -> str:
        return f"{self._config.epsilons[severity - 1]:g}" if severity else "0"

    def _transform(self, point: Point) -> Transform:
        epsilon = self._config.epsilons[point.severity - 1]
        perturb = self._climb if point.corruption == ATTACK else _random_signs

        def apply(request: Request, seed: int) -> Request:
            if len(request.images) != 1:
                raise SampleError(f"an attack needs one image; this sample has {len(request.images)}")
            clean = np.asarray(request.images[0].convert("RGB"), np.float32)
            changed = perturb(request, clean, epsilon, seed)
            pixels = np.clip(np.rint(changed), np.ceil(clean - epsilon), np.floor(clean + epsilon))
            return replace(request, images=(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)),))

        return apply

    def _climb(self, request: Request, clean: Floats, epsilon: float, seed: int) -> Floats:
        """Return the strongest of the restarts; the first starts from the clean image."""
        starts = [clean] + [
            clean + generator(seed, "start", i).uniform(-epsilon, epsilon, clean.shape).astype(np.float32)
            for i in range(1, self._config.restarts)
        ]
        with self._turn() as adapter:
            if not isinstance(adapter, GradientAdapter):
                raise SampleError("an attack needs an adapter with gradients")
            (answer,) = adapter.generate([request])
            if answer.text is None:
                raise SampleError(f"the model has no clean answer to attack: {answer.error}")
            found = [_ascend(adapter, request, answer.text, start, clean, epsilon, self._config) for start in starts]
            if len(found) == 1:
                return found[0]
            likelihoods = [adapter.score_text(_showing(request, image), [answer.text])[0] for image in found]
        return found[int(np.argmin(likelihoods))]

    def _findings(self, figures: Figures) -> list[Finding]:
        attack, control = ([*self.grid.curves[name].values()][-1] for name in (ATTACK, CONTROL))
        edge = figures.estimate(self.grid.drop(attack, control))
        interval = f"[{edge.low:.3f}, {edge.high:.3f}]"
        said = f"at ε = {self._config.epsilons[-1]:g} it costs {edge.value:.3f} more than noise {interval}"
        if not edge.low > 0:
            return [Finding("warning", f"uninformative: the attack is no stronger than random noise ({said})")]
        return [Finding("note", f"the attack is stronger than random noise: {said}")]


def _nobody() -> AbstractContextManager[Adapter]:
    raise SampleError("an attack needs a model; none is attached")


def _ascend(
    adapter: GradientAdapter,
    request: Request,
    answer: str,
    start: Floats,
    clean: Floats,
    epsilon: float,
    config: AdversarialConfig,
) -> Floats:
    """Return the image after all steps. Each gradient is taken at the 8-bit image that the model would be shown."""
    step = np.float32(config.step_size * epsilon / config.steps)
    image = start
    for _ in range(config.steps):
        (gradient,) = adapter.image_gradient([_showing(request, image)], [answer])
        image = np.clip(image + step * np.sign(gradient), clean - epsilon, clean + epsilon)
        image = np.clip(image, 0, 255).astype(np.float32)
    return image


def _showing(request: Request, image: Floats) -> Request:
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return replace(request, images=(Image.fromarray(pixels),))


def _random_signs(request: Request, clean: Floats, epsilon: float, seed: int) -> Floats:
    signs = generator(derive_seed(seed, "signs")).integers(0, 2, clean.shape) * 2 - 1
    return np.asarray(clean + epsilon * signs, np.float32)


def _grows(epsilons: Sequence[float]) -> bool:
    return all(0 < low <= 255 for low in epsilons) and list(epsilons) == sorted(set(epsilons))
