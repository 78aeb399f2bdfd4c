"""Faults that are built into the repository's own model don't pass the gates of the shipped suites.

Here they are tried on the first 200 charts of ``robustness``. ``HARNESS_LONG=1`` tries them on all of the charts of
``robustness`` and ``chart_qa``, some minutes; ``python -m tests.gates.test_planted`` prints what became of them.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.comparison.decide import Decision
from harness.record import Run
from harness.suite.select import Selection
from tests.gates.planted import FAULTS, Fault, planted

LONG = os.environ.get("HARNESS_LONG") == "1"
TASKS = {
    "robustness": ("chart-qa", "mismatched-control") if LONG else ("chart-qa",),
    "chart_qa": ("chart-qa", "mild-shift", "blind"),
}
LIMIT = None if LONG else 200
SUITES = ("robustness", "chart_qa") if LONG else ("robustness",)


class Gates:
    """Runs of faulty models beside one of the sound model, and what the suites' gates say of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound: dict[str, Run] = {}

    def decision(self, suite: str, name: str, fault: Fault) -> Decision:
        """Run a model and judge it by a suite's gates against the sound one."""
        if suite not in self._sound:
            self._sound[suite] = self._run(suite, "sound", Fault())
        made = self._run(suite, name, fault) if name in FAULTS else self._sound[suite]
        choice = planted(name, fault, self._folder)
        selected = Selection(TASKS[suite]).apply(harness.load_suite(suite))
        baseline = str(self._sound[suite].folder)
        return harness.gate(selected, choice, baseline=baseline, candidate=made, block=True)

    def _run(self, suite: str, name: str, fault: Fault) -> Run:
        choice = planted(name, fault, self._folder)
        out = self._folder / "runs" / suite
        return harness.run(suite, choice, only=TASKS[suite], limit=LIMIT, out=out, report=False, fresh=True)


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    return Gates(tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("suite", SUITES)
def test_the_sound_model_passes(gates: Gates, suite: str) -> None:
    found = gates.decision(suite, "sound", Fault())
    assert found.verdict == "pass", [judged.gate for judged in found.gates]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_or_left_open_and_never_passes(gates: Gates, suite: str, name: str) -> None:
    found = gates.decision(suite, name, FAULTS[name])
    assert found.verdict in {"fail", "inconclusive", "error"}, [judged.gate for judged in found.gates]
    assert found.exit_code != 0


def table() -> Iterator[str]:
    """Yield the lines of a table of what became of every fault."""
    yield "| suite | fault | verdict | relaxed accuracy | exact match |"
    yield "|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        gates = Gates(Path(folder))
        for suite in SUITES:
            for name, fault in {"sound": Fault(), **FAULTS}.items():
                found = gates.decision(suite, name, fault)
                told = found.compared.deltas if found.compared else ()
                moved = {one.metric: f"{one.after - one.before:+.3f}" for one in told if one.task == "chart-qa"}
                numbers = [moved.get(metric, "") for metric in ("relaxed_accuracy", "exact_match")]
                yield f"| {suite} | {name} | {found.verdict} | {' | '.join(numbers)} |"


if __name__ == "__main__":
    for line in table():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
