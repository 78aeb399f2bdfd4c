"""Print a mistake so that it can be mended: the sentence, the line of the file with a caret, the hint."""

import errno
import os
import traceback
from typing import Final

import click

from harness.cli._streams import give_up_output
from harness.errors import ConfigError, ExitCode, HarnessError, Problem, SpecError
from harness.record.scrub import scrubbed

_WIDTH: Final = 160


def report(error: Exception) -> int:
    """Print ``error`` on standard error and return the exit code."""
    if isinstance(error, SpecError):
        for problem in error.problems:
            click.echo(render(problem), err=True)
        count = len(error.problems)
        click.echo(f"{count} problem{'s' if count > 1 else ''}", err=True)
        return error.exit_code
    if isinstance(error, ConfigError):
        for issue in error.issues:
            click.echo(f"error: {issue.message}" + (f"\n  {issue.hint}" if issue.hint else ""), err=True)
        return error.exit_code
    if isinstance(error, HarnessError):
        click.echo(f"error: {scrubbed(str(error))}", err=True)
        return error.exit_code
    if isinstance(error, OSError) and error.filename:
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        return ExitCode.RUN_FAILED
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        give_up_output()
        click.echo(f"error: {error.strerror}", err=True)
        return ExitCode.RUN_FAILED
    if os.environ.get("HARNESS_DEBUG"):
        traceback.print_exception(error)
    click.echo(f"internal error: {type(error).__name__}: {scrubbed(str(error))}", err=True)
    click.echo("this is a bug in the harness; HARNESS_DEBUG=1 shows where", err=True)
    return ExitCode.RUN_FAILED


def render(problem: Problem) -> str:
    """Return a problem with the line that it stands on."""
    mark = problem.mark
    lines = [f"{mark}: {problem.message}"]
    try:
        text = scrubbed(mark.file.read_text(encoding="utf-8", errors="replace").split("\n")[mark.line - 1])
        gutter = f"{mark.line:>5} | "
        start = max(0, mark.column - _WIDTH * 3 // 4)  # a long line is shown where the caret points
        pointer = " " * (mark.column - 1 - start) + "^"
        lines += [gutter + text[start : start + _WIDTH].rstrip(), " " * (len(gutter) - 2) + "| " + pointer]
    except (OSError, IndexError):
        pass
    if problem.hint:
        lines.append(f"      = {problem.hint}")
    return "\n".join(lines)
