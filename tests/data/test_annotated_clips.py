"""Annotations of clips in the layouts of the public datasets, written here in small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.errors import ConfigError, SampleError
from harness.frames import open_clip
from harness.registry import registry
from harness.types import Sample

Write = Callable[..., Path]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    def make(type_: str, **keys: Any) -> Any:
        factory = registry("datasets").load(type_)
        return factory.from_config(factory.Config(**keys), tmp_path, (tmp_path,))

    return make


def test_a_users_own_file_gives_answers_windows_or_both(read: Callable[..., Any], write: Write) -> None:
    rows: list[Any] = [
        {"id": "q1", "clip": "a.mp4", "question": "When?", "spans": [[1, 2.5]], "duration": 9, "tags": {"k": 1}},
        {"clip": "a.mp4", "question": "Who?", "answers": ["Ann", 7], "evidence_frames": [0.25, 4]},
        {"clip": "b.gif", "question": "What?", "answer": "red", "cluster": "c"},
        {"clip": "b.gif", "question": "When?"},
        {"clip": "b.gif", "question": "When?", "spans": [[3, 2]]},
        {"clip": "b.gif", "question": "When?", "spans": [[0, True]]},
        {"question": "When?", "spans": [[0, 1]]},
        ["no object"],
    ]
    write("clips.jsonl", "\n".join(map(json.dumps, rows)) + "\n\nnot json\n")
    first, second, third, *bad = read("video", path="clips.jsonl")
    assert (first.id, first.references, first.spans) == ("q1", ("[[1.0, 2.5]]",), ((1.0, 2.5),))
    assert json.loads(first.evidence) == {"spans": [[1.0, 2.5]], "duration": 9.0}
    assert (first.tags, first.cluster) == ({"k": "1"}, "a.mp4")
    assert second.references == ("Ann", "7")
    assert second.spans == ((0.0, 0.75), (3.5, 4.5))
    assert json.loads(second.evidence) == {"spans": [[0.0, 0.75], [3.5, 4.5]]}
    assert (third.evidence, third.spans, third.cluster) == (None, (), "c")
    assert [sample.problem.split(": ", 1)[0] for sample in bad] == [f"clips.jsonl:{n}" for n in (4, 5, 6, 7, 8, 10)]
    assert "does not end after it starts" in bad[1].problem


def test_an_id_that_stands_twice_is_refused_before_the_run(read: Callable[..., Any], write: Write) -> None:
    row = json.dumps({"id": "q", "clip": "a.mp4", "question": "Who?", "answer": "Ann"})
    write("clips.jsonl", f"{row}\n{row}\n")
    with pytest.raises(ConfigError, match="the id 'q' stands at more than one question"):
        read("video", path="clips.jsonl")
    assert len(read("video", path="clips.jsonl", limit=1)) == 1


def test_a_line_ends_at_a_newline_and_at_no_other_character(read: Callable[..., Any], write: Write) -> None:
    odd = "Who?\u2028She\x85\x1c"
    rows = [
        {"clip": "a.mp4", "question": odd, "answer": "Ann"},
        {"clip": "a.mp4", "question": "When?", "answer": "now"},
    ]
    write("clips.jsonl", "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    assert [sample.question for sample in read("video", path="clips.jsonl")] == [odd, "When?"]
    write("clips.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in [*rows, ["no object"]]))
    *_, bad = read("video", path="clips.jsonl")
    assert bad.problem.startswith("clips.jsonl:3: ")


def test_a_folder_of_frames_is_a_clip_and_nothing_outside_the_roots_is(
    read: Callable[..., Any], write: Write, tmp_path: Path
) -> None:
    for i in range(3):
        (tmp_path / "frames").mkdir(exist_ok=True)
        Image.new("RGB", (8, 6), (i * 40, 0, 0)).save(tmp_path / "frames" / f"{i}.png")
    rows = [
        {"clip": "frames", "rate": 2, "question": "q", "answer": "a"},
        {"clip": "../x.mp4", "question": "q", "answer": "a"},
    ]
    write("clips.jsonl", "\n".join(map(json.dumps, rows)))
    inside, outside = read("video", path="clips.jsonl")
    with open_clip(inside.clip.fetch()) as clip:
        assert clip.timeline.duration == 1.5
    with pytest.raises(SampleError, match="lies outside"):
        outside.clip.fetch()
    with pytest.raises(ConfigError, match="null byte"):
        read("video", path="clips\0.jsonl")
    write("null.jsonl", json.dumps({"clip": "a\0.mp4", "question": "q", "answer": "a"}))
    (null,) = read("video", path="null.jsonl")
    with pytest.raises(SampleError, match="null byte"):
        null.clip.fetch()
    (tmp_path / "empty").mkdir()
    write("empty.jsonl", json.dumps({"clip": "empty", "question": "q", "answer": "a"}))
    (empty,) = read("video", path="empty.jsonl")
    with pytest.raises(SampleError, match="no frame in this folder"):
        empty.clip.fetch()


def test_qvhighlights(read: Callable[..., Any], write: Write) -> None:
    rows: list[dict[str, Any]] = [
        {"qid": 7, "query": "A man walks.", "vid": "abc_60.0_210.0", "duration": 150,
         "relevant_windows": [[2, 8], [20, 24]], "relevant_clip_ids": [1, 2, 3], "saliency_scores": [[4, 4, 2]] * 3},
        {"qid": 8, "query": "No windows.", "vid": "abc_60.0_210.0", "duration": 150},
        {"qid": 9, "query": "No clip.", "duration": 150, "relevant_windows": [[2, 8]]},
    ]  # fmt: skip
    write("val.jsonl", "\n".join(map(json.dumps, rows)))
    good, unscored, broken = read("qvhighlights", path="val.jsonl", clips="videos")
    assert (good.id, good.question, good.spans) == ("qid-7", "A man walks.", ((2.0, 8.0), (20.0, 24.0)))
    assert good.clip.path.parts[-2:] == ("videos", "abc_60.0_210.0.mp4")
    assert json.loads(good.references[0]) == [[2.0, 8.0], [20.0, 24.0]]
    assert "no list" in unscored.problem
    assert "the key 'vid' is missing" in broken.problem


def test_charades_sta(read: Callable[..., Any], write: Write) -> None:
    write("test.txt", "3MSZA 24.3 30.4##person turn a light on.\nXYZ12 5 5##nothing.\nno windows\n")
    good, empty, broken = read("charades_sta", path="test.txt", clips="v")
    assert (good.question, good.spans, good.clip.path.name) == ("person turn a light on.", ((24.3, 30.4),), "3MSZA.mp4")
    assert "does not end after it starts" in empty.problem
    assert "not of the form" in broken.problem


HEAD = "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4"


def test_next_gqa(read: Callable[..., Any], write: Write) -> None:
    write("val.csv", f"{HEAD}\n11,900,640,480,why did he go,unwrap it,1,CW,share,approach,unwrap it,play,wave\n"
                     "11,900,640,480,what then,rest,2,TN,a,b,c,d,rest\n"
                     "12,900,640,480,who,nobody,0,TC,a,b,c,d,e\n")  # fmt: skip
    write("gsub.json", json.dumps({"11": {"duration": 30.5, "location": {"1": [[2, 5.5]]}},
                                   "12": {"duration": 30.5, "location": {"0": [[2, 5.5]]}}}))  # fmt: skip
    write("map.json", json.dumps({"11": "1164/11"}))
    good, broken = read("next_gqa", path="val.csv", windows="gsub.json", map="map.json", clips="videos")
    assert (good.id, good.references, good.spans) == ("11_1", ("unwrap it", "C"), ((2.0, 5.5),))
    assert good.clip.path.parts[-3:] == ("videos", "1164", "11.mp4")
    assert good.tags["options"].splitlines()[2] == "C. unwrap it"
    assert json.loads(good.evidence)["duration"] == 30.5
    assert "not one of the options" in broken.problem


@pytest.mark.parametrize(
    ("type_", "content", "keys", "said"),
    [
        ("video", None, {}, "there is no file"),
        ("video", "\n\n", {}, "has no questions"),
        ("next_gqa", "a,b\n1,2\n", {"windows": "w.json"}, "not in this layout: the column"),
        ("next_gqa", HEAD, {"windows": "gone.json"}, "there is no file"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_a_mistake_in_the_suite(
    read: Callable[..., Any], write: Write, type_: str, content: str | None, keys: dict[str, Any], said: str
) -> None:
    if content is not None:
        write("a.txt", content)
    write("w.json", "{}")
    with pytest.raises(ConfigError, match=said):
        read(type_, path="a.txt", **keys)


def test_the_hash_follows_the_annotations_and_a_limit_takes_the_first(read: Callable[..., Any], write: Write) -> None:
    write("test.txt", "A 1 2##a.\nB 1 2##b.\n")
    whole, part = read("charades_sta", path="test.txt"), read("charades_sta", path="test.txt", limit=1)
    assert [len(whole), len(part)] == [2, 1]
    assert isinstance(next(iter(part)), Sample)
    assert whole.content_hash() != part.content_hash()
    write("test.txt", "A 1 2##a.\nB 1 3##b.\n")
    assert read("charades_sta", path="test.txt").content_hash() != whole.content_hash()
