"""``harness extract``: what is read of an answer, where and why, and the steps that a suite may name."""

import json
from pathlib import Path

import pytest


def test_what_is_read_is_shown_with_carets_under_it_and_exits_0(run_here) -> None:
    done = run_here("extract", "try", "The answer is: 1,240 €", "--as", "number")
    assert done.code == 0, done.err
    read, why, _, line, carets = done.out.splitlines()
    assert read.startswith("read: ")
    assert "1240" in read
    assert why.startswith("why: ")
    assert line.strip() == "The answer is: 1,240 €"
    assert line[carets.index("^") :].startswith("1,240")


def test_readings_that_compete_are_all_shown_and_exit_1(run_here) -> None:
    done = run_here("extract", "try", "A or C", "--as", "choice")
    assert done.code == 1
    assert done.out.startswith("unparsed\n")
    assert "compete" in done.out
    lines = done.out.splitlines()
    assert sum("^" in line for line in lines) == 2


def test_a_text_that_says_nothing_exits_1(run_here) -> None:
    done = run_here("extract", "try", "A chart shows bars", "--as", "choice", "--json")
    assert done.code == 1
    record = json.loads(done.out)
    assert (record["status"], record["value"], record["found"]) == ("unparsed", None, [])


@pytest.mark.parametrize(
    "options", [("--options", "A=red", "B=blue"), ("--option", "red", "--option", "blue")], ids=["letters", "in order"]
)
def test_options_are_given_by_letter_or_in_order(run_here, options: tuple[str, ...]) -> None:
    done = run_here("extract", "try", "It is blue.", "--as", "choice", *options, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["value"] == "B"


@pytest.mark.parametrize(
    ("kind", "text", "more", "value"),
    [
        ("answer", "41 + 1, so the answer is 42.", (), "42"),
        ("number", "3,5 Millionen", (), {"value": 3500000, "percent": False, "unit": ""}),
        ("number", "1.000 Einwohner", ("--locale", "de"), {"value": 1000, "percent": False, "unit": ""}),
        ("yes_no", "Oui, il y a un chien.", (), "yes"),
        ("span", "von 5 bis 10 Sekunden", (), [[5, 10]]),
        ("time", "at 1 minute 5 seconds", (), 65),
        ("json", 'Here: {"a": [1]}', (), {"a": [1]}),
        ("point", "(34, 12)", ("--order", "yxyx"), [[12, 34]]),
    ],
)
def test_each_kind_is_read(run_here, kind: str, text: str, more: tuple[str, ...], value: object) -> None:
    done = run_here("extract", "try", text, "--as", kind, *more, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["value"] == value


def test_boxes_are_read_in_the_declared_order_and_the_frame_is_held_against_them(run_here) -> None:
    def box(*more: str) -> dict:
        return json.loads(run_here("extract", "try", "[20, 10, 40, 30]", "--as", "box", *more, "--json").out)

    assert box()["value"][0]["box"] == [20, 10, 40, 30]
    assert box("--order", "yxyx")["value"][0]["box"] == [10, 20, 30, 40]
    assert box("--frame", "per-mille-yx")["value"][0]["box"] == [10, 20, 30, 40]
    outside = box("--frame", "unit")
    assert outside["status"] == "unparsed"
    assert "frame unit" in outside["why"]


def test_steps_go_before_and_are_told_with_their_versions(run_here) -> None:
    text = "<think>41</think>\n42\n43"
    done = run_here("extract", "try", text, "--as", "number", "--steps", "first_line", "--json")
    record = json.loads(done.out)
    assert record["value"]["value"] == 42
    assert [(step["step"].split("@")[0], step["text"]) for step in record["steps"]] == [
        ("clean", "42\n43"),
        ("first_line", "42"),
    ]
    assert all("@" in step["step"] for step in record["steps"])
    assert run_here("extract", "try", text, "--as", "number").code == 1


def test_a_step_that_finds_nothing_is_named(run_here) -> None:
    done = run_here("extract", "try", "<think>41", "--as", "number")
    assert done.code == 1
    assert "clean@" in done.out


def test_standard_input_is_read_for_a_dash_and_control_characters_are_shown_as_codes(
    run_apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_apart("extract", "try", "The answer is B\x1b[2J", "--as", "choice", cwd=tmp_path)
    assert "\x1b" not in done.out


def test_unknown_kinds_steps_and_options_out_of_order_are_usage_errors(run_here) -> None:
    assert run_here("extract", "try", "42", "--as", "colour").code == 2
    wrong = run_here("extract", "try", "42", "--as", "number", "--steps", "strip_thoughts")
    assert wrong.code == 2
    assert "strip_thinking" in wrong.err
    swapped = run_here("extract", "try", "x", "--as", "choice", "--options", "B=blue", "A=red")
    assert swapped.code == 2
    assert "A=" in swapped.err
    loose = run_here("extract", "try", "the", "answer", "--as", "answer")
    assert loose.code == 2
    assert "quotes" in loose.err
    assert run_here("extract", "try", "1.000", "--as", "number", "--locale", "xx-nowhere").code == 2


def test_the_list_has_every_step_with_its_version_and_a_line(run_here) -> None:
    from harness.metrics.extract import steps

    rows = json.loads(run_here("extract", "list", "--json").out)
    assert [row["name"] for row in rows] == steps()
    assert all(row["summary"].endswith(".") for row in rows)
    printed = run_here("extract", "list").out
    assert all(row["name"] in printed and row["summary"] in printed for row in rows)


def test_a_negative_number_is_a_text_and_no_option(run_here) -> None:
    done = run_here("extract", "try", "-5", "--as", "number", "--json")
    assert (done.code, json.loads(done.out)["value"]["value"]) == (0, -5)
    wrong = run_here("extract", "try", "x", "--ass", "number")
    assert (wrong.code, "--ass" in wrong.err) == (2, True)
