"""Print how often intervals hold the truth, as they are and as the plainest method would make them, as markdown.

``python -m benchmarks.coverage [GROUP …] [--runs 400]``: a few minutes for all groups at 400 runs a row. The groups
``looks`` and ``tries`` print how often gates are wrong instead, and those of ``tables`` play other decisions.
"""

import argparse

from benchmarks.coverage.cells import GROUPS
from benchmarks.coverage.cover import covered, plainest, product
from benchmarks.coverage.tables import TABLES, markdown
from benchmarks.coverage.verdicts import GROUPS as VERDICTS
from benchmarks.coverage.verdicts import HEAD as VERDICTS_HEAD

HEAD = "| number | data | truth | plainest method | coverage | harness | coverage (truth below, above) | width | none |"


def _head(head: str) -> str:
    return f"{head}\n|{'---|' * (head.count('|') - 1)}"


def main() -> None:
    """Print one row for each population."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*GROUPS, *VERDICTS, *TABLES]
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--runs", type=int, default=400)
    given = parser.parse_args()
    if unknown := set(given.groups) - set(names):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = given.groups or names
    for name in (name for name in chosen if name in TABLES):
        print(f"### {name}\n", flush=True)
        for line in markdown(TABLES[name](given.runs)):
            print(line, flush=True)
    intervals, verdicts = ([name for name in chosen if name in groups] for groups in (GROUPS, VERDICTS))
    if intervals:
        print(_head(HEAD))
    for name in intervals:
        for cell in GROUPS[name]():
            old, new = (covered(cell, way, given.runs) for way in (plainest, product))
            ends = f"{new.held:.1%} ({new.below:.1%}, {new.above:.1%})"
            row = [cell.statistic.name, cell.data, f"{cell.truth:.3f}", old.method, f"{old.held:.1%}"]
            row += [new.method, ends, f"{new.width:.3f}", f"{new.none:.0%}"]
            print(f"| {' | '.join(row)} |", flush=True)
    if verdicts:
        print(_head(VERDICTS_HEAD))
    for name in verdicts:
        for line in VERDICTS[name](given.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
