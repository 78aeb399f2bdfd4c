"""``harness pick``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.picks import Picked

_SIGNALS: Final = ("auto", "min_logprob", "mean_logprob", "disagreement", "wrong", "random")
_SHOWN: Final = 20
_LONGEST: Final = 48
_EPILOG: Final = """\b
Examples:
  harness pick @1 --budget 100 --against my-eval.yaml --out picks.jsonl
  harness pick @1 @2 --by disagreement       where two models, or two versions of one, say different things
  harness label @1 --picks picks.jsonl       write the right answers down, in a browser
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--budget", type=click.IntRange(1), default=100, show_default=True,
              help="Samples that there is time to label.")  # fmt: skip
@click.option("--task", help="Of which task; needed where the run has several.")
@click.option("--by", type=click.Choice(_SIGNALS), default="auto", show_default=True,
              help="What says that an answer may be wrong; auto takes the first that the run has.")  # fmt: skip
@click.option("--against", multiple=True, metavar="SUITE|DATA",
              help="An evaluation: what it asks about the same pixels is left out. May be repeated.")  # fmt: skip
@click.option("--across", multiple=True, metavar="TAG",
              help="Spread picks over the values of a tag too; `slice_by` of the suite by default.")  # fmt: skip
@click.option("--spread/--no-spread", default=True, show_default=True,
              help="Whether a pick makes its like worth less.")  # fmt: skip
@click.option("--pictures/--no-pictures", default=True, show_default=True,
              help="Whether to read pictures, for those that are nearly the same.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of ties.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write all, a line each.")
@click.option("--root", "roots", type=click.Path(path_type=Path, file_okay=False), multiple=True,
              help="A folder that data of --against may be read from.")  # fmt: skip
@click.option("--runs", "folder", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    runs: tuple[str, ...],
    budget: int,
    task: str | None,
    by: str,
    against: tuple[str, ...],
    across: tuple[str, ...],
    spread: bool,
    pictures: bool,
    seed: int,
    out: Path | None,
    roots: tuple[Path, ...],
    folder: Path,
    as_json: bool,
) -> None:
    """Say which samples of RUN to label next, so that a model trained on the labels gains most.

    Those come first whose answers the model was least sure of (or that several runs, epochs or cells answer
    differently, or that are known to be wrong), and less so where their like was picked already: the same picture or
    nearly the same, the template of the question, a slice. What an evaluation asks too is never picked.
    """
    from harness import api

    found = api.pick(
        runs,
        budget=budget,
        task=task,
        by=by,
        against=against,
        across=across,
        spread=spread,
        pictures=pictures,
        seed=seed,
        roots=roots,
        runs=folder,
    )
    if out is not None:
        found.write(out)
    if as_json:
        import json

        click.echo(json.dumps(found.plain(), indent=2, ensure_ascii=False))
        return
    _print(found, out)


def _print(found: "Picked", file: Path | None) -> None:
    from rich.markup import escape

    from harness.cli._grid import console, print_grid, safe
    from harness.picks import SIGNALS
    from harness.report.text import plain

    out = console()
    rows = [
        [str(one.rank), safe(one.sample_id), "" if one.score is None else f"{one.score:.3f}", f"{one.worth:.3f}",
         safe(_short(one.question)), safe(_short(one.answer)), safe(one.reason)]
        for one in found.picks[:_SHOWN]
    ]  # fmt: skip
    heads = ["", "sample", "score", "worth", "question", "answer", "why"]
    title = f"{found.task}: {len(found.picks):,} of {found.pool:,} samples, by {found.signal}"
    print_grid(out, heads, rows, right={"", "score", "worth"}, title=escape(plain(title)))
    if (more := len(found.picks) - _SHOWN) > 0:
        out.print(f"[dim]and {more:,} more{'' if file else ': --out FILE writes them all'}[/]")
    if file is not None:
        out.print(f"[dim]written to {escape(plain(str(file)))}[/]")
    if found.expected is not None and found.expected_random is not None:
        count = len(found.picks)
        out.print(
            f"score: {escape(SIGNALS[found.signal].said)}. If it were the chance of being wrong, {count:,} labels "
            f"would correct {found.expected * count:.0f} answers, drawn plainly {found.expected_random * count:.0f}"
        )
    for note in found.notes:
        out.print(f"[yellow]{escape(plain(note))}[/]")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}…"
