"""What the harness costs, beside what else does the same, measured now on this machine: ``make bench``.

``--write docs/performance.md`` puts the table there, between its two marks. A peer is measured in the same run, and one
that is not installed has no row; other harnesses are measured where ``--python`` has them.
"""

import argparse
import datetime
import math
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import corruptions, metrics, peers  # modules, not classes: asv would find those here a second time
from benchmarks import overhead as costs

_MARKS: Final = ("<!-- bench -->\n", "<!-- /bench -->\n")


class Row(NamedTuple):
    """One thing that was measured."""

    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float = math.nan
    command: str = "make bench"

    def __str__(self) -> str:
        ratio = "" if math.isnan(self.theirs) else f"{_short(self.theirs / self.ours)} ×"
        theirs = "" if math.isnan(self.theirs) else f"{_short(self.theirs)} {self.unit}"
        return (
            f"| {self.what} | {_short(self.ours)} {self.unit} | {self.peer} | {theirs} | {ratio} | `{self.command}` |"
        )


def rows(python: str) -> Iterator[Row]:
    """Measure."""
    overhead, startup = costs.Overhead(), costs.Startup()
    found = overhead.setup_cache()
    ours = peers.Cost.of(found["small"], found["large"], 9_990)
    others = {name: peers.peer(python, *how, 10_000) for name, how in peers.PEERS.items()}
    for name, cost in {"": None, **others}.items():
        if cost or not name:
            theirs = (cost.cpu_ms, cost.bytes, cost.peak_mib) if cost else (math.nan,) * 3
            command = f"python -m benchmarks.peers{' --python …' if name else ''}"
            yield Row("a trivial sample, CPU", ours.cpu_ms, "ms", name, theirs[0], command)
            yield Row("a trivial sample, on disk", ours.bytes, "bytes", name, theirs[1], command)
            yield Row("10,000 trivial samples, peak memory", ours.peak_mib, "MiB", name, theirs[2], command)
    yield Row("CPU to the first sample", overhead.track_cpu_to_first_sample(found), "s")
    yield Row("`harness --help`, CPU", startup.track_help_cpu(), "s", "python -c pass", startup.track_bare_python_cpu())
    for one in (*metrics.text_comparisons(), *metrics.array_comparisons()):
        what = f"{one.name}, {one.rows:,} rows"
        yield Row(what, *_pair(*metrics.measured(one), one.peer_name), command="python -m benchmarks.metrics")
    times = corruptions.compare(sorted(corruptions.imagenet_c()), 2)
    own, theirs = (sum(column) for column in zip(*times.values(), strict=True))
    peer = "imagecorruptions" if not math.isnan(theirs) else ""
    what = "all corruptions of ImageNet-C, a picture and severity each, CPU"
    yield Row(what, own, "ms", peer, theirs, "python -m benchmarks.corruptions")


def _pair(ours: float, theirs: float, peer: str) -> tuple[float, str, str, float]:
    return ours * 1e3, "ms", "" if math.isnan(theirs) else peer, theirs * 1e3


def main() -> None:
    """Print the table, or write it into a page."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[0])
    asked.add_argument("--python", default=sys.executable, help="interpreter that has other harnesses")
    asked.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the marks of this page")
    chosen = asked.parse_args()
    machine = f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = f"{machine}, {datetime.datetime.now(datetime.UTC):%d %B %Y}, load {os.getloadavg()[0]:.0f}; times are CPU."
    lines = [head, "", "| what | here | peer | peer's | ratio | command |", "|---|---|---|---|---|---|"]
    for line in lines:
        print(line, flush=True)
    for row in rows(chosen.python):
        lines.append(str(row))
        print(row, flush=True)
    if chosen.write:
        before, mark, rest = chosen.write.read_text(encoding="utf-8").partition(_MARKS[0])
        _, end, after = rest.partition(_MARKS[1])
        if not (mark and end):
            sys.exit(f"{chosen.write} has no {_MARKS[0].strip()} … {_MARKS[1].strip()}")
        chosen.write.write_text(before + mark + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


def _short(value: float) -> str:
    """Return three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
