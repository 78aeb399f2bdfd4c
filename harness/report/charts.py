"""What a task wants to be drawn, as charts with a sentence that stands for each."""

from collections.abc import Sequence

from harness.record.schema import ChartRecord, CurveRecord, LineRecord
from harness.report.numbers import short


def said(chart: ChartRecord) -> str:
    """Return a sentence that stands for the picture: each line with its values, or their range where they are many."""
    told = []
    for line in chart.lines:
        known = [y for y in line.y if y is not None]
        if not known:
            told.append(f"{line.name}: no points")
        elif len(line.y) <= 10:
            told.append(f"{line.name}: {', '.join('undefined' if y is None else short(y) for y in line.y)}")
        else:
            told.append(f"{line.name}: {len(known)} points from {short(min(known))} to {short(max(known))}")
    told += [f"marked: {mark.label}" for mark in chart.marks]
    return f"{chart.name}: {chart.y_label} by {chart.x_label}. " + "; ".join(told)


def merged(curves: Sequence[CurveRecord], name: str) -> ChartRecord:
    """Return the curves of one task as one chart."""
    lines = [
        LineRecord(
            name=curve.name.rpartition(" under ")[2],
            x=curve.x,
            y=[point.value for point in curve.points],
            low=[point.low for point in curve.points],
            high=[point.high for point in curve.points],
        )
        for curve in curves
    ]
    metric = curves[0].name.partition(" under ")[0]
    note = "Bands are 95 % intervals."
    return ChartRecord(name=name, x_label=curves[0].x_label, y_label=metric, lines=lines, note=note)
