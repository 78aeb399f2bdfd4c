"""``harness equivalent``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

if TYPE_CHECKING:
    from rich.console import Console

    from harness.equivalence import Equivalence, Stage

_EPILOG: Final = """\b
Examples:
  harness equivalent qwen2-vl onnx-fp32 --suite chart_qa
  harness equivalent onnx-fp32 onnx-int8 --suite chart_qa --on score
  harness equivalent qwen2-vl my-server.yaml --data rows.jsonl --margin 0.05
  harness equivalent a.yaml b.yaml --data photos/ --format html --out parted.html

\b
Exit codes: 0 equivalent, 1 not equivalent, 2 usage, 3 undecided, 4 nothing could be compared.
"""
_COLORS: Final = {
    "equal": "green", "within float noise": "green", "parted": "bold red", "not seen": "dim", "not compared": "dim",
}  # fmt: skip
_VERDICTS: Final = {"equivalent": "green", "not equivalent": "bold red", "undecided": "yellow"}


@click.command(epilog=_EPILOG)
@click.argument("a")
@click.argument("b")
@click.option("--suite", help="Whose questions are asked: a YAML file or a name from `harness list suites`.")
@click.option("--data", type=click.Path(path_type=Path), help="Instead: a file or folder whose rows are asked.")
@click.option("--task", default="", help="Which task of the suite; by default the first that asks one question each.")
@click.option("-n", "--limit", type=click.IntRange(1), show_default="as many as could show the margin",
              help="At most so many samples, drawn with the suite's seed.")  # fmt: skip
@click.option("--head", is_flag=True, help="Let --limit take the first samples of the dataset.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.02, show_default=True,
              help="The difference that matters: a share of answers, or of the metric's range.")  # fmt: skip
@click.option("--on", type=click.Choice(["agreement", "score"]), default="agreement", show_default=True,
              help="What must be equivalent: the answers themselves, or how good they are.")  # fmt: skip
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "html"]), default="text", show_default=True,
              help="html: write a page with pictures of the difference, too.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="The page's file; equivalent.html by default.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    a: str,
    b: str,
    suite: str | None,
    data: Path | None,
    task: str,
    limit: int | None,
    head: bool,
    margin: float,
    on: Literal["agreement", "score"],
    roots: tuple[Path, ...],
    form: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find the first stage at which adapters A and B part, and judge whether they are one model.

    Both are asked the same questions: torch and ONNX, float and INT8, a library and a server. Image tensors, prompt,
    tokens, logits and answers are compared with tolerances drawn from float noise; the verdict is two one-sided tests.
    """
    import json

    from harness import api
    from harness.cli._stdout import kept_for_json
    from harness.locate import near

    if head and limit is None:
        raise click.UsageError("--head says which samples --limit takes; give one")
    if out is not None and form == "text":
        form = "html"
    with kept_for_json(as_json), _bar(quiet) as advance:
        found = api.equivalent(
            a, b, suite=suite, data=data, task=task, limit=limit, head=head, margin=margin, on=on, roots=roots,
            advance=advance,
        )  # fmt: skip
    page = None
    if form == "html":
        from harness.report.equivalent_html import write_equivalent

        page = near(write_equivalent(found, out or Path("equivalent.html")))
    if as_json:
        click.echo(json.dumps({**found.as_data(), "page": str(page) if page else None}, indent=2, allow_nan=False))
    else:
        _print(found)
        if page:
            click.echo(f"page: {page}")
    return int(found.exit_code)


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how many samples are done, on a terminal."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("samples"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("samples", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _print(found: "Equivalence") -> None:
    from harness.cli._grid import console, print_grid, safe
    from harness.equivalence.result import told

    out = console()
    simulated = " (simulated)" if found.simulated else ""
    out.print(f"A {safe(found.a)}, B {safe(found.b)}{simulated}: {safe(found.suite)}/{safe(found.task)}")
    heads = ["stage", "", "samples", "largest", "float noise"]
    print_grid(out, heads, [_cells(stage) for stage in found.stages], right={"samples", "largest", "float noise"})
    _print_causes(out, found)
    for note in found.notes:
        out.print(f"[yellow]note: {safe(note)}[/]")
    other = "score" if found.on == "agreement" else "agreement"
    test = found.score if other == "score" else found.agreement
    if test is not None:
        name = f"{found.metric}" if other == "score" else "answers"
        out.print(f"beside it, {safe(name)}: {test.outcome} ({told(found, other)})")
    out.print(f"[{_VERDICTS[found.verdict]}]{safe(str(found))}[/]")


def _cells(stage: "Stage") -> list[str]:
    count = f"{stage.parted} of {stage.n}" if stage.parted else f"{stage.n}" if stage.n else ""
    numbers = ["" if value is None else f"{value:.2g}" for value in (stage.size, stage.tolerance)]
    return [stage.name, f"[{_COLORS[stage.state]}]{stage.state}[/]", count, *numbers]


def _print_causes(out: "Console", found: "Equivalence") -> None:
    from harness.cli._grid import safe

    first = found.first
    if first is None:
        out.print("they part at no stage that both show")
        return
    for stage in found.causes:
        name = f"[bold red]first parted, {stage.name}:[/]" if stage is first else f"{stage.name}:"
        out.print(f"{name} {safe(stage.said)} [dim](worst: {safe(stage.worst)})[/]")
