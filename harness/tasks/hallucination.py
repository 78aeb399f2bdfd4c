"""Are things seen that are not there? Yes/no probes for present and absent objects, made of any set with objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import SIGNED, Number, Statistic, column, difference, glossary_of, mean, ratio, total
from harness.facts import lacking
from harness.seeds import Stream
from harness.tasks._base import BuildContext
from harness.tasks._cells import CellResult
from harness.tasks._derived import Derived
from harness.tasks._lookup import Key
from harness.tasks._named import Ref
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._prompt import compile_template
from harness.tasks._said import with_interval
from harness.tasks._shown import ANSWERS, Category, Shown
from harness.tasks.base import CLEAN, TaskBase, TaskConfig
from harness.types import Dataset, Sample

ENTRIES: Final = {"hallucination": "HallucinationTask"}

_COUNTED: Final = ("said_yes", "labelled_yes", "readable")
"""The sums of a metric that the bias towards yes is made of."""


class HallucinationConfig(TaskConfig):
    """Keys of a task of ``kind: hallucination``, beside those of every task."""

    metrics: tuple[Ref, ...] = Field(
        default=("pope", "pope_f1", "pope_precision", "pope_recall", "pope_yes_ratio", "mme_plus"), min_length=1
    )
    """As of every task; those of POPE by default, and `mme_plus`: both questions of a pair right, one about a thing
    that is there and one about a thing that is not."""
    slices: tuple[str, ...] = ("category",)
    """Tags to cut the metrics by: `category`, `object`, and those of the data."""
    objects: str = "objects"
    """Which fact says what an image shows: `objects`, `boxes` (their labels), `label`; or `answers`: the right answers
    to all questions about the image."""
    question: str = "Is there {{ article }} {{ object }} in the image?"
    """What is asked about an `object`, with its `article`; `prompt` stands round it."""
    categories: tuple[Category, ...] = Field(default=("random", "popular", "adversarial"), min_length=1)
    """Which absent objects are asked about: `random` ones, those that most images show (`popular`), or those that most
    often stand beside what the image shows (`adversarial`)."""
    per_image: int = Field(default=3, ge=1, le=100)
    """How many present objects are asked about, and as many absent ones, in each category."""


class Probes(Derived):
    """The questions about each image: as many about what it shows as about what it does not."""

    THERE: ClassVar[str] = "yes"
    """The right answer where a thing is there."""
    ABSENT: ClassVar[str] = "no"

    def __init__(self, source: Dataset, config: HallucinationConfig, ask: Any, seed: tuple[int, str]) -> None:
        super().__init__(source, ["group"])
        self._shown = Shown(source, config.objects)
        self._config = config
        self._ask = ask
        self._seed = seed

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Sample]:
        for key, (sample, shown) in self._shown.images.items():
            if sample.problem is not None:
                yield sample
            for category in self._config.categories:
                pairs = self._pairs(key, shown, category)
                for number, (present, absent) in enumerate(pairs):
                    group = f"{key}-{category}-{number}"
                    yield self._probe(sample, key, category, group, present, self.THERE)
                    yield self._probe(sample, key, category, group, absent, self.ABSENT)

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self)

    def _pairs(self, key: str, shown: frozenset[str], category: Category) -> list[tuple[str, str]]:
        """Return objects that an image shows, each with one that it does not."""
        present = Stream("present", *self._seed, key).shuffled(sorted(shown))
        absent = self._shown.absent(key, category, self._seed)
        return list(zip(present, absent, strict=False))[: self._config.per_image]

    def _probe(self, sample: Sample, key: str, category: str, group: str, name: str, answer: str) -> Sample:
        article = "an" if name[:1].lower() in tuple("aeiou") else "a"
        return replace(
            sample,
            id=f"{group}-{answer}",
            question=self._ask(object=name, article=article),
            references=(answer,),
            cluster=key,
            tags={**sample.tags, "category": category, "object": name},
            facts={**sample.facts, "group": group},
        )


class HallucinationTask(TaskBase):
    """How often a model sees what is not there: yes-or-no questions about objects, as many absent as present.

    The objects of all images are what can be asked about; that an image shows what is not among its objects is not
    known, so they should be complete. An image with fewer objects, or fewer absent ones, has fewer questions.
    """

    Config: ClassVar[type[BaseModel]] = HallucinationConfig
    PROBES: ClassVar[type[Probes]] = Probes
    kind = "hallucination"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            "yes_bias",
            "Share of the answers that are yes minus the share of the questions whose right answer is: above 0 the "
            "model says yes too often, and 0 for one that errs both ways alike.",
            "none",
            bounds=SIGNED,
            source="Li et al. 2023 (arXiv:2305.10355), as its yes ratio less that of the labels",
        )
    )

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        source = context.datasets.get(config.dataset)
        key: Key = ("objects",)
        try:
            ask = compile_template(config.question, ["object", "article"])
        except ValueError as cause:
            raise ConfigError(Issue(("question",), str(cause))) from cause
        if source is not None:
            if config.objects != ANSWERS and lacking([config.objects], source):
                hint = f"name another fact, or `{ANSWERS}`: the answers to the questions about an image"
                raise ConfigError(Issue(key, f"dataset {config.dataset!r} gives no `{config.objects}`", hint))
            probes = cls.PROBES(source, config, ask, (context.seed, name))
            if not len(probes):
                said = "no image shows an object that another one does not: there is nothing to ask about"
                raise ConfigError(Issue(key, said))
            context = probes.in_place(config.dataset, context)
        return super().build(name, config, context)

    def statistics(self) -> Sequence[Statistic]:
        bias = self._bias()
        return [*super().statistics(), *bias, *self._slices.of(bias)]

    def _bias(self) -> list[Statistic]:
        label = next((name for name, one in self.metrics.items() if set(_COUNTED) <= set(one.sums)), None)
        if label is None:
            return []
        said, wanted, readable = (column(f"{label}.{name}", CLEAN.id) for name in _COUNTED)
        return [self.glossary["yes_bias"].over(difference(ratio(total(said), total(readable)), mean(wanted)))]

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where the model leans towards one answer."""
        leans = [figures.metrics[one.name] for one in self._bias()]
        said = [
            Finding(
                "note", f"the model says {'yes' if one.value > 0 else 'no'} too often: yes_bias {with_interval(one)}"
            )
            for one in leans
            if one.low > 0 or one.high < 0
        ]
        return Illustration(findings=tuple(said))
