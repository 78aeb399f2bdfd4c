"""The conformance kit: every adapter that ships passes it, and every way to be broken fails it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from harness import locate
from harness.cli.adapters import command
from harness.errors import ExitCode, UsageError
from harness.locate import available
from harness.spec.models import Model
from harness.testing._copies import Copies
from harness.testing.adapters import LAWS, Finding, Subject, check_adapter, examine
from harness.traces import Pixels, Trace
from harness.types import Adapter, Finish, Request, Response, Status

Write = Callable[[str, str], Path]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(locate.CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


# The shapes with random weights are one type and one code path; the smallest stands for them.
SHIPPED = [name for name in available("adapters") if not name.startswith("shape-") or name == "shape-resnet18"]


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_an_adapter_that_ships_keeps_all_laws(name: str) -> None:
    check_adapter(name)


def test_int8_is_held_to_all_laws_but_those_about_batches() -> None:
    found = examine("onnx-int8", without=["image sizes", "prompts", "image modes", "reloading"])
    skipped = {finding.law for finding in found if finding.outcome == "not applicable"}
    assert skipped == {"batch size", "batch order", "companions"}


class Config(Model):
    """No keys."""


class Honest:
    """Keeps every law without a model: the answer is a hash of what it is shown."""

    Config: ClassVar[type[BaseModel]] = Config
    simulated = False
    capabilities = frozenset({"generate", "score_text", "embed", "classify", "ground", "gradient"})
    batch_invariant = True
    batch_size = 4
    weights = "weights"
    classes: Sequence[str] = ("dark", "light")

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> "Honest":
        return cls()

    @classmethod
    def copies(cls, scratch: Path) -> Copies:
        weights, beside = scratch / "weights", scratch / "README.md"
        weights.write_bytes(bytes(20_000))
        beside.write_text("Words.")

        def load() -> Honest:
            made = cls()
            made.weights = weights.read_bytes().decode("latin-1")
            return made

        return Copies((weights, beside), scratch, load)

    def fingerprint(self) -> str:
        return hashlib.sha256(self.weights.encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [self.one(request) for request in requests]

    def one(self, request: Request) -> Response:
        try:
            shown = b"".join(self.rgb(image).tobytes() for image in request.images)
        except (OSError, SyntaxError, ValueError) as cause:
            return Response(None, Status.ERROR, str(cause) or "an image cannot be read")
        said = hashlib.sha256(shown + repr(request.prompt).encode() + self.weights.encode()).hexdigest()
        return Response(
            said[:6], tokens_in=9, image_tokens=3, tokens_out=1, seconds={"decode": 0.1}, finish=Finish.STOP
        )

    def rgb(self, image: Image.Image) -> Image.Image:
        if not image.width * image.height:
            raise ValueError("no pixels")
        return image.convert("RGB")

    def close(self) -> None:
        pass

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        if not request.images:
            return [-1.0 for _ in candidates]
        own = self.one(request).text
        darkness = float(np.asarray(request.images[0].convert("RGB"), np.float64).mean())
        return [-darkness / 300 - (0 if text == own or len(text) == 6 else 9) for text in candidates]

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.stack([np.asarray(image.convert("RGB").resize((4, 4)), np.float32).ravel() for image in images])

    def classify(self, images: Sequence[Image.Image]) -> np.ndarray:
        levels = [float(np.asarray(image.convert("L")).mean()) for image in images]
        return np.array([[128 - level, level - 128] for level in levels], np.float32)

    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        sizes = [image.size for image in images]
        boxes = [
            [] if "elephant" in phrase else [[len(phrase), 2, *size]]
            for phrase, size in zip(phrases, sizes, strict=True)
        ]
        return [np.array(found, np.float32).reshape(-1, 4) for found in boxes]

    def image_gradient(self, requests: Sequence[Request]) -> list[np.ndarray]:
        return [np.ones((request.images[0].height, request.images[0].width, 3), np.float32) for request in requests]


def changed_weights(adapter: Honest) -> Honest:
    adapter.weights = "other weights"
    return adapter


def subject(kind: type[Honest]) -> Subject:
    return Subject("under test", kind(), kind, lambda scratch: changed_weights(kind()), kind.copies)


def broken_laws(kind: type[Honest]) -> dict[str, str]:
    return {found.law: found.said for found in examine(subject(kind)) if found.outcome == "broken"}


def test_an_honest_adapter_breaks_no_law() -> None:
    found = {finding.law: finding.outcome for finding in examine(subject(Honest)) if finding.outcome != "kept"}
    assert found == {"trace": "not applicable"}


def marked(response: Response, mark: object) -> Response:
    return replace(response, text=f"{response.text}{mark}") if response.status is Status.OK else response


class AnswersByBatchSize(Honest):
    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [marked(response, len(requests) > 1) for response in super().generate(requests)]


class AnswersByPlace(Honest):
    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [marked(response, place == 0) for place, response in enumerate(super().generate(requests))]


class AnswersByLongestPrompt(Honest):
    """As a model does whose padding is not masked."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        longest = max((len(request.prompt) for request in requests), default=0)
        return [marked(response, longest) for response in super().generate(requests)]


