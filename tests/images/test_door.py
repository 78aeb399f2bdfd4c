"""What comes through the door for images: which files, which pixels, and what is said of the others."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from harness.errors import SampleError
from harness.images import Reading, decode, further_pages, opaque, open_picture, pictures, plain, to_rgb

RAMP = np.linspace(0, 65535, 2400).astype(np.uint16).reshape(40, 60)
PICTURE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (4, 6, 3), dtype=np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def levels(image: Image.Image) -> list[int]:
    return np.asarray(image).reshape(-1).tolist()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_by_what_sixteen_bits_can_hold(kind: str) -> None:
    shown = decode(saved(Image.fromarray(RAMP), kind), "ramp")
    assert shown.mode == "L"
    assert np.array_equal(np.asarray(shown), (RAMP >> 8).astype(np.uint8))
    dark = decode(saved(Image.fromarray((RAMP // 2).astype(np.uint16)), kind), "dark")
    assert np.asarray(dark).max() == 127  # not stretched to what the picture happens to hold


def test_a_range_says_what_is_black_and_what_is_white() -> None:
    twelve = saved(Image.fromarray(np.array([[0, 2048, 4095, 9999]], np.uint16)), "TIFF")
    assert levels(decode(twelve, "x", Reading(range=(0, 4095)))) == [0, 128, 255, 255]
    floats = saved(Image.fromarray(np.array([[-1, 0, 0.5, 1, 7]], np.float32)), "TIFF")
    assert levels(decode(floats, "x", Reading(range=(0, 1)))) == [0, 0, 128, 255, 255]
    assert levels(decode(floats, "x", Reading(range=(1, 0)))) == [255, 255, 128, 0, 0]


def test_without_a_range_levels_of_unknown_white_are_refused_with_what_they_are() -> None:
    with pytest.raises(SampleError, match=r"^x: .*floating point.* between -1 and 0\.5\); say it as `range:"):
        decode(saved(Image.fromarray(np.array([[-1, 0.5]], np.float32)), "TIFF"), "x")
    with pytest.raises(SampleError, match="of 32 bits"):
        decode(saved(Image.fromarray(np.array([[5, 70000]], np.int32)), "TIFF"), "x")
    nan = saved(Image.fromarray(np.array([[np.nan, 1]], np.float32)), "TIFF")
    with pytest.raises(SampleError, match="no finite numbers"):
        decode(nan, "x", Reading(range=(0, 1)))


def test_twelve_bits_in_a_tiff_are_known_by_its_tag() -> None:
    with Image.open(io.BytesIO(saved(Image.fromarray(RAMP), "TIFF"))) as image:
        image.load()
        image.tag_v2[258] = 12  # type: ignore[attr-defined]
        with pytest.raises(SampleError, match="of 12 bits"):
            plain(image)


def test_sixteen_bits_with_white_at_zero_are_turned_round() -> None:
    with Image.open(io.BytesIO(saved(Image.fromarray(RAMP), "TIFF"))) as image:
        image.load()
        image.tag_v2[262] = 0  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(plain(image)), 255 - (RAMP >> 8).astype(np.uint8))


@pytest.mark.parametrize(
    ("mode", "shown"),
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "RGB"),
     ("YCbCr", "RGB"), ("HSV", "RGB"), ("LAB", "RGB"), ("I;16", "L"), ("La", "RGBA"), ("RGBa", "RGBA")],
)  # fmt: skip
def test_every_mode_becomes_one_of_three(mode: str, shown: str) -> None:
    image = Image.new(mode, (3, 2))
    assert plain(image).mode == shown
    assert plain(plain(image)) is plain(image) or plain(image).mode == shown
    assert opaque(image).mode in ("L", "RGB")
    assert to_rgb(image).mode == "RGB"


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_transparent_colour_becomes_alpha_and_then_paper(mode: str) -> None:
    image = Image.new(mode, (2, 1))
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    assert plain(image).mode == "RGBA"
    assert to_rgb(image).getpixel((0, 0)) == (255, 255, 255)


def test_inks_are_seen_through_their_profile_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("CMYK", (2, 2), (255, 0, 0, 0))
    image.info["icc_profile"] = b"no profile"
    assert plain(image).getpixel((0, 0)) == (0, 255, 255)
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # not for inks
    assert plain(image).getpixel((0, 0)) == (0, 255, 255)
    seen = Image.new("RGB", (2, 2), (0, 158, 224))
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda *given, **named: seen)
    assert plain(image) is seen


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once_or_kept_and_carries_no_more_orders(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(PICTURE, kind, exif=exif)
    kept = decode(file, "x", Reading(exif="keep"))
    assert np.array_equal(np.asarray(kept), np.asarray(PICTURE))
    turned = decode(file, "x")
    assert turned.size == ((4, 6) if orientation > 4 else (6, 4))
    assert np.array_equal(np.asarray(turned), np.asarray(PICTURE)) == (orientation == 1)
    assert not turned.getexif()
    assert not turned.info


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_the_first_page_is_shown_unless_another_is_named_and_the_others_are_counted(kind: str) -> None:
    pages = [Image.new("RGB", (8, 8), (level,) * 3) for level in (10, 120, 250)]
    file = saved(
        pages[0], kind, save_all=True, append_images=pages[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert further_pages(file, "x") == 2
    assert to_rgb(decode(file, "x")).getpixel((0, 0)) == (10, 10, 10)
    assert to_rgb(decode(file, "x", Reading(page=3))).getpixel((0, 0)) == (250, 250, 250)
    with pytest.raises(SampleError, match="x: there is no page 4; it has 3 pages"):
        decode(file, "x", Reading(page=4))
    assert further_pages(saved(PICTURE, kind), "x") == further_pages(saved(PICTURE, "PNG"), "x") == 0


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n{} loop\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POSTSCRIPT, "PostScript"),
        (b"%PDF-1.7\n", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!doctype html><title>404</title>", "page of the web"),
        (b"", "not an image, or empty"),
        (b"P", "not an image, or empty"),
        (saved(PICTURE, "TGA"), "not an image, or empty"),
    ],
)
def test_what_is_no_picture_of_an_allowed_format_is_named_and_never_opened(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(content)
    with pytest.raises(SampleError, match=rf"picture\.png: .*{said}"):
        decode(file, str(file))


def test_postscript_under_the_name_of_a_picture_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import EpsImagePlugin

    started: list[Any] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **named: started.append(given))
    file = tmp_path / "picture.eps"
    file.write_bytes(POSTSCRIPT)
    with pytest.raises(SampleError):
        decode(file, "x")
    assert started == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path / "link.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(SampleError, match="x: cannot be read: not a regular file"):
            decode(path, "x")
        with pytest.raises(SampleError, match="not a regular file"):
            further_pages(path, "x")


def test_pixels_are_counted_before_they_are_decoded() -> None:
    file = saved(PICTURE, "PNG")
    with pytest.raises(SampleError, match="6 × 4 px is more than 23 px"):
        decode(file, "x", most=23)
    with open_picture(file, "x", most=24) as image:
        assert image.size == (6, 4)


def test_only_the_formats_that_are_asked_for_come_in() -> None:
    with pytest.raises(SampleError, match="what is read: PNG"):
        decode(saved(PICTURE, "BMP"), "x", formats=("PNG",))


class Drawn:
    """A plug-in's image, in a mode of its own."""

    def load(self) -> Image.Image:
        return Image.fromarray(RAMP)


def test_images_of_other_makers_come_in_the_same_modes() -> None:
    assert [image.mode for image in pictures([Drawn()])] == ["L"]


FILES = [saved(PICTURE, kind) for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM")]
FILES += [saved(Image.fromarray(RAMP), "TIFF"), saved(PICTURE.convert("CMYK"), "JPEG")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_broken_bytes_give_a_picture_or_a_sentence(file: bytes, edits: list[tuple[int, int]]) -> None:
    broken = bytearray(file)
    for place, value in edits:
        broken[place % len(broken)] = value
    try:
        mode = decode(bytes(broken), "x", most=1_000_000).mode
    except SampleError as cause:
        mode = str(cause)
    assert mode in ("L", "RGB", "RGBA") or mode.startswith("x: ")
