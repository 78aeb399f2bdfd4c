"""Turn requests into token ids and positions: chat template, image tokens, M-RoPE, left padding."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.adapters._qwen2_vl.images import ImageSettings, fit, to_patches
from harness.errors import AdapterError, SampleError
from harness.types import Request, TokenCount

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Prepare = Callable[[Image.Image], tuple[Floats, tuple[int, int, int]]]

_SPECIAL_TOKENS: Final = ("bos_token", "eos_token", "pad_token", "unk_token")


class ChatTemplate:
    """A model's own chat template, in the sandbox and with the settings of `transformers`, and on a budget."""

    def __init__(self, source: str, tokenizer_config: Mapping[str, Any]) -> None:
        """Compile ``source``; ``tokenizer_config`` names the special tokens that it may use.

        Raises:
            AdapterError: if it is not valid Jinja.
        """
        from jinja2 import TemplateError

        from harness.adapters._chat_template import ChatEnvironment, budget

        environment = ChatEnvironment()
        environment.globals["raise_exception"] = _refuse
        # `strftime_now` is left out: a prompt that changes with the day gives scores that don't repeat.
        self._tokens = {
            name: _token_text(tokenizer_config[name]) for name in _SPECIAL_TOKENS if tokenizer_config.get(name)
        }
        self._errors = (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError)
        self._budget = budget
        try:
            self._template = environment.from_string(source)
        except TemplateError as cause:
            raise AdapterError(f"the model's chat template is not valid: {cause}") from cause

    def render(self, request: Request) -> str:
        """Return the prompt: the system message if there is one, then images and question in their order.

        Raises:
            SampleError: if the template refuses the conversation.
        """
        content = [
            {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in request.content()
        ]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        try:
            with self._budget():
                return self._template.render(messages=messages, add_generation_prompt=True, **self._tokens)
        except self._errors as cause:
            raise SampleError(f"the model's chat template refuses this conversation: {cause}") from cause


def _refuse(message: str) -> NoReturn:
    raise SampleError(f"the model's chat template refuses this conversation: {message}")


def _token_text(token: Any) -> str:
    return str(token["content"] if isinstance(token, Mapping) else token)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request as the model reads it."""

    ids: Ints
    """[length]."""
    positions: Ints
    """M-RoPE positions (time, row, column), [3, length]."""
    pixel_values: tuple[Floats, ...]
    """The patches of each image."""
    grids: tuple[tuple[int, int, int], ...]
    image_tokens: int


@dataclass(frozen=True, slots=True)
class PromptEncoder:
    """All that turns a request into a `Prompt`."""

    template: ChatTemplate
    tokenizer: "Tokenizer"
    images: ImageSettings
    image_id: int
    image_token: str
    longest: int
    """Tokens that the model can read."""

    def __call__(self, request: Request, prepare: Prepare | None = None) -> Prompt:
        """Encode one request.

        Args:
            request: what to encode.
            prepare: what makes patches, and their grid, of an image; by default :func:`to_patches`.

        Raises:
            SampleError: if an image is unusable, or the prompt too long or with image tokens of its own.
        """
        make = prepare or partial(to_patches, settings=self.images)
        prepared = [make(image) for image in request.shown()]
        grids = tuple(grid for _, grid in prepared)
        counts = [frames * rows * columns // self.images.merge**2 for frames, rows, columns in grids]
        text = place_images(self.template.render(request), self.image_token, counts)
        try:
            ids = np.array(self.tokenizer.encode(text, add_special_tokens=True).ids, np.int64)
        except (TypeError, ValueError) as cause:
            raise SampleError(f"the prompt is not valid Unicode: {cause}") from cause
        if len(ids) > self.longest:
            raise SampleError(
                f"the prompt has {len(ids)} tokens ({sum(counts)} of them for images) and the model reads "
                f"{self.longest}; lower max_pixels in the adapter's file or shorten the prompt"
            )
        positions = rope_positions(ids, grids, self.image_id, self.images.merge)
        return Prompt(ids, positions, tuple(patches for patches, _ in prepared), grids, sum(counts))

    def count(self, request: Request, system: str | None = None) -> TokenCount:
        """Return how many tokens a request has, without looking at a pixel.

        Args:
            request: what to count.
            system: the system prompt where the request brings none.

        Raises:
            SampleError: as when it is encoded, but for its length.
        """
        request = request if request.system is not None or system is None else replace(request, system=system)
        unit = (self.images.patch * self.images.merge) ** 2
        shapes = [fit(image.height, image.width, self.images) for image in request.shown()]
        counts = [height * width // unit for height, width in shapes]
        text = place_images(self.template.render(request), self.image_token, counts)
        try:
            length = len(self.tokenizer.encode(text, add_special_tokens=True).ids)
        except (TypeError, ValueError) as cause:
            raise SampleError(f"the prompt is not valid Unicode: {cause}") from cause
        return TokenCount(length - sum(counts), sum(counts))


def place_images(text: str, image_token: str, counts: Sequence[int]) -> str:
    """Repeat each image token as often as its image has tokens.

    Raises:
        SampleError: if the text does not have one image token an image.

    >>> place_images("a <i> b <i>", "<i>", [2, 1])
    'a <i><i> b <i>'
    """
    head, *rest = text.split(image_token)
    if len(rest) != len(counts):
        raise SampleError(f"the prompt has {len(rest)} image tokens ({image_token}) for {len(counts)} images")
    return head + "".join(image_token * count + part for count, part in zip(counts, rest, strict=True))


def rope_positions(ids: Ints, grids: Iterable[tuple[int, int, int]], image_id: int, merge: int) -> Ints:
    """Return M-RoPE positions (time, row, column), int64 [3, length].

    Text advances all three together; an image's tokens share a start and count rows and columns
    from there, and the text behind it goes on after the longer side.

    >>> rope_positions(np.array([5, 9, 9, 5]), [(1, 2, 4)], image_id=9, merge=2).tolist()
    [[0, 1, 1, 3], [0, 1, 1, 3], [0, 1, 2, 3]]
    """
    pending = iter(grids)
    parts: list[Ints] = []
    start = index = 0
    for is_image, run in itertools.groupby(ids.tolist(), lambda token: token == image_id):
        length = len(list(run))
        index += length
        while is_image and length:  # images may touch, without a token between them
            frames, rows, columns = next(pending)
            shape = (frames, rows // merge, columns // merge)
            parts.append(start + np.indices(shape, dtype=np.int64).reshape(3, -1))
            start += max(shape[1:])
            length -= parts[-1].shape[1]
        if length:
            parts.append(np.tile(np.arange(start, start + length, dtype=np.int64), (3, 1)))
            start += length
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts padded on the left, so that all of them end at the same column."""

    ids: Ints
    """[batch, length]."""
    mask: Ints
    """1 on tokens, 0 on padding, [batch, length]."""
    positions: Ints
    """[3, batch, length]; 0 on padding."""
    next_positions: Ints
    """The position of each prompt's first answer token, on all three axes, [batch]."""
    pixel_values: Floats | None
    """The patches of all images, in the order of their tokens; None without images."""
    grids: Ints
    """[images, 3]."""


def left_pad(prompts: Sequence[Prompt], pad_id: int) -> Batch:
    """Lay prompts out as one batch."""
    size, length = len(prompts), max(len(prompt.ids) for prompt in prompts)
    ids = np.full((size, length), pad_id, np.int64)
    mask = np.zeros((size, length), np.int64)
    positions = np.zeros((3, size, length), np.int64)
    for row, prompt in enumerate(prompts):
        columns = slice(length - len(prompt.ids), None)
        ids[row, columns] = prompt.ids
        mask[row, columns] = 1
        positions[:, row, columns] = prompt.positions
    patches = [patch for prompt in prompts for patch in prompt.pixel_values]
    return Batch(
        ids=ids,
        mask=mask,
        positions=positions,
        next_positions=np.array([prompt.positions.max() + 1 for prompt in prompts], np.int64),
        pixel_values=np.concatenate(patches) if patches else None,
        grids=np.array([grid for prompt in prompts for grid in prompt.grids], np.int64).reshape(-1, 3),
    )
