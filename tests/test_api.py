"""The front door: the command line's verbs as functions that print nothing."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

import harness
from harness import api
from harness.cli import compare, equivalent, gate, pick, run, score
from harness.comparison.identity import NoBaseline
from harness.errors import SpecError, UsageError
from harness.record import Run
from harness.registry import registry
from harness.shown import Shown
from harness.stats.draws import RESAMPLES
from harness.suite.adapters import read_adapter
from tests.test_layers import HEAVY, loaded_after

ROOT = Path(harness.__file__).resolve().parents[1]

SUITE = """\
suite: small
version: 1
datasets:
  charts: {type: charts, limit: 60}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  again: {kind: qa, dataset: charts, metrics: [exact_match]}
gates:
  - {metric: qa/relaxed_accuracy, max_drop: 0.1}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a suite and two adapters, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SUITE)
    for name, errors in (("good", 0), ("poor", 0.6)):
        Path(f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {errors}\n")
    return tmp_path


def made(adapter: str, **options: Any) -> Run:
    return harness.run("small.yaml", f"{adapter}.yaml", **{"report": False, **options})


@pytest.fixture
def baseline(run_here) -> Run:
    """The good adapter's run, saved as the baseline main."""
    good = made("good")
    assert run_here("baseline", "save", "main", good.folder).code == 0
    return good


def test_a_run_prints_nothing_and_lies_where_the_command_line_puts_it(capfd: pytest.CaptureFixture[str]) -> None:
    done = made("good", limit=5, only="qa", report=True)
    assert capfd.readouterr() == ("", "")
    assert done.folder.parent == Path("results/runs")
    assert (done.folder / "report.html").is_file()
    assert [*done.metrics] == ["qa/relaxed_accuracy"]
    assert done.metrics["qa/relaxed_accuracy"].n == 5


def test_suites_and_adapters_come_by_name_by_path_or_as_they_were_read() -> None:
    suite = harness.load_suite(Path("small.yaml"))
    done = harness.run(suite, Path("good.yaml"), limit=2, sample_ids=(), report=False)
    assert harness.load_suite(suite) is suite
    assert harness.load_suite("robustness").spec.suite == "robustness"
    assert done.record.suite.name == "small"
    assert harness.run(suite, read_adapter("mock"), limit=2, report=False).record.adapter.name == "mock"


def test_a_record_is_found_by_folder_by_a_part_of_its_id_and_as_the_newest() -> None:
    done = made("good", limit=2)
    found = [harness.load_run(name) for name in (done.folder, done.record.run_id[-6:], None)]
    assert [one.folder for one in found] == [done.folder] * 3
    assert harness.load_run(done) is done


def test_what_watches_hears_what_the_command_line_prints() -> None:
    heard: list[str] = []
    Path("choosy.py").write_text("def answer(image, prompt):\n    return 'red'\n")
    Path("choosy.yaml").write_text("adapter: choosy\ntype: python\ntarget: choosy.py:answer\nbatch_invariant: false\n")
    made("choosy", limit=4, batch_size=3, say=heard.append)
    made("good", limit=4, batch_size=3, say=heard.append)
    assert len(heard) == 1
    assert heard[0].startswith("a batch size of 3 is ignored: answers of choosy can depend on their batch")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, "limit must be 1 or more, not 0"),
        ({"batch_size": 10**9}, "batch_size must be"),
        ({"reducer": "majority"}, "it needs epochs of 2 or more"),
        ({"shard": "3"}, "a shard is written 3/8"),
        ({"executor": "thread"}, "executor must be one of local, process, ray, not 'thread'"),
        ({"only": "qq"}, "no task is called 'qq'"),
    ],
)
def test_an_impossible_option_is_a_usage_error_that_says_so(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made("good", **options)
    assert not Path("results").exists()


def test_mistakes_in_files_are_the_harness_s_own_exceptions() -> None:
    Path("wrong.yaml").write_text(SUITE.replace("version: 1", "version: one"))
    with pytest.raises(SpecError, match=r"wrong\.yaml:2"):
        harness.run("wrong.yaml", "mock")
    with pytest.raises(UsageError, match="roots count while a suite is read"):
        harness.load_suite(harness.load_suite("small.yaml"), roots=".")
    with pytest.raises(UsageError, match="no run in"):
        harness.load_run("nowhere")


def test_a_run_that_fails_comes_back_and_says_so() -> None:
    Path("faulty.py").write_text("def answer(image, prompt):\n    raise ValueError('no')\n")
    Path("faulty.yaml").write_text("adapter: faulty\ntype: python\ntarget: faulty.py:answer\n")
    done = made("faulty", limit=3)
    assert done.record.status == "failed"
    assert done.record.reason
    assert "small on faulty" in repr(done)
    assert "failed: " in repr(done).splitlines()[0]


def test_two_runs_are_compared_by_object_or_name() -> None:
    good, poor = made("good"), made("poor")
    found = harness.compare(good, poor.record.run_id, resamples=200)
    assert found.resamples == 200
    assert found.deltas[0].moved == "worse"
    with pytest.raises(UsageError, match="resamples must be 100 or more, not 1"):
        harness.compare(good, poor, resamples=1)


def test_a_gate_without_a_baseline_is_refused_before_anything_runs() -> None:
    with pytest.raises(NoBaseline, match="there is no baseline 'main'"):
        harness.gate("small.yaml", "good.yaml")
    assert not Path("results").exists()


@pytest.mark.usefixtures("baseline")
def test_a_gate_tells_a_poor_adapter_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plans: list[Any] = []
    good, poor = (harness.gate("small.yaml", f"{name}.yaml", planned=plans.append) for name in ("good", "poor"))
    assert capsys.readouterr() == ("", "")
    assert (good.verdict, poor.verdict) == ("pass", "fail")
    assert [plan.baseline.record.adapter.name for plan in plans] == ["good", "good"]


def test_a_run_that_was_made_is_judged_and_one_of_something_else_is_refused(baseline: Run) -> None:
    poor = made("poor", fresh=True)
    decision = harness.gate("small.yaml", "poor.yaml", candidate=poor, baseline=str(baseline.folder))
    assert decision.verdict == "fail"
    with pytest.raises(UsageError, match=r"is a run of adapter 'poor', not of 'good\.yaml'"):
        harness.gate("small.yaml", "good.yaml", candidate=poor)
    with pytest.raises(UsageError, match="leave out candidate and limit"):
        harness.gate("small.yaml", "poor.yaml", candidate=poor, sequential="10,20")


def test_stored_answers_are_scored_again() -> None:
    done = made("good", only=["qa"])
    again = harness.score(done, "relaxed_accuracy", tolerance=0.05)
    assert again["qa/clean"].value == done.metrics["qa/relaxed_accuracy"].value
    assert harness.score(done, "exact_match", variant="casefold", extract="final_answer")["qa/clean"].n == 60
    with pytest.raises(UsageError, match="unknown metric"):
        harness.score(done, "exact_mach")


def test_results_show_themselves_and_mark_what_is_simulated(baseline: Run) -> None:
    poor = made("poor")
    compared, decision = harness.compare(baseline, poor), harness.gate("small.yaml", "poor.yaml", candidate=poor,
                                                                       baseline=str(baseline.folder))  # fmt: skip
    value = poor.metrics["qa/relaxed_accuracy"]
    for shown in (repr(poor), poor._repr_html_()):
        assert "small on poor (simulated): complete" in shown
        assert f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]" in shown
    for shown in (repr(compared), compared._repr_html_()):
        assert "small: good (simulated) → poor (simulated)" in shown
        assert "worse" in shown
        assert "adjusted p" in shown
    for shown in (repr(decision), decision._repr_html_()):
        assert "small: poor (simulated) against good (simulated): FAIL" in shown
        assert "drop ≤ 0.1" in shown
    for one in (poor, compared, decision):
        assert "no model stands behind these numbers" in repr(one)
        assert "no model stands behind these numbers" in one._repr_html_()


