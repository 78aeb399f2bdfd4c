"""Multiple choice: by the letter, by the option's words, or by which option the model finds likeliest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import (
    SIGNED,
    Node,
    Number,
    Statistic,
    column,
    glossary_of,
    grouped,
    linear,
    maximum,
    mean,
    ratio_of_sums,
)
from harness.facts import lacking
from harness.metrics import SampleMetric, extract
from harness.seeds import Stream, derive_seed
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._named import Ref
from harness.tasks._options import LETTERS, Distracted, choices_of, letter_of, plain, right_of
from harness.tasks._pictured import Figures, Finding, Illustration, Table
from harness.tasks._said import with_interval
from harness.tasks.base import CLEAN, TaskBase, TaskConfig
from harness.tasks.scoring import score_all, undefined
from harness.types import Dataset, Request, Response, Sample, Score, Status

ENTRIES: Final = {"choice": "ChoiceTask"}

By = Literal["letter", "text", "likelihood", "letter_likelihood"]

_ACCURACY: Final = "accuracy"
_LETTERED: Final = (
    "{{ question }}\n"
    "{% for choice in choices %}{{ 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[loop.index0] }}. {{ choice }}\n{% endfor %}"
    "Answer with the letter of the right option."
)
_LISTED: Final = "{{ question }}\n{% for choice in choices %}- {{ choice }}\n{% endfor %}Answer with one of these."
_PROMPTS: Final[Mapping[By, str]] = {"letter": _LETTERED, "letter_likelihood": _LETTERED, "text": _LISTED}
_STEPS: Final = ("final_answer", "choice_letter")


class ChoiceConfig(TaskConfig):
    """Keys of a task of ``kind: choice``, beside those of every task."""

    prompt: str = "{{ question }}"
    """Jinja template; knows the options in the order shown as `choices`. By default the question, with the options
    under it where letters or words are asked for; `likelihood` shows none."""
    metrics: tuple[Ref, ...] = ()
    """Further metrics, that judge the option which was chosen most often; `accuracy` is there without."""
    by: By = "letter"
    """What counts as the model's choice: the `letter` or the option's `text` that it writes; the option that it finds
    likeliest as the answer (`likelihood`), or the letter (`letter_likelihood`). The last two need `score_text`."""
    normalise: Literal["none", "length", "prior"] = "none"
    """What likelihoods are compared as: `none`, log-likelihoods; `length`, these by byte of the option; `prior`, less
    that of the same option after `prior_prompt` alone, without question and image."""
    prior_prompt: str = "Answer:"
    """What stands before the options for their `prior`."""
    orders: Literal["given", "shuffled", "circular"] = "given"
    """In which order options are shown: as the data have them, in one drawn for each question, or in all rotations, so
    that each option stands in each place once; `all_right` counts the questions that are right in all of them.
    Options that are letters themselves, names of places in the picture, stay where they are."""
    distractors: int | None = Field(default=None, ge=1, le=25)
    """For data without options: so many wrong ones are drawn from the right answers to other questions."""
    distractors_by: str | None = None
    """A tag: wrong options are drawn from questions with the same value, so that colours stand beside colours."""


class _Accuracy(SampleMetric):
    """The share of a question's orders in which its right option is chosen."""

    name = _ACCURACY
    needs = ("choices",)
    sums: ClassVar[tuple[str, ...]] = ("all_right", "chance", "read")
    binary_sums = frozenset({"all_right"})

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the task counts")

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        choices = context.get("choices") or ()
        if not choices:
            return ""
        return None if right_of(choices, references) is not None else "none of its options is the right answer"


