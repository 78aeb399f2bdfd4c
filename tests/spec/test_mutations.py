"""Whatever is done to a suite or an adapter file, it loads, or what is wrong is said with a place in the file."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import invoke
from harness.errors import Problem, SpecError, UsageError
from harness.locate import available
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite

SUITE = available("suites")["robustness"].read_text(encoding="utf-8")
ADAPTERS = {name: available("adapters")[name].read_text(encoding="utf-8") for name in ("mock", "onnx-int8")}

SCALARS = (
    "", "~", "null", "true", "no", "0", "-1", "5", "1.5", "1e3", "1e999", ".nan", "-.inf", "0x1F", "012", "'x'", '"y"',
    "[]", "{}", "[1, 2]", "{a: 1}", "[[[]]]", "{{ question }}", "${HOME}", "${UNSET}", "${A_TOKEN}", "${N:-3}",
    "${N:-.INF}", "&a", "*a", "&b [*b]", "<<", "!!str 5", "!!int x", "!mine", "!!python/object:os.system x", "@", "`",
    "%YAML 1.1", "---", "...", "? x", "- -", ": :", "|", ">-", "#", "'", '"', "\\", '"\\ud800"', '"\\0"', "\t", "é",
    "brightness", "exact_match", "charts", "qa", "sweep", "jsonl", "chart-qa", "{type: jsonl, path: ../../etc/passwd}",
    '{type: jsonl, path: "a\\0b"}', "{metric: exact_match, as: 'a/b'}", "{chain: [rotation, 5]}", "9" * 5000,
    "0x" + "f" * 400, "x" * 3000, "{type: charts, limit: 1000001}", "{metric: faithfulness, weights: [1e308, 1e308]}",
)  # fmt: skip
KEYS = ("suite", "version", "tasks", "kind", "metrics", "limit", "extends", "<<", "seed", "engine", "5", "a b", "", "é")

Mutation = Callable[[list[str], random.Random], list[str]]


def delete(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines))
    return lines[:i] + lines[i + rng.randint(1, 3) :]


def duplicate(lines: list[str], rng: random.Random) -> list[str]:
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines) + 1)
    return [*lines[:j], lines[i], *lines[j:]]


def swap(lines: list[str], rng: random.Random) -> list[str]:
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    swapped = list(lines)
    swapped[i], swapped[j] = lines[j], lines[i]
    return swapped


def indent(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines))
    return [*lines[:i], rng.choice(("", " ", "   ", "\t", "      ")) + lines[i].lstrip(), *lines[i + 1 :]]


def replace_value(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines))
    key, colon, _ = lines[i].partition(": ")
    return [*lines[:i], (key + colon if colon else "") + rng.choice(SCALARS), *lines[i + 1 :]]


def replace_word(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines))
    words = lines[i].split(" ")
    words[rng.randrange(len(words))] = rng.choice((*SCALARS, *(f"{key}:" for key in KEYS)))
    return [*lines[:i], " ".join(words), *lines[i + 1 :]]


def insert_key(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines) + 1)
    return [*lines[:i], " " * rng.choice((0, 2, 4)) + f"{rng.choice(KEYS)}: {rng.choice(SCALARS)}", *lines[i:]]


def scramble(lines: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(lines))
    j = rng.randrange(len(lines[i]) + 1)
    byte = chr(rng.choice((*range(32, 127), 0, 7, 9, 13, 0x85, 0x2028, 0xFEFF, 0x1F600)))
    return [*lines[:i], lines[i][:j] + byte + lines[i][j + rng.randint(0, 1) :], *lines[i + 1 :]]


MUTATIONS: tuple[Mutation, ...] = (
    delete, duplicate, swap, indent, replace_value, replace_word, insert_key, scramble,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, text: str) -> bytes:
    """The text after one to four mutations, sometimes with bytes that are no text."""
    rng = draw(st.randoms(use_true_random=False))
    lines = text.splitlines()
    for mutation in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=4)):
        lines = mutation(lines, rng) or [""]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        i = rng.randrange(len(content) + 1)
        content = content[:i] + bytes([rng.randrange(128, 256)]) + content[i:]
    return content


def check(load: Callable[[str], object], file: Path, content: bytes) -> None:
    file.write_bytes(content)
    found = problems(load, file)
    text = content.decode("utf-8", "replace")
    # A reader of YAML breaks lines at a few more characters than an editor.
    lines = 1 + sum(text.count(character) for character in "\n\r\x85\u2028\u2029")
    for problem in found:
        assert problem.message
        assert problem.mark.column >= 1
        assert problem.mark.line >= 1
        assert problem.mark.line <= lines or problem.mark.file != file


def problems(load: Callable[[str], object], file: Path) -> tuple[Problem, ...]:
    try:
        load(str(file))
    except SpecError as error:
        return error.problems or pytest.fail("an error that says nothing")
    except UsageError as error:
        pytest.fail(f"a problem without a place: {error}")
    return ()


bounded = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


@bounded
@given(content=mutated(SUITE))
def test_a_mutated_suite_loads_or_says_where_it_is_wrong(tmp_path: Path, content: bytes) -> None:
    check(load_suite, tmp_path / "suite.yaml", content)


@settings(bounded, max_examples=150)
@given(content=st.sampled_from(sorted(ADAPTERS)).flatmap(lambda name: mutated(ADAPTERS[name])))
def test_a_mutated_adapter_file_loads_or_says_where_it_is_wrong(tmp_path: Path, content: bytes) -> None:
    check(read_adapter, tmp_path / "adapter.yaml", content)


@settings(bounded, max_examples=100)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_load_or_say_where_they_are_wrong(tmp_path: Path, content: bytes) -> None:
    check(load_suite, tmp_path / "suite.yaml", content)


@settings(bounded, max_examples=60)
@given(content=mutated(SUITE), as_json=st.booleans())
def test_the_command_line_answers_a_mutated_suite_with_exit_code_2_and_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, as_json: bool
) -> None:
    file = tmp_path / "suite.yaml"
    file.write_bytes(content)
    capsys.readouterr()
    code = invoke(["run", str(file), "--adapter", "mock", "--dry-run", *(["--json"] if as_json else [])])
    said = capsys.readouterr()
    assert code in (0, 2)
    assert "Traceback" not in said.err
    assert "internal error" not in said.err
    if code == 2:
        assert ".yaml:" in said.err
        assert "problem" in said.err
