"""Logs of promptfoo: ``results.json``, written with ``-o``.

Layout: promptfoo/promptfoo, ``src/types/index.ts`` (version 3 of its results). Several providers or prompts in one file
are tasks of their own.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._dates import moment
from harness.imports._log import (
    PART,
    RIGHT,
    Asked,
    Entry,
    Found,
    Log,
    Part,
    Scale,
    Told,
    count,
    items,
    number,
    text,
    within,
)
from harness.imports._place import Place, head, known_json, read_json

ENTRIES: Final = {"promptfoo": "Promptfoo"}

_ERROR: Final = 2
"""The reason for a failure that is no answer."""
_HEAD: Final = 4096
_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SAME: Final = ("equals", "contains", "icontains", "is-json", "similar", "starts-with", "levenshtein", "rouge-n")
_FAILED: Final = Scale("higher", RIGHT.bounds, "share", worth=0.0, binary=True)
"""Passed or not: promptfoo counts an error as not passed."""


class Promptfoo:
    """Reads promptfoo."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every file of results."""
        found = []
        for file in place.ending(".json"):
            if b'"evalId"' in head(file, _HEAD):
                told = known_json(file)
                if isinstance(within(told, "results").get("results"), list):
                    found.append(Found("promptfoo", file, (file,), _version(told)))
        return found

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a file of results."""
        file = found.files[0]
        told = read_json(file)
        results, config = within(told, "results"), within(told, "config")
        rows = items(results.get("results"))
        columns = list(dict.fromkeys(_column(row) for row in rows))
        names = {column: "tests" if len(columns) == 1 else f"{column[0]} {column[1]}" for column in columns}
        parts = {name: Part(name, {"success": _FAILED, "score": _WEIGHTED}) for name in names.values()}
        for row in rows:
            part = parts[names[_column(row)]]
            for name in within(row, "namedScores"):
                part.scales.setdefault(name, RIGHT)
        for place, prompt in enumerate(items(results.get("prompts"))):
            _tell(parts, names, prompt, place)
        providers = list(dict.fromkeys(column[0] for column in columns))
        return Log(
            kind="promptfoo",
            version=found.version,
            model=", ".join(providers) if len(providers) < 3 else f"{len(providers)} providers",
            files=[file],
            parts=parts,
            entries=lambda: (_entry(names[_column(row)], row, f"{file}: results[{i}]") for i, row in enumerate(rows)),
            config={"providers": config.get("providers")} if config.get("providers") else {},
            started=moment(results.get("timestamp")),
        )


_WEIGHTED: Final = Scale("higher", PART.bounds, "share", worth=0.0)
"""The weighted mean of a test's assertions, of one that failed too."""


def _version(told: Mapping[str, Any]) -> str:
    return text(within(told, "metadata").get("promptfooVersion"))


def _column(row: Mapping[str, Any]) -> tuple[str, int]:
    provider = row.get("provider")
    label = provider.get("label") or provider.get("id") if isinstance(provider, Mapping) else provider
    place = row.get("promptIdx")
    return text(label) or "provider", place if isinstance(place, int) else 0


def _tell(
    parts: Mapping[str, Part], names: Mapping[tuple[str, int], str], prompt: Mapping[str, Any], place: int
) -> None:
    """Take over what promptfoo counts for one column of its table."""
    fitting = [name for (provider, index), name in names.items() if index == place or len(names) == 1]
    if len(fitting) != 1:
        return
    part, counts = parts[fitting[0]], within(prompt, "metrics")
    passed, failed, errors = (number(counts.get(f"test{one}Count")) or 0 for one in ("Pass", "Fail", "Error"))
    if total := passed + failed + errors:
        part.told.append(Told("success", passed / total, "pass rate", mean=True))
        part.expected = int(total)
        if (score := number(counts.get("score"))) is not None:
            part.told.append(Told("score", score / total, "score", mean=True))
    weights = within(counts, "namedScoreWeights")
    for name, value in within(counts, "namedScores").items():
        weight, added = number(weights.get(name)), number(value)
        if weight and added is not None:
            part.told.append(Told(name, added / weight, name))


def _entry(task: str, row: Mapping[str, Any], where: str) -> Entry:
    if not isinstance(row.get("testIdx"), int):
        raise UsageError(f"{where}: a result without `testIdx`")
    response, variables, usage = within(row, "response"), within(row, "vars"), within(row, "tokenUsage")
    failed = row.get("failureReason") == _ERROR
    scores = {"success": number(row.get("success")), "score": number(row.get("score"))}
    scores |= {name: number(value) for name, value in within(row, "namedScores").items()}
    prompt = text(within(row, "prompt").get("raw"))
    metadata = {key: value for key, value in within(row, "metadata").items() if isinstance(value, str)}
    latency = number(row.get("latencyMs"))
    return Entry(
        task=task,
        id=text(row["testIdx"]),
        scores=scores,
        prompt=prompt,
        references=_expected(row, variables),
        response=None if failed else text(response.get("output")),
        content=[prompt, text(dict(sorted(variables.items())))],
        error=text(response.get("error") or row.get("error") or "error") if failed else None,
        tags={key: value for key, value in metadata.items() if not key.startswith("_") and len(value) <= 80},
        tokens_in=count(usage.get("prompt")),
        tokens_out=count(usage.get("completion")),
        seconds=None if latency is None else latency / 1000,
        where=where,
    )


def _expected(row: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Return what the assertions that compare texts want, with their variables filled in."""
    found = []
    for one in items(within(row, "testCase").get("assert")):
        value = one.get("value")
        if one.get("type") in _SAME and isinstance(value, str):
            found.append(_VARIABLE.sub(lambda named: text(variables.get(named[1], named[0])), value))
    return found
