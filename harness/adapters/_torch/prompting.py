"""Turn requests into tensors as the model's own processor would; a bad request costs only itself."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any, Final, Literal

from PIL import Image

from harness.adapters._torch.formats import Format
from harness.adapters._torch.tower import Shown, Tower
from harness.errors import SampleError
from harness.images import to_rgb
from harness.types import Request

_NOT_READ: Final = ("labels",)
"""What a processor adds for training."""
_MARKS: Final = ("image_token", "boi_token")
"""Where a processor keeps the mark that stands for an image in a text."""


class Padding(Enum):
    """How prompts of several lengths become one batch without a change to any answer."""

    LEFT = "left"
    RIGHT = "right"
    NONE = "none"
    """They do not: only prompts of one length share a batch."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads, as far as its class and configuration say."""

    padding: Padding
    needs_image: bool
    """Whether its first input is an image, so that there is nothing to begin with without one."""
    in_decoder: bool
    """Whether the prompt is what the decoder goes on from, and nothing reads it but that."""
    longest: int | None
    """Tokens that a prompt may have, where the model says."""

    @classmethod
    def of(cls, model: Any) -> "Reading":
        """Read it off a model of `transformers`."""
        import inspect

        config = model.config
        first = str(getattr(model, "main_input_name", "input_ids"))
        sequence = bool(getattr(config, "is_encoder_decoder", False))
        in_decoder = sequence and first != "input_ids"
        if in_decoder:
            padding = Padding.NONE
        elif sequence:
            padding = Padding.RIGHT
        else:
            # Where a model takes no positions, padding in front would move those of the prompt.
            takes = "position_ids" in inspect.signature(model.forward).parameters and first == "input_ids"
            padding = Padding.LEFT if takes else Padding.NONE
        longest = getattr(config.get_text_config(), "max_position_embeddings", None)
        return cls(padding, first != "input_ids", in_decoder, None if in_decoder or not longest else int(longest))


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request as the model reads it."""

    row: int
    """Its place among the requests."""
    text: str
    images: tuple[Image.Image, ...]
    begun: bool
    """Whether the text brings the token that tokenizers begin a text with, so that they must not add another."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Requests that can be asked in one batch."""

    rows: tuple[int, ...]
    """Which of the requests it holds."""
    batch: Any
    """What the processor made."""
    shown: Shown | None = None
    """Its pictures, where the batch leaves out those that the vision tower need not see again."""


