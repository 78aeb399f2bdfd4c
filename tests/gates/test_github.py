"""What is written for GitHub shows what a model said and does nothing of it."""

import html
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.compare import Options, compare
from harness.comparison.decide import decide, margins
from harness.comparison.identity import NoBaseline
from harness.errors import AdapterError, Mark
from harness.report.compare_html import comparisons_html
from harness.report.compare_json import compare_json, decision_json
from harness.report.compare_markdown import compare_markdown
from harness.report.github import LIMIT, annotations, comment, failure_comment, write_github
from harness.report.github_safe import code, command
from harness.report.junit import junit, junit_failure
from harness.report.text import plain
from harness.spec.models import GateSpec

HOSTILE = [
    "</code></td></table></details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "@everyone and @octocat, see #1 and 1234567890abcdef1234567890abcdef12345678",
    "`` ` ``` end of code",
    "| a | b |\n|---|---|\n| c | d |",
    "\n\n# A heading\n\n- [ ] a task\n\n[link](https://evil.example) ![image](https://evil.example/x.png)",
    "::set-output name=verdict::pass",
    "\n::error file=a::b\n::add-mask::x\n::stop-commands::y",
    "\x1b[31mred\x1b]0;title\x07\x00\u202eevil\u200b",
    "<!-- harness-gate made model -->",
    "https://evil.example www.evil.example",
    "&lt;b&gt; &#60;b&#62;",
    "\ud800".encode("utf-8", "backslashreplace").decode(),
    "x" * 100_000,
]
GATE = GateSpec(metric="qa/exact_match", max_drop=0.02)


@pytest.fixture
def hostile(make_run):
    """A decision on a run whose answers, prompts, references, ids, tags and clusters all attack."""
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(60)]
    names = [f"{text[:2000]}-{i}" for i, text in enumerate(texts)]
    rows = {
        name: {"response": text, "prompt": text, "references": [text], "tags": {"kind": text[:500]}, "cluster": text}
        for name, text in zip(names, texts, strict=True)
    }
    one = make_run("a", dict.fromkeys(names, 1.0), rows)
    other = make_run("b", dict.fromkeys(names, 0.0), rows)
    compared = compare(one, other, Options(margins=margins([GATE])))
    return decide([GATE], other.record, compared)


def test_no_tag_of_a_models_gets_into_markdown(hostile) -> None:
    for text in (comment(hostile), compare_markdown([hostile.compared])):
        tags = set(re.findall(r"</?[a-zA-Z!][^>]*>", text))
        assert tags <= {
            "<code>", "</code>", "<sub>", "</sub>", "<details>", "</details>", "<summary>", "</summary>",
            "<!-- harness-gate made model -->",
        }  # fmt: skip
        assert text.count("<!--") == text.count("<!-- harness-gate made model -->") <= 1


def test_no_mention_link_backtick_or_extra_cell_of_a_models_gets_into_markdown(hostile) -> None:
    text = comment(hostile)
    shown = re.findall(r"<code>(.*?)</code>", text)
    outside = re.sub(r"<code>.*?</code>", "", text)
    for part in shown:
        assert not re.search(r"[<>@`|#*_\[\]!:.](?!\d+;)", part.replace("&#", "")), part
    assert "@" not in text.replace("&#64;", "")
    assert "evil" not in outside
    widths = {}
    for line in outside.splitlines():
        if line.startswith("|"):
            widths.setdefault(line.count("|"), 0)
    assert set(widths) <= {6, 7, 8, 9, 4, 5}


@given(st.text())
def test_code_shows_the_text_itself_whatever_it_is(text: str) -> None:
    made = code(text, limit=10_000)
    assert "\n" not in made
    assert html.unescape(made.removeprefix("<code>").removesuffix("</code>")) == plain(text, 10_000)


@given(st.text(), st.text())
def test_a_workflow_command_stays_one_line_whatever_it_says(message: str, title: str) -> None:
    made = command("error", message, {"title": title})
    assert made.startswith("::error title=")
    assert "\n" not in made
    assert "\r" not in made
    assert made.count("::") == 2 or "::" in message
    head = made.removeprefix("::error title=").split("::", 1)[0]
    assert "," not in head
    assert ":" not in head


@given(st.text())
def test_plain_text_is_one_line_without_anything_hidden(text: str) -> None:
    made = plain(text)
    assert len(made) <= 160
    assert made.isprintable() or not made.isascii()
    assert "\x1b" not in made
    assert "\u202e" not in made