class Samples(Honest):
    calls = 0

    def one(self, request: Request) -> Response:
        Samples.calls += 1
        return marked(super().one(request), Samples.calls)


class DropsOne(Honest):
    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return list(super().generate(requests))[: max(1, len(requests) - 1)]


class GivesText(Honest):
    def generate(self, requests: Sequence[Request]) -> Any:
        return [response.text for response in super().generate(requests)]


class RaisesOnBadImages(Honest):
    def one(self, request: Request) -> Response:
        for image in request.images:
            image.convert("RGB").load()
        return super().one(request)


class LosesTheBatchToOneBadRequest(Honest):
    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        responses = super().generate(requests)
        bad = [response for response in responses if response.status is not Status.OK]
        return [bad[0]] * len(requests) if bad else responses


class AnswersWithItsError(Honest):
    def one(self, request: Request) -> Response:
        response = super().one(request)
        return response if response.text else replace(response, text="error")


class FailsWithoutAReason(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), error=None)


class KnowsOnlyRgb(Honest):
    def rgb(self, image: Image.Image) -> Image.Image:
        if image.mode != "RGB":
            raise ValueError(f"mode {image.mode}")
        return super().rgb(image)


class ReadsPalettesAsGrey(Honest):
    def rgb(self, image: Image.Image) -> Image.Image:
        return Image.fromarray(np.asarray(image)).convert("RGB") if image.mode == "P" else super().rgb(image)


class ChokesOnSinglePixels(Honest):
    def one(self, request: Request) -> Response:
        if any(image.size == (1, 1) for image in request.images):
            raise ZeroDivisionError
        return super().one(request)


class ChokesOnLongPrompts(Honest):
    def one(self, request: Request) -> Response:
        if len(request.prompt) > 50_000:
            raise RuntimeError("index out of range")
        return super().one(request)


class RefusesSystemPromptsForAll(Honest):
    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        if any(request.system for request in requests):
            return [Response(None, Status.ERROR, "no system prompts") for _ in requests]
        return super().generate(requests)


class PaintsOnImages(Honest):
    def one(self, request: Request) -> Response:
        response = super().one(request)
        for image in request.images:
            if image.mode == "RGB" and image.size[0] * image.size[1]:
                image.putpixel((0, 0), (1, 2, 3))
        return response


class IgnoresTheLimit(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), tokens_out=7)


class SaysStopWhereItIsCutOff(Honest):
    def one(self, request: Request) -> Response:
        answer = super().one(request)
        return replace(answer, text=(answer.text or "")[: request.generation.max_new_tokens])


class SaysLengthForNothing(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), tokens_out=0, finish=Finish.LENGTH)


class SaysLengthBeforeItIsReached(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), finish=Finish.LENGTH)


class EndsInWordsOfItsOwn(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), finish="done")


class MiscountsImages(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), image_tokens=99)


class GoesBackInTime(Honest):
    def one(self, request: Request) -> Response:
        return replace(super().one(request), seconds={"decode": -1.0})


class ClaimsWhatItCannot(Honest):
    score_text = None  # type: ignore[assignment]  # the point of this adapter


class ScoresUpsideDown(Honest):
    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        return [-9.0 - value for value in super().score_text(request, candidates)]


class EmbedsNothing(Honest):
    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.zeros((len(images), 3), np.float32)


class EmbedsByBatch(Honest):
    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        rows = super().embed(images)
        return rows - rows.mean(0)


class EmbedsInDoubles(Honest):
    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return super().embed(images).astype(np.float64)


class ForgetsAClass(Honest):
    classes = ("dark", "grey", "light")


class ScoresInfinitely(Honest):
    def classify(self, images: Sequence[Image.Image]) -> np.ndarray:
        return super().classify(images) * np.float32(np.inf)


class BoxesBeyondTheImage(Honest):
    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        return [boxes * [1, 1, 1.5, 1] for boxes in super().ground(images, phrases)]


class BoxesEndFirst(Honest):
    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        return [boxes[:, [2, 3, 0, 1]] for boxes in super().ground(images, phrases)]


class BoxesForOneImage(Honest):
    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        return super().ground(images, phrases)[:1]


