"""Ask the tiny Qwen2-VL the same questions through every harness, each in a process and an environment of its own.

    python -m benchmarks.end_to_end --lmms-eval lmms/bin/python --lm-eval lm/bin/python --vlmevalkit kit/bin/python

Nothing is installed here. A peer whose interpreter isn't given is left out, and the table says so. Their environments
hold `lmms-eval`, `lm-eval` with `accelerate`, or VLMEvalKit with `qwen-vl-utils`, beside the torch and the transformers
that are compared. The bare loop runs in the first environment that is given, else in this one. Where there is no
torchvision, it and this harness load the model's processor without its video part: pictures are then resized by Pillow.
Only what resizes alike can be compared; the last line names the versions.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.data.charts.dataset import ChartsConfig, ChartsDataset

_HERE: Final = Path(__file__).parent
_MODEL: Final = _HERE.parents[1] / "fixtures" / "tiny-qwen2-vl"
_SYSTEM: Final = "You are a helpful assistant."
"""lmms-eval's own default: it cannot be told to leave the system message out."""
_BATCH: Final = 8
_WITH_US: Final = ("ours.py", "bare.py")
"""Scripts that import this repository; the bare loop does so where there is no torchvision."""
_EXTRA: Final = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
"""Where the caller keeps packages beside the environment."""
_FEATURES: Final = {
    "id": {"dtype": "string", "_type": "Value"},
    "question": {"dtype": "string", "_type": "Value"},
    "answer": {"dtype": "string", "_type": "Value"},
    "image": {"_type": "Image"},
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured, and by which interpreter."""

    name: str
    script: str
    python: str | None
    told: tuple[str, ...] = ()
    """What its script is told beyond what all are."""


def draw(folder: Path, questions: int, per_chart: int, times: float = 1) -> None:
    """Write the questions as a table of JSON lines with PNGs beside it, and as Parquet as the Hub has it.

    Args:
        folder: where to.
        questions: how many.
        per_chart: that share a picture.
        times: how many times as wide and as high as they are drawn the pictures are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    config = ChartsConfig(limit=questions, questions_per_chart=per_chart)
    rows: list[dict[str, Any]] = []
    (folder / "images").mkdir()
    for place, sample in enumerate(ChartsDataset.from_config(config, folder, ())):
        picture = io.BytesIO()
        shown = sample.images[0].load()
        shown.resize((round(shown.width * times), round(shown.height * times))).save(picture, "PNG")
        name = f"images/{place // per_chart}.png"
        (folder / name).write_bytes(picture.getvalue())
        rows.append({"id": f"s{place}", "question": sample.question, "answer": sample.references[0], "image": name})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8")
    held = [row | {"image": {"bytes": (folder / row["image"]).read_bytes(), "path": None}} for row in rows]
    picture_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = [(name, picture_type if name == "image" else pa.string()) for name in _FEATURES]
    table = pa.Table.from_pylist(held, schema=pa.schema(types))
    meta = {"huggingface": json.dumps({"info": {"features": _FEATURES}})}
    pq.write_table(table.replace_schema_metadata(meta), folder / "rows.parquet")


def measure(contestant: Contestant, questions: int, per_chart: int, times: float = 1) -> dict[str, Any]:
    """Run one contestant over questions that are drawn anew; its last line is what it measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, questions, per_chart, times)
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(folder / "hub"),
            "PYTHONDONTWRITEBYTECODE": "",  # nobody's modules are compiled anew in each process
            "PYTHONPATH": os.pathsep.join([str(_HERE.parents[1]), *_EXTRA]) if contestant.script in _WITH_US else "",
            "TOKENIZERS_PARALLELISM": "false",
        }
        command = [str(contestant.python), str(_HERE / contestant.script), name, str(_MODEL), str(_BATCH), _SYSTEM]
        command += contestant.told
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{contestant.name} failed:\n{done.stderr[-3000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def row(name: str, measured: dict[str, Any], ours: dict[str, Any], truth: dict[str, str]) -> str:
    """Return a line of the table."""
    same = sum(measured["answers"].get(key, "").strip() == text.strip() for key, text in truth.items())
    outside = measured["cpu"] - measured["in_model"]
    return (
        f"{name:<12}{measured['cpu']:>8.1f} s{measured['cpu'] / ours['cpu']:>7.2f} x{measured['in_model']:>9.1f} s"
        f"{outside:>9.1f} s{measured['wall']:>8.1f} s{measured['first_cpu']:>8.1f} s"
        f"{measured['peak_kib'] / 1024:>8.0f} MiB{same:>7}/{len(truth)}"
    )


def table_of_stages(ours: Sequence[dict[str, Any]], bare: Sequence[dict[str, Any]], more: int) -> Iterator[str]:
    """Yield the lines of a table: CPU of a further question by stage, here and in the bare loop.

    Args:
        ours: what was measured of few questions, and of many.
        bare: likewise.
        more: how many questions the second of each asked more.
    """
    columns = [
        {name: (taken - few["stages"].get(name, 0.0)) / more * 1e3 for name, taken in many["stages"].items()}
        for few, many in (ours, bare)
    ]
    for one in columns:
        del one["start"]  # imports and the model, which only differ by chance
    yield f"{'':<20}{'harness':>12}{'bare loop':>12}"
    for name, here in sorted(columns[0].items(), key=lambda stage: (stage[0] == "rest", -stage[1])):
        there = columns[1].get(name)
        yield f"{name:<20}{here:>9.3f} ms" + (f"{there:>9.3f} ms" if there is not None else f"{'–':>12}")
    yield f"{'altogether':<20}" + "".join(f"{sum(one.values()):>9.3f} ms" for one in columns)


def where(chosen: argparse.Namespace) -> None:
    """Print by stage what a further question takes here and in the bare loop."""
    few, many = min(chosen.questions), max(chosen.questions)
    if few == many:
        raise SystemExit("--where needs two numbers of questions: --questions 100 900")
    ours = Contestant("harness", "ours.py", sys.executable, ("0", "where"))
    bare = Contestant("bare loop", "bare.py", chosen.bare or sys.executable)
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(chosen.repeat):
        for questions in (few, many):
            for one in (ours, bare):
                again = measure(one, questions, chosen.per_chart, chosen.times)
                found.setdefault((one.name, questions), []).append(again)
    least = {key: {"stages": least_of(runs)} for key, runs in found.items()}
    sides = [[least[one.name, few], least[one.name, many]] for one in (ours, bare)]
    print(f"CPU of a further question, {few} to {many}, each stage's least of {chosen.repeat}")
    print("\n".join(table_of_stages(sides[0], sides[1], many - few)))
    print("; ".join(f"{name} {of}" for name, of in found[ours.name, many][0]["versions"].items()))


def least_of(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the least that each stage took."""
    names = dict.fromkeys(name for run in runs for name in run["stages"])
    return {name: min(run["stages"].get(name, 0.0) for run in runs) for name in names}


def main() -> None:
    """Print a table for each number of questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmms-eval", metavar="PYTHON", help="interpreter that has lmms-eval")
    parser.add_argument("--lm-eval", metavar="PYTHON", help="interpreter that has lm-evaluation-harness")
    parser.add_argument("--vlmevalkit", metavar="PYTHON", help="interpreter that has VLMEvalKit")
    parser.add_argument("--bare", metavar="PYTHON", help="interpreter of the bare loop; by default a peer's")
    parser.add_argument("--questions", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--per-chart", type=int, default=1, help="questions that share a picture")
    parser.add_argument("--times", type=float, default=1, help="how many times as wide and high pictures are")
    parser.add_argument("--image-cache", metavar="SIZE", help="ask this harness once more, with this in its file")
    parser.add_argument("--where", action="store_true", help="say by stage what a further question takes; no peers")
    parser.add_argument("--repeat", type=int, default=1, help="times that all is measured; the least CPU counts")
    chosen = parser.parse_args()
    if chosen.where:
        where(chosen)
        return
    contestants = [
        Contestant("harness", "ours.py", sys.executable),
        Contestant("kept", "ours.py", sys.executable if chosen.image_cache else None, (chosen.image_cache or "0",)),
        Contestant(
            "bare loop",
            "bare.py",
            chosen.bare or chosen.lmms_eval or chosen.lm_eval or chosen.vlmevalkit or sys.executable,
        ),
        Contestant("lmms-eval", "with_lmms_eval.py", chosen.lmms_eval),
        Contestant("lm-eval", "with_lm_eval.py", chosen.lm_eval),
        Contestant("VLMEvalKit", "with_vlmevalkit.py", chosen.vlmevalkit),
    ]
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for questions in chosen.questions:
        print(f"\n{questions} questions, {chosen.per_chart} to a picture, batches of {_BATCH}, one thread, greedy")
        print(f"{'':<12}{'CPU':>10}{'to ours':>9}{'in model':>11}{'outside':>11}{'wall':>10}{'first':>10}", end="")
        print(f"{'peak':>12}  answers as the bare loop")
        for one in contestants * chosen.repeat:
            if one.python:
                again = measure(one, questions, chosen.per_chart, chosen.times)
                before = found.get((one.name, questions), again)
                found[one.name, questions] = min(before, again, key=lambda told: float(told["cpu"]))
        ours, truth = found["harness", questions], found["bare loop", questions]["answers"]
        for one in contestants:
            measured = found.get((one.name, questions))
            print(row(one.name, measured, ours, truth) if measured else f"{one.name:<12}  not given", flush=True)
    few, many = min(chosen.questions), max(chosen.questions)
    if few < many:
        print("\nA further question, CPU (start-up taken off)")
        for one in contestants:
            if one.python:
                more = found[one.name, many]["cpu"] - found[one.name, few]["cpu"]
                print(f"{one.name:<12}{more / (many - few) * 1e3:>8.2f} ms")
    versions = {name: found[name, many]["versions"] for name, count in found if count == many}
    print(
        "\n" + "; ".join(f"{name}: {' '.join(f'{k} {v}' for k, v in kept.items())}" for name, kept in versions.items())
    )


if __name__ == "__main__":
    main()
