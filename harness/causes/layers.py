"""Which part of a quantised model made it worse: blocks of its graphs, put back in float and told apart by answers."""

import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.causes.ask import Asker
from harness.causes.changes import Change
from harness.causes.estimate import Interval
from harness.causes.graphs import as_files, graphs_of
from harness.causes.planning import Options, Planned, prepare
from harness.causes.results import Why
from harness.causes.setups import Place, Setup
from harness.comparison.compare import Options as Compared
from harness.comparison.compare import changes
from harness.errors import UsageError
from harness.quantise.blocks import blocks
from harness.record import Run
from harness.record.schema import MetricRecord
from harness.seeds import derive_seed, generator
from harness.stats.quantiles import median_ratio
from harness.timing.clock import Call, interleaved
from harness.timing.energy import Meter

STEPS: Final = 3
"""Blocks that are put back one after the other, at most."""
_WORTHY: Final = 0.05
"""The least share of the flips for which a block is put back."""
ROUNDS: Final = 20
_BATCH: Final = 4
_PROJECTOR: Final = re.compile(r"merger|projector|projection|connector|resampler|perceiver|multi_modal", re.IGNORECASE)
"""In the name of a block: it maps what the vision tower sees to the width of the decoder."""
_FILES: Final = ("quantisation", "model", "weights", "batch size", "batch_size")
"""Changes that are nothing but the graphs themselves."""


@dataclass(frozen=True, slots=True)
class Step:
    """A quantised model with some blocks in float."""

    name: str
    blocks: tuple[str, ...]
    metric: MetricRecord | None
    """On all samples."""
    bytes: int
    """Of its graphs."""
    change: Interval | None
    """Of the number to float's, paired by sample; above zero is better. None for float itself."""
    ratio: tuple[float, float, float]
    """How many times faster than float it answers, with its interval; in CPU time, interleaved."""
    setup: Setup
    folder: Path
    """Of the run."""
    pareto: bool = False
    """Whether no other step is as good in accuracy, speed and size, and better in one."""


