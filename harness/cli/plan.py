"""``harness plan``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.comparison.planning import Need
    from harness.suite.bind import Suite

_EPILOG: Final = """\b
Examples:
  harness plan suites/robustness.yaml
  harness plan my-suite.yaml --margin 0.05
  harness plan robustness --baseline main --adapter onnx-int8
  harness plan my-suite.yaml --labels            how many labels would decide
"""


@click.command(epilog=_EPILOG)
@click.argument("suite")
@click.option("--margin", type=click.FloatRange(0, min_open=True), metavar="SHARE",
              help="The drop that matters, instead of the gates' own; 0.02 where no gate compares.")  # fmt: skip
@click.option("--labels", "of_labels", is_flag=True,
              help="Say how many people's labels would decide a margin, task by task.")  # fmt: skip
@click.option("--baseline", help="A baseline's name, or a run's folder: tells how scores vary and what clusters cost.")
@click.option("-a", "--adapter", default="", help="Whose baseline it is, where there are several.")
@click.option("--baselines", type=click.Path(path_type=Path), default=Path("baselines"), show_default=True,
              help="Where baselines lie: a folder, or branch:NAME.")  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where earlier runs lie; the newest of another model tells how many answers change.")  # fmt: skip
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    suite: str,
    margin: float | None,
    of_labels: bool,
    baseline: str | None,
    adapter: str,
    baselines: Path,
    runs: Path,
    roots: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say how many samples would decide each gate of SUITE, before anything is run.

    Passing means showing that less than the margin is lost, which needs many samples even where nothing is. Every
    number is for 80 % power.
    """
    from harness.engine.named import counted
    from harness.errors import UsageError
    from harness.gates import baseline as stored
    from harness.gates import branch
    from harness.gates.planning import needs, other_run
    from harness.record import Run
    from harness.suite.bind import load_suite

    loaded = load_suite(suite, roots)
    with branch.reading(baselines) as folder:
        earlier = other = None
        if baseline is not None:
            found = stored.find(counted(baseline, runs), loaded.spec.suite, adapter, False, folder)
            earlier = Run(found.folder)
            other = other_run(loaded, earlier, runs)
        if of_labels:
            _labels(loaded, margin, earlier, other, as_json)
            return
        told = needs(loaded, margin, earlier, other)
    if not told:
        raise UsageError(f"suite {loaded.spec.suite!r} has no number that could be compared")
    if as_json:
        _print_json(told, earlier, other)
    else:
        _print(told, other.record.run_id if other else "")


def _labels(suite: "Suite", margin: float | None, earlier: Any, other: Any, as_json: bool) -> None:
    """Print how many labels would decide."""
    import json
    from dataclasses import asdict

    from rich.markup import escape

    from harness.cli._grid import console, print_grid
    from harness.errors import UsageError
    from harness.gates.label_planning import DIFFER, MARGINS, MOVED, label_needs

    told = label_needs(suite, (margin,) if margin else MARGINS, earlier, other)
    if not told:
        raise UsageError(f"suite {suite.spec.suite!r} has no task whose answers could be labelled")
    if as_json:
        click.echo(json.dumps({"labels": [asdict(one) for one in told]}, indent=2))
        return
    out = console()
    counts = ["samples", "differ", "labels", "with a proxy"]
    rows = []
    for one in told:
        numbers = (one.samples, one.differing, one.labels, one.with_proxy)
        shown = ("–" if number is None else f"{number:,}" for number in numbers)
        rows.append([escape(one.task), f"{one.margin:g}", *shown, str(one)])
    print_grid(out, ["task", "margin", *counts, ""], rows, right=counts)
    source = f"as {earlier.record.run_id} and {other.record.run_id} do" if told[0].known else "by assumption"
    share = "the answers differ" if told[0].known else f"{DIFFER:.0%} of the answers differ"
    out.print(
        f"if {share} ({source}), people prefer one in {MOVED:.0%} of those, and nothing is lost in all; with 80 % "
        "power. A proxy is a judge or a metric that explains half of what people say"
    )


def _print_json(told: "list[Need]", earlier: Any, other: Any) -> None:
    import json
    from dataclasses import asdict

    gates = [{**asdict(one), "why_not": one.why_not or None, "enough": one.enough} for one in told]
    runs = {name: run.record.run_id if run else None for name, run in (("baseline", earlier), ("other", other))}
    click.echo(json.dumps({"gates": gates, **runs}, indent=2))


def _print(told: "list[Need]", other: str) -> None:
    from rich.markup import escape

    from harness.cli._grid import console, print_grid

    out = console()
    counts = ["samples", "least", "to pass", "to find twice the margin"]
    rows = []
    for one in told:
        numbers = (one.n or None, one.least, one.to_pass, one.to_fail)
        shown = ("–" if number is None else f"{number:,}" for number in numbers)
        rows.append([escape(one.metric), escape(one.rule), *shown, escape(str(one))])
    print_grid(out, ["metric", "rule", *counts, ""], rows, right=counts)
    for one in told:
        if one.clusters.heavy > 1:
            out.print(escape(f"{one.metric}: its samples come in clusters of {one.clusters.rows:.3g} on average"))
    shares = dict.fromkeys(f"{one.changed:.1%}" for one in told)
    source = f"as in {other} and by assumption" if other else "by assumption"
    out.print(
        f"if {' or '.join(shares)} of the answers change from one version to the next ({source}), with 80 % power"
    )
