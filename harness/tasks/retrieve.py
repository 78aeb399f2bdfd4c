"""Retrieval on embeddings: from images to their texts and back, or from each image to others of its kind."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import (
    ANY,
    POSITIVE,
    ColumnSpec,
    Number,
    Statistic,
    at_least,
    call,
    column,
    equals,
    glossary_of,
    mean,
    quantile,
    scaled,
)
from harness.facts import lacking
from harness.metrics import SampleMetric
from harness.metrics.retrieval import best_ranks
from harness.record.rows import MadeRows
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset, one_image
from harness.tasks._made import Made
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks.slices import Slices
from harness.types import Dataset, Request, Response, Sample, Score

ENTRIES: Final = {"retrieve": "RetrieveTask"}

_TEXTS: Final = "texts"
_FACT: Final = "reference_embeddings"
_IMAGES: Final = Cell("images", {"asked": "embed"})
_BACK: Final = {"image-to-text": "text-to-image", "text-to-image": "image-to-text"}
_LOST: Final = -1.5
"""Below every cosine: what stands for an item without an embedding, or for the query itself."""
_AT_ONCE: Final = 256
"""Queries that are compared with all items at once."""

Floats = NDArray[np.float64]


class RetrieveConfig(Model):
    """Keys of a task of ``kind: retrieve``."""

    dataset: str
    """A dataset of this suite: one image a sample."""
    by: str = _TEXTS
    """What belongs to an image: its `texts`, whose embeddings by the same model are the fact `reference_embeddings`, in
    both directions; or a tag: all other images with the same value."""
    k: tuple[int, ...] = Field(default=(1, 5, 10), min_length=1)
    """Among how many items a relevant one must be."""
    slices: tuple[str, ...] = ()
    """Tags to cut the numbers of images by."""


class RetrieveTask:
    """How well captions find their image and images their caption, by the model's own embeddings.

    A tie counts against what is relevant. An image whose embedding never came is found last, and finds nothing. An
    image is no item of its own query, and one to which nothing belongs is no query.
    """

    Config: ClassVar[type[BaseModel]] = RetrieveConfig
    kind = "retrieve"
    requires: frozenset[str] = frozenset({"embed"})
    metrics: ClassVar[Mapping[str, SampleMetric]] = {}
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number("retrieved", "Share of the queries with a relevant item among the first k: recall at k."),
        Number(
            "median_rank", "Median over queries of the place of the first relevant item.", "lower", "rank", (1.0, None)
        ),
        Number(
            "hubness",
            "Skewness of how often an item is among the first of a query (the largest k): above 0, few items are found "
            "for everything. The queries are taken as given.",
            "lower",
            "skewness",
            ANY,
            "Radovanović et al. 2010 (JMLR 11), S_Nk",
        ),
        Number(
            "anti_hubs",
            "Share of the items that are among the first of no query (the largest k).",
            "lower",
            source="Radovanović et al. 2010 (JMLR 11)",
        ),
        Number("by_chance", "Mean share of the items that are relevant: what `retrieved@1` is at random.", "none"),
    )

    def __init__(self, name: str, config: RetrieveConfig, dataset: Dataset) -> None:
        self.name = name
        self.primary = f"retrieved@{config.k[0]}"
        self._config = config
        self._dataset = dataset
        self._slices = Slices(dataset, config.slices)
        ways = {"image-to-text": _IMAGES.id, "text-to-image": _TEXTS}
        self._ways = ways if config.by == _TEXTS else {"": _IMAGES.id}

    @classmethod
    def build(cls, name: str, config: RetrieveConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if dataset is not None and config.by == _TEXTS and lacking([_FACT], dataset):
            hint = f"give each sample the fact `{_FACT}`, or name a tag: `by: style`"
            issues.append(Issue(("by",), f"dataset {config.dataset!r} gives no embeddings of texts", hint))
        elif dataset is not None and config.by != _TEXTS and not any(config.by in one.tags for one in dataset):
            issues.append(Issue(("by",), f"no sample has the tag {config.by!r}"))
        issues += [Issue(("k", i), f"{k} is not above 0") for i, k in enumerate(config.k) if k < 1]
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset)

    def cells(self) -> Sequence[Cell]:
        return (_IMAGES,)

    def count(self, cell: Cell) -> int:
        return len(self._dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self._dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (Request(f"{self.name}/{cell.id}/{sample.id}", "", (one_image(sample),), ask="embed"),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}

    def statistics(self) -> Sequence[Statistic]:
        images = list(self._numbers(self._ways))
        tagged = {way: cell for way, cell in self._ways.items() if cell == _IMAGES.id}
        return [*images, *self._hubs(), *self._slices.of(self._numbers(tagged))]

    def _numbers(self, ways: Mapping[str, str]) -> Iterator[Statistic]:
        told = self.glossary
        for way, cell in ways.items():
            rank, tail = column("rank", cell), f"[{way}]" if way else ""
            for k in self._config.k:
                yield told["retrieved"].over(mean(scaled(at_least(rank, k + 1), -1.0, 1.0)), f"@{k}{tail}")
            yield told["median_rank"].over(quantile(rank, 0.5), tail)
            yield told["by_chance"].over(mean(column("share", cell)), tail)

    def _hubs(self) -> Iterator[Statistic]:
        """Yield how unevenly items are found; the items of a way are the queries of the way back."""
        for way, cell in self._ways.items():
            found, tail = column("found", cell), f"[{_BACK[way]}]" if way else ""
            yield self.glossary["hubness"].over(call("harness.stats.skewness:weighted_skewness", found), tail)
            yield self.glossary["anti_hubs"].over(mean(equals(found, 0.0)), tail)

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return ()

    def columns(self) -> Mapping[str, ColumnSpec]:
        counts = {"found": ColumnSpec("none", "queries", POSITIVE)}
        return {"rank": ColumnSpec("lower", "rank", POSITIVE), "share": ColumnSpec("none"), **counts}

    def make(self, results: Sequence[CellResult]) -> Made:
        """Rank all items for each query; a rank of 1 is the first."""
        (result,) = results
        asked = frozenset(result.ids)
        samples = [sample for sample in self._dataset if sample.id in asked and sample.problem is None]
        embedded = _unit([result.vectors.get(sample.id) for sample in samples])
        if self._config.by != _TEXTS:
            values = np.unique([sample.tags.get(self._config.by, "") for sample in samples], return_inverse=True)
            kinds = np.where([self._config.by in sample.tags for sample in samples], values[1] + 1.0, np.nan)
            return Made((self._rows(_IMAGES.id, samples, embedded, embedded, kinds, kinds, alone=True),))
        told = [_vectors(sample) for sample in samples]
        texts = _unit([vector for some in told for vector in some])
        own = np.repeat(np.arange(float(len(samples))), [len(some) for some in told])
        images = np.arange(float(len(samples)))
        named = [
            (f"{one.id}#{i}", one.cluster or one.id)
            for one, some in zip(samples, told, strict=True)
            for i in range(len(some))
        ]
        back = self._rows(_IMAGES.id, samples, embedded, texts, images, own)
        there = self._rows(_TEXTS, samples, texts, embedded, own, images, named=named)
        # What a query finds is counted with the items that it finds: they are the queries of the way back.
        found = back.columns["found"], there.columns["found"]
        back, there = (
            replace(one, columns={**one.columns, "found": hits})
            for one, hits in zip((back, there), found[::-1], strict=True)
        )
        wrong = texts.shape[1] != embedded.shape[1] and bool(len(texts) and len(embedded))
        said = (
            f"texts have {texts.shape[1]} numbers and images {embedded.shape[1]}: they are no embeddings of one model"
        )
        return Made((back, there), (Finding("warning", said),) if wrong else ())

    def _rows(
        self,
        cell: str,
        samples: Sequence[Sample],
        queries: Floats,
        items: Floats,
        asks: Floats,
        answers: Floats,
        *,
        alone: bool = False,
        named: Sequence[tuple[str, str]] | None = None,
    ) -> MadeRows:
        """Return the rank of the first relevant item for each query, and which share of the items is relevant.

        Args:
            cell: whose rows they are.
            samples: of the queries, where they are images.
            queries: unit vectors, [n, d]; NaN where there is none.
            items: the same, [m, d].
            asks: what each query belongs to, [n].
            answers: what each item belongs to, [m].
            alone: queries and items are the same, and none is an answer to itself.
            named: id and cluster of each query, where they are no images.
        """
        ranks, shares = np.full(len(queries), math.nan), np.full(len(queries), math.nan)
        first_k, hits = min(max(self._config.k), len(items) - alone), np.zeros(len(items))
        for start in range(0, len(queries) if queries.shape[1] == items.shape[1] else 0, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            similar = np.nan_to_num(queries[part] @ items.T, nan=-2.0)
            relevant = asks[part, None] == answers[None, :]
            if alone:
                here = np.arange(len(similar))
                similar[here, start + here], relevant[here, start + here] = -3.0, False
            if first_k > 0:
                nearest = np.argsort(-similar, axis=1, kind="stable")[:, :first_k]
                there = np.take_along_axis(similar, nearest, 1) > _LOST
                hits += np.bincount(nearest[there], minlength=len(items))
            found = best_ranks(similar, relevant)
            lost = np.isnan(queries[part]).any(axis=1)
            first = np.where(lost, len(items), found + 1.0)
            ranks[part] = np.where(found < 0, math.nan, first)
            shares[part] = np.where(found < 0, math.nan, relevant.sum(axis=1) / max(1, len(items) - alone))
        told = named or [(one.id, one.cluster) for one in samples]
        ids, clusters = [one for one, _ in told], [cluster for _, cluster in told]
        hits[np.isnan(items).any(axis=1)] = math.nan
        return MadeRows(self.name, cell, ids, {"rank": ranks, "share": shares, "found": hits}, clusters)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where retrieval is no better than chance."""
        findings = []
        for way in self._ways:
            tail = f"[{way}]" if way else ""
            found, chance = figures.metrics.get(f"retrieved@1{tail}"), figures.metrics[f"by_chance{tail}"]
            if found is not None and found.n and found.low <= chance.value:
                said = f"retrieved@1{tail} is {found.value:.3f}, and {chance.value:.3f} by chance: nothing is shown"
                findings.append(Finding("warning", said))
        return Illustration(findings=tuple(findings))

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            "by": self._config.by,
            "k": list(self._config.k),
        }


def _vectors(sample: Sample) -> Sequence[Sequence[float]]:
    found: Any = sample.facts.get(_FACT) or ()
    return [list(map(float, one)) for one in found]


def _unit(rows: Sequence[Any]) -> Floats:
    """Return vectors of length 1, [n, d]; NaN where there is none, or it has no direction."""
    width = next((len(row) for row in rows if row is not None), 1)
    table = np.array([np.full(width, math.nan) if row is None else row for row in rows], np.float64).reshape(-1, width)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: Floats = table / np.linalg.norm(table, axis=1, keepdims=True)
    return unit
