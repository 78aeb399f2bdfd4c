"""``harness show``."""

from pathlib import Path
from typing import Final, Literal

import click

_EPILOG: Final = """\b
Examples:
  harness show                       the newest run under results/runs; @2 is the one before (harness list runs)
  harness show results/runs/robustness-onnx-int8-…
  harness show --metrics "ood/auroc*" --sort value
  harness show --answer chart-qa/clean/test-0-17
  harness show RUN --json | jq .tasks
"""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--all", "everything", is_flag=True,
              help="All numbers of tables such as detector × set, not the gated ones only.")  # fmt: skip
@click.option("--metrics", "pattern", default="", metavar="PATTERN",
              help="Only numbers whose name, as in a gate, fits: drift/*delay*, or a part.")  # fmt: skip
@click.option("--sort", "order", type=click.Choice(["given", "name", "value"]), default="given", show_default=True,
              help="By value the worst stand first.")  # fmt: skip
@click.option("--answer", "sample", metavar="SAMPLE",
              help="One answer: its prompt as sent, what came back, what was read from it, what it took.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print run.json; with --answer, what is told of it.")
def command(
    run: str | None,
    runs: Path,
    everything: bool,
    pattern: str,
    order: Literal["given", "name", "value"],
    sample: str | None,
    as_json: bool,
) -> None:
    """Show RUN: a folder, or (a part of) the id of a run; the newest by default."""
    from harness.engine.named import locate_run
    from harness.record import read_run
    from harness.record.spent import in_words

    folder = locate_run(run, runs)
    if sample is not None:
        _answer(folder, sample, as_json)
        return
    record = read_run(folder)
    if as_json:
        click.echo(record.model_dump_json(indent=2))
        return
    from harness.cli._grid import console
    from harness.cli._tables import Choice, print_runs

    print_runs(console(), [record], Choice(everything, pattern, order))
    took = f"{record.seconds:.1f} s ({record.cpu_seconds:.1f} s of CPU)"
    lineage = {
        "record": str(folder),
        "status": record.status + (f": {record.reason}" if record.reason else ""),
        "started": f"{record.started:%Y-%m-%d %H:%M:%S} UTC, took {took}",
        "suite": f"{record.suite.name} {record.suite.version}, seed {record.suite.seed}, hash {record.suite.hash[:12]}",
        "adapter": f"{record.adapter.name} ({record.adapter.type}), fingerprint {record.adapter.fingerprint[:12]}",
        **({"served by": record.served} if record.served else {}),
        "responses": ", ".join(f"{count:,} {status}" for status, count in record.responses.items()),
        **({"spent": in_words(record.spent, record.expected)} if record.spent else {}),
        **{f"spent by {name}": in_words(one) for name, one in record.spent_by.items()},
        "machine": f"{record.machine.processor}, {record.machine.cores} cores, Python {record.machine.python}",
        "commit": f"{record.git.commit[:12]}{' (dirty)' if record.git.dirty else ''}" if record.git else "none",
    }
    for key, value in lineage.items():
        click.echo(f"{key + ':':<11} {value}")


def _answer(folder: Path, sample: str, as_json: bool) -> None:
    """Print what a record keeps of one sample's answers."""
    from harness.record import Run
    from harness.report.one_answer import answers, lines
    from harness.report.text import plain

    found = answers(Run(folder), sample)
    if as_json:
        import json

        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for told in found:
        rows = lines(told)
        width = max(len(name) for name, _ in rows) + 1
        click.echo(click.style(plain(told["sample"], 300), bold=True))
        for name, text in rows:
            click.echo(f"  {plain(name, 60) + ':':<{width + 1}} {plain(text, 2_000)}")
