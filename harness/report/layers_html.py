"""Which blocks of a quantised model make it worse, as one HTML file: verdict, accuracy against time, and the tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.causes.layers import ROUNDS, Step
from harness.causes.looking import Looking
from harness.causes.remade import Remade
from harness.causes.results import Why
from harness.comparison.spending import Amount, Point, dominated
from harness.report import layer_rows, why_rows
from harness.report.page import environment
from harness.report.pareto import plot

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE: Final = "layers.html.j2"


def write_layers(
    found: Why, steps: Sequence[Step], remade: Remade | None, looking: Looking | str | None, file: Path
) -> Path:
    """Write the page to ``file``; ``looking`` may be the reason why it was not asked."""
    file.parent.mkdir(parents=True, exist_ok=True)
    said = layer_rows.sight(looking) if isinstance(looking, Looking) else looking or ""
    page = environment().get_template(_TEMPLATE).render(
        found=found,
        heading=why_rows.heading(found),
        verdict=why_rows.verdict(found),
        picture=_picture(found, steps),
        heads=_mark_last(layer_rows.heads(found.metric)),
        rows=[_mark_last(layer_rows.row(step)) for step in steps],
        cause_heads=why_rows.HEADS,
        causes=why_rows.rows(found),
        notes=why_rows.notes(found),
        cost=why_rows.cost(found),
        looking=said,
        blind=isinstance(looking, Looking) and looking.sight in ("looks no longer", "looks less"),
        remade=remade,
        rounds=ROUNDS,
    )  # fmt: skip
    file.write_text(page, encoding="utf-8")
    return file


def _picture(found: Why, steps: Sequence[Step]) -> "Markup | None":
    """Draw the steps: CPU time as a share of float's against the number."""
    sign = 1.0 if found.higher else -1.0
    points = []
    for step in steps:
        if step.metric is None or step.metric.value is None or not step.ratio[0] > 0:
            continue
        estimate, low, high = step.ratio
        ends = sorted(sign * end for end in (step.metric.low, step.metric.high) if end is not None)
        reach = (sign * step.metric.value, ends[0] if len(ends) > 1 else None, ends[-1] if len(ends) > 1 else None)
        points.append(Point(_short(step), Amount(1 / estimate, 1 / high, 1 / low, ROUNDS, "of float's"), reach))
    if len(points) < 2:
        return None
    label = f"{found.metric} against CPU time: " + "; ".join(
        f"{point.name} {abs(point.reach[0]):.3f} at {point.cost.value:.2f}" for point in points
    )
    axes = ("CPU time as a share of the float model's", found.metric.partition("/")[2].replace("_", " "))
    return plot(points, dominated(points), 1.0, not found.higher, axes, label, zero=False)


def _mark_last(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (*cells[1:], cells[0])


def _short(step: Step) -> str:
    count = len(step.blocks)
    return f"+{count}" if count else step.name
