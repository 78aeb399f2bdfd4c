"""Any generating adapter, asked about each frame of a clip by itself; declared rules put its answers together."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.adapters._nested import load_nested
from harness.adapters._per_frame.rules import Rule, RuleConfig, compile_rules
from harness.errors import AdapterError
from harness.spec.models import BatchSize, Model
from harness.types import Adapter, Finish, Request, Response, Status

ENTRIES: Final = {"per_frame": "PerFrameAdapter"}

_CODE_VERSION: Final = 1
"""Raise it whenever the putting together of answers changes one."""


class PerFrameConfig(Model):
    """Keys of an adapter of ``type: per_frame``."""

    model: dict[str, Any]
    """The adapter that reads single frames: its `type` and keys, as its own file would have them."""
    rules: tuple[RuleConfig, ...] = Field(min_length=1, strict=False)
    """How questions about clips are put to frames; the first rule that fits is taken."""
    batch_size: BatchSize = 8
    """Clips a call; the frames of each go to the model in batches of its own."""


class PerFrameAdapter:
    """Grounds by asking about one frame at a time, and says so: no model here sees two frames at once.

    A request without frames goes to the model as it is. Each request is asked apart from the others, so
    that no answer depends on its batch, whatever the model does with batches.
    """

    Config: ClassVar[type[BaseModel]] = PerFrameConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate", "temporal"})
    batch_invariant: bool = True

    def __init__(self, config: PerFrameConfig, model: Adapter, rules: Sequence[Rule]) -> None:
        self.batch_size = config.batch_size
        self.simulated = model.simulated
        self._config = config
        self._model: Adapter | None = model
        self._rules = tuple(rules)
        self._fingerprint = ""

    @classmethod
    def from_config(cls, config: PerFrameConfig, folder: Path) -> Self:
        """Load the model; its relative paths start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded, or does not generate.
            ConfigError: if a rule, or a key of the model, cannot be used.
        """
        rules = compile_rules(config.rules)
        model = load_nested(config.model, folder)
        if "generate" not in model.capabilities:
            model.close()
            raise AdapterError(f"`model` of type {config.model['type']!r} does not generate text")
        return cls(config, model, rules)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the model's own fingerprint, the rules and this code's version."""
        if not self._fingerprint:
            content = {
                "model": self._usable().fingerprint(),
                "batch": self._usable().batch_size,
                "rules": [rule.model_dump(mode="json") for rule in self._config.rules],
                "code": _CODE_VERSION,
            }
            self._fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer each request; one that cannot be answered costs only itself.

        Raises:
            AdapterError: if the adapter is closed, or whatever the model raises.
        """
        model = self._usable()
        return [self._one(model, request) for request in requests]

    def _one(self, model: Adapter, request: Request) -> Response:
        if not request.times:
            return _single(model.generate([request]))
        found = next(
            ((rule, groups) for rule in self._rules if (groups := rule.fits(request.prompt)) is not None), None
        )
        if found is None:
            return Response(None, Status.ERROR, f"no rule of this adapter fits the question {request.prompt[:80]!r}")
        rule, groups = found
        before, frames = len(request.images) - len(request.times), range(len(request.times))
        question = rule.ask(groups)
        asked = [
            replace(
                request, id=f"{request.id}/frame-{i}", prompt=question, times=(),
                images=(*request.images[:before], request.images[before + i]),
            )
            for i in frames
        ]  # fmt: skip
        size = model.batch_size
        answers = [
            one
            for i in range(0, len(asked), size)
            for one in _all(model.generate(asked[i : i + size]), asked[i : i + size])
        ]
        failed = next(
            (i for i, answer in enumerate(answers) if answer.status != Status.OK or answer.text is None), None
        )
        if failed is not None:
            said = f"the frame at {request.times[failed]:.2f} s: {answers[failed].error}"
            return Response(None, answers[failed].status, said, finish=answers[failed].finish)
        order = sorted(frames, key=lambda i: request.times[i])
        texts = [answers[i].text or "" for i in order]
        answer = rule.answer(groups, texts, [request.times[i] for i in order])
        return _together(answer.model_dump_json(by_alias=True), answers)

    def close(self) -> None:
        """Let go of the model."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def _usable(self) -> Adapter:
        if self._model is None:
            raise AdapterError("the per-frame adapter is closed")
        return self._model


def _all(answers: Sequence[Response], asked: Sequence[Request]) -> Sequence[Response]:
    if len(answers) != len(asked):
        raise AdapterError(f"the model gave {len(answers)} answers about {len(asked)} frames")
    return answers


def _single(answers: Sequence[Response]) -> Response:
    if len(answers) != 1:
        raise AdapterError(f"the model gave {len(answers)} answers to one question")
    return answers[0]


def _together(text: str, answers: Sequence[Response]) -> Response:
    """Return the response: tokens and seconds of all frames, added up."""
    stages = dict.fromkeys(stage for answer in answers for stage in answer.seconds)
    return Response(
        text,
        tokens_in=_sum([answer.tokens_in for answer in answers]),
        image_tokens=_sum([answer.image_tokens for answer in answers]),
        tokens_out=_sum([answer.tokens_out for answer in answers]),
        seconds={stage: sum(answer.seconds.get(stage, 0.0) for answer in answers) for stage in stages},
        finish=Finish.of(answer.finish for answer in answers),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
