"""Logs of HELM: a run's folder with ``per_instance_stats.json``, ``scenario_state.json`` and ``run_spec.json``.

Layout: stanford-crfm/helm, ``src/helm/benchmark/runner.py`` and ``metrics/statistic.py`` (0.5). Of its statistics those
are read that say how good an answer is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.imports._dates import moment
from harness.imports._log import Asked, Entry, Found, Log, Part, Told, items, number, text, within
from harness.imports._place import Place, known_json, read_json

ENTRIES: Final = {"helm": "Helm"}

_STATS: Final = "per_instance_stats.json"
_QUALITY: Final = re.compile(r"match|f1|rouge|bleu|accuracy|score|anls|cider|_em$|edit_distance|wer|cer", re.IGNORECASE)
_MODEL: Final = re.compile(r"[:,]model=[^,]*|[:,]model_deployment=[^,]*")
_SETTINGS: Final = ("method", "instructions", "max_train_instances", "max_eval_instances", "num_outputs", "temperature",
                    "max_tokens", "stop_sequences", "num_train_trials")  # fmt: skip
Key = tuple[str, int, str]
"""Instance, trial, perturbation."""


class Helm:
    """Reads HELM."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every run's folder."""
        stats = place.ending(_STATS)
        names = ("run_spec.json", "scenario_state.json", "stats.json")
        return [
            Found(
                "helm", file.parent, (file, *(file.parent / name for name in names if (file.parent / name).is_file()))
            )
            for file in stats
            if file.name == _STATS
        ]

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a run's folder."""
        folder = found.files[0].parent
        rows = read_json(folder / _STATS)
        if not isinstance(rows, list):
            raise UsageError(f"{folder / _STATS}: no list of statistics")
        spec, state = known_json(folder / "run_spec.json"), known_json(folder / "scenario_state.json")
        adapter = within(spec, "adapter_spec") or within(state, "adapter_spec")
        name = _MODEL.sub("", text(spec.get("name")) or folder.name) or "run"
        part = Part(name)
        part.config = {key: adapter[key] for key in _SETTINGS if adapter.get(key) is not None}
        part.config |= {"scenario": dict(within(spec, "scenario_spec"))} if spec.get("scenario_spec") else {}
        _tell(part, folder / "stats.json")
        states = {_key(one): one for one in items(state.get("request_states"))}
        times = (number(within(one, "result").get("request_datetime")) for one in states.values())
        return Log(
            kind="helm",
            version="",
            model=text(adapter.get("model") or adapter.get("model_deployment")),
            files=found.files,
            parts={name: part},
            entries=lambda: _entries(name, items(rows), states, str(folder / _STATS)),
            config={key: adapter[key] for key in ("model_deployment", "temperature", "max_tokens") if key in adapter},
            started=moment(min((one for one in times if one), default=None)),
        )


def _tell(part: Part, file: Path) -> None:
    """Take over the means of HELM's own summary, of the only split that there is, without perturbations."""
    try:
        stats = items(read_json(file))
    except UsageError:
        return
    plain = [one for one in stats if not within(one, "name").get("perturbation")]
    if len({text(within(one, "name").get("split")) for one in plain}) != 1:
        return
    for one in plain:
        name, mean = text(within(one, "name").get("name")), number(one.get("mean"))
        if _QUALITY.search(name) and mean is not None:
            part.told.append(Told(name, mean, name, ("",), mean=True))


def _perturbation(value: Any) -> str:
    return text(value.get("name")) if isinstance(value, Mapping) else text(value)


def _key(state: Mapping[str, Any]) -> Key:
    instance = within(state, "instance")
    return text(instance.get("id")), _trial(state), _perturbation(instance.get("perturbation"))


def _trial(row: Mapping[str, Any]) -> int:
    found = row.get("train_trial_index")
    return found if isinstance(found, int) and 0 <= found < 1_000_000 else 0


def _entries(
    task: str, rows: Sequence[Mapping[str, Any]], states: Mapping[Key, Mapping[str, Any]], file: str
) -> Iterator[Entry]:
    for place, row in enumerate(rows):
        key = text(row.get("instance_id")), _trial(row), _perturbation(row.get("perturbation"))
        if not key[0]:
            raise UsageError(f"{file}: [{place}]: statistics without `instance_id`")
        scores: dict[str, float | None] = {}
        split = ""
        for stat in items(row.get("stats")):
            name = text(within(stat, "name").get("name"))
            if _QUALITY.search(name):
                split = text(within(stat, "name").get("split"))
                scores[name] = number(stat.get("mean")) if stat.get("count") else None
        if scores:
            yield _entry(task, key, scores, split, states.get(key, {}), f"{file}: [{place}]")


def _entry(
    task: str, key: Key, scores: dict[str, float | None], split: str, state: Mapping[str, Any], where: str
) -> Entry:
    instance, request, result = within(state, "instance"), within(state, "request"), within(state, "result")
    options = within(state, "output_mapping")
    said = next((text(one.get("text")) for one in items(result.get("completions"))), None)
    right = [
        text(within(one, "output").get("text"))
        for one in items(instance.get("references"))
        if "correct" in (one.get("tags") or ())
    ]
    prompt = text(request.get("prompt"))
    failed = bool(result) and result.get("success") is False
    return Entry(
        task=task,
        id=key[0],
        scores=scores,
        cell=key[2],
        epoch=key[1] + 1,
        prompt=prompt if request else text(within(instance, "input").get("text")) if instance else None,
        references=right,
        response=None if said is None else text(options.get(said.strip(), said)),
        content=[prompt, *right] if prompt else (),
        error=text(result.get("error")) or "the request failed" if failed else None,
        tags={"split": split} if split else {},
        seconds=number(result.get("request_time")),
        where=where,
    )
