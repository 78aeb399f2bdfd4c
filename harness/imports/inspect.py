"""Logs of Inspect: ``.eval`` archives and ``.json`` files.

Layout: UKGovernmentBEIS/inspect_ai, ``src/inspect_ai/log`` (0.3, version 2 of its logs). A log of a run that never
ended has no ``header.json``; what it journaled is read, and the run is not complete.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._content import asked_of
from harness.imports._dates import moment
from harness.imports._log import (
    PART,
    Asked,
    Entry,
    Found,
    Log,
    Part,
    Told,
    items,
    number,
    scale_of,
    text,
    within,
)
from harness.imports._place import Place, head, known_json, parse, read_json
from harness.imports._zip import Archive
from harness.record.schema import RunStatus

ENTRIES: Final = {"inspect": "Inspect"}

_LETTERS: Final = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS: Final = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_SHARES: Final = ("accuracy",)
_MEANS: Final = ("accuracy", "mean")
_ENDINGS: Final[Mapping[str, RunStatus]] = {"success": "complete", "error": "failed"}
_MOCK: Final = "mockllm/"
_HEAD: Final = 4096


class Inspect:
    """Reads Inspect AI."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every log."""
        archives = [file for file in place.ending(".eval") if head(file, 4) == b"PK\x03\x04"]
        found = [Found("inspect", file, (file,), _version(_header(Archive(file)))) for file in archives]
        for file in place.ending(".json"):
            start = head(file, _HEAD)
            if b'"eval"' in start and b'"status"' in start and b'"run_id"' in start:
                found.append(Found("inspect", file, (file,), _version(known_json(file)) if place.alone else ""))
        return found

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a log."""
        file = found.files[0]
        archive = Archive(file) if file.suffix.lower() == ".eval" else None
        header = _header(archive) if archive else read_json(file)
        spec, stats = within(header, "eval"), within(header, "stats")
        name = text(spec.get("task")) or file.stem
        part = _part(name, header)
        status = text(header.get("status")) or "started"
        model = text(spec.get("model"))
        error = within(header, "error").get("message")
        started, ended = moment(stats.get("started_at")), moment(stats.get("completed_at"))
        return Log(
            kind="inspect",
            version=_version(header),
            model=model,
            files=[file],
            parts={name: part},
            entries=lambda: (_entry(name, sample, part, where) for where, sample in _samples(file, archive, header)),
            config={"model_args": spec.get("model_args"), "generation": within(header, "plan", "config")}
            | {"plan": [text(one.get("solver")) for one in items(within(header, "plan").get("steps"))]},
            packages={key: text(value) for key, value in within(spec, "packages").items() if key != "inspect_ai"},
            started=moment(spec.get("created")) or started,
            seconds=max(0.0, (ended - started).total_seconds()) if started and ended else 0.0,
            simulated=model.startswith(_MOCK),
            commit=within(spec, "revision").get("commit"),
            status=_ENDINGS.get(status, "interrupted"),
            reason="" if status == "success" else text(error) or f"its log says {status!r}",
        )


def _header(archive: Archive) -> Mapping[str, Any]:
    """Return what a log says of its run; of one that never ended, how it began."""
    for name in ("header.json", "_journal/start.json"):
        if name in archive:
            found = parse(archive.read(name), f"{archive.file}:{name}")
            return found if isinstance(found, dict) else {}
    raise UsageError(f"{archive.file} is no log of Inspect: it has neither header.json nor _journal/start.json")


def _samples(file: Path, archive: Archive | None, header: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if archive:
        yield from _members(archive)
        return
    for place, one in enumerate(items(header.get("samples"))):
        yield f"{file}: samples[{place}]", one


def _members(archive: Archive) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in archive.names():
        if name.startswith("samples/") and name.endswith(".json"):
            where = f"{archive.file}:{name}"
            found = parse(archive.read(name), where)
            if not isinstance(found, dict):
                raise UsageError(f"{where}: no sample")
            yield where, found


def _version(header: Mapping[str, Any]) -> str:
    return text(within(header, "eval", "packages").get("inspect_ai"))


def _part(name: str, header: Mapping[str, Any]) -> Part:
    spec, results = within(header, "eval"), within(header, "results")
    part = Part(name)
    dataset = within(spec, "dataset")
    part.config = {"version": text(spec.get("task_version")), "dataset": text(dataset.get("name"))}
    part.config |= {"args": spec["task_args"]} if spec.get("task_args") else {}
    scores = items(results.get("scores"))
    keyed = {text(one.get("name")) for one in scores if one.get("name") != one.get("scorer")}
    for one in scores:
        label, scorer, metrics = text(one.get("name")), text(one.get("scorer")), within(one, "metrics")
        column = f"{scorer}.{label}" if label in keyed and label != scorer else label
        part.scales.setdefault(column, PART if any(key in metrics for key in _SHARES) else scale_of(label))
        if one.get("reducer") not in (None, "mean"):
            continue
        for key in _MEANS:
            value = number(within(metrics, key).get("value"))
            if value is not None:
                error = number(within(metrics, "stderr").get("value"))
                part.told.append(Told(column, value, f"{column}/{key}", stderr=error, mean=True))
    first = within(results, "headline").get("score")
    part.scales = dict(sorted(part.scales.items(), key=lambda pair: pair[0] != first))
    ids = dataset.get("sample_ids")
    part.expected = len(ids) if isinstance(ids, list) and ids else None
    return part


def _entry(task: str, sample: Mapping[str, Any], part: Part, where: str) -> Entry:
    if "id" not in sample:
        raise UsageError(f"{where}: a sample without `id`")
    asked = asked_of(sample.get("input"), within(sample, "attachments"))
    target = sample.get("target")
    references = [text(one) for one in target] if isinstance(target, list) else [text(target)]
    output = within(sample, "output")
    scores = dict(_scores(within(sample, "scores")))
    for name, value in _letters(within(sample, "scores")):
        part.scales.setdefault(name, PART) if value else None
    error = sample.get("error")
    usage = [one for one in within(sample, "model_usage").values() if isinstance(one, Mapping)]
    epoch = sample.get("epoch")
    metadata = {key: value for key, value in within(sample, "metadata").items() if isinstance(value, str)}
    choices = [text(one) for one in sample.get("choices") or ()]
    return Entry(
        task=task,
        id=text(sample["id"]),
        scores=scores,
        epoch=epoch if isinstance(epoch, int) and 0 < epoch < 1_000_000 else 1,
        prompt=asked.text,
        references=references,
        response=text(output.get("completion")) if output else None,
        content=[asked.text, *asked.images, *choices, *references],
        error=(text(error.get("message")) if isinstance(error, Mapping) else text(error)) if error else None,
        cluster=asked.cluster,
        tags={key: value for key, value in metadata.items() if len(value) <= 80},
        tokens_in=sum(number(one.get("input_tokens")) or 0 for one in usage).__int__() if usage else None,
        tokens_out=sum(number(one.get("output_tokens")) or 0 for one in usage).__int__() if usage else None,
        seconds=number(sample.get("total_time")),
        finish=_FINISH.get(text(next(iter(items(output.get("choices"))), {}).get("stop_reason"))),
        where=where,
    )


_FINISH: Final = {"stop": "stop", "max_tokens": "length", "model_length": "length", "content_filter": "filter"}


def _scores(found: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield the numbers of every scorer; of one that gives several, each under its key."""
    for scorer, score in found.items():
        value = score.get("value") if isinstance(score, Mapping) else None
        if isinstance(value, Mapping):
            yield from ((f"{scorer}.{key}", _number(one)) for key, one in value.items())
        else:
            yield scorer, _number(value)


def _letters(found: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield the scorers whose values are letters, of which it is known that C is right."""
    for scorer, score in found.items():
        value = score.get("value") if isinstance(score, Mapping) else None
        yield scorer, isinstance(value, str) and value in _LETTERS


def _number(value: Any) -> float | None:
    """Return a score as Inspect's own ``value_to_float`` does."""
    if isinstance(value, str):
        if value in _LETTERS:
            return _LETTERS[value]
        if value.lower() in _WORDS:
            return _WORDS[value.lower()]
        try:
            return number(json.loads(value))
        except (ValueError, RecursionError):
            return None
    return number(value)