class Classifies:
    """Has no answers in words, only scores."""

    Config: ClassVar[type[BaseModel]] = Config
    simulated = False
    capabilities = frozenset({"classify", "embed"})
    batch_invariant = True
    batch_size = 4
    classes = Honest.classes
    classify = Honest.classify
    embed = Honest.embed
    fingerprint = Honest.fingerprint
    weights = "weights"
    close = Honest.close

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> "Classifies":
        return cls()

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        raise NotImplementedError


def test_an_adapter_without_words_is_held_to_the_laws_that_are_left() -> None:
    model: Any = Classifies()
    found = {law.law: law.outcome for law in examine(Subject("under test", model, Classifies))}  # type: ignore[arg-type]
    assert {law for law, outcome in found.items() if outcome == "kept"} == {
        "protocol",
        "capabilities",
        "fingerprint",
        "reloading",
    }
    assert "broken" not in found.values()
    model.classes = ("one", "one")
    assert "capabilities" in {law.law for law in examine(Subject("", model)) if law.outcome == "broken"}


class PointsTheWrongWay(Honest):
    def image_gradient(self, requests: Sequence[Request]) -> list[np.ndarray]:
        return [-gradient for gradient in super().image_gradient(requests)]


class TransposesGradients(Honest):
    def image_gradient(self, requests: Sequence[Request]) -> list[np.ndarray]:
        return [gradient.transpose(1, 0, 2) for gradient in super().image_gradient(requests)]


class FingerprintsTheClock(Honest):
    calls = 0

    def fingerprint(self) -> str:
        FingerprintsTheClock.calls += 1
        return f"{FingerprintsTheClock.calls:064d}"


class FingerprintsTheObject(Honest):
    made = 0

    def __init__(self) -> None:
        FingerprintsTheObject.made += 1
        self.number = FingerprintsTheObject.made

    def fingerprint(self) -> str:
        return f"{self.number:064d}"


class HashesTheHead(Honest):
    """Looks at the first bytes of its weights alone."""

    def fingerprint(self) -> str:
        return hashlib.sha256(self.weights[:6000].encode()).hexdigest()


class FingerprintsTheName(Honest):
    def fingerprint(self) -> str:
        return "0" * 64


class ClosesOnce(Honest):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("already closed")
        self.closed = True


class SaysUnparsed(Honest):
    def one(self, request: Request) -> Response:
        return Response(None, Status.UNPARSED, "I do not understand")


class HasNoBatchSize(Honest):
    batch_size = 0


class Shows(Honest):
    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        shown = np.asarray(self.rgb(request.images[0]), np.float32)
        return Trace(self.one(request), (Pixels(shown, "hwc"),), request.prompt, tuple(range(9)))


class TracesAnotherAnswer(Shows):
    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        return replace(super().trace(request), response=self.one(replace(request, prompt="another")))


class TracesByChance(Shows):
    looks = 0.0

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        self.looks += 1
        return replace(super().trace(request), logits=np.array([self.looks], np.float32))


class LearnsFromLooking(Shows):
    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        found = super().trace(request)
        self.weights += "!"
        return found


class CountsOtherTokens(Shows):
    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        return replace(super().trace(request), ids=(1, 2, 3))


def test_an_adapter_that_shows_its_way_keeps_the_law_of_it() -> None:
    found = {finding.law: finding.outcome for finding in examine(Shows())}
    assert found["trace"] == "kept"


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (AnswersByBatchSize, "batch size"),
        (AnswersByPlace, "batch order"),
        (AnswersByLongestPrompt, "companions"),
        (Samples, "repeats"),
        (DropsOne, "answers"),
        (GivesText, "answers"),
        (RaisesOnBadImages, "errors"),
        (LosesTheBatchToOneBadRequest, "errors"),
        (AnswersWithItsError, "errors"),
        (FailsWithoutAReason, "errors"),
        (KnowsOnlyRgb, "image modes"),
        (ReadsPalettesAsGrey, "image modes"),
        (ChokesOnSinglePixels, "image sizes"),
        (ChokesOnLongPrompts, "prompts"),
        (RefusesSystemPromptsForAll, "system prompt"),
        (PaintsOnImages, "requests are left alone"),
        (IgnoresTheLimit, "limits"),
        (SaysStopWhereItIsCutOff, "finishes"),
        (SaysLengthForNothing, "finishes"),
        (SaysLengthBeforeItIsReached, "finishes"),
        (EndsInWordsOfItsOwn, "finishes"),
        (MiscountsImages, "accounts"),
        (GoesBackInTime, "accounts"),
        (ClaimsWhatItCannot, "capabilities"),
        (ScoresUpsideDown, "capabilities"),
        (EmbedsNothing, "capabilities"),
        (EmbedsByBatch, "capabilities"),
        (EmbedsInDoubles, "capabilities"),
        (ForgetsAClass, "capabilities"),
        (ScoresInfinitely, "capabilities"),
        (BoxesBeyondTheImage, "capabilities"),
        (BoxesEndFirst, "capabilities"),
        (BoxesForOneImage, "capabilities"),
        (PointsTheWrongWay, "capabilities"),
        (TransposesGradients, "capabilities"),
        (FingerprintsTheClock, "fingerprint"),
        (FingerprintsTheObject, "reloading"),
        (FingerprintsTheName, "weights count"),
        (HashesTheHead, "files count"),
        (ClosesOnce, "reloading"),
        (SaysUnparsed, "answers"),
        (HasNoBatchSize, "protocol"),
        (TracesAnotherAnswer, "trace"),
        (TracesByChance, "trace"),
        (LearnsFromLooking, "trace"),
        (CountsOtherTokens, "trace"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value,
)
def test_a_broken_adapter_breaks_its_law(kind: type[Honest], law: str) -> None:
    assert law in broken_laws(kind)


