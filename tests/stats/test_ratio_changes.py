"""A change of a ratio is seen where there is none no more often than it is said, in the tail too."""

import numpy as np

from harness.stats.draws import Units
from harness.stats.jackknife import standard_error
from harness.stats.limits import acceleration_of, summarise

RUNS, N, DRAWS = 400, 100, 500


def ratio(sums: np.ndarray) -> np.ndarray:
    """Return the change of what corrupted images retain of clean ones, from sums of clean and corrupted scores."""
    return sums[..., 3] / sums[..., 2] - sums[..., 1] / sums[..., 0]


def test_what_is_retained_of_few_clean_errors_moves_no_more_often_than_said() -> None:
    rng = np.random.default_rng(97)
    units = Units(np.arange(N), N, (np.arange(N),))
    levels = np.linspace(-2.5, 2.5, 30)
    p_values, plain = [], []
    for _ in range(RUNS):
        right = 1 / (1 + np.exp(-2 * (rng.normal(0, 1, N)[:, None] - levels + 0.5)))
        before = rng.random(right.shape) < right
        after = np.where(rng.random(right.shape) < 0.06, rng.random(right.shape) < right, before)
        clean = rng.random(N) < 0.97
        again = np.where(rng.random(N) < 0.06, rng.random(N) < 0.97, clean)
        rows = np.stack([clean, before.mean(1), again, after.mean(1)], axis=1).astype(float)
        estimate, without = float(ratio(rows.sum(0))), ratio(rows.sum(0) - rows)
        drawn = ratio(rng.multinomial(N, np.full(N, 1 / N), DRAWS) @ rows)
        told = (estimate, drawn, acceleration_of(without, units), units, 0.95, 0.0, None)
        p_values.append(summarise(*told, standard_error(estimate, without)).p_value)
        plain.append(summarise(*told).p_value)
    shares = [float((np.array(p_values) < level).mean()) for level in (0.05, 0.01)]
    assert shares[0] <= 0.07
    assert shares[1] <= 0.02
    assert float((np.array(plain) < 0.01).mean()) > 0.02, "the plain bootstrap would do: what is it both for?"
