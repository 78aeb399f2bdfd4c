"""Which runs are frozen, and how they are made: through the command line, the door that users have."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

from harness.cli import invoke
from tests.golden.record import Frozen, frozen_comparison, frozen_run

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_SHIPPED = ROOT / "suites"
_ADAPTERS = ROOT / "adapters"


@dataclass(frozen=True)
class Case:
    """A run, and what is asked of it."""

    name: str
    suite: Path
    adapter: Path
    options: tuple[str, ...] = ("--limit", "20", "--head")
    timed: bool = False
    """It measures time: only names, counts, directions and units are frozen."""
    compared_only: bool = False
    """It is one side of a pair, and has no file of its own."""


@dataclass(frozen=True)
class Pair:
    """Two runs to compare, by the names of their cases; the gates are those of the candidate's suite."""

    name: str
    baseline: str
    candidate: str


def _shipped(suite: str, adapter: str) -> Case:
    return Case(f"{suite}-{adapter}", _SHIPPED / f"{suite}.yaml", _ADAPTERS / f"{adapter}.yaml")


_MOCK = ("robustness", "robustness_documents", "robustness_full", "chart_qa", "easy_vqa", "guard", "temporal")
_MODEL = ("robustness", "chart_qa", "ood")
_EPOCHS = ("--only", "words", "--epochs", "3", "--reducer", "majority")
CASES = (
    *(_shipped(suite, "mock") for suite in _MOCK),
    *(_shipped(suite, "onnx-int8") for suite in _MODEL),
    Case("robustness-worse", _SHIPPED / "robustness.yaml", HERE / "worse.yaml", compared_only=True),
    Case("chart_qa-worse", _SHIPPED / "chart_qa.yaml", HERE / "worse.yaml", compared_only=True),
    Case("kinds-mock", HERE / "kinds.yaml", _ADAPTERS / "mock.yaml", ()),
    Case("kinds-worse", HERE / "kinds.yaml", HERE / "worse.yaml", (), compared_only=True),
    Case("epochs-wavering", HERE / "kinds.yaml", HERE / "wavering.yaml", _EPOCHS),
    Case("features-onnx-int8", HERE / "features.yaml", _ADAPTERS / "onnx-int8.yaml", ()),
    Case("timed-wavering", HERE / "timed.yaml", HERE / "wavering.yaml", (), timed=True),
)
RUNS = tuple(case.name for case in CASES)
PAIRS = (
    Pair("compare-robustness", "robustness-mock", "robustness-worse"),
    Pair("compare-chart_qa", "chart_qa-mock", "chart_qa-worse"),
    Pair("compare-kinds", "kinds-mock", "kinds-worse"),
)
NAMES = (*(case.name for case in CASES if not case.compared_only), *(pair.name for pair in PAIRS))


class Runs:
    """Makes each run once, below a folder, and says what is frozen of it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._made: dict[str, Path] = {}

    def frozen(self, name: str) -> Frozen:
        """Return what is frozen under a name of `NAMES`, as the code gives it now."""
        for pair in PAIRS:
            if pair.name == name:
                return self._compared(pair)
        return frozen_run(self.folder(name), _case(name).timed)

    def folder(self, name: str) -> Path:
        """Return the folder of a run, which is made where it was not asked for before."""
        if name not in self._made:
            case, out = _case(name), self._out / name
            ask = ("--adapter", case.adapter, "--out", out, "--no-report", "--quiet", *case.options)
            _harness("run", case.suite, *ask)
            (self._made[name],) = (file.parent for file in out.glob("*/run.json"))
        return self._made[name]

    def _compared(self, pair: Pair) -> Frozen:
        baseline, candidate = self.folder(pair.baseline), self.folder(pair.candidate)
        case = _case(pair.candidate)
        compared = _harness("compare", baseline, candidate, "--json")
        judge = ("--adapter", case.adapter, "--baseline", baseline, "--candidate", candidate, "--json", "--quiet")
        return frozen_comparison(json.loads(compared), json.loads(_harness("gate", case.suite, *judge)))


def file_of(name: str) -> Path:
    """Return the file that holds what was frozen under a name."""
    return HERE / f"{name}.json"


def read(name: str) -> Frozen:
    """Return what was frozen under a name."""
    frozen: Frozen = json.loads(file_of(name).read_text(encoding="utf-8"))
    return frozen


def _case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def _harness(*arguments: object) -> str:
    """Run a command; return its standard output.

    Raises:
        RuntimeError: It ended as wrong use or a failed run, and not with what gates may say.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(invoke([str(argument) for argument in arguments]))
    if code not in {0, 1, 3}:
        raise RuntimeError(f"harness {' '.join(map(str, arguments))}: exit {code}\n{err.getvalue()}{out.getvalue()}")
    return out.getvalue()
