"""Fifty mistakes of the first hour: what somebody wrote, the command, and what it must be told.

A mistake is a small change of a folder that works. Places are those where the text stands, words those of the fix.
"""

import io
from dataclasses import dataclass, field
from typing import Final

from PIL import Image


def _png(colour: str, size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


SUITE: Final = """\
suite: mine
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  colours:
    kind: qa
    dataset: rows
    metrics: [exact_match]
  damaged:
    kind: sweep
    of: colours
    corruptions: [rotation]
    severities: [1, 3]
gates:
  - {metric: colours/exact_match, min: 0.5}
"""
ROWS: Final = "".join(
    f'{{"id": "{i}", "image": "{name}.png", "question": "Which colour?", "answer": "{name}"}}\n'
    for i, name in enumerate(("red", "blue"))
)
CSV: Final = "question,answer,image\nWhich colour?,red,red.png\nAnd this?,blue,blue.png\n"
MODEL: Final = "def answer(prompt, images):\n    return 'red'\n"
GOOD: Final[dict[str, str | bytes]] = {
    "suite.yaml": SUITE,
    "rows.jsonl": ROWS,
    "questions.csv": CSV,
    "model.py": MODEL,
    "model.yaml": "adapter: mine\ntype: python\ntarget: model.py:answer\n",
    "red.png": _png("red"),
    "blue.png": _png("blue"),
}

RUN: Final = ("run", "suite.yaml", "-a", "model.yaml", "-q", "--no-report")
BARE: Final = ("run", "--data", "questions.csv", "-a", "model.py:answer", "-q", "--no-report")
CHECK: Final = ("validate", "suite.yaml")


@dataclass(frozen=True)
class Mistake:
    """One mistake: the files that differ from a folder that works, the command, what comes of it."""

    name: str
    command: tuple[str, ...]
    code: int
    says: tuple[str, ...]
    files: dict[str, str | bytes] = field(default_factory=dict)
    before: tuple[tuple[str, ...], ...] = ()
    """Commands that run before it."""


def suite(old: str, new: str) -> dict[str, str | bytes]:
    assert old in SUITE
    return {"suite.yaml": SUITE.replace(old, new, 1)}


def rows(text: str | bytes) -> dict[str, str | bytes]:
    return {"rows.jsonl": text}


def table(text: str | bytes) -> dict[str, str | bytes]:
    return {"questions.csv": text}


def code(text: str) -> dict[str, str | bytes]:
    return {"model.py": text}


_SERVER = "adapter: far\ntype: openai\nbase_url: {}\nmodel: m\n{}"

MISTAKES: Final = (
    Mistake("a key with a typo", CHECK, 2, ("suite.yaml:9:5", "metrics"), suite("    metrics:", "    metrcs:")),
    Mistake("a kind with a typo", CHECK, 2, ("suite.yaml:7:11", "qa"), suite("kind: qa", "kind: qaa")),
    Mistake(
        "a metric with a typo", CHECK, 2, ("suite.yaml:9:15", "exact_match"), suite("[exact_match]", "[exact_mach]")
    ),
    Mistake("a corruption with a typo", CHECK, 2, ("suite.yaml:13:", "rotation"), suite("[rotation]", "[rotaton]")),
    Mistake("a dataset type with a typo", CHECK, 2, ("suite.yaml:4:", "jsonl"), suite("type: jsonl", "type: json_l")),
    Mistake("an adapter with a typo", ("run", "suite.yaml", "-a", "onnx-in8", "-q"), 2, ("onnx-int8",)),
    Mistake("a suite with a typo", ("run", "robustnes", "-a", "mock", "-q"), 2, ("robustness",)),
    Mistake(
        "suite and adapter swapped",
        ("run", "model.yaml", "-a", "suite.yaml", "-q"),
        2,
        ("model.yaml:1:1", "the suite stands first"),
    ),
    Mistake("text for a number", CHECK, 2, ("suite.yaml:2:10", "number"), suite("version: 1", "version: one")),
    Mistake(
        "a list where a mapping belongs",
        CHECK,
        2,
        ("suite.yaml:4:3", "mapping"),
        suite("datasets:\n  rows: {", "datasets:\n  - {"),
    ),
    Mistake("a negative severity", CHECK, 2, ("suite.yaml:14:18", "1"), suite("[1, 3]", "[-1, 3]")),
    Mistake("a minimum in per cent", CHECK, 2, ("suite.yaml:16:", "0.5"), suite("min: 0.5", "min: 50")),
    Mistake(
        "a gate on no metric of the suite",
        CHECK,
        2,
        ("suite.yaml:16:", "exact_match"),
        suite("colours/exact_match, ", "colours/anls, "),
    ),
    Mistake("a tab in YAML", CHECK, 2, ("suite.yaml:8:", "space"), suite("    dataset", "\tdataset")),
    Mistake(
        "a key twice",
        CHECK,
        2,
        ("suite.yaml:8:5", "suite.yaml:7:5", "remove one"),
        suite("    dataset", "    kind: qa\n    dataset"),
    ),
    Mistake("an anchor that is nowhere", CHECK, 2, ("suite.yaml:9:14", "&common"), suite("[exact_match]", "*common")),
    Mistake(
        "a suite that is not there",
        ("run", "suites/mine.yaml", "-a", "mock", "-q"),
        2,
        ("suites/mine.yaml", "did you mean mine.yaml?"),
        {"mine.yaml": SUITE},
    ),
    Mistake(
        "data that are not there",
        CHECK,
        2,
        ("suite.yaml:4:", "row.jsonl", "rows.jsonl"),
        suite("rows.jsonl", "row.jsonl"),
    ),
    Mistake("data outside the folder", CHECK, 2, ("suite.yaml:4:", "--root"), suite("rows.jsonl", "../rows.jsonl")),
    Mistake(
        "a row that is no JSON",
        RUN,
        2,
        ("rows.jsonl:3:",),
        rows(ROWS + '{"id": "c", "question": "Which?" "answer": "x"}\n'),
    ),
    Mistake("an id twice", RUN, 2, ("rows.jsonl:3", "'1'", "line 2"), rows(ROWS + ROWS.splitlines()[1] + "\n")),
    Mistake(
        "a row without an answer",
        RUN,
        2,
        ("rows.jsonl:3", "answer"),
        rows(ROWS + '{"id": "c", "question": "Which?"}\n'),
    ),
    Mistake("a key of a row with a typo", RUN, 2, ("rows.jsonl:1", "image"), rows(ROWS.replace('"image"', '"imge"'))),
    Mistake("an empty table", BARE, 2, ("questions.csv", "question"), table("")),
    Mistake("a header and no row", BARE, 2, ("questions.csv", "no rows"), table("question,answer\n")),
    Mistake(
        "semicolons in a CSV",
        BARE,
        2,
        ("questions.csv:1", "semicolons", "save the table with commas"),
        table(CSV.replace(",", ";")),
    ),
    Mistake(
        "other names of columns",
        BARE,
        2,
        ("questions.csv:1", "--field answer="),
        table(CSV.replace("answer", "gold_text")),
    ),
    Mistake(
        "a table in Latin-1",
        BARE,
        2,
        ("questions.csv:2", "UTF-8", "iconv"),
        table("question,answer\nWelche Größe?,rot\n".encode("latin-1")),
    ),
    Mistake(
        "a picture that is missing",
        BARE,
        2,
        ("questions.csv:1", "green.png", "images:"),
        table("question,answer,image\nWhich?,green,green.png\n"),
    ),
    Mistake(
        "a picture that is none", BARE, 4, ("red.png", "image"), {"red.png": b"\x89PNG\r\n\x1a\nno", "blue.png": b"x"}
    ),
    Mistake(
        "a model file that is not there",
        ("run", "--data", "questions.csv", "-a", "modle.py:answer", "-q"),
        2,
        ("modle.py", "model.py"),
    ),
    Mistake(
        "a function that is not in the file",
        ("run", "--data", "questions.csv", "-a", "model.py:anwser", "-q"),
        4,
        ("model.py", "did you mean 'answer'?"),
    ),
    Mistake(
        "a module that is not installed",
        BARE,
        4,
        ("model.py:1", "torchvison", "pip install"),
        code("import torchvison\n" + MODEL),
    ),
    Mistake(
        "a function with one parameter",
        BARE,
        4,
        ("model.py:1", "answer(prompt, images)"),
        code("def answer(prompt):\n    return 'red'\n"),
    ),
    Mistake(
        "a function that returns nothing",
        BARE,
        4,
        ("None", "return"),
        code("def answer(prompt, images):\n    prompt\n"),
    ),
    Mistake(
        "a function that raises",
        BARE,
        4,
        ("KeyError", "model.py:2"),
        code("def answer(prompt, images):\n    return {}['x']\n"),
    ),
    Mistake(
        "an ONNX file that is none",
        ("run", "suite.yaml", "-a", "onnx.yaml", "-q"),
        4,
        ("weights.onnx", "export or copy it again"),
        {"onnx.yaml": "adapter: o\ntype: onnx_classifier\nmodel: weights.onnx\n", "weights.onnx": "no"},
    ),
    Mistake(
        "a key that an adapter's type has not",
        ("run", "suite.yaml", "-a", "model.yaml", "-q"),
        2,
        ("model.yaml:3:1", "target"),
        {"model.yaml": "adapter: mine\ntype: python\ntraget: model.py:answer\n"},
    ),
    Mistake(
        "a gate without a baseline",
        ("gate", "suite.yaml", "-a", "model.yaml", "-q"),
        3,
        ("harness baseline save main",),
        suite("min: 0.5", "max_drop: 0.02"),
    ),
    Mistake(
        "a function with a slip in its syntax",
        BARE,
        4,
        ("model.py:1", "SyntaxError"),
        code("def answer(prompt, images)\n"),
    ),
    Mistake(
        "labels that are none",
        ("explain", "suite.yaml"),
        2,
        ("suite.yaml:3:9", "mapping"),
        {**suite("datasets", "labels: labels.jsonl\ndatasets"), "labels.jsonl": "no\n"},
    ),
    Mistake(
        "a suite in Latin-1",
        CHECK,
        2,
        ("suite.yaml:1", "save it as UTF-8"),
        {"suite.yaml": SUITE.replace("mine", "größe").encode("latin-1")},
    ),
    Mistake(
        "a picture that is too large",
        RUN,
        3,
        ("red.png", "more than 50,000,000 px"),
        {"red.png": _png("red", (9000, 6000))},
    ),
    Mistake("a limit of 0", (*RUN, "--limit", "0"), 2, ("--limit", "1")),
    Mistake("an option with a typo", ("run", "suite.yaml", "--adaptor", "mock"), 2, ("--adapter",)),
    Mistake("a run that is not there", ("show", "@9"), 2, ("@9", "holds 1", "harness list runs"), {}, (RUN,)),
    Mistake(
        "a server that is not up",
        ("run", "suite.yaml", "-a", "far.yaml", "-q", "--no-report"),
        4,
        ("127.0.0.1:9", "does the server run there?"),
        {"far.yaml": _SERVER.format("http://127.0.0.1:9/v1", "retries: 0\n")},
    ),
    Mistake(
        "an address without http",
        ("run", "suite.yaml", "-a", "far.yaml", "-q", "--no-report"),
        2,
        ("far.yaml:3:11", "http://"),
        {"far.yaml": _SERVER.format("localhost:8000/v1", "")},
    ),
    Mistake(
        "a key that is not set",
        ("run", "suite.yaml", "-a", "far.yaml", "-q", "--no-report"),
        4,
        ("api_key_env", "export NO_SUCH_KEY="),
        {"far.yaml": _SERVER.format("http://127.0.0.1:9/v1", "api_key_env: NO_SUCH_KEY\n")},
    ),
    Mistake(
        "runs of different suites",
        ("compare", "@2", "@1"),
        2,
        ("suite", "--force"),
        {"other.yaml": SUITE.replace("suite: mine", "suite: other")},
        (RUN, ("run", "other.yaml", "-a", "model.yaml", "-q", "--no-report")),
    ),
)
