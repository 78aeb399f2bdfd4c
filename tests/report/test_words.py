"""Sentences and names of pages that were untrue, or unreadable, for some runs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here: Callable[..., Done]) -> Callable[..., str]:
    """Run a suite on a simulated model and return its page."""

    def made(suite: str, errors: float, limit: int = 12) -> str:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "poor.yaml").write_text(f"adapter: poor\ntype: mock\nerror_rate: {errors}\n")
        (tmp_path / "mine.yaml").write_text(suite)
        done = run_here("run", "mine.yaml", "-a", "poor.yaml", "-q", "-n", limit)
        assert "report: " in done.out, done.err
        (file,) = (tmp_path / "results" / "runs").glob("*/report.html")
        return file.read_text(encoding="utf-8")

    return made


HEAD = "suite: mine\nversion: 1\ndatasets:\n  charts: {type: charts, limit: 48, questions_per_chart: 4}\ntasks:\n"
TALK = HEAD + (
    "  one: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n"
    "  talk: {kind: dialogue, dataset: charts, by: cluster, histories: [own, alone], metrics: [relaxed_accuracy]}\n"
)


def test_a_dialogue_with_wrong_turns_is_not_called_flawless(page: Callable[..., str]) -> None:
    alone = "  talk: {kind: dialogue, dataset: charts, by: cluster, histories: [alone], metrics: [relaxed_accuracy]}\n"
    told = page(HEAD + alone, 0.1)  # a turn of four is lost here and there, so that no dialogue is wrong as a whole
    assert "No wrong answer." not in told
    assert "No answer to show is wrong as a whole" in told


def test_names_with_two_brackets_are_closed_or_parted_by_a_comma(page: Callable[..., str]) -> None:
    shown = re.sub(r"<script.*?</script>", "", page(TALK, 0.4), flags=re.DOTALL)
    assert re.findall(r"<small>[^<]*\]\[[^<]*</small>", shown) == []
    assert re.findall(r">[^<\[]*\]\[[^<]*<", shown) == []


def test_severity_is_explained_where_the_axis_is_severity(page: Callable[..., str]) -> None:
    sweep = "  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n"
    sweep += "  bad: {kind: sweep, of: qa, corruptions: [rotation], severities: [1, 5]}\n"
    assert "Severity 0 is the clean image" in page(HEAD + sweep, 0.2)


def test_turns_are_no_severities(page: Callable[..., str]) -> None:
    assert "Severity 0" not in page(TALK, 0.2)


def test_money_that_is_not_known_says_why(page: Callable[..., str]) -> None:
    cost = "  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n  cost: {kind: cost, of: qa}\n"
    assert "no `prices:`" in page(HEAD + cost, 0.2).replace("&#39;", "'")
