"""Logs of lighteval: ``details/**/details_*.parquet`` beside ``results/**/results_*.json``.

Layout: huggingface/lighteval, ``src/lighteval/logging`` (0.10 to 0.13). Rows are shuffled; ``doc.id`` is the row's
number in the data set.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._log import Asked, Entry, Found, Log, Part, Told, items, number, text, told_scale, within
from harness.imports._place import Place, known_json

ENTRIES: Final = {"lighteval": "Lighteval"}

_DETAILS: Final = re.compile(r"details_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.parquet")
_COLUMNS: Final = frozenset({"doc", "metric", "model_response"})
_BATCH: Final = 64
_SETTINGS: Final = (
    "num_fewshots",
    "hf_repo",
    "hf_subset",
    "evaluation_splits",
    "generation_size",
    "stop_sequence",
    "version",
)
_UP: Final = 8
"""Folders above the details in which the results are looked for: a model's name may have slashes."""


class Lighteval:
    """Reads lighteval."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the runs, one for each folder of details."""
        found: dict[Path, list[Path]] = {}
        for file in place.ending(".parquet"):
            if (_DETAILS.fullmatch(file.name) or place.alone) and _columns(file) >= _COLUMNS:
                found.setdefault(file.parent, []).append(file)
        made = []
        for folder, files in found.items():
            results = _results(folder, files[0])
            anchor = place.path if place.alone else folder
            made.append(Found("lighteval", anchor, (*files, *([results] if results else []))))
        return made

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a run."""
        files = [file for file in found.files if file.suffix == ".parquet"]
        results = next((file for file in found.files if file.suffix == ".json"), None)
        told = known_json(results) if results else {}
        general = within(told, "config_general")
        model = within(general, "model_config")
        parts: dict[str, Part] = {}
        names: list[tuple[str, Path]] = []
        for file in files:
            named = _DETAILS.fullmatch(file.name)
            name = _task(file) or (named["task"] if named else file.stem)
            own = name.replace("|", ":")
            if own in parts:
                raise UsageError(f"{file.parent} has two files of details for {name}")
            parts[own] = _part(own, name, told)
            names.append((own, file))
        return Log(
            kind="lighteval",
            version=_version(general),
            model=text(general.get("model_name")) or text(model.get("model_name")),
            files=found.files,
            parts=parts,
            entries=lambda: (entry for own, file in names for entry in _entries(own, file)),
            config={"generation": dict(within(model, "generation_parameters"))} if model else {},
            seconds=_seconds(general),
        )


def _columns(file: Path) -> frozenset[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return frozenset(pq.read_schema(file).names)
    except (OSError, pa.ArrowInvalid):
        return frozenset()


def _version(general: Mapping[str, Any]) -> str:
    return text(general.get("lighteval_sha")).replace("?", "")


def _seconds(general: Mapping[str, Any]) -> float:
    try:
        return max(0.0, float(general.get("total_evaluation_time_secondes") or 0))
    except (TypeError, ValueError):
        return 0.0


def _results(folder: Path, file: Path) -> Path | None:
    """Return the summary of a run: of the same date, in ``results`` beside the folder ``details`` above."""
    named = _DETAILS.fullmatch(file.name)
    if not named:
        return None
    for above in list(folder.resolve().parents)[:_UP]:
        if (above / "results").is_dir():
            fitting = sorted((above / "results").rglob(f"results_{named['date']}.json"))
            return fitting[0] if len(fitting) == 1 else None
    return None


def _read(file: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH, columns=[*_COLUMNS]):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as cause:
        raise UsageError(f"{file} cannot be read as Parquet: {cause}") from cause


def _task(file: Path) -> str:
    first = next(_read(file), {})
    return text(within(first, "doc").get("task_name"))


def _part(own: str, name: str, told: Mapping[str, Any]) -> Part:
    part = Part(own)
    config = within(told, "config_tasks", name)
    part.config = {key: config[key] for key in _SETTINGS if config.get(key) is not None}
    means: dict[str, bool] = {}
    for metric in items(config.get("metrics")):
        listed, better = metric.get("metric_name"), metric.get("higher_is_better")
        for label in listed if isinstance(listed, list) else [listed]:
            way = better.get(label) if isinstance(better, Mapping) else better
            part.scales[text(label)] = told_scale(text(label), way)
            means[text(label)] = metric.get("corpus_level_fn") == "mean"
    results = within(told, "results", name)
    for key, value in results.items():
        if number(value) is not None and not key.endswith("_stderr"):
            part.told.append(Told(key, float(value), key, (), number(results.get(f"{key}_stderr")), means.get(key)))
    return part


def _entries(task: str, file: Path) -> Iterator[Entry]:
    for place, row in enumerate(_read(file)):
        doc, said = within(row, "doc"), within(row, "model_response")
        where = f"{file}: row {place + 1}"
        if doc.get("id") is None:
            raise UsageError(f"{where}: a sample without `doc.id`")
        choices = [text(one) for one in doc.get("choices") or ()]
        gold = doc.get("gold_index")
        right = [one for i in (gold if isinstance(gold, list) else [gold]) for one in _chosen(i, choices)]
        query = text(doc.get("query"))
        yield Entry(
            task=task,
            id=text(doc["id"]),
            scores={name: number(value) for name, value in within(row, "metric").items()},
            prompt=query,
            references=[one.strip() for one in right],
            response=_answer(said, choices),
            content=[query, *choices, *right],
            tokens_in=_length(said.get("input_tokens")),
            tokens_out=_length(next(iter(said.get("output_tokens") or ()), None)),
            where=where,
        )


def _chosen(place: Any, choices: Sequence[str]) -> Sequence[str]:
    return choices[place : place + 1] if isinstance(place, int) and place >= 0 else ()


def _answer(said: Mapping[str, Any], choices: Sequence[str]) -> str | None:
    """Return what the model wrote; the choice that it found likeliest where it wrote nothing."""
    written = said.get("text") or ()
    if written:
        return text(written[0])
    likely = [number(one) for one in said.get("logprobs") or ()]
    known = [one for one in likely if one is not None]
    return choices[known.index(max(known))].strip() if known and len(known) == len(choices) else None


def _length(tokens: Any) -> int | None:
    return len(tokens) if isinstance(tokens, list) and tokens else None
