"""What is wrong with data beyond what cannot be read: duplicates, leaks, contradictions, bias, pictures and boxes."""

from harness.suite.checks.findings import KINDS, Findings, Gate, Row
from harness.suite.checks.inspect import Inspector

__all__ = ["KINDS", "Findings", "Gate", "Inspector", "Row"]
