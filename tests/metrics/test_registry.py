"""What every metric must say about itself, and what importing the package may cost."""

from __future__ import annotations

import inspect
import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import CorpusMetric, SampleMetric, Score, Status, Variant, describe, get, sample_metric
from harness.metrics.exact_match import ExactMatch
from harness.registry import registry
from harness.testing.metrics import check_corpus_metric, check_metric

NAMES = registry("metrics").names()
DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_is(name: str) -> None:
    factory = registry("metrics").load(name)
    assert factory.name == name
    card = describe(name)
    assert card["kind"] in ("sample", "corpus")
    assert card["definition"]
    assert card["edge_cases"]
    assert card["source"]
    assert "Range" in card["definition"]
    assert card["direction"] in ("higher", "lower", "none")
    assert card["computed"]
    assert card["range"][0] < card["range"][1]
    assert "default" in card["variants"]
    assert all(card["variants"].values())
    assert ">>>" in (inspect.getdoc(factory) or "")
    assert all(entry["meaning"] for entry in card["params"].values()), "every parameter is explained"
    json.dumps(card, default=str)


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_of_a_metric_fits_the_table(name: str) -> None:
    assert len(describe(name)["definition"].split("\n")[0]) <= 125


def test_importing_the_package_and_listing_names_loads_nothing_heavy() -> None:
    code = (
        "import sys, harness.metrics; from harness.registry import registry; registry('metrics').names();"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'rapidfuzz', 'hypothesis') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_metric_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'relaxed_accuracy'"):
        get("relaxed_acuracy")
    with pytest.raises(UsageError, match="failures is 'wrong' or 'exclude'"):
        get("exact_match", failures="ignore")


def test_a_corpus_metric_cannot_score_one_answer() -> None:
    assert isinstance(get("auroc"), CorpusMetric)
    with pytest.raises(UsageError, match="needs all rows at once"):
        sample_metric("auroc")


def test_a_metric_is_rebuilt_from_its_params() -> None:
    metric = get("faithfulness", weights=[1, 3], tolerance=0.1)
    assert metric.params == {"variant": "default", "weights": (1.0, 3.0), "tolerance": 0.1, "failures": "wrong"}
    assert get("faithfulness", **metric.params).params == metric.params
    assert get("recall_at_k", k=5).params == {
        "variant": "default",
        "k": 5,
        "direction": "image-to-text",
        "failures": "wrong",
    }


def test_a_variant_is_asked_for_by_name_or_revision() -> None:
    commit = describe("anls")["variants"]["lmms-eval@75571cf"]["commit"]
    for asked in ("lmms-eval", "lmms-eval@75571cf", f"lmms-eval@{commit}"):
        metric = get("anls", asked)
        assert (metric.variant, metric.variant_at) == ("lmms-eval", "lmms-eval@75571cf")
        assert get("anls", **metric.params).variant_at == metric.variant_at
    assert get("exact_match", "strict").variant_at == "strict"


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("anls", "lmms-eval@7557", "no revision '7557' of variant 'lmms-eval' was read; known: lmms-eval@75571cf"),
        ("anls", "lmms-eval@", "no revision '' of variant"),
        ("anls", "lmms_eval@75571cf", "has no variant 'lmms_eval@75571cf'; did you mean 'lmms-eval'"),
        ("exact_match", "strict@75571cf", "variant 'strict' stands for no repository; write it without '@'"),
    ],
)
def test_a_revision_that_nobody_read_is_an_error_with_the_known_ones(name: str, asked: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        get(name, asked)


def test_an_older_revision_stays_beside_a_newer_one() -> None:
    class Kept(ExactMatch):
        name = "kept"
        variants: ClassVar[Mapping[str, str | Variant]] = {
            "default": "as documented",
            "peer": Variant("new", "a/b", "c.py", "b" * 40, "2026-02-01"),
            "peer@aaaaaaa": Variant("old", "a/b", "c.py", "a" * 40, "2025-02-01"),
        }

    assert [Kept(asked).variant_at for asked in ("peer", "peer@bbbbbbb", "peer@aaaaaaaaaa")] == [
        "peer@bbbbbbb",
        "peer@bbbbbbb",
        "peer@aaaaaaa",
    ]
    with pytest.raises(UsageError, match=r"known: peer@bbbbbbb \(read 2026-02-01\), peer@aaaaaaa \(read 2025-02-01\)"):
        Kept("peer@ccccccc")


def test_failed_answers_count_as_wrong_or_are_left_out_as_the_suite_says() -> None:
    scores = [Score(1.0), Score(math.nan, Status.UNPARSED), Score(math.nan, Status.UNDEFINED)]
    wrong, left_out = ExactMatch().aggregate(scores), ExactMatch(failures="exclude").aggregate(scores)
    assert (wrong.value, wrong.n, wrong.total, wrong.coverage) == (0.5, 2, 2, 0.5)
    assert (left_out.value, left_out.n, left_out.total, left_out.coverage) == (1.0, 1, 2, 0.5)


def test_binary_scores_get_a_wilson_interval_and_clusters_a_wider_one() -> None:
    scores = [Score(float(i % 4 == 0)) for i in range(40)]
    metric = ExactMatch()
    alone = metric.aggregate(scores)
    together = metric.aggregate(sorted(scores, key=lambda s: s.value), clusters=[str(i // 10) for i in range(40)])
    assert alone.method == "wilson"
    assert together.method == "Gaffke over clusters"
    assert together.high - together.low > alone.high - alone.low


def test_every_sample_metric_knows_its_kind() -> None:
    assert isinstance(get("anls"), SampleMetric)


def test_the_example_in_the_documentation_keeps_the_laws() -> None:
    text = DOCS.read_text(encoding="utf-8")
    start = text.index("from harness.metrics import AnswerMetric")
    space: dict[str, Any] = {}
    exec(text[start : text.index("```", start)], space)  # noqa: S102  # our own page
    check_metric(space["StartsRight"](), examples=20)


def test_the_example_of_sums_in_the_documentation_keeps_the_laws() -> None:
    text = DOCS.read_text(encoding="utf-8")
    start = text.index("from harness.metrics import Score, SummedAnswerMetric")
    space: dict[str, Any] = {}
    exec(text[start : text.index("```", start)], space)  # noqa: S102  # our own page
    metric = space["WordsARight"]()
    check_corpus_metric(metric, captions(), examples=10)
    assert metric.compute(["two words", "x", None], [["no"], ["x"], ["y"]]).value == 3.0


def captions() -> st.SearchStrategy[dict[str, Any]]:
    rows = st.lists(st.tuples(st.sampled_from(["a", "a b", "", None]), st.sampled_from([["a"], ["b", "a b"]])))
    return rows.map(lambda drawn: {"predictions": [row[0] for row in drawn], "references": [row[1] for row in drawn]})
