"""Gates on numbers that are no plain mean over all samples: each decides, or is refused when the suite is read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done

SUITE = """\
suite: kinds
version: 1
seed: 3
datasets:
  charts: {type: charts, limit: 240}
  clips: {type: evolving_charts, limit: 40, events: [when_higher]}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match], slices: [style]}
  yes: {kind: qa, dataset: charts, metrics: [pope_yes_ratio]}
  blind: {kind: blind, of: qa, controls: [blank]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}
  load: {kind: serving, dataset: charts, loads: [0.5], requests: 20, search: 3}
  when: {kind: temporal, dataset: clips, frames: 2, extract: [], metrics: [exact_match], controls: []}
gates:
"""
DROPS = {
    "qa/exact_match[style=vbar-light]": 0.3,
    "blind/blind_gap[blank]": 0.1,
    "when/exact_match": 0.1,
}
ADAPTER = "adapter: {name}\ntype: mock\nerror_rate: {errors}\nerror_per_severity: {more}\n"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here: Callable[..., Done]) -> Callable[..., Done]:
    """Run a command of the CLI on the suite with some gates, beside a model that is good and one that is poor."""
    monkeypatch.chdir(tmp_path)
    for name, errors, more in (("good", 0.02, 0.15), ("poor", 0.5, 0.05)):
        Path(f"{name}.yaml").write_text(ADAPTER.format(name=name, errors=errors, more=more))

    def go(command: str, gates: str, *more: object) -> Done:
        Path("kinds.yaml").write_text(SUITE + gates)
        return run_here(command, "kinds.yaml", *more)

    return go


def test_slices_gaps_and_a_tasks_own_metric_decide_and_say_their_n_before(asked, run_here) -> None:
    gates = "".join(f"  - {{metric: '{name}', max_drop: {drop}}}\n" for name, drop in DROPS.items())
    only = ("--only", "qa", "--only", "blind", "--only", "when", "-q")
    planned = asked("run", gates, "-a", "good.yaml", "--dry-run").out
    assert "gate on qa/exact_match[style=vbar-light]: n = 30, detects a drop of 0." in planned
    assert "gate on when/exact_match: n = 40, detects a drop of 0." in planned
    for adapter in ("good", "poor"):
        assert asked("run", gates, "-a", f"{adapter}.yaml", "--no-report", *only).code == 0
    good, poor = (str(*Path("results/runs").glob(f"kinds-{name}-*")) for name in ("good", "poor"))
    assert run_here("baseline", "save", "main", good).code == 0

    def verdicts(adapter: str, candidate: str) -> tuple[int, dict[str, str]]:
        done = asked("gate", gates, "-a", f"{adapter}.yaml", "--candidate", candidate, "--json", "-q")
        return done.code, {gate["metric"]: gate["verdict"] for gate in json.loads(done.out)["gates"]}

    assert verdicts("good", good) == (0, dict.fromkeys(DROPS, "pass"))
    assert verdicts("poor", poor) == (1, dict.fromkeys(DROPS, "fail"))


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("sweep/breaking_severity[brightness]", "an interval of its difference would lie"),
        ("yes/pope_yes_ratio", "no way of it is better"),
        ("load/max_rate", "a search found it"),
    ],
)
def test_what_has_no_test_is_refused_at_its_line(asked, metric: str, why: str) -> None:
    told = asked("validate", f"  - {{metric: '{metric}', max_drop: 0.1}}\n")
    assert told.code == 2
    line = len(SUITE.splitlines()) + 1
    (said,) = [one for one in told.err.splitlines() if f"kinds.yaml:{line}:" in one]
    assert f"{metric} cannot be tested against a baseline: " in said
    assert why in said


def test_runs_with_epochs_compare_as_their_records_say_and_can_be_gated(asked, run_here) -> None:
    gates = "  - {metric: qa/exact_match, max_drop: 0.05}\n"
    more = ("--only", "qa", "--epochs", 3, "--reducer", "majority", "--no-report", "-q")
    for adapter in ("good", "poor"):
        done = asked("run", gates, "-a", f"{adapter}.yaml", *more)
        assert done.code == 0, done.err
    good, poor = (Path(*Path("results/runs").glob(f"kinds-{name}-*")) for name in ("good", "poor"))
    (compared,) = json.loads(run_here("compare", good, poor, "--json").out)
    (found,) = [one for one in compared["metrics"] if (one["task"], one["metric"]) == ("qa", "exact_match")]
    record = {
        side: json.loads((run / "run.json").read_text())["tasks"]["qa"]["metrics"]["exact_match"]["value"]
        for side, run in (("before", good), ("after", poor))
    }
    assert {side: found[side] for side in record} == pytest.approx(record)
    assert run_here("baseline", "save", "main", good).code == 0
    for adapter, run, code in (("good", good, 0), ("poor", poor, 1)):
        assert asked("gate", gates, "-a", f"{adapter}.yaml", "--candidate", run, "-q").code == code
