"""``python -m benchmarks.soak``: soak for some minutes and print a table; exit code 1 if anything was lost or hung."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from benchmarks.soak.rounds import Soak, Tally, victim
from benchmarks.soak.server import hostile

ORDER = ("kill", "edit", "disk", "mount", "server", "kill", "edit", "kill")
"""What is done in turn; a kill means two to six of them."""


def soak(minutes: float, kills: int, seed: int, rounds: int | None = None) -> dict[str, Tally]:
    """Soak for so many minutes, and until so many runs were killed; or for so many rounds."""
    draw = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing
    until, made = time.monotonic() + 60 * minutes, 0
    with tempfile.TemporaryDirectory() as folder, hostile(seed) as address, victim(Path(folder) / "cache") as process:
        work = Soak(Path(folder) / "rounds", process, address)
        while made < rounds if rounds else time.monotonic() < until or _kills(work.tallies) < kills:
            work.round(ORDER[made % len(ORDER)], draw)
            made += 1
    return work.tallies


def table(tallies: dict[str, Tally]) -> str:
    """Return the table of docs/faults.md."""
    names = ("rounds", "how many", "kills", "lost", "mixed", "hung", "paid twice", "leaked", "no words", "MiB at most")
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for name, one in tallies.items():
        counts = (one.rounds, one.kills, one.lost, one.mixed, one.hung, one.twice, one.leaked, one.broke)
        lines.append(f"| {name} | {' | '.join(f'{count:,}' for count in counts)} | {max(one.peaks, default=0)} |")
    return "\n".join(lines)


def drift(tallies: dict[str, Tally]) -> str:
    """Say how the memory of the killed commands' last quarter stands to that of the first."""
    peaks = tallies["kill"].peaks
    quarter = max(1, len(peaks) // 4)
    return f"memory, last quarter over first: {mean(peaks[-quarter:]) / mean(peaks[:quarter]):.3f}"


def _kills(tallies: dict[str, Tally]) -> int:
    return sum(one.kills for one in tallies.values())


def main() -> int:
    """Soak as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=19)
    chosen = parser.parse_args()
    began = time.monotonic()
    tallies = soak(chosen.minutes, chosen.kills, chosen.seed)
    print(table(tallies))
    print(
        f"{(time.monotonic() - began) / 60:.1f} minutes, {_kills(tallies)} kills, seed {chosen.seed}; {drift(tallies)}"
    )
    return 0 if all(one.sound for one in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
