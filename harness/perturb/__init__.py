"""Image corruptions with a severity: ImageNet-C's nineteen, and those that documents and charts meet."""

from harness.perturb._apply import corrupt
from harness.perturb._make import Chain, chain, get
from harness.types import Corruption

__all__ = ["Chain", "Corruption", "chain", "corrupt", "get"]
