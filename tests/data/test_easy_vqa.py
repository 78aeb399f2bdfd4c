"""easy-VQA: the official questions, opened from the installed package."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from easy_vqa import get_answers, get_test_image_paths, get_test_questions, get_train_questions

from harness.data import FileImage, easy_vqa
from harness.data.easy_vqa import EasyVqaConfig, EasyVqaDataset, answer_type
from harness.errors import ConfigError


def opened(**keys: object) -> EasyVqaDataset:
    return EasyVqaDataset.from_config(EasyVqaConfig(**keys), Path(), ())


def test_the_test_split_is_the_official_one_question_for_question() -> None:
    questions, answers, images = get_test_questions()
    paths = get_test_image_paths()
    samples = list(opened())
    assert len(samples) == len(opened()) == 9673
    assert [sample.question for sample in samples] == questions
    assert [sample.references for sample in samples] == [(answer,) for answer in answers]
    assert len({sample.id for sample in samples}) == 9673
    for sample, number in zip(samples[:50], images, strict=False):
        (source,) = sample.images
        assert isinstance(source, FileImage)
        assert source.path == Path(paths[number])
        assert (source.load().size, source.load().mode) == ((64, 64), "RGB")
    assert len({sample.cluster for sample in samples}) == 1000


def test_train_and_test_are_different_data() -> None:
    assert len(opened(split="train")) == len(get_train_questions()[0]) == 38575
    assert opened(split="train").content_hash() != opened().content_hash()


def test_every_answer_has_a_type() -> None:
    found = Counter(map(answer_type, get_answers()))
    assert found == {"yes_no": 2, "shape": 3, "color": 8}


@pytest.mark.parametrize("types", [("yes_no",), ("shape", "color")])
def test_types_of_answers_can_be_picked_and_ids_stay(types: tuple[str, ...]) -> None:
    picked = list(opened(answers=types, limit=40))
    assert {sample.tags["answer_type"] for sample in picked} <= set(types)
    assert {sample.id for sample in picked} <= {sample.id for sample in opened()}
    assert len(picked) == 40


def test_a_limit_keeps_the_first() -> None:
    assert [sample.id for sample in opened(limit=3)] == [sample.id for sample in opened()][:3]


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easy_vqa, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        opened()
    assert "pip install 'easy-vqa>=" in caught.value.issues[0].hint


def test_a_package_without_its_data_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "easy_vqa").mkdir()
    with pytest.raises(FileNotFoundError):
        EasyVqaDataset(EasyVqaConfig(), tmp_path / "easy_vqa")
