"""Markers of images: where they place them, what is left of the text, and which counts are mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import SampleError
from harness.images import misfit, settle
from harness.types import Request

PLACED = {
    "<image>\nWhat colour?": (1, "What colour?", ()),
    "What colour?\n<image>": (1, "What colour?", ("What colour?\n", 0)),
    "What colour? <image>": (1, "What colour?", ("What colour? ", 0)),
    "<image> <image>\nWhich?": (2, "Which?", (0, " ", 1, "\nWhich?")),
    "<image><image>Which?": (2, "Which?", ()),
    "Compare <image> with <image>.": (2, "Compare image 1 with image 2.", ("Compare ", 0, " with ", 1, ".")),
    "A: <image>\nB: <image>": (2, "A: image 1\nB: image 2", ("A: ", 0, "\nB: ", 1)),
    "In <image 2> and <Image_1>?": (2, "In image 2 and image 1?", ("In ", 1, " and ", 0, "?")),
    "<image 1>\nIs <image1> red?": (1, "Is image 1 red?", ()),
    "Is <image 1> like <image 2> or <image 1>?": (
        2,
        "Is image 1 like image 2 or image 1?",
        ("Is ", 0, " like ", 1, " or image 1?"),
    ),
    "no marker, <images> and <img>": (3, "no marker, <images> and <img>", ()),
}


@pytest.mark.parametrize("prompt", PLACED)
def test_a_marker_places_its_image_and_never_stays_in_the_text(prompt: str) -> None:
    images, flat, interleaved = PLACED[prompt]
    assert settle(prompt, images) == (flat, interleaved)
    assert misfit(prompt, images) == ""


@pytest.mark.parametrize(
    ("prompt", "images", "said"),
    [
        ("<image> <image> <image> which?", 2, "3 markers `<image>` for 2 images"),
        ("<image>?", 2, "1 marker `<image>` for 2 images"),
        ("<image>?", 0, "1 marker `<image>` for no images"),
        ("<image 3>?", 2, "`<image 3>` and 2 images: there is no such image"),
        ("<image 0>?", 1, "`<image 0>` and 1 image: there is no such image"),
        ("<image 2>?", 2, "no marker for image 1 of 2"),
        ("<image> or <image 1>?", 2, "use one kind"),
    ],
)
def test_a_wrong_count_is_said_with_its_marker(prompt: str, images: int, said: str) -> None:
    with pytest.raises(SampleError, match=said):
        settle(prompt, images)
    assert said in misfit(prompt, images)
    flat, interleaved = settle(prompt, images, loose=True)
    assert "<" not in flat
    assert interleaved == ()


TEXTS = st.text(alphabet="ab \n.:", max_size=6)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.booleans())
def test_texts_and_images_keep_their_order(texts: list[str], numbered: bool) -> None:
    count = len(texts) - 1
    marks = [f"<image {i + 1}>" if numbered else "<image>" for i in range(count)]
    prompt = texts[0] + "".join(mark + text for mark, text in zip(marks, texts[1:], strict=True))
    flat, interleaved = settle(prompt, count)
    assert "<image" not in flat
    request = Request("1", flat, tuple(Image.new("L", (1, 1)) for _ in range(count)), interleaved=interleaved)
    parts = request.content()
    assert [part for part in parts if isinstance(part, int)] == [*range(count)]
    if interleaved:
        assert "".join(part if isinstance(part, str) else marks[part] for part in parts) == prompt


def test_a_request_whose_images_were_changed_puts_them_first() -> None:
    request = Request("1", "a b", (Image.new("L", (1, 1)),), interleaved=("a ", 0, " and ", 1, "b"))
    assert request.content() == (0, "a b")
