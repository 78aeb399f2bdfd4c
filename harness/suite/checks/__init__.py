"""What is wrong with data beyond what cannot be read: duplicates, leaks, contradictions, bias, pictures and boxes."""

from harness.suite.checks.findings import Findings, Judged, Row, Spot
from harness.suite.checks.gates import Gate, gates_of, parse_gates, read_data_gates
from harness.suite.checks.inspect import Inspector
from harness.suite.checks.kinds import KINDS, MISTAKES, UNUSABLE, WHOLE, said_of
from harness.suite.checks.shown import Looked, Shown

__all__ = [
    "KINDS",
    "MISTAKES",
    "UNUSABLE",
    "WHOLE",
    "Findings",
    "Gate",
    "Inspector",
    "Judged",
    "Looked",
    "Row",
    "Shown",
    "Spot",
    "gates_of",
    "parse_gates",
    "read_data_gates",
    "said_of",
]
