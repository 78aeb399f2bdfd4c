"""Tables and folders of the user's own: what each row becomes, and what becomes of rows that are broken."""

import base64
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data._cells import HeldImage
from harness.errors import ConfigError
from tests.data.conftest import picture

CSV = (
    "\ufeffid,image,question,answer,options\r\n"
    '1,img/a.png,"How many, in all?",2,"[""1"",""2""]"\r\n'
    '007,img/b.png,"Line one\nline two?",NA,\r\n'
)


def test_a_csv_keeps_every_cell_as_it_stands(opened, write) -> None:
    write("rows.csv", CSV)
    write("img/a.png", picture())
    write("img/b.png", picture("blue"))
    first, second = opened("csv", "rows.csv", fields={"choices": "options"})
    assert (first.id, first.question, first.references) == ("1", "How many, in all?", ("2",))
    assert first.facts == {"choices": ["1", "2"]}
    assert (second.id, second.question, second.references) == ("007", "Line one\nline two?", ("NA",))
    assert (first.cluster, second.cluster) == ("img/a.png", "img/b.png")
    assert (first.origin, second.origin) == ("rows.csv:2", "rows.csv:3")
    assert second.images[0].load().getpixel((0, 0)) == (0, 0, 255)


def test_several_columns_may_be_one_thing_and_the_answer_a_letter_or_a_number(opened, write) -> None:
    write("rows.csv", "q,A,B,C,right,year,source\nWhich?,red,blue,,B,2001,web\n")
    fields = {"question": "q", "answer": "right", "choices": ["A", "B", "C"], "tags": ["year", "source"]}
    (sample,) = opened("csv", "rows.csv", fields=fields, answer_is="letter")
    assert sample.references == ("B", "blue")
    assert sample.facts == {"choices": ["red", "blue"]}
    assert sample.tags == {"year": "2001", "source": "web"}
    write("rows.csv", "q,A,B,C,right,year,source\nWhich?,red,blue,,1,2001,web\n")
    assert [one.references for one in opened("csv", "rows.csv", fields=fields, answer_is="index")] == [("B", "blue")]
    assert [one.references for one in opened("csv", "rows.csv", fields=fields, answer_is="index1")] == [("A", "red")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("q,D,red,blue", "the answer 'D' is none of the options"),
        ("q,,red,blue", "'answer' is missing or empty"),
        ("q,A,red", "3 cells under 4 columns"),
        ('q,"A,red,blue\n', "2 cells under 4 columns"),
    ],
)
def test_a_broken_row_is_named_with_its_line_or_left_out_and_counted(opened, write, row: str, said: str) -> None:
    write("rows.csv", f"question,answer,A,B\nq,A,red,blue\n{row}\n")
    keys = {"fields": {"choices": ["A", "B"]}, "answer_is": "letter"}
    good, broken = opened("csv", "rows.csv", **keys)
    assert good.problem is None
    assert broken.problem.startswith("rows.csv:3: ")
    assert said in broken.problem
    left = opened("csv", "rows.csv", on_broken="skip", **keys)
    assert [one.id for one in left] == [good.id]
    assert len(left) == 1
    assert left.skipped == (1, broken.problem)


def test_bytes_that_are_no_text_cost_their_row(opened, write) -> None:
    write("rows.csv", b"question,answer\nq,a\nq,\xff\nq,c\n")
    said = "rows.csv:3: not UTF-8; save it as UTF-8 (iconv -f LATIN1 -t UTF-8)"
    assert [one.problem for one in opened("csv", "rows.csv")] == [None, said, None]


