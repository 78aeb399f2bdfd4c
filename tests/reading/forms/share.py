"""Print the share of the table that is read right, by kind and language: ``python -m tests.reading.forms.share``.

With ``--misses`` the misread rows are named; with ``--before``, run in a checkout of commit 425e743 with
``PYTHONPATH=<that checkout>:<this one>``, the readers are those of that commit.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.reading.forms.table import KINDS, LANGUAGES, Row, rows

Reader = Callable[[Row], Any]


def got(read: Reader, row: Row) -> Any:
    """Return what is read of a row; an exception is no reading, and never a right one."""
    try:
        return read(row)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a row that is not read
        return error


def table(read: Reader) -> tuple[str, list[str]]:
    """Return the shares as Markdown, and the misread rows in words."""
    right: Counter[tuple[str, str]] = Counter()
    false: Counter[str] = Counter()
    n: Counter[tuple[str, str]] = Counter()
    misses: list[str] = []
    for kind in KINDS:
        for row in rows(kind):
            value = got(read, row)
            met = not isinstance(value, Exception) and row.met_by(value)
            for cell in ((kind, row.language), (kind, "all"), ("all", row.language), ("all", "all")):
                n[cell] += 1
                right[cell] += met
            false.update({kind: 1, "all": 1} if not met and value is not None else {})
            if not met:
                misses.append(f"{row}, got {value!r}")
    columns = (*LANGUAGES, "all")
    lines = [f"| kind | {' | '.join(columns)} | share | read falsely |", f"|---|{'---:|' * (len(columns) + 2)}"]
    for kind in (*KINDS, "all"):
        cells = " | ".join(f"{right[kind, language]}/{n[kind, language]}" for language in columns)
        lines.append(f"| {kind} | {cells} | {100 * right[kind, 'all'] / n[kind, 'all']:.1f} % | {false[kind]} |")
    return "\n".join(lines), misses


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", action="store_true", help="read with the code of 425e743")
    parser.add_argument("--misses", action="store_true", help="name the misread rows")
    args = parser.parse_args()
    shares, misses = table(import_module(f"tests.reading.forms.{'before' if args.before else 'present'}").value)
    sys.stdout.write("\n".join([shares, *(misses if args.misses else [])]) + "\n")


if __name__ == "__main__":
    main()
