"""The adapter over a model of `transformers`: batches in, responses out."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.adapters._halving import Halving
from harness.adapters._pictures import require_known_pictures
from harness.adapters._qwen2_vl.counting import processor_counter
from harness.adapters._qwen2_vl.decoding import Stopwatch
from harness.adapters._sure import sure
from harness.adapters._torch.choosing import choose
from harness.adapters._torch.config import TorchConfig
from harness.adapters._torch.decoding import Answer, Watch, decode, greedy, release, synchroniser
from harness.adapters._torch.formats import find_format
from harness.adapters._torch.loading import Loaded, ingredients, load, quiet
from harness.adapters._torch.prefixes import Prefixes, require_plain
from harness.adapters._torch.prompting import Encoded, Encoder, Padding, Reading
from harness.adapters._torch.tower import Tower
from harness.adapters._torch.tracing import plain, seen
from harness.errors import AdapterError, SampleError, is_out_of_memory
from harness.traces import Trace, likeliest
from harness.types import Request, Response, Status, TokenCounter

CODE_VERSION: Final = 2
"""Raise it whenever prompts or decoding change an answer."""


class TorchAdapter:
    """Answers with any model of `transformers` that maps images and text to text."""

    Config: ClassVar[type[BaseModel]] = TorchConfig
    MODEL_CLASS: ClassVar[str | None] = None
    """The class of `transformers`; by default the one that the configuration maps to."""
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate"})

    def __init__(self, config: TorchConfig, loaded: Loaded) -> None:
        from harness.adapters._chat_template import trial

        self.batch_size = config.batch_size
        self.batch_invariant = config.is_batch_invariant() and not (config.batch_invariant is None and loaded.quantised)
        self.cautions = loaded.cautions
        """Warnings about the model, for the terminal and the record."""
        self._config = config
        self._loaded: Loaded | None = loaded
        self._settings = greedy(loaded.model, config.repetition_penalty, config.generation)
        form = find_format(config.prompt_format, loaded.processor, loaded.path)
        tokens = getattr(getattr(loaded.processor, "tokenizer", None), "special_tokens_map", {})
        tried = trial(getattr(loaded.processor, "chat_template", None), tokens)
        self._encoder = Encoder(loaded.processor, config.system, Reading.of(loaded.base), form, tried)
        if self._encoder.reading.padding is not Padding.NONE:
            loaded.processor.tokenizer.padding_side = self._encoder.reading.padding.value
        image_processor = getattr(loaded.processor, "image_processor", None)
        self._tower = Tower.of(loaded.base, image_processor, config.image_cache) if config.image_cache else None
        self._prefixes = prefixes(config, loaded, self._tower)
        self._halving = Halving(lambda: release(loaded.device))
        self._fingerprint = ""

    @classmethod
    def from_config(cls, config: TorchConfig, folder: Path) -> Self:
        """Load the model; relative paths in ``config`` start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded, with what to do.
        """
        return cls(config, load(config, folder, cls.MODEL_CLASS))

    @classmethod
    def token_counter(cls, config: TorchConfig, folder: Path) -> TokenCounter | None:
        """Return the model's own processor as what counts tokens, where it is known without `transformers`."""
        if config.processor or config.prompt_format is not None:
            return None
        path = (folder / config.model).resolve()
        return processor_counter(path, config.min_pixels, config.max_pixels, config.system)

    def fingerprint(self) -> str:
        """Return a SHA-256 over weights, configuration and the versions of all code that touches an answer."""
        if not self._fingerprint:
            content = ingredients(self._config, self._open, (CODE_VERSION,))
            self._fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer a batch. A request that cannot be used costs only itself.

        Raises:
            AdapterError: if the adapter is closed.
        """
        loaded = self._open
        return self._halving.run(
            requests, lambda part: self._answer(loaded, part), lambda said: Response(None, Status.ERROR, said)
        )

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Answer one request and show what the processor and the first step of decoding make of it.

        Raises:
            AdapterError: if the adapter is closed.
            SampleError: if the request cannot be used, by the processor or by the model.
        """
        loaded = self._open
        with quiet():
            sharing = None if self._prefixes is None else self._sharing
            alone, encoding = self._encoder([request]), self._encoder([request, *beside], sharing)
        if said := (alone.problems | encoding.problems).get(0):
            raise SampleError(said)
        (single,) = alone.batches
        shown = on_device(single, loaded)
        # Beside requests of another kind it stands in a batch of its own.
        mine = next(one for one in encoding.batches if 0 in one.rows)
        watch = Watch(synchroniser(loaded.device), keeps=True)
        response = self._ask(loaded, mine, [request, *beside], {}, watch)[0]
        if response.status is not Status.OK or watch.first is None:
            raise SampleError(response.error or "the model showed no step")
        tokenizer = loaded.processor.tokenizer
        logits = plain(watch.first[mine.rows.index(0)])
        read = next((shown[name] for name in ("input_ids", "decoder_input_ids") if name in shown), None)
        ids = None if read is None else tuple(read[0].tolist())
        return Trace(
            response,
            seen(shown, getattr(loaded.processor, "image_processor", None)),
            self._encoder.render(request),
            ids,
            tuple(map(str, tokenizer.convert_ids_to_tokens(list(ids or ())))),
            logits,
            likeliest(logits, lambda token: str(tokenizer.decode([token]))) if self.writes else None,
            loaded.quantised or str(loaded.base.dtype).removeprefix("torch."),
        )

    def close(self) -> None:
        """Let go of the model and its memory."""
        if self._loaded is not None:
            device, self._loaded = self._loaded.device, None
            if self._tower is not None:
                self._tower.clear()
            if self._prefixes is not None:
                self._prefixes.clear()
            release(device)

    @property
    def writes(self) -> bool:
        """Whether it writes its answers, and does not pick them from a list."""
        return hasattr(self._open.base, "generate")

    @property
    def _sharing(self) -> Tower | None:
        """What remembers pictures; None where that is of no use, or a batch's rows would be repeated for its beams."""
        return self._tower if (self._settings.num_beams or 1) == 1 else None

    @property
    def _open(self) -> Loaded:
        if self._loaded is None:
            raise AdapterError("the adapter is closed")
        return self._loaded

    def _answer(self, loaded: Loaded, requests: Sequence[Request]) -> list[Response]:
        stopwatch = Stopwatch()
        with stopwatch.stage("preprocess"), quiet():
            encoding = self._encoder(requests, self._sharing)
        responses = {row: Response(None, Status.ERROR, said) for row, said in encoding.problems.items()}
        for encoded in encoding.batches:
            responses |= self._ask(loaded, encoded, requests, stopwatch.seconds)
        return [responses[row] for row in range(len(requests))]

    def _ask(
        self,
        loaded: Loaded,
        encoded: Encoded,
        requests: Sequence[Request],
        seconds: dict[str, float],
        watch: Watch | None = None,
    ) -> dict[int, Response]:
        """Answer one batch. What the model itself refuses costs only itself too."""
        rows = encoded.rows
        limits = [requests[row].generation.max_new_tokens for row in rows]
        if len(set(limits)) > 1 and (self._settings.num_beams or 1) > 1:
            # The best of several beams at one limit does not begin as the best at another.
            return {row: self._answer(loaded, [requests[row]])[0] for row in rows}
        try:
            with quiet(), showing(self._tower, encoded):
                batch = on_device(encoded, loaded)
                if self._prefixes is not None and encoded.shown is not None:
                    stopwatch = Stopwatch(dict(seconds))
                    pictures = [len(requests[row].images) for row in rows]
                    batch = self._prefixes.begin(batch, encoded.shown, pictures, stopwatch)
                    seconds = stopwatch.seconds
                if self.writes:
                    answers, stages = decode(loaded, batch, limits, self._settings, watch)
                else:
                    answers, stages = choose(loaded, batch, watch)
        except Exception as cause:  # a model's code raises whatever it likes about one of the prompts
            if is_out_of_memory(cause):
                raise
            if len(rows) > 1:
                return {row: self._answer(loaded, [requests[row]])[0] for row in rows}
            what = "" if requests[rows[0]].images else " without an image"
            said = str(cause).strip() or type(cause).__name__
            return {rows[0]: Response(None, Status.ERROR, f"the model refuses this request{what}: {said}")}
        counts = zip(rows, answers, *self._counts(encoded), self._reused(encoded, requests), strict=True)
        taken = seconds | {name: seconds.get(name, 0.0) + own for name, own in stages.items()}
        return {row: self._respond(answer, read, seen, again, taken) for row, answer, read, seen, again in counts}

    def _reused(self, encoded: Encoded, requests: Sequence[Request]) -> Sequence[int | None]:
        """Return how many images of each request the tower need not see; None where nobody counts."""
        counts = [len(requests[row].images) for row in encoded.rows]
        if self._sharing is None:
            return [None] * len(counts)
        return [0] * len(counts) if encoded.shown is None else encoded.shown.reused(counts)

    def _counts(self, encoded: Encoded) -> tuple[list[int | None], list[int | None]]:
        """Return the tokens of each prompt, and how many of them stand for images where the model says."""
        unknown: list[int | None] = [None] * len(encoded.rows)
        if "input_ids" not in encoded.batch:
            started = encoded.batch.get("decoder_input_ids")
            return unknown if started is None else [int(started.shape[1])] * len(encoded.rows), unknown
        read = encoded.batch["attention_mask"].sum(1).tolist()
        config = self._open.base.config
        known = (getattr(config, "image_token_id", None), getattr(config, "image_token_index", None))
        image_id = next((token for token in known if token is not None), None)
        if image_id is None:
            return read, unknown
        return read, (encoded.batch["input_ids"] == image_id).sum(1).tolist()

    def _respond(
        self, answer: Answer, read: int | None, seen: int | None, reused: int | None, seconds: dict[str, float]
    ) -> Response:
        cost: dict[str, Any] = {
            "tokens_in": read,
            "image_tokens": seen,
            "images_reused": reused,
            "tokens_out": len(answer.tokens) if answer.name is None else 1,
            "seconds": seconds,
            "finish": answer.finish,
        }
        if answer.finite:
            cost |= sure(answer.logprobs)
        if not answer.finite:
            return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)", **cost)
        if answer.name is not None:
            return Response(answer.name, **cost)
        text = self._encoder.processor.tokenizer.decode(list(answer.tokens), skip_special_tokens=True)
        return Response(text, **cost)


def prefixes(config: TorchConfig, loaded: Loaded, tower: Tower | None) -> Prefixes | None:
    """Return what keeps beginnings of prompts, where the file asks for it.

    Raises:
        ConfigError: if the model or another key does not go with it.
    """
    if not config.prefix_cache:
        return None
    require_known_pictures(config.image_cache)
    assert tower is not None  # noqa: S101 - it is there where pictures are kept
    require_plain(loaded, config.generation, config.repetition_penalty)
    return Prefixes(loaded, tower, config.prefix_cache)


def showing(tower: Tower | None, encoded: Encoded) -> AbstractContextManager[None]:
    """Let the model see a batch that may leave pictures out."""
    return nullcontext() if tower is None or encoded.shown is None else tower.showing(encoded.shown)


def on_device(encoded: Encoded, loaded: Loaded) -> Any:
    """Return the batch on the model's device, its images in the model's precision."""
    return encoded.batch.to(loaded.device, dtype=loaded.base.dtype)
