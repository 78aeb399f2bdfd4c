"""Everything that can be wrong in a suite or an adapter file is said with line, column and what to do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import SpecError, UsageError
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite

SUITE = """\
suite: small
version: 1
datasets:
  charts: {type: charts, limit: 4}
tasks:
  qa:
    kind: qa
    dataset: charts
    metrics: [exact_match]
  sweep:
    kind: sweep
    of: qa
    corruptions: [brightness]
    severities: [0, 1]
gates:
  - {metric: qa/exact_match, min: 0.5}
"""


def problems(file: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_suite(str(file))
    for problem in caught.value.problems:
        assert problem.mark.file.name == file.name
    return [f"{p.mark.line}:{p.mark.column}: {p.message} | {p.hint}" for p in caught.value.problems]


def test_the_suite_that_the_others_break_is_sound(write) -> None:
    assert list(load_suite(str(write("suite.yaml", SUITE))).tasks) == ["qa", "sweep"]


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("version: 1", "version: 1\nteir: core", "3:1", r"unknown key 'teir' \| did you mean 'tier'\?"),
        ("version: 1\n", "", "1:1", r"the key 'version' is missing"),
        ("version: 1", "version: one", "2:10", r"version: expected a whole number, got the text 'one'"),
        ("version: 1", "version: true", "2:10", r"expected a whole number, got true or false \(true\)"),
        ("version: 1", "version: 0", "2:10", r"greater than or equal to 1; got a whole number \(0\)"),
        ("version: 1", "version: 1\ntier: nightly", "3:7", r"'core', 'domain' or 'stress'; got the text 'nightly'"),
        ("version: 1", "version: 1\nseed: -1", "3:7", r"greater than or equal to 0"),
        ("version: 1", "version: 1\nengine: {timeout: 0}", "3:19", r"engine.timeout: .*greater than 0"),
        ("version: 1", "version: 1\nengine: {max_errors: x}", "3:22", r"expected a whole number or a number"),
        ("version: 1", "version: 1\nengine: {retry: 1}", "3:10", r"unknown key 'retry' \| did you mean 'retries'"),
        ("suite: small", "suite: a/b", "1:8", r"should match pattern.*got the text 'a/b'"),
        ("suite: small", "suite: [small]", "1:8", r"suite: expected text, got a list"),
        ("  charts: {type: charts, limit: 4}", "  5: {}", "4:3", r"a key must be text, not '5'"),
        ("  charts: {type", "  a b: {type", "4:3", r"should match pattern"),
        ("type: charts", "type: chart", "4:18", r"unknown dataset 'chart'; did you mean 'charts'\?"),
        ("type: charts, ", "", "4:11", r"the key 'type' is missing or not text \| known: activitynet_captions, ai2d, "),
        ("limit: 4", "limt: 4", "4:26", r"unknown key 'limt' \| did you mean 'limit'\?"),
        ("limit: 4", "limit: four", "4:33", r"limit: expected a whole number.*\| limit: How many questions"),
        ("limit: 4", "styles: [bars]", "4:35", r"unknown style 'bars' \| known: "),
        ("limit: 4", "styles: []", "4:34", r"at least 1 item"),
        ("kind: qa", "kind: quiz", "7:11", r"unknown task 'quiz'"),
        ("dataset: charts", "dataset: chart", "8:14", r"no dataset is called 'chart' \| did you mean 'charts'\?"),
        ("dataset: charts", "dataset: 5", "8:14", r"dataset: expected text, got a whole number \(5\)"),
        ("[exact_match]", "[exactmatch]", "9:15", r"unknown metric 'exactmatch'; did you mean 'exact_match'\?"),
        ("[exact_match]", "[{metric: exact}]", "9:24", r"unknown metric 'exact'; did you mean 'exact_match'\?"),
        ("[exact_match]", "[{variant: x}]", "9:15", r"a metric needs its name"),
        ("[exact_match]", "[{metric: exact_match, variant: x}]", "9:24", r"no variant 'x'"),
        (
            "[exact_match]",
            "[{metric: anls, variant: lmms-eval@0badc0de}]",
            "9:24",
            r"no revision '0badc0de' of variant 'lmms-eval' was read; known: lmms-eval@75571cf \(read 2026-11-29\)",
        ),
        ("[exact_match]", "[{metric: exact_match, name: x}]", "9:24", r"metric 'exact_match': .*'name'"),
        ("[exact_match]", "[exact_match, exact_match]", "9:28", r"two metrics are called 'exact_match' \| .*`as:`"),
        ("[exact_match]", "[{metric: exact_match, as: a|b}]", "9:15", r"'a\|b' cannot name a metric"),
        ("[exact_match]", "[5]", "9:15", r"metrics.0: expected text or a mapping, got a whole number \(5\)"),
        ("[exact_match]", "[]", "9:14", r"at least 1 item"),
        (
            "[exact_match]",
            "[exact_match]\n    prompt: '{{ q }}'",
            "10:13",
            r"the prompt knows question, tags, .*, not q",
        ),
        ("[exact_match]", "[exact_match]\n    prompt: '{{ q'", "10:13", r"the prompt is no Jinja template"),
        ("of: qa", "of: qaa", "12:9", r"task 'qaa' does not stand before this one \| did you mean 'qa'\?"),
        ("of: qa", "of: sweep", "12:9", r"task 'sweep' does not stand before this one"),
        ("of: qa", "of: qa\n    metric: f1", "13:13", r"task 'qa' has no metric 'f1'"),
        ("[brightness]", "[britghness]", "13:19", r"unknown corruption 'britghness'; did you mean 'brightness'\?"),
        ("[brightness]", "[{corruption: fog_}]", "13:32", r"unknown corruption"),
        ("[brightness]", "[brightness, brightness]", "13:31", r"two corruptions are called 'brightness'"),
        ("[brightness]", "[{corruption: rotation, as: 'a b'}]", "13:19", r"'a b' cannot name a corruption"),
        ("[brightness]", f"[{{corruption: rotation, as: {'x' * 200}}}]", "13:19", r"cannot name a corruption"),
        ("[brightness]", "[{}]", "13:19", r"a corruption needs its name \| .*chain"),
        ("[brightness]", "[{chain: [rotation], variant: x}]", "13:27", r"a chain takes no 'variant'"),
        (
            "[brightness]",
            "[{chain: [{corruption: rotation}]}]",
            "13:27",
            r"a step of a chain is the name of a corruption",
        ),
        ("[brightness]", f"[{{corruption: rotation, degrees: [0x{'f' * 400}]}}]", "13:32", r"."),
        ("severities: [0, 1]", "severities: [0, 6]", "14:21", r"severity 6 is not in 0 to 5"),
        ("severities: [0, 1]", "severities: [0]", "14:17", r"a sweep needs a severity above 0"),
        ("severities: [0, 1]", "severities: [0, 1.5]", "14:21", r"expected a whole number, got a number \(1.5\)"),
        ("qa/exact_match", "qaa/exact_match", "16:14", r"no task is called 'qaa' \| did you mean 'qa'\?"),
        ("qa/exact_match", "qa/exact", "16:14", r"task 'qa' has no metric 'exact' \| did you mean 'exact_match'\?"),
        ("qa/exact_match", "exact_match", "16:14", r"should match pattern"),
        (", min: 0.5", "", "16:5", r"a gate needs `min`, `max`, `max_drop`, `max_increase` or `max_ratio`"),
        ("min: 0.5", "mni: 0.5", "16:30", r"unknown key 'mni' \| did you mean 'min'\?"),
        ("min: 0.5", "max_drop: -1", "16:40", r"greater than or equal to 0"),
    ],
)
def test_a_mistake_is_said_once_at_its_place(write, old: str, new: str, place: str, said: str) -> None:
    assert SUITE.count(old) >= 1
    (found,) = problems(write("suite.yaml", SUITE.replace(old, new, 1)))
    assert found.startswith(f"{place}: ")
    assert re.search(said, found)


def test_all_mistakes_are_reported_together_in_one_go(write) -> None:
    text = SUITE.replace("exact_match]", "nope]").replace("brightness", "nope").replace("limit: 4", "limit: 0")
    assert [line.split(": ")[0] for line in problems(write("suite.yaml", text))] == ["4:33"]
    text = SUITE.replace("[exact_match]", "[nope, never]").replace("min: 0.5", "max: 1, mox: 2")
    assert len(problems(write("suite.yaml", text))) >= 1
    text = SUITE.replace("of: qa", "of: aq").replace("[brightness]", "[fogg]").replace("qa/exact_match", "x/y")
    assert len(problems(write("suite.yaml", text))) == 3


def test_what_depends_on_something_broken_is_not_reported_on_top(write) -> None:
    found = problems(write("suite.yaml", SUITE.replace("type: charts", "type: chart")))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a mapping, got nothing"),
        ("- a\n- b\n", "expected a mapping, got a list"),
        ("just text\n", "expected a mapping, got the text"),
        ("5\n", "expected a mapping, got a whole number"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(write, text: str, said: str) -> None:
    (found,) = problems(write("suite.yaml", text))
    assert found.startswith(f"1:1: {said}")


def test_a_mistake_in_the_parent_points_to_the_line_in_the_parents_file(write) -> None:
    base = write("base.yaml", SUITE.replace("[brightness]", "[fogg]"))
    with pytest.raises(SpecError) as caught:
        load_suite(str(write("child.yaml", "extends: base.yaml\nsuite: child\n")))
    (problem,) = caught.value.problems
    assert (problem.mark.file, problem.mark.line) == (base, 13)


ADAPTER = "adapter: mine\ntype: mock\nerror_rate: 0.1\n"


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("type: mock", "type: mok", "2:7", r"unknown adapter 'mok'; did you mean 'mock'\?"),
        ("type: mock\n", "", "1:1", r"the key 'type' is missing"),
        ("error_rate: 0.1", "batch_size: 9223372036854775808", "3:13", r"less than or equal to 65536"),
        ("adapter: mine", "adapter: a b", "1:10", r"should match pattern"),
        ("error_rate", "eror_rate", "3:1", r"unknown key 'eror_rate' \| did you mean 'error_rate'"),
        ("0.1", "2", "3:13", r"less than or equal to 1"),
        ("0.1", "high", "3:13", r"error_rate: expected a number, got the text 'high'"),
        ("0.1", "${API_KEY}", "3:13", r"sounds like a secret"),
        ("adapter: mine", "- adapter: mine", "2:1", r"not valid YAML"),
        (ADAPTER, "[]", "1:1", r"expected a mapping, got a list"),
        (ADAPTER, "", "1:1", r"expected a mapping, got nothing"),
    ],
)
def test_a_mistake_in_an_adapter_file_is_said_at_its_place(write, old: str, new: str, place: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_adapter(str(write("mine.yaml", ADAPTER.replace(old, new))))
    (problem,) = caught.value.problems
    assert f"{problem.mark.line}:{problem.mark.column}" == place
    assert re.search(said, f"{problem.message} | {problem.hint}")


@pytest.mark.parametrize("load", [load_suite, read_adapter])
@pytest.mark.parametrize("name", ["robustnes", "gone.yaml", "", "a" * 300 + ".yaml", "nul\0.yaml", "."])
def test_a_name_that_means_no_file_is_a_usage_error(load: Callable[[str], object], name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown|there is no file"):
        load(name)
