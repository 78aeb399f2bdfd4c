"""Say where a run's time went."""

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.record.schema import RunRecord

_SAID: Final = {
    "model": "the model worked",
    "idle": "the model waited for work",
    "prepare": "samples were loaded and perturbed (ahead of the model)",
    "score": "answers were scored (beside the model)",
    "store": "answers were written (beside the model)",
    "wait": "nothing was there to score",
    "finish": "the record was made: samples.parquet, metrics and their intervals",
}


def print_profile(record: "RunRecord", *, err: bool = False) -> None:
    """Print the seconds of each stage, and how much of the time the model was busy; to standard error with ``err``."""
    timings = record.timings
    asked = timings.get("model", 0.0) + timings.get("idle", 0.0)
    click.echo(f"\n{record.adapter.name}: {record.seconds:.2f} s, {record.cpu_seconds:.2f} s of CPU", err=err)
    for stage, said in _SAID.items():
        if stage in timings:
            where = _where(timings) if stage == "prepare" else ""
            click.echo(f"{timings[stage]:10.2f} s  {said}{where}", err=err)
    if asked:
        click.echo(f"{timings['model'] / asked:10.0%}    of its time the model was busy", err=err)


def _where(timings: "Mapping[str, float]") -> str:
    """Say where samples were prepared."""
    apart = timings.get("apart", 0.0)
    return f", {apart:.2f} s of it in processes of their own" if apart else ", in threads"
