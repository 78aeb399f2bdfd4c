"""Which samples a quick look takes."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tasks import draw
from harness.tasks.draw import Draw
from harness.types import Sample


def row(identity: str, cluster: str = "", **tags: str) -> Sample:
    return Sample(identity, "?", ("yes",), cluster=cluster, tags=tags)


def drawn(rows: Sequence[Sample], limit: int | None, seed: int = 7, **more: object) -> list[str]:
    taken = Draw(limit, seed, **more).taken(lambda: rows, len(rows))  # type: ignore[arg-type]
    found = [sample.id for sample in taken]
    assert len(found) == taken.count
    return found


ROWS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=60).map(
    lambda found: [row(f"s{i}", f"c{c}" if c else "", kind=kind) for i, (c, kind) in enumerate(found)]
)


@given(ROWS, st.integers(1, 70), st.randoms())
def test_the_order_of_a_file_decides_nothing(rows: list[Sample], limit: int, rng: random.Random) -> None:
    shuffled = [*rows]
    rng.shuffle(shuffled)
    assert sorted(drawn(rows, limit)) == sorted(drawn(shuffled, limit))


@given(ROWS, st.integers(1, 70), st.integers(1, 70))
def test_a_look_at_more_holds_a_look_at_fewer_and_keeps_the_files_order(rows: list[Sample], one: int, two: int) -> None:
    few, many = sorted([drawn(rows, one), drawn(rows, two)], key=len)
    assert set(few) <= set(many)
    assert [sample.id for sample in rows if sample.id in set(many)] == many


@given(ROWS, st.integers(1, 70))
def test_clusters_are_taken_whole_unless_that_leaves_less_than_half(rows: list[Sample], limit: int) -> None:
    found = set(drawn(rows, limit))
    assert min(len(rows), limit) / 2 <= len(found) <= limit
    of = {sample.id: sample.cluster or sample.id for sample in rows}
    sizes, taken = Counter(of.values()), Counter(of[name] for name in found)
    cut = [name for name, count in taken.items() if count < sizes[name]]
    assert len(cut) <= (len(found) == limit)
    if cut and limit < len(rows):
        assert 2 * (len(found) - taken[cut[0]]) < limit


def test_sorted_rows_are_drawn_evenly_with_and_without_tags() -> None:
    kinds = "aaaabbbbccccdddd"
    tagged = [row(f"s{i}", kind=kinds[i // 25]) for i in range(400)]
    found = Counter(kinds[int(name[1:]) // 25] for name in drawn(tagged, 100))
    assert set(found.values()) <= {24, 25, 26}
    plain = [row(f"s{i}") for i in range(400)]
    last = [sum(int(name[1:]) >= 300 for name in drawn(plain, 100, seed)) for seed in range(200)]
    assert np.mean(last) == pytest.approx(25, abs=1)  # of 100 of 400 without replacement: sd 3.75
    assert 2.5 < np.std(last) < 5.5


def test_every_sample_is_as_likely_as_any_other() -> None:
    rows = [row(f"s{i}", f"c{i // 3}" if i < 30 else "", kind="ab"[i % 2], many=str(i)) for i in range(60)]
    seen = Counter(name for seed in range(600) for name in drawn(rows, 20, seed))
    # Whole clusters: a little below a third, the same for all but for chance (sd .019).
    assert min(seen.values()) / 600 > 0.23
    assert max(seen.values()) / 600 < 0.42


def test_tags_that_are_sliced_by_make_strata_before_others() -> None:
    rows = [row(f"s{i}", wanted=str(i % 7), other=str(i // 7 % 5)) for i in range(210)]
    found = Counter(int(name[1:]) % 7 for name in drawn(rows, 70, tags=("wanted",)))
    assert set(found.values()) <= {9, 10, 11}


def test_the_head_is_the_head_and_all_is_all() -> None:
    rows = [row(f"s{i}") for i in range(9)]
    assert drawn(rows, 3, head=True) == ["s0", "s1", "s2"]
    for limit in (None, 9, 12):
        assert drawn(rows, limit) == [f"s{i}" for i in range(9)]
    assert [Draw(limit, head=head).rule for limit, head in ((None, False), (3, True), (3, False))] == [
        "",
        "head",
        "drawn",
    ]


def test_many_are_read_again_instead_of_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"s{i}", f"c{i // 2}") for i in range(60)]
    kept = drawn(rows, 20)
    monkeypatch.setattr(draw, "_IN_MEMORY", 5)
    taken = Draw(20, 7).taken(lambda: iter(rows), len(rows))
    assert [sample.id for sample in taken] == [sample.id for sample in taken] == kept
