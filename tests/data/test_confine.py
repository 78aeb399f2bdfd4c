"""A picture's path stays under the folders that a suite may read, links followed, whatever is set anew meanwhile."""

from pathlib import Path

import pytest

from harness.data import FileImage, confine
from harness.errors import SampleError


@pytest.mark.parametrize("name", ["a.png", "deep/er/a.png", ".", "deep/../a.png", "missing.png"])
def test_what_lies_under_a_root_is_resolved(tmp_path: Path, name: str) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for _ in range(2):
        assert confine(tmp_path / name, (tmp_path,)) == (tmp_path / name).resolve()


@pytest.mark.parametrize("name", ["../a.png", "../root-of-others/a.png", "link/a.png", "deep/../../a.png"])
def test_what_lies_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    assert confine(root / "a.png", (root,))
    with pytest.raises(SampleError, match="lies outside"):
        confine(root / name, (root,))


def test_the_whole_file_system_may_be_a_root(tmp_path: Path) -> None:
    assert confine(tmp_path / "a.png", (Path("/"),)) == (tmp_path / "a.png").resolve()


def test_a_root_that_points_elsewhere_since_is_followed_anew(tmp_path: Path) -> None:
    root = tmp_path / "now"
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        root.unlink(missing_ok=True)
        root.symlink_to(tmp_path / version)
        assert confine(root / "a.png", (root,)) == tmp_path.resolve() / version / "a.png"


def test_a_root_without_a_place_of_its_own_starts_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    assert confine(Path("a.png"), (Path(),)) == tmp_path.resolve() / "one" / "a.png"
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(SampleError, match="lies outside"):
        confine(tmp_path / "one" / "a.png", (Path(),))


def test_a_link_to_itself_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("a.png")
    with pytest.raises(SampleError, match=r"a\.png"):
        FileImage(tmp_path / "a.png", (tmp_path,)).load()
