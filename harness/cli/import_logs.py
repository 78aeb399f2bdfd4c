"""``harness import``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.imports import Asked

_EPILOG: Final = """\b
Examples:
  harness import out/model-a                       the run of lm-eval, lmms-eval, Inspect, … in that folder
  harness import logs/2026-11-28_toy.eval
  harness import scores.csv --map id=qid --map score=correct
  harness import log.jsonl --as openai-evals --lower latency --bounds rating=1,5

\b
Logs need no import to be looked at: compare, gate, report, show, diff and score take them as they are.
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--as", "kind", help="Whose log it is; found by looking otherwise. `harness list importers` names them.")
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results/runs"),
              show_default=True, help="Folder for run records.")  # fmt: skip
@click.option("--map", "columns", multiple=True, metavar="ROLE=COLUMN",
              help="Of a table: which column is the id, score, prediction, target, prompt, task, filter, epoch, "
                   "cluster, error or tag.")  # fmt: skip
@click.option("--higher", multiple=True, metavar="SCORE", help="A score that is better when higher.")
@click.option("--lower", multiple=True, metavar="SCORE", help="A score that is better when lower.")
@click.option("--bounds", multiple=True, metavar="SCORE=LOW,HIGH", help="Between which ends a score lies.")
@click.option("--failures", type=click.Choice(["origin", "wrong", "exclude"]), default="origin", show_default=True,
              help="What an answer that never came counts: as its harness has it, as wrong, or nothing.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    paths: tuple[Path, ...],
    kind: str | None,
    out: Path,
    columns: tuple[str, ...],
    higher: tuple[str, ...],
    lower: tuple[str, ...],
    bounds: tuple[str, ...],
    failures: str,
    as_json: bool,
) -> None:
    """Write the logs of other harnesses as run records, one for each PATH: a file, or the folder of one run.

    Nothing of a log is run. Scores are as its harness gave them; its own summary stands beside ours, and where the two
    differ the record says so.
    """
    import json

    from harness.imports import bring_in, look_at
    from harness.record import read_run

    asked = _asked(columns, higher, lower, bounds, failures)
    told = []
    for path in paths:
        found = look_at(path, kind)
        folder = bring_in(path, out, found.kind, asked)
        record = read_run(folder)
        findings = [f"{name}: {one.text}" for name, task in record.tasks.items() for one in task.findings]
        told.append({"path": str(path), "kind": found.kind, "version": found.version, "record": str(folder),
                     "model": record.adapter.name, "tasks": len(record.tasks), "responses": record.responses,
                     "findings": findings})  # fmt: skip
        if not as_json:
            version = f" {found.version}" if found.version else ""
            count = sum(record.responses.values())
            click.echo(
                f"{path}: {found.kind}{version}, {record.adapter.name}, {len(record.tasks)} tasks, {count:,} rows"
            )
            for one in findings:
                click.echo(f"  {one}")
            click.echo(f"  {folder}")
    if as_json:
        click.echo(json.dumps(told, indent=2))


def _asked(
    columns: tuple[str, ...], higher: tuple[str, ...], lower: tuple[str, ...], bounds: tuple[str, ...], failures: str
) -> "Asked":
    from harness.imports import Asked

    both = sorted(set(higher) & set(lower))
    if both:
        raise click.UsageError(f"--higher and --lower both name {both[0]!r}")
    ends = {name: _ends(value, name) for name, value in (_pair(text, "--bounds") for text in bounds)}
    return Asked(higher, lower, ends, failures, dict(_pair(text, "--map") for text in columns))  # type: ignore[arg-type]


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name and value):
        raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}")
    return name, value


def _ends(value: str, name: str) -> tuple[float, float]:
    import math

    try:
        low, high = (float(part) for part in value.split(","))
    except ValueError as cause:
        raise click.UsageError(f"--bounds {name}={value}: give two numbers, such as {name}=0,1") from cause
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise click.UsageError(f"--bounds {name}={value}: the first must be less than the second, and both finite")
    return low, high
