"""A user's own function as an adapter."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import locate
from harness.adapters.python import PythonAdapter, PythonConfig
from harness.errors import AdapterError, ConfigError, SpecError
from harness.registry import registry
from harness.suite.adapters import read_adapter
from harness.types import (
    Adapter,
    ClassifyingAdapter,
    EmbeddingAdapter,
    Finish,
    Generation,
    GroundingAdapter,
    Request,
    Response,
    ScoringAdapter,
    Status,
)

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith("_harness_target_")]:
        del sys.modules[name]


@pytest.fixture
def load(tmp_path: Path, write: Write) -> Callable[..., PythonAdapter]:
    """Load an adapter whose function is the given source."""

    def make(source: str, target: str = "model.py:answer", **keys: object) -> PythonAdapter:
        write("model.py", source)
        return PythonAdapter.from_config(PythonConfig.model_validate({"target": target, **keys}), tmp_path)

    return make


Load = Callable[..., PythonAdapter]


def question(prompt: str = "Which?", *images: Image.Image, **keys: object) -> Request:
    return Request("request", prompt, images, **keys)  # type: ignore[arg-type]  # the tests pass what fits


ECHO = "def answer(prompt, images):\n    return f'{prompt} {len(images)}'\n"


def test_it_is_registered_and_keeps_the_protocol(load: Load) -> None:
    adapter = load(ECHO)
    assert registry("adapters").load("python") is PythonAdapter
    assert isinstance(adapter, Adapter)
    assert adapter.batch_invariant
    assert not adapter.simulated


def test_a_function_gets_the_prompt_and_the_images(load: Load) -> None:
    responses = load(ECHO).generate([question("a", Image.new("L", (2, 2))), question("b")])
    assert [response.text for response in responses] == ["a 1", "b 0"]


def test_an_adapter_file_is_read_and_run_from_its_own_folder(write: Write) -> None:
    write("model.py", ECHO)
    file = write("mine.yaml", "adapter: mine\ntype: python\ntarget: model.py:answer\n")
    assert read_adapter(str(file)).load().generate([question("x")])[0].text == "x 0"


def test_a_function_of_an_installed_module_is_found_by_name(tmp_path: Path) -> None:
    config = PythonConfig(target="posixpath:join")
    assert PythonAdapter.from_config(config, tmp_path).generate([question("a")])[0].status is Status.ERROR


def test_a_file_may_import_its_neighbour(load: Load, write: Write) -> None:
    write("neighbour_of_a_target.py", "WORD = 'hello'\n")
    adapter = load("from neighbour_of_a_target import WORD\n\n\ndef answer(prompt, images):\n    return WORD\n")
    assert adapter.generate([question()])[0].text == "hello"


def test_options_reach_a_function_and_a_class_alike(load: Load) -> None:
    function = load("def answer(prompt, images, word):\n    return word\n", options={"word": "w"})
    source = "class Model:\n    def __init__(self, word):\n        self.word = word\n"
    source += "    def __call__(self, prompt, images):\n        return self.word\n"
    instance = load(source, "model.py:Model", options={"word": "v"})
    assert [adapter.generate([question()])[0].text for adapter in (function, instance)] == ["w", "v"]


def test_a_batch_function_gets_lists(load: Load) -> None:
    source = "def answer(prompts, images):\n"
    source += "    return [f'{p} {len(i)} of {len(prompts)}' for p, i in zip(prompts, images)]\n"
    adapter = load(source, batch=True)
    assert not adapter.batch_invariant
    assert [response.text for response in adapter.generate([question("a"), question("b")])] == ["a 0 of 2", "b 0 of 2"]
    assert adapter.generate([]) == []


def test_a_function_gets_what_it_names_and_nothing_else(load: Load) -> None:
    source = "def answer(prompt, images, *, system=None, max_new_tokens=0):\n    return f'{system} {max_new_tokens}'\n"
    asked = question(system="Be brief.", generation=Generation(5))
    assert load(source).generate([asked])[0].text == "Be brief. 5"


def test_a_function_may_return_a_response_that_says_how_it_ends(load: Load) -> None:
    source = "from harness.types import Response\n\n\ndef answer(prompt, images, max_new_tokens=0):\n"
    source += (
        "    return Response(prompt[:max_new_tokens], finish='length' if len(prompt) > max_new_tokens else 'stop')\n"
    )
    adapter = load(source)
    found = adapter.generate([question("abc", generation=Generation(n)) for n in (2, 3)])
    assert [one.finish for one in found] == [Finish.LENGTH, Finish.STOP]


@pytest.mark.parametrize("batch", [False, True])
def test_a_system_prompt_is_never_lost_silently(load: Load, batch: bool) -> None:
    source = "def answer(prompt, images):\n    return ['x'] * len(prompt) if isinstance(prompt, list) else 'x'\n"
    plain, with_system = load(source, batch=batch).generate([question(), question(system="Be brief.")])
    assert plain.status is Status.OK
    assert with_system.status is Status.ERROR
    assert "takes no `system`" in (with_system.error or "")


def test_a_batch_function_is_called_once_for_each_system_prompt(load: Load) -> None:
    source = "def answer(prompts, images, system=None):\n    return [f'{p} {system}' for p in prompts]\n"
    responses = load(source, batch=True).generate([question("a", system="x"), question("b", system="y")])
    assert [response.text for response in responses] == ["a x", "b y"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raise ValueError('no')", "raised ValueError: no"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
        ("raise MemoryError", "raised MemoryError"),
        ("return 42", "answered 42, which is not text"),
        ("return None", "answered None, which is not text"),
        ("return f()", "raised RecursionError"),
    ],
)
def test_whatever_a_function_does_costs_only_its_own_request(load: Load, line: str, says: str) -> None:
    source = "def f():\n    return f()\n\n\ndef answer(prompt, images):\n"
    source += f"    if prompt == 'bad':\n        {line}\n    return 'fine'\n"
    first, bad, last = load(source).generate([question(), question("bad"), question()])
    assert (first.text, last.text) == ("fine", "fine")
    assert (bad.status, bad.text) == (Status.ERROR, None)
    assert says in (bad.error or "")


def test_a_batch_that_fails_as_a_whole_is_asked_one_by_one(load: Load) -> None:
    source = "def answer(prompts, images):\n    return [1 / len(p) and p for p in prompts]\n"
    responses = load(source, batch=True).generate([question("a"), question(""), question("b")])
    assert [response.text for response in responses] == ["a", None, "b"]
    assert "ZeroDivisionError" in (responses[1].error or "")


@pytest.mark.parametrize(
    ("value", "says"), [("'abc'", "returned a str instead of a list"), ("['x']", "1 answers to 2")]
)
def test_a_batch_function_that_answers_in_the_wrong_shape_is_an_error(load: Load, value: str, says: str) -> None:
    source = f"def answer(prompts, images):\n    return {value} if len(prompts) > 1 else 5\n"
    config = load(source, batch=True)
    answers = config._many([question(), question()])
    assert [answer.status for answer in answers] == [Status.ERROR] * 2
    assert says in (answers[0].error or "")


def test_a_response_passes_through_with_its_counts(load: Load) -> None:
    source = (
        "from harness.types import Response\n\n\ndef answer(prompt, images):\n    return Response('x', tokens_in=3)\n"
    )
    assert load(source).generate([question()])[0] == Response("x", tokens_in=3)


@pytest.mark.parametrize("options", [{}, {"word": "x"}])
def test_a_function_that_declares_itself_simulated_is_never_taken_for_real(
    load: Load, options: dict[str, object]
) -> None:
    source = "def answer(prompt, images, word=''):\n    return word\n\n\nanswer.simulated = True\n"
    assert load(source, simulated=False, options=options).simulated
    assert load(ECHO, simulated=True).simulated
    assert load(
        "class M:\n    simulated = True\n    def __call__(self, p, i):\n        return p\n", "model.py:M"
    ).simulated


def test_the_fingerprint_follows_source_options_files_and_version(load: Load, write: Write) -> None:
    write("weights.bin", "1")
    prints = [
        load(ECHO).fingerprint(),
        load(ECHO + "# more\n").fingerprint(),
        load(ECHO, options={"word": 1}).fingerprint(),
        load(ECHO, version="2").fingerprint(),
        load(ECHO, files=["weights.bin"]).fingerprint(),
    ]
    write("weights.bin", "2")
    prints.append(load(ECHO, files=["weights.bin"]).fingerprint())
    assert len(set(prints)) == len(prints)
    assert load(ECHO).fingerprint() == prints[0]


@pytest.mark.parametrize("name", ["../outside.py", "/etc/outside.py", "link.py"])
def test_a_file_outside_the_adapters_folder_is_refused(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside.py").write_text(ECHO)
    (home / "link.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ConfigError, match="lies outside"):
        PythonAdapter.from_config(PythonConfig(target=f"{name}:answer"), home)
    (home / "model.py").write_text(ECHO)
    with pytest.raises(ConfigError, match="lies outside"):
        PythonAdapter.from_config(PythonConfig(target="model.py:answer", files=("../outside.py",)), home)


def test_a_mistake_in_the_target_points_at_its_line(write: Write) -> None:
    file = write("mine.yaml", "adapter: mine\ntype: python\ntarget: modle.py:answer\n")
    with pytest.raises(SpecError, match=r"mine\.yaml:3:\d+: there is no file .*modle\.py"):
        read_adapter(str(file)).load()


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("x = 1", "model.py:answer", r"model\.py has no answer"),
        ("answer = 1", "model.py:answer", "is a int, which cannot be called"),
        ("import nothing_of_that_name", "model.py:answer", "ModuleNotFoundError"),
        ("def answer(:", "model.py:answer", "SyntaxError"),
        ("raise SystemExit", "model.py:answer", "SystemExit"),
        ("", "nothing_of_that_name.model:f", r"write `target: model\.py:function`"),
        ("class M:\n    def __init__(self):\n        raise OSError('no disk')\n", "model.py:M", "OSError: no disk"),
        ("class M:\n    pass\n", "model.py:M", "needs `__call__"),
    ],
)
def test_what_cannot_be_imported_is_said(load: Load, source: str, target: str, says: str) -> None:
    with pytest.raises(AdapterError, match=says):
        load(source, target)


def test_closing_calls_the_models_own_close_once(load: Load) -> None:
    source = "class M:\n    closed = []\n    def __call__(self, p, i):\n        return p\n"
    source += "    def close(self):\n        self.closed.append(1)\n"
    adapter = load(source, "model.py:M")
    closed = adapter._function.closed  # type: ignore[union-attr]  # the test's own class
    adapter.close()
    adapter.close()
    assert closed == [1]
    with pytest.raises(AdapterError, match="closed"):
        adapter.generate([question()])


SEES = """\
import numpy as np

