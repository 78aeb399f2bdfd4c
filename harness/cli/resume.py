"""``harness resume``."""

from pathlib import Path
from typing import Final, Literal

import click

_EPILOG: Final = """\b
Examples:
  harness resume                      the newest unfinished run under results/runs
  harness resume results/runs/robustness-onnx-int8-…
  harness resume RUN --failed         ask again what failed or came too late, of a complete run too
"""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option(
    "--failed", "--retry-errors", "failed",
    is_flag=True,
    help="Ask the samples again that failed or came too late, of a complete run too; what they were before is kept.",
)  # fmt: skip
@click.option("-j", "--workers", type=click.IntRange(1), default=1, show_default=True,
              help="Batches that are loaded and perturbed at a time, ahead of the model.")  # fmt: skip
@click.option("--prepare", type=click.Choice(["threads", "processes", "auto"]), default="auto", show_default=True,
              help="Where that is done; auto: in threads, until the model waits for two of them or more.")  # fmt: skip
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html beside the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    run: str | None,
    runs: Path,
    failed: bool,
    workers: int,
    prepare: Literal["threads", "processes", "auto"],
    report: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Continue RUN where it was interrupted, killed or ran out of disk: a folder, or (a part of) its id.

    It goes on with the suite, the adapter and the options that it was begun with, whatever became of their files.
    Where the data, their images or the model changed since, it refuses and names the rows. What was answered is not
    asked again, and the scores are those of an uninterrupted run. With --failed it goes on with a complete run, of
    which samples failed; answers that come in their place make its metrics anew.
    """
    from harness.cli._done import exit_code, print_done, say, write_report
    from harness.cli._progress import choose
    from harness.cli._stdout import kept_for_json
    from harness.engine.named import locate_unfinished
    from harness.engine.options import RunOptions
    from harness.engine.run import resume_run
    from harness.engine.told import invocation
    from harness.types import Status

    retry = (Status.ERROR, Status.TIMEOUT, Status.MISSING) if failed else ()
    options = RunOptions(workers=workers, prepare=prepare, say=say)
    with invocation():
        with kept_for_json(as_json):
            found = locate_unfinished(run, runs, complete=failed, untold=not failed)
            folder, record = resume_run(found, options, choose(quiet), retry=retry)
        print_done([(folder, record, write_report(folder) if report else None)], as_json)
    return exit_code([record])
