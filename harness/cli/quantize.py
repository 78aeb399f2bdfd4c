"""``harness quantize``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from harness.errors import ExitCode
from harness.extras import install

if TYPE_CHECKING:
    from harness.quantise.inputs import Prepare
    from harness.quantise.trial import Trial

_RECIPES: Final = ("auto", "transformer", "cnn", "openvino", "weight-only-8", "weight-only-4", "kv-cache-8")
_CACHED: Final = _RECIPES[-1]
_WEIGHTS: Final = ("int8", "int7", "uint8")
_EPILOG: Final = """\b
Examples:
  harness quantize encoder.onnx                                     # the recipe for its kind
  harness quantize cnn.onnx --calibration calibration.npz --evaluation held-out.npz
  harness quantize cnn.onnx --calibration photos --evaluation others --like my-classifier.yaml
  harness quantize encoder.onnx --recipe openvino --calibration calibration.npz
  harness quantize encoder.onnx --recipe auto --plot pareto.png --json
  harness quantize decoder_model_merged_q4.onnx --recipe kv-cache-8 # after weight-only-4, or alone
  harness quantize encoder.onnx --keep-float tower.blocks.1 --keep-float 'tower.merger.*'
"""

_RANDOM: Final = "random inputs: they show that nothing broke, not how good it is"


@click.command(epilog=_EPILOG)
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-r", "--recipe", type=click.Choice(_RECIPES), help="By default the one for the model's kind.")
@click.option("-o", "--out", type=click.Path(path_type=Path),
              help="File to write; with `auto`, a folder. Beside the model by default.")  # fmt: skip
@click.option("--weights", type=click.Choice(_WEIGHTS), help="How weights are kept; by default what this CPU needs.")
@click.option("--keep-float", "kept", multiple=True, metavar="PATTERN",
              help="A block or an operator that stays in float, by its name there or with * and ?; several times. "
              "`harness why --layers` finds which.")  # fmt: skip
@click.option("--calibration", type=click.Path(path_type=Path, exists=True),
              help="Inputs that ranges of activations are read from: .npz or a folder of images.")  # fmt: skip
@click.option("--evaluation", type=click.Path(path_type=Path, exists=True),
              help="Inputs to judge by, none of which is calibrated on; random ones by default.")  # fmt: skip
@click.option("--like", metavar="ADAPTER", help="Prepare images as this onnx_classifier adapter does.")
@click.option("--min-cosine", type=click.FloatRange(-1, 1), default=0.99, show_default=True,
              help="Exit with 1 where the outputs agree less with float32.")  # fmt: skip
@click.option("--unjudged", is_flag=True,
              help="Count the weights but do not run it: `harness run` judges it.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=40, show_default=True, help="Timed calls of each model.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="With `auto`: speed against agreement.")
@click.option("--force", is_flag=True, help="Go on where a recipe is known to make the model slower.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: Path,
    recipe: str | None,
    out: Path | None,
    weights: str | None,
    kept: tuple[str, ...],
    calibration: Path | None,
    evaluation: Path | None,
    like: str | None,
    min_cosine: float,
    unjudged: bool,
    rounds: int,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Quantise the float32 ONNX file MODEL, and check what came of it.

    Every weight that the recipe should reach is counted, the outputs are compared with those of the
    float model, and both are timed, interleaved, on one thread. Exit code 1 if the outputs agree
    less than --min-cosine.
    """
    from importlib.util import find_spec

    from harness.errors import UsageError

    if missing := [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]:
        raise UsageError(f"quantising needs {', '.join(missing)}; run `{install('quantise')}`")
    from harness.quantise.blocks import matching
    from harness.quantise.inputs import open_session, random_inputs, read_inputs, require_disjoint
    from harness.quantise.recipes import quantise, recipe_for
    from harness.quantise.trial import Trial, agreement, speed, try_all

    if recipe == _CACHED:
        options = {"--weights": weights, "--keep-float": kept, "--calibration": calibration, "--evaluation": evaluation,
                   "--like": like, "--plot": plot}  # fmt: skip
        _require_none(options)
        return _hold(model, out, min_cosine, unjudged, rounds, as_json)
    session = open_session(model)
    prepare = _preparation(like) if like else None
    tuned = read_inputs(calibration, session, prepare) if calibration else []
    if unjudged and (evaluation or recipe == "auto"):
        raise UsageError("--unjudged runs nothing: it goes neither with --evaluation nor with --recipe auto")
    judged = read_inputs(evaluation, session, prepare) if evaluation else []
    judged = judged or ([] if unjudged else random_inputs(session, 16))
    require_disjoint(tuned, judged)
    keep = tuple(dict.fromkeys(node for nodes in matching(model, kept).values() for node in nodes)) if kept else ()
    if recipe == "auto":
        folder = out or model.parent
        folder.mkdir(parents=True, exist_ok=True)
        trials = try_all(model, folder, tuned, judged, rounds, keep=keep)
    else:
        chosen = recipe or recipe_for(model)
        target = _target(model, out, "int8" if chosen in ("transformer", "cnn") else chosen)
        try:
            made = quantise(model, target, chosen, tuned, weights, force, keep)  # type: ignore[arg-type] # click has checked both
        except RuntimeError as cause:  # the recipe left a weight out that it should have reached
            raise UsageError(f"{cause}; try another --recipe") from cause
        near, ratio, there = None, None, chosen == "openvino"
        if not unjudged:
            near = agreement(model, target, judged, openvino=there)
            ratio = speed(model, target, judged, rounds, openvino=there)
        trials = [Trial(made.recipe, made, near, ratio, pareto=True)]
    if plot and recipe == "auto":
        from harness.quantise.plot import save_plot

        save_plot(trials, plot, model.name)
    told = "nothing: it was not run" if unjudged else _RANDOM if evaluation is None else "the evaluation inputs"
    _print(model, trials, told, as_json)
    if unjudged:
        return ExitCode.OK
    best = max((trial.agreement.cosine for trial in trials if trial.agreement), default=-1.0)
    return ExitCode.OK if best >= min_cosine else ExitCode.REGRESSION


