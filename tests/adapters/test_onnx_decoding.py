"""The decoding loop alone, on a model whose logits are written down."""

from collections.abc import Sequence

import numpy as np
import pytest

from harness.adapters._qwen2_vl.decoding import Answer, Cache, SpecialIds, Stopwatch, generate
from harness.adapters._qwen2_vl.prompts import Batch, Floats, Ints, Prompt, left_pad
from harness.types import Finish

END, OTHER_END, PAD = 7, 8, 0
SPECIAL = SpecialIds(image=9, pad=PAD, ends=frozenset({END, OTHER_END}))
BROKEN = 4
"""A token whose embedding is not a number."""
NAN, INF = float("nan"), float("inf")


class Scripted:
    """Says ``script[row][step]``; a float in place of a token makes that row's logits that float."""

    def __init__(self, script: Sequence[Sequence[float]]) -> None:
        self.script = script
        self.step = -1
        self.fed: list[list[int]] = []
        self.positions: list[list[int]] = []
        self.masks: list[list[list[int]]] = []

    def encode_images(self, pixel_values: Floats, grids: Ints) -> Floats:
        raise AssertionError("there are no images")

    def embed(self, ids: Ints) -> Floats:
        self.fed.append(ids[:, -1].tolist())
        return np.where(ids[:, :, None] == BROKEN, np.nan, np.ones((*ids.shape, 2), np.float32))

    def empty_cache(self, batch: int) -> Cache:
        return []

    def decode(self, embeddings: Floats, mask: Ints, positions: Ints, cache: Cache) -> tuple[Floats, Cache]:
        self.step += 1
        self.positions.append(positions[0, :, -1].tolist())
        self.masks.append(mask.tolist())
        assert np.isfinite(embeddings).all(), "8-bit graphs must never see a NaN"
        logits = np.zeros((len(mask), 10), np.float32)
        for row, says in enumerate(self.script):
            value = says[min(self.step, len(says) - 1)]
            if isinstance(value, int):
                logits[row, value] = 1
            else:
                logits[row, 3] = value
        return logits, cache


def batch(*lengths: int, tokens: Sequence[int] = (5, 5, 5)) -> Batch:
    prompts = [
        Prompt(np.full(n, token, np.int64), np.tile(np.arange(n, dtype=np.int64), (3, 1)), (), (), 0)
        for n, token in zip(lengths, tokens, strict=False)
    ]
    return left_pad(prompts, PAD)


def run(graphs: Scripted, prompts: Batch, limits: Sequence[int]) -> list[Answer]:
    return generate(graphs, prompts, limits, SPECIAL, Stopwatch())


def test_each_prompt_ends_at_any_end_token_and_is_fed_padding_after() -> None:
    graphs = Scripted([[1, END], [OTHER_END], [1, 2, 3, END]])
    answers = run(graphs, batch(2, 3, 4), [8, 8, 8])
    assert [answer.tokens for answer in answers] == [(1, END), (OTHER_END,), (1, 2, 3, END)]
    assert graphs.fed[1:] == [[1, PAD, 1], [PAD, PAD, 2], [PAD, PAD, 3]]


def test_decode_positions_go_on_from_each_prompt() -> None:
    graphs = Scripted([[1], [1]])
    run(graphs, batch(2, 4), [3, 3])
    assert graphs.positions == [[1, 3], [2, 4], [3, 5]]
    assert graphs.masks[0] == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert graphs.masks[2] == [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]


def test_each_prompt_has_its_own_limit_and_no_step_is_wasted() -> None:
    graphs = Scripted([[1], [2], [3]])
    answers = run(graphs, batch(2, 2, 2), [1, 3, 0])
    assert [answer.tokens for answer in answers] == [(1,), (2, 2, 2), ()]
    assert graphs.step == 2


def test_an_answer_that_ends_with_its_last_token_is_told_from_one_that_is_cut_off_there() -> None:
    answers = run(Scripted([[1, END], [1, 2], [1, NAN], [OTHER_END]]), batch(2, 2, 2, 2, tokens=[5] * 4), [2, 2, 2, 1])
    assert [answer.finish for answer in answers] == [Finish.STOP, Finish.LENGTH, Finish.ERROR, Finish.STOP]


@pytest.mark.parametrize("value", [NAN, INF])
def test_logits_that_are_not_finite_fail_their_prompt_alone(value: float) -> None:
    graphs = Scripted([[1, value, 1], [1, 2, END], [value]])
    answers = run(graphs, batch(2, 2, 2), [8, 8, 8])
    assert [answer.finite for answer in answers] == [False, True, False]
    assert [answer.tokens for answer in answers] == [(1,), (1, 2, END), ()]


def test_an_embedding_that_is_not_finite_fails_its_prompt_alone() -> None:
    answers = run(Scripted([[1, END], [1, END]]), batch(2, 2, tokens=(BROKEN, 5)), [8, 8])
    assert answers == [Answer((), False, Finish.ERROR), Answer((1, END), True, Finish.STOP)]


def test_a_token_whose_embedding_is_not_finite_fails_its_prompt_alone() -> None:
    answers = run(Scripted([[1, BROKEN, 1], [1, 2, END]]), batch(2, 2), [8, 8])
    assert answers == [Answer((1, BROKEN), False, Finish.ERROR), Answer((1, 2, END), True, Finish.STOP)]


def test_minus_infinity_only_rules_a_token_out() -> None:
    graphs = Scripted([[-INF, END]])
    (answer,) = run(graphs, batch(2), [8])
    assert answer == Answer((0, END), True, Finish.STOP)


def test_not_a_number_after_the_end_does_no_harm() -> None:
    (first, second) = run(Scripted([[END, NAN], [1, END]]), batch(2, 2), [8, 8])
    assert first == Answer((END,), True, Finish.STOP)
    assert second == Answer((1, END), True, Finish.STOP)


def test_each_token_has_its_log_probability_and_what_failed_has_none() -> None:
    answers = run(Scripted([[1, 2, END], [NAN], [END]]), batch(1, 1, 1), [8, 8, 8])
    each = 1 - np.log(np.e + 9)
    assert answers[0].logprobs == pytest.approx([each] * 3)
    assert answers[1].logprobs == ()
    assert answers[2].logprobs == pytest.approx([each])
