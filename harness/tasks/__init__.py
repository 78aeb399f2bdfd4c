"""Evaluation protocols, one module a kind, and what a kind of your own is made of."""

from harness.estimate import ColumnSpec, Statistic
from harness.estimate.rows import Column, Labels
from harness.record.rows import MadeRows
from harness.tasks._asked import Brings, Continues, Joins, NeedsAdapter
from harness.tasks._base import BuildContext, Task
from harness.tasks._cells import Cell, CellResult
from harness.tasks._made import Adjusts, Made, Makes, Reads, Summary
from harness.tasks._observed import Bench, LooksAt, Measures, Notes, Observation
from harness.tasks._pictured import (
    Chart,
    Curve,
    Figures,
    Finding,
    Illustrates,
    Illustration,
    Line,
    Mark,
    Severity,
    Table,
)
from harness.tasks._watch import Loss, LostError, Watch
from harness.tasks.base import TaskBase, TaskConfig
from harness.types import Dataset, MetricValue, Request, Response, Sample, Score

__all__ = [
    "Adjusts",
    "Bench",
    "Brings",
    "BuildContext",
    "Cell",
    "CellResult",
    "Chart",
    "Column",
    "ColumnSpec",
    "Continues",
    "Curve",
    "Dataset",
    "Figures",
    "Finding",
    "Illustrates",
    "Illustration",
    "Joins",
    "Labels",
    "Line",
    "LooksAt",
    "Loss",
    "LostError",
    "Made",
    "MadeRows",
    "Makes",
    "Mark",
    "Measures",
    "MetricValue",
    "NeedsAdapter",
    "Notes",
    "Observation",
    "Reads",
    "Request",
    "Response",
    "Sample",
    "Score",
    "Severity",
    "Statistic",
    "Summary",
    "Table",
    "Task",
    "TaskBase",
    "TaskConfig",
    "Watch",
]
