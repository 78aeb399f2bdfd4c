"""A function of your own as a model: ``target: my_model.py:answer``, ten lines and no class."""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final, Literal, Self, cast

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from harness.adapters._blame import not_imported, offered, place_of, see_that_it_fits
from harness.digests import digest
from harness.errors import AdapterError, ConfigError, Issue
from harness.spec.models import BatchSize, Model
from harness.types import Request, Response, Status

ENTRIES: Final = {"python": "PythonAdapter"}

_CODE_VERSION: Final = 1
_OFFERED: Final = ("system", "max_new_tokens")
"""What a function may ask for by naming it as a parameter, beside prompt and images."""

Also = Literal["classify", "embed", "embed_text", "ground", "score_text"]
_ALSO: Final[tuple[Also, ...]] = ("classify", "embed", "embed_text", "ground", "score_text")


class PythonConfig(Model):
    """Keys of an adapter of ``type: python``."""

    target: str = Field(pattern=r"^[^:]+:[A-Za-z_][A-Za-z0-9_.]*$")
    """`file.py:function`, relative to the adapter's file and in its folder, or `package.module:function`. A class is
    made once, with `options`; its instance is then called."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments: of the class where `target` is one, else of every call."""
    also: tuple[Also, ...] = Field(default=(), strict=False)
    """What the model can do beside answering, by functions of these names in the module of `target`:
    `classify(images)` and `embed(images)` give an array with a row an image, `embed_text(texts)` one with a row a
    text in the same space, `ground(images, phrases)` an array [boxes, 4] an image, `score_text(prompt,
    images, candidates)` a log-likelihood a candidate. A class needs no such list: it can do what it has methods
    for."""
    classes: tuple[str, ...] = Field(default=(), strict=False)
    """The names of the classes that `classify` scores, in order; a class has them as its attribute `classes`."""
    batch: bool = False
    """Call the function with lists, `function(prompts, images)`, and expect a list of answers."""
    batch_size: BatchSize = 8
    """Requests a call."""
    batch_invariant: bool | None = None
    """Whether an answer is independent of its batch; by default it is unless `batch` is set."""
    simulated: bool = False
    """No model stands behind the answers. A function says the same with `function.simulated = True`, and `false`
    here does not unsay it."""
    files: tuple[str, ...] = Field(default=(), strict=False)
    """Weights and sources that decide the answers, relative to the adapter's file; part of the fingerprint."""
    version: str = ""
    """Part of the fingerprint: change it when something that `files` does not name changes the answers."""


