"""How a question is put to models without a chat template: a line of text with places to fill in."""

import re
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final

from harness.errors import AdapterError, ConfigError, Issue, SampleError
from harness.types import Request

PLACES: Final = ("prompt", "image", "system", "start")
"""`{prompt}`, the request's; `{image}`, the model's own mark, once for each image; `{system}`; and `{start}`, the token
that the tokenizer begins a text with."""

KNOWN: Final = {
    "Blip2Processor": "Question: {prompt} Answer:",
    "BlipProcessor": "{prompt}",
    "DonutProcessor": "<s_docvqa><s_question>{prompt}</s_question><s_answer>",
    "Florence2Processor": "{prompt}",
    "GitProcessor": "{start}{prompt}",
    "InstructBlipProcessor": "{prompt}",
    "Kosmos2Processor": "Question: {prompt} Answer:",
    "PaliGemmaProcessor": "{image}{prompt}",
    "Pix2StructProcessor": "{prompt}",
    "TrOCRProcessor": "",
    "ViltProcessor": "{prompt}",
}
"""By the class of the processor, what the family's own examples ask with."""

_PLACE: Final = re.compile(r"\{(" + "|".join(PLACES) + r")\}")


@dataclass(frozen=True, slots=True)
class Format:
    """A checked format, with the model's own tokens in it.

    >>> form = Format("{image}Question: {prompt} Answer:", image="<image>")
    >>> form.render(Request("1", "Is {it} red?"), None)
    'Question: Is {it} red? Answer:'
    >>> form.places_images, Format("{prompt}").places_images
    (True, False)
    """

    text: str
    image: str = ""
    start: str = ""

    @property
    def places_images(self) -> bool:
        """Whether the text says where images go, any number of them; otherwise the processor does, with one."""
        return "{image}" in self.text

    def render(self, request: Request, system: str | None) -> str:
        """Return what the model reads.

        Raises:
            SampleError: if there is a system prompt, and no place for it.
        """
        if system and "{system}" not in self.text:
            raise SampleError("the model's prompt format has no place for a system prompt (`{system}`)")
        parts = request.content()
        images = [place for place, part in enumerate(parts) if isinstance(part, int)]
        ahead = images == [*range(len(images))]
        said = [part if isinstance(part, str) else "" if ahead else self.image for part in parts]
        filled = {
            "prompt": "".join(said),
            "image": self.image * len(images) if ahead else "",
            "system": system or "",
            "start": self.start,
        }
        return _PLACE.sub(lambda found: filled[found[1]], self.text)


def find_format(given: str | None, processor: Any, path: Any) -> Format | None:
    """Return the format that an adapter's file names, or the family's; None where the chat template is to be used.

    Raises:
        AdapterError: if there is neither a format nor a chat template, or the family's is not for this checkpoint.
        ConfigError: if the format names a place that there is not.
    """
    if given is None and getattr(processor, "chat_template", None):
        return None
    kind = type(processor).__name__
    text = given if given is not None else KNOWN.get(kind)
    if text is None:
        raise AdapterError(
            f"{path} has no chat template (chat_template.jinja or in tokenizer_config.json), and there is no known "
            f"format for its {kind}; say how it is asked, for example "
            '`prompt_format: "{image}Question: {prompt} Answer:"`'
        )
    _check(text)
    tokenizer = processor.tokenizer
    if given is None and (lacking := [t for t in re.findall(r"<s_\w+>", text) if t not in tokenizer.get_vocab()]):
        raise AdapterError(
            f"{path} knows no token {lacking[0]}, with which its family is asked; it was trained for another task: "
            'name that task\'s token, for example `prompt_format: "<s_cord-v2>"`'
        )
    image = str(getattr(processor, "image_token", None) or getattr(tokenizer, "image_token", None) or "<image>")
    return Format(text, image, str(tokenizer.cls_token or tokenizer.bos_token or ""))


def _check(text: str) -> None:
    try:
        named = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as cause:
        raise ConfigError(Issue(("prompt_format",), f"the format cannot be read: {cause}")) from cause
    for name in named:
        if name not in PLACES:
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise ConfigError(Issue(("prompt_format",), f"there is no place {{{name}}}", f"there are {known}"))