classes = ("dark", "light")

class Model:
    classes = classes

    def __call__(self, prompt, images):
        return classes[int(self.classify(images)[0].argmax())]

    def classify(self, images):
        levels = np.array([np.asarray(image.convert("L")).mean() for image in images])
        return np.stack([128 - levels, levels - 128], 1)

    def embed(self, images):
        return [np.asarray(image.convert("L").resize((2, 2))).ravel() for image in images]

    def ground(self, images, phrases):
        return [[[0, 0, *image.size]] if phrase == "all" else [] for image, phrase in zip(images, phrases)]

    def score_text(self, prompt, images, candidates):
        return [-len(candidate) for candidate in candidates]


classify = Model().classify
embed = Model().embed
ground = Model().ground
score_text = Model().score_text

def answer(prompt, images):
    return Model()(prompt, images)
"""
LIGHT, DARK = Image.new("L", (6, 4), 250), Image.new("L", (6, 4), 5)


@pytest.mark.parametrize(
    ("target", "keys"),
    [
        ("model.py:Model", {}),
        ("model.py:answer", {"also": ["classify", "embed", "ground", "score_text"], "classes": ["dark", "light"]}),
    ],
)
def test_a_model_can_do_more_than_answer_by_its_methods_or_by_functions_beside_it(
    load: Load, target: str, keys: dict[str, object]
) -> None:
    adapter = load(SEES, target, **keys)
    assert adapter.capabilities == {"generate", "classify", "embed", "ground", "score_text"}
    assert [isinstance(adapter, kind) for kind in (ClassifyingAdapter, EmbeddingAdapter, GroundingAdapter)] == [
        True
    ] * 3
    assert isinstance(adapter, ScoringAdapter)
    assert tuple(adapter.classes) == ("dark", "light")
    scores = adapter.classify([LIGHT, DARK])
    assert (scores.dtype, scores.shape, scores.argmax(1).tolist()) == (np.float32, (2, 2), [1, 0])
    assert adapter.embed([LIGHT]).tolist() == [[250.0] * 4]
    found = adapter.ground([LIGHT, DARK], ["all", "nothing"])
    assert [boxes.tolist() for boxes in found] == [[[0, 0, 6, 4]], []]
    assert found[1].shape == (0, 4)
    assert adapter.score_text(question(), ["a", "bc"]) == [-1.0, -2.0]
    adapter.close()
    with pytest.raises(AdapterError, match="is closed"):
        adapter.embed([LIGHT])


def test_a_class_that_only_embeds_does_not_claim_to_answer(load: Load) -> None:
    adapter = load(
        "class Model:\n    def embed(self, images):\n        return [[1.0] for _ in images]\n", "model.py:Model"
    )
    assert adapter.capabilities == {"embed"}


def test_what_a_function_offers_is_only_what_the_file_lists(load: Load) -> None:
    adapter = load(SEES, also=["embed"])
    assert adapter.capabilities == {"generate", "embed"}
    with pytest.raises(AdapterError, match="offers no ground"):
        adapter.ground([LIGHT], ["all"])


@pytest.mark.parametrize(
    ("also", "body", "use", "says"),
    [
        ("embed", "[1.0]", lambda adapter: adapter.embed([LIGHT]), r"an array of shape \[1\] for 1 images"),
        ("embed", "[[1.0]] * 3", lambda adapter: adapter.embed([LIGHT]), r"shape \[3, 1\] for 1 images"),
        ("classify", "[[1.0]]", lambda adapter: adapter.classify([LIGHT]), "1 scores, and there are 0 classes"),
        ("ground", "[[1, 2, 3]]", lambda adapter: adapter.ground([LIGHT], ["x"]), r"no array \[boxes, 4\]"),
        ("ground", "[]", lambda adapter: adapter.ground([LIGHT], ["x"]), r"no array \[boxes, 4\]"),
        ("score_text", "[1, 2]", lambda adapter: adapter.score_text(question(), ["a"]), "2 scores to 1 candidates"),
    ],
)
def test_numbers_of_another_shape_are_refused_by_name(
    load: Load, also: str, body: str, use: Callable[[PythonAdapter], object], says: str
) -> None:
    adapter = load(f"{ECHO}\ndef {also}(*_):\n    return {body}\n", also=[also])
    with pytest.raises(AdapterError, match=says):
        use(adapter)


def test_a_function_that_is_listed_and_not_there_is_named(load: Load) -> None:
    with pytest.raises(AdapterError, match=r"`also: \[embed\]`: model.py has no function embed"):
        load(ECHO, also=["embed"])


def test_the_fingerprint_follows_the_neighbours_that_a_module_imports_and_theirs(write, tmp_path: Path) -> None:
    write("model.py", "import helper\n\ndef answer(prompt, images):\n    return helper.say()\n")
    write("helper.py", "from pack.deep import WORD\n\ndef say():\n    return WORD\n")
    (tmp_path / "pack").mkdir()
    write("pack/__init__.py", "")
    write("pack/deep.py", "WORD = 'a'\n")
    write("other.py", "nobody imports it\n")
    choice = read_adapter(str(write("a.yaml", "adapter: a\ntype: python\ntarget: model.py:answer\n")))
    seen = [choice.load().fingerprint()]
    for name, text in (("other.py", "still"), ("helper.py", "from pack.deep import WORD\n\ndef say():\n    return 1\n"),
                       ("pack/deep.py", "WORD = 'b'\n")):  # fmt: skip
        write(name, text)
        seen.append(choice.load().fingerprint())
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
