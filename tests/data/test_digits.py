"""Digits from an installed package: the same pixels each time, labelled, and missed by name."""

import sys
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from harness.data import digits
from harness.data.digits import DigitsConfig, DigitsDataset, Split
from harness.errors import SpecError
from harness.suite.bind import Suite

SUITE = "suite: s\nversion: 1\ndatasets: {d: {type: %s}}\ntasks: {t: {kind: qa, dataset: d, metrics: [exact_match]}}\n"


def test_digits_are_labelled_and_their_splits_share_nothing() -> None:
    splits = {split: {s.id for s in DigitsDataset(DigitsConfig(split=split))} for split in get_args(Split)}
    assert splits["train"] | splits["test"] == splits["all"]
    assert not splits["train"] & splits["test"]
    assert len(splits["all"]) == 1797
    first = next(iter(DigitsDataset(DigitsConfig(limit=3, size=24))))
    image = np.asarray(first.images[0].load())
    assert image.shape == (24, 24, 3)
    assert image[0, 0, 0] == 255
    assert image.min() < 64
    assert first.references == ("0",)


def test_the_hash_follows_what_is_shown() -> None:
    hashes = {DigitsDataset(DigitsConfig(size=size)).content_hash() for size in (24, 24, 32)}
    assert len(hashes) == 2


@pytest.mark.parametrize(("dataset", "said"), [("digits, split: valid", "train"), ("digits, size: 2", "8")])
def test_a_mistake_is_named(bind: Callable[[str], Suite], dataset: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE % dataset)


def test_a_package_that_is_not_installed_is_named_with_the_command(
    bind: Callable[[str], Suite], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits._scans.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SpecError, match=r"pip install 'scikit-learn"):
        bind(SUITE % "digits")
