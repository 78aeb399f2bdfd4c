"""The commands that make a run again."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.engine.collect import plain
from harness.errors import HarnessError
from harness.locate import available
from harness.record.schema import RunRecord, SelectionRecord
from harness.suite.bind import load_document


def commands(record: RunRecord) -> list[str]:
    """Return the shell lines that repeat a run, from the checkout of its commit on.

    Text from the record is quoted for the shell; it came from file names that a stranger may have chosen.
    """
    lines = []
    if record.git and re.fullmatch(r"[0-9a-f]{7,64}", record.git.commit):
        dirty = "   # the run had local changes on top of this commit" if record.git.dirty else ""
        lines.append(f"git checkout {record.git.commit}{dirty}")
    typed = record.sessions[0].command if record.sessions else []
    adapter, known = _adapter(record, typed)
    command = ["harness", "run", _suite(record, typed), "--adapter", adapter]
    if record.adapter.batch_size:
        command += ["--batch-size", str(record.adapter.batch_size)]
    limit = record.options.get("limit")
    if limit is not None:
        how = {"drawn": [], "informative": ["--sample", "informative"]}.get(record.limit_rule, ["--head"])
        command += ["--limit", str(limit), *how]
    if record.shard:
        command += ["--shard", record.shard]
    named = (pair for pair in record.environment.items() if re.fullmatch(r"[A-Za-z_]\w*", pair[0]))
    variables = [f"{name}={shlex.quote(value)}" for name, value in named]
    told = "" if known else "   # name the adapter's own file: it is not recorded where it lies"
    chosen = [*_selected(record.selection), *(part for root in _given(typed, "--root") for part in ("--root", root))]
    return [*lines, " ".join([*variables, shlex.join([*command, *chosen])]) + told]


def _selected(selection: SelectionRecord) -> Iterator[str]:
    """Yield the options that run less or more than the suite says."""
    for name in selection.only:
        yield from ("--only", name)
    for identity in selection.sample_ids:
        yield from ("--sample-id", identity)
    if selection.epochs > 1:
        yield from ("--epochs", str(selection.epochs), "--reducer", selection.reducer)


def _suite(record: RunRecord, typed: Sequence[str]) -> str:
    """Return the suite as it was typed; else by name where the available one says the same, else by file."""
    file, name = record.suite.file, Path(record.suite.file).stem
    for word in typed:
        if word == name or Path(word).name == file:
            return word
    return name if name in available("suites") and _says(name, record.suite.content) else file


def _says(name: str, content: Mapping[str, Any]) -> bool:
    try:
        return bool(plain(load_document(name).value) == content)
    except HarnessError:
        return False  # it asks for variables that are not set here


def _adapter(record: RunRecord, typed: Sequence[str]) -> tuple[str, bool]:
    """Return the adapter as it was typed, else its name, and whether that can be found."""
    name = record.adapter.name
    words = [*_given(typed, "--adapter"), *_given(typed, "-a")]
    fits = words if len(words) == 1 else [word for word in words if Path(word).stem == name]
    if len(fits) == 1:
        return fits[0], True
    return (name, True) if name in available("adapters") else (f"{name}.yaml", False)


def _given(typed: Sequence[str], option: str) -> list[str]:
    """Return what an option was given on a command line."""
    pairs = pairwise([*typed, ""])
    return [
        value if word == option else word.removeprefix(f"{option}=")
        for word, value in pairs
        if word == option or word.startswith(f"{option}=")
    ]


def packages(record: RunRecord) -> str:
    """Return the line that installs the versions that the run had."""
    pinned = [
        f"{name}=={version}" for name, version in sorted(record.machine.packages.items()) if name != "vlm-harness"
    ]
    return shlex.join(["pip", "install", *pinned])
