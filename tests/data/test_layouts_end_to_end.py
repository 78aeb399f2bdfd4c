"""Every layout is run, compared and gated, and what is damaged about it is found."""

import json
import math
import shutil
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.data._clips import FileClip
from harness.record import Run
from harness.spec.document import parse_document
from harness.suite.bind import Suite, bind_suite
from harness.suite.checks.run import check_path
from harness.suite.starter import keys_for, layout, starter
from tests.cli.test_data_on_disk import ELSEWHERE, FOLDERS
from tests.data.test_layouts import LAYOUTS
from tests.frames.conftest import encoded

PICTURES = (".png", ".jpg", ".jpeg", ".JPEG")
CLIPS = ("ActivityNet-Captions", "MVBench", "NExT-QA", "NExT-QA-hf-lmms", "Video-MME")
ONE_OF_EACH = {kind: folder for folder, kind in reversed(FOLDERS.items())}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layouts, with a clip wherever one is asked about, and two models."""
    folder = tmp_path_factory.mktemp("layouts")
    shutil.copytree(LAYOUTS, folder, dirs_exist_ok=True)
    (folder / "good.yaml").write_text("adapter: good\ntype: mock\nerror_rate: 0.0\n")
    (folder / "broken.yaml").write_text("adapter: broken\ntype: python\ntarget: broken.py:broken\nsimulated: true\n")
    (folder / "broken.py").write_text("def broken(prompt, images):\n    return 'zzz'\n")
    clip = encoded(range(0, 3000, 500))
    for name in CLIPS:
        if found := {one.clip.path for one in bound(folder, name).datasets["s"] if isinstance(one.clip, FileClip)}:
            for path in found:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(clip)
    return folder


def bound(place: Path, name: str, gates: str = "") -> Suite:
    """Return the suite that `harness init --from` writes over a layout."""
    found, _ = layout(place / name)
    keys = keys_for(found, place / name)
    if name in ELSEWHERE:
        keys["images"] = ELSEWHERE[name]
    return bind_suite(parse_document(starter(found, place / name, "s", place, keys) + gates, place / "suite.yaml"))


def gated(place: Path, name: str, drop: float = 0.4) -> Suite:
    """Return the same with a gate on its first metric that one row has a value of."""
    labels = bound(place, name).tasks["s"].metrics
    metric = next(label for label in labels if label not in ("cider_d", "mme_perception", "mme_cognition"))
    return bound(place, name, f"\ngates: [{{metric: s/{metric}, max_drop: {drop}}}]\n")


def run(place: Path, suite: Suite, model: str, out: Path) -> Run:
    return harness.run(suite, str(place / f"{model}.yaml"), out=out, report=False)


def verdict(suite: Suite, baseline: Run, candidate: Run) -> str:
    where = str(baseline.folder)
    return harness.gate(suite, baseline=where, candidate=candidate, out=baseline.folder.parent, resamples=200).verdict


@pytest.mark.parametrize("name", FOLDERS)
def test_a_layout_is_run_compared_with_itself_and_gated_and_a_broken_model_does_not_pass(
    place: Path, tmp_path: Path, name: str
) -> None:
    first = ONE_OF_EACH[FOLDERS[name]] == name
    suite = gated(place, name) if first else bound(place, name)
    made = run(place, suite, "good", tmp_path)
    assert made.record.status == "complete", made.record.reason
    assert set(made.record.responses) == {"ok"}
    compared = harness.compare(made, made, resamples=200)
    pairs = [(delta.before, delta.after) for delta in compared.deltas]
    assert [delta.name for delta in compared.deltas if delta.moved] == []
    assert all(before == after or math.isnan(before) for before, after in pairs)
    assert all(flips.lost == flips.gained == 0 for flips in compared.flips)
    if first:
        assert verdict(suite, made, made) in ("pass", "inconclusive"), "a row or two never show that it is worse"
        broken = run(place, suite, "broken", tmp_path)
        assert verdict(suite, made, broken) in ("fail", "inconclusive")
        (metric,) = (gate.metric.partition("/")[2] for gate in suite.spec.gates)
        before, after = (one.record.tasks["s"].metrics[metric].value for one in (made, broken))
        assert before is not None
        assert after is not None
        assert after < before


def test_with_rows_enough_a_gate_passes_the_same_model_and_fails_a_broken_one(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ChartQA"
    shutil.copytree(place / "ChartQA", folder)
    for file in folder.rglob("test_*.json"):
        rows = json.loads(file.read_text())
        names = {row["imgname"] for row in rows}
        pictures = {name: next(folder.rglob(name)) for name in names}
        many = []
        for turn in range(12):
            for row in rows:
                name = f"{turn}-{row['imgname']}"
                shutil.copy(pictures[row["imgname"]], pictures[row["imgname"]].with_name(name))
                many.append(row | {"imgname": name})
        file.write_text(json.dumps(many))
    for name in ("good.yaml", "broken.yaml", "broken.py"):
        shutil.copy(place / name, tmp_path)
    suite = gated(tmp_path, "ChartQA")
    good, broken = (run(tmp_path, suite, model, tmp_path / "runs") for model in ("good", "broken"))
    assert good.record.responses == {"ok": 36}
    assert verdict(suite, good, good) == "pass"
    assert verdict(suite, good, broken) == "fail"


def pictured() -> list[str]:
    """Return the folders whose pictures lie in files; the rows that are read of ShareGPT have theirs inside."""
    names = [name for name in FOLDERS if any(file.suffix in PICTURES for file in (LAYOUTS / name).rglob("*"))]
    return [name for name in names if name != "ShareGPT"]


@pytest.mark.parametrize("name", pictured())
def test_a_check_finds_the_picture_that_breaks_off(place: Path, tmp_path: Path, name: str) -> None:
    top = name.split("/", maxsplit=1)[0]
    shutil.copytree(place / top, tmp_path / top)
    keys = {"images": ELSEWHERE[name]} if name in ELSEWHERE else {}
    roots = (place,)
    assert not check_path(tmp_path / name, roots, **keys).unusable
    for file in (tmp_path / top).rglob("*"):
        if file.suffix in PICTURES:
            with Image.open(file) as image:
                image.verify()
            file.write_bytes(file.read_bytes()[:40])
    found = check_path(tmp_path / name, roots, **keys)
    assert found.count("media"), found.found
    assert found.unusable
