"""The guides of the docs, as a reader follows them: files off the page, used from outside the repository."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from harness import load_run
from harness.registry import registry
from tests import programs
from tests.conftest import ROOT, Done

LONGEST = 60
"""Lines that a plug-in may have."""

_BLOCK = re.compile(r"`(?P<name>[\w.]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)```", re.DOTALL)
_SHOWN = re.compile(r"```text\n(.*?)```", re.DOTALL)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a page's files into a folder of their own, as `pip install` would leave them, and work there."""

    def go(name: str) -> Path:
        files = {found["name"]: found["text"] for found in _BLOCK.finditer(page(name))}
        for file, text in files.items():
            (tmp_path / file).write_text(text, encoding="utf-8")
        project = tomllib.loads(files["pyproject.toml"])["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        told = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(told, encoding="utf-8")
        groups = project["entry-points"].items()
        lines = [line for group, names in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in names.items()))]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        for group in project["entry-points"]:
            monkeypatch.setattr(registry(group.removeprefix("harness.")), "_found", None)
        for adapter, errors in (("good", 0.02), ("poor", 0.4)):
            (tmp_path / f"{adapter}.yaml").write_text(f"adapter: {adapter}\ntype: mock\nerror_rate: {errors}\n")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return go


@pytest.mark.parametrize(("name", "module"), [("own-task.md", "doubt.py"), ("own-dataset.md", "table_rows.py")])
def test_a_plug_in_is_short_and_needs_nothing_but_the_faces(name: str, module: str) -> None:
    (code,) = (found["text"] for found in _BLOCK.finditer(page(name)) if found["name"] == module)
    assert len(code.splitlines()) <= LONGEST
    assert not re.search(r"interval|bootstrap|estimate|statistic|scipy|numpy", code, re.IGNORECASE)
    faces = {"harness.tasks", "harness.data", "harness.errors"}
    assert set(re.findall(r"from (harness[\w.]*) import", code)) <= faces


def test_a_task_kind_of_ones_own_has_numbers_slices_gates_and_a_history(follow, run_here: Callable[..., Done]) -> None:
    folder = follow("own-task.md")
    asked, failed = _SHOWN.findall(page("own-task.md"))
    assert "ok; 1 tasks, 2 cells, 2 gates" in run_here("validate", "doubts.yaml").out

    good = run_here("run", "doubts.yaml", "-a", "good.yaml", "-q", "--no-report")
    assert good.code == 0, good.err
    assert all(line in good.out for line in asked.splitlines())
    assert run_here("baseline", "save", "main").code == 0

    poor = run_here("gate", "doubts.yaml", "-a", "poor.yaml", "-q")
    assert (poor.code, poor.out.splitlines()[-1]) == (1, "verdict: FAIL"), poor.err
    assert all(line in poor.out for line in failed.splitlines())
    planned = "planned: sure/relaxed_accuracy[doubted][style=vbar-light]: n = 25, detects a drop of "
    assert planned in poor.err
    again = run_here("gate", "doubts.yaml", "-a", "good.yaml", "-q")
    assert (again.code, again.out.splitlines()[-1]) == (0, "verdict: PASS"), again.err

    made = [run for run in (folder / "results" / "runs").iterdir() if run.is_dir()]
    first, second, _ = sorted(made, key=lambda run: run.stat().st_mtime)
    (shown,) = json.loads(run_here("compare", first, second, "--json").out)
    compared = {one["metric"]: one for one in shown["metrics"]}
    doubted = compared["relaxed_accuracy[doubted]"]
    assert doubted["comparison"]["p_less"] < 0.001
    assert len(compared) == 2 * (1 + 8)


