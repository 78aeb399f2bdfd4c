"""``harness metrics``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.estimate import Number

_EPILOG: Final = """\b
Examples:
  harness metrics show relaxed_accuracy
  harness metrics show retained_accuracy
  harness metrics show anls --json
  harness metrics docs --write docs/metrics.md
"""


@click.group(name="metrics", epilog=_EPILOG)
def command() -> None:
    """Explain the metrics."""


@command.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Print the definition, range, direction, unit and source of any number that a table, a report or a gate names.

    NAME may be as it stands there: `sweep/retained_accuracy[fog]`. Of metrics also variants, parameters and edge cases.
    """
    from harness.report.glossary import meaning

    found = meaning(name)
    if as_json:
        click.echo(json.dumps(found.plain(), indent=2, default=str))
        return
    if found.label:
        click.echo(f"{found.label}:\n")
    if found.metric:
        _tell_metric(found.metric)
    for place, (number, kinds) in enumerate(found.numbers.items()):
        if found.metric or place:
            click.echo("")
        _tell_number(number, kinds)


@command.command(epilog=_EPILOG)
@click.option("--write", "page", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="PAGE",
              help="Fill in the generated parts of this page instead.")  # fmt: skip
def docs(page: Path | None) -> None:
    """Print what docs/metrics.md has from the code: tables of metrics, numbers and laws, and each metric in full."""
    from harness.report.metrics_page import PARTS, filled, part

    if page is None:
        for name in PARTS:
            click.echo(part(name))
        return
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    click.echo(page)


def _tell_number(number: "Number", kinds: Sequence[str]) -> None:
    from harness.report.glossary import within

    click.echo(f"{number.name} (of tasks of kind {', '.join(kinds)})\n\n{number.meaning}\n")
    if number.unit:
        click.echo(f"range: {within(*number.bounds)} {number.unit}, {_better(number.direction)}")
    if number.untestable:
        click.echo(f"no difference of it is tested: {number.untestable}")
    if number.source:
        click.echo(f"source: {number.source}")


def _better(direction: str) -> str:
    return "no direction is better" if direction == "none" else f"{direction} is better"


def _tell_metric(card: Mapping[str, Any]) -> None:
    from harness.report.glossary import within

    click.echo(f"{card['name']} ({card['kind']} metric)\n\n{card['definition']}\n")
    click.echo(f"range: {within(*card['range'])} {card['unit']}, {_better(card['direction'])}")
    click.echo(f"over many answers: {card['computed']}")
    if card["needs"]:
        click.echo(f"needs of each sample: {', '.join(card['needs'])} (see docs/facts.md)")
    for title, body in (("variants", card["variants"]), ("parameters", card["params"])):
        if body:
            click.echo(f"\n{title}:")
            for key, value in body.items():
                click.echo(f"  {key}: {_meaning(value)}")
    for title, text in (("edge cases", card["edge_cases"]), ("source", card["source"])):
        if text:
            click.echo(f"\n{title}:\n  " + text.replace("\n", "\n  "))


def _meaning(value: dict[str, Any]) -> str:
    if "does" not in value:
        return f"{value['meaning']} (default: {value['default']})".strip()
    if "commit" not in value:
        return str(value["does"])
    read = f"{value['repository']} {value['path']}\n    commit {value['commit']}, read {value['read']}"
    return f"{value['does']}\n    {read}"
