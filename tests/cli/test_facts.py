"""Facts from the data to the score, on the command line: boxes in every frame, prompts, needs that are not met."""

import json
from pathlib import Path

import pytest
from PIL import Image

from harness.facts import FRAMES, Y_FIRST
from harness.record import Run

SIZE, RESIZED = (400, 200), (896, 448)
RIGHT, SAID = (40, 20, 200, 100), (40, 20, 200, 80)
"""In pixels; their IoU is .75."""
WHOLE = {"pixel": SIZE, "unit": (1, 1), "per-mille": (1000, 1000), "per-mille-999": (999, 999), "resized": RESIZED}
ECHO = "def answer(prompt, images):\n    return prompt\n"


def in_frame(box: tuple[int, ...], frame: str, y_first: bool) -> list[float]:
    """The box in other numbers, as the definition of the frame says."""
    x0, y0, x1, y1 = (number * WHOLE[frame][i % 2] / SIZE[i % 2] for i, number in enumerate(box))
    return [y0, x0, y1, x1] if y_first else [x0, y0, x1, y1]


def named(frame: str, y_first: bool) -> str:
    return f"{frame}{Y_FIRST}" if y_first else frame


def said(frame: str, y_first: bool) -> str:
    """The name of the fact that holds the answer in a frame."""
    return f"said_{frame}_{y_first}".replace("-", "_")


EVERY = [(frame, y_first) for frame in FRAMES for y_first in (False, True)]


@pytest.fixture
def run(write, run_here, tmp_path: Path):
    """Run a suite on a model that repeats its prompt."""
    Image.new("RGB", SIZE).save(tmp_path / "image.png")
    write("echo.py", ECHO)
    adapter = write("echo.yaml", "adapter: echo\ntype: python\ntarget: echo.py:answer\n")

    def go(suite: str, rows: list[dict]) -> Run:
        write("rows.jsonl", "\n".join(json.dumps(row) for row in rows))
        file = write("suite.yaml", suite)
        checked = run_here("validate", file)
        assert checked.code == 0, checked.err
        done = run_here("run", file, "-a", adapter, "--out", tmp_path / "runs", "--no-report", "--quiet")
        assert done.code == 0, done.err
        (folder,) = (tmp_path / "runs").iterdir()
        return Run(folder)

    return go


HEAD = "suite: boxes\nversion: 1\ndatasets:\n  rows: {type: jsonl, path: rows.jsonl}\ntasks:\n"


def test_boxes_in_each_frame_give_the_same_iou_whatever_frame_the_references_are_in(run, run_here) -> None:
    rows = [
        {
            "id": named(frame, y_first),
            "question": "Where?",
            "answer": json.dumps(in_frame(RIGHT, frame, y_first)),
            "image": "image.png",
            "frame": named(frame, y_first),
            "resized": RESIZED,
            "facts": {said(f, y): in_frame(SAID, f, y) for f, y in EVERY},
        }
        for frame, y_first in EVERY
    ]
    tasks = [
        f"  {named(frame, y_first)}: {{kind: qa, dataset: rows, prompt: '{{{{ facts.{said(frame, y_first)} }}}}', "
        f"metrics: [{{metric: iou, frame: {frame}, order: {'yxyx' if y_first else 'xyxy'}}}, "
        f"{{metric: giou, frame: {named(frame, y_first)}}}, "
        f"{{metric: pointing_accuracy, frame: {named(frame, y_first)}}}]}}\n"
        for frame, y_first in EVERY
    ]
    table = run(HEAD + "".join(tasks), rows).table()
    assert len(table) == len(EVERY) ** 2
    assert table["score.iou"].to_pylist() == pytest.approx([0.75] * len(table))
    assert table["score.giou"].to_pylist() == pytest.approx([0.75] * len(table))
    assert table["score.pointing_accuracy"].to_pylist() == [1.0] * len(table)