def test_the_comment_fits_and_says_what_was_left_out(hostile) -> None:
    assert len(comment(hostile).encode()) <= LIMIT < 65_536
    short = comment(hostile, limit=1500)
    assert len(short.encode()) <= 1500
    assert "More did not fit here" in short
    assert short.splitlines()[0] == "<!-- harness-gate made model -->"
    assert "❌ FAIL" in short


def test_the_comment_leads_with_the_verdict_and_holds_what_reproduces_it(hostile) -> None:
    lines = comment(hostile).splitlines()
    assert lines[2].startswith("## ❌ FAIL: <code>made</code> on <code>model</code>")
    text = comment(hostile)
    assert "B = 2,000" in text
    assert str(hostile.compared.seed) in text
    assert "60 right → wrong" in text


def test_annotations_stand_on_the_suites_line(hostile) -> None:
    (line,) = annotations(hostile, [Mark(Path("suites/a,b.yaml"), 12, 3)], Path.cwd())
    assert line.startswith(
        "::error file=suites/a%2Cb.yaml,line=12,title=qa/exact_match drop ≤ 0.02%3A fail::1.000 → 0.000"
    )


def test_a_tier_that_warns_annotates_with_warnings(hostile) -> None:
    warning = decide([GATE], hostile.candidate, hostile.compared, blocking=False)
    assert annotations(warning, [], Path.cwd())[0].startswith("::warning title=")
    assert "warns only" in comment(warning)


def test_summary_and_outputs_go_where_github_names_files(hostile, tmp_path: Path) -> None:
    environment = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    file = write_github(comment(hostile), "fail", 1, tmp_path / "out", environment)
    assert file.read_text() == comment(hostile)
    assert (tmp_path / "summary").read_text().strip() == comment(hostile).strip()
    assert (tmp_path / "output").read_text() == "verdict=fail\nexit-code=1\n"


def test_a_gate_without_a_decision_comments_on_why(tmp_path: Path) -> None:
    text = failure_comment("made", "model", NoBaseline("it no longer fits:\n  data of qa: <b>"))
    assert text.startswith("<!-- harness-gate made model -->\n\n## ❔ NO BASELINE: <code>made</code>")
    assert "<b>" not in text
    assert "❌ FAILED" in failure_comment("made", "model", AdapterError("gone"))


def test_junit_is_xml_with_a_failure_that_names_samples_and_line(hostile) -> None:
    text = junit(hostile, [Mark(Path("suite.yaml"), 12, 3)])
    suite = ET.fromstring(text.encode()).find("testsuite")  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    case = suite.find("testcase")
    assert (case.get("file"), case.get("line")) == ("suite.yaml", "12")
    assert case.find("failure").get("type") == "fail"
    assert "60 right → wrong" in case.find("failure").text
    assert "\x1b" not in text


def test_junit_of_a_warning_tier_skips_and_of_no_decision_errs(hostile) -> None:
    warning = decide([GATE], hostile.candidate, hostile.compared, blocking=False)
    root = ET.fromstring(junit(warning).encode())  # noqa: S314 - our own
    assert root.find(".//skipped").get("message").startswith("warns only (tier core): fail")
    failed = ET.fromstring(junit_failure("made", NoBaseline("no\x00ne")).encode())  # noqa: S314 - our own
    assert failed.find(".//error").get("type") == "NoBaseline"


def test_html_escapes_what_a_model_said(hostile) -> None:
    text = comparisons_html([hostile.compared])
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "60 right → wrong" in text


def test_json_is_strict_and_complete(hostile) -> None:
    def refuse(literal: str) -> None:
        pytest.fail(f"{literal} is no JSON")

    told = json.loads(json.dumps(decision_json(hostile)), parse_constant=refuse)
    assert told["verdict"] == "fail"
    assert told["gates"][0]["n_needed"] is None
    assert told["comparison"]["flips"][0]["lost"] == 60
    assert (
        json.loads(json.dumps(compare_json(hostile.compared)), parse_constant=refuse)["metrics"][0]["moved"] == "worse"
    )


def test_simulated_numbers_are_marked_in_every_rendering(sweep_runs) -> None:
    compared = compare(*sweep_runs)
    decision = decide([GateSpec(metric="sweep/severity_auc", max_drop=0.02)], sweep_runs[1].record, compared)
    for text in (comment(decision), compare_markdown([compared]), comparisons_html([compared]), junit(decision)):
        assert "simulated" in html.unescape(text)
    assert compare_json(compared)["simulated"] is True
    assert "baseline (simulated)" in comment(decision)
