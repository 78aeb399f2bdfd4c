"""Every number that is printed can be looked up by the name that it is printed under."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.estimate import Number
from harness.registry import registry
from harness.report.glossary import meaning
from harness.tasks.glossary import numbers, of_kind
from tests.golden.runs import NAMES, read


def printed(name: str) -> set[str]:
    """The names of the numbers of one frozen record, without the parts that say which of several it is."""
    frozen = read(name)
    rows = [row.split(" @ ")[0] for part in ("metrics", "cells", "deltas") for row in frozen.get(part, {})]
    return {row.partition("/")[2].partition("[")[0] for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_frozen_record_is_known(name: str) -> None:
    found = {one: meaning(one) for one in printed(name)}
    assert found
    assert all(one.metric or one.numbers for one in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_number_is_read_as_its_definition_says(name: str) -> None:
    for row, value in read(name).get("metrics", {}).items():
        bare = row.partition("/")[2].partition("[")[0]
        found = meaning(bare)
        if found.numbers and not found.metric:
            assert any(fits(one, value) for one in found.numbers), row


def fits(one: Number, value: dict[str, Any]) -> bool:
    """Whether a frozen number is what one of its name's meanings says."""
    (low, high), number = one.bounds, value.get("value")
    above, below = number is None or low is None or number >= low, number is None or high is None or number <= high
    return bool(value["unit"] == one.unit and above and below)


def test_each_number_says_what_it_is() -> None:
    for name, meanings in numbers().items():
        for one, kinds in meanings.items():
            assert one.name == name
            assert kinds
            assert not one.meaning[0].islower(), one.meaning
            assert one.meaning.endswith(".")


def test_a_name_is_known_as_it_stands_in_a_table() -> None:
    plain = meaning("severity-sweep/retained_accuracy[gaussian_noise]").plain()
    assert plain["name"] == "retained_accuracy"
    assert plain["tasks"][0]["kinds"] == ["adversarial", "sweep", "temporal"]
    assert plain["tasks"][0]["range"] == [0.0, None]
    assert meaning("cuts/f1@12[ks]").name == "f1"


def test_one_name_with_two_meanings_has_both() -> None:
    found = meaning("mce")
    assert "calibration" in (found.metric or {})["definition"]
    assert list(found.numbers.values()) == [("adversarial", "sweep")]


def test_what_a_suite_calls_a_metric_is_looked_up_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "mine.yaml").write_text(
        "tasks:\n  qa: {kind: qa, metrics: [{metric: anls, as: likeness}]}\n", encoding="utf-8"
    )
    (tmp_path / "suites" / "broken.yaml").write_text("tasks: [", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = meaning("likeness")
    assert (found.name, found.label) == ("anls", "likeness, of suite mine")


def test_a_typing_mistake_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'breaking_severity'"):
        meaning("breaking_severty")
    with pytest.raises(UsageError, match="did you mean 'relaxed_accuracy'"):
        meaning("relaxed_acuracy")


def test_a_kind_that_is_not_installed_prints_nothing_that_is_known() -> None:
    assert of_kind("never_heard_of") == {}


def test_sentences_of_a_plug_in_are_taken_for_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry("tasks").load("qa"), "glossary", {"mood": "How mild it is."}, raising=False)
    assert of_kind("qa")["mood"] == Number("mood", "How mild it is.", unit="")


def test_the_command_tells_numbers_and_metrics(run_here: Any) -> None:
    told = run_here("metrics", "show", "severity_slope")
    assert told.code == 0
    assert "range: −1 to 1 share per severity, higher is better" in told.out
    both = json.loads(run_here("metrics", "show", "auroc", "--json").out)
    assert both["kind"] == "corpus"
    assert [one["kinds"] for one in both["tasks"]] == [["guard"], ["ood"]]
    wrong = run_here("metrics", "show", "severity_slop")
    assert wrong.code == 2
    assert "did you mean 'severity_slope'" in wrong.err


def test_the_numbers_of_tasks_are_a_list_of_their_own(run_here: Any) -> None:
    rows = json.loads(run_here("list", "numbers", "--json").out)
    assert {row["name"] for row in rows} == set(numbers())
    assert all(row["summary"] and row["better"] for row in rows)
