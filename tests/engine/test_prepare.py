"""Requests are made sample by sample; one that fails leaves the others of its batch alone."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from harness.engine.plan import Batch, make_plan
from harness.engine.prepare import prepare, request_hash
from harness.suite.bind import Suite
from harness.types import Generation, Request

SUITE = """\
suite: s
version: 1
datasets: {charts: {type: charts, limit: 3}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [exact_match]}}
"""


class Truncated(Image.Image):
    """An image whose pixels cannot be read any more, as a lazily opened file's can't."""

    def tobytes(self, *_: object) -> bytes:
        raise OSError("image file is truncated")


def test_an_image_that_fails_only_when_its_pixels_are_read_costs_its_sample(bind: Callable[[str], Suite]) -> None:
    (batch,) = make_plan(bind(SUITE), batch_size=3).batches()
    sound = batch.task.requests

    def spoilt(cell, sample, *, oracle):
        (request,) = sound(cell, sample, oracle=oracle)
        return (Request(request.id, "?", (Truncated(),)) if sample == batch.samples[1] else request,)

    batch.task.requests = spoilt
    prepared = prepare(Batch(0, batch.task, batch.cell, batch.samples), oracle=False)
    assert [len(requests) for requests in prepared.requests] == [1, 0, 1]
    assert prepared.errors == (None, "OSError: image file is truncated", None)


def test_the_hash_of_a_request_changes_with_all_that_the_model_sees_and_with_nothing_else() -> None:
    image = Image.new("RGB", (4, 2), (1, 2, 3))
    other = image.copy()
    other.putpixel((3, 1), (1, 2, 4))
    base = Request("a", "Why?", (image,))
    assert request_hash(Request("b", "Why?", (image.copy(),))) == request_hash(base)
    changed = [
        Request("a", "Why", (image,)),
        Request("a", "Why?", (other,)),
        Request("a", "Why?", (image, image)),
        Request("a", "Why?", (image.transpose(Image.Transpose.ROTATE_90),)),
        Request("a", "Why?", (image.convert("RGBA"),)),
        Request("a", "Why?", (image,), system="Be brief."),
        Request("a", "Why?", (image,), generation=Generation(5)),
        Request("a", "Why?"),
    ]
    assert len({request_hash(request) for request in [base, *changed]}) == 1 + len(changed)


def painted(palette: list[int], mode: str = "P", **info: object) -> Image.Image:
    """An image of the same numbers of colours as any other that this makes."""
    image = Image.new(mode, (4, 2))
    image.putpalette(palette)
    image.info.update(info)
    return image


@pytest.mark.parametrize("mode", ["P", "PA"])
def test_images_with_a_palette_differ_by_their_colours_and_by_which_of_them_is_clear(mode: str) -> None:
    red, blue = [200, 0, 0, 9, 9, 9], [0, 0, 200, 9, 9, 9]
    images = [painted(red, mode), painted(blue, mode), painted(red, mode, transparency=0)]
    images.append(painted(red, mode, transparency=b"\x80"))
    hashes = [request_hash(Request("a", "Which colour?", (image,))) for image in images]
    assert len(set(hashes)) == len(images)
    assert request_hash(Request("a", "Which colour?", (painted(red, mode),))) == hashes[0]


def test_an_image_from_a_file_has_the_hash_that_it_has_in_memory() -> None:
    file = BytesIO()
    painted([200, 0, 0, 9, 9, 9], transparency=1).save(file, "PNG")
    lazy, loaded = Image.open(file), Image.open(BytesIO(file.getvalue()))
    loaded.load()
    assert request_hash(Request("a", "?", (lazy,))) == request_hash(Request("a", "?", (loaded,)))


def test_the_hash_of_an_image_without_a_palette_is_what_stored_baselines_have() -> None:
    request = Request("a", "Why?", (Image.new("RGB", (4, 2), (1, 2, 3)), Image.new("L", (1, 1))))
    assert request_hash(request) == "f2d26efbf14904d3c14281011db73236c7767f295436c6ab08718f5915e5c036"