class PythonAdapter:
    """Calls a user's function and contains whatever it does."""

    Config: ClassVar[type[BaseModel]] = PythonConfig
    capabilities: frozenset[str] = frozenset({"generate", *_ALSO})
    """Of the class: all that a target can offer. An instance has what its own does."""

    def __init__(
        self,
        config: PythonConfig,
        function: Callable[..., Any],
        sources: Sequence[Path],
        about: str,
        others: Mapping[str, Callable[..., Any]],
    ) -> None:
        self.batch_size = config.batch_size
        self.batch_invariant = not config.batch if config.batch_invariant is None else config.batch_invariant
        self.simulated = config.simulated or bool(getattr(_own(function), "simulated", False))
        self._config = config
        self._function: Callable[..., Any] | None = function
        self._sources = tuple(sources)
        self._about = about
        self._others = dict(others)
        self.capabilities = frozenset(others) | ({"generate"} if callable(function) else set())
        self.classes = tuple(map(str, getattr(function, "classes", config.classes)))
        self._named = _named_parameters(function)

    @classmethod
    def from_config(cls, config: PythonConfig, folder: Path) -> Self:
        """Import the function; a path in ``config.target`` starts at ``folder`` and stays in it.

        Raises:
            AdapterError: if the module or the function cannot be had, with the cause.
            ConfigError: if a file lies outside the folder or is not there.
        """
        place, _, attribute = config.target.partition(":")
        files = [_confined(folder, name, ("files", i)) for i, name in enumerate(config.files)]
        module = _from_file(_confined(folder, place, ("target",))) if place.endswith(".py") else _from_name(place)
        found: Any = module
        for name in attribute.split("."):
            if not hasattr(found, name):
                raise AdapterError(f"`target: {config.target}`: {place} has no {attribute}; {offered(found, name)}")
            found = getattr(found, name)
        if not callable(found):
            raise AdapterError(f"`target: {config.target}` is a {type(found).__name__}, which cannot be called")
        options = config.options
        if inspect.isclass(found):
            found, options = _made(found, config), {}
            others: dict[str, Callable[..., Any]] = {
                name: getattr(found, name) for name in _ALSO if callable(getattr(found, name, None))
            }
        else:
            others = {name: _beside(module, name, place) for name in config.also}
        sources = [Path(module.__file__)] if module.__file__ else []
        if place.endswith(".py"):
            sources += _neighbours(sources[0])
        function = partial(found, **options) if options else found
        if callable(function) and not others:
            see_that_it_fits(function, config.target, _OFFERED)
        return cls(config, function, [*sources, *files], _distribution(place), others)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the function's module and neighbours, the declared files, options and version."""
        content = {
            "sources": [[path.name, digest(path)] for path in dict.fromkeys(self._sources)],
            "config": self._config.model_dump(mode="json"),
            "distribution": self._about,
            "code": _CODE_VERSION,
            "python": list(sys.version_info[:2]),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch; what the function raises costs the request that it was raised for.

        Raises:
            AdapterError: if the adapter is closed.
        """
        if self._function is None:
            raise AdapterError("the Python adapter is closed")
        if not self._config.batch:
            return [self._one(request) for request in requests]
        if len({self._asked_for(request) for request in requests}) > 1:
            return [answer for request in requests for answer in self._many([request])]  # keywords are for a whole call
        answers = self._many(requests)
        if len(requests) > 1 and all(answer.status is Status.ERROR for answer in answers):
            return [answer for request in requests for answer in self._many([request])]  # one bad request costs itself
        return answers

    def classify(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the score of every class for each image, float32 [images, classes].

        Raises:
            AdapterError: if the target cannot classify, or its array has another shape.
        """
        rows = self._rows("classify", images)
        if rows.shape[1] != len(self.classes):
            raise AdapterError(f"{self._config.target}: classify gave {rows.shape[1]} scores, and there are "
                               f"{len(self.classes)} classes")  # fmt: skip
        return rows

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the features of each image, float32 [images, width].

        Raises:
            AdapterError: if the target cannot embed, or its array has another shape.
        """
        return self._rows("embed", images)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return the features of each text, float32 [texts, width].

        Raises:
            AdapterError: if the target cannot embed texts, or its array has another shape.
        """
        rows = np.asarray(self._other("embed_text")(list(texts)), np.float32)
        if rows.ndim != 2 or len(rows) != len(texts):
            said = f"embed_text gave an array of shape {list(rows.shape)} for {len(texts)} texts"
            raise AdapterError(f"{self._config.target}: {said}")
        return rows

    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        """Return the boxes of what each phrase names in its image, float32 [boxes, 4], as `GroundingAdapter` says.

        Raises:
            AdapterError: if the target cannot ground, or its arrays have another shape.
        """
        found = self._other("ground")(list(images), list(phrases))
        boxes = [np.asarray(one, np.float32).reshape(-1, 4) if np.size(one) % 4 == 0 else None for one in found]
        if len(boxes) != len(images) or any(one is None for one in boxes):
            raise AdapterError(f"{self._config.target}: ground gave no array [boxes, 4] for each image")
        return [one for one in boxes if one is not None]

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        """Return the log-likelihood of each candidate answer, in nats.

        Raises:
            AdapterError: if the target cannot score, or gives another number of scores.
        """
        scored = self._other("score_text")(request.prompt, list(request.images), list(candidates))
        found = [float(one) for one in scored]
        if len(found) != len(candidates):
            raise AdapterError(
                f"{self._config.target}: score_text gave {len(found)} scores to {len(candidates)} candidates"
            )
        return found

    def close(self) -> None:
        """Let go of the function, and call its ``close`` if it has one."""
        function, self._function = self._function, None
        self._others.clear()
        closing = getattr(_own(function), "close", None)
        if callable(closing):
            closing()

    def _rows(self, name: str, images: Sequence[Image.Image]) -> np.ndarray:
        rows = np.asarray(self._other(name)(list(images)), np.float32)
        if rows.ndim != 2 or len(rows) != len(images):
            raise AdapterError(
                f"{self._config.target}: {name} gave an array of shape {list(rows.shape)} for {len(images)} images"
            )
        return rows

    def _other(self, name: str) -> Callable[..., Any]:
        if name not in self._others:
            state = "is closed" if self._function is None else f"offers no {name}"
            raise AdapterError(f"the Python adapter {state}")
        return self._others[name]

    def _one(self, request: Request) -> Response:
        answer, error = self._call(request, request.prompt, list(request.images))
        return _response(answer) if error is None else Response(None, Status.ERROR, error)

    def _many(self, requests: Sequence[Request]) -> list[Response]:
        if not requests:
            return []
        prompts = [request.prompt for request in requests]
        answer, error = self._call(requests[0], prompts, [list(request.images) for request in requests])
        if error is None and (isinstance(answer, (str, bytes)) or not isinstance(answer, Sequence)):
            error = f"{self._config.target} returned a {type(answer).__name__} instead of a list of answers"
        if error is None and len(answer) != len(requests):
            error = f"{self._config.target} returned {len(answer)} answers to {len(requests)} prompts"
        if error is not None:
            return [Response(None, Status.ERROR, error) for _ in requests]
        return [_response(one) for one in answer]

    def _asked_for(self, request: Request) -> tuple[Any, ...]:
        return tuple(value for name, value in _offer(request).items() if name in {"system", *self._named})

    def _call(self, request: Request, prompt: Any, images: Any) -> tuple[Any, str | None]:
        assert self._function is not None  # noqa: S101 - narrows the type; `generate` looked
        offer = _offer(request)
        if request.system is not None and "system" not in self._named:
            return None, f"the request has a system prompt and {self._config.target} takes no `system`"
        named = {name: offer[name] for name in _OFFERED if name in self._named}
        try:
            return self._function(prompt, images, **named), None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise anything
            return None, f"{self._config.target} raised {type(error).__name__}: {error}{place_of(error, self._sources)}"


def _own(function: Any) -> Any:
    """Return the user's function, without the options bound to it."""
    return function.func if isinstance(function, partial) else function


def _offer(request: Request) -> dict[str, Any]:
    return {"system": request.system, "max_new_tokens": request.generation.max_new_tokens}


def _response(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, str):
        return Response(answer)
    hint = "; is a `return` missing?" if answer is None else ""
    return Response(None, Status.ERROR, f"the function answered {answer!r:.80}, which is not text{hint}")


def _named_parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function of an extension module may have no signature
        return frozenset()


def _made(found: Any, config: PythonConfig) -> Any:
    try:
        made = found(**config.options)
    except Exception as cause:  # a user's class may raise anything
        raise AdapterError(f"`target: {config.target}` cannot be made: {type(cause).__name__}: {cause}") from cause
    if not callable(made) and not any(callable(getattr(made, name, None)) for name in _ALSO):
        raise AdapterError(
            f"`target: {config.target}`: the class needs `__call__(self, prompt, images)`, or a method "
            f"{', '.join(_ALSO)}"
        )
    return made


def _beside(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        raise AdapterError(f"`also: [{name}]`: {place} has no function {name}")
    return cast("Callable[..., Any]", found)


def _confined(folder: Path, name: str, key: tuple[str | int, ...]) -> Path:
    home = folder.resolve()
    path = (home / name).resolve()
    if not path.is_relative_to(home):
        hint = "move the file beside the adapter's file, or install it as a package and name its module"
        raise ConfigError(Issue(key, f"{name} lies outside {home}", hint))
    if not path.is_file():
        raise ConfigError(Issue(key, f"there is no file {path}", "paths start at the adapter's file"))
    return path


def _from_file(path: Path) -> ModuleType:
    """Import a file under a name of its own. Its folder is searched last, so that it may import its neighbours."""
    name = f"_harness_target_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AdapterError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a module up by its name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as cause:
        del sys.modules[name]
        raise AdapterError(not_imported(path, cause)) from cause
    return module


def _neighbours(source: Path) -> list[Path]:
    """Return the files beside a module that it imports, by whatever way: they decide its answers too."""
    found: dict[Path, None] = {}
    waiting = [source]
    while waiting:
        for name in _imported(waiting.pop()):
            beside = source.parent / name
            package = sorted(beside.rglob("*.py")) if (beside / "__init__.py").is_file() else []
            for file in (beside.with_suffix(".py"), *package):
                if file.is_file() and file not in found and file != source:
                    found[file] = None
                    waiting.append(file)
    return sorted(found)


def _imported(source: Path) -> set[str]:
    """Return the first names of the modules that a file imports; none where it is no Python."""
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names}


def _from_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as cause:
        hint = f"; for a file beside the adapter's file write `target: {name.rpartition('.')[2]}.py:function`"
        raise AdapterError(
            f"{name} cannot be imported: {type(cause).__name__}: {cause}"
            + (hint if isinstance(cause, ModuleNotFoundError) else "")
        ) from cause


def _distribution(place: str) -> str:
    """Return the installed distribution that a module belongs to, with its version; empty for a plain file."""
    if place.endswith(".py"):
        return ""
    names = packages_distributions().get(place.partition(".")[0], [])
    return " ".join(f"{name} {version(name)}" for name in sorted(set(names)))
