"""``harness explain``."""

import json
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness explain suites/robustness.yaml
  harness explain robustness severity-sweep       a task, with what it is made from
  harness explain robustness --json
"""


@click.command(epilog=_EPILOG)
@click.argument("suite")
@click.argument("task", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(suite: str, task: str | None, as_json: bool) -> None:
    """Print SUITE (or one TASK of it) as it is run: every key, where it stands, and the defaults of what does not."""
    from harness.suite.explain import explain

    keys = explain(suite, task)
    if as_json:
        click.echo(
            json.dumps([{"key": k.name, "value": k.value, "from": k.origin} for k in keys], indent=2, default=str)
        )
        return
    width = min(72, max((len(str(key)) for key in keys), default=0))
    for key in keys:
        click.echo(f"{key!s:<{width}}  # {key.origin}")
