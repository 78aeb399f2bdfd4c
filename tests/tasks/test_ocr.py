"""Reading pages: who reads, who reads columns as rows, who makes up lines, and pages that nobody shows."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import harness
from harness.data.pages import PageImage, Pages, PagesConfig
from harness.errors import SpecError
from harness.record import Run
from harness.types import Request, Response
from tests.doubles import Double
from tests.tasks.seeing import pictures, verdict
from tests.tasks.seeing import run as run_on

SUITE = """\
suite: reading
version: 1
datasets: {pages: {type: pages, limit: 18, lines: 4}}
tasks:
  read: {kind: ocr, dataset: pages, slices: [layout]}
  blind: {kind: blind, of: read, controls: [mismatched]}
gates:
  - {metric: read/line_cer, max: 0.25}
  - {metric: read/words_invented, max: 0.25}
  - {metric: read/reading_order, min: 0.75}
  - {metric: "blind/lines_right[mismatched]", max: 0.25, control: true}
"""


def pages() -> dict[bytes, PageImage]:
    shown = [sample.images[0] for sample in Pages(PagesConfig(limit=18, lines=4))]
    return {one.load().tobytes(): one for one in shown if isinstance(one, PageImage)}


class Reader(Double):
    """Knows the pages by their pixels, and reads their pieces in the order in which they were set."""

    simulated = False
    known = pages()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response(self.said(self.known[one.images[0].convert("RGB").tobytes()])) for one in requests]

    def said(self, page: PageImage) -> str:
        rows: dict[tuple[int, int], list[str]] = {}
        for piece in page.pieces:  # a price belongs to the goods before it, a column to nothing
            price = piece.text.replace(".", "").isdigit()
            key = next((at for at in rows if price and at[1] == piece.top), (piece.left, piece.top))
            rows.setdefault(key, []).append(piece.text)
        return "\n".join(" ".join(row) for row in self.ordered(rows).values())

    def ordered(self, rows: dict[tuple[int, int], list[str]]) -> dict[tuple[int, int], list[str]]:
        return rows


class Backwards(Reader):
    """Reads every letter, from the last line to the first."""

    def ordered(self, rows):
        return dict(reversed(rows.items()))


class Talker(Reader):
    """Reads everything, and goes on where the page ends."""

    def said(self, page: PageImage) -> str:
        return super().said(page) + "\nas an assistant I would add that this page is of great interest to many readers"


class Reciter(Reader):
    """Has seen one page of the set, and always says it: whoever does not look must fail."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        first = next(iter(self.known.values()))
        return [Response(self.said(first)) for _ in requests]


def values(made: Run, task: str = "read") -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks[task].metrics.items()}


def test_who_reads_everything_is_right_in_everything(tmp_path: Path) -> None:
    found = values(run_on(SUITE, Reader, tmp_path))
    assert (found["lines_right"], found["reading_order"], found["reading_order[layout=columns]"]) == (1.0, 1.0, 1.0)
    rates = ("line_cer", "line_wer", "words_missed", "words_invented", "corpus_cer", "corpus_wer", "cer")
    assert [found[name] for name in rates] == [0.0] * len(rates)


def test_lines_in_another_order_cost_the_document_and_not_the_lines(tmp_path: Path) -> None:
    found = values(run_on(SUITE, Backwards, tmp_path))
    assert (found["line_cer"], found["reading_order"], found["words_missed"]) == (0.0, 0.0, 0.0)
    assert (found["corpus_cer"] or 0) > 0.3


@pytest.mark.parametrize(
    ("broken", "gate"),
    [(Backwards, "read/reading_order"), (Talker, "read/words_invented"), (Reciter, "read/line_cer")],
)
def test_each_way_to_read_badly_fails_its_own_gate(tmp_path: Path, broken: type[Reader], gate: str) -> None:
    good = run_on(SUITE, Reader, tmp_path)
    assert verdict(SUITE, Reader, good, tmp_path) == "pass"
    assert verdict(SUITE, broken, good, tmp_path) == "fail"
    verdicts = {one.metric: one.verdict for one in run_on(SUITE, broken, tmp_path).record.gates}
    assert verdicts[gate] == "fail"


def test_answers_are_scored_again_from_the_record_to_the_same_numbers(tmp_path: Path) -> None:
    made = run_on(SUITE, Backwards, tmp_path)
    for name in ("line_cer", "reading_order", "lines_right"):
        again = harness.score(made, name)["read/clean"]
        assert (again.value, again.n) == (values(made)[name], 18)


def test_the_text_may_stand_in_boxes(tmp_path: Path) -> None:
    pictures(tmp_path, 6, boxes=lambda name, i: [{"box": [0, 0, 9, 9], "label": "TOTAL"}])

    class Till(Double):
        simulated = False

        def generate(self, requests: Sequence[Request]) -> list[Response]:
            return [Response("TOTAL")] * len(requests)

    suite = "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\ntasks:\n"
    made = run_on(suite + "  read: {kind: ocr, dataset: rows, text: boxes}\n", Till, tmp_path)
    assert values(made)["lines_right"] == 1.0


def test_boxes_that_are_not_there_are_refused_at_their_key(bind, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="gives no `boxes`"):
        bind(SUITE.replace("dataset: pages, slices", "dataset: pages, text: boxes, slices"))


def test_a_page_is_the_same_every_time_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (Pages(PagesConfig(limit=3, seed=seed)) for seed in (0, 0, 1))
    assert [one.references for one in first] == [one.references for one in again]
    assert [one.references for one in first] != [one.references for one in other]
    assert (first.content_hash(), first.content_hash() == other.content_hash()) == (again.content_hash(), False)
    assert [one.images[0].load().tobytes() for one in first] == [one.images[0].load().tobytes() for one in again]
