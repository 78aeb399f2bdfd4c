"""The page about metrics: prose that people write, and between marks what metrics and tasks say about themselves."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from harness.errors import UsageError, did_you_mean
from harness.metrics import describe
from harness.registry import registry
from harness.report.glossary import within
from harness.tasks.glossary import numbers
from harness.testing.laws import told

_PART: Final = re.compile(r"^(<!-- generated: (\w+) -->\n).*?^(<!-- end -->)$", re.MULTILINE | re.DOTALL)
_MEAN: Final = "mean over answers"


def filled(page: str) -> str:
    """Return a page whose generated parts are what the registries say now.

    A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``, each on a line of its own.

    Raises:
        UsageError: if the page has no part, or one that is not known.
    """
    if not _PART.search(page):
        raise UsageError(f"the page has no part to generate: write `<!-- generated: NAME -->`; {_known()}")
    return _PART.sub(lambda found: f"{found[1]}\n{part(found[2])}\n{found[3]}", page)


def part(name: str) -> str:
    """Return one part as Markdown, with a line end behind its last line.

    Raises:
        UsageError: if there is no such part.
    """
    if name not in PARTS:
        raise UsageError(f"the page wants a part {name!r}; {did_you_mean(name, PARTS)}")
    return "".join(f"{line}\n" for line in PARTS[name]())


def _known() -> str:
    return f"parts: {', '.join(PARTS)}"


def _cards() -> Iterator[Mapping[str, Any]]:
    return (describe(name) for name in registry("metrics").names())


def _table(*rows: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table, the first row its head."""
    yield f"| {' | '.join(rows[0])} |"
    yield "|" + "---|" * len(rows[0])
    for row in rows[1:]:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return _code(text).replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return text.replace("``", "`")


def _named(card: Mapping[str, Any]) -> str:
    return f"[`{card['name']}`](#{card['name']})"


def _overview() -> Iterator[str]:
    rows = [
        (
            _named(card) + ("" if card["kind"] == "sample" else " *(all rows)*"),
            card["definition"].partition("\n")[0],
            within(*card["range"]),
            card["direction"],
            ", ".join(f"`{variant}`" for variant in card["variants"] if variant != "default"),
        )
        for card in _cards()
    ]
    yield from _table(("metric", "what it is", "range", "better", "variants"), *rows)


def _sums() -> Iterator[str]:
    rows = [
        (_named(card), card["computed"], _failed(card), ", ".join(f"`{name}`" for name in card["sums"]))
        for card in _cards()
        if card["sums"]
    ]
    yield from _table(("metric", "over many answers", "a failed answer", "sums"), *rows)


def _failed(card: Mapping[str, Any]) -> str:
    default = card["params"].get("failures", {}).get("default")
    return "counts as an empty one" if default == "wrong" else "is left out"


def _numbers() -> Iterator[str]:
    rows = [
        (f"`{name}`", one.meaning, within(*one.bounds), one.unit, one.direction, ", ".join(kinds))
        for name, meanings in numbers().items()
        for one, kinds in meanings.items()
    ]
    yield from _table(("number", "what it is", "range", "unit", "better", "tasks of kind"), *rows)


def _one_by_one() -> Iterator[str]:
    for card in _cards():
        yield from (f"### {card['name']}", "", _paragraphs(card["definition"]), "")
        yield f"{within(*card['range'])} {card['unit']}, {_better(card['direction'])}; {_code(card['computed'])}."
        yield from ("", *(f"- {line}" for line in _points(card)), "")


def _better(direction: str) -> str:
    return "no direction is better" if direction == "none" else f"{direction} is better"


def _points(card: Mapping[str, Any]) -> Iterator[str]:
    if card["needs"]:
        yield f"Needs of each sample ([facts](facts.md)): {', '.join(f'`{name}`' for name in card['needs'])}."
    for name, value in card["params"].items():
        default = "" if value["default"] is None else f" (default: `{value['default']}`)"
        yield f"`{name}`: {_one_line(value['meaning'])}{default}"
    if len(card["variants"]) > 1:
        for name, meaning in card["variants"].items():
            yield f"Variant `{name}`: {_one_line(str(meaning))}"
    for title, text in (("Edge cases", card["edge_cases"]), ("Source", card["source"])):
        if text:
            yield f"{title}: {_one_line(text)}"


def _one_line(text: str) -> str:
    return _code(" ".join(text.split()))


def _paragraphs(text: str) -> str:
    return _code(text).replace("\n", "\n\n")


def _laws() -> Iterator[str]:
    yield from _table(("law", "of", "what it says"), *((f"`{name}`", of, said) for name, of, said in told()))


PARTS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "overview": _overview,
    "sums": _sums,
    "numbers": _numbers,
    "laws": _laws,
    "details": _one_by_one,
}
"""The parts by name."""
