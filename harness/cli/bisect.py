"""``harness bisect``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.gates.bisect import Tried

_EPILOG: Final = """\b
Examples:
  harness bisect suites/robustness.yaml --adapter adapters/onnx-int8.yaml --good v1.2 --bad HEAD
  harness bisect suites/qa.yaml -a my-model.yaml --good main --bad HEAD --limit 200
"""
_COLORS: Final = {"good": "green", "bad": "red", "skip": "yellow"}


@click.command(epilog=_EPILOG)
@click.argument("suite")
@click.option("-a", "--adapter", required=True, help="Name or YAML file of an adapter, as each commit has it.")
@click.option("--good", required=True, metavar="REF", help="A commit at which all was well; it is the baseline.")
@click.option("--bad", default="HEAD", show_default=True, metavar="REF", help="A commit at which a gate fails.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many samples a cell.")
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the repository that the data may lie in.")  # fmt: skip
def command(suite: str, adapter: str, good: str, bad: str, limit: int | None, roots: tuple[Path, ...]) -> None:
    """Find the first commit at which a gate of SUITE fails against --good.

    Every commit runs in a worktree of its own. One at which the gate is inconclusive is skipped. One that differs from
    an earlier one only in files for people (README, CHANGELOG, .github, …) is not run: the other's run stands for it.
    """
    from harness.gates.bisect import Search, bisect

    arguments = tuple(part for root in roots for part in ("--root", str(root.resolve())))
    search = Search(suite, adapter, good, bad, limit, arguments)
    tried: list[Tried] = []

    def told(one: "Tried") -> None:
        tried.append(one)
        _tell(one)

    found = bisect(search, Path.cwd(), told)
    asked, like = sum(one.asked for one in tried), sum(bool(one.like) for one in tried)
    click.echo(f"{asked:,} questions beside the good commit's; {like} of {len(tried)} commits asked nothing", err=True)
    click.echo(f"first bad commit: {found}")


def _tell(tried: "Tried") -> None:
    from harness.report.text import plain

    cost = f"as {tried.like[:12]}, nothing asked" if tried.like else f"{tried.asked:,} questions"
    word = click.style(tried.word, _COLORS[tried.word])
    click.echo(f"{tried.commit[:12]} {word}: {plain(tried.why, 400)} ({cost})")