@pytest.mark.parametrize(
    ("text", "keys", "said"),
    [
        (b"question,answer,mood\nq,a,mild\n", {}, "columns that nothing reads: 'mood'"),
        (b"question,answer\nq,a\n", {"fields": {"image": "picture"}}, "no column 'picture'"),
        (b"query,answer\nq,a\n", {}, "no column 'question'; there are 'query', 'answer'"),
        (b"question,answer,answer\nq,a,b\n", {}, "two columns are called 'answer'"),
        (b"question,answer\n", {}, "has no rows"),
        ("question,answer\nq,a\n".encode("utf-16"), {}, "UTF-16"),
        (b"id,question,answer\n1,q,a\n1,q,b\n", {}, "rows.csv:3: the id '1' stands at rows.csv:2 already"),
        (b"\x80\x04}q\x00.", {}, "is a pickle"),
        (b"question,answer,image\nq,a,gone.png\n", {}, "the pictures are not there"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_before_the_run(opened, write, text, keys, said: str) -> None:
    write("rows.csv", text)
    with pytest.raises(ConfigError, match=said):
        opened("csv", "rows.csv", **keys)


def test_a_pickle_is_refused_with_the_command_that_converts_it(opened, write) -> None:
    write("refs(unc).p", b"(lp0\n.")
    with pytest.raises(ConfigError) as caught:
        opened("csv", "refs(unc).p")
    assert "python -c 'import json, pickle" in caught.value.issues[0].hint


def test_a_link_that_leads_out_of_the_folder_is_not_followed(opened, write, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rows.csv"
    outside.write_text("question,answer\nq,a\n")
    (write("data/notes.txt", "").parent / "rows.csv").symlink_to(outside)
    with pytest.raises(ConfigError, match="lies outside"):
        opened("csv", "data")


def test_other_columns_are_facts_or_nothing_where_the_suite_says_so(opened, write) -> None:
    write("rows.tsv", 'question\tanswer\tmood\tboxes\nq\ta\tmild\t"[[0,0,2,2]]"\n')
    (kept,) = opened("tsv", "rows.tsv", extra="allow")
    assert kept.facts == {"mood": "mild", "boxes": [[0, 0, 2, 2]]}
    (dropped,) = opened("tsv", "rows.tsv", extra="ignore")
    assert dropped.facts == {"boxes": [[0, 0, 2, 2]]}


FEATURES = {"info": {"features": {
    "image": {"_type": "Image"}, "kind": {"_type": "ClassLabel", "names": ["human", "machine"]},
    "frames": {"_type": "List", "feature": {"_type": "Image"}}, "answer": {"_type": "Value", "dtype": "string"},
}}}  # fmt: skip


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of a split as the Hub names them, and one of another."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/b.png").write_bytes(picture("blue"))
    held = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([
        ("id", pa.string()), ("question", pa.string()), ("answer", pa.string()), ("image", held), ("kind", pa.int64()),
    ]).with_metadata({"huggingface": json.dumps(FEATURES)})  # fmt: skip
    rows = [
        {"id": "01", "question": "q", "answer": "a", "image": {"bytes": picture(), "path": "a.png"}, "kind": 1},
        {"id": "2", "question": "q", "answer": "b", "image": {"bytes": None, "path": "images/b.png"}, "kind": 0},
        {"id": "3", "question": "q", "answer": None, "image": None, "kind": -1},
    ]
    for name, some in (("train-00000-of-00002", rows[:2]), ("train-00001-of-00002", rows[2:]), ("test", rows[:1])):
        (tmp_path / "data").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(some, schema=schema), tmp_path / f"data/{name}.parquet")
    return tmp_path


def test_parquet_shards_are_one_split_with_images_and_names_of_classes(opened, shards: Path) -> None:
    dataset = opened("parquet", split="train", fields={"tags": ["kind"]})
    first, second, third = dataset
    assert len(dataset) == 3
    assert [one.tags for one in (first, second)] == [{"kind": "machine"}, {"kind": "human"}]
    assert (first.id, first.references) == ("01", ("a",))
    assert isinstance(first.images[0], HeldImage)
    assert [one.images[0].load().getpixel((0, 0)) for one in (first, second)] == [(255, 0, 0), (0, 0, 255)]
    assert first.cluster != second.cluster == "images/b.png"
    assert third.problem.startswith("train-00001-of-00002.parquet[0]: 'answer' is missing or empty")


def test_which_split_is_meant_is_asked_for(opened, shards: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        opened("parquet", fields={"tags": ["kind"]})
    assert caught.value.issues[0].hint == "add `split:` test, train"
    with pytest.raises(ConfigError, match="has no split 'val'"):
        opened("parquet", split="val")


def test_a_shard_that_is_cut_off_is_named(opened, shards: Path) -> None:
    file = shards / "data/test.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\0" * 200 + content[204:])  # the pages, not the footer
    (sample,) = opened("parquet", split="test", fields={"tags": ["kind"]})
    assert sample.problem.startswith("test.parquet[0]: row group 0 cannot be read")
    file.write_bytes(content[:-20])
    with pytest.raises(ConfigError, match="has no split 'test'"):
        opened("parquet", split="test")


def test_an_arrow_folder_is_read_with_the_rows_that_its_indices_pick(opened, tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "c"], "question": ["q"] * 3, "answer": ["1", "2", "3"]})
    folder = tmp_path / "saved"
    folder.mkdir()
    state: dict[str, object] = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    _stream(folder / "data-00000-of-00001.arrow", table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))
    (folder / "state.json").write_text(json.dumps(state))
    assert [one.id for one in opened("parquet", "saved")] == ["a", "b", "c"]
    _stream(folder / "indices.arrow", pa.table({"indices": pa.array([2, 0], pa.uint64())}))
    (folder / "state.json").write_text(json.dumps({**state, "_indices_files": [{"filename": "indices.arrow"}]}))
    dataset = opened("parquet", "saved")
    assert [(one.id, one.references) for one in dataset] == [("c", ("3",)), ("a", ("1",))]
    assert len(dataset) == 2
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../saved/x.arrow"}]}))
    with pytest.raises(ConfigError, match="outside its folder"):
        opened("parquet", "saved")


