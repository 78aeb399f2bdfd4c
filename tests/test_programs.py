"""What the tests do without, and what the gates do not do without."""

from pathlib import Path

import pytest

from tests.programs import program

ROOT = Path(__file__).resolve().parents[1]


def test_a_program_is_found_under_any_of_its_names() -> None:
    assert Path(program("no-such-program", "sh", get="")).name == "sh"


def test_without_a_program_a_test_is_left_out_with_its_name_and_how_to_get_it(monkeypatch) -> None:
    monkeypatch.delenv("HARNESS_REQUIRE_PROGRAMS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no one or other on the PATH: apt-get install one"):
        program("one", "other", get="apt-get install one")


def test_where_programs_are_demanded_a_test_that_misses_one_fails(monkeypatch) -> None:
    monkeypatch.setenv("HARNESS_REQUIRE_PROGRAMS", "1")
    with pytest.raises(pytest.fail.Exception, match="HARNESS_REQUIRE_PROGRAMS is set: apt-get install one"):
        program("one", get="apt-get install one")


@pytest.mark.parametrize("gate", [".ci/run", ".github/workflows/ci.yml"])
def test_the_gates_demand_every_program(gate: str) -> None:
    assert "HARNESS_REQUIRE_PROGRAMS" in (ROOT / gate).read_text(encoding="utf-8")
