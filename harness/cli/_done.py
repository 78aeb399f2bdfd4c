"""What a command prints when runs are done, and the exit code that it gives."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli._streams import give_up_output, tell
from harness.errors import ExitCode
from harness.locate import near

if TYPE_CHECKING:
    from harness.record.schema import RunRecord

    Done = tuple[Path, RunRecord, Path | None]
    """Folder, record, report."""


def exit_code(records: "list[RunRecord]") -> ExitCode:
    """Return the worst of the runs' codes. A gate that needs a baseline is not this command's to decide.

    A run of which more failed than the suite allows is inconclusive, whatever its gates say.
    """
    verdicts = {gate.verdict for record in records for gate in record.gates}
    if any(record.status != "complete" for record in records):
        return ExitCode.RUN_FAILED
    if "fail" in verdicts:
        return ExitCode.REGRESSION
    doubtful = "inconclusive" in verdicts or any(record.doubtful for record in records)
    return ExitCode.INCONCLUSIVE if doubtful else ExitCode.OK


def write_report(folder: Path) -> Path:
    """Write ``report.html`` beside the record."""
    from harness.report.html import write_html

    return write_html(folder, folder / "report.html")


def print_done(done: "list[Done]", as_json: bool) -> None:
    """Print the table of the runs and where they lie.

    Where standard output takes nothing (a full disk), that is said, and the runs are what they are.
    """
    try:
        _print(done, as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_output()
        for folder, *_ in done:
            tell(f"standard output cannot be written ({error.strerror}); the record is in {near(folder)}")


def _print(done: "list[Done]", as_json: bool) -> None:
    if as_json:
        runs = [
            {"folder": str(folder), "report": str(report) if report else None} | record.model_dump(mode="json")
            for folder, record, report in done
        ]
        click.echo(json.dumps(runs, indent=2))
        return
    from harness.cli._grid import console
    from harness.cli._tables import print_runs
    from harness.record.failures import LOST
    from harness.record.folder import STORE_FILE
    from harness.record.spent import in_words

    out = console()
    print_runs(out, [record for _, record, _ in done])
    for folder, record, report in done:
        if any(record.responses.get(status) for status in LOST) and (folder / STORE_FILE).is_file():
            click.echo(f"to ask again what failed: harness resume {near(folder)} --failed")
        if record.spent is not None and record.spent.cost is not None:
            click.echo(f"spent: {in_words(record.spent, record.expected)}")
        for name, one in record.spent_by.items():
            if one.cost is not None:
                click.echo(f"spent by {name}: {in_words(one)}")
        click.echo(f"record: {near(folder)}")
        if report:
            click.echo(f"report: {near(report)}")
    if len(done) > 1 and done[-1][2]:
        from harness.report.overview import write_overview

        overview = write_overview([folder for folder, *_ in done], done[-1][0] / "overview.html")
        click.echo(f"side by side: {near(overview)}")


def say(text: str) -> None:
    """Tell the user something beside the results."""
    tell(text)
