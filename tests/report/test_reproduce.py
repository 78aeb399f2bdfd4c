"""The command that a report prints makes the run again, wherever its files lie and whatever of the suite was run."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.record import RunRecord, read_run
from harness.record.schema import SelectionRecord
from harness.report.lineage import lineage
from harness.report.reproduce import commands, packages


@pytest.fixture
def record(small_run: Path) -> RunRecord:
    return read_run(small_run)


def typed(record: RunRecord, *words: str) -> RunRecord:
    """Return the run as if it had been started with a command."""
    first = record.sessions[0].model_copy(update={"command": ["harness", "run", *words]})
    return record.model_copy(update={"sessions": [first]})


def renamed(record: RunRecord, file: str, adapter: str = "mock") -> RunRecord:
    suite = record.suite.model_copy(update={"file": file})
    return record.model_copy(update={"suite": suite, "adapter": record.adapter.model_copy(update={"name": adapter})})


def words(record: RunRecord) -> Sequence[str]:
    return shlex.split(commands(record)[-1])


def test_the_command_that_repeats_the_run_is_exact_and_safe_to_paste(record: RunRecord) -> None:
    suite = record.suite.model_copy(update={"file": "my suite; rm -rf ~.yaml"})
    (*_, command) = commands(record.model_copy(update={"suite": suite, "options": {"limit": 7}}))
    assert command.startswith("harness run 'my suite; rm -rf ~.yaml' --adapter mock --batch-size ")
    assert command.endswith(" --limit 7 --head")
    assert packages(record).startswith("pip install numpy==")


def test_files_are_named_as_they_were_typed(record: RunRecord) -> None:
    mine = typed(renamed(record, "robustness.yaml", "mine"), "my/robustness.yaml", "--adapter", "my/model.yaml")
    assert words(mine)[2:5] == ["my/robustness.yaml", "--adapter", "my/model.yaml"]
    assert words(typed(renamed(record, "robustness.yaml"), "robustness", "-a", "mock"))[2:5] == [
        "robustness", "--adapter", "mock",
    ]  # fmt: skip


def test_of_several_adapters_the_runs_own_is_named(record: RunRecord) -> None:
    both = typed(renamed(record, "s.yaml", "b"), "s.yaml", "--adapter=x/a.yaml", "--adapter=x/b.yaml")
    assert words(both)[3:5] == ["--adapter", "x/b.yaml"]


def test_a_file_is_not_taken_for_the_built_in_suite_that_has_its_name(record: RunRecord) -> None:
    assert words(renamed(record, "robustness.yaml"))[2] == "robustness.yaml"


def test_an_adapter_that_nobody_finds_by_name_is_said_to_be_a_file(record: RunRecord) -> None:
    command = commands(renamed(record, "s.yaml", "mine"))[-1]
    assert " --adapter mine.yaml " in command
    assert command.endswith("# name the adapter's own file: it is not recorded where it lies")


def test_what_was_run_of_the_suite_is_repeated_and_said(record: RunRecord) -> None:
    chosen = SelectionRecord(only=["qa"], sample_ids=["a b", "c"], epochs=3, reducer="majority")
    part = record.model_copy(update={"selection": chosen, "shard": "1/2", "environment": {"SIZE": "1 2"}})
    told = words(part)
    assert told[0] == "SIZE=1 2"
    options = ["--only", "qa", "--sample-id", "a b", "--sample-id", "c", "--epochs", "3", "--reducer", "majority"]
    assert told[told.index("--only") :] == options
    assert told[told.index("--shard") + 1] == "1/2"
    said = lineage(part)["part"]
    assert said == "only qa; only samples a b, c; part 1/2; every question 3 times, reduced by majority"
    assert lineage(record)["part"] == "the whole suite"
