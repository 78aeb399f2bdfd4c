"""Runs of lm-evaluation-harness 0.4.13: two filters, a multiple choice, two subtasks of a group, repeats."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.comparison.identity import Incomparable
from harness.errors import UsageError
from harness.record import Run
from tests.imports.conftest import LOGS

NUMBERS = {
    "toy_gen/exact_match@strict-match": (0.6, 0.7333333333333333),
    "toy_gen/exact_match@flexible-extract": (0.7, 0.9),
    "toy_mc/acc": (0.7, 0.9),
    "toy_mc/acc_norm": (0.7, 0.9),
    "toy_sub_large/em": (0.8666666666666667, 1.0),
    "toy_sub_large/out_len": (13.266666666666667, 14.2),
    "toy_sub_small/em": (0.7333333333333333, 0.9333333333333333),
    "toy_sub_small/out_len": (16.066666666666666, 15.133333333333333),
}
"""As its results files have them."""


def logged(run: str, task: str) -> list[dict[str, Any]]:
    (file,) = (LOGS / "lm-eval" / run).glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("side", ["a", "b"])
def test_every_number_is_the_one_that_lm_eval_prints(imported: Callable[..., Run], side: str) -> None:
    run = imported(f"lm-eval/{side}")
    assert {name: value.value for name, value in run.metrics.items()} == pytest.approx(
        {name: pair[side == "b"] for name, pair in NUMBERS.items()}, abs=1e-12
    )
    assert [one.text for task in run.record.tasks.values() for one in task.findings] == []
    assert run.record.machine.packages == {"lm-eval": "0.4.13", "transformers": "5.23.0"}
    summary = {row[0]: row[1] for row in run.record.tasks["toy_gen"].tables[0].rows}
    wanted = {
        name: NUMBERS[f"toy_gen/exact_match@{name}"][side == "b"] for name in ("strict-match", "flexible-extract")
    }
    assert summary == {f"exact_match,{name}": value for name, value in wanted.items()}


@pytest.mark.parametrize("task", ["toy_gen", "toy_mc", "toy_sub_large", "toy_sub_small"])
def test_every_line_is_a_row_with_the_scores_of_the_log(imported: Callable[..., Run], task: str) -> None:
    lines = logged("a", task)
    rows = [row for row in imported("lm-eval/a").table().to_pylist() if row["task"] == task]
    assert [(row["sample_id"], row["cell"]) for row in rows] == [(str(one["doc_id"]), one["filter"]) for one in lines]
    for metric in lines[0]["metrics"]:
        assert [row[f"score.{metric}"] for row in rows] == [one[metric] for one in lines]
    assert {row["status"] for row in rows} == {"ok"}
    assert [row["prompt"] for row in rows] == [one["arguments"]["gen_args_0"]["arg_0"] for one in lines]


def test_answers_and_targets_are_told_as_texts_also_where_they_are_choices(imported: Callable[..., Run]) -> None:
    rows = {(row["task"], row["cell"], row["sample_id"]): row for row in imported("lm-eval/a").table().to_pylist()}
    first = logged("a", "toy_gen")[0]
    assert rows["toy_gen", "strict-match", "0"]["response"] == first["resps"][0][0]
    assert rows["toy_gen", "strict-match", "0"]["references"] == [first["target"]]
    picked = rows["toy_mc", "none", "0"]
    assert (picked["response"], picked["references"]) == ("33", ["33"])


def test_the_comparison_is_the_paired_one() -> None:
    found = {one.name: one for one in harness.compare(LOGS / "lm-eval/a", LOGS / "lm-eval/b").deltas}
    for name, (before, after) in NUMBERS.items():
        assert (found[name].before, found[name].after) == pytest.approx((before, after))
    picked = found["toy_gen/exact_match@flexible-extract"].comparison
    assert picked is not None
    assert (picked.method, picked.n) == ("McNemar exact", 30)
    assert picked.p_value == pytest.approx(0.03125)
    assert found["toy_sub_large/out_len"].comparison is not None
    assert found["toy_sub_large/out_len"].comparison.p_value == pytest.approx(0.7192, abs=5e-5)  # lower is better


def test_a_file_of_samples_is_that_task_alone_and_a_summary_is_all_of_its_run(imported: Callable[..., Run]) -> None:
    (samples,) = (LOGS / "lm-eval/a").glob("samples_toy_mc_*")
    (results,) = (LOGS / "lm-eval/a").glob("results_*")
    assert [*imported(samples).record.tasks] == ["toy_mc"]
    assert len(imported(results).record.tasks) == 4


def test_samples_without_their_summary_are_read_too(imported: Callable[..., Run], tmp_path: Path) -> None:
    for file in (LOGS / "lm-eval/a").glob("samples_*"):
        shutil.copy(file, tmp_path)
    run = imported(tmp_path)
    assert run.metrics["toy_gen/exact_match@strict-match"].value == pytest.approx(0.6)
    said = [one.text for one in run.record.tasks["toy_sub_small"].findings]
    assert "--higher out_len or --lower out_len" in said[-1]
    assert run.record.tasks["toy_sub_small"].metrics["out_len"].direction == "none"
    again = imported(tmp_path, lower=("out_len",), higher=("em",), bounds={"em": (0.0, 1.0)})
    assert again.record.tasks["toy_sub_small"].metrics["out_len"].direction == "lower"
    assert not again.record.tasks["toy_sub_small"].findings


def test_a_flipped_score_is_told_beside_the_summary(imported: Callable[..., Run], changed) -> None:
    def flip(rows: list[dict[str, Any]]) -> None:
        rows[3]["acc"] = 1.0 - rows[3]["acc"]

    said = [
        one.text for one in imported(changed("lm-eval/a", "samples_toy_mc_*", flip)).record.tasks["toy_mc"].findings
    ]
    assert len(said) == 1
    assert "lm-eval says 0.7 for acc,none, and the mean of its samples is 0.7" in said[0] or "0.6" in said[0]
    assert "samples were changed, dropped or added after it was written" in said[0]


def test_a_dropped_sample_is_told_by_number_and_by_name(imported: Callable[..., Run], changed) -> None:
    folder = changed("lm-eval/b", "samples_toy_mc_*", lambda rows: [row for row in rows if row["doc_id"] != 7])
    run = imported(folder)
    assert "the log says 30 samples and holds 29" in [one.text for one in run.record.tasks["toy_mc"].findings]
    compared = harness.compare(LOGS / "lm-eval/a", run)
    assert "toy_mc: 1 sample missing from the candidate: 7" in compared.warnings
    verdict = harness.gate(baseline=str(LOGS / "lm-eval/a"), candidate=run, metric="acc")
    assert verdict.verdict == "inconclusive"
    assert verdict.gates[0].gate.reason.startswith("toy_mc: 1 sample missing from the candidate: 7: 3.33% of 30")


def test_a_sample_that_stands_twice_is_kept_once_and_two_that_differ_are_refused(imported, changed) -> None:
    run = imported(changed("lm-eval/a", "samples_toy_mc_*", lambda rows: [*rows, rows[5]]))
    assert run.metrics["toy_mc/acc"].n == 30
    assert "1 sample (5) stood twice" in run.record.tasks["toy_mc"].findings[0].text
    with pytest.raises(UsageError, match=r":31: sample '5' of task 'toy_mc' stands twice, with other content"):
        imported(changed("lm-eval/a", "samples_toy_mc_*", lambda rows: [*rows, {**rows[5], "acc": 0.5}]))


def test_a_reworded_question_is_no_pair_and_is_named(imported: Callable[..., Run], changed) -> None:
    def reword(rows: list[dict[str, Any]]) -> None:
        rows[4]["arguments"]["gen_args_0"]["arg_0"] = "Q: How much is it?\nA:"

    run = imported(changed("lm-eval/b", "samples_toy_sub_small_*", reword))
    identity = logged("b", "toy_sub_small")[4]["doc_id"]
    said = [one.text for one in run.record.tasks["toy_sub_small"].findings]
    assert said == [f"samples whose content is not what their hashes say: {identity}"]
    warned = harness.compare(LOGS / "lm-eval/a", run).warnings
    told = "with other content (prompt, pixels or generation) under the same id"
    assert warned == (f"toy_sub_small: 1 sample {told}: {identity}",)


def test_documents_that_were_shuffled_are_named_and_not_compared(imported: Callable[..., Run], changed) -> None:
    def shuffle(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = [row["doc_id"] for row in rows]
        return [{**row, "doc_id": identity} for row, identity in zip(rows, ids[1:] + ids[:1], strict=True)]

    decision = harness.gate(baseline=str(LOGS / "lm-eval/a"), metric="acc",
                            candidate=imported(changed("lm-eval/a", "samples_toy_mc_*", shuffle)))  # fmt: skip
    assert decision.verdict == "inconclusive"
    assert "30 samples with other content" in decision.gates[0].gate.reason


def test_what_was_taken_out_of_a_log_is_there_as_its_hash(imported: Callable[..., Run], changed) -> None:
    def strip(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            del row["doc"], row["arguments"]

    compared = harness.compare(LOGS / "lm-eval/a", imported(changed("lm-eval/b", "samples_toy_gen_*", strip)))
    assert compared.warnings == ()
    assert compared.deltas[0].rows == 30


def test_an_object_s_address_in_a_document_is_not_part_of_the_question(imported: Callable[..., Run], changed) -> None:
    def pictured(address: str) -> Callable[[list[dict[str, Any]]], None]:
        def put(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                row["doc"]["image"] = f"<PIL.Image.Image image mode=RGB size=8x8 at {address}>"
                row["doc_hash"] = address

        return put

    first = imported(changed("lm-eval/a", "samples_toy_mc_*", pictured("0x7f00aa")))
    second = imported(changed("lm-eval/b", "samples_toy_mc_*", pictured("0x7fbb11")))
    assert harness.compare(first, second).warnings == ()


def test_other_settings_are_refused_by_name(imported: Callable[..., Run], tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(LOGS / "lm-eval/b", folder)
    (results,) = folder.glob("results_*")
    results.write_text(results.read_text().replace('"num_fewshot":0', '"num_fewshot":5'))
    with pytest.raises(Incomparable, match="num_fewshot of toy_gen: 0 in the baseline, 5 in the candidate"):
        harness.compare(LOGS / "lm-eval/a", folder)


def test_several_runs_at_one_place_are_named_and_none_is_chosen(imported: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match=r"holds 2 runs of lm-eval: .*results_2026-11-28T20-27-26.*; name one of them"):
        imported("lm-eval")


def test_a_summary_alone_says_how_to_get_the_samples(imported: Callable[..., Run], tmp_path: Path) -> None:
    (results,) = (LOGS / "lm-eval/a").glob("results_*")
    with pytest.raises(UsageError, match="run lm-eval with --log_samples"):
        imported(Path(shutil.copy(results, tmp_path)))
