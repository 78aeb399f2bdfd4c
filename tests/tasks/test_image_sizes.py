"""In which size pictures are sent is one key of a task or suite, and another size is another request."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.engine.prepare import request_hash
from harness.errors import SpecError
from harness.images import RESAMPLING, fitted, within
from harness.record import read_run
from harness.suite.bind import Suite
from harness.suite.explain import explain
from harness.types import Request

SUITE = """\
suite: sized
version: 1
{suite}
datasets: {{charts: {{type: charts, limit: 3}}}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]{task}}}
{more}
"""
SWEEP = "  sweep: {kind: sweep, of: qa, corruptions: [gaussian_noise], severities: [0, 2]}"


def text(suite: str = "", task: str = "", more: str = "") -> str:
    return SUITE.format(suite=suite, task=task, more=more)


def asked(suite: Suite, task: str = "qa", cell: int = 0) -> list[Request]:
    made = suite.tasks[task]
    where = made.cells()[cell]
    return [request for sample in made.samples(where) for request in made.requests(where, sample, oracle=False)]


def sizes(requests: list[Request]) -> set[tuple[int, int]]:
    return {image.size for request in requests for image in request.images}


SIDES = st.integers(1, 3000)


@given(size=st.tuples(SIDES, SIDES), area=st.none() | st.integers(1, 10**6), longest=st.none() | SIDES)
def test_limits_are_kept_the_shape_too_and_nothing_grows(
    size: tuple[int, int], area: int | None, longest: int | None
) -> None:
    width, height = within(size, area, longest)
    assert 1 <= width <= size[0]
    assert 1 <= height <= size[1]
    assert longest is None or max(width, height) <= longest
    thin = min(width, height) == 1
    assert area is None or width * height <= area or thin
    assert thin or abs(width / height / (size[0] / size[1]) - 1) <= 1 / min(width, height)
    assert within((width, height), area, longest) == (width, height) or thin


@pytest.mark.parametrize("name", RESAMPLING)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_picture_is_resampled_as_pillow_does_and_left_alone_where_it_fits(name: str, mode: str) -> None:
    image = Image.linear_gradient("L").convert(mode)
    assert fitted(image, longest_side=256) is image
    small = fitted(image, longest_side=100, resample=name)
    assert (small.mode, small.size) == (mode, (100, 100))
    assert small.tobytes() == image.resize((100, 100), RESAMPLING[name]).tobytes()


def test_a_task_sends_smaller_pictures_and_every_task_over_it_too(bind) -> None:
    plain, small = bind(text(more=SWEEP)), bind(text(task=", images: {longest_side: 60}", more=SWEEP))
    assert max(max(size) for size in sizes(asked(plain))) > 60
    for task, cell in (("qa", 0), ("sweep", 0), ("sweep", 1)):
        assert {max(size) for size in sizes(asked(small, task, cell))} == {60}
    before, after = ({request_hash(one) for one in asked(suite)} for suite in (plain, small))
    assert not before & after
    assert small.tasks["qa"].describe()["images"] == {"max_pixels": None, "longest_side": 60, "resample": "bicubic"}
    assert small.tasks["sweep"].describe()["of"]["images"]["longest_side"] == 60


def test_the_filter_decides_the_pixels_and_limits_that_nothing_reaches_change_nothing(bind) -> None:
    hashes = [
        [request_hash(one) for one in asked(bind(text(task=f", images: {policy}")))]
        for policy in ("{longest_side: 60}", "{longest_side: 60, resample: nearest}", "{max_pixels: 10000000}", "{}")
    ]
    plain = [request_hash(one) for one in asked(bind(text()))]
    assert hashes[0] != hashes[1]
    assert hashes[2] == hashes[3] == plain
    assert "images" not in bind(text(task=", images: {}")).tasks["qa"].describe()
    assert "images" not in bind(text()).tasks["qa"].describe(), "runs of earlier versions stay comparable"


def test_a_suite_says_it_for_all_its_tasks_and_a_task_for_itself(bind, write) -> None:
    more = "  full: {kind: qa, dataset: charts, metrics: [exact_match], images: {}}"
    suite = bind(text(suite="images: {max_pixels: 900}", more=more))
    assert all(width * height <= 900 for width, height in sizes(asked(suite)))
    assert all(width * height > 900 for width, height in sizes(asked(suite, "full")))
    keys = {key.name: key for key in explain(str(write("sized.yaml", text(suite="images: {max_pixels: 900}"))))}
    assert keys["tasks.qa.images"].value == {"max_pixels": 900}
    assert "sized.yaml:3" in keys["tasks.qa.images"].origin


def test_sizes_are_a_matrix_away(bind) -> None:
    matrix = ", matrix: {images: {small: {longest_side: 40}, middle: {longest_side: 80}}}"
    suite = bind(text(task=matrix))
    assert len(suite.tasks) == 2
    assert {max(max(size) for size in sizes(asked(suite, name))) for name in suite.tasks} == {40, 80}


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (text(task=", images: {longest_sid: 5}"), "did you mean 'longest_side'?"),
        (text(task=", images: {longest_side: 0}"), "greater than or equal to 1"),
        (text(task=", images: {longest_side: 9, resample: cubic}"), "'bicubic'"),
        (text(task=", images: {longest_side: 9}").replace("relaxed_accuracy", "iou"), "compares places"),
        (
            text(suite="images: {longest_side: 9}", more="  see: {kind: classify, dataset: charts}"),
            "cannot hold for task 'see': its kind 'classify'",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(bind, suite: str, said: str) -> None:
    with pytest.raises(SpecError) as told:
        bind(suite)
    assert said in str(told.value)
    assert "suite.yaml:" in str(told.value)


def test_another_size_is_asked_again_and_the_same_is_taken_from_the_cache(
    run_here, write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    write("seen.py", "def seen(prompt, images):\n    return str(images[0].size)\n")
    write("seen.yaml", "adapter: seen\ntype: python\ntarget: seen.py:seen\nsimulated: false\n")
    counts = []
    for name, task in (("a", ""), ("b", ", images: {longest_side: 60}"), ("c", ", images: {longest_side: 60}")):
        suite = write("sized.yaml", text(task=task))
        arguments = ("-a", tmp_path / "seen.yaml", "-o", tmp_path / name, "--cache", "--no-report", "-q")
        done = run_here("run", suite, *arguments)
        assert done.code in (0, 3), done.err
        (folder,) = (tmp_path / name).iterdir()
        record = read_run(folder)
        counts.append(record.cached)
        assert json.loads((folder / "run.json").read_text())["tasks"]["qa"]["config"].get("images", {}) == (
            {"max_pixels": None, "longest_side": 60, "resample": "bicubic"} if task else {}
        )
    assert counts == [0, 0, 3]
