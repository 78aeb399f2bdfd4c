"""``harness schema``."""

import json
from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness schema suite > suite.json
  harness schema answer        # what an adapter may answer about a clip
  harness schema --write docs/schema
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(["suite", "adapter", "answer"]), default="suite")
@click.option(
    "--write", "folder", type=click.Path(path_type=Path), help="Write all schemas to this folder, a file each."
)
def command(kind: str, folder: Path | None) -> None:
    """Print the JSON Schema that editors complete and check suite or adapter files with."""
    from harness.suite.schema import adapter_schema, answer_schema, suite_schema

    makers = {"suite": suite_schema, "adapter": adapter_schema, "answer": answer_schema}
    if folder is None:
        click.echo(json.dumps(makers[kind](), indent=2))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in (("suite", "suite"), ("adapter", "adapter"), ("temporal-answer-1", "answer")):
        (folder / f"{name}.json").write_text(json.dumps(makers[made](), indent=2) + "\n", encoding="utf-8")
        click.echo(folder / f"{name}.json")
