"""The temporal task on real encodes: frames, times, controls, perturbations, and what the summary says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.record.rows import read_rows
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.suite.select import Selection
from harness.tasks import Cell, Task
from harness.tasks.temporal.views import PERTURBATIONS, View
from harness.tasks.told import told
from harness.types import Request, Response, Sample
from tests.doubles import Double

SUITE = """\
suite: t
version: 1
seed: 3
datasets:
  clips: {{type: evolving_charts, limit: {limit}, events: [when_higher]}}
tasks:
  when:
    kind: temporal
    dataset: clips
    frames: 8
    metrics: [recall_at_1_iou, miou, temporal_schema]
    severities: [1, 5]
    {more}
"""
Bind = Callable[[str], Suite]


def task_of(bind: Bind, more: str = "", limit: int = 3) -> Task:
    return bind(SUITE.format(more=more, limit=limit)).tasks["when"]


def cell_of(task: Task, identity: str) -> Cell:
    return next(cell for cell in task.cells() if cell.id == identity)


def asked(task: Task, identity: str, sample: Sample) -> Request:
    return task.requests(cell_of(task, identity), sample, oracle=False)[0]


def pixels(request: Request) -> list[bytes]:
    return [image.tobytes() for image in request.images]


def test_frames_come_with_their_times_and_the_form_of_the_answer(bind: Bind) -> None:
    task = task_of(bind)
    sample = next(iter(task.samples(task.cells()[0])))
    request = asked(task, "normal", sample)
    assert len(request.images) == len(request.times) == 8
    assert request.times == (0.75, 2.25, 3.75, 5.25, 6.75, 8.25, 9.75, 11.25)
    assert request.prompt.startswith(sample.question)
    assert '"frame_references"' in request.prompt
    assert "0.75, 2.25" in request.prompt


def test_controls_keep_the_times_and_change_what_is_shown_under_them(bind: Bind) -> None:
    task = task_of(bind)
    sample = next(iter(task.samples(task.cells()[0])))
    normal = asked(task, "normal", sample)
    shuffled, backwards = asked(task, "shuffled", sample), asked(task, "reversed", sample)
    assert shuffled.times == backwards.times == normal.times
    assert sorted(pixels(shuffled)) == sorted(pixels(normal))
    assert pixels(shuffled) != pixels(normal)
    assert pixels(backwards) == pixels(normal)[::-1]
    single = asked(task, "single_frame", sample)
    assert (pixels(single), single.times) == (pixels(normal)[4:5], normal.times[4:5])
    blind = asked(task, "blind", sample)
    assert {len(image.getcolors() or ()) for image in blind.images} == {1}
    assert pixels(asked(task, "shuffled", sample)) == pixels(shuffled)


def test_perturbations_of_time_and_of_some_frames_grow_with_severity(bind: Bind) -> None:
    noise = "{corruption: gaussian_noise, share: 0.25, as: noise}"
    task = task_of(bind, f"perturbations: [dropped, duplicated, jittered, frame_rate, {noise}]")
    sample = next(iter(task.samples(task.cells()[0])))
    normal = pixels(asked(task, "normal", sample))

    def changed(cell: str) -> int:
        return sum(a != b for a, b in zip(pixels(asked(task, cell, sample)), normal, strict=True))

    assert [len(asked(task, f"dropped@{s}", sample).images) for s in (1, 5)] == [7, 2]
    assert changed("noise@1") == changed("noise@5") == 2
    for name in ("duplicated", "jittered", "frame_rate"):
        assert changed(f"{name}@1") <= changed(f"{name}@5")
    assert changed("duplicated@5") >= 1


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbed_view_still_shows_frames_of_the_clip_at_growing_times(name: str) -> None:
    from harness.frames import Timeline

    timeline = Timeline(np.arange(40) / 4, 10.0)
    frames = np.array([2, 7, 12, 17, 22, 27, 32, 37])
    for severity in range(1, 6):
        view = View(frames, timeline.times[frames])
        seen = PERTURBATIONS[name](view, timeline, severity, np.random.default_rng(1))
        assert len(seen.frames) == len(seen.times) >= 1
        assert ((seen.frames >= 0) & (seen.frames < 40)).all()
        assert (np.diff(seen.times) > 0).all()
        assert frames.tolist() == [2, 7, 12, 17, 22, 27, 32, 37]
        one = PERTURBATIONS[name](
            View(frames[:1], timeline.times[frames[:1]]), timeline, severity, np.random.default_rng(1)
        )
        assert len(one.frames) == 1


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run of the real per-frame adapter; not to be changed."""
    from harness.spec.document import parse_document
    from harness.suite.bind import bind_suite

    folder = tmp_path_factory.mktemp("temporal")
    text = SUITE.format(more="perturbations: [dropped]", limit=8)
    suite = bind_suite(parse_document(text, folder / "suite.yaml"))
    done, _ = run_suite(suite, read_adapter("per-frame-onnx-int8"), RunOptions(out=folder), Silent())
    return Run(done)


