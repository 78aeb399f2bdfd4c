"""The baseline that answers without looking or asking."""

import json
from collections.abc import Callable

import pyarrow.compute as pc
import pytest

from harness.comparison.columns import samples_of
from harness.comparison.wrong import wrong_rows
from harness.errors import SpecError
from harness.record import Run

TRAIN = [("red?", "yes", "bool"), ("red?", "yes", "bool"), ("big?", "no", "bool"), ("what?", "cat", "word")]
TEST = [("red?", "yes", "bool"), ("big?", "no", "bool"), ("what?", "dog", "word"), ("new?", "yes", "other")]
DATA = "  train: {type: jsonl, path: train.jsonl}\n  test: {type: jsonl, path: test.jsonl}\n"
QA = "  qa: {kind: qa, dataset: test, metrics: [exact_match]}\n"


@pytest.fixture
def run(run_levels: Callable[..., Run], levels) -> Callable[..., Run]:
    for name, rows in (("train", TRAIN), ("test", TEST)):
        lines = [json.dumps({"question": q, "answer": a, "tags": {"type": t}}) for q, a, t in rows]
        (levels / f"{name}.jsonl").write_text("\n".join(lines))

    def make(keys: str = "", **options: int) -> Run:
        return run_levels(QA + f"  m: {{kind: majority, of: qa, train: train{keys}}}\n", DATA, **options)

    return make


def answers(run: Run) -> list[str]:
    return [row["response"] for row in run.table().to_pylist() if row["task"] == "m"]


@pytest.mark.parametrize(
    ("keys", "said", "value"),
    [
        ("", ["yes", "yes", "yes", "yes"], 0.5),
        (", by: question", ["yes", "no", "cat", "yes"], 0.75),
        (", by: type", ["yes", "yes", "cat", "yes"], 0.5),
    ],
)
def test_it_answers_what_the_training_split_says_most_often(run, keys: str, said: list[str], value: float) -> None:
    done = run(keys)
    assert answers(done) == said
    metric = done.record.tasks["m"].metrics["exact_match"]
    assert (metric.value, metric.n) == (value, 4)


def test_its_slices_stand_beside_the_whole(run) -> None:
    found = run(", by: question, slices: [type]").record.tasks["m"].metrics
    assert {name: metric.value for name, metric in found.items()} == {
        "exact_match": 0.75,
        "exact_match[type=bool]": 1.0,
        "exact_match[type=word]": 0.0,
        "exact_match[type=other]": 1.0,
    }


def test_among_equally_frequent_answers_the_first_in_alphabetical_order_counts(run, levels) -> None:
    rows = [{"question": "q", "answer": answer} for answer in ("no", "maybe", "no", "maybe")]
    done = run()
    (levels / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert set(answers(run())) == {"maybe"}
    assert set(answers(done)) == {"yes"}


def test_a_limit_is_kept(run) -> None:
    assert len(answers(run(limit=2))) == 2


def test_an_unknown_training_set_is_refused_with_the_nearest_name(bind, levels) -> None:
    with pytest.raises(SpecError, match="did you mean 'd'"):
        bind(
            "suite: s\nversion: 1\ndatasets: {d: {type: charts}}\ntasks:\n"
            "  qa: {kind: qa, dataset: d, metrics: [exact_match]}\n  m: {kind: majority, of: qa, train: dd}\n"
        )


def test_what_it_gets_wrong_is_no_answer_to_look_at(run) -> None:
    done = run()
    table = done.table()
    counts = {}
    for name in ("qa", "m"):
        samples = samples_of(done.folder, table.filter(pc.equal(table["task"], name)))
        counts[name] = len(wrong_rows(samples, done.record.tasks[name]))
    assert counts == {"qa": 4, "m": 0}
