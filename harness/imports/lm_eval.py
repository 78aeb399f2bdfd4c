"""Logs of lm-evaluation-harness: ``samples_*.jsonl`` beside ``results_*.json``.

Layout: EleutherAI/lm-evaluation-harness, ``lm_eval/loggers/evaluation_tracker.py`` and ``lm_eval/evaluator.py``
(0.4). A line is a document under one filter; ``doc_id`` restarts in each task.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._dates import moment
from harness.imports._log import Asked, Entry, Found, Log, Part, Told, number, text, told_scale, within
from harness.imports._place import Place, first_line, head, json_lines, known_json

ENTRIES: Final = {"lm-eval": "LmEval"}

_SAMPLES: Final = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")
_DATE: Final = re.compile(r"(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.json")
_KEYS: Final = frozenset({"doc_id", "filter", "filtered_resps", "target"})
_ADDRESS: Final = " at 0x"
"""Of an object that a document holds and JSON cannot: it is another one in every run."""
_SETTINGS: Final = ("num_fewshot", "output_type", "generation_kwargs", "repeats", "dataset_path", "dataset_name")
_MODEL: Final = (
    "model",
    "model_args",
    "gen_kwargs",
    "limit",
    "random_seed",
    "numpy_seed",
    "torch_seed",
    "fewshot_seed",
)
_DUMMY: Final = "dummy"


class LmEval:
    """Reads lm-evaluation-harness."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the runs, one for each folder and date."""
        found: dict[tuple[Path, str], list[Path]] = {}
        for file in place.ending(".jsonl"):
            named = _SAMPLES.fullmatch(file.name)
            line = first_line(file) if named or place.alone else None
            if isinstance(line, dict) and line.keys() >= _KEYS and ("doc_hash" in line or "arguments" in line):
                found.setdefault((file.parent, named["date"] if named else ""), []).append(file)
        for file in place.ending(".json") if place.alone else ():
            dated = _DATE.search(file.name)
            if b"lm_eval_version" in _whole(file) and "lm_eval_version" in known_json(file):
                beside = sorted(file.parent.glob(f"samples_*_{dated['date']}.jsonl")) if dated else []
                found[file.parent, dated["date"] if dated else ""] = beside
                if not beside:
                    raise UsageError(f"{file} has no samples beside it: run lm-eval with --log_samples")
        return [self._found(folder, date, files, place) for (folder, date), files in found.items()]

    @staticmethod
    def _found(folder: Path, date: str, files: Sequence[Path], place: Place) -> Found:
        results = _results(folder, date)
        version = str(known_json(results).get("lm_eval_version") or "") if results else ""
        anchor = place.path if place.alone else results or files[0]
        return Found("lm-eval", anchor, (*([results] if results else []), *files), version)

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a run."""
        samples = [file for file in found.files if file.suffix == ".jsonl"]
        results = next((file for file in found.files if file.suffix == ".json"), None)
        told = known_json(results) if results else {}
        config = within(told, "config")
        parts: dict[str, Part] = {}
        files: list[tuple[str, Path]] = []
        for file in samples:
            named = _SAMPLES.fullmatch(file.name)
            task = named["task"] if named else file.stem
            parts[task] = _part(task, told)
            files.append((task, file))
        name = str(told.get("model_name") or "")
        source = str(config.get("model") or "model")
        return Log(
            kind="lm-eval",
            version=found.version,
            model=_named(source, config.get("model_args"), name),
            files=found.files,
            parts=parts,
            entries=lambda: (entry for task, file in files for entry in _entries(task, file, parts[task])),
            config={key: config[key] for key in _MODEL if config.get(key) is not None}
            | {key: told[key] for key in ("chat_template_sha", "system_instruction_sha") if told.get(key)},
            packages={"transformers": str(told["transformers_version"])} if told.get("transformers_version") else {},
            started=moment(told.get("date")),
            seconds=_seconds(told.get("total_evaluation_time_seconds")),
            simulated=source == _DUMMY,
            commit=told["git_hash"] if isinstance(told.get("git_hash"), str) else None,
        )


def _whole(file: Path) -> bytes:
    return head(file, 64 * 1024 * 1024)


def _results(folder: Path, date: str) -> Path | None:
    """Return the summary of a run, by its date; the only one there is where samples carry none."""
    pattern = f"*{date}.json" if date else "*.json"
    fitting = [file for file in sorted(folder.glob(pattern)) if "lm_eval_version" in known_json(file)]
    return fitting[0] if len(fitting) == 1 else None


def _named(source: str, arguments: Any, name: str) -> str:
    """Return what to call the model: what its arguments call it, or the kind of model with them."""
    pairs = arguments if isinstance(arguments, Mapping) else dict(
        one.split("=", 1) for one in str(arguments or "").split(",") if "=" in one
    )  # fmt: skip
    for key in ("pretrained", "peft", "delta", "model", "path", "engine", "name"):
        if isinstance(pairs.get(key), str):
            return str(pairs[key])
    return source if source != "model" else name or source


def _seconds(value: Any) -> float:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return 0.0


def _part(task: str, told: Mapping[str, Any]) -> Part:
    """Return what the summary says of a task."""
    part = Part(task)
    config = within(told, "configs", task)
    part.config = {key: config[key] for key in _SETTINGS if config.get(key) is not None}
    part.config |= {"version": text(within(told, "versions").get(task))} if within(told, "versions").get(task) else {}
    part.config |= {"filters": config["filter_list"]} if config.get("filter_list") else {}
    higher = within(told, "higher_is_better", task)
    listed = config.get("metric_list")
    means = {
        one["metric"]: _is_mean(one)
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, Mapping) and isinstance(one.get("metric"), str)
    }
    part.scales = {name: told_scale(name, better) for name, better in higher.items()}
    effective = within(told, "n-samples", task).get("effective")
    part.expected = effective if isinstance(effective, int) else None
    results = within(told, "results", task)
    for key, value in results.items():
        metric, comma, filtered = key.partition(",")
        if comma and not metric.endswith("_stderr") and number(value) is not None:
            error = number(results.get(f"{metric}_stderr,{filtered}"))
            part.told.append(Told(metric, float(value), key, (filtered,), error, means.get(metric)))
    return part


def _is_mean(metric: Mapping[str, Any]) -> bool | None:
    """Return whether a metric is the mean of its samples; None where its aggregation is a function of somebody's."""
    aggregation = metric.get("aggregation")
    if not isinstance(aggregation, str) or aggregation.lstrip().startswith(("<", "def ", "@")):
        return None
    return aggregation == "mean"


