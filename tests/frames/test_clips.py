"""Opening clips of every kind, at exact times, and what becomes of those that cannot be opened."""

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import SampleError
from harness.frames import Timeline, open_clip
from harness.frames import _clip as limits
from harness.types import ClipData
from tests.frames.conftest import encoded, index_of, picture, sound, turned

STEADY = encoded([40 * i for i in range(40)])
VARYING = np.cumsum([0, *[10, 100, 33, 500, 7] * 6]).tolist()
Write = Callable[..., Path]


def opened(content: bytes, name: str = "clip.mp4") -> list[Image.Image]:
    with open_clip(ClipData(name, content)) as clip:
        return clip.frames(range(len(clip.timeline)))


def test_times_are_the_containers_also_where_the_rate_varies() -> None:
    for times, form in ((VARYING, "mp4"), ([time + 700 for time in VARYING], "matroska")):
        with open_clip(ClipData("vfr", encoded(times, form=form))) as clip:
            assert clip.timeline.times * 1000 == pytest.approx(np.array(VARYING), abs=0.5)
            assert clip.timeline.duration > clip.timeline.times[-1]
            assert [index_of(frame) for frame in clip.frames([30, 0, 17, 17])] == [30, 0, 17, 17]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 39), min_size=1, max_size=6))
def test_any_frames_come_in_the_order_asked_for_whatever_lies_between(indices: list[int]) -> None:
    with open_clip(ClipData("clip", STEADY)) as clip:
        assert [index_of(frame) for frame in clip.frames(indices)] == indices
        assert [index_of(frame) for frame in clip.frames(indices[::-1])] == indices[::-1]


def test_a_frame_is_reached_from_the_keyframe_before_it_and_nothing_else_is_decoded() -> None:
    from harness.frames._video import VideoClip

    with VideoClip("clip", encoded([40 * i for i in range(100)], gop=10)) as clip:
        clip.frames([95])
        assert clip.decoded <= 10
    with VideoClip("clip", encoded([40 * i for i in range(100)], gop=1000)) as clip:
        clip.frames([10, 30])
        assert clip.decoded <= 32, "frames that no other is predicted from are skipped, the rest is decoded once"


def test_decoding_is_what_decoding_everything_gives() -> None:
    with av.open(io.BytesIO(STEADY)) as container:
        expected = [frame.to_image() for frame in container.decode(video=0)]
    with open_clip(ClipData("clip", STEADY)) as clip:
        for index in (0, 7, 22, 39):
            assert np.array_equal(np.asarray(clip.frames([index])[0]), np.asarray(expected[index]))


def test_thumbnails_are_all_frames_once_in_order() -> None:
    with open_clip(ClipData("clip", STEADY)) as clip:
        clip.frames([20])
        thumbs = list(clip.thumbnails())
        assert len(thumbs) == 40
        assert thumbs[0].shape == (24, 32, 3)
        assert [index_of(thumb) for thumb in thumbs] == list(range(40))
        assert index_of(clip.frames([3])[0]) == 3


@pytest.mark.parametrize(("degrees", "size"), [(90, (48, 64)), (180, (64, 48)), (270, (48, 64))])
def test_a_clip_that_was_filmed_upright_is_shown_upright(degrees: int, size: tuple[int, int]) -> None:
    (frame,) = [f for i, f in enumerate(opened(turned(STEADY, degrees))) if i == 23]
    assert frame.size == size
    expected = Image.fromarray(picture(23)).rotate(-degrees, expand=True)
    assert np.abs(np.asarray(frame, int) - np.asarray(expected, int)).mean() < 4
    with open_clip(ClipData("turned", turned(STEADY, degrees))) as clip:
        thumb = list(clip.thumbnails())[23].astype(int)
    assert np.abs(thumb - np.asarray(expected.resize((32, 24)), int)).mean() < 6


