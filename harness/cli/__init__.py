"""The command line: one module a verb, imported when it is called."""

import os
import sys
from typing import Final

import click

from harness import __version__
from harness.collecting import collect_rarely
from harness.errors import ExitCode

_VERBS: Final = {
    "init": "Start in your own repository: a suite, an adapter, a workflow.",
    "run": "Run a suite on one or more adapters.",
    "resume": "Continue a run that was interrupted, killed or ran out of disk.",
    "recover": "Save what can be read of a run whose store is damaged.",
    "merge": "Make one run of the parts that `run --shard` made.",
    "import": "Make runs of the logs of other harnesses.",
    "export": "Write the answers and scores of a run as a table.",
    "list": "List suites, tasks, metrics, adapters, datasets or corruptions.",
    "validate": "Check a suite and dry-run it on the mock.",
    "plan": "Say how many samples would decide each gate.",
    "explain": "Print a suite as it is run, with the origin of each key.",
    "show": "Show a run record.",
    "failures": "Say why samples of a run failed, grouped.",
    "verify": "Hold a run's files and numbers beside its checksums and samples.",
    "compare": "Compare runs sample by sample.",
    "cost": "Say which runs are worth what their answers cost.",
    "diff": "Say what changed between two runs.",
    "equivalent": "Find where two adapters part that should be one model, and judge it.",
    "why": "Say which of the changes between two runs made the difference.",
    "pick": "Say which samples to label next, to train a model on them.",
    "label": "Say in a browser which of two runs' answers are better.",
    "gate": "Judge an adapter against a baseline: pass, fail or inconclusive.",
    "baseline": "Keep runs under a name, to compare later ones with.",
    "bisect": "Find the commit that made a suite worse.",
    "score": "Score a run's stored answers again, without the model.",
    "report": "Write the report of a run as HTML or Markdown.",
    "cache": "Look at the answers that are kept across runs, check or clear them.",
    "view": "Look at all runs in a browser, those in flight too.",
    "history": "See metrics across commits, and judge the newest.",
    "data": "Read every row of a file or suite, and open every image.",
    "adapters": "Check that an adapter keeps the laws that results rest on.",
    "metrics": "Explain the metrics.",
    "extract": "See what is read of an answer, where, and why.",
    "corruptions": "Look at the corruptions.",
    "perturb": "Write a corrupted copy of a folder of images.",
    "quantize": "Quantise an ONNX model by the recipe for its kind, and check it.",
    "kv-cache": "Estimate the memory of a decoder's keys and values.",
    "serve": "Serve an adapter over HTTP, in dynamic batches.",
    "doctor": "Say what is installed, what is missing, and what will be slow here.",
    "schema": "Print the JSON Schema of suite or adapter files.",
}

_MODULES: Final = {"import": "import_logs"}
"""Verbs whose modules cannot have their names."""

_EPILOG: Final = """\b
Examples:
  harness run robustness --adapter onnx-int8
  harness run suites/robustness.yaml -a onnx-fp32 -a onnx-int8
  harness list metrics
  harness validate suites/robustness.yaml

\b
Exit codes:
  0 pass   1 regression or gate failed   2 usage or configuration
  3 inconclusive, no baseline, or more failures than the suite allows
  4 the run failed, or a metric of it has no score   130 interrupted
"""


_BROKEN_PIPE: Final = 141
"""What a shell reports for a program that wrote to a closed pipe: neither a pass nor a regression."""
_COMPLETE: Final = "_HARNESS_COMPLETE"
"""Set by a shell that asks what a line may go on with."""


class _LazyGroup(click.Group):
    """Knows every verb and its help line; imports a verb's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_VERBS]  # not list(): that name is here the verb's module once it is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        from importlib import import_module

        command = import_module(f"harness.cli.{_MODULES.get(cmd_name, cmd_name).replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101 - narrows the type
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*_VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            from harness.errors import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}; {did_you_mean(args[0], _VERBS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Benchmarks for vision and vision-language models, declared in YAML, with numbers that can be trusted."""


def main() -> None:
    """Run the command line and exit with a code of :class:`harness.errors.ExitCode`."""
    from harness.cli._streams import tame

    collect_rarely()
    tame()
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run one command; return its exit code. Mistakes end as sentences on standard error."""
    try:
        done = cli.main(arguments, prog_name="harness", standalone_mode=False)
        return int(done) if isinstance(done, int) else ExitCode.OK
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except SystemExit as done:
        if _COMPLETE in os.environ:
            return int(done.code or 0)
        # Click does this where whoever read standard output has left, with a 1 that would mean a regression.
        return _BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last stop: a user never sees a traceback
        from harness.cli._errors import report

        return report(error)
