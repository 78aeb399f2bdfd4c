"""``harness list``."""

import json
from typing import Final

import click

_KINDS: Final = (
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
  harness list suites
  harness list numbers
  harness list corruptions --json
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, as_json: bool) -> None:
    """List what there is of KIND: built in, in the working directory, or from an installed plug-in.

    `numbers` are what tasks print beside metrics.
    """
    rows = _files(kind) if kind in ("suites", "adapters") else _numbers() if kind == "numbers" else _entries(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    from harness.cli._tables import console

    table = Table()
    for column in rows[0] if rows else ("name",):
        table.add_column(column, no_wrap=column == "name", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console().print(table)
    if kind == "adapters":
        from harness.registry import registry

        click.echo(f"types: {', '.join(registry('adapters').names())}")


def _entries(kind: str) -> list[dict[str, str]]:
    from harness.registry import registry

    return [
        {
            "name": entry.name,
            "summary": _summary(entry.load()) or entry.summary,
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


def _summary(target: object) -> str:
    return (target.__doc__ or "").strip().split("\n", 1)[0]


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
