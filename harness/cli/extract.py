"""``harness extract``."""

import json
import re
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.reading import Reading

_KINDS: Final = ("answer", "box", "choice", "json", "number", "point", "span", "time", "yes_no")
_EPILOG: Final = """\b
Examples:
  harness extract try "The correct answer is **B**, not A." --as choice
  harness extract list
"""
_TRY_EPILOG: Final = """\b
Examples:
  harness extract try "The answer is: 1.240,50 €" --as number
  harness extract try "It is blue." --as choice --options A=red B=blue
  harness extract try "[20, 10, 40, 30]" --as box --order yxyx --json
  harness extract try - --as yes_no --steps final_answer,first_line < answer.txt

\b
Exit codes:
  0 read   1 unparsed: nothing of the kind, or readings that compete   2 usage
"""


_NEGATIVE: Final = re.compile(r"-[\d.,]")


@click.group(name="extract", epilog=_EPILOG)
def command() -> None:
    """See what is read of an answer, where, and why."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the steps that a suite may name under `extract:`, with their versions."""
    from harness.metrics.extract import steps, summary

    rows = [{"name": name, "summary": summary(name)} for name in steps()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['summary']}")


class _OfText(click.Command):
    """A command whose text may be a negative number, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        numbers = [one for one in args if _NEGATIVE.match(one)]
        others = [one for one in args if one not in numbers]
        return super().parse_args(ctx, [*others, "--", *numbers] if numbers and "--" not in args else args)


@command.command(name="try", cls=_OfText, epilog=_TRY_EPILOG)
@click.argument("text")
@click.argument("more", nargs=-1, metavar="")
@click.option("--as", "kind", required=True, type=click.Choice(_KINDS), help="What TEXT is read as.")
@click.option("--option", "listed", multiple=True, metavar="WORDS",
              help="An option of the question, in its order; give one for each.")  # fmt: skip
@click.option("--options", "named", metavar="A=WORDS B=WORDS …", help="The same by letter.")
@click.option("--order", type=click.Choice(("xyxy", "yxyx")), default="xyxy", show_default=True,
              help="What stands first in boxes and points that do not say it.")  # fmt: skip
@click.option("--frame", default="pixel", show_default=True, metavar="NAME",
              help="What the numbers of boxes and points count: unit, per-mille-yx, ….")  # fmt: skip
@click.option("--locale", metavar="TAG", help="Whose habits numbers keep: de, pt-BR; nobody's by default.")
@click.option("--steps", default="", metavar="NAMES",
              help="Steps of `extract:` that go before, with commas between; clean is always first.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def try_(
    text: str,
    more: Sequence[str],
    kind: str,
    listed: Sequence[str],
    named: str | None,
    order: Literal["xyxy", "yxyx"],
    frame: str,
    locale: str | None,
    steps: str,
    as_json: bool,
) -> int:
    """Read TEXT, or standard input where it is "-", as a metric would, and show what is read, where and why."""
    from harness.metrics.extract import chain, resolved
    from harness.reading import nothing
    from harness.reading.clean import visible
    from harness.reading.kinds import read_as

    options = _options(listed, named, more)
    whole = sys.stdin.read() if text == "-" else text
    wanted = [step.strip() for step in steps.split(",") if step.strip()]
    done = [{"step": step, "text": left} for step, left in chain(resolved(wanted)).trace(whole)]
    rest = done[-1]["text"]
    reading: Reading[Any]
    if rest is None:
        reading = nothing(f"{done[-1]['step']} finds no answer")
    else:
        reading = read_as(kind, rest, options=options, order=order, frame=frame, locale=locale)
    seen = None if rest is None else visible(rest).strip()
    if as_json:
        click.echo(json.dumps(_record(kind, reading, done, seen), indent=2, ensure_ascii=False))
    else:
        _show(reading, seen)
    return ExitCode.REGRESSION if reading.value is None else ExitCode.OK


def _options(listed: Sequence[str], named: str | None, more: Sequence[str]) -> list[str]:
    if named is None:
        if more:
            raise click.UsageError(f"unexpected {more[0]!r}: put TEXT in quotes")
        return list(listed)
    if listed:
        raise click.UsageError("--option and --options say the same: give one of them")
    words = []
    for place, pair in enumerate((named, *more)):
        letter, equals, said = pair.partition("=")
        if not equals or letter.strip().upper() != chr(ord("A") + place):
            wanted = chr(ord("A") + place)
            raise click.UsageError(f"--options must name its letters in order: {wanted}=…, got {pair!r}")
        words.append(said)
    return words


def _record(kind: str, reading: "Reading[Any]", done: list[dict[str, str | None]], seen: str | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "status": "ok" if reading.value is not None else "unparsed",
        "value": _plain(reading.value),
        "why": reading.why,
        "found": [
            {"value": _plain(one.value), "text": one.text, "start": one.start, "why": one.why} for one in reading.found
        ],
        "steps": done,
        "text": seen,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON: dataclasses as objects, exact numbers as the nearest double."""
    from dataclasses import asdict, is_dataclass

    from harness.reading.numbers import Number

    if isinstance(value, Number):
        return {"value": _plain(value.value), "percent": value.percent, "unit": value.unit}
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _said(value: Any) -> str:
    """Return a value as a person writes it."""
    from harness.reading.numbers import Number
    from harness.reading.placed import Place

    if isinstance(value, Number):
        return f"{_plain(value.value)}{'%' if value.percent else ''} {value.unit}".rstrip()
    if isinstance(value, Place):
        told = [told for told in (value.frame, value.label) if told]
        return _said(value.box) + (f" ({', '.join(told)})" if told else "")
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_said, value))}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show(reading: "Reading[Any]", text: str | None) -> None:
    from harness.cli._underlined import printable, underlined

    click.echo(f"read: {printable(_said(reading.value))}" if reading.value is not None else "unparsed")
    click.echo(f"why:  {printable(reading.why)}")
    last = None
    for one in reading.found if text is not None else ():
        line, carets = underlined(text or "", one)
        if line != last:
            click.echo(f"\n  {line}")
        value = f"{_said(one.value)}: " if reading.value is None else ""
        click.echo(f"  {carets} {printable(value + one.why)}")
        last = line
