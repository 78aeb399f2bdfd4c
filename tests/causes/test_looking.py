"""A model that answers from the question alone looks perfect on the questions, and not with other samples' images."""

import json
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.causes.looking import looking
from harness.causes.planning import Options, prepare
from harness.report.layer_rows import sight

SUITE = """\
suite: greys
version: 1
seed: 3
datasets:
  greys: {type: jsonl, path: greys.jsonl}
tasks:
  grey: {kind: qa, dataset: greys, prompt: "{{ question }}", metrics: [exact_match]}
"""
MODEL = '''\
"""Names the grey of a picture by looking, by heart, or by looking at the even ones alone."""
def answer(prompt, images, eyes="all"):
    number = int(prompt.split()[1])
    by_heart = 7 * number % 5
    looks = eyes == "all" or (eyes == "some" and number % 2 == 0)
    return f"grey {round(images[0].convert('L').getpixel((0, 0)) / 50) if looks else by_heart}"
'''
ADAPTER = "adapter: NAME\ntype: python\ntarget: model.py:answer\noptions: {eyes: NAME}\n"
COUNT = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    rows = []
    for i in range(COUNT):
        grey = 7 * i % 5
        Image.new("L", (8, 8 + i), 50 * grey).save(f"{i}.png")
        rows.append({"id": f"g{i}", "question": f"Picture {i} is?", "answer": f"grey {grey}", "image": f"{i}.png"})
    Path("greys.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE)
    Path("model.py").write_text(MODEL)
    for name in ("all", "some", "none"):
        Path(f"{name}.yaml").write_text(ADAPTER.replace("NAME", name))
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "expected", "said"),
    [
        ("all", "none", "looks no longer", "NO LONGER LOOKS"),
        ("all", "some", "looks less", "looks less than it did"),
        ("all", "all", "looks", "still looks"),
        ("none", "all", "did not look", "not even the float model"),
    ],
)
def test_a_twin_that_knows_all_answers_by_heart_is_told_from_one_that_looks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, expected: str, said: str
) -> None:
    runs = []
    for name in (before, after):
        monkeypatch.setattr("sys.argv", ["harness", "run", "suite.yaml", "-a", f"{name}.yaml"])
        runs.append(harness.run("suite.yaml", f"{name}.yaml", report=False))
    assert [run.record.tasks["grey"].metrics["exact_match"].value for run in runs] == [1.0, 1.0]
    options = Options(suite=Path("suite.yaml"), adapter=f"{after}.yaml", before=f"{before}.yaml")
    found = looking(prepare(runs[0], runs[1], options), options)
    assert found.sight == expected
    assert sight(found).startswith(said) or said in sight(found)
    assert (found.after.n, found.before.n) == (COUNT, COUNT)
    if after == "none":
        assert found.after.value == 0.0
        assert found.change.high < 0


def test_a_limited_run_is_asked_about_its_own_samples_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for name in ("all", "none"):
        monkeypatch.setattr("sys.argv", ["harness", "run", "suite.yaml", "-a", f"{name}.yaml"])
        runs.append(harness.run("suite.yaml", f"{name}.yaml", report=False, limit=12))
    options = Options(suite=Path("suite.yaml"), adapter="none.yaml", before="all.yaml")
    assert looking(prepare(runs[0], runs[1], options), options).after.n == 12
