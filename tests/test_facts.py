"""The table of facts: what fits, what reaches metrics, what follows from an image, what a dataset lacks."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness import facts
from harness.errors import UsageError
from harness.facts import Fact
from harness.types import Sample

DOCS = Path(harness.__file__).resolve().parents[1] / "docs" / "facts.md"

GOOD = {
    "boxes": [[0, 0, 4, 4], {"box": [0, 0, 4, 4], "label": "dog"}, {"box": [0, 0, 4.5, 4]}],
    "calls": [{"name": "zoom", "arguments": {"x": 1}}, {"name": "read"}],
    "candidates": ["a dog", "a cat"],
    "choices": ["yes", "no"],
    "confidence": 0.25,
    "control": "a red bar",
    "embedding": [0.5, -1],
    "frame": "per-mille-999-yx",
    "group": "7",
    "injected": "pwned",
    "label": "dog",
    "language": "zh-Hans",
    "negation": "Is it not red?",
    "objects": [],
    "paraphrases": ["Which hue?"],
    "phrases": ["the dog"],
    "reference_embeddings": [[0.5, 1], [1, 0]],
    "resized": [896, 448],
    "schema": {"type": "object"},
    "size": [640, 480],
    "spans": [[0, 2.5]],
    "turns": [{"question": "Which?", "answer": ["red", "crimson"]}, {"question": "And?", "answer": "5", "images": 1}],
}
BAD = {
    "boxes": [[[0, 0, 4]], [{"label": "dog"}], [[0, 0, 4, "4"]], {"a": [0, 0, 4, 4]}],
    "calls": [[{"arguments": {}}], ["zoom"], [{"name": "zoom", "arguments": "{}"}]],
    "candidates": ["a dog", [1]],
    "choices": ["A. yes", 2],
    "confidence": [1.5, True, "high"],
    "control": [1, ["a"]],
    "embedding": [[], ["a"], "1"],
    "frame": ["pixels", "yx", 1],
    "group": [7],
    "injected": [True],
    "label": [None],
    "language": [1],
    "negation": [["Is it not red?"]],
    "objects": ["dog"],
    "paraphrases": ["Which hue?", [1]],
    "phrases": [[["the dog"]]],
    "reference_embeddings": [0.5, 1],
    "resized": [[0, 4]],
    "schema": ["{}"],
    "size": ["large", [640], [640, -1], [640, True], [float("inf"), 4]],
    "spans": [[[2, 1]], [[0, 1, 2]], [[-1, 1]]],
    "turns": [[{"question": "Which?"}], ["Which?"], [{"question": "Which?", "answer": []}]],
}


def test_every_fact_knows_its_form_from_others() -> None:
    assert GOOD.keys() == BAD.keys() == facts.FACTS.keys()
    assert facts.wrong(GOOD) is None
    for name, values in BAD.items():
        for value in values:
            assert f"the fact {name!r} is not {facts.FACTS[name].form}" in str(facts.wrong({name: value})), value


@pytest.mark.parametrize("found", [{"": 1}, {"prediction": "a"}, {"x": {1, 2}}, {"x": float("nan")}, {"evidence": "a"}])
def test_what_cannot_be_a_fact_is_refused(found: dict) -> None:
    assert facts.wrong(found)


def test_a_name_that_stands_in_no_table_is_carried() -> None:
    assert facts.wrong({"mood": ["mild", None, 3]}) is None
    assert facts.context(Sample("1", "?", ("a",), facts={"mood": "mild"}))["mood"] == "mild"


def test_windows_reach_metrics_as_facts_do_and_evidence_and_tags_stand() -> None:
    sample = Sample("1", "?", ("a",), evidence="A", tags={"b": "c"}, spans=((1.0, 2.0),), facts={"evidence": "X"})
    assert facts.context(sample) == {"spans": [[1.0, 2.0]], "evidence": "A", "tags": {"b": "c"}}


def test_an_image_tells_its_size_where_it_is_asked_for_and_stands_alone() -> None:
    plain, own = Sample("1", "?", ("a",)), Sample("1", "?", ("a",), facts={"size": [8, 8]})
    image = Image.new("RGB", (6, 4))
    assert facts.shown(plain, [image], {"size"}).facts == {"size": [6, 4]}
    assert facts.shown(plain, [image, image], {"size"}) is plain
    assert facts.shown(plain, [image], ()) is plain
    assert facts.shown(own, [image], {"size"}) is own
    assert facts.of_images(["size", "choices", "mood"]) == {"size"}


class Rows:
    """A dataset that says what it gives."""

    def __init__(self, *samples: Sample, gives: frozenset[str] | None = frozenset()) -> None:
        self._samples = samples
        if gives is not None:
            self.gives = gives

    def __iter__(self):
        return iter(self._samples)


def test_a_dataset_lacks_what_it_does_not_give_and_no_image_tells() -> None:
    bare, pictured = Sample("1", "?", ("a",)), Sample("2", "?", ("a",), images=(object(),))  # type: ignore[arg-type]
    assert facts.lacking(["size", "choices"], Rows(bare)) == ["size", "choices"]  # type: ignore[arg-type]
    assert facts.lacking(["size", "choices"], Rows(bare, pictured)) == ["choices"]  # type: ignore[arg-type]
    assert facts.lacking(["choices"], Rows(bare, gives=frozenset({"choices"}))) == []  # type: ignore[arg-type]
    assert facts.lacking(["choices"], Rows(bare, gives=None)) == [], "who does not say cannot be held to it"  # type: ignore[arg-type]


MOOD = Fact("mood", "text", "How the picture feels.", lambda value: isinstance(value, str))
SIZE = Fact("size", "text", "Another size.", lambda value: True)


@pytest.fixture
def plug_in_facts(monkeypatch: pytest.MonkeyPatch):
    """Install facts as the entry points of a package."""

    def install(**targets: str) -> None:
        points = [EntryPoint(name, target, "harness.facts") for name, target in targets.items()]
        monkeypatch.setattr(facts, "declared", lambda group: points)
        facts.known.cache_clear()

    yield install
    facts.known.cache_clear()


def test_a_fact_of_a_plug_in_is_one_entry(plug_in_facts) -> None:
    plug_in_facts(mood=f"{__name__}:MOOD")
    assert facts.wrong({"mood": "mild"}) is None
    assert facts.wrong({"mood": 3}) == "the fact 'mood' is not text: 3"
    assert facts.described("mood") == "`mood` (text)"


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"size": f"{__name__}:SIZE"}, "the name is taken"),
        ({"other": f"{__name__}:MOOD"}, "is no Fact of that name"),
        ({"mood": f"{__name__}:NOTHING"}, "cannot be loaded: AttributeError"),
    ],
)
def test_a_plug_in_that_is_wrong_is_named(plug_in_facts, targets: dict[str, str], said: str) -> None:
    plug_in_facts(**targets)
    with pytest.raises(UsageError, match=said):
        facts.known()


def test_the_table_in_the_documentation_is_the_table() -> None:
    lines = [f"| `{fact.name}` | {fact.form} | {fact.meaning} |" for fact in facts.FACTS.values()]
    assert "\n".join(lines) in DOCS.read_text(encoding="utf-8")
