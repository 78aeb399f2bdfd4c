"""What a run will take is told before anything is asked, and stands beside what it took."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapters._served.image_tokens import image_tokens, rule_for, rules
from harness.engine.expected import expect, lines
from harness.engine.plan import make_plan
from harness.record import read_run
from harness.record.spent import in_words
from harness.suite.adapters import read_adapter

SUITE = """\
suite: dear
version: 1
{more}
datasets: {{charts: {{type: charts, limit: {rows}}}}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
"""
SERVED = """\
adapter: served
type: openai
base_url: http://127.0.0.1:9/v1
model: {model}
prices: {{input: 2.0, output: 8.0}}
"""


def told(rows: int = 6, more: str = "", tasks: str = "") -> str:
    return SUITE.format(rows=rows, more=more) + tasks


def test_where_all_samples_are_looked_at_a_local_model_reads_exactly_what_was_expected(
    run_here, write, tmp_path: Path
) -> None:
    suite, out = write("dear.yaml", told()), tmp_path / "runs"
    assert run_here("run", suite, "-a", "onnx-int8", "-o", out, "--no-report", "-q").code == 0
    (folder,) = out.iterdir()
    record = read_run(folder)
    expected, spent = record.expected, record.spent
    assert expected is not None
    assert spent is not None
    assert (expected.requests, expected.images, expected.looked_at) == (6, 6, 6)
    assert expected.text_tokens is not None
    assert expected.image_tokens == spent.image_tokens
    assert expected.text_tokens + (spent.image_tokens or 0) == spent.tokens_in
    assert spent.tokens_out <= (expected.tokens_out_at_most or 0)
    said = in_words(spent, expected)
    assert f"expected {spent.tokens_in:,} read" in said
    assert said in run_here("show", folder).out


def test_some_samples_stand_for_all(bind) -> None:
    suite = bind(told(rows=300))
    plan = make_plan(suite, 8)
    few, all_of_them = (expect(plan, read_adapter("onnx-int8"), look) for look in (8, 300))
    assert (few.looked_at, all_of_them.looked_at, few.requests) == (8, 300, 300)
    for name in ("text_tokens", "image_tokens", "tokens_out_at_most"):
        assert getattr(few, name) == pytest.approx(getattr(all_of_them, name), rel=0.1)
    assert few == expect(plan, read_adapter("onnx-int8"), 8), "the same look, the same estimate"


def test_the_same_model_in_torch_is_counted_without_torch(bind) -> None:
    plan = make_plan(bind(told()), 8)
    assert expect(plan, read_adapter("qwen2-vl")) == expect(plan, read_adapter("onnx-int8"))


def test_a_dry_run_tells_images_tokens_and_money_of_each_task_and_asks_nobody(run_here, write) -> None:
    more = "engine: {budget: {cost: 0.00001}}"
    again = (
        '  words: {kind: qa, dataset: charts, metrics: [exact_match], max_new_tokens: 100, prompt: "{{ question }}"}\n'
    )
    suite = write("dear.yaml", told(10, more, again))
    served = write("served.yaml", SERVED.format(model="gpt-4o"))
    done = run_here("run", suite, "-a", served, "-a", "mock", "--dry-run")
    assert done.code == 0, done.err
    assert "words: 10 samples, 10 requests, 10 images" in done.out
    assert "images by openai-tiles (https://platform.openai.com" in done.out
    assert "that may be more than the budget of 1e-05 USD" in done.out
    assert "in all: 20 requests, 20 images, at most" in done.out, "the mock reads no tokens"
    found = json.loads(run_here("run", suite, "-a", served, "--dry-run", "--json").out)["expected"]["served"]
    tasks = found["tasks"]
    assert tasks["words"]["image_tokens"] == 10 * 255
    assert tasks["words"]["tokens_out_at_most"] == 1000
    assert found["tokens_out_at_most"] == sum(one["tokens_out_at_most"] for one in tasks.values())
    read = found["text_tokens"] + found["image_tokens"]
    assert found["cost_at_most"] == pytest.approx((2 * read + 8 * found["tokens_out_at_most"]) / 1e6)
    assert found["cost_at_most"] == pytest.approx(sum(one["cost_at_most"] for one in tasks.values()))


def test_what_is_asked_by_other_ways_is_named_and_not_guessed(bind) -> None:
    tasks = """\
  speed: {kind: latency, dataset: charts, against: onnx-fp32}
  choose: {kind: qa, dataset: charts, metrics: [exact_match]}
"""
    suite = bind(told(tasks=tasks))
    found = expect(make_plan(suite, 8), read_adapter("onnx-int8"))
    assert [*found.tasks] == ["qa", "choose"]
    assert found.left_out == ["speed: the task calls the model by itself"]
    assert "not in it: speed: the task calls the model by itself" in lines(found)


def test_parts_of_a_run_expect_nothing_of_their_own_and_the_whole_does(run_here, write, tmp_path: Path) -> None:
    suite, out = write("dear.yaml", told(rows=16)), tmp_path / "parts"
    for part in ("1/2", "2/2"):
        arguments = ("-a", "onnx-int8", "-o", out, "--shard", part, "-b", 8, "--no-report", "-q")
        assert run_here("run", suite, *arguments).code == 0
    assert [read_run(folder).expected for folder in out.iterdir()] == [None, None]
    assert run_here("merge", *out.iterdir(), "-o", tmp_path / "whole").code == 0
    (whole,) = (tmp_path / "whole").iterdir()
    assert (found := read_run(whole).expected) is not None
    assert found.requests == 16


SIZES = st.tuples(st.integers(1, 9000), st.integers(1, 9000))


@given(size=SIZES, rule=st.sampled_from(sorted(rules())))
def test_every_rule_counts_every_size_and_a_turned_picture_the_same(rule: str, size: tuple[int, int]) -> None:
    count = image_tokens(rule, size)
    assert image_tokens(rule, size[::-1]) == pytest.approx(count, rel=0.02, abs=2)
    assert count > 0 or max(size) > 200 * min(size)
    most = {"tiles": 5667 * 8 + 2833, "patches": 1536 * 2.46 + 1, "area": 1600, "grid": 1280}
    assert count <= most.get(rules()[rule]["kind"], math.inf)


def test_every_rule_says_where_it_stands_and_when_it_held() -> None:
    for told_of in rules().values():
        assert told_of["source"].startswith("https://")
        assert len(told_of["date"]) == 7


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ("gpt-4.1", "openai-tiles"), ("gpt-4.1-2025-04-14", "openai-tiles"), ("gpt-4.1-mini", "openai-patches-mini"),
        ("gpt-5-nano-2025-08-07", "openai-patches-nano"), ("o4-mini", "openai-patches-o4-mini"),
        ("google/gemini-2.5-flash", "gemini"), ("Qwen/Qwen2-VL-7B-Instruct", "qwen2-vl"), ("llava-1.6", ""),
    ],
)  # fmt: skip
def test_a_models_name_decides_which_rule_counts_its_pictures(model: str, rule: str) -> None:
    assert rule_for(model) == rule


def test_a_rule_can_be_named_and_is_no_part_of_the_model(write, run_here) -> None:
    plain = write("plain.yaml", SERVED.format(model="mine"))
    named = write("named.yaml", SERVED.format(model="mine") + "image_tokens: anthropic\n")
    loaded = [read_adapter(str(file)).load() for file in (plain, named)]
    assert loaded[0].fingerprint() == loaded[1].fingerprint()
    for one in loaded:
        one.close()
    wrong = write("wrong.yaml", SERVED.format(model="mine") + "image_tokens: antropic\n")
    done = run_here("run", "chart_qa", "-a", wrong, "--dry-run")
    assert done.code == 2
    assert "wrong.yaml:6:15" in done.err
    assert "did you mean 'anthropic'?" in done.err
