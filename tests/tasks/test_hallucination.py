"""Probes for objects: which are asked about under each sampling, and what a model that always says yes looks like."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.record import Run
from harness.types import Request, Response
from tests.tasks.seeing import Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: seen
version: 1
seed: 2
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  probes: {kind: hallucination, dataset: rows, objects: answers, per_image: 2}
gates:
  - {metric: probes/pope, max_drop: 0.3}
  - {metric: probes/mme_plus, min: 0.5}
"""
KITCHEN = ["cup", "fork", "pan"]
SHOWN = [[*KITCHEN], ["cup", "fork"], ["cup", "pan", "dog"], ["dog", "cat"], ["cat", "egg"], ["cup"]]


class Yes(Eye):
    """Sees everything everywhere."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response("Yes, there is.") for _ in requests]


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["probes"].metrics.items()}


def probes(bind, text: str) -> list[tuple[str, str, str, str]]:
    """Every question as image, category, object and answer."""
    task = bind(text).tasks["probes"]
    (cell,) = task.cells()
    return [(one.cluster, one.tags["category"], one.tags["object"], one.references[0]) for one in task.samples(cell)]


@pytest.fixture
def shown(tmp_path: Path) -> str:
    """A suite on images with several objects each."""
    rows = [{"id": f"i{i}", "question": "?", "answer": "-", "objects": some} for i, some in enumerate(SHOWN)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return SUITE.replace("objects: answers", "objects: objects")


def test_a_model_that_sees_is_right_and_one_that_always_says_yes_is_told_from_it(tmp_path: Path) -> None:
    pictures(tmp_path)
    seeing, yes = (values(run(SUITE, model, tmp_path)) for model in (Eye, Yes))
    assert (seeing["pope"], seeing["mme_plus"], seeing["yes_bias"]) == (1.0, 1.0, 0.0)
    assert seeing["pope[category=popular]"] == 1.0
    assert (yes["pope"], yes["mme_plus"], yes["yes_bias"], yes["pope_recall"]) == (0.5, 0.0, 0.5, 1.0)


def test_a_planted_blindness_fails_the_gates_and_the_same_model_passes(tmp_path: Path) -> None:
    pictures(tmp_path)
    good = run(SUITE, Eye, tmp_path)
    assert verdict(SUITE, Sightless, good, tmp_path) == "fail"
    assert verdict(SUITE, Eye, good, tmp_path) == "pass"
    (said,) = [one.text for one in run(SUITE, Yes, tmp_path).record.tasks["probes"].findings]
    assert said.startswith("the model says yes too often: yes_bias 0.500")


def test_present_objects_are_there_absent_ones_are_not_and_there_are_as_many(bind, shown: str) -> None:
    asked = probes(bind, shown)
    for image, _, name, answer in asked:
        assert (name in SHOWN[int(image[1:])]) == (answer == "yes")
    answers = [answer for *_, answer in asked]
    assert answers.count("yes") == answers.count("no")
    assert len({(image, name) for image, _, name, answer in asked if answer == "yes"}) < answers.count("yes")


def test_popular_asks_for_what_most_images_show_and_adversarial_for_what_stands_beside(bind, shown: str) -> None:
    first: dict[tuple[str, str], str] = {}
    for image, category, name, answer in probes(bind, shown):
        if answer == "no":
            first.setdefault((image, category), name)
    assert first["i4", "popular"] == "cup"
    assert (first["i1", "adversarial"], first["i4", "adversarial"]) == ("pan", "dog")


def test_probes_depend_on_seed_and_image_alone(bind, shown: str) -> None:
    assert probes(bind, shown) == probes(bind, shown)
    assert probes(bind, shown) != probes(bind, shown.replace("seed: 2", "seed: 9"))


def test_labels_of_boxes_are_objects_and_an_article_fits_its_noun(bind, write) -> None:
    boxes = [[{"box": [0, 0, 1, 1], "label": "egg"}], [{"box": [0, 0, 1, 1], "label": "cup"}]]
    write("rows.jsonl", "\n".join(json.dumps({"question": "?", "answer": "-", "boxes": some}) for some in boxes))
    task = bind(SUITE.replace("objects: answers", "objects: boxes")).tasks["probes"]
    questions = {one.question for one in task.samples(task.cells()[0])}
    assert questions == {"Is there an egg in the image?", "Is there a cup in the image?"}


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch) -> None:
    pictures(tmp_path, 12)
    continued, whole = resumed(SUITE, tmp_path, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("objects: answers", "objects: objects"), "dataset 'rows' gives no `objects`"),
        (("per_image: 2", "question: 'Is {{ thing }} there?'"), "thing"),
        (("per_image: 2", "categories: [rare]"), "categories"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_line(tmp_path: Path, bind, change, said: str) -> None:
    pictures(tmp_path)
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(*change))


def test_images_that_all_show_the_same_leave_nothing_to_ask(bind, write) -> None:
    write("rows.jsonl", '{"question": "?", "answer": "red"}\n{"question": "?", "answer": "red"}')
    with pytest.raises(SpecError, match="nothing to ask about"):
        bind(SUITE)
