"""Where it got worse in people's eyes, and in a judge's: slices by labels, told wherever a comparison is."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.comparison.asked import asked_pairs
from harness.comparison.compare import Compared, Options, compare
from harness.comparison.labelled import WithLabels, by_people
from harness.comparison.slices import looked_at
from harness.estimate import Statistic, column, mean
from harness.labels import LabelSet, LabelWriter, PairLabel
from harness.labels.draws import in_order
from harness.record import Run
from harness.report.compare_html import comparisons_html
from harness.report.compare_markdown import compare_markdown
from tests.conftest import Done

AT = "2026-03-01T12:00:00+00:00"
Made = Callable[..., Run]
STYLES = ("bar", "line", "pie", "dots")


def rows(word: str) -> dict[str, dict[str, Any]]:
    return {
        f"s{i:04d}": {"response": f"{word} {i}", "tags": {"style": STYLES[i % 4], "one": "same"}} for i in range(200)
    }


@pytest.fixture
def runs(make_run: Made) -> tuple[Run, Run]:
    """Two runs whose 200 answers all differ and that a metric finds equally right."""
    suite = {"content": {"slice_by": ["style", "one", "absent"]}}
    return make_run("old", [1.0] * 200, rows("old"), suite=suite), make_run(
        "new", [1.0] * 200, rows("new"), suite=suite
    )


def labels_of(runs: tuple[Run, Run], count: int, lost: str) -> list[PairLabel]:
    """Label what is drawn first: in one style the candidate's answers are worse, elsewhere as good."""
    (asked,) = asked_pairs(*runs)
    pairs = dict(zip(asked.names, asked.pairs, strict=True))
    styles = dict(zip(asked.names, asked.sides[1].strata(["style"], asked.differing), strict=True))
    made = []
    for item, draw in islice(in_order(asked.items(["style"])), count):
        better = "a" if styles[item.name].endswith(lost) else "tie"
        made.append(PairLabel(*pairs[item.name], better, "ann", AT, draw))  # type: ignore[arg-type]
    return made


def compared(runs: tuple[Run, Run], labels: list[PairLabel]) -> Compared:
    given = WithLabels(LabelSet.of(labels), "labels.jsonl")
    return compare(*runs, Options(resamples=200, labels=given))


def test_the_slice_that_people_find_worse_stands_first_with_how_sure_that_is(runs: tuple[Run, Run]) -> None:
    (found,) = compared(runs, labels_of(runs, 80, "pie")).labelled
    assert found.slices.among == 4, "a tag with one value has no slices, and one that is not there none either"
    (worst,) = found.slices.listed
    assert (worst.where, worst.fell) == ("style = pie", True)
    assert worst.found.comparison.estimate == -1.0
    assert worst.rest == 0.0
    assert 15 <= worst.found.labelled <= 25
    assert worst.found.differing == 50


def test_few_labels_show_nothing_and_fewer_than_five_are_not_looked_at(runs: tuple[Run, Run]) -> None:
    (few,) = compared(runs, labels_of(runs, 24, "pie")).labelled
    assert [one.where for one in few.slices.listed] == ["style = pie"]
    (fewer,) = compared(runs, labels_of(runs, 12, "pie")).labelled
    assert fewer.slices.among == 0


def test_where_nobody_finds_a_loss_none_is_listed(runs: tuple[Run, Run]) -> None:
    (found,) = compared(runs, labels_of(runs, 80, "nowhere")).labelled
    assert (found.slices.listed, found.slices.among) == ((), 4)


def test_slices_by_labels_are_told_wherever_a_comparison_is(
    runs: tuple[Run, Run], tmp_path: Path, run_here: Callable[..., Done]
) -> None:
    labels = labels_of(runs, 80, "pie")
    with LabelWriter(tmp_path / "labels.jsonl") as out:
        out.append(*labels)
    one = compared(runs, labels)
    told = "qa: by labels worse where style = pie: −1.000 ["
    assert told in comparisons_html([one]).replace("&amp;", "&")
    assert "style = pie" in compare_markdown([one]).replace("&#61;", "=")
    command = ("compare", runs[0].folder, runs[1].folder, "--labels", tmp_path / "labels.jsonl", "--resamples", "200")
    assert told in " ".join(run_here(*command).out.split())
    (read,) = json.loads(run_here(*command, "--format", "json").out)
    (listed,) = read["labelled"][0]["slices"]["listed"]
    assert (listed["where"], listed["found"]["labelled"]) == (
        "style = pie",
        one.labelled[0].slices.listed[0].found.labelled,
    )


def test_slices_that_are_alike_are_seldom_shown_to_differ(runs: tuple[Run, Run]) -> None:
    """Simulated labels, as many for as against: at 5 % more than two of 8 draws show a slice once in 170 times."""
    rng = np.random.default_rng(7)
    drawn, asked = labels_of(runs, 80, "nowhere"), asked_pairs(*runs)
    false = 0
    for _ in range(8):
        words = rng.choice(["a", "b", "tie"], len(drawn), p=[0.25, 0.25, 0.5])
        made = [replace(one, better=word) for one, word in zip(drawn, words, strict=True)]
        (found,) = by_people(asked, WithLabels(LabelSet.of(made)), {}, tags=["style"])
        false += any(one.fell for one in found.slices.listed)
    assert false <= 2


def test_of_a_judge_the_models_answers_are_looked_at_and_no_known_ones() -> None:
    passes = Statistic("judged_share", mean(column("judge_score.passed", "*")))
    cells = ["right", "judged", "wrong"]
    assert list(looked_at({"judged_share": passes}, "judge_score", cells, [], "judged")) == [(passes, ["judged"])]
    gated = Statistic("sensitivity", mean(column("judge_score.passed", "right")))
    assert list(looked_at({"judged_share": passes}, "judge_score", cells, [gated], "judged")) == [(passes, ["judged"])]
    plain = Statistic("exact_match", mean(column("exact_match", "*")))
    assert list(looked_at({"exact_match": plain}, "exact_match", cells, [], "judged")) == [(plain, cells)]