def _entries(task: str, file: Path, part: Part) -> Iterator[Entry]:
    edited: list[str] = []
    for line, row in json_lines(file):
        where = f"{file}:{line}"
        if "doc_id" not in row:
            raise UsageError(f"{where}: a sample without `doc_id`")
        yield _entry(task, row, where, edited)
    if edited:
        named = ", ".join(dict.fromkeys(edited[:5])) + (", …" if len(edited) > 5 else "")
        said = f"samples whose content is not what their hashes say: {named}"
        if said not in part.findings:
            part.findings.append(said)


def _entry(task: str, row: Mapping[str, Any], where: str, edited: list[str]) -> Entry:
    identity = text(row["doc_id"])
    requests = row.get("arguments")
    asked = [one for one in requests.values() if isinstance(one, Mapping)] if isinstance(requests, Mapping) else []
    prompt = asked[0].get("arg_0") if asked else None
    prompt = prompt if isinstance(prompt, str) else None
    choices = [text(one.get("arg_1")) for one in asked] if len(asked) > 1 else []
    target = text(row.get("target"))
    content, stale = _content(row, prompt, target)
    if stale:
        edited.append(identity)
    metrics = row.get("metrics")
    names = metrics if isinstance(metrics, list) else [key for key, value in row.items() if _is_score(key, value)]
    return Entry(
        task=task,
        id=identity,
        scores={name: number(row.get(name)) for name in names if isinstance(name, str)},
        cell=text(row.get("filter")),
        prompt=prompt,
        references=[_target(target, choices)] if "target" in row else (),
        response=_chosen(row, choices) if choices else _answer(row),
        content=content,
        where=where,
    )


def _is_score(key: str, value: Any) -> bool:
    return key not in _KEYS and number(value) is not None


def _content(row: Mapping[str, Any], prompt: str | None, target: str) -> tuple[list[str], bool]:
    """Return the hashes of prompt, target and document, as lm-eval makes them, and whether the log has others.

    What was taken out of the log is there as its hash. A document that holds an object's address has another hash in
    every run and is left out.
    """
    hashes = {
        "prompt_hash": _hash(prompt) if prompt is not None else row.get("prompt_hash"),
        "target_hash": _hash(target) if "target" in row else row.get("target_hash"),
    }
    stale = any(isinstance(row.get(key), str) and row[key] != value for key, value in hashes.items() if value)
    if not _has_address(row.get("doc")):
        hashes["doc_hash"] = row.get("doc_hash")
    return [value for value in hashes.values() if isinstance(value, str)], stale


def _has_address(doc: Any) -> bool:
    if isinstance(doc, str):
        return _ADDRESS in doc
    if isinstance(doc, (int, float, type(None))):
        return False
    # As text it is looked through at once; a structure has an address where one of its texts has one.
    return _ADDRESS in repr(doc)


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _target(target: str, choices: Sequence[str]) -> str:
    """Return the right choice where the target is its number."""
    return (
        choices[int(target)].strip()
        if target.isdecimal() and len(target) < 6 and int(target) < len(choices)
        else target
    )


def _answer(row: Mapping[str, Any]) -> str | None:
    """Return what the model said; what the filter made of it where it was asked several times."""
    raw = row.get("resps")
    whole = raw[0] if isinstance(raw, list) and len(raw) == 1 else None
    if isinstance(whole, list) and len(whole) == 1 and isinstance(whole[0], str):
        return whole[0]
    filtered = row.get("filtered_resps")
    while isinstance(filtered, list) and len(filtered) == 1:
        filtered = filtered[0]
    return None if filtered is None else text(filtered)


def _chosen(row: Mapping[str, Any], choices: Sequence[str]) -> str | None:
    """Return the choice with the greatest likelihood."""
    likely: list[float] = []
    for one in row.get("filtered_resps") or ():
        first = one[0] if isinstance(one, list) and one else one
        try:
            likely.append(float(first))
        except (TypeError, ValueError):
            return _answer(row)
    return choices[likely.index(max(likely))].strip() if len(likely) == len(choices) else _answer(row)
