"""What a request says beside its prompt, as the record keeps it: enough to read what the model was asked, no pixels."""

from typing import Any, Final

from harness.types import Generation, Request

_USUAL: Final = Generation()


def sent(request: Request) -> dict[str, Any]:
    """Return what went to the model with the text of the prompt, as JSON values; what is not there is left out.

    ``system``; ``images``, each as [width, height] in pixels of what the model was given; ``content``, texts and
    numbers of images in their order where images stand within the prompt, else they come before it; ``times``, of
    frames in seconds; ``candidates`` and ``phrases``; ``ask`` where it is not ``generate``, and else how to generate.

    >>> sent(Request("1", "Which?", system="Be brief."))
    {'system': 'Be brief.', 'max_new_tokens': 16}
    >>> sent(Request("1", "", ask="classify"))
    {'ask': 'classify'}
    """
    told: dict[str, Any] = {
        "system": request.system,
        "images": [list(image.size) for image in request.images],
        "content": request.content() if request.interleaved else (),
        "times": request.times,
        "candidates": request.candidates,
        "phrases": request.phrases,
    }
    told = {
        name: value if isinstance(value, str) else list(value) for name, value in told.items() if value or value == ""
    }
    if request.ask == "generate":
        how = request.generation
        told["max_new_tokens"] = how.max_new_tokens
        if how.temperature != _USUAL.temperature:
            told |= {"temperature": how.temperature, "top_p": how.top_p, "seed": how.seed}
    else:
        told["ask"] = request.ask
    return told
