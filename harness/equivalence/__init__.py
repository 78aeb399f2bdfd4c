"""Two adapters that should be one model: where they part, and whether that matters."""

from harness.equivalence.compare import Options, compare_adapters
from harness.equivalence.result import Equivalence, Stage, State

__all__ = ["Equivalence", "Options", "Stage", "State", "compare_adapters"]
