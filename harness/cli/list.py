"""``harness list``."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from harness.locate import builtin_root

_KINDS: Final = (
    "runs",
    "suites",
    "tasks",
    "metrics",
    "numbers",
    "adapters",
    "datasets",
    "corruptions",
    "detectors",
    "exporters",
    "importers",
    "samplers",
)
_EPILOG: Final = """\b
Examples:
  harness list runs               newest first, with what to call them: harness compare @2 @1
  harness list suites
  harness list numbers
  harness list corruptions --json
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where runs lie.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, runs: Path, as_json: bool) -> None:
    """List what there is of KIND: built in, in the working directory, or from an installed plug-in.

    `numbers` are what tasks print beside metrics. `runs` are those that were made here: `@1` or `@latest` is the
    newest, and every command takes such a name, or a part of the id, for a run; `@2:ADAPTER` is of one adapter's.
    """
    if kind == "runs":
        from harness.cli._runs import print_run_list

        print_run_list(runs, as_json)
        return
    rows = _files(kind) if kind in ("suites", "adapters") else _numbers() if kind == "numbers" else _entries(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from harness.cli._grid import console, print_grid, safe

    heads = ["name", *(head for head in ("tier", "type", "better", "unit") if rows and head in rows[0]), "what it is"]
    print_grid(console(), heads, [[safe(row.get(head, _sentence(row))) for head in heads] for row in rows])
    if kind == "metrics":
        click.echo("what one needs, its variants and its laws: harness metrics show NAME")
    if kind == "adapters":
        from harness.registry import registry

        click.echo(f"types: {', '.join(registry('adapters').names())}")


def _entries(kind: str) -> list[dict[str, str]]:
    from harness.registry import registry

    return [
        {
            "name": entry.name,
            "summary": _summary(_told_by(entry.load(), kind)) or entry.summary,
            **(_metric(entry.name) if kind == "metrics" else {}),
            "from": _short(entry.origin),
        }
        for entry in registry(kind)
    ]


def _numbers() -> list[dict[str, str]]:
    from harness.tasks.glossary import numbers

    return [
        {"name": name, "summary": one.meaning, "better": one.direction, "unit": one.unit, "tasks": ", ".join(kinds)}
        for name, meanings in numbers().items()
        for one, kinds in meanings.items()
    ]


def _metric(name: str) -> dict[str, str]:
    from harness.metrics import describe

    card = describe(name)
    variants = ", ".join(variant for variant in card["variants"] if variant != "default")
    return {"over many answers": card["computed"], "needs": ", ".join(card["needs"]), "variants": variants}


def _told_by(target: Any, kind: str) -> object:
    """Return what says what a thing is: itself; of a reader of logs its module, which names the files."""
    return sys.modules[target.__module__] if kind == "importers" else target


def _summary(target: object) -> str:
    return (target.__doc__ or "").strip().split("\n", 1)[0].replace("``", "`")


def _sentence(row: dict[str, str]) -> str:
    """Return what a thing is, and where it came from if that is not here."""
    origin = row.get("from", "harness/")
    own = origin.startswith("harness/") or Path(origin).is_relative_to(builtin_root())
    return row["summary"] if own else f"{row['summary']} ({origin})"


def _short(origin: str) -> str:
    _, separator, rest = origin.rpartition("/harness/")
    return f"harness/{rest}" if separator else origin


def _files(kind: str) -> list[dict[str, str]]:
    from harness.errors import SpecError
    from harness.locate import available
    from harness.spec.document import read_document

    rows = []
    for name, file in available("suites" if kind == "suites" else "adapters").items():
        try:
            content = read_document(file).value
        except SpecError as error:
            content = {"description": f"unreadable: {error.problems[0].message}"}
        if not isinstance(content, dict):
            content = {"description": "unreadable: not a mapping"}
        extra = content.get("tier", "core") if kind == "suites" else content.get("type", "")
        second = "tier" if kind == "suites" else "type"
        rows.append(
            {"name": name, second: str(extra), "summary": str(content.get("description", "")), "from": str(file)}
        )
    return rows
