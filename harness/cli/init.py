"""``harness init``."""

import json
import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness init
  harness init my-repository --no-workflow
  harness init --gate lm-eval          a gate on what another harness measures; no suite, no adapter
  harness init --from chartqa "ChartQA Dataset"
  harness init --from auto rows.csv --field question=query --field answer=label
"""
_TEMPLATES: Final = {
    "suites/first.yaml": "suite.yaml",
    "adapters/my-model.yaml": "adapter.yaml",
    "adapters/my_model.py": "my_model.txt",
    ".github/workflows/gate.yml": "workflow.yml",
}
_WORKFLOW: Final = ".github/workflows/gate.yml"
_GATES: Final = {_WORKFLOW: "peer.yml", ".github/workflows/gate-comment.yml": "peer-comment.yml"}
_DATA: Final = "suites/data"
_EXAMPLES: Final = 100
"""So many that a gate with a margin of 0.03 passes a model that has not changed: 1 - 0.05 ** (1 / 100) is below it."""


@click.command(epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--workflow/--no-workflow", default=True, show_default=True, help="Write a GitHub workflow that gates.")
@click.option("--from", "source", nargs=2, metavar="LAYOUT PATH", type=(str, click.Path(path_type=Path)),
              help="Write a suite over the data at PATH instead, with its own metric; `auto` finds out.")  # fmt: skip
@click.option("--split", help="With --from: which split.")
@click.option("--config", help="With --from: which configuration, a language or a subject.")
@click.option("--field", "fields", multiple=True, metavar="NAME=COLUMN", help="With --from: which column is what.")
@click.option("--gate", "peer", metavar="HARNESS",
              help="Write workflows that gate on another harness's results instead.")  # fmt: skip
@click.option("--force", is_flag=True, help="Write over files that are there.")
def command(
    folder: Path,
    workflow: bool,
    source: tuple[str, Path] | None,
    split: str | None,
    config: str | None,
    fields: tuple[str, ...],
    peer: str | None,
    force: bool,
) -> None:
    """Put a first suite with data, an adapter for your own model and a workflow into FOLDER (here by default).

    With --from it is a suite over data that lies there; with --gate two workflows alone, for a repository that is
    evaluated with another harness already.
    """
    from harness.errors import UsageError

    if source is not None and peer is not None:
        raise UsageError("--from writes a suite and --gate workflows: give one of them")
    if peer is not None:
        _write_gate(folder, peer, force)
        return
    if source is not None:
        _over_data(folder, *source, split, config, fields, force)
        return
    if split or config or fields:
        raise UsageError("--split, --config and --field say what of --from is meant; it is not given")
    wanted = [name for name in _TEMPLATES if workflow or name != _WORKFLOW]
    there = [name for name in [*wanted, f"{_DATA}/examples.jsonl"] if (folder / name).exists()]
    if there and not force:
        raise UsageError(f"{folder / there[0]} is there already; --force writes over it ({len(there)} files)")
    try:
        for name in wanted:
            _write(folder / name, _filled(_TEMPLATES[name], {"REQUIREMENTS": json.dumps(_requirements(folder))}))
        _examples(folder / _DATA)
        _ignore(folder / ".gitignore", "results/runs/")
        _history(folder)
    except OSError as cause:
        raise UsageError(f"cannot write to {folder}: {cause.strerror}") from cause
    for name in [*wanted, f"{_DATA}/examples.jsonl, {_EXAMPLES} images"]:
        click.echo(f"wrote {folder / name}")
    inside = f"cd {folder} && " if folder != Path() else ""
    click.echo(f"""
next:
  {inside}harness run suites/first.yaml --adapter adapters/my-model.yaml
  harness baseline save main --baselines branch:baselines      # what pull requests are compared with
  git push origin baselines                                    # where the workflow reads it
  harness gate suites/first.yaml --adapter adapters/my-model.yaml --baselines branch:baselines
