"""Each mistake ends with the right exit code, its place and what to do, and never with a traceback."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done
from tests.mistakes.table import BARE, CHECK, GOOD, MISTAKES, RUN, Mistake, suite


def put(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that works; its name has a space, as those of many users do."""
    place = tmp_path / "my work"
    place.mkdir()
    put(place, GOOD)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return place


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_a_mistake_says_where_it_is_and_what_to_do(
    mistake: Mistake, folder: Path, run_here: Callable[..., Done]
) -> None:
    put(folder, mistake.files)
    for command in mistake.before:
        run_here(*command)
    done = run_here(*mistake.command)
    said = done.out + done.err
    assert done.code == mistake.code, said
    assert [words for words in mistake.says if words not in said] == [], said
    assert "Traceback" not in said
    assert "internal error" not in said


@pytest.mark.parametrize("command", [RUN, BARE, CHECK], ids=" ".join)
@pytest.mark.usefixtures("folder")
def test_without_a_mistake_the_folder_works(command: tuple[str, ...], run_here: Callable[..., Done]) -> None:
    done = run_here(*command)
    assert done.code in (0, 3), done.out + done.err  # two answers are too few for a gate


def test_a_byte_order_mark_is_no_mistake(folder: Path, run_here: Callable[..., Done]) -> None:
    for name in ("questions.csv", "suite.yaml", "rows.jsonl"):
        text = GOOD[name]
        assert isinstance(text, str)
        (folder / name).write_text(text, encoding="utf-8-sig")
    assert run_here(*BARE).code == 0
    assert run_here(*RUN).code in (0, 3)


def test_a_column_that_is_merely_called_as_a_fact_is_no_fact(folder: Path, run_here: Callable[..., Done]) -> None:
    (folder / "questions.csv").write_text(
        "question,answer,image,size\nWhich colour?,red,red.png,large\nAnd?,blue,blue.png,7\n"
    )
    assert run_here(*BARE).code == 0


def test_of_a_mapping_where_a_name_may_stand_only_its_keys_are_at_fault(
    folder: Path, run_here: Callable[..., Done]
) -> None:
    put(folder, suite("[exact_match]", "[{metric: exact_match, variant: 7}]"))
    told = run_here(*CHECK).err
    assert "suite.yaml:9:" in told
    assert "expected text, got a mapping" not in told
    assert "1 problem\n" in told


def test_one_row_has_what_several_have(folder: Path, run_here: Callable[..., Done]) -> None:
    (folder / "red.png").write_bytes(b"no")
    assert "1 row of the dataset 'rows' has media" in run_here("data", "check", "suite.yaml").out
