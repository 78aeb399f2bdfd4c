"""A user's own questions: what a line may hold, and what becomes of one that holds something else."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.data import FileImage, RowMarks
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
    rows = [row, row | {"cluster": 5}, row | {"cluster": 0}, row | {"cluster": 0.0}, row | {"image": None}]
    assert [sample.cluster for sample in read(*rows)] == ["a.png", "5", "0", "0", ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("this is no JSON", "not JSON, at column 1: Expecting value"),
        ('{"question": "q", "answer": "a"},', "at column 33: there is a comma after the object"),
        ('{"question": "q", "answer": "a", "answer": "b"}', "the key 'answer' stands twice"),
        ("[1]", "not a JSON object"),
        ("{}", "'question' is missing or not text"),
        ('{"question": 5, "answer": "a"}', "'question' is missing or not text"),
        ('{"question": "q"}', "'answer' is missing"),
        ('{"question": "q", "answers": []}', "'answers' is missing or empty"),
        ('{"question": "q", "answer": {"a": 1}}', "'answer' is an object, neither text nor a number"),
        ('{"question": "q", "answer": "a", "answers": ["b"]}', "both 'answer' and 'answers' are given"),
        ('{"question": "q", "answers": ["a", null]}', "'answers' is null, neither text nor a number"),
        ('{"question": "q", "answer": true}', "'answer' is true, neither text nor a number; write"),
        ('{"question": "q", "answers": [["a"]]}', "'answers' is a list, neither text nor a number"),
        ('{"question": "q", "answer": NaN}', "'answer' is NaN, which stands for a value that is missing"),
        ('{"question": "q", "answer": Infinity}', "'answer' is infinite"),
        ('{"question": "q", "answer": "a", "id": NaN}', "'id' is NaN"),
        ('{"question": "q", "answer": "a", "id": false}', "'id' is false, neither text nor a number"),
        ('{"question": "q", "answer": "a", "cluster": ["a"]}', "'cluster' is a list, neither text nor a number"),
        ('{"question": "q", "answer": "a", "evidence": {}}', "'evidence' is an object, neither text nor a number"),
        ('{"question": "q", "answer": "a", "tags": {"kind": [1]}}', "'tags.kind' is a list, neither text nor a number"),
        (
            '{"question": "q", "answer": "a", "image": ""}',
            "'image' is neither a path nor a list of paths; leave it out",
        ),
        ('{"question": "q", "answer": "a", "imge": "a.png"}', "unknown key 'imge'; did you mean 'image'?"),
        ('{"question": "q", "answer": "a", "mood": "mild"}', "`extra: allow` keeps such keys as facts"),
        ('{"question": "q", "answer": "a", "image": 5}', "'image' is neither a path nor a list"),
        ('{"question": "q", "answer": "a", "images": [null]}', "'images' is neither a path nor a list"),
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


def test_the_content_hash_follows_the_rows_and_not_the_place_or_the_bytes(write, tmp_path: Path) -> None:
    rows = ['{"id": "a", "question": "q", "answer": "é"}', '{"id": "b", "question": "q", "answer": 42}']
    spelt = ['{"answer":"\\u00e9","id":"a", "question": "q"}', '{"id": "b", "question": "q", "answers": [42.0]}']
    for name, lines, end in (
        ("a", rows, "\n"), ("b", rows, "\r\n"), ("c", rows[::-1], "\n"), ("d", spelt, "\n\n"), ("e", rows[:1], "\n"),
    ):  # fmt: skip
        write(f"{name}.jsonl", "".join(line + end for line in lines).encode())

    def opened(name: str, **keys: object) -> JsonlDataset:
        config = JsonlConfig.model_validate({"path": f"{name}.jsonl", **keys})
        return JsonlDataset.from_config(config, tmp_path, (tmp_path,))

    assert len({opened(name).content_hash() for name in "abcd"}) == 1
    assert len({opened(name).marks().sequence for name in "abcd"}) == 2
    assert opened("e").content_hash() == opened("a", limit=1).content_hash() != opened("a").content_hash()


def test_what_is_other_in_a_row_is_named_by_its_aspect(write, tmp_path: Path) -> None:
    def marked(**changes: object) -> RowMarks:
        row = {"id": "r", "question": "q", "answer": "a", "image": "i.png"}
        write("rows.jsonl", json.dumps(row | changes) + '\n{"id": "s", "question": "q", "answer": "a"}\n')
        return JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), tmp_path, (tmp_path,)).marks()

    write("i.png", b"one")
    before = marked(cluster="c")
    assert not before.differences(marked(cluster="c"))
    for changes, aspect in (
        ({"question": "?"}, "question"), ({"answer": "b"}, "reference"), ({"answer": ["a", "b"]}, "reference"),
        ({"evidence": "e"}, "evidence"), ({"choices": ["a", "b"]}, "facts"), ({"image": "j.png"}, "media"),
        ({"tags": {"t": 1}}, "tags"),
    ):  # fmt: skip
        found = before.differences(marked(cluster="c", **changes))
        assert found.changed == {"r": (aspect,)}, changes
        assert found.judged == ([] if aspect == "tags" else ["r"])
    write("i.png", b"two")
    assert str(before.differences(marked(cluster="c"))) == "1 row differs: r (media)"
    assert str(before.differences(marked(id="t", cluster="c"))) == "1 is new: t; 1 is missing: r"


def test_rows_that_somebody_reads_anyway_are_marked_on_the_way(write, tmp_path: Path) -> None:
    write("i.png", b"one")
    write("rows.jsonl", "".join(f'{{"question": "q{i}", "answer": "a", "image": "i.png"}}\n' for i in range(4)))

    def opened() -> JsonlDataset:
        return JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), tmp_path, (tmp_path,))

    noted, marked, broken_off = opened(), opened(), opened()
    assert list(islice(noted.noting(), 4)) == list(marked)  # as a run takes them: it asks for no fifth
    list(islice(broken_off.noting(), 3))
    marks = marked.marks()
    write("rows.jsonl", "")
    assert list(noted.marks().ids) == list(marks.ids)
    assert (noted.marks().numbers == marks.numbers).all()
    assert list(broken_off.marks().ids) == []  # it reads anew, what is there now


@pytest.mark.parametrize(
    "edit",
    [
        lambda home: (home / "rows.jsonl").write_text('{"question": "Q", "answer": "a", "image": "i.png"}\n'),
        lambda home: (home / "i.png").write_bytes(b"two"),
        lambda home: (home / "i.png").unlink(),
        lambda home: (home / "rows.jsonl").unlink(),
        lambda home: ((home / "link.png").unlink(), (home / "link.png").symlink_to("j.png")),
    ],
)
def test_whether_files_are_untouched_is_told_by_their_bytes(edit, write, tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "a", "image": name} for name in ("i.png", "link.png", "absent.png")]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write("i.png", b"one")
    write("j.png", b"two")
    (tmp_path / "link.png").symlink_to("i.png")
    dataset = JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), tmp_path, (tmp_path,))
    assert not dataset.untouched()  # nobody has looked at them
    dataset.marks()
    kept = (tmp_path / "rows.jsonl").read_bytes()
    (tmp_path / "rows.jsonl").write_bytes(kept)  # saved anew as it was
    assert dataset.untouched()
    edit(tmp_path)
    assert not dataset.untouched()


def test_images_are_marked_by_content_through_links_and_none_outside_the_roots_is_read(write, tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    for folder in (home, away):
        folder.mkdir()
    (home / "real.png").write_bytes(b"one")
    (home / "link.png").symlink_to("real.png")
    (away / "secret.png").write_bytes(b"one")
    (home / "out.png").symlink_to(away / "secret.png")

    def mark(name: str) -> list[int]:
        (home / "rows.jsonl").write_text(
            f'{{"id": "r", "question": "q", "answer": "a", "cluster": "c", "image": "{name}"}}'
        )
        found = JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), home, (home,)).marks().numbers
        return [int(number) for number in found[0]]

    assert mark("real.png") == mark("link.png")
    assert mark("out.png") == mark("../away/secret.png") != mark("real.png")
    before = mark("out.png")
    (away / "secret.png").write_bytes(b"two")
    assert mark("out.png") == before
    assert mark("none.png") != mark("out.png")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=1), min_size=1, max_size=6), st.randoms())
def test_any_order_and_spelling_of_rows_is_one_content_and_any_other_value_another(
    write, tmp_path: Path, rows, draw
) -> None:
    def content(pairs: list[tuple[str, str]], **style: object) -> str:
        lines = [json.dumps({"id": f"r{key}", "question": key, "answer": value}, **style) for key, value in pairs]  # type: ignore[arg-type]
        write("rows.jsonl", "\n".join(lines))
        return JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), tmp_path, (tmp_path,)).content_hash()

    pairs = list(rows.items())
    before = content(pairs)
    draw.shuffle(pairs)
    assert content(pairs, sort_keys=True, ensure_ascii=False) == before
    at = draw.randrange(len(pairs))
    pairs[at] = (pairs[at][0], pairs[at][1] + "x")
    assert content(pairs) != before


def test_how_images_are_read_is_a_key_of_the_dataset_and_changes_its_hash(read, write, tmp_path: Path) -> None:
    row = {"question": "?", "answer": "x", "image": "a.png"}
    write("a.png", b"a picture")
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
        "question": "q", "answer": "a", "choices": ["a", "b"], "size": None,
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


@pytest.mark.parametrize(
    ("answer", "reference"),
    [(42, "42"), (42.0, "42"), (42.5, "42.5"), (-0.0, "0"), (1e3, "1000"), (1e22, "1e+22"), ("42.0", "42.0")],
)
def test_a_whole_number_is_its_digits_and_a_text_stays_as_it_is(read, answer: object, reference: str) -> None:
    (sample,) = read({"question": "q", "answer": answer})
    assert sample.references == (reference,)


def test_an_id_may_be_a_number_and_is_never_passed_over(read) -> None:
    row = {"question": "q", "answer": "a"}
    ids = [sample.id for sample in read(*(row | {"id": given} for given in (1.0, 2.5, 0, None)))]
    assert ids == ["1", "2.5", "0", "line-0000004"]
    with pytest.raises(ConfigError, match="the id '1' stands in line 1 already"):
        read(row | {"id": 1}, row | {"id": 1.0})


def test_other_keys_are_facts_or_nothing_where_the_dataset_says_so(read) -> None:
    row = {"question": "q", "answer": "a", "mood": "mild", "choices": ["a"], "facts": {"mood": "wild"}}
    (sample,) = read(row, extra="allow")
    assert sample.facts == {"choices": ["a"], "mood": "wild"}
    (sample,) = read(row | {"facts": None}, extra="ignore")
    assert sample.facts == {"choices": ["a"]}
    (sample,) = read(row | {"prediction": "b"}, extra="allow")
    assert sample.problem == "rows.jsonl:1: 'prediction' cannot name a fact"


def test_a_key_under_its_other_name_alone_is_known(read) -> None:
    (sample,) = read({"query": "q", "answer": "a", "question": "?"}, fields={"question": "query"})
    assert "unknown key 'question'" in str(sample.problem)


def test_broken_rows_can_be_left_out_and_are_counted(write, tmp_path: Path) -> None:
    good = '{"question": "q", "answer": "a"}'
    write("rows.jsonl", f"{good}\nno\n{good}\n{{}}\n{good}\n")

    def made(**keys: object) -> JsonlDataset:
        config = JsonlConfig.model_validate({"path": "rows.jsonl", "on_broken": "skip", **keys})
        return JsonlDataset.from_config(config, tmp_path, (tmp_path,))

    assert [sample.id for sample in made()] == ["line-0000001", "line-0000003", "line-0000005"]
    assert len(made()) == 3
    assert made().skipped == (2, "rows.jsonl:2: not JSON, at column 1: Expecting value")
    assert ([sample.id for sample in made(limit=2)], len(made(limit=2))) == (["line-0000001", "line-0000003"], 2)
    write("rows.jsonl", "no\n")
    with pytest.raises(ConfigError, match=r"has no rows that can be read: rows\.jsonl:1"):
        made()


def test_how_rows_are_read_changes_the_hash_only_where_it_changes_a_row(write, tmp_path: Path) -> None:
    write("rows.jsonl", '{"question": "q", "answer": "a"}\n')
    write("more.jsonl", '{"question": "q", "answer": "a", "mood": "mild"}\n')

    def digest(path: str = "rows.jsonl", **keys: object) -> str:
        config = JsonlConfig.model_validate({"path": path, **keys})
        return JsonlDataset.from_config(config, tmp_path, (tmp_path,)).content_hash()

    assert digest() == digest(extra="allow") == digest(on_broken="skip") == digest("more.jsonl", extra="ignore")
    assert len({digest(), digest("more.jsonl", extra="allow"), digest("more.jsonl")}) == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["id", "question", "answer", "answers", "image", "images", "cluster", "tags", "facts", "size", "x"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(KEYS, VALUES, max_size=4), at=st.integers(0, 200), noise=st.binary(max_size=3))
def test_any_line_is_a_sample_that_holds_all_that_it_says_or_a_problem_that_names_it(
    changes: dict, at: int, noise: bytes, tmp_path: Path
) -> None:
    row = {"question": "q", "answer": "a"} | changes
    line = json.dumps(row).encode()
    line = (line[:at] + noise + line[at:]).replace(b"\n", b" ") if noise else line
    (tmp_path / "any.jsonl").write_bytes(b'{"question": "q", "answer": "a"}\n' + line + b"\n")
    dataset = JsonlDataset.from_config(JsonlConfig(path="any.jsonl"), tmp_path, (tmp_path,))
    _, sample = dataset
    if sample.problem is not None:
        assert sample.problem.startswith("any.jsonl:2: ")
        return
    assert sample.references
    if not noise:
        assert "x" not in row
        assert not {"nan", "None", "True", "inf"} & ({*sample.references, sample.id, sample.cluster} - _texts(row))
        assert len(sample.images) == len(_listed(row.get("image"))) + len(_listed(row.get("images")))


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: object) -> set[str]:
    """All texts within a JSON value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {value} if isinstance(value, str) else set().union(*map(_texts, inside))
