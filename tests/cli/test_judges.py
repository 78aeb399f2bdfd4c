"""Judges from the command line, as a reader of the guide uses them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Done


def test_the_guides_suite_is_run_gated_and_compared_by_what_a_judge_says(
    run_here: Callable[..., Done], run_apart: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "judged.yaml").write_text(found[1].replace("limit: 200", "limit: 40"))
    (tmp_path / "poor.yaml").write_text("{adapter: poor, type: mock, error_rate: 0.5}")

    good = run_here("run", "judged.yaml", "-a", "mock", "-q", "--no-report")
    assert good.code == 0, good.err
    assert "judged/judged_share_corrected" in good.out
    assert "is the judge's own word; corrected for how it errs on known answers: " in good.out
    assert run_here("baseline", "save", "main").code == 0

    poor = run_apart("gate", "judged.yaml", "-a", "poor.yaml", "-q", cwd=tmp_path)
    assert (poor.code, poor.out.splitlines()[-1]) == (1, "verdict: FAIL"), poor.err
    assert re.search(r"judged/judged_share_corrected +drop ≤ 0.05 +fail", poor.out)
