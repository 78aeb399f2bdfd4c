"""Whatever the data or the adapter do, the run completes and every sample carries what became of it."""

import json
import math
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from harness.cli import invoke
from harness.data.jsonl import JsonlDataset
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import AdapterError, ExitCode, SpecError, UsageError
from harness.metrics import SampleMetric
from harness.record import Run, RunRecord, read_run
from harness.spec.models import AdapterSpec, Model
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.types import Request, Response, Score, Status


class EchoConfig(Model):
    batch_size: int = 2


class Echo:
    """Answers every request with "a"; the others misbehave on the requests that their name says."""

    Config: ClassVar[type[Model]] = EchoConfig
    simulated = True
    capabilities = frozenset({"generate"})
    batch_invariant = True

    def __init__(self, config: EchoConfig) -> None:
        self.batch_size = config.batch_size

    @classmethod
    def from_config(cls, config: EchoConfig, folder: Path) -> "Echo":
        return cls(config)

    def fingerprint(self) -> str:
        return type(self).__name__

    def generate(self, requests: Sequence[Request]) -> Any:
        return [Response("a") for _ in requests]

    def close(self) -> None: ...


def has(requests: Sequence[Request], word: str) -> bool:
    return any(word in request.prompt for request in requests)


class RaisesOnBad(Echo):
    def generate(self, requests: Sequence[Request]) -> Any:
        if has(requests, "bad"):
            raise RuntimeError("no [/] idea")
        return super().generate(requests)


class ExitsOnBad(Echo):
    def generate(self, requests: Sequence[Request]) -> Any:
        if has(requests, "bad"):
            raise SystemExit(3)
        return super().generate(requests)


class AlwaysRaises(Echo):
    def generate(self, requests: Sequence[Request]) -> Any:
        raise ValueError("always")


class RaisesOnce(Echo):
    calls = 0

    def generate(self, requests: Sequence[Request]) -> Any:
        type(self).calls += 1
        if type(self).calls == 1:
            raise RuntimeError("the first time")
        return super().generate(requests)


class Strange(Echo):
    """Returns what the test wants for the batch with "bad" in it."""

    answer: ClassVar[Callable[[int], Any]]

    def generate(self, requests: Sequence[Request]) -> Any:
        return type(self).answer(len(requests)) if has(requests, "bad") else super().generate(requests)


class HangsOnBad(Echo):
    loads = 0
    release: ClassVar[threading.Event]

    def __init__(self, config: EchoConfig) -> None:
        super().__init__(config)
        type(self).loads += 1

    def generate(self, requests: Sequence[Request]) -> Any:
        if has(requests, "bad"):
            self.release.wait(60)
        return super().generate(requests)


class ClosesBadly(Echo):
    def close(self) -> None:
        raise RuntimeError("already gone")


class CannotLoad(Echo):
    @classmethod
    def from_config(cls, config: EchoConfig, folder: Path) -> "Echo":
        raise KeyError("weights")


class SeesNothing(Echo):
    capabilities = frozenset({"classify"})


def choose(factory: type[Echo], batch_size: int = 2) -> AdapterChoice:
    spec = AdapterSpec(adapter="faulty", type="faulty")
    return AdapterChoice(Path("faulty.yaml"), spec, EchoConfig(batch_size=batch_size), factory)


SUITE = """\
suite: faults
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
"""
GOOD, BAD = {"question": "good", "answer": "a"}, {"question": "bad", "answer": "a"}


