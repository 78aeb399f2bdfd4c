"""What the docs and `harness doctor` say that INT8 gains is what was measured."""

from pathlib import Path

import pytest

from harness.cli import doctor
from harness.quantise import measured
from harness.quantise.measured import KINDS, Gain, kind_here, machine_like

PAGE = Path(__file__).parents[2] / "docs" / "latency.md"


def shown(gain: Gain | None) -> str:
    if gain is None:
        return "–"
    interval = "" if gain.low is None else f" [{gain.low:.2f}, {gain.high:.2f}]"
    runtime = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}[gain.runtime]
    return f"{gain.ratio:.2f}{interval} {runtime}, `{gain.recipe}`"


def test_the_docs_name_the_better_runtime_of_each_model_on_each_kind_of_cpu() -> None:
    best = {kind: {gain.model: gain for gain in machine_like(kind).best()} for kind in KINDS}
    rows = [
        f"| {model} | {' | '.join(shown(best[kind].get(model)) for kind in KINDS)} |"
        for model in dict.fromkeys(gain.model for kind in KINDS for gain in machine_like(kind).gains)
    ]
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(rows) in page, "\n".join(rows)
    assert all(machine_like(kind).name in page for kind in KINDS)


@pytest.mark.parametrize(
    ("flags", "machine", "kind"),
    [
        ({"avx2"}, "x86_64", "plain"),
        ({"avx2", "avx_vnni"}, "AMD64", "vnni"),
        ({"avx512_vnni", "amx_int8"}, "x86_64", "amx"),
        ({"asimddp"}, "aarch64", None),
        (set(), "x86_64", None),
    ],
)
def test_a_machine_is_of_the_kind_that_its_instructions_say(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], machine: str, kind: str | None
) -> None:
    monkeypatch.setattr("harness.cpu.cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(measured, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert kind_here() == kind


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_says_what_a_machine_of_this_kind_will_see(kind: measured.Kind) -> None:
    machine = machine_like(kind)
    said = doctor._gains(machine)
    assert machine.name in said
    assert said.count("×") == len({gain.model for gain in machine.gains})
    top = max(machine.gains, key=lambda gain: gain.ratio)
    assert f"{top.model} {top.ratio:.1f} × ({top.runtime}, recipe {top.recipe})" in said