ROW = {"id": "a", "question": "[0.1, 0.1, 0.5, 0.4]", "answer": str(list(RIGHT)), "image": "image.png"}


def test_scoring_again_sees_the_size_that_scoring_saw(run, run_here) -> None:
    """Wrong frame first: the answer is refused aloud, and the stored run is enough to put it right."""
    done = run(HEAD + "  qa: {kind: qa, dataset: rows, metrics: [iou]}\n", [ROW])
    (row,) = done.table().to_pylist()
    assert json.loads(row["facts"]) == {"size": list(SIZE)}
    assert (row["status.iou"], row["score.iou"]) == ("unparsed", None)
    assert row["error"] == (
        "metric 'iou' cannot read the answer in the frame pixel: all its numbers lie in 0 to 1, which is a dot"
    )
    again = run_here("score", done.folder, "-m", "iou", "--param", "frame=unit", "--json")
    assert json.loads(again.out)["cells"]["qa/clean"]["value"] == pytest.approx(0.75)


def test_a_run_whose_samples_lack_what_a_metric_needs_cannot_be_scored_with_it(run, run_here) -> None:
    done = run(HEAD + "  qa: {kind: qa, dataset: rows, metrics: [exact_match]}\n", [ROW])
    assert done.table()["facts"].null_count == 1
    refused = run_here("score", done.folder, "-m", "iou", "--param", "frame=unit")
    assert refused.code == 2
    assert "metric 'iou' needs `size` ([width, height]), which no sample of run" in " ".join(refused.err.split())


@pytest.mark.parametrize(
    ("task", "said", "line"),
    [
        ("metrics: [exact_match, {metric: iou, frame: unit}]", "metric 'iou' with frame: unit needs `size`", 9),
        ("metrics: [exact_match, {metric: iou, coordinates: unit}]", "metric 'iou' with coordinates: unit needs", 9),
        ("metrics: [exact_match]\n    prompt: '{{ choices }}'", "the prompt needs `choices`", 10),
        ("metrics: [exact_match]\n    prompt: '{{ choises }}'", "not choises", 10),
    ],
)
def test_what_a_dataset_does_not_give_is_an_error_where_it_is_asked_for(
    write, run_here, task: str, said: str, line: int
) -> None:
    write("rows.jsonl", '{"question": "?", "answer": "[0, 0, 9, 9]"}')
    suite = write("suite.yaml", f"{HEAD}  qa:\n    kind: qa\n    dataset: rows\n    {task}\n")
    done = run_here("validate", suite)
    assert done.code == 2
    assert said in done.err
    assert f"suite.yaml:{line}:" in done.err


def prompted(prompt: str) -> str:
    """A suite whose only task asks with a prompt."""
    return f'{HEAD}  qa: {{kind: qa, dataset: rows, metrics: [exact_match], prompt: "{prompt}"}}\n'


def test_a_prompt_may_do_without_a_fact_that_it_has_a_word_for(run) -> None:
    assert run(prompted("{{ language | default('de') }}"), [{"question": "?", "answer": "de"}]).table()[
        "response"
    ].to_pylist() == ["de"]


def test_choices_are_shown_by_the_prompt(run) -> None:
    rows = [{"question": "?", "answer": "a/b", "choices": ["a", "b"]}]
    assert run(prompted("{{ choices | join('/') }}"), rows).table()["score.exact_match"].to_pylist() == [1.0]


def test_yes_and_no_are_scored_in_a_suite(run) -> None:
    rows = [{"question": said, "answer": wanted} for said, wanted in (("yes", "yes"), ("no", "yes"), ("maybe", "no"))]
    table = run(HEAD + "  qa: {kind: qa, dataset: rows, metrics: [pope, mme]}\n", rows).table()
    assert table["score.pope"].to_pylist() == table["score.mme"].to_pylist() == [1.0, 0.0, None]
    assert table["status.pope"].to_pylist() == ["ok", "ok", "unparsed"]
    assert table["error"].null_count == 3
