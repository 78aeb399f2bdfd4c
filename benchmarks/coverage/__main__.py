"""Print how often intervals hold the truth, as they are and as the plainest method would make them, as markdown.

``python -m benchmarks.coverage [GROUP …] [--runs 400]``: a few minutes for all groups at 400 runs a row. The groups of
``tables`` play decisions instead of intervals; they are printed where they are named.
"""

import argparse

from benchmarks.coverage.cells import GROUPS
from benchmarks.coverage.cover import covered, plainest, product
from benchmarks.coverage.tables import TABLES, markdown

HEAD = "| number | data | truth | plainest method | coverage | harness | coverage (truth below, above) | width | none |"


def main() -> None:
    """Print one row for each population."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)} (all by default), {', '.join(TABLES)}"
    )
    parser.add_argument("--runs", type=int, default=400)
    given = parser.parse_args()
    if unknown := set(given.groups) - {*GROUPS, *TABLES}:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join([*GROUPS, *TABLES])}")
    for name in (name for name in given.groups if name in TABLES):
        print(f"### {name}\n", flush=True)
        for line in markdown(TABLES[name](given.runs)):
            print(line, flush=True)
    if given.groups and not set(given.groups) & set(GROUPS):
        return
    print(HEAD)
    print("|---|---|---|---|---|---|---|---|---|")
    for name in [name for name in given.groups if name in GROUPS] or GROUPS:
        for cell in GROUPS[name]():
            old, new = (covered(cell, way, given.runs) for way in (plainest, product))
            ends = f"{new.held:.1%} ({new.below:.1%}, {new.above:.1%})"
            row = [cell.statistic.name, cell.data, f"{cell.truth:.3f}", old.method, f"{old.held:.1%}"]
            row += [new.method, ends, f"{new.width:.3f}", f"{new.none:.0%}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
