"""Pictures go from process to process as they are, and their pixels stay when the shared memory is written over."""

import os
import pickle
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.engine.prepare import request_hash
from harness.hosts import parcels
from harness.hosts.parcels import Arena, pack, unpack
from harness.types import Generation, Oracle, Request

MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
)


@pytest.fixture(scope="module")
def arenas() -> Iterator[tuple[Arena, Arena]]:
    """The same memory, as whoever reads and whoever writes has it."""
    ours = Arena.new()
    assert ours is not None
    theirs = Arena(ours.file)
    yield ours, theirs
    theirs.close()
    ours.close()


@st.composite
def images(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(MODES))
    image = Image.new(mode, (draw(st.integers(0, 9)), draw(st.integers(0, 9))))
    image.frombytes(draw(st.binary(min_size=len(image.tobytes()), max_size=len(image.tobytes()))))
    if mode in ("P", "PA"):
        kind = draw(st.sampled_from(["RGB", "RGBA"]))
        image.putpalette(draw(st.binary(min_size=256 * len(kind), max_size=256 * len(kind))), kind)
    image.info = draw(st.dictionaries(st.sampled_from(["dpi", "exif", "transparency"]), st.integers(0, 255)))
    return image


def seen(image: Image.Image) -> tuple[Any, ...]:
    colours = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    kind = image.palette.mode if image.palette else None
    return type(image), image.mode, image.size, image.tobytes(), dict(image.info), colours, kind


@given(images(), st.booleans())
def test_a_picture_arrives_as_it_is(arenas: tuple[Arena, Arena], image: Image.Image, shared: bool) -> None:
    ours, theirs = arenas if shared else (None, None)
    request = Request("a", "what?", (image, image), None, Generation(4), Oracle(("x",), 1, 2), times=(0.5, 1.0))
    before = seen(image)
    got = unpack(pack(request, theirs), ours)
    if ours and theirs:
        theirs.turn()
        ours.done()
    assert seen(got.images[0]) == before == seen(image)
    assert got.images[0] is got.images[1]
    assert (got.oracle, got.times, got.generation) == (request.oracle, request.times, request.generation)
    assert request_hash(got) == request_hash(request)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_file_that_nobody_has_read_yet_arrives_with_its_name_and_format(tmp_path: Path, arenas, kind: str) -> None:
    file = tmp_path / f"a.{kind.lower()}"
    Image.effect_noise((20, 10), 90).convert("P" if kind == "GIF" else "L").save(file, kind, comment=b"hello")
    ours, theirs = arenas
    with Image.open(file) as image:
        got = unpack(pack(image, theirs), ours)
    theirs.turn()
    ours.done()
    with Image.open(file) as image:
        image.load()
        assert seen(got) == seen(image)
        assert (got.format, got.filename) == (image.format, image.filename) == (kind, str(file))


def test_pixels_stay_when_the_memory_is_written_over_and_arrays_never_lie_there(arenas: tuple[Arena, Arena]) -> None:
    ours, theirs = arenas
    first = None
    for shade in range(6):
        value = Image.new("L", (64, 64), shade), np.full(5000, shade)
        parcel = pack(value, theirs)
        assert len(parcel.pixels) == 1
        got = unpack(parcel, ours)
        theirs.turn()
        ours.done()
        first = first or got
    assert first is not None
    assert first[0].getextrema() == (0, 0)
    assert first[1].tolist() == [0] * 5000


def test_what_finds_no_room_goes_with_the_pickle(monkeypatch: pytest.MonkeyPatch, arenas: tuple[Arena, Arena]) -> None:
    ours, theirs = arenas
    large = Image.new("L", (1 << 12, (1 << 12) + 1), 3)
    small = Image.new("L", (8, 8), 5)
    parcel = pack((large, small), theirs)
    assert [size for _, size in parcel.pixels] == [64]
    assert [one.getextrema() for one in unpack(parcel, ours)] == [(3, 3), (5, 5)]
    theirs.turn()
    assert pack(small, theirs).pixels, "one message may be under way"
    theirs.turn()
    parcel = pack(small, theirs)
    assert not parcel.pixels, "two may not"
    assert unpack(parcel, ours).getextrema() == (5, 5)
    theirs.turn()
    for _ in range(3):
        ours.done()
    assert pack(small, theirs).pixels
    theirs.turn()
    ours.done()


def test_memory_has_no_name_and_a_machine_that_has_none_to_give_makes_no_arena(monkeypatch) -> None:
    made = Arena.new()
    assert made is not None
    if (link := Path(f"/proc/self/fd/{made.file}")).is_symlink():
        assert str(link.readlink()).endswith("(deleted)")
    made.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made.file)

    def refuse() -> int:
        raise OSError("no room")

    monkeypatch.setattr(parcels, "_nameless", refuse)
    assert Arena.new() is None


def test_a_file_that_is_deleted_serves_where_memory_has_no_such_door(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = Arena.new()
    assert ours is not None
    theirs = Arena(ours.file)
    assert [*tmp_path.iterdir()] == []
    image = Image.new("RGB", (30, 30), (1, 2, 3))
    parcel = pack(image, theirs)
    assert parcel.pixels
    assert unpack(parcel, ours) == image
    theirs.close()
    ours.close()


def test_what_cannot_be_pickled_is_told_at_once() -> None:
    image = Image.new("L", (2, 2))
    image.info["file"] = BytesIO().getbuffer()
    with pytest.raises((TypeError, pickle.PicklingError)):
        pack(image, None)
