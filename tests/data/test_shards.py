"""Shards give the same rows whether their headers are plain, and read at once, or anything that `tarfile` knows."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data._shards import ShardTable, _counted, _told
from tests.data.test_layouts import LAYOUTS

NAMES = st.text("abcXYZ019é_-", min_size=1, max_size=12)
MEMBERS = st.lists(
    st.tuples(st.sampled_from(["", "a/", "deep/er/", "x" * 70 + "/" + "y" * 40 + "/"]), NAMES,
              st.sampled_from(["jpg", "JSON", "txt", "seg.png", "cls", "pkl", ""]), st.binary(max_size=1500)),
    max_size=12,
)  # fmt: skip


def shard(file: Path, members: list[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT, mode: str = "w") -> Path:
    with tarfile.open(file, mode, format=form) as tar:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file


def rows(file: Path, light: bool = False) -> list[tuple[str, dict, str]]:
    return [(one.origin, dict(one.row), one.problem) for one in ShardTable([file]).rows(light=light)]


def by_tarfile(file: Path, light: bool = False) -> list[tuple[str, dict, str]]:
    table = ShardTable([file])
    table._counts = {file: None}
    return [(one.origin, dict(one.row), one.problem) for one in table.rows(light=light)]


@given(members=MEMBERS, light=st.booleans())
def test_a_plain_shard_is_read_as_tarfile_reads_it(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, str, bytes]], light: bool
) -> None:
    told = [
        (f"{folder}{name}.{ending}" if ending else folder + name, content) for folder, name, ending, content in members
    ]
    told = [(name, b'{"a": 1}' if name.endswith("JSON") else content) for name, content in told]
    file = shard(tmp_path_factory.mktemp("shards") / "s.tar", told)
    assert _counted(file) is not None
    assert rows(file, light) == by_tarfile(file, light)
    assert len(ShardTable([file])) == len(by_tarfile(file))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_other_forms_are_left_to_tarfile(tmp_path: Path, form: int) -> None:
    file = shard(tmp_path / "s.tar", [(f"{'n' * 150}/1.txt", b"one"), (f"{'n' * 150}/2.txt", b"two")], form)
    assert _counted(file) is None
    assert [row["txt"] for _, row, _ in rows(file)] == ["one", "two"]
    packed = shard(tmp_path / "s.tar.gz", [("1.txt", b"one")], mode="w:gz")
    assert [row["txt"] for _, row, _ in rows(packed)] == ["one"]


def test_folders_and_names_of_no_encoding_are_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "s.tar"
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        info = tarfile.TarInfo("a/\udcff.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"one"))
    assert rows(file) == by_tarfile(file)
    assert len(ShardTable([file])) == 1


def test_a_shard_that_breaks_off_or_changes_costs_what_is_missing(tmp_path: Path) -> None:
    file = shard(tmp_path / "s.tar", [(f"{n}.txt", b"x" * 600) for n in range(4)])
    whole = file.read_bytes()
    file.write_bytes(whole[:3000])
    found = rows(file)
    assert [bool(problem) for *_, problem in found] == [False, True]
    assert "the shard breaks off here" in found[-1][2]
    file.write_bytes(whole)
    table = ShardTable([file])
    assert len(table) == 4
    file.write_bytes(whole[: 3 * 1536] + b"garbage" * 300)
    changed = list(table.rows())
    assert "no longer" in changed[-1].problem or "is not what it was" in changed[-1].problem
    assert [one.row.get("txt", "")[:1] for one in changed[:2]] == ["x", "x"]


def test_a_header_with_one_wrong_bit_is_no_plain_one(tmp_path: Path) -> None:
    file = shard(tmp_path / "s.tar", [("1.txt", b"one")])
    header = file.read_bytes()[:512]
    assert _told(header) == ("1.txt", 3, True)
    for place in (0, 5, 124, 200, 300):
        wrong = bytearray(header)
        wrong[place] ^= 1
        assert _told(bytes(wrong)) is None
    assert _told(header[:300]) is None


def test_the_small_sets_shards_are_plain_and_give_the_same_both_ways() -> None:
    files = sorted((LAYOUTS / "webdataset").rglob("*.tar"))
    assert files
    for file in files:
        assert rows(file) == by_tarfile(file)