def test_the_real_adapter_grounds_and_its_controls_fall(real_run: Run) -> None:
    metrics = real_run.record.tasks["when"].metrics
    assert metrics["recall_at_1_iou"].value >= 0.75
    assert metrics["temporal_schema"].value == 1.0
    for control in ("single_frame", "blind", "uniform_span"):
        gap = metrics[f"control_gap[{control}]"]
        assert gap.low is not None
        assert gap.low > 0, control
        assert gap.n == 8
    assert metrics["uniform_span"].value < 0.5
    assert 0 <= metrics["retained_accuracy[dropped]"].value <= 1.5


def test_the_report_gets_windows_gaps_and_a_filmstrip(real_run: Run) -> None:
    task = real_run.record.tasks["when"]
    assert len(task.charts) == 4
    for chart in task.charts:
        true, predicted = chart.lines
        assert (true.name, predicted.name) == ("true", "predicted")
        assert true.x == sorted(true.x)
        assert true.y[:3] == [0.0, 1.0, 0.0]
    assert [row[0] for row in task.tables[0].rows] == ["single_frame", "shuffled", "reversed", "blind", "uniform_span"]
    assert [finding.level for finding in task.findings].count("note") >= 3
    with Image.open(real_run.folder / "artifacts" / "when" / "normal.png") as strip:
        assert strip.width > 5 * strip.height
    assert (real_run.folder / "artifacts" / "when" / "dropped@5.png").is_file()


def test_every_name_that_a_gate_may_use_is_in_the_record(real_run: Run, bind: Bind) -> None:
    task = task_of(bind, "perturbations: [dropped]")
    assert list(real_run.record.tasks["when"].metrics) == list(told(task))


class Guess(Double):
    """Says the middle of every clip, whatever it is shown."""

    simulated = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response(json.dumps({"spans": [[4, 8]]})) for _ in requests]


def test_a_model_that_does_not_look_is_told_apart(bind: Bind, tmp_path: Path) -> None:
    suite = bind(SUITE.format(more="controls: [shuffled]", limit=12))
    choice = Guess.choice(tmp_path)
    folder, _ = run_suite(suite, choice, RunOptions(out=tmp_path), Silent())
    task = Run(folder).record.tasks["when"]
    assert task.metrics["control_gap[shuffled]"].value == 0.0
    assert any(f.level == "warning" and "not shown to be grounded" in f.text for f in task.findings)


def test_what_one_expects_who_does_not_look_belongs_to_the_clip_whichever_are_asked(bind: Bind, tmp_path: Path) -> None:
    suite, choice = bind(SUITE.format(more="controls: [shuffled]", limit=4)), Guess.choice(tmp_path)
    whole, _ = run_suite(suite, choice, RunOptions(out=tmp_path), Silent())
    (drawn,) = read_rows(whole)
    first, *_, last = drawn.columns["uniform_span"]
    chosen = RunOptions(out=tmp_path, selection=Selection(sample_ids=(drawn.ids[-1],)))
    _, record = run_suite(suite, choice, chosen, Silent())
    alone = record.tasks["when"].metrics["uniform_span"]
    assert (alone.value, alone.n) == (last, 1)
    assert first != last


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sampler: unifrom", "did you mean 'uniform'"),
        ("sampler: {place: centres}", "a sampler needs its name"),
        ("sampler: {sampler: uniform, place: corners}", "place"),
        ("perturbations: [droped]", "did you mean 'dropped'"),
        ("perturbations: [dropped, dropped]", "two cells are called 'dropped'"),
        ("perturbations: [{corruption: fogg}]", "fog"),
        ("perturbations: [{corruption: fog, share: 0}]", "share is above 0"),
        ("perturbations: [{share: 0.5}]", "a corruption needs its name"),
        ("severities: [0]", "severity 0 is not in 1 to 5"),
        ("controls: [upside_down]", "upside_down|single_frame"),
    ],
)
def test_a_mistake_is_reported_at_its_line(bind: Bind, more: str, said: str) -> None:
    text = SUITE.format(more=more, limit=3)
    if more.startswith("severities"):
        text = text.replace("    severities: [1, 5]\n", "")
    with pytest.raises(SpecError, match=said):
        bind(text)


def test_the_first_metric_must_be_one_that_controls_can_fall_in(bind: Bind) -> None:
    with pytest.raises(SpecError, match="0 to 1 with higher better"):
        bind(SUITE.format(more="", limit=3).replace("[recall_at_1_iou, miou, temporal_schema]", "[cer]"))


def test_a_broken_clip_costs_its_sample(bind: Bind, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "question": "When?", "clip": "no.mp4", "spans": [[0, 1]]},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "no.mp4").write_bytes(b"nothing of the kind")
    text = SUITE.format(more="", limit=1).replace(
        "{type: evolving_charts, limit: 1, events: [when_higher]}", "{type: video, path: c.jsonl}"
    )
    suite = bind(text)
    choice = Guess.choice(tmp_path)
    folder, record = run_suite(suite, choice, RunOptions(out=tmp_path), Silent())
    assert record.status == "failed"
    assert "cannot be opened" in str(Run(folder).table().to_pylist()[0]["error"])
