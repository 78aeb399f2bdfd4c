"""``harness export``."""

from pathlib import Path

import click

_EPILOG = """\b
Examples:
  harness export RUN --to csv                  RUN.csv: a row an answer
  harness export out/main.eval --to parquet -o main.parquet
  harness export RUN --to inspect -o logs/     then: inspect view --log-dir logs
  harness export RUN --to lm-eval -o out/      a folder as `lm_eval --log_samples` writes one

\b
`harness import` reads all of them again but W&B's, and so does anything that reads tables.
`harness list exporters` says what there is.
"""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--to", "kind", metavar="FORM", default="csv", show_default=True,
              help="What to write: csv, parquet, inspect, lm-eval or wandb-table.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path),
              help="File or folder to write; by default called after the run, here.")  # fmt: skip
def command(run: str | None, runs: Path, kind: str, out: Path | None) -> None:
    """Write the answers and scores of RUN as another program has them: a folder, a log, or (a part of) an id.

    The newest run by default. In CSV a text that a spreadsheet would compute begins with an apostrophe; the others have
    every text as it is.
    """
    from harness.api import load_run
    from harness.exports import export

    place, rows = export(load_run(run, runs), kind, out)
    click.echo(f"{place}: {rows:,} rows")
