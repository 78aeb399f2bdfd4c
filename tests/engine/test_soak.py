"""A round of each kind of the soak that `make soak` makes for twenty minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.soak import rounds
from benchmarks.soak.__main__ import ORDER, soak, table
from benchmarks.soak.rounds import Soak, Tally


def test_a_short_soak_loses_mixes_and_hangs_nothing() -> None:
    tallies = soak(minutes=0, kills=0, seed=19, rounds=5)
    assert {name: one.rounds for name, one in tallies.items()} == dict.fromkeys(ORDER[:5], 1)
    assert all(one.sound for one in tallies.values()), table(tallies)
    assert tallies["kill"].kills >= 1


@pytest.fixture
def home(run_here, tmp_path: Path, plug_in) -> Iterator[Path]:
    """A folder of a round whose run is complete."""
    plug_in("adapters", "soak", "benchmarks.soak.victim:Answering")
    rounds._lay_out(tmp_path / "home", "", pictures=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "home")
        patch.setenv("SOAK_MODEL", "a")
        assert run_here("run", "suite.yaml", "-a", "a.yaml", "-o", "runs", "-q", "--no-report").code == 0
        yield tmp_path / "home"


@pytest.mark.parametrize("fault", ["none", "lost", "mixed", "twice"])
def test_the_soak_sees_what_it_looks_for(home: Path, fault: str) -> None:
    (folder,) = (home / "runs").iterdir()
    if fault == "lost":
        (folder / "run.json").unlink()
    if fault == "mixed":
        rows = rounds._rows(home)
        rows[0]["answer"] = "2"
        rounds._write(home, rows)
    if fault == "twice":
        log = home / "asked.log"
        log.write_text(log.read_text() * 2)
    tally, work = Tally(), Soak.__new__(Soak)
    work._read(home, tally, ["a"], batches=2)
    seen = {"lost": tally.lost, "mixed": tally.mixed, "twice": tally.twice}
    assert [name for name, count in seen.items() if count] == ([] if fault == "none" else [fault])
    assert tally.sound is (fault == "none")
