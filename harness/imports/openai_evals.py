"""Logs of OpenAI evals: JSON Lines of a spec, events and a final report.

Layout: openai/evals, ``evals/record.py``. Events stand in the order in which threads wrote them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.imports._content import asked_of
from harness.imports._dates import moment
from harness.imports._log import RIGHT, Asked, Entry, Found, Log, Part, Told, count, number, scale_of, text, within
from harness.imports._place import Place, first_line, json_lines

ENTRIES: Final = {"openai-evals": "OpenaiEvals"}

_NUMBER: Final = re.compile(r"(?:^|\.)(\d+)$")
_CORRECT: Final = "correct"
_REPORTED: Final = {"accuracy": _CORRECT}


class OpenaiEvals:
    """Reads OpenAI evals."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every log."""
        found = []
        for file in place.ending(".jsonl"):
            line = first_line(file)
            if isinstance(line, dict) and "eval_name" in within(line, "spec"):
                found.append(Found("openai-evals", file, (file,)))
        return found

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a log."""
        file = found.files[0]
        spec: Mapping[str, Any] = {}
        report: Mapping[str, Any] = {}
        for _, row in json_lines(file):
            spec = within(row, "spec") or spec
            report = within(row, "final_report") or report
        name = text(spec.get("eval_name")) or "eval"
        part = Part(name, {_CORRECT: RIGHT})
        for key, value in report.items():
            if number(value) is not None:
                column = _REPORTED.get(key, key)
                part.scales.setdefault(column, scale_of(column))
                part.told.append(Told(column, float(value), key, mean=True if key in _REPORTED else None))
        run = within(spec, "run_config")
        settings = within(run, "eval_spec")
        part.config = {"eval": text(settings.get("cls")), "args": dict(within(settings, "args"))}
        models = spec.get("completion_fns")
        return Log(
            kind="openai-evals",
            version="",
            model=", ".join(map(text, models)) if isinstance(models, list) else "",
            files=[file],
            parts={name: part},
            entries=lambda: _entries(name, file),
            config={"seed": run["seed"]} if "seed" in run else {},
            started=moment(spec.get("created_at")),
        )


def _entries(task: str, file: Path) -> Iterator[Entry]:
    """Yield a sample each, put together from its events, in the order of their numbers."""
    found: dict[str, Entry] = {}
    for line, row in json_lines(file):
        sample, data = text(row.get("sample_id")), within(row, "data")
        if not sample:
            continue
        named = _NUMBER.search(sample)
        identity = named[1] if named else sample
        entry = found.setdefault(identity, Entry(task, identity, {}, where=f"{file}:{line}"))
        _take(entry, text(row.get("type")), data)
    yield from sorted(found.values(), key=lambda entry: (not entry.id.isdecimal(), entry.id.zfill(20)))


def _take(entry: Entry, kind: str, data: Mapping[str, Any]) -> None:
    """Take one event in; of several answers the first is the model's, later ones are its judge's."""
    if kind == "match":
        expected = data.get("expected")
        entry.references = [text(one) for one in expected] if isinstance(expected, list) else [text(expected)]
        entry.scores = {**entry.scores, _CORRECT: number(data.get(_CORRECT))}
    elif kind == "metrics":
        entry.scores = {
            **entry.scores,
            **{key: number(value) for key, value in data.items() if number(value) is not None},
        }
    elif kind == "sampling" and entry.prompt is None:
        asked = asked_of(data.get("prompt"))
        sampled = data.get("sampled")
        entry.prompt, entry.cluster = asked.text, asked.cluster
        entry.response = text(sampled[0] if isinstance(sampled, list) and len(sampled) == 1 else sampled)
        usage = within(data, "usage")
        entry.tokens_in, entry.tokens_out = (count(usage.get(f"{one}_tokens")) for one in ("prompt", "completion"))
    elif kind == "error":
        entry.error = text(data.get("message")) or text(data) or "error"
