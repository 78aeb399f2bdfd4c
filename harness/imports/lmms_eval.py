"""Logs of lmms-eval: ``*_samples_TASK.jsonl`` beside ``*_results.json``.

Layout: EvolvingLMMs-Lab/lmms-eval, ``lmms_eval/loggers/evaluation_tracker.py`` and ``lmms_eval/evaluator.py`` (0.7).
Its ``doc_hash`` is the same for every sample, so prompt and target say what was asked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._dates import moment
from harness.imports._log import Asked, Entry, Found, Log, Part, Told, digest, number, text, told_scale, within
from harness.imports._place import Place, first_line, json_lines, known_json

ENTRIES: Final = {"lmms-eval": "LmmsEval"}

_SAMPLES: Final = re.compile(r"(?P<date>\d{8}_\d{6})_samples_(?P<task>.+)\.jsonl")
_RESULTS: Final = re.compile(r"(?P<date>\d{8}_\d{6})_results\.json")
_KEYS: Final = frozenset({"doc_id", "target", "filtered_resps", "doc_hash"})
_SETTINGS: Final = ("num_fewshot", "output_type", "generation_kwargs", "repeats", "dataset_path", "dataset_name")
_MODEL: Final = (
    "model",
    "model_args",
    "model_backend",
    "gen_kwargs",
    "limit",
    "random_seed",
    "numpy_seed",
    "torch_seed",
)
_OTHER: Final = frozenset({"doc_id", "token_counts", "input_media"})
_SINGAPORE: Final = timedelta(hours=8)
"""The zone in which dates are written unless told otherwise."""


class LmmsEval:
    """Reads lmms-eval."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the runs, one for each folder and date."""
        found: dict[tuple[Path, str], list[Path]] = {}
        for file in place.ending(".jsonl"):
            named, line = _SAMPLES.fullmatch(file.name), None
            if named or place.alone:
                line = first_line(file)
            if isinstance(line, dict) and line.keys() >= _KEYS and "filter" not in line:
                found.setdefault((file.parent, named["date"] if named else ""), []).append(file)
        for file in place.ending("_results.json") if place.alone else ():
            named = _RESULTS.fullmatch(file.name)
            if named and "lmms_eval_version" in known_json(file):
                beside = sorted(file.parent.glob(f"{named['date']}_samples_*.jsonl"))
                if not beside:
                    raise UsageError(f"{file} has no samples beside it: run lmms-eval with --log_samples")
                found[file.parent, named["date"]] = beside
        return [self._found(folder, date, files, place) for (folder, date), files in found.items()]

    @staticmethod
    def _found(folder: Path, date: str, files: Sequence[Path], place: Place) -> Found:
        results = folder / f"{date}_results.json"
        summary = (results,) if results.is_file() else ()
        version = str(known_json(results).get("lmms_eval_version") or "") if summary else ""
        anchor = place.path if place.alone else (*summary, *files)[0]
        return Found("lmms-eval", anchor, (*summary, *files), "" if version.startswith("unknown") else version)

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a run."""
        results = next((file for file in found.files if file.suffix == ".json"), None)
        told = known_json(results) if results else {}
        config = within(told, "config")
        parts: dict[str, Part] = {}
        files: list[tuple[str, Path]] = []
        for file in (one for one in found.files if one.suffix == ".jsonl"):
            named = _SAMPLES.fullmatch(file.name)
            task = named["task"] if named else file.stem
            parts[task] = _part(task, told)
            files.append((task, file))
        model = str(told.get("model_name") or "") or _named(config)
        return Log(
            kind="lmms-eval",
            version=found.version,
            model=model,
            files=found.files,
            parts=parts,
            entries=lambda: (entry for task, file in files for entry in _entries(task, file, parts[task])),
            config={key: config[key] for key in _MODEL if config.get(key) not in (None, "")},
            packages={"transformers": str(told["transformers_version"])} if told.get("transformers_version") else {},
            started=_date(told.get("date")),
            seconds=_seconds(told),
            simulated=config.get("model") == "dummy",
            commit=told["git_hash"] if isinstance(told.get("git_hash"), str) else None,
        )


def _named(config: Mapping[str, Any]) -> str:
    arguments = dict(one.split("=", 1) for one in text(config.get("model_args")).split(",") if "=" in one)
    named = (arguments.get(key) for key in ("pretrained", "model", "model_version", "name"))
    return next((one for one in named if one), text(config.get("model")))


def _date(value: Any) -> Any:
    found = moment(f"{value[:8]}T{value[9:]}") if isinstance(value, str) and len(value) == 15 else None
    return found - _SINGAPORE if found else None


def _seconds(told: Mapping[str, Any]) -> float:
    try:
        return max(0.0, float(told.get("total_evaluation_time_seconds") or 0))
    except (TypeError, ValueError):
        return 0.0


def _part(task: str, told: Mapping[str, Any]) -> Part:
    part = Part(task)
    config = within(told, "configs", task)
    part.config = {key: config[key] for key in _SETTINGS if config.get(key) is not None}
    part.scales = {name: told_scale(name, better) for name, better in within(told, "higher_is_better", task).items()}
    effective = within(told, "n-samples", task).get("effective")
    part.expected = effective if isinstance(effective, int) else None
    results = within(told, "results", task)
    for key, value in results.items():
        metric, comma, filtered = key.partition(",")
        if comma and "_stderr" not in metric and number(value) is not None:
            errors = (number(results.get(f"{metric}_stderr{kind},{filtered}")) for kind in ("_clt", ""))
            part.told.append(
                Told(metric, float(value), key, stderr=next((one for one in errors if one is not None), None))
            )
    return part


def _entries(task: str, file: Path, part: Part) -> Iterator[Entry]:
    scores = [*part.scales]
    for line, row in json_lines(file):
        where = f"{file}:{line}"
        if "doc_id" not in row:
            raise UsageError(f"{where}: a sample without `doc_id`")
        prompt, target = text(row.get("input")), text(row.get("target"))
        media = row.get("input_media") if isinstance(row.get("input_media"), list) else []
        tokens = [one for one in row.get("token_counts") or () if isinstance(one, Mapping)]
        yield Entry(
            task=task,
            id=text(row["doc_id"]),
            scores={name: _score(row[name]) for name in scores or _numbers(row) if name in row},
            prompt=prompt if "input" in row else None,
            references=(target,) if "target" in row else (),
            response=_answer(row),
            content=(prompt, target) if "input" in row else (),
            cluster=digest(text(media))[:16] if media else "",
            tokens_in=_sum(tokens, "input_tokens"),
            tokens_out=_sum(tokens, "output_tokens"),
            where=where,
        )


def _numbers(row: Mapping[str, Any]) -> list[str]:
    return [key for key, value in row.items() if key not in _OTHER and _score(value) is not None]


def _score(value: Any) -> float | None:
    """Return a number, or the one that stands under ``score``."""
    return number(value.get("score")) if isinstance(value, Mapping) else number(value)


def _answer(row: Mapping[str, Any]) -> str | None:
    """Return what the model said: as it came, where that was kept beside what was made of it."""
    found = row.get("resps", row.get("filtered_resps"))
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    return None if found is None else text(found)


def _sum(tokens: Sequence[Mapping[str, Any]], key: str) -> int | None:
    found = [one[key] for one in tokens if isinstance(one.get(key), int)]
    return sum(found) if found else None
