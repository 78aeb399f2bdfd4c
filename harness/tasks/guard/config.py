"""Keys of a task of ``kind: guard``."""

from typing import Literal

from pydantic import Field

from harness.spec.models import Model
from harness.tasks._named import Ref
from harness.tasks.guard.corruptions import CORRUPTIONS


class CostSpec(Model):
    """What a decision costs, in any unit."""

    missed: float = Field(default=10.0, ge=0)
    """A hallucination that passes."""
    false_rejection: float = Field(default=2.0, ge=0)
    """A sound answer that is replaced by the fallback message."""
    review: float = Field(default=1.0, ge=0)
    """An answer that is flagged: somebody looks at it."""


class GuardConfig(Model):
    """Keys of a task of ``kind: guard``."""

    dataset: str
    """A dataset of this suite whose samples have evidence."""
    score: Ref = "grounding_score"
    """The metric that the guard decides by. The reference is not shown to it: the evidence stands in its place."""
    answers: Literal["references", "evidence_lines"] = "references"
    """What sound answers are made of: the references, or lines of the evidence (statements with more to get wrong)."""
    corruptions: tuple[str, ...] = Field(default=tuple(CORRUPTIONS), min_length=1)
    """How answers are made wrong."""
    flag_below: float = Field(default=1.0, ge=0, le=1)
    """A score below this is flagged."""
    reject_below: float = Field(default=0.6, ge=0, le=1)
    """A score below this is rejected: the user sees the fallback message."""
    undefined: Literal["pass", "flag", "reject"] = "flag"
    """What becomes of an answer that the metric has no score for."""
    fallback: str = "I cannot tell this from the picture."
    """The safe message."""
    prevalence: float = Field(default=0.1, gt=0, lt=1)
    """The share of hallucinations in use, for costs: the labelled set holds more of them."""
    costs: CostSpec = CostSpec()
    """What each kind of mistake costs."""
