"""Planted causes are named first, with an interval that leaves out the others; where there is none, none is named."""

import html
import json
from pathlib import Path

import pytest

import harness
from harness.causes.results import Why
from harness.errors import UsageError
from tests.causes.conftest import QUESTIONS, Make
from tests.conftest import Done

HARMLESS = {"channels": "bgr", "note": "new"}


def apart(found: Why) -> bool:
    """Say whether the interval of the first cause leaves out zero and all other causes."""
    first, *others = (cause.effect for cause in found.causes)
    return first.high < 0 and all(first.high < other.low for other in others)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"prompt": "{{ question }}"}, "prompt"),
        ({"newline": False}, "options.newline"),
        ({"lora_scale": 1.0}, "options.lora_scale"),
        ({"max_pixels": 784}, "options.max_pixels"),
        ({"bits": 8}, "options.bits"),
    ],
)
def test_a_planted_cause_is_named_first_and_its_interval_leaves_out_the_others(made: Make, fault, name) -> None:
    before, after = made(), made(**fault, **HARMLESS)
    found = harness.why(before, after)
    assert (found.verdict, [cause.change.name for cause in found.found]) == ("found", [name])
    assert apart(found)
    assert found.causes[0].flips == pytest.approx(1)
    assert found.causes[0].effect.low <= found.total.value <= found.causes[0].effect.high
    assert found.causes[0].alone == pytest.approx(-found.causes[0].back)
    assert found.asked.each <= 0.25


def test_a_second_time_nothing_is_asked_and_the_answer_is_the_same(made: Make) -> None:
    before, after = made(), made(newline=False, **HARMLESS)
    first, second = harness.why(before, after), harness.why(before, after)
    assert first.asked.questions > 0
    assert second.asked.questions == 0
    assert second.causes == first.causes


def test_two_changes_that_break_only_together_are_named_together(made: Make) -> None:
    before, after = made(), made(channels="bgr", stretch=True, note="new")
    found = harness.why(before, after, budget=3 * QUESTIONS)
    assert found.verdict == "found"
    assert {cause.change.name for cause in found.found} == {"options.channels", "options.stretch"}
    assert all(cause.alone == 0 for cause in found.causes)
    assert found.together == pytest.approx(sum(cause.effect.value for cause in found.causes))
    assert sum(cause.flips for cause in found.found) == pytest.approx(1)


def test_of_two_faults_each_has_its_part_and_the_parts_add_up(made: Make) -> None:
    before, after = made(), made(lora_scale=1.0, bits=8, **HARMLESS)
    found = harness.why(before, after, budget=5 * QUESTIONS)
    assert sum(cause.effect.value for cause in found.causes) == pytest.approx(found.total.value)
    assert [cause.change.name for cause in found.causes[:2]] == ["options.lora_scale", "options.bits"]
    assert found.leading in (1, 2)


def test_changes_that_do_nothing_are_put_together_and_asked_about_as_one(made: Make) -> None:
    harmless = {f"harmless{i}": i for i in range(7)}
    before, after = made(), made(newline=False, **harmless)
    found = harness.why(before, after)
    assert found.found[0].change.name == "options.newline"
    assert [cause.change.name for cause in found.causes] == ["options.newline", "7 others"]
    assert found.asked.changes == 8
    assert found.asked.each < 0.2


def test_where_nothing_differs_but_chance_nothing_is_named(made: Make) -> None:
    before, after = made(), made(**HARMLESS)
    found = harness.why(before, after)
    assert (found.verdict, found.found, found.asked.questions) == ("alike", (), 0)
    again = harness.why(before, before)
    assert (again.verdict, again.found) == ("alike", ())


def test_a_model_whose_code_changed_is_said_to_be_gone_and_what_it_does_is_left(made: Make, tmp_path: Path) -> None:
    before = made()
    model = tmp_path / "model.py"
    model.write_text(model.read_text().replace("right + any", "right + (right % 2) or right + any"))
    after = made(**HARMLESS)
    found = harness.why(before, after)
    assert [change.name for change in found.fixed] == ["model of the baseline"]
    assert found.verdict == "open"
    assert found.left.high < 0
    assert all(cause.effect.value == 0 for cause in found.causes)


def test_the_command_names_the_cause_and_runs_it_on_all_samples(made: Make, tmp_path: Path, run_here) -> None:
    before, after = made(), made(newline=False, **HARMLESS)
    sides = (before.folder, after.folder)
    planned = run_here("why", *sides, "--dry-run")
    assert "options.newline (true → false)" in planned.out, planned.err
    done: Done = run_here("why", *sides, "-q")
    assert done.code == 0, done.err
    assert "the cause is options.newline (true → false)" in done.out
    told = json.loads(run_here("why", *sides, "--json").out)
    assert (told["found"], told["asked"]["questions"]) == (["options.newline"], 0)
    whole = run_here("why", *sides, "-q", "--take-back", "options.newline")
    assert whole.code == 0, whole.err
    run = harness.load_run(whole.out.splitlines()[0].removeprefix("record: "))
    assert run.metrics["add/exact_match"].value == 1.0
    wrong = run_here("why", *sides, "--take-back", "options.newlin")
    assert (wrong.code, "options.newline" in wrong.err) == (2, True)


