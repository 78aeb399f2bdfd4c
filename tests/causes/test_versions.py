"""Versions are a change as others where an interpreter has the old ones; what it lacks is said at once."""

import os
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import harness
from harness.causes.environments import environment
from harness.errors import UsageError
from harness.record.lineage import machine
from tests.causes.conftest import Make

OURS = machine().packages["pillow"]
BROKEN_SINCE = """
from importlib.metadata import version

_answer = answer
BREAKS["version"] = 0.4


def answer(prompt, images, **options):
    right = _answer(prompt, images, **options)
    print("what a model prints is no answer")
    broken = version("pillow") != "1.0.0" and hit("version", re.search(r"\\d+ \\+ \\d+", prompt)[0])
    return str(int(right) + 1) if broken else right
"""
HARMLESS = {"channels": "bgr", "note": "new"}


def prepared(folder: Path, **versions: str) -> Path:
    """Make an environment with what is installed here, but for some versions; return where its packages lie."""
    venv.create(folder, with_pip=False, symlinks=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    for name, version in versions.items():
        told = own / f"{name}-{version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    # What lies in the environment itself is found before what is installed here.
    root = Path(harness.__file__).parents[1]
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r}); site.addsitedir({str(root)!r})"
    (own / "here.pth").write_text(here + "\n")
    return own


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return prepared(tmp_path / "old", pillow="1.0.0")


@pytest.fixture
def python(tmp_path: Path, old: Path) -> str:
    return str(tmp_path / "old" / "bin" / "python")


@contextmanager
def versions_of(packages: Path) -> Iterator[None]:
    """Have the versions of an environment in this process: what a run there says."""
    machine.cache_clear()
    sys.path.insert(0, str(packages))
    yield
    sys.path.remove(str(packages))
    machine.cache_clear()


def broken(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text(model.read_text() + BROKEN_SINCE.replace("\\\\", "\\"))


def test_versions_that_break_answers_are_found_and_told_with_both(
    made: Make, tmp_path: Path, old: Path, python: str, run_here
) -> None:
    broken(tmp_path)
    with versions_of(old):
        before = made()
    after = made(**HARMLESS)
    sides = (before.folder, after.folder, "--python", python, "-q")
    done = run_here("why", *sides)
    assert done.code == 0, done.err
    assert f"the cause is pillow (1.0.0 → {OURS})" in done.out
    assert "100%" in done.out.split(f"pillow (1.0.0 → {OURS}) ")[1].splitlines()[0]
    assert "asked 144 questions" in done.out
    assert f"--python {python} --take-back pillow" in done.out
    whole = run_here("why", *sides, "--take-back", "pillow")
    assert whole.code == 0, whole.err
    run = harness.load_run(whole.out.splitlines()[0].removeprefix("record: "))
    assert run.record.cached == 56  # those that were asked about already
    assert (run.metrics["add/exact_match"].value, run.record.machine.packages["pillow"]) == (1.0, "1.0.0")


def test_versions_that_do_nothing_are_not_named(made: Make, old: Path, python: str) -> None:
    with versions_of(old):
        before = made()
    after = made(bits=8)
    found = harness.why(before, after, python=python)
    assert [cause.change.name for cause in found.found] == ["options.bits"]
    assert [cause.effect.value for cause in found.causes if cause.change.name == "pillow"] == [0]
    assert found.asked.questions > 0


def test_what_the_environment_lacks_or_has_besides_is_said_before_anything_is_asked(
    made: Make, tmp_path: Path, old: Path, python: str, run_here
) -> None:
    with versions_of(old):
        before = made()
    after = made(note="new")
    with pytest.raises(
        UsageError, match=r"has nothing of what the baseline had: pillow 1.0.0; .* install pillow==1.0.0"
    ):
        harness.why(before, after, python=sys.executable)
    with pytest.raises(UsageError, match="the same versions of all that is recorded; leave out --python"):
        harness.why(after, after, python=python)
    with pytest.raises(UsageError, match="cannot be started: No such file"):
        harness.why(before, after, python=tmp_path / "none")
    prepared(tmp_path / "more", pillow="1.0.0", peft="0.1.0")
    done = run_here("why", before.folder, after.folder, "--dry-run", "--python", tmp_path / "more" / "bin" / "python")
    assert done.code == 0, done.err
    assert f"pillow (1.0.0 → {OURS})" in done.out
    assert "also has peft 0.1.0 (both runs: " in done.out


def test_an_interpreter_without_this_harness_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    with pytest.raises(UsageError, match=r"has no harness: .* -m pip install "):
        environment(tmp_path / "bare" / "bin" / "python")
    old = tmp_path / "code" / "harness"
    old.mkdir(parents=True)
    (old / "__init__.py").write_text('__version__ = "0.0.1"')
    monkeypatch.setenv("PYTHONPATH", os.fspath(old.parent))
    with pytest.raises(UsageError, match=r"has harness 0\.0\.1, and this is"):
        environment(tmp_path / "bare" / "bin" / "python")
