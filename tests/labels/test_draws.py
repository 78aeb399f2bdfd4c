"""What is asked next: the same order for everyone, with chances that are those that are written down."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.labels.draws import Item, design_of, in_order, known_before
from harness.labels.rows import Draw
from harness.stats.labelled import lure_weights

ITEMS = st.lists(
    st.builds(Item, st.text(min_size=1), st.sampled_from(["", "x", "y"]), st.sampled_from([0.5, 1.0, 2.0])),
    max_size=30,
    unique_by=lambda item: item.name,
)


@given(ITEMS, st.randoms())
def test_each_item_is_drawn_once_in_an_order_that_does_not_hang_on_theirs(items: list[Item], rng) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(items)
    rng.shuffle(shuffled)
    one, other = list(in_order(items)), list(in_order(shuffled))
    assert one == other
    assert sorted(item.name for item, _ in one) == sorted(item.name for item in items)
    assert [draw.number for _, draw in one] == list(range(1, len(items) + 1))
    assert all(draw.of == len(items) and 0 < draw.chance <= 1 for _, draw in one)


def test_a_short_order_has_every_slice_in_its_share() -> None:
    items = [Item(f"{i}", "rare" if i % 5 == 0 else "common") for i in range(500)]
    had = Counter(item.stratum for item, _ in islice(in_order(items), 50))
    assert 8 <= had["rare"] <= 12


def test_what_tells_more_is_drawn_more_often_and_its_weight_makes_up_for_it() -> None:
    found, plain = [], []
    for world in range(400):
        items = [Item(f"{world}-{i}", f"s{i % 2}", 2.0 if i % 3 == 0 else 1.0) for i in range(30)]
        drawn = list(islice(in_order(items), 10))
        values = np.array([float(item.gain == 2.0) for item, _ in drawn])
        weights = lure_weights([draw.chance for _, draw in drawn], 30)
        found.append(float((weights * values).mean()))
        plain.append(float(values.mean()))
    assert np.mean(plain) > 0.42
    assert np.mean(found) == pytest.approx(1 / 3, abs=3 * np.std(found) / 20)


def test_a_design_is_found_again_beside_what_was_known_before_it() -> None:
    names = [f"{i}" for i in range(9)]
    fresh = names[2:]
    design = design_of(fresh)
    draws = {"0": None, "1": Draw("elsewhere", 1, 4, 0.5), "7": Draw(design, 1, 7, 0.2), "8": Draw(design, 2, 7, 0.2)}
    assert known_before(names, draws) == (design, {"0", "1"})
    assert known_before([*names, "new"], draws) == (None, {"0", "1", "7", "8"})
    assert known_before(names, {"0": None, "not here": None}) == (None, {"0"})
