"""Questions that a model of a test's own code is asked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SUITE = """\
suite: asked
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
"""


@pytest.fixture
def ask_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Write ``suite.yaml``, whose questions ``0?``, ``1?``, … have these numbers as answers, and ``adapter.yaml``.

    The working directory is theirs, and the cache is in it.
    """

    def put(model: str, questions: int) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
        (tmp_path / "model.py").write_text(model)
        (tmp_path / "adapter.yaml").write_text("adapter: a\ntype: python\ntarget: model.py:answer\n")
        (tmp_path / "suite.yaml").write_text(SUITE)
        wide = len(str(questions - 1))
        rows = [{"id": f"q{n:0{wide}d}", "question": f"{n}?", "answer": str(n)} for n in range(questions)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    return put
