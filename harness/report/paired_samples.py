"""The answers of a candidate with the baseline's beside them, in the form that the sample browser reads."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from harness.gate.flips import RIGHT
from harness.gate.pair import HASH_LENGTH
from harness.record import Run
from harness.report.samples import GAINED, LOST, browser_data, clipped

_NOBODY: Final = -1
"""In place of a baseline's answer where the baseline was not asked the same."""

Key = tuple[str, str, str]
"""Task, cell, sample id."""


def paired_data(baseline: Run, candidate: Run, flipping: Collection[str]) -> dict[str, Any]:
    """Return what the sample browser shows of two runs, as JSON values.

    Args:
        baseline: asked first.
        candidate: whose answers stand in front.
        flipping: tasks whose primary metric tells right from wrong; answers of the others do not flip.
    """
    table = candidate.table()
    data = browser_data(candidate.folder, candidate.record, table)
    hashes = {_key(row): row["request_hash"] for row in table.select([*_KEY, "request_hash"]).to_pylist()}
    answered = dict(_answers(baseline, hashes))
    texts = {text: code for code, text in enumerate(data["responses"])}
    rows, before, flips = data["rows"], [], []
    for block in data["blocks"]:
        task = data["tasks"][rows["task"][block["from"]]]
        scores = block["scores"].get(block["primary"])
        for i in range(block["from"], block["to"]):
            cell, sample = data["cells"][rows["cell"][i]], data["samples"]["id"][rows["sample"][i]]
            text, worths = answered.get((task, cell, sample), (None, {}))
            before.append(_NOBODY if text is None else texts.setdefault(text, len(texts)))
            old, new = worths.get(block["primary"]), scores[i - block["from"]] if scores else None
            flips.append(_side(old, new) if task in flipping else 0)
    rows |= {"before": before, "flip": flips}
    return {
        **data,
        "responses": list(texts),
        "against": "the baseline",
        "simulated": data["simulated"] or baseline.record.adapter.simulated,
    }


_KEY: Final = ("task", "cell", "sample_id")


def _key(row: dict[str, Any]) -> Key:
    return row["task"], row["cell"], row["sample_id"]


def _answers(run: Run, hashes: dict[Key, str | None]) -> Iterator[tuple[Key, tuple[str, dict[str, float | None]]]]:
    """Yield the answers to the same questions, with their scores by metric."""
    table = run.table()
    scores = [name for name in table.column_names if name.startswith("score.")]
    for row in table.select([*_KEY, "request_hash", "status", "response", *scores]).to_pylist():
        asked, key = row["request_hash"], _key(row)
        other = hashes.get(key)
        if key in hashes and (asked or "")[:HASH_LENGTH] == (other or "")[:HASH_LENGTH]:
            text = clipped(row["response"]) if row["status"] == "ok" else f"({row['status']})"
            yield key, (text, {name.removeprefix("score."): row[name] for name in scores})


def _side(old: float | None, new: float | None) -> int:
    if old is None or new is None or (old >= RIGHT) == (new >= RIGHT):
        return 0
    return LOST if old >= RIGHT else GAINED
