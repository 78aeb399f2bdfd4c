"""YAML files are read as YAML 1.2's core schema, with the place of everything in them."""

from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.spec.document import MAX_DEPTH, Document, made_document, parse_document, read_document

FILE = Path("suite.yaml")


def parse(text: str) -> Document:
    return parse_document(text, FILE)


def problem(text: str) -> str:
    """The only problem of a text, with its place."""
    with pytest.raises(SpecError) as caught:
        parse(text)
    (found,) = caught.value.problems
    return str(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("2024-05-01", "2024-05-01"),
        ("1_000", "1_000"),
        ("0o14", 12),
        ("0x1F", 31),
        ("012", 12),
        ("+7", 7),
        ("-0", 0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("~", None),
        ("null", None),
        ("", None),
        ("'400'", "400"),
        ('"a\\tb"', "a\tb"),
        ("!!str 5", "5"),
        ("=", "="),
    ],
)
def test_a_scalar_has_the_value_that_yaml_1_2_gives_it(text: str, value: object) -> None:
    found = parse(f"key: {text}").value["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "suite.yaml:3:1: duplicate key 'a'"),
        ("a: {b: 1, b: 2}", "suite.yaml:1:11: duplicate key 'b'"),
        ("a:\n  5: x", "suite.yaml:2:3: a key must be text, not '5'"),
        ("a:\n  [1, 2]: x", "suite.yaml:2:3: a key must be text, not a list or mapping"),
        ("a: !!python/object:os.system x", "suite.yaml:1:4: tag 'tag:yaml.org,2002:python/object:os.system'"),
        ("a: !!python/name:os.system {}", "suite.yaml:1:4: tag 'tag:yaml.org,2002:python/name:os.system'"),
        ("a: !!binary aGk=", "suite.yaml:1:4: tag 'tag:yaml.org,2002:binary' is not allowed"),
        ("a:\n  - !mine 3", "suite.yaml:2:5: tag '!mine' is not allowed"),
        ("a: !!int five", "suite.yaml:1:4: 'five' is not a whole number"),
        ("a: .nan", "suite.yaml:1:4: '.nan' is not a finite number"),
        ("a: [1, 1e999]", "suite.yaml:1:8: '1e999' is not a finite number"),
        ("a: .INF", "suite.yaml:1:4: '.INF' is not a finite number"),
        ("a: " + "1" * 5000, "suite.yaml:1:4: '1111"),
        ("a: [1, 2", "suite.yaml:1:9: not valid YAML: expected ',' or ']'"),
        ("a: 1\n\tb: 2", "suite.yaml:2:1: not valid YAML: found character '\\t'"),
        ("a: *gone", "suite.yaml:1:4: not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", "suite.yaml:2:1: not valid YAML: but found another document"),
        ("a: &a [*a]", "suite.yaml:1:4: an anchor that contains itself"),
        ("a: &a {<<: *a}", "suite.yaml:1:4: an anchor that merges itself"),
        ("a: {<<: 5}", "suite.yaml:1:9: '<<' merges mappings only"),
        ('a: 1\nb: "\\ud800"', "suite.yaml:2:4: half of a UTF-16 pair"),
        ('a: 1\nb: "x\\0.py:f"', "suite.yaml:2:4: a null byte"),
        ('a: 1\n"\\0": 2', "suite.yaml:2:1: a null byte"),
        ('a: 1\n"\\udc00": 2', "suite.yaml:2:1: half of a UTF-16 pair"),
        ('a: 1\nb: "\\UFFFFFFFF"', "suite.yaml:2:1: not valid YAML"),
        ("a: 1\nb: \x07", "suite.yaml:2:1: not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, said: str) -> None:
    assert problem(text).startswith(said)


def test_a_duplicate_key_names_the_place_of_the_first() -> None:
    assert "it stands first at suite.yaml:1:1" in problem("a: 1\na: 2")


def test_an_alias_of_something_wrong_is_reported_once() -> None:
    assert problem("a: &x {y: !mine 1}\nb: *x\nc: *x").startswith("suite.yaml:1:11")


def test_a_merge_key_fills_in_what_the_mapping_does_not_say() -> None:
    text = "base: &base {a: 1, b: {c: 2}}\nchild:\n  <<: *base\n  a: 9"
    document = parse(text)
    assert document.value["child"] == {"a": 9, "b": {"c": 2}}
    assert str(document.place(("child", "a")).value) == "suite.yaml:4:6"
    assert str(document.place(("child", "b", "c")).value) == "suite.yaml:1:27"


def test_of_several_merged_mappings_the_first_wins() -> None:
    assert parse("a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: [*a, *b]}").value["c"] == {"x": 1, "y": 3}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert parse("a: {'<<': {b: 1}}").value == {"a": {"<<": {"b": 1}}}


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MERGES = "{<<: &m0 {x: 1}}"
for level in range(1, 40):
    MERGES = f"{{<<: [&m{level} {MERGES}, *m{level}]}}"


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        f"a: {MERGES}",
        "s: &s " + "x" * 500_000 + "\na: [" + ", ".join(["*s"] * 30_000) + "]",
        "a: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: *a{i - 1}}}\n" for i in range(1, 2000)),
        "[" * 20_000,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
        "a:\n" + "".join(" " * i + "- \n" for i in range(1, 900)),
        "{a: " * 400 + "1" + "}" * 400,
    ],
    ids=["laughs", "merges", "long text", "chain of merges", "open", "deep list", "deep block", "deep mapping"],
)
def test_a_bomb_is_refused_before_it_grows(text: str) -> None:
    assert problem(text).startswith("suite.yaml:")


def test_a_file_may_begin_with_a_byte_order_mark(write) -> None:
    assert read_document(write("suite.yaml", b"\xef\xbb\xbfa: 1")).value == {"a": 1}


def test_an_empty_file_holds_nothing_and_can_still_be_pointed_at(write) -> None:
    document = read_document(write("suite.yaml", "# only a comment\n"))
    assert document.value is None
    assert document.problem(("a", 0), "wrong").mark.line == 1


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("a: é".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\n" * 300_000, 1, "bytes; at most"),
        (b"a: 1\n\x00", 2, "not valid YAML"),
    ],
)
def test_a_file_that_is_no_readable_text_is_refused_with_a_line(write, content: bytes, line: int, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        read_document(write("suite.yaml", content))
    assert caught.value.problems[0].mark.line == line


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SpecError, match="cannot read the file"):
            read_document(file)


def test_values_without_a_file_all_stand_at_its_start() -> None:
    made = made_document({"a": [1, {"b": "x"}]}, FILE)
    assert [*made.places] == [*parse("a: [1, {b: x}]").places]
    assert str(made.problem(("a", 1, "b"), "wrong")).startswith(f"{FILE}:1:1")


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("gates:\n  - {metric: ood/auroc[knn], max_drop: 0.02}", True),
        ('gates:\n  - {metric: "ood/auroc[knn], max_drop: 0.02}', True),
        ("a: [b, c", False),
    ],
)
def test_a_name_with_brackets_that_needs_quotes_is_told_so(tmp_path: Path, text: str, hinted: bool) -> None:
    with pytest.raises(SpecError) as caught:
        parse_document(text, tmp_path / "suite.yaml")
    assert ("put names that contain [ or ] in quotes" in str(caught.value)) is hinted
