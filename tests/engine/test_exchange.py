"""What a task may ask: boxes, likelihoods, several parts, a judge after the answer; each through the whole engine."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from harness.engine.keep import Keeper
from harness.engine.options import RunOptions, Silent
from harness.engine.rescore import rescore
from harness.engine.run import run_suite
from harness.errors import UsageError
from harness.metrics import SampleMetric, sample_metric
from harness.record import Run
from harness.record.folder import STORE_FILE
from harness.record.store import ResponseStore
from harness.spec.models import Model
from harness.suite.select import Selection
from harness.tasks import BuildContext, Cell, ColumnSpec, Statistic
from harness.tasks.scoring import cell_statistics, column_specs
from harness.types import AdapterHandle, Dataset, Generation, Request, Response, Sample, Score, Status
from tests.doubles import Double

CELL = Cell("all")
COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


class Config(Model):
    dataset: str
    judge: str = ""


class Kind:
    """What the plug-in tasks here share: one cell, one metric, its mean."""

    Config: ClassVar[type[Model]] = Config
    kind = "test"
    requires: frozenset[str] = frozenset()
    primary = "exact_match"

    def __init__(self, name: str, dataset: Dataset, judge: AdapterHandle | None = None) -> None:
        self.name = name
        self.dataset = dataset
        self.judge = judge
        self.metrics: Mapping[str, SampleMetric] = {self.primary: sample_metric(self.primary)}

    @classmethod
    def build(cls, name: str, config: Config, context: BuildContext) -> "Kind":
        return cls(name, context.datasets[config.dataset], context.adapters(config.judge) if config.judge else None)

    def cells(self) -> Sequence[Cell]:
        return (CELL,)

    def count(self, cell: Cell) -> int:
        return len(self.dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self.dataset

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {self.primary: self.metrics[self.primary].score(responses[0].text or "", sample.references)}

    def statistics(self) -> Sequence[Statistic]:
        return self.cell_statistics(CELL)

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return cell_statistics(self.metrics, cell.id)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return column_specs(self.metrics)

    def describe(self) -> Mapping[str, Any]:
        return {"kind": self.kind, **({"judge": dict(self.judge.describe())} if self.judge else {})}


class Finds(Kind):
    """Asks where something is; the answers are boxes, and read as such."""

    primary = "iou"
    requires = frozenset({"ground"})

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        images = (sample.images[0].load(),)
        return (Request(sample.id, "", images, ask="ground", phrases=("the square", "nothing")),)


class Chooses(Kind):
    """A multiple choice by likelihood, normalised by length, which no text of an answer could tell."""

    requires = frozenset({"score_text"})

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        images = (sample.images[0].load(),)
        return (Request(sample.id, sample.question, images, ask="score_text", candidates=(*COLOURS,)),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        best = int(np.argmax(responses[0].value / [len(name) for name in COLOURS]))
        return {self.primary: self.metrics[self.primary].score([*COLOURS][best], sample.references)}


class Judged(Kind):
    """Asks a question, and then another model whether the answer is right."""

    requires = frozenset({"generate"})

    @property
    def roles(self) -> Mapping[str, AdapterHandle]:
        assert self.judge is not None
        return {"judge": self.judge}

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        images = (sample.images[0].load(),)
        return (Request(sample.id, sample.question, images, generation=Generation(8, 0.5, seed=3)),)

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        if len(responses) > 1:
            return ()
        prompt = f"{sample.references[0]} or {responses[0].text}?"
        return (Request(f"{sample.id}/verdict", prompt, part="verdict", role="judge"),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {self.primary: Score(float(responses[1].text == "same"))}


class Endless(Kind):
    """Never has enough."""

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (Request(sample.id, "?"),)

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        return (Request(f"{sample.id}/{len(responses)}", "?", part=str(len(responses))),)


class Nobody(Kind):
    """Asks a role that it brings nobody for."""

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (Request(sample.id, "?", role="judge"),)


class Unasking(Kind):
    """Judges what the data holds; no model is asked."""

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        assert not responses
        return {self.primary: Score(float(sample.references[0] == "red"))}


class Former(Kind):
    """Written before requests were a list."""

    def prepare(self, cell: Cell, sample: Sample, *, oracle: bool) -> Request:
        return Request(sample.id, sample.question, (sample.images[0].load(),))

    def score(self, sample: Sample, text: str) -> Mapping[str, Score]:  # type: ignore[override]
        return {self.primary: self.metrics[self.primary].score(text, sample.references)}


class Eye(Double):
    """Sees the colour of a square and where it is; counts what it is asked, by kind. Not the same in every batch."""

    simulated = False
    capabilities = frozenset({"generate", "ground", "score_text"})
    batch_invariant = False
    batch_size = 3
    asked: ClassVar[list[str]] = []
    calls: ClassVar[list[tuple[str, ...]]] = []

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        self.calls.append(tuple(request.id for request in requests))
        self.asked.extend(f"generate {request.id}" for request in requests)
        return [Response(self._colour(request), tokens_in=len(requests)) for request in requests]

    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        self.asked.extend(f"ground {phrase}" for phrase in phrases)
        boxes = [np.array([image.getbbox()], np.float32) for image in images]
        return [box if phrase == "the square" else box[:0] for box, phrase in zip(boxes, phrases, strict=True)]

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        self.asked.append(f"score_text {request.id}")
        return [-1.0 * len(name) * (1 + (name != self._colour(request))) for name in candidates]

    def _colour(self, request: Request) -> str:
        pixel = request.images[0].getpixel((9, 9)) if request.images else None
        return next((name for name, colour in COLOURS.items() if colour == pixel), "none")


class Judge(Double):
    """Says whether two words are the same."""

    simulated = False
    batch_size = 2
    print_: ClassVar[str] = "judge" * 4

    def fingerprint(self) -> str:
        return self.print_

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        assert len(requests) <= self.batch_size
        Eye.asked.extend(f"judge {request.id}" for request in requests)
        words = [request.prompt.rstrip("?").split(" or ") for request in requests]
        return [Response("same" if one == other else "different", tokens_in=100) for one, other in words]


class Jester(Judge):
    simulated = True


KINDS = ("Finds", "Chooses", "Judged", "Endless", "Nobody", "Unasking", "Former")
TASK = "t: {{kind: {0}, dataset: d, judge: {1}}}"

Start = Callable[..., Run]


@pytest.fixture
def start(bind, plug_in, write, tmp_path: Path) -> Start:
    """Run a task of some kind over six images of coloured squares, two of them told wrongly."""
    for kind in KINDS:
        plug_in("tasks", kind.lower(), f"{__name__}:{kind}")
    for adapter in ("Judge", "Jester"):
        plug_in("adapters", adapter.lower(), f"{__name__}:{adapter}")
        write(f"{adapter.lower()}.yaml", f"adapter: {adapter.lower()}\ntype: {adapter.lower()}\n")
    lines = []
    for i in range(6):
        colour = [*COLOURS][i % 3]
        image = Image.new("RGB", (24, 24))
        image.paste(COLOURS[colour], (4, 6, 20, 18))
        image.save(tmp_path / f"{i}.png")
        lines.append({"id": f"s{i}", "image": f"{i}.png", "question": "Which?", "answer": colour if i < 4 else "grey"})
    write("d.jsonl", "\n".join(map(json.dumps, lines)))
    write("boxes.jsonl", "\n".join(json.dumps({**line, "answer": "[4, 6, 20, 18]"}) for line in lines))

    def go(kind: str, data: str = "d", judge: str = "''", select: Selection | None = None, **options: Any) -> Run:
        Eye.asked.clear()
        Eye.calls.clear()
        suite = bind(
            f"suite: s\nversion: 1\ndatasets: {{d: {{type: jsonl, path: {data}.jsonl}}}}\nengine: {{retries: 0}}\n"
            f"tasks: {{{TASK.format(kind, judge)}}}\n"
        )
        chosen = RunOptions(tmp_path / "runs", **{**options, **({"selection": select} if select else {})})
        return Run(run_suite(suite, Eye.choice(tmp_path), chosen, Silent())[0])

    return go


def value(run: Run) -> float | None:
    (metric,) = run.record.tasks["t"].metrics.values()
    return metric.value


def rows(run: Run) -> list[dict[str, Any]]:
    return run.table().to_pylist()


def test_boxes_are_asked_for_kept_and_judged(start: Start) -> None:
    done = start("finds", "boxes")
    assert value(done) == 1.0
    assert rows(done)[0]["response"] == "[4.00, 6.00, 20.00, 18.00]"
    assert rows(done)[0]["parts"] is None
    kept = pq.read_table(done.folder / "vectors.parquet").to_pylist()
    assert (kept[0]["ask"], kept[0]["vector"]) == ("ground", [0.0, 4.0, 6.0, 20.0, 18.0])
    assert rescore(done, sample_metric("acc_at_iou"))["t/all"].value == 1.0


def test_likelihoods_are_asked_for_kept_and_judged(start: Start) -> None:
    done = start("chooses")
    assert value(done) == pytest.approx(4 / 6)
    assert {row["ask"] for row in pq.read_table(done.folder / "vectors.parquet").to_pylist()} == {"score_text"}
    assert [row["response"] for row in rows(done)][:3] == ["red", "green", "blue"]


def test_a_judge_is_asked_about_the_answers_in_batches_of_its_own(start: Start) -> None:
    done = start("judged", judge="judge.yaml")
    assert value(done) == pytest.approx(4 / 6)
    first = rows(done)[0]
    assert (first["prompt"], first["response"], first["tokens_in"]) == ("Which?", "red", 3)
    parts = json.loads(first["parts"])
    assert [(part["part"], part["role"], part["response"]) for part in parts] == [
        ("", "", "red"), ("verdict", "judge", "same"),
    ]  # fmt: skip
    assert parts[1]["prompt"] == "red or red?"
    assert rescore(done, sample_metric("exact_match"))["t/all"].value == pytest.approx(4 / 6)


ASKING = [("finds", "boxes", "''"), ("chooses", "d", "''"), ("judged", "d", "judge.yaml")]


@pytest.mark.parametrize(("kind", "data", "judge"), ASKING)
def test_what_was_asked_once_comes_from_the_cache(start: Start, tmp_path: Path, kind, data, judge) -> None:
    first = start(kind, data, judge, cache=tmp_path / "cache")
    assert Eye.asked
    second = start(kind, data, judge, cache=tmp_path / "cache", fresh=True)
    assert Eye.asked == []
    assert rows(second)[0]["batch_seconds"] is None
    assert second.record.cached == len(rows(second)) * (2 if kind == "judged" else 1)
    assert second.record.tasks == first.record.tasks


@pytest.mark.parametrize(("kind", "data", "judge"), ASKING)
def test_a_run_that_died_asks_only_what_is_not_stored(start: Start, tmp_path, monkeypatch, kind, data, judge) -> None:
    whole = start(kind, data, judge)
    everything = [*Eye.asked]
    keep, left = Keeper.keep, [1]

    def dying(self: Keeper, answered: Any) -> None:
        if not left[0]:
            raise SystemExit
        left[0] -= 1
        keep(self, answered)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", dying)
        with pytest.raises(SystemExit):
            start(kind, data, judge, fresh=True)
    again = start(kind, data, judge)
    assert len(again.record.sessions) == 2
    assert 0 < len(Eye.asked) < len(everything)
    varies = ["batch_seconds", "seconds"]
    assert again.table().drop_columns(varies).equals(whole.table().drop_columns(varies))


def test_which_requests_share_a_call_depends_on_the_plan_alone(start: Start) -> None:
    start("judged", judge="judge.yaml")
    calls = sorted(Eye.calls)
    assert calls == [("s0", "s1", "s2"), ("s3", "s4", "s5")]
    start("judged", judge="judge.yaml", workers=3, batch_size=5, fresh=True)
    assert sorted(Eye.calls) == calls


def test_epochs_and_single_samples_hold_for_all_parts(start: Start) -> None:
    done = start("judged", judge="judge.yaml", select=Selection(epochs=2))
    assert [row["sample_id"] for row in rows(done)][:2] == ["s0#0", "s0#1"]
    assert Eye.asked[:3] == ["generate s0#0", "generate s0#1", "generate s1#0"]
    assert "judge s0/verdict#1" in Eye.asked
    assert value(done) == pytest.approx(4 / 6)
    one = start("judged", judge="judge.yaml", select=Selection(sample_ids=("s2",)))
    assert Eye.asked == ["generate s2", "judge s2/verdict"]
    assert len(rows(one)) == 1


def test_a_judge_that_fails_costs_its_samples_and_says_why(start: Start, monkeypatch) -> None:
    def broken(self: Judge, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response(None, Status.ERROR, "no verdict") for _ in requests]

    monkeypatch.setattr(Judge, "generate", broken)
    done = start("judged", judge="judge.yaml")
    assert {(row["status"], row["error"], row["score.exact_match"]) for row in rows(done)} == {
        ("error", "no verdict", None)
    }
    assert done.record.tasks["t"].metrics["exact_match"].value == 0.0


def test_a_judge_that_changed_since_the_run_began_is_refused(start: Start, tmp_path, monkeypatch) -> None:
    def stopped(self: Keeper, answered: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", stopped)
        with pytest.raises(SystemExit):
            start("judged", judge="judge.yaml")
    monkeypatch.setattr(Judge, "print_", "other" * 4)
    with pytest.raises(UsageError, match="the judge of task 't' changed"):
        start("judged", judge="judge.yaml")


def test_a_simulation_may_not_judge_a_real_model(start: Start) -> None:
    with pytest.raises(UsageError, match="'jester' as its judge, which is a simulation"):
        start("judged", judge="jester.yaml")


@pytest.mark.parametrize(
    ("kind", "said"), [("endless", "more than 16 times"), ("nobody", "no adapter for the role 'judge'")]
)
def test_a_task_that_asks_wrongly_costs_its_samples(start: Start, kind: str, said: str) -> None:
    done = start(kind)
    assert all(said in row["error"] for row in rows(done))


def test_a_sample_may_need_no_model_at_all(start: Start) -> None:
    done = start("unasking")
    assert Eye.asked == []
    assert value(done) == pytest.approx(2 / 6)
    assert {row["status"] for row in rows(done)} == {"ok"}
    with pytest.raises(UsageError, match="no answers to questions"):
        rescore(done, sample_metric("exact_match"))


def test_a_task_of_the_earlier_form_still_works_and_is_told(start: Start) -> None:
    with pytest.warns(DeprecationWarning, match=r"'test' is written for an earlier version: replace `prepare"):
        done = start("former")
    assert value(done) == pytest.approx(4 / 6)


FORMER_TABLE = """
create table responses (
    seq integer primary key, cell_id integer not null, sample_id text not null, cluster text not null,
    batch integer not null, status text not null, error text, request_hash text, prompt text, refs text not null,
    evidence text, response text, tokens_in integer, image_tokens integer, tokens_out integer, batch_seconds real,
    tags text, scores text not null, vector blob, unique (cell_id, sample_id)
);
create table cells (id integer primary key, task text not null, cell text not null,
                    finished integer not null default 0, unique (task, cell));
insert into cells values (1, 'qa', 'clean', 0);
insert into responses values (0, 1, 's0', '', 0, 'ok', null, 'h', '', '[]', null, null, 1, null, 1, 0.5, null, '{}',
                              x'0000803f00000040');
"""


def test_the_store_of_an_earlier_version_is_read_and_written_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / STORE_FILE) as old:
        old.executescript(FORMER_TABLE)
    old.close()
    with ResponseStore(tmp_path / STORE_FILE) as store:
        (row,) = store
        assert (row.ask, row.parts, row.payload) == (None, None, np.array([1, 2], "<f4").tobytes())
        assert [*store.payloads()] == [("qa", "clean", "s0", "", "embed", row.payload)]
    with ResponseStore(tmp_path / STORE_FILE) as again:
        assert [*again] == [row]
    with sqlite3.connect(tmp_path / STORE_FILE) as now:
        assert {"ask", "payload", "parts"} < {name for _, name, *_ in now.execute("pragma table_info(responses)")}
    now.close()
