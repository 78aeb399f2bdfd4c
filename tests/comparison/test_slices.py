"""Slices are looked for in every gated metric and every cell, and the worst one stands on the first screen."""

from dataclasses import replace

import numpy as np
import pytest

from harness.cli.compare import print_comparison
from harness.comparison.compare import compare
from harness.comparison.slices import looked_at, slices
from harness.estimate import CellRows, Column, Comparer, Labels, Rows, Statistic, auroc, column, mean, ratio, total
from harness.estimate.by_row import differences_by_row
from harness.estimate.statistic import ANYWHERE, placed
from harness.report import compare_rows
from harness.report.compare_markdown import compare_markdown

RIGHT = Statistic("right", mean(column("right", ANYWHERE)))
EXACT = Statistic("exact", mean(column("exact", ANYWHERE)))
WER = Statistic(
    "wer",
    ratio(total(column("edits", ANYWHERE)), total(column("words", ANYWHERE))),
    "lower",
    "edits per word",
    (0, None),
)
STYLES = Labels(np.arange(240) % 6, [f"s{i}" for i in range(6)])


def rows(seed: int, **lost: tuple[str, int]) -> Rows:
    """Two cells of 240 samples; ``lost`` names a column, and the cell and style in which all its scores are lost."""
    cells = {}
    for cell in ("clean", "fog"):
        rng = np.random.default_rng([seed, len(cell)])
        right, exact = (np.array(rng.random(240) < 0.9, float) for _ in range(2))
        words = rng.integers(3, 9, 240).astype(float)
        columns = {"right": right, "exact": exact, "edits": rng.binomial(words.astype(int), 0.1) * 1.0, "words": words}
        for name, (where, style) in lost.items():
            gone = (STYLES.codes == style) & (cell == where)
            columns[name][gone] = words[gone] if name == "edits" else 0.0
        made = {name: Column.of(values) for name, values in columns.items()}
        cells[cell] = CellRows(np.arange(240), np.arange(240), made, {"style": STYLES})
    return Rows(cells)


def look(before: Rows, after: Rows, *statistics: Statistic):
    asked = [(one, ["clean", "fog"]) for one in statistics]
    return slices("qa", asked, Comparer(before, after), (before, after), seed=0)


def test_a_loss_in_one_cell_of_one_metric_is_found_where_it_is() -> None:
    found = look(rows(1), rows(1, exact=("fog", 2)), RIGHT, EXACT, WER)
    worst = found.listed[0]
    assert (worst.metric, worst.cell, worst.where, worst.fell) == ("exact", "fog", "style = s2", True)
    assert {(one.metric, one.where) for one in found.listed if one.fell} == {("exact", "style = s2")}
    assert {one.cell for one in found.listed if one.fell} == {"fog", ""}
    assert found.among == 3 * 3 * 6
    assert worst.comparison.n == 40
    assert worst.before > 0.8
    assert worst.after == 0
    assert worst.rest == 0


def test_a_ratio_of_sums_is_looked_at_by_what_each_row_adds() -> None:
    found = look(rows(1), rows(1, edits=("clean", 4)), RIGHT, WER)
    worst = found.listed[0]
    assert (worst.metric, worst.where, worst.direction, worst.fell) == ("wer", "style = s4", "lower", True)
    assert worst.after == pytest.approx(1.0) if worst.cell else worst.after > worst.before
    assert worst.shrunk < 0


@pytest.mark.parametrize("statistic", [RIGHT, WER])
def test_what_rows_add_has_the_mean_of_what_the_statistic_moved_by(statistic: Statistic) -> None:
    before, after = rows(1), rows(2)
    here = placed(statistic, "fog")
    there, gaps = differences_by_row(here.of, before, after, "fog") or pytest.fail("not looked at")
    found = Comparer(before, after).difference(here)
    assert gaps.mean() == pytest.approx(found.after - found.before, abs=1e-9)
    assert len(there) == 240


def test_ranks_are_no_sums_and_are_left_out() -> None:
    ranks = placed(Statistic("auroc", auroc(column("right", "*"), column("exact", "*"))), "fog")
    assert differences_by_row(ranks.of, rows(1), rows(2), "fog") is None


def test_a_row_that_one_side_lacks_counts_on_neither() -> None:
    before, after = rows(1), rows(2)
    for side, place in ((before, 3), (after, 5)):
        side.cells["fog"].columns["right"].worths[place] = np.nan
    there, _ = differences_by_row(placed(RIGHT, "fog").of, before, after, "fog") or pytest.fail("not looked at")
    assert set(range(240)) - set(there.tolist()) == {3, 5}


def test_the_primary_metric_is_looked_at_everywhere_and_others_where_a_gate_reads_them() -> None:
    gate = Statistic("exact on fog", mean(column("exact", "fog")))
    unpaired = replace(WER, paired=False)
    known = {"right": RIGHT, "exact": EXACT, "wer": unpaired}
    found = {one.name: list(cells) for one, cells in looked_at(known, "right", ["clean", "fog"], [gate, unpaired])}
    assert found == {"right": ["clean", "fog"], "exact": ["fog"]}


def test_nothing_is_listed_where_nothing_fell_or_there_are_no_tags() -> None:
    same = look(rows(1), rows(1), RIGHT)
    assert (same.listed, same.among) == ((), 18)
    bare = Rows({name: replace(cell, tags={}) for name, cell in rows(1).cells.items()})
    assert look(bare, bare, RIGHT).among == 0


def test_the_worst_slice_stands_on_the_first_screen(make_run, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {f"s{i:04d}": {"tags": {"kind": f"k{i % 5}"}} for i in range(200)}
    runs = [make_run(name, [float(i % 5 != 3 or name == "a") for i in range(200)], kinds) for name in "ab"]
    compared = compare(*runs)
    said = compare_rows.worst_slice(compared)
    assert said.startswith("Worst slice: kind = k3 (qa/exact_match): −1.000 [")
    assert said.endswith("n = 40; all others 0.000, adjusted p = 0.001, of 5 looked at.")
    page = compare_markdown([compared])
    assert 0 < page.index("Worst slice") < page.index("| metric |")
    print_comparison(compared)
    shown = capsys.readouterr().out
    assert "Worst slice: kind = k3" in shown
    assert shown.index("Worst slice") < shown.index("right → wrong")
    unmoved = compare_rows.worst_slice(compare(runs[0], runs[0]))
    assert unmoved == "Worst slice: none fell more than the rest of the samples, of 5 looked at."