def prepare_layers(baseline: Run, candidate: Run, options: Options, *, parts: bool = False) -> Planned:
    """Return what differs between a float run and a quantised one, block by block.

    Args:
        baseline: of the float model.
        candidate: of the quantised one.
        options: of the caller.
        parts: whether whole parts of the model are told apart instead: each file, and in one the projector.

    Raises:
        UsageError: if the models are not of one type whose graphs are known.
    """
    planned = prepare(baseline, candidate, options)
    if planned.before.type != planned.after.type:
        raise UsageError(
            f"--layers is for two files of one model, not for {planned.before.type} and {planned.after.type}"
        )
    before, after = graphs_of(planned.before), graphs_of(planned.after)
    cut = _parts if parts else _blocks
    found = [
        Change(
            (f"{graph}: {name}" if len(after) > 1 else name) if name else graph,
            "float",
            "quantised",
            (Place("block", (graph, *nodes)),),
        )
        for graph in after
        if before[graph] != after[graph]
        for name, nodes in cut(before[graph]).items()
    ]
    if not found:
        raise UsageError("the two adapters run the same files: there is no block to put back")
    others = [one for one in planned.changes if one.name not in _FILES]
    known = (*found, *others)
    asked = replace(planned, changes=known, anchored=(False, planned.anchored[1]), halves=not parts)
    most = options.budget if options.budget is not None else max(len(known) * asked.rows // 5, 1)
    return replace(asked, most=most if (asked.units.before != asked.units.after).any() else 0)


def steps(planned: Planned, found: Why, options: Options, most: int = STEPS) -> list[Step]:
    """Return the quantised model as it is, and with its worst blocks in float, the float one last.

    Each is run on all samples of the task and timed beside the float model, calls interleaved. At most ``most`` blocks
    are put back.
    """
    asker = Asker(
        planned.measure, planned.candidate.record, options.out, options.cache, options.workers, options.progress,
        options.say, options.executor,
    )  # fmt: skip
    known = {change.name: change for change in planned.changes}
    sign = planned.measure.sign
    worst = [
        cause.change.name
        for cause in found.causes
        if cause.change.name in known and sign * cause.effect.value < 0 and cause.flips >= _WORTHY
    ]
    made: list[tuple[str, tuple[str, ...], Setup]] = [("as it is", (), planned.after)]
    for count in range(1, min(most, len(worst)) + 1):
        places = [place for name in worst[:count] for place in known[name].places]
        made.append((f"+ {worst[count - 1]}", tuple(worst[:count]), planned.after.with_back(places, planned.before)))
    made.append(("float", (), planned.before))
    rows = []
    ratios = _timed(planned, [setup for _, _, setup in made])
    for (name, kept, setup), ratio in zip(made, ratios, strict=True):
        options.say(f"{name}: all {planned.rows:,} samples")
        run = {"as it is": planned.candidate, "float": planned.baseline}.get(name) or asker.run(setup, (), name)
        size = sum(path.stat().st_size for path in graphs_of(setup).values())
        metric = run.record.tasks[planned.measure.task].metrics.get(planned.measure.metric)
        rows.append(Step(name, kept, metric, size, _to(planned, run), ratio, setup, run.folder))
    return _marked(rows, sign)


def keep(step: Step, folder: Path) -> Path:
    """Write a step's model and an adapter's file for it into a folder; return that file.

    Raises:
        UsageError: if the folder cannot be written.
    """
    import yaml

    setup = as_files(step.setup)
    model = setup.adapter_file.absolute().parent / str(setup.config["model"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if model.is_dir():
            shutil.copytree(model, folder / "model", dirs_exist_ok=True)
        else:
            shutil.copyfile(model, folder / "model.onnx")
        told = {"adapter": f"{setup.name}-{len(step.blocks)}-in-float", "type": setup.type, **setup.config}
        told["model"] = "model" if model.is_dir() else "model.onnx"
        file = folder / "adapter.yaml"
        kept = {key: value for key, value in told.items() if value is not None}
        file.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    return file


def _blocks(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the operators of a graph's blocks by name; of one without products of weights, all of it, nameless."""
    try:
        return blocks(path)
    except UsageError:
        return {"": ()}  # an embedding alone


def _parts(path: Path) -> dict[str, tuple[str, ...]]:
    """Return a graph as a whole, nameless, or what maps features to the decoder's width and what stands before it."""
    found: dict[str, tuple[str, ...]] = {}
    for name, nodes in _blocks(path).items():
        part = "projector" if _PROJECTOR.search(name) else "tower"
        found[part] = (*found.get(part, ()), *nodes)
    return found if "projector" in found and len(found) > 1 else {"": ()}


def _to(planned: Planned, run: Run) -> Interval | None:
    if run.folder == planned.baseline.folder:
        return None
    found = changes(planned.baseline, run, [planned.measure.name], Compared(force=True))[
        planned.measure.name
    ].comparison
    return Interval(found.estimate, found.low, found.high) if found else None


def _timed(planned: Planned, setups: Sequence[Setup]) -> list[tuple[float, float, float]]:
    """Return how many times faster than the last of them each answers; NaN where that cannot be told."""
    task = planned.after.bound(planned.measure.task).tasks[planned.measure.task]
    cell = task.cells()[0]
    asked = [task.requests(cell, sample, oracle=False)[0] for sample in islice(task.samples(cell), _BATCH)]
    with ExitStack() as stack:
        models = [stack.enter_context(closing(setup.choice().load())) for setup in setups]
        sides = [_call(model, asked) for model in models]
        times: list[list[float]] = [[] for _ in sides]
        seed = derive_seed(*planned.seed, "layers")
        for timed in interleaved(sides, ROUNDS, 2, seed, Meter(None)):
            if timed.error:
                raise UsageError(f"a timed call failed: {timed.error}")
            times[timed.side].append(timed.cpu)
    found = [median_ratio(own, times[-1], generator(*planned.seed, "ratio")) for own in times]
    return [(one.estimate, one.low, one.high) for one in found]


def _call(model: Any, asked: Sequence[Any]) -> Call:
    images = [image for request in asked for image in request.images[:1]]
    if asked[0].ask == "classify":
        return lambda number: lambda: model.classify(images)
    return lambda number: lambda: model.generate(list(asked))


def _marked(rows: Sequence[Step], sign: float) -> list[Step]:
    points = [((sign * (row.metric.value if row.metric and row.metric.value is not None else 0.0)), row.ratio[0],
               -row.bytes) for row in rows]  # fmt: skip
    best = [
        not any(all(x >= y for x, y in zip(other, own, strict=True)) and other != own for other in points)
        for own in points
    ]
    return [replace(row, pareto=one) for row, one in zip(rows, best, strict=True)]
