"""Files whose bytes were decoded before: the same pixels, to each caller its own, and never those of another file."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import SampleError
from harness.images import PLAINLY, Reading, _door, decode
from harness.images._again import Again, key_of


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Again:
    kept = Again()
    monkeypatch.setattr(_door, "_AGAIN", kept)
    return kept


def drawn(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 7 + number, 3), np.uint8))


def test_the_third_time_a_file_is_not_decoded_and_the_pixels_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, times = tmp_path / "a.png", list[str]()
    drawn(1).save(file)
    plainly = _door._decode

    def counted(source: Path | bytes, name: str, reading: Reading, **how: Any) -> Image.Image:
        times.append(name)
        return plainly(source, name, reading, **how)

    monkeypatch.setattr(_door, "_decode", counted)
    found = [decode(file, "a") for _ in range(5)]
    assert len(times) == 2
    assert {(one.mode, one.size, one.tobytes()) for one in found} == {("RGB", (8, 9), drawn(1).tobytes())}
    assert all(one.info == {} for one in found)


def test_who_paints_over_a_picture_paints_over_his_own(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    drawn(1).save(file)
    for _ in range(4):
        own = decode(file, "a")
        assert own.tobytes() == drawn(1).tobytes()
        own.paste((0, 0, 0), (0, 0, 8, 9))


def test_a_file_that_is_edited_or_broken_or_gone_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    for number in (1, 2, 1, 2, 1, 2):
        drawn(number).save(file)
        assert decode(file, "a").tobytes() == drawn(number).tobytes()
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    for _ in range(3):
        with pytest.raises(SampleError, match=r"^a: cannot be decoded"):
            decode(file, "a")
    file.unlink()
    with pytest.raises(SampleError, match=r"^a: there is no such file"):
        decode(file, "a")


def test_one_file_read_in_two_ways_is_two_pictures(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn(1).save(file, exif=exif)
    for _ in range(3):
        assert decode(file, "a").size == (9, 8)
        assert decode(file, "a", replace(PLAINLY, exif="keep")).size == (8, 9)
        with pytest.raises(SampleError, match="more than 10 px"):
            decode(file, "a", most=10)
        with pytest.raises(SampleError, match="not an image"):
            decode(file, "a", formats=("PNG",))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=30), st.integers(0, 500))
def test_it_holds_no_more_than_it_may_and_gives_what_was_decoded(numbers: list[int], most: int) -> None:
    kept = Again(most)
    for number in numbers:
        key, picture = key_of(bytes([number]), "plain"), drawn(number)
        found = kept.get(key)
        assert found is None or found.tobytes() == picture.tobytes()
        if found is None:
            kept.note(key, picture)
        assert kept.held <= most


def test_threads_may_share_it(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        drawn(number).save(file)
    wrong: list[int] = []

    def read(start: int) -> None:
        for step in range(30):
            number = (start + step) % 3
            if decode(files[number], "a").tobytes() != drawn(number).tobytes():
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
