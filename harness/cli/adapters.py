"""``harness adapters``."""

import json
from dataclasses import asdict
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness adapters check qwen2-vl
  harness adapters check my-adapter.yaml --json
"""


@click.group(name="adapters", epilog=_EPILOG)
def command() -> None:
    """Look at the adapters."""


@command.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--without", multiple=True, metavar="LAW", help="Leave this law out; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(name: str, without: tuple[str, ...], as_json: bool) -> int:
    """Check that the adapter NAME keeps the laws that results rest on.

    It is loaded and asked some 300 short questions: answers must not depend on the batch, repeat,
    survive awkward prompts and images, and the fingerprint must follow the weights. Exit code 0 if
    all laws are kept, 1 if one is broken.
    """
    from harness.cli._stdout import kept_for_json
    from harness.errors import ExitCode
    from harness.testing.adapters import examine

    with kept_for_json(as_json):
        findings = examine(name, without)
    broken = sum(found.outcome == "broken" for found in findings)
    if as_json:
        click.echo(json.dumps({"adapter": name, "passed": not broken, "laws": [asdict(f) for f in findings]}, indent=2))
    else:
        width = max(len(found.law) for found in findings)
        for found in findings:
            click.echo(f"{found.law:<{width}}  {found.outcome}" + (f": {found.said}" if found.said else ""))
        click.echo(f"{name}: " + (f"{broken} of {len(findings)} laws broken" if broken else "all laws kept"))
    return ExitCode.REGRESSION if broken else ExitCode.OK
