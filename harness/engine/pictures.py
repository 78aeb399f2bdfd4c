"""Charts and tables of a task as they stand in the record."""

import math

from harness.record.schema import ChartRecord, LineRecord, MarkRecord, TableRecord
from harness.tasks import Chart, Line, Table


def chart_record(chart: Chart) -> ChartRecord:
    """Return a chart's record: numbers that are not finite become gaps."""
    return ChartRecord(
        name=chart.name,
        x_label=chart.x_label,
        y_label=chart.y_label,
        lines=[_line(line) for line in chart.lines],
        marks=[MarkRecord(label=mark.label, x=mark.x, y=mark.y) for mark in chart.marks],
        x_scale=chart.x_scale,
        y_scale=chart.y_scale,
        note=chart.note,
    )


def table_record(table: Table) -> TableRecord:
    """Return a table's record: numbers that are not finite become empty cells."""
    rows = [[_finite(value) if isinstance(value, float) else value for value in row] for row in table.rows]
    return TableRecord(name=table.name, columns=list(table.columns), rows=rows, note=table.note)


def _line(line: Line) -> LineRecord:
    y, low, high = ([_finite(value) for value in values] for values in (line.y, line.low, line.high))
    return LineRecord(name=line.name, x=[float(x) for x in line.x], y=y, low=low, high=high, style=line.style)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
