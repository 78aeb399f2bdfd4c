"""A user's own questions: what a line may hold, and what becomes of one that holds something else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.data import FileImage
from harness.data.jsonl import JsonlConfig, JsonlDataset
from harness.errors import ConfigError
from harness.images import Reading
from harness.types import Sample


@pytest.fixture
def read(write, tmp_path: Path) -> Callable[..., list[Sample]]:
    """Write lines and read them as samples."""

    def make(*lines: object, **keys: object) -> list[Sample]:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        write("rows.jsonl", text)
        config = JsonlConfig.model_validate({"path": "rows.jsonl", **keys})
        dataset = JsonlDataset.from_config(config, tmp_path, (tmp_path,))
        samples = list(dataset)
        assert len(dataset) == len(samples)
        assert list(dataset) == samples
        return samples

    return make


def test_a_line_becomes_a_sample_with_all_that_it_says(read, tmp_path: Path) -> None:
    row = {
        "id": "r1", "question": "How many?", "answers": ["3", 3.5], "images": ["a.png", "b/c.png"],
        "evidence": "A 3", "cluster": "page 1", "tags": {"kind": "count", "hard": True},
    }  # fmt: skip
    (sample,) = read(row)
    assert (sample.id, sample.question, sample.references) == ("r1", "How many?", ("3", "3.5"))
    assert [source.path for source in sample.images if isinstance(source, FileImage)] == [
        tmp_path / "a.png",
        tmp_path / "b/c.png",
    ]
    assert (sample.evidence, sample.cluster, sample.tags) == ("A 3", "page 1", {"kind": "count", "hard": "True"})
    assert sample.problem is None


def test_keys_may_have_other_names(read) -> None:
    fields = {"question": "query", "answer": "label", "id": "key", "image": "file", "evidence": "text"}
    row = {"query": "Why?", "label": "so", "key": 7, "file": "a.png", "text": "because"}
    (sample,) = read(row, fields=fields)
    assert (sample.id, sample.question, sample.references, sample.evidence) == ("7", "Why?", ("so",), "because")
    assert len(sample.images) == 1


def test_a_line_without_an_id_is_called_by_its_number_whatever_the_limit(read) -> None:
    row = {"question": "q", "answer": "a"}
    assert [sample.id for sample in read(row, "", row, row)] == ["line-0000001", "line-0000003", "line-0000004"]
    assert [sample.id for sample in read(row, "", row, row, limit=2)] == ["line-0000001", "line-0000003"]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"id": "a"}, r"rows\.jsonl:4: the id 'a' stands in line 1 already"),
        ({"\\u0069d": "a"}, r"rows\.jsonl:4: the id 'a' stands in line 1 already"),
        ({"id": "line-0000003"}, r"rows\.jsonl:4: the id 'line-0000003' stands in line 3 already"),
    ],
)
def test_an_id_that_stands_twice_is_refused_before_the_run_with_both_lines(read, second, said: str) -> None:
    row = {"question": "q", "answer": "a"}
    lines = [row | {"id": "a"}, "", row, json.dumps(row | second).replace("\\\\", "\\")]
    with pytest.raises(ConfigError, match=said):
        read(*lines)
    assert len(read(*lines, limit=2)) == 2


def test_ids_far_down_a_long_file_are_left_to_the_run(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.data.jsonl._CHECKED", 2)
    row = {"id": "a", "question": "q", "answer": "a"}
    assert len(read(row, row | {"id": "b"}, row)) == 3
    with pytest.raises(ConfigError, match="stands in line 1 already"):
        read(row, row, row)


def test_a_malformed_line_is_called_by_its_number_and_repeats_no_id(read) -> None:
    assert [s.id for s in read({"id": 7, "question": "q", "answer": "a"}, {"id": 7})] == ["7", "line-0000002"]


def test_samples_of_one_image_form_a_cluster_unless_the_line_says_otherwise(read) -> None:
    row = {"question": "q", "answer": "a", "image": "a.png"}
    assert [sample.cluster for sample in read(row, row | {"cluster": 5}, row | {"image": None})] == ["a.png", "5", ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("this is no JSON", "Expecting value"),
        ("[1]", "not a JSON object"),
        ("{}", "'question' is missing or not text"),
        ('{"question": 5, "answer": "a"}', "'question' is missing or not text"),
        ('{"question": "q"}', "'answer' is missing"),
        ('{"question": "q", "answers": []}', "'answer' is missing"),
        ('{"question": "q", "answer": {"a": 1}}', "neither text, a number, nor a list"),
        ('{"question": "q", "answer": "a", "image": 5}', "'image' is neither a path nor a list"),
        ('{"question": "q", "answer": "a", "images": [null]}', "'image' is neither a path nor a list"),
        ('{"question": "q", "answer": "a", "tags": [1]}', "'tags' is not an object"),
        ('{"question": "half \\ud800", "answer": "a"}', "surrogates not allowed"),
        ('{"question": "q", "answer": ' + "9" * 5000 + "}", "digits"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_malformed_line_is_a_sample_with_a_problem_that_names_the_line(read, line: str, said: str) -> None:
    good = {"question": "q", "answer": "a"}
    first, broken, last = read(good, line, good)
    assert first.problem is None
    assert last.problem is None
    assert str(broken.problem).startswith("rows.jsonl:2: ")
    assert said in str(broken.problem)


def test_bytes_that_are_no_text_cost_their_line(write, tmp_path: Path) -> None:
    write("rows.jsonl", b'\xef\xbb\xbf{"question": "q", "answer": "a"}\n{"question": "\xff", "answer": "a"}\n')
    dataset = JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), tmp_path, (tmp_path,))
    assert [sample.problem is None for sample in dataset] == [True, False]


@pytest.mark.parametrize(
    ("keys", "path", "said"),
    [
        ({"path": "gone.jsonl"}, ("path",), "there is no file"),
        ({"path": "empty.jsonl"}, ("path",), "has no rows"),
        ({"path": "../rows.jsonl"}, ("path",), "lies outside"),
        ({"path": "/etc/hostname"}, ("path",), "lies outside"),
        ({"path": "link.jsonl"}, ("path",), "lies outside"),
        ({"path": "."}, ("path",), "there is no file"),
        ({"path": "a\0b"}, ("path",), "null"),
        ({"path": "x" * 5000}, ("path",), "too long"),
        ({"path": "rows.jsonl", "fields": {"query": "question"}}, ("fields", "query"), "unknown field 'query'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_the_run(write, tmp_path: Path, keys, path, said: str) -> None:
    write("rows.jsonl", '{"question": "q", "answer": "a"}')
    write("empty.jsonl", "\n \n")
    (tmp_path / "link.jsonl").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError) as caught:
        JsonlDataset.from_config(JsonlConfig(**keys), tmp_path, (tmp_path,))
    (issue,) = caught.value.issues
    assert issue.path == path
    assert said in issue.message


def test_a_folder_outside_may_be_declared_as_a_root(write, tmp_path: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "rows.jsonl").write_text('{"question": "q", "answer": "a"}')
    config = JsonlConfig(path=str(elsewhere / "rows.jsonl"))
    assert len(JsonlDataset.from_config(config, tmp_path, (tmp_path, elsewhere))) == 1


def test_the_content_hash_follows_the_bytes_and_the_keys_not_the_place(write, tmp_path: Path) -> None:
    row = b'{"question": "q", "answer": "a"}\n'
    for name, content in (("a.jsonl", row), ("b.jsonl", row), ("c.jsonl", row + row)):
        write(name, content)

    def digest(path: str, **keys: object) -> str:
        config = JsonlConfig.model_validate({"path": path, **keys})
        return JsonlDataset.from_config(config, tmp_path, (tmp_path,)).content_hash()

    assert digest("a.jsonl") == digest("b.jsonl")
    assert digest("a.jsonl") != digest("c.jsonl")
    assert digest("c.jsonl") != digest("c.jsonl", limit=1)


def test_how_images_are_read_is_a_key_of_the_dataset_and_changes_its_hash(read, write, tmp_path: Path) -> None:
    row = {"question": "?", "answer": "x", "image": "a.png"}
    (sample,) = read(row, range=[0, 4095], exif="keep", page=2)
    assert [one.reading for one in sample.images if isinstance(one, FileImage)] == [Reading((0, 4095), "keep", 2)]

    def digest(**keys: object) -> str:
        config = JsonlConfig.model_validate({"path": "rows.jsonl", **keys})
        return JsonlDataset.from_config(config, tmp_path, (tmp_path,)).content_hash()

    assert digest() == digest(exif="turn", page=None)
    assert len({digest(), digest(range=[0, 1]), digest(exif="keep"), digest(page=1)}) == 4


@pytest.mark.parametrize("levels", [[1, 1], [0, float("inf")], [0], "white"])
def test_a_range_of_levels_is_two_different_finite_numbers(levels: object) -> None:
    with pytest.raises(ValidationError, match="range"):
        JsonlConfig.model_validate({"path": "rows.jsonl", "range": levels})


def test_known_facts_are_keys_of_their_own_and_any_stand_under_facts(read) -> None:
    row = {
        "question": "q", "answer": "a", "choices": ["a", "b"], "size": None, "colour": "red",
        "facts": {"mood": "mild", "choices": ["c"], "label": None},
    }  # fmt: skip
    (sample,) = read(row)
    assert sample.facts == {"choices": ["c"], "mood": "mild"}
    (renamed,) = read(
        {"query": "q", "label": "a", "options": ["x"]},
        fields={"question": "query", "answer": "label", "choices": "options"},
    )
    assert renamed.facts == {"choices": ["x"]}, "a key that is read as the answer is no fact"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"size": "large"}, "rows.jsonl:1: the fact 'size' is not [width, height]: 'large'"),
        ({"facts": [1]}, "rows.jsonl:1: 'facts' is not an object"),
        ({"facts": {"tags": 1}}, "rows.jsonl:1: 'tags' cannot name a fact"),
    ],
)
def test_a_fact_without_its_form_is_a_problem_of_its_row(read, more: dict, said: str) -> None:
    (sample,) = read({"question": "q", "answer": "a", **more})
    assert sample.problem == said


def test_a_dataset_gives_what_its_rows_carry(write, tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "a"}, {"question": "q", "answer": "a", "choices": [], "facts": {"mood": 1}}]
    write("rows.jsonl", "\n".join(map(json.dumps, rows)))
    config = JsonlConfig.model_validate({"path": "rows.jsonl"})
    assert JsonlDataset.from_config(config, tmp_path, (tmp_path,)).gives == {"choices", "mood"}
