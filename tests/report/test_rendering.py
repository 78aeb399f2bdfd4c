"""HTML and Markdown say the same, in the order that a reader needs."""

import json
import re
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli._tables import print_runs
from harness.errors import UsageError
from harness.record import read_run
from harness.record.folder import RUN_FILE
from harness.report.content import gather
from harness.report.github_safe import code, escaped
from harness.report.html import render_html
from harness.report.markdown import markdown
from tests.edited import put


@pytest.fixture(scope="module")
def html(small_run: Path) -> str:
    return render_html(gather(small_run))


@pytest.fixture
def altered(small_run: Path, tmp_path: Path):
    """A copy of the run with something changed in its record."""

    def make(**keys: object) -> Path:
        folder = tmp_path / "run"
        shutil.copytree(small_run, folder)
        record = json.loads((folder / RUN_FILE).read_text())
        put(folder, record | keys)
        return folder

    return make


def test_every_metric_and_gate_stands_in_both_renderings_with_value_interval_and_n(small_run: Path, html: str) -> None:
    text = markdown(small_run)
    record = read_run(small_run)
    for name, task in record.tasks.items():
        for metric, value in task.metrics.items():
            assert f"<code>{name}/{metric}</code>" in html
            assert code(f"{name}/{metric}") in text
            if value.value is not None:
                assert f"{value.value:.3f} [" in html
                assert f"{value.value:.3f} [" in text
    for gate in record.gates:
        for rendering, reason in ((html, gate.reason), (text, escaped(gate.reason, 2_000))):
            assert reason in rendering
            assert gate.verdict in rendering


def test_the_verdict_stands_before_the_metrics_and_the_lineage_last(html: str) -> None:
    ids = ("gates", "task-1", "samples", "metrics", "slices", "lineage")
    order = [html.index(mark) for mark in ('class="verdict', 'class="lead', *(f'id="{name}"' for name in ids))]
    assert order == sorted(order)


def test_ids_are_unique_and_every_section_is_named(html: str) -> None:
    ids = re.findall(r'<[^>]*\bid="([^"]+)"', html)
    own = [name for name in ids if name in html.split("<svg", maxsplit=1)[0] or name in ("lineage", "slices")]
    assert len(own) == len(set(own))
    for name in re.findall(r'aria-labelledby="([^"]+)"', html):
        assert ids.count(name) == 1


def test_every_picture_has_a_text_that_stands_for_it(html: str) -> None:
    pictures = re.findall(r"<img[^>]*>", html)
    assert all(re.search(r'alt="[^"]{5,}"', picture) for picture in pictures)
    assert sum('alt="first sample under ' in picture for picture in pictures) == 2 * 3
    assert re.search(
        r'<svg role="img" aria-label="sweep \(simulated\), by severity: relaxed_accuracy by severity\. bright', html
    )


def test_the_same_run_gives_the_same_page(small_run: Path, html: str) -> None:
    assert render_html(gather(small_run)) == html


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [(["pass", "no baseline"], "pass"), (["pass", "inconclusive"], "inconclusive"), (["fail", "inconclusive"], "fail"),
     (["no baseline"], "no gates"), ([], "no gates")],
)  # fmt: skip
def test_the_worst_gate_gives_the_verdict(altered, verdicts: list[str], shown: str) -> None:
    gates = [{"metric": "qa/m", "rule": "r", "verdict": verdict, "reason": "because"} for verdict in verdicts]
    assert gather(altered(gates=gates)).verdict == shown


def test_a_run_that_did_not_complete_says_so_first_and_why(altered) -> None:
    folder = altered(status="failed", reason="no sample <was> answered", gates=[])
    html = render_html(gather(folder))
    assert "run failed</span>" in html
    assert "no sample &lt;was&gt; answered" in html
    assert "run failed" in markdown(folder).splitlines()[0]
    assert f"> {escaped('no sample <was> answered')}" in markdown(folder)


def test_what_a_finding_quotes_means_nothing_to_markdown(altered, small_run: Path) -> None:
    tasks = json.loads((small_run / RUN_FILE).read_text())["tasks"]
    hostile = "@all `x` | [free](https://example.org) <img src=x>\n# head"
    tasks["qa"]["findings"] = [{"level": "warning", "text": hostile}]
    (line,) = (line for line in markdown(altered(tasks=tasks)).splitlines() if "free" in line)
    assert line.startswith("> qa")
    assert not any(mark in line for mark in ("@all", "`", "|", "](", "<img", "https://"))


def test_a_name_that_data_gave_to_a_slice_means_nothing_to_markdown_and_to_a_terminal(altered, small_run: Path) -> None:
    tasks = json.loads((small_run / RUN_FILE).read_text())["tasks"]
    hostile = "tag.a=@all | ![x](https://e.org/x.png) \x1b[2J\u202e `y`"
    tasks["qa"]["metrics"][hostile] = tasks["qa"]["metrics"]["relaxed_accuracy"]
    folder = altered(tasks=tasks)
    (line,) = (line for line in markdown(folder).splitlines() if "x&#46;png" in line)
    assert line.count("|") == 5
    assert not any(mark in line for mark in ("@all", "`", "](", "https://", "\x1b", "\u202e"))
    out = StringIO()
    print_runs(Console(file=out, width=400), [read_run(folder)])
    assert "\\x1b[2J\\u202e" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert "\u202e" not in out.getvalue()


def test_a_folder_without_samples_cannot_be_reported(altered) -> None:
    folder = altered()
    (folder / "samples.parquet").unlink()
    with pytest.raises(UsageError, match=r"samples\.parquet"):
        gather(folder)
