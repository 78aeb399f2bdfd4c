"""One answer of a run, for a terminal: what was sent, what came back, what was read from it, and what that took."""

import json
import math
from typing import Any, Final

import numpy as np

from harness.errors import UsageError, did_you_mean
from harness.record import Run
from harness.record.sources import Source
from harness.record.spent import paid
from harness.report.exchanges import steps_of

_MOST: Final = 20
"""Answers that are told at once."""
_KNOWN: Final = 10_000
"""Samples among which one with nearly the same name is looked for: comparing spellings costs 0.1 ms."""
_KEY: Final = ("task", "cell", "sample_id")
_OLD: Final = "not recorded: this run is of a version that did not keep it"


def answers(run: Run, name: str) -> list[dict[str, Any]]:
    """Return what the record keeps of a sample's answers, in every task and cell where it was asked.

    Args:
        run: whose.
        name: the sample's id, or ``task/id`` or ``task/cell/id``.

    Raises:
        UsageError: if there is none, with the nearest id; if there are too many, with how to name one.
    """
    source = run.source()
    found, known = _rows(source, name)
    if not found:
        more = len(known) == _KNOWN
        near = f"some that it has: {', '.join(known[:5])}, …" if more else did_you_mean(name.rpartition("/")[2], known)
        raise UsageError(f"{run.record.run_id} has no answer to {name!r}; {near}")
    names = source.column_names
    rows = source.take(np.array(found[: _MOST + 1], np.int64), names).to_pylist()
    if len(found) > _MOST:
        one = "/".join(rows[0][column] for column in _KEY)
        raise UsageError(f"{name!r} was asked {len(found)} times; name one of them: {one}")
    return [_told(run, row, "attempts" in names) for row in rows]


def _rows(source: Source, name: str) -> tuple[list[int], list[str]]:
    """Return the rows that a name is of, and the ids of the first samples."""
    found, known, at = [], dict[str, None](), 0
    for batch in source.batches(_KEY):
        keys = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        for row, (task, cell, one) in enumerate(keys, at):
            if name in (one, f"{task}/{one}", f"{task}/{cell}/{one}"):
                found.append(row)
            if len(known) < _KNOWN:
                known[one] = None
        at += batch.num_rows
    return found, list(known)


def _told(run: Run, row: dict[str, Any], kept: bool) -> dict[str, Any]:
    steps = steps_of(run.record, row["task"])
    text, facts = row["response"], json.loads(row.get("facts") or "{}")
    prices = run.record.adapter.config.get("prices")
    cost = paid(prices, row["tokens_in"], row["tokens_out"])
    counts = {name: row[name] for name in ("tokens_in", "image_tokens", "tokens_out")}
    took = {name: row[name] for name in ("seconds", "attempts")} if kept else {"seconds": _OLD, "attempts": _OLD}
    asked: Any = json.loads(row["sent"]) if kept and row["sent"] else None if kept else _OLD
    scores = {name.removeprefix("score."): value for name, value in row.items()
              if name.startswith("score.") and value is not None}  # fmt: skip
    return {
        "sample": f"{row['task']}/{row['cell']}/{row['sample_id']}",
        "status": row["status"],
        "error": row["error"],
        "prompt": row["prompt"],
        "sent": asked,
        "parts": json.loads(row["parts"]) if row.get("parts") else None,
        "right": list(row["references"] or ()),
        "response": text,
        "finish": row.get("finish"),
        "served": row.get("served"),
        "read": [list(step) for step in steps.trace(text, facts)] if steps and text is not None else None,
        "scores": scores,
        **counts,
        "reasoning_tokens": row.get("reasoning_tokens"),
        "min_logprob": row.get("min_logprob"),
        "mean_logprob": row.get("mean_logprob"),
        **took,
        "price": None if cost is None or prices is None else {"cost": cost, "currency": prices["currency"]},
    }


def lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return an answer as names and texts; what is not there is left out."""
    sent = told["sent"]
    how = sent if isinstance(sent, str) else ", ".join(f"{key} {_plain(value)}" for key, value in (sent or {}).items())
    read = [(f"by {step}", "finds no answer" if left is None else left) for step, left in told["read"] or ()]
    if read and all(left == told["response"] for _, left in read):
        read = [("read", "the whole answer")]
    counted = {"tokens_in": "read", "image_tokens": "of them of images", "tokens_out": "written",
               "reasoning_tokens": "of them in thinking"}  # fmt: skip
    tokens = ", ".join(f"{told[name]:,} {word}" for name, word in counted.items() if told[name] is not None)
    parts = [(f"part {part.get('part') or part.get('role')}", f"{part.get('prompt')} → {part.get('response')}")
             for part in told["parts"] or ()]  # fmt: skip
    seconds = told["seconds"]
    price = told["price"] and f"{told['price']['cost']:.3g} {told['price']['currency']}"
    rows = [
        ("status", told["status"] + (f": {told['error']}" if told["error"] else "")),
        ("prompt", told["prompt"] or ""),
        ("sent with it", how),
        *parts,
        ("right", " | ".join(told["right"])),
        ("raw answer", told["response"] or ""),
        ("ends", told["finish"] or ""),
        ("served by", told["served"] or ""),
        *read,
        ("scores", ", ".join(f"{name} {value:.4g}" for name, value in told["scores"].items())),
        ("tokens", tokens),
        ("sure", _sure(told["min_logprob"], told["mean_logprob"])),
        ("time", f"{seconds:.4g} s" if isinstance(seconds, float) else seconds or ""),
        ("attempts", "" if told["attempts"] is None else str(told["attempts"])),
        ("price", price or ""),
    ]
    return [(name, text) for name, text in rows if text]


def _sure(least: float | None, mean: float | None) -> str:
    """Return how likely the model held its tokens; nothing where it does not say."""
    named = {"its least sure token": least, "its tokens' geometric mean": mean}
    return ", ".join(f"{name} has {math.exp(one):.1%}" for name, one in named.items() if one is not None)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
