"""What metrics and prompts need of samples, against what a dataset gives: told when the suite is read."""

from collections.abc import Iterator, Mapping, Sequence

from harness.errors import Issue
from harness.facts import described, lacking
from harness.metrics import SampleMetric
from harness.tasks._lookup import Key
from harness.tasks._named import Ref
from harness.tasks._prompt import Prompt
from harness.types import Dataset


def unmet(
    name: str,
    dataset: Dataset | None,
    prompt: Prompt | None = None,
    refs: Mapping[Key, Ref] | Sequence[Ref] = (),
    metrics: Mapping[str, SampleMetric] | None = None,
) -> Iterator[Issue]:
    """Yield an issue for each thing that needs a fact which the dataset will not give.

    Args:
        name: of the dataset, in the suite.
        dataset: nothing is said where it could not be found.
        prompt: of the task, under its key ``prompt``.
        refs: metrics as they stand in the suite, by where they stand in the task; those of a list under ``metrics``.
        metrics: what they stand for, in the same order.
    """
    if dataset is None:
        return
    if prompt is not None:
        yield from _issues("the prompt", ("prompt",), prompt.needs, name, dataset)
    placed = refs if isinstance(refs, Mapping) else {("metrics", i): ref for i, ref in enumerate(refs)}
    for (key, ref), metric in zip(placed.items(), (metrics or {}).values(), strict=False):
        yield from _issues(_said(ref, metric), key, metric.needs, name, dataset)


def _issues(what: str, key: Key, needs: Sequence[str], name: str, dataset: Dataset) -> Iterator[Issue]:
    for fact in lacking(needs, dataset):
        hint = f"give each sample {described(fact)}; see docs/facts.md"
        yield Issue(key, f"{what} needs `{fact}`; dataset {name!r} does not give it", hint)


def _said(ref: Ref, metric: SampleMetric) -> str:
    """Return a metric as the suite names it, with the parameters that it gives."""
    options = {} if isinstance(ref, str) else {key: value for key, value in ref.items() if key not in ("metric", "as")}
    given = f" with {', '.join(f'{key}: {value}' for key, value in options.items())}" if options else ""
    return f"metric {metric.name!r}{given}"
