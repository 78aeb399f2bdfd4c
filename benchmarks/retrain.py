"""What labels are worth that ``harness pick`` asks for, beside as many at random: found mistakes, and a LoRA trained.

``python -m benchmarks.retrain [--seeds 6] [--labels 100]``: seven CPU-minutes on one core for all three pools. Each
seed has a pool, a held-out set and a LoRA for each way to choose of its own. A pool is 800 charts without answers; one
question in five is asked in words that the tiny model never learned ("How much is A?"). In ``junk`` the pictures of
15 % of the pool are noise besides. In ``sure and wrong`` words are known, but dark charts show depths, so that what is
drawn higher is lower: the model is wrong in a fifth of the pool and sure of it. Who labels reads the charts' drawn
numbers: labels are simulated, and of noise they are made up, as people's who must write something. A row of the table
is a mean over seeds with Student's interval.
"""

import argparse
import contextlib
import io
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fixtures.build.courses import Draw
    from harness.record import Run
    from harness.types import Sample

Scenario = Literal["other words", "junk", "sure and wrong"]
SCENARIOS: Final[tuple[Scenario, ...]] = ("other words", "junk", "sure and wrong")
_TURNED: Final = ("highest", "lowest", "comparison")
_ROOT: Final = Path(__file__).resolve().parents[1]
_OTHER_WORDS: Final = {
    "value_by_letter": (r"value of (\w+)", "How much is {0}?"),
    "value_by_color": (r"value of (\w+)", "How much is {0}?"),
    "highest": ("()", "Which is best?"),
    "lowest": ("()", "Which is the smallest?"),
    "comparison": (r"Is (\w) higher than (\w)", "Is {1} lower than {0}?"),
    "color_of_letter": (r"color is (\w)", "Which color has {0}?"),
    "letter_of_color": (r"letter is (\w+)", "Who is {0}?"),
}
"""For each type of question what to find in it, and how to ask it otherwise with the same answer."""
_OTHERWISE: Final = 0.2
_JUNK: Final = 0.15
_HELD_OUT: Final = 400
_STEPS, _BATCH, _LR, _RANK = 80, 16, 0.005, 16
_WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "pick": {},
    "pick --no-spread": {"spread": False, "pictures": False},
    "random": {"by": "random", "spread": False, "pictures": False},
}
_TRAINED: Final = ("pick", "random")
_SUITE: Final = """\
suite: {name}
version: 1
datasets:
  rows: {{type: jsonl, path: {name}/rows.jsonl{more}}}
tasks:
  ask: {{kind: qa, dataset: rows, metrics: [relaxed_accuracy]}}
"""


@dataclass(slots=True)
class Found:
    """What one seed found."""

    yields: dict[str, float] = field(default_factory=dict)
    """The share of labels that corrected a wrong answer, by way to choose."""
    pool_wrong: float = 0.0
    right: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Of each held-out sample 1 where it is answered rightly, [samples], by way to choose and ``none``."""
    hard: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Which held-out samples are of the kind that the model never learned, [samples]."""


class Mean(NamedTuple):
    """A mean over seeds."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Return the mean of one value a seed with Student's 95 % interval."""
        from harness.stats.intervals import mean_interval

        return cls(float(np.mean(values)), *mean_interval(values))

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def signed(self) -> str:
        """As a difference."""
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True, slots=True)
class _Noise:
    """A picture that shows nothing."""

    key: int

    def load(self) -> Any:
        from PIL import Image

        return Image.fromarray(np.random.default_rng(self.key).integers(0, 256, (112, 140, 3), np.uint8))


def samples(split: str, count: int, seed: int, scenario: Scenario) -> list["Sample"]:
    """Return charts with questions; their tags ``hard`` and ``junk`` say which are of those, ``True`` or ``False``."""
    from harness.registry import registry
    from harness.seeds import Stream

    kind = registry("datasets").load("charts")
    made = []
    for i, one in enumerate(kind.from_config(kind.Config(split=split, limit=count, seed=seed), Path(), ())):
        stream = Stream("retrain", split, seed, i)
        drawn, spoiled = stream.uniform() < _OTHERWISE, stream.uniform() < _JUNK
        type_, dark = one.tags["question_type"], one.tags["style"].endswith("dark")
        pattern, form = _OTHER_WORDS[type_]
        told = re.search(pattern, one.question)
        if scenario == "sure and wrong":
            hard = dark and type_ in _TURNED
            given = replace(one, references=(_turned(one),)) if hard else one
        else:
            hard = drawn and told is not None
            given = replace(one, question=form.format(*told.groups())) if drawn and told else one
        junk = scenario == "junk" and spoiled and split == "train"
        images = (_Noise(stream.integer(0, 1 << 30)),) if junk else one.images
        made.append(replace(given, images=images, evidence=None, tags={"hard": str(hard), "junk": str(junk)}))
    return made


def _turned(one: "Sample") -> str:
    """Return the right answer where a chart shows depths: what is drawn higher is lower."""
    if one.tags["question_type"] == "comparison":
        return {"yes": "no", "no": "yes"}[one.references[0]]
    marks = [line.split() for line in (one.evidence or "").splitlines()]
    pick = min if one.tags["question_type"] == "highest" else max
    return str(pick(marks, key=lambda mark: int(mark[2]))[0])


