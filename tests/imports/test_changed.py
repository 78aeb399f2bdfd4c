"""A log with one sample flipped, dropped, doubled or reworded, of every harness that writes JSON: handled by name."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import UsageError
from harness.record import Run
from tests.imports.conftest import LOGS

PLACE = 3
"""Of the row that is changed."""


@dataclass(frozen=True)
class Peer:
    """Where one harness keeps what."""

    log: str
    file: str
    rows: tuple[str, ...] | None
    """The keys of the list of rows; None for JSON Lines."""
    task: str
    identity: Callable[[Any], str]
    score: tuple[str | int, ...]
    flipped: Callable[[Any], Any]
    words: tuple[str | int, ...]
    """Of the question; none where it stands in another file."""


def other(value: Any) -> Any:
    return 1.0 - value


PEERS = [
    Peer("lmms-eval/a", "*_samples_toy_vqa.jsonl", None, "toy_vqa", lambda row: str(row["doc_id"]),
         ("relaxed_overall",), other, ("input",)),
    Peer("inspect/a-json", "toy.json", ("samples",), "toy", lambda row: str(row["id"]),
         ("scores", "match", "value"), lambda value: {"C": "I", "I": "C"}[value], ("input",)),
    Peer("evalscope/a", "general_vmcq_default.jsonl", None, "general_vmcq", lambda row: str(row["index"]),
         ("sample_score", "score", "value", "accuracy"), other, ("messages", 0, "content", 0, "text")),
    Peer("promptfoo/a", "results.json", ("results", "results"), "tests", lambda row: str(row["testIdx"]),
         ("success",), lambda value: not value, ("prompt", "raw")),
    Peer("deepeval/a", "*.json", ("testCases",), "tests", lambda row: row["name"],
         ("metricsData", 0, "score"), other, ("input",)),
    Peer("helm/a", "per_instance_stats.json", (), "simple_mcqa", lambda row: row["instance_id"],
         ("stats", 1, "mean"), other, ()),
]  # fmt: skip
peers = pytest.mark.parametrize("peer", PEERS, ids=[one.log.partition("/")[0] for one in PEERS])


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., tuple[Path, str]]:
    """Copy a log, let a function change its rows, and return it with the id of the row that is meant."""

    def go(peer: Peer, change: Callable[[list[Any]], None]) -> tuple[Path, str]:
        folder = tmp_path / "log"
        shutil.copytree(LOGS / peer.log, folder)
        (file,) = [one for one in folder.rglob(peer.file) if "predictions" not in one.parts]
        if peer.rows is None:
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            whole: Any = rows
        else:
            whole = rows = json.loads(file.read_text(encoding="utf-8"))
            for key in peer.rows:
                rows = rows[key]
        identity = peer.identity(rows[PLACE])
        change(rows)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        file.write_text(lines if peer.rows is None else json.dumps(whole), encoding="utf-8")
        return folder, identity

    return go


def put(row: Any, path: tuple[str | int, ...], change: Callable[[Any], Any]) -> None:
    for key in path[:-1]:
        row = row[key]
    row[path[-1]] = change(row[path[-1]])


def findings(run: Run, peer: Peer) -> list[str]:
    return [one.text for one in run.record.tasks[peer.task].findings]


@peers
def test_a_dropped_sample_is_named(imported, edited, peer: Peer) -> None:
    folder, identity = edited(peer, lambda rows: rows.pop(PLACE))
    compared = harness.compare(LOGS / peer.log, imported(folder))
    assert f"{peer.task}: 1 sample missing from the candidate: {identity}" in compared.warnings


@peers
def test_a_flipped_score_shows_beside_the_summary(imported, edited, peer: Peer) -> None:
    folder, identity = edited(peer, lambda rows: put(rows[PLACE], peer.score, peer.flipped))
    run = imported(folder)
    assert any(" says " in one and "changed, dropped or added" in one for one in findings(run, peer))
    flips = [one for one in harness.compare(LOGS / peer.log, run).flips if one.task == peer.task]
    assert [flip.sample_id for one in flips for flip in one.samples] == [identity]


@pytest.mark.parametrize("peer", [one for one in PEERS if one.words], ids=lambda one: one.log.partition("/")[0])
def test_a_reworded_question_is_no_pair(imported, edited, peer: Peer) -> None:
    folder, identity = edited(peer, lambda rows: put(rows[PLACE], peer.words, lambda text: f"{text} Now?"))
    compared = harness.compare(LOGS / peer.log, imported(folder))
    told = "with other content (prompt, pixels or generation) under the same id"
    assert f"{peer.task}: 1 sample {told}: {identity}" in compared.warnings


@peers
def test_a_sample_that_stands_twice_is_kept_once_or_refused(imported, edited, peer: Peer, tmp_path: Path) -> None:
    folder, identity = edited(peer, lambda rows: rows.append(copy.deepcopy(rows[PLACE])))
    assert any(f"1 sample ({identity}) stood twice" in one for one in findings(imported(folder), peer))
    shutil.rmtree(tmp_path / "log")

    def again(rows: list[Any]) -> None:
        rows.append(copy.deepcopy(rows[PLACE]))
        put(rows[-1], peer.score, peer.flipped)

    folder, identity = edited(peer, again)
    with pytest.raises(UsageError, match=f"sample '{identity}' of task '{peer.task}' stands twice"):
        imported(folder)
