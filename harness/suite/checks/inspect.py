"""One pass over the rows of one or several splits, in memory that grows by some hundred bytes a row and picture."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from harness.errors import in_words
from harness.patience import Patience
from harness.suite.broken import placed
from harness.suite.checks.balance import Balance
from harness.suite.checks.findings import Findings, Spot
from harness.suite.checks.pictures import Seen, look, near_pairs, orientation
from harness.suite.checks.rows import faults, script
from harness.types import Dataset, ImageSource, Sample

_AT_ONCE: Final = 64
"""Rows whose pictures are decoded together."""
_THREADS: Final = 4
_FEWEST: Final = 20
_SELDOM: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a row asks, for rows that ask the same."""

    dataset: str
    where: str
    answers: frozenset[str]
    order: int
    """Hash of its options in their order."""

    @property
    def spot(self) -> Spot:
        """Its first picture."""
        return Spot(self.dataset, self.where)


@dataclass(slots=True)
class _Shown:
    """A picture, and the first row that shows it."""

    seen: Seen
    spot: Spot
    cluster: str
    name: str


class Inspector:
    """Looks at the rows of datasets, one behind the other; what compares them is told at the end."""

    def __init__(self, *, pictures: bool = True, advance: Callable[[int], None] = lambda _: None) -> None:
        """Look.

        Args:
            pictures: whether to decode the pictures.
            advance: hears how many rows were looked at.
        """
        self.findings = Findings()
        self.datasets: dict[str, Dataset] = {}
        self._pictures = pictures
        self._advance = advance
        self._asked: dict[bytes, _Asked] = {}
        self._known: dict[str, int] = {}
        """By a picture's name: its place below, −1 where it cannot be opened."""
        self._faults: dict[str, str] = {}
        self._shown: list[_Shown] = []
        self._by_digest: dict[int, int] = {}

    def see(self, name: str, dataset: Dataset) -> None:
        """Look at all rows of a dataset.

        Args:
            name: what findings call it: of one data set, the split.
            dataset: whose rows are compared with those of every other one that was seen.
        """
        self.datasets[name] = dataset
        balance, scripts = Balance(), Counter[str]()
        outliers: dict[str, list[tuple[str, str]]] = {}
        rows = iter(dataset)
        count = 0
        with Patience(_THREADS) as patience:
            while some := list(islice(rows, _AT_ONCE)):
                self._decode(some, name, patience)
                for sample in some:
                    count += 1
                    if sample.problem is not None:
                        self._add("broken", name, sample, sample.problem)
                        continue
                    self._row(name, sample)
                    balance.see(sample)
                    if kind := script(sample.question):
                        scripts[kind] += 1
                        held = outliers.setdefault(kind, [])
                        if len(held) < 1000:
                            held.append((_where(sample), sample.question[:60]))
                self._advance(len(some))
        self.findings.rows += count
        self.findings.datasets[name] = self.findings.datasets.get(name, 0) + count
        for kind, said in balance.findings():
            self.findings.add(kind, name, name, said)
        self._scripts(name, scripts, outliers)

    def done(self) -> Findings:
        """Return all findings, those between rows and splits among them."""
        pictures = [one.seen for one in self._shown]
        self.findings.pictures = len(pictures)
        for first, second in near_pairs(pictures):
            one, other = self._shown[first], self._shown[second]
            at, spot = other.spot, one.spot
            if spot.dataset != at.dataset:
                said = f"its picture {other.name} is nearly {one.name} of {spot.dataset!r} ({spot.where})"
                self.findings.add("leakage", at.dataset, at.where, said, at.picture, spot)
            elif one.cluster != other.cluster or not one.cluster:
                said = f"its picture {other.name} is nearly {one.name} ({spot.where})"
                self.findings.add("near-picture", at.dataset, at.where, said, at.picture, spot)
        return self.findings

    def _add(
        self, kind: str, name: str, sample: Sample, said: str, picture: int = 0, other: Spot | None = None
    ) -> None:
        said = placed(sample, said) if kind == "broken" else said
        self.findings.add(kind, name, _where(sample), said, picture, other)

    def _decode(self, samples: Sequence[Sample], dataset: str, patience: Patience) -> None:
        """Decode the pictures of some rows that were not seen yet."""
        fresh: dict[str, tuple[ImageSource, Sample, int]] = {}
        for sample in samples if self._pictures else ():
            for at, source in enumerate(sample.images if sample.problem is None else ()):
                key = _key(source)
                if key not in self._known and key not in fresh:
                    fresh[key] = (source, sample, at)
        looked = _looked(patience, [source for source, _, _ in fresh.values()])
        for (key, (source, sample, at)), (seen, turned, said) in zip(fresh.items(), looked, strict=True):
            if seen is None:
                self._known[key], self._faults[key] = -1, said
                continue
            self._known[key] = self._place(seen, source, sample, Spot(dataset, _where(sample), at))
            for kind, text in seen.faults():
                self._add(kind, dataset, sample, f"{_name(source)}: {text}", at)
            if turned != 1:
                self._add("turned", dataset, sample, f"{_name(source)}: orientation {turned}", at)
            if said:
                self._add("pages", dataset, sample, said, at)

    def _place(self, seen: Seen, source: ImageSource, sample: Sample, spot: Spot) -> int:
        """Return the place of a picture; a second one with the same pixels has that of the first, and is told."""
        at = self._by_digest.get(seen.digest)
        if at is None:
            self._by_digest[seen.digest] = at = len(self._shown)
            self._shown.append(_Shown(seen, spot, sample.cluster, _name(source)))
            return at
        first = self._shown[at]
        apart = first.cluster != sample.cluster or not sample.cluster
        if first.spot.dataset == spot.dataset and not seen.blank and apart:
            said = f"its picture {_name(source)} is {first.name} ({first.spot.where})"
            self._add("same-picture", spot.dataset, sample, said, spot.picture, first.spot)
        return at

    def _row(self, name: str, sample: Sample) -> None:
        places = [self._known[_key(source)] for source in sample.images] if self._pictures else []
        for at, (source, place) in enumerate(zip(sample.images, places, strict=False)):
            if place < 0:
                self._add("media", name, sample, self._faults[_key(source)], at)
            elif (first := self._shown[place]).spot.dataset != name and not first.seen.blank:
                where = first.spot
                said = f"its picture {_name(source)} is {first.name} of {where.dataset!r} ({where.where})"
                self._add("leakage", name, sample, said, at, where)
        if sample.clip is not None and (said := _clip(sample)):
            self._add("media", name, sample, said)
        size = self._shown[places[0]].seen.size if len(places) == 1 and places[0] >= 0 else None
        for kind, said in faults(sample, size):
            self._add(kind, name, sample, said)
        self._compare(name, sample, places)

    def _compare(self, name: str, sample: Sample, places: Sequence[int]) -> None:
        choices = sample.facts.get("choices")
        options = [str(one) for one in choices] if isinstance(choices, list | tuple) else []
        shown: list[object] = list(places) or [_key(source) for source in sample.images]
        clip = str(getattr(sample.clip, "path", "")) if sample.clip else ""
        asked = (" ".join(sample.question.lower().split()), shown, clip, sorted(options))
        key = hashlib.blake2b(repr(asked).encode(), digest_size=12).digest()
        words = [one for one in sample.references if not options or len(one) > 1 or one in options]
        answers = frozenset(" ".join(one.lower().split()) for one in words or sample.references)
        here = _Asked(name, _where(sample), answers, hash(tuple(options)))
        first = self._asked.setdefault(key, here)
        if first is here:
            return
        if not (answers & first.answers):
            if answers and first.answers:
                said = f"{_few(answers)}, and {first.where} says {_few(first.answers)}"
                self._add("contradiction", name, sample, said, other=first.spot)
        elif first.dataset != name and places:
            return  # told of its picture
        elif first.dataset != name:
            said = f"question and answer stand in {first.dataset!r} ({first.where})"
            self._add("leakage", name, sample, said, other=first.spot)
        elif first.order == here.order:
            self._add("repeated", name, sample, f"as {first.where}", other=first.spot)

    def _scripts(self, name: str, scripts: Counter[str], held: dict[str, list[tuple[str, str]]]) -> None:
        asked = scripts.total()
        if asked < _FEWEST:
            return
        usual = scripts.most_common(1)[0][0]
        for kind, count in scripts.items():
            if kind != usual and count / asked <= _SELDOM:
                for where, text in held[kind]:
                    self.findings.add(
                        "script", name, where, f"{kind.title()} where others are {usual.title()}: {text!r}"
                    )