def measure(scenario: Scenario, seed: int, work: Path, labels: int = 100, pool: int = 800, steps: int = _STEPS,
            held_out: int = _HELD_OUT) -> Found:  # fmt: skip
    """Run a pool, choose labels in every way, train on those of two, and ask held-out questions, all below ``work``."""
    from harness.picks import How, pick
    from harness.registry import registry

    found = Found()
    known = {one.id: one for one in samples("train", pool, seed, scenario)}
    run = _run(
        "pool", [*known.values()], work, {"type": "onnx", "quantisation": "fp32", "batch_size": 16}, answers=False
    )
    said = {row["sample_id"]: row["response"] for row in run.table().to_pylist()}
    judge = registry("metrics").load("relaxed_accuracy")()
    wrong = {
        name: one.tags["junk"] == "False" and judge.score(said[name], one.references).value < 1
        for name, one in known.items()
    }
    found.pool_wrong = float(np.mean([*wrong.values()]))
    held = samples("test", held_out, seed, scenario)
    found.hard = np.array([one.tags["hard"] == "True" for one in held])
    found.right["none"] = _asked(held, work, None)
    for way, keys in _WAYS.items():
        chosen = [one.sample_id for one in pick([run], labels, How(seed=seed, **keys)).picks]
        found.yields[way] = float(np.mean([wrong[name] for name in chosen]))
        if way in _TRAINED:
            lora = train([known[name] for name in chosen], work / way, seed, steps)
            found.right[way] = _asked(held, work, lora)
    return found


def train(chosen: Sequence["Sample"], folder: Path, seed: int, steps: int) -> Path:
    """Train a LoRA of the tiny model on labelled samples with the fixtures' own code; return its folder."""
    from fixtures.build.courses import COURSES, Leg, Lesson
    from fixtures.build.lora import train_lora
    from fixtures.build.packing import patches
    from harness.data.charts.questions import Question
    from harness.seeds import Stream

    lessons = [
        Lesson(one.id, patches(one.images[0].load()), (Question(one.question, one.references[0], ""),))
        for one in chosen
    ]

    def open_data(base: Path) -> "Draw":
        def draw(step: int, place: int) -> "Lesson":
            epoch, number = divmod(step * _BATCH + place, len(lessons))
            return lessons[Stream("retrain", seed, epoch).shuffled(range(len(lessons)))[number]]

        return draw

    course = replace(
        COURSES["charts"], draw=open_data, rank=_RANK, targets=COURSES["easy-vqa"].targets,
        legs=(Leg("answers", steps, batch=_BATCH, lr=_LR),),
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        train_lora(course, _ROOT / "fixtures" / "tiny-qwen2-vl", folder)
    return folder


def _asked(held: Sequence["Sample"], work: Path, lora: Path | None) -> NDArray[np.float64]:
    """Return which held-out samples a model answers rightly, [samples]."""
    keys = {"type": "qwen2_vl", "batch_size": 32} | ({} if lora is None else {"lora": str(lora)})
    run = _run("held", held, work, keys, answers=True)
    right = {row["sample_id"]: row["score.relaxed_accuracy"] for row in run.table().to_pylist()}
    return np.array([right[one.id] or 0.0 for one in held])


def _run(name: str, rows: Sequence["Sample"], work: Path, adapter: Mapping[str, Any], *, answers: bool) -> "Run":
    import harness
    from harness.data import write_rows

    written = work / name / "rows.jsonl"
    if not written.is_file():
        write_rows(rows, work / name)
        if not answers:
            lines = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
            bare = [{key: value for key, value in line.items() if key != "answer"} for line in lines]
            written.write_text("".join(json.dumps(line) + "\n" for line in bare), encoding="utf-8")
    suite, model = work / f"{name}.yaml", work / "adapter.yaml"
    suite.write_text(_SUITE.format(name=name, more="" if answers else ", unanswered: ask"), encoding="utf-8")
    keys = {"adapter": "tiny", "model": str(_ROOT / "fixtures" / "tiny-qwen2-vl"), "threads": 1, **adapter}
    model.write_text(json.dumps(keys), encoding="utf-8")
    return harness.run(suite, model, out=work / "runs", report=False, cache=False, fresh=True)


def rows(scenario: Scenario, found: Sequence[Found]) -> Iterator[str]:
    """Yield a row of the table for each way to choose, and one for no training."""
    parts = [[np.ones_like(one.hard) for one in found], [one.hard for one in found], [~one.hard for one in found]]

    def means(values: Sequence[NDArray[np.float64]]) -> list[Mean]:
        return [Mean.of([float(own[which].mean()) for own, which in zip(values, part, strict=True)]) for part in parts]

    untrained = [one.right["none"] for one in found]
    yield f"| {scenario}, n = {len(found)} | no retraining | | {' | '.join(map(str, means(untrained)))} | |"
    for way in _WAYS:
        share = Mean.of([one.yields[way] for one in found])
        if way not in _TRAINED:
            yield f"| | {way} | {share} | | | | |"
            continue
        told = means([one.right[way] - one.right["none"] for one in found])
        over = Mean.of([float((one.right[way] - one.right["random"]).mean()) for one in found])
        last = over.signed if way != "random" else ""
        yield f"| | {way} | {share} | {' | '.join(one.signed for one in told)} | {last} |"


HEAD: Final = (
    "| pool | labels chosen by | labels that corrected a wrong answer ↑ | held-out accuracy ↑ | the hard fifth ↑ | "
    "the rest ↑ | over random ↑ |\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrain", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    given = parser.parse_args()
    started = time.process_time()
    lines = [HEAD]
    for scenario in given.scenario or SCENARIOS:
        found = []
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                found.append(measure(scenario, seed, Path(folder), given.labels))
            right = {way: round(float(values.mean()), 4) for way, values in found[-1].right.items()}
            print(f"{scenario}, seed {seed}: yields {found[-1].yields}, right {right}", flush=True)
        wrong = Mean.of([one.pool_wrong for one in found])
        print(f"{scenario}: {wrong} of the pool is answered wrongly; {len(found)} seeds", flush=True)
        lines += rows(scenario, found)
    print("\n".join(lines))
    print(f"{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