@pytest.fixture
def execute(write, bind, tmp_path: Path) -> Callable[..., tuple[Path, RunRecord]]:
    """Run the suite over some rows."""

    def run(
        factory: type[Echo], rows: Sequence[object], batch_size: int = 2, suite: str = SUITE
    ) -> tuple[Path, RunRecord]:
        write("rows.jsonl", "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        bound: Suite = bind(suite)
        return run_suite(bound, choose(factory, batch_size), RunOptions(out=tmp_path / "runs"), Silent())

    return run


def statuses(folder: Path) -> list[str]:
    return Run(folder).table()["status"].to_pylist()


def errors(folder: Path) -> list[str | None]:
    return Run(folder).table()["error"].to_pylist()


FOUR = [GOOD, GOOD, BAD, GOOD, GOOD, GOOD]


@pytest.mark.parametrize(
    ("factory", "said"),
    [(RaisesOnBad, r"the adapter raised RuntimeError: no [/] idea"), (ExitsOnBad, "the adapter raised SystemExit: 3")],
)
def test_an_adapter_that_raises_costs_its_batch_and_no_other(execute, factory: type[Echo], said: str) -> None:
    folder, record = execute(factory, FOUR)
    assert statuses(folder) == ["ok", "ok", "error", "error", "ok", "ok"]
    assert errors(folder) == [None, None, said, said, None, None]
    metric = record.tasks["qa"].metrics["exact_match"]
    assert (record.status, record.responses) == ("complete", {"error": 2, "ok": 4})
    assert (metric.n, metric.total, metric.statuses) == (6, 6, {"error": 2, "ok": 4})
    assert metric.coverage == pytest.approx(4 / 6)
    assert metric.value == pytest.approx(4 / 6)


def test_with_batches_of_one_only_the_sample_itself_is_lost(execute) -> None:
    folder, _ = execute(RaisesOnBad, FOUR, batch_size=1)
    assert statuses(folder) == ["ok", "ok", "error", "ok", "ok", "ok"]


def test_failures_may_be_left_out_of_the_mean_where_the_suite_says_so(execute) -> None:
    suite = SUITE.replace("[exact_match]", "[{metric: exact_match, failures: exclude}]")
    _, record = execute(RaisesOnBad, FOUR, suite=suite)
    metric = record.tasks["qa"].metrics["exact_match"]
    assert (metric.value, metric.n, metric.total) == (1.0, 4, 6)
    assert metric.coverage == pytest.approx(4 / 6)


NUMBER = np.int64(3)
STRANGE: dict[str, tuple[Callable[[int], Any], list[str], str]] = {
    "too few": (lambda n: [Response("a")] * (n - 1), ["ok", "missing"], "returned 1 responses to 2 requests"),
    "none at all": (lambda n: [], ["missing"] * 2, "returned 0 responses"),
    "too many": (lambda n: [Response("a")] * (n + 1), ["error"] * 2, "which belongs to which is unknown"),
    "nothing": (lambda n: None, ["error"] * 2, "returned NoneType instead of a list"),
    "one text": (lambda n: "ab", ["error"] * 2, "returned str instead of a list"),
    "a generator": (lambda n: (Response("a") for _ in range(n)), ["error"] * 2, "returned generator instead"),
    "texts": (lambda n: ["a"] * n, ["error"] * 2, "returned 'a' instead of a Response"),
    "nones": (lambda n: [None] * n, ["error"] * 2, "returned None instead of a Response"),
    "no text": (lambda n: [Response(None)] * n, ["error"] * 2, "answered None instead of text"),
    "not a number": (lambda n: [Response(math.nan)] * n, ["error"] * 2, "answered nan instead of text"),  # type: ignore[arg-type]
    "bytes": (lambda n: [Response(b"a")] * n, ["error"] * 2, "answered b'a' instead of text"),  # type: ignore[arg-type]
    "own status": (lambda n: [Response(None, Status.TIMEOUT, "slow")] * n, ["timeout"] * 2, "slow"),
    "odd status": (lambda n: [Response("a", "fine")] * n, ["error"] * 2, "gave the status 'fine'"),  # type: ignore[arg-type]
    "odd tokens": (lambda n: [Response("a", tokens_in=1.5)] * n, ["error"] * 2, "counted tokens wrongly"),  # type: ignore[arg-type]
    "huge tokens": (lambda n: [Response("a", tokens_out=1 << 70)] * n, ["error"] * 2, "counted tokens wrongly"),
    "half a pair": (lambda n: [Response("\ud800")] * n, ["ok"] * 2, ""),
    "a null character": (lambda n: [Response("a\0b")] * n, ["ok"] * 2, ""),
    "numpy tokens": (lambda n: [Response("a", tokens_in=NUMBER)] * n, ["ok"] * 2, ""),  # type: ignore[arg-type]
    "odd text of a failure": (lambda n: [Response(5, Status.ERROR, "no")] * n, ["error"] * 2, "no"),  # type: ignore[arg-type]
    "odd times": (lambda n: [Response("a", seconds={"decode": "x"})] * n, ["error"] * 2, "cannot be kept"),  # type: ignore[dict-item]
    "a tuple": (lambda n: (Response("a"),) * n, ["ok"] * 2, ""),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_answer_is_recorded_against_its_batch(execute, name: str) -> None:
    answer, expected, said = STRANGE[name]
    Strange.answer = staticmethod(answer)
    folder, record = execute(Strange, FOUR)
    assert statuses(folder) == ["ok", "ok", *expected, "ok", "ok"]
    assert said in (errors(folder)[3] or "")
    assert record.status == "complete"
    assert record.tasks["qa"].metrics["exact_match"].statuses["ok"] == 4 + expected.count("ok")


def test_an_adapter_that_hangs_is_abandoned_and_loaded_anew_for_the_next_batch(execute) -> None:
    HangsOnBad.loads, HangsOnBad.release = 0, threading.Event()
    folder, record = execute(HangsOnBad, [*FOUR, BAD], suite=SUITE + "engine: {timeout: 0.3}\n")
    HangsOnBad.release.set()
    assert statuses(folder) == ["ok", "ok", "timeout", "timeout", "ok", "ok", "timeout"]
    assert "no answer within 0.3 s" in str(errors(folder)[2])
    assert record.status == "complete"
    assert HangsOnBad.loads == 2  # not a third time, only to write the record


def test_an_abandoned_call_leaves_no_thread_behind_once_it_returns(execute) -> None:
    HangsOnBad.loads, HangsOnBad.release = 0, threading.Event()
    before = {thread for thread in threading.enumerate() if thread.name == "harness-adapter"}
    execute(HangsOnBad, FOUR, suite=SUITE + "engine: {timeout: 0.2}\n")
    HangsOnBad.release.set()
    for _ in range(200):
        left = {thread for thread in threading.enumerate() if thread.name == "harness-adapter"} - before
        if not left:
            break
        time.sleep(0.02)
    assert not left


def test_a_batch_is_asked_again_as_often_as_the_suite_allows(execute) -> None:
    RaisesOnce.calls = 0
    folder, _ = execute(RaisesOnce, FOUR, suite=SUITE + "engine: {retries: 1}\n")
    assert set(statuses(folder)) == {"ok"}
    RaisesOnce.calls = 0
    folder, _ = execute(RaisesOnce, FOUR)
    assert statuses(folder)[:2] == ["error", "error"]


def test_a_run_that_nobody_answered_has_failed(execute) -> None:
    folder, record = execute(AlwaysRaises, FOUR)
    assert (record.status, record.reason) == ("failed", "no sample was answered")
    assert statuses(folder) == ["error"] * 6
    assert record.gates == []


@pytest.mark.parametrize(
    ("limit", "status"), [("1", "failed"), ("2", "complete"), ("0.2", "failed"), ("0.4", "complete"), ("0", "failed")]
)
def test_more_failures_than_max_errors_end_the_run(execute, limit: str, status: str) -> None:
    folder, record = execute(RaisesOnBad, FOUR, suite=SUITE + f"engine: {{max_errors: {limit}}}\n")
    assert record.status == status
    if status == "failed":
        assert "2 samples failed, more than max_errors" in record.reason
        assert len(statuses(folder)) == 4
        metric = record.tasks["qa"].metrics["exact_match"]
        assert metric.statuses == {"error": 2, "missing": 2, "ok": 2}


def test_an_adapter_that_closes_badly_does_not_lose_the_run(execute) -> None:
    assert execute(ClosesBadly, FOUR)[1].status == "complete"


def test_an_adapter_that_cannot_be_loaded_is_an_error_with_its_name(execute) -> None:
    with pytest.raises(AdapterError, match="adapter 'faulty' cannot be loaded: KeyError: 'weights'"):
        execute(CannotLoad, FOUR)


def test_an_adapter_that_lacks_a_capability_is_refused_before_the_run(execute, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="task 'qa' needs generate; adapter 'faulty' can classify"):
        execute(SeesNothing, FOUR)
    assert not (tmp_path / "runs").exists()


def test_a_duplicate_id_is_found_before_anything_is_asked(execute, tmp_path: Path) -> None:
    rows = [GOOD | {"id": name} for name in ("one", "two", "three", "one")]
    with pytest.raises(SpecError, match=r"rows\.jsonl:4: the id 'one' stands in line 1 already"):
        execute(Echo, rows)
    assert not (tmp_path / "runs").exists()


def test_a_plug_ins_duplicate_id_ends_the_run_by_name_and_keeps_what_was_measured(
    execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JsonlDataset, "_refuse", lambda self, repeated: None)
    rows = [GOOD | {"id": name} for name in ("one", "two", "three", "one")]
    with pytest.raises(UsageError, match="sample id 'one' stands twice"):
        execute(Echo, rows)
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_run(folder).status == "failed"
    assert Run(folder).table()["sample_id"].to_pylist() == ["one", "two"]


def test_an_output_folder_that_cannot_be_made_is_a_usage_error(write, bind, tmp_path: Path) -> None:
    write("rows.jsonl", json.dumps(GOOD))
    file = write("occupied", "")
    with pytest.raises(UsageError, match="cannot make the folder"):
        run_suite(bind(SUITE), choose(Echo), RunOptions(out=file / "runs"), Silent())


# Metrics that misbehave


class Picky(SampleMetric):
    """Raises, or returns something odd, on the answer that its variant says."""

    name = "picky"
    binary = True
    variants: ClassVar[dict[str, str]] = {
        key: key for key in ("default", "raises", "nan", "infinite", "none", "text", "nothing")
    }

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Any:
        if references[0] != "odd":
            return Score(1.0)
        if self.variant == "raises":
            raise ZeroDivisionError("by [bold]zero")
        odd = {"nan": math.nan, "infinite": math.inf, "none": None, "text": "1"}
        return Score(odd[self.variant]) if self.variant in odd else None


@pytest.mark.parametrize("variant", [name for name in Picky.variants if name != "default"])
def test_a_metric_that_fails_costs_its_own_score_of_that_sample(execute, plug_in, variant: str) -> None:
    plug_in("metrics", "picky", f"{__name__}:Picky")
    suite = SUITE.replace("[exact_match]", f"[exact_match, {{metric: picky, variant: {variant}}}]")
    rows = [GOOD, {"question": "good", "answer": "odd"}, GOOD]
    folder, record = execute(Echo, rows, suite=suite)
    table = Run(folder).table()
    assert table["status"].to_pylist() == ["ok"] * 3
    assert table["status.picky"].to_pylist() == ["ok", "error", "ok"]
    assert table["score.picky"].to_pylist() == [1.0, None, 1.0]
    assert table["score.exact_match"].to_pylist() == [1.0, 0.0, 1.0]
    assert str(table["error"].to_pylist()[1]).startswith("metric 'picky' ")
    assert record.tasks["qa"].metrics["picky"].statuses == {"error": 1, "ok": 2}
    assert record.tasks["qa"].metrics["exact_match"].coverage == 1.0


def test_a_failed_response_keeps_its_status_even_where_the_metric_would_raise_on_it(execute, plug_in) -> None:
    plug_in("metrics", "picky", f"{__name__}:Picky")
    suite = SUITE.replace("[exact_match]", "[{metric: picky, variant: raises}]")
    Strange.answer = staticmethod(lambda n: [Response(None, Status.TIMEOUT, "slow")] * n)
    folder, _ = execute(Strange, [{"question": "bad", "answer": "odd"}, GOOD, GOOD, GOOD], suite=suite)
    table = Run(folder).table()
    assert table["status.picky"].to_pylist() == ["timeout", "timeout", "ok", "ok"]
    assert table["error"].to_pylist()[0] == "slow"


# Images that misbehave


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size; its data are one compressed zero."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def picture(mode: str = "RGB", size: tuple[int, int] = (8, 8), kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


BROKEN = {
    "half.png": (picture(size=(64, 64))[:60], "cannot be decoded"),
    "empty.png": (b"", "not an image, or empty"),
    "text.png": (b"this is no image", "not an image, or empty"),
    "bomb.png": (png(30_000, 30_000), "px"),
    "large.png": (png(10_000, 6_000), "10000 × 6000 px is more than 50,000,000 px"),
    "nothing.png": (png(0, 0), ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_image_that_cannot_be_used_costs_its_sample(execute, write, name: str) -> None:
    content, said = BROKEN[name]
    write(name, content)
    write("good.png", picture())
    rows = [GOOD | {"image": image} for image in ("good.png", name, "good.png", "good.png")]
    folder, record = execute(Echo, rows)
    assert statuses(folder) == ["ok", "error", "ok", "ok"]
    assert said in str(errors(folder)[1])
    assert name in str(errors(folder)[1])
    assert record.tasks["qa"].metrics["exact_match"].coverage == 0.75


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gone.png", "there is no such file"),
        ("../secret.png", "lies outside"),
        ("/etc/hostname", "lies outside"),
        ("link.png", "lies outside"),
        (".", ""),
        ("a\0b.png", ""),
        ("x" * 5000, ""),
    ],
)
def test_a_path_that_leads_nowhere_or_outside_costs_its_sample(
    execute, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, path: str, said: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(picture())
    (tmp_path.parent / "secret.png").write_bytes(picture())
    (tmp_path / "link.png").symlink_to(outside)
    folder, record = execute(Echo, [GOOD, GOOD | {"image": path}, GOOD])
    assert statuses(folder) == ["ok", "error", "ok"]
    assert said in str(errors(folder)[1])
    assert record.status == "complete"


@pytest.mark.parametrize(
    ("mode", "size", "kind"),
    [
        ("RGB", (1, 1), "PNG"), ("RGB", (1, 3000), "PNG"), ("L", (8, 8), "PNG"), ("1", (8, 8), "PNG"),
        ("P", (8, 8), "GIF"), ("LA", (8, 8), "PNG"), ("RGBA", (8, 8), "PNG"), ("I;16", (8, 8), "PNG"),
        ("CMYK", (8, 8), "JPEG"), ("LAB", (8, 8), "TIFF"),
    ],
)  # fmt: skip
def test_an_unusual_image_is_asked_about_like_any_other(execute, write, mode: str, size, kind: str) -> None:
    write("odd", picture(mode, size, kind))
    folder, _ = execute(Echo, [GOOD | {"image": "odd"}])
    assert statuses(folder) == ["ok"]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_levels_without_a_white_are_an_error_and_no_black_picture(execute, write, mode: str) -> None:
    write("odd", picture(mode, kind="TIFF"))
    folder, _ = execute(Echo, [GOOD | {"image": "odd"}, GOOD])
    assert statuses(folder) == ["error", "ok"]
    assert "say it as `range: [black, white]`" in str(errors(folder)[0])


def test_what_cannot_be_used_is_an_error_in_a_sweep_as_it_is_in_its_clean_cell(execute, write) -> None:
    write("odd", picture("F", kind="TIFF"))
    write("good", picture())
    sweep = "  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}\n"
    suite = SUITE.replace("tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}", (
        "tasks:\n  qa: {kind: qa, dataset: rows, metrics: [exact_match]}\n" + sweep
    ))  # fmt: skip
    folder, record = execute(Echo, [GOOD | {"image": "odd"}, GOOD | {"image": "good"}], suite=suite)
    assert statuses(folder) == ["error", "ok"] * 3
    assert record.tasks["sweep"].metrics["retained_accuracy"].statuses == {"error": 1, "ok": 1}


def test_a_dataset_that_is_gone_before_its_run_begins_is_asked_nothing(write, bind, tmp_path: Path) -> None:
    write("rows.jsonl", json.dumps(GOOD) + "\n")
    suite: Suite = bind(SUITE)
    (tmp_path / "rows.jsonl").unlink()
    with pytest.raises(OSError, match=r"rows\.jsonl"):
        run_suite(suite, choose(Echo), RunOptions(out=tmp_path / "runs"), Silent())
    assert not (tmp_path / "runs").exists()


# Exit codes


@pytest.mark.parametrize(
    ("adapter", "engine", "code"),
    [
        ("Echo", "{}", ExitCode.OK),
        ("RaisesOnBad", "{}", ExitCode.INCONCLUSIVE),
        ("RaisesOnBad", "{max_failures: 0.5}", ExitCode.OK),
        ("RaisesOnBad", "{max_errors: 1}", ExitCode.RUN_FAILED),
        ("AlwaysRaises", "{}", ExitCode.RUN_FAILED),
        ("CannotLoad", "{}", ExitCode.RUN_FAILED),
        ("SeesNothing", "{}", ExitCode.USAGE),
    ],
)
def test_the_exit_code_says_what_became_of_the_run(
    write, plug_in, tmp_path: Path, capsys: pytest.CaptureFixture[str], adapter: str, engine: str, code: int
) -> None:
    plug_in("adapters", "faulty", f"{__name__}:{adapter}")
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in FOUR))
    suite = write("suite.yaml", SUITE + f"engine: {engine}\n")
    file = write("faulty.yaml", "adapter: faulty\ntype: faulty\n")
    assert invoke(["run", str(suite), "-a", str(file), "--out", str(tmp_path / "runs")]) == code
    said = capsys.readouterr()
    assert "internal error" not in said.err
    if adapter == "RaisesOnBad":
        assert "4 of 6 ok" in said.out or "failed" in said.out


def test_a_sample_that_is_already_known_to_be_broken_is_never_asked(execute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.suite.data._FIRST", 1)  # rows further on are found broken when they are read
    folder, _ = execute(Echo, [GOOD, "this is no JSON", "[]", GOOD])
    assert statuses(folder) == ["ok", "undefined", "undefined", "ok"]
    assert str(errors(folder)[1]).startswith("rows.jsonl:2: ")
