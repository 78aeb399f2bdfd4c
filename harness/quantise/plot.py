"""Speed against agreement, one point a recipe."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.extras import install
from harness.quantise.trial import Trial


def save_plot(trials: Sequence[Trial], path: Path, title: str) -> None:
    """Draw the finished trials; the area of a point is the file's size.

    Raises:
        UsageError: if Matplotlib is not installed or cannot write this kind of file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as cause:
        raise UsageError(f"a plot needs Matplotlib; run `{install('quantise')}`") from cause
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for trial in trials:
        if not (trial.made and trial.speed and trial.agreement):
            continue
        area = 40 + 400 * trial.made.bytes_after / trial.made.bytes_before
        color = "tab:blue" if trial.pareto else "lightgrey"
        axes.scatter(trial.speed.ratio, trial.agreement.cosine, s=area, color=color, edgecolor="black", zorder=2)
        axes.plot((trial.speed.low, trial.speed.high), [trial.agreement.cosine] * 2, color="black", lw=1, zorder=1)
        axes.annotate(trial.name, (trial.speed.ratio, trial.agreement.cosine), (6, 6), textcoords="offset points")
    axes.axvline(1, color="black", lw=0.8, ls=":")
    axes.set(title=title, xlabel="speed-up in CPU time (float32 / quantised)", ylabel="cosine of outputs with float32")
    axes.margins(0.15)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as cause:
        raise UsageError(f"{path}: {cause}") from cause
