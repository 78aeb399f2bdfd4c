"""An agent's tool loop by its transcript: the right tools, with the right arguments, in order, and no others."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Self

from pydantic import BaseModel, Field

from harness import facts
from harness.errors import ConfigError, Issue
from harness.estimate import Number, Statistic, column, glossary_of, mean, ratio, times, total
from harness.facts import lacking
from harness.metrics import SampleMetric
from harness.reading.json import StrictJSONError, parse_json
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._named import Ref
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._said import with_interval
from harness.tasks.base import CLEAN, TaskBase, TaskConfig
from harness.types import Request, Response, Sample, Score, Status

ENTRIES: Final = {"tools": "ToolsTask"}

_CALLS: Final = "calls_right"


class ToolsConfig(TaskConfig):
    """Keys of a task of ``kind: tools``, beside those of every task."""

    metrics: tuple[Ref, ...] = Field(default=("exact_match",), min_length=1)
    """What the final answer is judged by; the first must be from 0 to 1 for `task_right`."""


class Call(NamedTuple):
    """One call of a tool."""

    name: str
    arguments: str
    """As JSON with its keys in order, so that equal ones are equal texts; what is no JSON stands as it is."""


class Transcript(NamedTuple):
    """What an agent did, and what it said in the end."""

    calls: tuple[Call, ...]
    answer: str


def read_transcript(text: str) -> Transcript | None:
    """Return the calls and the last answer of a transcript in OpenAI's form; None where it is none.

    It is a JSON list of messages, or an object with `messages`. Calls stand in an assistant's `tool_calls`, with
    arguments as JSON in a text or as an object. The answer is what the assistant says after its last call; nothing
    where it says no more.

    >>> read_transcript('[{"role": "assistant", "tool_calls": [{"function": {"name": "crop", "arguments": "{}"}}]}]')
    Transcript(calls=(Call(name='crop', arguments='{}'),), answer='')
    """
    try:
        told = parse_json(text)
    except StrictJSONError:
        return None
    messages = told.get("messages") if isinstance(told, dict) else told
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        return None
    calls: list[Call] = []
    answer = ""
    for message in messages:
        if message.get("role") != "assistant":
            continue
        made = message.get("tool_calls") or []
        found = [_call(one) for one in made] if isinstance(made, list) else [None]
        calls += [one for one in found if one is not None]
        answer = "" if made else _text(message.get("content"))
    return Transcript(tuple(calls), answer)


def _call(told: Any) -> Call | None:
    inner = told.get("function", told) if isinstance(told, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return Call("", "")  # a call that names no tool is one all the same, and a wrong one
    return Call(inner["name"], _plain(inner.get("arguments", {})))


def _plain(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = parse_json(arguments or "{}")
        except StrictJSONError:
            return str(arguments)
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


class _Calls(SampleMetric):
    """Whether all calls are the wanted ones, in order; and their counts."""

    name = _CALLS
    binary = True
    needs = ("calls",)
    sums: ClassVar[tuple[str, ...]] = ("wanted", "made", "tools", "arguments", "in_order")

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        wanted = [Call(one["name"], _plain(one.get("arguments", {}))) for one in context["calls"]]
        read = read_transcript(prediction)
        made = list(read.calls) if read else []
        tools = (Counter(one.name for one in wanted) & Counter(one.name for one in made)).total()
        same = (Counter(wanted) & Counter(made)).total()
        counts = (len(wanted), len(made), tools, same, _common(wanted, made))
        sums = dict(zip(self.sums, map(float, counts), strict=True))
        return Score(float(read is not None and wanted == made), Status.OK if read else Status.UNPARSED, sums=sums)


def _common(wanted: Sequence[Call], made: Sequence[Call]) -> int:
    """Return how many of the calls stand in the wanted order: the longest common subsequence of tools."""
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity([one.name for one in wanted], [one.name for one in made])


class ToolsTask(TaskBase):
    """Scores transcripts: the answer of the adapter is the list of messages that an agent's loop left.

    No tool is run. `type: recorded` plays transcripts that lie in a file; an adapter that runs an agent may return one.
    """

    Config: ClassVar[type[BaseModel]] = ToolsConfig
    kind = "tools"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(_CALLS, "Share of samples whose calls are the wanted ones, arguments and order too, and no others."),
        Number("task_right", "Worth of the final answer where all calls are right, else 0; mean over samples."),
        Number("right_tools", "Share of the wanted calls whose tool was called, each as often as it is wanted."),
        Number("right_arguments", "Share of the wanted calls that were made with the very arguments, as JSON."),
        Number("call_order", "Share of the wanted calls whose tools were called in their order (longest common run)."),
        Number("superfluous_calls", "Share of the calls made beyond those wanted of their tool.", "lower"),
    )

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.metrics = {**self.metrics, _CALLS: _Calls()}

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        dataset = context.datasets.get(config.dataset)
        if dataset is not None and lacking(["calls"], dataset):
            hint = "give each row `calls`, a list of {name, arguments}"
            raise ConfigError(Issue(("dataset",), f"dataset {config.dataset!r} gives no `calls`", hint))
        return super().build(name, config, context)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (self.ask(cell, sample, oracle=oracle, part="transcript"),)

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the final answer; an answer that is no transcript as it stands."""
        text = responses[0].text or "" if responses else ""
        read = read_transcript(text)
        return self.taken(read.answer if read else text, sample)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        text = responses[0].text or ""
        read = read_transcript(text)
        scores = self.judge(sample, read.answer if read else "")
        calls = self.metrics[_CALLS]
        if "calls" not in sample.facts:
            return {**scores, _CALLS: Score(math.nan, Status.UNDEFINED)}
        return {**scores, _CALLS: calls.score(text, sample.references, **facts.context(sample))}

    def statistics(self) -> Sequence[Statistic]:
        told, at = self.glossary, CLEAN.id
        wanted, made, tools, same, ordered = (total(column(f"{_CALLS}.{name}", at)) for name in _Calls.sums)
        beyond = {"form": "linear", "weights": [1.0, -1.0], "of": [made, tools], "plus": 0.0}
        found = [
            told["task_right"].over(mean(times(column(self.primary, at), column(_CALLS, at)))),
            told["right_tools"].over(ratio(tools, wanted, 1.0)),
            told["right_arguments"].over(ratio(same, wanted, 1.0)),
            told["call_order"].over(ratio(ordered, wanted, 1.0)),
            told["superfluous_calls"].over(ratio(beyond, made, 0.0)),
        ]
        return [*super().statistics(), *found, *self._slices.of(found)]

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where answers are right without the calls that they need."""
        answer, calls = figures.metrics[self.primary], figures.metrics[_CALLS]
        if not answer.low > calls.high:
            return Illustration()
        said = (
            f"answers are right more often ({with_interval(answer)}) than the calls for them ({with_interval(calls)})"
        )
        return Illustration(findings=(Finding("note", said),))
