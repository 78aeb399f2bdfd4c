"""Run a suite on an adapter."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from harness.api.given import RUNS, AnyAdapter, AnyRun, AnySuite, PathLike, adapter_of, load_run, load_suite, several
from harness.api.limits import HEAD_ALONE, at_least, known_preparation, refuse
from harness.api.watching import SILENT, ignore
from harness.engine.options import Executor, Prepare, Progress, RunOptions, SampleRule
from harness.engine.plan import WHOLE, Shard
from harness.errors import UsageError
from harness.locate import cache_folder, near
from harness.record import Run
from harness.spec.limits import MOST_IN_A_BATCH
from harness.suite.select import Selection


def run(
    suite: AnySuite,
    adapter: AnyAdapter,
    *,
    out: PathLike = RUNS,
    batch_size: int | None = None,
    workers: int = 1,
    prepare: Prepare = "auto",
    limit: int | None = None,
    head: bool = False,
    sample: SampleRule = "plain",
    sample_from: Sequence[AnyRun] = (),
    only: str | Sequence[str] = (),
    sample_ids: str | Sequence[str] = (),
    epochs: int = 1,
    reducer: str = "mean",
    shard: str | None = None,
    executor: Executor | None = None,
    ray_address: str | None = None,
    ray_workers: int | None = None,
    cache: bool = False,
    fresh: bool = False,
    roots: PathLike | Sequence[PathLike] = (),
    report: bool = True,
    progress: Progress = SILENT,
    say: Callable[[str], None] = ignore,
) -> Run:
    """Run a suite on an adapter and leave a run record. An unfinished run of the same suite and options is continued.

    Args:
        suite: a YAML file, a name from ``harness list suites``, or a suite that was read.
        adapter: a YAML file or a name from ``harness list adapters``.
        out: folder for run records.
        batch_size: requests a call; the adapter's own by default.
        workers: batches that are loaded and perturbed at a time, ahead of the model.
        prepare: where that is done: in ``threads``, in ``processes``, or (``auto``) in threads until the model waits
            for two of them or more.
        limit: at most so many samples a cell: the first of a seeded order, the same for every adapter.
        head: let the limit take the first samples of each dataset instead, as they stand in its file.
        sample: ``informative`` draws those samples oftener that earlier runs disagree on, and weighs each by one over
            its chance in every number.
        sample_from: those runs; by default all that lie below ``out``.
        only: names of the tasks to run; all by default.
        sample_ids: the samples to ask about; all by default.
        epochs: how often each question is asked.
        reducer: one score from a question's several: ``mean``, ``majority``, ``pass@K`` or ``at_least@K``.
        shard: ``K/N``, the K-th of N parts.
        executor: where the model lives: ``local``, ``process`` or ``ray``; as the suite says by default.
        ray_address: an existing Ray cluster.
        ray_workers: copies of the model on Ray.
        cache: take answers that this model gave to the same requests earlier.
        fresh: begin anew even where an unfinished run could be continued.
        roots: folders outside the suite's own that its data may lie in.
        report: write ``report.html`` beside the record.
        progress: who watches; nobody by default.
        say: hears what a user should know and what is no error.

    Returns:
        The run. Where too many samples failed or none was answered, ``record.status`` is ``failed`` and
        ``record.reason`` says why.

    Raises:
        SpecError: if the suite or the adapter's file is wrong.
        UsageError: if an option is impossible, or the adapter lacks what a task needs.
        AdapterError: if the adapter cannot be loaded.
        Interrupted: on Ctrl-C, after what was measured is saved; the same call continues it.
    """
    from harness.engine.run import run_suite
    from harness.engine.told import invocation

    numbers = {"batch_size": batch_size, "workers": workers, "limit": limit, "epochs": epochs}
    at_least(1, **numbers, ray_workers=ray_workers)
    refuse({HEAD_ALONE: head and limit is None})
    if sample not in get_args(SampleRule):
        raise UsageError(f"sample must be one of {', '.join(get_args(SampleRule))}, not {sample!r}")
    known_preparation(prepare)
    if batch_size is not None and batch_size > MOST_IN_A_BATCH:
        raise UsageError(f"batch_size must be {MOST_IN_A_BATCH} or less, not {batch_size}")
    if reducer != "mean" and epochs == 1:
        raise UsageError(f"reducer {reducer!r} makes one score of several: it needs epochs of 2 or more")
    if executor not in (None, *get_args(Executor)):
        raise UsageError(f"executor must be one of {', '.join(get_args(Executor))}, not {executor!r}")
    options = RunOptions(
        out=Path(out),
        batch_size=batch_size,
        workers=workers,
        prepare=prepare,
        limit=limit,
        head=head,
        sample=sample,
        sample_from=tuple(load_run(one, out).folder.absolute() for one in sample_from),
        selection=Selection(several(only), several(sample_ids), epochs, reducer),
        shard=Shard.parse(shard) if shard else WHOLE,
        executor="ray" if ray_address and not executor else executor,
        ray_address=ray_address,
        ray_workers=ray_workers,
        cache=cache_folder() if cache else None,
        fresh=fresh,
        say=say,
    )
    with invocation():
        loaded = load_suite(suite, roots)
        folder, record = run_suite(loaded, adapter_of(adapter), options, progress)
        if batch_size not in (None, record.adapter.batch_size):
            said = (
                f"a batch size of {batch_size} is ignored: answers of {record.adapter.name} can depend on their batch"
            )
            say(f"{said}, so it stays at {record.adapter.batch_size}")
        if report:
            from harness.engine.thumbnails import keep_wrong
            from harness.report.html import write_html

            keep_wrong(folder, loaded)
            write_html(folder, folder / "report.html")
        return Run(folder if Path(out).is_absolute() else near(folder))
