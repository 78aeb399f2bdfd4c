"""``harness metrics``."""

import json
from typing import Any, Final

import click

_EPILOG: Final = """\b
Examples:
  harness metrics show relaxed_accuracy
  harness metrics show anls --json
"""


@click.group(name="metrics", epilog=_EPILOG)
def command() -> None:
    """Explain the metrics."""


@command.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Print the definition, range, direction, variants, parameters and source of the metric NAME."""
    from harness.metrics import describe

    card = describe(name)
    if as_json:
        click.echo(json.dumps(card, indent=2, default=str))
        return
    click.echo(f"{card['name']} ({card['kind']} metric)\n\n{card['definition']}\n")
    low, high = card["range"]
    better = "no direction" if card["direction"] == "none" else card["direction"]
    click.echo(f"range: {low:g} to {high:g} {card['unit']}, {better} is better")
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