def test_what_a_record_says_is_escaped_in_a_notebook_and_plain_on_a_terminal() -> None:
    done = made("good", limit=2)
    done.record = done.record.model_copy(update={"status": "failed", "reason": "<script>\x1b[31m"})
    assert "&lt;script&gt;" in done._repr_html_()
    assert "<script>" not in done._repr_html_()
    assert "\x1b" not in repr(done) + done._repr_html_()


def test_every_result_that_shows_itself_has_a_card() -> None:
    def kinds(of: type) -> Iterator[type]:
        for kind in of.__subclasses__():
            yield kind
            yield from kinds(kind)

    assert {kind.__name__ for kind in kinds(Shown)} == {*registry("cards").names()}


WATCHES = {"progress", "say", "planned", "advance"}
"""What a program hears, and a command line prints."""
MAKES = {"data", "fields"}
"""What makes a suite where there is none; a program gives it to ``load_suite``."""


@pytest.mark.parametrize(
    ("function", "command", "typed", "operands", "printing"),
    [
        (
            harness.run,
            run.command,
            "s -a m",
            {"adapter": "adapters"},
            {"as_json", "quiet", "profile", "dry_run"} | MAKES,
        ),
        (
            harness.compare,
            compare.command,
            "a b",
            {"candidate": "candidates"},
            {"format_", "out", "everything", "pattern"},
        ),
        (harness.equivalent, equivalent.command, "one other", {}, {"as_json", "quiet", "form", "out"}),
        (harness.gate, gate.command, "", {}, {"as_json", "quiet", "junit", "github", "github_dir", "why"}),
        (harness.pick, pick.command, "@1", {"run": "runs", "runs": "folder"}, {"as_json", "out"}),
        (harness.score, score.command, "", {}, {"as_json", "diff_variants", "against"}),
    ],
    ids=["run", "compare", "equivalent", "gate", "pick", "score"],
)
def test_options_have_the_command_line_s_names_and_defaults(
    function: Any, command: click.Command, typed: str, operands: dict[str, str], printing: set[str]
) -> None:
    mine = {operands.get(name, name): one.default for name, one in inspect.signature(function).parameters.items()}
    theirs = command.make_context("harness", typed.split()).params
    assert mine.keys() - WATCHES == theirs.keys() - printing
    for name, default in mine.items():
        if name not in WATCHES and default is not inspect.Parameter.empty:
            assert theirs[name] == default, name
    assert mine.get("resamples", RESAMPLES) == RESAMPLES


