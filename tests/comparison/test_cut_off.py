"""Answers that were cut off, in comparisons and gates: counted on both sides, and told apart where the share moved."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html import unescape
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from harness.cli._tables import print_runs
from harness.comparison.compare import Compared, compare
from harness.comparison.decide import decide
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from harness.report import compare_rows
from harness.report.compare_html import comparisons_html
from harness.report.compare_json import compare_json, decision_json
from harness.report.compare_markdown import compare_markdown
from harness.report.github import comment
from harness.report.html import write_html
from harness.report.junit import junit
from harness.report.markdown import markdown
from harness.report.overview import render_overview
from harness.spec.models import GateSpec
from harness.suite.bind import Suite
from harness.types import Finish, Request, Response
from tests.doubles import Double
from tests.edited import put

ROWS = "".join(f'{{"id": "{n}", "question": "{n}", "answer": "12"}}\n' for n in range(40))
SUITE = """\
suite: cut
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match], max_new_tokens: 16}}
"""
GATE = GateSpec(metric="qa/exact_match", min=0.5)


class Brief(Double):
    """Comes to its end but once."""

    cut = 1

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        ends = [Finish.LENGTH if int(request.prompt) < self.cut else Finish.STOP for request in requests]
        return [Response("12", finish=end) for end in ends]


class Rambling(Brief):
    """Is cut off in most of its answers."""

    cut = 30


class Silence(Double):
    """Does not say how its answers end."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("12") for _ in requests]


Make = Callable[[type[Double]], Run]


@pytest.fixture
def make(write: Callable[..., Path], bind: Callable[[str], Suite], tmp_path: Path) -> Make:
    write("rows.jsonl", ROWS)

    def run(model: type[Double]) -> Run:
        folder, _ = run_suite(bind(SUITE), model.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
        return Run(folder)

    return run


def notices(compared: Compared) -> list[str]:
    return [said for said in compare_rows.notices(compared) if "cut off" in said]


def test_a_share_that_moved_tells_the_runs_apart_though_no_score_did(make: Make) -> None:
    compared = compare(make(Brief), make(Rambling))
    (delta,) = compared.cut_off
    assert (delta.before, delta.after, delta.moved) == (1 / 40, 30 / 40, "worse")
    assert [one.moved for one in compared.deltas] == [""]
    (said,) = notices(compared)
    assert said.startswith(
        "qa: answers cut off at their limit of tokens: 1 of 40 → 30 of 40; that share moved, +0.725 ["
    )
    assert "30 of 40" in compare_markdown([compared])
    assert compare_json(compared)["cut_off"][0]["moved"] == "worse"
    assert compare_json(compared)["candidate"]["finishes"] == {"qa": {"length": 30, "stop": 10}}


def test_a_share_that_stayed_is_counted_and_no_more(make: Make) -> None:
    compared = compare(make(Brief), make(Brief))
    assert notices(compared) == ["qa: answers cut off at their limit of tokens: 1 of 40 → 1 of 40"]


def test_where_nobody_was_cut_off_nothing_is_said(make: Make) -> None:
    class Whole(Brief):
        cut = 0

    compared = compare(make(Whole), make(Whole))
    assert (compared.cut_off, notices(compared)) == ((), [])


@pytest.mark.parametrize("old", [False, True])
def test_a_run_that_does_not_know_is_no_run_without_any(make: Make, old: bool) -> None:
    silent, rambling = make(Silence), make(Rambling)
    if old:  # as an earlier version left it
        file = silent.folder / SAMPLES_FILE
        pq.write_table(pq.read_table(file).drop_columns(["finish"]), file)
        told = json.loads((silent.folder / "run.json").read_text(encoding="utf-8"))
        del told["tasks"]["qa"]["finishes"]
        put(silent.folder, told)
        silent = Run(silent.folder)
    compared = compare(silent, rambling)
    assert compared.cut_off[0].comparison is None
    assert notices(compared) == ["qa: answers cut off at their limit of tokens: nobody knows how many → 30 of 40"]
    assert compare(silent, silent).cut_off == ()


def test_a_gate_tells_it_with_a_baseline_and_without(make: Make) -> None:
    rambling = make(Rambling)
    compared = compare(make(Brief), rambling)
    alone, against = (decide([GATE], rambling.record, one) for one in (None, compared))
    assert "30 of 40" in comment(alone)
    assert "30 of 40; that share moved" in unescape(comment(against))
    for decision in (alone, against):
        root = ET.fromstring(junit(decision))  # noqa: S314 - our own
        told = {one.get("name"): one.get("value") for one in root.iter("property")}
        assert told["cut off in qa"] == "30 of 40"
        assert decision_json(decision)["candidate"]["finishes"] == {"qa": {"length": 30, "stop": 10}}


def test_every_report_of_a_run_counts_them_beside_its_metrics(make: Make) -> None:
    rambling = make(Rambling)
    out = StringIO()
    print_runs(Console(file=out, width=200), [rambling.record, make(Brief).record])
    (line,) = (line for line in out.getvalue().splitlines() if "answers cut off" in line)
    assert "30 of 40" in line
    assert "1 of 40" in line
    assert "<code>qa</code>: answers cut off | ↓  |" in markdown(rambling.folder)
    html = write_html(rambling.folder, rambling.folder / "report.html").read_text(encoding="utf-8")
    for page in (html, render_overview([rambling.record])):
        row = page.partition("<code>qa</code>: answers cut off")[2].partition("</tr>")[0]
        assert "30 of 40" in row
    assert "30 of 40 answers reached max_new_tokens 16: raise" in html


def test_the_commands_print_it(make: Make, run_here: Callable[..., object], write: Callable[..., Path]) -> None:
    brief, rambling = make(Brief), make(Rambling)
    suite = write("cut.yaml", SUITE + "gates: [{metric: qa/exact_match, min: 0.5}]\n")
    shown = run_here("show", rambling.folder)
    assert "30 of 40 answers reached max_new_tokens 16" in shown.out  # type: ignore[attr-defined]
    compared = run_here("compare", brief.folder, rambling.folder)
    assert "1 of 40 → 30 of 40; that share moved" in compared.out  # type: ignore[attr-defined]
    gated = run_here("gate", suite, "-a", "rambling", "--candidate", rambling.folder)
    assert gated.code == 0, gated.err  # type: ignore[attr-defined]
    assert "qa: answers cut off at their limit of tokens: 30 of 40" in gated.out  # type: ignore[attr-defined]


def test_a_comparison_page_warns(make: Make) -> None:
    compared = compare(make(Brief), make(Rambling))
    assert "1 of 40 → 30 of 40; that share moved" in comparisons_html([compared])
