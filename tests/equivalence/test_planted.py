"""One thing wrong at a time between two adapters of one model: the stage at which it was planted is the one named."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from harness.adapters.onnx import OnnxAdapter
from harness.equivalence import Equivalence, Options, Stage, State, compare_adapters
from harness.equivalence.ask import Side
from harness.errors import AdapterError, ExitCode, SampleError, UsageError
from harness.spec.document import parse_document
from harness.stats.equivalence import Sameness
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite, bind_suite
from harness.traces import Trace
from harness.types import Request, Response

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
SUITE = """\
suite: pairs
version: 1
datasets:
  charts: {type: charts, limit: 60, styles: [vbar-dark, line-dark]}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""
FEW = Options(limit=4, margin=0.5)

Load = Callable[..., Side]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return bind_suite(parse_document(SUITE, tmp_path_factory.mktemp("suite") / "suite.yaml"))


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    """Load a shipped adapter with other values for its keys; each is closed in the end."""
    made: list[Side] = []

    def make(name: str, **keys: Any) -> Side:
        choice = read_adapter(name)
        made.append(Side(name, (choice.vary(**keys) if keys else choice).load()))
        return made[-1]

    yield make
    for side in made:
        side.adapter.close()


@pytest.fixture(scope="module")
def fp32(load: Load) -> Side:
    return load("onnx-fp32")


@pytest.fixture(scope="module")
def torch(load: Load) -> Side:
    return load("qwen2-vl")


def copied(folder: Path, **changed: Callable[[str], str]) -> str:
    """Copy the fixture model, with other texts in some of its files; their dots are written as two underscores."""
    target = folder / "model"
    shutil.copytree(MODEL, target, ignore=shutil.ignore_patterns("*.safetensors"))
    for name, change in changed.items():
        file = target / name.replace("__", ".")
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    return str(target)


def stages(found: Equivalence) -> dict[str, Stage]:
    return {stage.name: stage for stage in found.stages}


def states(found: Equivalence) -> dict[str, State]:
    return {stage.name: stage.state for stage in found.stages}


class Around:
    """An adapter that does something of its own to what it is asked or to what is shown."""

    def __init__(self, inner: OnnxAdapter) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return self.inner.generate(requests)

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        return self.inner.trace(request, beside)


def around(kind: type[Around], side: Side) -> Side:
    return Side(kind.__name__, kind(side.adapter))  # type: ignore[arg-type]  # it forwards what it lacks


def test_torch_and_onnx_are_one_model_within_float_noise(torch: Side, fp32: Side, suite: Suite) -> None:
    found = compare_adapters(torch, fp32, suite, Options(margin=0.1))
    assert found.verdict is Sameness.EQUIVALENT
    assert found.exit_code is ExitCode.OK
    assert found.agreement is not None
    assert found.agreement.n == 29  # as many as show a tenth where nothing differs
    assert found.first is None
    assert states(found) == {
        "image size": State.EQUAL,
        "image pixels": State.EQUAL,
        "prompt text": State.EQUAL,
        "prompt tokens": State.EQUAL,
        "image tokens": State.EQUAL,
        "logits": State.NOISE,
        "answer": State.EQUAL,
        "parsed answer": State.EQUAL,
    }
    logits = stages(found)["logits"]
    assert 0 < (logits.size or 0) < (logits.tolerance or 0) / 5  # kernels differ, and far less than is allowed
    assert found.notes == ()


def test_an_adapter_is_equal_to_itself_at_every_stage(fp32: Side, suite: Suite) -> None:
    found = compare_adapters(fp32, fp32, suite, FEW)
    assert set(states(found).values()) == {State.EQUAL}


def test_swapped_channels_are_found_in_the_pixels(fp32: Side, suite: Suite) -> None:
    class Bgr(Around):
        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            shown = tuple(
                Image.fromarray(np.asarray(image.convert("RGB"))[..., ::-1].copy()) for image in request.images
            )
            return self.inner.trace(Request(request.id, request.prompt, shown, generation=request.generation), beside)

    found = compare_adapters(fp32, around(Bgr, fp32), suite, FEW)
    assert found.first is not None
    assert (found.first.name, found.first.parted) == ("image pixels", 4)
    assert "channels swapped" in found.first.said
    assert states(found)["prompt tokens"] is State.EQUAL
    assert states(found)["logits"] is State.PARTED
    assert found.picture is not None
    assert found.picture.a.shape == found.picture.b.shape