then put your own questions into {_DATA}/examples.jsonl and your own model into adapters/my_model.py""")


def _write_gate(folder: Path, name: str, force: bool) -> None:
    """Write the workflows that judge what another harness measures."""
    from harness.cli._peers import PEERS
    from harness.errors import UsageError, did_you_mean

    if name not in PEERS:
        raise UsageError(f"no workflow is known for {name!r}; {did_you_mean(name, PEERS)}")
    peer = PEERS[name]
    there = [file for file in _GATES if (folder / file).exists()]
    if there and not force:
        raise UsageError(f"{folder / there[0]} is there already; --force writes over it ({len(there)} files)")
    words = {"NAME": name, "INSTALL": json.dumps(peer.install), "RUN": json.dumps(peer.run), "LOG": peer.log}
    try:
        for file, template in _GATES.items():
            _write(folder / file, _filled(template, words))
    except OSError as cause:
        raise UsageError(f"cannot write to {folder}: {cause.strerror}") from cause
    for file in _GATES:
        click.echo(f"wrote {folder / file}")
    click.echo(f"""
next:
  put your model and tasks into {folder / _WORKFLOW}; it runs:
    {peer.run}
  run the same on what pull requests are to be compared with, and keep it as a small file:
    harness baseline save main {peer.log}
    git add baselines .github && git commit -m "Gate pull requests on {name}"
  try the gate here first:
    harness gate --baseline main --candidate {peer.log}""")


def _over_data(
    folder: Path, kind: str, path: Path, split: str | None, config: str | None, fields: tuple[str, ...], force: bool
) -> None:
    """Write a suite over data that lies there already."""
    from harness.cli.data import pairs
    from harness.errors import UsageError
    from harness.suite.starter import guessed, keys_for, layout, starter

    found, _ = layout(path, None if kind == "auto" else kind)
    keys = keys_for(found, path, split=split, config=config, fields=pairs(fields))
    name = found.type if found.official else path.stem.lower().replace(" ", "-").replace(".", "-")
    file = folder / "suites" / f"{name}.yaml"
    if file.exists() and not force:
        raise UsageError(f"{file} is there already; --force writes over it")
    metrics = guessed(found, path, (), keys)
    try:
        _write(file, starter(found, path, name, file.parent, keys, metrics))
    except OSError as cause:
        raise UsageError(f"cannot write to {folder}: {cause.strerror}") from cause
    inside = path.resolve().is_relative_to(file.parent.resolve())
    root = "" if inside else f" --root {shlex.quote(str(path if path.is_dir() else path.parent))}"
    click.echo(f"wrote {file}")
    click.echo(f"""
next:
  harness data check {file}{root}
  harness run {file} --adapter mock{root}      # then your own model""")


def _examples(folder: Path) -> None:
    """Write charts with questions, to be replaced."""
    from harness.data.charts.dataset import ChartsConfig, ChartsDataset

    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for i, sample in enumerate(ChartsDataset.from_config(ChartsConfig(limit=_EXAMPLES), folder, [folder])):
        name = f"images/{i:03d}.png"
        sample.images[0].load().save(folder / name, optimize=True)
        row = {"id": f"{i:03d}", "image": name, "question": sample.question, "answer": sample.references[0]}
        rows.append(json.dumps(row | {"tags": dict(sample.tags)}))
    _write(folder / "examples.jsonl", "\n".join(rows) + "\n")


def _filled(template: str, words: Mapping[str, str]) -> str:
    """Return a template with its words in capitals replaced; the action is the one that is installed here."""
    from harness.extras import action

    told = {**words, "ACTION": action()}
    text = (files("harness.cli") / "_init" / template).read_text(encoding="utf-8")
    return re.sub(rf"\b({'|'.join(told)})\b", lambda found: told[found[1]], text)


def _requirements(folder: Path) -> str:
    """Return the command that installs what the user's own code needs, by the files that say so."""
    project = folder / "pyproject.toml"
    packaged = project.is_file() and re.search(r"^\[project\]", project.read_text(encoding="utf-8"), re.MULTILINE)
    package = "python -m pip install . && " if packaged or (folder / "setup.py").is_file() else ""
    return f"{package}if [ -f requirements.txt ]; then python -m pip install -r requirements.txt; fi"


def _history(folder: Path) -> None:
    """Write asv.conf.json, for `harness history`, unless it is there or this is no repository's own folder."""
    from harness.history.publish import CONFIG, write_settings

    if (folder / ".git").exists() and not (folder / CONFIG).exists():
        write_settings(folder)
        click.echo(f"wrote {folder / CONFIG}")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _ignore(file: Path, line: str) -> None:
    """Add a line to a .gitignore, unless it is there."""
    known = file.read_text(encoding="utf-8") if file.is_file() else ""
    if line not in known.splitlines():
        _write(file, known + ("" if not known or known.endswith("\n") else "\n") + line + "\n")
