"""A comparison as GitHub-flavoured Markdown. Nothing that a model or a data set said can break out of its cell."""

from collections.abc import Sequence
from typing import Final

from harness.comparison.compare import Compared, Delta
from harness.comparison.flips import Flipped
from harness.report import compare_rows as rows
from harness.report.github_safe import code, escaped

_MOVED: Final = {"worse": "🔻 worse", "better": "🔺 better", "": ""}
_WAYS: Final = {"worse": "🔻", "better": "🔺", "": "○"}
_FLIPS: Final = 10


def compare_markdown(comparisons: Sequence[Compared]) -> str:
    """Return the report of one or more comparisons with one baseline."""
    return "\n".join("\n\n".join([f"## {escaped(rows.heading(one))}", *body(one)]) + "\n" for one in comparisons)


def body(compared: Compared, flips: int = _FLIPS) -> list[str]:
    """Return a comparison's parts, the most important first; each stands for itself and can be left out."""
    parts = [f"> {_WAYS[one.way]} {escaped(one.text, 600)}" for one in rows.headline(compared)]
    parts += [f"> {escaped(said, 600)}" for said in rows.notices(compared)]
    if worst := worst_slice(compared):
        parts.append(worst)
    parts.append(metrics(compared))
    parts += _by_labels(compared)
    parts += [_flips(one, flips) for one in compared.flips if one.lost or one.gained]
    slices = _slices(compared)
    lineage = _lineage(compared)
    return [*parts, *filter(None, (slices, lineage)), footer(compared)]


def worst_slice(compared: Compared) -> str:
    """Return the sentence on the slice that fell most; nothing where there are no tags."""
    told = rows.worst_slice(compared)
    return f"> {escaped(told, 600)}" if told else ""


def metrics(compared: Compared, deltas: Sequence[Delta] | None = None) -> str:
    """Return the table of metrics, or of some of them, those that moved first."""
    mark = " (simulated)" if compared.simulated else ""
    lines = [
        (
            code(delta.name),
            rows.way(rows.better(compared, delta)),
            rows.value(delta.before),
            rows.value(delta.after),
            rows.changed(delta, delta.direction),
            _MOVED[rows.went(compared, delta)],
            rows.p_value(delta.adjusted_p),
            rows.pairs(delta.comparison),
        )
        for delta in rows.ordered(compared.deltas if deltas is None else deltas)
    ]
    headers = ("metric", "", f"baseline{mark}", f"candidate{mark}", "change [95 % interval]", "", "adjusted p", "pairs")
    return table(headers, lines)


def _by_labels(compared: Compared) -> list[str]:
    """Return what people's labels say, a table of its own, and how it came about; nothing without labels."""
    if not compared.labelled:
        return []
    lines = [
        (escaped(one.task), rows.of_labels(one), rows.by_labels(one), escaped(rows.by_proxy(one)), escaped(one.said))
        for one in compared.labelled
    ]
    heads = ("task", "labels of answers that differ", "by labels [95 % interval]", "by the score alone", "verdict")
    said = "\n".join(
        f"- {escaped(told, 600)}"
        for one in compared.labelled
        for told in (*rows.slices_by_labels(one), *rows.about_labels(one))
    )
    return [f"**By labels**\n\n{table(heads, lines)}", said]


def details(summary: str, content: str) -> str:
    """Return a block that is folded."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table. Cells must be safe already."""
    out = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return "\n".join([*out, *("| " + " | ".join(line) + " |" for line in lines)])


def footer(compared: Compared) -> str:
    """Return how the numbers were made."""
    return (
        f"<sub>Paired by sample. Bootstrap: B = {compared.resamples:,}, seed {compared.seed}. "
        f"Baseline {code(compared.baseline.run_id)}, candidate {code(compared.candidate.run_id)}.</sub>"
    )


def _flips(flips: Flipped, most: int) -> str:
    lines = []
    for direction, sign in (("lost", "right → wrong"), ("gained", "wrong → right")):
        for flip in [one for one in flips.samples if one.way == direction][:most]:
            target = code(" | ".join(flip.references))
            lines.append((sign, code(rows.where(flip)), code(flip.prompt), target, code(flip.before), code(flip.after)))
    headers = ("", "sample", "prompt", "right answer", "baseline", "candidate")
    return details(f"Flips of {code(flips.task)}: {rows.tally(flips)}", table(headers, lines))


def _slices(compared: Compared) -> str:
    worst = rows.worst_slices(compared)
    if not worst:
        return ""
    lines = [
        (
            code(rows.slice_of(one)),
            code(rows.slice_where(one)),
            rows.changed(one, one.direction),
            rows.elsewhere(one),
            rows.p_value(one.adjusted_p),
            rows.pairs(one.comparison),
        )
        for one in worst
    ]
    headers = ("metric", "slice", "change [95 % interval]", "all others", "adjusted p", "pairs")
    summary = f"Slices that fell most, of {compared.looked:,} (exploratory; no gate looks at them)"
    return details(summary, table(headers, lines))


def _lineage(compared: Compared) -> str:
    if not compared.lineage:
        return ""
    lines = [(escaped(one.what), code(one.baseline), code(one.candidate)) for one in compared.lineage]
    return details("What differs between the runs", table(("", "baseline", "candidate"), lines))