def _looked(patience: Patience, sources: Sequence[ImageSource]) -> list[tuple[Seen | None, int, str]]:
    """Look at pictures in several threads; of one that never comes, say so."""
    errands = [patience.begin(_look, sources[start::_THREADS]) for start in range(min(_THREADS, len(sources)))]
    found: list[tuple[Seen | None, int, str]] = [(None, 1, "")] * len(sources)
    for start, errand in enumerate(errands):
        found[start::_THREADS] = patience.end(errand, lambda source, said: (None, 1, f"{_name(source)}: {said}"))
    return found


def _look(source: ImageSource) -> tuple[Seen | None, int, str]:
    """Return what is to be known of a picture, how it is turned, and what is wrong or to be told."""
    try:
        seen = look(source.load())
        remark = source.remark() if hasattr(source, "remark") else ""
    except Exception as cause:  # noqa: BLE001 - a plug-in's source may raise anything
        return None, 1, in_words(cause)
    return seen, orientation(source), remark


def _clip(sample: Sample) -> str:
    try:
        found = sample.clip.fetch() if sample.clip else None
    except Exception as cause:  # noqa: BLE001 - a plug-in's source may raise anything
        return in_words(cause)
    path = getattr(found, "content", None)
    return f"{path}: there is no such file" if isinstance(path, Path) and not path.is_file() else ""


def _key(source: ImageSource) -> str:
    """Return what a picture is known by before it is decoded."""
    content = getattr(source, "content", None)
    if content is not None:
        return hashlib.blake2b(content, digest_size=16).hexdigest()
    return f"{getattr(source, 'path', '') or getattr(source, 'name', '')}" or repr(source)


def _name(source: ImageSource) -> str:
    path = getattr(source, "path", None)
    return str(getattr(path, "name", "") or getattr(source, "name", "") or "the picture")


def _where(sample: Sample) -> str:
    return sample.origin or f"sample {sample.id!r}"


def _few(answers: Iterable[str]) -> str:
    told = sorted(answers)
    return " | ".join(repr(one)[:60] for one in told[:3])
