"""Crops of photographs as a dataset."""

from pathlib import Path

import pytest

from harness.data.photo_crops import PhotoCrops, PhotoCropsConfig
from harness.errors import ConfigError


def load(**keys: object) -> PhotoCrops:
    return PhotoCrops.from_config(PhotoCropsConfig.model_validate(keys), Path(), ())


def test_samples_carry_labels_and_share_a_cluster_with_their_photograph() -> None:
    samples = list(load(limit=20))
    assert len(samples) == len(load(limit=20)) == 20
    assert len({sample.id for sample in samples}) == 20
    assert all(sample.references for sample in samples)
    assert {sample.cluster for sample in samples} == {sample.tags["photograph"] for sample in samples}


def test_ids_do_not_depend_on_the_limit_and_the_hash_does_on_the_seed() -> None:
    assert [s.id for s in load(limit=30)][:10] == [s.id for s in load(limit=10)]
    assert load(seed=1).content_hash() != load(seed=2).content_hash()


@pytest.mark.parametrize("keys", [{"area": (0.5, 0.2)}, {"area": (0.0, 0.5)}, {"split": "calibration"}], ids=str)
def test_an_impossible_wish_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        load(**keys)


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.zoo.photographs.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install .*scikit-image"):
        load()