def _target(model: Path, out: Path | None, how: str) -> Path:
    """Return the file to write: the one that is named, or one beside the model whose name says how it was made."""
    from harness.errors import UsageError

    target = out or model.with_name(f"{model.stem}_{how}.onnx")
    if target.resolve() == model.resolve():
        raise UsageError("--out must not be the model itself")
    return target


def _require_none(options: Mapping[str, object]) -> None:
    from harness.errors import UsageError

    if given := [name for name, value in options.items() if value]:
        raise UsageError(f"the recipe {_CACHED} leaves weights as they are, and takes no {given[0]}")


def _hold(model: Path, out: Path | None, min_cosine: float, unjudged: bool, rounds: int, as_json: bool) -> int:
    """Hold a decoder's keys and values in bytes."""
    from harness.quantise.cached import hold_in_bytes
    from harness.quantise.decoder import decoding_agreement, decoding_speed
    from harness.quantise.trial import Trial

    target = _target(model, out, _CACHED)
    made = hold_in_bytes(model, target)
    near = None if unjudged else decoding_agreement(model, target)
    ratio = None if unjudged else decoding_speed(model, target, rounds)
    told = "nothing: it was not run" if unjudged else f"steps of decoding after 512 tokens, {_RANDOM}"
    _print(model, [Trial(_CACHED, made, near, ratio, pareto=True)], told, as_json)
    return ExitCode.OK if near is None or near.cosine >= min_cosine else ExitCode.REGRESSION


def _preparation(name: str) -> "Prepare":
    from contextlib import closing

    from harness.errors import UsageError
    from harness.suite.adapters import read_adapter

    choice = read_adapter(name)
    if not hasattr(choice.factory, "prepare"):
        raise UsageError(f"{name} is no adapter of type onnx_classifier: it does not say how images become the input")
    with closing(choice.load()) as adapter:
        prepare: Prepare = adapter.prepare  # type: ignore[attr-defined]  # checked above
        return prepare


def _print(model: Path, trials: "list[Trial]", inputs: str, as_json: bool) -> None:
    from harness.cpu import has_vnni, speed_facts

    if as_json:
        import json
        from dataclasses import asdict

        content = {
            "model": str(model),
            "judged_on": inputs,
            "vnni": has_vnni(),
            "machine": dict(speed_facts()),
            "trials": [asdict(trial) for trial in trials],
        }
        click.echo(json.dumps(content, indent=2, default=str))
        return
    from tabulate import tabulate

    rows = [_row(trial) for trial in trials if trial.made]
    headers = ("", "recipe", "speed-up", "MiB", "cosine", "lowest", "same top-1", "in few bits", "left in float")
    click.echo(tabulate(rows, headers=headers, disable_numparse=True))
    click.echo(
        f"against {model.name}, {model.stat().st_size / 2**20:.1f} MiB; one thread, CPU time; judged on {inputs}"
    )
    if not has_vnni():
        click.echo("this CPU has no VNNI: 8-bit products gain less here than on one that has it")
    for trial in trials:
        if trial.refused:
            click.echo(f"{trial.name}: not done: {trial.refused}")
        if trial.made and trial.made.recipe == "openvino":
            click.echo(f"{trial.name}: timed on OpenVINO; write `runtime: openvino` into the adapter's file")
        for warning in trial.made.warnings if trial.made else ():
            click.echo(f"{trial.name}: {warning}")
        if trial.speed and trial.speed.high < 1:
            click.echo(f"{trial.name}: SLOWER than float32")
    for trial in trials:
        if trial.made and trial.pareto:
            click.echo(f"wrote {trial.made.path}")


def _row(trial: "Trial") -> list[Any]:
    from harness.quantise.facts import summary

    made, speed, near = trial.made, trial.speed, trial.agreement
    assert made  # noqa: S101 - only finished trials are rows
    ratio = f"{speed.ratio:.2f}× [{speed.low:.2f}, {speed.high:.2f}]" if speed else "-"
    cosines = [f"{near.cosine:.5f}", f"{near.lowest_cosine:.5f}"] if near else ["-", "-"]
    top1 = "-" if near is None or near.top1 is None else f"{near.top1:.3f}"
    return [
        "*" if trial.pareto else "", f"{trial.name}", ratio, f"{made.bytes_after / 2**20:.1f}", *cosines,
        top1, summary(made.nodes), summary(made.left),
    ]  # fmt: skip