@dataclass(slots=True)
class Encoding:
    """What became of requests: the batches, and why some are in none."""

    tower: Tower | None = None
    batches: list[Encoded] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encoder:
    """All that turns requests into batches."""

    processor: Any
    system: str | None
    reading: Reading
    form: Format | None
    """None where the model has a chat template."""
    trial: Callable[[list[dict[str, Any]]], None]
    """Raises a ``TemplateError`` where the chat template would go on for ever: `transformers` sets it no bounds."""
    tensors: Literal["pt", "np"] = "pt"
    """Whose arrays a batch is made of: torch's, or NumPy's."""

    def __call__(self, requests: Sequence[Request], tower: Tower | None = None) -> Encoding:
        """Encode as many requests as can be. What cannot stand in one batch unchanged comes in several.

        Args:
            requests: what to encode.
            tower: what has seen some of the pictures, and need not be given them again.
        """
        prompts: list[Prompt] = []
        encoding = Encoding(tower)
        for row, request in enumerate(requests):
            try:
                images = tuple(load_rgb(image) for image in request.shown())
                text = self.render(request)
                prompts.append(Prompt(row, text, images, self._begins(text)))
            except SampleError as cause:
                encoding.problems[row] = str(cause)
        for _, alike in groupby(sorted(prompts, key=self._kind), key=self._kind):
            self._encode(sorted(alike, key=lambda prompt: prompt.row), encoding)
        return encoding

    def _kind(self, prompt: Prompt) -> tuple[bool, bool, int]:
        length = 0
        if self.reading.padding is Padding.NONE:
            length = len(self.processor.tokenizer(prompt.text).input_ids)
        return bool(prompt.images), prompt.begun, length

    def _begins(self, text: str) -> bool:
        tokenizer = self.processor.tokenizer
        # As `apply_chat_template(tokenize=True)` has it; a format may name the token of BERT's kin too.
        starts = (tokenizer.bos_token, self.form.start if self.form else None)
        return any(start and text.startswith(start) for start in starts)

    def _encode(self, prompts: list[Prompt], encoding: Encoding) -> None:
        if not prompts:
            return
        tower = encoding.tower if prompts[0].images else None
        try:
            with nullcontext() if tower is None else tower.preparing() as shown:
                batch = self.process(prompts)
        except Exception as cause:  # noqa: BLE001 - a processor raises whatever it likes about one of the requests
            self._apart(prompts, encoding, cause)
            return
        if self.reading.longest and "input_ids" in batch:
            lengths = batch["attention_mask"].sum(1).tolist()
            long = {p.row: int(n) for p, n in zip(prompts, lengths, strict=True) if n > self.reading.longest}
            if long:
                said = "the prompt has {} tokens and the model reads {}; lower max_pixels or shorten the prompt"
                encoding.problems |= {row: said.format(n, self.reading.longest) for row, n in long.items()}
                self._encode([prompt for prompt in prompts if prompt.row not in long], encoding)
                return
        encoding.batches.append(Encoded(tuple(prompt.row for prompt in prompts), batch, shown))

    def _apart(self, prompts: list[Prompt], encoding: Encoding, cause: Exception) -> None:
        """Encode the good ones among prompts that cannot be encoded together."""
        if len(prompts) == 1:
            encoding.problems[prompts[0].row] = _sentence(cause)
            return
        alone = Encoding(encoding.tower)
        for prompt in prompts:
            self._encode([prompt], alone)
        encoding.problems |= alone.problems
        if not alone.problems:  # each can be encoded and all together cannot
            encoding.batches += alone.batches
        else:
            self._encode([prompt for prompt in prompts if prompt.row not in alone.problems], encoding)

    def process(self, prompts: Sequence[Prompt]) -> Any:
        """Return what the processor makes of prompts of one kind."""
        texts = [prompt.text for prompt in prompts]
        nested = self.form is None or self.form.places_images
        shown: list[Any] = [list(p.images) for p in prompts] if nested else [p.images[0] for p in prompts if p.images]
        batch = self.processor(
            images=shown if prompts[0].images else None,
            text=texts if any(texts) else None,
            return_tensors=self.tensors,
            **({} if self.reading.padding is Padding.NONE else {"padding": True}),
            **({"add_special_tokens": False} if prompts[0].begun else {}),
        )
        for name in _NOT_READ:
            batch.pop(name, None)
        if self.reading.in_decoder and "input_ids" in batch:
            batch["decoder_input_ids"] = batch.pop("input_ids")
            batch.pop("attention_mask", None)
        return batch

    def render(self, request: Request) -> str:
        """Return the prompt's text, with the marks of its images where the model wants them.

        Raises:
            SampleError: if the template refuses it, it has image tokens of its own, or not as many images as can be.
        """
        system = self.system if request.system is None else request.system
        shown = len(request.images)
        if self.reading.needs_image and not shown:
            raise SampleError("the model reads an image with every prompt, and this request has none")
        if self.form is not None and not self.form.places_images and shown > 1:
            raise SampleError(f"the model reads one image with a prompt, and this request has {shown}")
        text = self._chat(request, system) if self.form is None else self.form.render(request, system)
        try:
            text.encode()
        except UnicodeEncodeError as cause:
            raise SampleError(f"the prompt is no text: {cause}") from cause
        self._count(request, system, text)
        return text

    def _count(self, request: Request, system: str | None, text: str) -> None:
        """Raise unless the marks of images are as many as the images, and none of them the request's own words."""
        marks = [mark for name in _MARKS if isinstance(mark := getattr(self.processor, name, None), str)]
        said = [part for part in (system, *request.content()) if isinstance(part, str)]
        shown = len(request.images) if self.form is None or self.form.places_images else 0
        count = max((text.count(mark) for mark in marks), default=shown)
        if own := next((mark for mark in marks for part in said if mark in part), None):
            raise SampleError(f"the request's own words hold the model's image token ({own})")
        if count != shown:
            # Processors deal images out over the whole batch: one too many would take the next request's.
            raise SampleError(f"the prompt has {count} image tokens ({' or '.join(marks)}) for {shown} images")

    def _chat(self, request: Request, system: str | None) -> str:
        from jinja2 import TemplateError

        content = [
            {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in request.content()
        ]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
        try:
            self.trial(messages)
            return str(self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except (TemplateError, TypeError, ValueError) as cause:
            raise SampleError(f"the model's chat template refuses this conversation: {cause}") from cause


def load_rgb(image: Image.Image) -> Image.Image:
    """Return the image in RGB, decoded.

    Raises:
        SampleError: if it is empty or cannot be decoded.
    """
    if min(image.size) < 1:
        raise SampleError(f"the image has no pixels ({image.width} x {image.height})")
    try:
        return to_rgb(image)
    except (OSError, SyntaxError, ValueError) as cause:
        raise SampleError(f"the image cannot be decoded: {cause}") from cause


def _sentence(cause: Exception) -> str:
    return f"the model's processor refuses this request: {str(cause).strip() or type(cause).__name__}"
