"""The order of picks: laws of it by Hypothesis, and what groups do by example."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.picks import in_order
from harness.picks.groups import picture_groups, templates
from harness.picks.order import Item

SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0]), st.floats(0, 1))
GROUPS = st.dictionaries(st.sampled_from(["picture", "template", "tag style"]), st.sampled_from("xyz"), max_size=3)
ITEMS = st.lists(st.builds(Item, st.text(max_size=4), SCORES, GROUPS), max_size=24, unique_by=lambda one: one.name)


def names(items: list[Item], **how: object) -> list[str]:
    return [one.item.name for one in in_order(items, **how)]  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.randoms(use_true_random=False), st.integers(0, 3), st.booleans())
def test_the_order_hangs_neither_on_that_of_the_rows_nor_on_the_budget(items, random, seed, spread) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(items)
    random.shuffle(shuffled)
    whole = names(items, seed=seed, spread=spread)
    assert names(shuffled, seed=seed, spread=spread) == whole
    assert sorted(whole) == sorted(one.name for one in items)  # each once
    few = [one.item.name for one in islice(in_order(shuffled, seed, spread=spread), len(items) // 2)]
    assert whole[: len(items) // 2] == few


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.booleans())
def test_what_has_no_score_comes_last_and_worth_falls(items: list[Item], spread: bool) -> None:
    order = list(in_order(items, spread=spread))
    known = [one.item.score is not None for one in order]
    assert known == sorted(known, reverse=True)
    worths = [one.worth for one in order]
    assert all(one.worth <= (one.item.score or 0) + 1e-12 for one in order)
    assert worths == sorted(worths, reverse=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_without_groups_it_is_the_order_of_the_scores(scores: list[float]) -> None:
    items = [Item(f"{i}", score) for i, score in enumerate(scores)]
    assert [one.worth for one in in_order(items)] == sorted(scores, reverse=True)


def test_ties_go_by_the_seed_and_not_by_the_name() -> None:
    items = [Item(f"{i:03d}", 0.5) for i in range(40)]
    one, other = names(items, seed=1), names(items, seed=2)
    assert one != other
    assert one not in (sorted(one), sorted(one, reverse=True))


def test_a_hundred_like_pictures_do_not_eat_the_budget() -> None:
    burst = [Item(f"burst {i}", 0.9, {"picture": "one"}) for i in range(100)]
    others = [Item(f"other {i}", 0.3, {"picture": f"{i}"}) for i in range(50)]
    first = names(burst + others)[:20]
    assert 2 <= sum(name.startswith("burst") for name in first) <= 3
    assert all(name.startswith("burst") for name in names(burst + others, spread=False)[:20])


def test_groups_tell_among_scores_of_nought_too() -> None:
    items = [Item(f"{i}", 0.0, {"template": "x" if i < 15 else "y"}) for i in range(20)]
    assert sum(int(name) >= 15 for name in names(items)[:6]) == 3


@pytest.mark.parametrize("wrong", [[Item("a", 1.5)], [Item("a", float("nan"))], [Item("a", 0.1), Item("a", 0.2)]])
def test_what_cannot_be_ordered_is_refused(wrong: list[Item]) -> None:
    with pytest.raises(ValueError, match=r"score|name"):
        names(wrong)


def test_a_template_keeps_the_words_that_many_questions_have() -> None:
    asked = [f"What is the total of invoice {n}?" for n in range(30)] + ["Who signed for Smith & Sons?"]
    found = templates(asked)
    assert set(found[:30]) == {"what is the total of invoice …?"}
    assert found[30] != found[0]
    assert templates(["", "???", "…"]) == templates(["", "???", "…"])


def test_samples_of_one_cluster_are_one_group_and_chains_join() -> None:
    groups = picture_groups(["a", "b", "c", "d"], {"a": "k", "b": "k", "c": "", "d": ""}, {})
    assert groups == {"a": "a", "b": "a", "c": "c", "d": "d"}
