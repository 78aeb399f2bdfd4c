"""``harness equivalent``: what a reader of the terminal, of JSON and of the page is told."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Done

SUITE = """\
suite: charts
version: 1
datasets:
  charts: {type: charts, limit: 60}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""
SMALLER = f"""\
adapter: smaller
type: onnx
model: {ROOT}/fixtures/tiny-qwen2-vl
max_pixels: 9000
"""


@pytest.fixture
def folder(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    write("charts.yaml", SUITE)
    file = write("smaller.yaml", SMALLER)
    monkeypatch.chdir(file.parent)
    return file.parent


def test_a_command_in_its_own_process_names_the_stage_and_exits_1(folder: Path, run_apart: Callable[..., Done]) -> None:
    done = run_apart(
        *("equivalent", "onnx-fp32", "smaller.yaml", "--suite", "charts.yaml", "-n", "12", "--margin", "0.2"),
        *("--json", "--out", "parted.html"),
        cwd=folder,
    )
    assert done.code == 1, done.err
    found = json.loads(done.out)
    assert (found["verdict"], found["first_parted"]) == ("not equivalent", "image size")
    assert [stage["state"] for stage in found["stages"]][:3] == ["parted", "not compared", "equal"]
    assert found["agreement"]["n"] == 12
    page = (folder / "parted.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 2  # of other sizes there is no difference to draw
    assert "First parted: image size." in page
    assert "://" not in page  # nothing is fetched


def test_the_terminal_shows_the_stages_in_order_and_the_verdict_last(
    folder: Path, run_here: Callable[..., Done]
) -> None:
    done = run_here("equivalent", "onnx-fp32", "onnx-fp32", "--suite", "charts.yaml", "--margin", "0.2", "-q")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    named = [line.split("  ")[0] for line in lines[2:10]]
    assert named == [
        *("image size", "image pixels", "prompt text", "prompt tokens", "image tokens"),
        *("logits", "answer", "parsed answer"),
    ]
    assert lines[-1].startswith("equivalent at ±0.2 in answers (0.0% differ, 90% interval 0.0% to ")


def test_too_few_samples_exit_3_and_simulated_answers_are_marked(folder: Path, run_here: Callable[..., Done]) -> None:
    done = run_here("equivalent", "mock", "mock", "--suite", "charts.yaml", "-n", "5", "-q")
    assert done.code == 3, done.err
    assert done.out.startswith("A mock, B mock (simulated): charts/qa")
    assert "149 samples would suffice" in done.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("onnx-fp32", "onnx-int8"), "--suite SUITE, or --data FILE"),
        (("onnx-fp32", "mock", "--suite", "charts.yaml"), "one of onnx-fp32 and mock is simulated and the other real"),
        (("mock", "mock", "--suite", "charts.yaml", "--head"), "--head says which samples --limit takes"),
        (("mock", "mock", "--suite", "charts.yaml", "--task", "qs"), "has no task 'qs'"),
        (("mock", "no-such", "--suite", "charts.yaml"), "unknown adapter 'no-such'"),
        (("mock", "mock", "--data", "gone.jsonl"), "there is no file gone.jsonl"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_and_exits_2(
    folder: Path, run_here: Callable[..., Done], arguments: tuple[str, ...], said: str
) -> None:
    done = run_here("equivalent", *arguments, "-q")
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert said in done.err


FENCES = re.compile(r"```(yaml|console)\n(.*?)```", re.DOTALL)


def test_the_page_of_the_documents_prints_what_the_command_prints(folder: Path, run_here: Callable[..., Done]) -> None:
    page = (ROOT / "docs" / "equivalent.md").read_text(encoding="utf-8")
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    blocks = FENCES.findall(page)
    for kind, text in blocks:
        name = re.match(r"# (\S+\.yaml)\n", text)
        if kind == "yaml" and name:
            (folder / name[1]).write_text(text, encoding="utf-8")
    checked = 0
    for kind, text in blocks:
        command, _, shown = text.partition("\n")
        if kind != "console" or not shown.startswith("A "):
            continue
        done = run_here(*command.removeprefix("$ harness ").split())
        printed = [" ".join(line.split()) for line in done.out.splitlines()]
        for line in shown.splitlines():
            # How large float noise is hangs on the machine.
            if not line.startswith("logits ") and "…" not in line:
                assert " ".join(line.split()) in printed, done.out
        checked += 1
    assert checked >= 2