def test_every_law_is_broken_by_some_adapter_above() -> None:
    marks = test_a_broken_adapter_breaks_its_law.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
    assert {law for _, law in marks[0].args[1]} == set(LAWS)


def test_an_adapter_that_declares_its_batches_to_count_may_answer_by_them() -> None:
    class Declared(AnswersByLongestPrompt):
        batch_invariant = False
        capabilities = frozenset({"generate"})

    assert broken_laws(Declared) == {}


def test_the_error_of_a_test_names_every_broken_law() -> None:
    with pytest.raises(
        AssertionError, match=r"breaks 1 of 21 laws:\n  limits: max_new_tokens is 1 and the answer has 7"
    ):
        check_adapter(IgnoresTheLimit())
    check_adapter(IgnoresTheLimit(), without=["limits"])


def test_an_unknown_law_is_a_mistake_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'limits'"):
        examine(Honest(), without=["limit"])


READS = """\
import json
from pathlib import Path

import helper

BIAS = json.loads((Path(__file__).parent / "bias.json").read_text())


def answer(prompt, images):
    return helper.say(len(images) + BIAS)
"""


def test_a_file_that_is_read_and_not_named_breaks_the_law_that_files_count(write: Write) -> None:
    write("model.py", READS)
    write("helper.py", "def say(count):\n    return str(count)\n")
    write("bias.json", "3\n")
    others = [law for law in LAWS if law != "files count"]

    def law(keys: str = "") -> Finding:
        mine = write("mine.yaml", f"adapter: mine\ntype: python\ntarget: model.py:answer\n{keys}")
        (found,) = examine(str(mine), without=others)
        return found

    # Of files that no key names only programs are copied, so that the module cannot be loaded without the other.
    assert law().outcome == "not applicable"
    assert "bias.json" in law().said
    assert law("files: [bias.json]\n").outcome == "kept"


def test_each_range_of_a_file_counts_and_what_is_not_read_does_not() -> None:
    said = broken_laws(HashesTheHead)["files count"]
    assert "weights (bytes 10,000 to 20,000); " in said
    assert "bytes 0 to" not in said
    assert "README" not in said


def test_an_object_cannot_be_loaded_again_and_says_so() -> None:
    found = {finding.law: finding for finding in examine(Honest())}
    assert found["reloading"].outcome == found["weights count"].outcome == "not applicable"
    assert found["repeats"] == Finding("repeats", "kept")
    assert isinstance(Honest(), Adapter)


ECHO = "def answer(prompt, images):\n    return f'{ascii(prompt)[:40]} {len(images)}'\n"


def test_a_users_function_is_checked_with_its_source_as_the_weights(write: Write) -> None:
    write("model.py", ECHO)
    found = examine(str(write("mine.yaml", "adapter: mine\ntype: python\ntarget: model.py:answer\n")))
    assert {finding.law: finding.outcome for finding in found if finding.outcome != "kept"} == {
        "limits": "not applicable",
        "finishes": "not applicable",
        "trace": "not applicable",
    }


def test_the_command_prints_each_law_and_exits_0_or_1(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "mock"], standalone_mode=False) == ExitCode.OK
    printed = capsys.readouterr().out
    assert all(law in printed for law in LAWS)
    assert printed.endswith("mock: all laws kept\n")
    write(
        "model.py",
        "import itertools\n\nN = itertools.count()\n\n\ndef answer(prompt, images):\n    return str(next(N))\n",
    )
    file = write("mine.yaml", "adapter: mine\ntype: python\ntarget: model.py:answer\n")
    assert command.main(["check", str(file), "--json"], standalone_mode=False) == ExitCode.REGRESSION
    printed = json.loads(capsys.readouterr().out)
    assert not printed["passed"]
    assert "repeats" in {law["law"] for law in printed["laws"] if law["outcome"] == "broken"}