def faststart(tmp_path: Path) -> bytes:
    """The steady clip with its index in front, so that a cut leaves a readable head."""
    target = tmp_path / "faststart.mp4"
    with av.open(io.BytesIO(STEADY)) as source, av.open(target, "w", options={"movflags": "faststart"}) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return target.read_bytes()


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    fast = faststart(tmp_path)
    damaged = bytearray(STEADY)
    start = STEADY.index(b"mdat") + 600
    damaged[start : start + 800] = bytes(800)
    for content, said in (
        (b"", "the file is empty"),
        (b"not a video " * 50, "cannot be opened"),
        (STEADY[: len(STEADY) // 2], "cannot be opened"),
        (fast[: int(len(fast) * 0.8)], "truncated: .* of the 40 frames"),
        (encoded([40 * i for i in range(100)], form="matroska")[:3000], "truncated: it ends at"),
        (sound(), "there is no video in it, only audio"),
        (bytes(damaged), "cannot be decoded|is corrupt"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile:///etc/passwd\n", "cannot be opened"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "cannot be opened"),
        (b"GIF89a\x01", "cannot be opened|not an image"),
        (b"\x89PNG\r\n\x1a\nrest", "cannot be opened|not an image|cannot be decoded"),
    ):
        with pytest.raises(SampleError, match=said):
            opened(content, "some.mp4")


def test_a_missing_file_and_a_folder_are_statuses(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="there is no such file"):
        open_clip(ClipData("gone.mp4", tmp_path / "gone.mp4"))
    with pytest.raises(SampleError, match="cannot be read"):
        open_clip(ClipData("folder", tmp_path))


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PIXELS", 1000)
    with pytest.raises(SampleError, match=r"64 × 48 px are more than"):
        opened(STEADY)
    monkeypatch.setattr(limits, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(limits, "MAX_FRAMES", 30)
    monkeypatch.setattr("harness.frames._video.MAX_FRAMES", 30)
    with pytest.raises(SampleError, match="more than 30 frames"):
        opened(STEADY)


def gif(durations: list[int]) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(picture(i)).quantize(64) for i in range(len(durations))]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, disposal=2)
    return buffer.getvalue()


def test_an_animated_gif_keeps_its_own_times() -> None:
    with open_clip(ClipData("a.gif", gif([100, 40, 500]))) as clip:
        assert clip.timeline.times.tolist() == pytest.approx([0.0, 0.1, 0.14])
        assert clip.timeline.duration == pytest.approx(0.64)
        assert [index_of(frame) for frame in clip.frames([2, 0, 1])] == [2, 0, 1]
        assert [index_of(thumb) for thumb in clip.thumbnails()] == [0, 1, 2]


def test_a_cut_gif_costs_its_sample() -> None:
    whole = gif([100] * 6)
    with pytest.raises(SampleError):
        opened(whole[: len(whole) // 2], "cut.gif")


def test_a_sequence_of_images_is_a_clip(tmp_path: Path) -> None:
    files = []
    for i in range(3):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(picture(i)).save(files[-1])
    with open_clip(ClipData("frames", tuple(files), rate=2.0)) as clip:
        assert clip.timeline.times.tolist() == [0.0, 0.5, 1.0]
        assert clip.timeline.duration == 1.5
        assert [index_of(frame) for frame in clip.frames([1, 1, 2])] == [1, 1, 2]
        assert len(list(clip.thumbnails())) == 3
        with pytest.raises(IndexError):
            clip.frames([3])
    files[1].write_bytes(b"no image")
    with open_clip(ClipData("frames", tuple(files), rate=2.0)) as clip, pytest.raises(SampleError, match=r"1\.png"):
        clip.frames([1])
    for broken, said in ((ClipData("frames", (), 2.0), "no frame"), (ClipData("frames", tuple(files)), "a second")):
        with pytest.raises(SampleError, match=said):
            open_clip(broken)


def test_the_frame_at_a_time_is_the_one_that_is_shown_then() -> None:
    timeline = Timeline(np.array([0.0, 0.5, 2.0]), 3.0)
    assert timeline.at([-1.0, 0.0, 0.4999, 0.5, 1.99, 2.0, 50.0]).tolist() == [0, 0, 0, 1, 1, 2, 2]
