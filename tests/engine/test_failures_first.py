"""What fails is told first, never ends in a zero, and can be asked again without losing what it was."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

import pytest

from harness.adapters.mock import MockAdapter
from harness.errors import ExitCode, HopelessError, UsageError
from harness.record import Run, find_runs
from harness.record.folder import STORE_FILE
from harness.types import Request, Response, Status

SUITE = """\
suite: failing
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
gates: [{metric: qa/exact_match, min: 0.1, max_failures: 1}]
"""


class Moody(MockAdapter):
    """Answers by the words in a prompt, as long as it is told to."""

    asked: list[str]
    mended: bool

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        type(self).asked += [request.prompt for request in requests]
        return [self.one(request.prompt) for request in requests]

    def one(self, prompt: str) -> Response:
        if self.mended or "good" in prompt:
            return Response("a")
        if "late" in prompt:
            return Response(None, Status.TIMEOUT, f"no answer within {len(prompt)} s")
        if "refused" in prompt:
            return Response(None, Status.ERROR, "the server answered 401: bad key", hopeless=True)
        if "raises" in prompt:
            raise HopelessError("the quota is used up")
        return Response(None, Status.ERROR, "the server answered 500: oops")


@pytest.fixture
def here(write, plug_in, run_here, tmp_path: Path, monkeypatch) -> Callable[..., object]:
    plug_in("adapters", "moody", f"{__name__}:Moody")
    monkeypatch.chdir(tmp_path)
    Moody.asked, Moody.mended = [], False
    write("moody.yaml", "adapter: moody\ntype: moody\nbatch_size: 4\n")

    def run(questions: Sequence[str], *arguments: object, suite: str = SUITE) -> object:
        rows = [{"id": f"r{i}", "question": one, "answer": "a"} for i, one in enumerate(questions)]
        write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write("suite.yaml", suite)
        return run_here("run", "suite.yaml", "-a", "moody.yaml", "-q", *arguments)

    return run


def newest() -> Run:
    return Run(list(find_runs(Path("results/runs")))[-1])


GOOD = ["good"] * 6


def test_the_reasons_are_told_wherever_the_run_is(here, run_here) -> None:
    done = here([*GOOD, "late", "late now", "bad"])
    run = newest()
    said = ["2 of 9: no answer within 4 s (first qa/clean/r6)", "1 of 9: the server answered 500: oops (qa/clean/r8)"]
    reason = "3 of 9 samples failed, more than max_failures (0.01) allows"
    assert (done.code, run.record.status, run.record.reason) == (ExitCode.INCONCLUSIVE, "complete", reason)
    for text in (done.out, run_here("show").out, run_here("report", run.folder, "--format", "markdown").out):
        flat = unescape(text)
        assert reason in flat
        assert [line for line in said if f"failed: {line}" in flat] == said
    html = (run.folder / "report.html").read_text()
    assert html.index("<b>2×</b> <code>no answer within 4 s</code>") < html.index('id="metrics"')
    assert [gate.verdict for gate in run.record.gates] == ["pass"]
    listed = run_here("failures")
    assert listed.code == 0
    assert "3 of 9 samples failed" in listed.out
    body = json.loads(run_here("failures", "--json").out)
    assert [(one["count"], one["stage"]) for one in body["failures"]] == [(2, "answer"), (1, "answer")]


def test_a_gate_passes_no_run_of_which_more_failed_than_the_suite_allows(here, run_here, tmp_path: Path) -> None:
    suite = SUITE + "tier: stress\n"
    here([*GOOD, "late", "bad"], suite=suite)
    run = newest()
    gated = run_here("gate", "suite.yaml", "-a", "moody.yaml", "--candidate", run.folder, "--junit", "gate.xml",
                     "--github", "--github-dir", "out")  # fmt: skip
    assert gated.code == ExitCode.INCONCLUSIVE
    assert "INCONCLUSIVE" in gated.out
    assert "failed: 1 of 8: the server answered 500: oops" in gated.out
    comment = unescape((tmp_path / "out" / "comment.md").read_text())
    assert comment.index("failed: 1 of 8: the server answered 500: oops") < comment.index("| gate")
    read = ET.parse(tmp_path / "gate.xml")  # noqa: S314 - written here
    told = read.getroot().findtext("testsuite/system-err") or ""
    assert told.splitlines()[0] == run.record.reason
    assert "failed: 1 of 8: no answer within 4 s (qa/clean/r6)" in told
    decided = json.loads((tmp_path / "out" / "gate.json").read_text())
    assert [one["said"] for one in decided["candidate"]["failures"]] == [one.said for one in run.record.failures]


@pytest.mark.parametrize(("allowed", "code"), [(0.2, 3), (0.25, 0)])
def test_max_failures_is_a_share_that_may_be_met(here, allowed: float, code: int) -> None:
    done = here([*GOOD, "late", "bad"], suite=f"{SUITE}engine: {{max_failures: {allowed}}}\n")
    assert done.code == code


@pytest.mark.parametrize("word", ["refused", "raises"])
def test_a_refusal_stops_the_run_and_resume_goes_on_with_what_was_answered(here, run_here, word: str) -> None:
    done = here([*GOOD[:5], word, *GOOD])
    run = newest()
    assert done.code == ExitCode.RUN_FAILED
    assert run.record.status == "failed"
    said = {"refused": "the server answered 401: bad key", "raises": "the quota is used up"}[word]
    answered = 7 if word == "refused" else 4
    assert run.record.reason == f"{said} (stopped there: {answered} of 12 samples are answered)"
    assert len(Moody.asked) == 8
    Moody.asked, Moody.mended = [], True
    again = run_here("resume", run.folder, "-q")
    assert (again.code, len(Moody.asked)) == (0, 12 - answered)
    after = Run(run.folder)
    assert (after.record.responses, after.record.reason, after.record.revision) == ({"ok": 12}, "", 0)
    former = [json.loads(text) for text in after.table()["former"].to_pylist() if text]
    assert {one[0]["error"] for one in former} == {said}
    assert not (run.folder / STORE_FILE).exists()


def test_the_same_command_goes_on_too_once_the_refusal_is_mended(here) -> None:
    questions = [*GOOD[:5], "refused", *GOOD]
    here(questions)
    folder = newest().folder
    Moody.asked, Moody.mended = [], True
    done = here(questions)
    assert (done.code, newest().folder, len(Moody.asked)) == (0, folder, 5)


def test_failed_samples_of_a_complete_run_are_asked_again_and_keep_what_they_were(here, run_here) -> None:
    here([*GOOD, "late", "bad", "bad too"])
    run = newest()
    assert run_here("resume", run.folder).code == ExitCode.USAGE
    said = run_here("resume", run.folder).err
    assert f"3 of its samples failed: `harness resume {run.folder} --failed` asks them again" in said
    Moody.asked = []
    assert run_here("resume", "--failed", "-q").code == ExitCode.INCONCLUSIVE  # still failing
    assert sorted(Moody.asked) == ["bad", "bad too", "late"]
    Moody.asked, Moody.mended = [], True
    done = run_here("resume", run.folder.name, "--retry-errors", "-q")
    assert (done.code, sorted(Moody.asked)) == (0, ["bad", "bad too", "late"])
    after = Run(run.folder)
    assert after.record.run_id == run.record.run_id
    assert (after.record.revision, after.record.failures, after.record.reason) == (2, [], "")
    assert [one.asked_again for one in after.record.sessions] == [0, 3, 3]
    assert (run.metrics["qa/exact_match"].value, after.metrics["qa/exact_match"].value) == (pytest.approx(6 / 9), 1.0)
    rows = {row["sample_id"]: row for row in after.table().to_pylist()}
    assert rows["r0"]["former"] is None
    assert [(one["status"], one["error"]) for one in json.loads(rows["r6"]["former"])] == [
        ("timeout", "no answer within 4 s"),
        ("timeout", "no answer within 4 s"),
    ]
    assert run_here("resume", run.folder, "--failed").code == ExitCode.USAGE
    gated = run_here("gate", "suite.yaml", "-a", "moody.yaml", "--candidate", run.folder)
    assert gated.code == 0, gated.err
    assert Run(run.folder).table()["former"].null_count == 6


def test_reasons_of_two_runs_stand_side_by_side(here, run_here) -> None:
    here([*GOOD, "late", "bad"])
    first = newest().folder
    here([*GOOD, "late", "late", "good"])
    told = run_here("failures", "--vs", first, "--json")
    assert {(one["said"], one["before"], one["count"], one["change"]) for one in json.loads(told.out)["failures"]} == {
        ("no answer within 4 s", 1, 2, "more"),
        ("the server answered 500: oops", 1, 0, "gone"),
    }
    assert "more" in run_here("failures", "--vs", first).out


def broken(*_: object) -> object:
    raise KeyError("size")


def test_a_run_with_a_metric_that_has_no_score_has_failed(here, monkeypatch) -> None:
    monkeypatch.setattr("harness.metrics.exact_match.ExactMatch.judge", broken)
    done = here(GOOD, suite=SUITE.replace("gates", "engine: {max_failures: 1}\ngates"))
    record = newest().record
    assert (done.code, record.status, record.gates) == (ExitCode.RUN_FAILED, "failed", [])
    assert record.reason.startswith("qa/exact_match has no score: ")
    assert "KeyError" in record.reason


def test_a_run_without_a_store_is_not_asked_again(here, run_here) -> None:
    here(GOOD)
    run = newest()
    done = run_here("resume", run.folder, "--failed")
    assert (done.code, "there is nothing to continue" in done.err) == (ExitCode.USAGE, True)


def test_the_public_name_of_a_refusal_is_there_for_plug_ins() -> None:
    from harness.adapters import HopelessError as Public

    assert Public is HopelessError
    assert not issubclass(Public, UsageError)