def test_importing_the_package_is_light_and_its_front_door_opens_when_it_is_used() -> None:
    assert (
        loaded_after("import harness", (*HEAVY, "numpy", "pyarrow", "PIL", "pydantic", "yaml", "rich", "click"))
        == set()
    )
    assert loaded_after("import harness\nharness.load_run", HEAVY) == set()
    assert [name for name in harness.__all__ if not hasattr(harness, name)] == []
    assert {*harness.__all__} - {"__version__"} == {*api.__all__}
    assert {*harness.__all__} <= {*dir(harness)}
    with pytest.raises(AttributeError, match="no attribute 'runs'"):
        harness.runs  # noqa: B018


@pytest.mark.parametrize("face", sorted(harness._FACES))
def test_a_face_is_there_without_an_import_of_its_own(face: str) -> None:
    assert loaded_after(f"import harness\nassert harness.{face}.__all__", HEAVY) == set()
    assert [
        name for name in import_module(f"harness.{face}").__all__ if not hasattr(getattr(harness, face), name)
    ] == []


def test_the_page_on_the_front_door_runs_and_names_every_function_and_face() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 2
    scope: dict[str, Any] = {}
    for block in blocks:
        exec(block, scope)  # noqa: S102 - our own page
    for name in {*harness.__all__} - {"__version__"}:
        assert f"harness.{name}(" in page
    for face in harness._FACES:
        assert f"`harness.{face}`" in page


def test_metrics_and_changes_are_data_frames_with_the_numbers_of_the_record(baseline: Run, monkeypatch) -> None:
    frame = baseline.frame().set_index(["task", "metric"])
    for name, metric in baseline.metrics.items():
        task, _, key = name.partition("/")
        assert frame.loc[(task, key), "value"] == metric.value
        assert frame.loc[(task, key), "n"] == metric.n
    changes = harness.compare(baseline, baseline).frame()
    assert (changes["change"].dropna() == 0).all()
    assert (changes["low"].dropna() <= 0).all()
    assert set(changes["moved"]) == {""}
    monkeypatch.setattr("harness.record.folder.find_spec", lambda name: None)
    for call in (baseline.frame, baseline.samples, harness.compare(baseline, baseline).frame):
        with pytest.raises(UsageError, match="needs pandas: pip install 'pandas>="):
            call()
