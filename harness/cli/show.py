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
  harness show @1 --labels labels.jsonl --within 0.03   what answers are worth by a few people's labels
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
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What people say of some answers, as `harness label` keeps it; the suite's own by default.",
)
@click.option(
    "--within",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="With labels: half the width of an interval for which it is told how many more it takes.",
)
@click.option("--json", "as_json", is_flag=True,
              help="Print run.json; with --answer what is told of it, with --labels what they say.")  # fmt: skip
def command(
    run: str | None,
    runs: Path,
    everything: bool,
    pattern: str,
    order: Literal["given", "name", "value"],
    sample: str | None,
    labels: Path | None,
    within: float,
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
    if as_json and labels is not None:
        import json

        from harness.api import by_labels

        told = [one.plain() for one in by_labels(folder, labels, within=within)]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False))
        return
    if as_json:
        click.echo(record.model_dump_json(indent=2))
        return
    from harness.cli._grid import console
    from harness.cli._tables import Choice, print_runs

    print_runs(console(), [record], Choice(everything, pattern, order))
    if labels is not None or record.suite.content.get("labels") is not None:
        _labels(folder, labels, within)
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


def _labels(folder: Path, labels: Path | None, within: float) -> None:
    """Print what the answers are worth by labels, apart from all that no person has seen."""
    from rich.markup import escape

    from harness.api import by_labels
    from harness.cli._grid import console, print_grid, safe
    from harness.report.label_rows import about, by_people, by_score
    from harness.report.text import plain

    found, out = by_labels(folder, labels, within=within), console()
    if not found:
        if labels is not None:
            out.print(f"[yellow]no label of {safe(str(labels))} is of a single answer of this run; "
                      f"make some: harness label {safe(folder.name)}[/]")  # fmt: skip
        return
    heads = ["task", "labels", "right by labels [95 % interval]", "by the score alone"]
    of = [f"{one.found.labelled:,} of {one.found.differing:,}" for one in found]
    table = [[safe(one.task), count, by_people(one), safe(by_score(one))] for one, count in zip(found, of, strict=True)]
    print_grid(out, heads, table, title="by labels")
    for one in found:
        for said in about(one):
            out.print(f"[dim]{escape(plain(said, 600))}[/]")


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