def test_another_mean_and_deviation_are_found_in_the_pixels(load: Load, fp32: Side, suite: Suite) -> None:
    other = load("qwen2-vl", processor={"image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    found = compare_adapters(fp32, other, suite, FEW)
    assert found.first is not None
    assert found.first.name == "image pixels"
    # A = (x − m) / s and B = (x − .5) / .5, so that B = s / .5 · A + (m − .5) / .5.
    assert found.first.said.startswith("another mean and standard deviation: B = (0.5373, 0.5226, 0.5516) · A − (0.037")


def test_other_limits_of_pixels_are_found_in_the_size(load: Load, fp32: Side, suite: Suite) -> None:
    found = compare_adapters(fp32, load("onnx-fp32", max_pixels=9000), suite, FEW)
    assert found.first is not None
    assert found.first.name == "image size"
    assert "A reads 112 × 140, B 84 × 84" in found.first.said
    assert states(found)["image pixels"] is State.NOT_COMPARED
    assert states(found)["prompt text"] is State.EQUAL
    assert "more of '<|image_pad|>'" in stages(found)["prompt tokens"].said
    assert "A counts 20, B 9" in stages(found)["image tokens"].said


def test_another_filter_is_found_in_the_pixels(load: Load, fp32: Side, suite: Suite) -> None:
    a = load("onnx-fp32", max_pixels=9000)
    b = load("qwen2-vl", max_pixels=9000, processor={"resample": 2})
    found = compare_adapters(a, b, suite, FEW)
    assert found.first is not None
    assert found.first.name == "image pixels"
    assert "another resampling filter" in found.first.said


def test_a_newline_that_the_template_lacks_is_found_in_the_text(
    load: Load, fp32: Side, suite: Suite, tmp_path: Path
) -> None:
    short = copied(tmp_path, chat_template__jinja=lambda text: text.replace("assistant\n", "assistant"))
    found = compare_adapters(fp32, load("onnx-fp32", model=short), suite, FEW)
    assert found.first is not None
    assert found.first.name == "prompt text"
    assert found.first.said.startswith("B lacks '\\n' after ")
    assert states(found)["image pixels"] is State.EQUAL
    assert states(found)["prompt tokens"] is State.PARTED


def test_a_second_beginning_is_found_in_the_tokens_of_one_text(load: Load, suite: Suite, tmp_path: Path) -> None:
    token = "<|endoftext|>"  # noqa: S105 - a mark, no secret

    def begins(text: str) -> str:
        content = json.loads(text)
        number = next(one["id"] for one in content["added_tokens"] if one["content"] == token)
        special = {"id": token, "ids": [number], "tokens": [token]}
        single = [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
        content["post_processor"] = {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: special},
        }
        return json.dumps(content)

    once = copied(tmp_path / "once", chat_template__jinja=lambda text: token + text)
    twice = copied(tmp_path / "twice", chat_template__jinja=lambda text: token + text, tokenizer__json=begins)
    found = compare_adapters(load("onnx-fp32", model=once), load("onnx-fp32", model=twice), suite, FEW)
    assert found.first is not None
    assert found.first.name == "prompt tokens"
    assert found.first.said.startswith(f"B begins twice: one more '{token}'")
    assert "from the same text" in found.first.said
    assert states(found)["prompt text"] is State.EQUAL


def test_a_lora_at_another_scale_is_found_in_the_logits(load: Load, suite: Suite, tmp_path: Path) -> None:
    lora = tmp_path / "lora"
    shutil.copytree(ROOT / "fixtures" / "tiny-qwen2-vl-lora", lora)
    config = json.loads((lora / "adapter_config.json").read_text())
    (lora / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": config["lora_alpha"] * 2}))
    found = compare_adapters(load("qwen2-vl-lora"), load("qwen2-vl-lora", lora=str(lora)), suite, FEW)
    assert found.first is not None
    assert (found.first.name, found.first.parted) == ("logits", 4)
    assert any(note.startswith("all that goes into the model is the same") for note in found.notes)


def test_one_block_with_broken_scales_is_found_in_the_logits(load: Load, suite: Suite, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    file = Path(folder) / "onnx" / "decoder_model_merged_int8.onnx"
    graph = onnx.load(str(file))
    (scale, *_) = (one for one in graph.graph.initializer if one.name.endswith("_scale") and one.data_type == 1)
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float32(2), scale.name))
    onnx.save(graph, str(file))
    found = compare_adapters(load("onnx-int8"), load("onnx-int8", model=folder), suite, FEW)
    assert found.first is not None
    assert found.first.name == "logits"
    assert states(found)["image tokens"] is State.EQUAL


def test_quantisation_is_no_float_noise(load: Load, fp32: Side, suite: Suite) -> None:
    found = compare_adapters(fp32, load("onnx-int8"), suite, FEW)
    assert found.first is not None
    assert found.first.name == "logits"
    assert (found.first.size or 0) > 10 * (found.first.tolerance or 0)


def test_patches_in_another_order_are_found_in_the_pixels(fp32: Side, suite: Suite) -> None:
    class Reordered(Around):
        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            found = super().trace(request)
            assert found.pixels is not None
            (image,) = found.pixels
            mixed = image.values.reshape(-1, 4, image.values.shape[1])[:, [0, 2, 1, 3]].reshape(image.values.shape)
            changed = type(image)(mixed, image.layout, image.grid, image.merge, image.frames)
            return type(found)(found.response, (changed,), found.prompt, found.ids, found.tokens, found.logits)

    found = compare_adapters(fp32, around(Reordered, fp32), suite, FEW)
    assert found.first is not None
    assert "order of patches" in found.first.said


def test_a_model_that_depends_on_its_company_or_on_chance_is_called_so(fp32: Side, suite: Suite) -> None:
    class Leaks(Around):
        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            found = super().trace(request)
            assert found.logits is not None
            moved = found.logits + np.float32(len(beside)) * np.arange(found.logits.size, dtype=np.float32)
            return type(found)(found.response, logits=moved, precision="float32")

    class Draws(Around):
        asked = 0

        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            self.asked += 1
            return Trace(Response(str(self.asked)))

    leaking = compare_adapters(fp32, around(Leaks, fp32), suite, FEW)
    assert [note for note in leaking.notes if note.startswith("B is not the same model in a batch")]
    drawing = compare_adapters(fp32, around(Draws, fp32), suite, FEW)
    assert [note for note in drawing.notes if note.startswith("B does not repeat")]


def test_failures_are_neither_agreement_nor_proof_of_a_difference(fp32: Side, suite: Suite) -> None:
    class Fails(Around):
        asked = 0
        after = 0

        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            self.asked += 1
            if self.asked > self.after:
                raise SampleError("no GPU today")
            return super().trace(request)

    class FailsLater(Fails):
        after = 6

    found = compare_adapters(fp32, around(FailsLater, fp32), suite, Options(limit=12, margin=0.1))
    assert (found.failed, found.verdict, found.exit_code) == ((0, 6), Sameness.UNDECIDED, ExitCode.INCONCLUSIVE)
    assert (found.agreement and found.agreement.estimate) == -0.5
    assert any("no GPU today" in note for note in found.notes)
    with pytest.raises(AdapterError, match=r"no sample was answered by both; the first: .* B failed: no GPU today"):
        compare_adapters(fp32, around(Fails, fp32), suite, FEW)
    with pytest.raises(AdapterError, match=r"no sample was answered; the first: .* A failed: no GPU today"):
        compare_adapters(around(Fails, fp32), around(Fails, fp32), suite, FEW)


def test_numbers_that_are_none_part_and_can_be_written_as_json(fp32: Side, suite: Suite) -> None:
    class Broken(Around):
        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            found = super().trace(request)
            assert found.logits is not None
            return Trace(found.response, logits=found.logits * np.float32(np.nan), precision="float32")

    found = compare_adapters(fp32, around(Broken, fp32), suite, FEW)
    assert found.first is not None
    assert (found.first.name, found.first.said) == ("logits", "numbers that are not finite (NaN or infinite)")
    assert json.loads(json.dumps(found.as_data(), allow_nan=False))["first_parted"] == "logits"


def test_models_that_fail_alike_are_not_equal_by_their_score_unseen(fp32: Side, suite: Suite) -> None:
    class Says(Around):
        said = "no idea"

        def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
            return Trace(Response(self.said))

    class SaysMore(Says):
        said = "no idea at all"

    pair = around(Says, fp32), around(SaysMore, fp32)
    by_answers = compare_adapters(*pair, suite, Options(limit=40, margin=0.1))
    assert by_answers.verdict is Sameness.DIFFERENT
    by_score = compare_adapters(*pair, suite, Options(limit=40, margin=0.1, on="score"))
    assert by_score.verdict is Sameness.EQUIVALENT
    assert any("fail alike" in note for note in by_score.notes)
    assert any("one and the same answer" in note for note in by_answers.notes)


def test_too_few_samples_decide_nothing_and_say_how_many_would(fp32: Side, suite: Suite) -> None:
    found = compare_adapters(fp32, fp32, suite, Options(limit=5))
    assert (found.verdict, found.exit_code) == (Sameness.UNDECIDED, ExitCode.INCONCLUSIVE)
    assert found.agreement is not None
    assert found.agreement.n_needed == 149
    assert str(found) == (
        "undecided at ±0.02 in answers (0.0% differ, 90% interval 0.0% to 45.3%, n = 5); "
        "149 samples would suffice if what is observed is the truth"
    )


def test_impossible_questions_are_refused_in_sentences(fp32: Side, suite: Suite) -> None:
    with pytest.raises(UsageError, match="no task 'qq'; known: qa"):
        compare_adapters(fp32, fp32, suite, Options(task="qq"))
    with pytest.raises(UsageError, match="margin must lie between 0 and 1"):
        compare_adapters(fp32, fp32, suite, Options(margin=1.5))


def test_classifiers_in_float_and_int8_part_at_their_logits(load: Load, tmp_path: Path) -> None:
    text = """\
suite: photographs
version: 1
datasets: {crops: {type: photo_crops, seed: 21, limit: 60}}
tasks: {crops: {kind: classify, dataset: crops}}
"""
    photographs = bind_suite(parse_document(text, tmp_path / "suite.yaml"))
    pair = load("efficientnet-lite0-fp32"), load("efficientnet-lite0-int8")
    found = compare_adapters(*pair, photographs, Options(limit=12, margin=0.1, head=True))
    assert found.first is not None
    assert found.first.name == "logits"
    assert states(found)["image pixels"] is State.EQUAL
    assert states(found)["prompt text"] is State.NOT_SEEN
    assert found.metric == "top_1"