def _stream(file: Path, table: pa.Table) -> None:
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)


def test_a_folder_of_classes_gives_each_image_the_name_of_its_folder(opened, write) -> None:
    for name in ("train/green/1.png", "train/red/1.jpg", "train/red/2.png", "val/red/1.png"):
        write(name, picture(name.split("/")[1]))
    write("train/notes.txt", "none of them")
    dataset = opened("image_folder", split="train", question="Which colour?")
    assert [(one.id, one.references, one.facts) for one in dataset] == [
        ("train/green/1.png", ("green",), {"label": "green", "choices": ["green", "red"]}),
        ("train/red/1.jpg", ("red",), {"label": "red", "choices": ["green", "red"]}),
        ("train/red/2.png", ("red",), {"label": "red", "choices": ["green", "red"]}),
    ]
    before = dataset.content_hash()
    write("train/red/2.png", picture("blue"))
    edited = opened("image_folder", split="train", question="Which colour?")
    assert dataset.marks().differences(edited.marks()).changed == {"train/red/2.png": ("media",)}
    write("train/red/2.png", picture("red"))
    assert opened("image_folder", split="train", question="Which colour?").content_hash() == before
    write("train/red/3.png", picture())
    assert opened("image_folder", split="train", question="Which colour?").content_hash() != before
    with pytest.raises(ConfigError, match="no column has a question"):
        opened("image_folder", split="train")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_says_what_each_image_of_a_folder_is(opened, write, kind: str) -> None:
    write("test/0001.png", picture())
    write("test/sub/0002.png", picture("blue"))
    rows = {
        "csv": 'file_name,text\n0001.png,"two, one red"\nsub/0002.png,one\n',
        "jsonl": '{"file_name": "0001.png", "text": "two, one red", "objects": {"bbox": [[1, 2, 3, 4]], '
        '"categories": [5]}}'
        '\n{"file_name": "sub/0002.png", "text": "one", "objects": {"bbox": [], "categories": []}}\n',
    }
    write(f"test/metadata.{kind}", rows[kind])
    first, second = opened("image_folder", question="What?", fields={"answer": "text"})
    assert [(one.id, one.references) for one in (first, second)] == [
        ("0001.png", ("two, one red",)),
        ("sub/0002.png", ("one",)),
    ]
    assert second.images[0].load().getpixel((0, 0)) == (0, 0, 255)
    if kind == "jsonl":
        assert first.facts == {"boxes": [{"box": [1, 2, 4, 6], "label": "5"}]}
    write("test/metadata." + {"csv": "jsonl", "jsonl": "csv"}[kind], "file_name,text\n0001.png,x\n")
    with pytest.raises(ConfigError, match="several kinds of metadata"):
        opened("image_folder", question="What?", fields={"answer": "text"})


def test_jsonl_takes_images_as_base64_and_as_addresses_of_data(opened, write) -> None:
    encoded = base64.b64encode(picture("lime", (32, 32))).decode()
    rows = [
        {"question": "q", "answers": ["a", "b"], "image": f"data:image/png;base64,{encoded}", "choices": ["a", "c"]},
        {"question": "q", "answer": "a", "images": [encoded, encoded]},
        {"question": "q", "answer": "a", "image": "data:image/png;base64,AA="},
        {"question": "q", "answer": "a", "image": "https://example.org/a.png"},
    ]
    write("rows.jsonl", "\n".join(map(json.dumps, rows)))
    first, second, broken, remote = opened("jsonl", "rows.jsonl")
    assert first.images[0].load().getpixel((0, 0)) == (0, 255, 0)
    assert (first.references, first.facts) == (("a", "b"), {"choices": ["a", "c"]})
    assert second.cluster == f"{first.cluster}|{first.cluster}"
    assert "rows.jsonl:3: an image is no whole base64" in broken.problem
    assert "nothing is fetched over the network" in remote.problem


def test_a_run_on_a_csv_and_a_folder_of_pictures(run_here, write, tmp_path: Path) -> None:
    write("rows.csv", CSV)
    write("img/a.png", picture())
    write("img/b.png", picture("blue"))
    write(
        "suite.yaml",
        "suite: s\nversion: 1\ndatasets:\n  rows: {type: csv, path: rows.csv, fields: {choices: options}}\n"
        "tasks:\n  qa: {kind: qa, dataset: rows, metrics: [exact_match]}\n",
    )
    done = run_here("run", tmp_path / "suite.yaml", "-a", "mock", "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "qa/exact_match" in done.out
