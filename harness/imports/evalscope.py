"""Logs of evalscope: a run's folder with ``reviews/MODEL/DATASET_SUBSET.jsonl``, ``predictions`` and ``reports``.

Layout: modelscope/evalscope, ``evalscope/api`` and ``evalscope/report`` (1.x). ``index`` restarts in each subset. A
metric that crashed is 0 there, with the reason beside it: such samples have no score here.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import SpecError, UsageError
from harness.imports._content import asked_of
from harness.imports._log import Asked, Entry, Found, Log, Part, Scale, Told, items, number, scale_of, text, within
from harness.imports._place import Place, first_line, json_lines, known_json
from harness.spec.document import read_document

ENTRIES: Final = {"evalscope": "Evalscope"}

_DIGITS: Final = 4
"""Decimals of the scores in its reports."""
_MOCK: Final = "mock_llm"
_MOST_TOLD: Final = 20
"""Ways of crashing that are told."""
_STATISTICS: Final = {"recall": "r", "precision": "p", "f1": "f"}
_FINISH: Final = {"stop": "stop", "max_tokens": "length", "length": "length", "content_filter": "filter"}


class Evalscope:
    """Reads evalscope."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the runs, one for each folder and model."""
        found: dict[tuple[Path, str], list[Path]] = {}
        for file in place.ending(".jsonl"):
            if file.parent.parent.name == "reviews":
                line = first_line(file)
                if isinstance(line, dict) and "sample_score" in line:
                    found.setdefault((file.parents[2], file.parent.name), []).append(file)
        made = []
        for (root, model), reviews in found.items():
            beside = [*sorted((root / "reports" / model).glob("*.json")),
                      *sorted((root / "predictions" / model).glob("*.jsonl")),
                      *sorted((root / "configs").glob("*.yaml"))]  # fmt: skip
            anchor = place.path if place.alone else root if len(found) == 1 else reviews[0].parent
            made.append(Found("evalscope", anchor, (*reviews, *beside), text(_config(root).get("evalscope_version"))))
        return made

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a run."""
        reviews = [file for file in found.files if file.parent.parent.name == "reviews"]
        root, model = reviews[0].parents[2], reviews[0].parent.name
        reports = [known_json(file) for file in found.files if file.parent.parent.name == "reports"]
        named = {text(one.get("dataset_name")): one for one in reports if one.get("dataset_name")}
        config = _config(root)
        parts: dict[str, Part] = {}
        files: list[tuple[str, str, Path]] = []
        for file in reviews:
            dataset = max((name for name in named if file.stem.startswith(f"{name}_")), key=len, default=file.stem)
            subset = file.stem[len(dataset) + 1 :]
            if dataset not in parts:
                parts[dataset] = _part(dataset, named.get(dataset, {}), config)
            files.append((dataset, subset, file))
        return Log(
            kind="evalscope",
            version=found.version,
            model=model,
            files=found.files,
            parts=parts,
            entries=lambda: (one for name, subset, file in files for one in _entries(parts[name], subset, file, root)),
            config={"generation": config.get("generation_config"), "seed": config.get("seed")},
            simulated=config.get("eval_type") == _MOCK,
        )


def _config(root: Path) -> Mapping[str, Any]:
    """Return how a run was configured; nothing where that cannot be read."""
    for file in sorted((root / "configs").glob("*.yaml")):
        try:
            found = read_document(file).value
        except SpecError:
            continue
        return found if isinstance(found, Mapping) else {}
    return {}


def _part(dataset: str, report: Mapping[str, Any], config: Mapping[str, Any]) -> Part:
    part = Part(dataset, pooled=True)
    arguments = within(config, "dataset_args", dataset)
    kept = ("few_shot_num", "prompt_template", "system_prompt", "metric_list", "few_shot_random")
    part.config = {key: arguments[key] for key in kept if arguments.get(key) is not None}
    first = _names(within(report, "primary_metric_identity"))
    for metric in items(report.get("metrics")):
        names = _names(within(metric, "identity")) or [text(metric.get("name"))]
        semantics, score = within(metric, "semantics"), number(metric.get("score"))
        part.scales |= {name: _scale(name, semantics) for name in names}
        mean = within(metric, "identity").get("aggregation") in ("mean", None)
        for name in names:
            if score is not None:
                part.told.append(Told(name, score, name, mean=mean, digits=_DIGITS))
            subsets = [one for group in items(metric.get("categories")) for one in items(group.get("subsets"))]
            for one in subsets if len(subsets) > 1 else []:
                value, subset = number(one.get("score")), text(one.get("name"))
                if value is not None and not one.get("is_aggregate"):
                    part.told.append(Told(name, value, f"{name} of {subset}", (subset,), mean=mean, digits=_DIGITS))
    part.scales = dict(sorted(part.scales.items(), key=lambda pair: pair[0] not in first))
    total = within(report, "execution_summary").get("requested")
    part.config |= {"samples": total} if isinstance(total, int) else {}
    return part


def _names(identity: Mapping[str, Any]) -> list[str]:
    """Return what samples call a metric that reports call otherwise: ``rouge``, variant l, recall is Rouge-L-R."""
    if not identity:
        return []
    dimensions = within(identity, "dimensions")
    middle = text(dimensions.get("ngram")) or text(dimensions.get("variant"))
    end = _STATISTICS.get(text(dimensions.get("statistic")), "")
    name = "-".join(part for part in (text(identity.get("name")), middle, end) if part)
    return [name.lower()]


def _scale(name: str, semantics: Mapping[str, Any]) -> Scale:
    common = scale_of(name)
    way = {"higher_is_better": "higher", "lower_is_better": "lower"}.get(text(semantics.get("direction")))
    limits = within(semantics, "value_range")
    low, high = number(limits.get("min")), number(limits.get("max"))
    if way is None:
        return common
    unit = "share" if (low, high) == (0.0, 1.0) else ""
    return Scale("higher" if way == "higher" else "lower", (low, high), unit, binary=common.binary or unit == "share")


def _entries(part: Part, subset: str, file: Path, root: Path) -> Iterator[Entry]:
    made = root / "predictions" / file.parent.name / file.name
    beside = {row.get("index"): _of_prediction(row) for _, row in json_lines(made)} if made.is_file() else {}
    for line, row in json_lines(file):
        judged = within(row, "sample_score")
        score, where = within(judged, "score"), f"{file}:{line}"
        index = judged.get("group_id", row.get("index"))
        if index is None:
            raise UsageError(f"{where}: a review without `index`")
        asked = asked_of(row.get("messages"))
        target = row.get("target")
        right = [text(one) for one in target] if isinstance(target, list) else [text(target)]
        told = beside.get(row.get("index"), {})
        _tell_crashes(part, score)
        repeat = judged.get("generation_index")
        done = score.get("status") in (None, "success")
        yield Entry(
            task=part.name,
            id=text(index),
            scores=dict(_scores(score)) if done else {},
            cell=subset,
            epoch=repeat + 1 if isinstance(repeat, int) and 0 <= repeat < 1_000_000 else 1,
            prompt=asked.text,
            references=right,
            response=text(score.get("prediction")),
            content=[asked.text, *asked.images, *right],
            error=told.get("error") or (None if done else text(score.get("explanation")) or text(score.get("status"))),
            cluster=asked.cluster,
            tokens_in=told.get("tokens_in"),
            tokens_out=told.get("tokens_out"),
            finish=told.get("finish"),
            where=where,
        )


def _tell_crashes(part: Part, score: Mapping[str, Any]) -> None:
    for name, said in within(score, "metadata", "metric_errors").items():
        reason = " ".join(text(said).split())[:80]
        told = f"{name} crashed on samples, which have no score here and 0 in evalscope's reports: {reason}"
        if told not in part.findings and len(part.findings) < _MOST_TOLD:
            part.findings.append(told)


def _scores(score: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield the scores of a review; those whose metric crashed have none."""
    crashed = tuple(text(name).lower() for name in within(score, "metadata", "metric_errors"))
    main = text(score.get("main_score_name"))
    values = within(score, "value")
    for name in sorted(values, key=lambda one: one != main):
        lost = bool(crashed) and name.lower().startswith(crashed)
        yield name.lower(), None if lost else number(values[name])


def _of_prediction(row: Mapping[str, Any]) -> dict[str, Any]:
    output = within(row, "model_output")
    usage = within(output, "usage")
    stop = next((text(one.get("stop_reason")) for one in items(output.get("choices"))), "")
    return {
        "tokens_in": usage.get("input_tokens") if isinstance(usage.get("input_tokens"), int) else None,
        "tokens_out": usage.get("output_tokens") if isinstance(usage.get("output_tokens"), int) else None,
        "error": text(output.get("error")) or None,
        "finish": _FINISH.get(stop),
    }
