"""``harness plan``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.comparison.planning import Need

_EPILOG: Final = """\b
Examples:
  harness plan suites/robustness.yaml
  harness plan my-suite.yaml --margin 0.05
  harness plan robustness --baseline main --adapter onnx-int8
"""


@click.command(epilog=_EPILOG)
@click.argument("suite")
@click.option("--margin", type=click.FloatRange(0, min_open=True), metavar="SHARE",
              help="The drop that matters, instead of the gates' own; 0.02 where no gate compares.")  # fmt: skip
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
        told = needs(loaded, margin, earlier, other)
    if not told:
        raise UsageError(f"suite {loaded.spec.suite!r} has no number that could be compared")
    if as_json:
        _print_json(told, earlier, other)
    else:
        _print(told, other.record.run_id if other else "")


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