def test_a_second_answer_is_kept_scored_again_and_remembered(follow, run_here: Callable[..., Done]) -> None:
    folder = follow("own-task.md")
    git = [programs.git(), "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(folder)]
    settings = {"version": 1, "project": "p", "repo": ".", "branches": ["main"], "results_dir": "results/asv"}
    (folder / "asv.conf.json").write_text(json.dumps(settings))
    (folder / ".gitignore").write_text("results/\n__pycache__/\n")
    for command in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", "A kind"]):
        subprocess.run([*git, *command], check=True)
    assert run_here("run", "doubts.yaml", "-a", "poor.yaml", "-q", "--no-report").code == 0

    (run,) = (folder / "results" / "runs").iterdir()
    samples = load_run(run).samples()
    second = samples[samples["cell"] == "doubted"].iloc[0]
    parts = json.loads(second["parts"])
    assert [part["part"] for part in parts] == ["", "doubt"]
    assert f"Your answer was {parts[0]['response']}. Are you sure?" in parts[1]["prompt"]
    assert second["response"] == parts[1]["response"]

    scored = json.loads(run_here("score", run, "-m", "relaxed_accuracy", "--json").out)["cells"]
    record = load_run(run).record.tasks["sure"].metrics
    assert scored["sure/doubted"]["value"] == record["relaxed_accuracy[doubted]"].value

    assert run_here("history", "record", run).code == 0
    (file,) = (folder / "results" / "asv").glob("*/*-harness.json")
    (series,) = json.loads(file.read_text())["results"].values()
    assert series[0][0] == pytest.approx(1 - record["relaxed_accuracy[asked]"].value)
    assert any("doubted" in name for name in series[1][1])


def test_a_kind_is_found_by_its_entry_point_and_what_is_wrong_is_told_at_its_line(follow, run_here, run_apart) -> None:
    folder = follow("own-task.md")
    listed = run_apart("list", "tasks", cwd=folder, env={"PYTHONPATH": f"{ROOT}:{folder}"})
    assert "Asks every question once, and once more with a doubt after it." in listed.out
    text = (folder / "doubts.yaml").read_text()
    wrong = text.replace("dataset: charts\n", "dataset: chart\n    doubts: x\n").replace("[style]", "[]")
    (folder / "wrong.yaml").write_text(wrong)
    told = run_here("validate", "wrong.yaml")
    assert told.code == 2
    assert "wrong.yaml:9:5: unknown key 'doubts'" in told.err
    (folder / "wrong.yaml").write_text(text.replace("dataset: charts\n", "dataset: chart\n"))
    assert "wrong.yaml:8:14: no dataset is called 'chart'" in run_here("validate", "wrong.yaml").err


def test_a_dataset_of_ones_own_is_asked_about_sliced_and_checked(follow, run_here: Callable[..., Done]) -> None:
    folder = follow("own-dataset.md")
    rows = ["question,answer,image,style,choices"]
    for i, name in enumerate(("red", "green", "blue", "red", "green", "blue")):
        Image.new("RGB", (8, 8), name).save(folder / f"{i}.png")
        rows.append(f"Which colour,{name},{i}.png,{'flat' if i < 3 else 'dull'},red|green|blue")
    rows.append("Which colour,red,gone.png,dull,red|green|blue")
    (folder / "rows.csv").write_text("\n".join(rows))
    done = run_here("run", "tables.yaml", "-a", "good.yaml", "-q", "--no-report")
    assert done.code == 3, done.err  # the last picture is gone
    (run,) = (folder / "results" / "runs").iterdir()
    found = load_run(run).record.tasks["qa"].metrics
    assert {name: metric.n for name, metric in found.items()} == {
        "exact_match": 7,
        "exact_match[style=flat]": 3,
        "exact_match[style=dull]": 4,
    }
    samples = load_run(run).samples()
    assert samples["prompt"].iloc[0] == "Which colour red, green, blue?"
    assert "there is no such file" in samples["error"].iloc[6]
    suite = folder / "tables.yaml"
    suite.write_text(suite.read_text().replace("[exact_match]", "[{metric: iou, frame: unit}]"))
    assert "tables.yaml:10:15: metric 'iou' with frame: unit" not in run_here("validate", "tables.yaml").err
    suite.write_text(suite.read_text().replace("rows.csv", "row.csv"))
    assert f"tables.yaml:4:34: there is no file {folder / 'row.csv'}" in run_here("validate", "tables.yaml").err


def test_the_example_of_labels_works_as_its_page_says(follow_labels, run_apart) -> None:
    folder = follow_labels
    for adapter in ("good.yaml", "poor.yaml"):
        made = run_apart("run", "chart_values.yaml", "-a", adapter, "-q", "--no-report", "-n", "120", cwd=folder)
        assert made.code in (0, 3), made.err
    code = "import runpy, sys; sys.argv = ['label_by_truth.py', '15']; runpy.run_path('label_by_truth.py')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    done = run_apart("compare", "@2", "@1", cwd=folder)
    assert "by labels" in done.out, done.err
    assert "15 of " in done.out
    compile((folder / "damage.py").read_text(), "damage.py", "exec")


@pytest.fixture
def follow_labels(tmp_path: Path) -> Path:
    """The files of the page on labels, and two simulated adapters in place of the model and its twin."""
    for found in _BLOCK.finditer(page("labels.md")):
        (tmp_path / found["name"]).write_text(found["text"], encoding="utf-8")
    for adapter, errors in (("good", 0.02), ("poor", 0.4)):
        (tmp_path / f"{adapter}.yaml").write_text(f"adapter: {adapter}\ntype: mock\nerror_rate: {errors}\n")
    return tmp_path