def test_one_change_alone_is_the_cause_without_a_question_and_has_the_interval_of_the_comparison(made: Make) -> None:
    before, after = made(), made(bits=8)
    found = harness.why(before, after)
    assert (found.verdict, found.asked.questions, found.asked.configurations) == ("found", 0, 0)
    assert found.causes[0].effect == found.total
    compared = harness.compare(before, after).delta("add/exact_match").comparison
    assert (found.total.low, found.total.high) == (compared.low, compared.high)


def test_runs_of_which_nothing_can_be_said_are_refused_with_the_reason(made: Make, tmp_path: Path) -> None:
    before = made()
    with pytest.raises(UsageError, match="no such metric; there are add/exact_match"):
        harness.why(before, before, metric="add/wer")
    after = made(newline=False, **HARMLESS)
    with pytest.raises(UsageError, match="budget of 3 questions tells nothing"):
        harness.why(before, after, budget=3)
    rows = (tmp_path / "sums.jsonl").read_text().splitlines()
    (tmp_path / "sums.jsonl").write_text("\n".join([*rows[:-1], rows[-1].replace("+", "+ 1 +")]) + "\n")
    with pytest.raises(UsageError, match="they changed since"):
        harness.why(before, after)


def test_a_gate_that_fails_says_which_change_did_it_and_still_fails(made: Make, tmp_path: Path, run_here) -> None:
    gates = "gates:\n  - {metric: add/exact_match, max_drop: 0.02}\n"
    before = made()
    assert run_here("baseline", "save", "main", before.folder).code == 0
    made(newline=False, **HARMLESS)
    (tmp_path / "suite.yaml").write_text((tmp_path / "suite.yaml").read_text() + gates)
    done = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--why")
    assert done.code == 1, done.err
    assert done.out.index("verdict: FAIL") < done.out.index("the cause is options.newline (true → false)")


def test_why_auto_in_the_suite_puts_the_cause_into_what_github_and_scripts_read(
    made: Make, tmp_path: Path, run_here, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made()
    assert run_here("baseline", "save", "main", before.folder).code == 0
    made(newline=False, **HARMLESS)
    gates = "gates:\n  - {metric: add/exact_match, max_drop: 0.02}\n"
    suite, plain = tmp_path / "suite.yaml", (tmp_path / "suite.yaml").read_text()
    suite.write_text(f"{plain}{gates}why: auto\n")
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    done = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--github", "--github-dir", "told")
    assert done.code == 1, done.err
    told = html.unescape((tmp_path / "told" / "comment.md").read_text())
    assert told.index("lower by") < told.index("**Why**: the cause is options.newline") < told.index("pairs")
    assert "<summary>What each change does</summary>" in told
    assert summary.read_text().count("**Why**") == 1
    assert "the cause is options.newline" in (tmp_path / "told" / "junit.xml").read_text()
    written = json.loads((tmp_path / "told" / "gate.json").read_text())
    assert (written["verdict"], written["why"]["found"]) == ("fail", ["options.newline"])
    printed = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--json")
    assert (printed.code, json.loads(printed.out)["why"]["verdict"]) == (1, "found")
    silent = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--json", "--no-why")
    assert (silent.code, json.loads(silent.out)["why"]) == (1, None)
    elsewhere = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--candidate", "@1", "--json")
    assert (elsewhere.code, json.loads(elsewhere.out)["why"]) == (1, None)  # nothing that it names is run
    suite.write_text(f"{plain}{gates}why: {{budget: 3}}\n")
    poor = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--json")
    assert (poor.code, json.loads(poor.out)["why"]) == (1, None)
    assert "why it fails is not known: a budget of 3 questions tells nothing" in poor.err
    suite.write_text(f"{plain}{gates}why: always\n")
    wrong = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q")
    assert wrong.code == 2
    assert "suite.yaml:" in wrong.err
    assert "why" in wrong.err


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError()])
def test_whatever_happens_while_the_cause_is_looked_for_the_verdict_stands(
    made: Make, tmp_path: Path, run_here, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = made()
    assert run_here("baseline", "save", "main", before.folder).code == 0
    made(newline=False, **HARMLESS)
    suite = tmp_path / "suite.yaml"
    suite.write_text(suite.read_text() + "gates:\n  - {metric: add/exact_match, max_drop: 0.02}\nwhy: auto\n")

    def broken(*_: object, **__: object) -> None:
        assert json.loads((tmp_path / "told" / "gate.json").read_text())["verdict"] == "fail"  # it stands already
        raise error

    monkeypatch.setattr("harness.api.why", broken)
    done = run_here("gate", "suite.yaml", "-a", "adapter.yaml", "-q", "--github", "--github-dir", "told")
    assert (done.code, "why it fails is not known" in done.err) == (1, True)
    assert "**Why**" not in (tmp_path / "told" / "comment.md").read_text()


def test_a_budget_is_never_passed_and_what_it_leaves_untold_is_said(made: Make) -> None:
    faults = {"newline": False, "lora_scale": 1.0, "bits": 8, "max_pixels": 784}
    before, after = made(), made(**faults, **HARMLESS)
    found = harness.why(before, after, budget=220)
    assert found.asked.questions <= 220
    assert found.verdict in ("open", "likely")
    assert any("budget" in note for note in found.notes)
