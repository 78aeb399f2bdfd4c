"""``harness baseline``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.gates.baseline import Baseline

_EPILOG: Final = """\b
Examples:
  harness baseline save main                     the newest run under results/runs
  harness baseline save main RUN
  harness baseline list
  harness baseline show main
  harness baseline rm main
  harness baseline save main --baselines branch:baselines     on an orphan branch; push it as you like
"""
_SAVE: Final = """\b
Examples:
  harness baseline save main                     the newest run under results/runs
  harness baseline save main RUN
  harness baseline save main --baselines branch:baselines     on an orphan branch; push it as you like
"""
_LIST: Final = """\b
Examples:
  harness baseline list
  harness baseline list --baselines branch:baselines --json
"""
_SHOW: Final = """\b
Examples:
  harness baseline show main
  harness baseline show main --json
"""
_RM: Final = """\b
Examples:
  harness baseline rm main
  harness baseline rm main --baselines branch:baselines
"""
_FOLDER: Final = click.option(
    "--baselines",
    "root",
    type=click.Path(path_type=Path),
    default=Path("baselines"),
    show_default=True,
    help="Where baselines lie: a folder small enough to be committed, or branch:NAME.",
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="baseline", epilog=_EPILOG)
def command() -> None:
    """Keep runs under a name, to compare later ones with."""


@command.command(epilog=_SAVE)
@click.argument("name")
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@_FOLDER
def save(name: str, run: str | None, runs: Path, root: Path) -> None:
    """Save RUN (a folder, or a part of a run's id; the newest by default) as NAME.

    It replaces the baseline of the same name, suite and adapter.
    """
    from harness.engine.named import locate_run
    from harness.gates import baseline, branch

    with branch.writing(root, f"Save the baseline {name}") as folder:
        saved = baseline.save(locate_run(run, runs), name, folder)
        where = root / saved.folder.relative_to(folder)
        click.echo(f"{where}: {saved}{_mark(saved)}, key {saved.key}, {saved.size / 1024:.0f} KiB")
    if saved.record.git and saved.record.git.dirty:
        click.echo("warning: the run was made with local changes; no commit stands for it", err=True)


@command.command(name="list", epilog=_LIST)
@_FOLDER
@_JSON
def list_(root: Path, as_json: bool) -> None:
    """List all baselines."""
    _print(root, None, as_json)


@command.command(epilog=_SHOW)
@click.argument("name")
@_FOLDER
@_JSON
def show(name: str, root: Path, as_json: bool) -> None:
    """Show what NAME holds."""
    _print(root, name, as_json)


@command.command(epilog=_RM)
@click.argument("name")
@_FOLDER
def rm(name: str, root: Path) -> None:
    """Remove NAME, for all suites and adapters."""
    from harness.gates import baseline, branch

    with branch.writing(root, f"Remove the baseline {name}") as place:
        for folder in baseline.remove(name, place):
            click.echo(f"removed {root / folder.relative_to(place)}")


def _print(root: Path, name: str | None, as_json: bool) -> None:
    from harness.errors import UsageError
    from harness.gates import baseline, branch

    with branch.reading(root) as place:
        found = [_told(one, root / one.folder.relative_to(place)) for one in baseline.baselines(place, name)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        raise UsageError(f"there is no baseline{f' {name!r}' if name else ''} in {root}")
    from harness.cli._grid import console, print_grid, safe

    heads = ["name", "suite", "adapter", "key", "commit", "made", "size", "run"]
    for told in found:
        told["adapter"] += " (simulated)" if told["simulated"] else ""
        told["size"] = f"{told['bytes'] / 1024:.0f} KiB"
    print_grid(console(), heads, [[safe(str(told[head])) for head in heads] for told in found])


def _told(one: "Baseline", folder: Path) -> dict[str, Any]:
    record = one.record
    return {
        "name": one.name,
        "suite": record.suite.name,
        "adapter": record.adapter.name,
        "simulated": record.adapter.simulated,
        "key": one.key,
        "commit": record.git.commit[:12] + (" (dirty)" if record.git.dirty else "") if record.git else "none",
        "made": f"{record.started:%Y-%m-%d %H:%M}",
        "bytes": one.size,
        "run": record.run_id,
        "folder": str(folder),
    }


def _mark(one: "Baseline") -> str:
    return " (simulated)" if one.record.adapter.simulated else ""