class ChoiceTask(TaskBase):
    """Multiple choice: by letter, by words or by likelihood, in one order of the options or several.

    `accuracy` is the mean over questions of the share of orders with the right choice; where no option can be read,
    that order is wrong. The right option is the one of the reference's letter, else the one with its words. Questions
    without options, or whose right answer is none of them, are not asked and count nowhere.
    """

    Config: ClassVar[type[BaseModel]] = ChoiceConfig
    config: ChoiceConfig
    kind = "choice"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(_ACCURACY, "Share of a question's orders in which the right option is chosen, mean over questions."),
        Number(
            "all_right",
            "Share of questions that are right in every order of their options (circular evaluation), or of groups of "
            "rows, where data have a fact `group`.",
        ),
        Number("chance", "What choosing at random gives: the mean of 1 / options.", "none"),
        Number(
            "letter_bias",
            "Half the sum over places of | share of the choices that fall on it − share of these where it was right |: "
            "0 where a model prefers no place, 1 where it always chooses one that is wrong. Among few questions chance "
            "keeps it above 0; all rotations (`orders: circular`) make every place right equally often.",
            "lower",
        ),
    )

    def __init__(
        self, name: str, config: ChoiceConfig, dataset: Dataset, metrics: Mapping[str, SampleMetric], seed: int
    ) -> None:
        self._places = LETTERS[: max((len(choices_of(sample)) for sample in dataset), default=0)]
        self._grouped = any("group" in sample.facts for sample in dataset)
        counts = [f"{what}_{place}" for place in self._places for what in ("said", "right")]

        class Accuracy(_Accuracy):
            sums = (*_Accuracy.sums, *counts, *(["group"] if self._grouped else []))

        accuracy = Accuracy()
        accuracy.binary = config.orders != "circular"
        super().__init__(name, config, dataset, {_ACCURACY: accuracy, **metrics}, seed)
        self._shown = "choices" in config.prompt
        self.requires = frozenset({"score_text" if "likelihood" in config.by else "generate"}) | (
            self.requires - {"generate"}
        )
        if config.orders == "circular" and not self._shown:
            said = "the prompt shows no options, so that their order changes nothing"
            raise ConfigError(Issue(("orders",), said, "show them: {% for choice in choices %}…{% endfor %}"))
        if config.normalise != "none" and "likelihood" not in config.by:
            raise ConfigError(Issue(("normalise",), f"there is no likelihood to normalise in `by: {config.by}`"))

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        told = config.model_fields_set
        usual = {"prompt": _PROMPTS.get(config.by, config.prompt), "extract": _STEPS if config.by == "letter" else ()}
        config = config.model_copy(update={key: value for key, value in usual.items() if key not in told})
        source = context.datasets.get(config.dataset)
        if source is not None and config.distractors:
            made = Distracted(source, config.distractors, config.distractors_by, (context.seed, name))
            context = made.in_place(config.dataset, context)
        dataset = context.datasets.get(config.dataset)
        if dataset is not None and lacking(["choices"], dataset):
            said = f"dataset {config.dataset!r} gives no options"
            hint = "name their field (`fields: {choices: options}`), or draw wrong ones with `distractors: 3`"
            raise ConfigError(Issue(("dataset",), said, hint))
        return super().build(name, config, context)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        right = right_of(choices_of(sample), sample.references)
        if right is None and sample.problem is None:
            return ()
        asked = [
            self._ask(cell, sample, order, order.index(right or 0), f"order-{number}", oracle)
            for number, order in enumerate(self._orders(sample))
        ]
        if self.config.normalise == "prior":
            alone = replace(sample, images=())
            given = asked[0].candidates
            asked.append(self.ask(cell, alone, oracle=oracle, part="prior", ask="score_text", candidates=given,
                                  prompt=self.config.prior_prompt))  # fmt: skip
        return tuple(asked)

    def _ask(self, cell: Cell, sample: Sample, order: Sequence[int], right: int, part: str, oracle: bool) -> Request:
        shown = [choices_of(sample)[place] for place in order]
        named = LETTERS[: len(shown)] if "letter" in self.config.by else shown
        one = replace(sample, facts={**sample.facts, "choices": shown}, references=(named[right],))
        if "likelihood" not in self.config.by:
            return self.ask(cell, one, oracle=oracle, part=part)
        return self.ask(cell, one, oracle=oracle, part=part, ask="score_text", candidates=tuple(named))

    def _orders(self, sample: Sample) -> list[list[int]]:
        """Return which option stands in each place, for each time that the question is asked."""
        choices = choices_of(sample)
        count = len(choices)
        given = [*range(count)]
        if any(text.strip().upper() in LETTERS[:count] for text in choices):
            return [given]  # "C" would be an option's letter and another one's words
        if self.config.orders == "circular":
            return [[(place + turn) % count for place in given] for turn in given]
        mixed = self.config.orders == "shuffled"
        return [Stream("order", self.seed, self.name, sample.id).shuffled(given) if mixed else given]

    def _chosen(self, sample: Sample, responses: Sequence[Response]) -> list[int | None]:
        """Return the place that is chosen in each order, as shown; None where none can be read."""
        prior = responses[-1].value if self.config.normalise == "prior" else None
        orders = self._orders(sample)
        return [self._read(sample, order, one, prior) for order, one in zip(orders, responses, strict=False)]

    def _read(self, sample: Sample, order: Sequence[int], response: Response, prior: Any) -> int | None:
        shown = [choices_of(sample)[place] for place in order]
        if "likelihood" in self.config.by:
            values = [float(value) for value in response.value]
            if self.config.normalise == "length":
                values = [value / len(text.encode()) for value, text in zip(values, shown, strict=True)]
            elif prior is not None:
                values = [value - float(before) for value, before in zip(values, prior, strict=True)]
            return values.index(max(values))
        said = self.taken(response.text or "", replace(sample, facts={**sample.facts, "choices": shown}))
        named = LETTERS[: len(shown)] if self.config.by == "letter" else [plain(text) for text in shown]
        said = said.strip().upper() if self.config.by == "letter" else plain(said)
        return named.index(said) if said and said in named else None

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        choices = choices_of(sample)
        right = right_of(choices, sample.references)
        if right is None:
            return {name: undefined(sample, "none of its options is the right answer") for name in self.metrics}
        orders = self._orders(sample)
        failed = any(response.status is not Status.OK for response in responses)
        chosen = [None] * len(orders) if failed else self._chosen(sample, responses)
        hits = [place is not None and order[place] == right for order, place in zip(orders, chosen, strict=True)]
        read = [(order.index(right), place) for order, place in zip(orders, chosen, strict=True) if place is not None]
        sums = {"all_right": float(all(hits)), "chance": 1 / len(choices), "read": float(len(read))}
        for place, letter in enumerate(self._places):
            sums[f"said_{letter}"] = float(sum(said == place for _, said in read))
            sums[f"right_{letter}"] = float(sum(wanted == place for wanted, _ in read))
        if "group" in sample.facts:
            sums["group"] = float(derive_seed(str(sample.facts["group"])) >> 11)
        mine = Score(sum(hits) / len(hits), Status.OK if read else Status.UNPARSED, sums=sums)
        others = {name: metric for name, metric in self.metrics.items() if name != _ACCURACY}
        text = "" if failed else self.joined(sample, responses)
        return {_ACCURACY: mine, **score_all(others, sample, text, extract.chain([]))}

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the option that was chosen most often, as the references name options; else the first answer."""
        pairs = zip(self._orders(sample), self._chosen(sample, responses), strict=True)
        votes = Counter(order[place] for order, place in pairs if place is not None)
        if not votes:
            return responses[0].text or ""
        option, choices = max(votes, key=lambda one: votes[one]), choices_of(sample)
        lettered = any(letter_of(reference, choices) is not None for reference in sample.references)
        return LETTERS[option] if lettered else choices[option]

    def statistics(self) -> Sequence[Statistic]:
        told = self.glossary
        every = self._sum("all_right")
        if self._grouped:
            every = grouped(every, "min", self._sum("group"), least=2)
        asked = self._grouped or self.config.orders == "circular"
        whole = [told["all_right"].over(mean(every))] if asked else []
        bias = [told["letter_bias"].over(self._bias())] if self._shown else []
        chance = told["chance"].over(mean(self._sum("chance")))
        return [*super().statistics(), *whole, *self._slices.of(whole), *bias, chance]

    def _sum(self, name: str) -> Node:
        return column(f"{_ACCURACY}.{name}", CLEAN.id)

    def _preference(self, letter: str) -> Node:
        """Return the share of the choices that fall on a place, minus the share of these where it was right."""
        parts = [(1.0, self._sum(f"said_{letter}")), (-1.0, self._sum(f"right_{letter}"))]
        return ratio_of_sums(parts, [(1.0, self._sum("read"))])

    def _bias(self) -> Node:
        more = [self._preference(letter) for letter in self._places]
        return linear([(0.5, maximum(one, linear([(-1.0, one)]))) for one in more])

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show which places are chosen more often than they are right, and say which are for certain."""
        if not self._shown:
            return Illustration()
        preferred = {
            letter: figures.estimate(Statistic(letter, self._preference(letter), "none", bounds=SIGNED))
            for letter in self._places
        }
        rows = tuple((letter, one.value, one.low, one.high) for letter, one in preferred.items())
        note = "share of the choices minus share of the right answers, 95 % intervals"
        shown = Table("places", ("place", "preference", "low", "high"), rows, note)
        said = (
            Finding("note", f"the model prefers {letter}: it is chosen more often than right by {with_interval(one)}")
            for letter, one in preferred.items()
            if one.low > 0
        )
        return Illustration(findings=tuple(said), tables=(shown,))
